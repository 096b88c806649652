/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-request-private.h"

G_BEGIN_DECLS

/* One region that somebody watches. */
typedef struct _TbufWatch TbufWatch;

TbufWatcher *tbuf_watcher_new              (TbufMapping   *mapping);
void         tbuf_watcher_free             (TbufWatcher   *self);
void         tbuf_watcher_after_fork       (TbufWatcher   *self);
int          tbuf_watcher_get_event_fd     (TbufWatcher   *self);
void         tbuf_watcher_dispatch         (TbufWatcher   *self);
TbufWatch   *tbuf_watcher_add              (TbufWatcher   *self,
                                            TbufRegion    *region,
                                            GMainContext  *context);
gboolean     tbuf_watcher_is_watching      (TbufWatcher   *self);
void         tbuf_watcher_wake             (TbufWatcher   *self);
void         tbuf_watcher_submit           (TbufWatcher   *self,
                                            TbufRequest   *request);
void         tbuf_watcher_deliver          (TbufWatcher   *self,
                                            TbufRequest   *request);
void         tbuf_watcher_remove           (TbufWatcher   *self,
                                            TbufWatch     *watch);

G_END_DECLS
