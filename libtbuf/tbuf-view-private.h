/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-region-private.h"
#include "tbuf-arena.h"
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
  const char    *name;        /* (nullable) of the array in the arena's layout */
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
  gsize         *shape;       /* n_dims of them; lives in one block with strides and name */
  gssize        *strides;
  char          *name;
};

struct _TbufViewClass
{
  TbufRegionClass parent_class;

  TbufDtype dtype;
};

TbufView *tbuf_view_new         (TbufArena           *arena,
                                 const TbufViewSpec  *spec,
                                 GError             **error);

G_END_DECLS
