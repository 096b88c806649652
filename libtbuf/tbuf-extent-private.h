/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-view-private.h"

G_BEGIN_DECLS

/* What is found out about a view while it is checked. */
typedef struct
{
  gssize   strides[TBUF_VIEW_MAX_DIMS];
  gsize    n_items;
  gsize    below;       /* how many bytes the items reach below the first … */
  gsize    above;       /* … and how many above its start */
  gboolean contiguous;
  gboolean aligned;
} TbufExtent;

gboolean  tbuf_extent_init   (TbufExtent          *self,
                              const TbufViewSpec  *spec,
                              gsize                size,
                              GError             **error);
gboolean  tbuf_count_items   (TbufDtype            dtype,
                              const gsize         *shape,
                              guint                n_dims,
                              gsize               *n_items,
                              GError             **error);
char     *tbuf_print_shape   (const gsize         *shape,
                              guint                n_dims);

G_END_DECLS
