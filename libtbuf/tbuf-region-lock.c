/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-region-private.h"

#include "tbuf-error.h"
#include "tbuf-process-private.h"

/* The locks of a region; how they work is in tbuf-lock-table.c. */

/* What every request for a lock asks first. */
static gboolean
check_lockable (TbufRegion  *self,
                GError     **error)
{
  if (!tbuf_region_check_usable (self, error))
    return FALSE;

  if (G_UNLIKELY (self->mapping->read_only))
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_READ_ONLY,
                           "A read-only arena takes no locks: they are kept in its memory, which it can't write");
      return FALSE;
    }

  return tbuf_region_check_live (self, error);
}

static gboolean
check_mode (TbufLockMode   mode,
            GError       **error)
{
  if (G_LIKELY (mode == TBUF_LOCK_MODE_SHARED || mode == TBUF_LOCK_MODE_EXCLUSIVE))
    return TRUE;

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
               "There is no lock of mode %d: it is shared (%d) or exclusive (%d)",
               mode, TBUF_LOCK_MODE_SHARED, TBUF_LOCK_MODE_EXCLUSIVE);
  return FALSE;
}

static gboolean
acquire (TbufRegion       *self,
         const TbufClaim  *claim,
         gint64            timeout_us,
         GCancellable     *cancellable,
         GError          **error)
{
  TbufLockTable *table = &self->mapping->table;

  if (!tbuf_lock_acquire (table, &self->hold, claim, timeout_us, cancellable, error))
    return FALSE;

  /* The phase changes only under a lock on everything, so that from here on this stays as it is. */
  if (G_LIKELY (tbuf_region_check_live (self, error)))
    return TRUE;

  tbuf_lock_give_back (table, &self->hold, claim, tbuf_thread_get_token ());
  return FALSE;
}

/**
 * tbuf_region_lock:
 * @self: a region
 * @mode: shared or exclusive
 * @timeout_us: how long to wait, in microseconds; 0: not at all, -1: without limit
 * @cancellable: (nullable): cancels the waiting, from any thread
 * @error: return location for an error
 *
 * Locks the region's bytes, and waits for that as long as it may.
 *
 * Shared locks of one object are counted. A thread that has one of them waits for
 * nobody to get another; any other thread waits its turn. While the object holds
 * an exclusive lock, it can't take another.
 *
 * With a timeout of 0, `BUSY` may also be told of a free range: if the tables in
 * which locks are kept could not be had for a millisecond, because of many others
 * or because the one who had them was stopped.
 *
 * An arena has room for 2048 locks, waiters and abandoned ranges, and one
 * participant for 1024. Where there is none, the call waits for it, too.
 *
 * Errors: `INVALID` (no such mode, or an empty region), `READ_ONLY`, `NOT_LIVE`
 * (the view's array is not live in the current phase), `BUSY` (with a timeout of
 * 0), `TIMED_OUT`, `DEADLOCK` (waiting would never end, because the calling
 * thread holds what it would wait for, itself or through others who wait for
 * it), `OWNER_DIED` (the range, or a part of it, was abandoned: see
 * [method@Tbuf.Region.recover]), `CLOSED`, and `G_IO_ERROR_CANCELLED`.
 *
 * Returns: %TRUE when the lock is held
 *
 * Since: 1.0
 */
gboolean
tbuf_region_lock (TbufRegion    *self,
                  TbufLockMode   mode,
                  gint64         timeout_us,
                  GCancellable  *cancellable,
                  GError       **error)
{
  TbufClaim claim;

  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);

  if (!check_mode (mode, error) || !check_lockable (self, error))
    return FALSE;

  claim = tbuf_region_get_claim (self, mode, 0);
  return acquire (self, &claim, timeout_us, cancellable, error);
}

/* As at the end of acquire(). */
static gboolean
check_granted (TbufRequest  *request,
               GError      **error)
{
  TbufRegion *self = g_task_get_source_object (request->task);

  if (tbuf_region_check_live (self, error))
    return TRUE;

  tbuf_lock_give_back (request->wait.table, &self->hold, &request->wait.claim, 0);
  return FALSE;
}

/**
 * tbuf_region_lock_async:
 * @self: a region
 * @mode: shared or exclusive
 * @timeout_us: how long to wait, in microseconds; 0: not at all, -1: without limit
 * @cancellable: (nullable): cancels the waiting, from any thread
 * @callback: (scope async): called when the lock is held, or won't be
 * @user_data: for @callback
 *
 * Locks the region's bytes without blocking the caller.
 *
 * The callback arrives in the thread-default main context of this call, or in
 * [method@Tbuf.Arena.dispatch]. It gets the result from
 * [method@Tbuf.Region.lock_finish]; if nobody does, the lock is released again.
 *
 * No thread waits, so that there is no deadlock to be told of: two requests of
 * one thread queue like those of two threads. The lock is that of the thread which
 * asks for the result. Requests that are waiting at a fork
 * stay with the parent process.
 *
 * Since: 1.0
 */
void
tbuf_region_lock_async (TbufRegion          *self,
                        TbufLockMode         mode,
                        gint64               timeout_us,
                        GCancellable        *cancellable,
                        GAsyncReadyCallback  callback,
                        gpointer             user_data)
{
  GTask *task;
  GError *error = NULL;
  TbufClaim claim;

  g_return_if_fail (tbuf_region_is_region (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tbuf_region_lock_async);

  if (!check_mode (mode, &error) || !check_lockable (self, &error))
    {
      tbuf_request_fail (self->mapping, task, error);
      return;
    }

  claim = tbuf_region_get_claim (self, mode, 0);
  tbuf_request_start (self->mapping, task, &self->hold, &claim, timeout_us, check_granted, 0);
}

/**
 * tbuf_region_lock_finish:
 * @self: a region
 * @result: what the callback of [method@Tbuf.Region.lock_async] got
 * @error: return location for an error
 *
 * The result of [method@Tbuf.Region.lock_async].
 *
 * Errors: those of [method@Tbuf.Region.lock] but `DEADLOCK`.
 *
 * Returns: %TRUE when the lock is held
 *
 * Since: 1.0
 */
gboolean
tbuf_region_lock_finish (TbufRegion    *self,
                         GAsyncResult  *result,
                         GError       **error)
{
  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return tbuf_request_finish (G_TASK (result), error);
}

/**
 * tbuf_region_recover:
 * @self: a region
 * @timeout_us: how long to wait, in microseconds; 0: not at all, -1: without limit
 * @was_abandoned: (out) (optional): whether a part of the range still was abandoned
 * @cancellable: (nullable): cancels the waiting, from any thread
 * @error: return location for an error
 *
 * Locks the region's bytes exclusively, also where an owner died.
 *
 * It waits for the living like [method@Tbuf.Region.lock]. The caller then finds
 * out what the dead owner left, repairs it, and calls
 * [method@Tbuf.Region.unlock]: that ends the abandonment of every byte that this
 * region covers. If the caller dies before, the range stays abandoned.
 *
 * Of two who recover the same range, the second finds @was_abandoned to be
 * %FALSE: there is nothing left to repair.
 *
 * Errors: those of [method@Tbuf.Region.lock] but `OWNER_DIED`.
 *
 * Returns: %TRUE when the lock is held
 *
 * Since: 1.0
 */
gboolean
tbuf_region_recover (TbufRegion    *self,
                     gint64         timeout_us,
                     gboolean      *was_abandoned,
                     GCancellable  *cancellable,
                     GError       **error)
{
  TbufClaim claim;

  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);

  if (!check_lockable (self, error))
    return FALSE;

  claim = tbuf_region_get_claim (self, TBUF_LOCK_MODE_EXCLUSIVE, TBUF_RECORD_RECOVERS);
  if (!acquire (self, &claim, timeout_us, cancellable, error))
    return FALSE;

  if (was_abandoned != NULL)
    *was_abandoned = tbuf_lock_has_poison (&self->mapping->table, &claim);
  return TRUE;
}

/**
 * tbuf_region_recover_async:
 * @self: a region
 * @timeout_us: how long to wait, in microseconds; 0: not at all, -1: without limit
 * @cancellable: (nullable): cancels the waiting, from any thread
 * @callback: (scope async): called when the lock is held, or won't be
 * @user_data: for @callback
 *
 * Locks the region's bytes also where an owner died, without blocking the caller.
 *
 * See [method@Tbuf.Region.recover], and for how the result arrives
 * [method@Tbuf.Region.lock_async]. If nobody asks for the result, the range stays
 * abandoned.
 *
 * Since: 1.0
 */
void
tbuf_region_recover_async (TbufRegion          *self,
                           gint64               timeout_us,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  GTask *task;
  GError *error = NULL;
  TbufClaim claim;

  g_return_if_fail (tbuf_region_is_region (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tbuf_region_recover_async);

  if (!check_lockable (self, &error))
    {
      tbuf_request_fail (self->mapping, task, error);
      return;
    }

  claim = tbuf_region_get_claim (self, TBUF_LOCK_MODE_EXCLUSIVE, TBUF_RECORD_RECOVERS);
  tbuf_request_start (self->mapping, task, &self->hold, &claim, timeout_us, check_granted, 0);
}

/**
 * tbuf_region_recover_finish:
 * @self: a region
 * @result: what the callback of [method@Tbuf.Region.recover_async] got
 * @was_abandoned: (out) (optional): whether a part of the range still was abandoned
 * @error: return location for an error
 *
 * The result of [method@Tbuf.Region.recover_async].
 *
 * Errors: those of [method@Tbuf.Region.recover] but `DEADLOCK`.
 *
 * Returns: %TRUE when the lock is held
 *
 * Since: 1.0
 */
gboolean
tbuf_region_recover_finish (TbufRegion    *self,
                            GAsyncResult  *result,
                            gboolean      *was_abandoned,
                            GError       **error)
{
  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  if (!tbuf_request_finish (G_TASK (result), error))
    return FALSE;

  if (was_abandoned != NULL)
    {
      TbufClaim claim = tbuf_region_get_claim (self, TBUF_LOCK_MODE_EXCLUSIVE, TBUF_RECORD_RECOVERS);

      *was_abandoned = tbuf_lock_has_poison (&self->mapping->table, &claim);
    }
  return TRUE;
}

/**
 * tbuf_region_upgrade:
 * @self: a region
 * @timeout_us: how long to wait, in microseconds; 0: not at all, -1: without limit
 * @cancellable: (nullable): cancels the waiting, from any thread
 * @error: return location for an error
 *
 * Makes the shared lock that this object holds exclusive.
 *
 * The range is never free in between: what was read under the shared lock still
 * is true. It waits for the other readers only, and goes before everyone who
 * waits for the range. Of two readers who upgrade, the second gets `DEADLOCK`,
 * because each would wait for the other; it unlocks and starts again. Where the
 * call fails, the shared lock stays.
 *
 * An exclusive lock stays as it is.
 *
 * Errors: those of [method@Tbuf.Region.lock]; `NOT_HELD` and `DETACHED` as
 * those of [method@Tbuf.Region.unlock]; `DEADLOCK` also if the object holds more
 * than one shared lock.
 *
 * Returns: %TRUE when the lock is exclusive
 *
 * Since: 1.0
 */
gboolean
tbuf_region_upgrade (TbufRegion    *self,
                     gint64         timeout_us,
                     GCancellable  *cancellable,
                     GError       **error)
{
  TbufClaim claim;

  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);

  if (!check_lockable (self, error))
    return FALSE;

  claim = tbuf_region_get_claim (self, TBUF_LOCK_MODE_EXCLUSIVE, 0);
  return tbuf_lock_upgrade (&self->mapping->table, &self->hold, &claim, timeout_us, cancellable, error);
}

/**
 * tbuf_region_downgrade:
 * @self: a region
 * @error: return location for an error
 *
 * Makes the exclusive lock that this object holds shared.
 *
 * The range is never free in between. A range that was recovered is no longer
 * abandoned, as after [method@Tbuf.Region.unlock]. A shared lock stays as it is.
 *
 * Errors: `NOT_HELD`, `DETACHED`.
 *
 * Returns: %TRUE when the lock is shared
 *
 * Since: 1.0
 */
gboolean
tbuf_region_downgrade (TbufRegion  *self,
                       GError     **error)
{
  TbufClaim claim;

  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);

  if (!tbuf_region_check_usable (self, error))
    return FALSE;

  claim = tbuf_region_get_claim (self, TBUF_LOCK_MODE_EXCLUSIVE, 0);
  return tbuf_lock_downgrade (&self->mapping->table, &self->hold, &claim, error);
}

/**
 * tbuf_region_unlock:
 * @self: a region
 * @error: return location for an error
 *
 * Releases the lock that this object holds, or one of its shared ones: that of
 * the calling thread, if it has one.
 *
 * Errors: `NOT_HELD` (it holds none), `DETACHED` (it was taken before a fork,
 * in the parent process), `FORMAT` (another process wrote over the lock).
 *
 * Returns: %TRUE if there was one
 *
 * Since: 1.0
 */
gboolean
tbuf_region_unlock (TbufRegion  *self,
                    GError     **error)
{
  TbufClaim claim;

  g_return_val_if_fail (tbuf_region_is_region (self), FALSE);

  if (!tbuf_region_check_usable (self, error))
    return FALSE;

  claim = tbuf_region_get_claim (self, TBUF_LOCK_MODE_NONE, 0);
  return tbuf_lock_release (&self->mapping->table, &self->hold, &claim, error);
}
