/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-engine-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A problem is cut into parts, and the plan is as high as its highest part. So
 * a part is done as soon as it is not higher than another one has to be. */

#define MANY_ITEMS     2000       /* from here on, threads pay */
#define HUGE_ITEMS     200000     /* from here on, there is not the memory for several tries at a time */
#define MAX_STEPS      200000000  /* what all greedy tries of a part may cost: a second or two */
#define MAX_HUGE_STEPS 80000000   /* where each of them leads far through memory */

static gint
compare_indices (gconstpointer a,
                 gconstpointer b)
{
  const TbufPlanItem *one = *(TbufPlanItem *const *) a;
  const TbufPlanItem *other = *(TbufPlanItem *const *) b;

  return one->index < other->index ? -1 : one->index > other->index;
}

/* One item above the other: a plan for those who have no time at all. In the order
 * in which they came, so that it is never higher than without sharing: in another
 * one, alignments can leave larger gaps. */
static void
stack_items (TbufPlanPart *part)
{
  g_autofree TbufPlanItem **items = g_new (TbufPlanItem *, part->n_items);
  guint64 top = 0;

  for (guint i = 0; i < part->n_items; i++)
    {
      items[i] = &part->items[i];
      if (items[i]->is_fixed)
        top = MAX (top, items[i]->offset + items[i]->size);
    }

  qsort (items, part->n_items, sizeof *items, compare_indices);
  for (guint i = 0; i < part->n_items; i++)
    {
      if (items[i]->is_fixed)
        continue;
      items[i]->offset = tbuf_plan_align (top, items[i]->alignment);
      top = items[i]->offset + items[i]->size;
    }

  part->height = 0;
  for (guint i = 0; i < part->n_items; i++)
    part->height = MAX (part->height, tbuf_plan_item_get_top (items[i], items[i]->offset));
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

guint64
tbuf_plan_search_get_height (const TbufPlanSearch *self)
{
  guint64 height = 0;

  for (guint i = 0; i < self->parts->n_parts; i++)
    height = MAX (height, self->parts->parts[i].height);

  return height;
}

/* Tells who asked about a better plan. */
void
tbuf_plan_search_report (TbufPlanSearch *self)
{
  guint64 height = tbuf_plan_search_get_height (self);

  for (guint i = 0; i < self->parts->n_parts; i++)
    self->lower_bound = MAX (self->lower_bound, self->parts->parts[i].lower_bound);

  if (height >= self->reported)
    return;
  self->reported = height;
  if (self->problem->progress != NULL)
    self->problem->progress (height, self->lower_bound, self->problem->progress_data);
}

static void
keep_plan (TbufPlanPart  *part,
           const guint64 *offsets,
           guint64        height,
           const char    *method)
{
  if (height >= part->height)
    return;

  for (guint i = 0; i < part->n_items; i++)
    part->items[i].offset = offsets[i];
  part->height = height;
  part->method = method;
}

/* Tries of one part in the greedy orders, shared among threads. */
typedef struct
{
  TbufPlanSearch *search;
  TbufPlanPart   *part;
  guint64         goal;
  GMutex          mutex;    /* guards the plan in the part, and next */
  guint           next;     /* the number of the next try, */
  guint           end;      /* and that of the one after the last */
  gint64          n_steps;  /* that all tries may take together; guarded by nothing, as it is but a measure */
} Tries;

static void
make_tries (gpointer data,
            gpointer user_data)
{
  Tries *tries = user_data;
  TbufPlanPart *part = tries->part;
  guint n_orders = tbuf_plan_greedy_get_n_orders ();
  g_autoptr (TbufPlanGreedy) greedy = tbuf_plan_greedy_new (part);
  g_autofree guint64 *offsets = g_new (guint64, part->n_items);
  guint64 height;

  g_mutex_lock (&tries->mutex);
  while (tries->next < tries->end && part->height > tries->goal &&
         __atomic_load_n (&tries->n_steps, __ATOMIC_RELAXED) >= 0 &&
         !tbuf_plan_clock_is_over (&tries->search->clock))
    {
      guint n = tries->next++;
      guint64 limit = part->height - 1;
      gboolean found;

      g_mutex_unlock (&tries->mutex);
      /* First fit is faster by far. */
      found = tbuf_plan_greedy_try (greedy, n % n_orders, n / n_orders, limit, &tries->n_steps, &tries->search->clock,
                                    offsets, &height);
      g_mutex_lock (&tries->mutex);

      if (found)
        keep_plan (part, offsets, height, "greedy");
    }
  g_mutex_unlock (&tries->mutex);
}

/* Places a part in the greedy orders, until its height is the goal. */
static void
search_part_greedily (TbufPlanSearch *self,
                      TbufPlanPart   *part)
{
  guint n_threads = self->problem->n_threads > 0 ? self->problem->n_threads : g_get_num_processors ();
  Tries tries = {
    .search = self,
    .part = part,
    .goal = MAX (self->goal, part->lower_bound),
    .end = 1,
    .n_steps = part->n_items < HUGE_ITEMS ? MAX_STEPS : MAX_HUGE_STEPS,
  };

  if (part->height <= tries.goal)
    return;

  if (part->n_items >= MANY_ITEMS)
    {
      g_autofree guint64 *offsets = g_new (guint64, part->n_items);
      guint64 height;

      if (tbuf_plan_part_sweep (part, &self->clock, offsets, &height))
        keep_plan (part, offsets, height, "sweep");
    }

  g_mutex_init (&tries.mutex);
  /* The first one alone: it is the best one most often, and has all the steps if there are few. */
  make_tries (NULL, &tries);
  tries.end = tbuf_plan_greedy_get_n_orders () * TBUF_PLAN_N_FITS;
  if (n_threads == 1 || part->n_items < MANY_ITEMS || part->n_items >= HUGE_ITEMS)
    {
      make_tries (NULL, &tries);
    }
  else
    {
      GThreadPool *pool = g_thread_pool_new (make_tries, &tries, (int) n_threads, FALSE, NULL);

      for (guint i = 0; i < n_threads; i++)
        g_thread_pool_push (pool, GUINT_TO_POINTER (i + 1), NULL);
      g_thread_pool_free (pool, FALSE, TRUE);
    }
  g_mutex_clear (&tries.mutex);
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
  TbufPlanSearch search = {
    .clock = { problem->deadline, problem->cancellable },
    .has_capacity = problem->capacity > 0,
    .problem = problem,
    .reported = G_MAXUINT64,
  };

  *result = (TbufPlanResult) { 0 };
  if (g_cancellable_set_error_if_cancelled (problem->cancellable, error) || !check_sum (problem, error))
    return FALSE;

  search.parts = parts = tbuf_plan_parts_new (problem);
  for (guint i = 0; i < parts->n_parts; i++)
    {
      search.lower_bound = MAX (search.lower_bound, parts->parts[i].lower_bound);
      stack_items (&parts->parts[i]);
    }
  search.goal = MAX (problem->capacity, search.lower_bound);

  if (!search.has_capacity || problem->capacity >= search.lower_bound)
    {
      for (guint i = 0; i < parts->n_parts; i++)
        search_part_greedily (&search, &parts->parts[i]);
      tbuf_plan_search_report (&search);
      tbuf_plan_search_attempts (&search);
      tbuf_plan_search_report (&search);
    }

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
  result->lower_bound = search.lower_bound;
  result->proven = result->height == result->lower_bound;

  if (search.has_capacity && result->lower_bound > problem->capacity)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                   "The buffers do not fit into %" G_GUINT64_FORMAT " bytes: they need at least %" G_GUINT64_FORMAT,
                   problem->capacity, result->lower_bound);
      return FALSE;
    }

  return !g_cancellable_set_error_if_cancelled (problem->cancellable, error);
}
