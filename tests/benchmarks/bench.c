/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_REPETITIONS 11
#define LABEL_WIDTH   58
#define VALUE_WIDTH   16

typedef struct
{
  char      *label;
  BenchFunc  func;
  gpointer   data;
  double     values[BENCH_MAX_COLUMNS][N_REPETITIONS];
} Row;

struct _BenchTable
{
  char      *title;
  GPtrArray *columns;  /* of char */
  GPtrArray *rows;     /* of Row */
  guint      n_done;   /* repetitions */
};

static gboolean quick;
static char **sections;
static guint n_tables, n_reached, n_missed;

/* Takes --quick, and the names of the sections that are wanted; none: all. */
void
bench_init (int          *argc,
            char       ***argv,
            const char   *summary)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("[SECTION…]");
  g_autoptr (GError) error = NULL;
  GOptionEntry entries[] = {
    { "quick", 'q', 0, G_OPTION_ARG_NONE, &quick, "Only show that it runs: the figures mean nothing", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &sections, NULL, NULL },
    G_OPTION_ENTRY_NULL
  };

  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      g_printerr ("%s\n", error->message);
      exit (2);
    }

  /* Children must not print once more what is still in the buffer. */
  setvbuf (stdout, NULL, _IOLBF, 0);
  printf ("%s\nMedians of %u runs each, in turn%s.\n", summary, quick ? 1 : N_REPETITIONS,
           quick ? " (quick: the figures mean nothing)" : "");
}

/* The exit status. Targets that were missed are for people to judge, not for scripts. */
int
bench_finish (void)
{
  printf ("\n%u tables; %u targets reached, %u missed\n", n_tables, n_reached, n_missed);
  g_strfreev (sections);
  return n_tables > 0 ? 0 : 1;
}

gboolean
bench_is_quick (void)
{
  return quick;
}

gboolean
bench_wants (const char *section)
{
  return sections == NULL || g_strv_contains ((const char *const *) sections, section);
}

/* How often to do something that is to be done n times. */
guint64
bench_scale (guint64 n)
{
  return quick ? MAX (n / 1000, 1) : n;
}

/* In nanoseconds; the same clock in all processes. */
double
bench_get_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/* The calling thread runs on one processor from now on, if there are so many. */
void
bench_pin (guint cpu)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  CPU_SET (cpu % g_get_num_processors (), &set);
  sched_setaffinity (0, sizeof set, &set);
}

static int
compare_doubles (const void *a,
                 const void *b)
{
  const double *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/* How long each of n calls takes, in nanoseconds: the median of twenty parts, so
 * that a part in which another process had the processor does not count. */
double
bench_time_calls (void     (*func) (gpointer data),
                  gpointer   data,
                  guint64    n)
{
  double parts[20];
  guint64 n_each = MAX (bench_scale (n) / G_N_ELEMENTS (parts), 1);

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      double start = bench_get_time ();

      for (guint64 j = 0; j < n_each; j++)
        func (data);
      parts[i] = (bench_get_time () - start) / (double) n_each;
    }

  qsort (parts, G_N_ELEMENTS (parts), sizeof (double), compare_doubles);
  return parts[G_N_ELEMENTS (parts) / 2];
}

static void
row_free (gpointer data)
{
  Row *self = data;

  g_free (self->label);
  g_free (self);
}

/* The columns' names have their units. */
BenchTable *
bench_table_new (const char *title,
                 const char *first_column,
                 ...)
{
  BenchTable *self = g_new0 (BenchTable, 1);
  va_list arguments;

  self->title = g_strdup (title);
  self->columns = g_ptr_array_new_with_free_func (g_free);
  self->rows = g_ptr_array_new_with_free_func (row_free);

  va_start (arguments, first_column);
  for (const char *column = first_column; column != NULL; column = va_arg (arguments, const char *))
    g_ptr_array_add (self->columns, g_strdup (column));
  va_end (arguments);
  g_assert (self->columns->len <= BENCH_MAX_COLUMNS);

  return self;
}

void
bench_table_free (BenchTable *self)
{
  g_free (self->title);
  g_ptr_array_unref (self->columns);
  g_ptr_array_unref (self->rows);
  g_free (self);
}

void
bench_table_add (BenchTable *self,
                 const char *label,
                 BenchFunc   func,
                 gpointer    data)
{
  Row *row = g_new0 (Row, 1);

  row->label = g_strdup (label);
  row->func = func;
  row->data = data;
  g_ptr_array_add (self->rows, row);
}

static double
get_median (const Row *row,
            guint      column,
            guint      n)
{
  double sorted[N_REPETITIONS];

  memcpy (sorted, row->values[column], n * sizeof (double));
  qsort (sorted, n, sizeof (double), compare_doubles);
  return sorted[n / 2];
}

/* printf() pads bytes, and we write in UTF-8. */
static void
print_padded (const char *text,
              int         width)
{
  int blanks = MAX (ABS (width) - (int) g_utf8_strlen (text, -1), 0);

  if (width > 0)
    printf ("%*s%s", blanks, "", text);
  else
    printf ("%s%*s", text, blanks, "");
}

/* Three digits that mean something, and groups of three for large values. */
static char *
format_value (double value)
{
  GString *text;

  if (!isfinite (value))
    return g_strdup ("-");
  if (fabs (value) < 1000)
    return g_strdup_printf ("%.*f", fabs (value) < 1 ? 3 : fabs (value) < 10 ? 2 : 1, value);

  text = g_string_new (NULL);
  g_string_printf (text, "%.0f", value);
  for (gssize i = (gssize) text->len - 3; i > (value < 0 ? 1 : 0); i -= 3)
    g_string_insert (text, i, ",");
  return g_string_free (text, FALSE);
}

void
bench_table_run (BenchTable *self)
{
  guint n = quick ? 1 : N_REPETITIONS;

  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < self->rows->len; j++)
      {
        Row *row = g_ptr_array_index (self->rows, j);
        double values[BENCH_MAX_COLUMNS] = { NAN, NAN, NAN, NAN };

        row->func (row->data, values);
        for (guint column = 0; column < BENCH_MAX_COLUMNS; column++)
          row->values[column][i] = values[column];
      }
  self->n_done = n;
  n_tables++;

  printf ("\n");
  print_padded (self->title, -LABEL_WIDTH);
  for (guint column = 0; column < self->columns->len; column++)
    print_padded (g_ptr_array_index (self->columns, column), VALUE_WIDTH);
  printf ("\n");

  for (guint j = 0; j < self->rows->len; j++)
    {
      Row *row = g_ptr_array_index (self->rows, j);

      printf ("  ");
      print_padded (row->label, -LABEL_WIDTH + 2);
      for (guint column = 0; column < self->columns->len; column++)
        {
          g_autofree char *text = format_value (get_median (row, column, n));

          print_padded (text, VALUE_WIDTH);
        }
      printf ("\n");
    }
}

/* The median; NAN if there is no such row. */
double
bench_table_get (BenchTable *self,
                 const char *label,
                 guint       column)
{
  for (guint i = 0; i < self->rows->len; i++)
    {
      Row *row = g_ptr_array_index (self->rows, i);

      if (g_str_equal (row->label, label) && self->n_done > 0)
        return get_median (row, column, self->n_done);
    }

  return NAN;
}

/* For a table that prints itself, because its cells are not all numbers. */
void
bench_count_table (void)
{
  n_tables++;
}

static void
print_verdict (const char *sign,
               const char *what,
               double      value,
               double      limit,
               const char *unit,
               gboolean    reached)
{
  g_autofree char *limit_text = format_value (limit);
  g_autofree char *value_text = format_value (value);

  if (isnan (value))
    {
      printf ("    %s: %s %s %s: not measured here\n", what, sign, limit_text, unit);
      return;
    }

  if (reached)
    n_reached++;
  else
    n_missed++;
  printf ("    %s: %s %s %s: %s %s, %s\n", what, sign, limit_text, unit, value_text, unit, reached ? "reached" : "MISSED");
}

/* Says what was to be reached, and whether it was. */
void
bench_at_most (const char *what,
               double      value,
               double      limit,
               const char *unit)
{
  print_verdict ("≤", what, value, limit, unit, value <= limit);
}

void
bench_at_least (const char *what,
                double      value,
                double      limit,
                const char *unit)
{
  print_verdict ("≥", what, value, limit, unit, value >= limit);
}
