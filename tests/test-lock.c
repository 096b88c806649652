/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <tbuf.h>

#include "ranges.h"

static void
test_exclusive_excludes (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 4, 8);

  assert_locks (a, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_lock_fails (b, TBUF_LOCK_MODE_EXCLUSIVE, 0, TBUF_ERROR_BUSY);
  assert_lock_fails (b, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);
  assert_lock_fails (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);
  g_assert_cmpint (tbuf_region_get_lock_state (b), ==, TBUF_LOCK_STATE_EXCLUSIVE);
  g_assert_cmpint (tbuf_region_get_held_mode (b), ==, TBUF_LOCK_MODE_NONE);

  assert_unlocks (a);
  g_assert_cmpint (tbuf_region_get_lock_state (b), ==, TBUF_LOCK_STATE_FREE);
  assert_locks (b, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (b);
}

static void
test_shared_go_together (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 0, 8);

  assert_locks (a, TBUF_LOCK_MODE_SHARED);
  assert_locks (b, TBUF_LOCK_MODE_SHARED);
  g_assert_cmpint (tbuf_region_get_lock_state (a), ==, TBUF_LOCK_STATE_SHARED);
  assert_lock_fails (TBUF_REGION (arena), TBUF_LOCK_MODE_EXCLUSIVE, 0, TBUF_ERROR_BUSY);
  assert_unlocks (a);
  assert_lock_fails (TBUF_REGION (arena), TBUF_LOCK_MODE_EXCLUSIVE, 0, TBUF_ERROR_BUSY);
  assert_unlocks (b);
  assert_locks (TBUF_REGION (arena), TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (TBUF_REGION (arena));
}

static void
test_neighbours_do_not_conflict (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 8, 8);
  g_autoptr (TbufRegion) nothing = new_range (arena, 4, 0);

  assert_locks (a, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_locks (b, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_locks (nothing, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_locks (nothing, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (nothing);
  assert_unlocks (nothing);
  assert_unlocks (b);
  assert_unlocks (a);
}

static void
test_counts_shared (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 0, 8);

  assert_locks (a, TBUF_LOCK_MODE_SHARED);
  assert_locks (a, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (a);
  assert_lock_fails (b, TBUF_LOCK_MODE_EXCLUSIVE, 0, TBUF_ERROR_BUSY);
  assert_unlocks (a);
  assert_unlock_fails (a, TBUF_ERROR_NOT_HELD);
  assert_locks (b, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (b);
  assert_unlock_fails (b, TBUF_ERROR_NOT_HELD);
}

static void
test_refuses_modes (void)
{
  g_autoptr (TbufArena) arena = new_arena ();

  assert_lock_fails (TBUF_REGION (arena), TBUF_LOCK_MODE_NONE, -1, TBUF_ERROR_INVALID);
  assert_lock_fails (TBUF_REGION (arena), (TbufLockMode) 7, -1, TBUF_ERROR_INVALID);
}

static void
test_times_out (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, NULL);
  g_autoptr (GError) error = NULL;
  gint64 start;

  /* Another participant of the same thread is another owner: no deadlock is seen. */
  assert_locks (TBUF_REGION (other), TBUF_LOCK_MODE_EXCLUSIVE);
  start = g_get_monotonic_time ();
  g_assert_false (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, 5000, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 5000);
  g_assert_nonnull (strstr (error->message, "bytes 0 to 4095"));

  assert_unlocks (TBUF_REGION (other));
  assert_locks (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED);
  assert_unlocks (TBUF_REGION (arena));
}

static void
test_sees_own_deadlock (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 0, 8);

  assert_locks (a, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_lock_fails (b, TBUF_LOCK_MODE_SHARED, -1, TBUF_ERROR_DEADLOCK);
  assert_lock_fails (a, TBUF_LOCK_MODE_EXCLUSIVE, -1, TBUF_ERROR_DEADLOCK);
  assert_lock_fails (a, TBUF_LOCK_MODE_EXCLUSIVE, 0, TBUF_ERROR_BUSY);
  assert_unlocks (a);
}

typedef struct
{
  TbufRegion *first;
  TbufRegion *second;
  GAsyncQueue *arrived;
  GAsyncQueue *go;
} Crossing;

static gpointer
cross (gpointer data)
{
  Crossing *self = data;
  g_autoptr (GError) error = NULL;

  assert_locks (self->first, TBUF_LOCK_MODE_EXCLUSIVE);
  g_async_queue_push (self->arrived, self);
  g_async_queue_pop (self->go);

  /* One of the two is told; its release lets the other one through. */
  if (tbuf_region_lock (self->second, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, &error))
    assert_unlocks (self->second);
  else
    g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK);
  assert_unlocks (self->first);

  return GINT_TO_POINTER (error != NULL);
}

static void
test_sees_crossed_deadlock (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a1 = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) a2 = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b1 = new_range (arena, 8, 8);
  g_autoptr (TbufRegion) b2 = new_range (arena, 8, 8);
  g_autoptr (GAsyncQueue) arrived = g_async_queue_new ();
  g_autoptr (GAsyncQueue) go = g_async_queue_new ();
  Crossing x = { a1, b2, arrived, go };
  Crossing y = { b1, a2, arrived, go };
  GThread *first = g_thread_new ("first", cross, &x);
  GThread *second = g_thread_new ("second", cross, &y);
  int n_deadlocks;

  g_async_queue_pop (arrived);
  g_async_queue_pop (arrived);
  g_async_queue_push (go, &x);
  g_async_queue_push (go, &y);

  n_deadlocks = GPOINTER_TO_INT (g_thread_join (first)) + GPOINTER_TO_INT (g_thread_join (second));
  g_assert_cmpint (n_deadlocks, >=, 1);
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);
}

typedef struct
{
  TbufRegion   *region;
  GCancellable *cancellable;
  GError       *error;
  int           started;
} Waiter;

static gpointer
wait_for_lock (gpointer data)
{
  Waiter *self = data;

  g_atomic_int_set (&self->started, 1);
  if (tbuf_region_lock (self->region, TBUF_LOCK_MODE_EXCLUSIVE, -1, self->cancellable, &self->error))
    assert_unlocks (self->region);
  return NULL;
}

static void
test_can_be_cancelled (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 0, 8);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Waiter waiter = { b, cancellable, NULL, 0 };
  GThread *thread;

  assert_locks (a, TBUF_LOCK_MODE_EXCLUSIVE);
  thread = g_thread_new ("waiter", wait_for_lock, &waiter);
  while (g_atomic_int_get (&waiter.started) == 0)
    g_thread_yield ();
  g_cancellable_cancel (cancellable);
  g_thread_join (thread);
  g_assert_error (waiter.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&waiter.error);

  /* Before it starts, too, and even where the range is free. */
  assert_unlocks (a);
  g_assert_false (tbuf_region_lock (b, TBUF_LOCK_MODE_SHARED, -1, cancellable, &waiter.error));
  g_assert_error (waiter.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&waiter.error);
  g_assert_cmpint (tbuf_region_get_lock_state (a), ==, TBUF_LOCK_STATE_FREE);
}

static void
test_close_wakes_waiters (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 0, 8);
  Waiter waiter = { b, NULL, NULL, 0 };
  GThread *thread;

  assert_locks (a, TBUF_LOCK_MODE_EXCLUSIVE);
  thread = g_thread_new ("waiter", wait_for_lock, &waiter);
  while (g_atomic_int_get (&waiter.started) == 0)
    g_thread_yield ();
  tbuf_arena_close (arena);
  g_thread_join (thread);
  g_assert_error (waiter.error, TBUF_ERROR, TBUF_ERROR_CLOSED);
  g_clear_error (&waiter.error);

  /* What is held can still be released. */
  assert_unlocks (a);
}

static void
test_view_is_a_mutex_for_threads (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  Waiter waiter = { a, NULL, NULL, 0 };
  GThread *thread;

  /* Another thread waits for the same object, and any thread may release it. */
  assert_locks (a, TBUF_LOCK_MODE_EXCLUSIVE);
  thread = g_thread_new ("waiter", wait_for_lock, &waiter);
  while (g_atomic_int_get (&waiter.started) == 0)
    g_thread_yield ();
  assert_unlocks (a);
  g_thread_join (thread);
  g_assert_no_error (waiter.error);
  g_assert_cmpint (tbuf_region_get_held_mode (a), ==, TBUF_LOCK_MODE_NONE);
}

/* Locks byte after byte until that fails, and returns why. */
static GError *
lock_all_one_can (TbufArena *arena,
                  GPtrArray *held)
{
  GError *error = NULL;

  while (error == NULL)
    {
      g_autoptr (TbufRegion) region = new_range (arena, held->len, 1);

      g_assert_cmpuint (held->len, <, ARENA_SIZE);
      if (tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, 0, NULL, &error))
        g_ptr_array_add (held, g_steal_pointer (&region));
    }

  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  return error;
}

/* It has room for more than one participant may have, and two of them fill it. */
static void
test_full_table_waits (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, NULL);
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (TbufRegion) last = new_range (other, ARENA_SIZE - 1, 1);
  g_autoptr (GError) error = NULL;

  error = lock_all_one_can (arena, held);
  g_clear_error (&error);
  error = lock_all_one_can (other, held);
  g_assert_nonnull (strstr (error->message, "full"));
  g_assert_cmpuint (held->len, >, 1900);
  assert_lock_fails (last, TBUF_LOCK_MODE_SHARED, 3000, TBUF_ERROR_TIMED_OUT);

  assert_unlocks (g_ptr_array_index (held, 5));
  assert_locks (last, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (last);

  for (guint i = 0; i < held->len; i++)
    if (i != 5)
      assert_unlocks (g_ptr_array_index (held, i));
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);
}

static gpointer
lock_and_keep (gpointer data)
{
  assert_locks (data, TBUF_LOCK_MODE_SHARED);
  return NULL;
}

/* One participant can't fill the table: it is told, and others go on. */
static void
test_one_participant_has_a_quota (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, NULL);
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (TbufRegion) last = new_range (arena, ARENA_SIZE - 1, 1);
  g_autoptr (TbufRegion) others = new_range (other, ARENA_SIZE - 8, 8);
  TbufRegion *abandoned = new_range (arena, ARENA_SIZE - 9, 1);
  g_autoptr (GError) error = NULL;

  /* What it abandoned is nobody's. */
  assert_locks (abandoned, TBUF_LOCK_MODE_EXCLUSIVE);
  g_object_unref (abandoned);
  error = lock_all_one_can (arena, held);

  g_assert_nonnull (strstr (error->message, "this process has 1024 locks"));
  g_assert_cmpuint (held->len, ==, 1024);

  /* All of them are this thread's: nobody else would make room. */
  assert_lock_fails (last, TBUF_LOCK_MODE_SHARED, -1, TBUF_ERROR_DEADLOCK);
  assert_locks (others, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (others);

  /* When one of them is another thread's, the call waits. */
  assert_unlocks (g_ptr_array_index (held, 7));
  g_thread_join (g_thread_new ("keeper", lock_and_keep, g_ptr_array_index (held, 7)));
  assert_lock_fails (last, TBUF_LOCK_MODE_SHARED, 3000, TBUF_ERROR_TIMED_OUT);

  /* Whoever repairs is not kept out. */
  g_assert_true (tbuf_region_recover (last, 0, NULL, NULL, NULL));
  assert_unlocks (last);
  for (guint i = 0; i < held->len; i++)
    assert_unlocks (g_ptr_array_index (held, i));
  assert_locks (last, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (last);
}

static void
test_lost_holder_is_dead (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  TbufRegion *lost = new_range (arena, 0, 8);
  gboolean was_abandoned = FALSE;
  g_autoptr (GError) error = NULL;

  assert_locks (lost, TBUF_LOCK_MODE_SHARED);
  g_object_unref (lost);
  g_assert_cmpint (tbuf_region_get_lock_state (a), ==, TBUF_LOCK_STATE_FREE);

  lost = new_range (arena, 0, 8);
  assert_locks (lost, TBUF_LOCK_MODE_EXCLUSIVE);
  g_object_unref (lost);
  g_assert_cmpint (tbuf_region_get_lock_state (a), ==, TBUF_LOCK_STATE_ABANDONED);
  assert_lock_fails (a, TBUF_LOCK_MODE_SHARED, -1, TBUF_ERROR_OWNER_DIED);
  g_assert_true (tbuf_region_recover (a, -1, &was_abandoned, NULL, &error));
  g_assert_true (was_abandoned);
  assert_unlocks (a);
  assert_locks (a, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (a);
}

static void
test_partial_recovery_trims (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) left = new_range (arena, 0, 10);
  g_autoptr (TbufRegion) middle = new_range (arena, 10, 10);
  g_autoptr (TbufRegion) right = new_range (arena, 20, 10);
  TbufRegion *lost = new_range (arena, 0, 30);
  gboolean was_abandoned = FALSE;

  assert_locks (lost, TBUF_LOCK_MODE_EXCLUSIVE);
  g_object_unref (lost);

  g_assert_true (tbuf_region_recover (middle, -1, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  assert_unlocks (middle);
  assert_locks (middle, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (middle);
  assert_lock_fails (left, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_OWNER_DIED);
  assert_lock_fails (right, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_OWNER_DIED);

  g_assert_true (tbuf_region_recover (TBUF_REGION (arena), -1, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  assert_unlocks (TBUF_REGION (arena));
  g_assert_true (tbuf_region_recover (TBUF_REGION (arena), -1, &was_abandoned, NULL, NULL));
  g_assert_false (was_abandoned);
  assert_unlocks (TBUF_REGION (arena));
  assert_locks (left, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (left);
}

static void
test_upgrades_and_downgrades (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 0, 8);
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_upgrade (a, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_HELD);
  g_clear_error (&error);
  g_assert_false (tbuf_region_downgrade (a, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_HELD);
  g_clear_error (&error);

  assert_locks (a, TBUF_LOCK_MODE_SHARED);
  g_assert_true (tbuf_region_upgrade (a, -1, NULL, &error));
  g_assert_true (tbuf_region_upgrade (a, -1, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (tbuf_region_get_held_mode (a), ==, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_lock_fails (b, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);

  g_assert_true (tbuf_region_downgrade (a, &error));
  g_assert_true (tbuf_region_downgrade (a, &error));
  g_assert_cmpint (tbuf_region_get_held_mode (a), ==, TBUF_LOCK_MODE_SHARED);
  assert_locks (b, TBUF_LOCK_MODE_SHARED);

  /* Another reader is in the way; the shared lock stays. */
  g_assert_false (tbuf_region_upgrade (a, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (tbuf_region_upgrade (a, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK);
  g_clear_error (&error);
  g_assert_cmpint (tbuf_region_get_held_mode (a), ==, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (b);

  /* One's own other lock would be in the way as well. */
  assert_locks (a, TBUF_LOCK_MODE_SHARED);
  g_assert_false (tbuf_region_upgrade (a, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK);
  assert_unlocks (a);
  assert_unlocks (a);
}

static gpointer
upgrade (gpointer data)
{
  Crossing *self = data;
  g_autoptr (GError) error = NULL;

  assert_locks (self->first, TBUF_LOCK_MODE_SHARED);
  g_async_queue_push (self->arrived, self);
  g_async_queue_pop (self->go);

  if (!tbuf_region_upgrade (self->first, -1, NULL, &error))
    g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK);
  assert_unlocks (self->first);

  return GINT_TO_POINTER (error != NULL);
}

static void
test_second_upgrade_is_a_deadlock (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) a = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) b = new_range (arena, 4, 8);
  g_autoptr (GAsyncQueue) arrived = g_async_queue_new ();
  g_autoptr (GAsyncQueue) go = g_async_queue_new ();
  Crossing x = { a, NULL, arrived, go };
  Crossing y = { b, NULL, arrived, go };
  GThread *first = g_thread_new ("first", upgrade, &x);
  GThread *second = g_thread_new ("second", upgrade, &y);

  g_async_queue_pop (arrived);
  g_async_queue_pop (arrived);
  g_async_queue_push (go, &x);
  g_async_queue_push (go, &y);

  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (first)) + GPOINTER_TO_INT (g_thread_join (second)), ==, 1);
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/lock/exclusive-excludes", test_exclusive_excludes);
  g_test_add_func ("/tbuf/lock/shared-go-together", test_shared_go_together);
  g_test_add_func ("/tbuf/lock/neighbours-do-not-conflict", test_neighbours_do_not_conflict);
  g_test_add_func ("/tbuf/lock/counts-shared", test_counts_shared);
  g_test_add_func ("/tbuf/lock/refuses-modes", test_refuses_modes);
  g_test_add_func ("/tbuf/lock/times-out", test_times_out);
  g_test_add_func ("/tbuf/lock/sees-own-deadlock", test_sees_own_deadlock);
  g_test_add_func ("/tbuf/lock/sees-crossed-deadlock", test_sees_crossed_deadlock);
  g_test_add_func ("/tbuf/lock/can-be-cancelled", test_can_be_cancelled);
  g_test_add_func ("/tbuf/lock/close-wakes-waiters", test_close_wakes_waiters);
  g_test_add_func ("/tbuf/lock/view-is-a-mutex-for-threads", test_view_is_a_mutex_for_threads);
  g_test_add_func ("/tbuf/lock/full-table-waits", test_full_table_waits);
  g_test_add_func ("/tbuf/lock/one-participant-has-a-quota", test_one_participant_has_a_quota);
  g_test_add_func ("/tbuf/lock/lost-holder-is-dead", test_lost_holder_is_dead);
  g_test_add_func ("/tbuf/lock/partial-recovery-trims", test_partial_recovery_trims);
  g_test_add_func ("/tbuf/lock/upgrades-and-downgrades", test_upgrades_and_downgrades);
  g_test_add_func ("/tbuf/lock/second-upgrade-is-a-deadlock", test_second_upgrade_is_a_deadlock);

  return g_test_run ();
}
