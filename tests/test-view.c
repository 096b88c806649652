/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <tbuf.h>

#include "view-tools.h"

static void
test_describes_itself (void)
{
  g_autoptr (TbufArena) arena = new_arena (100);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_FLOAT64, 8, SHAPE (2, 3), NULL, 2);

  g_assert_true (TBUF_IS_FLOAT64_VIEW (view));
  g_assert_cmpuint (tbuf_view_get_dtype (view), ==, TBUF_DTYPE_FLOAT64);
  g_assert_cmpuint (tbuf_view_get_byte_order (view), ==, MACHINE);
  g_assert_cmpuint (tbuf_view_get_item_size (view), ==, 8);
  g_assert_cmpuint (tbuf_view_get_n_items (view), ==, 6);
  g_assert_cmpuint (tbuf_view_get_n_dims (view), ==, 2);
  g_assert_cmpuint (tbuf_view_get_first_item (view), ==, 8);
  g_assert_null (tbuf_view_get_name (view));
  g_assert_true (tbuf_view_is_contiguous (view));
  g_assert_true (tbuf_view_is_live (view));
  g_assert_true (tbuf_view_check_access (view, TRUE, NULL));
  assert_shape (view, 2, 3);
  assert_strides (view, 24, 8);
  g_assert_cmpuint (tbuf_region_get_offset (TBUF_REGION (view)), ==, 8);
  g_assert_cmpuint (tbuf_region_get_n_bytes (TBUF_REGION (view)), ==, 48);
}

static void
test_has_its_getters_as_properties (void)
{
  g_autoptr (TbufArena) arena = new_arena (100);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT16, 8, SHAPE (2, 3), STRIDES (-8, 2), 2);
  TbufDtype dtype;
  TbufByteOrder byte_order;
  guint64 item_size, n_items, first_item;
  guint n_dims;
  g_autofree char *name = NULL;
  gboolean is_contiguous, is_live;

  g_object_get (view, "dtype", &dtype, "byte-order", &byte_order, "item-size", &item_size, "n-items", &n_items,
                "n-dims", &n_dims, "first-item", &first_item, "name", &name, "is-contiguous", &is_contiguous,
                "is-live", &is_live, NULL);
  g_assert_cmpuint (dtype, ==, TBUF_DTYPE_INT16);
  g_assert_cmpuint (byte_order, ==, MACHINE);
  g_assert_cmpuint (item_size, ==, 2);
  g_assert_cmpuint (n_items, ==, 6);
  g_assert_cmpuint (n_dims, ==, 2);
  g_assert_cmpuint (first_item, ==, 8);
  g_assert_null (name);
  g_assert_false (is_contiguous);
  g_assert_true (is_live);
}

static void
test_is_safe_when_empty (void)
{
  g_autoptr (TbufView) view = g_object_new (TBUF_TYPE_INT32_VIEW, NULL);
  g_autoptr (TbufView) transposed = NULL;
  g_autoptr (GError) error = NULL;
  guint n_dims = 1;
  gsize n_items = 1;

  g_assert_cmpuint (tbuf_view_get_dtype (view), ==, TBUF_DTYPE_INT32);
  g_assert_cmpuint (tbuf_view_get_item_size (view), ==, 4);
  g_assert_cmpuint (tbuf_view_get_n_items (view), ==, 0);
  g_assert_cmpuint (tbuf_view_get_n_dims (view), ==, 0);
  g_assert_nonnull (tbuf_view_get_shape (view, &n_dims));
  g_assert_cmpuint (n_dims, ==, 0);
  g_assert_nonnull (tbuf_view_get_strides (view, &n_dims));
  g_assert_false (tbuf_view_is_live (view));
  g_assert_false (tbuf_view_is_contiguous (view));

  assert_fails (tbuf_view_check_access (view, FALSE, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_view_cast (view, TBUF_DTYPE_INT8, 0, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_view_slice (view, 0, 0, 1, 1, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_view_reshape (view, SHAPE (0), 1, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_view_copy_from (view, view, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_int32_view_get_item (TBUF_INT32_VIEW (view), 0, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_int32_view_set_item (TBUF_INT32_VIEW (view), 0, 0, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_int32_view_peek_array (TBUF_INT32_VIEW (view), &n_items, &error), error, TBUF_ERROR_INVALID, "*empty*");
  g_assert_cmpuint (n_items, ==, 0);
  assert_fails (tbuf_int32_view_dup_array (TBUF_INT32_VIEW (view), &n_items, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_int32_view_fill (TBUF_INT32_VIEW (view), 0, &error), error, TBUF_ERROR_INVALID, "*empty*");
  assert_fails (tbuf_int32_view_write (TBUF_INT32_VIEW (view), 0, NULL, 0, &error), error, TBUF_ERROR_INVALID, "*empty*");

  transposed = tbuf_view_transpose (view);
  g_assert_true (TBUF_IS_INT32_VIEW (transposed));
  g_assert_cmpuint (tbuf_view_get_n_items (transposed), ==, 0);
}

static void
test_is_not_made_on_an_empty_arena (void)
{
  g_autoptr (TbufArena) arena = g_object_new (TBUF_TYPE_ARENA, NULL);
  g_autoptr (GError) error = NULL;

  assert_fails (tbuf_int32_view_new (arena, 0, 1, &error), error, TBUF_ERROR_INVALID, "*empty*");
}

static void
test_rejects_items_beyond_the_arena (void)
{
  g_autoptr (TbufArena) arena = new_arena (16);
  g_autoptr (TbufView) all = NULL;
  g_autoptr (TbufView) none = NULL;
  g_autoptr (GError) error = NULL;

  all = tbuf_arena_create_view (arena, TBUF_DTYPE_INT32, 0, 4, &error);
  g_assert_no_error (error);
  none = tbuf_arena_create_view (arena, TBUF_DTYPE_INT32, 16, 0, &error);
  g_assert_no_error (error);

  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT32, 0, 5, &error), error, TBUF_ERROR_RANGE,
                "5 int32 items from offset 0 on need 20 bytes, but the arena has 16 there: at most 4 fit");
  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT32, 12, 2, &error), error, TBUF_ERROR_RANGE, "*at most 1 fit");
  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT32, 16, 1, &error), error, TBUF_ERROR_RANGE, "*at most 0 fit");
  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT32, 20, 0, &error), error, TBUF_ERROR_RANGE,
                "Offset 20 is outside of the arena, which has 16 bytes");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT16, 0, 0, SHAPE (3, 3), NULL, 2, 0, &error),
                error, TBUF_ERROR_RANGE, "int16 items of shape (3, 3)*18 bytes*16*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT16, 0, 4, SHAPE (4), STRIDES (-2), 1, 0, &error),
                error, TBUF_ERROR_RANGE, "*6 bytes below the first, but there are only 4*");
}

static void
test_rejects_what_overflows (void)
{
  g_autoptr (TbufArena) arena = new_arena (16);
  g_autoptr (GError) error = NULL;
  const gsize half = (gsize) 1 << (GLIB_SIZEOF_SIZE_T * 4);

  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT8, G_MAXSIZE, 1, &error), error, TBUF_ERROR_RANGE, "*");
  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT8, 8, G_MAXSIZE, &error), error, TBUF_ERROR_RANGE, "*");
  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT8, 8, G_MAXSIZE - 7, &error), error, TBUF_ERROR_RANGE, "*");
  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT64, 0, G_MAXSIZE / 8 + 1, &error), error, TBUF_ERROR_RANGE, "*");
  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT64, 8, G_MAXSSIZE / 8, &error), error, TBUF_ERROR_RANGE, "*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 0, 0, SHAPE (half, half), NULL, 2, 0, &error),
                error, TBUF_ERROR_RANGE, "*larger than any memory*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 0, 0, SHAPE (half, half, 0), NULL, 3, 0, &error),
                error, TBUF_ERROR_RANGE, "*larger than any memory*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 0, 0, SHAPE (2), STRIDES (G_MAXSSIZE), 1, 0, &error),
                error, TBUF_ERROR_RANGE, "*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 0, 8, SHAPE (2), STRIDES (G_MINSSIZE), 1, 0, &error),
                error, TBUF_ERROR_RANGE, "*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 0, 0, SHAPE (4), STRIDES (G_MAXSSIZE), 1, 0, &error),
                error, TBUF_ERROR_RANGE, "*reach further than any memory");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 0, 0, SHAPE (2, 2, 2, 2),
                                             STRIDES (G_MAXSSIZE, G_MAXSSIZE, G_MAXSSIZE, 1), 4, 0, &error),
                error, TBUF_ERROR_RANGE, "*reach further than any memory");
}

static void
test_rejects_misaligned_offset (void)
{
  g_autoptr (TbufArena) arena = new_arena (64);
  g_autoptr (TbufView) complex = NULL;
  g_autoptr (GError) error = NULL;

  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_INT32, 6, 2, &error), error, TBUF_ERROR_ALIGNMENT,
                "Offset 6 is not a multiple of 4, the alignment of int32*4*");
  assert_fails (tbuf_arena_create_view (arena, TBUF_DTYPE_COMPLEX128, 4, 1, &error), error, TBUF_ERROR_ALIGNMENT, "*8*");

  /* A complex item is aligned like one of its parts. */
  complex = tbuf_arena_create_view (arena, TBUF_DTYPE_COMPLEX128, 8, 1, &error);
  g_assert_no_error (error);
}

static void
test_rejects_misaligned_stride (void)
{
  g_autoptr (TbufArena) arena = new_arena (64);
  g_autoptr (TbufView) one = NULL;
  g_autoptr (GError) error = NULL;

  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT32, 0, 0, SHAPE (2), STRIDES (6), 1, 0, &error), error,
                TBUF_ERROR_ALIGNMENT, "The stride 6 of axis 0 is not a multiple of 4*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT32, 0, 16, SHAPE (2), STRIDES (-6), 1, 0, &error), error,
                TBUF_ERROR_ALIGNMENT, "The stride -6 of axis 0*");

  /* With one item it leads nowhere. */
  one = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (1), STRIDES (6), 1);
  g_assert_true (tbuf_view_is_contiguous (one));
}

static void
test_lets_unaligned_items_be_asked_for (void)
{
  g_autoptr (TbufArena) arena = new_arena (64);
  g_autoptr (TbufView) view = NULL;
  g_autoptr (TbufView) field = NULL;
  g_autoptr (TbufView) slice = NULL;
  g_autoptr (GError) error = NULL;
  guint8 *memory = get_memory (arena);
  gint32 item = 0x01020304;
  gsize n_items;

  view = tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT32, 0, 1, SHAPE (3), NULL, 1, TBUF_VIEW_UNALIGNED, &error);
  g_assert_no_error (error);
  g_assert_true (tbuf_int32_view_set_item (TBUF_INT32_VIEW (view), 1, item, &error));
  g_assert_cmpmem (memory + 5, 4, &item, 4);
  g_assert_cmpint (tbuf_int32_view_get_item (TBUF_INT32_VIEW (view), 1, &error), ==, item);
  assert_fails (tbuf_int32_view_peek_array (TBUF_INT32_VIEW (view), &n_items, &error), error, TBUF_ERROR_ALIGNMENT,
                "Offset 1 is not a multiple of 4*");
  assert_int32s (view, 0, item, 0);

  /* What is made of it may be unaligned too. */
  slice = tbuf_view_slice (view, 0, 1, 2, 1, &error);
  g_assert_no_error (error);
  assert_int32s (slice, item);

  /* A field of an array of packed structs. */
  field = tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT32, 0, 5, SHAPE (3), STRIDES (7), 1, TBUF_VIEW_UNALIGNED, &error);
  g_assert_no_error (error);
  g_assert_true (tbuf_int32_view_fill (TBUF_INT32_VIEW (field), -1, &error));
  g_assert_cmpuint (memory[4], ==, 0);
  g_assert_cmpuint (memory[5], ==, 255);
  g_assert_cmpuint (memory[9], ==, 0);
  g_assert_cmpuint (memory[19], ==, 255);
  g_assert_cmpuint (memory[22], ==, 255);
  g_assert_cmpuint (memory[23], ==, 0);
}

static void
test_rejects_what_can_never_be_right (void)
{
  g_autoptr (TbufArena) arena = new_arena (64);
  g_autoptr (TbufView) deepest = NULL;
  g_autoptr (GError) error = NULL;
  gsize shape[TBUF_VIEW_MAX_DIMS + 1];

  for (guint i = 0; i < G_N_ELEMENTS (shape); i++)
    shape[i] = 1;

  assert_fails (tbuf_arena_create_view_full (arena, 14, 0, 0, SHAPE (1), NULL, 1, 0, &error), error, TBUF_ERROR_DTYPE, "14*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 3, 0, SHAPE (1), NULL, 1, 0, &error),
                error, TBUF_ERROR_INVALID, "3 is no byte order*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 0, 0, SHAPE (1), NULL, 1, 2, &error),
                error, TBUF_ERROR_INVALID, "0x2 are no flags*");
  assert_fails (tbuf_arena_create_view_full (arena, TBUF_DTYPE_INT8, 0, 0, shape, NULL, TBUF_VIEW_MAX_DIMS + 1, 0, &error),
                error, TBUF_ERROR_INVALID, "*33 dimensions: at most 32");

  deepest = new_view (arena, TBUF_DTYPE_INT8, 63, shape, NULL, TBUF_VIEW_MAX_DIMS);
  g_assert_cmpuint (tbuf_view_get_n_items (deepest), ==, 1);
  g_assert_true (tbuf_int8_view_set_item (TBUF_INT8_VIEW (deepest), 0, -1, &error));
  g_assert_cmpuint (((guint8 *) get_memory (arena))[63], ==, 255);
}

static void
test_knows_zero_dimensions (void)
{
  g_autoptr (TbufArena) arena = new_arena (64);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 8, NULL, NULL, 0);
  g_autoptr (TbufView) other = new_view (arena, TBUF_DTYPE_INT32, 12, NULL, NULL, 0);
  g_autoptr (TbufView) transposed = tbuf_view_transpose (view);
  g_autoptr (TbufView) reshaped = NULL;
  g_autoptr (TbufView) back = NULL;
  g_autoptr (TbufView) as_float = NULL;
  g_autoptr (GError) error = NULL;

  fill_int32 (arena, 16);
  g_assert_cmpuint (tbuf_view_get_n_items (view), ==, 1);
  g_assert_cmpuint (tbuf_view_get_n_dims (view), ==, 0);
  g_assert_true (tbuf_view_is_contiguous (view));
  assert_int32s (view, 2);
  assert_int32s (transposed, 2);

  g_assert_true (tbuf_view_copy_from (view, other, &error));
  assert_int32s (view, 3);

  reshaped = tbuf_view_reshape (view, SHAPE (1, 1), 2, &error);
  g_assert_no_error (error);
  assert_int32s (reshaped, 3);
  back = tbuf_view_reshape (reshaped, NULL, 0, &error);
  g_assert_no_error (error);
  assert_int32s (back, 3);

  as_float = tbuf_view_cast (view, TBUF_DTYPE_FLOAT32, 0, &error);
  g_assert_no_error (error);
  assert_fails (tbuf_view_cast (view, TBUF_DTYPE_INT16, 0, &error), error, TBUF_ERROR_NOT_CONTIGUOUS, "*without an axis*");
  assert_fails (tbuf_view_slice (view, 0, 0, 1, 1, &error), error, TBUF_ERROR_RANGE, "There is no axis 0: the view has 0");
}

static void
test_knows_zero_items (void)
{
  g_autoptr (TbufArena) arena = new_arena (64);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 8, SHAPE (3, 0, 2), NULL, 3);
  g_autoptr (TbufView) same = new_view (arena, TBUF_DTYPE_INT32, 16, SHAPE (3, 0, 2), STRIDES (-1000, 400, 1 << 20), 3);
  g_autoptr (TbufView) slice = NULL;
  g_autoptr (TbufView) cast = NULL;
  g_autoptr (TbufView) reshaped = NULL;
  g_autoptr (GError) error = NULL;
  gsize n_items = 1;
  g_autofree gint32 *copy = NULL;

  g_assert_cmpuint (tbuf_view_get_n_items (view), ==, 0);
  g_assert_cmpuint (tbuf_region_get_n_bytes (TBUF_REGION (view)), ==, 0);
  g_assert_true (tbuf_view_is_contiguous (view));
  g_assert_true (tbuf_view_is_live (view));
  assert_strides (view, 8, 8, 4);

  g_assert_nonnull (tbuf_int32_view_peek_array (TBUF_INT32_VIEW (view), &n_items, &error));
  g_assert_cmpuint (n_items, ==, 0);
  copy = tbuf_int32_view_dup_array (TBUF_INT32_VIEW (view), &n_items, &error);
  g_assert_nonnull (copy);
  g_assert_true (tbuf_int32_view_fill (TBUF_INT32_VIEW (view), 1, &error));
  g_assert_true (tbuf_int32_view_write (TBUF_INT32_VIEW (view), 0, NULL, 0, &error));
  assert_fails (tbuf_int32_view_get_item (TBUF_INT32_VIEW (view), 0, &error), error, TBUF_ERROR_RANGE, "*has no items");

  g_assert_true (tbuf_view_copy_from (view, same, &error));
  slice = tbuf_view_slice (same, 0, G_MAXSSIZE, G_MINSSIZE, -1, &error);
  g_assert_no_error (error);
  assert_shape (slice, 3, 0, 2);
  cast = tbuf_view_cast (view, TBUF_DTYPE_INT64, 0, &error);
  g_assert_no_error (error);
  assert_shape (cast, 3, 0, 1);
  reshaped = tbuf_view_reshape (view, SHAPE (0, 7), 2, &error);
  g_assert_no_error (error);
}

static void
test_is_contiguous_only_if_it_is (void)
{
  static const struct
  {
    gsize    shape[3];
    gssize   strides[3];
    gboolean contiguous;
  } cases[] = {
    { { 2, 3, 4 }, { 48, 16, 4 },  TRUE },
    { { 2, 1, 4 }, { 16, 999, 4 }, TRUE },
    { { 1, 1, 1 }, { -7, 13, 0 },  TRUE },
    { { 2, 3, 4 }, { 4, 8, 24 },   FALSE },
    { { 2, 3, 4 }, { 52, 16, 4 },  FALSE },
    { { 2, 3, 4 }, { 48, 16, -4 }, FALSE },
    { { 2, 3, 4 }, { 0, 16, 4 },   FALSE },
  };
  g_autoptr (TbufArena) arena = new_arena (256);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 128, cases[i].shape, cases[i].strides, 3);

      g_assert_cmpint (tbuf_view_is_contiguous (view), ==, cases[i].contiguous);
    }
}

static void
test_covers_what_negative_strides_reach (void)
{
  g_autoptr (TbufArena) arena = new_arena (40);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 24, SHAPE (2, 3), STRIDES (12, -8), 2);

  fill_int32 (arena, 10);
  g_assert_cmpuint (tbuf_view_get_first_item (view), ==, 24);
  g_assert_cmpuint (tbuf_region_get_offset (TBUF_REGION (view)), ==, 8);
  g_assert_cmpuint (tbuf_region_get_n_bytes (TBUF_REGION (view)), ==, 32);
  assert_int32s (view, 6, 4, 2, 9, 7, 5);
}

static void
test_repeats_items_with_stride_zero (void)
{
  g_autoptr (TbufArena) arena = new_arena (40);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 4, SHAPE (2, 3), STRIDES (0, 4), 2);

  fill_int32 (arena, 10);
  g_assert_cmpuint (tbuf_region_get_n_bytes (TBUF_REGION (view)), ==, 12);
  assert_int32s (view, 1, 2, 3, 1, 2, 3);
}

static void
test_outlives_its_arena (void)
{
  TbufArena *arena = new_arena (16);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (4), NULL, 1);
  g_autoptr (TbufView) slice = NULL;
  g_autoptr (GError) error = NULL;

  fill_int32 (arena, 4);
  tbuf_arena_close (arena);
  g_object_unref (arena);

  assert_int32s (view, 0, 1, 2, 3);
  slice = tbuf_view_slice (view, 0, 1, 3, 1, &error);
  g_assert_no_error (error);
  g_clear_object (&view);
  assert_int32s (slice, 1, 2);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/view/describes-itself", test_describes_itself);
  g_test_add_func ("/tbuf/view/has-its-getters-as-properties", test_has_its_getters_as_properties);
  g_test_add_func ("/tbuf/view/is-safe-when-empty", test_is_safe_when_empty);
  g_test_add_func ("/tbuf/view/is-not-made-on-an-empty-arena", test_is_not_made_on_an_empty_arena);
  g_test_add_func ("/tbuf/view/rejects-items-beyond-the-arena", test_rejects_items_beyond_the_arena);
  g_test_add_func ("/tbuf/view/rejects-what-overflows", test_rejects_what_overflows);
  g_test_add_func ("/tbuf/view/rejects-misaligned-offset", test_rejects_misaligned_offset);
  g_test_add_func ("/tbuf/view/rejects-misaligned-stride", test_rejects_misaligned_stride);
  g_test_add_func ("/tbuf/view/lets-unaligned-items-be-asked-for", test_lets_unaligned_items_be_asked_for);
  g_test_add_func ("/tbuf/view/rejects-what-can-never-be-right", test_rejects_what_can_never_be_right);
  g_test_add_func ("/tbuf/view/knows-zero-dimensions", test_knows_zero_dimensions);
  g_test_add_func ("/tbuf/view/knows-zero-items", test_knows_zero_items);
  g_test_add_func ("/tbuf/view/is-contiguous-only-if-it-is", test_is_contiguous_only_if_it_is);
  g_test_add_func ("/tbuf/view/covers-what-negative-strides-reach", test_covers_what_negative_strides_reach);
  g_test_add_func ("/tbuf/view/repeats-items-with-stride-zero", test_repeats_items_with_stride_zero);
  g_test_add_func ("/tbuf/view/outlives-its-arena", test_outlives_its_arena);

  return g_test_run ();
}
