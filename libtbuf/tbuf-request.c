/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-request-private.h"

#include "tbuf-error.h"
#include "tbuf-region-private.h"
#include "tbuf-watcher-private.h"

/* Requests without a thread
 * =========================
 *
 * A request waits in the lock table like any thread. Whoever grants or pokes its
 * record advances the wake word of its participant's slot, on which the watcher
 * sleeps; the watcher then takes the look that a waiting thread would have
 * taken. When it is over, the result is delivered by a source of the task's own
 * main context, or by tbuf_arena_dispatch(). The watcher never drops the last
 * reference to anything: that could end the very thread that it runs in.
 */

/* Submission never waits, and the watcher has others to serve. */
#define LOOK_GUARD_US 1000

/* The result of a granted request. If nobody asks for it, the lock is released. */
typedef struct
{
  TbufRegion *region;  /* (owned) (nullable) whose lock it is */
} Grant;

static void
grant_free (gpointer data)
{
  Grant *self = data;

  if (self->region != NULL)
    {
      TbufClaim claim = tbuf_region_get_claim (self->region, TBUF_LOCK_MODE_NONE, 0);

      tbuf_lock_give_back (&self->region->mapping->table, &self->region->hold, &claim, 0);
      g_object_unref (self->region);
    }
  g_free (self);
}

static void
request_free (gpointer data)
{
  TbufRequest *self = data;

  g_clear_error (&self->error);
  g_object_unref (self->task);
  g_free (self);
}

static gboolean
deliver_in_context (gpointer data)
{
  tbuf_watcher_deliver (((TbufRequest *) data)->mapping->watcher, data);
  return G_SOURCE_REMOVE;
}

static gboolean
dispatch_source (GSource     *source,
                 GSourceFunc  callback,
                 gpointer     user_data)
{
  return callback (user_data);
}

static GSourceFuncs source_funcs = { .dispatch = dispatch_source };

static void
on_cancelled (GCancellable *cancellable,
              gpointer      user_data)
{
  tbuf_watcher_wake (((TbufRequest *) user_data)->mapping->watcher);
}

static void
set_done (TbufRequest *self,
          GError      *error)
{
  self->is_done = TRUE;
  self->error = error;
}

/* One look at the table. Returns whether the request is over. */
gboolean
tbuf_request_look (TbufRequest *self,
                   gint64       guard_us)
{
  TbufLockTable *table = self->wait.table;
  GError *error = NULL;
  TbufWaitStep step;

  if (tbuf_guard_enter (table, guard_us) != TBUF_GUARD_ENTERED)
    {
      self->next_look = g_get_monotonic_time () + LOOK_GUARD_US;
      return FALSE;
    }

  step = tbuf_wait_look (&self->wait, &error);
  tbuf_guard_leave (table);

  if (step == TBUF_WAIT_SLEEP)
    {
      tbuf_wait_probe (&self->wait);
      self->next_look = g_get_monotonic_time () + tbuf_wait_get_sleep_time (&self->wait);
      return FALSE;
    }

  if (step == TBUF_WAIT_DONE && !self->granted (self, &error))
    step = TBUF_WAIT_FAILED;

  set_done (self, step == TBUF_WAIT_FAILED ? error : NULL);
  return TRUE;
}

/* Called once, in the task's context or by who dispatches. The request is gone
 * when the last reference to its source is. */
void
tbuf_request_deliver (TbufRequest *self)
{
  g_autoptr (GTask) task = g_object_ref (self->task);
  g_autoptr (GMainContext) context = g_main_context_ref (g_task_get_context (task));
  GSource *source = g_steal_pointer (&self->source);

  if (self->cancelled_id != 0)
    g_cancellable_disconnect (g_task_get_cancellable (task), self->cancelled_id);

  if (self->error != NULL)
    g_task_return_error (task, g_steal_pointer (&self->error));
  else
    {
      Grant *grant = g_new0 (Grant, 1);

      if (self->wait.hold != &self->own_hold)
        grant->region = g_object_ref (g_task_get_source_object (task));
      g_task_return_pointer (task, grant, grant_free);
    }

  g_source_destroy (source);
  g_source_unref (source);

  /* Outside of a running main loop, the task's own source is served here. */
  while (!g_task_get_completed (task) && g_main_context_acquire (context))
    {
      gboolean progress = g_main_context_iteration (context, FALSE);

      g_main_context_release (context);
      if (!progress)
        break;
    }
}

static TbufRequest *
request_new (TbufMapping *mapping,
             GTask       *task)
{
  TbufRequest *self = g_new0 (TbufRequest, 1);

  self->mapping = mapping;
  self->task = task;

  /* A cancel after the grant would otherwise report one, and lose the lock. */
  g_task_set_check_cancellable (task, FALSE);

  self->source = g_source_new (&source_funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "tbuf-request");
  g_source_set_priority (self->source, g_task_get_priority (task));
  g_source_set_callback (self->source, deliver_in_context, self, request_free);
  g_source_attach (self->source, g_task_get_context (task));

  return self;
}

/* Takes over the task and the error, with which it is over before it began. It
 * arrives as any other result: whoever runs no main context waits for the event
 * descriptor. */
void
tbuf_request_fail (TbufMapping *mapping,
                   GTask       *task,
                   GError      *error)
{
  TbufRequest *self;

  if (mapping == NULL)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }

  self = request_new (mapping, task);
  set_done (self, error);
  tbuf_watcher_submit (mapping->watcher, self);
}

/* Takes over the task. Never waits. */
void
tbuf_request_start (TbufMapping     *mapping,
                    GTask           *task,
                    TbufHold        *hold,
                    const TbufClaim *claim,
                    gint64           timeout_us,
                    TbufRequestFunc  granted,
                    guint            phase)
{
  TbufRequest *self = request_new (mapping, task);
  TbufLockTable *table = &mapping->table;
  GCancellable *cancellable = g_task_get_cancellable (task);
  TbufClaim own_claim = *claim;
  GError *error = NULL;

  own_claim.flags |= TBUF_RECORD_ASYNC;
  self->granted = granted;
  self->phase = phase;
  tbuf_wait_init (&self->wait, table, hold != NULL ? hold : &self->own_hold, &own_claim, timeout_us, cancellable, 0);

  if (table->participant.id == 0 && !tbuf_lock_attach (table, &error))
    set_done (self, error);
  else if (cancellable != NULL)
    self->cancelled_id = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), self, NULL);

  tbuf_watcher_submit (mapping->watcher, self);
}

/* What the task's owner gets. */
gboolean
tbuf_request_finish (GTask   *task,
                     GError **error)
{
  Grant *grant = g_task_propagate_pointer (task, error);

  if (grant == NULL)
    return FALSE;

  if (grant->region != NULL)
    tbuf_lock_adopt (&grant->region->mapping->table, &grant->region->hold);
  g_clear_object (&grant->region);
  grant_free (grant);
  return TRUE;
}
