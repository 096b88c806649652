/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-layout-private.h"

#include <string.h>

#include "tbuf-dtype-private.h"
#include "tbuf-error.h"
#include "tbuf-view.h"

/* NOTES
 *
 * What a layout consists of, phases and arrays, comes from a caller or from a
 * file that anybody may have written. Both go through the same checks here, so
 * that what is in a layout is right wherever it came from. */

#define MAX_NAME_LENGTH 255
#define MAX_ALIGNMENT (G_GUINT64_CONSTANT (1) << 30)

/* A cache line of nearly every machine: SIMD loads of a whole array start aligned, and who writes one array does not slow down
 * who writes the next. */
#define DEFAULT_ALIGNMENT 64

/*< private >
 * tbuf_array_describe_shape:
 * @self: an array
 *
 * Prints the shape of an array as Python prints a tuple.
 *
 * Returns: (transfer full): such as "(3, 4)"
 */
char *
tbuf_array_describe_shape (const TbufArray *self)
{
  GString *string = g_string_new ("(");

  for (guint i = 0; i < self->n_dims; i++)
    g_string_append_printf (string, i > 0 ? ", %" G_GSIZE_FORMAT : "%" G_GSIZE_FORMAT, self->shape[i]);
  g_string_append (string, self->n_dims == 1 ? ",)" : ")");

  return g_string_free (string, FALSE);
}

static gboolean
check_name (const char  *kind,
            const char  *name,
            GHashTable  *taken,
            GError     **error)
{
  gsize length = strlen (name);

  if (length == 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "The name of the %s is empty; it must have 1 to %d bytes", kind, MAX_NAME_LENGTH);
      return FALSE;
    }

  if (length > MAX_NAME_LENGTH || !g_utf8_validate (name, (gssize) length, NULL))
    {
      g_autofree char *start = g_utf8_make_valid (name, (gssize) MIN (length, 40));

      if (length > MAX_NAME_LENGTH)
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                     "The name of the %s, \"%s…\", has %" G_GSIZE_FORMAT " bytes; it must have 1 to %d",
                     kind, start, length, MAX_NAME_LENGTH);
      else
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                     "The name of the %s, \"%s\", is not valid UTF-8", kind, start);
      return FALSE;
    }

  if (g_hash_table_contains (taken, name))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS, "The name \"%s\" is taken by another %s", name, kind);
      return FALSE;
    }

  return TRUE;
}

/* Multiplies up a shape; a product beyond the address space is an error even where a 0 in the shape makes the array empty,
 * because strides are made of such products. */
static gboolean
measure_bytes (const TbufArray  *array,
               guint64          *n_bytes,
               GError          **error)
{
  guint64 product = tbuf_dtype_get_item_size (array->dtype);
  gboolean is_empty = FALSE;

  for (guint i = 0; i < array->n_dims; i++)
    {
      if (array->shape[i] == 0)
        is_empty = TRUE;
      else if (!g_uint64_checked_mul (&product, product, array->shape[i]) || product > G_MAXSSIZE)
        {
          g_autofree char *shape = tbuf_array_describe_shape (array);

          g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                       "Array \"%s\" of shape %s and %" G_GSIZE_FORMAT " bytes an item has more than %" G_GSSIZE_FORMAT
                       " bytes", array->name, shape, tbuf_dtype_get_item_size (array->dtype), G_MAXSSIZE);
          return FALSE;
        }
    }

  *n_bytes = is_empty ? 0 : product;
  return TRUE;
}

static gboolean
check_alignment (const char  *name,
                 TbufDtype    dtype,
                 guint64      alignment,
                 GError     **error)
{
  if (alignment == 0 || (alignment & (alignment - 1)) != 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "The alignment of array \"%s\", %" G_GUINT64_FORMAT ", is not a power of two", name, alignment);
      return FALSE;
    }

  if (alignment > MAX_ALIGNMENT)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "The alignment of array \"%s\", %" G_GUINT64_FORMAT ", is greater than %" G_GUINT64_FORMAT,
                   name, alignment, MAX_ALIGNMENT);
      return FALSE;
    }

  if (alignment < tbuf_dtype_get_alignment (dtype))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT,
                   "The alignment of array \"%s\", %" G_GUINT64_FORMAT ", is less than %" G_GSIZE_FORMAT
                   ", that of its items of %s", name, alignment, tbuf_dtype_get_alignment (dtype),
                   tbuf_dtype_get_name (dtype));
      return FALSE;
    }

  return TRUE;
}

static gboolean
check_pin (const TbufArray  *array,
           guint64           offset,
           guint64           alignment,
           GError          **error)
{
  if (offset % alignment != 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT,
                   "Array \"%s\" is pinned to offset %" G_GUINT64_FORMAT ", which is not a multiple of its alignment, "
                   "%" G_GUINT64_FORMAT, array->name, offset, alignment);
      return FALSE;
    }

  if (offset > G_MAXSSIZE || array->n_bytes > G_MAXSSIZE - offset)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "Array \"%s\" of %" G_GUINT64_FORMAT " bytes is pinned to offset %" G_GUINT64_FORMAT ", and ends beyond "
                   "%" G_GSSIZE_FORMAT, array->name, array->n_bytes, offset, G_MAXSSIZE);
      return FALSE;
    }

  return TRUE;
}

/* Where an array ends that starts as soon as it may after @size bytes; G_MAXUINT64: beyond 64 bits. */
static guint64
stack_array (guint64          size,
             const TbufArray *array,
             guint64          alignment)
{
  guint64 end = size + (alignment - size % alignment) % alignment;

  if (array->n_bytes == 0)
    return size;

  return g_uint64_checked_add (&end, end, array->n_bytes) ? end : G_MAXUINT64;
}

/* Adds the most that an array can add to the size without sharing, whatever comes before it; more than G_MAXINT64 if that is too much. */
static guint64
add_room (guint64          size,
          const TbufArray *array,
          guint64          alignment)
{
  if (array->n_bytes == 0)
    return size;

  size += array->n_bytes;
  return size <= G_MAXINT64 ? size + (alignment - 1) : size;
}

/* All arrays one after the other, with another alignment for one of them; more than G_MAXINT64 if that is too much. */
static guint64
stack_arrays (TbufLayout      *self,
              const TbufArray *realigned,
              guint64          alignment)
{
  guint64 size = 0;

  for (guint i = 0; i < self->arrays->len && size <= G_MAXINT64; i++)
    {
      const TbufArray *array = g_ptr_array_index (self->arrays, i);

      size = stack_array (size, array, array == realigned ? alignment : array->alignment);
    }

  return size;
}

/* What the planner adds up stays within 64 bits then, and so do file offsets. */
static gboolean
check_unshared_size (guint64           size,
                     const TbufArray  *array,
                     GError          **error)
{
  if (size <= G_MAXINT64)
    return TRUE;

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
               "With array \"%s\", which has %" G_GUINT64_FORMAT " bytes, all arrays together have more than "
               "%" G_GINT64_FORMAT " bytes", array->name, array->n_bytes, G_MAXINT64);
  return FALSE;
}

/*< private >
 * tbuf_layout_measure_unshared_size:
 * @self: a layout, whose mutex is held
 *
 * Gets how many bytes the arrays would need one after the other.
 *
 * Each change of an alignment moves all arrays that follow, so they are counted
 * when somebody asks, and not at each change.
 *
 * Returns: the size in bytes
 */
guint64
tbuf_layout_measure_unshared_size (TbufLayout *self)
{
  if (!self->knows_unshared_size)
    {
      self->unshared_size = stack_arrays (self, NULL, 0);
      self->knows_unshared_size = TRUE;
    }

  return self->unshared_size;
}

/* An unknown name is most often a misspelt one, so the message says which there are. */
static void
set_not_found (GError     **error,
               const char  *kind,
               const char  *name,
               GPtrArray   *names)
{
  g_autoptr (GString) there_are = g_string_new (NULL);
  gsize length = strlen (name);
  g_autofree char *valid = g_utf8_make_valid (name, (gssize) MIN (length, MAX_NAME_LENGTH));
  const guint max_named = 20;

  for (guint i = 0; i < names->len && i < max_named; i++)
    g_string_append_printf (there_are, "%s\"%s\"", i > 0 ? ", " : "", (char *) g_ptr_array_index (names, i));
  if (names->len > max_named)
    g_string_append_printf (there_are, " and %u more", names->len - max_named);

  if (names->len == 0)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND,
                 "There is no %s named \"%s\"; there are none yet, add it first", kind, valid);
  else
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND,
                 "There is no %s named \"%s\"; there are %s", kind, valid, there_are->str);
}

/*< private >
 * tbuf_layout_lookup_array:
 * @self: a layout
 * @name: the name of an array
 * @error: return location for an error
 *
 * Looks up an array by its name.
 *
 * Returns: (transfer none): the array, or NULL and TBUF_ERROR_NOT_FOUND
 */
TbufArray *
tbuf_layout_lookup_array (TbufLayout  *self,
                          const char  *name,
                          GError     **error)
{
  gpointer index;

  if (g_hash_table_lookup_extended (self->array_indices, name, NULL, &index))
    return g_ptr_array_index (self->arrays, GPOINTER_TO_UINT (index));

  if (error != NULL)
    {
      g_autoptr (GPtrArray) names = g_ptr_array_sized_new (self->arrays->len);

      for (guint i = 0; i < self->arrays->len; i++)
        g_ptr_array_add (names, ((TbufArray *) g_ptr_array_index (self->arrays, i))->name);
      set_not_found (error, "array", name, names);
    }

  return NULL;
}

/*< private >
 * tbuf_layout_lookup_phase:
 * @self: a layout
 * @name: the name of a phase
 * @phase: (out): its index
 * @error: return location for an error
 *
 * Looks up a phase by its name.
 *
 * Returns: whether there is one; if not, the error is TBUF_ERROR_NOT_FOUND
 */
gboolean
tbuf_layout_lookup_phase (TbufLayout  *self,
                          const char  *name,
                          guint       *phase,
                          GError     **error)
{
  gpointer index;

  if (!g_hash_table_lookup_extended (self->phase_indices, name, NULL, &index))
    {
      if (error != NULL)
        set_not_found (error, "phase", name, self->phases);
      return FALSE;
    }

  *phase = GPOINTER_TO_UINT (index);
  return TRUE;
}

/*< private >
 * tbuf_layout_append_phase:
 * @self: a layout
 * @name: the name of a phase, untrusted
 * @error: return location for an error
 *
 * Checks a phase and appends it.
 *
 * Returns: whether it was appended
 */
gboolean
tbuf_layout_append_phase (TbufLayout  *self,
                          const char  *name,
                          GError     **error)
{
  char *copy;

  if (!check_name ("phase", name, self->phase_indices, error))
    return FALSE;

  copy = g_strdup (name);
  g_hash_table_insert (self->phase_indices, copy, GUINT_TO_POINTER (self->phases->len));
  g_ptr_array_add (self->phases, copy);
  return TRUE;
}

/*< private >
 * tbuf_layout_append_array:
 * @self: a layout
 * @array: an array, untrusted; an alignment of 0 asks for the default one
 * @error: return location for an error
 *
 * Checks an array and appends a copy of it.
 *
 * The offset is copied without a check; it is for who plans to see to it.
 *
 * Returns: whether it was appended
 */
gboolean
tbuf_layout_append_array (TbufLayout       *self,
                          const TbufArray  *array,
                          GError          **error)
{
  TbufArray *copy;
  guint64 n_bytes, room;
  guint64 alignment = array->alignment;
  gboolean lives_always = array->first_phase == G_MAXUINT && array->last_phase == G_MAXUINT;
  TbufArray measured = *array;

  if (!check_name ("array", array->name, self->array_indices, error))
    return FALSE;

  if (tbuf_dtype_get_info (array->dtype) == NULL)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE,
                   "Array \"%s\" has dtype number %d; the numbers are 0 to %d", array->name, (int) array->dtype,
                   TBUF_N_DTYPES - 1);
      return FALSE;
    }

  if (array->n_dims > TBUF_VIEW_MAX_DIMS)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "Array \"%s\" has %u dimensions; it can have at most %d", array->name, array->n_dims,
                   TBUF_VIEW_MAX_DIMS);
      return FALSE;
    }

  if (!lives_always && (array->first_phase >= self->phases->len || array->last_phase >= self->phases->len))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND,
                   "Array \"%s\" lives from phase %u to phase %u, but there are %u phases, counted from 0",
                   array->name, array->first_phase, array->last_phase, self->phases->len);
      return FALSE;
    }

  if (!lives_always && array->last_phase < array->first_phase)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "Array \"%s\" ends in phase \"%s\", which comes before the one where it starts, \"%s\"",
                   array->name, (char *) g_ptr_array_index (self->phases, array->last_phase),
                   (char *) g_ptr_array_index (self->phases, array->first_phase));
      return FALSE;
    }

  if (alignment == 0)
    alignment = MAX (tbuf_dtype_get_alignment (array->dtype), DEFAULT_ALIGNMENT);
  if (!check_alignment (array->name, array->dtype, alignment, error))
    return FALSE;

  if (!measure_bytes (array, &n_bytes, error))
    return FALSE;
  measured.n_bytes = n_bytes;
  room = add_room (self->greatest_size, &measured, alignment);
  if (room > G_MAXINT64 &&
      !check_unshared_size (stack_array (tbuf_layout_measure_unshared_size (self), &measured, alignment), &measured, error))
    return FALSE;

  copy = g_new (TbufArray, 1);
  *copy = measured;
  copy->name = g_strdup (array->name);
  copy->shape = g_memdup2 (array->shape, array->n_dims * sizeof *array->shape);
  copy->alignment = alignment;
  g_hash_table_insert (self->array_indices, copy->name, GUINT_TO_POINTER (self->arrays->len));
  g_ptr_array_add (self->arrays, copy);
  self->greatest_size = MIN (room, G_MAXINT64);
  if (self->knows_unshared_size)
    self->unshared_size = stack_array (self->unshared_size, copy, alignment);
  return TRUE;
}

/*< private >
 * tbuf_layout_realign_array:
 * @self: a layout
 * @array: an array of it
 * @alignment: an alignment, untrusted
 * @error: return location for an error
 *
 * Checks an alignment and gives it to an array.
 *
 * Returns: whether the array has it
 */
gboolean
tbuf_layout_realign_array (TbufLayout  *self,
                           TbufArray   *array,
                           guint64      alignment,
                           GError     **error)
{
  guint64 room = self->greatest_size;

  if (!check_alignment (array->name, array->dtype, alignment, error))
    return FALSE;

  if (array->is_pinned && !check_pin (array, array->offset, alignment, error))
    return FALSE;

  /* Once there can be too much, it stays so, and every change is counted. */
  if (room < G_MAXINT64)
    room -= add_room (0, array, array->alignment);
  room = add_room (room, array, alignment);
  if (room > G_MAXINT64 && !check_unshared_size (stack_arrays (self, array, alignment), array, error))
    return FALSE;

  self->greatest_size = MIN (room, G_MAXINT64);
  self->knows_unshared_size = FALSE;
  array->alignment = alignment;
  return TRUE;
}

/*< private >
 * tbuf_layout_pin_array:
 * @self: a layout
 * @array: an array of it
 * @offset: where it has to be, untrusted
 * @error: return location for an error
 *
 * Checks an offset and pins an array to it.
 *
 * Returns: whether the array is pinned
 */
gboolean
tbuf_layout_pin_array (TbufLayout  *self,
                       TbufArray   *array,
                       guint64      offset,
                       GError     **error)
{
  if (!check_pin (array, offset, array->alignment, error))
    return FALSE;

  array->offset = offset;
  array->is_pinned = TRUE;
  return TRUE;
}

/*< private >
 * tbuf_layout_get_lifetime:
 * @self: a layout
 * @array: an array of it
 * @lower: (out): the phase from which on it lives
 * @upper: (out): the phase before which it ends
 *
 * Gets the life of an array as the planner counts it.
 */
void
tbuf_layout_get_lifetime (TbufLayout      *self,
                          const TbufArray *array,
                          guint64         *lower,
                          guint64         *upper)
{
  if (array->first_phase == G_MAXUINT)
    {
      *lower = 0;
      *upper = MAX (self->phases->len, 1);
    }
  else
    {
      *lower = array->first_phase;
      *upper = (guint64) array->last_phase + 1;
    }
}
