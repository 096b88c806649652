/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "tbuf-error.h"
#include "tbuf-layout-private.h"

static TbufLayout *
new_planned (void)
{
  TbufLayout *layout = tbuf_layout_new ();
  g_autoptr (GError) error = NULL;
  gsize shape[] = { 3, 5 };

  tbuf_layout_add_phase (layout, "one", &error);
  g_assert_no_error (error);
  tbuf_layout_add_phase (layout, "two", &error);
  g_assert_no_error (error);
  tbuf_layout_add_array (layout, "A", TBUF_DTYPE_FLOAT32, shape, 2, "one", "one", &error);
  g_assert_no_error (error);
  tbuf_layout_add_array (layout, "B", TBUF_DTYPE_INT64, shape, 1, NULL, NULL, &error);
  g_assert_no_error (error);
  tbuf_layout_set_byte_order (layout, "A", TBUF_BYTE_ORDER_BIG, &error);
  g_assert_no_error (error);
  tbuf_layout_plan (layout, -1, NULL, &error);
  g_assert_no_error (error);

  return layout;
}

static void
test_finds_arrays_and_phases (void)
{
  g_autoptr (TbufLayout) layout = new_planned ();
  g_autofree char *shape = NULL;
  const TbufArray *a, *b;
  guint index = 99;

  a = tbuf_layout_find_array (layout, "A");
  b = tbuf_layout_find_array (layout, "B");
  g_assert_cmpstr (a->name, ==, "A");
  g_assert_cmpint (a->dtype, ==, TBUF_DTYPE_FLOAT32);
  g_assert_cmpint (a->byte_order, ==, TBUF_BYTE_ORDER_BIG);
  g_assert_cmpuint (a->n_dims, ==, 2);
  g_assert_cmpuint (a->shape[0], ==, 3);
  g_assert_cmpuint (a->shape[1], ==, 5);
  g_assert_cmpuint (a->n_bytes, ==, 60);
  g_assert_cmpuint (a->first_phase, ==, 0);
  g_assert_cmpuint (a->last_phase, ==, 0);
  g_assert_cmpint (b->byte_order, !=, TBUF_BYTE_ORDER_NATIVE);
  g_assert_cmpuint (b->first_phase, ==, G_MAXUINT);
  g_assert_cmpuint (b->last_phase, ==, G_MAXUINT);
  g_assert_cmpuint (b->n_bytes, ==, 24);
  g_assert_null (tbuf_layout_find_array (layout, "one"));

  shape = tbuf_array_describe_shape (a);
  g_assert_cmpstr (shape, ==, "(3, 5)");

  g_assert_true (tbuf_layout_find_phase (layout, "two", &index));
  g_assert_cmpuint (index, ==, 1);
  g_assert_false (tbuf_layout_find_phase (layout, "A", &index));
  g_assert_cmpuint (index, ==, 1);
  g_assert_cmpuint (tbuf_layout_get_n_phases (layout), ==, 2);
  g_assert_cmpstr (tbuf_layout_get_phase_name (layout, 0), ==, "one");
  g_assert_cmpstr (tbuf_layout_get_phase_name (layout, 1), ==, "two");
  g_assert_null (tbuf_layout_get_phase_name (layout, 2));
}

static void
test_round_trip (void)
{
  g_autoptr (TbufLayout) layout = new_planned ();
  g_autoptr (GBytes) bytes = tbuf_layout_to_bytes (layout);
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufLayout) copy = tbuf_layout_new_from_bytes (bytes, &error);
  g_autoptr (GBytes) again = NULL;

  g_assert_no_error (error);
  again = tbuf_layout_to_bytes (copy);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                   g_bytes_get_data (again, NULL), g_bytes_get_size (again));
}

static void
test_little_endian_on_every_machine (void)
{
  g_autoptr (TbufLayout) layout = new_planned ();
  g_autoptr (GBytes) bytes = tbuf_layout_to_bytes (layout);
  const guint8 version_planned_size[] = { 1, 0, 0, 0,  1, 0, 0, 0,  88, 0, 0, 0, 0, 0, 0, 0 };

  /* A has 60 bytes, B starts at the next multiple of 64 and has 24. */
  g_assert_cmpuint (tbuf_layout_get_size (layout), ==, 88);
  g_assert_cmpuint (g_bytes_get_size (bytes), >, sizeof version_planned_size);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), sizeof version_planned_size,
                   version_planned_size, sizeof version_planned_size);
}

static void
test_unaligned_bytes_are_read (void)
{
  g_autoptr (TbufLayout) layout = new_planned ();
  g_autoptr (GBytes) bytes = tbuf_layout_to_bytes (layout);
  gsize size = g_bytes_get_size (bytes);
  g_autofree guint8 *shifted = g_malloc (size + 1);
  g_autoptr (GBytes) unaligned = NULL;
  g_autoptr (TbufLayout) copy = NULL;
  g_autoptr (GError) error = NULL;

  memcpy (shifted + 1, g_bytes_get_data (bytes, NULL), size);
  unaligned = g_bytes_new_static (shifted + 1, size);
  copy = tbuf_layout_new_from_bytes (unaligned, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_layout_get_size (copy), ==, tbuf_layout_get_size (layout));
}

static void
test_what_was_read_is_private (void)
{
  g_autoptr (TbufLayout) layout = new_planned ();
  g_autoptr (GBytes) bytes = tbuf_layout_to_bytes (layout);
  gsize size = g_bytes_get_size (bytes);
  g_autofree guint8 *shared = g_memdup2 (g_bytes_get_data (bytes, NULL), size);
  g_autoptr (GBytes) view = g_bytes_new_static (shared, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufLayout) copy = tbuf_layout_new_from_bytes (view, &error);
  g_autoptr (GVariant) before = tbuf_layout_to_variant (layout);
  g_autoptr (GVariant) after = NULL;

  g_assert_no_error (error);
  memset (shared, 0xff, size);
  after = tbuf_layout_to_variant (copy);
  g_assert_cmpvariant (before, after);
}

static void
test_no_bytes_are_refused (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new (NULL, 0);
  g_autoptr (GError) error = NULL;

  g_assert_null (tbuf_layout_new_from_bytes (bytes, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT);
}

static void
test_unplanned_layouts_are_refused (void)
{
  g_autoptr (TbufLayout) layout = tbuf_layout_new ();
  g_autoptr (TbufLayout) copy = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  tbuf_layout_add_array (layout, "A", TBUF_DTYPE_INT8, (gsize[]) { 100 }, 1, NULL, NULL, &error);
  g_assert_no_error (error);
  bytes = tbuf_layout_to_bytes (layout);
  copy = tbuf_layout_new_from_bytes (bytes, &error);
  g_assert_null (copy);
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/layout/stored/finds-arrays-and-phases", test_finds_arrays_and_phases);
  g_test_add_func ("/tbuf/layout/stored/round-trip", test_round_trip);
  g_test_add_func ("/tbuf/layout/stored/little-endian-on-every-machine", test_little_endian_on_every_machine);
  g_test_add_func ("/tbuf/layout/stored/unaligned-bytes-are-read", test_unaligned_bytes_are_read);
  g_test_add_func ("/tbuf/layout/stored/what-was-read-is-private", test_what_was_read_is_private);
  g_test_add_func ("/tbuf/layout/stored/no-bytes-are-refused", test_no_bytes_are_refused);
  g_test_add_func ("/tbuf/layout/stored/unplanned-layouts-are-refused", test_unplanned_layouts_are_refused);

  return g_test_run ();
}
