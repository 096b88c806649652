/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-lock-table-private.h"
#include "tbuf-scan-private.h"

G_BEGIN_DECLS

/* What the parts of the lock table have in common: how a record is read, and
 * when two of them get in each other's way. */

/* Waiters at the most: half of the table. */
#define TBUF_MAX_WAITING (TBUF_N_RECORDS / 2)

/* Records of one participant at the most, and how many of them may wait. */
#define TBUF_QUOTA         (TBUF_N_RECORDS / 2)
#define TBUF_WAITING_QUOTA (TBUF_MAX_WAITING / 2)

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
  guint32 partner;
} TbufRecordCopy;

#define LOAD(field) __atomic_load_n (&(field), __ATOMIC_RELAXED)
#define STORE(field, value) __atomic_store_n (&(field), (value), __ATOMIC_RELAXED)

static inline void
set_state (TbufRecord      *record,
           TbufRecordState  state)
{
  __atomic_store_n (&record->state, (guint32) state, __ATOMIC_RELEASE);
}

static inline void
read_record (TbufRecord     *record,
             TbufRecordCopy *copy)
{
  copy->state = __atomic_load_n (&record->state, __ATOMIC_ACQUIRE);
  copy->id = LOAD (record->id);
  copy->mode = LOAD (record->mode);
  copy->flags = LOAD (record->flags);
  copy->owner = LOAD (record->owner);
  copy->start = LOAD (record->start);
  copy->end = LOAD (record->end);
  copy->ticket = LOAD (record->ticket);
  copy->partner = LOAD (record->partner);
}

static inline gboolean
is_waiting (const TbufRecordCopy *record)
{
  return record->state == TBUF_RECORD_WAITING || record->state == TBUF_RECORD_POKED;
}

static inline gboolean
is_held (const TbufRecordCopy *record)
{
  return record->state == TBUF_RECORD_HELD || record->state == TBUF_RECORD_GRANTED;
}

/* What was recovered is not anyone's until its poison is gone. */
static inline gboolean
is_kept (const TbufRecordCopy *record)
{
  return is_held (record) || record->state == TBUF_RECORD_REPAIRED;
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
  /* One load: MIN() would evaluate it twice, and a peer could write in between. */
  guint32 high = __atomic_load_n (&self->words->high, __ATOMIC_ACQUIRE);

  return MIN (high, TBUF_N_RECORDS);
}

/* The next record from index on whose range overlaps; none: high, or above. */
static inline guint32
find_overlap (TbufLockTable *self,
              guint32        index,
              guint32        high,
              guint64        start,
              guint64        end)
{
  if (high >= index + TBUF_SCAN_BLOCK)
    return tbuf_scan_for_overlap (self->starts, self->ends, index, high, start, end);

  for (; index < high; index++)
    if (ranges_overlap (start, end, LOAD (self->starts[index]), LOAD (self->ends[index])))
      break;

  return index;
}

/* Whether another record keeps a claim from being held now. own_ticket is that
 * of the claim's own waiting record; G_MAXUINT64 for a newcomer. */
static inline gboolean
blocks (const TbufRecordCopy *record,
        const TbufClaim      *claim,
        guint64               own_ticket)
{
  if (!ranges_overlap (claim->start, claim->end, record->start, record->end) ||
      !modes_conflict (record->mode, claim->mode))
    return FALSE;

  if (is_kept (record))
    return TRUE;

  /* An upgrade goes first: whoever waits waits for its shared lock, too. */
  return claim->partner == 0 && is_waiting (record) && (record->flags & TBUF_RECORD_ENTITLED) && record->ticket < own_ticket;
}

/* What goes ahead where an owner died finds room in a full table, too. */
static inline gboolean
is_privileged (const TbufClaim *claim)
{
  return (claim->flags & (TBUF_RECORD_RECOVERS | TBUF_RECORD_NO_DATA)) != 0;
}

static inline gboolean
is_poison_for (const TbufRecordCopy *record,
               const TbufClaim      *claim)
{
  return record->state == TBUF_RECORD_POISON &&
         !is_privileged (claim) &&
         ranges_overlap (claim->start, claim->end, record->start, record->end);
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

static inline guint32
get_pid (TbufLockTable        *self,
         const TbufRecordCopy *record)
{
  return record->state == TBUF_RECORD_POISON ? (guint32) record->owner
                                             : LOAD (self->slots[TBUF_ID_TO_SLOT (record->id)].pid);
}

/* What a waiting record asks for. */
static inline TbufClaim
get_claim (const TbufRecordCopy *record)
{
  return (TbufClaim) { record->start, record->end, record->mode, record->flags, record->partner };
}

G_END_DECLS
