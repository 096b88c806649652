/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-lock-table-private.h"

#include "tbuf-record-private.h"

/* Poison
 * ======
 *
 * When an exclusive owner dies, the record of its lock becomes poison: nobody
 * locks those bytes any more, until somebody has recovered them. A reader's
 * death, and that of one who was only waiting, leaves nothing.
 */

/* A quarter of the table: then ranges are merged. */
#define MAX_POISON (TBUF_N_RECORDS / 4)

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
      TbufRecordCopy other;
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
static void
become_poison (TbufLockTable        *self,
               guint32               index,
               const TbufRecordCopy *record)
{
  TbufRecord *entry = &self->records[index];

  if (record->mode == TBUF_LOCK_MODE_SHARED || (record->flags & TBUF_RECORD_NO_DATA) || record->start >= record->end ||
      (LOAD (self->words->n_poison) >= MAX_POISON && merge_poison (self, index)))
    {
      tbuf_lock_table_remove (self, index);
      return;
    }

  STORE (entry->owner, (guint64) get_pid (self, record));
  STORE (entry->flags, 0);
  set_state (entry, TBUF_RECORD_POISON);
  STORE (self->words->n_poison, LOAD (self->words->n_poison) + 1);
}

void
tbuf_lock_table_abandon (TbufLockTable *self,
                         guint32        index)
{
  TbufRecordCopy record;

  read_record (&self->records[index], &record);
  become_poison (self, index, &record);
  tbuf_lock_table_announce (self, record.start, record.end);
  tbuf_lock_table_grant (self, record.start, record.end);
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
      TbufRecordCopy record;

      read_record (entry, &record);
      if (record.state != TBUF_RECORD_POISON)
        continue;

      if (record.start < start && record.end > end)
        {
          TbufClaim right = { .start = end, .end = record.end, .mode = TBUF_LOCK_MODE_EXCLUSIVE };
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
        {
          /* Nobody waits for poison, only for the one who holds the range meanwhile. */
          STORE (self->words->n_poison, LOAD (self->words->n_poison) - 1);

          /* It may have been counted as one's own no longer, and remove() takes one off. */
          self->n_own++;
          tbuf_lock_table_remove (self, i);
          tbuf_lock_table_announce (self, record.start, record.end);
        }
    }
}

/* What unlock() could not do for want of the guard. */
void
tbuf_lock_table_finish_repair (TbufLockTable *self,
                               guint32        index)
{
  TbufRecord *record = &self->records[index];

  tbuf_lock_table_clear_poison (self, LOAD (record->start), LOAD (record->end));
  tbuf_lock_table_remove (self, index);
}

/* The records of everyone whose id is the same in the bits of mask, but for one's
 * own. Waiters are looked at once, at the end: if we die before, rebuild() does it. */
static void
reap (TbufLockTable *self,
      guint32        id,
      guint32        mask)
{
  guint64 start = G_MAXUINT64, end = 0;

  for (guint32 i = 0; i < get_high (self); i++)
    {
      TbufRecordCopy record;

      read_record (&self->records[i], &record);
      if ((record.id & mask) != (id & mask) || record.id == self->participant.id ||
          record.state == TBUF_RECORD_FREE || record.state == TBUF_RECORD_POISON)
        continue;

      /* Who was granted a range and never saw it has written nothing. */
      if (record.state == TBUF_RECORD_HELD)
        become_poison (self, i, &record);
      else if (record.state == TBUF_RECORD_REPAIRED)
        tbuf_lock_table_finish_repair (self, i);
      else
        tbuf_lock_table_remove (self, i);
      if (!is_waiting (&record))
        tbuf_lock_table_announce (self, record.start, record.end);

      start = MIN (start, record.start);
      end = MAX (end, record.end);
    }

  if (start < end)
    tbuf_lock_table_grant (self, start, end);
}

/* Everything that a dead participant left in the table. */
void
tbuf_lock_table_reap (TbufLockTable *self,
                      guint32        id)
{
  reap (self, id, G_MAXUINT32);
}

/* Everything that those left who had this participant's slot before. */
void
tbuf_lock_table_reap_slot (TbufLockTable *self)
{
  reap (self, self->participant.id, TBUF_N_SLOTS - 1);
}
