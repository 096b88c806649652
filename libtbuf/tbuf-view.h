/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include "tbuf-dtype.h"
#include "tbuf-region.h"

G_BEGIN_DECLS

/**
 * TBUF_VIEW_MAX_DIMS:
 *
 * The most dimensions that a view can have.
 *
 * Since: 1.0
 */
#define TBUF_VIEW_MAX_DIMS 32

#define TBUF_TYPE_VIEW (tbuf_view_get_type ())
TBUF_DECLARE_TYPE (TbufView, tbuf_view, VIEW)

TBUF_AVAILABLE_IN_ALL
TbufDtype      tbuf_view_get_dtype      (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
TbufByteOrder  tbuf_view_get_byte_order (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
gsize          tbuf_view_get_item_size  (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
gsize          tbuf_view_get_n_items    (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
guint          tbuf_view_get_n_dims     (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
const gsize   *tbuf_view_get_shape      (TbufView       *self,
                                         guint          *n_dims);
TBUF_AVAILABLE_IN_ALL
const gssize  *tbuf_view_get_strides    (TbufView       *self,
                                         guint          *n_dims);
TBUF_AVAILABLE_IN_ALL
gsize          tbuf_view_get_first_item (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
const char    *tbuf_view_get_name       (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_view_is_contiguous  (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_view_is_live        (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_view_check_access   (TbufView       *self,
                                         gboolean        writable,
                                         GError        **error);
TBUF_AVAILABLE_IN_ALL
TbufView      *tbuf_view_cast           (TbufView       *self,
                                         TbufDtype       dtype,
                                         TbufByteOrder   byte_order,
                                         GError        **error);
TBUF_AVAILABLE_IN_ALL
TbufView      *tbuf_view_slice          (TbufView       *self,
                                         guint           axis,
                                         gssize          start,
                                         gssize          stop,
                                         gssize          step,
                                         GError        **error);
TBUF_AVAILABLE_IN_ALL
TbufView      *tbuf_view_select         (TbufView       *self,
                                         guint           axis,
                                         gssize          index,
                                         GError        **error);
TBUF_AVAILABLE_IN_ALL
TbufView      *tbuf_view_reshape        (TbufView       *self,
                                         const gsize    *shape,
                                         guint           n_dims,
                                         GError        **error);
TBUF_AVAILABLE_IN_ALL
TbufView      *tbuf_view_transpose      (TbufView       *self);
TBUF_AVAILABLE_IN_ALL
gboolean       tbuf_view_copy_from      (TbufView       *self,
                                         TbufView       *other,
                                         GError        **error);

TBUF_AVAILABLE_IN_ALL
GBytes        *tbuf_view_snapshot       (TbufView       *self,
                                         GError        **error);
TBUF_AVAILABLE_IN_ALL
GVariant      *tbuf_view_to_variant     (TbufView       *self);

G_END_DECLS
