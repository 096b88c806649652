/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storm.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef struct _Worker Worker;

typedef struct
{
  Worker       *worker;
  guint         index;
  guint64       mark;
  GRand        *random;
  TbufRegion   *ranges[N_RANGES];
  GMainContext *context;
  GMutex        mutex;
  GCancellable *cancellable;
} Thread;

struct _Worker
{
  guint      index;
  TbufArena *arena;
  guint      n_threads;
  gboolean   is_fork;       /* the child of a worker */
  Thread     threads[MAX_THREADS];
};

/* --- a worker's thread --- */

static gint64
choose_timeout (GRand *random)
{
  switch (g_rand_int_range (random, 0, 8))
    {
    case 0:
      return 0;
    case 1:
      return g_rand_int_range (random, 1, 2000);
    case 2:
    case 3:
      return STUCK_US;
    default:
      return -1;
    }
}

static TbufRegion *
choose_range (Thread *self)
{
  return self->ranges[g_rand_int_range (self->random, 0, N_RANGES)];
}

static void
recover (Thread     *self,
         TbufRegion *region)
{
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = FALSE;

  if (!tbuf_region_recover (region, STUCK_US, &was_abandoned, self->cancellable, &error))
    {
      storm_check_refusal (error, STUCK_US);
      return;
    }

  if (was_abandoned)
    count (&common->n_recoveries);
  storm_begin_to_write (region, self->mark, was_abandoned);
  storm_dawdle (self->random);
  storm_end_to_write (region, self->mark);
  storm_unlock (region);
}

/* An owner that goes away over half-written cells. */
static void
drop_held (Thread *self)
{
  gsize first = (gsize) g_rand_int_range (self->random, 0, N_CELLS);
  TbufRegion *region = new_range (self->worker->arena, first * sizeof (Cell), sizeof (Cell));

  if (tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, 0, NULL, NULL))
    storm_begin_to_write (region, self->mark, FALSE);
  g_object_unref (region);
}

static void
write_once (Thread     *self,
            TbufRegion *region)
{
  storm_begin_to_write (region, self->mark, FALSE);
  storm_dawdle (self->random);
  storm_end_to_write (region, self->mark);
}

/* The range is held for reading. */
static void
read_once (Thread     *self,
           TbufRegion *region)
{
  guint64 sum = storm_read_cells (region);

  storm_dawdle (self->random);
  if (storm_read_cells (region) != sum)
    storm_violation ("data changed under a reader");

  /* An object that threads share has more than one shared lock to upgrade. */
  if (region != self->ranges[0] && g_rand_int_range (self->random, 0, 20) == 0 && tbuf_region_upgrade (region, 1000, NULL, NULL))
    {
      count (&common->n_upgrades);
      write_once (self, region);
      if (g_rand_boolean (self->random) && tbuf_region_downgrade (region, NULL))
        storm_read_cells (region);
    }
}

/* Without a lock: what is copied is of one moment all the same. */
static void
look_once (Thread *self)
{
  TbufRegion *region = choose_range (self);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = tbuf_view_snapshot (TBUF_VIEW (region), &error);
  const Cell *cells;
  gsize size;

  if (bytes == NULL)
    {
      if (!g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED) && !g_error_matches (error, TBUF_ERROR, TBUF_ERROR_BUSY))
        storm_violation ("snapshot() says: %s", error->message);
      return;
    }

  cells = g_bytes_get_data (bytes, &size);
  for (gsize i = 0; i < size / sizeof (Cell); i++)
    if (cells[i].writer != 0 || cells[i].before != cells[i].after)
      storm_violation ("a snapshot has a half-written cell, %" G_GSIZE_FORMAT, i);
  count (&common->n_snapshots);
}

typedef struct
{
  gboolean is_done;
  gboolean is_locked;
  GError  *error;
} Answer;

static void
on_answer (GObject      *object,
           GAsyncResult *result,
           gpointer      data)
{
  Answer *answer = data;

  answer->is_locked = tbuf_region_lock_finish (TBUF_REGION (object), result, &answer->error);
  answer->is_done = TRUE;
}

static void
lock_by_request (Thread *self)
{
  TbufRegion *region = choose_range (self);
  TbufLockMode mode = g_rand_boolean (self->random) ? TBUF_LOCK_MODE_EXCLUSIVE : TBUF_LOCK_MODE_SHARED;
  gint64 timeout_us = choose_timeout (self->random);
  Answer answer = { FALSE };

  tbuf_region_lock_async (region, mode, timeout_us, self->cancellable, on_answer, &answer);
  while (!answer.is_done)
    g_main_context_iteration (self->context, TRUE);

  if (answer.is_locked)
    {
      count (&common->n_locks);
      if (mode == TBUF_LOCK_MODE_EXCLUSIVE)
        write_once (self, region);
      else
        read_once (self, region);
      storm_unlock (region);
    }
  else if (!g_error_matches (answer.error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
    storm_check_refusal (answer.error, timeout_us);
  g_clear_error (&answer.error);
}

static void
lock_once (Thread *self,
           guint   depth)
{
  TbufRegion *region = choose_range (self);
  TbufLockMode mode = g_rand_int_range (self->random, 0, 3) == 0 ? TBUF_LOCK_MODE_EXCLUSIVE : TBUF_LOCK_MODE_SHARED;
  gint64 timeout_us = choose_timeout (self->random);
  g_autoptr (GError) error = NULL;

  if (!tbuf_region_lock (region, mode, timeout_us, self->cancellable, &error))
    {
      if (!g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
        storm_check_refusal (error, timeout_us);
      else if (depth == 0)
        recover (self, region);
      return;
    }

  count (&common->n_locks);
  if (mode == TBUF_LOCK_MODE_EXCLUSIVE)
    write_once (self, region);
  else
    read_once (self, region);

  /* Two at a time, in any order: deadlocks are found, and end with an error. */
  if (depth == 0 && g_rand_int_range (self->random, 0, 20) == 0)
    lock_once (self, depth + 1);

  storm_unlock (region);
}

static void
renew_cancellable (Thread *self)
{
  g_mutex_lock (&self->mutex);
  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  g_mutex_unlock (&self->mutex);
}

static void
cancel_another (Thread *self)
{
  Worker *worker = self->worker;
  Thread *other = &worker->threads[g_rand_int_range (self->random, 0, (gint32) worker->n_threads)];
  g_autoptr (GCancellable) cancellable = NULL;

  g_mutex_lock (&other->mutex);
  if (other->cancellable != NULL)
    cancellable = g_object_ref (other->cancellable);
  g_mutex_unlock (&other->mutex);

  if (cancellable != NULL)
    g_cancellable_cancel (cancellable);
}

static void
thread_init (Thread *self,
             Worker *worker,
             guint   index)
{
  *self = (Thread) { .worker = worker, .index = index };
  self->random = g_rand_new_with_seed ((guint32) getpid () * MAX_THREADS + index);
  self->mark = (guint64) getpid () << 8 | (index + 1);
  self->context = g_main_context_new ();
  g_mutex_init (&self->mutex);
  renew_cancellable (self);

  for (guint i = 0; i < N_RANGES; i++)
    {
      gint32 first = g_rand_int_range (self->random, 0, N_CELLS);
      gint32 n = g_rand_int_range (self->random, 1, 1 + MIN (N_CELLS - first, i < 2 ? N_CELLS : 32));

      /* One object that all threads of the process use: it excludes them too. */
      self->ranges[i] = i == 0 && index > 0 ? g_object_ref (worker->threads[0].ranges[0])
                                            : new_range (worker->arena, (gsize) first * sizeof (Cell), (gsize) n * sizeof (Cell));
    }
}

static void run_fork (Worker *parent);

static gpointer
run_thread (gpointer data)
{
  Thread *self = data;
  Worker *worker = self->worker;

  g_main_context_push_thread_default (self->context);
  while (!is_stopping ())
    {
      gint32 dice = g_rand_int_range (self->random, 0, 1000);

      if (dice < 4)
        drop_held (self);
      else if (dice < 8)
        cancel_another (self);
      else if (dice < 10)
        tbuf_region_announce (choose_range (self));
      else if (dice < 14 && worker->n_threads == 1)
        run_fork (worker);
      else if (dice < 15 && self->index == 0 && worker->n_threads > 1 && g_rand_int_range (self->random, 0, 4) == 0)
        {
          count (&common->n_exits);
          exit (0);
        }
      else if (dice < 50)
        look_once (self);
      else if (dice < 90)
        lock_by_request (self);
      else
        lock_once (self, 0);

      if (g_cancellable_is_cancelled (self->cancellable))
        renew_cancellable (self);
      if (dice > 990)
        tbuf_arena_dispatch (worker->arena);
      __atomic_fetch_add (&common->progress[worker->index][self->index], 1, __ATOMIC_RELAXED);
    }

  return NULL;
}

/* --- workers --- */

/* The child of a worker: what it inherited is not its own, and usable all the same. */
static void
run_fork (Worker *parent)
{
  Thread *thread = &parent->threads[0];
  TbufRegion *inherited = choose_range (thread);
  gboolean locked = tbuf_region_lock (inherited, TBUF_LOCK_MODE_SHARED, 0, NULL, NULL);
  int end = g_rand_int_range (thread->random, 0, 4);
  pid_t pid = fork ();

  if (pid != 0)
    {
      count (&common->n_forks);
      if (locked)
        storm_unlock (inherited);
      return;
    }

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (locked)
    {
      g_autoptr (GError) error = NULL;

      if (tbuf_region_unlock (inherited, &error) || !g_error_matches (error, TBUF_ERROR, TBUF_ERROR_DETACHED))
        storm_violation ("unlock() in the child of a fork says: %s", error != NULL ? error->message : "unlocked");
    }

  thread->mark = (guint64) getpid () << 8 | 0xff;
  g_rand_set_seed (thread->random, (guint32) getpid ());
  for (guint i = 0; end != 0 && i < 50 && !is_stopping (); i++)
    lock_once (thread, 0);

  if (end == 1)
    {
      while (tbuf_region_lock (inherited, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL))
        {
          storm_begin_to_write (inherited, thread->mark, FALSE);
          raise (SIGKILL);
        }
    }
  if (end == 2)
    exit (0);
  _exit (0);
}

static void
on_owner_died (TbufRegion *region,
               guint64     offset,
               guint64     n_bytes,
               int         pid,
               gpointer    data)
{
}

void
storm_run_worker (guint      index,
                  TbufArena *inherited)
{
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) getpid ());
  g_autoptr (GError) error = NULL;
  GThread *threads[MAX_THREADS] = { NULL };
  Worker *self = g_new0 (Worker, 1);

  signal (SIGCHLD, SIG_IGN);
  self->index = index;
  self->arena = g_rand_boolean (random) ? g_object_ref (inherited) : tbuf_arena_open (arena_name, TBUF_ARENA_NONE, &error);
  if (self->arena == NULL)
    {
      storm_violation ("open() says: %s", error->message);
      _exit (1);
    }

  self->n_threads = (guint) g_rand_int_range (random, 1, MAX_THREADS + 1);
  for (guint i = 0; i < self->n_threads; i++)
    thread_init (&self->threads[i], self, i);
  if (g_rand_int_range (random, 0, 3) == 0)
    {
      TbufRegion *watched = g_rand_boolean (random) ? TBUF_REGION (self->arena) : self->threads[0].ranges[1];

      g_signal_connect (watched, "owner-died", G_CALLBACK (on_owner_died), NULL);
      tbuf_region_set_watch (watched, TRUE);
    }

  for (guint i = 1; i < self->n_threads; i++)
    threads[i] = g_thread_new ("worker", run_thread, &self->threads[i]);
  run_thread (&self->threads[0]);
  for (guint i = 1; i < self->n_threads; i++)
    g_thread_join (threads[i]);
  exit (0);
}
