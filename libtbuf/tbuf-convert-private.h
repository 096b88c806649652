/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-dtype-private.h"

G_BEGIN_DECLS

/* A row of items: every how many bytes there is one, and what they are. */
typedef struct
{
  TbufDtype  dtype;
  gboolean   swapped;  /* in the other byte order than this machine's */
  gssize     stride;   /* in bytes; any value, 0 and negative ones too */
} TbufItems;

void    tbuf_convert_items    (gpointer          dest,
                               const TbufItems  *dest_items,
                               gconstpointer     src,
                               const TbufItems  *src_items,
                               gsize             n_items);
void    tbuf_swap_parts       (gpointer          packed,
                               gsize             n_parts,
                               gsize             part_size);
gfloat  tbuf_half_to_float    (guint16           half);
guint16 tbuf_half_from_float  (gfloat            value);
guint16 tbuf_half_from_double (double            value);

G_END_DECLS
