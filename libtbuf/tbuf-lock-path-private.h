/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-record-private.h"
#include "tbuf-system-private.h"

G_BEGIN_DECLS

/* The steps of a lock and an unlock that meet nobody, and what the rest of the
 * lock table shares with them. They are inline, because an atomic operation waits
 * for every store before it: what calls push onto the stack shows in the time. All
 * of them run with the guard held. */

/* Kept back from ordinary locks, so that recovery and changes of phase find room. */
#define N_RESERVED 64

/* The first record that nobody uses. */
static inline guint32
find_unused (TbufLockTable *self)
{
  for (guint32 i = 0; i < TBUF_N_RECORDS; i += 64)
    {
      guint64 unused = ~LOAD (self->words->used[i / 64]);

      if (unused != 0)
        return i + (guint32) __builtin_ctzll (unused);
    }

  return TBUF_N_RECORDS;
}

/* A record that the claim may have, or TBUF_N_RECORDS. */
static inline guint32
find_room (TbufLockTable   *self,
           const TbufClaim *claim,
           gboolean         to_wait)
{
  gboolean privileged = is_privileged (claim);
  guint32 index;

  if (to_wait && LOAD (self->words->n_waiting) >= TBUF_MAX_WAITING)
    return TBUF_N_RECORDS;
  if (!privileged && G_UNLIKELY (self->n_own >= TBUF_QUOTA || to_wait) && !tbuf_lock_table_has_quota (self, to_wait))
    return TBUF_N_RECORDS;

  index = find_unused (self);
  return privileged || index < TBUF_N_RECORDS - N_RESERVED ? index : TBUF_N_RECORDS;
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
static inline void
announce (TbufLockTable *self,
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

/* Tells those who read without a lock that the range may be written to from now
 * on. The record that says so was committed before: a reader that sees the old
 * sequence around its copy has seen no byte of the writer's, and one that sees
 * the new one finds the record. */
static inline void
begin_writing (TbufLockTable *self,
               guint64        start,
               guint64        end)
{
  guint64 first, last;

  if (start >= end)
    return;

  first = start >> self->stripe_shift;
  last = MIN ((end - 1) >> self->stripe_shift, first + TBUF_N_STRIPES - 1);
  for (guint64 i = first; i <= last; i++)
    {
      guint64 *sequence = &self->words->sequence[i % TBUF_N_STRIPES];

      __atomic_store_n (sequence, LOAD (*sequence) + 1, __ATOMIC_RELEASE);
    }
}

/* A range was locked: for those who watch it, and for those who read it. */
static inline void
announce_lock (TbufLockTable *self,
               guint64        start,
               guint64        end,
               guint32        mode)
{
  if (mode == TBUF_LOCK_MODE_EXCLUSIVE)
    begin_writing (self, start, end);
  announce (self, start, end);
}

/* Fills an unused record. */
static inline void
fill_record (TbufLockTable   *self,
             guint32          index,
             const TbufClaim *claim,
             TbufRecordState  state,
             guint64          owner)
{
  TbufWords *words = self->words;
  TbufRecord *record = &self->records[index];
  guint64 ticket = LOAD (words->next_ticket);

  STORE (words->next_ticket, ticket + 1);
  STORE (record->id, self->participant.id);
  STORE (record->mode, claim->mode);
  STORE (record->flags, claim->flags);
  STORE (record->owner, owner);
  STORE (record->start, claim->start);
  STORE (record->end, claim->end);
  STORE (record->ticket, ticket);
  STORE (record->partner, claim->partner);
  STORE (self->starts[index], claim->start);
  STORE (self->ends[index], claim->end);
  set_bit (words->used, index);
  self->n_own++;
  if (index >= LOAD (words->high))
    STORE (words->high, index + 1);

  if (state == TBUF_RECORD_WAITING)
    {
      set_bit (words->waiting, index);
      STORE (words->n_waiting, LOAD (words->n_waiting) + 1);
      self->n_own_waiting++;
    }

  set_state (record, state);

  if (state == TBUF_RECORD_HELD)
    announce_lock (self, claim->start, claim->end, claim->mode);
}

static inline void
stop_waiting (TbufLockTable *self,
              guint32        index)
{
  if (!has_bit (self->words->waiting, index))
    return;

  clear_bit (self->words->waiting, index);
  STORE (self->words->n_waiting, LOAD (self->words->n_waiting) - 1);
  if (LOAD (self->records[index].id) == self->participant.id && self->n_own_waiting > 0)
    self->n_own_waiting--;
}

/* Makes a record free; wakes nobody who waits for its range. */
static inline void
remove_record (TbufLockTable *self,
               guint32        index)
{
  TbufWords *words = self->words;
  guint32 high = get_high (self);

  stop_waiting (self, index);
  if (LOAD (self->records[index].id) == self->participant.id && self->n_own > 0)
    self->n_own--;
  set_state (&self->records[index], TBUF_RECORD_FREE);
  STORE (self->starts[index], G_MAXUINT64);
  STORE (self->ends[index], 0);
  clear_bit (words->used, index);
  if (index + 1 >= high)
    {
      while (high > 0 && !has_bit (words->used, high - 1))
        high--;
      STORE (words->high, high);
    }
  advance_change_word (&words->room);
}

/* Takes a record out of the table, whatever it was. */
static inline void
release_record (TbufLockTable *self,
                guint32        index)
{
  TbufRecord *record = &self->records[index];
  guint32 state = LOAD (record->state);
  guint64 start = LOAD (record->start), end = LOAD (record->end);

  if (G_UNLIKELY (state == TBUF_RECORD_POISON))
    STORE (self->words->n_poison, LOAD (self->words->n_poison) - 1);

  remove_record (self, index);
  if (state != TBUF_RECORD_WAITING && state != TBUF_RECORD_POKED)
    announce (self, start, end);
  if (G_UNLIKELY (LOAD (self->words->n_waiting) != 0))
    tbuf_lock_table_grant (self, start, end);
}

/* Whether the claim meets nothing that is in its way. */
static inline gboolean
is_free (TbufLockTable   *self,
         const TbufClaim *claim)
{
  guint32 high = get_high (self);

  return G_LIKELY (find_overlap (self, 0, high, claim->start, claim->end) >= high) ||
         tbuf_lock_table_is_free (self, claim);
}

G_END_DECLS
