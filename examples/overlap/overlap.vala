/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One buffer of 10 bytes, seen as int8, int16 and int32 at once, while another
 * process writes to it. The same program stands beside this file in C, Python
 * and JavaScript, and all of them print the same. */

const size_t N_BYTES = 10;

/* What the other process does: it opens the arena by its name and sets each int16 item to its index. */
void set_items (string name) throws Error {
  var arena = new Tbuf.Arena.open (name);
  var bytes = new Tbuf.Int8View (arena, 0, N_BYTES);
  // The byte order is said, so that the bytes are the same on every machine.
  var items = (Tbuf.Int16View) bytes.cast (INT16, LITTLE);

  items.lock (EXCLUSIVE);
  for (size_t i = 0; i < items.n_items; i++)
    items[i] = (int16) i;
  items.unlock ();
}

void show (string name, string program) throws Error {
  var arena = new Tbuf.Arena.create (name, N_BYTES);

  // Three views of the same bytes; two int32 fit into the first eight of them.
  var int8s = new Tbuf.Int8View (arena, 0, N_BYTES);
  var int16s = (Tbuf.Int16View) int8s.cast (INT16, LITTLE);
  var int32s = (Tbuf.Int32View) int8s.slice (0, 0, 8).cast (INT32, LITTLE);
  print ("One buffer of %zu bytes: %zu int8, %zu int16, %zu int32\n",
         arena.size, int8s.n_items, int16s.n_items, int32s.n_items);

  new Subprocess (NONE, program, name).wait_check ();

  print ("Another process has set the int16 items to their index\n");
  arena.lock (SHARED);
  print ("int8: ");
  foreach (var item in int8s)
    print (" %d", item);
  print ("\nint16:");
  foreach (var item in int16s)
    print (" %d", item);
  print ("\nint32:");
  int64 sum = 0;
  foreach (var item in int32s) {
    print (" %d", item);
    sum += item;
  }
  print (", sum %lld\n", sum);
  arena.unlock ();

  // Not every range of bytes can be seen as every type.
  for (var n = 3; n >= 2; n--) {
    try {
      var seen = int8s.slice (0, 0, n).cast (INT16, LITTLE);
      print ("%d bytes as int16: %zu item\n", n, seen.n_items);
    } catch (Tbuf.Error refusal) {
      print ("%d bytes as int16: %s\n", n, refusal.message);
    }
  }
}

int main (string[] args) {
  try {
    if (args.length > 1)
      set_items (args[1]);
    else
      show ("overlap-%u".printf (Random.next_int ()), args[0]);
    return 0;
  } catch (Error error) {
    printerr ("%s: %s\n", args[0], error.message);
    return 1;
  }
}
