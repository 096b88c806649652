/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tbuf.h>
#include <unistd.h>

#include "bench.h"
#include "plan-rivals.h"

#define N_REPETITIONS   11
#define REPEATED_BELOW  0.1   /* seconds: what takes longer is measured once */
#define LARGE           5000  /* buffers from which on a plan is not expected to be proven */
#define RIVAL_SECONDS   60
#define N_SMALL_LAYOUTS 500
#define MANY            1000000

static char *minimalloc;
static double seconds = 5;
static double large_seconds = 0.9;

static int
compare_doubles (const void *a,
                 const void *b)
{
  const double *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/* Solves it, more than once if that is quick; returns the median in seconds. */
static double
time_solving (TbufPlan *plan,
              guint64   capacity,
              double    limit)
{
  double times[N_REPETITIONS];
  guint n = 0;

  do
    {
      g_autoptr (GError) error = NULL;
      double start = bench_get_time ();

      if (!tbuf_plan_solve (plan, capacity, (gint64) (limit * G_USEC_PER_SEC), NULL, &error) ||
          !tbuf_plan_verify (plan, &error))
        g_error ("%s", error->message);
      times[n++] = (bench_get_time () - start) / 1e9;
    }
  while (n < N_REPETITIONS && times[0] < REPEATED_BELOW && !bench_is_quick ());

  qsort (times, n, sizeof *times, compare_doubles);
  return times[n / 2];
}

static double
get_gap (guint64 height,
         guint64 lower_bound)
{
  return lower_bound > 0 ? 100.0 * ((double) height - (double) lower_bound) / (double) lower_bound : 0;
}

/* Accelerators have powers of two. Where the bound is far below the next one, the capacity would be no challenge. */
static guint64
get_capacity (guint64 lower_bound)
{
  guint64 capacity = 1;

  while (capacity < lower_bound)
    capacity *= 2;

  return (double) capacity <= 1.1 * (double) lower_bound && capacity > 1024 ? capacity : 0;
}

typedef struct
{
  double worst_seconds, capacity_seconds, worst_capacity_seconds, large_seconds, large_excess, worst_large_gap;
  guint  n_capacities, n_solved, n_within, n_large;
} Totals;

static void
bench_instance (PlanInstance *instance,
                Totals       *totals)
{
  TbufPlan *plan = instance->plan;
  guint n_buffers = tbuf_plan_get_n_buffers (plan);
  gboolean is_large = n_buffers >= LARGE;
  double limit = bench_is_quick () ? 0.05 : is_large ? large_seconds : seconds;
  guint64 greedy = plan_greedy (plan), height, lower_bound, capacity, with_capacity = 0;
  double elapsed = time_solving (plan, 0, limit), capacity_elapsed = NAN, rival = NAN;
  g_autofree char *method = g_strdup (tbuf_plan_get_method (plan));
  gboolean proven = tbuf_plan_get_proven (plan);

  height = tbuf_plan_get_height (plan);
  lower_bound = tbuf_plan_get_lower_bound (plan);
  capacity = is_large ? 0 : get_capacity (lower_bound);
  if (capacity > 0)
    {
      capacity_elapsed = time_solving (plan, capacity, limit);
      with_capacity = tbuf_plan_get_height (plan);
      if (minimalloc != NULL && !bench_is_quick ())
        rival = plan_minimalloc (minimalloc, plan, capacity, RIVAL_SECONDS);
      totals->n_capacities++;
      totals->n_solved += with_capacity <= capacity;
      totals->n_within += height <= capacity;
      totals->capacity_seconds += capacity_elapsed;
      totals->worst_capacity_seconds = MAX (totals->worst_capacity_seconds, capacity_elapsed);
    }
  if (is_large)
    {
      totals->n_large++;
      totals->large_seconds = MAX (totals->large_seconds, elapsed);
      totals->worst_large_gap = MAX (totals->worst_large_gap, get_gap (height, lower_bound));
      if (greedy > 0)
        totals->large_excess = MAX (totals->large_excess, get_gap (height, greedy));
    }
  else
    totals->worst_seconds = MAX (totals->worst_seconds, elapsed);

  printf ("  %-24s%8u%14" G_GUINT64_FORMAT, instance->name, n_buffers, lower_bound);
  if (greedy > 0)
    printf ("%14" G_GUINT64_FORMAT "%8.2f", greedy, get_gap (greedy, lower_bound));
  else
    printf ("%14s%8s", "-", "-");
  printf ("%14" G_GUINT64_FORMAT "%8.2f  %-7s%-16s", height, get_gap (height, lower_bound), proven ? "yes" : "no", method);
  if (capacity > 0)
    printf ("%10" G_GUINT64_FORMAT "%10" G_GUINT64_FORMAT "%10.1f", capacity, with_capacity, capacity_elapsed * 1e3);
  else
    printf ("%10s%10s%10s", "-", "-", "-");
  if (isfinite (rival))
    printf ("%12.0f", rival);
  else
    printf ("%12s", "-");
  printf ("%10.1f\n", elapsed * 1e3);
}

static void
bench_instances (GPtrArray *instances)
{
  Totals totals = { 0 };

  printf ("\n%-26s%8s%14s%14s%8s%14s%8s  %-7s%-16s%10s%10s%10s%12s%10s\n", "instances", "buffers", "lower bound",
          "greedy", "gap %", "height", "gap %", "proven", "by", "capacity", "height", "ms", "MiniMalloc", "ms");
  bench_count_table ();
  for (guint i = 0; i < instances->len; i++)
    bench_instance (g_ptr_array_index (instances, i), &totals);

  printf ("  (greedy: the best of size, area, duration and start; to the right of the capacity: height and ms if it is given,\n"
          "   MiniMalloc's ms with the same capacity, at most %d s, and our ms without a capacity)\n", RIVAL_SECONDS);
  if (totals.n_capacities > 0)
    {
      bench_at_least ("solved with the capacity given", totals.n_solved, totals.n_capacities, "instances");
      bench_at_most ("slowest of these", totals.worst_capacity_seconds * 1e3, 1000, "ms");
      bench_at_most ("all of these together", totals.capacity_seconds * 1e3, 2000, "ms");
      bench_at_least ("within the capacity without being told", totals.n_within, totals.n_capacities, "instances");
    }
  if (totals.n_large > 0)
    {
      bench_at_most ("large ones: above the best greedy order", totals.large_excess, 0, "%");
      bench_at_most ("large ones: time", totals.large_seconds * 1e3, 1000, "ms");
    }
}

typedef struct
{
  double seconds, gap;
} Many;

/* In a process of its own, so that the memory that it takes can be told. */
static void
bench_many (void)
{
  const guint n_buffers = bench_is_quick () ? 10000 : MANY;
  Many many = { NAN, NAN };
  struct rusage usage = { 0 };
  int ends[2], status;
  pid_t pid;

  if (pipe (ends) < 0)
    return;
  pid = fork ();
  if (pid == 0)
    {
      g_autoptr (TbufPlan) plan = plan_make_long_lived (n_buffers, 9);

      many.seconds = time_solving (plan, 0, bench_is_quick () ? 0.05 : 10);
      many.gap = get_gap (tbuf_plan_get_height (plan), tbuf_plan_get_lower_bound (plan));
      _exit (write (ends[1], &many, sizeof many) != sizeof many);
    }
  close (ends[1]);
  if (pid < 0 || read (ends[0], &many, sizeof many) != sizeof many)
    many = (Many) { NAN, NAN };
  close (ends[0]);
  if (pid > 0)
    wait4 (pid, &status, 0, &usage);

  printf ("\n%-26s%8s%14s%14s\n", "very many", "gap %", "MiB", "ms");
  bench_count_table ();
  printf ("  network of %-13u%8.2f%14.0f%14.0f\n", n_buffers, many.gap, (double) usage.ru_maxrss / 1024, many.seconds * 1e3);
  bench_at_most ("time", many.seconds, 20, "s");
  bench_at_most ("memory", (double) usage.ru_maxrss / 1024, 1024, "MiB");
}

/* Arrays of some pipeline: most live in one phase or two, some longer. */
static TbufLayout *
make_layout (GRand *random,
             guint  n_arrays)
{
  TbufLayout *layout = tbuf_layout_new ();
  const gint32 n_phases = g_rand_int_range (random, 2, 20);
  g_autoptr (GError) error = NULL;

  for (gint32 i = 0; i < n_phases; i++)
    {
      g_autofree char *name = g_strdup_printf ("phase %d", i);

      tbuf_layout_add_phase (layout, name, &error);
    }
  for (guint i = 0; i < n_arrays; i++)
    {
      gint32 first = g_rand_int_range (random, 0, n_phases);
      gint32 longest = g_rand_int_range (random, 0, 4) == 0 ? n_phases : 3;
      gint32 last = first + g_rand_int_range (random, 0, MIN (longest, n_phases - first));
      g_autofree char *name = g_strdup_printf ("array %u", i);
      g_autofree char *first_name = g_strdup_printf ("phase %d", first);
      g_autofree char *last_name = g_strdup_printf ("phase %d", last);
      gsize shape[] = { (gsize) g_rand_int_range (random, 1, 500), (gsize) g_rand_int_range (random, 1, 500) };

      tbuf_layout_add_array (layout, name, g_rand_boolean (random) ? TBUF_DTYPE_FLOAT32 : TBUF_DTYPE_UINT8, shape, 2,
                             first_name, last_name, &error);
    }
  if (error != NULL)
    g_error ("%s", error->message);

  return layout;
}

static void
bench_layouts (guint n_arrays)
{
  const guint n_layouts = (guint) (bench_is_quick () ? 5 : N_SMALL_LAYOUTS);
  g_autoptr (GRand) random = g_rand_new_with_seed (n_arrays);
  g_autofree double *times = g_new (double, n_layouts);
  guint n_proven = 0;

  for (guint i = 0; i < n_layouts; i++)
    {
      g_autoptr (TbufLayout) layout = make_layout (random, n_arrays);
      g_autoptr (GError) error = NULL;
      double start = bench_get_time ();

      if (!tbuf_layout_plan (layout, bench_is_quick () ? 1000 : G_USEC_PER_SEC / 4, NULL, &error))
        g_error ("%s", error->message);
      times[i] = (bench_get_time () - start) / 1e6;
      n_proven += tbuf_layout_get_proven (layout);
    }
  qsort (times, n_layouts, sizeof *times, compare_doubles);

  printf ("  layouts of %-13u%8.1f%14.3f%14.3f%14.3f\n", n_arrays, 100.0 * n_proven / n_layouts, times[n_layouts / 2],
          times[n_layouts * 99 / 100], times[n_layouts - 1]);
  if (n_arrays == 50)
    {
      bench_at_least ("proven", 100.0 * n_proven / n_layouts, 100, "%");
      bench_at_most ("slowest", times[n_layouts - 1], 10, "ms");
    }
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GPtrArray) instances = NULL;
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  const GOptionEntry entries[] = {
    { "minimalloc", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &minimalloc, "The program to compare with", "PATH" },
    { "seconds", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_DOUBLE, &seconds, "How long to search (5)", "SECONDS" },
    { "large-seconds", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_DOUBLE, &large_seconds, "How long from 5000 buffers on (0.9)", "SECONDS" },
    G_OPTION_ENTRY_NULL
  };

  /* What is left is the benchmarks' own, and the files. */
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_ignore_unknown_options (context, TRUE);
  g_option_context_parse (context, &argc, &argv, NULL);
  for (int i = 1; i < argc; i++)
    if (argv[i][0] != '-')
      g_ptr_array_add (paths, g_strdup (argv[i]));
  if (paths->len == 0 && g_getenv ("TBUF_PLANS") != NULL)
    g_ptr_array_add (paths, g_strdup (g_getenv ("TBUF_PLANS")));
  g_ptr_array_add (paths, NULL);
  if (minimalloc == NULL)
    minimalloc = g_find_program_in_path ("minimalloc");

  bench_init (&argc, &argv, "The planner. Arguments, or TBUF_PLANS: files or folders of CSV; --minimalloc PATH: its program.\n"
                            "What takes more than 0.1 s is measured once.");

  /* First, while this process has no threads that a fork would lose. */
  if (paths->len == 1 || g_getenv ("TBUF_PLANS") != NULL)
    bench_many ();

  instances = paths->len > 1 ? plan_instances_read ((char **) paths->pdata) : plan_instances_make (bench_is_quick ());
  bench_instances (instances);

  if (paths->len == 1 || g_getenv ("TBUF_PLANS") != NULL)
    {
      printf ("\n%-26s%8s%14s%14s%14s\n", "small layouts", "proven %", "median ms", "99 % ms", "slowest ms");
      bench_count_table ();
      for (guint n_arrays = 10; n_arrays <= 50; n_arrays += 20)
        bench_layouts (n_arrays);
    }

  return bench_finish ();
}
