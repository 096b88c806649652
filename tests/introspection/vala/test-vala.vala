/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The library as Vala sees it. What is the same for each dtype stands in test-leaf.vala.in. */

Tbuf.Arena new_arena (size_t size) {
  try {
    return new Tbuf.Arena (size);
  } catch (Error error) {
    GLib.error ("%s", error.message);
  }
}

/* Two phases, and an array in each, over the same bytes. */
Tbuf.Arena new_arena_with_phases () throws Error {
  var layout = new Tbuf.Layout ();

  layout.add_phase ("floats");
  layout.add_phase ("ints");
  layout.add_array ("A", FLOAT64, { 4, 5 }, "floats", "floats");
  layout.add_array ("D", INT32, { 30 }, "ints", "ints");
  layout.add_array ("both", UINT8, { 7 });
  return new Tbuf.Arena.for_layout (layout);
}

void test_index () {
  try {
    var view = new Tbuf.Int32View (new_arena (40), 0, 10);

    view[3] = 42;
    view[3] = view[3] + 1;
    assert (view[3] == 43);
    assert (view.get_item (3) == 43);
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_bad_index () {
  try {
    var view = new Tbuf.Int32View (new_arena (40), 0, 10);

    Test.expect_message ("Tbuf", LogLevelFlags.LEVEL_CRITICAL, "*index*");
    assert (view[10] == 0);
    Test.assert_expected_messages ();
    Test.expect_message ("Tbuf", LogLevelFlags.LEVEL_CRITICAL, "*index*");
    view[11] = 1;
    Test.assert_expected_messages ();
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_foreach_keeps_the_view () {
  try {
    var arena = new_arena (40);
    var n = 0;

    // Nobody else holds on to this view.
    foreach (var item in new Tbuf.Int32View (arena, 0, 10)) {
      assert (item == 0);
      n++;
    }
    foreach (var item in new Tbuf.Int32View (arena, 0, 0))
      n += item + 1;
    assert (n == 10);
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_foreach_any_strides () {
  try {
    var view = new Tbuf.Int16View (new_arena (20), 0, 10);

    for (size_t i = 0; i < view.n_items; i++)
      view[i] = (int16) i;
    var backwards = (Tbuf.Int16View) view.slice (0, 9, -11, -3);
    var text = "";
    foreach (var item in backwards)
      text += " %d".printf (item);
    assert (text == " 9 6 3 0");
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_array_is_the_memory () {
  try {
    var arena = new_arena (40);
    var view = new Tbuf.Int32View (arena, 0, 10);
    unowned int32[] array = view.peek_array ();

    assert (array.length == 10);
    array[9] = 7;
    assert (view[9] == 7);
    view[0] = 8;
    assert (array[0] == 8);
    assert (arena.get_bytes ()[36] + arena.get_bytes ()[39] == 7);
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_copy_is_no_memory () {
  try {
    var view = new Tbuf.Int32View (new_arena (40), 0, 10);
    int32[] copy = view.dup_array ();

    copy[1] = 5;
    assert (copy.length == 10 && view[1] == 0);
    view.write (1, { 1, 2, 3 });
    assert (view[1] == 1 && view[3] == 3 && view[4] == 0);
    view.fill (6);
    assert (view[0] == 6 && view[9] == 6);
  } catch (Error error) {
    assert_not_reached ();
  }
}

/* A Vala array counts with 32 bits: an array that is longer would seem to be short. */
void test_array_too_long () {
  try {
    var arena = new_arena (1);
    size_t[] shape = { (size_t) int.MAX + 2 };
    ssize_t[] strides = { 0 };
    var view = (Tbuf.Int8View) arena.create_view_full (INT8, NATIVE, 0, shape, strides);

    assert (view.n_items == (size_t) int.MAX + 2);
    try {
      view.peek_array ();
      assert_not_reached ();
    } catch (Tbuf.Error.RANGE error) {
      assert ("2147483649" in error.message && "2147483647" in error.message);
    }
    try {
      view.dup_array ();
      assert_not_reached ();
    } catch (Tbuf.Error.RANGE error) {
      assert ("2147483649" in error.message);
    }
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_errors_by_code () {
  try {
    var arena = new_arena (10);

    try {
      new Tbuf.Int32View (arena, 0, 3);
      assert_not_reached ();
    } catch (Tbuf.Error.RANGE error) {
    }
    try {
      new Tbuf.Int32View (arena, 1, 1);
      assert_not_reached ();
    } catch (Tbuf.Error.ALIGNMENT error) {
    }
    try {
      new Tbuf.Int32View (arena, 0, 2).get_item (2);
      assert_not_reached ();
    } catch (Tbuf.Error error) {
      assert (error is Tbuf.Error.RANGE);
    }
    try {
      new Tbuf.Arena.open ("there is no such arena");
      assert_not_reached ();
    } catch (Tbuf.Error.NOT_FOUND error) {
    }
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_lock () {
  try {
    var arena = new_arena (16);
    var left = new Tbuf.Int32View (arena, 0, 2);
    var right = new Tbuf.Int32View (arena, 8, 2);

    left.lock (EXCLUSIVE);
    assert (left.held_mode == EXCLUSIVE && left.lock_state == EXCLUSIVE);
    assert (right.held_mode == NONE && right.lock_state == FREE);
    right.lock (SHARED, 0);
    try {
      arena.lock (SHARED, 0);
      assert_not_reached ();
    } catch (Tbuf.Error.BUSY error) {
    }
    left.unlock ();
    arena.lock (SHARED, 0);
    arena.unlock ();
    right.unlock ();
    try {
      right.unlock ();
      assert_not_reached ();
    } catch (Tbuf.Error.NOT_HELD error) {
    }
    assert (arena.lock_state == FREE);
  } catch (Error error) {
    assert_not_reached ();
  }
}

void fail_with_lock (Tbuf.Region region) throws Error {
  Tbuf.Locker? locker = new Tbuf.Locker (region, SHARED);

  assert (region.held_mode == SHARED);
  if (region.held_mode == SHARED)
    throw new IOError.FAILED ("on purpose");
  locker = null;
}

void test_locker () {
  try {
    var arena = new_arena (16);
    var other = new Tbuf.Int32View (arena, 0, 1);
    Tbuf.Locker? locker = new Tbuf.Locker (arena, EXCLUSIVE, 0);

    assert (arena.held_mode == EXCLUSIVE);
    try {
      new Tbuf.Locker (other, EXCLUSIVE, 0);
      assert_not_reached ();
    } catch (Tbuf.Error.BUSY error) {
    }
    locker = null;
    assert (arena.lock_state == FREE);

    try {
      fail_with_lock (arena);
      assert_not_reached ();
    } catch (IOError.FAILED error) {
    }
    assert (arena.lock_state == FREE);
  } catch (Error error) {
    assert_not_reached ();
  }
}

/* "throws GLib.Error" and no narrower domain, or else Vala would swallow this. */
void test_cancellation_is_an_io_error () {
  try {
    var arena = new_arena (16);
    var cancellable = new Cancellable ();

    cancellable.cancel ();
    try {
      arena.lock (EXCLUSIVE, -1, cancellable);
      assert_not_reached ();
    } catch (IOError.CANCELLED error) {
    }
    assert (arena.held_mode == NONE);
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_cancel_while_waiting () {
  try {
    var arena = new_arena (16);
    var other = new Tbuf.Int32View (arena, 0, 1);
    var cancellable = new Cancellable ();

    other.lock (EXCLUSIVE);
    // A thread, because one that waits for itself gets DEADLOCK.
    var thread = new Thread<bool> ("waiter", () => {
      try {
        arena.lock (EXCLUSIVE, -1, cancellable);
      } catch (Error error) {
        return error is IOError.CANCELLED;
      }
      return false;
    });
    cancellable.cancel ();
    assert (thread.join ());
    other.unlock ();
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_signals () {
  try {
    var arena = new_arena (64);
    var view = new Tbuf.Int16View (arena, 16, 8);
    var loop = new MainLoop ();
    var seen = "";
    var own_pid = (int) Posix.getpid ();

    arena.locked.connect ((offset, n_bytes, mode, pid) => {
      assert (pid == own_pid);
      seen += "locked %llu+%llu %s;".printf (offset, n_bytes, mode == Tbuf.LockMode.SHARED ? "shared" : "exclusive");
      loop.quit ();
    });
    arena.unlocked.connect ((offset, n_bytes, mode) => {
      assert (mode == Tbuf.LockMode.EXCLUSIVE);
      seen += "unlocked %llu+%llu;".printf (offset, n_bytes);
      loop.quit ();
    });
    arena.notify["lock-state"].connect (() => loop.quit ());
    arena.set_watch (true);

    view.lock (EXCLUSIVE);
    while (seen != "locked 16+16 exclusive;")
      loop.run ();
    view.unlock ();
    while (seen != "locked 16+16 exclusive;unlocked 16+16;")
      loop.run ();
    arena.set_watch (false);
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_phases () {
  try {
    var arena = new_arena_with_phases ();

    assert (arena.phase == "floats");
    assert (string.joinv (" ", arena.list_arrays ()) == "A D both");
    assert (string.joinv (" ", arena.list_phases ()) == "floats ints");

    var a = new Tbuf.Float64View.lookup (arena, "A");
    assert (a.name == "A" && a.n_items == 20 && a.n_dims == 2 && a.get_shape ()[1] == 5);
    a[0] = 0.5;

    arena.set_phase ("ints");
    assert (arena.phase == "ints" && !a.is_live);
    try {
      a.lock (SHARED);
      assert_not_reached ();
    } catch (Tbuf.Error.NOT_LIVE error) {
    }
    try {
      a.peek_array ();
      assert_not_reached ();
    } catch (Tbuf.Error.NOT_LIVE error) {
    }
    try {
      new Tbuf.Float64View.lookup (arena, "D");
      assert_not_reached ();
    } catch (Tbuf.Error.DTYPE error) {
    }
    Tbuf.View d = arena.get_view ("D");
    assert (d is Tbuf.Int32View && d.overlaps (a));
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_nullable () {
  try {
    var arena = new_arena (8);

    assert (arena.name == null && arena.layout == null && arena.phase == null);
    assert (new Tbuf.Int8View (arena, 0, 8).name == null);
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_memory_outlives_the_arena () {
  try {
    var arena = new_arena (8);
    var view = new Tbuf.Uint8View (arena, 0, 8);
    var bytes = arena.get_bytes ();

    view[7] = 9;
    arena.close ();
    arena = null;
    view = null;
    assert (bytes[7] == 9);
  } catch (Error error) {
    assert_not_reached ();
  }
}

void test_plan () {
  try {
    var plan = new Tbuf.Plan ();
    uint64 told = 0;

    plan.add ("image", 0, 2, 3000);
    plan.add_many ({ 1, 2 }, { 3, 4 }, { 1000, 3000 }, null);
    plan.progress.connect ((height, seconds) => { told = height; });
    assert (plan.solve ());
    assert (plan.verify ());
    assert (plan.proven && plan.height == 4000 && plan.lower_bound == 4000 && told == 4000);
    assert (plan.get_offsets ().length == 3);
    assert (plan.get_offset ("2") == plan.get_offsets ()[2]);

    try {
      plan.add ("image", 0, 2, 3000);
      assert_not_reached ();
    } catch (Tbuf.Error.EXISTS error) {
    }
  } catch (Error error) {
    assert_not_reached ();
  }
}

async void plan_later (MainLoop loop) {
  try {
    var plan = new Tbuf.Plan ();

    plan.add ("image", 0, 2, 3000);
    assert (yield plan.solve_async ());
    assert (plan.height == 3000);
  } catch (Error error) {
    assert_not_reached ();
  }
  loop.quit ();
}

void test_plan_async () {
  var loop = new MainLoop ();

  plan_later.begin (loop);
  loop.run ();
}

int main (string[] args) {
  Test.init (ref args);
  Test.add_func ("/tbuf/vala/index", test_index);
  Test.add_func ("/tbuf/vala/bad-index-is-critical", test_bad_index);
  Test.add_func ("/tbuf/vala/foreach-keeps-the-view", test_foreach_keeps_the_view);
  Test.add_func ("/tbuf/vala/foreach-with-any-strides", test_foreach_any_strides);
  Test.add_func ("/tbuf/vala/peeked-array-is-the-memory", test_array_is_the_memory);
  Test.add_func ("/tbuf/vala/duplicated-array-is-a-copy", test_copy_is_no_memory);
  Test.add_func ("/tbuf/vala/array-too-long-is-refused", test_array_too_long);
  Test.add_func ("/tbuf/vala/errors-have-codes", test_errors_by_code);
  Test.add_func ("/tbuf/vala/lock", test_lock);
  Test.add_func ("/tbuf/vala/locker-unlocks-on-every-way-out", test_locker);
  Test.add_func ("/tbuf/vala/cancelled-is-an-io-error", test_cancellation_is_an_io_error);
  Test.add_func ("/tbuf/vala/cancel-ends-a-wait", test_cancel_while_waiting);
  Test.add_func ("/tbuf/vala/signals", test_signals);
  Test.add_func ("/tbuf/vala/phases", test_phases);
  Test.add_func ("/tbuf/vala/plan", test_plan);
  Test.add_func ("/tbuf/vala/plan-async", test_plan_async);
  Test.add_func ("/tbuf/vala/nothing-is-null", test_nullable);
  Test.add_func ("/tbuf/vala/memory-outlives-the-arena", test_memory_outlives_the_arena);
  add_async_tests ();
  add_leaf_tests ();
  return Test.run ();
}
