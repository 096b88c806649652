/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storm.h"

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

Common *common;
char *arena_name;

/* --- who looks at everything --- */

/* Everything at once, in the middle of it all: the widest lock comes to its turn too. */
static void
lock_everything (TbufArena *arena)
{
  TbufRegion *region = TBUF_REGION (arena);
  g_autoptr (GError) error = NULL;
  gboolean was_abandoned = FALSE;

  if (tbuf_region_lock (region, TBUF_LOCK_MODE_SHARED, STUCK_US, NULL, &error))
    storm_read_cells (region);
  else if (!g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
    {
      storm_check_refusal (error, STUCK_US);
      return;
    }
  else
    {
      g_clear_error (&error);
      if (!tbuf_region_recover (region, STUCK_US, &was_abandoned, NULL, &error))
        {
          storm_check_refusal (error, STUCK_US);
          return;
        }
      if (was_abandoned)
        count (&common->n_recoveries);
      storm_begin_to_write (region, 1, was_abandoned);
      storm_end_to_write (region, 1);
    }

  storm_unlock (region);
  storm_check_name (arena_name, arena);
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
    storm_run_worker (index, self->arena);
  else if (index < N_VICTIMS)
    storm_run_namer (index);
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
        storm_violation ("process %d got signal %d", (int) pid, WTERMSIG (status));

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
            storm_stuck ("process %d, thread %u has done nothing for %d s", (int) self->pids[i], j, (int) (STUCK_US / G_USEC_PER_SEC));
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
              storm_stuck ("process %d does not come to its end", (int) self->pids[i]);
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
    storm_violation ("the table is not empty at the end: %s", leak);
  if (tbuf_arena_get_n_participants (self->arena) != 1)
    storm_violation ("%u participants are counted at the end", tbuf_arena_get_n_participants (self->arena));

  for (guint i = 0; i < N_NAMES; i++)
    {
      g_autofree char *name = storm_get_name (i);
      g_autofree char *path = g_build_filename ("/dev/shm", name, NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (TbufArena) arena = tbuf_arena_create (name, sizeof (Cell), TBUF_ARENA_OPEN_OR_CREATE, &error);

      if (arena == NULL)
        storm_violation ("the arena “%s” at the end: %s", name, error->message);
      g_clear_object (&arena);
      if (g_access (path, F_OK) == 0)
        storm_violation ("%s is still there at the end", path);
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
