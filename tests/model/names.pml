/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of a name
 * ==================
 *
 * Three processes create, open, leave, replace and unlink arenas of one name, and
 * two of them may be killed between any two system calls.
 *
 *     here            in libtbuf/
 *     create          tbuf_mapping_create() with fill() and join(); tbuf_name_publish() in tbuf-name.c
 *     replace         remove_stale()
 *     open            tbuf_mapping_open(), tbuf_name_open(), tbuf_name_is_file()
 *     leave           leave() in tbuf-mapping.c, tbuf_name_leave(), tbuf_participant_leave_last()
 *     unlink          tbuf_name_unlink()
 *     lock_read       tbuf_participant_join(): F_RDLCK on the presence byte; and the slot's
 *                     byte, which is had until the descriptor is closed
 *     lock_write      tbuf_system_lock_bytes (F_WRLCK) on the presence byte
 *     lock_all        the same on all of the participants' bytes
 *     REMOVE          remove_name(): takes the removal byte, waiting for it, looks at the
 *                     name again, and unlinks it
 *
 * S(…) is one system call, and what the process makes of its result; a death
 * may come before each. Files stand for inodes: a number is used again when nobody has the file
 * open and it has no name. A death drops the locks of all that the process had
 * open, as the kernel does. Who opened an arena with KEEP leaves its name behind,
 * as one who dies does.
 *
 * What must hold
 *   - a name that belongs to somebody living is never removed, but by unlink;
 *     one that is kept, neither (remove_name);
 *   - whoever opens a name gets a complete file, which had that name when its
 *     opener was present already (opened);
 *   - when all is quiet, a name that is left belongs to somebody living, or is
 *     kept, or somebody died over it (Monitor);
 *   - nobody loops for ever (non-progress cycles, with weak fairness).
 *
 * Broken on purpose, each of which must fail:
 *   LINK_EARLY         the file gets its name before it is complete
 *   PRESENCE_LATE      … before its creator is present
 *   NO_RECHECK         who opens does not look at the name again
 *   RECHECK_EARLY      … looks again before it is present
 *   KEEP_PRESENCE      who leaves keeps its own lock while it looks for others
 *   NO_INODE_CHECK     who removes a name does not look whose it is
 *   CLOSE_EARLY        … gives up its lock of the presence byte before it unlinks
 *   REPLACE_KEPT       who replaces does not ask whether it is to be kept
 *   UNLINK_UNLOCKED    who removes a name does not keep others from it: one given anew goes
 *   FORGET_FAILED      who opens, and fails after it was present, does not leave
 */

#ifndef KILLS
#define KILLS 2
#endif
#ifndef ROUNDS_1
#define ROUNDS_1 1     /* arenas that process 1 has, one after another; the others have one each */
#endif
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef UNLINKERS
#define UNLINKERS 1    /* processes 1 to this may unlink */
#endif

#define N 3
#define NF 6           /* files 1 to 5; 0: none */

byte name;             /* the file that has it */

/* The kernel's, per file. */
bit complete[NF];
bit keep[NF];
byte readers[NF];      /* of the presence byte: a bit per process */
byte slots[NF];        /* of the slots' bytes */
byte writer[NF];       /* a process, which has the presence byte for writing */
byte namer[NF];        /* … the removal byte */

byte fd[N + 1];        /* what each process has open: its arena, */
byte other[N + 1];     /* and what it is about to replace or unlink */

/* What the world knows. */
bit alive[N + 1];
bit busy[N + 1];
bit user[N + 1];       /* has an arena, the one in fd */
bit crashed[NF];       /* somebody died over it */
bit unlinked[NF];      /* by unlink() */
byte kills = KILLS;

hidden byte i, t;

#define users(f) \
  ((alive[1] && user[1] && fd[1] == f) || (alive[2] && user[2] && fd[2] == f) || (alive[3] && user[3] && fd[3] == f))

#define MAY_DIE atomic { kills > 0 -> \
    d_step { \
      kills--; alive[me] = 0; busy[me] = 0; user[me] = 0; rounds = 0; ok = 0; action = 0; \
      if :: fd[me] != 0 -> crashed[fd[me]] = 1 :: else fi; \
      if :: other[me] != 0 && (writer[other[me]] == me || namer[other[me]] == me) -> crashed[other[me]] = 1 :: else fi; \
      close_fd (fd[me]); \
      close_fd (other[me]) \
    }; \
    goto done }

/* One system call. */
#define S(what) if :: MAY_DIE :: atomic { true; what } fi

#ifdef UNLINK_UNLOCKED
#define LOCK_REMOVAL(f) skip
#else
#define LOCK_REMOVAL(f) if :: MAY_DIE :: atomic { namer[f] == 0 || namer[f] == me -> namer[f] = me } fi
#endif
#ifdef NO_INODE_CHECK
#define CHECK_NAME(f, otherwise) skip
#else
#define CHECK_NAME(f, otherwise) S (if :: name != f -> goto otherwise :: else fi)
#endif

#define REMOVE(f, otherwise) LOCK_REMOVAL (f); CHECK_NAME (f, otherwise); S (d_step { remove_name () })

inline forget_file (f)
{
  if
  :: f != 0 && name != f && fd[1] != f && fd[2] != f && fd[3] != f && other[1] != f && other[2] != f && other[3] != f ->
     complete[f] = 0; keep[f] = 0; crashed[f] = 0; unlinked[f] = 0
  :: else
  fi
}

inline unlock (f)
{
  readers[f] = readers[f] & ~(1 << me);
  slots[f] = slots[f] & ~(1 << me);
  if :: writer[f] == me -> writer[f] = 0 :: else fi;
  if :: namer[f] == me -> namer[f] = 0 :: else fi
}

/* With the descriptor go its locks. */
inline close_fd (f)
{
  t = f;
  f = 0;
  if
  :: t != 0 -> unlock (t); forget_file (t)
  :: else
  fi;
  t = 0
}

inline lock_read (f)
{
  ok = writer[f] == 0 || writer[f] == me;
  if :: ok -> readers[f] = readers[f] | (1 << me); slots[f] = slots[f] | (1 << me) :: else fi
}

inline lock_write (f)
{
  ok = (writer[f] == 0 || writer[f] == me) && (readers[f] & ~(1 << me)) == 0 && (namer[f] == 0 || namer[f] == me);
  if :: ok -> writer[f] = me :: else fi
}

inline lock_all (f)
{
  lock_write (f);
  if
  :: ok && ((slots[f] & ~(1 << me)) != 0 || (namer[f] != 0 && namer[f] != me)) -> writer[f] = 0; ok = 0
  :: else
  fi
}

/* An unlink of whatever has the name at this moment. */
inline remove_name ()
{
  if
  :: name != 0 ->
     assert (!users (name));
     assert (!keep[name]);
     t = name;
     name = 0;
     forget_file (t);
     t = 0
  :: else
  fi
}

inline new_file (f, kept)
{
  t = 1;
  do
  :: name == t || fd[1] == t || fd[2] == t || fd[3] == t || other[1] == t || other[2] == t || other[3] == t -> t++
  :: else -> break
  od;
  assert (t < NF);
  f = t;
  keep[t] = kept;
  t = 0
}

/* Somebody has it from here on. */
inline opened ()
{
  assert (complete[fd[me]]);
  assert (name == fd[me] || unlinked[fd[me]]);
  user[me] = 1
}

#define CREATE  1
#define REPLACE 2
#define OPEN    3
#define UNLINK  4

proctype Process (byte me)
{
  byte rounds = (me == 1 -> ROUNDS_1 : 1), action;
  bit ok;

next:
  atomic {
    busy[me] = 0; ok = 0; action = 0;
    if
    :: rounds == 0 -> goto done
    :: rounds > 0 -> rounds--
    fi;
    busy[me] = 1;
    if
    :: action = CREATE
    :: action = REPLACE
    :: goto open
    :: me <= UNLINKERS -> goto unlink
    fi
  };

  /* tbuf_mapping_create(). Nobody sees the file before it has a name: what is
   * done to it until then is one step. */
  atomic {
    d_step { new_file (fd[me], 0) };
    if
    :: me == 1 -> keep[fd[me]] = 1
    :: true
    fi;
#ifndef LINK_EARLY
    complete[fd[me]] = 1;
#endif
#ifndef PRESENCE_LATE
    lock_read (fd[me])
#endif
  };

publish:
  if
  :: MAY_DIE
  :: atomic { name == 0 -> name = fd[me];
#if !defined (PRESENCE_LATE) && !defined (LINK_EARLY)
       user[me] = 1; busy[me] = 0; goto inside
#endif
     }
#ifdef PRESENCE_LATE
     ;
     S (lock_read (fd[me]); user[me] = 1; busy[me] = 0; goto inside)
#endif
#ifdef LINK_EARLY
     ;
     S (complete[fd[me]] = 1; user[me] = 1; busy[me] = 0; goto inside)
#endif
  :: atomic { name != 0 && action == CREATE -> d_step { close_fd (fd[me]) }; goto next }
  :: atomic { name != 0 && action == REPLACE -> skip }
  fi;

  /* remove_stale() */
  S (
    other[me] = name;
    if :: other[me] == 0 -> goto publish :: else fi;
#ifndef REPLACE_KEPT
    if :: keep[other[me]] -> goto not_replaced :: else fi
#endif
  );
  S (lock_all (other[me]); if :: !ok -> goto not_replaced :: else fi);
#ifdef CLOSE_EARLY
  S (d_step { unlock (other[me]) });
#endif
  REMOVE (other[me], replaced);
replaced:
  S (d_step { close_fd (other[me]) }; goto publish);
not_replaced:
  S (d_step { close_fd (other[me]); close_fd (fd[me]) }; goto next);

open:
  S (fd[me] = name; if :: fd[me] == 0 -> goto next :: else fi);
#ifdef RECHECK_EARLY
  S (if :: name != fd[me] -> goto open_again :: else fi);
#endif
  S (lock_read (fd[me]); if :: !ok -> goto open_again :: else fi);
#if !defined (NO_RECHECK) && !defined (RECHECK_EARLY)
  S (if :: name != fd[me] -> goto open_again :: else -> opened () fi);
#else
  S (opened ());
#endif
  /* tbuf_lock_attach() may fail even now: no slot is free, or the guard can't be had. */
  atomic {
    if
    :: busy[me] = 0; goto inside
    :: goto open_failed
    fi
  };
open_again:
  S (d_step { close_fd (fd[me]) }; goto open);
open_failed:
#ifdef FORGET_FAILED
  S (user[me] = 0; d_step { close_fd (fd[me]) }; goto next);
#endif

inside:
  /* Uses it for as long as it likes, then leaves. */
#ifdef KEEP_PRESENCE
  S (user[me] = 0; busy[me] = 1; if :: keep[fd[me]] -> goto leave_close :: else fi);
  S (if :: (readers[fd[me]] & ~(1 << me)) != 0 || writer[fd[me]] != 0 -> goto leave_close :: else fi);
#else
  S (user[me] = 0; busy[me] = 1; if :: keep[fd[me]] -> goto leave_close :: else fi; readers[fd[me]] = readers[fd[me]] & ~(1 << me));
  S (lock_write (fd[me]); if :: !ok -> goto leave_close :: else fi);
#endif
#ifdef CLOSE_EARLY
  S (d_step { unlock (fd[me]) });
#endif
  REMOVE (fd[me], leave_close);
leave_close:
  S (d_step { close_fd (fd[me]) }; goto next);

unlink:
  S (other[me] = name; if :: other[me] == 0 -> goto next :: else fi);
  LOCK_REMOVAL (other[me]);
  CHECK_NAME (other[me], unlink_again);
  S (d_step {
    /* Only the arena that was found may go. */
    assert (name == 0 || name == other[me] || !users (name));
    if :: name != 0 -> unlinked[name] = 1 :: else fi;
    t = name;
    name = 0;
    forget_file (t);
    t = 0
  });
  S (d_step { close_fd (other[me]) }; goto next);
unlink_again:
  /* Another removes it, or has done so. */
  S (d_step { close_fd (other[me]) }; goto unlink);

done:
  skip
}

#define is_quiet (!(alive[1] && busy[1]) && !(alive[2] && busy[2]) && !(alive[3] && busy[3]))

proctype Monitor ()
{
end:
  atomic { is_quiet && name != 0 && !users (name) && !keep[name] && !crashed[name] -> assert (false) }
}

init
{
  atomic {
    alive[1] = 1; alive[2] = 1; alive[3] = PROCESSES == 3;
    if
    :: true                                         /* there is no such name, */
    :: name = 1; complete[1] = 1; crashed[1] = 1    /* it is stale, */
    :: name = 1; complete[1] = 1; keep[1] = 1       /* or it was kept */
    fi;
    run Process (1); run Process (2);
    if :: PROCESSES == 3 -> run Process (3) :: else fi;
    run Monitor ()
  }
}
