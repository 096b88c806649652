/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-wait-private.h"

#include "tbuf-error.h"
#include "tbuf-record-private.h"
#include "tbuf-system-private.h"

/* Waiting for a lock
 * ==================
 *
 * A waiter puts a record into the table and sleeps on the record's state. It
 * looks at the table, under the guard, whenever it wakes: because it was granted
 * the range, or poked to try its luck, or because its patience or its time is
 * over. Every now and then it asks the kernel whether those in its way still
 * live, with the guard free meanwhile.
 *
 * A thread that waits runs all of this in tbuf_wait_run(). Requests that have no
 * thread of their own are looked at by the watcher.
 */

/* How long a waiter can be overtaken. */
#define PATIENCE_US 1000

/* How often a waiter looks for itself whether those it waits for still live: less
 * often where many wait, as each look takes longer then, and there are more of them. */
#define BACKSTOP_US 5000
#define BACKSTOP_PER_WAITER_US 25

/* What a look is worth, beyond the time that is left: a grant may have come. */
#define LAST_LOOK_GUARD_US 1000

#define REAP_GUARD_US 10000

/* How many of the dead a waiter clears away before it looks again. */
#define MAX_REAPED 16

#define NO_RECORD TBUF_N_RECORDS

void
tbuf_wait_init (TbufWait        *self,
                TbufLockTable   *table,
                TbufHold        *hold,
                const TbufClaim *claim,
                gint64           timeout_us,
                GCancellable    *cancellable,
                guint64          owner)
{
  *self = (TbufWait) {
    .table = table,
    .hold = hold,
    .claim = *claim,
    .cancellable = cancellable,
    .owner = owner,
    .index = NO_RECORD,
    .start_time = g_get_monotonic_time (),
    .timeout_us = timeout_us,
  };
}

static const char *
mode_to_string (guint32 mode)
{
  return mode == TBUF_LOCK_MODE_SHARED ? "a shared lock" : "an exclusive lock";
}

/* Bytes are named first to last, as people count them. */
static void
set_obstacle_error (const TbufWait *self,
                    TbufError       code,
                    const char     *what,
                    GError        **error)
{
  const TbufClaim *claim = &self->claim;
  const TbufObstacle *obstacle = &self->obstacle;

  if (!obstacle->found && self->is_over_quota)
    g_set_error (error, TBUF_ERROR, code,
                 "Could not take %s on bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                 ": %s, this process has %u locks and requests in the arena, and %u are as many as one may have",
                 mode_to_string (claim->mode), claim->start, claim->end - 1, what, self->table->n_own, TBUF_QUOTA);
  else if (!obstacle->found)
    g_set_error (error, TBUF_ERROR, code,
                 "Could not take %s on bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ": %s, the lock table is full",
                 mode_to_string (claim->mode), claim->start, claim->end - 1, what);
  else
    g_set_error (error, TBUF_ERROR, code,
                 "Could not take %s on bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                 ": %s, process %u %s %s on bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                 mode_to_string (claim->mode), claim->start, claim->end - 1, what, obstacle->pid,
                 obstacle->is_poison ? "had" : "has",
                 mode_to_string (obstacle->mode), obstacle->start, obstacle->end - 1);
}

static void
complete (TbufWait *self)
{
  if (self->claim.partner != 0)
    {
      tbuf_lock_table_change_mode (self->table, self->claim.partner - 1, TBUF_LOCK_MODE_EXCLUSIVE);
      self->hold->mode = TBUF_LOCK_MODE_EXCLUSIVE;
      if (self->index != NO_RECORD)
        tbuf_lock_table_remove (self->table, self->index);
    }
  else
    {
      if (self->index != NO_RECORD)
        tbuf_lock_table_hold (self->table, self->index);
      else
        self->index = tbuf_lock_table_add (self->table, &self->claim, TBUF_RECORD_HELD, self->owner);
      tbuf_hold_set (self->hold, self->table, &self->claim, self->index, self->owner);
    }

  self->index = NO_RECORD;
}

static gint64
get_time_left (const TbufWait *self)
{
  if (self->timeout_us < 0)
    return G_MAXINT64;

  return MAX (self->timeout_us - (g_get_monotonic_time () - self->start_time), 0);
}

static gint64
get_backstop (const TbufWait *self)
{
  guint32 n_waiting = LOAD (self->table->words->n_waiting);

  return BACKSTOP_US + BACKSTOP_PER_WAITER_US * (gint64) MIN (n_waiting, TBUF_MAX_WAITING);
}

/* Whether waiting could never end. The walk from waiter to waiter is long where
 * there are many: it is repeated at growing intervals. */
static gboolean
is_hopeless (TbufWait *self)
{
  gint64 waited = g_get_monotonic_time () - self->start_time;

  if (!self->suspects_deadlock && waited < self->next_walk)
    return FALSE;

  self->next_walk = self->next_walk == 0 ? PATIENCE_US : MAX (2 * waited, 4 * BACKSTOP_US);
  self->suspects_deadlock =
    (self->claim.partner != 0 && tbuf_lock_table_has_upgrader (self->table, &self->claim, self->index)) ||
    (self->owner != 0 && tbuf_lock_table_would_deadlock (self->table, &self->claim, self->index, self->owner));
  return self->suspects_deadlock;
}

/* An upgrade in place needs no other record. */
static gboolean
has_record (const TbufWait *self)
{
  return self->index != NO_RECORD || self->claim.partner != 0 ||
         tbuf_lock_table_has_room (self->table, &self->claim, FALSE);
}

/* The participant has as many records as it may have, and all of them are the
 * waiting thread's. */
static gboolean
is_at_own_quota (TbufWait *self)
{
  self->is_over_quota = !is_privileged (&self->claim) && !tbuf_lock_table_has_quota (self->table, FALSE);

  return self->is_over_quota && self->owner != 0 && tbuf_lock_table_is_all_own (self->table, self->owner);
}

/* Behind an upgrade of the same object there is nothing to wait for in the table:
 * what would be granted is the very lock that is to become exclusive. */
static gboolean
is_behind_upgrade (const TbufWait *self)
{
  return self->claim.partner == 0 && self->hold->record != 0 && __atomic_load_n (&self->hold->is_upgrading, __ATOMIC_ACQUIRE);
}

static void
go_to_sleep (TbufWait *self,
             gboolean  was_poked)
{
  TbufLockTable *table = self->table;

  if (self->index != NO_RECORD)
    {
      TbufRecord *record = &table->records[self->index];

      if (g_get_monotonic_time () - self->start_time >= PATIENCE_US)
        __atomic_store_n (&record->flags, record->flags | TBUF_RECORD_ENTITLED, __ATOMIC_RELAXED);

      /* The poke came to nothing, and others were kept asleep behind it. */
      if (was_poked)
        tbuf_lock_table_grant (table, record->start, record->end);
    }
  else if (self->timeout_us == 0)
    return;
  else if (!is_behind_upgrade (self) && tbuf_lock_table_has_room (table, &self->claim, TRUE))
    self->index = tbuf_lock_table_add (table, &self->claim, TBUF_RECORD_WAITING, self->owner);
  else
    self->room = __atomic_fetch_or (&table->words->room, 1, __ATOMIC_SEQ_CST) | 1;
}

/* Other threads may have released what is to become exclusive, or have got a part
 * in it: one who was granted the object's range before shares this very record. */
static gboolean
can_upgrade (const TbufWait  *self,
             GError         **error)
{
  if (self->hold->record != self->claim.partner)
    g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_NOT_HELD,
                         "The shared lock was released while it waited to become exclusive");
  else if (self->hold->count > 1)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK,
                 "This object holds %u shared locks, and an upgrade would wait for its own others: it can have one",
                 self->hold->count);
  else
    return TRUE;

  return FALSE;
}

/* One look at the table, under the guard: take the range, give up, or be found
 * waiting. Leaves no record behind where it fails. */
TbufWaitStep
tbuf_wait_look (TbufWait  *self,
                GError   **error)
{
  TbufLockTable *table = self->table;
  gboolean was_poked = FALSE;
  TbufVerdict verdict;

  self->obstacle = (TbufObstacle) { 0 };

  if (self->claim.partner != 0 && !can_upgrade (self, error))
    {
      if (self->index != NO_RECORD)
        tbuf_lock_table_release (table, self->index);
      self->index = NO_RECORD;
      return TBUF_WAIT_FAILED;
    }

  if (self->index != NO_RECORD)
    {
      TbufRecord *record = &table->records[self->index];
      guint32 state = __atomic_load_n (&record->state, __ATOMIC_ACQUIRE);

      if (record->id != table->participant.id || state == TBUF_RECORD_FREE || state >= TBUF_RECORD_HELD)
        {
          self->index = NO_RECORD;
          g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                               "The arena's lock table is corrupt: a waiting request was overwritten");
          return TBUF_WAIT_FAILED;
        }
      if (state == TBUF_RECORD_GRANTED)
        {
          complete (self);
          return TBUF_WAIT_DONE;
        }

      /* Before the look at what a poke could be about: whoever cancels from now on pokes again. */
      was_poked = state == TBUF_RECORD_POKED;
      if (was_poked)
        __atomic_store_n (&record->state, TBUF_RECORD_WAITING, __ATOMIC_SEQ_CST);
    }

  if (tbuf_lock_table_is_closed (table))
    g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_CLOSED, "The arena was closed");
  else if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    ;
  else if ((verdict = tbuf_lock_table_examine (table, &self->claim, self->index, &self->obstacle)) == TBUF_VERDICT_ABANDONED)
    set_obstacle_error (self, TBUF_ERROR_OWNER_DIED, "an owner died, and only recover() takes them", error);
  else if (verdict == TBUF_VERDICT_FREE && has_record (self) && !is_behind_upgrade (self))
    {
      complete (self);
      return TBUF_WAIT_DONE;
    }
  else if (verdict == TBUF_VERDICT_FREE && is_at_own_quota (self) && self->timeout_us != 0)
    set_obstacle_error (self, TBUF_ERROR_DEADLOCK, "nobody but the calling thread could make room", error);
  else if (self->timeout_us != 0 && verdict == TBUF_VERDICT_WAIT && is_hopeless (self) && self->may_give_up)
    set_obstacle_error (self, TBUF_ERROR_DEADLOCK, "waiting would never end", error);
  else if (self->may_give_up && get_time_left (self) == 0)
    set_obstacle_error (self, self->timeout_us == 0 ? TBUF_ERROR_BUSY : TBUF_ERROR_TIMED_OUT,
                        self->timeout_us == 0 ? "not now" : "the time was up", error);
  else
    {
      go_to_sleep (self, was_poked);
      return TBUF_WAIT_SLEEP;
    }

  if (self->index != NO_RECORD)
    tbuf_lock_table_release (table, self->index);
  self->index = NO_RECORD;
  return TBUF_WAIT_FAILED;
}

/* Without the guard: reaps the one of that id if it is dead. */
static gboolean
reap_if_dead (TbufWait *self,
              guint32   id)
{
  TbufLockTable *table = self->table;

  if (tbuf_participant_is_alive (&table->participant, id) ||
      tbuf_guard_enter (table, MIN (get_time_left (self), REAP_GUARD_US)) != TBUF_GUARD_ENTERED)
    return FALSE;

  tbuf_lock_table_reap (table, id);
  tbuf_guard_leave (table);
  self->may_give_up = FALSE;
  return TRUE;
}

/* The table is full, and those in the way of a claim say nothing about who fills
 * it: asks about everyone who has a record. */
static void
probe_everyone (TbufWait *self)
{
  TbufLockTable *table = self->table;
  guint32 last_id = 0;
  guint n_reaped = 0;

  for (guint32 i = 0; i < TBUF_N_RECORDS && n_reaped < MAX_REAPED; i++)
    {
      guint32 state = __atomic_load_n (&table->records[i].state, __ATOMIC_RELAXED);
      guint32 id = __atomic_load_n (&table->records[i].id, __ATOMIC_RELAXED);

      if (state == TBUF_RECORD_FREE || state == TBUF_RECORD_POISON || id == last_id)
        continue;

      last_id = id;
      n_reaped += reap_if_dead (self, id);
    }
}

/* Without the guard: asks the kernel about everyone in the way, if it is time to.
 * Takes the guard only if somebody is dead. */
void
tbuf_wait_probe (TbufWait *self)
{
  gint64 now = g_get_monotonic_time ();

  self->may_give_up = TRUE;
  if (self->last_probe != 0 && now - self->last_probe < get_backstop (self))
    return;

  self->last_probe = now;
  for (guint i = 0; i < self->obstacle.n_ids; i++)
    reap_if_dead (self, self->obstacle.ids[i]);

  if (self->index == NO_RECORD && (self->timeout_us != 0 || !self->obstacle.found))
    probe_everyone (self);
}

/* Whether somebody has made the waiter look again. */
gboolean
tbuf_wait_is_woken (const TbufWait *self)
{
  TbufLockTable *table = self->table;

  if (tbuf_lock_table_is_closed (table))
    return TRUE;
  if (self->index == NO_RECORD)
    return __atomic_load_n (&table->words->room, __ATOMIC_ACQUIRE) != self->room;

  return __atomic_load_n (&table->records[self->index].state, __ATOMIC_ACQUIRE) != TBUF_RECORD_WAITING;
}

/* How long until the next look is due, if nobody wakes the waiter before. */
gint64
tbuf_wait_get_sleep_time (const TbufWait *self)
{
  gint64 now = g_get_monotonic_time (), waited = now - self->start_time;
  gint64 limit = get_time_left (self);

  if (!self->may_give_up || self->suspects_deadlock)
    return 0;
  if (waited < PATIENCE_US)
    limit = MIN (limit, PATIENCE_US - waited);

  /* From the last probe on: a poke in between must not put off the next one. */
  return MIN (limit, MAX (self->last_probe + get_backstop (self) - now, 0));
}

/* The guard could not be had in time: the request ends without it. The next owner
 * of the guard finds the table dirty and puts the rest right. */
void
tbuf_wait_withdraw (TbufWait *self)
{
  if (self->index != NO_RECORD)
    tbuf_lock_free_without_guard (self->table, self->index);
  self->index = NO_RECORD;
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

static void
sleep_until_poked (TbufWait *self)
{
  TbufLockTable *table = self->table;
  gint64 limit = tbuf_wait_get_sleep_time (self);

  if (limit <= 0 || self->timeout_us == 0)
    return;

  if (self->index != NO_RECORD)
    tbuf_system_futex_wait (&table->records[self->index].state, TBUF_RECORD_WAITING, limit);
  else
    tbuf_system_futex_wait (&table->words->room, self->room, limit);
}

/* Waits in the calling thread. Called with the guard held, which it leaves. */
gboolean
tbuf_wait_run (TbufWait  *self,
               GError   **error)
{
  TbufLockTable *table = self->table;
  gulong cancelled_id = 0;
  TbufWaitStep step;

  while ((step = tbuf_wait_look (self, error)) == TBUF_WAIT_SLEEP)
    {
      gint64 left;

      tbuf_guard_leave (table);

      if (cancelled_id == 0 && self->cancellable != NULL && self->index != NO_RECORD)
        cancelled_id = g_cancellable_connect (self->cancellable, G_CALLBACK (on_cancelled),
                                              &table->records[self->index], NULL);

      tbuf_wait_probe (self);
      sleep_until_poked (self);

      left = get_time_left (self);
      if (!tbuf_lock_enter_for_caller (table, self->timeout_us <= 0 ? self->timeout_us : MAX (left, LAST_LOOK_GUARD_US),
                                       self->cancellable, error))
        {
          tbuf_wait_withdraw (self);
          g_cancellable_disconnect (self->cancellable, cancelled_id);
          return FALSE;
        }
    }

  tbuf_guard_leave (table);
  if (cancelled_id != 0)
    g_cancellable_disconnect (self->cancellable, cancelled_id);

  __atomic_thread_fence (__ATOMIC_RELEASE);
  return step == TBUF_WAIT_DONE;
}
