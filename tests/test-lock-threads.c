/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <signal.h>
#include <tbuf.h>
#include <unistd.h>

#include "crash/table.h"

/* Locks of several threads of one process, and threads that come and go. */

typedef struct
{
  TbufArena  *arena;
  Table       table;
  TbufRegion *shared;   /* what all of the threads use */
  TbufRegion *other;    /* the same bytes, as an object of its own */
} Fixture;

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  self->arena = new_arena ();
  self->table = table_map (tbuf_arena_get_fd (self->arena));
  self->shared = new_range (self->arena, 0, 64);
  self->other = new_range (self->arena, 32, 64);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  g_assert_null (table_find_leak (&self->table));
  table_unmap (&self->table);
  g_object_unref (self->shared);
  g_object_unref (self->other);
  g_assert_finalize_object (self->arena);
}

static gpointer
write_once (gpointer data)
{
  TbufRegion *region = data;

  assert_locks (region, TBUF_LOCK_MODE_EXCLUSIVE);
  *(guint64 *) tbuf_region_get_address (region) += 1;
  assert_unlocks (region);
  return NULL;
}

static gpointer
try_to_read (gpointer data)
{
  assert_lock_fails (data, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);
  return NULL;
}

static gpointer
read_once (gpointer data)
{
  TbufRegion *region = data;
  guint64 value;

  assert_locks (region, TBUF_LOCK_MODE_SHARED);
  value = *(guint64 *) (tbuf_region_get_address (region) + 32);
  assert_unlocks (region);
  return GSIZE_TO_POINTER (value);
}

/* The object's shared lock never ends by itself while threads pass it on: whoever
 * has no part in it yet queues behind the writer; who has one does not. */
static void
test_threads_of_one_object_let_a_writer_in (Fixture       *self,
                                            gconstpointer  data)
{
  GThread *writer, *reader;

  assert_locks (self->shared, TBUF_LOCK_MODE_SHARED);
  writer = g_thread_new ("writer", write_once, self->other);
  table_await_entitled (&self->table, 1);

  g_thread_join (g_thread_new ("newcomer", try_to_read, self->shared));
  assert_locks (self->shared, TBUF_LOCK_MODE_SHARED);
  reader = g_thread_new ("reader", read_once, self->shared);
  table_await_entitled (&self->table, 2);

  assert_unlocks (self->shared);
  assert_unlocks (self->shared);
  g_thread_join (writer);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_thread_join (reader)), ==, 1);
}

static gpointer
take_part (gpointer data)
{
  assert_locks (data, TBUF_LOCK_MODE_SHARED);
  return NULL;
}

/* Of two threads that share an object, one lets go: then it is the other's alone,
 * which is told that it would wait for itself. */
static void
test_the_last_thread_that_shares_is_known (Fixture       *self,
                                           gconstpointer  data)
{
  g_thread_join (g_thread_new ("sharer", take_part, self->shared));
  assert_locks (self->shared, TBUF_LOCK_MODE_SHARED);
  assert_lock_fails (self->other, TBUF_LOCK_MODE_EXCLUSIVE, 2000, TBUF_ERROR_TIMED_OUT);

  /* One's own hold ends first; what is left is that of the thread that is gone. */
  assert_unlocks (self->shared);
  assert_locks (self->shared, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (self->shared);
  assert_unlocks (self->shared);
  assert_unlock_fails (self->shared, TBUF_ERROR_NOT_HELD);

  assert_locks (self->shared, TBUF_LOCK_MODE_SHARED);
  g_thread_join (g_thread_new ("sharer", read_once, self->shared));
  assert_lock_fails (self->other, TBUF_LOCK_MODE_EXCLUSIVE, -1, TBUF_ERROR_DEADLOCK);
  assert_unlocks (self->shared);
}

static gpointer
lock_and_end (gpointer data)
{
  assert_locks (data, TBUF_LOCK_MODE_EXCLUSIVE);
  return NULL;
}

/* A lock is the object's: the end of the thread that took it is not its owner's
 * death, and any other thread may release it. */
static void
test_outlives_its_thread (Fixture       *self,
                          gconstpointer  data)
{
  g_thread_join (g_thread_new ("owner", lock_and_end, self->shared));
  g_assert_cmpint (tbuf_region_get_lock_state (self->other), ==, TBUF_LOCK_STATE_EXCLUSIVE);
  assert_lock_fails (self->other, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_BUSY);
  assert_lock_fails (self->other, TBUF_LOCK_MODE_SHARED, 30000, TBUF_ERROR_TIMED_OUT);
  assert_lock_fails (self->shared, TBUF_LOCK_MODE_SHARED, 2000, TBUF_ERROR_TIMED_OUT);

  g_assert_cmpint (tbuf_region_get_held_mode (self->shared), ==, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (self->shared);
  assert_locks (self->other, TBUF_LOCK_MODE_EXCLUSIVE);
  assert_unlocks (self->other);
}

/* Those who wait at another handle are none of its business: they get the range
 * when what was locked through the closed one is unlocked. */
static void
test_closed_handle_still_unlocks (Fixture       *self,
                                  gconstpointer  data)
{
  g_autoptr (TbufArena) another = open_again (self->arena);
  g_autoptr (TbufRegion) theirs = new_range (another, 32, 64);
  GThread *waiter;

  assert_locks (self->shared, TBUF_LOCK_MODE_EXCLUSIVE);
  waiter = g_thread_new ("waiter", write_once, theirs);
  table_await_entitled (&self->table, 1);
  tbuf_arena_close (self->arena);
  assert_lock_fails (self->other, TBUF_LOCK_MODE_SHARED, -1, TBUF_ERROR_CLOSED);
  assert_lock_fails (self->other, TBUF_LOCK_MODE_SHARED, 0, TBUF_ERROR_CLOSED);
  table_await_entitled (&self->table, 1);

  assert_unlocks (self->shared);
  assert_unlock_fails (self->shared, TBUF_ERROR_NOT_HELD);
  assert_unlock_fails (self->other, TBUF_ERROR_NOT_HELD);
  g_thread_join (waiter);
}

static int stopped[2], resume[2];

/* A thread that stands still, wherever it was, until it is told to go on. */
static void
stand_still (int signal)
{
  char byte = 0;

  if (write (stopped[1], &byte, 1) != 1 || read (resume[0], &byte, 1) != 1)
    _exit (1);
}

static void
stop_thread (pthread_t    thread,
             const Table *table)
{
  char byte = 0;

  while (TRUE)
    {
      g_assert_cmpint (pthread_kill (thread, SIGUSR1), ==, 0);
      g_assert_cmpint (read (stopped[0], &byte, 1), ==, 1);
      if (__atomic_load_n (&table->words->guard, __ATOMIC_ACQUIRE) == 0)
        return;

      g_assert_cmpint (write (resume[1], &byte, 1), ==, 1);
    }
}

static void *
take_part_late (void *data)
{
  return take_part (data);
}

typedef struct
{
  TbufRegion   *region;
  GCancellable *cancellable;
} Attempt;

static gpointer
wait_in_vain (gpointer data)
{
  Attempt *attempt = data;
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_lock (attempt->region, TBUF_LOCK_MODE_EXCLUSIVE, -1, attempt->cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  return NULL;
}

static gpointer
fail_to_upgrade (gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_region_upgrade (data, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK);
  return NULL;
}

/* A thread that was granted a part in the shared lock, but has not seen that yet,
 * gets it while another one upgrades: then it is not one that can become exclusive. */
static void
test_upgrade_passes_over_nobody_with_a_part (Fixture       *self,
                                             gconstpointer  data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Attempt attempt = { self->other, cancellable };
  struct sigaction action = { .sa_handler = stand_still };
  GThread *writer, *upgrader;
  pthread_t late;
  char byte = 0;

  g_assert_cmpint (pipe (stopped), ==, 0);
  g_assert_cmpint (pipe (resume), ==, 0);
  g_assert_cmpint (sigaction (SIGUSR1, &action, NULL), ==, 0);

  assert_locks (self->shared, TBUF_LOCK_MODE_SHARED);
  writer = g_thread_new ("writer", wait_in_vain, &attempt);
  table_await_entitled (&self->table, 1);
  g_assert_cmpint (pthread_create (&late, NULL, take_part_late, self->shared), ==, 0);
  table_await_entitled (&self->table, 2);

  /* When the writer gives up, the reader behind it is granted the range. */
  stop_thread (late, &self->table);
  g_cancellable_cancel (cancellable);
  g_thread_join (writer);
  upgrader = g_thread_new ("upgrader", fail_to_upgrade, self->shared);
  table_await_entitled (&self->table, 1);
  g_assert_cmpint (write (resume[1], &byte, 1), ==, 1);
  g_thread_join (upgrader);
  g_assert_cmpint (pthread_join (late, NULL), ==, 0);

  g_assert_cmpint (tbuf_region_get_held_mode (self->shared), ==, TBUF_LOCK_MODE_SHARED);
  assert_unlocks (self->shared);
  assert_unlocks (self->shared);
  for (guint i = 0; i < 2; i++)
    {
      close (stopped[i]);
      close (resume[i]);
    }
}

#define ADD(name, func) g_test_add ("/tbuf/lock/" name, Fixture, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("threads-of-one-object-let-a-writer-in", test_threads_of_one_object_let_a_writer_in);
  ADD ("outlives-its-thread", test_outlives_its_thread);
  ADD ("closed-handle-still-unlocks", test_closed_handle_still_unlocks);
  ADD ("the-last-thread-that-shares-is-known", test_the_last_thread_that_shares_is_known);
  ADD ("upgrade-passes-over-nobody-with-a-part", test_upgrade_passes_over_nobody_with_a_part);

  return g_test_run ();
}
