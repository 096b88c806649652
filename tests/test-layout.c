/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <tbuf.h>

#define LAYOUT_TYPE "(ubtasa(ssatuutt))"
#define ALWAYS G_MAXUINT32

static void
add_phase (TbufLayout *layout,
           const char *name)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_add_phase (layout, name, &error));
  g_assert_no_error (error);
}

static void
add_vector (TbufLayout *layout,
            const char *name,
            TbufDtype   dtype,
            gsize       n_items,
            const char *first_phase,
            const char *last_phase)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_add_array (layout, name, dtype, &n_items, 1, first_phase, last_phase, &error));
  g_assert_no_error (error);
}

static void
plan (TbufLayout *layout)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_plan (layout, -1, NULL, &error));
  g_assert_no_error (error);
}

static guint64
get_offset (TbufLayout *layout,
            const char *name)
{
  g_autoptr (GVariant) variant = tbuf_layout_to_variant (layout);
  g_autoptr (GVariant) arrays = g_variant_get_child_value (variant, 4);

  for (gsize i = 0; i < g_variant_n_children (arrays); i++)
    {
      const char *array_name;
      guint64 offset;

      g_variant_get_child (arrays, i, "(&s&s@atuutt)", &array_name, NULL, NULL, NULL, NULL, &offset, NULL);
      if (g_str_equal (array_name, name))
        return offset;
    }

  g_assert_not_reached ();
}

/* The main example: floats at one time, ints at another. */
static TbufLayout *
new_floats_and_ints (void)
{
  TbufLayout *layout = tbuf_layout_new ();

  add_phase (layout, "floats");
  add_phase (layout, "ints");
  add_vector (layout, "A", TBUF_DTYPE_FLOAT64, 1000000, "floats", "floats");
  add_vector (layout, "B", TBUF_DTYPE_FLOAT64, 1000000, "floats", "floats");
  add_vector (layout, "C", TBUF_DTYPE_FLOAT64, 1000000, "floats", "floats");
  add_vector (layout, "D", TBUF_DTYPE_INT32, 1500000, "ints", "ints");
  add_vector (layout, "E", TBUF_DTYPE_INT64, 700000, "ints", "ints");

  return layout;
}

/* One of everything: shapes of 0 to 3 dimensions, no items, the other byte order, lives of every kind. */
static TbufLayout *
new_motley (void)
{
  TbufLayout *layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  gsize shape[] = { 4, 5, 6 };

  add_phase (layout, "one");
  add_phase (layout, "two");
  add_phase (layout, "three");
  g_assert_true (tbuf_layout_add_array (layout, "scalar", TBUF_DTYPE_COMPLEX128, NULL, 0, NULL, NULL, &error));
  add_vector (layout, "vector", TBUF_DTYPE_UINT8, 100, "one", "one");
  g_assert_true (tbuf_layout_add_array (layout, "matrix", TBUF_DTYPE_FLOAT32, shape, 2, "two", "three", &error));
  g_assert_true (tbuf_layout_add_array (layout, "tensor", TBUF_DTYPE_INT16, shape, 3, "one", "two", &error));
  add_vector (layout, "nothing", TBUF_DTYPE_BOOL, 0, "three", "three");
  add_vector (layout, "Größe", TBUF_DTYPE_FLOAT16, 7, "three", "three");
  g_assert_true (tbuf_layout_set_byte_order (layout, "matrix", TBUF_BYTE_ORDER_BIG, &error));
  g_assert_true (tbuf_layout_set_alignment (layout, "tensor", 4096, &error));
  g_assert_true (tbuf_layout_set_alignment (layout, "Größe", 2, &error));
  g_assert_no_error (error);

  return layout;
}

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

static void
assert_round_trip (TbufLayout *layout)
{
  g_autoptr (GVariant) variant = tbuf_layout_to_variant (layout);
  g_autoptr (GVariant) again = NULL;
  g_autoptr (TbufLayout) copy = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (g_variant_is_floating (variant));
  g_assert_cmpstr (g_variant_get_type_string (variant), ==, LAYOUT_TYPE);

  copy = tbuf_layout_new_from_variant (variant, &error);
  g_assert_no_error (error);
  again = tbuf_layout_to_variant (copy);
  g_assert_cmpvariant (variant, again);
  g_assert_cmpuint (tbuf_layout_get_size (copy), ==, tbuf_layout_get_size (layout));
  g_assert_cmpuint (tbuf_layout_get_lower_bound (copy), ==, tbuf_layout_get_lower_bound (layout));
  g_assert_cmpuint (tbuf_layout_get_unshared_size (copy), ==, tbuf_layout_get_unshared_size (layout));
  g_assert_cmpint (tbuf_layout_is_planned (copy), ==, tbuf_layout_is_planned (layout));
}

static void
test_round_trip (void)
{
  g_autoptr (TbufLayout) empty = tbuf_layout_new ();
  g_autoptr (TbufLayout) floats_and_ints = new_floats_and_ints ();
  g_autoptr (TbufLayout) motley = new_motley ();

  assert_round_trip (empty);
  assert_round_trip (floats_and_ints);
  assert_round_trip (motley);
  plan (floats_and_ints);
  plan (motley);
  assert_round_trip (floats_and_ints);
  assert_round_trip (motley);
}

static void
test_documented_form (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autofree char *text = NULL;
  gsize shape[] = { 2, 3 };

  add_phase (layout, "one");
  add_phase (layout, "two");
  g_assert_true (tbuf_layout_add_array (layout, "A", TBUF_DTYPE_FLOAT64, shape, 2, "one", "two", &error));
  g_assert_true (tbuf_layout_add_array (layout, "B", TBUF_DTYPE_UINT8, shape, 1, NULL, NULL, &error));
  g_assert_true (tbuf_layout_set_byte_order (layout, "A", TBUF_BYTE_ORDER_LITTLE, &error));
  g_assert_no_error (error);
  plan (layout);

  variant = tbuf_layout_to_variant (layout);
  text = g_variant_print (variant, FALSE);
  g_assert_cmpstr (text, ==, "(1, true, 66, ['one', 'two'], [('A', '<f8', [2, 3], 0, 1, 0, 64), "
                             "('B', '|u1', [2], 4294967295, 4294967295, 64, 64)])");
}

static void
test_other_types_are_refused (void)
{
  const char *texts[] = { "'text'", "(uint32 1, true)", "@a{sv} {}", "()" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tbuf_layout_new_from_variant (g_variant_new_parsed (texts[i]), &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT);
    }
}

static void
test_corrupt_layouts_are_refused (void)
{
  /* Each is wrong in one thing. */
  const struct
  {
    const char *text;
    TbufError code;
    const char *says;
  } corrupt[] = {
    { "(2, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_VERSION, "version 2" },
    { "(1, true, 0, [], [])", TBUF_ERROR_FORMAT, "no arrays" },
    { "(1, false, 8, [], [])", TBUF_ERROR_FORMAT, "not planned" },
    { "(1, true, 18446744073709551615, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT,
      "18446744073709551615" },
    { "(1, true, 8, ['p', 'p'], [('A', '<i8', [1], 0, 0, 0, 64)])", TBUF_ERROR_FORMAT, "\"p\"" },
    { "(1, true, 8, [''], [('A', '<i8', [1], 0, 0, 0, 64)])", TBUF_ERROR_FORMAT, "empty" },
    { "(1, true, 8, [], [('', '<i8', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "empty" },
    { "(1, true, 72, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 64), "
      "('A', '<i8', [1], 4294967295, 4294967295, 64, 64)])", TBUF_ERROR_FORMAT, "\"A\"" },
    { "(1, true, 8, [], [('A', '<i7', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "<i7" },
    { "(1, true, 8, [], [('A', 'int64', [1], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "int64" },
    { "(1, true, 8, [], [('A', '<i8', [2], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "16 bytes" },
    { "(1, true, 8, [], [('A', '<i8', [9223372036854775807, 3], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT,
      "9223372036854775807" },
    { "(1, true, 8, [], [('A', '<i8', [18446744073709551615], 4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT,
      "18446744073709551615" },
    { "(1, true, 8, [], [('A', '<i8', [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], "
      "4294967295, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "33 dimensions" },
    { "(1, true, 8, [], [('A', '<i8', [1], 0, 0, 0, 64)])", TBUF_ERROR_FORMAT, "0 phases" },
    { "(1, true, 8, ['p'], [('A', '<i8', [1], 0, 1, 0, 64)])", TBUF_ERROR_FORMAT, "1 phases" },
    { "(1, true, 8, ['p'], [('A', '<i8', [1], 0, 4294967295, 0, 64)])", TBUF_ERROR_FORMAT, "only one" },
    { "(1, true, 8, ['p', 'q'], [('A', '<i8', [1], 1, 0, 0, 64)])", TBUF_ERROR_FORMAT, "before" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 8, 64)])", TBUF_ERROR_FORMAT, "multiple" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 64, 64)])", TBUF_ERROR_FORMAT, "64" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 18446744073709551552, 64)])", TBUF_ERROR_FORMAT,
      "18446744073709551552" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 0)])", TBUF_ERROR_FORMAT, "alignment is 0" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 65)])", TBUF_ERROR_FORMAT, "power of two" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 4)])", TBUF_ERROR_FORMAT, "less than" },
    { "(1, true, 8, [], [('A', '<i8', [1], 4294967295, 4294967295, 0, 2147483648)])", TBUF_ERROR_FORMAT, "2147483648" },
    { "(1, false, 0, [], [('A', '<i8', [1], 4294967295, 4294967295, 64, 64)])", TBUF_ERROR_FORMAT, "not planned" },
    { "(1, true, 80, ['p', 'q'], [('A', '<i8', [9], 0, 0, 0, 8), ('B', '<i8', [2], 0, 1, 64, 8)])", TBUF_ERROR_FORMAT,
      "overlap" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (corrupt); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) variant = g_variant_parse (G_VARIANT_TYPE (LAYOUT_TYPE), corrupt[i].text, NULL, NULL, &error);

      g_assert_no_error (error);
      g_test_message ("%s", corrupt[i].text);
      g_assert_null (tbuf_layout_new_from_variant (variant, &error));
      g_assert_error (error, TBUF_ERROR, (int) corrupt[i].code);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, corrupt[i].says));
    }
}

static void
test_shared_bytes_are_accepted (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (TbufLayout) layout = NULL;

  /* A and B share their bytes at different times; the arena is larger than it must be. */
  variant = g_variant_parse (G_VARIANT_TYPE (LAYOUT_TYPE),
                             "(1, true, 4096, ['p', 'q'], [('A', '<i8', [9], 0, 0, 0, 8), ('B', '>i8', [2], 1, 1, 64, 8)])",
                             NULL, NULL, &error);
  g_assert_no_error (error);
  layout = tbuf_layout_new_from_variant (variant, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 4096);
  g_assert_cmpuint (tbuf_layout_get_lower_bound (layout), ==, 72);
}

/* Whatever the bytes are, there is an error, or a layout that can be used. */
static void
try_bytes (const guint8 *data,
           gsize         size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GVariant) variant =
    g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (LAYOUT_TYPE), bytes, FALSE));
  g_autoptr (TbufLayout) layout = tbuf_layout_new_from_variant (variant, &error);

  if (layout == NULL)
    {
      g_assert_true (error->domain == TBUF_ERROR);
      g_assert_true (error->code == TBUF_ERROR_FORMAT || error->code == TBUF_ERROR_VERSION);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
  else
    {
      g_assert_no_error (error);
      assert_round_trip (layout);
    }
}

static void
test_damaged_bytes_never_crash (void)
{
  g_autoptr (TbufLayout) layout = new_motley ();
  g_autoptr (GVariant) variant = NULL;
  g_autofree guint8 *data = NULL;
  gsize size;
  const guint8 masks[] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff };

  plan (layout);
  variant = tbuf_layout_to_variant (layout);
  size = g_variant_get_size (variant);
  data = g_memdup2 (g_variant_get_data (variant), size);

  for (gsize i = 0; i < size; i++)
    for (guint j = 0; j < G_N_ELEMENTS (masks); j++)
      {
        data[i] ^= masks[j];
        try_bytes (data, size);
        data[i] ^= masks[j];
      }

  for (gsize i = 0; i < size; i++)
    try_bytes (data, i);
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
  g_test_add_func ("/tbuf/layout/round-trip", test_round_trip);
  g_test_add_func ("/tbuf/layout/documented-form", test_documented_form);
  g_test_add_func ("/tbuf/layout/other-types-are-refused", test_other_types_are_refused);
  g_test_add_func ("/tbuf/layout/corrupt-layouts-are-refused", test_corrupt_layouts_are_refused);
  g_test_add_func ("/tbuf/layout/shared-bytes-are-accepted", test_shared_bytes_are_accepted);
  g_test_add_func ("/tbuf/layout/damaged-bytes-never-crash", test_damaged_bytes_never_crash);

  return g_test_run ();
}
