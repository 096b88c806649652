/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-lock-table-private.h"

#include "tbuf-lock-path-private.h"
#include "tbuf-system-private.h"

/* The lock table
 * ==============
 *
 * A lock, a waiter and an abandoned range are each one record: {range, mode,
 * participant, thread, ticket} and a state. One atomic store of the state is
 * what commits a change; the arrays of starts and ends, the bitmaps and the
 * counts are derived from the records, and rebuild() makes them anew after an
 * owner of the guard died half way.
 *
 *            add()                    grant()
 *     FREE ────────► WAITING ───────────────────────────► GRANTED
 *      ▲ │              │ ▲                                  │
 *      │ │     poke     ▼ │ still blocked                    │ hold()
 *      │ │            POKED ─────────────────────────────►  HELD ──► POISON
 *      │ └──────────────────────────────── add() ──────────► │   its owner died
 *      └────────────────────────────── release() ────────────┘
 *
 * An unlock that can't have the guard stores FREE itself, and marks the table as
 * dirty; where poison is to be cleared as well, it stores REPAIRED.
 *
 * Newcomers may overtake a waiter until that has waited for a millisecond: a
 * strict order would make every release wait for a sleeping process to wake.
 * From then on the waiter is *entitled*: newcomers that conflict with it queue
 * behind it, and it gets the range by hand-off, in the order of tickets.
 *
 * Everything in here runs with the guard held, touches only what the table's
 * constants bound, and reads each shared field once: a peer that writes
 * nonsense into the table gets nonsense, not a crash or an endless loop.
 */

static void
note_obstacle (TbufLockTable        *self,
               TbufObstacle         *obstacle,
               const TbufRecordCopy *record)
{
  if (!obstacle->found || (record->state == TBUF_RECORD_POISON && !obstacle->is_poison))
    {
      obstacle->found = TRUE;
      obstacle->is_poison = record->state == TBUF_RECORD_POISON;
      obstacle->pid = get_pid (self, record);
      obstacle->mode = record->mode;
      obstacle->start = record->start;
      obstacle->end = record->end;
    }

  if (record->state == TBUF_RECORD_POISON || obstacle->n_ids == G_N_ELEMENTS (obstacle->ids))
    return;

  for (guint i = 0; i < obstacle->n_ids; i++)
    if (obstacle->ids[i] == record->id)
      return;

  obstacle->ids[obstacle->n_ids++] = record->id;
}

/* own_index is that of the claim's own waiting record, TBUF_N_RECORDS without one. */
TbufVerdict
tbuf_lock_table_examine (TbufLockTable   *self,
                         const TbufClaim *claim,
                         guint32          own_index,
                         TbufObstacle    *obstacle)
{
  guint64 own_ticket = own_index < TBUF_N_RECORDS ? LOAD (self->records[own_index].ticket) : G_MAXUINT64;
  guint32 high = get_high (self);
  gboolean blocked = FALSE, recovering = FALSE, poisoned = FALSE;

  for (guint32 i = find_overlap (self, 0, high, claim->start, claim->end);
       i < high;
       i = find_overlap (self, i + 1, high, claim->start, claim->end))
    {
      TbufRecordCopy record;

      if (i == own_index || i + 1 == claim->partner)
        continue;

      read_record (&self->records[i], &record);
      if (is_poison_for (&record, claim))
        poisoned = TRUE;
      else if (blocks (&record, claim, own_ticket))
        {
          blocked = TRUE;
          recovering |= is_kept (&record) && (record.flags & TBUF_RECORD_RECOVERS);
        }
      else
        continue;

      note_obstacle (self, obstacle, &record);
    }

  /* While somebody repairs, the others wait: the poison may be gone when he is done. */
  if (poisoned && !recovering)
    return TBUF_VERDICT_ABANDONED;

  return blocked ? TBUF_VERDICT_WAIT : TBUF_VERDICT_FREE;
}

/* For one who does not care what is in the way. */
gboolean
tbuf_lock_table_is_free (TbufLockTable   *self,
                         const TbufClaim *claim)
{
  TbufObstacle obstacle = { 0 };

  return tbuf_lock_table_examine (self, claim, TBUF_N_RECORDS, &obstacle) == TBUF_VERDICT_FREE;
}

/* An abandoned range is nobody's, although it keeps the id of who had it. */
static gboolean
is_own (TbufLockTable *self,
        guint32        index)
{
  return has_bit (self->words->used, index) && LOAD (self->records[index].id) == self->participant.id &&
         LOAD (self->records[index].state) != TBUF_RECORD_POISON;
}

/* Counting is exact only here: others free records of this participant, too, when
 * they put right what it changed without the guard. */
static void
count_own (TbufLockTable *self)
{
  guint32 n_own = 0, n_waiting = 0;

  for (guint32 i = 0; i < get_high (self); i++)
    if (is_own (self, i))
      {
        n_own++;
        n_waiting += has_bit (self->words->waiting, i);
      }

  self->n_own = n_own;
  self->n_own_waiting = n_waiting;
}

/* Whether the participant may have another record: none can fill the table alone. */
gboolean
tbuf_lock_table_has_quota (TbufLockTable *self,
                           gboolean       to_wait)
{
  if (G_LIKELY (self->n_own < TBUF_QUOTA && (!to_wait || self->n_own_waiting < TBUF_WAITING_QUOTA)))
    return TRUE;

  count_own (self);
  return self->n_own < TBUF_QUOTA && (!to_wait || self->n_own_waiting < TBUF_WAITING_QUOTA);
}

/* Whether one thread has all of its participant's records. */
gboolean
tbuf_lock_table_is_all_own (TbufLockTable *self,
                            guint64        owner)
{
  for (guint32 i = 0; i < get_high (self); i++)
    if (is_own (self, i) && LOAD (self->records[i].owner) != owner)
      return FALSE;

  return TRUE;
}

gboolean
tbuf_lock_table_has_room (TbufLockTable   *self,
                          const TbufClaim *claim,
                          gboolean         to_wait)
{
  return find_room (self, claim, to_wait) < TBUF_N_RECORDS;
}

void
tbuf_lock_table_announce (TbufLockTable *self,
                          guint64        start,
                          guint64        end)
{
  announce (self, start, end);
}

/* Fills a record for a claim: the caller knows that there is one. */
guint32
tbuf_lock_table_add (TbufLockTable   *self,
                     const TbufClaim *claim,
                     TbufRecordState  state,
                     guint64          owner)
{
  guint32 index = find_unused (self);

  if (G_LIKELY (index < TBUF_N_RECORDS))
    fill_record (self, index, claim, state, owner);
  return index;
}

/* A waiter's record becomes a holder's. */
void
tbuf_lock_table_hold (TbufLockTable *self,
                      guint32        index)
{
  TbufRecord *record = &self->records[index];
  gboolean was_granted = LOAD (record->state) == TBUF_RECORD_GRANTED;

  stop_waiting (self, index);
  set_state (record, TBUF_RECORD_HELD);
  if (!was_granted)
    announce_lock (self, LOAD (record->start), LOAD (record->end), LOAD (record->mode));
}

/* A held record changes its mode; that one store is what commits. */
void
tbuf_lock_table_change_mode (TbufLockTable *self,
                             guint32        index,
                             TbufLockMode   mode)
{
  TbufRecord *record = &self->records[index];
  guint64 start = LOAD (record->start), end = LOAD (record->end);

  __atomic_store_n (&record->mode, (guint32) mode, __ATOMIC_RELEASE);
  announce_lock (self, start, end, mode);
  if (mode == TBUF_LOCK_MODE_SHARED)
    tbuf_lock_table_grant (self, start, end);
}

/* Whether somebody else waits for an upgrade in the range already: two would wait for each other. */
gboolean
tbuf_lock_table_has_upgrader (TbufLockTable   *self,
                              const TbufClaim *claim,
                              guint32          own_index)
{
  guint64 own_ticket = own_index < TBUF_N_RECORDS ? LOAD (self->records[own_index].ticket) : G_MAXUINT64;
  guint32 high = get_high (self);

  for (guint32 i = find_overlap (self, 0, high, claim->start, claim->end);
       i < high;
       i = find_overlap (self, i + 1, high, claim->start, claim->end))
    {
      TbufRecordCopy record;

      read_record (&self->records[i], &record);
      if (is_waiting (&record) && record.partner != 0 && record.ticket < own_ticket)
        return TRUE;
    }

  return FALSE;
}

/* Makes a record free; wakes nobody who waits for its range. */
void
tbuf_lock_table_remove (TbufLockTable *self,
                        guint32        index)
{
  remove_record (self, index);
}

static void
wake_waiter (TbufLockTable *self,
             TbufRecord    *record)
{
  if (LOAD (record->flags) & TBUF_RECORD_ASYNC)
    {
      guint32 *wake = &self->slots[TBUF_ID_TO_SLOT (LOAD (record->id))].wake;

      __atomic_fetch_add (wake, 1, __ATOMIC_SEQ_CST);
      tbuf_system_futex_wake (wake, TRUE);
    }
  else
    tbuf_system_futex_wake (&record->state, TRUE);
}

/* A waiter can withdraw without the guard, so that its state is exchanged and
 * never overwritten: what it freed must not come back to life. */
static gboolean
change_waiter (TbufLockTable   *self,
               TbufRecord      *record,
               guint32          expected,
               TbufRecordState  state)
{
  if (!__atomic_compare_exchange_n (&record->state, &expected, (guint32) state, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    return FALSE;

  wake_waiter (self, record);
  return TRUE;
}

static int
compare_tickets (const void *a,
                 const void *b)
{
  const guint64 *x = a, *y = b;

  return x[0] < y[0] ? -1 : x[0] > y[0];
}

/* Gives waiters in a range what has become free, in the order of tickets: to
 * entitled ones the range itself, to the others a poke to try their luck. A
 * poked one keeps conflicting ones behind it asleep, or all would run at once
 * for a range that one of them gets; but not entitled ones, and not a second
 * time, as it may be dead or stopped. Nor is it woken a second time: it will look.
 *
 * The wakes happen while the guard is held: if we die here, rebuild() repeats
 * them. */
static void
grant_waiting (TbufLockTable *self,
               guint64        start,
               guint64        end)
{
  guint64 queue[TBUF_MAX_WAITING][2];
  TbufClaim poked[64];
  guint n = 0, n_poked = 0;

  for (guint word = 0; word < G_N_ELEMENTS (self->words->waiting); word++)
    for (guint64 bits = LOAD (self->words->waiting[word]); bits != 0 && n < TBUF_MAX_WAITING; bits &= bits - 1)
      {
        guint32 index = word * 64 + (guint32) __builtin_ctzll (bits);
        TbufRecord *record = &self->records[index];

        if (!ranges_overlap (start, end, LOAD (record->start), LOAD (record->end)))
          continue;

        queue[n][0] = LOAD (record->ticket);
        queue[n++][1] = index;
      }

  if (n > 1)
    qsort (queue, n, sizeof queue[0], compare_tickets);

  for (guint i = 0; i < n; i++)
    {
      guint32 index = (guint32) queue[i][1];
      TbufRecord *record = &self->records[index];
      TbufObstacle obstacle = { 0 };
      gboolean behind_poked = FALSE;
      TbufVerdict verdict;
      TbufClaim claim;
      TbufRecordCopy waiter;

      read_record (record, &waiter);
      if (!is_waiting (&waiter))
        continue;

      claim = get_claim (&waiter);
      verdict = tbuf_lock_table_examine (self, &claim, index, &obstacle);

      for (guint j = 0; j < n_poked && !behind_poked && !(waiter.flags & TBUF_RECORD_ENTITLED); j++)
        behind_poked = ranges_overlap (claim.start, claim.end, poked[j].start, poked[j].end) &&
                       modes_conflict (claim.mode, poked[j].mode);

      if (verdict == TBUF_VERDICT_WAIT || (verdict == TBUF_VERDICT_FREE && behind_poked))
        continue;

      if (verdict == TBUF_VERDICT_FREE && (waiter.flags & TBUF_RECORD_ENTITLED))
        {
          if (change_waiter (self, record, waiter.state, TBUF_RECORD_GRANTED))
            {
              stop_waiting (self, index);
              announce_lock (self, waiter.start, waiter.end, waiter.mode);

              /* All the others are in its way: in a crowd, this is what keeps the guard short. */
              if (waiter.mode != TBUF_LOCK_MODE_SHARED && waiter.start <= start && waiter.end >= end)
                return;
            }
        }
      else if (waiter.state == TBUF_RECORD_WAITING && change_waiter (self, record, waiter.state, TBUF_RECORD_POKED) &&
               verdict == TBUF_VERDICT_FREE && n_poked < G_N_ELEMENTS (poked))
        poked[n_poked++] = claim;
    }
}

void
tbuf_lock_table_grant (TbufLockTable *self,
                       guint64        start,
                       guint64        end)
{
  if (G_UNLIKELY (LOAD (self->words->n_waiting) != 0))
    grant_waiting (self, start, end);
}

/* Takes a record out of the table, whatever it was. */
void
tbuf_lock_table_release (TbufLockTable *self,
                         guint32        index)
{
  release_record (self, index);
}

/* Makes all that is derived anew, after an owner of the guard died half way. */
void
tbuf_lock_table_rebuild (TbufLockTable *self)
{
  TbufWords *words = self->words;
  guint64 next_ticket = LOAD (words->next_ticket);
  guint32 high = 0, n_waiting = 0, n_poison = 0, n_repaired = 0;

  for (guint32 i = 0; i < G_N_ELEMENTS (words->used); i++)
    {
      STORE (words->used[i], 0);
      STORE (words->waiting[i], 0);
    }

  for (guint32 i = 0; i < TBUF_N_RECORDS; i++)
    {
      TbufRecordCopy record;

      read_record (&self->records[i], &record);
      if (record.state == TBUF_RECORD_FREE || record.state > TBUF_RECORD_REPAIRED)
        {
          set_state (&self->records[i], TBUF_RECORD_FREE);
          STORE (self->starts[i], G_MAXUINT64);
          STORE (self->ends[i], 0);
          continue;
        }

      STORE (self->starts[i], record.start);
      STORE (self->ends[i], record.end);
      set_bit (words->used, i);
      high = i + 1;
      next_ticket = MAX (next_ticket, record.ticket + 1);
      n_poison += record.state == TBUF_RECORD_POISON;
      n_repaired += record.state == TBUF_RECORD_REPAIRED;
      if (is_waiting (&record))
        {
          set_bit (words->waiting, i);
          n_waiting++;
        }
      if (record.state == TBUF_RECORD_GRANTED || record.state == TBUF_RECORD_POKED)
        wake_waiter (self, &self->records[i]);
    }

  STORE (words->high, high);
  STORE (words->n_waiting, n_waiting);
  STORE (words->n_poison, n_poison);
  STORE (words->next_ticket, next_ticket);

  for (guint32 i = 0; i < high && n_repaired > 0; i++)
    if (LOAD (self->records[i].state) == TBUF_RECORD_REPAIRED)
      {
        tbuf_lock_table_finish_repair (self, i);
        n_repaired--;
      }

  tbuf_lock_table_grant (self, 0, G_MAXUINT64);

  for (guint i = 0; i < TBUF_N_STRIPES; i++)
    advance_change_word (&words->change[i]);
  advance_change_word (&words->change_wide);

  /* The dead owner may have advanced it without waking anyone. */
  __atomic_fetch_or (&words->room, 1, __ATOMIC_SEQ_CST);
  advance_change_word (&words->room);
}

/* Wakes every waiter of this process, to see that the arena was closed. */
void
tbuf_lock_table_poke_own (TbufLockTable *self)
{
  for (guint32 i = 0; i < get_high (self); i++)
    {
      TbufRecordCopy record;

      read_record (&self->records[i], &record);
      if (record.id == self->participant.id && is_waiting (&record))
        change_waiter (self, &self->records[i], record.state, TBUF_RECORD_POKED);
    }
}
