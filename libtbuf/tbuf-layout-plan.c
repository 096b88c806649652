/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-layout-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A layout is planned by a TbufPlan in which the phases are the time. Arrays
 * that are to keep what is in them over a phase live in it, so there is nothing
 * that the planner would have to know of contents. */

/* So many arrays are planned by one thread: it takes no time anyway, and equal layouts then get equal plans. */
#define MAX_ARRAYS_OF_ONE_THREAD 100

/**
 * tbuf_layout_pin:
 * @self: a layout
 * @array_name: the name of an array
 * @offset: where it is to start, in bytes
 * @error: return location for an error
 *
 * Gives an array its offset before the layout is planned.
 *
 * The others are planned around it. So it can lie where another program expects
 * it, or where it lay in an earlier layout. Whether pinned arrays are in each
 * other's way is looked at when the layout is planned.
 *
 * The errors are %TBUF_ERROR_NOT_FOUND, %TBUF_ERROR_ALIGNMENT (the offset is not
 * a multiple of the array's alignment: see
 * [method@Tbuf.Layout.set_alignment]), %TBUF_ERROR_RANGE (the array would end
 * beyond what can be addressed) and %TBUF_ERROR_INVALID (the layout is planned).
 *
 * Returns: whether the array is pinned
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_pin (TbufLayout  *self,
                 const char  *array_name,
                 gsize        offset,
                 GError     **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  TbufArray *array;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);
  g_return_val_if_fail (array_name != NULL, FALSE);

  locker = g_mutex_locker_new (&self->mutex);

  return tbuf_layout_check_building (self, "pin arrays", error) &&
         (array = tbuf_layout_lookup_array (self, array_name, error)) != NULL &&
         tbuf_layout_pin_array (self, array, offset, error);
}

/**
 * tbuf_layout_separate:
 * @self: a layout
 * @one_name: the name of an array
 * @other_name: the name of another
 * @error: return location for an error
 *
 * Says that two arrays never share a byte, even if they never live together.
 *
 * So something that reads late, such as a device or a slow process, can still
 * read the one while the other is written.
 *
 * The errors are %TBUF_ERROR_NOT_FOUND and %TBUF_ERROR_INVALID (it is one and the
 * same array, or the layout is planned).
 *
 * Returns: whether they will be apart
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_separate (TbufLayout  *self,
                      const char  *one_name,
                      const char  *other_name,
                      GError     **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  TbufPlanPair pair = { 0 };

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);
  g_return_val_if_fail (one_name != NULL, FALSE);
  g_return_val_if_fail (other_name != NULL, FALSE);

  locker = g_mutex_locker_new (&self->mutex);

  if (!tbuf_layout_check_building (self, "keep arrays apart", error) ||
      tbuf_layout_lookup_array (self, one_name, error) == NULL ||
      tbuf_layout_lookup_array (self, other_name, error) == NULL)
    return FALSE;

  pair.one = GPOINTER_TO_UINT (g_hash_table_lookup (self->array_indices, one_name));
  pair.other = GPOINTER_TO_UINT (g_hash_table_lookup (self->array_indices, other_name));
  if (pair.one == pair.other)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "Array \"%s\" cannot be apart from itself: name two", one_name);
      return FALSE;
    }

  g_array_append_val (self->separate, pair);
  return TRUE;
}

/* Runs while the mutex is held. */
static TbufPlan *
make_plan (TbufLayout  *self,
           GError     **error)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();

  tbuf_plan_set_noun (plan, "Array");
  if (self->arrays->len <= MAX_ARRAYS_OF_ONE_THREAD)
    tbuf_plan_set_n_threads (plan, 1);

  for (guint i = 0; i < self->arrays->len; i++)
    {
      const TbufArray *array = g_ptr_array_index (self->arrays, i);
      guint64 lower, upper;
      gboolean added;

      tbuf_layout_get_lifetime (self, array, &lower, &upper);
      added = array->is_pinned
                ? tbuf_plan_add_fixed (plan, array->name, lower, upper, array->n_bytes, array->alignment, array->offset, error)
                : tbuf_plan_add (plan, array->name, lower, upper, array->n_bytes, array->alignment, error);
      if (!added)
        return NULL;
    }

  for (guint i = 0; i < self->separate->len; i++)
    {
      TbufPlanPair pair = g_array_index (self->separate, TbufPlanPair, i);
      const TbufArray *one = g_ptr_array_index (self->arrays, pair.one);
      const TbufArray *other = g_ptr_array_index (self->arrays, pair.other);

      if (!tbuf_plan_separate (plan, one->name, other->name, error))
        return NULL;
    }

  return g_steal_pointer (&plan);
}

/* Whether what was found can be used. */
static gboolean
check_height (guint64    height,
              guint64    lower_bound,
              guint64    capacity,
              GError   **error)
{
  if (height > G_MAXSSIZE)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "The arrays need %" G_GUINT64_FORMAT " bytes; an arena can have at most %" G_GSSIZE_FORMAT,
                   height, G_MAXSSIZE);
      return FALSE;
    }

  if (capacity > 0 && height > capacity)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT,
                   "In the time that there was, no plan was found for a capacity of %" G_GUINT64_FORMAT " bytes; the best has "
                   "%" G_GUINT64_FORMAT ", and it is proven only that none has fewer than %" G_GUINT64_FORMAT,
                   capacity, height, lower_bound);
      return FALSE;
    }

  return TRUE;
}

/* Makes sure that nobody but the caller changes the layout until plan_layout () has ended. Sets *is_planned if it is planned
 * already, so that nothing is left to do. */
static gboolean
begin_planning (TbufLayout  *self,
                gboolean    *is_planned,
                GError     **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->mutex);

  *is_planned = self->state == TBUF_LAYOUT_PLANNED;
  if (*is_planned)
    return TRUE;

  if (self->state == TBUF_LAYOUT_PLANNING)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_BUSY, "The layout is being planned in another thread");
      return FALSE;
    }

  if (self->arrays->len == 0)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_INVALID, "The layout has no arrays: add one before planning");
      return FALSE;
    }

  self->state = TBUF_LAYOUT_PLANNING;
  return TRUE;
}

/* Goes on after begin_planning (). */
static gboolean
plan_layout (TbufLayout    *self,
             gint64         timeout_us,
             GCancellable  *cancellable,
             GError       **error)
{
  g_autoptr (TbufPlan) plan = NULL;
  g_autofree guint64 *offsets = NULL;
  guint64 height = 0, lower_bound = 0, capacity;
  gboolean solved;

  g_mutex_lock (&self->mutex);
  plan = make_plan (self, error);
  capacity = self->capacity;
  g_mutex_unlock (&self->mutex);

  solved = plan != NULL && tbuf_plan_solve (plan, capacity, timeout_us, cancellable, error);
  if (solved)
    {
      height = tbuf_plan_get_height (plan);
      lower_bound = tbuf_plan_get_lower_bound (plan);
      solved = check_height (height, lower_bound, capacity, error);
    }

  g_mutex_lock (&self->mutex);
  if (solved)
    {
      offsets = tbuf_plan_get_offsets (plan, NULL);
      for (guint i = 0; i < self->arrays->len; i++)
        ((TbufArray *) g_ptr_array_index (self->arrays, i))->offset = offsets[i];
      self->size = height;
      self->lower_bound = lower_bound;
    }
  self->state = solved ? TBUF_LAYOUT_PLANNED : TBUF_LAYOUT_BUILDING;
  g_mutex_unlock (&self->mutex);

  return solved;
}

/**
 * tbuf_layout_plan:
 * @self: a layout
 * @timeout_us: how long to look for a better plan, in microseconds; -1: until it is proven that there is none
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gives every array an offset, and makes the layout immutable.
 *
 * Arrays that live in a common phase never overlap; others may share bytes.
 * One plan is always made, however short the time; what is left of it goes
 * into looking for a smaller one. For a few dozen arrays that is a matter of
 * milliseconds. For some hundred it can take for ever in the worst case, so a
 * time limit is advisable. A layout of up to 100 arrays that has time enough gets
 * the same plan every time. A layout that is planned already stays as it is.
 *
 * The errors are %TBUF_ERROR_INVALID (there are no arrays),
 * %TBUF_ERROR_INFEASIBLE (the capacity is too small, or pinned arrays are in each
 * other's way), %TBUF_ERROR_TIMED_OUT (there is a capacity, and no plan was found
 * that has it), %TBUF_ERROR_RANGE (the arrays of a phase have more bytes than can
 * be addressed), %TBUF_ERROR_BUSY (another thread is planning this layout) and
 * `G_IO_ERROR_CANCELLED`. After an error the layout can be changed further.
 *
 * Returns: whether the layout is planned
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_plan (TbufLayout    *self,
                  gint64         timeout_us,
                  GCancellable  *cancellable,
                  GError       **error)
{
  gboolean is_planned;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  if (!begin_planning (self, &is_planned, error))
    return FALSE;
  if (is_planned)
    return TRUE;

  if (!plan_layout (self, timeout_us, cancellable, error))
    return FALSE;

  tbuf_layout_notify_planned (self);
  return TRUE;
}

static gboolean
notify_planned (gpointer data)
{
  tbuf_layout_notify_planned (data);
  return G_SOURCE_REMOVE;
}

static void
plan_in_thread (GTask        *task,
                gpointer      source,
                gpointer      data,
                GCancellable *cancellable)
{
  g_autoptr (GSource) idle = NULL;
  GError *error = NULL;

  if (!plan_layout (source, *(const gint64 *) data, cancellable, &error))
    {
      g_task_return_error (task, error);
      return;
    }

  /* Where the callback will be called, and before it. */
  idle = g_idle_source_new ();
  g_source_set_priority (idle, g_task_get_priority (task));
  g_source_set_static_name (idle, "[tbuf] a layout is planned");
  g_source_set_callback (idle, notify_planned, g_object_ref (source), g_object_unref);
  g_source_attach (idle, g_task_get_context (task));
  g_task_return_boolean (task, TRUE);
}

/**
 * tbuf_layout_plan_async:
 * @self: a layout
 * @timeout_us: how long to look for a better plan, in microseconds; -1: until it is proven that there is none
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async) (closure user_data): called when the layout is planned
 * @user_data: what to call it with
 *
 * Gives every array an offset, in a thread of its own, and makes the layout
 * immutable.
 *
 * See [method@Tbuf.Layout.plan]. From this call on, the layout cannot be changed,
 * unless it turns out that there is no plan.
 *
 * Since: 1.0
 */
void
tbuf_layout_plan_async (TbufLayout          *self,
                        gint64               timeout_us,
                        GCancellable        *cancellable,
                        GAsyncReadyCallback  callback,
                        gpointer             user_data)
{
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;
  gboolean is_planned;

  g_return_if_fail (TBUF_IS_LAYOUT (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tbuf_layout_plan_async);
  g_task_set_task_data (task, g_memdup2 (&timeout_us, sizeof timeout_us), g_free);
  /* A cancellation that comes after the end changes nothing. */
  g_task_set_check_cancellable (task, FALSE);

  /* The thread may start late; what is called meanwhile is to find the layout as it is said to be. */
  if (!begin_planning (self, &is_planned, &error))
    g_task_return_error (task, error);
  else if (is_planned)
    g_task_return_boolean (task, TRUE);
  else
    g_task_run_in_thread (task, plan_in_thread);
}

/**
 * tbuf_layout_plan_finish:
 * @self: a layout
 * @result: what the callback was called with
 * @error: return location for an error
 *
 * Ends what [method@Tbuf.Layout.plan_async] began.
 *
 * The errors are those of [method@Tbuf.Layout.plan].
 *
 * Returns: whether the layout is planned
 *
 * Since: 1.0
 */
gboolean
tbuf_layout_plan_finish (TbufLayout    *self,
                         GAsyncResult  *result,
                         GError       **error)
{
  g_return_val_if_fail (TBUF_IS_LAYOUT (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Runs while the mutex is held. */
static const TbufArray *
lookup_planned (TbufLayout  *self,
                const char  *array_name,
                GError     **error)
{
  const TbufArray *array = tbuf_layout_lookup_array (self, array_name, error);

  if (array != NULL && self->state != TBUF_LAYOUT_PLANNED)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "Array \"%s\" has no place yet: the layout is not planned",
                   array_name);
      return NULL;
    }

  return array;
}

/**
 * tbuf_layout_get_offset:
 * @self: a planned layout
 * @array_name: the name of an array
 * @error: return location for an error
 *
 * Gets where an array starts.
 *
 * The errors are %TBUF_ERROR_NOT_FOUND and %TBUF_ERROR_INVALID (the layout is not
 * planned).
 *
 * Returns: the offset in bytes; 0 on an error
 *
 * Since: 1.0
 */
gsize
tbuf_layout_get_offset (TbufLayout  *self,
                        const char  *array_name,
                        GError     **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  const TbufArray *array;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), 0);
  g_return_val_if_fail (array_name != NULL, 0);

  locker = g_mutex_locker_new (&self->mutex);
  array = lookup_planned (self, array_name, error);

  return array != NULL ? (gsize) array->offset : 0;
}

/**
 * tbuf_layout_get_shared_with:
 * @self: a planned layout
 * @array_name: the name of an array
 * @error: return location for an error
 *
 * Lists the arrays that have bytes in common with an array, in the order in
 * which they were added.
 *
 * None of them ever lives in the same phase. What is written to one of them is
 * what the array contains when it is live again.
 *
 * The errors are %TBUF_ERROR_NOT_FOUND and %TBUF_ERROR_INVALID (the layout is not
 * planned).
 *
 * Returns: (transfer full) (array zero-terminated=1): their names
 *
 * Since: 1.0
 */
char **
tbuf_layout_get_shared_with (TbufLayout  *self,
                             const char  *array_name,
                             GError     **error)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  g_autoptr (GStrvBuilder) names = NULL;
  const TbufArray *array;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), NULL);
  g_return_val_if_fail (array_name != NULL, NULL);

  locker = g_mutex_locker_new (&self->mutex);
  array = lookup_planned (self, array_name, error);
  if (array == NULL)
    return NULL;

  names = g_strv_builder_new ();
  for (guint i = 0; i < self->arrays->len; i++)
    {
      const TbufArray *other = g_ptr_array_index (self->arrays, i);

      if (other != array && other->n_bytes > 0 && array->n_bytes > 0 &&
          other->offset < array->offset + array->n_bytes && array->offset < other->offset + other->n_bytes)
        g_strv_builder_add (names, other->name);
    }

  return g_strv_builder_end (names);
}
