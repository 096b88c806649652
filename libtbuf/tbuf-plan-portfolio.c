/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-exact-private.h"

/* NOTES
 *
 * How long the exact search takes depends on the order by factors of a million,
 * and no order is always good. Most problems have some orders that take a few
 * thousand placements. So the search is started again and again, each time in
 * another order, and mostly given up early: the limits follow the sequence of
 * Luby, Sinclair and Zuckerman ("Optimal Speedup of Las Vegas Algorithms",
 * 1993): 1, 1, 2, 1, 1, 2, 4, 1, …, which costs little more than the best limit
 * would, if that were known. They grow without end, so in the end every plan is
 * found, and every bound proven.
 *
 * Which height is to be reached? Every second attempt asks for the lower bound:
 * many problems can be solved there, and a descent from above would take long.
 * The others ask for heights between that and the best plan. A search that ends
 * without a plan raises the lower bound.
 *
 * The plan is as high as its highest part, so that is always the one to be
 * improved, by all threads. Attempts are numbered; with one thread nothing but
 * the deadline depends on time. */

#define FIRST_TRIES  1000   /* what an attempt may cost, times the number in the sequence */
#define N_KNOWN      6      /* the orders that are tried for the lower bound first */
#define INLINE_TRIES 20000  /* so much is not worth a thread */

typedef struct
{
  TbufPlanSearch *search;
  GMutex          mutex;        /* guards the parts and what follows */
  GCond           has_news;
  guint           n_attempts;
  guint64         n_tries;
  guint           n_workers;
  gboolean        is_over;
} Portfolio;

/* What a worker is at. */
typedef struct
{
  Portfolio     *portfolio;
  TbufPlanPart  *part;
  TbufPlanExact *exact;
  guint64       *offsets;
  guint64        height;        /* of the part, when the attempt began */
} Worker;

static guint64
get_luby_number (guint n)
{
  guint64 power = 1;

  /* The sequence up to 2^k - 1 is that up to 2^(k - 1) - 1, twice, and then 2^(k - 1). */
  for (;;)
    {
      while (2 * power - 1 < n)
        power *= 2;
      if (2 * power - 1 == n)
        return power;
      n -= (guint) (power - 1);
      power = 1;
    }
}

static TbufPlanPart *
find_highest_part (const TbufPlanParts *parts)
{
  TbufPlanPart *highest = &parts->parts[0];

  for (guint i = 1; i < parts->n_parts; i++)
    if (parts->parts[i].height > highest->height)
      highest = &parts->parts[i];

  return highest;
}

/* No plan of @part needs to be lower than this. */
static guint64
get_goal (const TbufPlanSearch *search,
          const TbufPlanPart   *part)
{
  return MAX (search->goal, part->lower_bound);
}

/* Whether an attempt makes no sense any more; asked by the search. */
static gboolean
is_pointless (guint64  target,
              gpointer data)
{
  Worker *worker = data;
  Portfolio *portfolio = worker->portfolio;

  return tbuf_plan_clock_is_over (&portfolio->search->clock) ||
         __atomic_load_n (&portfolio->is_over, __ATOMIC_RELAXED) ||
         target >= __atomic_load_n (&worker->part->height, __ATOMIC_RELAXED) ||
         target < __atomic_load_n (&worker->part->lower_bound, __ATOMIC_RELAXED);
}

/* The height that attempt number @n asks for. */
static guint64
choose_target (const TbufPlanSearch *search,
               const TbufPlanPart   *part,
               guint                 n)
{
  guint64 goal = get_goal (search, part), best = part->height - 1, step;

  if (search->has_capacity || n < N_KNOWN || n % 2 == 0)
    return goal;

  /* 1/2, 3/4, 7/8, … of the way up, and just below what there is. */
  step = (best - goal) >> (1 + n / 2 % 6);

  return n / 2 % 6 == 5 ? best : best - step;
}

/* Takes the next attempt; FALSE: there is none to take. The mutex is held. */
static gboolean
next_attempt (Worker          *worker,
              TbufPlanAttempt *attempt)
{
  Portfolio *portfolio = worker->portfolio;
  TbufPlanSearch *search = portfolio->search;
  TbufPlanPart *part = find_highest_part (search->parts);
  guint n = portfolio->n_attempts;

  if (portfolio->is_over || tbuf_plan_clock_is_over (&search->clock) ||
      part->height <= get_goal (search, part) || !tbuf_plan_exact_is_suitable (part) ||
      (search->has_capacity && part->lower_bound > search->goal))
    return FALSE;

  if (part != worker->part)
    {
      g_clear_pointer (&worker->exact, tbuf_plan_exact_free);
      g_free (worker->offsets);
      worker->part = part;
      worker->exact = tbuf_plan_exact_new (part);
      worker->offsets = g_new (guint64, part->n_items);
    }

  portfolio->n_attempts++;
  *attempt = (TbufPlanAttempt) {
    .order = n,
    .target = choose_target (search, part, n),
    .n_tries = FIRST_TRIES * get_luby_number (n < N_KNOWN ? 1 : n - N_KNOWN + 1),
    .is_over = is_pointless,
    .data = worker,
  };
  portfolio->n_tries += attempt->n_tries;

  return TRUE;
}

/* Keeps what came of an attempt, if it is of use. The mutex is held. */
static void
keep_outcome (Worker                *worker,
              const TbufPlanAttempt *attempt,
              TbufPlanOutcome        outcome,
              guint64                lower_bound)
{
  TbufPlanPart *part = worker->part;
  guint64 height;

  if (outcome == TBUF_PLAN_EXHAUSTED)
    {
      lower_bound = MIN (lower_bound, part->height);
      if (lower_bound > part->lower_bound)
        __atomic_store_n (&part->lower_bound, lower_bound, __ATOMIC_RELAXED);
    }
  if (outcome != TBUF_PLAN_FOUND)
    return;

  height = tbuf_plan_part_get_height_of (part, worker->offsets);
  if (height >= part->height)
    return;

  for (guint i = 0; i < part->n_items; i++)
    part->items[i].offset = worker->offsets[i];
  __atomic_store_n (&part->height, height, __ATOMIC_RELAXED);
  part->method = "exact";
}

/* Makes attempts until nothing is left to do, or @max_tries are spent. */
static void
work (Portfolio *portfolio,
      guint64    max_tries,
      gboolean   is_caller)
{
  Worker worker = { .portfolio = portfolio };
  TbufPlanAttempt attempt;

  g_mutex_lock (&portfolio->mutex);
  while (portfolio->n_tries < max_tries && next_attempt (&worker, &attempt))
    {
      TbufPlanOutcome outcome;
      guint64 lower_bound;

      g_mutex_unlock (&portfolio->mutex);
      outcome = tbuf_plan_exact_search (worker.exact, &attempt, worker.offsets, &lower_bound);
      g_mutex_lock (&portfolio->mutex);

      if (outcome == TBUF_PLAN_ABORTED)
        continue;
      keep_outcome (&worker, &attempt, outcome, lower_bound);
      g_cond_signal (&portfolio->has_news);
      if (is_caller)
        tbuf_plan_search_report (portfolio->search);
    }
  g_mutex_unlock (&portfolio->mutex);

  g_clear_pointer (&worker.exact, tbuf_plan_exact_free);
  g_free (worker.offsets);
}

static void
run_worker (gpointer data,
            gpointer user_data)
{
  Portfolio *portfolio = user_data;

  work (portfolio, G_MAXUINT64, FALSE);

  g_mutex_lock (&portfolio->mutex);
  portfolio->n_workers--;
  g_cond_signal (&portfolio->has_news);
  g_mutex_unlock (&portfolio->mutex);
}

/*< private >
 * tbuf_plan_search_attempts:
 * @self: a search; its parts have plans
 *
 * Improves the highest part until it cannot be improved, or there is no more
 * time.
 */
void
tbuf_plan_search_attempts (TbufPlanSearch *self)
{
  Portfolio portfolio = { .search = self };
  guint n_threads = self->problem->n_threads > 0 ? self->problem->n_threads : g_get_num_processors ();

  if (self->parts->n_parts == 0)
    return;

  g_mutex_init (&portfolio.mutex);
  g_cond_init (&portfolio.has_news);

  work (&portfolio, n_threads > 1 ? INLINE_TRIES : G_MAXUINT64, TRUE);
  if (n_threads > 1)
    {
      GThreadPool *pool = g_thread_pool_new (run_worker, &portfolio, (int) n_threads, FALSE, NULL);

      g_mutex_lock (&portfolio.mutex);
      portfolio.n_workers = n_threads;
      for (guint i = 0; i < n_threads; i++)
        g_thread_pool_push (pool, GUINT_TO_POINTER (i + 1), NULL);
      while (portfolio.n_workers > 0)
        {
          g_cond_wait (&portfolio.has_news, &portfolio.mutex);
          tbuf_plan_search_report (self);
        }
      g_mutex_unlock (&portfolio.mutex);
      g_thread_pool_free (pool, FALSE, TRUE);
    }

  g_mutex_clear (&portfolio.mutex);
  g_cond_clear (&portfolio.has_news);
}
