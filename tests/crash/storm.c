/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The storm
 * =========
 *
 * Workers lock ranges of one arena at random, and a supervisor kills, stops and
 * replaces them at random. Some have several threads, some watch, some fork
 * children that go on with the arena they inherited, some end by exit() while
 * their threads are at work. Others do nothing but create, open and leave arenas
 * of a few names, and are killed as well.
 *
 * Whether locks exclude is seen in the data: a writer marks the cells of its
 * range and finds no mark of another, and no half-written cell unless it has
 * been told that an owner died; a reader finds nothing to change under it.
 */

#define N_CELLS     256
#define N_WORKERS   6
#define N_NAMERS    3
#define N_VICTIMS   (N_WORKERS + N_NAMERS)
#define N_CHILDREN  (N_VICTIMS + 1)
#define N_NAMES     2
#define MAX_THREADS 3
#define N_RANGES    16

/* Whoever may wait for longer is stuck. Nobody is stopped for more than a
 * fraction of that, but the machine may be busy. */
#define STUCK_US (20 * G_USEC_PER_SEC)

typedef struct
{
  guint64 writer;
  guint64 before;     /* counted when a writer begins … */
  guint64 after;      /* … and when it ends */
  guint64 reserved[5];
} Cell;

/* What all of them share beside the arena. */
typedef struct
{
  int     stopping;
  guint64 progress[N_CHILDREN][MAX_THREADS];
  guint64 n_locks;
  guint64 n_recoveries;
  guint64 n_cancelled;
  guint64 n_deadlocks;
  guint64 n_upgrades;
  guint64 n_snapshots;
  guint64 n_forks;
  guint64 n_exits;
  guint64 n_names;
  guint64 n_violations;
  guint64 n_stuck;
} Common;

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

static Common *common;
static char *arena_name;

static void
count (guint64 *counter)
{
  __atomic_fetch_add (counter, 1, __ATOMIC_RELAXED);
}

static guint64
get (guint64 *counter)
{
  return __atomic_load_n (counter, __ATOMIC_RELAXED);
}

static gboolean
is_stopping (void)
{
  return __atomic_load_n (&common->stopping, __ATOMIC_ACQUIRE) != 0;
}

G_GNUC_PRINTF (1, 2)
static void
violation (const char *format,
           ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  count (&common->n_violations);
  g_printerr ("# process %d: violation: %s\n", (int) getpid (), message);
}

G_GNUC_PRINTF (1, 2)
static void
stuck (const char *format,
       ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  count (&common->n_stuck);
  g_printerr ("# process %d: stuck: %s\n", (int) getpid (), message);
}

static void
dawdle (GRand *random)
{
  volatile guint sink = 0;

  for (gint32 i = g_rand_int_range (random, 0, 200); i > 0; i--)
    sink += (guint) i;
  if (g_rand_int_range (random, 0, 50) == 0)
    sched_yield ();
}

/* --- the data --- */

static Cell *
get_cells (TbufRegion *region,
           gsize      *n_cells)
{
  *n_cells = tbuf_region_get_n_bytes (region) / sizeof (Cell);
  return (Cell *) tbuf_region_get_address (region);
}

/* Begins to write, and leaves all cells half-written. */
static void
begin_to_write (TbufRegion *region,
                guint64     mark,
                gboolean    repair)
{
  gsize n;
  Cell *cells = get_cells (region, &n);

  for (gsize i = 0; i < n; i++)
    {
      guint64 other;

      if (repair)
        {
          __atomic_store_n (&cells[i].writer, 0, __ATOMIC_RELAXED);
          cells[i].after = cells[i].before;
        }
      if (cells[i].before != cells[i].after)
        violation ("cell %" G_GSIZE_FORMAT " is half-written, and lock() did not say so", i);

      other = __atomic_exchange_n (&cells[i].writer, mark, __ATOMIC_ACQ_REL);
      if (other != 0)
        violation ("two writers in cell %" G_GSIZE_FORMAT ": %" G_GINT64_MODIFIER "x and %" G_GINT64_MODIFIER "x", i, mark, other);
      cells[i].before++;
    }
}

static void
end_to_write (TbufRegion *region,
              guint64     mark)
{
  gsize n;
  Cell *cells = get_cells (region, &n);

  for (gsize i = 0; i < n; i++)
    {
      cells[i].after = cells[i].before;
      if (__atomic_exchange_n (&cells[i].writer, 0, __ATOMIC_ACQ_REL) != mark)
        violation ("somebody else wrote to cell %" G_GSIZE_FORMAT " meanwhile", i);
    }
}

static guint64
read_cells (TbufRegion *region)
{
  guint64 sum = 0;
  gsize n;
  Cell *cells = get_cells (region, &n);

  for (gsize i = 0; i < n; i++)
    {
      if (__atomic_load_n (&cells[i].writer, __ATOMIC_ACQUIRE) != 0)
        violation ("a reader found a writer in cell %" G_GSIZE_FORMAT, i);
      if (cells[i].before != cells[i].after)
        violation ("a reader found cell %" G_GSIZE_FORMAT " half-written, and lock() did not say so", i);
      sum += cells[i].before;
    }

  return sum;
}

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
check_refusal (const GError *error,
               gint64        timeout_us)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    count (&common->n_cancelled);
  else if (g_error_matches (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK))
    count (&common->n_deadlocks);
  else if (g_error_matches (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT) && timeout_us == STUCK_US)
    stuck ("%s", error->message);
  else if (!g_error_matches (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT) && !g_error_matches (error, TBUF_ERROR, TBUF_ERROR_BUSY))
    violation ("lock() or recover() says: %s", error->message);
}

static void
unlock (TbufRegion *region)
{
  g_autoptr (GError) error = NULL;

  if (!tbuf_region_unlock (region, &error))
    violation ("unlock() says: %s", error->message);
}

static void
recover (Thread     *self,
         TbufRegion *region)
{
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = FALSE;

  if (!tbuf_region_recover (region, STUCK_US, &was_abandoned, self->cancellable, &error))
    {
      check_refusal (error, STUCK_US);
      return;
    }

  if (was_abandoned)
    count (&common->n_recoveries);
  begin_to_write (region, self->mark, was_abandoned);
  dawdle (self->random);
  end_to_write (region, self->mark);
  unlock (region);
}

/* An owner that goes away over half-written cells. */
static void
drop_held (Thread *self)
{
  gsize first = (gsize) g_rand_int_range (self->random, 0, N_CELLS);
  TbufRegion *region = new_range (self->worker->arena, first * sizeof (Cell), sizeof (Cell));

  if (tbuf_region_lock (region, TBUF_LOCK_MODE_EXCLUSIVE, 0, NULL, NULL))
    begin_to_write (region, self->mark, FALSE);
  g_object_unref (region);
}

static void
write_once (Thread     *self,
            TbufRegion *region)
{
  begin_to_write (region, self->mark, FALSE);
  dawdle (self->random);
  end_to_write (region, self->mark);
}

/* The range is held for reading. */
static void
read_once (Thread     *self,
           TbufRegion *region)
{
  guint64 sum = read_cells (region);

  dawdle (self->random);
  if (read_cells (region) != sum)
    violation ("data changed under a reader");

  /* An object that threads share has more than one shared lock to upgrade. */
  if (region != self->ranges[0] && g_rand_int_range (self->random, 0, 20) == 0 && tbuf_region_upgrade (region, 1000, NULL, NULL))
    {
      count (&common->n_upgrades);
      write_once (self, region);
      if (g_rand_boolean (self->random) && tbuf_region_downgrade (region, NULL))
        read_cells (region);
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
        violation ("snapshot() says: %s", error->message);
      return;
    }

  cells = g_bytes_get_data (bytes, &size);
  for (gsize i = 0; i < size / sizeof (Cell); i++)
    if (cells[i].writer != 0 || cells[i].before != cells[i].after)
      violation ("a snapshot has a half-written cell, %" G_GSIZE_FORMAT, i);
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
      unlock (region);
    }
  else if (!g_error_matches (answer.error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
    check_refusal (answer.error, timeout_us);
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
        check_refusal (error, timeout_us);
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

  unlock (region);
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
        unlock (inherited);
      return;
    }

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (locked)
    {
      g_autoptr (GError) error = NULL;

      if (tbuf_region_unlock (inherited, &error) || !g_error_matches (error, TBUF_ERROR, TBUF_ERROR_DETACHED))
        violation ("unlock() in the child of a fork says: %s", error != NULL ? error->message : "unlocked");
    }

  thread->mark = (guint64) getpid () << 8 | 0xff;
  g_rand_set_seed (thread->random, (guint32) getpid ());
  for (guint i = 0; end != 0 && i < 50 && !is_stopping (); i++)
    lock_once (thread, 0);

  if (end == 1)
    {
      while (tbuf_region_lock (inherited, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL))
        {
          begin_to_write (inherited, thread->mark, FALSE);
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

static void
run_worker (guint      index,
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
      violation ("open() says: %s", error->message);
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

/* --- names --- */

static char *
get_name (guint index)
{
  return g_strdup_printf ("%s-%u", arena_name, index);
}

/* For as long as the arena is open, its name is its own. */
static void
check_name (const char *name,
            TbufArena  *arena)
{
  g_autofree char *path = g_build_filename ("/dev/shm", name, NULL);
  struct stat named, opened;

  if (fstat (tbuf_arena_get_fd (arena), &opened) != 0)
    violation ("an arena without a file");
  else if (lstat (path, &named) != 0)
    violation ("the arena “%s” is open here, and its name is gone", name);
  else if (named.st_ino != opened.st_ino)
    violation ("the arena “%s” is open here, and its name is another's", name);
}

static void
name_once (GRand *random)
{
  g_autofree char *name = get_name ((guint) g_rand_int_range (random, 0, N_NAMES));
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = NULL;
  TbufError allowed = TBUF_ERROR_EXISTS;

  switch (g_rand_int_range (random, 0, 6))
    {
    case 0:
      arena = tbuf_arena_create (name, sizeof (Cell), TBUF_ARENA_NONE, &error);
      break;
    case 1:
      arena = tbuf_arena_create (name, sizeof (Cell), TBUF_ARENA_REPLACE_STALE, &error);
      break;
    case 2:
      arena = tbuf_arena_create (name, sizeof (Cell), TBUF_ARENA_OPEN_OR_CREATE, &error);
      break;
    case 3:
      arena = tbuf_arena_open (name, TBUF_ARENA_READ_ONLY, &error);
      allowed = TBUF_ERROR_NOT_FOUND;
      break;
    default:
      arena = tbuf_arena_open (name, TBUF_ARENA_NONE, &error);
      allowed = TBUF_ERROR_NOT_FOUND;
      break;
    }

  if (arena == NULL)
    {
      if (!g_error_matches (error, TBUF_ERROR, (int) allowed))
        violation ("the arena “%s”: %s", name, error->message);
      return;
    }

  count (&common->n_names);
  check_name (name, arena);
  if (tbuf_arena_get_size (arena) != sizeof (Cell))
    violation ("the arena “%s” has %" G_GSIZE_FORMAT " bytes", name, tbuf_arena_get_size (arena));
  dawdle (random);
  if (!(tbuf_arena_get_flags (arena) & TBUF_ARENA_READ_ONLY))
    {
      if (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_EXCLUSIVE, STUCK_US, NULL, &error))
        {
          dawdle (random);
          unlock (TBUF_REGION (arena));
        }
      else if (g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
        {
          if (tbuf_region_recover (TBUF_REGION (arena), STUCK_US, NULL, NULL, NULL))
            unlock (TBUF_REGION (arena));
        }
      else
        check_refusal (error, STUCK_US);
    }
  check_name (name, arena);
  if (g_rand_int_range (random, 0, 300) == 0)
    exit (0);
}

static void
run_namer (guint index)
{
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) getpid ());

  while (!is_stopping ())
    {
      name_once (random);
      __atomic_fetch_add (&common->progress[index][0], 1, __ATOMIC_RELAXED);
    }
  exit (0);
}

/* Everything at once, in the middle of it all: the widest lock comes to its turn too. */
static void
lock_everything (TbufArena *arena)
{
  TbufRegion *region = TBUF_REGION (arena);
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = FALSE;

  if (tbuf_region_lock (region, TBUF_LOCK_MODE_SHARED, STUCK_US, NULL, &error))
    read_cells (region);
  else if (!g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
    {
      check_refusal (error, STUCK_US);
      return;
    }
  else
    {
      g_clear_error (&error);
      if (!tbuf_region_recover (region, STUCK_US, &was_abandoned, NULL, &error))
        {
          check_refusal (error, STUCK_US);
          return;
        }
      if (was_abandoned)
        count (&common->n_recoveries);
      begin_to_write (region, 1, was_abandoned);
      end_to_write (region, 1);
    }

  unlock (region);
  check_name (arena_name, arena);
}

/* One that lives as long as the storm. */
static void
run_sweeper (guint      index,
             TbufArena *inherited)
{
  while (!is_stopping ())
    {
      lock_everything (inherited);
      __atomic_fetch_add (&common->progress[index][0], 1, __ATOMIC_RELAXED);
      sched_yield ();
    }
  exit (0);
}

/* --- the supervisor --- */

typedef struct
{
  TbufArena *arena;
  Table      table;
  GRand     *random;
  pid_t      pids[N_CHILDREN];
  gint64     stopped_until[N_CHILDREN];           /* 0: runs */
  guint64    progress[N_CHILDREN][MAX_THREADS];
  gint64     progress_time[N_CHILDREN][MAX_THREADS];
  guint64    n_kills;
  guint64    n_stops;
} Supervisor;

static void
start_child (Supervisor *self,
             guint       index)
{
  gint64 now = g_get_monotonic_time ();
  sigset_t none;

  for (guint i = 0; i < MAX_THREADS; i++)
    {
      common->progress[index][i] = 0;
      self->progress[index][i] = 0;
      self->progress_time[index][i] = now;
    }
  self->stopped_until[index] = 0;

  self->pids[index] = fork ();
  g_assert_cmpint (self->pids[index], >=, 0);
  if (self->pids[index] != 0)
    return;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  if (index < N_WORKERS)
    run_worker (index, self->arena);
  else if (index < N_VICTIMS)
    run_namer (index);
  else
    run_sweeper (index, self->arena);
}

/* A child that ended by itself is replaced like one that was killed. */
static void
collect (Supervisor *self,
         gboolean    replace)
{
  int status;
  pid_t pid;

  while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
    {
      if (WIFSIGNALED (status) && WTERMSIG (status) != SIGKILL)
        violation ("process %d got signal %d", (int) pid, WTERMSIG (status));

      for (guint i = 0; i < N_CHILDREN; i++)
        if (self->pids[i] == pid)
          {
            self->pids[i] = 0;
            if (replace)
              start_child (self, i);
          }
    }
}

/* Progress is counted by thread; one that has done nothing yet may not exist. */
static void
check_progress (Supervisor *self)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < N_CHILDREN; i++)
    for (guint j = 0; j < MAX_THREADS; j++)
      {
        guint64 progress = get (&common->progress[i][j]);

        if (self->pids[i] == 0 || progress != self->progress[i][j] || (progress == 0 && j > 0))
          {
            self->progress[i][j] = progress;
            self->progress_time[i][j] = now;
          }
        else if (now - self->progress_time[i][j] > STUCK_US)
          {
            stuck ("process %d, thread %u has done nothing for %d s", (int) self->pids[i], j, (int) (STUCK_US / G_USEC_PER_SEC));
            self->progress_time[i][j] = now;
            kill (self->pids[i], SIGKILL);
          }
      }
}

static void
harass (Supervisor *self)
{
  gint64 now = g_get_monotonic_time ();
  guint index = (guint) g_rand_int_range (self->random, 0, N_VICTIMS);

  for (guint i = 0; i < N_CHILDREN; i++)
    if (self->stopped_until[i] != 0 && now >= self->stopped_until[i])
      {
        self->stopped_until[i] = 0;
        if (self->pids[i] != 0)
          kill (self->pids[i], SIGCONT);
      }

  if (self->pids[index] == 0)
    return;
  if (g_rand_int_range (self->random, 0, 3) == 0)
    {
      self->n_stops++;
      self->stopped_until[index] = now + g_rand_int_range (self->random, 0, 40000);
      kill (self->pids[index], SIGSTOP);
    }
  else
    {
      self->n_kills++;
      kill (self->pids[index], SIGKILL);
    }
}

/* Nobody is killed any more: each of them comes to its end by itself. */
static void
wind_down (Supervisor *self,
           sigset_t   *child_ended)
{
  const struct timespec while_us = { 0, 10000000 };
  gint64 deadline = g_get_monotonic_time () + STUCK_US;
  gboolean any = TRUE;

  __atomic_store_n (&common->stopping, 1, __ATOMIC_RELEASE);
  for (guint i = 0; i < N_CHILDREN; i++)
    if (self->pids[i] != 0)
      kill (self->pids[i], SIGCONT);

  while (any)
    {
      gboolean late = g_get_monotonic_time () > deadline;

      any = FALSE;
      sigtimedwait (child_ended, NULL, &while_us);
      collect (self, FALSE);
      for (guint i = 0; i < N_CHILDREN; i++)
        {
          any |= self->pids[i] != 0;
          if (self->pids[i] != 0 && late)
            {
              stuck ("process %d does not come to its end", (int) self->pids[i]);
              kill (self->pids[i], SIGKILL);
              waitpid (self->pids[i], NULL, 0);
              self->pids[i] = 0;
            }
        }
    }

  /* The children of workers. */
  while (waitpid (-1, NULL, 0) > 0)
    ;
}

/* With everyone gone, the table is empty, and so is the folder. */
static void
check_end (Supervisor *self)
{
  TbufArena *next[8 * N_CHILDREN];
  const char *leak;

  lock_everything (self->arena);
  for (guint i = 0; i < G_N_ELEMENTS (next); i++)
    next[i] = open_again (self->arena);
  for (guint i = 0; i < G_N_ELEMENTS (next); i++)
    g_object_unref (next[i]);
  leak = table_find_leak (&self->table);
  if (leak != NULL)
    violation ("the table is not empty at the end: %s", leak);
  if (tbuf_arena_get_n_participants (self->arena) != 1)
    violation ("%u participants are counted at the end", tbuf_arena_get_n_participants (self->arena));

  for (guint i = 0; i < N_NAMES; i++)
    {
      g_autofree char *name = get_name (i);
      g_autofree char *path = g_build_filename ("/dev/shm", name, NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (TbufArena) arena = tbuf_arena_create (name, sizeof (Cell), TBUF_ARENA_OPEN_OR_CREATE, &error);

      if (arena == NULL)
        violation ("the arena “%s” at the end: %s", name, error->message);
      g_clear_object (&arena);
      if (g_access (path, F_OK) == 0)
        violation ("%s is still there at the end", path);
    }
}

/* Returns the seconds that it took. */
static double
run_storm (gint64      seconds,
           guint32     seed,
           Supervisor *self)
{
  const struct timespec pause = { 0, 2000000 };
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  sigset_t child_ended;

  *self = (Supervisor) { 0 };
  self->random = g_rand_new_with_seed (seed);
  arena_name = g_strdup_printf ("tbuf-test-storm-%d", (int) getpid ());
  common = mmap (NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (common != MAP_FAILED);
  self->arena = tbuf_arena_create (arena_name, N_CELLS * sizeof (Cell), TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  self->table = table_map (tbuf_arena_get_fd (self->arena));

  prctl (PR_SET_CHILD_SUBREAPER, 1);
  sigemptyset (&child_ended);
  sigaddset (&child_ended, SIGCHLD);
  sigprocmask (SIG_BLOCK, &child_ended, NULL);
  for (guint i = 0; i < N_CHILDREN; i++)
    start_child (self, i);

  while (g_get_monotonic_time () - start < seconds * G_USEC_PER_SEC)
    {
      sigtimedwait (&child_ended, NULL, &pause);
      collect (self, TRUE);
      harass (self);
      check_progress (self);
    }

  wind_down (self, &child_ended);
  check_end (self);

  table_unmap (&self->table);
  g_clear_object (&self->arena);
  g_rand_free (self->random);
  return (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
}

static guint32 seed;

#define SHORT_SECONDS 6

static void
test_storm (void)
{
  Supervisor supervisor;
  double seconds;

  g_test_message ("seed %u", seed);
  seconds = run_storm (SHORT_SECONDS, seed, &supervisor);
  g_test_message ("%" G_GUINT64_FORMAT " kills, %" G_GUINT64_FORMAT " stops, %" G_GUINT64_FORMAT " recoveries, %.0f locks/s",
                  supervisor.n_kills, supervisor.n_stops, get (&common->n_recoveries), (double) get (&common->n_locks) / seconds);
  g_assert_cmpuint (get (&common->n_violations), ==, 0);
  g_assert_cmpuint (get (&common->n_stuck), ==, 0);
  g_assert_cmpuint (supervisor.n_kills, >, 0);
  g_assert_cmpuint (get (&common->n_locks), >, 0);
}

static int
run_long (gint64 n_seconds)
{
  Supervisor supervisor;
  double seconds = run_storm (n_seconds, seed, &supervisor);
  const struct
  {
    const char *what;
    guint64     n;
  } figures[] = {
    { "kills", supervisor.n_kills },
    { "stops", supervisor.n_stops },
    { "forks", common->n_forks },
    { "exits", common->n_exits },
    { "locks", common->n_locks },
    { "upgrades", common->n_upgrades },
    { "snapshots", common->n_snapshots },
    { "cancelled", common->n_cancelled },
    { "deadlocks", common->n_deadlocks },
    { "recoveries", common->n_recoveries },
    { "names", common->n_names },
    { "violations", common->n_violations },
    { "stuck", common->n_stuck },
  };

  for (guint i = 0; i < G_N_ELEMENTS (figures); i++)
    g_print ("%-12s %12" G_GUINT64_FORMAT "\n", figures[i].what, figures[i].n);
  g_print ("%-12s %12.1f\n%-12s %12.0f\n%-12s %12u\n", "seconds", seconds, "locks/s", (double) common->n_locks / seconds, "seed", seed);
  return common->n_violations == 0 && common->n_stuck == 0 ? 0 : 1;
}

int
main (int    argc,
      char **argv)
{
  gint64 seconds = 0;
  int seed_argument = 0;
  const GOptionEntry entries[] = {
    { "seconds", 0, 0, G_OPTION_ARG_INT64, &seconds, "Run for so long, and print figures", "N" },
    { "random", 0, 0, G_OPTION_ARG_INT, &seed_argument, "The seed", "N" },
    { 0 }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_ignore_unknown_options (context, TRUE);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);

  seed = seed_argument != 0 ? (guint32) seed_argument : g_random_int ();
  if (seconds > 0)
    return run_long (seconds);

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tbuf/crash/storm", test_storm);
  return g_test_run ();
}
