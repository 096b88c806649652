/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <tbuf.h>

#include "layout-tools.h"
#include "view-tools.h"

/* A and B are live in the first phase, D in the second. */
static TbufArena *
new_phased_arena (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  TbufArena *arena;

  add_phase (layout, "first");
  add_phase (layout, "second");
  add_vector (layout, "A", TBUF_DTYPE_FLOAT64, 10, "first", "first");
  add_vector (layout, "B", TBUF_DTYPE_INT16, 10, "first", "first");
  add_vector (layout, "D", TBUF_DTYPE_INT32, 20, "second", "second");
  arena = tbuf_arena_new_for_layout (layout, NULL, TBUF_ARENA_NONE, &error);
  g_assert_no_error (error);

  return arena;
}

/* What another process would make of it. */
static TbufView *
make_again (TbufArena *arena,
            TbufView  *view)
{
  g_autoptr (GVariant) variant = tbuf_view_to_variant (view);
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (variant);
  g_autoptr (GVariant) arrived = g_variant_ref_sink (g_variant_new_from_bytes (g_variant_get_type (variant), bytes, FALSE));
  g_autoptr (GError) error = NULL;
  TbufView *again = tbuf_arena_create_view_from_variant (arena, arrived, &error);

  g_assert_no_error (error);
  return again;
}

static void
assert_same (TbufView *a,
             TbufView *b)
{
  guint n_dims;

  g_assert_true (G_OBJECT_TYPE (a) == G_OBJECT_TYPE (b));
  g_assert_cmpint (tbuf_view_get_byte_order (a), ==, tbuf_view_get_byte_order (b));
  g_assert_cmpuint (tbuf_view_get_first_item (a), ==, tbuf_view_get_first_item (b));
  g_assert_cmpuint (tbuf_view_get_n_dims (a), ==, tbuf_view_get_n_dims (b));
  g_assert_cmpstr (tbuf_view_get_name (a), ==, tbuf_view_get_name (b));
  g_assert_cmpmem (tbuf_view_get_shape (a, &n_dims), n_dims * sizeof (gsize), tbuf_view_get_shape (b, NULL), n_dims * sizeof (gsize));
  g_assert_cmpmem (tbuf_view_get_strides (a, NULL), n_dims * sizeof (gsize), tbuf_view_get_strides (b, NULL), n_dims * sizeof (gsize));
}

static void
test_makes_the_same_view (void)
{
  g_autoptr (TbufArena) arena = new_arena (1000);
  const struct
  {
    TbufDtype      dtype;
    TbufByteOrder  byte_order;
    gsize          offset;
    const gssize  *strides;
    TbufViewFlags  flags;
  } cases[] = {
    { TBUF_DTYPE_UINT8, TBUF_BYTE_ORDER_NATIVE, 3, NULL, TBUF_VIEW_NONE },
    { TBUF_DTYPE_INT32, OTHER, 400, STRIDES (-80, 8), TBUF_VIEW_NONE },
    { TBUF_DTYPE_COMPLEX128, MACHINE, 8, NULL, TBUF_VIEW_NONE },
    { TBUF_DTYPE_FLOAT64, MACHINE, 1, STRIDES (64, 9), TBUF_VIEW_UNALIGNED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (TbufView) again = NULL;
      g_autoptr (TbufView) view = tbuf_arena_create_view_full (arena, cases[i].dtype, cases[i].byte_order, cases[i].offset,
                                                               SHAPE (5, 7), cases[i].strides, 2, cases[i].flags, &error);

      g_assert_no_error (error);
      again = make_again (arena, view);
      assert_same (view, again);
    }
}

static void
test_knows_its_array (void)
{
  g_autoptr (TbufArena) arena = new_phased_arena ();
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufView) whole = tbuf_arena_get_view (arena, "A", &error);
  g_autoptr (TbufView) part = tbuf_view_slice (whole, 0, 2, 8, 2, &error);
  g_autoptr (TbufView) whole_again = make_again (arena, whole);
  g_autoptr (TbufView) part_again = NULL;

  assert_same (whole, whole_again);
  g_assert_cmpstr (tbuf_view_get_name (whole_again), ==, "A");

  /* What is not live can be made, and then is not live. */
  g_assert_true (tbuf_arena_set_phase (arena, "second", -1, NULL, &error));
  part_again = make_again (arena, part);
  assert_same (part, part_again);
  g_assert_null (tbuf_view_get_name (part_again));
  g_assert_false (tbuf_view_is_live (part_again));
  assert_fails (tbuf_view_check_access (part_again, FALSE, &error), error, TBUF_ERROR_NOT_LIVE, "*“A”*");

  g_assert_true (tbuf_arena_set_phase (arena, "first", -1, NULL, &error));
  g_assert_true (tbuf_view_is_live (part_again));
}

static void
assert_refused (TbufArena  *arena,
                const char *text,
                int         code,
                const char *pattern)
{
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new_parsed (text));
  g_autoptr (GError) error = NULL;

  assert_fails (tbuf_arena_create_view_from_variant (arena, variant, &error), error, code, pattern);
}

static void
test_refuses_what_is_no_view (void)
{
  g_autoptr (TbufArena) arena = new_phased_arena ();
  g_autoptr (TbufArena) closed = new_arena (8);

  assert_refused (arena, "'nonsense'", TBUF_ERROR_FORMAT, "*(stataxbms)*one of s");
  assert_refused (arena, "('<f8', @t 0, @at [1, 1], @ax [8], false, @ms nothing)", TBUF_ERROR_FORMAT, "*2 axes and 1 strides*");
  assert_refused (arena, "('<f3', @t 0, @at [1], @ax [8], false, @ms nothing)", TBUF_ERROR_DTYPE, "*f3*");
  assert_refused (arena, "('<f8', @t 0, @at [18446744073709551615], @ax [8], false, @ms nothing)", TBUF_ERROR_RANGE, "*axis 0*");
  assert_refused (arena, "('<f8', @t 0, @at [1000], @ax [8], false, @ms nothing)", TBUF_ERROR_RANGE, "*");
  assert_refused (arena, "('<f8', @t 0, @at [2], @ax [9223372036854775807], false, @ms nothing)", TBUF_ERROR_ALIGNMENT, "*");
  assert_refused (arena, "('<f8', @t 1, @at [2], @ax [8], false, @ms nothing)", TBUF_ERROR_ALIGNMENT, "*");
  assert_refused (arena, "('<f8', @t 0, @at [2], @ax [8], false, @ms 'X')", TBUF_ERROR_NOT_FOUND, "*“X”*");
  assert_refused (arena, "('|u1', @t 0, @at [120], @ax [1], false, @ms 'B')", TBUF_ERROR_RANGE, "*array “B”*");

  tbuf_arena_close (closed);
  assert_refused (closed, "('|u1', @t 0, @at [2], @ax [1], false, @ms nothing)", TBUF_ERROR_CLOSED, "*");
}

/* A view keeps the memory; the object for the whole of it can be made again. */
static void
test_finds_its_arena_again (void)
{
  TbufArena *arena = new_arena (64);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (16), NULL, 1);
  g_autoptr (TbufArena) again = NULL;
  TbufArena *kept;

  again = tbuf_region_dup_arena (TBUF_REGION (view));
  g_assert_true (again == arena);
  g_clear_object (&again);
  tbuf_arena_close (arena);
  g_assert_finalize_object (arena);

  again = tbuf_region_dup_arena (TBUF_REGION (view));
  g_assert_cmpuint (tbuf_arena_get_size (again), ==, 64);
  g_assert_true (tbuf_arena_is_closed (again));
  g_assert_finalize_object (g_steal_pointer (&again));

  kept = tbuf_region_get_arena (TBUF_REGION (view));
  g_assert_true (TBUF_IS_ARENA (kept));
  g_assert_true (kept == tbuf_region_get_arena (TBUF_REGION (view)));
  g_object_add_weak_pointer (G_OBJECT (kept), (gpointer *) &kept);
  g_assert_finalize_object (g_steal_pointer (&view));
  g_assert_null (kept);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/view-variant/makes-the-same-view", test_makes_the_same_view);
  g_test_add_func ("/tbuf/view-variant/knows-its-array", test_knows_its_array);
  g_test_add_func ("/tbuf/view-variant/refuses-what-is-no-view", test_refuses_what_is_no_view);
  g_test_add_func ("/tbuf/view-variant/finds-its-arena-again", test_finds_its_arena_again);

  return g_test_run ();
}
