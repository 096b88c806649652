/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A plan is solved part by part: where no buffer lives across a point in
 * time, what comes before it and what comes after share nothing but the
 * bytes, so each part gets the search that suits it, and the plan is as high
 * as its highest part. Buffers that are to be apart from others can be in two
 * parts, so with these there is only one. */

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
 * time, and the highest end of a fixed one: no plan can be lower.
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

  for (guint i = 0; i < n_buffers; i++)
    if (buffers[i].is_fixed && buffers[i].size > 0)
      greatest = MAX (greatest, buffers[i].offset + buffers[i].size);

  *lower_bound = greatest;
  return TRUE;
}

/* The pairs, by the places of their buffers in @order; buffers without bytes are apart from all others anyway. */
static GArray *
map_pairs (const TbufPlanProblem *problem,
           const guint           *order,
           guint                  n_sized)
{
  g_autofree guint *places = g_new (guint, problem->n_buffers);
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (TbufPlanPair));

  for (guint i = 0; i < n_sized; i++)
    places[order[i]] = i;

  for (guint i = 0; i < problem->n_separate; i++)
    {
      TbufPlanPair pair = problem->separate[i];

      if (problem->buffers[pair.one].size == 0 || problem->buffers[pair.other].size == 0)
        continue;
      pair.one = places[pair.one];
      pair.other = places[pair.other];
      g_array_append_val (pairs, pair);
    }

  return pairs;
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
  g_autofree guint *order = g_new (guint, problem->n_buffers);
  g_autoptr (GArray) part = g_array_new (FALSE, FALSE, sizeof (TbufPlanBuffer));
  g_autoptr (GArray) separate = NULL;
  TbufPlanBuffer *buffers = problem->buffers;
  guint n_sized = 0;

  *result = (TbufPlanResult) { 0 };
  if (g_cancellable_set_error_if_cancelled (problem->cancellable, error) ||
      !tbuf_plan_measure_lower_bound (buffers, problem->n_buffers, &result->lower_bound, error))
    return FALSE;

  if (problem->capacity > 0 && problem->capacity < result->lower_bound)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                   "The buffers do not fit into %" G_GUINT64_FORMAT " bytes: they need at least %" G_GUINT64_FORMAT,
                   problem->capacity, result->lower_bound);
      return FALSE;
    }

  for (guint i = 0; i < problem->n_buffers; i++)
    if (buffers[i].size > 0)
      order[n_sized++] = i;
    else if (!buffers[i].is_fixed)
      buffers[i].offset = 0;
  separate = map_pairs (problem, order, n_sized);
  if (separate->len == 0)
    g_qsort_with_data (order, (int) n_sized, sizeof *order, compare_lifetimes, buffers);

  for (guint first = 0, next; first < n_sized; first = next)
    {
      guint64 part_end = 0, part_bound, part_height;
      TbufPlanProblem part_problem = *problem;
      gboolean is_whole = separate->len > 0;

      for (next = first;
           next < n_sized && (is_whole || next == first || buffers[order[next]].lower < part_end);
           next++)
        part_end = MAX (part_end, buffers[order[next]].upper);

      /* Within a part, the order in which the buffers were added is one of those to try. */
      qsort (order + first, next - first, sizeof *order, compare_indices);
      g_array_set_size (part, 0);
      for (guint i = first; i < next; i++)
        g_array_append_val (part, buffers[order[i]]);
      part_problem.buffers = (TbufPlanBuffer *) (gpointer) part->data;
      part_problem.n_buffers = part->len;
      part_problem.separate = (const TbufPlanPair *) (gpointer) separate->data;
      part_problem.n_separate = separate->len;

      if (!tbuf_plan_measure_lower_bound (part_problem.buffers, part_problem.n_buffers, &part_bound, error))
        return FALSE;

      /* To be lower than a part that is done already, or than is asked for, would gain nothing. */
      if (!tbuf_plan_search_greedily (&part_problem, MAX (MAX (part_bound, problem->capacity), result->height),
                                      &part_height, error))
        return FALSE;

      for (guint i = first; i < next; i++)
        buffers[order[i]].offset = part_problem.buffers[i - first].offset;
      result->height = MAX (result->height, part_height);
    }

  result->proven = result->height == result->lower_bound;
  result->method = "greedy";
  if (problem->progress != NULL)
    problem->progress (result->height, result->lower_bound, problem->progress_data);
  return TRUE;
}
