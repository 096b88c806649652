/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-lock-table-private.h"

G_BEGIN_DECLS

/* One request for a lock that was not granted at once. */
typedef struct
{
  TbufLockTable *table;
  TbufHold      *hold;         /* the object's, filled in when the lock is granted */
  TbufClaim      claim;
  GCancellable  *cancellable;  /* (unowned) (nullable) */
  guint64        owner;        /* the thread that waits; 0: none does */
  guint32        index;        /* of its waiting record, TBUF_N_RECORDS without one */
  guint32        room;         /* the room word's value, where there is no such record */
  gint64         start_time;
  gint64         timeout_us;   /* -1: no limit, 0: a try */
  gint64         last_probe;   /* when those in the way were last asked for; 0: never */
  gboolean       may_give_up;  /* they were, and all of them live */
  gint64         next_walk;    /* after so long a wait, deadlocks are looked for again */
  gboolean       is_over_quota;      /* the participant, when the range was free */
  gboolean       suspects_deadlock;  /* found one, and those in it are to be asked whether they live */
  TbufObstacle   obstacle;
} TbufWait;

typedef enum
{
  TBUF_WAIT_DONE,
  TBUF_WAIT_SLEEP,
  TBUF_WAIT_FAILED,
} TbufWaitStep;

void         tbuf_wait_init           (TbufWait         *self,
                                       TbufLockTable    *table,
                                       TbufHold         *hold,
                                       const TbufClaim  *claim,
                                       gint64            timeout_us,
                                       GCancellable     *cancellable,
                                       guint64           owner);
TbufWaitStep tbuf_wait_look           (TbufWait         *self,
                                       GError          **error);
void         tbuf_wait_probe          (TbufWait         *self);
gboolean     tbuf_wait_is_woken       (const TbufWait   *self);
gint64       tbuf_wait_get_sleep_time (const TbufWait   *self);
void         tbuf_wait_withdraw       (TbufWait         *self);
gboolean     tbuf_wait_run            (TbufWait         *self,
                                       GError          **error);

G_END_DECLS
