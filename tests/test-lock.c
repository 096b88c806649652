/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <tbuf.h>

#include "peer.h"

#define ARENA_SIZE 4096

static TbufArena *
new_arena (void)
{
  g_autoptr (GError) error = NULL;
  TbufArena *arena = tbuf_arena_new (ARENA_SIZE, &error);

  g_assert_no_error (error);
  return arena;
}

/* A region of some bytes, each time a new object. */
static TbufRegion *
new_range (TbufArena *arena,
           gsize      offset,
           gsize      n_bytes)
{
  g_autoptr (GError) error = NULL;
  TbufView *view = tbuf_arena_create_view (arena, TBUF_DTYPE_UINT8, offset, n_bytes, &error);

  g_assert_no_error (error);
  return TBUF_REGION (view);
}

static void
assert_locks (TbufRegion   *region,
              TbufLockMode  mode)
{
  g_autoptr (GError) error = NULL;

  tbuf_region_lock (region, mode, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (tbuf_region_get_held_mode (region), ==, mode);
}

static void
assert_lock_fails (TbufRegion   *region,
                   TbufLockMode  mode,
                   gint64        timeout_us,
                   TbufError     code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_lock (region, mode, timeout_us, NULL, &error));
  g_assert_error (error, TBUF_ERROR, (int) code);
}

static void
assert_unlocks (TbufRegion *region)
{
  g_autoptr (GError) error = NULL;

  tbuf_region_unlock (region, &error);
  g_assert_no_error (error);
}

static void
assert_unlock_fails (TbufRegion *region,
                     TbufError   code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_unlock (region, &error));
  g_assert_error (error, TBUF_ERROR, (int) code);
}

/* --- one process --- */

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

static void
test_full_table_waits (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (TbufRegion) last = new_range (arena, ARENA_SIZE - 1, 1);
  g_autoptr (GError) error = NULL;
  gboolean locked = TRUE;

  while (locked)
    {
      TbufRegion *region = new_range (arena, held->len, 1);

      g_assert_cmpuint (held->len, <, ARENA_SIZE);
      g_ptr_array_add (held, region);
      locked = tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, 0, NULL, &error);
    }

  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "full"));
  g_clear_error (&error);
  g_assert_cmpuint (held->len, >, 1000);
  assert_lock_fails (last, TBUF_LOCK_MODE_SHARED, 3000, TBUF_ERROR_TIMED_OUT);

  assert_unlocks (g_ptr_array_index (held, 5));
  assert_locks (last, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (last);

  for (guint i = 0; i < held->len - 1; i++)
    if (i != 5)
      assert_unlocks (g_ptr_array_index (held, i));
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);
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

/* --- several processes --- */

/* Opens the arena for itself, as another program would. */
static TbufArena *
open_again (gpointer arena)
{
  g_autoptr (GError) error = NULL;
  TbufArena *again = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, &error);

  g_assert_no_error (error);
  return again;
}

static void
hold_exclusively (Peer     *parent,
                  gpointer  data)
{
  TbufArena *arena = open_again (data);
  TbufRegion *region = new_range (arena, 100, 100);

  assert_locks (region, TBUF_LOCK_MODE_EXCLUSIVE);
  peer_tell (parent);
  peer_wait (parent);
  assert_unlocks (region);
  peer_tell (parent);
  peer_wait (parent);
}

static void
test_other_process_excludes (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) inside = new_range (arena, 150, 1);
  g_autoptr (TbufRegion) outside = new_range (arena, 200, 1);
  Peer peer = peer_start (hold_exclusively, arena);
  g_autofree char *pid = g_strdup_printf ("process %d", peer.pid);
  g_autoptr (GError) error = NULL;

  g_assert_true (peer_wait (&peer));
  assert_locks (outside, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (outside);
  g_assert_cmpint (tbuf_region_get_lock_state (inside), ==, TBUF_LOCK_STATE_EXCLUSIVE);
  g_assert_false (tbuf_region_lock (inside, TBUF_LOCK_MODE_SHARED, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, pid));

  peer_tell (&peer);
  assert_locks (inside, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (inside);
  g_assert_true (peer_wait (&peer));
  peer_tell (&peer);
  peer_join (&peer);
}

static void
hold_until_killed (Peer     *parent,
                   gpointer  data)
{
  TbufArena *arena = open_again (data);

  assert_locks (new_range (arena, 100, 100), TBUF_LOCK_MODE_EXCLUSIVE);
  assert_locks (new_range (arena, 300, 100), TBUF_LOCK_MODE_SHARED);
  peer_tell (parent);
  peer_wait (parent);
}

static void
test_recovers_after_owner_death (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) written = new_range (arena, 150, 100);
  g_autoptr (TbufRegion) read = new_range (arena, 350, 100);
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = FALSE;
  Peer peer = peer_start (hold_until_killed, arena);
  g_autofree char *pid = g_strdup_printf ("process %d", peer.pid);

  g_assert_true (peer_wait (&peer));
  peer_kill (&peer);

  g_assert_cmpint (tbuf_region_get_lock_state (written), ==, TBUF_LOCK_STATE_ABANDONED);
  g_assert_false (tbuf_region_lock (written, TBUF_LOCK_MODE_SHARED, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED);
  g_assert_nonnull (strstr (error->message, pid));
  g_assert_nonnull (strstr (error->message, "bytes 100 to 199"));

  /* A reader's death frees what it read. */
  assert_locks (read, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (read);

  g_assert_true (tbuf_region_recover (written, -1, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  assert_unlocks (written);
  assert_locks (written, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (written);

  /* What it had beyond the recovered range still is abandoned. */
  assert_lock_fails (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_OWNER_DIED);
}

static void
fill_until_killed (Peer     *parent,
                   gpointer  data)
{
  TbufArena *arena = open_again (data);

  for (gsize i = 0; i < ARENA_SIZE / 2; i++)
    if (!tbuf_region_lock (new_range (arena, i, 1), TBUF_LOCK_MODE_SHARED, 0, NULL, NULL))
      break;
  peer_tell (parent);
  peer_wait (parent);
}

/* Nothing of what the dead one had is in the way of this range: only its records are. */
static void
test_dead_owner_makes_room (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, ARENA_SIZE - 8, 8);
  Peer peer = peer_start (fill_until_killed, arena);

  g_assert_true (peer_wait (&peer));
  assert_lock_fails (region, TBUF_LOCK_MODE_EXCLUSIVE, 0, TBUF_ERROR_BUSY);
  assert_lock_fails (region, TBUF_LOCK_MODE_EXCLUSIVE, 1000, TBUF_ERROR_TIMED_OUT);
  peer_kill (&peer);
  assert_locks (region, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (region);
}

static void
recover_until_killed (Peer     *parent,
                      gpointer  data)
{
  TbufArena *arena = open_again (data);
  gboolean was_abandoned = FALSE;

  g_assert_true (tbuf_region_recover (new_range (arena, 100, 10), -1, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  peer_tell (parent);
  peer_wait (parent);
}

static void
test_dead_recoverer_leaves_it_abandoned (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 100, 10);
  TbufRegion *lost = new_range (arena, 100, 10);
  gboolean was_abandoned = FALSE;
  Peer peer;

  assert_locks (lost, TBUF_LOCK_MODE_EXCLUSIVE);
  g_object_unref (lost);
  peer = peer_start (recover_until_killed, arena);
  g_assert_true (peer_wait (&peer));

  /* While somebody repairs, the others wait for him. */
  assert_lock_fails (region, TBUF_LOCK_MODE_SHARED, 2000, TBUF_ERROR_TIMED_OUT);
  peer_kill (&peer);
  assert_lock_fails (region, TBUF_LOCK_MODE_SHARED, -1, TBUF_ERROR_OWNER_DIED);
  g_assert_true (tbuf_region_recover (region, -1, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  assert_unlocks (region);
}

static void
use_inherited (Peer     *parent,
               gpointer  data)
{
  TbufArena *arena = TBUF_ARENA (tbuf_region_get_arena (data));
  TbufRegion *same = new_range (arena, 0, 8);
  TbufRegion *other = new_range (arena, 8, 8);

  /* The parent's lock is none of ours, but it still keeps us out. */
  assert_unlock_fails (data, TBUF_ERROR_DETACHED);
  assert_unlock_fails (data, TBUF_ERROR_NOT_HELD);
  assert_lock_fails (same, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);
  assert_locks (other, TBUF_LOCK_MODE_EXCLUSIVE);
  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 2);
  peer_tell (parent);
  peer_wait (parent);
  assert_locks (same, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (same);
  assert_unlocks (other);
}

static void
ask_inherited (Peer     *parent,
               gpointer  data)
{
  TbufRegion *region = data;
  TbufArena *arena = tbuf_region_get_arena (region);

  g_assert_cmpuint (tbuf_arena_get_n_participants (arena), ==, 3);
  g_assert_cmpint (tbuf_region_get_lock_state (region), ==, TBUF_LOCK_STATE_EXCLUSIVE);
  peer_tell (parent);
  peer_wait (parent);
  g_assert_cmpint (tbuf_region_get_lock_state (region), ==, TBUF_LOCK_STATE_ABANDONED);
}

/* In the child of a fork, an arena knows at once who lives. */
static void
test_fork_can_ask (void)
{
  const TbufArenaFlags flags[] = { TBUF_ARENA_NONE, TBUF_ARENA_READ_ONLY };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      g_autoptr (TbufArena) arena = new_arena ();
      g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), flags[i], NULL);
      g_autoptr (TbufRegion) region = new_range (other, 100, 100);
      Peer holder, peer;

      g_clear_object (&arena);
      holder = peer_start (hold_until_killed, other);
      g_assert_true (peer_wait (&holder));
      peer = peer_start (ask_inherited, region);
      g_assert_true (peer_wait (&peer));
      peer_kill (&holder);
      peer_tell (&peer);
      peer_join (&peer);
    }
}

static void
test_fork_detaches (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufRegion) region = new_range (arena, 0, 8);
  g_autoptr (TbufRegion) other = new_range (arena, 8, 8);
  Peer peer;

  assert_locks (region, TBUF_LOCK_MODE_EXCLUSIVE);
  peer = peer_start (use_inherited, region);
  g_assert_true (peer_wait (&peer));
  assert_lock_fails (other, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);
  assert_unlocks (region);
  peer_tell (&peer);
  peer_join (&peer);
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);
}

#define N_ROUNDS 20000

typedef struct
{
  TbufArena *arena;
  guint      seed;
} Worker;

/* Two counters that only together are right, in bytes that others lock as part
 * of larger and smaller ranges. */
static gpointer
count (gpointer data)
{
  Worker *self = data;
  g_autoptr (GRand) random = g_rand_new_with_seed (self->seed);
  g_autoptr (TbufRegion) exact = new_range (self->arena, 64, 16);
  g_autoptr (TbufRegion) wide = new_range (self->arena, 0, 128);
  guint64 *counters = (guint64 *) tbuf_region_get_address (exact);

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      TbufRegion *region = g_rand_int_range (random, 0, 4) == 0 ? wide : exact;
      gboolean writes = g_rand_int_range (random, 0, 3) != 0;

      assert_locks (region, writes ? TBUF_LOCK_MODE_EXCLUSIVE : TBUF_LOCK_MODE_SHARED);
      g_assert_cmpuint (counters[0], ==, counters[1]);
      if (writes)
        {
          counters[0]++;
          counters[1]++;
        }
      assert_unlocks (region);
    }

  return NULL;
}

static void
count_in_peer (Peer     *parent,
               gpointer  data)
{
  Worker worker = { open_again (data), (guint) getpid () };
  GThread *thread = g_thread_new ("counter", count, &worker);
  Worker own = { worker.arena, worker.seed + 1 };

  count (&own);
  g_thread_join (thread);
}

static guint64
count_writes (guint seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  guint64 n = 0;

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      g_rand_int_range (random, 0, 4);
      n += g_rand_int_range (random, 0, 3) != 0;
    }

  return n;
}

static void
test_excludes_threads_and_processes (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  guint64 *counters = (guint64 *) (tbuf_region_get_address (TBUF_REGION (arena)) + 64);
  guint64 expected = 0;
  Peer peers[3];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      peers[i] = peer_start (count_in_peer, arena);
      expected += count_writes ((guint) peers[i].pid) + count_writes ((guint) peers[i].pid + 1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peer_join (&peers[i]);

  g_assert_cmpuint (counters[0], ==, expected);
  g_assert_cmpuint (counters[1], ==, expected);
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
  g_test_add_func ("/tbuf/lock/lost-holder-is-dead", test_lost_holder_is_dead);
  g_test_add_func ("/tbuf/lock/partial-recovery-trims", test_partial_recovery_trims);
  g_test_add_func ("/tbuf/lock/upgrades-and-downgrades", test_upgrades_and_downgrades);
  g_test_add_func ("/tbuf/lock/second-upgrade-is-a-deadlock", test_second_upgrade_is_a_deadlock);
  g_test_add_func ("/tbuf/lock/other-process-excludes", test_other_process_excludes);
  g_test_add_func ("/tbuf/lock/recovers-after-owner-death", test_recovers_after_owner_death);
  g_test_add_func ("/tbuf/lock/dead-owner-makes-room", test_dead_owner_makes_room);
  g_test_add_func ("/tbuf/lock/dead-recoverer-leaves-it-abandoned", test_dead_recoverer_leaves_it_abandoned);
  g_test_add_func ("/tbuf/lock/fork-can-ask", test_fork_can_ask);
  g_test_add_func ("/tbuf/lock/fork-detaches", test_fork_detaches);
  g_test_add_func ("/tbuf/lock/excludes-threads-and-processes", test_excludes_threads_and_processes);

  return g_test_run ();
}
