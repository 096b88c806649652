/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The change words
 * ================
 *
 * Two processes change the table, and two watch it. Any two of them may be killed.
 *
 *     here              in libtbuf/
 *     guard_enter       tbuf_guard_enter(), tbuf_guard_wait(), enter() in tbuf-guard.c
 *     guard_leave       tbuf_guard_leave()
 *     rebuild           tbuf_lock_table_rebuild(): what it does to the change words
 *     advance           advance_change_word() in tbuf-lock-table.c
 *     Changer           whoever changes a record and calls tbuf_lock_table_announce();
 *                       or free_without_guard() in tbuf-lock.c
 *     Watcher           run(), arm() and look() in tbuf-watcher.c
 *     Reader            look() of a read-only mapping
 *
 * The table is two stripes of two fields, a and b, which a changer makes equal
 * before it leaves the guard. A change touches one stripe, and then advances the
 * word of that stripe, or both, and then the wide word. Watcher 1 watches stripe 0,
 * watcher 2 both. A death may come between any two operations on shared memory
 * (D). What the guard's owner does is one atomic block where nobody without the
 * guard could tell its parts from each other (THEN).
 *
 * With -DREADER a third process looks at the table without the guard, and the two
 * watchers are left out, and so is free_without_guard(), whose one store cannot be
 * seen by halves.
 *
 * Time. A watcher's timer (100 ms) fires only where a look failed because the
 * guard could not be had, and while there is something for it to find: a dead
 * owner of the guard, or the dirty word. The model shows that it is needed for
 * nothing else.
 *
 * What must hold
 *   - no lost signal (Monitor): when all is quiet, every watcher has seen the
 *     stripes that it watches as they are;
 *   - nobody sees a state that never was: a and b are equal for all who look;
 *   - nobody is stuck: no state without a way on but the end, in which watchers
 *     sleep.
 *
 * Broken on purpose, each of which must fail:
 *   SEPARATE_FLAG     the arm is a word of its own, cleared after the wake
 *   LOOK_THEN_ARM     the watcher looks first and arms then
 *   ARM_BY_STORE      … arms by load and store, instead of fetch-or
 *   NO_ADVANCE        the changer clears the bit without counting
 *   NO_WIDE           the watcher does not arm the wide word
 *   NO_REBUILD        a stolen guard is used as it was found
 *   REBUILD_ONE       rebuild() advances the wide word only
 *   LOOK_UNGUARDED    the watcher looks without the guard
 *   NO_ODD            a reader takes an odd sequence for good
 *   NO_RECHECK        … does not look at the sequence again
 */

#ifndef KILLS
#define KILLS 2
#endif
#ifndef CHANGES
#define CHANGES 2      /* of each changer */
#endif

#ifndef WATCHERS
#define WATCHERS 2
#endif
#ifndef CHANGERS
#define CHANGERS 2
#endif

#define N 4            /* 1 and 2 change, 3 and 4 watch */
#define WIDE 2

byte guard;
bit dirty;
byte sequence;
byte a[2], b[2];
byte word[3];          /* of the stripes, and the wide one: bit 0 is the arm, the rest counts */
#ifdef SEPARATE_FLAG
bit flag[3];
#endif

bit alive[N + 1];
bit asleep[N + 1];
bit busy[N + 1];       /* changes something at this moment */
bit failed[N + 1];     /* could not look */
byte waits[N + 1];     /* the words that a watcher sleeps on, a bit each */
byte seen_0[N + 1], seen_1[N + 1];
bit half_withdrawn;    /* somebody died between the two stores of free_without_guard() */
byte kills = KILLS;

hidden byte i, t;

#define MAY_DIE atomic { kills > 0 -> \
    d_step { \
      kills--; alive[me] = 0; asleep[me] = 0; busy[me] = 0; failed[me] = 0; waits[me] = 0; \
      if :: withdrawing -> half_withdrawn = 1; withdrawing = 0 :: else fi; \
      seen_0[me] = 0; seen_1[me] = 0; fast = 0; owner = 0; rebuilds = 0; entered = 0 \
    }; \
    goto dead }
#define D if :: MAY_DIE :: true fi

#if defined (READER) || defined (LOOK_UNGUARDED)
#define THEN }; atomic { D;
#else
#define THEN D;
#endif

/* Nobody but a reader looks at the table's sequence. */
#ifdef READER
#define END_SEQUENCE   sequence = (sequence | 1) + 1 }; atomic { D
#else
#define END_SEQUENCE   skip
#endif

#define to_be_found (dirty || half_withdrawn || (guard != 0 && !alive[guard]))

inline wake (which)
{
  d_step {
    for (i : 3 .. 4) {
      if :: asleep[i] && (waits[i] & (1 << (which))) -> asleep[i] = 0 :: else fi
    };
    i = 0
  }
}

/* Within an atomic block. */
inline advance (which)
{
#ifdef SEPARATE_FLAG
  if
  :: flag[which] -> D; word[which] = word[which] + 2; D; wake (which); D; entered = 2
  :: else
  fi
#else
  if
  :: word[which] & 1 ->
#ifdef NO_ADVANCE
     word[which] = word[which] & 254;
#else
     word[which]++;
#endif
     D;
     wake (which)
  :: else
  fi
#endif
}

#ifdef SEPARATE_FLAG
/* Too late: it may have been set again. */
inline clear_flag (which)
{
  if
  :: entered == 2 -> atomic { flag[which] = 0; entered = 1 }
  :: else
  fi
}
#endif

inline rebuild_word (which)
{
  atomic {
    D;
#ifdef SEPARATE_FLAG
    flag[which] = 1;
    D;
#endif
    advance (which)
  }
#ifdef SEPARATE_FLAG
  ;
  clear_flag (which)
#endif
}

inline rebuild ()
{
  atomic {
    D;
    dirty = 0; half_withdrawn = 0;
    THEN
    b[0] = a[0];
    THEN
    b[1] = a[1]
  };
  /* The dead owner may have cleared the bit of one word, and not woken its sleepers
   * any more: they sleep on another one as well. */
#ifndef REBUILD_ONE
  rebuild_word (0);
  rebuild_word (1);
#endif
  rebuild_word (WIDE)
}

inline guard_enter (may_time_out)
{
  do
  :: MAY_DIE
  :: atomic { guard == 0 -> guard = me; entered = 1; rebuilds = !fast;
       break }
  :: atomic { guard != 0 && alive[guard] && fast -> fast = 0 }
  :: atomic { guard != 0 && !alive[guard] && owner == 0 -> owner = guard; fast = 0 }
  :: atomic { owner != 0 ->
       if
       :: guard == owner -> guard = me; entered = 1; rebuilds = 2; owner = 0; break
       :: else -> owner = 0
       fi }
  :: atomic { guard != 0 && alive[guard] && owner == 0 && (may_time_out) -> fast = 0; break }
  od;
#ifdef READER
  if
  :: entered -> atomic { D; sequence = sequence | 1 }
  :: else
  fi;
#endif
  if
  :: entered && (rebuilds == 2 || (rebuilds == 1 && dirty)) ->
     atomic { fast = 0; rebuilds = 0 };
#ifndef NO_REBUILD
     rebuild ()
#endif
  :: else -> atomic { fast = 0; rebuilds = 0 }
  fi
}

/* Within an atomic block. */
#define GUARD_LEAVE D; END_SEQUENCE; guard = 0; entered = 0

proctype Changer (byte me)
{
  byte changes = CHANGES, stripe, owner, rebuilds, entered;
  bit wide, fast, withdrawing;

next:
  atomic {
    if
    :: changes == 0 -> goto done
    :: changes > 0 -> changes--; busy[me] = 1
    fi;
    if
    :: stripe = 0; wide = 0
    :: stripe = 1; wide = 0
    :: stripe = 0; wide = 1
#ifndef READER
    :: goto withdraw
#endif
    fi;
    fast = !dirty
  };
  guard_enter (false);
  atomic {
    D;
    a[stripe]++;
    THEN
    b[stripe]++;
    THEN
    a[1] = a[1] + wide;
    THEN
    b[1] = b[1] + wide;
    D;
    if
    :: wide -> advance (WIDE)
    :: else -> advance (stripe)
    fi
  };
#ifdef SEPARATE_FLAG
  if
  :: wide -> clear_flag (WIDE)
  :: else -> clear_flag (stripe)
  fi;
#endif
  atomic { GUARD_LEAVE; busy[me] = 0; stripe = 0; goto next };

withdraw:
  /* One store of a record's state, and then the dirty word. */
  atomic { D; a[0]++; b[0]++; withdrawing = 1 };
  atomic { D; dirty = 1; withdrawing = 0; busy[me] = 0; goto next };

dead:
done:
  skip
}

#ifdef ARM_BY_STORE
#define arm(which, v) atomic { D; v = word[which] | 1 }; atomic { D; word[which] = v }
#elif defined (SEPARATE_FLAG)
#define arm(which, v) atomic { D; flag[which] = 1 }; atomic { D; v = word[which] }
#else
#define arm(which, v) atomic { D; word[which] = word[which] | 1; v = word[which] }
#endif

inline arm_all ()
{
#ifndef NO_WIDE
  arm (WIDE, v_wide);
#endif
  arm (0, v_0);
  if
  :: me == 4 -> arm (1, v_1)
  :: else
  fi
}

inline see ()
{
  d_step {
    assert (a[0] == b[0]);
    assert (a[1] == b[1]);
    seen_0[me] = a[0];
    seen_1[me] = (me == 4 -> a[1] : 0);
    failed[me] = 0
  }
}

inline look ()
{
#ifdef LOOK_UNGUARDED
  atomic { D; see () }
#else
  fast = !dirty;
  guard_enter (true);
  if
  :: entered -> atomic { D; see (); GUARD_LEAVE }
  :: else -> failed[me] = 1
  fi
#endif
}

#ifdef NO_WIDE
#define wide_is_same true
#else
#define wide_is_same (word[WIDE] == v_wide)
#endif

proctype Watcher (byte me)
{
  byte v_0, v_1, v_wide, owner, rebuilds, entered;
  bit fast, withdrawing;

  do
  :: true ->
#ifdef LOOK_THEN_ARM
     look ();
     arm_all ();
#else
     arm_all ();
     look ();
#endif
     /* tbuf_system_futex_wait_any() */
     atomic {
       D;
       if
       :: word[0] == v_0 && (me == 3 || word[1] == v_1) && wide_is_same -> asleep[me] = 1; waits[me] = (me == 3 -> 5 : 7)
       :: else
       fi;
       v_0 = 0; v_1 = 0; v_wide = 0
     };
end:
     if
     :: MAY_DIE
     :: atomic { !asleep[me] -> waits[me] = 0 }
     :: atomic { asleep[me] && (to_be_found || failed[me]) -> asleep[me] = 0; waits[me] = 0 }
     fi
  od;
dead:
  skip
}

#ifdef NO_ODD
#define was_even true
#else
#define was_even (!(before & 1))
#endif
#ifdef NO_RECHECK
#define is_same true
#else
#define is_same (sequence == before)
#endif

/* look() of a read-only mapping. */
proctype Reader ()
{
  byte before, x, y;

  before = sequence;
  x = a[0];
  y = b[0];
  atomic {
    if
    :: was_even && is_same -> assert (x == y)
    :: else
    fi
  }
}

#define is_quiet (guard == 0 && !to_be_found && !busy[1] && !busy[2])
#define missed_0(p) (alive[p] && asleep[p] && !failed[p] && seen_0[p] != a[0])
#define missed_1(p) (alive[p] && asleep[p] && !failed[p] && seen_1[p] != a[1])

proctype Monitor ()
{
end:
  atomic { is_quiet && (missed_0 (3) || missed_0 (4) || missed_1 (4)) -> assert (false) }
}

init
{
  atomic {
    alive[1] = 1; alive[2] = CHANGERS == 2; alive[3] = WATCHERS == 2; alive[4] = 1;
    run Changer (1);
    if :: CHANGERS == 2 -> run Changer (2) :: else fi;
#ifdef READER
    run Reader ()
#else
    if :: WATCHERS == 2 -> run Watcher (3) :: else fi;
    run Watcher (4);
    run Monitor ()
#endif
  }
}
