/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <glib-unix.h>
#include <math.h>
#include <tbuf.h>

#include "plan-map.h"

typedef struct
{
  TbufPlan     *plan;
  GCancellable *cancellable;
  GMainLoop    *loop;
  GError       *error;  /* (owned) (nullable) */
} Search;

static gboolean
on_interrupt (gpointer data)
{
  g_cancellable_cancel (((Search *) data)->cancellable);
  return G_SOURCE_CONTINUE;
}

static void
on_progress (TbufPlan *plan,
             guint64   height,
             double    seconds,
             gpointer  data)
{
  g_printerr ("%10.3f s  %" G_GUINT64_FORMAT "\n", seconds, height);
}

static void
on_solved (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  Search *self = data;

  tbuf_plan_solve_finish (self->plan, result, &self->error);
  g_main_loop_quit (self->loop);
}

/* Ctrl-C ends the search, and not the program: what was found is worth something. */
static GError *
solve (TbufPlan *plan,
       guint64   capacity,
       gint64    timeout_us)
{
  Search self = { .plan = plan, .cancellable = g_cancellable_new (), .loop = g_main_loop_new (NULL, FALSE) };
  guint source = g_unix_signal_add (SIGINT, on_interrupt, &self);

  tbuf_plan_solve_async (plan, capacity, timeout_us, self.cancellable, on_solved, &self);
  g_main_loop_run (self.loop);

  g_source_remove (source);
  g_main_loop_unref (self.loop);
  g_object_unref (self.cancellable);
  return self.error;
}

static void
print_solution (TbufPlan *plan)
{
  guint64 height = tbuf_plan_get_height (plan), lower_bound = tbuf_plan_get_lower_bound (plan);
  double gap = lower_bound > 0 ? 100.0 * (double) (height - lower_bound) / (double) lower_bound : 0;

  g_print ("buffers:      %u\n", tbuf_plan_get_n_buffers (plan));
  g_print ("height:       %" G_GUINT64_FORMAT "\n", height);
  g_print ("lower bound:  %" G_GUINT64_FORMAT "\n", lower_bound);
  g_print ("gap:          %.2f %%\n", gap);
  g_print ("proven:       %s\n", tbuf_plan_get_proven (plan) ? "yes" : "no");
  g_print ("method:       %s\n", tbuf_plan_get_method (plan));
  g_print ("time:         %.3f s\n", tbuf_plan_get_elapsed (plan));
}

/* The offsets, as a file and as a picture. */
static gboolean
write_solution (TbufPlan    *plan,
                const char  *csv_path,
                const char  *svg_path,
                GError     **error)
{
  if (csv_path != NULL)
    {
      g_autofree char *csv = tbuf_plan_to_csv (plan);

      if (!g_file_set_contents (csv_path, csv, -1, error))
        return FALSE;
    }

  if (svg_path != NULL)
    {
      g_autofree char *svg = draw_plan (plan);

      if (!g_file_set_contents (svg_path, svg, -1, error))
        return FALSE;
    }

  return TRUE;
}

int
command_plan (int    argc,
              char **argv)
{
  gint64 capacity = 0;
  double timeout = 10;
  int n_threads = 0;
  gboolean verbose = FALSE;
  g_autofree char *csv_path = NULL;
  g_autofree char *svg_path = NULL;
  const GOptionEntry entries[] = {
    { "capacity", 'c', G_OPTION_FLAG_NONE, G_OPTION_ARG_INT64, &capacity,
      "Be content with a plan of so many BYTES; fail if there is none (default: the fewest)", "BYTES" },
    { "timeout", 't', G_OPTION_FLAG_NONE, G_OPTION_ARG_DOUBLE, &timeout,
      "Search for at most so many SECONDS, or “inf” (default: 10)", "SECONDS" },
    { "threads", 'j', G_OPTION_FLAG_NONE, G_OPTION_ARG_INT, &n_threads,
      "Search with N threads (default: one for each processor)", "N" },
    { "output", 'o', G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &csv_path, "Write the offsets to FILE, as CSV", "FILE" },
    { "svg", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &svg_path, "Write a map of times and offsets to FILE", "FILE" },
    { "verbose", 'v', G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &verbose, "Tell each better plan while searching", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr (GFile) file = NULL;
  g_autoptr (TbufPlan) plan = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) failure = NULL;

  if (!parse_options (entries, "FILE.csv",
                      "Gives buffers that live at the same time offsets at which they do not overlap, in as few bytes as it\n"
                      "finds. The first line of the file names its columns, in any order: id, lower, upper, size, and perhaps\n"
                      "alignment and offset (of buffers that stay where they are); each further line is a buffer, which lives\n"
                      "from lower until before upper. “-” is the standard input. Every plan is verified.\n"
                      "The status is 0 if there is a plan, within the capacity if there is one, and 1 if not.",
                      1, 1, &argc, &argv))
    return STATUS_USAGE;

  if (capacity < 0 || n_threads < 0 || !(timeout >= 0))
    {
      g_printerr ("tbuf plan: capacity, seconds and threads are not less than 0; see “tbuf plan --help”\n");
      return STATUS_USAGE;
    }

  file = g_file_new_for_path (g_str_equal (argv[1], "-") ? "/dev/stdin" : argv[1]);
  plan = tbuf_plan_new_from_csv (file, NULL, &error);
  if (plan == NULL)
    return fail (error);

  tbuf_plan_set_n_threads (plan, (guint) n_threads);
  if (verbose)
    g_signal_connect (plan, "progress", G_CALLBACK (on_progress), NULL);

  /* What goes wrong may leave a plan all the same. */
  failure = solve (plan, (guint64) capacity, timeout * G_USEC_PER_SEC < (double) G_MAXINT64 / 2
                                               ? (gint64) ceil (timeout * G_USEC_PER_SEC) : -1);
  if (tbuf_plan_get_method (plan) == NULL)
    {
      if (failure == NULL)
        g_set_error_literal (&failure, TBUF_ERROR, TBUF_ERROR_INVALID, "There is no plan");
      return fail (failure);
    }

  if (!tbuf_plan_verify (plan, &error))
    return fail (error);
  print_solution (plan);
  if (!write_solution (plan, csv_path, svg_path, &error))
    return fail (error);

  if (failure == NULL && capacity > 0 && tbuf_plan_get_height (plan) > (guint64) capacity)
    g_set_error (&failure, TBUF_ERROR, TBUF_ERROR_TIMED_OUT,
                 "No plan for a capacity of %" G_GINT64_FORMAT " bytes was found in %g s; the best has %" G_GUINT64_FORMAT,
                 capacity, timeout, tbuf_plan_get_height (plan));

  return failure != NULL ? fail (failure) : 0;
}
