/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A handler of ::progress may be a script's, and most scripts can be called by
 * one thread alone. So the signal is emitted by the thread that created the
 * plan: at once, if it is the one that waits for the search, and otherwise in
 * its main context. There is at most one emission that waits; it is brought up
 * to date, so that a context which does not run piles nothing up. */

/* Runs in the main context of the plan's creation. */
static gboolean
emit_waiting (gpointer data)
{
  GWeakRef *weak = data;
  g_autoptr (TbufPlan) self = g_weak_ref_get (weak);
  TbufPlanNews news;

  if (self == NULL)
    return G_SOURCE_REMOVE;

  g_mutex_lock (&self->mutex);
  news = self->news;
  self->news = (TbufPlanNews) { 0 };
  g_clear_pointer (&self->source, g_source_unref);
  g_mutex_unlock (&self->mutex);

  if (news.has_progress)
    tbuf_plan_emit_progress (self, news.height, news.seconds);
  if (news.is_solved)
    tbuf_plan_notify_solved (self);

  return G_SOURCE_REMOVE;
}

static void
free_weak (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

/* Has the main context emit what self->news says. Runs while the mutex is held. */
static void
queue_news (TbufPlan *self)
{
  GWeakRef *weak;

  if (self->source != NULL)
    return;

  weak = g_new (GWeakRef, 1);
  g_weak_ref_init (weak, self);
  self->source = g_idle_source_new ();
  g_source_set_priority (self->source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (self->source, "[tbuf] progress of a plan");
  g_source_set_callback (self->source, emit_waiting, weak, free_weak);
  g_source_attach (self->source, self->context);
}

typedef struct
{
  TbufPlan *plan;
  gint64    start;
  gboolean  is_direct;  /* the thread that searches is the one that handles signals */
  guint64   height;     /* that was told last */
} Run;

/* Called by the thread that called tbuf_plan_search (). */
static void
report_progress (guint64  height,
                 guint64  lower_bound,
                 gpointer data)
{
  Run *run = data;
  TbufPlan *self = run->plan;
  double seconds = (double) (g_get_monotonic_time () - run->start) / G_USEC_PER_SEC;

  /* Nobody changes the buffers meanwhile. */
  height = MAX (height, self->fixed_end);
  if (height >= run->height)
    return;

  run->height = height;
  if (run->is_direct)
    {
      tbuf_plan_emit_progress (self, height, seconds);
      return;
    }

  g_mutex_lock (&self->mutex);
  self->news.has_progress = TRUE;
  self->news.height = height;
  self->news.seconds = seconds;
  queue_news (self);
  g_mutex_unlock (&self->mutex);
}

/* Says of two buffers what is wrong with them. */
static void
set_fault (TbufPlan              *self,
           const TbufPlanBuffer  *buffers,
           const TbufPlanFault   *fault,
           guint64                height,
           GError               **error)
{
  const TbufPlanBuffer *one = &buffers[fault->one], *other = &buffers[fault->other];
  g_autofree char *one_id = tbuf_plan_dup_id (self, fault->one);
  g_autofree char *other_id = tbuf_plan_dup_id (self, fault->other);

  if (fault->kind == TBUF_PLAN_FAULT_ALIGNMENT)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                 "%s \"%s\" is at offset %" G_GUINT64_FORMAT ", which is not a multiple of its alignment, "
                 "%" G_GUINT64_FORMAT, self->noun, one_id, one->offset, one->alignment);
  else if (fault->kind == TBUF_PLAN_FAULT_HEIGHT)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                 "%s \"%s\" has %" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ", so it ends at "
                 "%" G_GUINT64_FORMAT ", beyond %" G_GUINT64_FORMAT,
                 self->noun, one_id, one->size, one->offset, one->offset + one->size, height);
  else
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                 "%s \"%s\" (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ", from %" G_GUINT64_FORMAT
                 " until before %" G_GUINT64_FORMAT ") and \"%s\" (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT
                 ", from %" G_GUINT64_FORMAT " until before %" G_GUINT64_FORMAT ") share bytes, though they %s",
                 self->noun, one_id, one->size, one->offset, one->lower, one->upper,
                 other_id, other->size, other->offset, other->lower, other->upper,
                 fault->kind == TBUF_PLAN_FAULT_OVERLAP ? "live at the same time" : "are to be apart");
}

/* What is wrong with a whole plan, or with its fixed buffers alone. */
static gboolean
check_offsets (TbufPlan              *self,
               const TbufPlanBuffer  *buffers,
               gboolean               only_fixed,
               guint64                height,
               GError               **error)
{
  g_autofree TbufPlanBuffer *fixed = NULL;
  TbufPlanFault fault;

  if (only_fixed)
    {
      /* Without bytes, the others are in nobody's way. */
      fixed = g_memdup2 (buffers, self->buffers->len * sizeof *buffers);
      for (guint i = 0; i < self->buffers->len; i++)
        if (!fixed[i].is_fixed)
          fixed[i].size = fixed[i].offset = 0;
      buffers = fixed;
    }

  if (!tbuf_plan_find_fault (buffers, self->buffers->len, (const TbufPlanPair *) (gpointer) self->separate->data,
                             self->separate->len, height, &fault))
    return TRUE;

  set_fault (self, buffers, &fault, height, error);
  return FALSE;
}

/* Whether there can be a plan at all. */
static gboolean
check_problem (TbufPlan              *self,
               const TbufPlanBuffer  *buffers,
               guint64                capacity,
               GError               **error)
{
  TbufPlanLoad load;

  if (capacity > G_MAXINT64)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "The capacity, %" G_GUINT64_FORMAT " (or %" G_GINT64_FORMAT "), is not in the range from 0 to "
                   "%" G_GINT64_FORMAT, capacity, (gint64) capacity, G_MAXINT64);
      return FALSE;
    }

  if (self->fixed_end > 0 && !check_offsets (self, buffers, TRUE, capacity > 0 ? capacity : G_MAXINT64, error))
    return FALSE;

  if (capacity == 0)
    return TRUE;

  tbuf_plan_find_peak (buffers, self->buffers->len, &load);
  if (load.n_bytes > capacity)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                   "A capacity of %" G_GUINT64_FORMAT " bytes is too small: the %u that live at time %" G_GUINT64_FORMAT
                   " have %" G_GUINT64_FORMAT " bytes together",
                   capacity, load.n_buffers, load.time, load.n_bytes);
      return FALSE;
    }

  return TRUE;
}

/* Keeps what was found, once it is verified. */
static gboolean
take_solution (TbufPlan              *self,
               const TbufPlanBuffer  *solved,
               const TbufPlanResult  *result,
               gint64                 start,
               GError               **error)
{
  guint n_buffers = self->buffers->len;
  /* The search sees bytes only, but a fixed buffer that has none lies within the plan too. */
  guint64 height = MAX (result->height, self->fixed_end);
  guint64 lower_bound = MAX (result->lower_bound, self->fixed_end);

  if (!check_offsets (self, solved, FALSE, height, error))
    {
      g_prefix_error_literal (error, "The search made a mistake, and its plan is not used: ");
      return FALSE;
    }

  tbuf_plan_clear_solution (self);
  self->offsets = g_array_sized_new (FALSE, FALSE, sizeof (guint64), n_buffers);
  for (guint i = 0; i < n_buffers; i++)
    {
      const TbufPlanBuffer *buffer = &g_array_index (self->buffers, TbufPlanBuffer, i);

      g_assert (!buffer->is_fixed || buffer->offset == solved[i].offset);
      g_array_append_val (self->offsets, solved[i].offset);
    }
  self->height = height;
  self->lower_bound = lower_bound;
  self->proven = result->proven || height == lower_bound;
  self->method = result->method;
  self->elapsed = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  return TRUE;
}

/* From then on nobody changes the buffers, so they can be read without the mutex. */
static gboolean
begin_solving (TbufPlan  *self,
               GError   **error)
{
  gboolean was_solving;

  g_mutex_lock (&self->mutex);
  was_solving = self->is_solving;
  self->is_solving = TRUE;
  g_mutex_unlock (&self->mutex);

  if (was_solving)
    g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_BUSY, "The plan is being solved already");
  return !was_solving;
}

static void
end_solving (TbufPlan *self)
{
  g_mutex_lock (&self->mutex);
  self->is_solving = FALSE;
  g_mutex_unlock (&self->mutex);
}

/* Runs between begin_solving () and end_solving (). The problem is copied, because the search works in place. */
static gboolean
solve (TbufPlan      *self,
       guint64        capacity,
       gint64         timeout_us,
       gint64         start,
       gboolean       is_direct,
       GCancellable  *cancellable,
       gboolean      *taken,
       GError       **error)
{
  Run run = { self, start, is_direct, G_MAXUINT64 };
  g_autofree TbufPlanBuffer *buffers = NULL;
  g_autofree TbufPlanPair *separate = NULL;
  TbufPlanProblem problem;
  TbufPlanResult result = { 0 };
  GError *failure = NULL;
  gboolean solved;

  *taken = FALSE;
  g_mutex_lock (&self->mutex);
  buffers = g_memdup2 (self->buffers->data, self->buffers->len * sizeof *buffers);
  separate = g_memdup2 (self->separate->data, self->separate->len * sizeof *separate);
  problem = (TbufPlanProblem) {
    .buffers = buffers,
    .n_buffers = self->buffers->len,
    .separate = separate,
    .n_separate = self->separate->len,
    .capacity = capacity,
    .deadline = timeout_us < 0 || timeout_us > G_MAXINT64 - start ? G_MAXINT64 : start + timeout_us,
    .n_threads = self->n_threads,
    .cancellable = cancellable,
    .progress = report_progress,
    .progress_data = &run,
  };
  g_mutex_unlock (&self->mutex);

  solved = !g_cancellable_set_error_if_cancelled (cancellable, &failure) &&
           check_problem (self, buffers, capacity, &failure) &&
           tbuf_plan_search (&problem, &result, &failure);

  g_mutex_lock (&self->mutex);
  /* Of what fails, only a search that was cancelled has found anything worth keeping. */
  if (result.method != NULL && (solved || g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED)))
    {
      g_autoptr (GError) fault = NULL;

      *taken = take_solution (self, buffers, &result, start, &fault);
      if (!*taken)
        {
          g_clear_error (&failure);
          failure = g_steal_pointer (&fault);
          solved = FALSE;
        }
    }
  if (*taken && !is_direct)
    {
      self->news.is_solved = TRUE;
      queue_news (self);
    }
  g_mutex_unlock (&self->mutex);

  if (!solved)
    g_propagate_error (error, failure);
  return solved;
}

/**
 * tbuf_plan_solve:
 * @self: a plan
 * @capacity: the bytes that there are, at which a plan needs no improvement; 0 looks for the fewest
 * @timeout_us: how long to look, in microseconds; -1: until it is proven that there is nothing better
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gives every buffer an offset.
 *
 * One plan is always made, however short the time; the rest of the time goes
 * into better ones, each of which is told by [signal@Tbuf.Plan::progress]. When
 * the time is up, the best one found is taken, also if it is higher than the
 * capacity: compare [property@Tbuf.Plan:height]. [property@Tbuf.Plan:proven]
 * says whether it is one of the best that there are. For most problems that is
 * soon the case, but there are hard ones of a few hundred buffers that no
 * planner is known to finish, so -1 can mean for ever.
 *
 * After a cancellation, the best plan that was found until then can be read, if
 * there was one, as if it had been the time that was up. If none was found, the
 * plan is as it was: it keeps the offsets of an earlier search.
 *
 * Every plan is verified before it is used, by code that shares nothing with
 * the search.
 *
 * The errors are %TBUF_ERROR_INFEASIBLE (no plan has the capacity, or fixed
 * buffers are in each other's way; the message has the numbers),
 * %TBUF_ERROR_RANGE (the capacity is greater than 9223372036854775807),
 * %TBUF_ERROR_BUSY (the plan is being solved by another thread) and
 * `G_IO_ERROR_CANCELLED`.
 *
 * Returns: whether there are offsets
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_solve (TbufPlan      *self,
                 guint64        capacity,
                 gint64         timeout_us,
                 GCancellable  *cancellable,
                 GError       **error)
{
  gint64 start = g_get_monotonic_time ();
  gboolean solved, taken, is_direct;

  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  if (!begin_solving (self, error))
    return FALSE;

  is_direct = g_thread_self () == self->thread;
  solved = solve (self, capacity, timeout_us, start, is_direct, cancellable, &taken, error);
  end_solving (self);
  if (taken && is_direct)
    tbuf_plan_notify_solved (self);
  return solved;
}

typedef struct
{
  guint64 capacity;
  gint64  timeout_us;
  gint64  start;
} Request;

static gboolean
end_waiting (gpointer data)
{
  end_solving (data);
  return G_SOURCE_REMOVE;
}

static void
solve_in_thread (GTask        *task,
                 gpointer      source,
                 gpointer      data,
                 GCancellable *cancellable)
{
  const Request *request = data;
  g_autoptr (GSource) idle = g_idle_source_new ();
  GError *error = NULL;
  gboolean solved, taken;

  solved = solve (source, request->capacity, request->timeout_us, request->start, FALSE, cancellable, &taken, &error);

  /* Where the callback will be called, and before it: until then, nobody takes from it what was found. */
  g_source_set_priority (idle, g_task_get_priority (task));
  g_source_set_static_name (idle, "[tbuf] a plan is solved");
  g_source_set_callback (idle, end_waiting, g_object_ref (source), g_object_unref);
  g_source_attach (idle, g_task_get_context (task));

  if (solved)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/**
 * tbuf_plan_solve_async:
 * @self: a plan
 * @capacity: the bytes that there are, at which a plan needs no improvement; 0 looks for the fewest
 * @timeout_us: how long to look, in microseconds; -1: until it is proven that there is nothing better
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async) (closure user_data): called when there are offsets
 * @user_data: what to call it with
 *
 * Gives every buffer an offset, in a thread of its own.
 *
 * See [method@Tbuf.Plan.solve]. From this call on until the callback is called,
 * the plan cannot be changed or solved again. [signal@Tbuf.Plan::progress] is
 * emitted meanwhile in the thread-default main context of the plan's creation.
 *
 * Since: 1.0
 */
void
tbuf_plan_solve_async (TbufPlan            *self,
                       guint64              capacity,
                       gint64               timeout_us,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;
  Request *request;

  g_return_if_fail (TBUF_IS_PLAN (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  request = g_new (Request, 1);
  *request = (Request) { capacity, timeout_us, g_get_monotonic_time () };

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tbuf_plan_solve_async);
  g_task_set_task_data (task, request, g_free);
  /* A cancellation that comes after the end of the search changes nothing. */
  g_task_set_check_cancellable (task, FALSE);

  /* The thread may start late; what is called meanwhile is to find the plan as busy as it is told to be. */
  if (begin_solving (self, &error))
    g_task_run_in_thread (task, solve_in_thread);
  else
    g_task_return_error (task, error);
}

/**
 * tbuf_plan_solve_finish:
 * @self: a plan
 * @result: what the callback was called with
 * @error: return location for an error
 *
 * Ends what [method@Tbuf.Plan.solve_async] began.
 *
 * The errors are those of [method@Tbuf.Plan.solve].
 *
 * Returns: whether there are offsets
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_solve_finish (TbufPlan      *self,
                        GAsyncResult  *result,
                        GError       **error)
{
  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * tbuf_plan_verify:
 * @self: a solved plan
 * @error: return location for an error
 *
 * Checks a plan: that every offset suits its buffer's alignment, every buffer
 * ends within the height, fixed ones are where they were put, no two that live
 * at the same time share a byte, and neither do those that are to be apart.
 *
 * [method@Tbuf.Plan.solve] does so itself; this is for who trusts no plan that
 * nobody else has looked at. The check walks through time with the live buffers
 * in a tree by offset, shares no code with the search, and takes O(n log n).
 *
 * The errors are %TBUF_ERROR_INFEASIBLE (which buffers, and the numbers) and
 * %TBUF_ERROR_INVALID (the plan is not solved).
 *
 * Returns: whether the plan holds
 *
 * Since: 1.0
 */
gboolean
tbuf_plan_verify (TbufPlan  *self,
                  GError   **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  g_autofree TbufPlanBuffer *buffers = NULL;

  g_return_val_if_fail (TBUF_IS_PLAN (self), FALSE);

  locker = g_mutex_locker_new (&self->mutex);

  if (self->offsets == NULL)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_INVALID, "There is nothing to verify: the plan is not solved");
      return FALSE;
    }

  buffers = g_memdup2 (self->buffers->data, self->buffers->len * sizeof *buffers);
  for (guint i = 0; i < self->buffers->len; i++)
    {
      guint64 offset = g_array_index (self->offsets, guint64, i);

      if (buffers[i].is_fixed && buffers[i].offset != offset)
        {
          g_autofree char *id = tbuf_plan_dup_id (self, i);

          g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                       "%s \"%s\" is at offset %" G_GUINT64_FORMAT ", but was fixed at %" G_GUINT64_FORMAT,
                       self->noun, id, offset, buffers[i].offset);
          return FALSE;
        }
      buffers[i].offset = offset;
    }

  return check_offsets (self, buffers, FALSE, self->height, error);
}
