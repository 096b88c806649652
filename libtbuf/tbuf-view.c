/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-extent-private.h"

#include <string.h>

#include "tbuf-arena-private.h"
#include "tbuf-enums.h"
#include "tbuf-error.h"
#include "tbuf-layout-private.h"

/**
 * TbufView:
 *
 * A typed window onto a [class@Tbuf.Arena].
 *
 * A view says how to read a range of bytes: as items of a dtype, in a shape of
 * up to %TBUF_VIEW_MAX_DIMS axes, each with a stride, in a byte order. This is
 * the model of numpy's arrays. Several views may cover the same bytes, with the
 * same dtype or different ones: what is written through one of them is at once
 * seen through the others, in every process.
 *
 * Views are made by [method@Tbuf.Arena.get_view] (a named array of a layout),
 * by [method@Tbuf.Arena.create_view], [method@Tbuf.Arena.create_view_full] or
 * the constructor of a class for one dtype, such as [ctor@Tbuf.Int32View.new];
 * and from other views by [method@Tbuf.View.cast], [method@Tbuf.View.slice],
 * [method@Tbuf.View.reshape] and [method@Tbuf.View.transpose]. None of them
 * copies an item. A view's items are accessed through the methods of its class,
 * as a `GBytes` through [method@Tbuf.Region.get_bytes], or through whatever a
 * language offers on top of these.
 *
 * ```c
 * // 10 bytes, of which the first 8 are seen as 2 rows of 2 int16
 * g_autoptr (TbufArena) arena = tbuf_arena_new (10, &error);
 * g_autoptr (TbufView) bytes = tbuf_arena_create_view (arena, TBUF_DTYPE_INT8, 0, 10, &error);
 * g_autoptr (TbufView) first = tbuf_view_slice (bytes, 0, 0, 8, 1, &error);
 * g_autoptr (TbufView) words = tbuf_view_cast (first, TBUF_DTYPE_INT16, TBUF_BYTE_ORDER_NATIVE, &error);
 * g_autoptr (TbufView) rows = tbuf_view_reshape (words, (gsize[]) { 2, 2 }, 2, &error);
 * ```
 *
 * A view never changes, apart from its lock, so any thread may use it at any
 * time. The *items* are memory that is shared with other threads and processes:
 * who writes them, or reads them while others may write, holds a lock
 * ([method@Tbuf.Region.lock]).
 *
 * If the arena has a layout with phases, then the view of an array, and every
 * view that was made from it, can only be used while that array is live: any
 * access to its items, as any lock, is %TBUF_ERROR_NOT_LIVE otherwise.
 *
 * A view keeps the memory of its arena, even when the arena was closed. An
 * object that was made without a constructor, by g_object_new(), is empty: it
 * has no items, and its methods fail with %TBUF_ERROR_INVALID.
 *
 * Since: 1.0
 */

/* NOTES
 *
 * Everything about a view that an access needs is computed when it is made:
 * what was checked then holds for good, because no view ever changes, and no
 * mapping ever shrinks. So the hot paths check an index and no more.
 *
 * All ways to make a view end in tbuf_view_new(), which trusts nothing. A
 * derived view could not fail most of these checks; it is made rarely enough
 * to be checked again.
 */

enum
{
  PROP_0,
  PROP_DTYPE,
  PROP_BYTE_ORDER,
  PROP_ITEM_SIZE,
  PROP_N_ITEMS,
  PROP_N_DIMS,
  PROP_FIRST_ITEM,
  PROP_NAME,
  PROP_IS_CONTIGUOUS,
  PROP_IS_LIVE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_ABSTRACT_TYPE (TbufView, tbuf_view, TBUF_TYPE_REGION)

/* Shape, strides and names in one block: most views have few of them. */
static void
store_shape (TbufView           *self,
             const TbufViewSpec *spec,
             const gssize       *strides)
{
  const char *array_name = spec->array_name != NULL ? spec->array_name : spec->name;
  gsize axes_size = spec->n_dims * sizeof (gsize);
  gsize name_size = array_name != NULL ? strlen (array_name) + 1 : 0;
  guint8 *block = g_malloc (MAX (2 * axes_size + name_size, 1));

  self->n_dims = spec->n_dims;
  self->shape = (gpointer) block;
  self->strides = (gpointer) (block + axes_size);
  if (spec->n_dims > 0)
    {
      memcpy (self->shape, spec->shape, axes_size);
      memcpy (self->strides, strides, axes_size);
    }

  if (array_name != NULL)
    {
      self->array_name = memcpy (block + 2 * axes_size, array_name, name_size);
      /* A view with a name is all of the array, so the two are the same. */
      self->name = spec->name != NULL ? self->array_name : NULL;
    }
}

/*< private >
 * tbuf_view_new:
 * @mapping: the memory
 * @spec: what the view is to be; all of it is checked
 * @error: where to put an error
 *
 * Makes a view of the class that belongs to the dtype.
 */
TbufView *
tbuf_view_new (TbufMapping         *mapping,
               const TbufViewSpec  *spec,
               GError             **error)
{
  TbufExtent extent;
  TbufView *self;

  if (!tbuf_extent_init (&extent, spec, mapping->data_size, error))
    return NULL;

  self = g_object_new (tbuf_dtype_get_view_type (spec->dtype), NULL);
  store_shape (self, spec, extent.strides);
  self->n_items = extent.n_items;
  self->first_item = spec->offset;
  /* A single byte has no order. */
  if (spec->byte_order != TBUF_BYTE_ORDER_NATIVE && self->item_size > 1)
    self->byte_order = spec->byte_order;
  self->is_contiguous = extent.contiguous;
  self->is_native = self->byte_order == TBUF_BYTE_ORDER_OF_MACHINE;
  self->is_aligned = extent.aligned;
  self->flags = spec->flags;
  self->first_phase = spec->first_phase;
  self->parent_instance.has_lifetime = spec->first_phase != TBUF_ALWAYS_LIVE;
  self->last_phase = spec->last_phase;
  self->items = mapping->data + spec->offset;
  tbuf_region_set_range (&self->parent_instance, mapping,
                         spec->offset - extent.below, extent.below + extent.above);

  return self;
}

/*< private >
 * tbuf_view_new_flat:
 * @arena: an arena
 * @dtype: the dtype of the items
 * @offset: where the first item starts
 * @n_items: how many items there are to be
 * @error: where to put an error
 *
 * Makes a view of one axis, in the byte order of this machine.
 */
TbufView *
tbuf_view_new_flat (TbufArena  *arena,
                    TbufDtype   dtype,
                    gsize       offset,
                    gsize       n_items,
                    GError    **error)
{
  const TbufViewSpec spec = {
    .dtype = dtype,
    .offset = offset,
    .shape = &n_items,
    .n_dims = 1,
    .first_phase = TBUF_ALWAYS_LIVE,
    .last_phase = TBUF_ALWAYS_LIVE,
  };

  if (!tbuf_arena_check_open (arena, error))
    return NULL;

  return tbuf_view_new (((TbufRegion *) arena)->mapping, &spec, error);
}

/*< private >
 * tbuf_view_lookup:
 * @arena: an arena
 * @array_name: the name of an array
 * @dtype: the dtype that the array is to have
 * @error: where to put an error
 *
 * Makes a view of an array whose dtype is known, if it is live.
 */
TbufView *
tbuf_view_lookup (TbufArena   *arena,
                  const char  *array_name,
                  TbufDtype    dtype,
                  GError     **error)
{
  TbufLayout *layout;
  const TbufArray *array;
  g_autoptr (TbufView) view = NULL;
  TbufViewSpec spec;

  if (!tbuf_arena_check_open (arena, error))
    return NULL;

  layout = ((TbufRegion *) arena)->mapping->layout;
  array = layout != NULL ? tbuf_layout_find_array (layout, array_name) : NULL;
  if (array == NULL)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND,
                   layout != NULL ? "The arena has no array “%s”" : "The arena has no layout, so it has no array “%s” either",
                   array_name);
      return NULL;
    }

  if (array->dtype != dtype)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE, "Array “%s” is %s, not %s: its view is a %s",
                   array_name, tbuf_dtype_get_name (array->dtype), tbuf_dtype_get_name (dtype),
                   g_type_name (tbuf_dtype_get_view_type (array->dtype)));
      return NULL;
    }

  spec = (TbufViewSpec) {
    .dtype = array->dtype,
    .byte_order = array->byte_order,
    .offset = (gsize) array->offset,
    .shape = array->shape,
    .n_dims = array->n_dims,
    .name = array->name,
    .first_phase = array->first_phase,
    .last_phase = array->last_phase,
  };
  view = tbuf_view_new (((TbufRegion *) arena)->mapping, &spec, error);
  if (view == NULL || !tbuf_view_check_access (view, FALSE, error))
    return NULL;

  return g_steal_pointer (&view);
}

/*< private >
 * tbuf_view_init_dtype:
 * @self: a view that is being made
 * @dtype: the dtype of its class
 *
 * For the instance initializers of the classes of views.
 */
void
tbuf_view_init_dtype (TbufView  *self,
                      TbufDtype  dtype)
{
  self->dtype = dtype;
  self->item_size = tbuf_dtype_get_info (dtype)->size;
}

static void
append_phase (GString    *string,
              TbufLayout *layout,
              guint       phase)
{
  const char *name = layout != NULL ? tbuf_layout_get_phase_name (layout, phase) : NULL;

  if (name != NULL)
    g_string_append_printf (string, "“%s”", name);
  else
    g_string_append_printf (string, "%u", phase);
}

static void
set_not_live_error (TbufView  *self,
                    GError   **error)
{
  TbufMapping *mapping = self->parent_instance.mapping;
  g_autoptr (GString) message = g_string_new (NULL);

  if (self->array_name != NULL)
    g_string_append_printf (message, "Array “%s”", self->array_name);
  else
    g_string_append (message, "This view");

  if (self->first_phase == self->last_phase)
    {
      g_string_append (message, " is live in phase ");
      append_phase (message, mapping->layout, self->first_phase);
    }
  else
    {
      g_string_append (message, " is live from phase ");
      append_phase (message, mapping->layout, self->first_phase);
      g_string_append (message, " to phase ");
      append_phase (message, mapping->layout, self->last_phase);
    }

  g_string_append (message, ", but the arena is in phase ");
  append_phase (message, mapping->layout, tbuf_mapping_get_phase (mapping));
  g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_NOT_LIVE, message->str);
}

static gboolean
tbuf_view_check_live (TbufRegion  *region,
                      GError     **error)
{
  TbufView *self = (TbufView *) region;

  if (!tbuf_region_check_usable (region, error))
    return FALSE;

  if (!tbuf_view_is_live_now (self))
    {
      set_not_live_error (self, error);
      return FALSE;
    }

  return TRUE;
}

static void
tbuf_view_finalize (GObject *object)
{
  TbufView *self = (TbufView *) object;

  g_free (self->shape);

  G_OBJECT_CLASS (tbuf_view_parent_class)->finalize (object);
}

static void
tbuf_view_get_property (GObject    *object,
                        guint       prop_id,
                        GValue     *value,
                        GParamSpec *pspec)
{
  TbufView *self = (TbufView *) object;

  switch (prop_id)
    {
    case PROP_DTYPE:
      g_value_set_enum (value, tbuf_view_get_dtype (self));
      break;
    case PROP_BYTE_ORDER:
      g_value_set_enum (value, tbuf_view_get_byte_order (self));
      break;
    case PROP_ITEM_SIZE:
      g_value_set_uint64 (value, tbuf_view_get_item_size (self));
      break;
    case PROP_N_ITEMS:
      g_value_set_uint64 (value, tbuf_view_get_n_items (self));
      break;
    case PROP_N_DIMS:
      g_value_set_uint (value, tbuf_view_get_n_dims (self));
      break;
    case PROP_FIRST_ITEM:
      g_value_set_uint64 (value, tbuf_view_get_first_item (self));
      break;
    case PROP_NAME:
      g_value_set_string (value, tbuf_view_get_name (self));
      break;
    case PROP_IS_CONTIGUOUS:
      g_value_set_boolean (value, tbuf_view_is_contiguous (self));
      break;
    case PROP_IS_LIVE:
      g_value_set_boolean (value, tbuf_view_is_live (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
tbuf_view_class_init (TbufViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  TbufRegionClass *region_class = (TbufRegionClass *) klass;
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = tbuf_view_finalize;
  object_class->get_property = tbuf_view_get_property;

  region_class->check_live = tbuf_view_check_live;

  /**
   * TbufView:dtype: (getter get_dtype)
   *
   * The type of the items.
   *
   * Since: 1.0
   */
  properties[PROP_DTYPE] = g_param_spec_enum ("dtype", NULL, NULL, TBUF_TYPE_DTYPE, TBUF_DTYPE_BOOL, flags);

  /**
   * TbufView:byte-order: (getter get_byte_order)
   *
   * The byte order of the items: little or big.
   *
   * Since: 1.0
   */
  properties[PROP_BYTE_ORDER] = g_param_spec_enum ("byte-order", NULL, NULL, TBUF_TYPE_BYTE_ORDER,
                                                   TBUF_BYTE_ORDER_NATIVE, flags);

  /**
   * TbufView:item-size: (getter get_item_size)
   *
   * The size of an item in bytes.
   *
   * Since: 1.0
   */
  properties[PROP_ITEM_SIZE] = g_param_spec_uint64 ("item-size", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * TbufView:n-items: (getter get_n_items)
   *
   * How many items there are, over all axes.
   *
   * Since: 1.0
   */
  properties[PROP_N_ITEMS] = g_param_spec_uint64 ("n-items", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * TbufView:n-dims: (getter get_n_dims)
   *
   * How many axes there are; 0 for a single item without any.
   *
   * Since: 1.0
   */
  properties[PROP_N_DIMS] = g_param_spec_uint ("n-dims", NULL, NULL, 0, TBUF_VIEW_MAX_DIMS, 0, flags);

  /**
   * TbufView:first-item: (getter get_first_item)
   *
   * The offset of the item whose indices are all 0, in bytes from the start of
   * the arena.
   *
   * Since: 1.0
   */
  properties[PROP_FIRST_ITEM] = g_param_spec_uint64 ("first-item", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * TbufView:name: (getter get_name)
   *
   * The name of the array that the view is all of.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * TbufView:is-contiguous: (getter is_contiguous)
   *
   * Whether the items lie one after another, in C order.
   *
   * Since: 1.0
   */
  properties[PROP_IS_CONTIGUOUS] = g_param_spec_boolean ("is-contiguous", NULL, NULL, FALSE, flags);

  /**
   * TbufView:is-live: (getter is_live)
   *
   * Whether the items may be accessed in the arena's current phase.
   *
   * It changes with the phase, without a notification: connect to the signals
   * of the arena for that.
   *
   * Since: 1.0
   */
  properties[PROP_IS_LIVE] = g_param_spec_boolean ("is-live", NULL, NULL, FALSE, flags);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
tbuf_view_init (TbufView *self)
{
  self->byte_order = TBUF_BYTE_ORDER_OF_MACHINE;
  self->first_phase = TBUF_ALWAYS_LIVE;
  self->last_phase = TBUF_ALWAYS_LIVE;
}

/**
 * tbuf_view_get_dtype: (get-property dtype)
 * @self: a view
 *
 * Gets the type of the items.
 *
 * Any thread may call this.
 *
 * Returns: the dtype
 *
 * Since: 1.0
 */
TbufDtype
tbuf_view_get_dtype (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), TBUF_DTYPE_BOOL);

  return self->dtype;
}

/**
 * tbuf_view_get_byte_order: (get-property byte-order)
 * @self: a view
 *
 * Gets the byte order of the items.
 *
 * That of items of a single byte, which have none, is the machine's. Any thread
 * may call this.
 *
 * Returns: %TBUF_BYTE_ORDER_LITTLE or %TBUF_BYTE_ORDER_BIG
 *
 * Since: 1.0
 */
TbufByteOrder
tbuf_view_get_byte_order (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), TBUF_BYTE_ORDER_OF_MACHINE);

  return self->byte_order;
}

/**
 * tbuf_view_get_item_size: (get-property item-size)
 * @self: a view
 *
 * Gets the size of an item.
 *
 * Any thread may call this.
 *
 * Returns: the size in bytes
 *
 * Since: 1.0
 */
gsize
tbuf_view_get_item_size (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), 0);

  return self->item_size;
}

/**
 * tbuf_view_get_n_items: (get-property n-items)
 * @self: a view
 *
 * Gets how many items there are, over all axes.
 *
 * It is the product of the shape; a view without any axis has one item. Any
 * thread may call this.
 *
 * Returns: the number of items
 *
 * Since: 1.0
 */
gsize
tbuf_view_get_n_items (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), 0);

  return self->n_items;
}

/**
 * tbuf_view_get_n_dims: (get-property n-dims)
 * @self: a view
 *
 * Gets how many axes there are.
 *
 * Any thread may call this.
 *
 * Returns: the number of axes, at most %TBUF_VIEW_MAX_DIMS
 *
 * Since: 1.0
 */
guint
tbuf_view_get_n_dims (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), 0);

  return self->n_dims;
}

/**
 * tbuf_view_get_shape:
 * @self: a view
 * @n_dims: (out): where to put how many axes there are
 *
 * Gets how many items there are along each axis.
 *
 * Any thread may call this.
 *
 * Returns: (transfer none) (array length=n_dims): the lengths of the axes
 *
 * Since: 1.0
 */
const gsize *
tbuf_view_get_shape (TbufView *self,
                     guint    *n_dims)
{
  static const gsize none[1];

  if (n_dims != NULL)
    *n_dims = 0;
  g_return_val_if_fail (TBUF_IS_VIEW (self), none);

  if (n_dims != NULL)
    *n_dims = self->n_dims;
  return self->n_dims > 0 ? self->shape : none;
}

/**
 * tbuf_view_get_strides:
 * @self: a view
 * @n_dims: (out): where to put how many axes there are
 *
 * Gets how many bytes it is from one item to the next along each axis.
 *
 * A stride may be negative, 0, or not a multiple of the item's size. Any thread
 * may call this.
 *
 * Returns: (transfer none) (array length=n_dims): the strides in bytes
 *
 * Since: 1.0
 */
const gssize *
tbuf_view_get_strides (TbufView *self,
                       guint    *n_dims)
{
  static const gssize none[1];

  if (n_dims != NULL)
    *n_dims = 0;
  g_return_val_if_fail (TBUF_IS_VIEW (self), none);

  if (n_dims != NULL)
    *n_dims = self->n_dims;
  return self->n_dims > 0 ? self->strides : none;
}

/**
 * tbuf_view_get_first_item: (get-property first-item)
 * @self: a view
 *
 * Gets the offset of the item whose indices are all 0.
 *
 * It is [method@Tbuf.Region.get_offset], the offset of the lowest byte, unless
 * a stride is negative. Any thread may call this.
 *
 * Returns: the offset, in bytes from the start of the arena
 *
 * Since: 1.0
 */
gsize
tbuf_view_get_first_item (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), 0);

  return self->first_item;
}

/**
 * tbuf_view_get_name: (get-property name)
 * @self: a view
 *
 * Gets the name of the array that the view is all of.
 *
 * A view that was made from another has no name, even if it shows all of it.
 * Any thread may call this.
 *
 * Returns: (transfer none) (nullable): the name, or %NULL if the view is not
 *   one that [method@Tbuf.Arena.get_view] returned
 *
 * Since: 1.0
 */
const char *
tbuf_view_get_name (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), NULL);

  return self->name;
}

/**
 * tbuf_view_is_contiguous: (get-property is-contiguous)
 * @self: a view
 *
 * Gets whether the items lie one after another, in C order: the last axis
 * fastest, and no gaps.
 *
 * Any thread may call this.
 *
 * Returns: whether the view is contiguous
 *
 * Since: 1.0
 */
gboolean
tbuf_view_is_contiguous (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), FALSE);

  return self->is_contiguous;
}

/**
 * tbuf_view_is_live: (get-property is-live)
 * @self: a view
 *
 * Gets whether the items may be accessed in the arena's current phase.
 *
 * This is a matter of the moment, unless the caller holds a lock on the view:
 * the phase changes only while nobody does. Any thread may call this.
 *
 * Returns: whether the view is live; %FALSE if it is empty
 *
 * Since: 1.0
 */
gboolean
tbuf_view_is_live (TbufView *self)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), FALSE);

  return tbuf_view_can_access (self, FALSE);
}

/**
 * tbuf_view_check_access:
 * @self: a view
 * @writable: whether the items are to be written
 * @error: where to put an error
 *
 * Checks whether the items may be accessed now.
 *
 * Who hands out a view's memory by another way than this library's calls, as
 * the bindings do, asks here first.
 *
 * Errors: %TBUF_ERROR_INVALID if the view is empty, %TBUF_ERROR_NOT_LIVE if
 * its array is not live in the current phase, %TBUF_ERROR_READ_ONLY if it is to
 * be written and the arena is mapped for reading only. That the arena was
 * closed does not matter: the memory stays. Any thread may call this.
 *
 * Returns: whether the items may be accessed
 *
 * Since: 1.0
 */
gboolean
tbuf_view_check_access (TbufView  *self,
                        gboolean   writable,
                        GError   **error)
{
  g_return_val_if_fail (TBUF_IS_VIEW (self), FALSE);

  if (!tbuf_view_check_live (&self->parent_instance, error))
    return FALSE;

  if (writable && self->parent_instance.mapping->read_only)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_READ_ONLY,
                           "The arena is mapped for reading only: open it without the read-only flag to write");
      return FALSE;
    }

  return TRUE;
}
