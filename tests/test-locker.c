/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <tbuf.h>

static TbufRegion *
new_range (TbufArena *arena)
{
  g_autoptr (GError) error = NULL;
  TbufView *view = tbuf_arena_create_view (arena, TBUF_DTYPE_UINT8, 0, 8, &error);

  g_assert_no_error (error);
  return TBUF_REGION (view);
}

static gboolean
lock_and_return_early (TbufRegion    *region,
                       TbufLockMode   mode,
                       GError       **error)
{
  g_autoptr (TbufLocker) locker = tbuf_locker_new (region, mode, 0, NULL, error);

  if (locker == NULL)
    return FALSE;

  g_assert_cmpint (tbuf_region_get_held_mode (region), ==, mode);
  return TRUE;
}

static void
test_unlocks_at_the_end_of_its_scope (void)
{
  g_autoptr (TbufArena) arena = tbuf_arena_new (64, NULL);
  g_autoptr (TbufRegion) region = new_range (arena);
  g_autoptr (GError) error = NULL;

  g_assert_true (lock_and_return_early (region, TBUF_LOCK_MODE_EXCLUSIVE, &error));
  g_assert_cmpint (tbuf_region_get_lock_state (region), ==, TBUF_LOCK_STATE_FREE);
  g_assert_true (lock_and_return_early (region, TBUF_LOCK_MODE_SHARED, &error));
  g_assert_cmpint (tbuf_region_get_lock_state (region), ==, TBUF_LOCK_STATE_FREE);
  g_assert_no_error (error);
}

static void
test_leaves_alone_what_it_did_not_get (void)
{
  g_autoptr (TbufArena) arena = tbuf_arena_new (64, NULL);
  g_autoptr (TbufRegion) region = new_range (arena);
  g_autoptr (TbufRegion) other = new_range (arena);
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_region_lock (other, TBUF_LOCK_MODE_SHARED, -1, NULL, &error));
  g_assert_false (lock_and_return_early (region, TBUF_LOCK_MODE_EXCLUSIVE, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_assert_cmpint (tbuf_region_get_lock_state (region), ==, TBUF_LOCK_STATE_SHARED);
  g_clear_error (&error);

  g_assert_true (tbuf_region_unlock (other, &error));
  g_assert_no_error (error);
}

static void
test_counts_with_other_shared_locks (void)
{
  g_autoptr (TbufArena) arena = tbuf_arena_new (64, NULL);
  g_autoptr (TbufRegion) region = new_range (arena);
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_region_lock (region, TBUF_LOCK_MODE_SHARED, -1, NULL, &error));
  g_assert_true (lock_and_return_early (region, TBUF_LOCK_MODE_SHARED, &error));
  g_assert_cmpint (tbuf_region_get_held_mode (region), ==, TBUF_LOCK_MODE_SHARED);
  g_assert_true (tbuf_region_unlock (region, &error));
  g_assert_cmpint (tbuf_region_get_held_mode (region), ==, TBUF_LOCK_MODE_NONE);
  g_assert_no_error (error);
}

static void
test_keeps_the_region (void)
{
  g_autoptr (TbufArena) arena = tbuf_arena_new (64, NULL);
  TbufRegion *region = new_range (arena);
  TbufLocker *locker = tbuf_locker_new (region, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL);

  g_assert_nonnull (locker);
  g_object_add_weak_pointer (G_OBJECT (region), (gpointer *) &region);
  g_object_unref (region);
  g_assert_nonnull (region);

  /* The last reference goes after the lock, or its bytes would be abandoned. */
  g_clear_pointer (&locker, tbuf_locker_free);
  g_assert_null (region);
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);

  tbuf_locker_free (NULL);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/locker/unlocks-at-the-end-of-its-scope", test_unlocks_at_the_end_of_its_scope);
  g_test_add_func ("/tbuf/locker/leaves-alone-what-it-did-not-get", test_leaves_alone_what_it_did_not_get);
  g_test_add_func ("/tbuf/locker/counts-with-other-shared-locks", test_counts_with_other_shared_locks);
  g_test_add_func ("/tbuf/locker/keeps-the-region", test_keeps_the_region);

  return g_test_run ();
}
