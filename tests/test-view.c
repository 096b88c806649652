/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <tbuf.h>

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
# define MACHINE TBUF_BYTE_ORDER_LITTLE
# define OTHER   TBUF_BYTE_ORDER_BIG
#else
# define MACHINE TBUF_BYTE_ORDER_BIG
# define OTHER   TBUF_BYTE_ORDER_LITTLE
#endif

#define SHAPE(...)   ((const gsize[]) { __VA_ARGS__ })
#define STRIDES(...) ((const gssize[]) { __VA_ARGS__ })

#define assert_fails(object, error, error_code, pattern)                             \
  G_STMT_START {                                                                     \
    g_assert_true (!(object));                                                       \
    g_assert_error (error, TBUF_ERROR, error_code);                                  \
    g_test_message ("%s", (error)->message);                                         \
    if (!g_pattern_match_simple (pattern, (error)->message))                         \
      g_error ("“%s” does not match “%s”", (error)->message, pattern);               \
    g_clear_error (&(error));                                                        \
  } G_STMT_END

static TbufArena *
new_arena (gsize size)
{
  g_autoptr (GError) error = NULL;
  TbufArena *arena = tbuf_arena_new (size, &error);

  g_assert_no_error (error);
  return arena;
}

static TbufView *
new_view (TbufArena    *arena,
          TbufDtype     dtype,
          gsize         offset,
          const gsize  *shape,
          const gssize *strides,
          guint         n_dims)
{
  g_autoptr (GError) error = NULL;
  TbufView *view = tbuf_arena_create_view_full (arena, dtype, TBUF_BYTE_ORDER_NATIVE, offset, shape, strides, n_dims,
                                                TBUF_VIEW_NONE, &error);

  g_assert_no_error (error);
  return view;
}

static gpointer
get_memory (TbufArena *arena)
{
  return GSIZE_TO_POINTER (tbuf_region_get_address (TBUF_REGION (arena)));
}

static void
fill_int32 (TbufArena *arena,
            guint      n_items)
{
  gint32 *items = get_memory (arena);

  for (guint i = 0; i < n_items; i++)
    items[i] = i;
}

/* The items of a view of int32, in C order. */
#define assert_int32s(view, ...)                                                              \
  G_STMT_START {                                                                              \
    const gint32 right[] = { __VA_ARGS__ };                                                   \
    gsize n_got;                                                                              \
    g_autofree gint32 *got = tbuf_int32_view_dup_array (TBUF_INT32_VIEW (view), &n_got, NULL); \
    g_assert_nonnull (got);                                                                   \
    g_assert_cmpmem (got, n_got * sizeof *got, right, sizeof right);                          \
    for (gsize k = 0; k < n_got; k++)                                                         \
      g_assert_cmpint (tbuf_int32_view_at (TBUF_INT32_VIEW (view), k), ==, right[k]);         \
  } G_STMT_END

#define assert_shape(view, ...)                                                               \
  G_STMT_START {                                                                              \
    const gsize right[] = { __VA_ARGS__ };                                                    \
    guint n_dims;                                                                             \
    const gsize *got = tbuf_view_get_shape (view, &n_dims);                                   \
    g_assert_cmpuint (n_dims, ==, tbuf_view_get_n_dims (view));                               \
    g_assert_cmpmem (got, n_dims * sizeof *got, right, sizeof right);                         \
  } G_STMT_END

#define assert_strides(view, ...)                                                             \
  G_STMT_START {                                                                              \
    const gssize right[] = { __VA_ARGS__ };                                                   \
    guint n_dims;                                                                             \
    const gssize *got = tbuf_view_get_strides (view, &n_dims);                                \
    g_assert_cmpmem (got, n_dims * sizeof *got, right, sizeof right);                         \
  } G_STMT_END

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
  g_test_add_func ("/tbuf/view/outlives-its-arena", test_outlives_its_arena);

  return g_test_run ();
}
