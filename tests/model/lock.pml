/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guard and the range lock
 * ============================
 *
 * What processes do to one lock table: they take ranges that overlap, shared or
 * exclusively, wait, are poked, are granted, time out, are cancelled, recover,
 * and are killed between any two steps. Two of the three may be killed.
 *
 *     here               in libtbuf/
 *     guard_enter        tbuf_guard_enter(), tbuf_guard_wait(), enter() in tbuf-guard.c
 *     guard_leave        tbuf_guard_leave()
 *     examine            tbuf_lock_table_examine() in tbuf-lock-table.c, blocks(), is_poison_for()
 *     has_room           tbuf_lock_table_has_room()
 *     add                tbuf_lock_table_add()
 *     make_free          tbuf_lock_table_remove()
 *     release            tbuf_lock_table_release()
 *     begin_to_grant, look_at_next, grant_waiters
 *                        tbuf_lock_table_grant() with change_waiter()
 *     advance_room       advance_change_word() for the room word
 *     rebuild            tbuf_lock_table_rebuild()
 *     make_poison        tbuf_lock_table_abandon() in tbuf-poison.c, with merge_poison()
 *     clear_poison       tbuf_lock_table_clear_poison()
 *     finish_repairs     the part of rebuild() that does tbuf_lock_table_finish_repair()
 *     reap               tbuf_lock_table_reap()
 *     withdraw           set_state_without_guard() in tbuf-lock.c
 *     Process            tbuf_lock_acquire(); from look on, tbuf_wait_look() in tbuf-wait.c and
 *                        its loop; from held on, tbuf_lock_release()
 *       wait_again       go_to_sleep()
 *       take             complete(), tbuf_lock_table_hold()
 *       probe_and_sleep  tbuf_wait_probe(), sleep_until_poked()
 *     Canceller          on_cancelled(), g_cancellable_disconnect()
 *
 * Upgrades, changes of phase, requests without a thread, several shared locks of
 * one object, quotas and the search for deadlocks are left out.
 *
 * A process may die wherever D stands, which is between any two operations on
 * shared memory, and wherever it waits. Two kinds of operations go together. Of
 * several that only change what rebuild() makes anew (used and waiting bits,
 * counts, the arrays of starts and ends), a death in between leaves nothing that
 * matters. And the fields of a record count only once its state commits them.
 * Others run wherever an atomic block ends. What the guard's owner does is
 * several operations in one block if nobody without the guard could tell: not so
 * where a waiter's state is read and then exchanged, for the waiter can withdraw
 * or be cancelled between the two.
 *
 * A range is a set of cells, one bit each. Tickets are ranks, so that they stay
 * small; their order is the same. The dead stay dead: a participant that comes
 * back has another id.
 *
 * Time. A deadline may pass at any moment. How long patience lasts is left
 * open: a waiter may become entitled at any look after its first, and is when its
 * sleep was over for that reason. The 20 ms timer
 * of a sleeper (the backstop) fires only while there is something in the table
 * for it to find: a dead participant's record or guard, or the dirty word. So
 * the model shows more than the code needs: but for deaths, no waiter depends
 * on that timer. With -DSPURIOUS it fires at any time.
 *
 * What must hold
 *   - two that conflict never have the same byte (enter_section);
 *   - where an exclusive owner died nobody but a recoverer gets in, until one
 *     has repaired it, and that one is told (enter_section);
 *   - where somebody has repaired it, and unlocked without the guard, nobody is
 *     told that an owner died, unless another did (vouched);
 *   - nobody sleeps for nothing (Monitor): when all is quiet, and nobody dead is
 *     left in the table, no sleeper could have what it asks for, was granted it,
 *     or was cancelled;
 *   - everyone alive gets through: no state without a way on but the end (an
 *     invalid end state), and no endless loop (non-progress cycles, with weak
 *     fairness) but one in which somebody sleeps until the backstop in every turn,
 *     so that the others can go on;
 *   - with -DLOOP, where the others lock and unlock for ever, process 1 gets what
 *     it waits for (ltl served, with weak fairness, and a guard that is had in turn).
 *
 * Broken on purpose, each of which must fail:
 *   NO_REBUILD         a stolen guard is used as it was found
 *   WAKE_AFTER_LEAVE   waiters are woken after the guard was left
 *   GRANT_BY_STORE     a plain store grants and pokes, instead of compare-and-exchange
 *   STEAL_BY_STORE     a plain store takes a dead owner's guard
 *   DIRTY_LATE         the dirty word is cleared after rebuild(), not before
 *   NO_DIRTY           who withdraws without the guard does not say so
 *   FREE_THE_DEAD      a dead exclusive owner's record is freed, without poison
 *   RELEASE_THEN_POISON  … is freed first and poisoned then
 *   FREE_REPAIRED      who recovered stores FREE without the guard, and not REPAIRED
 *   KEEP_REPAIRED      rebuild() frees what was repaired, and keeps its poison
 *   CLEAR_EARLY        a recoverer's poison is cleared when it gets the range
 *   SHRINK_FIRST       the left part of poison shrinks before the right one is published
 *   NO_ENTITLEMENT     with LOOP: newcomers may overtake for ever
 *   REBUILD_IF_ARMED   rebuild() wakes only those words whose bit is still set
 *   KEEP_POKE          a poked waiter that goes back to sleep does not pass the poke on
 *   LATE_WAITING       a waiter says that it sleeps after it looked whether it is cancelled
 */

#ifndef KILLS
#define KILLS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1      /* locks that each process takes */
#endif
#ifndef ROUNDS_1
#define ROUNDS_1 ROUNDS
#endif
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef RESERVED
#define RESERVED 0    /* records kept back for recoverers */
#endif
#ifndef MAX_POISON
#define MAX_POISON 2  /* then ranges of poison are merged */
#endif
#ifndef CANCEL
#define CANCEL 0      /* the process that somebody cancels; 0: none */
#endif
#ifndef PICK
#define PICK pick_any
#endif

#define N 3           /* processes 1 to 3; 0 is nobody */
#define NR 3          /* records */

#define FREE    0
#define WAITING 1
#define POKED   2
#define GRANTED 3
#define HELD    4
#define POISON  5
#define REPAIRED 6

#define V_FREE      0
#define V_WAIT      1
#define V_ABANDONED 2

/* What a request's deadline is. */
#define FOREVER 0
#define TIMED   1
#define TRY     2

typedef Record {
  byte state;
  byte id;
  bit x;        /* exclusive */
  bit entitled;
  bit recovers;
  byte range;
  byte ticket;
}

/* Shared memory. */
byte guard;
bit dirty;
bit room_armed;
Record rec[NR];
byte arr[NR];      /* starts and ends; derived, as what follows */
byte used;         /* a bit per record */
byte waiting;
byte n_poison;

/* The kernel. */
bit alive[N + 1];
bit asleep[N + 1];     /* in a futex wait */
bit room_same[N + 1];  /* the room word is as this one found it */

/* What each process asks for; private to it, but the monitor looks at it. */
byte own[N + 1];       /* its record; NR: none */
byte range[N + 1];
bit x[N + 1];
bit recovers[N + 1];
bit busy[N + 1];       /* in a call */

/* What the world sees. */
byte section[N + 1];   /* cells that it believes to hold */
byte damaged;          /* cells where an exclusive owner died, and nobody repaired them yet */
byte vouched;          /* cells that were repaired without the guard, where nobody died since */
bit half_withdrawn;    /* somebody died between the two stores of withdraw() */
byte kills = KILLS;

/* The canceller's. */
bit cancelled;
bit in_callback;
byte connected;        /* the record that the callback would touch, + 1 */

/* Within one step only. */
hidden byte i, t, tk, verdict, blockers;
hidden byte blocked, recovering, poisoned, ok;

#define is_waiting(r) (rec[r].state == WAITING || rec[r].state == POKED)
#define is_held(r)    (rec[r].state == HELD || rec[r].state == GRANTED)
#define is_kept(r)    (is_held (r) || rec[r].state == REPAIRED)
#define overlaps(r, p) ((rec[r].range & range[p]) != 0)
#define ticket_of(p)  (own[p] < NR -> rec[own[p]].ticket : 255)
#define blocks(r, p) \
  (r != own[p] && overlaps (r, p) && (rec[r].x || x[p]) && \
   (is_kept (r) || (is_waiting (r) && rec[r].entitled && rec[r].ticket < ticket_of (p))))
#define is_poison(r, p) (rec[r].state == POISON && !recovers[p] && overlaps (r, p))
#define is_recovering(r, p) (blocks (r, p) && is_kept (r) && rec[r].recovers)

/* A death may come here. */
#define D if :: MAY_DIE :: true fi

/* Locals are cleared, so that the dead are all alike. */
#define MAY_DIE atomic { kills > 0 -> \
    d_step { \
      kills--; alive[me] = 0; asleep[me] = 0; busy[me] = 0; room_same[me] = 0; \
      if :: section[me] != 0 && x[me] -> damaged = damaged | section[me] :: else fi; \
      if :: x[me] -> vouched = vouched & ~range[me] :: else fi; \
      if :: withdrawing -> half_withdrawn = 1 :: else fi; \
      section[me] = 0; own[me] = NR; range[me] = 0; x[me] = 0; recovers[me] = 0; \
      rounds = 0; deadline = 0; w = 0; v = 0; todo = 0; poked_x = 0; poked_s = 0; span = 0; late = 0; \
      obstacles = 0; dying = 0; seen = 0; entered = 0; fast = 0; probe = 0; give_up = 0; withdrawing = 0; \
      victim = 0; fixed = 0; back = 0; room = 0; expired = 0; impatient = 0; \
      if :: CANCEL == me -> in_callback = 0; connected = 0; cancelled = 0 :: else fi \
    }; \
    goto dead }

/* Under the guard: may p have its range? The ids of who is in the way are in blockers. */
inline examine (p)
{
  blocked = 0; recovering = 0; poisoned = 0; blockers = 0;
  for (i : 0 .. NR - 1) {
    if
    :: i != own[p] && (arr[i] & range[p]) != 0 ->
       if
       :: is_poison (i, p) -> poisoned = 1
       :: else ->
          if
          :: blocks (i, p) ->
             blocked = 1;
             blockers = blockers | (1 << rec[i].id);
             if :: is_kept (i) && rec[i].recovers -> recovering = 1 :: else fi
          :: else
          fi
       fi
    :: else
    fi
  };
  verdict = (poisoned && !recovering -> V_ABANDONED : (blocked -> V_WAIT : V_FREE))
}

/* The same for record w in grant_waiters(), whose owner may be dead: then its
 * claim is read from the record. */
inline examine_record (r)
{
  blocked = 0; recovering = 0; poisoned = 0;
  for (i : 0 .. NR - 1) {
    if
    :: i != r && (arr[i] & rec[r].range) != 0 && (rec[i].range & rec[r].range) != 0 ->
       if
       :: rec[i].state == POISON && !rec[r].recovers -> poisoned = 1
       :: else ->
          if
          :: (rec[i].x || rec[r].x) &&
             (is_kept (i) || (is_waiting (i) && rec[i].entitled && rec[i].ticket < rec[r].ticket)) ->
             blocked = 1;
             if :: is_kept (i) && rec[i].recovers -> recovering = 1 :: else fi
          :: else
          fi
       fi
    :: else
    fi
  };
  verdict = (poisoned && !recovering -> V_ABANDONED : (blocked -> V_WAIT : V_FREE))
}

/* The first unused record in t. */
inline find_unused ()
{
  t = 0;
  do
  :: t < NR && (used & (1 << t)) -> t++
  :: else -> break
  od
}

inline has_room (p)
{
  find_unused ();
  ok = t < (recovers[p] -> NR : NR - RESERVED)
}

/* Tickets stay ranks. */
inline forget_ticket (r)
{
  tk = rec[r].ticket;
  for (i : 0 .. NR - 1) {
    if :: tk > 0 && rec[i].ticket > tk -> rec[i].ticket-- :: else fi
  };
  rec[r].ticket = 0;
  i = 0; tk = 0
}

/* All but the commit. */
inline add (p)
{
  find_unused ();
  own[p] = t;
  tk = 0;
  for (i : 0 .. NR - 1) {
    if :: rec[i].ticket > tk -> tk = rec[i].ticket :: else fi
  };
  rec[t].id = p; rec[t].x = x[p]; rec[t].entitled = 0; rec[t].recovers = recovers[p];
  rec[t].range = range[p]; rec[t].ticket = tk + 1;
  arr[t] = range[p];
  used = used | (1 << t);
  t = 0; tk = 0; i = 0
}

inline stop_waiting (r)
{
  waiting = waiting & ~(1 << r)
}

/* A futex wake of the one who sleeps on a record. */
inline wake (r)
{
  for (i : 1 .. N) {
    if :: own[i] == r && alive[i] -> asleep[i] = 0 :: else fi
  };
  i = 0
}

inline wake_room ()
{
  for (i : 1 .. N) {
    if :: own[i] == NR -> asleep[i] = 0 :: else fi
  };
  i = 0
}

inline wake_late ()
{
  for (i : 0 .. NR - 1) {
    if
    :: late & (1 << i) ->
       for (t : 1 .. N) {
         if :: own[t] == i && alive[t] -> asleep[t] = 0 :: else fi
       }
    :: else
    fi
  };
  late = 0; i = 0; t = 0
}

/* Advancing the word and waking are two operations. */
inline advance_room ()
{
  if
  :: room_armed ->
     d_step { room_armed = 0; for (i : 1 .. N) { room_same[i] = 0 }; i = 0 };
     D;
     d_step { wake_room () }
  :: else
  fi
}

/* The next of the waiters in todo that is to be changed is w; none: NR. */
inline look_at_next ()
{
  d_step {
    do
    :: w = NR;
       for (i : 0 .. NR - 1) {
         if :: (todo & (1 << i)) && (w == NR || rec[i].ticket < rec[w].ticket) -> w = i :: else fi
       };
       if
       :: w == NR -> todo = 0; v = 0; seen = 0; poked_x = 0; poked_s = 0; break
       :: else
       fi;
       todo = todo & ~(1 << w);
       seen = rec[w].state;
       examine_record (w);
       v = verdict;
       if
       :: v == V_FREE && !rec[w].entitled &&
          ((rec[w].range & poked_x) != 0 || (rec[w].x && (rec[w].range & poked_s) != 0)) -> v = V_WAIT
       :: else
       fi;
       if
       :: v != V_WAIT && (seen == WAITING || (seen == POKED && v == V_FREE && rec[w].entitled)) -> break
       :: else
       fi
    od;
    i = 0; verdict = 0
  }
}

/* Collects the waiters in span, and looks at the first. */
inline begin_to_grant ()
{
  d_step {
    todo = 0;
    for (i : 0 .. NR - 1) {
      if :: (waiting & (1 << i)) && (rec[i].range & span) -> todo = todo | (1 << i) :: else fi
    };
    span = 0;
    i = 0
  };
  look_at_next ()
}

/* Gives them what has become free, in the order of tickets. */
inline grant_waiters ()
{
  do
  :: w == NR -> break
  :: MAY_DIE
  :: atomic { w < NR ->
       d_step {
#ifdef GRANT_BY_STORE
         ok = 1;
#else
         /* It may have withdrawn, or been cancelled, since it was looked at. */
         ok = rec[w].state == seen;
#endif
         if
         :: !ok
         :: ok && v == V_FREE && rec[w].entitled -> rec[w].state = GRANTED
         :: else ->
            rec[w].state = POKED;
            if
            :: v == V_FREE && seen == WAITING && rec[w].x -> poked_x = poked_x | rec[w].range
            :: v == V_FREE && seen == WAITING && !rec[w].x -> poked_s = poked_s | rec[w].range
            :: else
            fi
         fi
       };
       if
       :: ok ->
#ifdef WAKE_AFTER_LEAVE
          d_step { late = late | (1 << w) };
#else
          D;
          d_step { wake (w) };
#endif
          if :: rec[w].state == GRANTED -> D; stop_waiting (w) :: else fi
       :: else
       fi;
       ok = 0;
       look_at_next () }
  od;
  w = 0
}

inline clear_record (r)
{
  rec[r].id = 0; rec[r].x = 0; rec[r].entitled = 0; rec[r].recovers = 0; rec[r].range = 0;
  forget_ticket (r)
}

inline make_free (r)
{
  d_step { stop_waiting (r); rec[r].state = FREE };
  D;
  d_step { arr[r] = 0; used = used & ~(1 << r); clear_record (r) };
  advance_room ()
}

inline release (r)
{
  atomic {
    D;
    d_step {
      span = rec[r].range;
      if :: rec[r].state == POISON -> n_poison-- :: else fi
    };
    make_free (r);
    D;
    begin_to_grant ()
  };
  grant_waiters ()
}

/* Takes the poison out of cells that their owner vouches for. */
inline clear_poison (cells)
{
  do
  :: atomic {
       d_step {
         do
         :: dying < NR && !(rec[dying].state == POISON && (rec[dying].range & (cells)) != 0) -> dying++
         :: else -> break
         od
       };
       if
       :: dying == NR -> dying = 0; break
       :: else
       fi;
       D;
       if
       :: (rec[dying].range & ~(cells)) == 0 ->
          n_poison--;
          make_free (dying)
       :: rec[dying].range == 7 && (cells) == 2 ->
          /* The middle of it: publish the right part, then shrink the left one. */
#ifdef SHRINK_FIRST
          d_step { rec[dying].range = 1; arr[dying] = 1 };
          D;
#endif
          d_step {
            find_unused ();
            w = t;
            if
            :: t < NR ->
               rec[t].id = me; rec[t].x = 1; rec[t].recovers = 0; rec[t].entitled = 0; rec[t].range = 4;
               rec[t].ticket = rec[dying].ticket; arr[t] = 4; used = used | (1 << t)
            :: else
            fi;
            t = 0
          };
          if
          :: w < NR ->
             D;
             rec[w].state = POISON;
             w = 0;
             D;
             d_step { n_poison++; rec[dying].range = 1; arr[dying] = 1 }
          :: else -> w = 0
          fi
       :: else ->
          d_step { rec[dying].range = rec[dying].range & ~(cells); arr[dying] = rec[dying].range }
       fi;
       dying++
     }
  od
}

/* What unlock() left to the next owner of the guard. */
inline finish_repairs ()
{
  do
  :: atomic {
       d_step {
         do
         :: fixed < NR && rec[fixed].state != REPAIRED -> fixed++
         :: else -> break
         od
       };
       if
       :: fixed == NR -> fixed = 0; break
       :: else
       fi
     };
#ifndef KEEP_REPAIRED
     clear_poison (rec[fixed].range);
#endif
     atomic { D; make_free (fixed) }
  od
}

inline rebuild ()
{
  atomic {
    D;
    d_step {
      used = 0; waiting = 0; n_poison = 0; half_withdrawn = 0;
      for (w : 0 .. NR - 1) {
        if
        :: rec[w].state == FREE -> arr[w] = 0; clear_record (w)
        :: else ->
           arr[w] = rec[w].range;
           used = used | (1 << w);
           if :: rec[w].state == POISON -> n_poison++ :: else fi;
           if :: is_waiting (w) -> waiting = waiting | (1 << w) :: else fi;
           if :: rec[w].state == GRANTED || rec[w].state == POKED -> wake (w) :: else fi
        fi
      };
      w = 0
    };
    D
  };
  finish_repairs ();
  atomic {
    D;
    span = 7;
    begin_to_grant ()
  };
  grant_waiters ();
  atomic {
    D;
#ifndef REBUILD_IF_ARMED
    room_armed = 1;
#endif
    advance_room ()
  }
}

#ifdef DIRTY_LATE
#define UNDIRTY_EARLY skip
#define UNDIRTY_LATE  dirty = 0
#else
#define UNDIRTY_EARLY dirty = 0
#define UNDIRTY_LATE  skip
#endif

/* Whoever finds the table dirty goes the long way round. The first of the three
 * parts of guard_enter, which stands at the end of what comes before. */
#ifdef LOOP
/* Weak fairness is not enough for a guard that is free again and again. */
chan queue = [N] of { byte };
#define GUARD_ENTER_FIRST fast = !dirty; queue ! me
#define MAY_TIME_OUT false
#define is_next  queue ? [eval (me)]
#define LEAVE_QUEUE queue ? eval (me)
#else
#define GUARD_ENTER_FIRST fast = !dirty
#define MAY_TIME_OUT true
#define is_next  true
#define LEAVE_QUEUE skip
#endif

/* entered: 0, the time was up; 1, the guard was had; 2, and has to look further. */
inline guard_enter (may_time_out)
{
  do
  :: MAY_DIE
  :: atomic { guard == 0 && fast && is_next -> LEAVE_QUEUE; guard = me; entered = 1; fast = 0; break }
  :: atomic { guard == 0 && !fast && is_next -> LEAVE_QUEUE;
       guard = me;
       D;
       if :: dirty -> entered = 2; UNDIRTY_EARLY :: else -> entered = 1 fi;
       break }
  :: atomic { guard != 0 && alive[guard] && fast -> fast = 0 }
  :: atomic { guard != 0 && !alive[guard] && seen == 0 -> fast = 0; seen = guard }
  :: atomic { seen != 0 ->
#ifdef STEAL_BY_STORE
       guard = me; seen = 0; entered = 2; D; UNDIRTY_EARLY; break }
#else
       if
       :: guard == seen -> guard = me; seen = 0; entered = 2; D; UNDIRTY_EARLY; break
       :: else -> seen = 0
       fi }
#endif
  :: atomic { guard != 0 && alive[guard] && seen == 0 && (may_time_out) -> fast = 0; entered = 0; break }
  od;
  if
  :: entered == 2 ->
#ifndef NO_REBUILD
     rebuild ();
#endif
     atomic { entered = 1; UNDIRTY_LATE }
  :: else
  fi
}

inline guard_leave ()
{
  D;
  guard = 0;
#ifdef WAKE_AFTER_LEAVE
  if :: late -> D; d_step { wake_late () } :: else fi
#endif
}

/* With the guard not to be had: leave one's record to the next owner, and vouch
 * for the cells in v. */
inline withdraw (s)
{
#ifndef NO_DIRTY
  atomic { D; dirty = 1 };
#endif
  atomic { D; rec[own[me]].state = s; withdrawing = 1; vouched = vouched | v; v = 0 };
  atomic {
    D;
#ifndef NO_DIRTY
    dirty = 1;
#endif
    withdrawing = 0; own[me] = NR
  }
}

/* A dead participant's record that was held exclusively. */
inline make_poison (r)
{
  atomic {
    D;
    span = rec[r].range;
#ifdef RELEASE_THEN_POISON
    d_step { stop_waiting (r); rec[r].state = FREE };
    D;
    d_step { rec[r].recovers = 0; rec[r].state = POISON; n_poison++ };
#else
    if
    :: n_poison >= MAX_POISON ->
       /* The nearest poison covers this as well. */
       d_step {
         t = 0;
         do :: rec[t].state != POISON -> t++ :: else -> break od;
         rec[t].range = rec[t].range | rec[r].range;
         if :: rec[t].range == 5 -> rec[t].range = 7 :: else fi;
         arr[t] = rec[t].range;
         t = 0
       };
       D;
       make_free (r)
    :: else ->
       rec[r].recovers = 0;
       D;
       rec[r].state = POISON;
       D;
       n_poison++
    fi;
#endif
    D;
    begin_to_grant ()
  };
  grant_waiters ()
}

#ifdef FREE_THE_DEAD
#define is_lost(r) false
#else
#define is_lost(r) (rec[r].state == HELD && rec[r].x)
#endif

/* Everything that the dead victim left. */
inline reap ()
{
  do
  :: atomic {
       d_step {
         do
         :: dying < NR && (rec[dying].id != victim || rec[dying].state == FREE || rec[dying].state == POISON) -> dying++
         :: else -> break
         od
       };
       if
       :: dying == NR -> dying = 0; break
       :: else
       fi
     };
     if
     :: is_lost (dying) -> make_poison (dying)
     :: rec[dying].state == REPAIRED ->
        fixed = dying; dying = 0;
        clear_poison (rec[fixed].range);
        release (fixed);
        fixed = 0
     :: else -> release (dying)
     fi
  od
}

/* The caller has the range from here on. */
inline enter_section ()
{
  d_step {
    for (i : 1 .. N) {
      assert (!(i != me && alive[i] && (section[i] & range[me]) != 0 && (x[i] || x[me])))
    };
    assert (recovers[me] || (damaged & range[me]) == 0);
    /* Who repairs is told so. */
    ok = 0;
    for (i : 0 .. NR - 1) {
      if :: rec[i].state == POISON && (arr[i] & range[me]) != 0 -> ok = 1 :: else fi
    };
    assert (ok || !recovers[me] || (damaged & range[me]) == 0);
    section[me] = range[me];
    busy[me] = 0;
    ok = 0; i = 0
  }
}

/* The requests of a configuration. */
inline pick_any ()
{
  if :: range[me] = 1 :: range[me] = 2 :: range[me] = 3 fi;
  if :: x[me] = 1 :: x[me] = 0 :: x[me] = 1; recovers[me] = 1 fi;
  if :: deadline = FOREVER :: deadline = TIMED fi
}

/* Locks that conflict in one cell or the other. */
inline pick_exclusive ()
{
  x[me] = 1;
  if :: range[me] = 3 :: range[me] = 1 fi;
  if :: me == 3 -> recovers[me] = 1 :: true fi;
  deadline = (me == 2 -> TIMED : FOREVER)
}

/* One of each kind. */
inline pick_each ()
{
  if
  :: me == 1 -> range[me] = 3; x[me] = 1; deadline = FOREVER
  :: me == 2 -> range[me] = 1; x[me] = 1; if :: deadline = TIMED :: deadline = TRY fi; if :: recovers[me] = 1 :: true fi
  :: me == 3 -> range[me] = 2; if :: x[me] = 0 :: x[me] = 1 fi; deadline = FOREVER
  fi
}

/* A writer, and readers. */
inline pick_readers ()
{
  range[me] = (me == 3 -> 2 : 3); x[me] = me == 1; deadline = FOREVER
}

inline pick_writers ()
{
  range[me] = (me == 3 -> 1 : 3); x[me] = 1; deadline = FOREVER
}

/* One is cancelled. */
inline pick_cancelled ()
{
  range[me] = (me == 3 -> 1 : 3); x[me] = 1; deadline = FOREVER
}

/* One that wants both cells is poked, and finds one of them taken again; another
 * wants the other cell. */
inline pick_poked ()
{
  x[me] = 1; deadline = FOREVER;
  if
  :: me == 1 -> range[me] = 3
  :: me == 2 -> range[me] = 1
  :: me == 3 -> range[me] = (rounds == 1 -> 3 : 2)
  fi
}

/* The first withdraws, and comes back for another range; another withdraws
 * while the first rebuilds; and a third waits for that one. */
inline pick_dirty ()
{
  x[me] = 1;
  if
  :: me == 1 -> deadline = TIMED; range[me] = (rounds == 1 -> 1 : 2)
  :: else -> deadline = FOREVER; range[me] = 1
  fi
}

/* Three cells, the middle of which is recovered. */
inline pick_middle ()
{
  x[me] = 1; deadline = FOREVER;
  if
  :: me == 1 -> range[me] = 2; recovers[me] = 1
  :: me == 2 -> range[me] = 4
  :: me == 3 -> range[me] = 1; recovers[me] = 1
  fi
}

/* What somebody repairs another one wants, and a third one keeps the guard. */
inline pick_repaired ()
{
  x[me] = 1; deadline = FOREVER;
  if
  :: me == 1 -> range[me] = 3; recovers[me] = 1
  :: me == 2 -> range[me] = 1
  :: me == 3 -> range[me] = 4
  fi
}

/* Somebody dead is still in the table. */
#define is_left(r, p) \
  (rec[r].id == p && rec[r].state != FREE && rec[r].state != POISON)
#define left(p) \
  (!alive[p] && (guard == p || is_left (0, p) || \
                 is_left (1, p) || \
                 is_left (2, p)))
#define to_be_found (dirty || half_withdrawn || left (1) || left (2) || left (3))

#ifdef SPURIOUS
#define timer_fires(p) true
#else
#define timer_fires(p) to_be_found
#endif

proctype Process (byte me)
{
  byte rounds = (me == 1 -> ROUNDS_1 : ROUNDS), deadline;
  byte w, v, todo, poked_x, poked_s, span, late, obstacles, dying, seen, victim, fixed;
  byte entered;
  bit fast, probe, give_up, withdrawing, back, room, expired, impatient;

next:
  atomic {
    own[me] = NR; busy[me] = 0;
    if
    :: rounds == 0 -> range[me] = 0; x[me] = 0; recovers[me] = 0; deadline = 0; goto done
    :: else
    fi;
#ifdef LOOP
    if :: me == 1 -> rounds-- :: else fi;
#else
    rounds--;
#endif
    recovers[me] = 0;
    PICK ();
    probe = 1; give_up = 0; expired = 0; impatient = 0;
    busy[me] = 1;
    GUARD_ENTER_FIRST
  };

  /* tbuf_lock_acquire() */
  guard_enter (deadline != FOREVER);
  if
  :: !entered -> goto failed
  :: else
  fi;

look:
  /* step(), with the guard. The first look, in tbuf_lock_acquire() itself, differs
   * from it only in that it never gives up. */
#ifndef LATE_WAITING
  if
  :: atomic { own[me] < NR && rec[own[me]].state == POKED -> D;
       /* From here on, a poke is for a later look. */
       if :: rec[own[me]].state == POKED -> rec[own[me]].state = WAITING; back = 1 :: else fi }
  :: else
  fi;
#endif
  atomic {
    D;
    entered = 0;
    if
    :: own[me] < NR && rec[own[me]].state == GRANTED -> goto take
    :: CANCEL == me && cancelled -> goto give_up_request
    :: else
    fi;
    d_step {
      examine (me);
      v = verdict; obstacles = blockers;
      has_room (me);
      room = ok || own[me] < NR;
      t = 0; i = 0; blockers = 0; ok = 0
    };
    if
    :: v == V_ABANDONED ->
       room = 0;
       d_step {
         for (i : 0 .. NR - 1) {
           if :: is_poison (i, me) && (rec[i].range & range[me] & ~vouched) != 0 -> ok = 1 :: else fi
         };
         assert (ok);
         ok = 0; i = 0
       };
       goto give_up_request
    :: v == V_FREE && room -> room = 0; goto take
    :: else
    fi;
    v = 0;
    if
    :: give_up && deadline != FOREVER -> room = 0; goto give_up_request
    :: !expired && !(give_up && deadline == TRY)
    fi;
    if
    :: own[me] < NR -> room = 0; goto wait_again
    :: own[me] == NR && room && deadline != TRY ->
       d_step { add (me); waiting = waiting | (1 << own[me]) };
       D;
       rec[own[me]].state = WAITING
    :: else -> room_armed = 1; room_same[me] = 1
    fi;
    room = 0;
    guard_leave ()
  };
  goto probe_and_sleep;

wait_again:
  atomic {
    D;
#ifndef NO_ENTITLEMENT
    if
    :: rec[own[me]].entitled = 1; impatient = 0
#ifndef LOOP
    :: !impatient
#endif
    fi;
#endif
#ifdef LATE_WAITING
    D;
    if :: rec[own[me]].state == POKED -> back = 1 :: else fi;
    rec[own[me]].state = WAITING;
#endif
#ifdef KEEP_POKE
    back = 0;
#endif
    if
    :: back ->
       /* Those who slept behind this one's poke are to have it. */
       back = 0; span = rec[own[me]].range; begin_to_grant ()
    :: else -> w = NR
    fi
  };
  grant_waiters ();
  atomic { guard_leave () };

probe_and_sleep:
  if
  :: CANCEL == me && own[me] < NR && connected == 0 ->
     atomic { D; connected = own[me] + 1; if :: cancelled -> in_callback = 1 :: else fi }
  :: else
  fi;

  /* reap_dead_obstacles() */
  atomic {
    D;
    give_up = 1;
    if
    :: probe && ((!alive[1] && (obstacles & 2)) || (!alive[2] && (obstacles & 4)) || (!alive[3] && (obstacles & 8))) ->
       d_step {
         victim = 1;
         do :: alive[victim] || !(obstacles & (1 << victim)) -> victim++ :: else -> break od
       };
       GUARD_ENTER_FIRST
    :: else -> /* sleep_until_poked() */
       probe = 0; obstacles = 0;
       if
       :: deadline != TRY && own[me] < NR && rec[own[me]].state == WAITING -> asleep[me] = 1
       :: deadline != TRY && own[me] == NR && room_same[me] -> asleep[me] = 1
       :: else
       fi
    fi
  };
  if
  :: victim != 0 ->
     guard_enter (MAY_TIME_OUT);
     if
     :: entered ->
        reap ();
        atomic { give_up = 0; obstacles = 0; probe = 0; entered = 0; guard_leave () }
     :: else
     fi;
     atomic { obstacles = obstacles & ~(1 << victim); victim = 0; if :: give_up -> goto probe_and_sleep :: else fi }
  :: else ->
     if
     :: MAY_DIE
     :: atomic { !asleep[me] -> skip }
     :: atomic { asleep[me] && timer_fires (me) -> asleep[me] = 0; probe = 1; goto progress_timer }
     :: atomic { asleep[me] && deadline == TIMED -> asleep[me] = 0; expired = 1 }
     :: atomic { asleep[me] && own[me] < NR && !rec[own[me]].entitled -> asleep[me] = 0; impatient = 1 }
     fi
  fi;
  goto awake;

progress_timer:
  skip;

awake:
  atomic { room_same[me] = 0; GUARD_ENTER_FIRST };
  guard_enter (deadline != FOREVER);
  if
  :: entered -> goto look
  :: else
  fi;

  /* The guard was not to be had. */
  if
  :: own[me] < NR -> withdraw (FREE)
  :: else
  fi;
  goto disconnect;

give_up_request:
  atomic { v = 0; obstacles = 0; back = 0 };
  if
  :: own[me] < NR -> release (own[me])
  :: else
  fi;
  atomic { own[me] = NR; guard_leave () };

disconnect:
  if
  :: CANCEL == me && connected != 0 -> atomic { !in_callback -> D; connected = 0 }
  :: else
  fi;
failed:
  atomic { obstacles = 0; probe = 0; give_up = 0; entered = 0; goto next };

take:
  atomic {
    v = 0; obstacles = 0; back = 0;
    D;
    if
    :: own[me] < NR ->
       /* tbuf_lock_table_hold() */
       d_step { stop_waiting (own[me]); rec[own[me]].state = HELD }
    :: else ->
       d_step { add (me) };
       D;
       rec[own[me]].state = HELD
    fi;
    guard_leave ();
    probe = 0; give_up = 0; entered = 0;
#ifdef CLEAR_EARLY
    GUARD_ENTER_FIRST
#else
    if :: CANCEL == me && connected != 0 -> goto disconnect_holder :: else fi;
    enter_section ();
    goto held
#endif
  };
#ifdef CLEAR_EARLY
  guard_enter (false);
  if :: recovers[me] -> clear_poison (range[me]) :: else fi;
  atomic { entered = 0; guard_leave (); enter_section (); goto held };
#endif

disconnect_holder:
  atomic { !in_callback -> D; connected = 0; enter_section () };

held:
  /* tbuf_lock_release(). The owner vouches for the bytes. */
  atomic {
    D;
    d_step {
      section[me] = 0;
      if :: recovers[me] -> damaged = damaged & ~range[me] :: else fi;
      busy[me] = 1
    };
    GUARD_ENTER_FIRST
  };
  guard_enter (MAY_TIME_OUT);
  if
  :: entered ->
     entered = 0;
     if :: recovers[me] -> clear_poison (range[me]) :: else fi;
     release (own[me]);
     atomic { own[me] = NR; guard_leave (); goto next }
  :: else ->
     /* The middle of a range stays as it is where there is no record for its right part. */
     v = (recovers[me] && range[me] != 2 -> range[me] : 0);
#ifdef FREE_REPAIRED
     withdraw (FREE);
#else
     withdraw ((recovers[me] -> REPAIRED : FREE));
#endif
     goto next
  fi;

dead:
done:
  skip
}

/* Somebody else's thread in the process of the one that is cancelled. */
proctype Canceller ()
{
  byte r;

  if
  :: atomic { alive[CANCEL] -> cancelled = 1; if :: connected != 0 -> in_callback = 1 :: else fi }
  :: atomic { !alive[CANCEL] -> goto done }
  fi;

  do
  :: atomic { in_callback && alive[CANCEL] ->
       r = connected - 1;
       if :: rec[r].state == WAITING -> rec[r].state = POKED :: else -> r = NR fi };
     atomic {
       if :: r < NR && alive[CANCEL] -> d_step { wake (r) } :: else fi;
       r = 0;
       in_callback = 0
     }
  :: atomic { !alive[CANCEL] -> goto done }
  :: atomic { range[CANCEL] == 0 && !busy[CANCEL] -> goto done }
  od;
done:
  skip
}

#define is_quiet (guard == 0 && !to_be_found && !(busy[1] && !asleep[1]) && !(busy[2] && !asleep[2]) && \
                  !(busy[3] && !asleep[3]) && !in_callback)
#define is_blocked(p) (blocks (0, p) || blocks (1, p) || blocks (2, p))
#define is_abandoned(p) \
  ((is_poison (0, p) || is_poison (1, p) || is_poison (2, p)) && \
   !is_recovering (0, p) && !is_recovering (1, p) && !is_recovering (2, p))
#define for_nothing(p) \
  (asleep[p] && \
   ((own[p] < NR && (rec[own[p]].state == GRANTED || !is_blocked (p) || is_abandoned (p))) || \
    (own[p] == NR && (used & ((1 << (recovers[p] -> NR : NR - RESERVED)) - 1)) != \
                     (1 << (recovers[p] -> NR : NR - RESERVED)) - 1) || \
    (p == CANCEL && own[p] < NR && cancelled)))

proctype Monitor ()
{
end:
  atomic { is_quiet && (for_nothing (1) || for_nothing (2) || for_nothing (3)) -> assert (false) }
}

init
{
  atomic {
    alive[1] = 1; alive[2] = 1; alive[3] = PROCESSES == 3;
    own[1] = NR; own[2] = NR; own[3] = NR;
#ifdef POISONED
    rec[0].state = POISON; rec[0].x = 1; rec[0].range = 7; rec[0].ticket = 1;
    arr[0] = 7; used = 1; n_poison = 1; damaged = 7;
#endif
    run Process (1); run Process (2);
    if :: PROCESSES == 3 -> run Process (3) :: else fi;
#ifndef LOOP
    run Monitor ();
#endif
    if :: CANCEL != 0 -> run Canceller () :: else fi
  }
}

#ifdef LOOP
ltl served { <> (section[1] != 0) }
#endif
