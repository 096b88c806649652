/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A plan is solved part by part: where no buffer lives across a point in
 * time, what comes before it and what comes after share nothing but the
 * bytes, so each part gets the search that suits it, and the plan is as high
 * as its highest part. */

struct _TbufPlan
{
  GArray  *buffers;      /* of TbufPlanBuffer, as they were added */
  guint64  height;
  guint64  lower_bound;
};

/* A change of the live bytes at a point in time. */
typedef struct
{
  guint64  time;
  guint64  size;
  gboolean starts;
} Event;

static int
compare_events (gconstpointer a,
                gconstpointer b)
{
  const Event *event_a = a, *event_b = b;

  if (event_a->time != event_b->time)
    return event_a->time < event_b->time ? -1 : 1;

  /* Ends first: lifetimes are half-open. */
  return event_a->starts - event_b->starts;
}

static int
compare_indices (gconstpointer a,
                 gconstpointer b)
{
  guint index_a = *(const guint *) a, index_b = *(const guint *) b;

  return (index_a > index_b) - (index_a < index_b);
}

static int
compare_lifetimes (gconstpointer a,
                   gconstpointer b,
                   gpointer      data)
{
  const TbufPlanBuffer *buffers = data;
  guint index_a = *(const guint *) a, index_b = *(const guint *) b;

  if (buffers[index_a].lower != buffers[index_b].lower)
    return buffers[index_a].lower < buffers[index_b].lower ? -1 : 1;

  return (index_a > index_b) - (index_a < index_b);
}

/*< private >
 * tbuf_plan_measure_lower_bound:
 * @buffers: (array length=n_buffers): buffers, whose offsets do not matter
 * @n_buffers: how many
 * @lower_bound: (out): the bound
 * @error: return location for an error
 *
 * Measures the greatest sum of the sizes of buffers that live at the same
 * time: no plan can be lower.
 *
 * Returns: whether the sum can be expressed; if not, the error is TBUF_ERROR_RANGE
 */
gboolean
tbuf_plan_measure_lower_bound (const TbufPlanBuffer  *buffers,
                               guint                  n_buffers,
                               guint64               *lower_bound,
                               GError               **error)
{
  g_autoptr (GArray) events = g_array_sized_new (FALSE, FALSE, sizeof (Event), n_buffers);
  guint64 live = 0, greatest = 0;

  for (guint i = 0; i < n_buffers; i++)
    {
      Event start = { buffers[i].lower, buffers[i].size, TRUE };
      Event end = { buffers[i].upper, buffers[i].size, FALSE };

      g_array_append_val (events, start);
      g_array_append_val (events, end);
    }
  g_array_sort (events, compare_events);

  for (guint i = 0; i < events->len; i++)
    {
      const Event *event = &g_array_index (events, Event, i);

      if (!event->starts)
        {
          live -= event->size;
        }
      else if (!g_uint64_checked_add (&live, live, event->size))
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                       "The buffers that live at time %" G_GUINT64_FORMAT " have more than "
                       "%" G_GUINT64_FORMAT " bytes together", event->time, G_MAXUINT64);
          return FALSE;
        }
      greatest = MAX (greatest, live);
    }

  *lower_bound = greatest;
  return TRUE;
}

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
  const TbufPlanBuffer *buffers = (const TbufPlanBuffer *) (gpointer) self->buffers->data;
  guint n_buffers = self->buffers->len;
  gint64 now = g_get_monotonic_time ();
  gint64 deadline = timeout_us < 0 || timeout_us > G_MAXINT64 - now ? G_MAXINT64 : now + timeout_us;
  g_autofree guint *order = g_new (guint, n_buffers);
  g_autofree TbufPlanBuffer *solved = g_new (TbufPlanBuffer, n_buffers);
  g_autoptr (GArray) part = g_array_new (FALSE, FALSE, sizeof (TbufPlanBuffer));
  guint64 lower_bound, height = 0;
  guint n_sized = 0;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  if (!tbuf_plan_measure_lower_bound (buffers, n_buffers, &lower_bound, error))
    return FALSE;

  for (guint i = 0; i < n_buffers; i++)
    {
      solved[i] = buffers[i];
      solved[i].offset = 0;
      if (buffers[i].size > 0)
        order[n_sized++] = i;
    }
  g_qsort_with_data (order, (int) n_sized, sizeof *order, compare_lifetimes, solved);

  for (guint first = 0, next; first < n_sized; first = next)
    {
      guint64 part_end = 0, part_bound, part_height;

      for (next = first; next < n_sized && (next == first || solved[order[next]].lower < part_end); next++)
        part_end = MAX (part_end, solved[order[next]].upper);

      /* Within a part, the order in which the buffers were added is one of those to try. */
      qsort (order + first, next - first, sizeof *order, compare_indices);
      g_array_set_size (part, 0);
      for (guint i = first; i < next; i++)
        g_array_append_val (part, solved[order[i]]);

      if (!tbuf_plan_measure_lower_bound ((TbufPlanBuffer *) (gpointer) part->data, part->len, &part_bound, error))
        return FALSE;

      /* To be lower than a part that is done already would gain nothing. */
      if (!tbuf_plan_search_greedily ((TbufPlanBuffer *) (gpointer) part->data, part->len, MAX (part_bound, height),
                                      deadline, cancellable, &part_height, error))
        return FALSE;

      for (guint i = first; i < next; i++)
        solved[order[i]].offset = g_array_index (part, TbufPlanBuffer, i - first).offset;
      height = MAX (height, part_height);
    }

  if (!tbuf_plan_verify (solved, n_buffers, height, error))
    return FALSE;

  for (guint i = 0; i < n_buffers; i++)
    g_array_index (self->buffers, TbufPlanBuffer, i).offset = solved[i].offset;
  self->height = height;
  self->lower_bound = lower_bound;
  return TRUE;
}
