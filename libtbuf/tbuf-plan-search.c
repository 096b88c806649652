/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-engine-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A problem is cut into parts, and the plan is as high as its highest part. So
 * a part is done as soon as it is not higher than another one has to be. */

/* One item above the other: a plan for those who have no time at all. */
static void
stack_items (TbufPlanPart *part)
{
  guint64 top = 0;

  for (guint i = 0; i < part->n_items; i++)
    if (part->items[i].is_fixed)
      top = MAX (top, part->items[i].offset + part->items[i].size);

  for (guint i = 0; i < part->n_items; i++)
    {
      TbufPlanItem *item = &part->items[i];

      if (item->is_fixed)
        continue;
      item->offset = tbuf_plan_align (top, item->alignment);
      top = item->offset + item->size;
    }

  part->height = tbuf_plan_part_get_height (part);
  part->method = "stack";
}

/* Whether the buffers, one above the other, have offsets that can be expressed, also after sizes have been rounded up. */
static gboolean
check_sum (const TbufPlanProblem  *problem,
           GError                **error)
{
  guint64 sum = 0;

  for (guint i = 0; i < problem->n_buffers; i++)
    if (problem->buffers[i].is_fixed)
      sum = MAX (sum, problem->buffers[i].offset);

  for (guint i = 0; i < problem->n_buffers; i++)
    {
      const TbufPlanBuffer *buffer = &problem->buffers[i];

      if (buffer->size > 0 &&
          (!g_uint64_checked_add (&sum, sum, buffer->size) ||
           !g_uint64_checked_add (&sum, sum, buffer->alignment - 1) ||
           sum > G_MAXINT64))
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                       "The %u buffers have more than %" G_GINT64_FORMAT " bytes together",
                       problem->n_buffers, G_MAXINT64);
          return FALSE;
        }
    }

  return TRUE;
}

/* Places each part in the greedy orders, until the height is @goal; no part needs to be lower than that. */
static void
search_greedily (TbufPlanParts       *parts,
                 guint64              goal,
                 const TbufPlanClock *clock)
{
  g_autofree guint64 *offsets = g_new (guint64, parts->n_items);

  for (guint i = 0; i < parts->n_parts; i++)
    {
      TbufPlanPart *part = &parts->parts[i];
      g_autoptr (TbufPlanGreedy) greedy = NULL;
      guint64 height;

      for (guint j = 0; j < tbuf_plan_greedy_get_n_orders () * TBUF_PLAN_N_FITS && part->height > goal; j++)
        {
          if (greedy == NULL)
            greedy = tbuf_plan_greedy_new (part);
          /* First fit is faster by far. */
          if (!tbuf_plan_greedy_try (greedy, j % tbuf_plan_greedy_get_n_orders (), j / tbuf_plan_greedy_get_n_orders (),
                                     part->height - 1, clock, offsets, &height))
            continue;

          part->height = height;
          part->method = "greedy";
          for (guint k = 0; k < part->n_items; k++)
            part->items[k].offset = offsets[k];
        }
    }
}

/*< private >
 * tbuf_plan_measure_lower_bound:
 * @buffers: (array length=n_buffers): buffers; offsets do not matter, but for those that are fixed
 * @n_buffers: how many
 * @lower_bound: (out): the bound
 * @error: return location for an error
 *
 * Measures what no plan can be below: the greatest sum of the sizes of buffers
 * that live at the same time, with what their alignment adds to that, and the
 * highest end of a fixed one. A search can show more.
 *
 * Returns: whether the sum can be expressed; if not, the error is TBUF_ERROR_RANGE
 */
gboolean
tbuf_plan_measure_lower_bound (const TbufPlanBuffer  *buffers,
                               guint                  n_buffers,
                               guint64               *lower_bound,
                               GError               **error)
{
  TbufPlanProblem problem = { .buffers = (TbufPlanBuffer *) buffers, .n_buffers = n_buffers };
  g_autoptr (TbufPlanParts) parts = NULL;

  if (!check_sum (&problem, error))
    return FALSE;

  parts = tbuf_plan_parts_new (&problem);
  *lower_bound = 0;
  for (guint i = 0; i < parts->n_parts; i++)
    *lower_bound = MAX (*lower_bound, parts->parts[i].lower_bound);

  return TRUE;
}

/*< private >
 * tbuf_plan_search:
 * @problem: what to plan; the offsets are set of those buffers that are not fixed
 * @result: (out caller-allocates): how good the plan is
 * @error: return location for an error
 *
 * Finds offsets.
 *
 * One plan is always made, however short the time; the rest of the time goes
 * into better ones. Without a time limit and with one thread, equal problems
 * get equal offsets.
 *
 * Fixed buffers must not overlap while both live or are to be apart, and their
 * ends must fit into 63 bits, as must the sum of all sizes.
 *
 * Returns: whether the search came to an end, or the time was up: then there is
 *   a plan, though it can be higher than the capacity. If not, the error is
 *   TBUF_ERROR_RANGE (more bytes than 64 bits can count), TBUF_ERROR_INFEASIBLE
 *   (it is proven that no plan has the capacity) or G_IO_ERROR_CANCELLED; the
 *   method in the result says whether there is a plan all the same
 */
gboolean
tbuf_plan_search (TbufPlanProblem  *problem,
                  TbufPlanResult   *result,
                  GError          **error)
{
  g_autoptr (TbufPlanParts) parts = NULL;
  TbufPlanBuffer *buffers = problem->buffers;
  TbufPlanClock clock = { problem->deadline, problem->cancellable };

  *result = (TbufPlanResult) { 0 };
  if (g_cancellable_set_error_if_cancelled (problem->cancellable, error) || !check_sum (problem, error))
    return FALSE;

  parts = tbuf_plan_parts_new (problem);
  for (guint i = 0; i < parts->n_parts; i++)
    {
      result->lower_bound = MAX (result->lower_bound, parts->parts[i].lower_bound);
      stack_items (&parts->parts[i]);
    }
  if (problem->capacity > 0 && problem->capacity < result->lower_bound)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                   "The buffers do not fit into %" G_GUINT64_FORMAT " bytes: they need at least %" G_GUINT64_FORMAT,
                   problem->capacity, result->lower_bound);
      return FALSE;
    }

  search_greedily (parts, MAX (problem->capacity, result->lower_bound), &clock);

  for (guint i = 0; i < problem->n_buffers; i++)
    if (!buffers[i].is_fixed)
      buffers[i].offset = 0;
  for (guint i = 0; i < parts->n_items; i++)
    buffers[parts->items[i].index].offset = parts->items[i].offset;
  result->method = "greedy";
  for (guint i = 0; i < parts->n_parts; i++)
    if (result->height < parts->parts[i].height)
      {
        result->height = parts->parts[i].height;
        result->method = parts->parts[i].method;
      }
  result->proven = result->height == result->lower_bound;

  if (problem->progress != NULL)
    problem->progress (result->height, result->lower_bound, problem->progress_data);
  return !g_cancellable_set_error_if_cancelled (problem->cancellable, error);
}
