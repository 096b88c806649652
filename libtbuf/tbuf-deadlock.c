/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-lock-table-private.h"

#include "tbuf-record-private.h"

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
  guint64 asked[TBUF_N_RECORDS / 64] = { 0 };
  guint32 stack[TBUF_MAX_WAITING];
  guint32 high = get_high (self), index = own_index;
  TbufClaim current = *claim;
  guint n = 0;

  while (TRUE)
    {
      guint64 ticket = index < TBUF_N_RECORDS ? LOAD (self->records[index].ticket) : G_MAXUINT64;
      TbufRecordCopy waiter;

      for (guint32 i = find_overlap (self, 0, high, current.start, current.end);
           i < high;
           i = find_overlap (self, i + 1, high, current.start, current.end))
        {
          TbufRecordCopy record;

          read_record (&self->records[i], &record);
          if (i == index || i + 1 == current.partner || record.owner == 0 || !blocks (&record, &current, ticket))
            continue;
          if (record.id == self->participant.id && record.owner == owner)
            return TRUE;

          /* Whoever blocks may wait for something itself: to find that out once per
           * record keeps the walk from growing with the cube of the table. */
          if (has_bit (asked, i))
            continue;
          set_bit (asked, i);
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
      current = get_claim (&waiter);
    }
}
