/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-items-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A view is walked in C order, the last axis fastest. Before a walk, axes of
 * one item are left out, and two axes that can be stepped through as one are
 * made one; so a contiguous view of any shape is a single row, and the rows
 * that tbuf_convert_items() gets are as long as they can be.
 */

typedef struct
{
  guint  n_dims;                           /* at least 1 */
  gsize  shape[TBUF_VIEW_MAX_DIMS];
  gssize strides[2][TBUF_VIEW_MAX_DIMS];   /* of one view, or of two of the same shape */
  gsize  index[TBUF_VIEW_MAX_DIMS];
} Walk;

static gboolean
axes_are_one (const gssize *strides,
              gssize        next_stride,
              gsize         next_length,
              guint         axis)
{
  return strides[axis] == next_stride * (gssize) next_length;
}

/* Neither view has zero items. */
static void
walk_init (Walk     *walk,
           TbufView *first,
           TbufView *second)
{
  walk->n_dims = 0;

  for (guint i = 0; i < first->n_dims; i++)
    {
      guint last = walk->n_dims - 1;

      if (first->shape[i] == 1)
        continue;

      if (walk->n_dims > 0 &&
          axes_are_one (walk->strides[0], first->strides[i], first->shape[i], last) &&
          axes_are_one (walk->strides[1], second->strides[i], first->shape[i], last))
        {
          walk->shape[last] *= first->shape[i];
        }
      else
        {
          last = walk->n_dims++;
          walk->shape[last] = first->shape[i];
        }
      walk->strides[0][last] = first->strides[i];
      walk->strides[1][last] = second->strides[i];
    }

  if (walk->n_dims == 0)
    {
      walk->n_dims = 1;
      walk->shape[0] = 1;
      walk->strides[0][0] = first->item_size;
      walk->strides[1][0] = second->item_size;
    }

  memset (walk->index, 0, sizeof walk->index);
}

static void
walk_seek (Walk  *walk,
           gsize  flat_index)
{
  for (guint i = walk->n_dims; i-- > 0;)
    {
      walk->index[i] = flat_index % walk->shape[i];
      flat_index /= walk->shape[i];
    }
}

static gssize
walk_get_offset (const Walk *walk,
                 guint       which)
{
  gssize offset = 0;

  for (guint i = 0; i < walk->n_dims; i++)
    offset += (gssize) walk->index[i] * walk->strides[which][i];

  return offset;
}

/* How many items there are to the end of the row. */
static gsize
walk_get_rest (const Walk *walk)
{
  return walk->shape[walk->n_dims - 1] - walk->index[walk->n_dims - 1];
}

static void
walk_next_row (Walk *walk)
{
  guint i = walk->n_dims - 1;

  walk->index[i] = 0;
  while (i-- > 0)
    {
      if (++walk->index[i] < walk->shape[i])
        return;
      walk->index[i] = 0;
    }
}

static TbufItems
get_row (TbufView *view,
         gssize    stride)
{
  return (TbufItems) { view->dtype, !view->is_native, stride };
}

typedef enum
{
  FROM_VIEW,
  TO_VIEW,
} Direction;

/* Between a range of items of a view and a row of @values. */
static void
transfer (TbufView        *view,
          gsize            first,
          gsize            n_items,
          guint8          *values,
          const TbufItems *values_row,
          Direction        direction)
{
  Walk walk;
  TbufItems row;

  if (n_items == 0)
    return;

  walk_init (&walk, view, view);
  walk_seek (&walk, first);
  row = get_row (view, walk.strides[0][walk.n_dims - 1]);

  while (n_items > 0)
    {
      gsize n = MIN (n_items, walk_get_rest (&walk));
      guint8 *items = view->items + walk_get_offset (&walk, 0);

      if (direction == TO_VIEW)
        tbuf_convert_items (items, &row, values, values_row, n);
      else
        tbuf_convert_items (values, values_row, items, &row, n);

      values += values_row->stride * (gssize) n;
      n_items -= n;
      walk_next_row (&walk);
    }
}

/*< private >
 * tbuf_items_locate:
 * @view: a view
 * @index: the flat index of an item, which is in range
 *
 * Gets where an item lies.
 */
guint8 *
tbuf_items_locate (TbufView *view,
                   gsize     index)
{
  guint8 *item = view->items;

  for (guint i = view->n_dims; i-- > 0 && index > 0;)
    {
      item += (gssize) (index % view->shape[i]) * view->strides[i];
      index /= view->shape[i];
    }

  return item;
}

/*< private >
 * tbuf_items_read:
 * @view: a view that may be read
 * @first: the flat index of the first item
 * @n_items: how many; all are in range
 * @values: where to put them, packed and in native byte order
 */
void
tbuf_items_read (TbufView *view,
                 gsize     first,
                 gsize     n_items,
                 gpointer  values)
{
  TbufItems row = { view->dtype, FALSE, view->item_size };

  transfer (view, first, n_items, values, &row, FROM_VIEW);
}

/*< private >
 * tbuf_items_write:
 * @view: a view that may be written
 * @first: the flat index of the first item
 * @n_items: how many; all are in range
 * @values: what to put there, packed and in native byte order
 */
void
tbuf_items_write (TbufView      *view,
                  gsize          first,
                  gsize          n_items,
                  gconstpointer  values)
{
  TbufItems row = { view->dtype, FALSE, view->item_size };

  transfer (view, first, n_items, (guint8 *) values, &row, TO_VIEW);
}

/*< private >
 * tbuf_items_fill:
 * @view: a view that may be written
 * @value: one item, in native byte order
 */
void
tbuf_items_fill (TbufView      *view,
                 gconstpointer  value)
{
  TbufItems row = { view->dtype, FALSE, 0 };

  transfer (view, 0, view->n_items, (guint8 *) value, &row, TO_VIEW);
}

/* Whether two mappings are of one file. */
static gboolean
are_of_one_file (TbufMapping *a,
                 TbufMapping *b)
{
  const TbufSuperblock *of_a = (gconstpointer) a->base;
  const TbufSuperblock *of_b = (gconstpointer) b->base;

  return memcmp (of_a->uuid, of_b->uuid, sizeof of_a->uuid) == 0;
}

/* Whether no item is written before it was read. */
static gboolean
walk_order_is_safe (TbufView *dest,
                    TbufView *src)
{
  TbufRegion *a = &dest->parent_instance;
  TbufRegion *b = &src->parent_instance;

  if (a->offset >= b->offset + b->n_bytes || b->offset >= a->offset + a->n_bytes)
    return TRUE;

  /* Two mappings of one file show the same bytes at two addresses, and an
   * address then says nothing about what comes first. */
  if (a->mapping != b->mapping)
    return !are_of_one_file (a->mapping, b->mapping);

  if (!dest->is_contiguous || !src->is_contiguous)
    return FALSE;

  /* memmove() knows which way to go. */
  if (dest->dtype == src->dtype && dest->dtype != TBUF_DTYPE_BOOL && dest->byte_order == src->byte_order)
    return TRUE;

  /* Each item is replaced by itself. */
  return dest->items == src->items && dest->item_size == src->item_size;
}

/*< private >
 * tbuf_items_copy:
 * @dest: a view that may be written
 * @src: a view of the same shape that may be read
 * @error: where to put an error
 *
 * Copies all items, converting them, as if all of them were read before the
 * first is written.
 *
 * Returns: %FALSE if there was no memory for a copy in between: %TBUF_ERROR_NO_SPACE
 */
gboolean
tbuf_items_copy (TbufView  *dest,
                 TbufView  *src,
                 GError   **error)
{
  TbufItems dest_row, src_row;
  Walk walk;

  if (dest->n_items == 0)
    return TRUE;

  if (!walk_order_is_safe (dest, src))
    {
      TbufItems row = { src->dtype, FALSE, src->item_size };
      g_autofree guint8 *copy = tbuf_items_dup (src, error);

      if (copy == NULL)
        return FALSE;

      transfer (dest, 0, dest->n_items, copy, &row, TO_VIEW);
      return TRUE;
    }

  walk_init (&walk, dest, src);
  dest_row = get_row (dest, walk.strides[0][walk.n_dims - 1]);
  src_row = get_row (src, walk.strides[1][walk.n_dims - 1]);

  for (gsize n_items = dest->n_items; n_items > 0; n_items -= walk.shape[walk.n_dims - 1])
    {
      tbuf_convert_items (dest->items + walk_get_offset (&walk, 0), &dest_row,
                          src->items + walk_get_offset (&walk, 1), &src_row,
                          walk.shape[walk.n_dims - 1]);
      walk_next_row (&walk);
    }

  return TRUE;
}

/*< private >
 * tbuf_items_check_index:
 * @view: a view
 * @index: a flat index
 * @writable: whether the item is to be written
 * @error: where to put an error
 *
 * Checks whether an item may be accessed.
 */
gboolean
tbuf_items_check_index (TbufView  *view,
                        gsize      index,
                        gboolean   writable,
                        GError   **error)
{
  if (!tbuf_view_check_access (view, writable, error))
    return FALSE;

  if (index >= view->n_items)
    {
      if (view->n_items == 0)
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                     "There is no item %" G_GSIZE_FORMAT ": the view has no items", index);
      else
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                     "There is no item %" G_GSIZE_FORMAT ": the view has %" G_GSIZE_FORMAT " items, 0 to %" G_GSIZE_FORMAT,
                     index, view->n_items, view->n_items - 1);
      return FALSE;
    }

  return TRUE;
}

/*< private >
 * tbuf_items_check_range:
 * @view: a view
 * @first: a flat index
 * @n_items: a number of items
 * @error: where to put an error
 *
 * Checks whether a range of items may be written.
 */
gboolean
tbuf_items_check_range (TbufView  *view,
                        gsize      first,
                        gsize      n_items,
                        GError   **error)
{
  if (!tbuf_view_check_access (view, TRUE, error))
    return FALSE;

  if (first > view->n_items || n_items > view->n_items - first)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "%" G_GSIZE_FORMAT " items from item %" G_GSIZE_FORMAT " on do not fit: the view has %" G_GSIZE_FORMAT
                   " items, so at most %" G_GSIZE_FORMAT " fit there",
                   n_items, first, view->n_items, first < view->n_items ? view->n_items - first : 0);
      return FALSE;
    }

  return TRUE;
}

/*< private >
 * tbuf_items_peek:
 * @view: a view
 * @error: where to put an error
 *
 * Gets the memory of the items, if it is an array as C knows it and may be written.
 */
gpointer
tbuf_items_peek (TbufView  *view,
                 GError   **error)
{
  const TbufDtypeInfo *info = tbuf_dtype_get_info (view->dtype);

  if (!tbuf_view_check_access (view, TRUE, error))
    return NULL;

  if (!view->is_contiguous)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_CONTIGUOUS,
                 "The items of this view do not lie one after another in C order: copy them, or access them one by one");
  else if (!view->is_native)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_NATIVE,
                 "The items of this view are %s-endian, which this machine is not: copy them, or access them one by one",
                 view->byte_order == TBUF_BYTE_ORDER_LITTLE ? "little" : "big");
  else if (!view->is_aligned)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT,
                 "Offset %" G_GSIZE_FORMAT " is not a multiple of %u, the alignment of %s: copy the items, or access them one by one",
                 view->first_item, info->alignment, info->name);
  else
    return view->items;

  return NULL;
}

/*< private >
 * tbuf_items_dup:
 * @view: a view
 * @error: where to put an error
 *
 * Copies the items to new memory, packed and in native byte order.
 *
 * Returns: (transfer full): never NULL without an error, not even of no items
 */
gpointer
tbuf_items_dup (TbufView  *view,
                GError   **error)
{
  /* That this fits was found when the view was made. */
  gsize n_bytes = view->n_items * view->item_size;
  gpointer values;

  if (!tbuf_view_check_access (view, FALSE, error))
    return NULL;

  values = g_try_malloc (MAX (n_bytes, 1));
  if (values == NULL)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE,
                   "There is no memory for a copy of %" G_GSIZE_FORMAT " items, %" G_GSIZE_FORMAT " bytes",
                   view->n_items, n_bytes);
      return NULL;
    }

  tbuf_items_read (view, 0, view->n_items, values);
  return values;
}
