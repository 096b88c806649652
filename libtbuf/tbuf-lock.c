/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-lock-table-private.h"

#include <unistd.h>

#include "tbuf-error.h"
#include "tbuf-lock-path-private.h"
#include "tbuf-process-private.h"
#include "tbuf-wait-private.h"

/* How long a try waits for the guard, which is held for nanoseconds unless its
 * owner was stopped. */
#define TRY_GUARD_US 1000

/* How long an unlock waits for it, before it leaves the rest to the next owner. */
#define UNLOCK_GUARD_US 10000

/* How often one who waits for it looks whether he was cancelled. */
#define GUARD_SLICE_US 20000
#define MAX_OWN_SLICES 100

/* How long anything else waits for it. */
#define ENTER_GUARD_US G_USEC_PER_SEC

#define NO_RECORD TBUF_N_RECORDS

/* Always FALSE. */
gboolean
tbuf_lock_set_guard_error (TbufLockTable    *self,
                           TbufGuardResult   result,
                           gboolean          is_try,
                           GError          **error)
{
  guint32 owner = __atomic_load_n (&self->words->guard, __ATOMIC_RELAXED);
  guint32 pid = __atomic_load_n (&self->slots[TBUF_ID_TO_SLOT (owner)].pid, __ATOMIC_RELAXED);

  if (result == TBUF_GUARD_BROKEN)
    g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                         "The arena's lock table is corrupt: it says that this process is changing it, and no thread is");
  else
    g_set_error (error, TBUF_ERROR, is_try ? TBUF_ERROR_BUSY : TBUF_ERROR_TIMED_OUT,
                 "The arena's lock table is being changed by process %u, which seems to be stopped", pid);

  return FALSE;
}

/* The next owner of the guard finds the table dirty. It is so before the change, or
 * whoever dies in between leaves one that nobody puts right; and again after it, for
 * the table may have been rebuilt meanwhile. */
static void
set_state_without_guard (TbufLockTable   *self,
                         guint32          index,
                         TbufRecordState  state)
{
  __atomic_store_n (&self->words->dirty, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n (&self->records[index].state, (guint32) state, __ATOMIC_RELEASE);
  __atomic_store_n (&self->words->dirty, 1, __ATOMIC_SEQ_CST);
}

/* The guard could not be had in time. Its next owner finds the table dirty and
 * puts the rest right. */
void
tbuf_lock_free_without_guard (TbufLockTable *self,
                              guint32        index)
{
  set_state_without_guard (self, index, TBUF_RECORD_FREE);
}

/* Takes the guard for a caller, who can cancel, or close the arena, while its
 * owner is stopped. A negative timeout means no limit, and 0 a try. */
gboolean
tbuf_lock_enter_for_caller (TbufLockTable  *self,
                            gint64          timeout_us,
                            GCancellable   *cancellable,
                            GError        **error)
{
  gint64 start = g_get_monotonic_time ();
  gint64 limit = timeout_us < 0 ? G_MAXINT64 : MAX (timeout_us, TRY_GUARD_US);
  guint32 sequence = 0;
  guint n_own_slices = 0;

  while (TRUE)
    {
      gint64 left = limit - (g_get_monotonic_time () - start);
      TbufGuardResult result = tbuf_guard_enter (self, CLAMP (left, 0, GUARD_SLICE_US));

      if (result == TBUF_GUARD_ENTERED)
        return TRUE;
      if (result == TBUF_GUARD_BROKEN || left <= 0)
        return tbuf_lock_set_guard_error (self, result, timeout_us == 0, error);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;

      /* As in tbuf_guard_wait(), whose own count ends with each slice. */
      if (__atomic_load_n (&self->words->guard, __ATOMIC_RELAXED) != self->participant.id ||
          __atomic_load_n (&self->words->table_sequence, __ATOMIC_RELAXED) != sequence)
        {
          sequence = __atomic_load_n (&self->words->table_sequence, __ATOMIC_RELAXED);
          n_own_slices = 0;
        }
      else if (++n_own_slices > MAX_OWN_SLICES)
        return tbuf_lock_set_guard_error (self, TBUF_GUARD_BROKEN, FALSE, error);

      if (tbuf_lock_table_is_closed (self))
        {
          g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_CLOSED, "The arena was closed");
          return FALSE;
        }
    }
}

/* Under the guard: what was held before a fork, in the parent, is void here. */
static inline gboolean
hold_is_stale (TbufLockTable  *self,
               const TbufHold *hold)
{
  return hold->record != 0 && hold->attachment != self->attachment;
}

/* Under the guard, which it leaves: the lock could not be had at once. start_time is
 * when the wait for the guard began, which was a part of it; 0: there was none. */
static G_GNUC_NO_INLINE gboolean
wait_for_lock (TbufLockTable   *self,
               TbufHold        *hold,
               const TbufClaim *claim,
               gint64           timeout_us,
               GCancellable    *cancellable,
               guint64          owner,
               gint64           start_time,
               GError         **error)
{
  TbufWait wait;

  tbuf_wait_init (&wait, self, hold, claim, timeout_us, cancellable, owner);
  if (start_time != 0)
    wait.start_time = start_time;
  return tbuf_wait_run (&wait, error);
}

/* Whether the object's shared lock can be counted once more. A thread that has one
 * waits for nobody who may wait for it. */
static gboolean
can_count (TbufLockTable   *self,
           TbufHold        *hold,
           const TbufClaim *claim,
           guint64          owner)
{
  if (hold->mode != claim->mode || hold->is_upgrading ||
      (claim->mode != TBUF_LOCK_MODE_SHARED && claim->start < claim->end))
    return FALSE;

  return tbuf_hold_is_thread_s (hold, owner) || is_free (self, claim);
}

/* timeout_us: -1 for no limit, 0 to try. Errors leave everything as it was. */
gboolean
tbuf_lock_acquire (TbufLockTable   *self,
                   TbufHold        *hold,
                   const TbufClaim *claim,
                   gint64           timeout_us,
                   GCancellable    *cancellable,
                   GError         **error)
{
  guint64 owner = tbuf_thread_get_token ();
  gint64 start = 0;

  if (G_UNLIKELY (self->participant.id == 0) && !tbuf_lock_attach (self, error))
    return FALSE;

  if (G_UNLIKELY (tbuf_guard_enter (self, 0) != TBUF_GUARD_ENTERED))
    {
      start = g_get_monotonic_time ();
      if (!tbuf_lock_enter_for_caller (self, timeout_us, cancellable, error))
        return FALSE;
    }

  if (G_UNLIKELY (hold_is_stale (self, hold)))
    *hold = (TbufHold) { 0 };

  if (G_LIKELY (!tbuf_lock_table_is_closed (self) && (cancellable == NULL || !g_cancellable_is_cancelled (cancellable))))
    {
      guint32 index;

      /* Shared locks of one object are counted, and an empty range meets nothing. */
      if (G_UNLIKELY (hold->record != 0) && can_count (self, hold, claim, owner))
        {
          tbuf_hold_count (hold, self, owner);
          tbuf_guard_leave (self);
          return TRUE;
        }

      if (G_LIKELY (!hold->is_upgrading) && is_free (self, claim) &&
          (index = find_room (self, claim, FALSE)) != NO_RECORD)
        {
          fill_record (self, index, claim, TBUF_RECORD_HELD, owner);
          if (G_LIKELY (hold->record == 0 && hold->sharers == NULL))
            *hold = (TbufHold) {
              .record = index + 1,
              .mode = claim->mode,
              .count = 1,
              .attachment = self->attachment,
              .owner = owner,
            };
          else
            tbuf_hold_set (hold, self, claim, index, owner);
          tbuf_guard_leave (self);

          /* What the caller writes comes after the sequences that tell of it. */
          __atomic_thread_fence (__ATOMIC_RELEASE);
          return TRUE;
        }
    }

  return wait_for_lock (self, hold, claim, timeout_us, cancellable, owner, start, error);
}

static gboolean
set_not_held_error (GError **error)
{
  g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_NOT_HELD, "There is no lock to release: this object holds none");
  return FALSE;
}

static gboolean
set_detached_error (GError **error)
{
  g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_DETACHED,
                       "The lock was taken before a fork and belongs to the parent process: there is none to release here");
  return FALSE;
}

static gboolean
set_overwritten_error (GError **error)
{
  g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                       "The arena's lock table is corrupt: the record of this lock was overwritten");
  return FALSE;
}

static gboolean
record_is_ours (TbufLockTable *self,
                guint32        index)
{
  TbufRecord *record = &self->records[index];

  return __atomic_load_n (&record->id, __ATOMIC_RELAXED) == self->participant.id &&
         __atomic_load_n (&record->state, __ATOMIC_ACQUIRE) == TBUF_RECORD_HELD;
}

/* Under the guard: the index of the record, or NO_RECORD where a peer overwrote it. */
static guint32
take_record (TbufLockTable *self,
             TbufHold      *hold)
{
  guint32 index = hold->record - 1;

  *hold = (TbufHold) { .sharers = hold->sharers };
  return record_is_ours (self, index) ? index : NO_RECORD;
}

/* Whether the object holds a lock, in this process. */
static gboolean
check_held (TbufLockTable  *self,
            TbufHold       *hold,
            GError        **error)
{
  if (hold->record == 0)
    return set_not_held_error (error);
  if (!hold_is_stale (self, hold))
    return TRUE;

  *hold = (TbufHold) { 0 };
  return set_detached_error (error);
}

/* owner: the thread whose lock it is; NULL: the calling one. */
static inline __attribute__ ((always_inline)) gboolean
release (TbufLockTable   *self,
         TbufHold        *hold,
         const TbufClaim *claim,
         const guint64   *owner,
         GError         **error)
{
  TbufGuardResult result;
  gboolean recovers;
  guint32 index;

  if (G_UNLIKELY (self->participant.id == 0))
    {
      if (hold->record == 0)
        return set_not_held_error (error);

      *hold = (TbufHold) { 0 };
      return set_detached_error (error);
    }

  result = tbuf_guard_enter (self, UNLOCK_GUARD_US);
  if (G_UNLIKELY (result != TBUF_GUARD_ENTERED))
    {
      guint32 number;

      if (!check_held (self, hold, error))
        return FALSE;

      /* The sharers are left as they are: the thread passes for one of them until
       * the record goes. */
      if (hold->count > 1 && __atomic_sub_fetch (&hold->count, 1, __ATOMIC_RELAXED) > 0)
        return TRUE;

      number = __atomic_exchange_n (&hold->record, 0, __ATOMIC_ACQ_REL);
      if (number == 0)
        return set_not_held_error (error);
      if (!record_is_ours (self, number - 1))
        return set_overwritten_error (error);

      /* Nobody else writes a held record of a living participant. */
      recovers = (__atomic_load_n (&self->records[number - 1].flags, __ATOMIC_RELAXED) & TBUF_RECORD_RECOVERS) != 0;
      set_state_without_guard (self, number - 1, recovers ? TBUF_RECORD_REPAIRED : TBUF_RECORD_FREE);
      return TRUE;
    }

  if (G_UNLIKELY (!check_held (self, hold, error)))
    {
      tbuf_guard_leave (self);
      return FALSE;
    }
  if (G_UNLIKELY (hold->count > 1) && tbuf_hold_uncount (hold, self, owner != NULL ? *owner : tbuf_thread_get_token ()))
    {
      tbuf_guard_leave (self);
      return TRUE;
    }

  index = take_record (self, hold);
  if (G_UNLIKELY (index == NO_RECORD))
    {
      tbuf_guard_leave (self);
      return set_overwritten_error (error);
    }

  /* Its owner vouches for the bytes. Dying between the two leaves the range abandoned. */
  recovers = (self->records[index].flags & TBUF_RECORD_RECOVERS) != 0;
  if (recovers)
    tbuf_lock_table_clear_poison (self, claim->start, claim->end);
  release_record (self, index);
  tbuf_guard_leave (self);
  return TRUE;
}

gboolean
tbuf_lock_release (TbufLockTable   *self,
                   TbufHold        *hold,
                   const TbufClaim *claim,
                   GError         **error)
{
  return release (self, hold, claim, NULL, error);
}

/* A lock that its owner never got to see. What was to be recovered stays abandoned:
 * nobody has repaired it. */
void
tbuf_lock_give_back (TbufLockTable   *self,
                     TbufHold        *hold,
                     const TbufClaim *claim,
                     guint64          owner)
{
  guint32 number = __atomic_load_n (&hold->record, __ATOMIC_ACQUIRE);

  /* Nobody else writes a held record of a living participant. */
  if (number != 0 && !hold_is_stale (self, hold) && record_is_ours (self, number - 1))
    __atomic_fetch_and (&self->records[number - 1].flags, ~(guint32) TBUF_RECORD_RECOVERS, __ATOMIC_RELAXED);

  release (self, hold, claim, &owner, NULL);
}

/* The calling thread gets a lock that was asked for without one. If the guard can't
 * be had in time, it stays nobody's: that is true as well, and says less. */
void
tbuf_lock_adopt (TbufLockTable *self,
                 TbufHold      *hold)
{
  if (self->participant.id == 0 || tbuf_guard_enter (self, UNLOCK_GUARD_US) != TBUF_GUARD_ENTERED)
    return;

  if (hold->record != 0 && !hold_is_stale (self, hold))
    tbuf_hold_adopt (hold, self, tbuf_thread_get_token ());
  tbuf_guard_leave (self);
}

/* A shared lock becomes exclusive, without a moment in which it is neither. */
gboolean
tbuf_lock_upgrade (TbufLockTable    *self,
                   TbufHold         *hold,
                   const TbufClaim  *claim,
                   gint64            timeout_us,
                   GCancellable     *cancellable,
                   GError          **error)
{
  gint64 start = g_get_monotonic_time ();
  TbufClaim upgrade = *claim;
  gboolean upgraded;
  TbufWait wait;

  if (self->participant.id == 0 && !tbuf_lock_attach (self, error))
    return FALSE;

  if (!tbuf_lock_enter_for_caller (self, timeout_us, cancellable, error))
    return FALSE;

  if (!check_held (self, hold, error))
    {
      tbuf_guard_leave (self);
      return FALSE;
    }
  if (hold->mode == TBUF_LOCK_MODE_EXCLUSIVE)
    {
      tbuf_guard_leave (self);
      return TRUE;
    }
  if (hold->is_upgrading)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK,
                           "Another thread is upgrading the lock of this object already");
      tbuf_guard_leave (self);
      return FALSE;
    }

  upgrade.partner = hold->record;
  hold->is_upgrading = TRUE;
  tbuf_wait_init (&wait, self, hold, &upgrade, timeout_us, cancellable, tbuf_thread_get_token ());
  wait.start_time = start;
  upgraded = tbuf_wait_run (&wait, error);

  /* Whoever released the lock meanwhile has reset this already. */
  __atomic_store_n (&hold->is_upgrading, FALSE, __ATOMIC_RELEASE);
  return upgraded;
}

/* An exclusive lock becomes shared, without a moment in which it is neither. */
gboolean
tbuf_lock_downgrade (TbufLockTable    *self,
                     TbufHold         *hold,
                     const TbufClaim  *claim,
                     GError          **error)
{
  TbufRecord *record;
  gboolean held;

  if (self->participant.id == 0)
    return release (self, hold, claim, NULL, error);
  if (!tbuf_lock_enter_table (self, error))
    return FALSE;

  held = check_held (self, hold, error);
  if (held && hold->mode == TBUF_LOCK_MODE_EXCLUSIVE)
    {
      record = &self->records[hold->record - 1];
      if (record->flags & TBUF_RECORD_RECOVERS)
        {
          tbuf_lock_table_clear_poison (self, claim->start, claim->end);
          __atomic_store_n (&record->flags, 0, __ATOMIC_RELAXED);
        }
      tbuf_lock_table_change_mode (self, hold->record - 1, TBUF_LOCK_MODE_SHARED);
      hold->mode = TBUF_LOCK_MODE_SHARED;
    }

  tbuf_guard_leave (self);
  return held;
}

/* The object that holds the lock is gone: that is the death of its owner. */
void
tbuf_lock_abandon (TbufLockTable *self,
                   TbufHold      *hold)
{
  guint32 index;

  /* What another thread was changing at a fork is left alone in the child. */
  if (self->participant.id == 0 || hold_is_stale (self, hold))
    return;

  g_clear_pointer (&hold->sharers, g_array_unref);
  if (hold->record == 0)
    return;

  if (tbuf_guard_enter (self, UNLOCK_GUARD_US) != TBUF_GUARD_ENTERED)
    {
      TbufRecord *record = &self->records[hold->record - 1];

      if (!record_is_ours (self, hold->record - 1))
        return;
      if (hold->mode == TBUF_LOCK_MODE_SHARED || (record->flags & TBUF_RECORD_NO_DATA) || record->start >= record->end)
        {
          tbuf_lock_free_without_guard (self, hold->record - 1);
          return;
        }

      __atomic_store_n (&record->owner, (guint64) getpid (), __ATOMIC_RELAXED);
      __atomic_store_n (&record->flags, 0, __ATOMIC_RELAXED);
      set_state_without_guard (self, hold->record - 1, TBUF_RECORD_POISON);
      return;
    }

  index = take_record (self, hold);
  if (index != NO_RECORD)
    tbuf_lock_table_abandon (self, index);
  tbuf_guard_leave (self);
}

/* Puts right what somebody changed without the guard, if that can be done now: for
 * those who look at the table without the guard themselves. */
void
tbuf_lock_tidy (TbufLockTable *self)
{
  if (G_UNLIKELY (__atomic_load_n (&self->words->dirty, __ATOMIC_ACQUIRE) != 0) && !self->participant.read_only &&
      self->participant.id != 0 && tbuf_guard_enter (self, 0) == TBUF_GUARD_ENTERED)
    tbuf_guard_leave (self);
}

/* In the child of a fork there is no description to ask the kernel with until it
 * opens one of its own. Who only asks does that, too: without one, the dead could
 * not be told from the living, and the child would not count as present. */
void
tbuf_lock_take_part (TbufLockTable *self)
{
  if (G_LIKELY (self->participant.live_fd >= 0))
    return;

  if (!self->participant.read_only)
    {
      tbuf_lock_attach (self, NULL);
      return;
    }

  tbuf_process_lock ();
  if (self->participant.live_fd < 0)
    tbuf_participant_join (&self->participant, self->fd, TRUE, NULL);
  tbuf_process_unlock ();
}

/* The strongest lock of anyone on the range. Needs no guard, as each record is
 * decided by its one state word; a dead owner's is told by asking for him. */
TbufLockState
tbuf_lock_get_state (TbufLockTable   *self,
                     const TbufClaim *claim)
{
  TbufLockState strongest = TBUF_LOCK_STATE_FREE;
  guint32 high;

  tbuf_lock_take_part (self);
  tbuf_lock_tidy (self);
  high = get_high (self);

  for (guint32 i = 0; i < high; i++)
    {
      TbufRecord *record = &self->records[i];
      guint32 state = __atomic_load_n (&record->state, __ATOMIC_ACQUIRE);
      guint32 mode = __atomic_load_n (&record->mode, __ATOMIC_RELAXED);
      guint32 id = __atomic_load_n (&record->id, __ATOMIC_RELAXED);
      TbufLockState found;

      if (state < TBUF_RECORD_GRANTED || state > TBUF_RECORD_POISON ||
          __atomic_load_n (&record->start, __ATOMIC_RELAXED) >= claim->end ||
          __atomic_load_n (&record->end, __ATOMIC_RELAXED) <= claim->start)
        continue;

      if (state == TBUF_RECORD_POISON)
        found = TBUF_LOCK_STATE_ABANDONED;
      else if (tbuf_participant_is_alive (&self->participant, id))
        found = mode == TBUF_LOCK_MODE_SHARED ? TBUF_LOCK_STATE_SHARED : TBUF_LOCK_STATE_EXCLUSIVE;
      else
        found = mode == TBUF_LOCK_MODE_SHARED ? TBUF_LOCK_STATE_FREE : TBUF_LOCK_STATE_ABANDONED;

      strongest = MAX (strongest, found);
    }

  return strongest;
}

TbufLockMode
tbuf_lock_get_held_mode (TbufLockTable  *self,
                         const TbufHold *hold)
{
  if (__atomic_load_n (&hold->record, __ATOMIC_ACQUIRE) == 0 ||
      __atomic_load_n (&hold->attachment, __ATOMIC_RELAXED) != self->attachment || self->participant.id == 0)
    return TBUF_LOCK_MODE_NONE;

  return (TbufLockMode) __atomic_load_n (&hold->mode, __ATOMIC_RELAXED);
}

/* For one who holds the claim exclusively: nobody else changes poison under it. */
gboolean
tbuf_lock_has_poison (TbufLockTable   *self,
                      const TbufClaim *claim)
{
  return tbuf_lock_table_has_poison (self, claim->start, claim->end);
}

/* Takes the guard, for one who has something else to do under it. */
gboolean
tbuf_lock_enter_table (TbufLockTable  *self,
                       GError        **error)
{
  TbufGuardResult result = tbuf_guard_enter (self, ENTER_GUARD_US);

  return result == TBUF_GUARD_ENTERED || tbuf_lock_set_guard_error (self, result, FALSE, error);
}

/* Tells watchers that the bytes of a range have changed. */
void
tbuf_lock_announce (TbufLockTable *self,
                    guint64        start,
                    guint64        end)
{
  TbufWords *words = self->words;
  TbufAnnouncement *announcement;

  if (start >= end || (self->participant.id == 0 && !tbuf_lock_attach (self, NULL)) ||
      !tbuf_lock_enter_table (self, NULL))
    return;

  announcement = &words->announcements[words->n_announced % TBUF_N_ANNOUNCEMENTS];
  __atomic_store_n (&announcement->start, start, __ATOMIC_RELAXED);
  __atomic_store_n (&announcement->end, end, __ATOMIC_RELAXED);
  __atomic_store_n (&words->n_announced, words->n_announced + 1, __ATOMIC_RELEASE);
  tbuf_lock_table_announce (self, start, end);
  tbuf_guard_leave (self);
}

/* Becomes a participant with a slot: at first, and anew after a fork in the child. */
gboolean
tbuf_lock_attach (TbufLockTable  *self,
                  GError        **error)
{
  TbufParticipant *participant = &self->participant;
  gboolean attached = TRUE;

  tbuf_process_lock ();
  if (participant->id == 0)
    {
      if (participant->live_fd < 0)
        attached = tbuf_participant_join (participant, self->fd, FALSE, error);

      /* Before anyone can hold something under the new id. */
      self->attachment++;
      self->n_own = 0;
      self->n_own_waiting = 0;
      attached = attached && tbuf_participant_take_slot (participant, self->slots, error);
    }
  tbuf_process_unlock ();

  if (!attached)
    {
      if (error != NULL && *error == NULL)
        g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "The arena is being removed");
      return FALSE;
    }

  /* Whoever had the slot before is dead, and what it left is known to be so. */
  if (!tbuf_lock_enter_table (self, error))
    return FALSE;

  tbuf_lock_table_reap_slot (self);
  tbuf_guard_leave (self);

  return TRUE;
}
