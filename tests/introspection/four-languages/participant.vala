/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The Vala process of four-languages.py, which says what it has to do. Its type is int64. */

const size_t FIRST_BATON = 16;
const size_t FIRST_BYTE = 64;
const size_t RELAY_BYTES = 64;
const int64 TIMEOUT_US = 10 * 1000 * 1000;

int64 expected (int64 turn, size_t i) {
  return (turn * 31 + (int64) i * 7) % 1000;
}

void take_turn (Tbuf.Arena arena, int64 turn) throws Error {
  var n_bytes = arena.size - FIRST_BYTE;
  var own = new Tbuf.Int64View (arena, FIRST_BYTE, n_bytes / 8);
  var theirs = new Tbuf.Uint16View (arena, FIRST_BYTE, n_bytes / 2);

  own.lock (EXCLUSIVE, TIMEOUT_US);
  size_t i = 0;
  foreach (var item in theirs) {
    if (item != expected (turn - 1, i))
      throw new IOError.INVALID_DATA ("turn %lld: uint16 item %zu is %u", turn, i, item);
    i++;
  }
  for (i = 0; i < own.n_items; i++)
    own[i] = expected (turn, i);
  own.unlock ();
}

uint64 sum_up (Tbuf.Arena arena) throws Error {
  var bytes = new Tbuf.Uint8View (arena, FIRST_BYTE, arena.size - FIRST_BYTE);
  uint64 sum = 0;

  bytes.lock (SHARED, TIMEOUT_US);
  unowned uint8[] items = bytes.peek_array ();
  for (var i = 0; i < items.length; i++)
    sum += items[i] * (i + 1);
  bytes.unlock ();
  return sum;
}

void count (Tbuf.Arena arena, int64 n) throws Error {
  var number = new Tbuf.Int64View (arena, 0, 1);

  for (int64 i = 0; i < n; i++) {
    number.lock (EXCLUSIVE, TIMEOUT_US);
    number[0] = number[0] + 1;
    number.unlock ();
  }
}

void run_relay (Tbuf.Arena arena, uint me, uint n, uint32 n_rounds) throws Error {
  var batons = new Tbuf.Uint32View (arena, FIRST_BATON, n);
  var own = new Tbuf.Int64View (arena, FIRST_BYTE, RELAY_BYTES / 8);
  unowned int64[] ours = own.peek_array ();
  unowned uint16[] theirs = new Tbuf.Uint16View (arena, FIRST_BYTE, RELAY_BYTES / 2).peek_array ();
  var next = (me + 1) % n;

  for (uint32 round = 1; round <= n_rounds; round++) {
    var turn = ((int64) round - 1) * n + me;
    uint32 baton;

    while ((baton = batons.atomic_load (me)) != round)
      batons.atomic_wait (me, baton, TIMEOUT_US);
    own.lock (EXCLUSIVE, TIMEOUT_US);
    for (var i = 0; turn > 0 && i < theirs.length; i++)
      if (theirs[i] != expected (turn - 1, i))
        throw new IOError.INVALID_DATA ("turn %lld: uint16 item %d is %u", turn, i, theirs[i]);
    for (var i = 0; i < ours.length; i++)
      ours[i] = expected (turn, i);
    own.unlock ();
    batons.atomic_store (next, round + (next == 0 ? 1 : 0));
    batons.atomic_notify (next);
  }
}

int main (string[] args) {
  try {
    var arena = new Tbuf.Arena.open (args[1]);
    string? line;

    while ((line = stdin.read_line ()) != null) {
      if (line.has_prefix ("turn ")) {
        take_turn (arena, int64.parse (line.substring (5)));
        print ("ok\n");
      } else if (line.has_prefix ("count ")) {
        count (arena, int64.parse (line.substring (6)));
        print ("ok\n");
      } else if (line.has_prefix ("relay ")) {
        var words = line.split (" ");
        run_relay (arena, uint.parse (words[1]), uint.parse (words[2]), uint.parse (words[4]));
        print ("ok\n");
      } else
        print ("ok %llu\n", sum_up (arena));
    }
    return 0;
  } catch (Error error) {
    print ("%s\n", error.message);
    return 1;
  }
}
