/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-layout-private.h"

#include <string.h>

#include "tbuf-dtype-private.h"
#include "tbuf-error.h"
#include "tbuf-view.h"

/* NOTES
 *
 * A serialized layout lies in shared memory, where anybody who may write the
 * arena may write anything, at any time. So it is copied to private memory
 * before the first look, read as an untrusted variant, and nothing in it is
 * believed: not that it is in normal form, not the names, not the offsets.
 *
 * The stored form is little-endian on every machine. Everything but the
 * numbers looks the same in both byte orders, so the check for normal form can
 * come first, and g_variant_byteswap () sees only what is sound. */

#define LAYOUT_FORMAT_VERSION 1
#define LAYOUT_TYPE_STRING "(ubtasa(ssatuutt)ttaua(uu))"

static void
set_corrupt_array (GError      **error,
                   gsize         index,
                   const char   *name,
                   const GError *cause)
{
  gsize length = strlen (name);
  g_autofree char *shown = g_utf8_make_valid (name, (gssize) MIN (length, 255));

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
               "The layout is corrupt at array %" G_GSIZE_FORMAT ", \"%s\": %s", index, shown, cause->message);
}

static gboolean
read_phases (TbufLayout  *self,
             GVariant    *phases,
             GError     **error)
{
  GVariantIter iter;
  const char *name;

  g_variant_iter_init (&iter, phases);
  while (g_variant_iter_next (&iter, "&s", &name))
    {
      g_autoptr (GError) cause = NULL;

      if (!tbuf_layout_append_phase (self, name, &cause))
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "The layout is corrupt at phase %u: %s",
                       self->phases->len, cause->message);
          return FALSE;
        }
    }

  return TRUE;
}

/* Accepts only what tbuf_dtype_to_typestr() prints: one dtype is to have one stored form. */
static gboolean
read_typestr (const char  *typestr,
              TbufArray   *array,
              GError     **error)
{
  g_autofree char *canonical = NULL;

  if (!tbuf_dtype_parse (typestr, &array->dtype, &array->byte_order, error))
    return FALSE;

  canonical = tbuf_dtype_to_typestr (array->dtype, array->byte_order);
  if (!g_str_equal (typestr, canonical))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_DTYPE, "Its dtype is written \"%s\", not \"%s\"", typestr, canonical);
      return FALSE;
    }

  return TRUE;
}

static gboolean
read_shape (GVariant   *variant,
            gsize       shape[TBUF_VIEW_MAX_DIMS],
            TbufArray  *array,
            GError    **error)
{
  gsize n_dims;
  const guint64 *sizes = g_variant_get_fixed_array (variant, &n_dims, sizeof *sizes);

  if (n_dims > TBUF_VIEW_MAX_DIMS)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "It has %" G_GSIZE_FORMAT " dimensions; it can have at most %d", n_dims, TBUF_VIEW_MAX_DIMS);
      return FALSE;
    }

  for (gsize i = 0; i < n_dims; i++)
    {
      if (sizes[i] > G_MAXSSIZE)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                       "It has %" G_GUINT64_FORMAT " items along dimension %" G_GSIZE_FORMAT ", more than %" G_GSSIZE_FORMAT,
                       sizes[i], i, G_MAXSSIZE);
          return FALSE;
        }
      shape[i] = (gsize) sizes[i];
    }

  array->shape = shape;
  array->n_dims = (guint) n_dims;
  return TRUE;
}

/* The stored form has 32 bits, whatever guint has. */
static gboolean
read_lifetime (guint32     first_phase,
               guint32     last_phase,
               TbufArray  *array,
               GError    **error)
{
  if ((first_phase == G_MAXUINT32) != (last_phase == G_MAXUINT32))
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_INVALID, "It has only one of a first and a last phase");
      return FALSE;
    }

  array->first_phase = first_phase == G_MAXUINT32 ? G_MAXUINT : first_phase;
  array->last_phase = last_phase == G_MAXUINT32 ? G_MAXUINT : last_phase;
  return TRUE;
}

/* Runs once the array is in the layout, so that its bytes are known. */
static gboolean
check_offset (TbufLayout  *self,
              TbufArray   *array,
              gboolean     planned,
              guint64      size,
              GError     **error)
{
  if (array->is_pinned && !tbuf_layout_pin_array (self, array, array->offset, error))
    return FALSE;

  if (!planned)
    {
      if (array->offset == 0 || array->is_pinned)
        return TRUE;

      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "It has an offset, %" G_GUINT64_FORMAT ", though the layout is not planned", array->offset);
      return FALSE;
    }

  if (array->offset % array->alignment != 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT,
                   "Its offset, %" G_GUINT64_FORMAT ", is not a multiple of its alignment, %" G_GUINT64_FORMAT,
                   array->offset, array->alignment);
      return FALSE;
    }

  if (array->offset > size || array->n_bytes > size - array->offset)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "It has %" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ", but the layout ends at "
                   "%" G_GUINT64_FORMAT, array->n_bytes, array->offset, size);
      return FALSE;
    }

  return TRUE;
}

static gboolean
read_arrays (TbufLayout  *self,
             GVariant    *arrays,
             GVariant    *pinned,
             gboolean     planned,
             guint64      size,
             GError     **error)
{
  gsize n_arrays = g_variant_n_children (arrays), n_pinned, next_pinned = 0;
  const guint32 *indices = g_variant_get_fixed_array (pinned, &n_pinned, sizeof *indices);

  for (gsize i = 0; i < n_pinned; i++)
    if (indices[i] >= n_arrays || (i > 0 && indices[i] <= indices[i - 1]))
      {
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                     "The layout is corrupt: number %u, the %" G_GSIZE_FORMAT ". of its pinned arrays, is not in order below "
                     "%" G_GSIZE_FORMAT, indices[i], i + 1, n_arrays);
        return FALSE;
      }

  for (gsize i = 0; i < n_arrays; i++)
    {
      g_autoptr (GVariant) shape_variant = NULL;
      g_autoptr (GError) cause = NULL;
      const char *name, *typestr;
      guint32 first_phase, last_phase;
      gsize shape[TBUF_VIEW_MAX_DIMS];
      TbufArray array = { 0 };

      g_variant_get_child (arrays, i, "(&s&s@atuutt)", &name, &typestr, &shape_variant, &first_phase, &last_phase,
                           &array.offset, &array.alignment);
      array.name = (char *) name;
      array.is_pinned = next_pinned < n_pinned && indices[next_pinned] == i;
      next_pinned += array.is_pinned ? 1 : 0;

      /* To the builder, an alignment of 0 asks for the default one. */
      if (array.alignment == 0)
        g_set_error_literal (&cause, TBUF_ERROR, TBUF_ERROR_INVALID, "Its alignment is 0");

      if (cause != NULL ||
          !read_typestr (typestr, &array, &cause) ||
          !read_shape (shape_variant, shape, &array, &cause) ||
          !read_lifetime (first_phase, last_phase, &array, &cause) ||
          !tbuf_layout_append_array (self, &array, &cause) ||
          !check_offset (self, g_ptr_array_index (self->arrays, i), planned, size, &cause))
        {
          set_corrupt_array (error, i, name, cause);
          return FALSE;
        }
    }

  return TRUE;
}

static gboolean
read_pairs (TbufLayout  *self,
            GVariant    *pairs,
            GError     **error)
{
  GVariantIter iter;
  guint32 one, other;

  g_variant_iter_init (&iter, pairs);
  while (g_variant_iter_next (&iter, "(uu)", &one, &other))
    {
      TbufPlanPair pair = { one, other };

      if (one >= self->arrays->len || other >= self->arrays->len || one == other)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                       "The layout is corrupt: arrays number %u and %u are to be apart, of the %u that it has",
                       one, other, self->arrays->len);
          return FALSE;
        }
      g_array_append_val (self->separate, pair);
    }

  return TRUE;
}

/* What is left to check of a planned layout is what its arrays do to each other. */
static gboolean
check_plan (TbufLayout  *self,
            GError     **error)
{
  g_autofree TbufPlanBuffer *buffers = g_new0 (TbufPlanBuffer, self->arrays->len);
  TbufPlanLoad load;
  guint one, other;

  for (guint i = 0; i < self->arrays->len; i++)
    {
      const TbufArray *array = g_ptr_array_index (self->arrays, i);

      buffers[i].offset = array->offset;
      buffers[i].size = array->n_bytes;
      buffers[i].alignment = array->alignment;
      tbuf_layout_get_lifetime (self, array, &buffers[i].lower, &buffers[i].upper);
    }

  if (tbuf_plan_find_overlap (buffers, self->arrays->len, &one, &other))
    {
      const TbufArray *a = g_ptr_array_index (self->arrays, one);
      const TbufArray *b = g_ptr_array_index (self->arrays, other);

      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The layout is corrupt: arrays \"%s\" (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") "
                   "and \"%s\" (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") live at the same time and "
                   "overlap", a->name, a->n_bytes, a->offset, b->name, b->n_bytes, b->offset);
      return FALSE;
    }

  for (guint i = 0; i < self->separate->len; i++)
    {
      TbufPlanPair pair = g_array_index (self->separate, TbufPlanPair, i);
      const TbufArray *a = g_ptr_array_index (self->arrays, pair.one);
      const TbufArray *b = g_ptr_array_index (self->arrays, pair.other);

      /* Every array ends within the size. */
      if (a->n_bytes > 0 && b->n_bytes > 0 && a->offset < b->offset + b->n_bytes && b->offset < a->offset + a->n_bytes)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                       "The layout is corrupt: arrays \"%s\" (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") "
                       "and \"%s\" (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") are to be apart and "
                       "overlap", a->name, a->n_bytes, a->offset, b->name, b->n_bytes, b->offset);
          return FALSE;
        }
    }

  /* All arrays together have at most 2^63 - 1 bytes, which was seen to when they were appended. */
  tbuf_plan_find_peak (buffers, self->arrays->len, &load);
  self->lower_bound = load.n_bytes;
  return TRUE;
}

/* A bound cannot be proven again here, but it must be possible. */
static gboolean
check_figures (TbufLayout  *self,
               gboolean     planned,
               guint64      size,
               guint64      lower_bound,
               guint64      capacity,
               GError     **error)
{
  if (planned ? lower_bound < self->lower_bound || lower_bound > size : lower_bound != 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The layout is corrupt: its lower bound is %" G_GUINT64_FORMAT " bytes; it must be %" G_GUINT64_FORMAT " to "
                   "%" G_GUINT64_FORMAT, lower_bound, self->lower_bound, size);
      return FALSE;
    }

  if (capacity > G_MAXSSIZE || (planned && capacity > 0 && capacity < size))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The layout is corrupt: it has a capacity of %" G_GUINT64_FORMAT " bytes and a size of %" G_GUINT64_FORMAT,
                   capacity, size);
      return FALSE;
    }

  return TRUE;
}

/* Reads a variant whose type is right and whose bytes are private. */
static TbufLayout *
read_layout (GVariant  *variant,
             GError   **error)
{
  g_autoptr (TbufLayout) self = NULL;
  g_autoptr (GVariant) phases = NULL;
  g_autoptr (GVariant) arrays = NULL;
  g_autoptr (GVariant) pinned = NULL;
  g_autoptr (GVariant) separate = NULL;
  guint32 version;
  gboolean planned;
  guint64 size, lower_bound, capacity;

  g_variant_get (variant, "(ubt@as@a(ssatuutt)tt@au@a(uu))", &version, &planned, &size, &phases, &arrays,
                 &lower_bound, &capacity, &pinned, &separate);

  if (version != LAYOUT_FORMAT_VERSION)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_VERSION,
                   "The layout has version %u of its format; this library reads version %d",
                   version, LAYOUT_FORMAT_VERSION);
      return NULL;
    }

  if (planned ? size > G_MAXSSIZE : size != 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   planned ? "The layout is corrupt: its size is %" G_GUINT64_FORMAT " bytes"
                           : "The layout is corrupt: it is not planned, but has a size, %" G_GUINT64_FORMAT " bytes",
                   size);
      return NULL;
    }

  if (planned && g_variant_n_children (arrays) == 0)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "The layout is corrupt: it is planned, but has no arrays");
      return NULL;
    }

  self = tbuf_layout_new ();
  if (!read_phases (self, phases, error) || !read_arrays (self, arrays, pinned, planned, size, error) ||
      !read_pairs (self, separate, error))
    return NULL;
  if (planned && !check_plan (self, error))
    return NULL;
  if (!check_figures (self, planned, size, lower_bound, capacity, error))
    return NULL;

  self->size = size;
  self->lower_bound = lower_bound;
  self->capacity = capacity;
  self->state = planned ? TBUF_LAYOUT_PLANNED : TBUF_LAYOUT_BUILDING;
  return g_steal_pointer (&self);
}

/* Turns private memory from allocate_copy () into a variant. */
static GVariant *
check_copy (gpointer   copy,
            gsize      size,
            GError   **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (copy, size);
  g_autoptr (GVariant) variant =
    g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (LAYOUT_TYPE_STRING), bytes, FALSE));

  if (!g_variant_is_normal_form (variant))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The layout is corrupt: its %" G_GSIZE_FORMAT " bytes are no variant of type " LAYOUT_TYPE_STRING
                   " in normal form", size);
      return NULL;
    }

  return g_steal_pointer (&variant);
}

/* GLib's check for normal form looks at the padding that ought to follow a value that is too short (in 2.74: one byte past the
 * end), so there are zeros past the end. */
static gpointer
allocate_copy (gsize size)
{
  return g_malloc0 (size + sizeof (guint64));
}

/**
 * tbuf_layout_new_from_variant: (constructor)
 * @variant: what [method@Tbuf.Layout.to_variant] made; consumed if it is floating
 * @error: return location for an error
 *
 * Makes a layout from its serialized form, which may come from anybody.
 *
 * The variant is copied before it is looked at, so that its memory may change
 * meanwhile, and everything in it is checked: names, dtypes, shapes, lifetimes,
 * alignments, that every array ends within the size, and that no arrays which
 * live at the same time overlap.
 *
 * The errors are %TBUF_ERROR_FORMAT (the message says which array is wrong, and
 * in what) and %TBUF_ERROR_VERSION (it was made by another version of libtbuf).
 *
 * Returns: (transfer full): the layout; planned if it was
 *
 * Since: 1.0
 */
TbufLayout *
tbuf_layout_new_from_variant (GVariant  *variant,
                              GError   **error)
{
  g_autoptr (GVariant) source = NULL;
  g_autoptr (GVariant) sound = NULL;
  gpointer copy;
  gsize size;

  g_return_val_if_fail (variant != NULL, NULL);

  source = g_variant_ref_sink (variant);
  if (!g_variant_is_of_type (source, G_VARIANT_TYPE (LAYOUT_TYPE_STRING)))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "A variant of type %.40s is no layout; that of a layout is " LAYOUT_TYPE_STRING,
                   g_variant_get_type_string (source));
      return NULL;
    }

  size = g_variant_get_size (source);
  copy = allocate_copy (size);
  g_variant_store (source, copy);

  sound = check_copy (copy, size, error);
  return sound != NULL ? read_layout (sound, error) : NULL;
}

/**
 * tbuf_layout_to_variant:
 * @self: a layout
 *
 * Serializes a layout, planned or not.
 *
 * The type is `(ubtasa(ssatuutt)ttaua(uu))`:
 *
 * - `u`: the version of this format, 1
 * - `b`: whether the layout is planned
 * - `t`: its size in bytes; 0 if it is not planned
 * - `as`: the names of the phases, in their order
 * - `a(ssatuutt)`: the arrays, each with
 *     - `s`: its name
 *     - `s`: its dtype and byte order as numpy's type string, such as `<f8`
 *     - `at`: its shape
 *     - `u`, `u`: its first and its last phase, counted from 0; both 4294967295
 *       if it lives always
 *     - `t`: its offset in bytes; 0 if the layout is not planned, unless the array
 *       is pinned
 *     - `t`: its alignment in bytes
 * - `t`: its lower bound in bytes; 0 if it is not planned
 * - `t`: its capacity in bytes; 0 if there is none
 * - `au`: which of the arrays are pinned, counted from 0 and in ascending order
 * - `a(uu)`: which of the arrays are to be apart
 *
 * Returns: (transfer full): the variant, not floating
 *
 * Since: 1.0
 */
GVariant *
tbuf_layout_to_variant (TbufLayout *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  GVariantBuilder builder;
  gboolean planned;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);
  planned = self->state == TBUF_LAYOUT_PLANNED;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (LAYOUT_TYPE_STRING));
  g_variant_builder_add (&builder, "u", (guint32) LAYOUT_FORMAT_VERSION);
  g_variant_builder_add (&builder, "b", planned);
  g_variant_builder_add (&builder, "t", self->size);

  g_variant_builder_open (&builder, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < self->phases->len; i++)
    g_variant_builder_add (&builder, "s", g_ptr_array_index (self->phases, i));
  g_variant_builder_close (&builder);

  g_variant_builder_open (&builder, G_VARIANT_TYPE ("a(ssatuutt)"));
  for (guint i = 0; i < self->arrays->len; i++)
    {
      const TbufArray *array = g_ptr_array_index (self->arrays, i);
      g_autofree char *typestr = tbuf_dtype_to_typestr (array->dtype, array->byte_order);

      g_variant_builder_open (&builder, G_VARIANT_TYPE ("(ssatuutt)"));
      g_variant_builder_add (&builder, "s", array->name);
      g_variant_builder_add (&builder, "s", typestr);
      g_variant_builder_open (&builder, G_VARIANT_TYPE ("at"));
      for (guint j = 0; j < array->n_dims; j++)
        g_variant_builder_add (&builder, "t", (guint64) array->shape[j]);
      g_variant_builder_close (&builder);
      g_variant_builder_add (&builder, "u", array->first_phase == G_MAXUINT ? G_MAXUINT32 : (guint32) array->first_phase);
      g_variant_builder_add (&builder, "u", array->last_phase == G_MAXUINT ? G_MAXUINT32 : (guint32) array->last_phase);
      g_variant_builder_add (&builder, "t", array->offset);
      g_variant_builder_add (&builder, "t", array->alignment);
      g_variant_builder_close (&builder);
    }
  g_variant_builder_close (&builder);

  g_variant_builder_add (&builder, "t", self->lower_bound);
  g_variant_builder_add (&builder, "t", self->capacity);

  g_variant_builder_open (&builder, G_VARIANT_TYPE ("au"));
  for (guint i = 0; i < self->arrays->len; i++)
    if (((const TbufArray *) g_ptr_array_index (self->arrays, i))->is_pinned)
      g_variant_builder_add (&builder, "u", (guint32) i);
  g_variant_builder_close (&builder);

  g_variant_builder_open (&builder, G_VARIANT_TYPE ("a(uu)"));
  for (guint i = 0; i < self->separate->len; i++)
    {
      TbufPlanPair pair = g_array_index (self->separate, TbufPlanPair, i);

      g_variant_builder_add (&builder, "(uu)", (guint32) pair.one, (guint32) pair.other);
    }
  g_variant_builder_close (&builder);

  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/* To or from the little-endian stored form. */
static GVariant *
swap_if_big_endian (GVariant *variant)
{
  return G_BYTE_ORDER == G_BIG_ENDIAN ? g_variant_byteswap (variant) : g_variant_ref (variant);
}

/*< private >
 * tbuf_layout_to_bytes:
 * @self: a planned layout
 *
 * Serializes a layout as it is stored in an arena: the variant of
 * tbuf_layout_to_variant(), little-endian on every machine.
 *
 * Returns: (transfer full): the stored form
 */
GBytes *
tbuf_layout_to_bytes (TbufLayout *self)
{
  g_autoptr (GVariant) variant = tbuf_layout_to_variant (self);
  g_autoptr (GVariant) stored = swap_if_big_endian (variant);

  return g_variant_get_data_as_bytes (stored);
}

/*< private >
 * tbuf_layout_new_from_bytes:
 * @bytes: the stored form; its memory may be shared and change at any time
 * @error: return location for an error
 *
 * Makes a layout from what tbuf_layout_to_bytes() made, with the checks and
 * the errors of tbuf_layout_new_from_variant(). Where arrays are stored they
 * have offsets, so a layout that is not planned is as corrupt as one that is
 * planned badly.
 *
 * Returns: (transfer full): the layout
 */
TbufLayout *
tbuf_layout_new_from_bytes (GBytes  *bytes,
                            GError **error)
{
  g_autoptr (GVariant) stored = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (TbufLayout) self = NULL;
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  gpointer copy = allocate_copy (size);

  if (size > 0)
    memcpy (copy, data, size);

  stored = check_copy (copy, size, error);
  if (stored == NULL)
    return NULL;

  variant = swap_if_big_endian (stored);
  self = read_layout (variant, error);
  if (self != NULL && self->state != TBUF_LAYOUT_PLANNED)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "The layout is corrupt: it is not planned");
      return NULL;
    }

  return g_steal_pointer (&self);
}
