/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tbuf.h>

#define LAYOUT_TYPE "(ubtasa(ssatuutt)ttaua(uu))"
#define ALWAYS G_MAXUINT32

static inline void
add_phase (TbufLayout *layout,
           const char *name)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_add_phase (layout, name, &error));
  g_assert_no_error (error);
}

static inline void
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

static inline void
plan (TbufLayout *layout)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_layout_plan (layout, -1, NULL, &error));
  g_assert_no_error (error);
}

static inline guint64
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
static inline TbufLayout *
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
static inline TbufLayout *
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
