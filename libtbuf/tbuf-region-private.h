/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-mapping-private.h"
#include "tbuf-region.h"

G_BEGIN_DECLS

typedef struct _TbufWatch TbufWatch;

struct _TbufRegion
{
  GObject parent_instance;

  TbufMapping  *mapping;  /* (owned) NULL in an object that g_object_new made: empty, and safe */
  TbufArena    *arena;    /* (owned) NULL in the arena itself */
  guint64       offset;   /* of the first byte of the hull, from the start of the data */
  guint64       n_bytes;
  GMainContext *context;  /* (owned) where signals arrive */
  TbufHold      hold;     /* this object's lock; guarded by the table's guard */
  TbufWatch    *watch;    /* (owned) NULL while nobody watches */
};

struct _TbufRegionClass
{
  GObjectClass parent_class;

  /* Whether the region may be used now: an array may not be live. */
  gboolean (*check_live) (TbufRegion *self, GError **error);
};

void     tbuf_region_set_range     (TbufRegion   *self,
                                    TbufArena    *arena,
                                    TbufMapping  *mapping,
                                    guint64       offset,
                                    guint64       n_bytes);
gboolean tbuf_region_check_usable  (TbufRegion   *self,
                                    GError      **error);

G_END_DECLS
