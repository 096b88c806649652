/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-lock-table-private.h"

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
 *            add()                    grant_waiters()
 *     FREE ────────► WAITING ───────────────────────────► GRANTED
 *      ▲ │              │ ▲                                  │
 *      │ │     poke     ▼ │ still blocked                    │ hold()
 *      │ │            POKED ─────────────────────────────►  HELD ──► POISON
 *      │ └──────────────────────────────── add() ──────────► │   its owner died
 *      └────────────────────────────── release() ────────────┘
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

/* Kept back from ordinary locks, so that recovery and changes of phase find room. */
#define N_RESERVED 64
#define MAX_WAITING (TBUF_N_RECORDS / 2)
#define MAX_POISON (TBUF_N_RECORDS / 4)

/* One record, each field read once. */
typedef struct
{
  guint32 state;
  guint32 id;
  guint32 mode;
  guint32 flags;
  guint64 owner;
  guint64 start;
  guint64 end;
  guint64 ticket;
} Snapshot;

#define LOAD(field) __atomic_load_n (&(field), __ATOMIC_RELAXED)
#define STORE(field, value) __atomic_store_n (&(field), (value), __ATOMIC_RELAXED)

static inline void
set_state (TbufRecord      *record,
           TbufRecordState  state)
{
  __atomic_store_n (&record->state, (guint32) state, __ATOMIC_RELEASE);
}

static inline void
read_record (TbufRecord *record,
             Snapshot   *snapshot)
{
  snapshot->state = __atomic_load_n (&record->state, __ATOMIC_ACQUIRE);
  snapshot->id = LOAD (record->id);
  snapshot->mode = LOAD (record->mode);
  snapshot->flags = LOAD (record->flags);
  snapshot->owner = LOAD (record->owner);
  snapshot->start = LOAD (record->start);
  snapshot->end = LOAD (record->end);
  snapshot->ticket = LOAD (record->ticket);
}

static inline gboolean
is_waiting (const Snapshot *record)
{
  return record->state == TBUF_RECORD_WAITING || record->state == TBUF_RECORD_POKED;
}

static inline gboolean
is_held (const Snapshot *record)
{
  return record->state == TBUF_RECORD_HELD || record->state == TBUF_RECORD_GRANTED;
}

static inline gboolean
modes_conflict (guint32 a,
                guint32 b)
{
  return a != TBUF_LOCK_MODE_SHARED || b != TBUF_LOCK_MODE_SHARED;
}

static inline gboolean
ranges_overlap (guint64 start,
                guint64 end,
                guint64 other_start,
                guint64 other_end)
{
  return other_start < end && start < other_end;
}

static inline guint32
get_high (TbufLockTable *self)
{
  return MIN (LOAD (self->words->high), TBUF_N_RECORDS);
}

/* The next record from index on whose range overlaps, or TBUF_N_RECORDS. */
static inline guint32
find_overlap (TbufLockTable *self,
              guint32        index,
              guint32        high,
              guint64        start,
              guint64        end)
{
  for (; index < high; index++)
    if (ranges_overlap (start, end, LOAD (self->starts[index]), LOAD (self->ends[index])))
      return index;

  return TBUF_N_RECORDS;
}

static guint32
get_pid (TbufLockTable  *self,
         const Snapshot *record)
{
  return record->state == TBUF_RECORD_POISON ? (guint32) record->owner
                                             : LOAD (self->slots[TBUF_ID_TO_SLOT (record->id)].pid);
}

static void
note_obstacle (TbufLockTable  *self,
               TbufObstacle   *obstacle,
               const Snapshot *record)
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

/* Whether another record keeps a claim from being held now. own_ticket is that
 * of the claim's own waiting record; G_MAXUINT64 for a newcomer. */
static gboolean
blocks (const Snapshot  *record,
        const TbufClaim *claim,
        guint64          own_ticket)
{
  if (!ranges_overlap (claim->start, claim->end, record->start, record->end) ||
      !modes_conflict (record->mode, claim->mode))
    return FALSE;

  if (is_held (record))
    return TRUE;

  return is_waiting (record) && (record->flags & TBUF_RECORD_ENTITLED) && record->ticket < own_ticket;
}

static inline gboolean
is_poison_for (const Snapshot  *record,
               const TbufClaim *claim)
{
  return record->state == TBUF_RECORD_POISON &&
         !(claim->flags & (TBUF_RECORD_RECOVERS | TBUF_RECORD_NO_DATA)) &&
         ranges_overlap (claim->start, claim->end, record->start, record->end);
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
      Snapshot record;

      if (i == own_index)
        continue;

      read_record (&self->records[i], &record);
      if (is_poison_for (&record, claim))
        poisoned = TRUE;
      else if (blocks (&record, claim, own_ticket))
        {
          blocked = TRUE;
          recovering |= is_held (&record) && (record.flags & TBUF_RECORD_RECOVERS);
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

static inline void
set_bit (guint64 *bits,
         guint32  index)
{
  STORE (bits[index / 64], LOAD (bits[index / 64]) | G_GUINT64_CONSTANT (1) << index % 64);
}

static inline void
clear_bit (guint64 *bits,
           guint32  index)
{
  STORE (bits[index / 64], LOAD (bits[index / 64]) & ~(G_GUINT64_CONSTANT (1) << index % 64));
}

static inline gboolean
has_bit (const guint64 *bits,
         guint32        index)
{
  return LOAD (bits[index / 64]) >> index % 64 & 1;
}

static guint32
find_unused (TbufLockTable *self,
             guint32        limit)
{
  for (guint32 i = 0; i < limit; i += 64)
    {
      guint64 unused = ~LOAD (self->words->used[i / 64]);

      if (unused != 0)
        return MIN (i + (guint32) __builtin_ctzll (unused), TBUF_N_RECORDS);
    }

  return TBUF_N_RECORDS;
}

gboolean
tbuf_lock_table_has_room (TbufLockTable   *self,
                          const TbufClaim *claim,
                          gboolean         to_wait)
{
  gboolean privileged = (claim->flags & (TBUF_RECORD_RECOVERS | TBUF_RECORD_NO_DATA)) != 0;

  if (to_wait && LOAD (self->words->n_waiting) >= MAX_WAITING)
    return FALSE;

  return find_unused (self, TBUF_N_RECORDS) < (privileged ? TBUF_N_RECORDS : TBUF_N_RECORDS - N_RESERVED);
}

/* The change words: a sleeping watcher has set bit 0. Only then is there
 * anything to do. A watcher that sets the bit scans the table afterwards, under
 * the guard, so that one that this load misses sees the change itself. */
static inline void
advance_change_word (guint32 *word)
{
  if (G_LIKELY ((LOAD (*word) & 1) == 0))
    return;

  /* One operation clears the bit and counts, for odd plus one carries. */
  __atomic_fetch_add (word, 1, __ATOMIC_SEQ_CST);
  tbuf_system_futex_wake (word, TRUE);
}

/* Tells watchers that something about the locks in a range has changed. */
void
tbuf_lock_table_announce (TbufLockTable *self,
                          guint64        start,
                          guint64        end)
{
  guint64 first, last;

  if (start >= end)
    return;

  first = start >> self->stripe_shift;
  last = (end - 1) >> self->stripe_shift;
  advance_change_word (first == last ? &self->words->change[first % TBUF_N_STRIPES] : &self->words->change_wide);
}

/* Fills a record that find_unused() found: the caller knows that there is one. */
guint32
tbuf_lock_table_add (TbufLockTable   *self,
                     const TbufClaim *claim,
                     TbufRecordState  state,
                     guint64          owner)
{
  TbufWords *words = self->words;
  guint32 index = find_unused (self, TBUF_N_RECORDS);
  guint64 ticket = LOAD (words->next_ticket);
  TbufRecord *record;

  if (G_UNLIKELY (index >= TBUF_N_RECORDS))
    return TBUF_N_RECORDS;

  record = &self->records[index];
  STORE (words->next_ticket, ticket + 1);
  STORE (record->id, self->participant.id);
  STORE (record->mode, claim->mode);
  STORE (record->flags, claim->flags);
  STORE (record->owner, owner);
  STORE (record->start, claim->start);
  STORE (record->end, claim->end);
  STORE (record->ticket, ticket);
  STORE (self->starts[index], claim->start);
  STORE (self->ends[index], claim->end);
  set_bit (words->used, index);
  if (index >= LOAD (words->high))
    STORE (words->high, index + 1);

  if (state == TBUF_RECORD_WAITING)
    {
      set_bit (words->waiting, index);
      STORE (words->n_waiting, LOAD (words->n_waiting) + 1);
    }

  set_state (record, state);

  if (state == TBUF_RECORD_HELD)
    tbuf_lock_table_announce (self, claim->start, claim->end);

  return index;
}

static void
stop_waiting (TbufLockTable *self,
              guint32        index)
{
  if (!has_bit (self->words->waiting, index))
    return;

  clear_bit (self->words->waiting, index);
  STORE (self->words->n_waiting, LOAD (self->words->n_waiting) - 1);
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
    tbuf_lock_table_announce (self, LOAD (record->start), LOAD (record->end));
}

static void
make_free (TbufLockTable *self,
           guint32        index)
{
  TbufWords *words = self->words;
  guint32 high = get_high (self);

  stop_waiting (self, index);
  set_state (&self->records[index], TBUF_RECORD_FREE);
  STORE (self->starts[index], G_MAXUINT64);
  STORE (self->ends[index], 0);
  clear_bit (words->used, index);
  while (high > 0 && !has_bit (words->used, high - 1))
    high--;
  STORE (words->high, high);
  advance_change_word (&words->room);
}

/* A waiter can withdraw without the guard, so that its state is exchanged and
 * never overwritten: what it freed must not come back to life. */
static gboolean
change_waiter (TbufRecord      *record,
               guint32          expected,
               TbufRecordState  state)
{
  if (!__atomic_compare_exchange_n (&record->state, &expected, (guint32) state, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    return FALSE;

  tbuf_system_futex_wake (&record->state, TRUE);
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
 * for a range that one of them gets.
 *
 * The wakes happen while the guard is held: if we die here, rebuild() repeats
 * them. */
static void
grant_waiters (TbufLockTable *self,
               guint64        start,
               guint64        end)
{
  guint64 queue[MAX_WAITING][2];
  TbufClaim poked[64];
  guint n = 0, n_poked = 0;

  if (G_LIKELY (LOAD (self->words->n_waiting) == 0))
    return;

  for (guint word = 0; word < G_N_ELEMENTS (self->words->waiting); word++)
    for (guint64 bits = LOAD (self->words->waiting[word]); bits != 0 && n < MAX_WAITING; bits &= bits - 1)
      {
        guint32 index = word * 64 + (guint32) __builtin_ctzll (bits);
        TbufRecord *record = &self->records[index];

        if (!ranges_overlap (start, end, LOAD (record->start), LOAD (record->end)))
          continue;

        queue[n][0] = LOAD (record->ticket);
        queue[n++][1] = index;
      }

  qsort (queue, n, sizeof queue[0], compare_tickets);

  for (guint i = 0; i < n; i++)
    {
      guint32 index = (guint32) queue[i][1];
      TbufRecord *record = &self->records[index];
      TbufObstacle obstacle = { 0 };
      gboolean behind_poked = FALSE;
      TbufVerdict verdict;
      TbufClaim claim;
      Snapshot waiter;

      read_record (record, &waiter);
      if (!is_waiting (&waiter))
        continue;

      claim = (TbufClaim) { waiter.start, waiter.end, waiter.mode, waiter.flags };
      verdict = tbuf_lock_table_examine (self, &claim, index, &obstacle);

      for (guint j = 0; j < n_poked && !behind_poked; j++)
        behind_poked = ranges_overlap (claim.start, claim.end, poked[j].start, poked[j].end) &&
                       modes_conflict (claim.mode, poked[j].mode);

      if (verdict == TBUF_VERDICT_WAIT || (verdict == TBUF_VERDICT_FREE && behind_poked))
        continue;

      if (verdict == TBUF_VERDICT_FREE && (waiter.flags & TBUF_RECORD_ENTITLED))
        {
          if (change_waiter (record, waiter.state, TBUF_RECORD_GRANTED))
            {
              stop_waiting (self, index);
              tbuf_lock_table_announce (self, waiter.start, waiter.end);
            }
        }
      else if (change_waiter (record, waiter.state, TBUF_RECORD_POKED) &&
               verdict == TBUF_VERDICT_FREE && n_poked < G_N_ELEMENTS (poked))
        poked[n_poked++] = claim;
    }
}

/* Takes a record out of the table, whatever it was. */
void
tbuf_lock_table_release (TbufLockTable *self,
                         guint32        index)
{
  Snapshot record;

  read_record (&self->records[index], &record);
  if (record.state == TBUF_RECORD_POISON)
    STORE (self->words->n_poison, LOAD (self->words->n_poison) - 1);

  make_free (self, index);
  if (!is_waiting (&record))
    tbuf_lock_table_announce (self, record.start, record.end);
  grant_waiters (self, record.start, record.end);
}

/* The table is a quarter full of poison: let the nearest one cover this as well.
 * More is abandoned then than need be, and nothing less. */
static gboolean
merge_poison (TbufLockTable *self,
              guint32        index)
{
  guint64 start = LOAD (self->records[index].start), end = LOAD (self->records[index].end);
  guint64 best_distance = G_MAXUINT64;
  guint32 high = get_high (self), best = TBUF_N_RECORDS;

  for (guint32 i = 0; i < high; i++)
    {
      Snapshot other;
      guint64 distance;

      read_record (&self->records[i], &other);
      if (i == index || other.state != TBUF_RECORD_POISON)
        continue;

      distance = other.start > end ? other.start - end : start > other.end ? start - other.end : 0;
      if (distance < best_distance)
        {
          best_distance = distance;
          best = i;
        }
    }

  if (best == TBUF_N_RECORDS)
    return FALSE;

  /* First one end, then the other: half way it covers more than before, never less. */
  start = MIN (start, LOAD (self->records[best].start));
  STORE (self->records[best].start, start);
  STORE (self->starts[best], start);
  end = MAX (end, LOAD (self->records[best].end));
  STORE (self->records[best].end, end);
  STORE (self->ends[best], end);
  return TRUE;
}

/* A holder is gone without having unlocked. What it held for writing is poison:
 * somebody has to look at it before anyone trusts it again. */
void
tbuf_lock_table_abandon (TbufLockTable *self,
                         guint32        index)
{
  TbufRecord *entry = &self->records[index];
  Snapshot record;

  read_record (entry, &record);
  if (record.mode == TBUF_LOCK_MODE_SHARED || (record.flags & TBUF_RECORD_NO_DATA) || record.start >= record.end)
    {
      tbuf_lock_table_release (self, index);
      return;
    }

  if (LOAD (self->words->n_poison) >= MAX_POISON && merge_poison (self, index))
    make_free (self, index);
  else
    {
      STORE (entry->owner, (guint64) get_pid (self, &record));
      STORE (entry->flags, 0);
      set_state (entry, TBUF_RECORD_POISON);
      STORE (self->words->n_poison, LOAD (self->words->n_poison) + 1);
    }

  tbuf_lock_table_announce (self, record.start, record.end);
  grant_waiters (self, record.start, record.end);
}

gboolean
tbuf_lock_table_has_poison (TbufLockTable *self,
                            guint64        start,
                            guint64        end)
{
  guint32 high = get_high (self);

  for (guint32 i = find_overlap (self, 0, high, start, end); i < high; i = find_overlap (self, i + 1, high, start, end))
    if (LOAD (self->records[i].state) == TBUF_RECORD_POISON)
      return TRUE;

  return FALSE;
}

/* Takes poison out of a range that its exclusive owner vouches for. Poison that
 * reaches beyond is trimmed; where the middle is cleared, the right part is
 * published before the left one shrinks. Without a record for it, all stays. */
void
tbuf_lock_table_clear_poison (TbufLockTable *self,
                              guint64        start,
                              guint64        end)
{
  guint32 high = get_high (self);

  for (guint32 i = find_overlap (self, 0, high, start, end); i < high; i = find_overlap (self, i + 1, high, start, end))
    {
      TbufRecord *entry = &self->records[i];
      Snapshot record;

      read_record (entry, &record);
      if (record.state != TBUF_RECORD_POISON)
        continue;

      if (record.start < start && record.end > end)
        {
          TbufClaim right = { end, record.end, TBUF_LOCK_MODE_EXCLUSIVE, 0 };
          guint32 index = tbuf_lock_table_add (self, &right, TBUF_RECORD_POISON, record.owner);

          if (index == TBUF_N_RECORDS)
            continue;

          /* Still the same death: watchers tell poison apart by its ticket. */
          STORE (self->records[index].ticket, record.ticket);
          STORE (self->words->n_poison, LOAD (self->words->n_poison) + 1);
        }

      if (record.start < start)
        {
          STORE (entry->end, start);
          STORE (self->ends[i], start);
        }
      else if (record.end > end)
        {
          STORE (entry->start, end);
          STORE (self->starts[i], end);
        }
      else
        tbuf_lock_table_release (self, i);
    }
}

/* Everything that a dead participant left in the table. */
void
tbuf_lock_table_reap (TbufLockTable *self,
                      guint32        id)
{
  for (guint32 i = 0; i < get_high (self); i++)
    {
      Snapshot record;

      read_record (&self->records[i], &record);
      if (record.id != id || record.state == TBUF_RECORD_FREE || record.state == TBUF_RECORD_POISON)
        continue;

      /* Who was granted a range and never saw it has written nothing. */
      if (record.state == TBUF_RECORD_HELD)
        tbuf_lock_table_abandon (self, i);
      else
        tbuf_lock_table_release (self, i);
    }
}

/* Makes all that is derived anew, after an owner of the guard died half way. */
void
tbuf_lock_table_rebuild (TbufLockTable *self)
{
  TbufWords *words = self->words;
  guint64 next_ticket = LOAD (words->next_ticket);
  guint32 high = 0, n_waiting = 0, n_poison = 0;

  for (guint32 i = 0; i < G_N_ELEMENTS (words->used); i++)
    {
      STORE (words->used[i], 0);
      STORE (words->waiting[i], 0);
    }

  for (guint32 i = 0; i < TBUF_N_RECORDS; i++)
    {
      Snapshot record;

      read_record (&self->records[i], &record);
      if (record.state == TBUF_RECORD_FREE || record.state > TBUF_RECORD_POISON)
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
      if (is_waiting (&record))
        {
          set_bit (words->waiting, i);
          n_waiting++;
        }
      if (record.state == TBUF_RECORD_GRANTED || record.state == TBUF_RECORD_POKED)
        tbuf_system_futex_wake (&self->records[i].state, TRUE);
    }

  STORE (words->high, high);
  STORE (words->n_waiting, n_waiting);
  STORE (words->n_poison, n_poison);
  STORE (words->next_ticket, next_ticket);

  grant_waiters (self, 0, G_MAXUINT64);

  for (guint i = 0; i < TBUF_N_STRIPES; i++)
    advance_change_word (&words->change[i]);
  advance_change_word (&words->change_wide);
  advance_change_word (&words->room);
}

/* Wakes every waiter of this process, to see that the arena was closed. */
void
tbuf_lock_table_poke_own (TbufLockTable *self)
{
  for (guint32 i = 0; i < get_high (self); i++)
    {
      Snapshot record;

      read_record (&self->records[i], &record);
      if (record.id == self->participant.id && is_waiting (&record))
        change_waiter (&self->records[i], record.state, TBUF_RECORD_POKED);
    }
}

/* Whether the thread {id, owner} waits, directly or through others, for a claim's
 * obstacles to go that are its own: walks from each blocking thread to the
 * records that it waits with itself. */
gboolean
tbuf_lock_table_would_deadlock (TbufLockTable   *self,
                                const TbufClaim *claim,
                                guint32          own_index,
                                guint64          owner)
{
  guint64 visited[TBUF_N_RECORDS / 64] = { 0 };
  guint32 stack[MAX_WAITING];
  guint32 high = get_high (self), index = own_index;
  TbufClaim current = *claim;
  guint n = 0;

  while (TRUE)
    {
      guint64 ticket = index < TBUF_N_RECORDS ? LOAD (self->records[index].ticket) : G_MAXUINT64;
      Snapshot waiter;

      for (guint32 i = find_overlap (self, 0, high, current.start, current.end);
           i < high;
           i = find_overlap (self, i + 1, high, current.start, current.end))
        {
          Snapshot record;

          read_record (&self->records[i], &record);
          if (i == index || record.owner == 0 || !blocks (&record, &current, ticket))
            continue;
          if (record.id == self->participant.id && record.owner == owner)
            return TRUE;

          /* Whoever blocks may wait for something itself. */
          for (guint word = 0; word < G_N_ELEMENTS (self->words->waiting); word++)
            for (guint64 bits = LOAD (self->words->waiting[word]); bits != 0; bits &= bits - 1)
              {
                guint32 j = word * 64 + (guint32) __builtin_ctzll (bits);

                if (j != own_index && !has_bit (visited, j) && n < G_N_ELEMENTS (stack) &&
                    LOAD (self->records[j].id) == record.id && LOAD (self->records[j].owner) == record.owner)
                  {
                    set_bit (visited, j);
                    stack[n++] = j;
                  }
              }
        }

      if (n == 0)
        return FALSE;

      index = stack[--n];
      read_record (&self->records[index], &waiter);
      current = (TbufClaim) { waiter.start, waiter.end, waiter.mode, waiter.flags };
    }
}
