/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mman.h>
#include <tbuf.h>

#include "../libtbuf/tbuf-format-private.h"
#include "peer.h"

#define N_ITEMS 4096
#define N_WRITES 100000

static TbufArena *
new_arena (void)
{
  g_autoptr (GError) error = NULL;
  TbufArena *arena = tbuf_arena_new (N_ITEMS * sizeof (gint32), &error);

  g_assert_no_error (error);
  return arena;
}

static TbufView *
new_view (TbufArena *arena)
{
  g_autoptr (GError) error = NULL;
  TbufView *view = tbuf_arena_create_view (arena, TBUF_DTYPE_INT32, 0, N_ITEMS, &error);

  g_assert_no_error (error);
  return view;
}

static void
test_copies_in_c_order (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufView) view = new_view (arena);
  g_autoptr (TbufView) reversed = tbuf_view_slice (view, 0, 3, G_MINSSIZE, -1, &error);
  g_autoptr (TbufView) swapped = tbuf_view_cast (reversed, TBUF_DTYPE_INT32,
                                                 G_BYTE_ORDER == G_LITTLE_ENDIAN ? TBUF_BYTE_ORDER_BIG : TBUF_BYTE_ORDER_LITTLE,
                                                 &error);
  const gint32 values[] = { 10, 20, 30, 40 }, backwards[] = { 40, 30, 20, 10 };
  g_autoptr (GBytes) bytes = NULL;
  const gint32 *items;
  gsize n_bytes;

  g_assert_no_error (error);
  g_assert_true (tbuf_int32_view_write (TBUF_INT32_VIEW (view), 0, values, 4, &error));

  bytes = tbuf_view_snapshot (reversed, &error);
  g_assert_no_error (error);
  items = g_bytes_get_data (bytes, &n_bytes);
  g_assert_cmpmem (items, n_bytes, backwards, sizeof backwards);

  /* A copy, not the memory itself. */
  g_assert_true (tbuf_int32_view_set_item (TBUF_INT32_VIEW (view), 0, 11, &error));
  g_assert_cmpint (items[3], ==, 10);
  g_clear_pointer (&bytes, g_bytes_unref);

  bytes = tbuf_view_snapshot (swapped, &error);
  items = g_bytes_get_data (bytes, &n_bytes);
  g_assert_cmpuint (n_bytes, ==, sizeof backwards);
  g_assert_cmpint (items[0], ==, GINT32_FROM_BE (GINT32_TO_LE (40)));
}

static void
test_refuses_during_exclusive_lock (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufView) view = new_view (arena);
  g_autoptr (GBytes) bytes = NULL;
  TbufView *lost = new_view (arena);

  g_assert_true (tbuf_region_lock (TBUF_REGION (lost), TBUF_LOCK_MODE_SHARED, -1, NULL, NULL));
  bytes = tbuf_view_snapshot (view, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, N_ITEMS * sizeof (gint32));

  g_assert_true (tbuf_region_upgrade (TBUF_REGION (lost), -1, NULL, NULL));
  g_assert_null (tbuf_view_snapshot (view, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_clear_error (&error);

  g_object_unref (lost);
  g_assert_null (tbuf_view_snapshot (view, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED);
}

/* What a reader compares before and after its copy. The whole arena, of 32 stripes,
 * is locked in each of the ways in which a lock can become exclusive. */
static void
test_exclusive_locks_advance_sequences (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufView) view = new_view (arena);
  guint8 *control = mmap (NULL, sizeof (TbufSuperblock) + sizeof (TbufWords) + 4096, PROT_READ, MAP_SHARED,
                          tbuf_arena_get_fd (arena), 0);
  const TbufSuperblock *superblock = (const TbufSuperblock *) (gconstpointer) control;
  const TbufWords *words;
  guint64 before[TBUF_N_STRIPES];

  g_assert_true (control != MAP_FAILED);
  words = (const TbufWords *) (gconstpointer) (control + superblock->words_offset);

  for (guint way = 0; way < 4; way++)
    {
      memcpy (before, words->sequence, sizeof before);
      switch (way)
        {
        case 0:
          g_assert_true (tbuf_region_lock (TBUF_REGION (view), TBUF_LOCK_MODE_SHARED, -1, NULL, NULL));
          break;
        case 1:
          g_assert_true (tbuf_region_upgrade (TBUF_REGION (view), -1, NULL, NULL));
          break;
        case 2:
          g_assert_true (tbuf_region_unlock (TBUF_REGION (view), NULL));
          g_assert_true (tbuf_region_lock (TBUF_REGION (view), TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
          break;
        default:
          g_assert_true (tbuf_region_unlock (TBUF_REGION (view), NULL));
          g_assert_true (tbuf_region_recover (TBUF_REGION (view), -1, NULL, NULL, NULL));
          break;
        }

      for (guint i = 0; i < TBUF_N_STRIPES; i++)
        {
          if (way == 0)
            g_assert_cmpuint (words->sequence[i], ==, before[i]);
          else
            g_assert_cmpuint (words->sequence[i], >, before[i]);
        }
    }

  g_assert_true (tbuf_region_unlock (TBUF_REGION (view), NULL));
  munmap (control, sizeof (TbufSuperblock) + sizeof (TbufWords) + 4096);
}

/* All items are the same at every moment that somebody else may see. */
static void
write_all (Peer     *parent,
           gpointer  data)
{
  TbufArena *arena = tbuf_arena_open_fd (tbuf_arena_get_fd (data), TBUF_ARENA_NONE, NULL);
  TbufView *view = new_view (arena);

  peer_tell (parent);
  for (gint32 i = 1; i <= N_WRITES; i++)
    {
      g_assert_true (tbuf_region_lock (TBUF_REGION (view), TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
      g_assert_true (tbuf_int32_view_fill (TBUF_INT32_VIEW (view), i, NULL));
      g_assert_true (tbuf_region_unlock (TBUF_REGION (view), NULL));
    }
}

static void
test_is_never_torn (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) reader = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_READ_ONLY, NULL);
  g_autoptr (TbufView) view = new_view (reader);
  Peer peer = peer_start (write_all, arena);
  gint32 last = 0;

  g_assert_true (peer_wait (&peer));
  while (last < N_WRITES)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = tbuf_view_snapshot (view, &error);
      const gint32 *items;

      if (bytes == NULL)
        {
          g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
          continue;
        }

      items = g_bytes_get_data (bytes, NULL);
      g_assert_cmpint (items[0], >=, last);
      last = items[0];
      for (guint i = 1; i < N_ITEMS; i++)
        if (items[i] != last)
          g_error ("item %u is %d, and item 0 is %d", i, items[i], last);
    }

  peer_join (&peer);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/snapshot/copies-in-c-order", test_copies_in_c_order);
  g_test_add_func ("/tbuf/snapshot/refuses-during-exclusive-lock", test_refuses_during_exclusive_lock);
  g_test_add_func ("/tbuf/snapshot/exclusive-locks-advance-sequences", test_exclusive_locks_advance_sequences);
  g_test_add_func ("/tbuf/snapshot/is-never-torn", test_is_never_torn);

  return g_test_run ();
}
