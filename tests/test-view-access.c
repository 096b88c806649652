/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <unistd.h>
#include <tbuf.h>

/* When the items of a view may be accessed: in which phase, and through which mapping. */

#define assert_fails(object, error, error_code, pattern)                             \
  G_STMT_START {                                                                     \
    g_assert_true (!(object));                                                       \
    g_assert_error (error, TBUF_ERROR, error_code);                                  \
    g_test_message ("%s", (error)->message);                                         \
    if (!g_pattern_match_simple (pattern, (error)->message))                         \
      g_error ("“%s” does not match “%s”", (error)->message, pattern);               \
    g_clear_error (&(error));                                                        \
  } G_STMT_END

/* "floats" with A and B, "ints" with C, big-endian, and "rest"; D from "ints" on; E always. */
static TbufArena *
new_arena (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  const gsize shape[] = { 4, 6 };
  TbufArena *arena;

  tbuf_layout_add_phase (layout, "floats", &error);
  tbuf_layout_add_phase (layout, "ints", &error);
  tbuf_layout_add_phase (layout, "rest", &error);
  tbuf_layout_add_array (layout, "A", TBUF_DTYPE_FLOAT64, shape, 2, "floats", "floats", &error);
  tbuf_layout_add_array (layout, "B", TBUF_DTYPE_FLOAT32, shape, 1, "floats", "floats", &error);
  tbuf_layout_add_array (layout, "C", TBUF_DTYPE_INT32, shape, 2, "ints", "ints", &error);
  tbuf_layout_set_byte_order (layout, "C", TBUF_BYTE_ORDER_BIG, &error);
  tbuf_layout_add_array (layout, "D", TBUF_DTYPE_INT64, shape, 1, "ints", "rest", &error);
  tbuf_layout_add_array (layout, "E", TBUF_DTYPE_UINT8, shape, 1, NULL, NULL, &error);
  tbuf_layout_plan (layout, -1, NULL, &error);
  g_assert_no_error (error);

  arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  return arena;
}

static void
enter (TbufArena  *arena,
       const char *phase)
{
  g_autoptr (GError) error = NULL;

  tbuf_arena_set_phase (arena, phase, -1, NULL, &error);
  g_assert_no_error (error);
}

static gpointer
fail_to_enter (gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_arena_set_phase (data, "ints", 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  return NULL;
}

/* Who has locked the whole arena enters; another thread does not, by the same object. */
static void
test_phase_is_entered_under_own_lock (void)
{
  g_autoptr (TbufArena) arena = new_arena ();

  enter (arena, "floats");
  g_assert_true (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL));
  g_thread_join (g_thread_new ("other", fail_to_enter, arena));
  g_assert_cmpstr (tbuf_arena_get_phase (arena), ==, "floats");
  enter (arena, "ints");
  g_assert_cmpstr (tbuf_arena_get_phase (arena), ==, "ints");
  g_assert_true (tbuf_region_unlock (TBUF_REGION (arena), NULL));
}

static void
test_finds_arrays_by_name (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufFloat64View) a = NULL;
  g_autoptr (TbufView) same = NULL;
  g_autoptr (TbufView) slice = NULL;
  g_autoptr (TbufInt32View) c = NULL;
  g_autoptr (GError) error = NULL;
  guint n_dims;
  const gsize *shape;

  a = tbuf_float64_view_lookup (arena, "A", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (tbuf_view_get_name (TBUF_VIEW (a)), ==, "A");
  shape = tbuf_view_get_shape (TBUF_VIEW (a), &n_dims);
  g_assert_cmpmem (shape, n_dims * sizeof *shape, ((const gsize[]) { 4, 6 }), 2 * sizeof (gsize));

  same = tbuf_arena_get_view (arena, "A", &error);
  g_assert_no_error (error);
  g_assert_true (TBUF_IS_FLOAT64_VIEW (same));
  g_assert_cmpstr (tbuf_view_get_name (same), ==, "A");

  /* A name says that it is all of the array. */
  slice = tbuf_view_slice (same, 0, 0, 4, 1, &error);
  g_assert_no_error (error);
  g_assert_null (tbuf_view_get_name (slice));

  enter (arena, "ints");
  c = tbuf_int32_view_lookup (arena, "C", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_view_get_byte_order (TBUF_VIEW (c)), ==, TBUF_BYTE_ORDER_BIG);
}

static void
test_rejects_another_dtype (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufArena) plain = tbuf_arena_new (16, NULL);
  g_autoptr (GError) error = NULL;

  assert_fails (tbuf_int32_view_lookup (arena, "A", &error), error, TBUF_ERROR_DTYPE,
                "Array “A” is float64, not int32: its view is a TbufFloat64View");
  assert_fails (tbuf_complex64_view_lookup (arena, "B", &error), error, TBUF_ERROR_DTYPE, "*float32, not complex64*");
  assert_fails (tbuf_int32_view_lookup (arena, "F", &error), error, TBUF_ERROR_NOT_FOUND, "*“F”*");
  assert_fails (tbuf_int32_view_lookup (plain, "A", &error), error, TBUF_ERROR_NOT_FOUND, "*no layout*“A”*");
}

static void
test_refuses_what_is_not_live (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufFloat64View) a = tbuf_float64_view_lookup (arena, "A", NULL);
  g_autoptr (TbufUint8View) always = tbuf_uint8_view_lookup (arena, "E", NULL);
  g_autoptr (TbufFloat64View) any_bytes = tbuf_float64_view_new (arena, 0, 24, NULL);
  g_autoptr (TbufView) derived = tbuf_view_slice (TBUF_VIEW (a), 0, 1, 3, 1, NULL);
  g_autoptr (TbufView) any_shaped = tbuf_view_reshape (TBUF_VIEW (any_bytes), (const gsize[]) { 4, 6 }, 2, NULL);
  g_autoptr (TbufView) cast = NULL;
  g_autoptr (GError) error = NULL;
  const double values[] = { 1 };
  const char *message = "Array “A” is live in phase “floats”, but the arena is in phase “ints”";
  gsize n_items;

  g_assert_true (tbuf_view_is_live (TBUF_VIEW (a)));
  g_assert_true (tbuf_float64_view_set_item (a, 23, 5, &error));

  enter (arena, "ints");
  g_assert_false (tbuf_view_is_live (TBUF_VIEW (a)));
  assert_fails (tbuf_view_check_access (TBUF_VIEW (a), FALSE, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_float64_view_get_item (a, 0, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_float64_view_set_item (a, 0, 1, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_float64_view_peek_array (a, &n_items, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_float64_view_dup_array (a, &n_items, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_float64_view_write (a, 0, values, 1, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_float64_view_fill (a, 1, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_view_copy_from (TBUF_VIEW (a), any_shaped, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_view_copy_from (any_shaped, TBUF_VIEW (a), &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_region_lock (TBUF_REGION (a), TBUF_LOCK_MODE_SHARED, 0, NULL, &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_float64_view_lookup (arena, "A", &error), error, TBUF_ERROR_NOT_LIVE, message);
  assert_fails (tbuf_arena_get_view (arena, "A", &error), error, TBUF_ERROR_NOT_LIVE, message);

  g_test_expect_message ("Tbuf", G_LOG_LEVEL_CRITICAL, "*tbuf_view_can_access*");
  g_assert_cmpfloat (tbuf_float64_view_at (a, 0), ==, 0);
  g_test_assert_expected_messages ();

  /* So are the views that were made of it, before and after; any other view of the same bytes is not. */
  assert_fails (tbuf_float64_view_get_item (TBUF_FLOAT64_VIEW (derived), 0, &error), error, TBUF_ERROR_NOT_LIVE, message);
  cast = tbuf_view_cast (derived, TBUF_DTYPE_UINT8, TBUF_BYTE_ORDER_NATIVE, &error);
  g_assert_no_error (error);
  assert_fails (tbuf_uint8_view_get_item (TBUF_UINT8_VIEW (cast), 0, &error), error, TBUF_ERROR_NOT_LIVE, message);
  g_assert_true (tbuf_view_is_live (TBUF_VIEW (any_bytes)));
  g_assert_true (tbuf_view_is_live (TBUF_VIEW (always)));

  enter (arena, "floats");
  g_assert_true (tbuf_view_is_live (TBUF_VIEW (a)));
  g_assert_true (tbuf_float64_view_set_item (a, 23, 5, &error));
  g_assert_no_error (error);
}

static void
test_is_live_from_first_to_last_phase (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufInt64View) d = NULL;
  g_autoptr (GError) error = NULL;

  assert_fails (tbuf_int64_view_lookup (arena, "D", &error), error, TBUF_ERROR_NOT_LIVE,
                "Array “D” is live from phase “ints” to phase “rest”, but the arena is in phase “floats”");
  enter (arena, "ints");
  d = tbuf_int64_view_lookup (arena, "D", &error);
  g_assert_no_error (error);
  g_assert_true (tbuf_view_is_live (TBUF_VIEW (d)));
  enter (arena, "rest");
  g_assert_true (tbuf_view_is_live (TBUF_VIEW (d)));
  enter (arena, "floats");
  g_assert_false (tbuf_view_is_live (TBUF_VIEW (d)));
}

static void
test_never_writes_to_a_read_only_arena (void)
{
  g_autofree char *name = g_strdup_printf ("tbuf-test-view-%d", (int) getpid ());
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_create (name, 64, TBUF_ARENA_NONE, &error);
  g_autoptr (TbufArena) reader = NULL;
  g_autoptr (TbufInt32View) writable = NULL;
  g_autoptr (TbufInt32View) view = NULL;
  g_autofree gint32 *copy = NULL;
  gsize n_items;

  g_assert_no_error (error);
  reader = tbuf_arena_open (name, TBUF_ARENA_READ_ONLY, &error);
  g_assert_no_error (error);

  writable = tbuf_int32_view_new (arena, 0, 4, &error);
  view = tbuf_int32_view_new (reader, 0, 4, &error);
  g_assert_no_error (error);
  tbuf_int32_view_put (writable, 1, 7);

  g_assert_cmpint (tbuf_int32_view_get_item (view, 1, &error), ==, 7);
  g_assert_cmpint (tbuf_int32_view_at (view, 1), ==, 7);
  copy = tbuf_int32_view_dup_array (view, &n_items, &error);
  g_assert_no_error (error);
  g_assert_cmpint (copy[1], ==, 7);
  g_assert_true (tbuf_view_check_access (TBUF_VIEW (view), FALSE, &error));

  assert_fails (tbuf_view_check_access (TBUF_VIEW (view), TRUE, &error), error, TBUF_ERROR_READ_ONLY, "*reading only*");
  assert_fails (tbuf_int32_view_set_item (view, 0, 1, &error), error, TBUF_ERROR_READ_ONLY, "*reading only*");
  assert_fails (tbuf_int32_view_write (view, 0, copy, 1, &error), error, TBUF_ERROR_READ_ONLY, "*reading only*");
  assert_fails (tbuf_int32_view_fill (view, 1, &error), error, TBUF_ERROR_READ_ONLY, "*reading only*");
  assert_fails (tbuf_int32_view_peek_array (view, &n_items, &error), error, TBUF_ERROR_READ_ONLY, "*reading only*");
  assert_fails (tbuf_view_copy_from (TBUF_VIEW (view), TBUF_VIEW (writable), &error), error, TBUF_ERROR_READ_ONLY, "*reading only*");
  g_test_expect_message ("Tbuf", G_LOG_LEVEL_CRITICAL, "*tbuf_view_can_access*");
  tbuf_int32_view_put (view, 0, 1);
  g_test_assert_expected_messages ();

  g_assert_true (tbuf_view_copy_from (TBUF_VIEW (writable), TBUF_VIEW (view), &error));
}

/* The same bytes, mapped twice: addresses say nothing about what overlaps. */
static void
test_copies_between_two_mappings_of_an_arena (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_new (64, &error);
  g_autoptr (TbufArena) again = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, &error);
  g_autoptr (TbufInt32View) all = tbuf_int32_view_new (arena, 0, 16, &error);
  g_autoptr (TbufInt32View) from = tbuf_int32_view_new (again, 0, 12, &error);
  g_autoptr (TbufInt32View) to = tbuf_int32_view_new (arena, 16, 12, &error);
  g_autoptr (TbufInt32View) from_high = tbuf_int32_view_new (arena, 16, 12, &error);
  g_autoptr (TbufInt32View) to_low = tbuf_int32_view_new (again, 0, 12, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < 16; i++)
    tbuf_int32_view_put (all, i, i);

  g_assert_true (tbuf_view_copy_from (TBUF_VIEW (to), TBUF_VIEW (from), &error));
  for (guint i = 0; i < 12; i++)
    g_assert_cmpint (tbuf_int32_view_at (all, i + 4), ==, i);

  g_assert_true (tbuf_view_copy_from (TBUF_VIEW (to_low), TBUF_VIEW (from_high), &error));
  for (guint i = 0; i < 12; i++)
    g_assert_cmpint (tbuf_int32_view_at (all, i), ==, i);
}

static void
test_stays_when_the_arena_is_closed (void)
{
  g_autoptr (TbufArena) arena = new_arena ();
  g_autoptr (TbufFloat64View) a = tbuf_float64_view_lookup (arena, "A", NULL);
  g_autoptr (TbufView) slice = NULL;
  g_autoptr (GError) error = NULL;

  tbuf_float64_view_put (a, 0, 0.5);
  tbuf_arena_close (arena);

  g_assert_true (tbuf_view_is_live (TBUF_VIEW (a)));
  g_assert_cmpfloat (tbuf_float64_view_get_item (a, 0, &error), ==, 0.5);
  slice = tbuf_view_slice (TBUF_VIEW (a), 0, 0, 1, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (tbuf_float64_view_at (TBUF_FLOAT64_VIEW (slice), 0), ==, 0.5);

  assert_fails (tbuf_float64_view_new (arena, 0, 1, &error), error, TBUF_ERROR_CLOSED, "*closed*");
  assert_fails (tbuf_float64_view_lookup (arena, "A", &error), error, TBUF_ERROR_CLOSED, "*closed*");
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/arena/phase-is-entered-under-own-lock", test_phase_is_entered_under_own_lock);
  g_test_add_func ("/tbuf/view-access/finds-arrays-by-name", test_finds_arrays_by_name);
  g_test_add_func ("/tbuf/view-access/rejects-another-dtype", test_rejects_another_dtype);
  g_test_add_func ("/tbuf/view-access/refuses-what-is-not-live", test_refuses_what_is_not_live);
  g_test_add_func ("/tbuf/view-access/is-live-from-first-to-last-phase", test_is_live_from_first_to_last_phase);
  g_test_add_func ("/tbuf/view-access/never-writes-to-a-read-only-arena", test_never_writes_to_a_read_only_arena);
  g_test_add_func ("/tbuf/view-access/copies-between-two-mappings-of-an-arena", test_copies_between_two_mappings_of_an_arena);
  g_test_add_func ("/tbuf/view-access/stays-when-the-arena-is-closed", test_stays_when_the_arena_is_closed);

  return g_test_run ();
}
