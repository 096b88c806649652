/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Async methods, which wait with yield, and who owns what they give. */

/* Runs the main loop until the test is over. */
class AsyncTest {
  public MainLoop loop = new MainLoop ();
  public Tbuf.Arena arena;
  public Tbuf.Int32View view;
  public Tbuf.Int32View other;

  public AsyncTest () throws Error {
    arena = new Tbuf.Arena (16);
    view = new Tbuf.Int32View (arena, 0, 4);
    other = new Tbuf.Int32View (arena, 0, 4);
  }

  /* Everything that is ready now is done before this goes on. */
  public async void turn () {
    Idle.add (turn.callback, Priority.LOW);
    yield;
  }

  public async void lock () throws Error {
    var n_granted = 0;

    yield view.lock_async (EXCLUSIVE);
    assert (view.held_mode == EXCLUSIVE);
    other.lock_async.begin (SHARED, -1, null, (_, result) => {
      try {
        other.lock_async.end (result);
        n_granted++;
      } catch (Error error) {
        assert_not_reached ();
      }
    });
    yield turn ();
    assert (n_granted == 0);
    view.unlock ();
    while (n_granted == 0)
      yield turn ();
    other.unlock ();
    assert (arena.lock_state == FREE);
  }

  public async void fail () throws Error {
    var cancellable = new Cancellable ();

    view.lock (EXCLUSIVE);
    try {
      yield other.lock_async (EXCLUSIVE, 0);
      assert_not_reached ();
    } catch (Tbuf.Error.BUSY error) {
    }
    try {
      yield other.lock_async (EXCLUSIVE, 1000);
      assert_not_reached ();
    } catch (Tbuf.Error.TIMED_OUT error) {
    }
    Idle.add (() => {
      cancellable.cancel ();
      return false;
    });
    try {
      yield other.lock_async (EXCLUSIVE, -1, cancellable);
      assert_not_reached ();
    } catch (IOError.CANCELLED error) {
    }
    assert (other.held_mode == NONE);
    view.unlock ();
  }

  public async void recover () throws Error {
    bool was_abandoned;

    yield view.recover_async (-1, null, out was_abandoned);
    assert (!was_abandoned && view.held_mode == EXCLUSIVE);
    view.unlock ();

    // Who is finalized with a lock has abandoned what it wrote.
    Tbuf.Int32View? owner = new Tbuf.Int32View (arena, 0, 4);
    owner.lock (EXCLUSIVE);
    owner = null;
    try {
      yield view.lock_async (EXCLUSIVE);
      assert_not_reached ();
    } catch (Tbuf.Error.OWNER_DIED error) {
    }
    yield view.recover_async (-1, null, out was_abandoned);
    assert (was_abandoned);
    view.unlock ();
    yield view.lock_async (EXCLUSIVE);
    view.unlock ();
  }

  public async void set_phase () throws Error {
    var phased = new_arena_with_phases ();
    var a = phased.get_view ("A");

    a.lock (SHARED);
    try {
      yield phased.set_phase_async ("ints", 0);
      assert_not_reached ();
    } catch (Tbuf.Error.BUSY error) {
    }
    Idle.add (() => {
      try {
        a.unlock ();
      } catch (Error error) {
        assert_not_reached ();
      }
      return false;
    });
    yield phased.set_phase_async ("ints");
    assert (phased.phase == "ints" && !a.is_live);
  }

  /* The request holds on to the view, which nobody else does. */
  public async void lock_of_a_temporary () throws Error {
    view.lock (EXCLUSIVE);
    Idle.add (() => {
      try {
        view.unlock ();
      } catch (Error error) {
        assert_not_reached ();
      }
      return false;
    });

    Tbuf.Region temporary = new Tbuf.Int32View (arena, 0, 4);
    yield temporary.lock_async (EXCLUSIVE);
    assert (temporary.held_mode == EXCLUSIVE);
    temporary.unlock ();
  }
}

delegate void AsyncBegin (AsyncTest test, AsyncReadyCallback callback);
delegate void AsyncEnd (AsyncTest test, AsyncResult result) throws Error;

void run_async (AsyncBegin begin, AsyncEnd end) {
  try {
    var test = new AsyncTest ();
    var done = false;

    begin (test, (_, result) => {
      try {
        end (test, result);
        done = true;
      } catch (Error error) {
        GLib.error ("%s", error.message);
      }
      test.loop.quit ();
    });
    if (!done)
      test.loop.run ();
    assert (done);
  } catch (Error error) {
    assert_not_reached ();
  }
}

/* Objects that methods return belong to whoever asked; strings and memory to the object. */
void test_ownership () {
  try {
    var arena = new_arena_with_phases ();
    Tbuf.View? view = arena.get_view ("A");
    Tbuf.Arena? same = view.arena;

    assert (same == arena);
    var weak = WeakRef (arena);
    arena = null;
    assert (weak.get () != null);
    same = null;
    unowned uint8[] bytes = view.get_bytes ().get_data ();
    assert (bytes.length == 160);
    unowned string? name = view.name;
    assert (name == "A");
    string[] arrays = { "A" };
    view = null;
    assert (arrays[0] == "A" && weak.get () == null);

    // What may be missing is nullable, and what may not is not.
    Tbuf.Layout layout = new Tbuf.Layout ();
    layout.add_array ("A", INT8, { 1 }, null, null);
    arena = new Tbuf.Arena.for_layout (layout, null);
    Tbuf.Layout? stored = arena.layout;
    assert (stored != null && arena.phase == null && arena.name == null);
  } catch (Error error) {
    assert_not_reached ();
  }
}

/* Complex items are two values each, so that half as many fit into an array. */
void test_complex_array_too_long () {
  try {
    size_t[] shape = { (size_t) int.MAX / 2 + 1 };
    ssize_t[] strides = { 0 };
    var view = (Tbuf.Complex64View) new_arena (8).create_view_full (COMPLEX64, NATIVE, 0, shape, strides);

    try {
      view.peek_array ();
      assert_not_reached ();
    } catch (Tbuf.Error.RANGE error) {
      assert ("1073741824" in error.message && "1073741823" in error.message);
    }
    try {
      view.dup_array ();
      assert_not_reached ();
    } catch (Tbuf.Error.RANGE error) {
    }
  } catch (Error error) {
    assert_not_reached ();
  }
}

void add_async_tests () {
  Test.add_func ("/tbuf/vala/async/lock", () => run_async ((t, c) => t.lock.begin (c), (t, r) => t.lock.end (r)));
  Test.add_func ("/tbuf/vala/async/fails-with-the-same-errors", () =>
                 run_async ((t, c) => t.fail.begin (c), (t, r) => t.fail.end (r)));
  Test.add_func ("/tbuf/vala/async/recover", () =>
                 run_async ((t, c) => t.recover.begin (c), (t, r) => t.recover.end (r)));
  Test.add_func ("/tbuf/vala/async/set-phase", () =>
                 run_async ((t, c) => t.set_phase.begin (c), (t, r) => t.set_phase.end (r)));
  Test.add_func ("/tbuf/vala/async/keeps-the-view", () =>
                 run_async ((t, c) => t.lock_of_a_temporary.begin (c), (t, r) => t.lock_of_a_temporary.end (r)));
  Test.add_func ("/tbuf/vala/ownership", test_ownership);
  Test.add_func ("/tbuf/vala/complex-array-too-long-is-refused", test_complex_array_too_long);
}
