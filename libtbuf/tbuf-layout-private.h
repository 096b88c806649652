/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-layout.h"

G_BEGIN_DECLS

/* One named array of a planned layout. */
typedef struct
{
  char          *name;
  TbufDtype      dtype;
  TbufByteOrder  byte_order;   /* little or big */
  guint          n_dims;
  gsize         *shape;
  guint          first_phase;  /* an index into the phases … */
  guint          last_phase;   /* … both G_MAXUINT: live in all of them */
  guint64        offset;
  guint64        n_bytes;
  guint64        alignment;
} TbufArray;

const TbufArray *tbuf_layout_find_array     (TbufLayout  *self,
                                             const char  *name);
gboolean         tbuf_layout_find_phase     (TbufLayout  *self,
                                             const char  *name,
                                             guint       *index);
const char      *tbuf_layout_get_phase_name (TbufLayout  *self,
                                             guint        index);  /* NULL past the last */
guint            tbuf_layout_get_n_phases   (TbufLayout  *self);

G_END_DECLS
