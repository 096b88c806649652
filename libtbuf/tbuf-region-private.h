/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-mapping-private.h"
#include "tbuf-region.h"
#include "tbuf-watcher-private.h"

G_BEGIN_DECLS

struct _TbufRegion
{
  GObject parent_instance;

  TbufMapping  *mapping;  /* (owned) NULL in an object that g_object_new made: empty, and safe */
  TbufArena    *arena;    /* (owned) NULL in the arena itself, and in a view until somebody asks for it */
  guint64       offset;   /* of the first byte of the hull, from the start of the data */
  guint64       n_bytes;
  GMainContext *context;  /* (owned) where signals arrive */
  TbufHold      hold;     /* this object's lock */
  TbufWatch    *watch;    /* (owned) NULL while nobody watches */
  gboolean      has_lifetime;  /* it is not live in all phases: check_live() is to be asked */
};

struct _TbufRegionClass
{
  GObjectClass parent_class;

  /* Whether the region may be used now: an array may not be live. For those that have a lifetime. */
  gboolean (*check_live) (TbufRegion *self, GError **error);
};

extern gpointer tbuf_region_known_classes[16];

gboolean tbuf_region_is_of_class   (gpointer      instance);
gboolean tbuf_region_set_empty_error (TbufRegion *self,
                                      GError    **error);
void     tbuf_region_set_range     (TbufRegion   *self,
                                    TbufMapping  *mapping,
                                    guint64       offset,
                                    guint64       n_bytes);
void     tbuf_region_emit_locked   (TbufRegion   *self,
                                    guint64       offset,
                                    guint64       n_bytes,
                                    TbufLockMode  mode,
                                    int           pid);
void     tbuf_region_emit_unlocked (TbufRegion   *self,
                                    guint64       offset,
                                    guint64       n_bytes,
                                    TbufLockMode  mode);
void     tbuf_region_emit_changed  (TbufRegion   *self,
                                    guint64       offset,
                                    guint64       n_bytes);
void     tbuf_region_emit_owner_died (TbufRegion *self,
                                      guint64     offset,
                                      guint64     n_bytes,
                                      int         pid);

/* A full type check costs as much as half a lock. Classes that passed one are
 * remembered by their address, which they keep as long as the process lives. */
static inline gboolean
tbuf_region_is_region (gpointer instance)
{
  gpointer class = instance != NULL ? ((GTypeInstance *) instance)->g_class : NULL;
  gpointer *entry = &tbuf_region_known_classes[(guintptr) class / 128 % G_N_ELEMENTS (tbuf_region_known_classes)];

  return G_LIKELY (class != NULL && __atomic_load_n (entry, __ATOMIC_RELAXED) == class) ||
         tbuf_region_is_of_class (instance);
}

/* Whether there is any memory behind the object. */
static inline gboolean
tbuf_region_check_usable (TbufRegion  *self,
                          GError     **error)
{
  return G_LIKELY (self->mapping != NULL) || tbuf_region_set_empty_error (self, error);
}

static inline gboolean
tbuf_region_check_live (TbufRegion  *self,
                        GError     **error)
{
  return G_LIKELY (!self->has_lifetime) ||
         ((TbufRegionClass *) ((GTypeInstance *) self)->g_class)->check_live (self, error);
}

/* An empty region's is 0 to 0, which meets nothing. */
static inline TbufClaim
tbuf_region_get_claim (TbufRegion      *self,
                       TbufLockMode     mode,
                       TbufRecordFlags  flags)
{
  TbufClaim claim = { .mode = mode, .flags = flags };

  if (self->n_bytes > 0)
    {
      claim.start = self->offset;
      claim.end = self->offset + self->n_bytes;
    }

  return claim;
}

G_END_DECLS
