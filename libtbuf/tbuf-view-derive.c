/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-extent-private.h"
#include "tbuf-items-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * Views that are made from a view. They go through tbuf_view_new(), as all do;
 * what is checked here is what only the step from one view to the other can
 * get wrong.
 */

/* A view on the same bytes, or some of them, that is live when this one is. */
static TbufView *
derive (TbufView       *self,
        TbufDtype       dtype,
        TbufByteOrder   byte_order,
        gsize           offset,
        const gsize    *shape,
        const gssize   *strides,
        guint           n_dims,
        GError        **error)
{
  const TbufViewSpec spec = {
    .dtype = dtype,
    .byte_order = byte_order,
    .offset = offset,
    .shape = shape,
    .strides = strides,
    .n_dims = n_dims,
    .flags = self->flags,
    .array_name = self->array_name,
    .first_phase = self->first_phase,
    .last_phase = self->last_phase,
  };

  if (!tbuf_region_check_usable (&self->parent_instance, error))
    return NULL;

  return tbuf_view_new (self->parent_instance.mapping, &spec, error);
}

/**
 * tbuf_view_cast:
 * @self: a view
 * @dtype: the dtype to see the bytes as
 * @byte_order: the byte order to see the bytes in
 * @error: where to put an error
 *
 * Makes a view that sees the same bytes as items of another dtype or byte order.
 *
 * Nothing is converted: this is numpy's `view()`, not its `astype()`. Between
 * dtypes of the same size, shape and strides stay. Otherwise it is the last
 * axis that gets more or fewer items; so there must be one, its items must lie
 * one after another, and its bytes must be a whole number of new items.
 *
 * Errors: %TBUF_ERROR_RANGE if the last axis is not a whole number of new items,
 * %TBUF_ERROR_NOT_CONTIGUOUS if it has gaps or there is none,
 * %TBUF_ERROR_ALIGNMENT if the new items would not be aligned (unless this view
 * may be unaligned), %TBUF_ERROR_DTYPE or %TBUF_ERROR_INVALID if @dtype or
 * @byte_order is unknown, %TBUF_ERROR_INVALID if the view is empty. Any thread
 * may call this.
 *
 * Returns: (transfer full): a view of the class for @dtype
 *
 * Since: 1.0
 */
TbufView *
tbuf_view_cast (TbufView       *self,
                TbufDtype       dtype,
                TbufByteOrder   byte_order,
                GError        **error)
{
  const TbufDtypeInfo *from, *to;
  gsize shape[TBUF_VIEW_MAX_DIMS] = { 0 };
  gssize strides[TBUF_VIEW_MAX_DIMS] = { 0 };
  guint last;
  gsize n_bytes;

  g_return_val_if_fail (TBUF_IS_VIEW (self), NULL);

  if (!tbuf_region_check_usable (&self->parent_instance, error))
    return NULL;

  from = tbuf_dtype_get_info (self->dtype);
  to = tbuf_dtype_get_info (dtype);

  /* tbuf_view_new() says what is wrong with an unknown dtype. */
  if (to == NULL || from->size == to->size)
    return derive (self, dtype, byte_order, self->first_item, self->shape, self->strides, self->n_dims, error);

  if (self->n_dims == 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_CONTIGUOUS,
                   "A view without an axis cannot be cast from %s (%u bytes) to %s (%u bytes): reshape it to (1) first",
                   from->name, from->size, to->name, to->size);
      return NULL;
    }

  last = self->n_dims - 1;
  if (self->shape[last] > 1 && self->strides[last] != from->size)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_CONTIGUOUS,
                   "%s (%u bytes) can be cast to %s (%u bytes) only where the last axis has no gaps, but its stride is %"
                   G_GSSIZE_FORMAT, from->name, from->size, to->name, to->size, self->strides[last]);
      return NULL;
    }

  n_bytes = self->shape[last] * from->size;
  if (n_bytes % to->size != 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "%" G_GSIZE_FORMAT " bytes (%" G_GSIZE_FORMAT " items of %s) are not a whole number of %s items, which have %u"
                   " bytes: take %" G_GSIZE_FORMAT " or %" G_GSIZE_FORMAT " bytes",
                   n_bytes, self->shape[last], from->name, to->name, to->size,
                   n_bytes - n_bytes % to->size, n_bytes - n_bytes % to->size + to->size);
      return NULL;
    }

  memcpy (shape, self->shape, self->n_dims * sizeof *shape);
  memcpy (strides, self->strides, self->n_dims * sizeof *strides);
  shape[last] = n_bytes / to->size;
  strides[last] = to->size;

  return derive (self, dtype, byte_order, self->first_item, shape, strides, self->n_dims, error);
}

/* Python's rule: a negative index counts from the end; then everything is cut to what there is. */
static gssize
clamp_index (gssize index,
             gssize length,
             gssize step)
{
  if (index < 0)
    {
      index += length;
      if (index < 0)
        return step < 0 ? -1 : 0;
    }
  else if (index >= length)
    {
      return step < 0 ? length - 1 : length;
    }

  return index;
}

static gboolean
check_axis (TbufView  *self,
            guint      axis,
            GError   **error)
{
  if (axis < self->n_dims)
    return TRUE;

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE, "There is no axis %u: the view has %u", axis, self->n_dims);
  return FALSE;
}

/**
 * tbuf_view_slice:
 * @self: a view
 * @axis: the axis to slice, from 0
 * @start: the first index to take
 * @stop: the index to stop before
 * @step: from one index to the next; not 0
 * @error: where to put an error
 *
 * Makes a view of some of the items along an axis, as Python's
 * `view[start:stop:step]` does.
 *
 * A negative index counts from the end of the axis, and an index outside of it
 * is not an error: it is cut to what there is. With a negative step the items
 * come in reverse order.
 *
 * An end that Python leaves open is %G_MINSSIZE or %G_MAXSSIZE here, or anything
 * else far outside: `view[::-1]` is a @start of %G_MAXSSIZE, a @stop of
 * %G_MINSSIZE and a @step of -1. (A @stop of -1 would be the last item, not the
 * place before the first one.)
 *
 * Errors: %TBUF_ERROR_RANGE if there is no such axis, %TBUF_ERROR_INVALID if
 * @step is 0 or the view is empty. Any thread may call this.
 *
 * Returns: (transfer full): a view of the same class
 *
 * Since: 1.0
 */
TbufView *
tbuf_view_slice (TbufView  *self,
                 guint      axis,
                 gssize     start,
                 gssize     stop,
                 gssize     step,
                 GError   **error)
{
  gsize shape[TBUF_VIEW_MAX_DIMS];
  gssize strides[TBUF_VIEW_MAX_DIMS];
  gsize offset, distance;

  g_return_val_if_fail (TBUF_IS_VIEW (self), NULL);

  if (!tbuf_region_check_usable (&self->parent_instance, error) || !check_axis (self, axis, error))
    return NULL;

  if (step == 0)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_INVALID, "A step of 0 leads nowhere: it must be positive or negative");
      return NULL;
    }

  memcpy (shape, self->shape, self->n_dims * sizeof *shape);
  memcpy (strides, self->strides, self->n_dims * sizeof *strides);
  offset = self->first_item;

  start = clamp_index (start, shape[axis], step);
  stop = clamp_index (stop, shape[axis], step);
  if (step > 0)
    distance = start < stop ? (gsize) (stop - start) : 0;
  else
    distance = stop < start ? (gsize) (start - stop) : 0;
  shape[axis] = distance > 0 ? (distance - 1) / (step < 0 ? (gsize) 0 - (gsize) step : (gsize) step) + 1 : 0;

  /* Only where there are items does a stride stay inside of the arena. */
  if (self->n_items > 0 && shape[axis] > 0)
    offset += (gsize) start * (gsize) strides[axis];
  if (__builtin_mul_overflow (strides[axis], step, &strides[axis]))
    strides[axis] = self->strides[axis];

  return derive (self, self->dtype, self->byte_order, offset, shape, strides, self->n_dims, error);
}

/**
 * tbuf_view_select:
 * @self: a view
 * @axis: the axis to leave out, from 0
 * @index: which items of that axis to keep
 * @error: where to put an error
 *
 * Makes a view of the items that have one index along an axis, without that axis.
 *
 * Of a matrix it is a row (axis 0) or a column (axis 1), as `view[3]` and
 * `view[:, 3]` are in Python. A negative index counts from the end of the axis.
 *
 * Errors: %TBUF_ERROR_RANGE if there is no such axis or index,
 * %TBUF_ERROR_INVALID if the view is empty. Any thread may call this.
 *
 * Returns: (transfer full): a view of the same class, with one axis less
 *
 * Since: 1.0
 */
TbufView *
tbuf_view_select (TbufView  *self,
                  guint      axis,
                  gssize     index,
                  GError   **error)
{
  gsize shape[TBUF_VIEW_MAX_DIMS] = { 0 };
  gssize strides[TBUF_VIEW_MAX_DIMS] = { 0 };
  gsize position, offset;

  g_return_val_if_fail (TBUF_IS_VIEW (self), NULL);

  if (!tbuf_region_check_usable (&self->parent_instance, error) || !check_axis (self, axis, error))
    return NULL;

  /* Below the first item this wraps, and is out of range all the same. */
  position = index < 0 ? self->shape[axis] + (gsize) index : (gsize) index;
  if (position >= self->shape[axis])
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "There is no index %" G_GSSIZE_FORMAT " in axis %u: it has %" G_GSIZE_FORMAT " items",
                   index, axis, self->shape[axis]);
      return NULL;
    }

  for (guint i = 0, j = 0; i < self->n_dims; i++)
    if (i != axis)
      {
        shape[j] = self->shape[i];
        strides[j++] = self->strides[i];
      }

  /* Only where there are items does a stride stay inside of the arena. */
  offset = self->first_item;
  if (self->n_items > 0)
    offset += position * (gsize) self->strides[axis];

  return derive (self, self->dtype, self->byte_order, offset, shape, strides, self->n_dims - 1, error);
}

/**
 * tbuf_view_reshape:
 * @self: a view
 * @shape: (array length=n_dims): the lengths of the new axes
 * @n_dims: how many axes there are to be
 * @error: where to put an error
 *
 * Makes a view of the same items, in the same order, in another shape.
 *
 * Errors: %TBUF_ERROR_RANGE if @shape has another number of items,
 * %TBUF_ERROR_NOT_CONTIGUOUS if the items do not lie one after another,
 * %TBUF_ERROR_INVALID if @n_dims is more than %TBUF_VIEW_MAX_DIMS or the view is
 * empty. Any thread may call this.
 *
 * Returns: (transfer full): a view of the same class
 *
 * Since: 1.0
 */
TbufView *
tbuf_view_reshape (TbufView     *self,
                   const gsize  *shape,
                   guint         n_dims,
                   GError      **error)
{
  gsize n_items;

  g_return_val_if_fail (TBUF_IS_VIEW (self), NULL);

  if (!tbuf_region_check_usable (&self->parent_instance, error) || !tbuf_count_items (self->dtype, shape, n_dims, &n_items, error))
    return NULL;

  if (n_items != self->n_items)
    {
      g_autofree char *old_shape = tbuf_print_shape (self->shape, self->n_dims);
      g_autofree char *new_shape = tbuf_print_shape (shape, n_dims);

      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "Shape %s has %" G_GSIZE_FORMAT " items, but the view, of shape %s, has %" G_GSIZE_FORMAT,
                   new_shape, n_items, old_shape, self->n_items);
      return NULL;
    }

  if (!self->is_contiguous)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_NOT_CONTIGUOUS,
                           "Only a view whose items lie one after another in C order can get another shape: reshape before"
                           " slicing or transposing, or copy");
      return NULL;
    }

  return derive (self, self->dtype, self->byte_order, self->first_item, shape, NULL, n_dims, error);
}

/**
 * tbuf_view_transpose:
 * @self: a view
 *
 * Makes a view of the same items with the axes in reverse order: rows become
 * columns.
 *
 * Of an empty view, the result is an empty one. Any thread may call this.
 *
 * Returns: (transfer full): a view of the same class
 *
 * Since: 1.0
 */
TbufView *
tbuf_view_transpose (TbufView *self)
{
  gsize shape[TBUF_VIEW_MAX_DIMS] = { 0 };
  gssize strides[TBUF_VIEW_MAX_DIMS] = { 0 };

  g_return_val_if_fail (TBUF_IS_VIEW (self), NULL);

  if (self->items == NULL)
    return g_object_new (G_OBJECT_TYPE (self), NULL);

  for (guint i = 0; i < self->n_dims; i++)
    {
      shape[i] = self->shape[self->n_dims - 1 - i];
      strides[i] = self->strides[self->n_dims - 1 - i];
    }

  /* These are the very items that were checked before, so this cannot fail. */
  return derive (self, self->dtype, self->byte_order, self->first_item, shape, strides, self->n_dims, NULL);
}

/**
 * tbuf_view_copy_from:
 * @self: the view to write
 * @other: a view of the same shape to read
 * @error: where to put an error
 *
 * Copies all items of another view to this one, converting them where the
 * dtypes or byte orders differ.
 *
 * The two may overlap, or belong to different arenas: the result is as if all
 * items were read before the first is written. Where that takes a copy in
 * between, there must be memory for it.
 *
 * What the new dtype cannot hold becomes this:
 *
 * - an integer that is too large for another integer dtype wraps: its low bits stay
 * - a float is cut toward zero to become an integer; outside of the integer's
 *   range it becomes the nearest end of it, and not-a-number becomes 0
 * - a number becomes the nearest float, with ties to the even one; beyond the largest
 *   it is infinity
 * - a complex number becomes a real one by its real part
 * - anything but 0 becomes true; so does not-a-number
 *
 * This takes no lock: lock @self exclusively and @other at least shared.
 *
 * Errors: %TBUF_ERROR_RANGE if the shapes differ, %TBUF_ERROR_NOT_LIVE or
 * %TBUF_ERROR_READ_ONLY if a view cannot be accessed, %TBUF_ERROR_NO_SPACE if
 * there is no memory for the copy in between, %TBUF_ERROR_INVALID if a view is
 * empty. Any thread may call this.
 *
 * Returns: whether the items were copied; otherwise none was
 *
 * Since: 1.0
 */
gboolean
tbuf_view_copy_from (TbufView  *self,
                     TbufView  *other,
                     GError   **error)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), FALSE);
  g_return_val_if_fail (TBUF_IS_VIEW (other), FALSE);

  if (!tbuf_view_check_access (self, TRUE, error) || !tbuf_view_check_access (other, FALSE, error))
    return FALSE;

  if (self->n_dims != other->n_dims || memcmp (self->shape, other->shape, self->n_dims * sizeof *self->shape) != 0)
    {
      g_autofree char *shape = tbuf_print_shape (self->shape, self->n_dims);
      g_autofree char *other_shape = tbuf_print_shape (other->shape, other->n_dims);

      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "Items of shape %s cannot be copied to a view of shape %s: the shapes must be the same",
                   other_shape, shape);
      return FALSE;
    }

  return tbuf_items_copy (self, other, error);
}
