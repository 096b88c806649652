/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include "tbuf-region.h"

G_BEGIN_DECLS

/**
 * TbufLocker:
 *
 * A lock that ends with the scope of the variable that it is in.
 *
 * ```c
 * g_autoptr (TbufLocker) locker = tbuf_locker_new (TBUF_REGION (view), TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, &error);
 *
 * if (locker == NULL)
 *   return FALSE;
 *
 * // The bytes of view are ours until the variable goes out of scope, by whatever way.
 * ```
 *
 * It is for C alone: other languages have ways of their own, such as `with` in
 * Python. There is nothing behind the pointer: it is the region itself, as that
 * of a `GMutexLocker` is the mutex.
 *
 * Since: 1.0
 */
typedef struct _TbufLocker TbufLocker;

/**
 * tbuf_locker_new:
 * @region: a region
 * @mode: shared or exclusive
 * @timeout_us: how long to wait, in microseconds; 0: not at all, -1: without limit
 * @cancellable: (nullable): cancels the waiting, from any thread
 * @error: return location for an error
 *
 * Locks the region's bytes with tbuf_region_lock(), and keeps the region for as
 * long as they are.
 *
 * Do not unlock the region with tbuf_region_unlock() as well, unless that is for
 * another shared lock of it. Errors and threading are those of
 * tbuf_region_lock().
 *
 * Returns: (transfer full) (nullable): a locker, or %NULL with an error
 *
 * Since: 1.0
 */
static inline TbufLocker *
tbuf_locker_new (TbufRegion    *region,
                 TbufLockMode   mode,
                 gint64         timeout_us,
                 GCancellable  *cancellable,
                 GError       **error)
{
  if (!tbuf_region_lock (region, mode, timeout_us, cancellable, error))
    return NULL;

  return (TbufLocker *) g_object_ref (region);
}

/**
 * tbuf_locker_free:
 * @locker: (transfer full) (nullable): a locker
 *
 * Unlocks the region, and drops the reference to it.
 *
 * Any thread of the process that made the locker may call this. With %NULL it
 * does nothing, so that g_clear_pointer() ends a lock early.
 *
 * Since: 1.0
 */
static inline void
tbuf_locker_free (TbufLocker *locker)
{
  if (locker == NULL)
    return;

  tbuf_region_unlock ((TbufRegion *) locker, NULL);
  g_object_unref (locker);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TbufLocker, tbuf_locker_free)

G_END_DECLS
