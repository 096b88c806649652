/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-arena-private.h"

#include "tbuf-error.h"
#include "tbuf-layout-private.h"
#include "tbuf-view-private.h"

/* The views of an arena: of its named arrays, and of any bytes. */

static inline TbufMapping *
get_mapping (TbufArena *self)
{
  return self->parent_instance.mapping;
}

/**
 * tbuf_arena_get_view:
 * @self: an arena
 * @array_name: the name of an array in its layout
 * @error: return location for an error
 *
 * A view of an array of the arena's layout.
 *
 * It is a new view at each call: what one locks, another does not hold.
 *
 * Errors: `NOT_FOUND` (no such array), `NOT_LIVE` (the array is not live in the
 * current phase), `CLOSED`.
 *
 * Returns: (transfer full): a view of the class that suits the array's dtype
 *
 * Since: 1.0
 */
TbufView *
tbuf_arena_get_view (TbufArena   *self,
                     const char  *array_name,
                     GError     **error)
{
  g_autoptr (TbufView) view = NULL;
  const TbufArray *array = NULL;
  TbufViewSpec spec;

  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);
  g_return_val_if_fail (array_name != NULL, NULL);

  if (!tbuf_arena_check_open (self, error))
    return NULL;

  if (get_mapping (self)->layout != NULL)
    array = tbuf_layout_find_array (get_mapping (self)->layout, array_name);

  if (array == NULL)
    {
      g_auto (GStrv) names = tbuf_arena_list_arrays (self);
      g_autofree char *joined = g_strjoinv ("”, “", names);

      if (names[0] == NULL)
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "There is no array “%s”: the arena has no named arrays", array_name);
      else
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "There is no array “%s”: the arena has “%s”", array_name, joined);
      return NULL;
    }

  spec = (TbufViewSpec) {
    .dtype = array->dtype,
    .byte_order = array->byte_order,
    .offset = (gsize) array->offset,
    .shape = array->shape,
    .n_dims = array->n_dims,
    .flags = TBUF_VIEW_NONE,
    .name = array->name,
    .first_phase = array->first_phase,
    .last_phase = array->last_phase,
  };
  view = tbuf_view_new (get_mapping (self), &spec, error);
  if (view == NULL || !tbuf_region_check_live ((TbufRegion *) view, error))
    return NULL;

  return g_steal_pointer (&view);
}

/**
 * tbuf_arena_create_view:
 * @self: an arena
 * @dtype: the type of an item
 * @offset: where the first item is, in bytes from the start of the arena's data
 * @n_items: how many items, one after another
 * @error: return location for an error
 *
 * A view of any bytes of the arena, in one dimension and native byte order.
 *
 * Errors: `RANGE` (it reaches beyond the arena), `ALIGNMENT` (@offset is no
 * multiple of the dtype's alignment), `DTYPE` (there is no such dtype),
 * `CLOSED`.
 *
 * Returns: (transfer full): a view of the class that suits @dtype
 *
 * Since: 1.0
 */
TbufView *
tbuf_arena_create_view (TbufArena  *self,
                        TbufDtype   dtype,
                        gsize       offset,
                        gsize       n_items,
                        GError    **error)
{
  return tbuf_arena_create_view_full (self, dtype, TBUF_BYTE_ORDER_NATIVE, offset, &n_items, NULL, 1, TBUF_VIEW_NONE, error);
}

/**
 * tbuf_arena_create_view_full:
 * @self: an arena
 * @dtype: the type of an item
 * @byte_order: the order of the bytes of an item
 * @offset: where item [0, 0, …] is, in bytes from the start of the arena's data
 * @shape: (array length=n_dims): how many items along each axis
 * @strides: (array length=n_dims) (nullable): how far from one item to the next along each axis, in bytes; %NULL for C order without gaps
 * @n_dims: how many axes, at most 32
 * @flags: `UNALIGNED`, or none
 * @error: return location for an error
 *
 * A view of any bytes of the arena, in any number of dimensions.
 *
 * Strides may be negative, and larger than an item: so a view can be one field
 * of an array of structures.
 *
 * Errors: `RANGE` (it reaches beyond the arena), `ALIGNMENT` (@offset or a
 * stride is no multiple of the dtype's alignment, and `UNALIGNED` was not given),
 * `DTYPE` (there is no such dtype), `INVALID` (too many axes), `CLOSED`.
 *
 * Returns: (transfer full): a view of the class that suits @dtype
 *
 * Since: 1.0
 */
TbufView *
tbuf_arena_create_view_full (TbufArena      *self,
                             TbufDtype       dtype,
                             TbufByteOrder   byte_order,
                             gsize           offset,
                             const gsize    *shape,
                             const gssize   *strides,
                             guint           n_dims,
                             TbufViewFlags   flags,
                             GError        **error)
{
  TbufViewSpec spec = {
    .dtype = dtype,
    .byte_order = byte_order,
    .offset = offset,
    .shape = shape,
    .strides = strides,
    .n_dims = n_dims,
    .flags = flags,
    .first_phase = TBUF_ALWAYS_LIVE,
    .last_phase = TBUF_ALWAYS_LIVE,
  };

  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);

  if (!tbuf_arena_check_open (self, error))
    return NULL;

  return tbuf_view_new (get_mapping (self), &spec, error);
}

/**
 * tbuf_arena_create_view_strided: (rename-to tbuf_arena_create_view_full)
 * @self: an arena
 * @dtype: the type of an item
 * @byte_order: the order of the bytes of an item
 * @offset: where item [0, 0, …] is, in bytes from the start of the arena's data
 * @shape: (array length=n_dims): how many items along each axis
 * @n_dims: how many axes, at most 32
 * @strides: (array length=n_strides) (nullable): how far from one item to the next along each axis, in bytes; %NULL for C order without gaps
 * @n_strides: how many strides: as many as axes, or 0
 * @flags: `UNALIGNED`, or none
 * @error: return location for an error
 *
 * As [method@Tbuf.Arena.create_view_full], for languages whose arrays bring their own lengths.
 *
 * Errors: those of create_view_full(), and `INVALID` where @n_strides is neither
 * 0 nor @n_dims.
 *
 * Returns: (transfer full): a view of the class that suits @dtype
 *
 * Since: 1.0
 */
TbufView *
tbuf_arena_create_view_strided (TbufArena      *self,
                                TbufDtype       dtype,
                                TbufByteOrder   byte_order,
                                gsize           offset,
                                const gsize    *shape,
                                guint           n_dims,
                                const gssize   *strides,
                                guint           n_strides,
                                TbufViewFlags   flags,
                                GError        **error)
{
  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);

  if (n_strides != 0 && n_strides != n_dims)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "A view of %u axes has as many strides, or none for C order, and %u were given", n_dims, n_strides);
      return NULL;
    }

  return tbuf_arena_create_view_full (self, dtype, byte_order, offset, shape, n_strides > 0 ? strides : NULL, n_dims, flags, error);
}
