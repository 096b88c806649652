/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-items-private.h"
#include "tbuf-record-private.h"

#include "tbuf-error.h"

/* Reading without a lock
 * ======================
 *
 * The data is divided into stripes, each with a sequence that exclusive locks
 * advance when they are granted. A reader notes the sequences, makes sure that
 * nobody has the range locked exclusively, copies, and looks at the sequences
 * again: if they are the same, nobody could have written meanwhile. It writes
 * nothing, so that it works on read-only arenas. A writer that never lets go of
 * the range long enough for a copy starves such readers; they give up.
 *
 * A counter of all changes to the lock table would not do: the table can look
 * the same before and after a writer that was there all the time.
 */

#define MAX_TRIES 1000

/* So many tries with the writer at work, and then he is asked whether he lives. */
#define PROBE_INTERVAL 50

typedef struct
{
  guint64 values[TBUF_N_STRIPES];
} Sequences;

static void
read_sequences (TbufLockTable   *table,
                const TbufClaim *claim,
                Sequences       *sequences)
{
  guint64 first = claim->start >> table->stripe_shift;
  guint64 last = MIN ((claim->end - 1) >> table->stripe_shift, first + TBUF_N_STRIPES - 1);

  memset (sequences, 0, sizeof *sequences);
  for (guint64 i = first; i <= last; i++)
    sequences->values[i % TBUF_N_STRIPES] =
      __atomic_load_n (&table->words->sequence[i % TBUF_N_STRIPES], __ATOMIC_ACQUIRE);
}

/* Finds an exclusive lock or an abandoned range; one that is abandoned counts more. */
static gboolean
find_writer (TbufLockTable   *table,
             const TbufClaim *claim,
             TbufRecordCopy  *writer)
{
  guint32 high = get_high (table);
  gboolean found = FALSE;

  for (guint32 i = find_overlap (table, 0, high, claim->start, claim->end);
       i < high;
       i = find_overlap (table, i + 1, high, claim->start, claim->end))
    {
      TbufRecordCopy record;

      read_record (&table->records[i], &record);
      if (record.state != TBUF_RECORD_POISON && (!is_held (&record) || record.mode == TBUF_LOCK_MODE_SHARED))
        continue;

      *writer = record;
      found = TRUE;
      if (record.state == TBUF_RECORD_POISON)
        break;
    }

  return found;
}

/* The memory changes under the copy, so that each word is loaded once, as a whole. */
static void
copy_changing (guint8       *dest,
               const guint8 *src,
               gsize         n)
{
  gsize i = 0;

  for (; i < n && ((guintptr) (src + i) & 7) != 0; i++)
    dest[i] = __atomic_load_n (src + i, __ATOMIC_RELAXED);
  for (; n - i >= 8; i += 8)
    {
      guint64 word = __atomic_load_n ((const guint64 *) (gconstpointer) (src + i), __ATOMIC_RELAXED);

      memcpy (dest + i, &word, 8);
    }
  for (; i < n; i++)
    dest[i] = __atomic_load_n (src + i, __ATOMIC_RELAXED);
}

static gboolean
copy_consistently (TbufMapping      *mapping,
                   const TbufClaim  *claim,
                   guint8           *dest,
                   GError          **error)
{
  TbufLockTable *table = &mapping->table;
  TbufRecordCopy writer = { 0 };

  tbuf_lock_take_part (table);
  tbuf_lock_tidy (table);
  for (guint i = 0; i < MAX_TRIES; i++)
    {
      Sequences before, after;

      read_sequences (table, claim, &before);
      if (find_writer (table, claim, &writer))
        {
          gboolean is_dead = writer.state == TBUF_RECORD_POISON ||
                             (i % PROBE_INTERVAL == 0 && !tbuf_participant_is_alive (&table->participant, writer.id));

          if (is_dead)
            {
              g_set_error (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED,
                           "Could not copy bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                           ": process %u died while it had bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " locked exclusively",
                           claim->start, claim->end - 1, get_pid (table, &writer), writer.start, writer.end - 1);
              return FALSE;
            }

          g_thread_yield ();
          continue;
        }

      copy_changing (dest, mapping->data + claim->start, (gsize) (claim->end - claim->start));
      __atomic_thread_fence (__ATOMIC_ACQUIRE);
      read_sequences (table, claim, &after);
      if (memcmp (&before, &after, sizeof before) == 0)
        return TRUE;
    }

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_BUSY,
               "Could not copy bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
               " in %d tries: somebody has written to them all the time; take a shared lock to wait for a turn",
               claim->start, claim->end - 1, MAX_TRIES);
  return FALSE;
}

/**
 * tbuf_view_snapshot:
 * @self: a view
 * @error: return location for an error
 *
 * Copies the items as they were at one moment, without a lock.
 *
 * The copy is consistent with respect to everyone who writes under an exclusive
 * lock: it has all of what such a writer wrote, or nothing. Writers never wait
 * for it. It works on read-only arenas, too.
 *
 * The items are in C order without gaps, in the byte order of this machine.
 *
 * Errors: `BUSY` (writers were at work at each of 1000 tries), `OWNER_DIED` (an
 * exclusive owner died), `NOT_LIVE`, `INVALID` (an empty view).
 *
 * Returns: (transfer full): a copy of the items
 *
 * Since: 1.0
 */
GBytes *
tbuf_view_snapshot (TbufView  *self,
                    GError   **error)
{
  TbufRegion *region = (TbufRegion *) self;
  g_autofree guint8 *hull = NULL;
  g_autofree guint8 *items = NULL;
  gsize n_bytes;
  TbufView copy;
  TbufClaim claim;

  g_return_val_if_fail (TBUF_IS_VIEW (self), NULL);

  if (!tbuf_view_check_access (self, FALSE, error))
    return NULL;

  claim = tbuf_region_get_claim (region, TBUF_LOCK_MODE_SHARED, 0);
  if (claim.start >= claim.end)
    return g_bytes_new_static (NULL, 0);

  hull = g_malloc (region->n_bytes);
  if (!copy_consistently (region->mapping, &claim, hull, error) ||
      !tbuf_view_check_access (self, FALSE, error))
    return NULL;

  n_bytes = self->n_items * self->item_size;
  if (self->is_contiguous && self->is_native)
    return g_bytes_new_take (g_steal_pointer (&hull), n_bytes);

  /* The same view, of the private copy. */
  copy = *self;
  copy.items = hull + (self->first_item - region->offset);
  items = g_malloc (n_bytes);
  tbuf_items_read (&copy, 0, self->n_items, items);
  return g_bytes_new_take (g_steal_pointer (&items), n_bytes);
}
