/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include "tbuf-dtype.h"

G_BEGIN_DECLS

#define TBUF_TYPE_LAYOUT (tbuf_layout_get_type ())
TBUF_DECLARE_TYPE (TbufLayout, tbuf_layout, LAYOUT)

TBUF_AVAILABLE_IN_ALL
TbufLayout  *tbuf_layout_new               (void);
TBUF_AVAILABLE_IN_ALL
TbufLayout  *tbuf_layout_new_from_variant  (GVariant       *variant,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
GVariant    *tbuf_layout_to_variant        (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
char        *tbuf_layout_to_svg            (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_add_phase         (TbufLayout     *self,
                                            const char     *name,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_add_array         (TbufLayout     *self,
                                            const char     *name,
                                            TbufDtype       dtype,
                                            const gsize    *shape,
                                            guint           n_dims,
                                            const char     *first_phase,
                                            const char     *last_phase,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_set_byte_order    (TbufLayout     *self,
                                            const char     *array_name,
                                            TbufByteOrder   byte_order,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_set_alignment     (TbufLayout     *self,
                                            const char     *array_name,
                                            gsize           alignment,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_pin               (TbufLayout     *self,
                                            const char     *array_name,
                                            gsize           offset,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_separate          (TbufLayout     *self,
                                            const char     *one_name,
                                            const char     *other_name,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gsize        tbuf_layout_get_capacity      (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_set_capacity      (TbufLayout     *self,
                                            gsize           capacity,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_plan              (TbufLayout     *self,
                                            gint64          timeout_us,
                                            GCancellable   *cancellable,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
void         tbuf_layout_plan_async        (TbufLayout     *self,
                                            gint64          timeout_us,
                                            GCancellable   *cancellable,
                                            GAsyncReadyCallback callback,
                                            gpointer        user_data);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_plan_finish       (TbufLayout     *self,
                                            GAsyncResult   *result,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_is_planned        (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
gsize        tbuf_layout_get_size          (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
gsize        tbuf_layout_get_lower_bound   (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_layout_get_proven        (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
gsize        tbuf_layout_get_offset        (TbufLayout     *self,
                                            const char     *array_name,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
char       **tbuf_layout_get_shared_with   (TbufLayout     *self,
                                            const char     *array_name,
                                            GError        **error);
TBUF_AVAILABLE_IN_ALL
gsize        tbuf_layout_get_unshared_size (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
char       **tbuf_layout_list_arrays       (TbufLayout     *self);
TBUF_AVAILABLE_IN_ALL
char       **tbuf_layout_list_phases       (TbufLayout     *self);

G_END_DECLS
