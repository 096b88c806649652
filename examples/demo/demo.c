/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One shared buffer, five arrays that overlap in it, four languages.
 *
 * The arrays A, B and C are needed in the phase "floats", D and E in the phase
 * "ints": never at the same time, so they share their bytes. This program makes
 * the arena and lets a process in Python, in JavaScript and in Vala take turns
 * with it; it never reads or writes on their behalf, but watches their locks. */

#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include <tbuf.h>

#include "demo-worker.h"

/* Above this, the checksums of the floats are no longer exact, and so might depend on the order of adding up. */
#define MAX_ITEMS 2000000

#define N_ARRAYS  5
#define N_WORKERS 3
#define OWN_TURN  N_WORKERS   /* this program's column in the table */

typedef struct
{
  const char *name;
  TbufDtype   dtype;
  const char *phase;
  double      n_items;        /* times what --items says */
} ArrayInfo;

static const ArrayInfo arrays[N_ARRAYS] = {
  { "A", TBUF_DTYPE_FLOAT64, "floats", 1    },
  { "B", TBUF_DTYPE_FLOAT64, "floats", 1    },
  { "C", TBUF_DTYPE_FLOAT64, "floats", 1    },
  { "D", TBUF_DTYPE_INT32,   "ints",   3    },
  { "E", TBUF_DTYPE_INT64,   "ints",   1.25 },
};

static const char * const phases[] = { "floats", "ints" };

/* Where each language's worker is; the build says it. */
static const char * const workers[N_WORKERS][5] = {
  { "Python", DEMO_PYTHON, DEMO_SOURCE_DIR "/worker.py" },
  { "gjs",    DEMO_GJS, "-m", DEMO_SOURCE_DIR "/worker.js" },
  { "Vala",   DEMO_BUILD_DIR "/worker-vala" },
};

/* A lock that a signal told of. */
typedef struct
{
  DemoWorker   *worker;
  guint64       offset;
  guint64       n_bytes;
  TbufLockMode  mode;
} SeenLock;

typedef struct
{
  TbufArena  *arena;
  DemoWorker *workers[N_WORKERS];
  GArray     *locks;          /* of SeenLock: those that are held now */
  char       *sums[N_ARRAYS][N_WORKERS + 1];
  gboolean    in_color;
} Demo;

static void
demo_clear (Demo *self)
{
  for (guint w = 0; w < N_WORKERS; w++)
    g_clear_pointer (&self->workers[w], demo_worker_free);
  for (guint a = 0; a < N_ARRAYS; a++)
    for (guint w = 0; w < G_N_ELEMENTS (self->sums[a]); w++)
      g_clear_pointer (&self->sums[a][w], g_free);
  g_clear_pointer (&self->locks, g_array_unref);
  g_clear_object (&self->arena);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Demo, demo_clear)

/* 24000000 is hard to read: 24,000,000. */
static char *
format_number (guint64 number)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text, "%" G_GUINT64_FORMAT, number);
  for (gssize place = (gssize) text->len - 3; place > 0; place -= 3)
    g_string_insert_c (text, place, ',');
  return g_string_free (text, FALSE);
}

static void
print_heading (Demo *self, const char *text)
{
  printf ("\n%s%s%s\n", self->in_color ? "\033[1m" : "", text, self->in_color ? "\033[0m" : "");
}

static void
print_event (Demo *self, DemoWorker *worker, const char *what)
{
  static const char * const colors[] = { "\033[34m", "\033[33m", "\033[35m" };
  const char *color = "";

  for (guint w = 0; w < N_WORKERS && self->in_color; w++)
    if (self->workers[w] == worker)
      color = colors[w];
  printf ("  %s%-6s%s %-7d %s\n", color, demo_worker_get_language (worker), *color ? "\033[0m" : "",
          demo_worker_get_pid (worker), what);
  fflush (stdout);
}

/* Which array a range of bytes lies in, such as C[500000:1000000]. Only the arrays
 * of this phase count: those of the other one lie over the same bytes. */
static char *
describe_range (Demo *self, guint64 offset, guint64 n_bytes)
{
  const char *phase = tbuf_arena_get_phase (self->arena);

  for (guint a = 0; a < N_ARRAYS; a++)
    {
      g_autoptr(TbufView) view = NULL;
      guint64 first, item_size, n;

      if (!g_str_equal (arrays[a].phase, phase))
        continue;
      view = tbuf_arena_get_view (self->arena, arrays[a].name, NULL);
      first = tbuf_region_get_offset (TBUF_REGION (view));
      n = tbuf_region_get_n_bytes (TBUF_REGION (view));
      item_size = tbuf_view_get_item_size (view);

      if (offset == first && n_bytes == n)
        return g_strdup (arrays[a].name);
      if (offset >= first && offset - first < n && n_bytes <= n - (offset - first))
        return g_strdup_printf ("%s[%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT "]", arrays[a].name,
                                (offset - first) / item_size, (offset - first + n_bytes) / item_size);
    }
  return g_strdup ("the whole arena");
}

static DemoWorker *
find_worker (Demo *self, int pid)
{
  for (guint w = 0; w < N_WORKERS; w++)
    if (demo_worker_get_pid (self->workers[w]) == pid)
      return self->workers[w];
  return NULL;  /* this program itself */
}

static void
print_change (Demo           *self,
              const char     *what,
              const SeenLock *lock)
{
  g_autofree char *first = format_number (lock->offset);
  g_autofree char *last = format_number (lock->offset + lock->n_bytes - 1);
  g_autofree char *range = describe_range (self, lock->offset, lock->n_bytes);
  g_autofree char *text = g_strdup_printf ("%-8s %-9s  bytes %10s - %10s  %s", what,
                                           lock->mode == TBUF_LOCK_MODE_SHARED ? "shared" : "exclusive",
                                           first, last, range);

  print_event (self, lock->worker, text);
}

static void
on_locked (Demo         *self,
           guint64       offset,
           guint64       n_bytes,
           TbufLockMode  mode,
           int           pid)
{
  SeenLock lock = { find_worker (self, pid), offset, n_bytes, mode };

  if (lock.worker == NULL)
    return;
  g_array_append_val (self->locks, lock);
  print_change (self, "locked", &lock);
  demo_worker_saw_lock (lock.worker);
}

/* Does not say whose lock it was, but no two workers have the same range locked. */
static void
on_unlocked (Demo         *self,
             guint64       offset,
             guint64       n_bytes,
             TbufLockMode  mode)
{
  for (guint i = 0; i < self->locks->len; i++)
    {
      SeenLock lock = g_array_index (self->locks, SeenLock, i);

      if (lock.offset == offset && lock.n_bytes == n_bytes && lock.mode == mode)
        {
          g_array_remove_index (self->locks, i);
          print_change (self, "unlocked", &lock);
          demo_worker_saw_unlock (lock.worker);
          return;
        }
    }
}

static void
on_holding (DemoWorker *worker, const char *what, gpointer user_data)
{
  g_autofree char *text = g_strconcat ("did      ", what, NULL);

  print_event (user_data, worker, text);
}

static void
on_sum (DemoWorker *worker, const char *array, const char *sum, gpointer user_data)
{
  Demo *self = user_data;

  for (guint a = 0; a < N_ARRAYS; a++)
    for (guint w = 0; w < N_WORKERS; w++)
      if (g_str_equal (arrays[a].name, array) && self->workers[w] == worker)
        {
          g_free (self->sums[a][w]);
          self->sums[a][w] = g_strdup (sum);
        }
}

/* This program's own checksum: each item times its place, so that the order counts too. */
static char *
sum_up (TbufView *view, GError **error)
{
  gsize n_items;
  double float_sum = 0;
  guint64 int_sum = 0;

  if (TBUF_IS_FLOAT64_VIEW (view))
    {
      const double *items = tbuf_float64_view_peek_array (TBUF_FLOAT64_VIEW (view), &n_items, error);

      if (items == NULL)
        return NULL;
      for (gsize i = 0; i < n_items; i++)
        float_sum += items[i] * (i + 1);
      return g_strdup_printf ("%.1f", float_sum);
    }
  else if (TBUF_IS_INT32_VIEW (view))
    {
      const gint32 *items = tbuf_int32_view_peek_array (TBUF_INT32_VIEW (view), &n_items, error);

      if (items == NULL)
        return NULL;
      for (gsize i = 0; i < n_items; i++)
        int_sum += (guint64) items[i] * (i + 1);
    }
  else
    {
      const gint64 *items = tbuf_int64_view_peek_array (TBUF_INT64_VIEW (view), &n_items, error);

      if (items == NULL)
        return NULL;
      for (gsize i = 0; i < n_items; i++)
        int_sum += (guint64) items[i] * (i + 1);
    }
  return g_strdup_printf ("%016" G_GINT64_MODIFIER "x", int_sum);
}

static gboolean
check (Demo *self, const char *phase, GError **error)
{
  if (!tbuf_region_lock (TBUF_REGION (self->arena), TBUF_LOCK_MODE_SHARED, -1, NULL, error))
    return FALSE;
  for (guint a = 0; a < N_ARRAYS; a++)
    if (g_str_equal (arrays[a].phase, phase))
      {
        g_autoptr(TbufView) view = tbuf_arena_get_view (self->arena, arrays[a].name, error);

        if (view == NULL || (self->sums[a][OWN_TURN] = sum_up (view, error)) == NULL)
          return FALSE;
      }
  return tbuf_region_unlock (TBUF_REGION (self->arena), error);
}

/* An array of another phase is refused, with an error that says why. */
static gboolean
show_refusal (const char *what, GError *refusal, GError **error)
{
  if (!g_error_matches (refusal, TBUF_ERROR, TBUF_ERROR_NOT_LIVE))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "Nobody refused to %s as they should: %s", what,
                   refusal != NULL ? refusal->message : "it worked");
      g_clear_error (&refusal);
      return FALSE;
    }
  printf ("  %-6s %-7d refused to %s: %s\n", "C", getpid (), what, refusal->message);
  g_error_free (refusal);
  return TRUE;
}

static gboolean
show_refusals (Demo *self, TbufView *view_of_a, GError **error)
{
  GError *refusal = NULL;
  g_autoptr(TbufView) again = tbuf_arena_get_view (self->arena, tbuf_view_get_name (view_of_a), &refusal);

  if (!show_refusal ("get A", again == NULL ? g_steal_pointer (&refusal) : NULL, error))
    return FALSE;
  tbuf_region_lock (TBUF_REGION (view_of_a), TBUF_LOCK_MODE_SHARED, -1, NULL, &refusal);
  return show_refusal ("lock A", refusal, error);
}

static gboolean
enter_phase (Demo *self, const char *phase, GError **error)
{
  g_autofree char *heading = g_strdup_printf ("Phase %s", phase);

  print_heading (self, heading);
  return tbuf_arena_set_phase (self->arena, phase, -1, NULL, error);
}

static gboolean
let_all_take_turns (Demo *self, const char *phase, GError **error)
{
  for (guint w = 0; w < N_WORKERS; w++)
    if (!demo_worker_take_turn (self->workers[w], phase, error))
      return FALSE;
  for (guint w = 0; w < N_WORKERS; w++)
    if (!demo_worker_take_turn (self->workers[w], "check", error))
      return FALSE;
  return check (self, phase, error);
}

static gboolean
print_table (Demo *self, TbufLayout *layout)
{
  gsize unshared = tbuf_layout_get_unshared_size (layout);
  gsize size = tbuf_arena_get_size (self->arena);
  g_autofree char *without = format_number (unshared);
  g_autofree char *with = format_number (size);
  g_autofree char *saved = format_number (unshared - size);
  guint n_equal = 0;

  print_heading (self, "Bytes");
  printf ("  without overlap  %12s\n  with overlap     %12s\n  saved            %12s  (%.0f %%)\n",
          without, with, saved, 100.0 * (unshared - size) / unshared);

  print_heading (self, "Checksums, as each language computed them");
  printf ("  array");
  for (guint w = 0; w <= OWN_TURN; w++)
    printf (" %17s", w == OWN_TURN ? "C" : workers[w][0]);
  printf ("\n");
  for (guint a = 0; a < N_ARRAYS; a++)
    {
      gboolean equal = TRUE;

      printf ("  %-5s", arrays[a].name);
      for (guint w = 0; w <= OWN_TURN; w++)
        {
          printf (" %17s", self->sums[a][w] != NULL ? self->sums[a][w] : "none");
          equal = equal && self->sums[a][w] != NULL && g_str_equal (self->sums[a][w], self->sums[a][OWN_TURN]);
        }
      printf ("%s\n", equal ? "" : "  DIFFER");
      n_equal += equal;
    }
  if (n_equal == N_ARRAYS)
    printf ("  all equal\n");
  return n_equal == N_ARRAYS;
}

static TbufLayout *
make_layout (gsize n_items, GError **error)
{
  g_autoptr(TbufLayout) layout = tbuf_layout_new ();

  for (guint p = 0; p < G_N_ELEMENTS (phases); p++)
    if (!tbuf_layout_add_phase (layout, phases[p], error))
      return NULL;
  for (guint a = 0; a < N_ARRAYS; a++)
    {
      gsize shape[] = { (gsize) (n_items * arrays[a].n_items) };

      if (!tbuf_layout_add_array (layout, arrays[a].name, arrays[a].dtype, shape, G_N_ELEMENTS (shape),
                                  arrays[a].phase, arrays[a].phase, error))
        return NULL;
    }
  if (!tbuf_layout_plan (layout, -1, NULL, error))
    return NULL;
  return g_steal_pointer (&layout);
}

static gboolean
start_workers (Demo *self, GError **error)
{
  for (guint w = 0; w < N_WORKERS; w++)
    {
      const char *argv[G_N_ELEMENTS (workers[w]) + 1] = { NULL };
      guint n = 0;

      while (workers[w][n + 1] != NULL)
        {
          argv[n] = workers[w][n + 1];
          n++;
        }
      argv[n] = tbuf_arena_get_name (self->arena);
      self->workers[w] = demo_worker_new (workers[w][0], argv, error);
      if (self->workers[w] == NULL)
        return FALSE;
      demo_worker_set_callbacks (self->workers[w], on_holding, on_sum, self);
    }
  return TRUE;
}

static void
print_layout (Demo *self, gsize n_items)
{
  g_autofree char *size = format_number (tbuf_arena_get_size (self->arena));

  printf ("  arena %s: %s bytes, made by C (pid %d)\n", tbuf_arena_get_name (self->arena), size, getpid ());
  for (guint p = 0; p < G_N_ELEMENTS (phases); p++)
    {
      printf ("  phase %-6s", phases[p]);
      for (guint a = 0; a < N_ARRAYS; a++)
        if (g_str_equal (arrays[a].phase, phases[p]))
          {
            g_autofree char *length = format_number (n_items * arrays[a].n_items);

            printf ("  %s %s[%s]", arrays[a].name, tbuf_dtype_get_name (arrays[a].dtype), length);
          }
      printf ("\n");
    }
}

static gboolean
run (gsize n_items, const char *svg_path, GError **error)
{
  g_auto(Demo) demo = { NULL };
  g_autoptr(TbufLayout) layout = make_layout (n_items, error);
  g_autofree char *name = g_strdup_printf ("tbuf-demo-%08x", g_random_int ());
  g_autofree char *svg = NULL;
  g_autoptr(TbufView) a = NULL;

  if (layout == NULL)
    return FALSE;
  demo.in_color = g_log_writer_supports_color (STDOUT_FILENO);
  demo.arena = tbuf_arena_new_for_layout (layout, name, TBUF_ARENA_NONE, error);
  if (demo.arena == NULL || !start_workers (&demo, error))
    return FALSE;

  print_heading (&demo, "One shared buffer, five overlapping arrays, four languages");
  print_layout (&demo, n_items);

  /* From here on, each change of a lock of any process arrives as a signal. */
  demo.locks = g_array_new (FALSE, FALSE, sizeof (SeenLock));
  g_signal_connect_swapped (demo.arena, "locked", G_CALLBACK (on_locked), &demo);
  g_signal_connect_swapped (demo.arena, "unlocked", G_CALLBACK (on_unlocked), &demo);
  tbuf_region_set_watch (TBUF_REGION (demo.arena), TRUE);

  if (!enter_phase (&demo, "floats", error) || !let_all_take_turns (&demo, "floats", error))
    return FALSE;
  a = tbuf_arena_get_view (demo.arena, "A", error);
  if (a == NULL || !enter_phase (&demo, "ints", error) || !show_refusals (&demo, a, error) ||
      !let_all_take_turns (&demo, "ints", error))
    return FALSE;
  for (guint w = 0; w < N_WORKERS; w++)
    if (!demo_worker_end (demo.workers[w], error))
      return FALSE;

  if (!print_table (&demo, layout))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the languages do not see the same memory");
      return FALSE;
    }
  svg = tbuf_layout_to_svg (layout);
  if (!g_file_set_contents (svg_path, svg, -1, error))
    return FALSE;
  printf ("\nMap of the arena: %s\n", svg_path);
  return TRUE;
}

int
main (int argc, char *argv[])
{
  int n_items = 1000000;
  g_autofree char *svg_path = NULL;
  const GOptionEntry entries[] = {
    { "items", 'n', 0, G_OPTION_ARG_INT, &n_items, "Items of each array of floats (1000000)", "N" },
    { "svg", 0, 0, G_OPTION_ARG_FILENAME, &svg_path,
      "Where to write the map (" DEMO_BUILD_DIR "/tbuf-demo.svg)", "FILE" },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GError) error = NULL;

  setlocale (LC_CTYPE, "");
  g_option_context_set_summary (context, "One shared buffer, five overlapping arrays, four languages.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("tbuf-demo: %s\n", error->message);
      return 2;
    }
  if (argc > 1 || n_items < 4 || n_items > MAX_ITEMS || n_items % 4 != 0)
    {
      g_printerr ("tbuf-demo: --items takes a multiple of 4 from 4 to %d; there are no other arguments\n", MAX_ITEMS);
      return 2;
    }

  if (!run (n_items, svg_path != NULL ? svg_path : DEMO_BUILD_DIR "/tbuf-demo.svg", &error))
    {
      fflush (stdout);
      g_printerr ("tbuf-demo: %s\n", error->message);
      return 1;
    }
  return 0;
}
