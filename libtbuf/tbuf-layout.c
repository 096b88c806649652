/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-layout-private.h"

#include <string.h>

#include "tbuf-dtype-private.h"
#include "tbuf-error.h"
#include "tbuf-view.h"

/* NOTES
 *
 * A layout is built, planned, and from then on only read. While it is built, a
 * mutex guards it; the planner works on a copy without the mutex, so that
 * other threads can ask for what they like while a long plan is made, and the
 * state PLANNING keeps them from changing it.
 *
 * Sizes are 64-bit throughout, so that a 32-bit process plans as a 64-bit one
 * does; only the getters say gsize. */

/**
 * TbufLayout:
 *
 * Named arrays with lifetimes, and where each of them lies in an arena.
 *
 * A layout starts as a builder. It is told *phases*, which are named points in
 * time, in their order, and *arrays*, each of which lives from a first to a
 * last phase. [method@Tbuf.Layout.plan] then gives every array an offset, such
 * that arrays which live at the same time never overlap, while arrays which do
 * not may share the same bytes. So the arena needs to be only about as large
 * as its largest phase, not as all arrays together.
 *
 * ```c
 * g_autoptr (TbufLayout) layout = tbuf_layout_new ();
 * gsize shape[] = { 1000000 };
 *
 * tbuf_layout_add_phase (layout, "floats", NULL);
 * tbuf_layout_add_phase (layout, "ints", NULL);
 * tbuf_layout_add_array (layout, "A", TBUF_DTYPE_FLOAT64, shape, 1, "floats", "floats", NULL);
 * tbuf_layout_add_array (layout, "B", TBUF_DTYPE_FLOAT64, shape, 1, "floats", "floats", NULL);
 * tbuf_layout_add_array (layout, "D", TBUF_DTYPE_INT32, shape, 1, "ints", "ints", NULL);
 *
 * if (!tbuf_layout_plan (layout, -1, NULL, &error))
 *   return FALSE;
 *
 * // 16000000 bytes with sharing, 20000000 without.
 * g_print ("%" G_GSIZE_FORMAT " bytes with sharing, %" G_GSIZE_FORMAT " without\n",
 *          tbuf_layout_get_size (layout), tbuf_layout_get_unshared_size (layout));
 * ```
 *
 * Once planned, a layout never changes: what would change it fails with
 * %TBUF_ERROR_INVALID. [ctor@Tbuf.Arena.new_for_layout] makes an arena of it
 * and stores the layout there, so that every process that opens the arena
 * finds its arrays by name.
 *
 * Names of phases and of arrays are valid UTF-8 of 1 to 255 bytes, and unique
 * among their kind.
 *
 * All methods may be called from any thread.
 *
 * Since: 1.0
 */

enum
{
  PROP_0,
  PROP_CAPACITY,
  PROP_IS_PLANNED,
  PROP_LOWER_BOUND,
  PROP_PROVEN,
  PROP_SIZE,
  PROP_UNSHARED_SIZE,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (TbufLayout, tbuf_layout, G_TYPE_OBJECT)

static void
array_free (gpointer data)
{
  TbufArray *array = data;

  g_free (array->name);
  g_free (array->shape);
  g_free (array);
}

static void
tbuf_layout_init (TbufLayout *self)
{
  g_mutex_init (&self->mutex);
  self->phases = g_ptr_array_new_with_free_func (g_free);
  self->phase_indices = g_hash_table_new (g_str_hash, g_str_equal);
  self->arrays = g_ptr_array_new_with_free_func (array_free);
  self->array_indices = g_hash_table_new (g_str_hash, g_str_equal);
  self->separate = g_array_new (FALSE, FALSE, sizeof (TbufPlanPair));
  self->knows_unshared_size = TRUE;
}

static void
tbuf_layout_finalize (GObject *object)
{
  TbufLayout *self = TBUF_LAYOUT (object);

  g_array_unref (self->separate);
  g_hash_table_unref (self->array_indices);
  g_ptr_array_unref (self->arrays);
  g_hash_table_unref (self->phase_indices);
  g_ptr_array_unref (self->phases);
  g_mutex_clear (&self->mutex);

  G_OBJECT_CLASS (tbuf_layout_parent_class)->finalize (object);
}

static void
tbuf_layout_get_property (GObject    *object,
                          guint       property_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  TbufLayout *self = TBUF_LAYOUT (object);

  switch (property_id)
    {
    case PROP_CAPACITY:
      g_value_set_uint64 (value, tbuf_layout_get_capacity (self));
      break;
    case PROP_IS_PLANNED:
      g_value_set_boolean (value, tbuf_layout_is_planned (self));
      break;
    case PROP_LOWER_BOUND:
      g_value_set_uint64 (value, tbuf_layout_get_lower_bound (self));
      break;
    case PROP_PROVEN:
      g_value_set_boolean (value, tbuf_layout_get_proven (self));
      break;
    case PROP_SIZE:
      g_value_set_uint64 (value, tbuf_layout_get_size (self));
      break;
    case PROP_UNSHARED_SIZE:
      g_value_set_uint64 (value, tbuf_layout_get_unshared_size (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
tbuf_layout_class_init (TbufLayoutClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = tbuf_layout_finalize;
  object_class->get_property = tbuf_layout_get_property;

  /**
   * TbufLayout:capacity: (getter get_capacity)
   *
   * The bytes that the planned arrays may take; 0: as few as can be found.
   *
   * Since: 1.0
   */
  properties[PROP_CAPACITY] =
    g_param_spec_uint64 ("capacity", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * TbufLayout:is-planned: (getter is_planned)
   *
   * Whether the layout is planned, and so never changes again.
   *
   * Since: 1.0
   */
  properties[PROP_IS_PLANNED] =
    g_param_spec_boolean ("is-planned", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * TbufLayout:lower-bound: (getter get_lower_bound)
   *
   * The bytes that no plan can do without; 0 before planning.
   *
   * Since: 1.0
   */
  properties[PROP_LOWER_BOUND] =
    g_param_spec_uint64 ("lower-bound", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * TbufLayout:proven: (getter get_proven)
   *
   * Whether it is proven that no plan needs fewer bytes; %FALSE before planning.
   *
   * Since: 1.0
   */
  properties[PROP_PROVEN] =
    g_param_spec_boolean ("proven", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * TbufLayout:size: (getter get_size)
   *
   * The bytes that the planned arrays need; 0 before planning.
   *
   * Since: 1.0
   */
  properties[PROP_SIZE] =
    g_param_spec_uint64 ("size", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * TbufLayout:unshared-size: (getter get_unshared_size)
   *
   * The bytes that the arrays would need if each had its own.
   *
   * Since: 1.0
   */
  properties[PROP_UNSHARED_SIZE] =
    g_param_spec_uint64 ("unshared-size", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

/*< private >
 * tbuf_layout_check_building:
 * @self: a layout, whose mutex is held
 * @what: what somebody wants to do, for the message
 * @error: return location for an error
 *
 * Makes sure that a layout may be changed.
 *
 * Returns: whether it may; if not, the error is TBUF_ERROR_INVALID
 */
gboolean
tbuf_layout_check_building (TbufLayout  *self,
                            const char  *what,
                            GError     **error)
{
  if (self->state == TBUF_LAYOUT_BUILDING)
    return TRUE;

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
               self->state == TBUF_LAYOUT_PLANNED
                 ? "The layout is planned, and does not change any more: %s before planning"
                 : "The layout is being planned in another thread: %s before that", what);
  return FALSE;
}

/**
 * tbuf_layout_new:
 *
 * Creates a layout without phases and arrays, to be filled.
 *
 * Returns: (transfer full): the layout
 *
 * Since: 1.0
 */
TbufLayout *
tbuf_layout_new (void)
{
  return g_object_new (TBUF_TYPE_LAYOUT, NULL);
}

/**
 * tbuf_layout_add_phase:
 * @self: a layout
 * @name: the name of the phase
 * @error: return location for an error
 *
 * Adds a phase after those that there are.
 *
 * The order in which phases are added is that in which "from the first to the
 * last phase" is meant; an arena may enter its phases in any order.
 *
 * The errors are %TBUF_ERROR_INVALID (the name is empty, longer than 255 bytes
 * or no valid UTF-8; or the layout is planned) and %TBUF_ERROR_EXISTS.
 *
 * Returns: whether the phase was added
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_add_phase (TbufLayout  *self,
                       const char  *name,
                       GError     **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  locker = g_mutex_locker_new (&self->mutex);

  return tbuf_layout_check_building (self, "add phases", error) && tbuf_layout_append_phase (self, name, error);
}

/**
 * tbuf_layout_add_array:
 * @self: a layout
 * @name: the name of the array
 * @dtype: the type of its items
 * @shape: (array length=n_dims) (nullable): how many items there are along each dimension
 * @n_dims: how many dimensions there are, at most 32; 0 makes an array of one item
 * @first_phase: (nullable): the phase from which on the array lives
 * @last_phase: (nullable): the last phase in which the array lives; it may be the first too
 * @error: return location for an error
 *
 * Adds an array.
 *
 * Where both phases are %NULL, the array lives always. Where only one of them
 * is, the call fails, as it could mean two things.
 *
 * The items have the byte order of this machine, unless
 * [method@Tbuf.Layout.set_byte_order] says otherwise. The array starts at a
 * multiple of 64 bytes, unless [method@Tbuf.Layout.set_alignment] says
 * otherwise. An array without items, with a 0 in its shape, is allowed, and
 * takes no room.
 *
 * The errors are %TBUF_ERROR_INVALID (the name is empty, longer than 255 bytes
 * or no valid UTF-8; there are too many dimensions; only one phase is %NULL,
 * or the last comes before the first; or the layout is planned),
 * %TBUF_ERROR_EXISTS (of the name), %TBUF_ERROR_NOT_FOUND (of a phase),
 * %TBUF_ERROR_DTYPE, and %TBUF_ERROR_RANGE (the array, or all arrays together,
 * have more bytes than can be addressed).
 *
 * Returns: whether the array was added
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_add_array (TbufLayout   *self,
                       const char   *name,
                       TbufDtype     dtype,
                       const gsize  *shape,
                       guint         n_dims,
                       const char   *first_phase,
                       const char   *last_phase,
                       GError      **error)
{
  TbufArray array = {
    .name = (char *) name,
    .dtype = dtype,
    .byte_order = TBUF_BYTE_ORDER_OF_MACHINE,
    .n_dims = n_dims,
    .shape = (gsize *) shape,
    .first_phase = G_MAXUINT,
    .last_phase = G_MAXUINT,
  };
  gboolean added;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);
  g_return_val_if_fail (shape != NULL || n_dims == 0, FALSE);

  if ((first_phase == NULL) != (last_phase == NULL))
    {
      gsize length = strlen (name);
      g_autofree char *shown = g_utf8_make_valid (name, (gssize) MIN (length, 255));

      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "Only the %s phase of array \"%s\" is given, not the %s: give both, or neither for an array that "
                   "lives always", first_phase != NULL ? "first" : "last", shown, first_phase != NULL ? "last" : "first");
      return FALSE;
    }

  g_mutex_lock (&self->mutex);
  added = tbuf_layout_check_building (self, "add arrays", error) &&
          (first_phase == NULL ||
           (tbuf_layout_lookup_phase (self, first_phase, &array.first_phase, error) &&
            tbuf_layout_lookup_phase (self, last_phase, &array.last_phase, error))) &&
          tbuf_layout_append_array (self, &array, error);
  g_mutex_unlock (&self->mutex);

  if (added)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_UNSHARED_SIZE]);
  return added;
}

/**
 * tbuf_layout_set_byte_order:
 * @self: a layout
 * @array_name: the name of an array
 * @byte_order: the order of the bytes within its items
 * @error: return location for an error
 *
 * Sets the byte order of an array.
 *
 * %TBUF_BYTE_ORDER_NATIVE, which is what an array starts with, is resolved to
 * the order of this machine; it is that which other machines see.
 *
 * The errors are %TBUF_ERROR_NOT_FOUND and %TBUF_ERROR_INVALID (no such byte
 * order, or the layout is planned).
 *
 * Returns: whether the byte order was set
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_set_byte_order (TbufLayout     *self,
                            const char     *array_name,
                            TbufByteOrder   byte_order,
                            GError        **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  TbufArray *array;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);
  g_return_val_if_fail (array_name != NULL, FALSE);

  locker = g_mutex_locker_new (&self->mutex);

  if (!tbuf_layout_check_building (self, "set byte orders", error))
    return FALSE;

  array = tbuf_layout_lookup_array (self, array_name, error);
  if (array == NULL)
    return FALSE;

  if ((guint) byte_order > TBUF_BYTE_ORDER_BIG)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "There is no byte order number %d", (int) byte_order);
      return FALSE;
    }

  array->byte_order = byte_order == TBUF_BYTE_ORDER_NATIVE ? TBUF_BYTE_ORDER_OF_MACHINE : byte_order;
  return TRUE;
}

/**
 * tbuf_layout_set_alignment:
 * @self: a layout
 * @array_name: the name of an array
 * @alignment: the alignment in bytes
 * @error: return location for an error
 *
 * Sets what the offset of an array must be a multiple of.
 *
 * The alignment is a power of two, not less than that of the dtype, and at
 * most 1 GiB. It counts from the start of the arena's data; as that itself
 * starts at a page, addresses in memory are aligned so too, up to the size of
 * a page.
 *
 * At the start it is 64, the cache line of nearly every machine: SIMD code can
 * load the array from its first item on, and who writes one array does not
 * slow down who writes the next. An alignment of the dtype's packs small
 * arrays closely.
 *
 * The errors are %TBUF_ERROR_NOT_FOUND, %TBUF_ERROR_INVALID (not a power of
 * two, or the layout is planned), %TBUF_ERROR_ALIGNMENT (less than that of the
 * dtype) and %TBUF_ERROR_RANGE (greater than 1 GiB, or all arrays together
 * have more bytes than can be addressed).
 *
 * Returns: whether the alignment was set
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_set_alignment (TbufLayout  *self,
                           const char  *array_name,
                           gsize        alignment,
                           GError     **error)
{
  TbufArray *array;
  gboolean aligned;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);
  g_return_val_if_fail (array_name != NULL, FALSE);

  g_mutex_lock (&self->mutex);
  aligned = tbuf_layout_check_building (self, "set alignments", error) &&
            (array = tbuf_layout_lookup_array (self, array_name, error)) != NULL &&
            tbuf_layout_realign_array (self, array, alignment, error);
  g_mutex_unlock (&self->mutex);

  if (aligned)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_UNSHARED_SIZE]);
  return aligned;
}

/*< private >
 * tbuf_layout_notify_planned:
 * @self: a layout, whose mutex is not held
 *
 * Says that a layout is planned.
 */
void
tbuf_layout_notify_planned (TbufLayout *self)
{
  g_object_freeze_notify (G_OBJECT (self));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_IS_PLANNED]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_LOWER_BOUND]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PROVEN]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SIZE]);
  g_object_thaw_notify (G_OBJECT (self));
}

/**
 * tbuf_layout_is_planned: (get-property is-planned)
 * @self: a layout
 *
 * Gets whether the layout is planned, and so never changes again.
 *
 * Returns: whether it is
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_is_planned (TbufLayout *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);

  locker = g_mutex_locker_new (&self->mutex);

  return self->state == TBUF_LAYOUT_PLANNED;
}

static gsize
get_figure (TbufLayout    *self,
            const guint64 *figure)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->mutex);

  /* What arrays of several phases have together can be more than a 32-bit process can say. */
  return (gsize) MIN (*figure, G_MAXSIZE);
}

/**
 * tbuf_layout_get_size: (get-property size)
 * @self: a layout
 *
 * Gets how many bytes the planned arrays need, sharing where they may; it is
 * the size of an arena for this layout.
 *
 * Returns: the size in bytes; 0 before planning
 *
 * Since: 1.0
 */
gsize
tbuf_layout_get_size (TbufLayout *self)
{
  g_return_val_if_fail (TBUF_IS_LAYOUT (self), 0);

  return get_figure (self, &self->size);
}

/**
 * tbuf_layout_get_lower_bound: (get-property lower-bound)
 * @self: a layout
 *
 * Gets how many bytes no plan can do without, as far as planning has shown: at
 * least the greatest sum of the sizes of arrays that live in the same phase.
 *
 * Where it equals [property@Tbuf.Layout:size], the plan is the best there is
 * ([property@Tbuf.Layout:proven]).
 *
 * Returns: the bound in bytes; 0 before planning
 *
 * Since: 1.0
 */
gsize
tbuf_layout_get_lower_bound (TbufLayout *self)
{
  g_return_val_if_fail (TBUF_IS_LAYOUT (self), 0);

  return get_figure (self, &self->lower_bound);
}

/**
 * tbuf_layout_get_proven: (get-property proven)
 * @self: a layout
 *
 * Gets whether it is proven that no plan needs fewer bytes than this one.
 *
 * Returns: whether it is; %FALSE before planning
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_get_proven (TbufLayout *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);

  locker = g_mutex_locker_new (&self->mutex);

  return self->state == TBUF_LAYOUT_PLANNED && self->lower_bound == self->size;
}

/**
 * tbuf_layout_get_capacity: (get-property capacity)
 * @self: a layout
 *
 * Gets how many bytes the planned arrays may take.
 *
 * Returns: the bytes; 0: as few as can be found
 *
 * Since: 1.0
 */
gsize
tbuf_layout_get_capacity (TbufLayout *self)
{
  g_return_val_if_fail (TBUF_IS_LAYOUT (self), 0);

  return get_figure (self, &self->capacity);
}

/**
 * tbuf_layout_set_capacity:
 * @self: a layout
 * @capacity: how many bytes there are; 0: as few as can be found
 * @error: return location for an error
 *
 * Sets how many bytes the planned arrays may take.
 *
 * Planning then ends as soon as they fit, and fails if they do not. The errors
 * are %TBUF_ERROR_INVALID (the layout is planned) and %TBUF_ERROR_RANGE (it is
 * more than can be addressed).
 *
 * Returns: whether it was set
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_set_capacity (TbufLayout  *self,
                          gsize        capacity,
                          GError     **error)
{
  gboolean set;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);

  g_mutex_lock (&self->mutex);
  set = tbuf_layout_check_building (self, "set a capacity", error);
  if (set && capacity > G_MAXSSIZE)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "A capacity of %" G_GSIZE_FORMAT " (or %" G_GSSIZE_FORMAT ") bytes is not in the range from 0 to "
                   "%" G_GSSIZE_FORMAT, capacity, (gssize) capacity, G_MAXSSIZE);
      set = FALSE;
    }
  if (set)
    self->capacity = capacity;
  g_mutex_unlock (&self->mutex);

  if (set)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CAPACITY]);
  return set;
}

/**
 * tbuf_layout_get_unshared_size: (get-property unshared-size)
 * @self: a layout
 *
 * Gets how many bytes the arrays would need if each had its own: one after the
 * other as they were added, each aligned as it is to be.
 *
 * It is known before planning too.
 *
 * Returns: the size in bytes
 *
 * Since: 1.0
 */
gsize
tbuf_layout_get_unshared_size (TbufLayout *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), 0);

  locker = g_mutex_locker_new (&self->mutex);

  return (gsize) MIN (tbuf_layout_measure_unshared_size (self), G_MAXSIZE);
}

/**
 * tbuf_layout_list_arrays:
 * @self: a layout
 *
 * Lists the names of the arrays, in the order in which they were added.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 *
 * Since: 1.0
 */
char **
tbuf_layout_list_arrays (TbufLayout *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  g_autoptr (GStrvBuilder) names = NULL;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);
  names = g_strv_builder_new ();
  for (guint i = 0; i < self->arrays->len; i++)
    g_strv_builder_add (names, ((TbufArray *) g_ptr_array_index (self->arrays, i))->name);

  return g_strv_builder_end (names);
}

/**
 * tbuf_layout_list_phases:
 * @self: a layout
 *
 * Lists the names of the phases, in the order in which they were added.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 *
 * Since: 1.0
 */
char **
tbuf_layout_list_phases (TbufLayout *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  g_autoptr (GStrvBuilder) names = NULL;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);
  names = g_strv_builder_new ();
  for (guint i = 0; i < self->phases->len; i++)
    g_strv_builder_add (names, g_ptr_array_index (self->phases, i));

  return g_strv_builder_end (names);
}

/*< private >
 * tbuf_layout_find_array:
 * @self: a planned layout
 * @name: the name of an array
 *
 * Finds an array by its name.
 *
 * Returns: (transfer none) (nullable): the array, as long as the layout lives; NULL if there is none
 */
const TbufArray *
tbuf_layout_find_array (TbufLayout *self,
                        const char *name)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->mutex);

  return tbuf_layout_lookup_array (self, name, NULL);
}

/*< private >
 * tbuf_layout_find_phase:
 * @self: a planned layout
 * @name: the name of a phase
 * @index: (out): its index
 *
 * Finds a phase by its name.
 *
 * Returns: whether there is one
 */
gboolean
tbuf_layout_find_phase (TbufLayout *self,
                        const char *name,
                        guint      *index)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->mutex);

  return tbuf_layout_lookup_phase (self, name, index, NULL);
}

/*< private >
 * tbuf_layout_get_phase_name:
 * @self: a planned layout
 * @index: which phase, counted from 0
 *
 * Gets the name of a phase.
 *
 * Returns: (transfer none) (nullable): the name, as long as the layout lives; NULL past the last
 */
const char *
tbuf_layout_get_phase_name (TbufLayout *self,
                            guint       index)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->mutex);

  return index < self->phases->len ? g_ptr_array_index (self->phases, index) : NULL;
}

/*< private >
 * tbuf_layout_get_n_phases:
 * @self: a planned layout
 *
 * Gets how many phases there are.
 *
 * Returns: the number
 */
guint
tbuf_layout_get_n_phases (TbufLayout *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->mutex);

  return self->phases->len;
}
