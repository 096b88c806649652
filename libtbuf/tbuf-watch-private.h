/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-lock-table-private.h"
#include "tbuf-watcher-private.h"

G_BEGIN_DECLS

/* A lock, or an abandoned range, as a watcher saw it. */
typedef struct
{
  guint64 ticket;  /* its identity: no two locks of an arena have the same */
  guint64 start;
  guint64 end;
  guint32 mode;    /* TbufLockMode */
  guint32 pid;
  guint32 id;      /* the participant; 0 for an abandoned range */
} TbufSighting;

/* One look at the table. */
typedef struct
{
  TbufSighting     sightings[TBUF_N_RECORDS];  /* in the order of tickets */
  guint            n_sightings;
  guint64          phase;                      /* the phase word */
  TbufAnnouncement announcements[TBUF_N_ANNOUNCEMENTS];
  guint64          n_announced;
} TbufLook;

struct _TbufWatch
{
  GWeakRef      region;
  guint64       start;
  guint64       end;
  GSource      *source;  /* (owned) delivers in the region's context */

  /* As the watcher saw it last. It alone writes these, under the mutex. */
  GArray       *known;      /* (owned) of TbufSighting, in the order of tickets; never changed, but replaced */
  guint64       phase;      /* the phase word */
  guint64       n_announced;

  /* Between the watcher and whoever delivers. */
  GMutex        mutex;
  GArray       *delivered;  /* (owned) what was known at the last delivery */
  guint64       delivered_phase;
  GArray       *changed;    /* (owned) of TbufAnnouncement, since then; no more than there is room for in the arena … */
  gboolean      all_changed;  /* … for there were too many */
};

TbufWatch *tbuf_watch_new      (TbufRegion      *region,
                                guint64          start,
                                guint64          end,
                                GMainContext    *context);
TbufWatch *tbuf_watch_ref      (TbufWatch       *self);
void       tbuf_watch_unref    (TbufWatch       *self);
void       tbuf_watch_begin    (TbufWatch       *self,
                                const TbufLook  *look);
gboolean   tbuf_watch_update   (TbufWatch       *self,
                                const TbufLook  *look);
void       tbuf_watch_dispatch (TbufWatch       *self);

G_END_DECLS
