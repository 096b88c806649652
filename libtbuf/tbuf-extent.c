/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-extent-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * No sum or product is formed before it is known to fit: a size is compared to
 * what is left of the arena, not added to an offset.
 */

/*< private >
 * tbuf_print_shape:
 * @shape: the lengths of axes
 * @n_dims: how many there are
 *
 * Prints a shape for a message, as in "(3, 4)".
 */
char *
tbuf_print_shape (const gsize *shape,
                  guint        n_dims)
{
  GString *string = g_string_new ("(");

  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (string, "%s%" G_GSIZE_FORMAT, i > 0 ? ", " : "", shape[i]);

  g_string_append_c (string, ')');
  return g_string_free (string, FALSE);
}

static gsize
get_magnitude (gssize stride)
{
  return stride < 0 ? (gsize) 0 - (gsize) stride : (gsize) stride;
}

static gboolean
check_spec (const TbufViewSpec  *spec,
            GError             **error)
{
  if (tbuf_dtype_get_info (spec->dtype) == NULL)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE, "%d is no dtype: they are 0 to %d", (int) spec->dtype, TBUF_N_DTYPES - 1);
  else if ((guint) spec->byte_order > TBUF_BYTE_ORDER_BIG)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "%d is no byte order: they are native (0), little (1) and big (2)",
                 (int) spec->byte_order);
  else if ((spec->flags & ~TBUF_VIEW_UNALIGNED) != 0)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "0x%x are no flags of a view: the only one is 0x%x, for unaligned items",
                 (guint) spec->flags, (guint) TBUF_VIEW_UNALIGNED);
  else if (spec->n_dims > TBUF_VIEW_MAX_DIMS)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "A view cannot have %u dimensions: at most %d",
                 spec->n_dims, TBUF_VIEW_MAX_DIMS);
  else if (spec->n_dims > 0 && spec->shape == NULL)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "A view of %u dimensions needs a shape", spec->n_dims);
  else
    return TRUE;

  return FALSE;
}

/* The lengths of empty axes do not count, so that the strides of a view without
 * items make sense too. */
static gboolean
count_items (const TbufViewSpec   *spec,
             const TbufDtypeInfo  *info,
             TbufExtent           *extent,
             GError              **error)
{
  g_autofree char *shape = NULL;
  gsize n_bytes = info->size;
  gboolean has_items = TRUE;

  for (guint i = spec->n_dims; i-- > 0;)
    {
      extent->strides[i] = spec->strides != NULL ? spec->strides[i] : (gssize) n_bytes;

      if (spec->shape[i] == 0)
        has_items = FALSE;
      else if (!g_size_checked_mul (&n_bytes, n_bytes, spec->shape[i]) || n_bytes > G_MAXSSIZE)
        goto too_many;
    }

  extent->n_items = has_items ? n_bytes / info->size : 0;
  return TRUE;

too_many:
  shape = tbuf_print_shape (spec->shape, spec->n_dims);
  g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
               "A view of %s of shape %s would be larger than any memory, which is %" G_GSSIZE_FORMAT " bytes at most",
               info->name, shape, G_MAXSSIZE);
  return FALSE;
}

static gboolean
measure_items (const TbufViewSpec   *spec,
               const TbufDtypeInfo  *info,
               TbufExtent               *extent,
               GError              **error)
{
  gssize packed_stride = info->size;

  extent->below = 0;
  extent->above = 0;
  extent->contiguous = TRUE;
  extent->aligned = TRUE;

  if (extent->n_items == 0)
    return TRUE;

  extent->above = info->size;
  for (guint i = spec->n_dims; i-- > 0;)
    {
      gsize *reach = extent->strides[i] < 0 ? &extent->below : &extent->above;
      gsize distance;

      /* What a stride would lead to is nowhere, if there is but one item. */
      if (spec->shape[i] == 1)
        continue;

      if (!g_size_checked_mul (&distance, spec->shape[i] - 1, get_magnitude (extent->strides[i])) ||
          !g_size_checked_add (reach, *reach, distance))
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                       "%" G_GSIZE_FORMAT " items with a stride of %" G_GSSIZE_FORMAT
                       " bytes (axis %u) would reach further than any memory", spec->shape[i], extent->strides[i], i);
          return FALSE;
        }

      if (extent->strides[i] != packed_stride)
        extent->contiguous = FALSE;
      packed_stride *= (gssize) spec->shape[i];

      if (get_magnitude (extent->strides[i]) % info->alignment != 0)
        {
          extent->aligned = FALSE;
          if ((spec->flags & TBUF_VIEW_UNALIGNED) == 0)
            {
              g_set_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT,
                           "The stride %" G_GSSIZE_FORMAT " of axis %u is not a multiple of %u, the alignment of %s:"
                           " ask for an unaligned view if it is meant",
                           extent->strides[i], i, info->alignment, info->name);
              return FALSE;
            }
        }
    }

  return TRUE;
}

static gboolean
check_alignment (const TbufViewSpec   *spec,
                 const TbufDtypeInfo  *info,
                 TbufExtent               *extent,
                 GError              **error)
{
  gsize rest = spec->offset % info->alignment;

  if (rest == 0)
    return TRUE;

  extent->aligned = FALSE;
  if ((spec->flags & TBUF_VIEW_UNALIGNED) != 0)
    return TRUE;

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT,
               "Offset %" G_GSIZE_FORMAT " is not a multiple of %u, the alignment of %s: the one below is %" G_GSIZE_FORMAT
               "; ask for an unaligned view if it is meant",
               spec->offset, info->alignment, info->name, spec->offset - rest);
  return FALSE;
}

static gboolean
check_bounds (const TbufViewSpec   *spec,
              const TbufDtypeInfo  *info,
              const TbufExtent         *extent,
              gsize                 size,
              GError              **error)
{
  g_autofree char *shape = NULL;

  if (spec->offset <= size && extent->above <= size - spec->offset && extent->below <= spec->offset)
    return TRUE;

  shape = tbuf_print_shape (spec->shape, spec->n_dims);

  if (spec->offset > size)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                 "Offset %" G_GSIZE_FORMAT " is outside of the arena, which has %" G_GSIZE_FORMAT " bytes", spec->offset, size);
  else if (extent->below > spec->offset)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                 "%s items of shape %s reach %" G_GSIZE_FORMAT " bytes below the first, but there are only %" G_GSIZE_FORMAT
                 " below offset %" G_GSIZE_FORMAT, info->name, shape, extent->below, spec->offset, spec->offset);
  else if (spec->n_dims == 1 && extent->contiguous)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                 "%" G_GSIZE_FORMAT " %s items from offset %" G_GSIZE_FORMAT " on need %" G_GSIZE_FORMAT
                 " bytes, but the arena has %" G_GSIZE_FORMAT " there: at most %" G_GSIZE_FORMAT " fit",
                 spec->shape[0], info->name, spec->offset, extent->above, size - spec->offset,
                 (size - spec->offset) / info->size);
  else
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                 "%s items of shape %s from offset %" G_GSIZE_FORMAT " on need %" G_GSIZE_FORMAT
                 " bytes, but the arena has %" G_GSIZE_FORMAT " there",
                 info->name, shape, spec->offset, extent->above, size - spec->offset);
  return FALSE;
}

/*< private >
 * tbuf_extent_init:
 * @self: an extent
 * @spec: what a view is to be; nothing in it is trusted
 * @size: the size of the arena
 * @error: where to put an error
 *
 * Finds out which bytes a view covers, and checks that it may.
 */
gboolean
tbuf_extent_init (TbufExtent          *self,
                  const TbufViewSpec  *spec,
                  gsize                size,
                  GError             **error)
{
  const TbufDtypeInfo *info;

  if (!check_spec (spec, error))
    return FALSE;

  info = tbuf_dtype_get_info (spec->dtype);
  return count_items (spec, info, self, error) &&
         measure_items (spec, info, self, error) &&
         check_alignment (spec, info, self, error) &&
         check_bounds (spec, info, self, size, error);
}

/*< private >
 * tbuf_count_items:
 * @dtype: the dtype of the items
 * @shape: the lengths of axes
 * @n_dims: how many there are
 * @n_items: (out): where to put the number of items
 * @error: where to put an error
 *
 * Checks a shape, and counts its items.
 */
gboolean
tbuf_count_items (TbufDtype     dtype,
                  const gsize  *shape,
                  guint         n_dims,
                  gsize        *n_items,
                  GError      **error)
{
  const TbufViewSpec spec = { .dtype = dtype, .shape = shape, .n_dims = n_dims };
  TbufExtent extent;

  if (!check_spec (&spec, error) || !count_items (&spec, tbuf_dtype_get_info (dtype), &extent, error))
    return FALSE;

  *n_items = extent.n_items;
  return TRUE;
}
