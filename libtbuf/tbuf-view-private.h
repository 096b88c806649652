/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-arena.h"
#include "tbuf-dtype-private.h"
#include "tbuf-region-private.h"
#include "tbuf-view.h"

G_BEGIN_DECLS

/* What a new view is to be; everything in it comes from a caller, so nothing in it is trusted. */
typedef struct
{
  TbufDtype      dtype;
  TbufByteOrder  byte_order;
  gsize          offset;      /* of item [0, 0, …], which is not the lowest byte where a stride is negative */
  const gsize   *shape;
  const gssize  *strides;     /* (nullable) in bytes; NULL: C order, contiguous */
  guint          n_dims;
  TbufViewFlags  flags;
  const char    *name;        /* (nullable) of the array in the arena's layout, if the view is all of it */
  const char    *array_name;  /* (nullable) of the array that the view is a part of; @name, if this is NULL */
  guint          first_phase; /* live from this phase … */
  guint          last_phase;  /* … to this one, TBUF_ALWAYS_LIVE: in all of them */
} TbufViewSpec;

#define TBUF_ALWAYS_LIVE G_MAXUINT

struct _TbufView
{
  TbufRegion parent_instance;

  guint8        *items;       /* item [0, 0, …] in memory; NULL in an empty view */
  gsize          n_items;
  gsize          first_item;  /* the offset of item [0, 0, …] */
  guint8         dtype;
  guint8         byte_order;  /* little or big */
  guint8         item_size;
  guint8         n_dims;
  guint8         is_contiguous : 1;
  guint8         is_native     : 1;
  guint8         is_aligned    : 1;
  guint          flags;
  guint          first_phase;
  guint          last_phase;
  gsize         *shape;       /* (owned) n_dims of them, in one block with the strides and the names */
  gssize        *strides;
  const char    *name;
  const char    *array_name;  /* for messages: what is not live */
};

struct _TbufViewClass
{
  TbufRegionClass parent_class;
};

TbufView *tbuf_view_new              (TbufMapping         *mapping,
                                      const TbufViewSpec  *spec,
                                      GError             **error);
TbufView *tbuf_view_new_flat         (TbufArena           *arena,
                                      TbufDtype            dtype,
                                      gsize                offset,
                                      gsize                n_items,
                                      GError             **error);
TbufView *tbuf_view_lookup           (TbufArena           *arena,
                                      const char          *array_name,
                                      TbufDtype            dtype,
                                      GError             **error);
void      tbuf_view_init_dtype       (TbufView            *self,
                                      TbufDtype            dtype);

static inline gboolean
tbuf_view_is_live_now (const TbufView *self)
{
  guint phase;

  if (G_LIKELY (self->first_phase == TBUF_ALWAYS_LIVE))
    return TRUE;

  phase = tbuf_mapping_get_phase (self->parent_instance.mapping);
  return self->first_phase <= phase && phase <= self->last_phase;
}

/* tbuf_view_check_access() without the words: for where an access costs a few nanoseconds. */
static inline gboolean
tbuf_view_can_access (const TbufView *self,
                      gboolean        writable)
{
  return G_LIKELY (self->items != NULL) && tbuf_view_is_live_now (self) &&
         !(writable && self->parent_instance.mapping->read_only);
}

G_END_DECLS
