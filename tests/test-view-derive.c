/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <tbuf.h>

#include "view-tools.h"

static void
test_slices_as_python_does (void)
{
  g_autoptr (TbufArena) arena = new_arena (40);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (10), NULL, 1);

  fill_int32 (arena, 10);

  /* Every combination against a direct reading of Python's documentation. */
  for (gssize start = -13; start <= 13; start++)
    for (gssize stop = -13; stop <= 13; stop++)
      for (gssize step = -12; step <= 12; step++)
        {
          const gssize first = start == -13 ? G_MINSSIZE : start == 13 ? G_MAXSSIZE : start;
          const gssize last = stop == -13 ? G_MINSSIZE : stop == 13 ? G_MAXSSIZE : stop;
          g_autoptr (TbufView) slice = NULL;
          g_autoptr (GError) error = NULL;
          gssize i, end;
          gsize n = 0;

          if (step == 0)
            continue;

          slice = tbuf_view_slice (view, 0, first, last, step, &error);
          g_assert_no_error (error);

          i = start < 0 ? start + 10 : start;
          end = stop < 0 ? stop + 10 : stop;
          if (step > 0)
            for (i = MAX (i, 0), end = MIN (end, 10); i < end; i += step)
              g_assert_cmpint (tbuf_int32_view_at (TBUF_INT32_VIEW (slice), n++), ==, i);
          else
            for (i = MIN (i, 9), end = MAX (end, -1); i > end; i += step)
              g_assert_cmpint (tbuf_int32_view_at (TBUF_INT32_VIEW (slice), n++), ==, i);
          g_assert_cmpuint (tbuf_view_get_n_items (slice), ==, n);
        }
}

static void
test_slices_with_extreme_steps (void)
{
  g_autoptr (TbufArena) arena = new_arena (40);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (10), NULL, 1);
  g_autoptr (TbufView) first = NULL;
  g_autoptr (TbufView) last = NULL;
  g_autoptr (GError) error = NULL;

  fill_int32 (arena, 10);
  first = tbuf_view_slice (view, 0, 0, G_MAXSSIZE, G_MAXSSIZE, &error);
  g_assert_no_error (error);
  assert_int32s (first, 0);
  last = tbuf_view_slice (view, 0, -1, G_MINSSIZE, G_MINSSIZE, &error);
  g_assert_no_error (error);
  assert_int32s (last, 9);

  assert_fails (tbuf_view_slice (view, 0, 0, 10, 0, &error), error, TBUF_ERROR_INVALID, "A step of 0*");
  assert_fails (tbuf_view_slice (view, 1, 0, 10, 1, &error), error, TBUF_ERROR_RANGE, "There is no axis 1: the view has 1");
}

static void
test_slices_each_axis (void)
{
  g_autoptr (TbufArena) arena = new_arena (80);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 8, SHAPE (3, 4), NULL, 2);
  g_autoptr (TbufView) rows = NULL;
  g_autoptr (TbufView) columns = NULL;
  g_autoptr (TbufView) both = NULL;
  g_autoptr (GError) error = NULL;

  fill_int32 (arena, 20);
  rows = tbuf_view_slice (view, 0, 1, 3, 1, &error);
  g_assert_no_error (error);
  assert_shape (rows, 2, 4);
  g_assert_true (tbuf_view_is_contiguous (rows));
  assert_int32s (rows, 6, 7, 8, 9, 10, 11, 12, 13);

  columns = tbuf_view_slice (view, 1, G_MAXSSIZE, G_MINSSIZE, -2, &error);
  g_assert_no_error (error);
  assert_shape (columns, 3, 2);
  assert_strides (columns, 16, -8);
  assert_int32s (columns, 5, 3, 9, 7, 13, 11);

  both = tbuf_view_slice (columns, 0, -1, 0, -1, &error);
  g_assert_no_error (error);
  assert_int32s (both, 13, 11, 9, 7);
  g_assert_cmpuint (tbuf_region_get_offset (TBUF_REGION (both)), ==, 28);
  g_assert_cmpuint (tbuf_region_get_n_bytes (TBUF_REGION (both)), ==, 28);
}

static void
test_selects_along_each_axis (void)
{
  g_autoptr (TbufArena) arena = new_arena (80);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 8, SHAPE (3, 4), NULL, 2);
  g_autoptr (TbufView) row = NULL;
  g_autoptr (TbufView) column = NULL;
  g_autoptr (TbufView) single = NULL;
  g_autoptr (TbufView) none = NULL;
  g_autoptr (TbufView) of_none = NULL;
  g_autoptr (GError) error = NULL;

  fill_int32 (arena, 20);
  row = tbuf_view_select (view, 0, 1, &error);
  g_assert_no_error (error);
  assert_shape (row, 4);
  g_assert_true (tbuf_view_is_contiguous (row));
  assert_int32s (row, 6, 7, 8, 9);

  column = tbuf_view_select (view, 1, -1, &error);
  g_assert_no_error (error);
  assert_shape (column, 3);
  assert_strides (column, 16);
  assert_int32s (column, 5, 9, 13);

  single = tbuf_view_select (column, 0, 2, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_view_get_n_dims (single), ==, 0);
  assert_int32s (single, 13);

  none = tbuf_view_slice (view, 1, 2, 2, 1, &error);
  g_assert_no_error (error);
  of_none = tbuf_view_select (none, 0, 2, &error);
  g_assert_no_error (error);
  assert_shape (of_none, 0);

  assert_fails (tbuf_view_select (view, 0, 3, &error), error, TBUF_ERROR_RANGE, "There is no index 3 in axis 0: it has 3 items");
  assert_fails (tbuf_view_select (view, 1, -5, &error), error, TBUF_ERROR_RANGE, "There is no index -5 in axis 1*");
  assert_fails (tbuf_view_select (view, 0, G_MINSSIZE, &error), error, TBUF_ERROR_RANGE, "There is no index -*");
  assert_fails (tbuf_view_select (none, 1, 0, &error), error, TBUF_ERROR_RANGE, "There is no index 0 in axis 1: it has 0 items");
  assert_fails (tbuf_view_select (view, 2, 0, &error), error, TBUF_ERROR_RANGE, "There is no axis 2: the view has 2");
  assert_fails (tbuf_view_select (single, 0, 0, &error), error, TBUF_ERROR_RANGE, "There is no axis 0: the view has 0");
}

static void
test_reshapes_what_is_contiguous (void)
{
  g_autoptr (TbufArena) arena = new_arena (48);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (12), NULL, 1);
  g_autoptr (TbufView) cube = NULL;
  g_autoptr (TbufView) transposed = NULL;
  g_autoptr (GError) error = NULL;

  fill_int32 (arena, 12);
  cube = tbuf_view_reshape (view, SHAPE (2, 3, 2), 3, &error);
  g_assert_no_error (error);
  assert_shape (cube, 2, 3, 2);
  assert_strides (cube, 24, 8, 4);
  assert_int32s (cube, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);

  assert_fails (tbuf_view_reshape (view, SHAPE (5, 2), 2, &error), error, TBUF_ERROR_RANGE,
                "Shape (5, 2) has 10 items, but the view, of shape (12), has 12");
  assert_fails (tbuf_view_reshape (view, SHAPE (G_MAXSIZE, G_MAXSIZE), 2, &error), error, TBUF_ERROR_RANGE, "*larger*");
  assert_fails (tbuf_view_reshape (view, NULL, 2, &error), error, TBUF_ERROR_INVALID, "*needs a shape");
  assert_fails (tbuf_view_reshape (view, SHAPE (12), 33, &error), error, TBUF_ERROR_INVALID, "*33 dimensions*");

  transposed = tbuf_view_transpose (cube);
  assert_fails (tbuf_view_reshape (transposed, SHAPE (12), 1, &error), error, TBUF_ERROR_NOT_CONTIGUOUS, "Only a view*");
}

static void
test_transposes (void)
{
  g_autoptr (TbufArena) arena = new_arena (48);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (2, 3), NULL, 2);
  g_autoptr (TbufView) transposed = tbuf_view_transpose (view);
  g_autoptr (TbufView) back = tbuf_view_transpose (transposed);
  g_autoptr (GError) error = NULL;
  gsize n_items;

  fill_int32 (arena, 12);
  assert_shape (transposed, 3, 2);
  assert_strides (transposed, 4, 12);
  assert_int32s (transposed, 0, 3, 1, 4, 2, 5);
  g_assert_false (tbuf_view_is_contiguous (transposed));
  assert_fails (tbuf_int32_view_peek_array (TBUF_INT32_VIEW (transposed), &n_items, &error), error,
                TBUF_ERROR_NOT_CONTIGUOUS, "*one after another*");

  g_assert_true (tbuf_view_is_contiguous (back));
  assert_int32s (back, 0, 1, 2, 3, 4, 5);

  /* Writing through it reaches the same items, from the middle of a row on. */
  g_assert_true (tbuf_int32_view_write (TBUF_INT32_VIEW (transposed), 1, (const gint32[]) { -3, -1, -4 }, 3, &error));
  assert_int32s (view, 0, -1, 2, -3, -4, 5);
}

/* The question's own program: one buffer of 10 bytes, seen as int8, int16 and int32. */
static void
test_sees_the_same_bytes_as_other_dtypes (void)
{
  g_autoptr (TbufArena) arena = new_arena (10);
  g_autoptr (TbufInt8View) bytes = tbuf_int8_view_new (arena, 0, 10, NULL);
  g_autoptr (TbufView) words = NULL;
  g_autoptr (TbufView) first = NULL;
  g_autoptr (TbufView) ints = NULL;
  g_autoptr (TbufView) three = NULL;
  g_autoptr (TbufView) two = NULL;
  g_autoptr (TbufView) two_as_word = NULL;
  g_autoptr (GError) error = NULL;

  words = tbuf_view_cast (TBUF_VIEW (bytes), TBUF_DTYPE_INT16, TBUF_BYTE_ORDER_LITTLE, &error);
  g_assert_no_error (error);
  assert_shape (words, 5);
  for (guint i = 0; i < 5; i++)
    g_assert_true (tbuf_int16_view_set_item (TBUF_INT16_VIEW (words), i, i, &error));
  g_assert_cmpmem (get_memory (arena), 10, ((const guint8[]) { 0, 0, 1, 0, 2, 0, 3, 0, 4, 0 }), 10);

  first = tbuf_view_slice (TBUF_VIEW (bytes), 0, 0, 8, 1, &error);
  ints = tbuf_view_cast (first, TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_LITTLE, &error);
  g_assert_no_error (error);
  g_assert_cmpint (tbuf_int32_view_at (TBUF_INT32_VIEW (ints), 0) + tbuf_int32_view_at (TBUF_INT32_VIEW (ints), 1), ==, 262146);

  three = tbuf_view_slice (TBUF_VIEW (bytes), 0, 0, 3, 1, NULL);
  assert_fails (tbuf_view_cast (three, TBUF_DTYPE_INT16, 0, &error), error, TBUF_ERROR_RANGE,
                "3 bytes (3 items of int8) are not a whole number of int16 items, which have 2 bytes: take 2 or 4 bytes");
  two = tbuf_view_slice (TBUF_VIEW (bytes), 0, 0, 2, 1, NULL);
  two_as_word = tbuf_view_cast (two, TBUF_DTYPE_INT16, 0, &error);
  g_assert_no_error (error);
  assert_shape (two_as_word, 1);
}

static void
test_casts_by_numpys_rules (void)
{
  g_autoptr (TbufArena) arena = new_arena (96);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (4, 6), NULL, 2);
  g_autoptr (TbufView) every_other_row = tbuf_view_slice (view, 0, G_MAXSSIZE, G_MINSSIZE, -2, NULL);
  g_autoptr (TbufView) every_other_column = tbuf_view_slice (view, 1, 0, 6, 2, NULL);
  g_autoptr (TbufView) one_column = tbuf_view_slice (view, 1, 3, 4, 1, NULL);
  g_autoptr (TbufView) shorter = NULL;
  g_autoptr (TbufView) longer = NULL;
  g_autoptr (TbufView) same_size = NULL;
  g_autoptr (TbufView) bytes = NULL;
  g_autoptr (GError) error = NULL;

  shorter = tbuf_view_cast (every_other_row, TBUF_DTYPE_INT16, 0, &error);
  g_assert_no_error (error);
  assert_shape (shorter, 2, 12);
  assert_strides (shorter, -48, 2);

  longer = tbuf_view_cast (every_other_row, TBUF_DTYPE_COMPLEX64, 0, &error);
  g_assert_no_error (error);
  assert_shape (longer, 2, 3);
  assert_strides (longer, -48, 8);

  same_size = tbuf_view_cast (every_other_column, TBUF_DTYPE_FLOAT32, OTHER, &error);
  g_assert_no_error (error);
  g_assert_true (TBUF_IS_FLOAT32_VIEW (same_size));
  assert_strides (same_size, 24, 8);
  g_assert_cmpuint (tbuf_view_get_byte_order (same_size), ==, OTHER);

  assert_fails (tbuf_view_cast (every_other_column, TBUF_DTYPE_INT16, 0, &error), error, TBUF_ERROR_NOT_CONTIGUOUS, "*its stride is 8");
  assert_fails (tbuf_view_cast (one_column, TBUF_DTYPE_INT64, 0, &error), error, TBUF_ERROR_RANGE, "4 bytes (1 items of int32)*");
  assert_fails (tbuf_view_cast (one_column, 99, 0, &error), error, TBUF_ERROR_DTYPE, "99 is no dtype*");
  assert_fails (tbuf_view_cast (one_column, TBUF_DTYPE_INT8, 99, &error), error, TBUF_ERROR_INVALID, "99 is no byte order*");

  /* One item has no gaps, however far it would be to the next. */
  bytes = tbuf_view_cast (one_column, TBUF_DTYPE_UINT8, 0, &error);
  g_assert_no_error (error);
  assert_shape (bytes, 4, 4);
  assert_strides (bytes, 24, 1);
}

static void
test_casts_only_to_aligned_items (void)
{
  g_autoptr (TbufArena) arena = new_arena (16);
  g_autoptr (TbufView) bytes = new_view (arena, TBUF_DTYPE_INT8, 1, SHAPE (8), NULL, 1);
  g_autoptr (TbufView) rows = new_view (arena, TBUF_DTYPE_INT8, 0, SHAPE (2, 4), STRIDES (5, 1), 2);
  g_autoptr (GError) error = NULL;

  assert_fails (tbuf_view_cast (bytes, TBUF_DTYPE_INT16, 0, &error), error, TBUF_ERROR_ALIGNMENT, "Offset 1 *");
  assert_fails (tbuf_view_cast (rows, TBUF_DTYPE_INT16, 0, &error), error, TBUF_ERROR_ALIGNMENT, "The stride 5 of axis 0*");
}

static void
test_honours_byte_order (void)
{
  g_autoptr (TbufArena) arena = new_arena (16);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (4), NULL, 1);
  g_autoptr (TbufView) swapped = NULL;
  g_autoptr (TbufView) bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize n_items;

  fill_int32 (arena, 4);
  swapped = tbuf_view_cast (view, TBUF_DTYPE_INT32, OTHER, &error);
  g_assert_no_error (error);
  assert_int32s (swapped, 0, 1 << 24, 2 << 24, 3 << 24);
  assert_fails (tbuf_int32_view_peek_array (TBUF_INT32_VIEW (swapped), &n_items, &error), error, TBUF_ERROR_NOT_NATIVE, "*endian*");

  g_assert_true (tbuf_int32_view_set_item (TBUF_INT32_VIEW (swapped), 1, 7, &error));
  g_assert_true (tbuf_int32_view_write (TBUF_INT32_VIEW (swapped), 2, (const gint32[]) { 8, 9 }, 2, &error));
  assert_int32s (swapped, 0, 7, 8, 9);
  assert_int32s (view, 0, 7 << 24, 8 << 24, 9 << 24);
  g_assert_true (tbuf_int32_view_fill (TBUF_INT32_VIEW (swapped), 1, &error));
  assert_int32s (view, 1 << 24, 1 << 24, 1 << 24, 1 << 24);

  /* A single byte has no order. */
  bytes = tbuf_view_cast (view, TBUF_DTYPE_INT8, OTHER, &error);
  g_assert_cmpuint (tbuf_view_get_byte_order (bytes), ==, MACHINE);
}

static void
test_copies_and_converts (void)
{
  g_autoptr (TbufArena) arena = new_arena (48);
  g_autoptr (TbufArena) other_arena = new_arena (48);
  g_autoptr (TbufView) ints = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (2, 3), NULL, 2);
  g_autoptr (TbufView) backwards = new_view (other_arena, TBUF_DTYPE_FLOAT64, 40, SHAPE (2, 3), STRIDES (-24, -8), 2);
  g_autoptr (TbufView) swapped = NULL;
  g_autoptr (GError) error = NULL;
  double *doubles = get_memory (other_arena);

  fill_int32 (arena, 6);
  g_assert_true (tbuf_view_copy_from (backwards, ints, &error));
  for (guint i = 0; i < 6; i++)
    g_assert_cmpfloat (doubles[i], ==, 5 - i);

  doubles[0] = -1e300;
  doubles[5] = 2.9;
  swapped = tbuf_view_cast (ints, TBUF_DTYPE_INT32, OTHER, &error);
  g_assert_true (tbuf_view_copy_from (swapped, backwards, &error));
  assert_int32s (swapped, 2, 1, 2, 3, 4, G_MININT32);
}

static void
test_copies_only_between_equal_shapes (void)
{
  g_autoptr (TbufArena) arena = new_arena (48);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (2, 3), NULL, 2);
  g_autoptr (TbufView) flat = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (6), NULL, 1);
  g_autoptr (TbufView) transposed = tbuf_view_transpose (view);
  g_autoptr (GError) error = NULL;

  assert_fails (tbuf_view_copy_from (view, flat, &error), error, TBUF_ERROR_RANGE,
                "Items of shape (6) cannot be copied to a view of shape (2, 3): the shapes must be the same");
  assert_fails (tbuf_view_copy_from (view, transposed, &error), error, TBUF_ERROR_RANGE, "*(3, 2)*(2, 3)*");
}

static void
test_copies_where_memory_overlaps (void)
{
  g_autoptr (TbufArena) arena = new_arena (80);
  g_autoptr (TbufView) view = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (20), NULL, 1);
  g_autoptr (GError) error = NULL;

  /* Rows of any two strides and dtypes, over the same memory, against a copy made in between by hand. */
  for (gssize start = 0; start < 8; start++)
    for (gssize step = -2; step <= 2; step++)
      for (gssize other_step = -2; other_step <= 2; other_step++)
        {
          const gssize first = start + (step < 0 ? 5 * -step : 0);
          const gssize other_first = other_step < 0 ? 5 * -other_step : 0;
          g_autoptr (TbufView) rest = NULL;
          g_autoptr (TbufView) slice = NULL;
          g_autoptr (TbufView) other = NULL;
          g_autoptr (TbufView) as_float = NULL;
          gint32 *items = get_memory (arena);
          gint32 expected[20];

          if (step == 0 || other_step == 0)
            continue;

          rest = tbuf_view_slice (view, 0, first, step > 0 ? G_MAXSSIZE : G_MINSSIZE, step, NULL);
          slice = tbuf_view_slice (rest, 0, 0, 6, 1, NULL);
          other = tbuf_view_slice (view, 0, other_first, other_step > 0 ? 6 * other_step : G_MINSSIZE, other_step, NULL);
          g_assert_cmpuint (tbuf_view_get_n_items (slice), ==, 6);
          g_assert_cmpuint (tbuf_view_get_n_items (other), ==, 6);

          fill_int32 (arena, 20);
          memcpy (expected, items, sizeof expected);
          for (guint i = 0; i < 6; i++)
            expected[first + (gssize) i * step] = tbuf_int32_view_at (TBUF_INT32_VIEW (other), i);
          g_assert_true (tbuf_view_copy_from (slice, other, &error));
          g_assert_cmpmem (items, sizeof expected, expected, sizeof expected);

          fill_int32 (arena, 20);
          as_float = tbuf_view_cast (slice, TBUF_DTYPE_FLOAT32, 0, NULL);
          g_assert_true (tbuf_view_copy_from (as_float, other, &error));
          for (guint i = 0; i < 6; i++)
            g_assert_cmpfloat (tbuf_float32_view_at (TBUF_FLOAT32_VIEW (as_float), i), ==,
                               other_first + (gssize) i * other_step);
        }
}

static void
test_copies_onto_itself (void)
{
  g_autoptr (TbufArena) arena = new_arena (4000);
  g_autoptr (TbufView) ints = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (1000), NULL, 1);
  g_autoptr (TbufView) floats = new_view (arena, TBUF_DTYPE_FLOAT32, 0, SHAPE (1000), NULL, 1);
  g_autoptr (TbufView) square = new_view (arena, TBUF_DTYPE_INT32, 0, SHAPE (30, 30), NULL, 2);
  g_autoptr (TbufView) transposed = tbuf_view_transpose (square);
  g_autoptr (TbufView) halves = new_view (arena, TBUF_DTYPE_INT16, 1000, SHAPE (1000), NULL, 1);
  g_autoptr (GError) error = NULL;
  gint32 *items = get_memory (arena);

  fill_int32 (arena, 1000);
  g_assert_true (tbuf_view_copy_from (ints, ints, &error));
  g_assert_cmpint (items[999], ==, 999);

  /* In place, to another dtype of the same size. */
  g_assert_true (tbuf_view_copy_from (floats, ints, &error));
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpfloat (((gfloat *) items)[i], ==, i);

  /* A matrix is transposed in place. */
  fill_int32 (arena, 1000);
  g_assert_true (tbuf_view_copy_from (square, transposed, &error));
  for (guint row = 0; row < 30; row++)
    for (guint column = 0; column < 30; column++)
      g_assert_cmpint (items[row * 30 + column], ==, column * 30 + row);

  /* To smaller items that lie amid the larger ones. */
  fill_int32 (arena, 1000);
  g_assert_true (tbuf_view_copy_from (halves, ints, &error));
  for (guint i = 0; i < 1000; i++)
    g_assert_cmpint (((gint16 *) items)[500 + i], ==, i);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/view/slices-as-python-does", test_slices_as_python_does);
  g_test_add_func ("/tbuf/view/slices-with-extreme-steps", test_slices_with_extreme_steps);
  g_test_add_func ("/tbuf/view/slices-each-axis", test_slices_each_axis);
  g_test_add_func ("/tbuf/view/selects-along-each-axis", test_selects_along_each_axis);
  g_test_add_func ("/tbuf/view/reshapes-what-is-contiguous", test_reshapes_what_is_contiguous);
  g_test_add_func ("/tbuf/view/transposes", test_transposes);
  g_test_add_func ("/tbuf/view/sees-the-same-bytes-as-other-dtypes", test_sees_the_same_bytes_as_other_dtypes);
  g_test_add_func ("/tbuf/view/casts-by-numpys-rules", test_casts_by_numpys_rules);
  g_test_add_func ("/tbuf/view/casts-only-to-aligned-items", test_casts_only_to_aligned_items);
  g_test_add_func ("/tbuf/view/honours-byte-order", test_honours_byte_order);
  g_test_add_func ("/tbuf/view/copies-and-converts", test_copies_and_converts);
  g_test_add_func ("/tbuf/view/copies-only-between-equal-shapes", test_copies_only_between_equal_shapes);
  g_test_add_func ("/tbuf/view/copies-where-memory-overlaps", test_copies_where_memory_overlaps);
  g_test_add_func ("/tbuf/view/copies-onto-itself", test_copies_onto_itself);

  return g_test_run ();
}
