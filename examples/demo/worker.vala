/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The demo's Vala process: views as v[i], and as arrays, over the memory that the other languages use. */

/* Says what was done, and holds the locks until the demo has seen them. */
void show (uint n_locks, string what = "") {
  print ("holding %u %s\n", n_locks, what);
  stdin.read_line ();
}

void floats (Tbuf.Arena arena) throws Error {
  var c = new Tbuf.Float64View.lookup (arena, "C");
  var half = (Tbuf.Float64View) c.slice (0, 0, (ssize_t) c.n_items / 2);

  Tbuf.Locker? locker = new Tbuf.Locker (half, EXCLUSIVE);
  size_t middle = half.n_items / 2;
  // By index, each one checked …
  for (size_t i = 0; i < middle; i++)
    half[i] = half[i] * 2;
  // … and as a plain array, which is the memory itself.
  unowned double[] items = half.peek_array ();
  for (int i = (int) middle; i < items.length; i++)
    items[i] *= 4;
  show (1, "the first quarter of C *= 2 by v[i], the second *= 4 in the array");
  locker = null; // unlocks, as an error on the way would have done
}

void ints (Tbuf.Arena arena) throws Error {
  var d = new Tbuf.Int32View.lookup (arena, "D");
  var e = new Tbuf.Int64View.lookup (arena, "E");

  Tbuf.Locker? d_locker = new Tbuf.Locker (d, EXCLUSIVE);
  Tbuf.Locker? e_locker = new Tbuf.Locker (e, EXCLUSIVE);
  for (size_t i = 0; i < d.n_items; i += 2)
    d[i] = -d[i];
  unowned int64[] items = e.peek_array ();
  for (int i = 0; i < items.length; i += 2)
    items[i] = -items[i];
  show (2, "every second item of D = -D by v[i], of E = -E in the array");
  e_locker = null;
  d_locker = null;
}

/* Sums up each array, each item times its place, so that the order counts too. */
void check (Tbuf.Arena arena) throws Error {
  Tbuf.Locker? locker = new Tbuf.Locker (arena, SHARED);
  foreach (unowned var name in arena.phase == "floats" ? new string[] { "A", "B", "C" } : new string[] { "D", "E" }) {
    var view = arena.get_view (name);
    uint64 place = 0;
    if (view is Tbuf.Float64View) {
      double sum = 0;
      foreach (var item in (Tbuf.Float64View) view)
        sum += item * ++place;
      print ("sum %s %.1f\n", name, sum);
    } else {
      uint64 sum = 0;
      if (view is Tbuf.Int32View)
        foreach (var item in (Tbuf.Int32View) view)
          sum += (uint64) item * ++place;
      else
        foreach (var item in (Tbuf.Int64View) view)
          sum += (uint64) item * ++place;
      print ("sum %s %016llx\n", name, sum);
    }
  }
  show (1);
  locker = null;
}

int main (string[] args) {
  try {
    var arena = new Tbuf.Arena.open (args[1]);
    string? turn;

    while ((turn = stdin.read_line ()) != null) {
      switch (turn) {
      case "floats": floats (arena); break;
      case "ints":   ints (arena);   break;
      case "check":  check (arena);  break;
      }
      print ("done\n");
    }
    return 0;
  } catch (Error error) {
    printerr ("%s: %s\n", args[0], error.message);
    return 1;
  }
}
