/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include <string.h>

#include "tbuf-error.h"

/* NOTES
 *
 * A million buffers is not too many, so names cost nothing where they are the
 * numbers of the buffers anyway, as they are for who adds arrays of numbers.
 *
 * What is added stays within 63 bits however it is stacked: the sum of all
 * sizes, each with what its alignment may cost, on top of the highest fixed
 * buffer. So nothing that the search adds up can overflow. */

#define MAX_ID_LENGTH 255

/* Reads @id as an index, if it is one as this file writes it. */
static gboolean
parse_index (const char *id,
             gsize       length,
             guint64    *index)
{
  if (length == 0 || length > 10 || (id[0] == '0' && length > 1))
    return FALSE;

  *index = 0;
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isdigit (id[i]))
        return FALSE;
      *index = *index * 10 + (guint64) (id[i] - '0');
    }

  return TRUE;
}

/* @id has a NUL at its end. */
static gboolean
find_index (TbufPlan   *self,
            const char *id,
            gsize       length,
            guint      *index)
{
  guint64 number;
  gpointer value;

  if (parse_index (id, length, &number) && number < self->ids->len && self->ids->pdata[number] == NULL)
    {
      *index = (guint) number;
      return TRUE;
    }

  if (g_hash_table_lookup_extended (self->indices, id, NULL, &value))
    {
      *index = GPOINTER_TO_UINT (value);
      return TRUE;
    }

  return FALSE;
}

static gboolean
lookup_index (TbufPlan    *self,
              const char  *id,
              guint       *index,
              GError     **error)
{
  g_autofree char *valid = NULL;

  if (find_index (self, id, strlen (id), index))
    return TRUE;

  valid = g_utf8_make_valid (id, (gssize) MIN (strlen (id), MAX_ID_LENGTH));
  g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "There is no buffer \"%s\" among the %u that there are",
               valid, self->buffers->len);
  return FALSE;
}

/*< private >
 * tbuf_plan_dup_id:
 * @self: a plan
 * @index: which buffer, in the order in which they were added
 *
 * Gets what a buffer is called.
 *
 * Returns: (transfer full): its id
 */
char *
tbuf_plan_dup_id (TbufPlan *self,
                  guint     index)
{
  const char *id = self->ids->pdata[index];

  return id != NULL ? g_strdup (id) : g_strdup_printf ("%u", index);
}

/* Sets an error that starts with the name of the buffer. */
static gboolean G_GNUC_PRINTF (6, 7)
refuse (TbufPlan    *self,
        const char  *id,
        gsize        length,
        GError     **error,
        TbufError    code,
        const char  *format,
        ...)
{
  g_autofree char *name =
    id != NULL ? g_utf8_make_valid (id, (gssize) MIN (length, MAX_ID_LENGTH)) : g_strdup_printf ("%u", self->buffers->len);
  va_list arguments;

  va_start (arguments, format);
  if (error != NULL)
    *error = g_error_new_valist (TBUF_ERROR, code, format, arguments);
  va_end (arguments);
  g_prefix_error (error, "%s \"%s\"", self->noun, name);

  return FALSE;
}

static gboolean
check_id (TbufPlan    *self,
          const char  *id,
          gsize        length,
          GError     **error)
{
  if (length == 0 || length > MAX_ID_LENGTH)
    return refuse (self, id, length, error, TBUF_ERROR_INVALID,
                   ", number %u, has an id of %" G_GSIZE_FORMAT " bytes; it must have 1 to %d", self->buffers->len, length,
                   MAX_ID_LENGTH);
  if (!g_utf8_validate_len (id, length, NULL))
    return refuse (self, id, length, error, TBUF_ERROR_INVALID, ", number %u, has an id that is not valid UTF-8",
                   self->buffers->len);

  return TRUE;
}

static gboolean
check_buffer (TbufPlan              *self,
              const char            *id,
              gsize                  length,
              const TbufPlanBuffer  *buffer,
              GError               **error)
{
  const struct { const char *name; guint64 value; } numbers[] = {
    { "lower", buffer->lower },
    { "upper", buffer->upper },
    { "size", buffer->size },
    { "alignment", buffer->alignment },
    { "offset", buffer->offset },
  };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (numbers[i].value > G_MAXINT64)
      return refuse (self, id, length, error, TBUF_ERROR_RANGE,
                     ": its %s, %" G_GUINT64_FORMAT " (or %" G_GINT64_FORMAT "), is not in the range from 0 to "
                     "%" G_GINT64_FORMAT, numbers[i].name, numbers[i].value, (gint64) numbers[i].value, G_MAXINT64);

  if (buffer->lower >= buffer->upper)
    return refuse (self, id, length, error, TBUF_ERROR_INVALID,
                   " lives from %" G_GUINT64_FORMAT " until before %" G_GUINT64_FORMAT ", which is never: upper must be "
                   "greater than lower", buffer->lower, buffer->upper);

  if (buffer->alignment == 0 || (buffer->alignment & (buffer->alignment - 1)) != 0)
    return refuse (self, id, length, error, TBUF_ERROR_INVALID,
                   ": its alignment, %" G_GUINT64_FORMAT ", is not a power of two", buffer->alignment);

  if (buffer->is_fixed && buffer->offset % buffer->alignment != 0)
    return refuse (self, id, length, error, TBUF_ERROR_ALIGNMENT,
                   ": its offset, %" G_GUINT64_FORMAT ", is not a multiple of its alignment, %" G_GUINT64_FORMAT,
                   buffer->offset, buffer->alignment);

  return TRUE;
}

/* Adds a buffer to the sums that stay within 63 bits. */
static gboolean
add_up (TbufPlan              *self,
        const char            *id,
        gsize                  length,
        const TbufPlanBuffer  *buffer,
        GError               **error)
{
  guint64 sum = self->greatest_sum, fixed_end = self->fixed_end, end;

  /* All of these are at most 2^63 - 1 before they are added, so the sum of two does not overflow. */
  if (buffer->size > 0 && !buffer->is_fixed)
    sum += buffer->size;
  if (sum <= G_MAXINT64 && buffer->size > 0 && !buffer->is_fixed)
    sum += buffer->alignment - 1;
  if (buffer->is_fixed)
    fixed_end = MAX (fixed_end, buffer->offset + buffer->size);
  end = sum <= G_MAXINT64 && fixed_end <= G_MAXINT64 ? sum + fixed_end : G_MAXUINT64;

  if (end > G_MAXINT64)
    return refuse (self, id, length, error, TBUF_ERROR_RANGE,
                   ": with its %" G_GUINT64_FORMAT " bytes at an alignment of %" G_GUINT64_FORMAT ", all buffers one after "
                   "another have more than %" G_GINT64_FORMAT " bytes", buffer->size, buffer->alignment, G_MAXINT64);

  self->greatest_sum = sum;
  self->fixed_end = fixed_end;
  return TRUE;
}

/*< private >
 * tbuf_plan_append:
 * @self: a plan that is not being solved
 * @id: (nullable): what to call the buffer, not necessarily with a NUL at its end; NULL: its number
 * @length: the bytes of @id
 * @buffer: the buffer, untrusted
 * @error: return location for an error
 *
 * Checks a buffer and appends it.
 *
 * Returns: whether it was appended
 */
gboolean
tbuf_plan_append (TbufPlan              *self,
                  const char            *id,
                  gsize                  length,
                  const TbufPlanBuffer  *buffer,
                  GError               **error)
{
  guint index = self->buffers->len, taken;
  guint64 number;
  char *owned = NULL;

  if ((id != NULL && !check_id (self, id, length, error)) || !check_buffer (self, id, length, buffer, error))
    return FALSE;

  if (index == G_MAXUINT - 1)
    return refuse (self, id, length, error, TBUF_ERROR_RANGE, " is one too many: a plan has at most %u", index);

  /* An id that is the buffer's number costs nothing, unless another buffer has taken it. */
  if (id == NULL || (parse_index (id, length, &number) && number == index))
    {
      char decimal[16];

      g_snprintf (decimal, sizeof decimal, "%u", index);
      if (g_hash_table_size (self->indices) > 0 && find_index (self, decimal, strlen (decimal), &taken))
        return refuse (self, decimal, strlen (decimal), error, TBUF_ERROR_EXISTS,
                       ", number %u, has the id of number %u", index, taken);
    }
  else
    {
      owned = g_string_chunk_insert_len (self->id_chunk, id, (gssize) length);
      if (find_index (self, owned, length, &taken))
        return refuse (self, owned, length, error, TBUF_ERROR_EXISTS,
                       ", number %u, has the id of number %u", index, taken);
    }

  if (!add_up (self, id, length, buffer, error))
    return FALSE;

  g_array_append_vals (self->buffers, buffer, 1);
  g_ptr_array_add (self->ids, owned);
  if (owned != NULL)
    g_hash_table_insert (self->indices, owned, GUINT_TO_POINTER (index));
  return TRUE;
}

/*< private >
 * tbuf_plan_check_idle:
 * @self: a plan, whose mutex is held
 * @error: return location for an error
 *
 * Makes sure that buffers may be added.
 *
 * Returns: whether they may; if not, the error is TBUF_ERROR_BUSY
 */
gboolean
tbuf_plan_check_idle (TbufPlan  *self,
                      GError   **error)
{
  if (!self->is_solving)
    return TRUE;

  g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_BUSY, "The plan is being solved; change it before or after that");
  return FALSE;
}

/*< private >
 * tbuf_plan_clear_solution:
 * @self: a plan, whose mutex is held
 *
 * Forgets the offsets and how good they were.
 *
 * Returns: whether there were any
 */
gboolean
tbuf_plan_clear_solution (TbufPlan *self)
{
  gboolean was_solved = self->offsets != NULL;

  g_clear_pointer (&self->offsets, g_array_unref);
  self->height = 0;
  self->lower_bound = 0;
  self->proven = FALSE;
  self->method = NULL;
  self->elapsed = 0;
  return was_solved;
}

/*< private >
 * tbuf_plan_truncate:
 * @self: a plan, whose mutex is held
 * @mark: how it was
 *
 * Takes back the buffers that were appended since then.
 */
void
tbuf_plan_truncate (TbufPlan     *self,
                    TbufPlanMark  mark)
{
  for (guint i = mark.n_buffers; i < self->ids->len; i++)
    if (self->ids->pdata[i] != NULL)
      g_hash_table_remove (self->indices, self->ids->pdata[i]);

  g_ptr_array_set_size (self->ids, (int) mark.n_buffers);
  g_array_set_size (self->buffers, mark.n_buffers);
  self->greatest_sum = mark.greatest_sum;
  self->fixed_end = mark.fixed_end;
}

/*< private >
 * tbuf_plan_mark:
 * @self: a plan, whose mutex is held
 *
 * Notes how a plan is.
 *
 * Returns: for tbuf_plan_truncate()
 */
TbufPlanMark
tbuf_plan_mark (TbufPlan *self)
{
  return (TbufPlanMark) { self->buffers->len, self->greatest_sum, self->fixed_end };
}

static gboolean
add_buffer (TbufPlan              *self,
            const char            *id,
            const TbufPlanBuffer  *buffer,
            GError               **error)
{
  gboolean added, was_solved;

  g_mutex_lock (&self->mutex);
  added = tbuf_plan_check_idle (self, error) && tbuf_plan_append (self, id, strlen (id), buffer, error);
  was_solved = added && tbuf_plan_clear_solution (self);
  g_mutex_unlock (&self->mutex);

  if (added)
    tbuf_plan_notify_added (self);
  if (was_solved)
    tbuf_plan_notify_solved (self);
  return added;
}

/**
 * tbuf_plan_add:
 * @self: a plan
 * @id: what to call the buffer
 * @lower: the time from which on it lives
 * @upper: the time before which it ends
 * @size: its size in bytes; a buffer of 0 bytes shares no byte with any other
 * @alignment: what its offset is to be a multiple of, a power of two
 * @error: return location for an error
 *
 * Adds a buffer.
 *
 * The plan then has no solution any more until it is solved again. After an
 * error, it is as it was.
 *
 * The errors are %TBUF_ERROR_INVALID (lower is not less than upper, the
 * alignment is not a power of two, or the id is empty, longer than 255 bytes or
 * no valid UTF-8), %TBUF_ERROR_RANGE (a number or the sum of all sizes is
 * greater than 9223372036854775807), %TBUF_ERROR_EXISTS (of the id) and
 * %TBUF_ERROR_BUSY (the plan is being solved).
 *
 * Returns: whether it was added
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_add (TbufPlan    *self,
               const char  *id,
               guint64      lower,
               guint64      upper,
               guint64      size,
               guint64      alignment,
               GError     **error)
{
  TbufPlanBuffer buffer = { .lower = lower, .upper = upper, .size = size, .alignment = alignment };

  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);
  g_return_val_if_fail (id != NULL, FALSE);

  return add_buffer (self, id, &buffer, error);
}

/**
 * tbuf_plan_add_fixed:
 * @self: a plan
 * @id: what to call the buffer
 * @lower: the time from which on it lives
 * @upper: the time before which it ends
 * @size: its size in bytes
 * @alignment: what its offset is a multiple of, a power of two
 * @offset: where it starts
 * @error: return location for an error
 *
 * Adds a buffer that has an offset already.
 *
 * The others are planned around it. The errors are those of
 * [method@Tbuf.Plan.add], and %TBUF_ERROR_ALIGNMENT (the offset does not suit the
 * alignment). Whether fixed buffers are in each other's way is looked at when
 * the plan is solved.
 *
 * Returns: whether it was added
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_add_fixed (TbufPlan    *self,
                     const char  *id,
                     guint64      lower,
                     guint64      upper,
                     guint64      size,
                     guint64      alignment,
                     guint64      offset,
                     GError     **error)
{
  TbufPlanBuffer buffer = {
    .lower = lower, .upper = upper, .size = size, .alignment = alignment, .offset = offset, .is_fixed = TRUE,
  };

  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);
  g_return_val_if_fail (id != NULL, FALSE);

  return add_buffer (self, id, &buffer, error);
}

/* Runs while the mutex is held. */
static gboolean
append_pair (TbufPlan    *self,
             const char  *one_id,
             const char  *other_id,
             GError     **error)
{
  TbufPlanPair pair;

  if (!lookup_index (self, one_id, &pair.one, error) || !lookup_index (self, other_id, &pair.other, error))
    return FALSE;

  if (pair.one == pair.other)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "%s \"%s\" cannot be apart from itself: name two",
                   self->noun, one_id);
      return FALSE;
    }

  if (!tbuf_plan_check_idle (self, error))
    return FALSE;

  g_array_append_val (self->separate, pair);
  return TRUE;
}

/**
 * tbuf_plan_separate:
 * @self: a plan
 * @one_id: the id of a buffer
 * @other_id: the id of another
 * @error: return location for an error
 *
 * Says that two buffers never share a byte, even if they do not live at the
 * same time.
 *
 * The errors are %TBUF_ERROR_NOT_FOUND, %TBUF_ERROR_INVALID (it is one and the
 * same buffer) and %TBUF_ERROR_BUSY (the plan is being solved).
 *
 * Returns: whether they will be apart
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_separate (TbufPlan    *self,
                    const char  *one_id,
                    const char  *other_id,
                    GError     **error)
{
  gboolean added, was_solved;

  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);
  g_return_val_if_fail (one_id != NULL, FALSE);
  g_return_val_if_fail (other_id != NULL, FALSE);

  g_mutex_lock (&self->mutex);
  added = append_pair (self, one_id, other_id, error);
  was_solved = added && tbuf_plan_clear_solution (self);
  g_mutex_unlock (&self->mutex);

  if (was_solved)
    tbuf_plan_notify_solved (self);
  return added;
}

/**
 * tbuf_plan_list_ids:
 * @self: a plan
 *
 * Lists the ids of the buffers, in the order in which they were added.
 *
 * Returns: (transfer full) (array zero-terminated=1): the ids
 *
 * Since: 1.0
 */
char **
tbuf_plan_list_ids (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  char **ids;

  g_return_val_if_fail (TBUF_IS_PLAN (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);
  ids = g_new0 (char *, (gsize) self->ids->len + 1);
  for (guint i = 0; i < self->ids->len; i++)
    ids[i] = tbuf_plan_dup_id (self, i);

  return ids;
}

/**
 * tbuf_plan_get_offset:
 * @self: a solved plan
 * @id: the id of a buffer
 * @error: return location for an error
 *
 * Gets where a buffer starts.
 *
 * The errors are %TBUF_ERROR_NOT_FOUND and %TBUF_ERROR_INVALID (the plan is not
 * solved).
 *
 * Returns: the offset in bytes; 0 on an error
 *
 * Since: 1.0
 */
guint64
tbuf_plan_get_offset (TbufPlan    *self,
                      const char  *id,
                      GError     **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  guint index;

  g_return_val_if_fail (TBUF_IS_PLAN (self), 0);
  g_return_val_if_fail (id != NULL, 0);

  locker = g_mutex_locker_new (&self->mutex);

  if (!lookup_index (self, id, &index, error))
    return 0;

  if (self->offsets == NULL)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "Buffer \"%s\" has no offset yet: the plan is not solved", id);
      return 0;
    }

  return g_array_index (self->offsets, guint64, index);
}
