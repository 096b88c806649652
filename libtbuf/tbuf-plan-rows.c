/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include <string.h>

#include "tbuf-error.h"

/* NOTES
 *
 * Other languages pay for each call, and Python for each number in a list. So
 * there are two ways to add many buffers at once: arrays of numbers, which a
 * binding converts in one go, and a table in a GBytes, which nobody converts.
 *
 * Each array has a length of its own. A length that arrays have in common is
 * taken by introspection from one of them, and nobody looks whether the others
 * are as long. */

#define MIN_COLUMNS 3
#define MAX_COLUMNS 5

/**
 * tbuf_plan_add_many:
 * @self: a plan
 * @lowers: (array length=n_lowers): the times from which on the buffers live
 * @n_lowers: how many buffers
 * @uppers: (array length=n_uppers): the times before which they end
 * @n_uppers: how many buffers
 * @sizes: (array length=n_sizes): their sizes in bytes
 * @n_sizes: how many buffers
 * @alignments: (array length=n_alignments) (nullable): what their offsets are to be multiples of; %NULL: 1 for all
 * @n_alignments: how many buffers, or 0
 * @error: return location for an error
 *
 * Adds many buffers at once.
 *
 * Their ids are their numbers, counted from 0 and from the first buffer of the
 * plan: "0", "1" and so on.
 *
 * The errors are those of [method@Tbuf.Plan.add], and %TBUF_ERROR_INVALID if the
 * arrays have different lengths. After an error, the plan is as it was.
 *
 * Returns: whether they were added
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_add_many (TbufPlan       *self,
                    const guint64  *lowers,
                    gsize           n_lowers,
                    const guint64  *uppers,
                    gsize           n_uppers,
                    const guint64  *sizes,
                    gsize           n_sizes,
                    const guint64  *alignments,
                    gsize           n_alignments,
                    GError        **error)
{
  gboolean added, was_solved;
  TbufPlanMark mark;

  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);
  g_return_val_if_fail (lowers != NULL || n_lowers == 0, FALSE);
  g_return_val_if_fail (uppers != NULL || n_uppers == 0, FALSE);
  g_return_val_if_fail (sizes != NULL || n_sizes == 0, FALSE);
  g_return_val_if_fail (alignments != NULL || n_alignments == 0, FALSE);

  if (n_uppers != n_lowers || n_sizes != n_lowers || (n_alignments != n_lowers && n_alignments != 0))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "There are %" G_GSIZE_FORMAT " lowers, %" G_GSIZE_FORMAT " uppers, %" G_GSIZE_FORMAT " sizes and "
                   "%" G_GSIZE_FORMAT " alignments; there must be as many of each, or no alignments",
                   n_lowers, n_uppers, n_sizes, n_alignments);
      return FALSE;
    }

  g_mutex_lock (&self->mutex);
  added = tbuf_plan_check_idle (self, error);
  mark = tbuf_plan_mark (self);
  for (gsize i = 0; i < n_lowers && added; i++)
    {
      TbufPlanBuffer buffer = {
        .lower = lowers[i],
        .upper = uppers[i],
        .size = sizes[i],
        .alignment = n_alignments > 0 ? alignments[i] : 1,
      };

      added = tbuf_plan_append (self, NULL, 0, &buffer, error);
    }
  if (!added)
    tbuf_plan_truncate (self, mark);
  was_solved = added && tbuf_plan_clear_solution (self);
  g_mutex_unlock (&self->mutex);

  if (added)
    tbuf_plan_notify_added (self);
  if (was_solved)
    tbuf_plan_notify_solved (self);
  return added;
}

/**
 * tbuf_plan_add_rows:
 * @self: a plan
 * @rows: a table of 64-bit integers in the byte order of this machine, row by row
 * @n_columns: how many columns it has, 3 to 5
 * @error: return location for an error
 *
 * Adds a buffer for each row of a table.
 *
 * The columns are lower, upper, size, then perhaps alignment (1 if there is no
 * such column) and offset (a negative one: not fixed). This is the way that costs
 * least from a language that has such a table in one piece of memory, as numpy
 * has:
 *
 * ```python
 * table = numpy.array([[0, 2, 3000], [1, 3, 1000]], dtype=numpy.int64)
 * plan.add_rows(GLib.Bytes.new(table.tobytes()), table.shape[1])
 * ```
 *
 * The ids of the buffers are their numbers, as with
 * [method@Tbuf.Plan.add_many].
 *
 * The errors are those of [method@Tbuf.Plan.add_fixed], and
 * %TBUF_ERROR_INVALID if there are fewer than 3 or more than 5 columns or the
 * bytes are not a number of whole rows. After an error, the plan is as it was.
 *
 * Returns: whether they were added
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_add_rows (TbufPlan  *self,
                    GBytes    *rows,
                    guint      n_columns,
                    GError   **error)
{
  const guint8 *row;
  gsize n_bytes, row_size = n_columns * sizeof (guint64);
  TbufPlanMark mark;
  gboolean added, was_solved;

  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);
  g_return_val_if_fail (rows != NULL, FALSE);

  row = g_bytes_get_data (rows, &n_bytes);
  if (n_columns < MIN_COLUMNS || n_columns > MAX_COLUMNS || n_bytes % row_size != 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "A table of %" G_GSIZE_FORMAT " bytes and %u columns has no whole rows of lower, upper, size, and perhaps "
                   "alignment and offset, of 8 bytes each", n_bytes, n_columns);
      return FALSE;
    }

  g_mutex_lock (&self->mutex);
  added = tbuf_plan_check_idle (self, error);
  mark = tbuf_plan_mark (self);
  for (gsize i = 0; i < n_bytes / row_size && added; i++, row += row_size)
    {
      /* The bytes need not be aligned. */
      guint64 numbers[MAX_COLUMNS] = { 0, 0, 0, 1, G_MAXUINT64 };
      TbufPlanBuffer buffer;

      memcpy (numbers, row, row_size);
      buffer = (TbufPlanBuffer) {
        .lower = numbers[0],
        .upper = numbers[1],
        .size = numbers[2],
        .alignment = numbers[3],
        .offset = numbers[4] <= G_MAXINT64 ? numbers[4] : 0,
        .is_fixed = numbers[4] <= G_MAXINT64,
      };
      added = tbuf_plan_append (self, NULL, 0, &buffer, error);
    }
  if (!added)
    tbuf_plan_truncate (self, mark);
  was_solved = added && tbuf_plan_clear_solution (self);
  g_mutex_unlock (&self->mutex);

  if (added)
    tbuf_plan_notify_added (self);
  if (was_solved)
    tbuf_plan_notify_solved (self);
  return added;
}

/**
 * tbuf_plan_get_rows:
 * @self: a plan
 *
 * Gets the buffers as a table of 64-bit integers in the byte order of this
 * machine, with the five columns of [method@Tbuf.Plan.add_rows].
 *
 * The offsets are those of the solution. Before the plan is solved, those of
 * buffers that are not fixed are -1.
 *
 * Returns: (transfer full): the table, row by row
 *
 * Since: 1.0
 */
GBytes *
tbuf_plan_get_rows (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  guint64 *rows;
  gsize n;

  g_return_val_if_fail (TBUF_IS_PLAN (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);

  n = self->buffers->len;
  rows = g_new (guint64, n * MAX_COLUMNS);
  for (gsize i = 0; i < n; i++)
    {
      const TbufPlanBuffer *buffer = &g_array_index (self->buffers, TbufPlanBuffer, i);
      guint64 *row = &rows[i * MAX_COLUMNS];

      row[0] = buffer->lower;
      row[1] = buffer->upper;
      row[2] = buffer->size;
      row[3] = buffer->alignment;
      row[4] = self->offsets != NULL ? g_array_index (self->offsets, guint64, i)
                                     : buffer->is_fixed ? buffer->offset : G_MAXUINT64;
    }

  return g_bytes_new_take (rows, n * MAX_COLUMNS * sizeof *rows);
}

/**
 * tbuf_plan_get_offsets:
 * @self: a plan
 * @n_offsets: (out) (optional): how many there are
 *
 * Gets where each buffer starts, in the order in which they were added.
 *
 * Returns: (transfer full) (array length=n_offsets) (nullable): the offsets in bytes; none before the plan is solved
 *
 * Since: 1.0
 */
guint64 *
tbuf_plan_get_offsets (TbufPlan *self,
                       gsize    *n_offsets)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  guint n;

  g_return_val_if_fail (TBUF_IS_PLAN (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);

  n = self->offsets != NULL ? self->offsets->len : 0;
  if (n_offsets != NULL)
    *n_offsets = n;
  return n > 0 ? g_memdup2 (self->offsets->data, n * sizeof (guint64)) : NULL;
}

/**
 * tbuf_plan_get_offsets_bytes:
 * @self: a plan
 *
 * Gets where each buffer starts, in the order in which they were added, as
 * 64-bit integers in the byte order of this machine.
 *
 * For languages in which a number for each offset would cost too much:
 *
 * ```python
 * offsets = numpy.frombuffer(plan.get_offsets_bytes().get_data(), dtype=numpy.int64)
 * ```
 *
 * Returns: (transfer full): the offsets; no bytes before the plan is solved
 *
 * Since: 1.0
 */
GBytes *
tbuf_plan_get_offsets_bytes (TbufPlan *self)
{
  gsize n_offsets;
  guint64 *offsets;

  g_return_val_if_fail (TBUF_IS_PLAN (self), NULL);

  offsets = tbuf_plan_get_offsets (self, &n_offsets);
  return g_bytes_new_take (offsets, n_offsets * sizeof *offsets);
}
