/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is made and dropped in Vala leaves nothing behind: the VAPI says rightly who owns what.
 * With -m thorough there are as many arenas as views. */

const uint N_VIEWS = 100000;

delegate void Make (uint i) throws Error;

string contents (string path) throws Error {
  string text;
  FileUtils.get_contents (path, out text);
  return text;
}

int[] get_holdings () throws Error {
  var n_descriptors = 0;
  var descriptors = Dir.open ("/proc/self/fd");

  while (descriptors.read_name () != null)
    n_descriptors++;
  return { int.parse (contents ("/proc/self/statm").split (" ")[1]), contents ("/proc/self/maps").split ("\n").length,
           n_descriptors };
}

void assert_flat (uint n, Make make) {
  try {
    for (uint i = 0; i < n / 10; i++)
      make (i);
    var before = get_holdings ();
    for (uint i = 0; i < n; i++)
      make (i);
    var after = get_holdings ();

    if (after[0] > before[0] + (int) n / 200 + 64 || after[1] > before[1] + 4 || after[2] > before[2])
      error ("%d pages, %d mappings and %d descriptors became %d, %d and %d",
             before[0], before[1], before[2], after[0], after[1], after[2]);
  } catch (Error error) {
    GLib.error ("%s", error.message);
  }
}

Tbuf.Arena new_arena () {
  try {
    return new Tbuf.Arena (64);
  } catch (Error error) {
    GLib.error ("%s", error.message);
  }
}

void test_views () {
  var arena = new_arena ();

  assert_flat (N_VIEWS, i => {
    var view = new Tbuf.Int32View (arena, 0, 16);
    unowned int32[] array = view.peek_array ();

    array[i % 16] = (int32) i;
    assert (view[i % 16] == i && ((Tbuf.Int32View) view.slice (0, 0, 16, 2)).n_items == 8);
  });
}

void test_items () {
  var arena = new_arena ();

  assert_flat (N_VIEWS, i => {
    int64 sum = 0;

    foreach (var item in new Tbuf.Int32View (arena, 0, 16))
      sum += item;
    assert (sum == 0);
  });
}

void test_copies () {
  var arena = new_arena ();

  assert_flat (N_VIEWS, i => {
    var view = new Tbuf.Int32View (arena, 0, 16);

    assert (view.dup_array ().length == 16 && view.get_bytes ().length == 64 && view.snapshot ().length == 64);
  });
}

void test_errors () {
  var arena = new_arena ();

  assert_flat (N_VIEWS, i => {
    try {
      new Tbuf.Int32View (arena, 0, 17);
      assert_not_reached ();
    } catch (Tbuf.Error.RANGE error) {
    }
  });
}

void test_locks () {
  var arena = new_arena ();

  assert_flat (N_VIEWS, i => {
    Tbuf.Locker? locker = new Tbuf.Locker (new Tbuf.Int32View (arena, 0, 16), EXCLUSIVE, 0);
    locker = null;
  });
}

async void lock_often (Tbuf.Arena arena, uint n) throws Error {
  for (uint i = 0; i < n; i++) {
    var view = new Tbuf.Int32View (arena, 0, 16);

    yield view.lock_async (EXCLUSIVE);
    view.unlock ();
  }
}

void test_async () {
  var arena = new_arena ();
  var loop = new MainLoop ();

  assert_flat (100, i => {
    lock_often.begin (arena, 100, (_, result) => {
      try {
        lock_often.end (result);
      } catch (Error error) {
        GLib.error ("%s", error.message);
      }
      loop.quit ();
    });
    loop.run ();
  });
}

void test_arenas () {
  assert_flat (Test.thorough () ? N_VIEWS : 5000, i => {
    var layout = new Tbuf.Layout ();
    layout.add_array ("A", INT32, { 4, 4 });
    var arena = new Tbuf.Arena.for_layout (layout);

    assert (arena.layout != null && arena.list_arrays ().length == 1);
    assert (arena.get_view ("A").arena == arena);
    if (i % 2 == 0)
      arena.close ();
  });
}

int main (string[] args) {
  Test.init (ref args);
  Test.add_func ("/tbuf/vala/leaks/views", test_views);
  Test.add_func ("/tbuf/vala/leaks/items", test_items);
  Test.add_func ("/tbuf/vala/leaks/copies", test_copies);
  Test.add_func ("/tbuf/vala/leaks/errors", test_errors);
  Test.add_func ("/tbuf/vala/leaks/locks", test_locks);
  Test.add_func ("/tbuf/vala/leaks/async", test_async);
  Test.add_func ("/tbuf/vala/leaks/arenas", test_arenas);
  return Test.run ();
}
