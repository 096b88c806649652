/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include "tbuf-types.h"

G_BEGIN_DECLS

/**
 * TbufLockMode:
 * @TBUF_LOCK_MODE_NONE: no lock; only ever the answer, never asked for
 * @TBUF_LOCK_MODE_SHARED: many may hold it at a time: for reading
 * @TBUF_LOCK_MODE_EXCLUSIVE: one alone holds it: for writing
 *
 * How a range of bytes is locked.
 *
 * Since: 1.0
 */
typedef enum
{
  TBUF_LOCK_MODE_NONE,
  TBUF_LOCK_MODE_SHARED,
  TBUF_LOCK_MODE_EXCLUSIVE,
} TbufLockMode;

/**
 * TbufLockState:
 * @TBUF_LOCK_STATE_FREE: nobody has a lock on any of its bytes
 * @TBUF_LOCK_STATE_SHARED: somebody has a shared lock, nobody an exclusive one
 * @TBUF_LOCK_STATE_EXCLUSIVE: somebody has an exclusive lock
 * @TBUF_LOCK_STATE_ABANDONED: an exclusive owner died, and nobody has repaired what it left
 *
 * The strongest lock that anyone has on a range of bytes.
 *
 * Since: 1.0
 */
typedef enum
{
  TBUF_LOCK_STATE_FREE,
  TBUF_LOCK_STATE_SHARED,
  TBUF_LOCK_STATE_EXCLUSIVE,
  TBUF_LOCK_STATE_ABANDONED,
} TbufLockState;

#define TBUF_TYPE_REGION (tbuf_region_get_type ())
TBUF_DECLARE_TYPE (TbufRegion, tbuf_region, REGION)

TBUF_AVAILABLE_IN_ALL
TbufArena     *tbuf_region_get_arena      (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
TbufArena     *tbuf_region_dup_arena      (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
gsize          tbuf_region_get_offset     (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
gsize          tbuf_region_get_n_bytes    (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
gsize          tbuf_region_get_address    (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
GBytes        *tbuf_region_get_bytes      (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_overlaps       (TbufRegion    *self,
                                           TbufRegion    *other);
TBUF_AVAILABLE_IN_ALL
TbufLockState  tbuf_region_get_lock_state (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
TbufLockMode   tbuf_region_get_held_mode  (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_lock           (TbufRegion    *self,
                                           TbufLockMode   mode,
                                           gint64         timeout_us,
                                           GCancellable  *cancellable,
                                           GError       **error);
TBUF_AVAILABLE_IN_ALL
void           tbuf_region_lock_async     (TbufRegion    *self,
                                           TbufLockMode   mode,
                                           gint64         timeout_us,
                                           GCancellable  *cancellable,
                                           GAsyncReadyCallback
                                                          callback,
                                           gpointer       user_data);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_lock_finish    (TbufRegion    *self,
                                           GAsyncResult  *result,
                                           GError       **error);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_recover        (TbufRegion    *self,
                                           gint64         timeout_us,
                                           gboolean      *was_abandoned,
                                           GCancellable  *cancellable,
                                           GError       **error);
TBUF_AVAILABLE_IN_ALL
void           tbuf_region_recover_async  (TbufRegion    *self,
                                           gint64         timeout_us,
                                           GCancellable  *cancellable,
                                           GAsyncReadyCallback
                                                          callback,
                                           gpointer       user_data);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_recover_finish (TbufRegion    *self,
                                           GAsyncResult  *result,
                                           gboolean      *was_abandoned,
                                           GError       **error);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_upgrade        (TbufRegion    *self,
                                           gint64         timeout_us,
                                           GCancellable  *cancellable,
                                           GError       **error);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_downgrade      (TbufRegion    *self,
                                           GError       **error);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_unlock         (TbufRegion    *self,
                                           GError       **error);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_region_get_watch      (TbufRegion    *self);
TBUF_AVAILABLE_IN_ALL
void           tbuf_region_set_watch      (TbufRegion    *self,
                                           gboolean       watch);
TBUF_AVAILABLE_IN_ALL
void           tbuf_region_announce       (TbufRegion    *self);

G_END_DECLS
