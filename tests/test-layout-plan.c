/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "layout-tools.h"

/* Two phases, with an array of 1000 bytes and one of 500 in each. */
static TbufLayout *
new_layout (void)
{
  TbufLayout *layout = tbuf_layout_new ();

  add_phase (layout, "one");
  add_phase (layout, "two");
  add_vector (layout, "A", TBUF_DTYPE_UINT8, 1000, "one", "one");
  add_vector (layout, "B", TBUF_DTYPE_UINT8, 500, "one", "one");
  add_vector (layout, "C", TBUF_DTYPE_UINT8, 1000, "two", "two");
  add_vector (layout, "D", TBUF_DTYPE_UINT8, 500, "two", "two");
  return layout;
}

static void
pin (TbufLayout *layout,
     const char *name,
     gsize       offset)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_pin (layout, name, offset, &error));
  g_assert_no_error (error);
}

static void
separate (TbufLayout *layout,
          const char *one,
          const char *other)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_separate (layout, one, other, &error));
  g_assert_no_error (error);
}

static void
assert_cannot_be_planned (TbufLayout *layout,
                          const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_layout_plan (layout, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_false (tbuf_layout_is_planned (layout));
}

static void
test_pinned_arrays_stay (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (GError) error = NULL;

  pin (layout, "A", 640);
  plan (layout);
  g_assert_cmpuint (tbuf_layout_get_offset (layout, "A", &error), ==, 640);
  g_assert_cmpuint (tbuf_layout_get_offset (layout, "B", &error), ==, 0);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 1640);
  g_assert_true (tbuf_layout_get_proven (layout));
}

static void
test_pin_in_an_arena (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (TbufArena) arena = NULL;
  g_autoptr (TbufArena) other = NULL;
  g_autoptr (TbufView) view = NULL;
  g_autoptr (GError) error = NULL;

  pin (layout, "A", 4096);
  separate (layout, "A", "D");
  arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  other = tbuf_arena_open_fd (tbuf_arena_get_fd (arena), TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  view = tbuf_arena_get_view (other, "A", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_region_get_offset (TBUF_REGION (view)), ==, 4096);
}

static void
test_bad_pins (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_layout_pin (layout, "Z", 0, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (tbuf_layout_pin (layout, "A", 100, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT);
  g_assert_cmpstr (error->message, ==, "Array \"A\" is pinned to offset 100, which is not a multiple of its alignment, 64");
  g_clear_error (&error);
  g_assert_false (tbuf_layout_pin (layout, "A", G_MAXSSIZE - 63, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
  g_clear_error (&error);

  /* What is pinned stays aligned. */
  pin (layout, "A", 64);
  g_assert_false (tbuf_layout_set_alignment (layout, "A", 128, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT);
  g_clear_error (&error);

  pin (layout, "B", 1024);
  assert_cannot_be_planned (layout, "Array \"A\" (1000 bytes at offset 64, from 0 until before 1) and \"B\" (500 bytes at offset "
                                    "1024, from 0 until before 1) share bytes, though they live at the same time");
  pin (layout, "B", 1088);
  plan (layout);
  g_assert_false (tbuf_layout_pin (layout, "B", 2048, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

static void
test_separate_arrays_share_nothing (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (TbufLayout) apart = new_layout ();
  g_auto (GStrv) shared = NULL;
  g_autoptr (GError) error = NULL;

  plan (layout);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 1512);

  separate (apart, "A", "C");
  separate (apart, "A", "D");
  plan (apart);
  shared = tbuf_layout_get_shared_with (apart, "A", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (shared), ==, 0);
  g_assert_cmpuint (tbuf_layout_get_size (apart), ==, 1536 + 1000);
}

static void
test_bad_pairs (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_layout_separate (layout, "A", "Z", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (tbuf_layout_separate (layout, "A", "A", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  pin (layout, "A", 0);
  pin (layout, "C", 64);
  separate (layout, "A", "C");
  assert_cannot_be_planned (layout, "Array \"A\" (1000 bytes at offset 0, from 0 until before 1) and \"C\" (1000 bytes at offset "
                                    "64, from 1 until before 2) share bytes, though they are to be apart");
}

static void
test_tells_who_shares_bytes (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_auto (GStrv) with_a = NULL;
  g_auto (GStrv) with_e = NULL;
  g_autoptr (GError) error = NULL;

  add_vector (layout, "E", TBUF_DTYPE_UINT8, 10, NULL, NULL);
  add_vector (layout, "F", TBUF_DTYPE_UINT8, 0, "one", "one");
  g_assert_null (tbuf_layout_get_shared_with (layout, "A", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_cmpuint (tbuf_layout_get_offset (layout, "A", &error), ==, 0);
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  pin (layout, "A", 0);
  pin (layout, "B", 1024);
  pin (layout, "C", 512);
  pin (layout, "D", 0);
  plan (layout);
  with_a = tbuf_layout_get_shared_with (layout, "A", &error);
  g_assert_no_error (error);
  g_assert_cmpstrv (with_a, ((const char *[]) { "C", "D", NULL }));
  with_e = tbuf_layout_get_shared_with (layout, "E", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (with_e), ==, 0);
  g_assert_null (tbuf_layout_get_shared_with (layout, "Z", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
}

/* What lives over a phase keeps its bytes there to itself, even if nobody looks at it. */
static void
test_contents_are_kept_over_a_phase (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (TbufArena) arena = NULL;
  g_autoptr (TbufView) kept = NULL;
  g_autoptr (TbufView) between = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    add_phase (layout, ((const char *[]) { "one", "two", "three" })[i]);
  add_vector (layout, "kept", TBUF_DTYPE_INT32, 100, "one", "three");
  add_vector (layout, "short", TBUF_DTYPE_INT32, 100, "one", "one");
  add_vector (layout, "between", TBUF_DTYPE_INT32, 100, "two", "two");
  arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 448 + 400);

  kept = tbuf_arena_get_view (arena, "kept", &error);
  g_assert_no_error (error);
  tbuf_int32_view_fill (TBUF_INT32_VIEW (kept), 7, &error);
  g_assert_no_error (error);
  tbuf_arena_set_phase (arena, "two", -1, NULL, &error);
  g_assert_no_error (error);
  between = tbuf_arena_get_view (arena, "between", &error);
  g_assert_no_error (error);
  tbuf_int32_view_fill (TBUF_INT32_VIEW (between), 8, &error);
  g_assert_no_error (error);
  tbuf_arena_set_phase (arena, "three", -1, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < 100; i++)
    g_assert_cmpint (tbuf_int32_view_get_item (TBUF_INT32_VIEW (kept), i, &error), ==, 7);
  g_assert_no_error (error);
}

static void
test_capacity (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (GError) error = NULL;
  guint64 capacity;

  g_assert_true (tbuf_layout_set_capacity (layout, 1499, &error));
  g_assert_no_error (error);
  assert_cannot_be_planned (layout, "A capacity of 1499 bytes is too small: the 2 that live at time 0 have 1500 bytes together");

  /* Nobody has so much, and what cannot be stored is not taken. */
  g_assert_false (tbuf_layout_set_capacity (layout, (gsize) G_MAXSSIZE + 1, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_cmpuint (tbuf_layout_get_capacity (layout), ==, 1499);

  g_assert_true (tbuf_layout_set_capacity (layout, 2000, &error));
  g_assert_no_error (error);
  plan (layout);
  g_assert_cmpuint (tbuf_layout_get_size (layout), <=, 2000);
  g_object_get (layout, "capacity", &capacity, NULL);
  g_assert_cmpuint (capacity, ==, 2000);
  g_assert_false (tbuf_layout_set_capacity (layout, 0, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

static void
test_bound_and_proof_are_stored (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (TbufLayout) copy = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GError) error = NULL;
  gboolean proven;

  g_assert_false (tbuf_layout_get_proven (layout));
  plan (layout);
  variant = tbuf_layout_to_variant (layout);
  copy = tbuf_layout_new_from_variant (variant, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_layout_get_lower_bound (copy), ==, tbuf_layout_get_lower_bound (layout));
  g_assert_cmpint (tbuf_layout_get_proven (copy), ==, tbuf_layout_get_proven (layout));
  g_object_get (copy, "proven", &proven, NULL);
  g_assert_cmpint (proven, ==, tbuf_layout_get_proven (copy));
}

static void
keep_result (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  GAsyncResult **kept = user_data;

  g_assert_null (*kept);
  *kept = g_object_ref (result);
}

static void
count_notifications (TbufLayout *layout,
                     GParamSpec *pspec,
                     gpointer    data)
{
  g_assert_true (g_main_context_is_owner (NULL));
  (*(guint *) data)++;
}

static void
test_async (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GAsyncResult) again = NULL;
  g_autoptr (GError) error = NULL;
  guint n_notifications = 0;

  g_signal_connect (layout, "notify::is-planned", G_CALLBACK (count_notifications), &n_notifications);
  tbuf_layout_plan_async (layout, -1, NULL, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (tbuf_layout_plan_finish (layout, result, &error));
  g_assert_no_error (error);
  g_assert_true (tbuf_layout_is_planned (layout));
  g_assert_cmpuint (n_notifications, ==, 1);

  /* Once is enough. */
  tbuf_layout_plan_async (layout, -1, NULL, keep_result, &again);
  while (again == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (tbuf_layout_plan_finish (layout, again, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_notifications, ==, 1);
}

/* From the call on, however late the thread starts. */
static void
test_async_is_busy_at_once (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (TbufLayout) layout = new_layout ();
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      tbuf_layout_plan_async (layout, -1, NULL, keep_result, &result);
      g_assert_false (tbuf_layout_add_phase (layout, "late", &error));
      g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
      g_clear_error (&error);
      while (result == NULL)
        g_main_context_iteration (NULL, TRUE);
      g_assert_true (tbuf_layout_plan_finish (layout, result, &error));
      g_assert_no_error (error);
    }
}

static void
test_async_is_cancelled (void)
{
  g_autoptr (TbufLayout) layout = new_layout ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  tbuf_layout_plan_async (layout, -1, cancellable, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (tbuf_layout_plan_finish (layout, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  plan (layout);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/layout/plan/pinned-arrays-stay", test_pinned_arrays_stay);
  g_test_add_func ("/tbuf/layout/plan/pin-in-an-arena", test_pin_in_an_arena);
  g_test_add_func ("/tbuf/layout/plan/bad-pins", test_bad_pins);
  g_test_add_func ("/tbuf/layout/plan/separate-arrays-share-nothing", test_separate_arrays_share_nothing);
  g_test_add_func ("/tbuf/layout/plan/bad-pairs", test_bad_pairs);
  g_test_add_func ("/tbuf/layout/plan/tells-who-shares-bytes", test_tells_who_shares_bytes);
  g_test_add_func ("/tbuf/layout/plan/contents-are-kept-over-a-phase", test_contents_are_kept_over_a_phase);
  g_test_add_func ("/tbuf/layout/plan/capacity", test_capacity);
  g_test_add_func ("/tbuf/layout/plan/bound-and-proof-are-stored", test_bound_and_proof_are_stored);
  g_test_add_func ("/tbuf/layout/plan/async", test_async);
  g_test_add_func ("/tbuf/layout/plan/async-is-busy-at-once", test_async_is_busy_at_once);
  g_test_add_func ("/tbuf/layout/plan/async-is-cancelled", test_async_is_cancelled);

  return g_test_run ();
}
