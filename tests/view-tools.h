/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

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

static inline TbufArena *
new_arena (gsize size)
{
  g_autoptr (GError) error = NULL;
  TbufArena *arena = tbuf_arena_new (size, &error);

  g_assert_no_error (error);
  return arena;
}

static inline TbufView *
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

static inline gpointer
get_memory (TbufArena *arena)
{
  return GSIZE_TO_POINTER (tbuf_region_get_address (TBUF_REGION (arena)));
}

static inline void
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
