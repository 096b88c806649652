/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-view-private.h"

#include <string.h>

#include "tbuf-arena-private.h"
#include "tbuf-error.h"
#include "tbuf-layout-private.h"

/* NOTES
 *
 * Views in words that travel: where another process has the same arena, it makes
 * the same view of them. An array goes by its name, because what it may be used
 * for, its phases, stands in the layout; a part of it says which bytes besides.
 * Nothing that arrives is believed.
 */

#define VIEW_TYPE_STRING "(stataxbms)"

static GVariant *
pack_sizes (const gsize *sizes,
            guint        n)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("at"));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add (&builder, "t", (guint64) sizes[i]);

  return g_variant_builder_end (&builder);
}

static GVariant *
pack_strides (const gssize *strides,
              guint         n)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("ax"));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add (&builder, "x", (gint64) strides[i]);

  return g_variant_builder_end (&builder);
}

/**
 * tbuf_view_to_variant:
 * @self: a view
 *
 * Describes the view, for another process that has the same arena.
 *
 * There, [method@Tbuf.Arena.create_view_from_variant] makes the same view. The
 * description has the type `(stataxbms)`: the dtype and byte order as
 * [func@Tbuf.Dtype.to_typestr] writes them, the offset of the first item, the
 * shape, the strides, whether the items may be unaligned, and the name of the
 * array that the view is all or a part of. It holds no lock and no contents.
 *
 * Returns: (transfer full): the description
 *
 * Since: 1.0
 */
GVariant *
tbuf_view_to_variant (TbufView *self)
{
  g_autofree char *typestr = NULL;

  g_return_val_if_fail (TBUF_IS_VIEW (self), NULL);

  typestr = tbuf_dtype_to_typestr (self->dtype, tbuf_view_get_byte_order (self));

  return g_variant_ref_sink (g_variant_new ("(st@at@axbms)", typestr, (guint64) self->first_item,
                                            pack_sizes (self->shape, self->n_dims),
                                            pack_strides (self->strides, self->n_dims),
                                            (self->flags & TBUF_VIEW_UNALIGNED) != 0, self->array_name));
}

/* FALSE: an extent is more than this machine can count. */
static gboolean
unpack_shape (GVariant  *variant,
              gsize      shape[TBUF_VIEW_MAX_DIMS],
              guint      n_dims,
              GError   **error)
{
  for (guint i = 0; i < n_dims; i++)
    {
      guint64 extent;

      g_variant_get_child (variant, i, "t", &extent);
      if (extent > G_MAXSSIZE)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                       "The view has %" G_GUINT64_FORMAT " items along axis %u, more than %" G_GSSIZE_FORMAT,
                       extent, i, G_MAXSSIZE);
          return FALSE;
        }
      shape[i] = (gsize) extent;
    }

  return TRUE;
}

static void
unpack_strides (GVariant *variant,
                gssize    strides[TBUF_VIEW_MAX_DIMS],
                guint     n_dims)
{
  for (guint i = 0; i < n_dims; i++)
    {
      gint64 stride;

      g_variant_get_child (variant, i, "x", &stride);
      strides[i] = (gssize) CLAMP (stride, G_MINSSIZE, G_MAXSSIZE);
    }
}

/* The lifetime of the array that the view belongs to. */
static const TbufArray *
find_array (TbufMapping   *mapping,
            const char    *name,
            TbufViewSpec  *spec,
            GError       **error)
{
  const TbufArray *array = mapping->layout != NULL ? tbuf_layout_find_array (mapping->layout, name) : NULL;

  if (array == NULL)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND,
                   "The view belongs to array “%s”, and the arena has no such array", name);
      return NULL;
    }

  spec->array_name = array->name;
  spec->first_phase = array->first_phase;
  spec->last_phase = array->last_phase;
  return array;
}

/* Whether the view is no less than the array, as it is in the layout. */
static gboolean
is_all_of (TbufView        *view,
           const TbufArray *array)
{
  return view->dtype == array->dtype && view->first_item == array->offset && view->is_contiguous &&
         (view->item_size == 1 || array->byte_order == TBUF_BYTE_ORDER_NATIVE || view->byte_order == array->byte_order) &&
         view->n_dims == array->n_dims &&
         (view->n_dims == 0 || memcmp (view->shape, array->shape, view->n_dims * sizeof *view->shape) == 0);
}

static gboolean
check_bytes (TbufView         *view,
             const TbufArray  *array,
             GError          **error)
{
  TbufRegion *region = &view->parent_instance;
  guint64 start = array->offset, end = array->offset + array->n_bytes;

  if (region->n_bytes == 0 || (region->offset >= start && region->offset + region->n_bytes <= end))
    return TRUE;

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
               "The view has bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ", and array “%s”, which it belongs to, has %"
               G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
               region->offset, region->offset + region->n_bytes, array->name, start, end);
  return FALSE;
}

/**
 * tbuf_arena_create_view_from_variant:
 * @self: an arena
 * @variant: what [method@Tbuf.View.to_variant] said of a view
 * @error: return location for an error
 *
 * Makes the view that was described, in this process and this arena.
 *
 * An array that is not live now is no error: access to its items will be.
 *
 * Errors: those of [method@Tbuf.Arena.create_view_full]; `FORMAT` (this
 * describes no view), `NOT_FOUND` (the arena has no such array), `RANGE` also
 * where the view is not a part of its array.
 *
 * Returns: (transfer full): a view of the class that suits the dtype
 *
 * Since: 1.0
 */
TbufView *
tbuf_arena_create_view_from_variant (TbufArena  *self,
                                     GVariant   *variant,
                                     GError    **error)
{
  g_autoptr (GVariant) packed_shape = NULL;
  g_autoptr (GVariant) packed_strides = NULL;
  g_autoptr (TbufView) view = NULL;
  gsize shape[TBUF_VIEW_MAX_DIMS];
  gssize strides[TBUF_VIEW_MAX_DIMS];
  const TbufArray *array = NULL;
  const char *typestr, *name;
  gboolean unaligned;
  guint64 offset;
  TbufViewSpec spec = {
    .shape = shape,
    .strides = strides,
    .first_phase = TBUF_ALWAYS_LIVE,
    .last_phase = TBUF_ALWAYS_LIVE,
  };

  g_return_val_if_fail (TBUF_IS_ARENA (self), NULL);
  g_return_val_if_fail (variant != NULL, NULL);

  if (!tbuf_arena_check_open (self, error))
    return NULL;

  if (!g_variant_is_of_type (variant, G_VARIANT_TYPE (VIEW_TYPE_STRING)) || !g_variant_is_normal_form (variant))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "A view is described by a variant of type %s, not by one of %s",
                   VIEW_TYPE_STRING, g_variant_get_type_string (variant));
      return NULL;
    }

  g_variant_get (variant, "(&st@at@axbm&s)", &typestr, &offset, &packed_shape, &packed_strides, &unaligned, &name);
  spec.n_dims = (guint) MIN (g_variant_n_children (packed_shape), G_MAXUINT);
  if (spec.n_dims > TBUF_VIEW_MAX_DIMS || g_variant_n_children (packed_strides) != spec.n_dims)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The view has %u axes and %" G_GSIZE_FORMAT " strides; it can have as many of both, and at most %d",
                   spec.n_dims, g_variant_n_children (packed_strides), TBUF_VIEW_MAX_DIMS);
      return NULL;
    }

  if (!tbuf_dtype_parse (typestr, &spec.dtype, &spec.byte_order, error) ||
      !unpack_shape (packed_shape, shape, spec.n_dims, error))
    return NULL;

  unpack_strides (packed_strides, strides, spec.n_dims);
  spec.offset = (gsize) MIN (offset, G_MAXSIZE);
  spec.flags = unaligned ? TBUF_VIEW_UNALIGNED : TBUF_VIEW_NONE;
  if (name != NULL)
    {
      array = find_array (((TbufRegion *) self)->mapping, name, &spec, error);
      if (array == NULL)
        return NULL;
    }

  view = tbuf_view_new (((TbufRegion *) self)->mapping, &spec, error);
  if (view == NULL || (array != NULL && !check_bytes (view, array, error)))
    return NULL;

  if (array != NULL && is_all_of (view, array))
    view->name = view->array_name;

  return g_steal_pointer (&view);
}
