/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <tbuf.h>

#include "layout-tools.h"

static void
test_new_equals_g_object_new (void)
{
  g_autoptr (TbufLayout) made = tbuf_layout_new ();
  g_autoptr (TbufLayout) constructed = g_object_new (TBUF_TYPE_LAYOUT, NULL);
  g_autoptr (GVariant) a = tbuf_layout_to_variant (made);
  g_autoptr (GVariant) b = tbuf_layout_to_variant (constructed);

  g_assert_cmpvariant (a, b);
  add_vector (constructed, "A", TBUF_DTYPE_INT8, 10, NULL, NULL);
  plan (constructed);
  g_assert_cmpuint (tbuf_layout_get_size (constructed), ==, 10);
}

static void
test_larger_phase_is_the_size (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();

  g_assert_false (tbuf_layout_is_planned (layout));
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 0);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, 3 * 8000000 + 6000000 + 5600000);

  plan (layout);
  g_assert_true (tbuf_layout_is_planned (layout));
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 3 * 8000000);
  g_assert_cmpuint (tbuf_layout_get_lower_bound (layout), ==, 3 * 8000000);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, 3 * 8000000 + 6000000 + 5600000);
}

static void
test_properties_equal_getters (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  guint64 size, lower_bound, unshared_size;
  gboolean is_planned;

  g_object_get (layout, "size", &size, "lower-bound", &lower_bound, "unshared-size", &unshared_size,
                "is-planned", &is_planned, NULL);
  g_assert_false (is_planned);
  g_assert_cmpuint (size, ==, 0);
  g_assert_cmpuint (unshared_size, ==, tbuf_layout_get_unshared_size (layout));

  plan (layout);
  g_object_get (layout, "size", &size, "lower-bound", &lower_bound, "unshared-size", &unshared_size,
                "is-planned", &is_planned, NULL);
  g_assert_true (is_planned);
  g_assert_cmpuint (size, ==, tbuf_layout_get_size (layout));
  g_assert_cmpuint (lower_bound, ==, tbuf_layout_get_lower_bound (layout));
  g_assert_cmpuint (unshared_size, ==, tbuf_layout_get_unshared_size (layout));
}

static void
count_notify (GObject    *object,
              GParamSpec *pspec,
              gpointer    data)
{
  guint *count = data;

  (*count)++;
}

static void
test_planning_notifies (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  guint n_planned = 0, n_sizes = 0, n_unshared = 0;

  g_signal_connect (layout, "notify::is-planned", G_CALLBACK (count_notify), &n_planned);
  g_signal_connect (layout, "notify::size", G_CALLBACK (count_notify), &n_sizes);
  g_signal_connect (layout, "notify::unshared-size", G_CALLBACK (count_notify), &n_unshared);

  add_vector (layout, "F", TBUF_DTYPE_INT8, 1, NULL, NULL);
  g_assert_cmpuint (n_unshared, ==, 1);
  plan (layout);
  plan (layout);
  g_assert_cmpuint (n_planned, ==, 1);
  g_assert_cmpuint (n_sizes, ==, 1);
}

static void
test_arrays_without_phases_live_always (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  guint64 a, b;

  add_vector (layout, "A", TBUF_DTYPE_FLOAT64, 8, NULL, NULL);
  add_phase (layout, "one");
  add_phase (layout, "two");
  add_vector (layout, "B", TBUF_DTYPE_FLOAT64, 8, "two", "two");
  plan (layout);

  a = get_offset (layout, "A");
  b = get_offset (layout, "B");
  g_assert_cmpuint (a, !=, b);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 128);
}

static void
test_arrays_start_at_cache_lines (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();

  for (TbufDtype dtype = TBUF_DTYPE_BOOL; dtype <= TBUF_DTYPE_COMPLEX128; dtype++)
    add_vector (layout, tbuf_dtype_get_name (dtype), dtype, 3, NULL, NULL);
  plan (layout);

  for (TbufDtype dtype = TBUF_DTYPE_BOOL; dtype <= TBUF_DTYPE_COMPLEX128; dtype++)
    g_assert_cmpuint (get_offset (layout, tbuf_dtype_get_name (dtype)) % 64, ==, 0);
}

static void
test_alignment_is_honoured (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;

  add_vector (layout, "bytes", TBUF_DTYPE_UINT8, 3, NULL, NULL);
  add_vector (layout, "page", TBUF_DTYPE_UINT8, 3, NULL, NULL);
  add_vector (layout, "doubles", TBUF_DTYPE_FLOAT64, 1, NULL, NULL);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, 136);
  g_assert_true (tbuf_layout_set_alignment (layout, "bytes", 1, &error));
  g_assert_true (tbuf_layout_set_alignment (layout, "page", 4096, &error));
  g_assert_true (tbuf_layout_set_alignment (layout, "doubles", 8, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, 4096 + 8 + 8);
  plan (layout);

  g_assert_cmpuint (get_offset (layout, "page") % 4096, ==, 0);
  g_assert_cmpuint (get_offset (layout, "doubles") % 8, ==, 0);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 16);
}

/* So many arrays that counting all of them at each change would take minutes. */
static void
test_every_array_is_aligned_anew (void)
{
  const guint n_arrays = 50000;
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n_arrays; i++)
    {
      char name[16];

      g_snprintf (name, sizeof name, "%u", i);
      add_vector (layout, name, TBUF_DTYPE_UINT8, 3, NULL, NULL);
      g_assert_true (tbuf_layout_set_alignment (layout, name, 4096, &error));
      g_assert_no_error (error);
      g_assert_true (tbuf_layout_set_alignment (layout, name, i % 2 == 0 ? 1 : 4, &error));
      g_assert_no_error (error);
    }
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, n_arrays / 2 * (3 + 1 + 3) + (n_arrays / 2 - 1) * 1);

  /* What is added after that counts too. */
  add_vector (layout, "last", TBUF_DTYPE_UINT8, 1000, NULL, NULL);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout) % 64, ==, 1000 % 64);
}

static void
assert_alignment (TbufLayout *layout,
                  const char *name,
                  gsize       alignment,
                  gboolean    fits)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (tbuf_layout_set_alignment (layout, name, alignment, &error), ==, fits);
  if (fits)
    g_assert_no_error (error);
  else
    g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
}

/* To the last byte that can be addressed, and not one beyond. */
static void
test_alignment_can_be_too_much (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();

  if (sizeof (gsize) < 8)
    {
      g_test_skip ("arrays of 2^63 bytes");
      return;
    }

  add_vector (layout, "small", TBUF_DTYPE_UINT8, 1, NULL, NULL);
  assert_alignment (layout, "small", 1, TRUE);
  add_vector (layout, "large", TBUF_DTYPE_UINT8, G_MAXSSIZE - 64, NULL, NULL);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, G_MAXSSIZE);
  assert_alignment (layout, "large", 128, FALSE);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, G_MAXSSIZE);
  assert_alignment (layout, "large", 2, TRUE);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, G_MAXSSIZE - 62);
  assert_alignment (layout, "large", 1 << 30, FALSE);
  assert_alignment (layout, "large", 64, TRUE);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, G_MAXSSIZE);
}

static void
test_arrays_without_items_take_no_room (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();

  add_vector (layout, "A", TBUF_DTYPE_UINT8, 10, NULL, NULL);
  add_vector (layout, "B", TBUF_DTYPE_FLOAT64, 0, NULL, NULL);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, 10);
  plan (layout);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 10);
  g_assert_cmpuint (get_offset (layout, "B") % 64, ==, 0);
}

static void
test_bad_names (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autofree char *longest = g_strnfill (255, 'x');
  g_autofree char *too_long = g_strnfill (256, 'y');
  const char *bad[] = { "", "\xff\xfe", "caf\xe9", too_long };
  gsize n_items = 1;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (tbuf_layout_add_phase (layout, bad[i], &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_clear_error (&error);
      g_assert_false (tbuf_layout_add_array (layout, bad[i], TBUF_DTYPE_INT8, &n_items, 1, NULL, NULL, &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }

  add_phase (layout, longest);
  add_vector (layout, longest, TBUF_DTYPE_INT8, 1, longest, longest);
}

static void
test_taken_names (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_autoptr (GError) error = NULL;
  gsize n_items = 1;

  g_assert_false (tbuf_layout_add_phase (layout, "ints", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);
  g_clear_error (&error);

  g_assert_false (tbuf_layout_add_array (layout, "A", TBUF_DTYPE_INT8, &n_items, 1, NULL, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);

  /* Phases and arrays do not get into each other's way. */
  add_phase (layout, "A");
  add_vector (layout, "ints", TBUF_DTYPE_INT8, 1, "A", "A");
}

static void
test_bad_lifetimes (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_autoptr (GError) error = NULL;
  gsize n_items = 1;

  g_assert_false (tbuf_layout_add_array (layout, "F", TBUF_DTYPE_INT8, &n_items, 1, "floats", "flaots", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "flaots"));
  g_assert_nonnull (strstr (error->message, "\"floats\", \"ints\""));
  g_clear_error (&error);

  g_assert_false (tbuf_layout_add_array (layout, "F", TBUF_DTYPE_INT8, &n_items, 1, "ints", "floats", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  g_assert_false (tbuf_layout_add_array (layout, "F", TBUF_DTYPE_INT8, &n_items, 1, "ints", NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  g_assert_false (tbuf_layout_add_array (layout, "F", TBUF_DTYPE_INT8, &n_items, 1, NULL, "ints", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

static void
test_bad_shapes (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  gsize overflowing[][3] = {
    { G_MAXSIZE, 1, 1 },
    { G_MAXSSIZE, 1, 1 },
    { G_MAXSIZE / 2, 2, 2 },
    { G_MAXSIZE, G_MAXSIZE, 0 },
  };
  gsize ones[33];

  for (guint i = 0; i < G_N_ELEMENTS (overflowing); i++)
    {
      g_assert_false (tbuf_layout_add_array (layout, "A", TBUF_DTYPE_INT64, overflowing[i], 3, NULL, NULL, &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
      g_clear_error (&error);
    }

  for (guint i = 0; i < G_N_ELEMENTS (ones); i++)
    ones[i] = 1;
  g_assert_false (tbuf_layout_add_array (layout, "A", TBUF_DTYPE_INT64, ones, 33, NULL, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_true (tbuf_layout_add_array (layout, "A", TBUF_DTYPE_INT64, ones, 32, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_layout_get_unshared_size (layout), ==, 8);
}

static void
test_bad_dtypes (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  gsize n_items = 1;

  g_assert_false (tbuf_layout_add_array (layout, "A", (TbufDtype) 14, &n_items, 1, NULL, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE);
  g_clear_error (&error);

  g_assert_false (tbuf_layout_add_array (layout, "A", (TbufDtype) -1, &n_items, 1, NULL, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE);
}

static void
test_bad_alignments (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  const struct
  {
    const char *name;
    gsize alignment;
    TbufError code;
  } bad[] = {
    { "A", 0, TBUF_ERROR_INVALID },
    { "A", 24, TBUF_ERROR_INVALID },
    { "A", 4, TBUF_ERROR_ALIGNMENT },
    { "A", (gsize) 1 << 31, TBUF_ERROR_RANGE },
    { "Z", 8, TBUF_ERROR_NOT_FOUND },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (tbuf_layout_set_alignment (layout, bad[i].name, bad[i].alignment, &error));
      g_assert_error (error, TBUF_ERROR, (int) bad[i].code);
    }
}

static void
test_bad_byte_orders (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_layout_set_byte_order (layout, "Z", TBUF_BYTE_ORDER_BIG, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "\"A\", \"B\", \"C\", \"D\", \"E\""));
  g_clear_error (&error);

  g_assert_false (tbuf_layout_set_byte_order (layout, "A", (TbufByteOrder) 3, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

static void
test_all_together_too_large (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  gsize n_items = G_MAXSSIZE;
  gboolean added = TRUE;

  /* On a 64-bit machine the sum ends it, on a 32-bit one the plan. */
  for (guint i = 0; i < 3 && added; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);

      added = tbuf_layout_add_array (layout, name, TBUF_DTYPE_INT8, &n_items, 1, NULL, NULL, &error);
    }
  if (added)
    g_assert_false (tbuf_layout_plan (layout, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
}

static void
test_empty_layout_cannot_be_planned (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;

  add_phase (layout, "one");
  g_assert_false (tbuf_layout_plan (layout, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);

  /* Nothing is lost: it can still be filled. */
  add_vector (layout, "A", TBUF_DTYPE_INT8, 1, NULL, NULL);
  plan (layout);
}

static void
test_planned_layout_does_not_change (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GVariant) after = NULL;
  g_autoptr (GError) error = NULL;
  gsize n_items = 1;

  plan (layout);
  before = tbuf_layout_to_variant (layout);

  g_assert_false (tbuf_layout_add_phase (layout, "third", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "planned"));
  g_clear_error (&error);
  g_assert_false (tbuf_layout_add_array (layout, "F", TBUF_DTYPE_INT8, &n_items, 1, NULL, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (tbuf_layout_set_alignment (layout, "A", 128, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (tbuf_layout_set_byte_order (layout, "A", TBUF_BYTE_ORDER_BIG, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);

  plan (layout);
  after = tbuf_layout_to_variant (layout);
  g_assert_cmpvariant (before, after);
}

static void
test_cancelled_planning_leaves_a_builder (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_false (tbuf_layout_plan (layout, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (tbuf_layout_is_planned (layout));

  add_vector (layout, "F", TBUF_DTYPE_INT8, 1, NULL, NULL);
  plan (layout);
}

static void
test_no_time_is_enough (void)
{
  g_autoptr (TbufLayout) layout = new_motley ();
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_plan (layout, 0, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (tbuf_layout_is_planned (layout));
}

static void
test_lists_keep_their_order (void)
{
  g_autoptr (TbufLayout) layout = new_floats_and_ints ();
  g_auto (GStrv) arrays = tbuf_layout_list_arrays (layout);
  g_auto (GStrv) phases = tbuf_layout_list_phases (layout);
  const char *expected_arrays[] = { "A", "B", "C", "D", "E", NULL };
  const char *expected_phases[] = { "floats", "ints", NULL };

  g_assert_cmpstrv (arrays, expected_arrays);
  g_assert_cmpstrv (phases, expected_phases);
}

static gpointer
add_many (gpointer data)
{
  TbufLayout *layout = data;
  static gint next = 0;
  gsize n_items = 16;

  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *name = g_strdup_printf ("array %d", g_atomic_int_add (&next, 1));
      g_autoptr (GError) error = NULL;

      g_assert_true (tbuf_layout_add_array (layout, name, TBUF_DTYPE_INT32, &n_items, 1, NULL, NULL, &error));
      g_assert_no_error (error);
      tbuf_layout_get_unshared_size (layout);
    }

  return NULL;
}

static void
test_threads_can_build_together (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_auto (GStrv) arrays = NULL;
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("builder", add_many, layout);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  arrays = tbuf_layout_list_arrays (layout);
  g_assert_cmpuint (g_strv_length (arrays), ==, 800);
  plan (layout);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 800 * 64);
}

static gpointer
plan_in_thread (gpointer data)
{
  TbufLayout *layout = data;
  g_autoptr (GError) error = NULL;

  if (!tbuf_layout_plan (layout, -1, NULL, &error))
    g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);

  return NULL;
}

static void
test_threads_plan_once (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (TbufLayout) layout = new_motley ();
      GThread *threads[4];

      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("planner", plan_in_thread, layout);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        g_thread_join (threads[i]);
      g_assert_true (tbuf_layout_is_planned (layout));
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/layout/new-equals-g-object-new", test_new_equals_g_object_new);
  g_test_add_func ("/tbuf/layout/larger-phase-is-the-size", test_larger_phase_is_the_size);
  g_test_add_func ("/tbuf/layout/properties-equal-getters", test_properties_equal_getters);
  g_test_add_func ("/tbuf/layout/planning-notifies", test_planning_notifies);
  g_test_add_func ("/tbuf/layout/arrays-without-phases-live-always", test_arrays_without_phases_live_always);
  g_test_add_func ("/tbuf/layout/arrays-start-at-cache-lines", test_arrays_start_at_cache_lines);
  g_test_add_func ("/tbuf/layout/alignment-is-honoured", test_alignment_is_honoured);
  g_test_add_func ("/tbuf/layout/every-array-is-aligned-anew", test_every_array_is_aligned_anew);
  g_test_add_func ("/tbuf/layout/alignment-can-be-too-much", test_alignment_can_be_too_much);
  g_test_add_func ("/tbuf/layout/arrays-without-items-take-no-room", test_arrays_without_items_take_no_room);
  g_test_add_func ("/tbuf/layout/bad-names", test_bad_names);
  g_test_add_func ("/tbuf/layout/taken-names", test_taken_names);
  g_test_add_func ("/tbuf/layout/bad-lifetimes", test_bad_lifetimes);
  g_test_add_func ("/tbuf/layout/bad-shapes", test_bad_shapes);
  g_test_add_func ("/tbuf/layout/bad-dtypes", test_bad_dtypes);
  g_test_add_func ("/tbuf/layout/bad-alignments", test_bad_alignments);
  g_test_add_func ("/tbuf/layout/bad-byte-orders", test_bad_byte_orders);
  g_test_add_func ("/tbuf/layout/all-together-too-large", test_all_together_too_large);
  g_test_add_func ("/tbuf/layout/empty-layout-cannot-be-planned", test_empty_layout_cannot_be_planned);
  g_test_add_func ("/tbuf/layout/planned-layout-does-not-change", test_planned_layout_does_not_change);
  g_test_add_func ("/tbuf/layout/cancelled-planning-leaves-a-builder", test_cancelled_planning_leaves_a_builder);
  g_test_add_func ("/tbuf/layout/no-time-is-enough", test_no_time_is_enough);
  g_test_add_func ("/tbuf/layout/lists-keep-their-order", test_lists_keep_their_order);
  g_test_add_func ("/tbuf/layout/threads-can-build-together", test_threads_can_build_together);
  g_test_add_func ("/tbuf/layout/threads-plan-once", test_threads_plan_once);

  return g_test_run ();
}
