/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-lock-table-private.h"

#include "tbuf-error.h"
#include "tbuf-process-private.h"
#include "tbuf-system-private.h"

/* How long a waiter can be overtaken. */
#define PATIENCE_US 1000

/* How often a waiter looks for itself whether those it waits for still live. */
#define BACKSTOP_US 20000

/* How long a try waits for the guard, which is held for nanoseconds unless its
 * owner was stopped. */
#define TRY_GUARD_US 1000

/* How long an unlock waits for it, before it leaves the rest to the next owner. */
#define UNLOCK_GUARD_US 10000

/* How long anything else waits for it. */
#define ENTER_GUARD_US G_USEC_PER_SEC

#define NO_RECORD TBUF_N_RECORDS

/* One call to tbuf_lock_acquire() that did not get the range at once. */
typedef struct
{
  TbufLockTable   *table;
  TbufHold        *hold;
  const TbufClaim *claim;
  GCancellable    *cancellable;
  guint64          owner;
  guint32          index;        /* of its waiting record */
  guint32          room;         /* the room word's value, where there is no such record */
  gint64           start_time;
  gint64           timeout_us;
  TbufObstacle     obstacle;
} Wait;

static gboolean
table_is_closed (TbufLockTable *self)
{
  return __atomic_load_n (&self->closed, __ATOMIC_ACQUIRE) != 0;
}

static gboolean
set_guard_error (TbufLockTable  *self,
                 TbufGuardResult result,
                 gboolean        is_try,
                 GError        **error)
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

static const char *
mode_to_string (guint32 mode)
{
  return mode == TBUF_LOCK_MODE_SHARED ? "a shared lock" : "an exclusive lock";
}

/* Bytes are named first to last, as people count them. */
static void
set_obstacle_error (const Wait *self,
                    TbufError   code,
                    const char *what,
                    GError    **error)
{
  const TbufClaim *claim = self->claim;
  const TbufObstacle *obstacle = &self->obstacle;

  if (!obstacle->found)
    g_set_error (error, TBUF_ERROR, code,
                 "Could not take %s on bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ": %s, the lock table is full",
                 mode_to_string (claim->mode), claim->start, claim->end - 1, what);
  else
    g_set_error (error, TBUF_ERROR, code,
                 "Could not take %s on bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                 ": %s, process %u has %s on bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                 mode_to_string (claim->mode), claim->start, claim->end - 1, what, obstacle->pid,
                 mode_to_string (obstacle->mode), obstacle->start, obstacle->end - 1);
}

/* Under the guard: the claim is held by the record from now on. */
static void
set_hold (TbufLockTable   *self,
          TbufHold        *hold,
          const TbufClaim *claim,
          guint32          index,
          guint64          owner)
{
  /* Two threads that waited for shared locks through one object share a record. */
  if (G_UNLIKELY (hold->record != 0))
    {
      tbuf_lock_table_release (self, index);
      hold->count++;
      return;
    }

  *hold = (TbufHold) {
    .record = index + 1,
    .mode = claim->mode,
    .count = 1,
    .attachment = self->attachment,
    .owner = owner,
  };
}

/* Any thread: makes the waiter look again. It may see a poke that came to
 * nothing; that is harmless. */
static void
on_cancelled (GCancellable *cancellable,
              gpointer      user_data)
{
  TbufRecord *record = user_data;
  guint32 expected = TBUF_RECORD_WAITING;

  if (__atomic_compare_exchange_n (&record->state, &expected, TBUF_RECORD_POKED, FALSE, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    tbuf_system_futex_wake (&record->state, TRUE);
}

/* The guard could not be had in time: withdraw without it. The next owner of the
 * guard finds the table dirty and puts the rest right. */
static void
free_without_guard (TbufLockTable *self,
                    guint32        index)
{
  __atomic_store_n (&self->records[index].state, TBUF_RECORD_FREE, __ATOMIC_RELEASE);
  __atomic_store_n (&self->words->dirty, 1, __ATOMIC_SEQ_CST);
}

static gint64
get_time_left (const Wait *self)
{
  if (self->timeout_us < 0)
    return G_MAXINT64;

  return MAX (self->start_time + self->timeout_us - g_get_monotonic_time (), 0);
}

/* Asks the kernel about everyone in the way; takes the guard only if somebody is dead. */
static gboolean
reap_dead_obstacles (Wait *self)
{
  TbufLockTable *table = self->table;
  gboolean any = FALSE;

  for (guint i = 0; i < self->obstacle.n_ids; i++)
    {
      guint32 id = self->obstacle.ids[i];

      if (tbuf_participant_is_alive (&table->participant, id))
        continue;
      if (tbuf_guard_enter (table, MIN (get_time_left (self), UNLOCK_GUARD_US)) != TBUF_GUARD_ENTERED)
        continue;

      tbuf_lock_table_reap (table, id);
      tbuf_guard_leave (table);
      any = TRUE;
    }

  return any;
}

typedef enum
{
  STEP_DONE,
  STEP_SLEEP,
  STEP_FAILED,
} Step;

/* One look at the table, under the guard: take the range, give up, or be found
 * waiting. Leaves no record behind where it fails. */
static Step
step (Wait     *self,
      gboolean  may_give_up,
      GError  **error)
{
  TbufLockTable *table = self->table;
  TbufRecord *record = self->index != NO_RECORD ? &table->records[self->index] : NULL;
  gint64 left = get_time_left (self);
  TbufVerdict verdict;
  guint32 state;

  self->obstacle = (TbufObstacle) { 0 };

  if (record != NULL)
    {
      state = __atomic_load_n (&record->state, __ATOMIC_ACQUIRE);
      if (record->id != table->participant.id || state == TBUF_RECORD_FREE || state >= TBUF_RECORD_HELD)
        {
          self->index = NO_RECORD;
          g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                               "The arena's lock table is corrupt: a waiting request was overwritten");
          return STEP_FAILED;
        }
      if (state == TBUF_RECORD_GRANTED)
        {
          tbuf_lock_table_hold (table, self->index);
          set_hold (table, self->hold, self->claim, self->index, self->owner);
          return STEP_DONE;
        }
    }

  if (table_is_closed (table))
    g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_CLOSED, "The arena was closed");
  else if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    ;
  else if ((verdict = tbuf_lock_table_examine (table, self->claim, self->index, &self->obstacle)) == TBUF_VERDICT_ABANDONED)
    set_obstacle_error (self, TBUF_ERROR_OWNER_DIED, "their owner died, and only recover() takes them", error);
  else if (verdict == TBUF_VERDICT_FREE && (record != NULL || tbuf_lock_table_has_room (table, self->claim, FALSE)))
    {
      if (record != NULL)
        tbuf_lock_table_hold (table, self->index);
      else
        self->index = tbuf_lock_table_add (table, self->claim, TBUF_RECORD_HELD, self->owner);
      set_hold (table, self->hold, self->claim, self->index, self->owner);
      return STEP_DONE;
    }
  else if (self->timeout_us != 0 && verdict == TBUF_VERDICT_WAIT &&
           tbuf_lock_table_would_deadlock (table, self->claim, self->index, self->owner))
    set_obstacle_error (self, TBUF_ERROR_DEADLOCK, "waiting would never end", error);
  else if (may_give_up && left == 0)
    {
      if (self->timeout_us == 0)
        set_obstacle_error (self, TBUF_ERROR_BUSY, "not now", error);
      else
        set_obstacle_error (self, TBUF_ERROR_TIMED_OUT, "the time was up", error);
    }
  else
    {
      if (record == NULL && self->timeout_us != 0 && tbuf_lock_table_has_room (table, self->claim, TRUE))
        self->index = tbuf_lock_table_add (table, self->claim, TBUF_RECORD_WAITING, self->owner);
      else if (record != NULL)
        {
          if (g_get_monotonic_time () - self->start_time >= PATIENCE_US)
            __atomic_store_n (&record->flags, record->flags | TBUF_RECORD_ENTITLED, __ATOMIC_RELAXED);
          __atomic_store_n (&record->state, TBUF_RECORD_WAITING, __ATOMIC_RELEASE);
        }
      else
        self->room = __atomic_fetch_or (&table->words->room, 1, __ATOMIC_SEQ_CST) | 1;
      return STEP_SLEEP;
    }

  if (self->index != NO_RECORD)
    tbuf_lock_table_release (table, self->index);
  self->index = NO_RECORD;
  return STEP_FAILED;
}

static void
sleep_until_poked (Wait *self)
{
  TbufLockTable *table = self->table;
  gint64 waited = g_get_monotonic_time () - self->start_time;
  gint64 limit = waited < PATIENCE_US ? PATIENCE_US - waited : BACKSTOP_US;

  limit = MIN (limit, get_time_left (self));

  if (self->index != NO_RECORD)
    tbuf_system_futex_wait (&table->records[self->index].state, TBUF_RECORD_WAITING, limit);
  else
    tbuf_system_futex_wait (&table->words->room, self->room, limit);
}

/* Called with the guard held, which it leaves. */
static gboolean
acquire_slowly (Wait    *self,
                GError **error)
{
  TbufLockTable *table = self->table;
  gint64 last_probe = G_MININT64;
  gulong cancelled_id = 0;
  gboolean may_give_up = FALSE;
  TbufGuardResult result;
  Step next;

  while ((next = step (self, may_give_up, error)) == STEP_SLEEP)
    {
      gint64 now;

      tbuf_guard_leave (table);

      if (cancelled_id == 0 && self->cancellable != NULL && self->index != NO_RECORD)
        cancelled_id = g_cancellable_connect (self->cancellable, G_CALLBACK (on_cancelled),
                                              &table->records[self->index], NULL);

      now = g_get_monotonic_time ();
      if (last_probe == G_MININT64 || now - last_probe >= BACKSTOP_US)
        {
          last_probe = now;
          may_give_up = !reap_dead_obstacles (self);
        }
      else
        may_give_up = TRUE;

      if (may_give_up && self->timeout_us != 0)
        sleep_until_poked (self);

      /* A grant may have come by now: the guard is worth a little more time than there is left. */
      result = tbuf_guard_enter (table, self->timeout_us < 0 ? -1 : MAX (get_time_left (self), TRY_GUARD_US));
      if (result != TBUF_GUARD_ENTERED)
        {
          set_guard_error (table, result, self->timeout_us == 0, error);
          if (self->index != NO_RECORD)
            free_without_guard (table, self->index);
          g_cancellable_disconnect (self->cancellable, cancelled_id);
          return FALSE;
        }
    }

  tbuf_guard_leave (table);
  if (cancelled_id != 0)
    g_cancellable_disconnect (self->cancellable, cancelled_id);

  return next == STEP_DONE;
}

/* Under the guard: what was held before a fork, in the parent, is void here. */
static inline gboolean
hold_is_stale (TbufLockTable  *self,
               const TbufHold *hold)
{
  return hold->record != 0 && hold->attachment != self->attachment;
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
  TbufObstacle obstacle = { 0 };
  TbufGuardResult result;
  Wait wait;

  if (G_UNLIKELY (self->participant.id == 0) && !tbuf_lock_attach (self, error))
    return FALSE;

  result = tbuf_guard_enter (self, timeout_us == 0 ? TRY_GUARD_US : timeout_us);
  if (G_UNLIKELY (result != TBUF_GUARD_ENTERED))
    return set_guard_error (self, result, timeout_us == 0, error);

  if (G_UNLIKELY (hold_is_stale (self, hold)))
    *hold = (TbufHold) { 0 };

  if (G_LIKELY (!table_is_closed (self) && !g_cancellable_is_cancelled (cancellable)))
    {
      /* Shared locks of one object are counted, and an empty range meets nothing. */
      if (hold->record != 0 && hold->mode == claim->mode &&
          (claim->mode == TBUF_LOCK_MODE_SHARED || claim->start >= claim->end))
        {
          hold->count++;
          tbuf_guard_leave (self);
          return TRUE;
        }

      if (tbuf_lock_table_examine (self, claim, NO_RECORD, &obstacle) == TBUF_VERDICT_FREE &&
          tbuf_lock_table_has_room (self, claim, FALSE))
        {
          set_hold (self, hold, claim, tbuf_lock_table_add (self, claim, TBUF_RECORD_HELD, owner), owner);
          tbuf_guard_leave (self);
          return TRUE;
        }
    }

  wait = (Wait) {
    .table = self,
    .hold = hold,
    .claim = claim,
    .cancellable = cancellable,
    .owner = owner,
    .index = NO_RECORD,
    .start_time = g_get_monotonic_time (),
    .timeout_us = timeout_us,
  };
  return acquire_slowly (&wait, error);
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

/* Under the guard: the index of the record, or NO_RECORD where a peer overwrote it. */
static guint32
take_record (TbufLockTable *self,
             TbufHold      *hold)
{
  guint32 index = hold->record - 1;
  TbufRecord *record = &self->records[index];

  *hold = (TbufHold) { 0 };
  return record->id == self->participant.id && record->state == TBUF_RECORD_HELD ? index : NO_RECORD;
}

gboolean
tbuf_lock_release (TbufLockTable   *self,
                   TbufHold        *hold,
                   const TbufClaim *claim,
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

      if (hold->record != 0 && hold->count > 1)
        {
          __atomic_sub_fetch (&hold->count, 1, __ATOMIC_RELAXED);
          return TRUE;
        }

      number = __atomic_exchange_n (&hold->record, 0, __ATOMIC_ACQ_REL);
      if (number == 0)
        return set_not_held_error (error);

      /* Nobody else writes a held record of a living participant. */
      free_without_guard (self, number - 1);
      return TRUE;
    }

  if (G_UNLIKELY (hold->record == 0))
    {
      tbuf_guard_leave (self);
      return set_not_held_error (error);
    }
  if (G_UNLIKELY (hold_is_stale (self, hold)))
    {
      *hold = (TbufHold) { 0 };
      tbuf_guard_leave (self);
      return set_detached_error (error);
    }
  if (hold->count > 1)
    {
      hold->count--;
      tbuf_guard_leave (self);
      return TRUE;
    }

  index = take_record (self, hold);
  if (G_UNLIKELY (index == NO_RECORD))
    {
      tbuf_guard_leave (self);
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                           "The arena's lock table is corrupt: the record of this lock was overwritten");
      return FALSE;
    }

  /* Its owner vouches for the bytes. Dying between the two leaves the range abandoned. */
  recovers = (self->records[index].flags & TBUF_RECORD_RECOVERS) != 0;
  if (recovers)
    tbuf_lock_table_clear_poison (self, claim->start, claim->end);
  tbuf_lock_table_release (self, index);
  tbuf_guard_leave (self);
  return TRUE;
}

/* The object that holds the lock is gone: that is the death of its owner. */
void
tbuf_lock_abandon (TbufLockTable *self,
                   TbufHold      *hold)
{
  guint32 index;

  if (hold->record == 0 || self->participant.id == 0 || hold_is_stale (self, hold) ||
      tbuf_guard_enter (self, UNLOCK_GUARD_US) != TBUF_GUARD_ENTERED)
    return;

  index = take_record (self, hold);
  if (index != NO_RECORD)
    tbuf_lock_table_abandon (self, index);
  tbuf_guard_leave (self);
}

/* The strongest lock of anyone on the range. Needs no guard, as each record is
 * decided by its one state word; a dead owner's is told by asking for him. */
TbufLockState
tbuf_lock_get_state (TbufLockTable   *self,
                     const TbufClaim *claim)
{
  guint32 high = MIN (__atomic_load_n (&self->words->high, __ATOMIC_ACQUIRE), TBUF_N_RECORDS);
  TbufLockState strongest = TBUF_LOCK_STATE_FREE;

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

      /* Who repairs an abandoned range holds it exclusively, and that is what others meet. */
      if (state == TBUF_RECORD_HELD && found == TBUF_LOCK_STATE_EXCLUSIVE)
        return found;
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

  return result == TBUF_GUARD_ENTERED || set_guard_error (self, result, FALSE, error);
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
  guint32 slot;

  tbuf_process_lock ();
  if (participant->id == 0)
    {
      if (participant->live_fd < 0)
        attached = tbuf_participant_join (participant, self->fd, FALSE, error);

      attached = attached && tbuf_participant_take_slot (participant, self->slots, error);
      if (attached)
        self->attachment++;
    }
  tbuf_process_unlock ();

  if (!attached)
    {
      if (error != NULL && *error == NULL)
        g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "The arena is being removed");
      return FALSE;
    }

  /* Whoever had the slot before is dead, and what it left is known to be so. */
  slot = TBUF_ID_TO_SLOT (participant->id);
  if (!tbuf_lock_enter_table (self, error))
    return FALSE;

  for (guint32 i = 0; i < MIN (self->words->high, TBUF_N_RECORDS); i++)
    {
      guint32 id = self->records[i].id;

      if (TBUF_ID_TO_SLOT (id) == slot && id != participant->id)
        tbuf_lock_table_reap (self, id);
    }
  tbuf_guard_leave (self);

  return TRUE;
}
