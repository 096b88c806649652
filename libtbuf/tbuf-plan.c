/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include "tbuf-error.h"

struct _TbufPlan
{
  GArray  *buffers;      /* of TbufPlanBuffer, as they were added */
  guint64  height;
  guint64  lower_bound;
};

/*< private >
 * tbuf_plan_new:
 *
 * Creates a plan without buffers.
 *
 * Returns: (transfer full): the plan
 */
TbufPlan *
tbuf_plan_new (void)
{
  TbufPlan *self = g_new0 (TbufPlan, 1);

  self->buffers = g_array_new (FALSE, FALSE, sizeof (TbufPlanBuffer));

  return self;
}

void
tbuf_plan_free (TbufPlan *self)
{
  g_array_unref (self->buffers);
  g_free (self);
}

guint
tbuf_plan_get_n_buffers (TbufPlan *self)
{
  return self->buffers->len;
}

/*< private >
 * tbuf_plan_get_offset:
 * @self: a plan
 * @index: which buffer, in the order in which they were added
 *
 * Gets where a buffer starts; 0 before the plan is solved.
 *
 * Returns: the offset in bytes
 */
guint64
tbuf_plan_get_offset (TbufPlan *self,
                      guint     index)
{
  g_return_val_if_fail (index < self->buffers->len, 0);

  return g_array_index (self->buffers, TbufPlanBuffer, index).offset;
}

/*< private >
 * tbuf_plan_get_height:
 * @self: a plan
 *
 * Gets how many bytes the plan needs; 0 before it is solved.
 *
 * Returns: the height in bytes
 */
guint64
tbuf_plan_get_height (TbufPlan *self)
{
  return self->height;
}

/*< private >
 * tbuf_plan_get_lower_bound:
 * @self: a plan
 *
 * Gets the greatest sum of the sizes of buffers that live at the same time; 0
 * before the plan is solved. No plan can need fewer bytes, so one whose height
 * equals the bound is the best there is.
 *
 * Returns: the bound in bytes
 */
guint64
tbuf_plan_get_lower_bound (TbufPlan *self)
{
  return self->lower_bound;
}

/*< private >
 * tbuf_plan_add:
 * @self: a plan
 * @lower: the time from which on the buffer lives
 * @upper: the time before which it ends
 * @size: its size in bytes
 * @alignment: what its offset must be a multiple of
 * @error: return location for an error
 *
 * Adds a buffer.
 *
 * Returns: whether it was added; if not, the error is TBUF_ERROR_INVALID
 */
gboolean
tbuf_plan_add (TbufPlan  *self,
               guint64    lower,
               guint64    upper,
               guint64    size,
               guint64    alignment,
               GError   **error)
{
  TbufPlanBuffer buffer = { .lower = lower, .upper = upper, .size = size, .alignment = alignment };

  if (lower >= upper)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "Buffer %u lives from %" G_GUINT64_FORMAT " until before %" G_GUINT64_FORMAT ", which is never: "
                   "its end must be greater than its start", self->buffers->len, lower, upper);
      return FALSE;
    }

  if (alignment == 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                   "Buffer %u has an alignment of 0; it must be at least 1", self->buffers->len);
      return FALSE;
    }

  g_array_append_val (self->buffers, buffer);
  return TRUE;
}

/*< private >
 * tbuf_plan_solve:
 * @self: a plan
 * @timeout_us: how long to look for a better plan, in microseconds; -1: until there is nothing left to try
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gives every buffer an offset.
 *
 * One plan is always made, however short the time; the rest of the time goes
 * into better ones. It is never higher than the buffers one after another, in
 * the order in which they were added. Without a time limit, equal buffers in an equal order get
 * equal offsets.
 *
 * Every plan is verified before it is used.
 *
 * Returns: whether there are offsets; if not, the error is TBUF_ERROR_RANGE (more
 *   bytes than 64 bits can count) or G_IO_ERROR_CANCELLED, and the offsets are
 *   those from before
 */
gboolean
tbuf_plan_solve (TbufPlan      *self,
                 gint64         timeout_us,
                 GCancellable  *cancellable,
                 GError       **error)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree TbufPlanBuffer *solved = g_memdup2 (self->buffers->data, self->buffers->len * sizeof (TbufPlanBuffer));
  TbufPlanProblem problem = {
    .buffers = solved,
    .n_buffers = self->buffers->len,
    .deadline = timeout_us < 0 || timeout_us > G_MAXINT64 - now ? G_MAXINT64 : now + timeout_us,
    .cancellable = cancellable,
  };
  TbufPlanResult result;

  if (!tbuf_plan_search (&problem, &result, error) ||
      !tbuf_plan_verify_offsets (solved, problem.n_buffers, NULL, 0, result.height, error))
    return FALSE;

  for (guint i = 0; i < problem.n_buffers; i++)
    g_array_index (self->buffers, TbufPlanBuffer, i).offset = solved[i].offset;
  self->height = result.height;
  self->lower_bound = result.lower_bound;
  return TRUE;
}
