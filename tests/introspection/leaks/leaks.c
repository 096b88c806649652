/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is made and dropped in C leaves nothing behind: neither memory, nor mappings, nor descriptors.
 * With -m thorough there are as many arenas as views. */

#include <stdio.h>
#include <tbuf.h>

#define N_VIEWS 100000
#define N_ARENAS (g_test_thorough () ? N_VIEWS : 10000)

typedef struct
{
  guint64 pages, mappings, descriptors;
} Holdings;

static Holdings
get_holdings (void)
{
  g_autofree char *statm = NULL, *maps = NULL;
  g_autoptr(GDir) descriptors = g_dir_open ("/proc/self/fd", 0, NULL);
  Holdings holdings = { 0 };

  g_assert_true (g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL));
  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  g_assert_cmpint (sscanf (statm, "%*u %" G_GUINT64_FORMAT, &holdings.pages), ==, 1);
  for (const char *c = maps; *c != '\0'; c++)
    holdings.mappings += *c == '\n';
  while (g_dir_read_name (descriptors) != NULL)
    holdings.descriptors++;
  return holdings;
}

static void
assert_flat (guint n, void (*make) (gpointer data, guint i), gpointer data)
{
  Holdings before, after;

  for (guint i = 0; i < n / 10; i++)
    make (data, i);
  before = get_holdings ();
  for (guint i = 0; i < n; i++)
    make (data, i);
  after = get_holdings ();

  /* A leak of a page for each hundred, or of anything else, would be seen. */
  g_assert_cmpuint (after.pages, <=, before.pages + n / 200 + 64);
  g_assert_cmpuint (after.mappings, <=, before.mappings + 4);
  g_assert_cmpuint (after.descriptors, <=, before.descriptors);
}

static void
make_view (gpointer arena, guint i)
{
  g_autoptr(TbufInt32View) view = tbuf_int32_view_new (arena, 0, 16, NULL);
  g_autoptr(TbufView) slice = tbuf_view_slice (TBUF_VIEW (view), 0, 0, 16, 2, NULL);

  tbuf_int32_view_peek_array (view, NULL, NULL)[i % 16] = i;
  g_assert_true (TBUF_IS_INT32_VIEW (slice));
}

static void
test_views (void)
{
  g_autoptr(TbufArena) arena = tbuf_arena_new (64, NULL);

  assert_flat (N_VIEWS, make_view, arena);
}

static void
make_copy (gpointer view, guint i)
{
  gsize n;
  g_autofree gint32 *copy = tbuf_int32_view_dup_array (view, &n, NULL);
  g_autoptr(GBytes) bytes = tbuf_region_get_bytes (view);
  g_autoptr(GBytes) snapshot = tbuf_view_snapshot (view, NULL);

  g_assert_true (n == 16 && g_bytes_get_size (bytes) == 64 && g_bytes_get_size (snapshot) == 64);
}

static void
test_arrays_and_bytes (void)
{
  g_autoptr(TbufArena) arena = tbuf_arena_new (64, NULL);
  g_autoptr(TbufInt32View) view = tbuf_int32_view_new (arena, 0, 16, NULL);

  assert_flat (N_VIEWS, make_copy, view);
}

static void
make_failure (gpointer arena, guint i)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(TbufInt32View) view = tbuf_int32_view_new (arena, 0, 17, &error);

  g_assert_null (view);
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
}

static void
test_errors (void)
{
  g_autoptr(TbufArena) arena = tbuf_arena_new (64, NULL);

  assert_flat (N_VIEWS, make_failure, arena);
}

static void
make_lock (gpointer arena, guint i)
{
  g_autoptr(TbufInt32View) view = tbuf_int32_view_new (arena, 0, 16, NULL);
  g_autoptr(TbufLocker) locker = tbuf_locker_new (TBUF_REGION (view), TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL);

  g_assert_nonnull (locker);
}

static void
test_locks (void)
{
  g_autoptr(TbufArena) arena = tbuf_arena_new (64, NULL);

  assert_flat (N_VIEWS, make_lock, arena);
}

/* The bytes go last. */
static void
make_arena (gpointer data, guint i)
{
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(TbufArena) arena = tbuf_arena_new (64, NULL);
  g_autoptr(TbufInt32View) view = tbuf_int32_view_new (arena, 0, 16, NULL);

  tbuf_int32_view_peek_array (view, NULL, NULL)[15] = i;
  bytes = tbuf_region_get_bytes (TBUF_REGION (view));
  if (i % 2 == 0)
    tbuf_arena_close (arena);
}

static void
test_arenas (void)
{
  assert_flat (N_ARENAS, make_arena, NULL);
}

static void
open_arena (gpointer name, guint i)
{
  g_autoptr(TbufArena) arena = tbuf_arena_open (name, TBUF_ARENA_NONE, NULL);

  g_assert_cmpuint (tbuf_arena_get_size (arena), ==, 64);
}

static void
test_names (void)
{
  g_autofree char *name = g_strdup_printf ("tbuf-leaks-%08x", g_random_int ());
  g_autoptr(TbufArena) arena = tbuf_arena_create (name, 64, TBUF_ARENA_NONE, NULL);

  assert_flat (N_ARENAS, open_arena, name);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tbuf/leaks/views", test_views);
  g_test_add_func ("/tbuf/leaks/arrays-and-bytes", test_arrays_and_bytes);
  g_test_add_func ("/tbuf/leaks/errors", test_errors);
  g_test_add_func ("/tbuf/leaks/locks", test_locks);
  g_test_add_func ("/tbuf/leaks/arenas", test_arenas);
  g_test_add_func ("/tbuf/leaks/names", test_names);
  return g_test_run ();
}
