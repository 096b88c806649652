/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-mapping-private.h"
#include "tbuf-wait-private.h"

G_BEGIN_DECLS

/* A lock that was asked for without a thread to wait for it. */
typedef struct _TbufRequest TbufRequest;

/* Called under no lock when the wait is over, in the watcher's thread: FALSE to fail after all. */
typedef gboolean (*TbufRequestFunc) (TbufRequest *self, GError **error);

struct _TbufRequest
{
  TbufMapping     *mapping;       /* (unowned) the task's source object holds it */
  GTask           *task;          /* (owned) */
  GSource         *source;        /* (owned) delivers in the task's context */
  TbufRequestFunc  granted;
  TbufHold         own_hold;      /* for what is not held by an object */
  guint            phase;         /* for a change of phase */
  TbufWait         wait;
  gint64           next_look;     /* monotonic time */
  gulong           cancelled_id;
  gboolean         is_done;
  GError          *error;         /* (owned) */
};

void     tbuf_request_start    (TbufMapping      *mapping,
                                GTask            *task,
                                TbufHold         *hold,
                                const TbufClaim  *claim,
                                gint64            timeout_us,
                                TbufRequestFunc   granted,
                                guint             phase);
void     tbuf_request_fail     (TbufMapping      *mapping,
                                GTask            *task,
                                GError           *error);
gboolean tbuf_request_finish   (GTask            *task,
                                GError          **error);
gboolean tbuf_request_look     (TbufRequest      *self,
                                gint64            guard_us);
void     tbuf_request_deliver  (TbufRequest      *self);

G_END_DECLS
