/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(TBUF_INSIDE) && !defined(TBUF_COMPILATION)
# error "Only <tbuf.h> can be included directly."
#endif

#include "tbuf-types.h"

G_BEGIN_DECLS

#define TBUF_TYPE_PLAN (tbuf_plan_get_type ())
TBUF_DECLARE_TYPE (TbufPlan, tbuf_plan, PLAN)

TBUF_AVAILABLE_IN_ALL
TbufPlan    *tbuf_plan_new               (void);
TBUF_AVAILABLE_IN_ALL
TbufPlan    *tbuf_plan_new_from_csv      (GFile                *file,
                                          GCancellable         *cancellable,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
char        *tbuf_plan_to_csv            (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
guint        tbuf_plan_get_n_buffers     (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
char       **tbuf_plan_list_ids          (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_add               (TbufPlan             *self,
                                          const char           *id,
                                          guint64               lower,
                                          guint64               upper,
                                          guint64               size,
                                          guint64               alignment,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_add_fixed         (TbufPlan             *self,
                                          const char           *id,
                                          guint64               lower,
                                          guint64               upper,
                                          guint64               size,
                                          guint64               alignment,
                                          guint64               offset,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_add_many          (TbufPlan             *self,
                                          const guint64        *lowers,
                                          gsize                 n_lowers,
                                          const guint64        *uppers,
                                          gsize                 n_uppers,
                                          const guint64        *sizes,
                                          gsize                 n_sizes,
                                          const guint64        *alignments,
                                          gsize                 n_alignments,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_add_rows          (TbufPlan             *self,
                                          GBytes               *rows,
                                          guint                 n_columns,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
GBytes      *tbuf_plan_get_rows          (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_separate          (TbufPlan             *self,
                                          const char           *one_id,
                                          const char           *other_id,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
guint        tbuf_plan_get_n_threads     (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
void         tbuf_plan_set_n_threads     (TbufPlan             *self,
                                          guint                 n_threads);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_solve             (TbufPlan             *self,
                                          guint64               capacity,
                                          gint64                timeout_us,
                                          GCancellable         *cancellable,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
void         tbuf_plan_solve_async       (TbufPlan             *self,
                                          guint64               capacity,
                                          gint64                timeout_us,
                                          GCancellable         *cancellable,
                                          GAsyncReadyCallback   callback,
                                          gpointer              user_data);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_solve_finish      (TbufPlan             *self,
                                          GAsyncResult         *result,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
guint64      tbuf_plan_get_offset        (TbufPlan             *self,
                                          const char           *id,
                                          GError              **error);
TBUF_AVAILABLE_IN_ALL
guint64     *tbuf_plan_get_offsets       (TbufPlan             *self,
                                          gsize                *n_offsets);
TBUF_AVAILABLE_IN_ALL
GBytes      *tbuf_plan_get_offsets_bytes (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
guint64      tbuf_plan_get_height        (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
guint64      tbuf_plan_get_lower_bound   (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_get_proven        (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
const char  *tbuf_plan_get_method        (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
double       tbuf_plan_get_elapsed       (TbufPlan             *self);
TBUF_AVAILABLE_IN_ALL
gboolean     tbuf_plan_verify            (TbufPlan             *self,
                                          GError              **error);

G_END_DECLS
