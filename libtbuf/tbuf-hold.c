/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-lock-table-private.h"

#include "tbuf-record-private.h"

/* What one object holds
 * =====================
 *
 * An object has one record in the table, however often it is locked for reading.
 * Such holds are counted, and for each thread apart: a thread that has one gets
 * more without a look at who waits, or it would wait for a waiter who waits for
 * the thread itself. Any other thread waits its turn, or threads that pass an
 * object on among themselves would never let a writer in.
 */

typedef struct
{
  guint64 owner;  /* the thread; 0: requests without one */
  guint32 count;
} TbufSharer;

static gboolean
is_shared_by_several (const TbufHold *self)
{
  return self->sharers != NULL && self->sharers->len > 0;
}

static gint
find_sharer (const TbufHold *self,
             guint64         owner)
{
  for (guint i = 0; self->sharers != NULL && i < self->sharers->len; i++)
    if (g_array_index (self->sharers, TbufSharer, i).owner == owner)
      return (gint) i;

  return -1;
}

gboolean
tbuf_hold_is_thread_s (const TbufHold *self,
                       guint64         owner)
{
  return is_shared_by_several (self) ? find_sharer (self, owner) >= 0 : self->owner == owner;
}

/* While several threads share it, no thread is known to release the record, and
 * none is told of a deadlock because of it. */
static void
set_owner (TbufHold      *self,
           TbufLockTable *table,
           guint64        owner)
{
  self->owner = owner;
  STORE (table->records[self->record - 1].owner, owner);
}

static void
count_sharer (TbufHold *self,
              guint64   owner,
              guint32   n)
{
  gint index = find_sharer (self, owner);

  if (index >= 0)
    g_array_index (self->sharers, TbufSharer, index).count += n;
  else
    g_array_append_vals (self->sharers, &(TbufSharer) { owner, n }, 1);
}

/* One more shared lock of the same object. */
void
tbuf_hold_count (TbufHold      *self,
                 TbufLockTable *table,
                 guint64        owner)
{
  if (is_shared_by_several (self))
    count_sharer (self, owner, 1);
  else if (self->owner != owner)
    {
      if (self->sharers == NULL)
        self->sharers = g_array_new (FALSE, FALSE, sizeof (TbufSharer));

      count_sharer (self, self->owner, self->count);
      count_sharer (self, owner, 1);
      set_owner (self, table, 0);
    }

  __atomic_fetch_add (&self->count, 1, __ATOMIC_RELAXED);
}

/* Who is left alone is the owner. */
static void
end_sharing (TbufHold      *self,
             TbufLockTable *table)
{
  if (self->sharers->len != 1)
    return;

  set_owner (self, table, g_array_index (self->sharers, TbufSharer, 0).owner);
  g_array_set_size (self->sharers, 0);
}

/* One shared lock less: the calling thread's, if it has one, or else anybody's.
 * Returns FALSE if there is no other, and the record is to be released. */
gboolean
tbuf_hold_uncount (TbufHold      *self,
                   TbufLockTable *table,
                   guint64        owner)
{
  TbufSharer *sharer;
  gint index;

  if (self->count <= 1 || __atomic_sub_fetch (&self->count, 1, __ATOMIC_RELAXED) == 0)
    return FALSE;
  if (!is_shared_by_several (self))
    return TRUE;

  index = MAX (find_sharer (self, owner), 0);
  sharer = &g_array_index (self->sharers, TbufSharer, index);
  if (--sharer->count == 0)
    g_array_remove_index_fast (self->sharers, (guint) index);
  end_sharing (self, table);
  return TRUE;
}

/* A lock that was asked for without a thread is that of the one who gets the result:
 * it is this thread that will release it, or wait for it in vain. */
void
tbuf_hold_adopt (TbufHold      *self,
                 TbufLockTable *table,
                 guint64        owner)
{
  TbufSharer *sharer;
  gint index;

  if (!is_shared_by_several (self))
    {
      if (self->owner != 0)
        return;
      if (self->count == 1)
        {
          set_owner (self, table, owner);
          return;
        }

      if (self->sharers == NULL)
        self->sharers = g_array_new (FALSE, FALSE, sizeof (TbufSharer));
      count_sharer (self, 0, self->count);
    }

  index = find_sharer (self, 0);
  if (index < 0)
    return;

  sharer = &g_array_index (self->sharers, TbufSharer, index);
  if (--sharer->count == 0)
    g_array_remove_index_fast (self->sharers, (guint) index);
  count_sharer (self, owner, 1);
  end_sharing (self, table);
}

/* The record holds the claim from now on. */
void
tbuf_hold_set (TbufHold        *self,
               TbufLockTable   *table,
               const TbufClaim *claim,
               guint32          index,
               guint64          owner)
{
  /* Two threads that waited for shared locks through one object share a record. */
  if (G_UNLIKELY (self->record != 0 && self->attachment == table->attachment))
    {
      tbuf_lock_table_release (table, index);
      tbuf_hold_count (self, table, owner);
      return;
    }

  if (G_UNLIKELY (is_shared_by_several (self)))
    g_array_set_size (self->sharers, 0);

  *self = (TbufHold) {
    .record = index + 1,
    .mode = claim->mode,
    .count = 1,
    .attachment = table->attachment,
    .owner = owner,
    .sharers = self->sharers,
  };
}
