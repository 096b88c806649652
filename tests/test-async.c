/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <tbuf.h>

#include "crash/table.h"
#include "peer.h"

typedef struct
{
  TbufArena  *arena;
  TbufRegion *first;
  TbufRegion *second;
} Fixture;

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  g_autoptr (GError) error = NULL;

  self->arena = tbuf_arena_new (4096, &error);
  g_assert_no_error (error);
  self->first = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 0, 8, &error));
  self->second = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 4, 8, &error));
  g_assert_no_error (error);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  g_assert_finalize_object (self->first);
  g_assert_finalize_object (self->second);
  g_assert_finalize_object (self->arena);
}

static void
keep_result (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  GAsyncResult **kept = user_data;

  g_assert_null (*kept);
  *kept = g_object_ref (result);
}

static GAsyncResult *
wait_for_result (GAsyncResult **kept)
{
  while (*kept == NULL)
    g_main_context_iteration (NULL, TRUE);

  return g_steal_pointer (kept);
}

static void
assert_granted (TbufRegion    *region,
                GAsyncResult **kept)
{
  g_autoptr (GAsyncResult) result = wait_for_result (kept);
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_region_lock_finish (region, result, &error));
  g_assert_no_error (error);
}

static void
assert_failed (TbufRegion    *region,
               GAsyncResult **kept,
               GQuark         domain,
               int            code)
{
  g_autoptr (GAsyncResult) result = wait_for_result (kept);
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_lock_finish (region, result, &error));
  g_assert_error (error, domain, code);
}

static void
test_free_range (Fixture       *self,
                 gconstpointer  data)
{
  GAsyncResult *result = NULL;

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, keep_result, &result);
  g_assert_null (result);
  assert_granted (self->first, &result);
  g_assert_cmpint (tbuf_region_get_held_mode (self->first), ==, TBUF_LOCK_MODE_EXCLUSIVE);
  g_assert_true (tbuf_region_unlock (self->first, NULL));
}

static void
test_requests_of_one_thread_queue (Fixture       *self,
                                   gconstpointer  data)
{
  GAsyncResult *first = NULL, *second = NULL;

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, keep_result, &first);
  tbuf_region_lock_async (self->second, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, keep_result, &second);
  assert_granted (self->first, &first);
  g_assert_null (second);
  g_assert_true (tbuf_region_unlock (self->first, NULL));
  assert_granted (self->second, &second);
  g_assert_true (tbuf_region_unlock (self->second, NULL));
}

static void
test_fails (Fixture       *self,
            gconstpointer  data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GAsyncResult *result = NULL;

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_NONE, -1, NULL, keep_result, &result);
  assert_failed (self->first, &result, TBUF_ERROR, TBUF_ERROR_INVALID);

  g_assert_true (tbuf_region_lock (self->second, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, 0, NULL, keep_result, &result);
  assert_failed (self->first, &result, TBUF_ERROR, TBUF_ERROR_BUSY);
  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, 3000, NULL, keep_result, &result);
  assert_failed (self->first, &result, TBUF_ERROR, TBUF_ERROR_TIMED_OUT);

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, cancellable, keep_result, &result);
  g_cancellable_cancel (cancellable);
  assert_failed (self->first, &result, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, cancellable, keep_result, &result);
  assert_failed (self->first, &result, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &result);
  tbuf_arena_close (self->arena);
  assert_failed (self->first, &result, TBUF_ERROR, TBUF_ERROR_CLOSED);
  g_assert_true (tbuf_region_unlock (self->second, NULL));
}

static void
test_cancel_after_grant_keeps_lock (Fixture       *self,
                                    gconstpointer  data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GAsyncResult *result = NULL;

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, cancellable, keep_result, &result);
  g_cancellable_cancel (cancellable);
  assert_granted (self->first, &result);
  g_assert_true (tbuf_region_unlock (self->first, NULL));
}

static void
test_unclaimed_grant_is_released (Fixture       *self,
                                  gconstpointer  data)
{
  GAsyncResult *result = NULL;

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, keep_result, &result);
  g_object_unref (wait_for_result (&result));
  g_assert_cmpint (tbuf_region_get_lock_state (self->first), ==, TBUF_LOCK_STATE_FREE);

  /* Without a callback as well. */
  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL, NULL);
  while (tbuf_region_get_lock_state (self->first) != TBUF_LOCK_STATE_FREE)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
test_without_main_loop (Fixture       *self,
                        gconstpointer  data)
{
  struct pollfd poll_fd = { .fd = tbuf_arena_get_event_fd (self->arena), .events = POLLIN };
  GAsyncResult *first = NULL, *second = NULL;

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, keep_result, &first);
  tbuf_region_lock_async (self->second, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &second);
  while (first == NULL)
    {
      g_assert_cmpint (poll (&poll_fd, 1, -1), ==, 1);
      tbuf_arena_dispatch (self->arena);
    }
  assert_granted (self->first, &first);
  g_assert_null (second);

  g_assert_true (tbuf_region_unlock (self->first, NULL));
  while (second == NULL)
    {
      g_assert_cmpint (poll (&poll_fd, 1, -1), ==, 1);
      tbuf_arena_dispatch (self->arena);
    }
  assert_granted (self->second, &second);
  g_assert_true (tbuf_region_unlock (self->second, NULL));
}

static void
hold_for_a_while (Peer     *parent,
                  gpointer  data)
{
  TbufArena *arena = tbuf_arena_open_fd (tbuf_arena_get_fd (data), TBUF_ARENA_NONE, NULL);

  g_assert_true (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  peer_tell (parent);
  peer_wait (parent);
  g_assert_true (tbuf_region_unlock (TBUF_REGION (arena), NULL));
  peer_tell (parent);
  peer_wait (parent);
  g_assert_true (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  peer_tell (parent);
  peer_wait (parent);
}

static void
assert_recovered (TbufRegion *region,
                  gboolean    expected)
{
  g_autoptr (GAsyncResult) result = NULL;
  GAsyncResult *kept = NULL;
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = !expected;

  tbuf_region_recover_async (region, -1, NULL, keep_result, &kept);
  result = wait_for_result (&kept);
  g_assert_true (tbuf_region_recover_finish (region, result, &was_abandoned, &error));
  g_assert_no_error (error);
  g_assert_cmpint (was_abandoned, ==, expected);
  g_assert_true (tbuf_region_unlock (region, &error));
  g_assert_no_error (error);
}

static void
test_waits_for_other_process (Fixture       *self,
                              gconstpointer  data)
{
  Peer peer = peer_start (hold_for_a_while, self->arena);
  GAsyncResult *first = NULL, *second = NULL;

  g_assert_true (peer_wait (&peer));
  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &first);
  tbuf_region_lock_async (self->second, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &second);
  peer_tell (&peer);
  assert_granted (self->first, &first);
  assert_granted (self->second, &second);
  g_assert_true (peer_wait (&peer));
  g_assert_true (tbuf_region_unlock (self->first, NULL));
  g_assert_true (tbuf_region_unlock (self->second, NULL));

  /* It dies with the lock: those who wait are told. */
  peer_tell (&peer);
  g_assert_true (peer_wait (&peer));
  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &first);
  peer_kill (&peer);
  assert_failed (self->first, &first, TBUF_ERROR, TBUF_ERROR_OWNER_DIED);

  assert_recovered (self->first, TRUE);
  assert_recovered (self->first, FALSE);
}

/* Whose part in a shared lock ends with which call: the thread's own stays. */
static void
test_grant_is_that_of_the_thread (Fixture       *self,
                                  gconstpointer  data)
{
  GAsyncResult *first = NULL, *second = NULL;
  Table table = table_map (tbuf_arena_get_fd (self->arena));

  assert_locks (self->first, TBUF_LOCK_MODE_SHARED);
  for (guint i = 0; i < 2; i++)
    {
      tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &first);
      if (i == 0)
        {
          assert_granted (self->first, &first);
          assert_unlocks (self->first);
        }
      else
        g_object_unref (wait_for_result (&first));
    }

  /* Who waits is in the way of everyone but of a thread that has a lock. */
  tbuf_region_lock_async (self->second, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, keep_result, &second);
  table_await_entitled (&table, 1);
  g_assert_true (tbuf_region_lock (self->first, TBUF_LOCK_MODE_SHARED, 0, NULL, NULL));
  assert_unlocks (self->first);
  assert_unlocks (self->first);
  assert_granted (self->second, &second);
  assert_lock_fails (self->first, TBUF_LOCK_MODE_SHARED, -1, TBUF_ERROR_DEADLOCK);
  assert_unlocks (self->second);
  table_unmap (&table);
}

static void
test_grants_of_several_requests (Fixture       *self,
                                 gconstpointer  data)
{
  GAsyncResult *first = NULL, *second = NULL, *third = NULL;

  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &first);
  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &second);
  tbuf_region_lock_async (self->first, TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &third);
  assert_granted (self->first, &first);
  assert_granted (self->first, &second);
  assert_granted (self->first, &third);
  assert_lock_fails (self->second, TBUF_LOCK_MODE_EXCLUSIVE, -1, TBUF_ERROR_DEADLOCK);
  for (guint i = 0; i < 3; i++)
    assert_unlocks (self->first);
  assert_unlock_fails (self->first, TBUF_ERROR_NOT_HELD);
}

static void
assert_stays_abandoned (TbufRegion *region)
{
  g_autoptr (GAsyncResult) unclaimed = NULL;
  GAsyncResult *kept = NULL;

  tbuf_region_recover_async (region, -1, NULL, keep_result, &kept);
  unclaimed = wait_for_result (&kept);
  g_assert_cmpint (tbuf_region_get_held_mode (region), ==, TBUF_LOCK_MODE_EXCLUSIVE);
  g_clear_object (&unclaimed);
  g_assert_cmpint (tbuf_region_get_held_mode (region), ==, TBUF_LOCK_MODE_NONE);
  g_assert_cmpint (tbuf_region_get_lock_state (region), ==, TBUF_LOCK_STATE_ABANDONED);
}

/* Nobody has repaired anything. */
static void
test_unclaimed_recovery_repairs_nothing (Fixture       *self,
                                         gconstpointer  data)
{
  TbufRegion *dead = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 2, 8, NULL));

  g_assert_true (tbuf_region_lock (dead, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  g_assert_finalize_object (dead);

  assert_stays_abandoned (self->first);
  assert_recovered (self->first, TRUE);
  assert_recovered (self->second, TRUE);
}

static void
test_phase (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (TbufArena) arena = NULL;
  g_autoptr (TbufView) view = NULL;
  GAsyncResult *result = NULL, *late = NULL;
  const gsize shape[] = { 10 };

  g_assert_true (tbuf_layout_add_phase (layout, "floats", &error));
  g_assert_true (tbuf_layout_add_phase (layout, "ints", &error));
  g_assert_true (tbuf_layout_add_array (layout, "A", TBUF_DTYPE_FLOAT64, shape, 1, "floats", "floats", &error));
  arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
  view = tbuf_arena_get_view (arena, "A", &error);
  g_assert_no_error (error);

  g_assert_true (tbuf_region_lock (TBUF_REGION (view), TBUF_LOCK_MODE_SHARED, -1, NULL, &error));
  tbuf_arena_set_phase_async (arena, "ints", -1, NULL, keep_result, &result);
  g_assert_cmpstr (tbuf_arena_get_phase (arena), ==, "floats");
  g_assert_true (tbuf_region_unlock (TBUF_REGION (view), &error));
  late = wait_for_result (&result);
  g_assert_true (tbuf_arena_set_phase_finish (arena, late, &error));
  g_assert_no_error (error);
  g_clear_object (&late);
  g_assert_cmpstr (tbuf_arena_get_phase (arena), ==, "ints");
  g_assert_cmpint (tbuf_region_get_lock_state (TBUF_REGION (arena)), ==, TBUF_LOCK_STATE_FREE);

  /* What is not live any more is found out after the wait, too. */
  tbuf_region_lock_async (TBUF_REGION (view), TBUF_LOCK_MODE_SHARED, -1, NULL, keep_result, &result);
  late = wait_for_result (&result);
  g_assert_false (tbuf_region_lock_finish (TBUF_REGION (view), late, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_LIVE);
  g_clear_error (&error);
  g_clear_object (&late);

  tbuf_arena_set_phase_async (arena, "nowhere", -1, NULL, keep_result, &result);
  late = wait_for_result (&result);
  g_assert_false (tbuf_arena_set_phase_finish (arena, late, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
  g_clear_object (&late);
}

static void
unlock_at_once (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  guint *n = user_data;
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_region_lock_finish (TBUF_REGION (source), result, &error));
  g_assert_no_error (error);
  g_assert_true (tbuf_region_unlock (TBUF_REGION (source), NULL));
  (*n)++;
}

/* A request that meets a busy guard is brought in by another thread, later. */
static void
wait_for_waiting (Table   *table,
                  guint32  n)
{
  while (__atomic_load_n (&table->words->n_waiting, __ATOMIC_ACQUIRE) != n)
    g_thread_yield ();
}

/* Half of the places for those who wait are for others; who gets none of its own
 * has its turn all the same. */
static void
test_crowd_leaves_places_to_others (Fixture       *self,
                                    gconstpointer  data)
{
  const guint n_requests = TBUF_N_RECORDS / 4 + 10;
  g_autoptr (TbufArena) other = open_again (self->arena);
  g_autoptr (TbufRegion) others = new_range (other, 0, 8);
  Table table = table_map (tbuf_arena_get_fd (self->arena));
  guint n_served = 0;

  g_assert_true (tbuf_region_lock (self->first, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  for (guint i = 0; i < n_requests; i++)
    {
      g_autoptr (TbufRegion) region = new_range (self->arena, 0, 8);

      tbuf_region_lock_async (region, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, unlock_at_once, &n_served);
    }
  wait_for_waiting (&table, TBUF_N_RECORDS / 4);
  tbuf_region_lock_async (others, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, unlock_at_once, &n_served);
  wait_for_waiting (&table, TBUF_N_RECORDS / 4 + 1);

  g_assert_true (tbuf_region_unlock (self->first, NULL));
  while (n_served < n_requests + 1)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (table_find_leak (&table));
  table_unmap (&table);
}

#define ADD(name, func) g_test_add ("/tbuf/async/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("free-range", test_free_range);
  ADD ("requests-of-one-thread-queue", test_requests_of_one_thread_queue);
  ADD ("fails", test_fails);
  ADD ("cancel-after-grant-keeps-lock", test_cancel_after_grant_keeps_lock);
  ADD ("unclaimed-grant-is-released", test_unclaimed_grant_is_released);
  ADD ("unclaimed-recovery-repairs-nothing", test_unclaimed_recovery_repairs_nothing);
  ADD ("grant-is-that-of-the-thread", test_grant_is_that_of_the_thread);
  ADD ("grants-of-several-requests", test_grants_of_several_requests);
  ADD ("without-main-loop", test_without_main_loop);
  ADD ("waits-for-other-process", test_waits_for_other_process);
  ADD ("crowd-leaves-places-to-others", test_crowd_leaves_places_to_others);
  g_test_add_func ("/tbuf/async/phase", test_phase);

  return g_test_run ();
}
