/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-leaves.h"

/* The byte of a bool may have been written by anybody. */
static void
test_reads_any_byte_as_true (void)
{
  g_autoptr (TbufArena) arena = tbuf_arena_new (4, NULL);
  g_autoptr (TbufBoolView) view = tbuf_bool_view_new (arena, 0, 4, NULL);
  guint8 *bytes = GSIZE_TO_POINTER (tbuf_region_get_address (TBUF_REGION (arena)));
  g_autofree guint8 *copy = NULL;
  gsize n_items;

  bytes[1] = 2;
  bytes[2] = 255;
  g_assert_cmpint (tbuf_bool_view_at (view, 0), ==, FALSE);
  g_assert_cmpint (tbuf_bool_view_at (view, 1), ==, TRUE);
  copy = tbuf_bool_view_dup_array (view, &n_items, NULL);
  g_assert_cmpmem (copy, n_items, ((const guint8[]) { 0, 1, 1, 0 }), 4);
}

static void
test_writes_bools_as_zero_and_one (void)
{
  g_autoptr (TbufArena) arena = tbuf_arena_new (4, NULL);
  g_autoptr (TbufBoolView) view = tbuf_bool_view_new (arena, 0, 4, NULL);
  const guint8 *bytes = GSIZE_TO_POINTER (tbuf_region_get_address (TBUF_REGION (arena)));

  g_assert_true (tbuf_bool_view_set_item (view, 0, 512, NULL));
  g_assert_true (tbuf_bool_view_write (view, 1, (const guint8[]) { 7, 0, 128 }, 3, NULL));
  g_assert_cmpmem (bytes, 4, ((const guint8[]) { 1, 1, 0, 1 }), 4);
  g_assert_true (tbuf_bool_view_fill (view, -1, NULL));
  g_assert_cmpmem (bytes, 4, ((const guint8[]) { 1, 1, 1, 1 }), 4);
}

static void
test_passes_halves_as_floats (void)
{
  g_autoptr (TbufArena) arena = tbuf_arena_new (8, NULL);
  g_autoptr (TbufFloat16View) view = tbuf_float16_view_new (arena, 0, 4, NULL);
  guint16 *bits;
  gsize n_items;

  bits = tbuf_float16_view_peek_array (view, &n_items, NULL);
  tbuf_float16_view_put (view, 0, 1.0f);
  tbuf_float16_view_put (view, 1, -2.5f);
  tbuf_float16_view_put (view, 2, 1e9f);
  tbuf_float16_view_put (view, 3, 0.1f);
  g_assert_cmphex (bits[0], ==, 0x3c00);
  g_assert_cmphex (bits[1], ==, 0xc100);
  g_assert_cmphex (bits[2], ==, 0x7c00);
  g_assert_cmphex (bits[3], ==, 0x2e66);
  g_assert_cmpfloat (tbuf_float16_view_at (view, 3), ==, 0.0999755859375f);
}

static void
test_has_no_class_for_no_dtype (void)
{
  g_assert_true (tbuf_dtype_get_view_type (14) == G_TYPE_INVALID);
  g_assert_true (tbuf_dtype_get_view_type (-1) == G_TYPE_INVALID);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_leaf_tests ();
  g_test_add_func ("/tbuf/bool-view/reads-any-byte-as-true", test_reads_any_byte_as_true);
  g_test_add_func ("/tbuf/bool-view/writes-bools-as-zero-and-one", test_writes_bools_as_zero_and_one);
  g_test_add_func ("/tbuf/float16-view/passes-halves-as-floats", test_passes_halves_as_floats);
  g_test_add_func ("/tbuf/dtype/has-no-class-for-no-dtype", test_has_no_class_for_no_dtype);

  return g_test_run ();
}
