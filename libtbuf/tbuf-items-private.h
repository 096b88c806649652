/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>

#include "tbuf-convert-private.h"
#include "tbuf-view-private.h"

G_BEGIN_DECLS

guint8   *tbuf_items_locate       (TbufView         *view,
                                   gsize             index);
void      tbuf_items_read         (TbufView         *view,
                                   gsize             first,
                                   gsize             n_items,
                                   gpointer          values);
void      tbuf_items_write        (TbufView         *view,
                                   gsize             first,
                                   gsize             n_items,
                                   gconstpointer     values);
void      tbuf_items_fill         (TbufView         *view,
                                   gconstpointer     value);
gboolean  tbuf_items_copy         (TbufView         *dest,
                                   TbufView         *src,
                                   GError          **error);
gboolean  tbuf_items_check_index  (TbufView         *view,
                                   gsize             index,
                                   gboolean          writable,
                                   GError          **error);
gboolean  tbuf_items_check_range  (TbufView         *view,
                                   gsize             first,
                                   gsize             n_items,
                                   GError          **error);
gpointer  tbuf_items_peek         (TbufView         *view,
                                   GError          **error);
gpointer  tbuf_items_dup          (TbufView         *view,
                                   GError          **error);

/* The parts of one item, from native order to the view's or back. Sizes are constants where this is called. */
static inline void
tbuf_items_swap_one (gpointer item,
                     gsize    item_size,
                     gsize    part_size)
{
  for (gsize i = 0; i < item_size / part_size; i++)
    {
      guint8 *part = (guint8 *) item + i * part_size;
      guint16 v16;
      guint32 v32;
      guint64 v64;

      switch (part_size)
        {
        case 2:
          memcpy (&v16, part, 2);
          v16 = GUINT16_SWAP_LE_BE (v16);
          memcpy (part, &v16, 2);
          break;
        case 4:
          memcpy (&v32, part, 4);
          v32 = GUINT32_SWAP_LE_BE (v32);
          memcpy (part, &v32, 4);
          break;
        case 8:
          memcpy (&v64, part, 8);
          v64 = GUINT64_SWAP_LE_BE (v64);
          memcpy (part, &v64, 8);
          break;
        default:
          break;
        }
    }
}

/* Where item @index, which is in range, lies. */
static inline guint8 *
tbuf_items_get_address (TbufView *view,
                        gsize     index,
                        gsize     item_size)
{
  if (G_LIKELY (view->is_contiguous))
    return view->items + index * item_size;

  return tbuf_items_locate (view, index);
}

static inline void
tbuf_items_load (TbufView *view,
                 gsize     index,
                 gpointer  value,
                 gsize     item_size,
                 gsize     part_size)
{
  memcpy (value, tbuf_items_get_address (view, index, item_size), item_size);
  if (G_UNLIKELY (!view->is_native))
    tbuf_items_swap_one (value, item_size, part_size);
}

/* Changes @value. */
static inline void
tbuf_items_store (TbufView *view,
                  gsize     index,
                  gpointer  value,
                  gsize     item_size,
                  gsize     part_size)
{
  if (G_UNLIKELY (!view->is_native))
    tbuf_items_swap_one (value, item_size, part_size);
  memcpy (tbuf_items_get_address (view, index, item_size), value, item_size);
}

G_END_DECLS
