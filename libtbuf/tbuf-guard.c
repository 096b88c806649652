/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-lock-table-private.h"

#include "tbuf-system-private.h"

/* The guard
 * =========
 *
 * Whoever changes the lock table holds the guard: a futex word with the id of
 * its owner. It is held for nanoseconds, and nobody wakes those who wait for it:
 * they spin briefly, then sleep in short timed waits; a try spins on for its
 * millisecond as long as it sees the table change. That saves the owner a
 * second atomic operation, and a woken waiter could only ever be late.
 *
 * An owner that died is found by asking the kernel whether its id still lives.
 * Who finds it dead puts its own id in its place and rebuilds what the dead one
 * may have left half done. An owner that is merely stopped is alive, and its
 * guard is never taken: so nothing may wait for the guard without a limit that
 * its own caller set.
 */

#define N_SPINS 100
#define FIRST_SLEEP_US 200
#define LONGEST_SLEEP_US 2000

/* Who has no more time than this goes on spinning while the owners change: a sleep
 * would pass over all the moments in which nobody has the guard. An owner that has
 * not been done for so long was interrupted. */
#define SPIN_LIMIT_US 1000
#define TURN_US 250

/* The guard names this process, and nothing changes at so many looks of about 2 ms:
 * then no thread of ours has it, and a peer wrote the word. Looks are counted, not
 * time, because the process as a whole may have been stopped. */
#define MAX_OWN_LOOKS 1000

static inline void
relax (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile ("yield");
#endif
}

static gboolean
replace_owner (TbufLockTable *self,
               guint32        owner)
{
  return __atomic_compare_exchange_n (&self->words->guard, &owner, self->participant.id, FALSE,
                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static TbufGuardResult
enter (TbufLockTable *self,
       gboolean       stolen)
{
  TbufWords *words = self->words;

  __atomic_store_n (&words->table_sequence, words->table_sequence | 1, __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_RELEASE);

  if (stolen || __atomic_load_n (&words->dirty, __ATOMIC_RELAXED) != 0)
    {
      __atomic_store_n (&words->dirty, 0, __ATOMIC_SEQ_CST);
      tbuf_lock_table_rebuild (self);
    }

  return TBUF_GUARD_ENTERED;
}

static gboolean
spin (TbufLockTable *self)
{
  for (guint i = 0; i < N_SPINS; i++)
    {
      if (__atomic_load_n (&self->words->guard, __ATOMIC_RELAXED) == 0 && replace_owner (self, 0))
        return TRUE;
      relax ();
    }

  return FALSE;
}

/* tbuf_guard_enter() when the first try did not do. */
TbufGuardResult
tbuf_guard_wait (TbufLockTable *self,
                 gint64         timeout_us)
{
  guint32 *guard = &self->words->guard;
  gint64 sleep_us = FIRST_SLEEP_US;
  guint32 sequence = __atomic_load_n (&self->words->table_sequence, __ATOMIC_RELAXED);
  guint n_own_looks = 0;
  gint64 start, last_move;

  if (self->participant.id == 0)
    return TBUF_GUARD_BROKEN;

  if (spin (self))
    return enter (self, FALSE);

  start = last_move = g_get_monotonic_time ();
  while (TRUE)
    {
      guint32 owner = __atomic_load_n (guard, __ATOMIC_RELAXED);
      guint32 sequence_now = __atomic_load_n (&self->words->table_sequence, __ATOMIC_RELAXED);
      gboolean moves = sequence_now != sequence;
      gint64 now, left;

      if (owner == 0)
        {
          n_own_looks = 0;
          if (replace_owner (self, 0))
            return enter (self, FALSE);
          continue;
        }

      now = g_get_monotonic_time ();
      left = timeout_us < 0 ? LONGEST_SLEEP_US : timeout_us - (now - start);
      sequence = sequence_now;
      if (moves)
        last_move = now;

      if (timeout_us > 0 && timeout_us <= SPIN_LIMIT_US && left > 0 && now - last_move < TURN_US)
        {
          if (spin (self))
            return enter (self, FALSE);
          continue;
        }

      if (!tbuf_participant_is_alive (&self->participant, owner))
        {
          if (replace_owner (self, owner))
            return enter (self, TRUE);
          continue;
        }

      if (owner != self->participant.id || moves)
        n_own_looks = 0;
      else if (++n_own_looks > MAX_OWN_LOOKS)
        return TBUF_GUARD_BROKEN;

      if (left <= 0)
        return TBUF_GUARD_TIMED_OUT;

      tbuf_system_futex_wait (guard, owner, MIN (sleep_us, left));
      sleep_us = MIN (2 * sleep_us, LONGEST_SLEEP_US);
    }
}
