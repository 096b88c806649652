/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mman.h>
#include <sys/resource.h>
#include <tbuf.h>

#include "../libtbuf/tbuf-format-private.h"
#include "peer.h"

/* What happens while somebody has the guard of the lock table and does not let go
 * of it. Its word is written through a mapping of the test's own: with the id of a
 * living participant it looks as if that one was stopped half way through a
 * change, with that of a dead one as if it had been killed there. */

#define CONTROL_SIZE (4096 * 4)

typedef struct
{
  TbufArena  *arena;
  TbufRegion *region;
  guint8     *control;
  TbufWords  *words;
  TbufSlot   *slots;
} Fixture;

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  const TbufSuperblock *superblock;

  self->arena = tbuf_arena_new (4096, NULL);
  self->region = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 0, 10, NULL));
  self->control = mmap (NULL, CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, tbuf_arena_get_fd (self->arena), 0);
  g_assert_true (self->control != MAP_FAILED);
  superblock = (const TbufSuperblock *) (gconstpointer) self->control;
  self->words = (TbufWords *) (gpointer) (self->control + superblock->words_offset);
  self->slots = (TbufSlot *) (gpointer) (self->control + superblock->slots_offset);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  munmap (self->control, CONTROL_SIZE);
  g_object_unref (self->region);
  g_assert_finalize_object (self->arena);
}

static guint32
get_id (Fixture *self,
        guint32  slot)
{
  return self->slots[slot].generation << TBUF_SLOT_BITS | slot;
}

static void
set_guard (Fixture *self,
           guint32  id)
{
  __atomic_store_n (&self->words->guard, id, __ATOMIC_SEQ_CST);
}

/* A second participant, in slot 1, until it is told to end. */
static void
participate (Peer     *parent,
             gpointer  data)
{
  TbufArena *arena = tbuf_arena_open_fd (tbuf_arena_get_fd (data), TBUF_ARENA_NONE, NULL);

  g_assert_nonnull (arena);
  peer_tell (parent);
  peer_wait (parent);
}

static void
assert_lock (TbufRegion   *region,
             TbufLockMode  mode,
             gint64        timeout_us)
{
  g_autoptr (GError) error = NULL;

  tbuf_region_lock (region, mode, timeout_us, NULL, &error);
  g_assert_no_error (error);
}

static void
test_is_taken_from_the_dead (Fixture       *self,
                             gconstpointer  data)
{
  Peer peer = peer_start (participate, self->arena);

  g_assert_true (peer_wait (&peer));
  set_guard (self, get_id (self, 1));
  peer_kill (&peer);

  /* It had said that there are no records, half way through a change. */
  assert_lock (self->region, TBUF_LOCK_MODE_EXCLUSIVE, -1);
  g_assert_cmpuint (self->words->guard, ==, 0);
  g_assert_cmpuint (self->words->high, ==, 1);
  g_assert_true (tbuf_region_unlock (self->region, NULL));
}

static void
test_stopped_owner_times_out (Fixture       *self,
                              gconstpointer  data)
{
  g_autoptr (GError) error = NULL;
  Peer peer = peer_start (participate, self->arena);

  g_assert_true (peer_wait (&peer));
  set_guard (self, get_id (self, 1));
  g_assert_false (tbuf_region_lock (self->region, TBUF_LOCK_MODE_SHARED, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (tbuf_region_lock (self->region, TBUF_LOCK_MODE_SHARED, 10000, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT);

  set_guard (self, 0);
  peer_tell (&peer);
  peer_join (&peer);
}

/* Somebody who has the guard like a crowd of others, one after another, so that the
 * table moves all the time; but for a while nobody has it. */
typedef struct
{
  Fixture *fixture;
  int      ready;
  int      started;
  int      done;
  gint64   free_from;   /* since it was started, in microseconds */
  gint64   free_until;
} Crowd;

static void
move_table (Crowd  *self,
            gint64  until)
{
  TbufWords *words = self->fixture->words;

  while (g_atomic_int_get (&self->done) == 0 && g_get_monotonic_time () < until)
    __atomic_store_n (&words->table_sequence, words->table_sequence + 2, __ATOMIC_SEQ_CST);
}

static gpointer
crowd_guard (gpointer data)
{
  Crowd *self = data;
  guint32 id = get_id (self->fixture, 1), nobody = 0;
  gint64 start;

  g_atomic_int_set (&self->ready, 1);
  while (g_atomic_int_get (&self->started) == 0)
    ;
  start = g_get_monotonic_time ();
  move_table (self, start + 300);
  self->free_from = g_get_monotonic_time () - start;
  set_guard (self->fixture, 0);

  while (g_atomic_int_get (&self->done) == 0 && g_get_monotonic_time () < start + 650)
    ;
  self->free_until = g_get_monotonic_time () - start;
  if (g_atomic_int_get (&self->done) == 0 &&
      __atomic_compare_exchange_n (&self->fixture->words->guard, &nobody, id, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    {
      move_table (self, G_MAXINT64);
      set_guard (self->fixture, 0);
    }

  return NULL;
}

static glong
count_interruptions (void)
{
  struct rusage usage;

  g_assert_cmpint (getrusage (RUSAGE_THREAD, &usage), ==, 0);
  return usage.ru_nivcsw;
}

/* Who sleeps wakes up before that moment and after it: as long as the table moves,
 * a try has to keep its eyes open. What counts are tries in which both threads ran;
 * on a busy machine most of them may miss all the same, but not one after another. */
static void
test_try_gets_through_a_crowd (Fixture       *self,
                               gconstpointer  data)
{
  guint n_fair = 0, n_missed = 0;
  Peer peer = peer_start (participate, self->arena);

  g_assert_true (peer_wait (&peer));
  for (guint i = 0; i < 60 && n_fair < 7; i++)
    {
      Crowd crowd = { self };
      glong n_interruptions;
      gboolean locked;
      GThread *thread;

      set_guard (self, get_id (self, 1));
      thread = g_thread_new ("crowd", crowd_guard, &crowd);
      while (g_atomic_int_get (&crowd.ready) == 0)
        g_thread_yield ();
      n_interruptions = count_interruptions ();
      g_atomic_int_set (&crowd.started, 1);
      locked = tbuf_region_lock (self->region, TBUF_LOCK_MODE_EXCLUSIVE, 0, NULL, NULL);
      g_atomic_int_set (&crowd.done, 1);
      g_thread_join (thread);

      if (locked)
        g_assert_true (tbuf_region_unlock (self->region, NULL));
      if (locked || (count_interruptions () == n_interruptions && crowd.free_from < 400 && crowd.free_until > 600))
        {
          n_fair++;
          n_missed += !locked;
        }
    }

  g_test_message ("%u of %u tries missed", n_missed, n_fair);
  g_assert_true (n_fair == 0 || n_missed < n_fair);
  peer_tell (&peer);
  peer_join (&peer);
}

typedef struct
{
  TbufRegion   *region;
  GCancellable *cancellable;
  GError       *error;
} Waiter;

static gpointer
wait_for_lock (gpointer data)
{
  Waiter *self = data;

  g_assert_false (tbuf_region_lock (self->region, TBUF_LOCK_MODE_SHARED, -1, self->cancellable, &self->error));
  return NULL;
}

static void
test_wait_for_it_can_be_ended (Fixture       *self,
                               gconstpointer  data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Peer peer = peer_start (participate, self->arena);
  Waiter cancelled = { self->region, cancellable, NULL }, closed = { self->region, NULL, NULL };
  GThread *thread;

  g_assert_true (peer_wait (&peer));
  set_guard (self, get_id (self, 1));
  thread = g_thread_new ("cancelled", wait_for_lock, &cancelled);
  g_cancellable_cancel (cancellable);
  g_thread_join (thread);
  g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&cancelled.error);

  thread = g_thread_new ("closed", wait_for_lock, &closed);
  tbuf_arena_close (self->arena);
  g_thread_join (thread);
  g_assert_error (closed.error, TBUF_ERROR, TBUF_ERROR_CLOSED);
  g_clear_error (&closed.error);

  set_guard (self, 0);
  peer_tell (&peer);
  peer_join (&peer);
}

static gpointer
wait_a_while (gpointer data)
{
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_lock (data, TBUF_LOCK_MODE_SHARED, 400000, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT);
  return GSIZE_TO_POINTER (g_get_monotonic_time () - start);
}

/* It waits for most of its time for the guard, and then for the range: not twice. */
static void
test_counts_towards_the_timeout (Fixture       *self,
                                 gconstpointer  data)
{
  g_autoptr (TbufRegion) same = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 0, 10, NULL));
  g_autoptr (TbufRegion) elsewhere = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 20, 10, NULL));
  Peer peer = peer_start (participate, self->arena);
  GThread *thread;

  g_assert_true (peer_wait (&peer));
  assert_lock (self->region, TBUF_LOCK_MODE_EXCLUSIVE, -1);
  set_guard (self, get_id (self, 1));
  thread = g_thread_new ("waiter", wait_a_while, same);
  g_assert_false (tbuf_region_lock (elsewhere, TBUF_LOCK_MODE_SHARED, 300000, NULL, NULL));
  set_guard (self, 0);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (thread)), <, 650000);

  g_assert_true (tbuf_region_unlock (self->region, NULL));
  peer_tell (&peer);
  peer_join (&peer);
}

static void
test_unlock_goes_without_it (Fixture       *self,
                             gconstpointer  data)
{
  g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (self->arena), TBUF_ARENA_NONE, NULL);

  assert_lock (self->region, TBUF_LOCK_MODE_EXCLUSIVE, -1);
  set_guard (self, get_id (self, 1));
  g_assert_true (tbuf_region_unlock (self->region, NULL));
  set_guard (self, 0);

  assert_lock (TBUF_REGION (other), TBUF_LOCK_MODE_EXCLUSIVE, 0);
  g_assert_cmpuint (self->words->dirty, ==, 0);
  g_assert_true (tbuf_region_unlock (TBUF_REGION (other), NULL));
}

/* What was repaired is good for the next one, who finds the table dirty; beyond
 * the recovered range it still is abandoned. */
static void
test_recoverer_unlocks_without_it (Fixture       *self,
                                   gconstpointer  data)
{
  g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (self->arena), TBUF_ARENA_NONE, NULL);
  g_autoptr (TbufRegion) repaired = TBUF_REGION (tbuf_arena_create_view (other, TBUF_DTYPE_UINT8, 0, 10, NULL));
  TbufRegion *lost = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 0, 20, NULL));
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = FALSE;

  assert_lock (lost, TBUF_LOCK_MODE_EXCLUSIVE, -1);
  g_object_unref (lost);
  g_assert_true (tbuf_region_recover (self->region, 0, NULL, NULL, NULL));
  set_guard (self, get_id (self, 1));
  g_assert_true (tbuf_region_unlock (self->region, NULL));
  set_guard (self, 0);

  g_assert_cmpint (tbuf_region_get_lock_state (repaired), ==, TBUF_LOCK_STATE_FREE);
  assert_lock (repaired, TBUF_LOCK_MODE_EXCLUSIVE, 0);
  g_assert_true (tbuf_region_unlock (repaired, NULL));
  g_assert_false (tbuf_region_lock (TBUF_REGION (other), TBUF_LOCK_MODE_SHARED, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED);
  g_assert_nonnull (strstr (error->message, "bytes 10 to 19"));
  g_assert_true (tbuf_region_recover (TBUF_REGION (other), 0, &was_abandoned, NULL, NULL));
  g_assert_true (was_abandoned);
  g_assert_true (tbuf_region_unlock (TBUF_REGION (other), NULL));
}

/* Opens the arena, recovers it all, lets go of it without the guard, and waits for its end. */
static void
repair_and_die (Peer     *parent,
                gpointer  data)
{
  Fixture *self = data;
  TbufArena *arena = tbuf_arena_open_fd (tbuf_arena_get_fd (self->arena), TBUF_ARENA_NONE, NULL);

  g_assert_true (tbuf_region_recover (TBUF_REGION (arena), 0, NULL, NULL, NULL));
  set_guard (self, get_id (self, 0));
  g_assert_true (tbuf_region_unlock (TBUF_REGION (arena), NULL));
  peer_tell (parent);
  peer_wait (parent);
}

/* It had unlocked before it died, and that counts. */
static void
test_dead_recoverer_had_unlocked (Fixture       *self,
                                  gconstpointer  data)
{
  TbufRegion *lost = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 0, 20, NULL));
  Peer peer;

  assert_lock (lost, TBUF_LOCK_MODE_EXCLUSIVE, -1);
  g_object_unref (lost);
  peer = peer_start (repair_and_die, self);
  g_assert_true (peer_wait (&peer));
  peer_kill (&peer);
  set_guard (self, 0);
  assert_lock (self->region, TBUF_LOCK_MODE_SHARED, -1);
  g_assert_true (tbuf_region_unlock (self->region, NULL));
}

static void
test_lost_holder_abandons_without_it (Fixture       *self,
                                      gconstpointer  data)
{
  g_autoptr (TbufArena) other = tbuf_arena_open_fd (tbuf_arena_get_fd (self->arena), TBUF_ARENA_NONE, NULL);
  TbufRegion *lost = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 0, 10, NULL));
  g_autoptr (GError) error = NULL;

  assert_lock (lost, TBUF_LOCK_MODE_EXCLUSIVE, -1);
  set_guard (self, get_id (self, 1));
  g_object_unref (lost);
  set_guard (self, 0);

  g_assert_false (tbuf_region_lock (TBUF_REGION (other), TBUF_LOCK_MODE_SHARED, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED);
  g_assert_true (tbuf_region_recover (self->region, 0, NULL, NULL, NULL));
  g_assert_true (tbuf_region_unlock (self->region, NULL));
}

/* The child has a participant of its own, and still must not touch the parent's record. */
static void
unlock_inherited (Peer     *parent,
                  gpointer  data)
{
  Fixture *self = data;
  TbufRegion *elsewhere = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 100, 10, NULL));
  g_autoptr (GError) error = NULL;

  assert_lock (elsewhere, TBUF_LOCK_MODE_SHARED, -1);
  set_guard (self, get_id (self, 0));
  g_assert_false (tbuf_region_unlock (self->region, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DETACHED);
  set_guard (self, 0);
}

static void
test_child_leaves_parents_lock_alone (Fixture       *self,
                                      gconstpointer  data)
{
  g_autoptr (TbufRegion) same = TBUF_REGION (tbuf_arena_create_view (self->arena, TBUF_DTYPE_UINT8, 0, 10, NULL));
  g_autoptr (GError) error = NULL;
  Peer peer;

  assert_lock (self->region, TBUF_LOCK_MODE_EXCLUSIVE, -1);
  peer = peer_start (unlock_inherited, self);
  peer_join (&peer);

  g_assert_false (tbuf_region_lock (same, TBUF_LOCK_MODE_SHARED, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_assert_true (tbuf_region_unlock (self->region, NULL));
}

#define ADD(name, func) g_test_add ("/tbuf/guard/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  const char *preload = g_getenv ("LD_PRELOAD");

  g_test_init (&argc, &argv, NULL);

  ADD ("is-taken-from-the-dead", test_is_taken_from_the_dead);
  ADD ("stopped-owner-times-out", test_stopped_owner_times_out);
  /* Under valgrind no two threads run at a time. */
  if (preload == NULL || strstr (preload, "vgpreload") == NULL)
    ADD ("try-gets-through-a-crowd", test_try_gets_through_a_crowd);
  ADD ("wait-for-it-can-be-ended", test_wait_for_it_can_be_ended);
  ADD ("counts-towards-the-timeout", test_counts_towards_the_timeout);
  ADD ("unlock-goes-without-it", test_unlock_goes_without_it);
  ADD ("recoverer-unlocks-without-it", test_recoverer_unlocks_without_it);
  ADD ("dead-recoverer-had-unlocked", test_dead_recoverer_had_unlocked);
  ADD ("lost-holder-abandons-without-it", test_lost_holder_abandons_without_it);
  ADD ("child-leaves-parents-lock-alone", test_child_leaves_parents_lock_alone);

  return g_test_run ();
}
