/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan-rivals.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Quadratic, as the originals are. */
#define MAX_GREEDY_BUFFERS 70000

/* Greedy: each buffer goes into the lowest gap that is large enough between those that are placed already and live with it. */

typedef double (*Key) (const PlanRow *row);

static double
key_size (const PlanRow *row)
{
  return (double) row->size;
}

static double
key_area (const PlanRow *row)
{
  return (double) row->size * (double) (row->upper - row->lower);
}

static double
key_duration (const PlanRow *row)
{
  return (double) (row->upper - row->lower);
}

static double
key_start (const PlanRow *row)
{
  return -(double) row->lower;
}

static const Key keys[] = { key_size, key_area, key_duration, key_start };

static int
compare_rows (gconstpointer a,
              gconstpointer b,
              gpointer      data)
{
  Key key = *(const Key *) data;
  double key_a = key (a), key_b = key (b);

  if (key_a != key_b)
    return key_a > key_b ? -1 : 1;

  return key_size (a) > key_size (b) ? -1 : key_size (a) < key_size (b);
}

/* rows[0 … n_placed) are sorted by offset. */
static gint64
find_gap (const PlanRow *rows,
          guint          n_placed,
          const PlanRow *row,
          gboolean       best_fit)
{
  gint64 floor = 0, best = -1, smallest = G_MAXINT64;

  for (guint i = 0; i < n_placed; i++)
    {
      const PlanRow *other = &rows[i];

      if (other->lower >= row->upper || row->lower >= other->upper)
        continue;

      floor = (floor + row->alignment - 1) / row->alignment * row->alignment;
      if (other->offset - floor >= row->size && other->offset - floor < smallest)
        {
          best = floor;
          smallest = other->offset - floor;
          if (!best_fit)
            return best;
        }
      floor = MAX (floor, other->offset + other->size);
    }

  return best >= 0 ? best : (floor + row->alignment - 1) / row->alignment * row->alignment;
}

static guint64
place_in_order (const PlanRow *rows,
                guint          n_rows,
                gboolean       best_fit)
{
  g_autofree PlanRow *placed = g_new (PlanRow, n_rows);
  gint64 height = 0;

  for (guint i = 0; i < n_rows; i++)
    {
      PlanRow row = rows[i];
      guint low = 0, high = i;

      row.offset = find_gap (placed, i, &row, best_fit);
      height = MAX (height, row.offset + row.size);
      while (low < high)
        {
          guint middle = low + (high - low) / 2;

          if (placed[middle].offset <= row.offset)
            low = middle + 1;
          else
            high = middle;
        }
      memmove (&placed[low + 1], &placed[low], (i - low) * sizeof *placed);
      placed[low] = row;
    }

  return (guint64) height;
}

/* The best of the orders; 0 where they would take too long. */
guint64
plan_greedy (TbufPlan *plan)
{
  guint n_rows = tbuf_plan_get_n_buffers (plan);
  g_autoptr (GBytes) bytes = tbuf_plan_get_rows (plan);
  g_autofree PlanRow *rows = g_memdup2 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  guint64 best = G_MAXUINT64;

  if (n_rows == 0 || n_rows > MAX_GREEDY_BUFFERS)
    return 0;

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      Key key = keys[i];

      g_qsort_with_data (rows, (int) n_rows, sizeof *rows, compare_rows, &key);
      best = MIN (best, place_in_order (rows, n_rows, FALSE));
      if (n_rows < 5000)
        best = MIN (best, place_in_order (rows, n_rows, TRUE));
    }

  return best;
}

/* Without the offsets that have been found already: with them it would have nothing to do. */
static char *
print_problem (TbufPlan *plan)
{
  g_autoptr (GBytes) bytes = tbuf_plan_get_rows (plan);
  const PlanRow *rows = g_bytes_get_data (bytes, NULL);
  GString *csv = g_string_new ("id,lower,upper,size,alignment\n");

  for (guint i = 0; i < tbuf_plan_get_n_buffers (plan); i++)
    g_string_append_printf (csv, "%u,%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "\n",
                            i, rows[i].lower, rows[i].upper, rows[i].size, rows[i].alignment);

  return g_string_free (csv, FALSE);
}

/* Milliseconds that the program takes; NAN if it does not solve it. */
double
plan_minimalloc (const char *program,
                 TbufPlan   *plan,
                 guint64     capacity,
                 guint       seconds)
{
  g_autofree char *input = g_build_filename (g_get_tmp_dir (), "tbuf-bench-XXXXXX.csv", NULL);
  g_autofree char *csv = print_problem (plan);
  g_autofree char *capacity_arg = g_strdup_printf ("--capacity=%" G_GUINT64_FORMAT, capacity);
  g_autofree char *timeout_arg = g_strdup_printf ("--timeout=%us", seconds);
  g_autofree char *input_arg = NULL;
  const char *argv[] = { program, capacity_arg, timeout_arg, NULL, "--output=/dev/null", NULL };
  int fd = g_mkstemp (input), status = -1;
  double start, elapsed;

  if (fd < 0)
    return NAN;
  close (fd);
  if (!g_file_set_contents (input, csv, -1, NULL))
    return NAN;

  input_arg = g_strconcat ("--input=", input, NULL);
  argv[3] = input_arg;
  start = bench_get_time ();
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_STDOUT_TO_DEV_NULL,
                NULL, NULL, NULL, NULL, &status, NULL);
  elapsed = (bench_get_time () - start) / 1e6;
  unlink (input);

  return status == 0 ? elapsed : NAN;
}

/* Instances */

void
plan_instance_free (gpointer instance)
{
  PlanInstance *self = instance;

  g_free (self->name);
  g_object_unref (self->plan);
  g_free (self);
}

static TbufPlan *
plan_of_rows (GArray *rows)
{
  TbufPlan *plan = tbuf_plan_new ();
  g_autoptr (GBytes) bytes = g_bytes_new (rows->data, rows->len * sizeof (PlanRow));
  g_autoptr (GError) error = NULL;

  if (!tbuf_plan_add_rows (plan, bytes, 5, &error))
    g_error ("%s", error->message);
  return plan;
}

static void
add_instance (GPtrArray *instances,
              char      *name,
              TbufPlan  *plan,
              guint64    optimum)
{
  PlanInstance *instance = g_new (PlanInstance, 1);

  *instance = (PlanInstance) { name, plan, optimum };
  g_ptr_array_add (instances, instance);
}

/* A rectangle cut into boxes, each along one of its sides: the rectangle is the optimum. */
static TbufPlan *
make_guillotine (guint   n_boxes,
                 gint64  width,
                 gint64  height,
                 guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (PlanRow));
  PlanRow whole = { 0, width, height, 1, -1 };

  g_array_append_val (rows, whole);
  while (rows->len < n_boxes)
    {
      PlanRow *row = &g_array_index (rows, PlanRow, (guint) g_rand_int_range (random, 0, (gint32) rows->len));
      PlanRow other = *row;
      gint64 duration = row->upper - row->lower;

      if (g_rand_boolean (random) && duration > 1)
        other.lower = row->upper = row->lower + 1 + (gint64) (g_rand_double (random) * (double) (duration - 1));
      else if (row->size > 1)
        {
          other.size = 1 + (gint64) (g_rand_double (random) * (double) (row->size - 1));
          row->size -= other.size;
        }
      else
        continue;
      if (other.size > 0 && row->size > 0)
        g_array_append_val (rows, other);
    }

  return plan_of_rows (rows);
}

/* Short lives one after another, and some that last: what a compiler makes of a deep network. */
TbufPlan *
plan_make_long_lived (guint   n_buffers,
                      guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autoptr (GArray) rows = g_array_sized_new (FALSE, FALSE, sizeof (PlanRow), n_buffers);

  for (guint i = 0; i < n_buffers; i++)
    {
      gint64 length = g_rand_int_range (random, 0, 50) > 0 ? g_rand_int_range (random, 1, 12)
                                                            : g_rand_int_range (random, 1, (gint32) MAX (n_buffers / 4, 2));
      gint64 size = (gint64) 1 << g_rand_int_range (random, 4, 20);
      PlanRow row = { i, i + length, size + 64 * g_rand_int_range (random, 0, 64), 64, -1 };

      g_array_append_val (rows, row);
    }

  return plan_of_rows (rows);
}

GPtrArray *
plan_instances_make (gboolean only_small)
{
  static const guint n_boxes[] = { 20, 60, 120, 200, 300, 450 };
  static const guint n_long_lived[] = { 100, 1000, 5000, 30000, 60000 };
  GPtrArray *instances = g_ptr_array_new_with_free_func (plan_instance_free);

  for (guint i = 0; i < (only_small ? 1 : G_N_ELEMENTS (n_boxes)); i++)
    add_instance (instances, g_strdup_printf ("rectangle cut into %u", n_boxes[i]),
                  make_guillotine (n_boxes[i], 1000, 1048576, i + 1), 1048576);
  for (guint i = 0; i < (only_small ? 1 : G_N_ELEMENTS (n_long_lived)); i++)
    add_instance (instances, g_strdup_printf ("network of %u", n_long_lived[i]),
                  plan_make_long_lived (n_long_lived[i], i + 1), 0);

  return instances;
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  const PlanInstance *const *first = a, *const *second = b;

  return strcmp ((*first)->name, (*second)->name);
}

static void
read_file (GPtrArray  *instances,
           const char *path)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;
  char *name = g_path_get_basename (path);
  TbufPlan *plan = tbuf_plan_new_from_csv (file, NULL, &error);

  if (plan == NULL)
    g_error ("%s", error->message);
  if (g_str_has_suffix (name, ".csv"))
    name[strlen (name) - 4] = '\0';
  add_instance (instances, name, plan, 0);
}

/* Of files, and of all files in folders that are called *.csv. */
GPtrArray *
plan_instances_read (char **paths)
{
  GPtrArray *instances = g_ptr_array_new_with_free_func (plan_instance_free);

  for (guint i = 0; paths[i] != NULL; i++)
    {
      g_autoptr (GDir) folder = g_dir_open (paths[i], 0, NULL);
      const char *name;

      if (folder == NULL)
        read_file (instances, paths[i]);
      while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
        if (g_str_has_suffix (name, ".csv"))
          {
            g_autofree char *path = g_build_filename (paths[i], name, NULL);

            read_file (instances, path);
          }
    }
  g_ptr_array_sort (instances, compare_names);

  return instances;
}
