/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-arena.h"
#include "tbuf-layout.h"
#include "tbuf-lock-table-private.h"

G_BEGIN_DECLS

/* One mapping of one arena in this process: a participant. It is counted
 * (g_atomic_rc_box), and lives for as long as any arena, view, GBytes or buffer
 * of it does. It is no GObject, so that a GBytes that holds it never ties a
 * language's wrapper of the arena into a cycle. */
typedef struct _TbufMapping TbufMapping;
typedef struct _TbufWatcher TbufWatcher;

struct _TbufMapping
{
  /* Fixed from creation on. */
  guint8         *data;       /* the first byte of the data */
  guint64         data_size;  /* exactly what was asked for */
  gboolean        read_only;
  TbufArenaFlags  flags;
  TbufLayout     *layout;     /* (owned) (nullable) planned */
  char           *name;       /* (owned) (nullable) */
  int             fd;         /* (owned) what get_fd() shows; never the descriptor that proves liveness */
  guint8         *base;       /* of the whole mapping: control region, then data */
  gsize           map_size;
  TbufLockTable   table;      /* this process's handle on the locks in the control region */
  TbufWatcher    *watcher;    /* (owned) */
  GWeakRef        arena;      /* the object for the whole of it; views hold the mapping alone */
};

TbufMapping *tbuf_mapping_create     (const char      *name,
                                      guint64          size,
                                      TbufLayout      *layout,
                                      TbufArenaFlags   flags,
                                      GError         **error);
TbufMapping *tbuf_mapping_open       (const char      *name,
                                      TbufArenaFlags   flags,
                                      GError         **error);
TbufMapping *tbuf_mapping_open_fd    (int              fd,
                                      TbufArenaFlags   flags,
                                      GError         **error);
TbufMapping *tbuf_mapping_ref        (TbufMapping     *self);
void         tbuf_mapping_unref      (TbufMapping     *self);
guint        tbuf_mapping_get_phase  (TbufMapping     *self);  /* an index into the layout's phases */
void         tbuf_mapping_set_phase  (TbufMapping     *self,
                                      guint            phase); /* the caller has the whole of it locked */
void         tbuf_mapping_close      (TbufMapping     *self);
gboolean     tbuf_mapping_is_closed  (TbufMapping     *self);
guint32     *tbuf_mapping_get_closed_futex (TbufMapping *self);  /* not 0 from close() on; of this process */
guint32     *tbuf_mapping_get_phase_futex  (TbufMapping *self);  /* advances when a phase is set; shared */

G_END_DECLS
