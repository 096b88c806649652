/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-types.h"

G_BEGIN_DECLS

/* Static memory planning: buffers with a size, an alignment and a lifetime go
 * in, offsets come out, such that buffers which live at the same time never
 * overlap. tbuf-plan.c is the noun, tbuf-plan-greedy.c looks for offsets,
 * tbuf-plan-verify.c trusts neither. */

/* One buffer. It lives in the half-open interval [lower, upper). */
typedef struct
{
  guint64 lower;
  guint64 upper;      /* greater than lower */
  guint64 size;       /* 0 is allowed: such a buffer overlaps nothing and stays at 0 */
  guint64 alignment;  /* the offset becomes a multiple of it; at least 1 */
  guint64 offset;     /* what the plan says */
} TbufPlanBuffer;

typedef struct _TbufPlan TbufPlan;

TbufPlan *tbuf_plan_new             (void);
void      tbuf_plan_free            (TbufPlan              *self);
guint     tbuf_plan_get_n_buffers   (TbufPlan              *self);
guint64   tbuf_plan_get_offset      (TbufPlan              *self,
                                     guint                  index);
guint64   tbuf_plan_get_height      (TbufPlan              *self);
guint64   tbuf_plan_get_lower_bound (TbufPlan              *self);
gboolean  tbuf_plan_add             (TbufPlan              *self,
                                     guint64                lower,
                                     guint64                upper,
                                     guint64                size,
                                     guint64                alignment,
                                     GError               **error);
gboolean  tbuf_plan_solve           (TbufPlan              *self,
                                     gint64                 timeout_us,
                                     GCancellable          *cancellable,
                                     GError               **error);

gboolean  tbuf_plan_measure_lower_bound
                                    (const TbufPlanBuffer  *buffers,
                                     guint                  n_buffers,
                                     guint64               *lower_bound,
                                     GError               **error);

/* The greedy search. */
gboolean  tbuf_plan_search_greedily (TbufPlanBuffer        *buffers,
                                     guint                  n_buffers,
                                     guint64                target,
                                     gint64                 deadline,
                                     GCancellable          *cancellable,
                                     guint64               *height,
                                     GError               **error);

/* The verifier. */
gboolean  tbuf_plan_find_overlap    (const TbufPlanBuffer  *buffers,
                                     guint                  n_buffers,
                                     guint                 *one,
                                     guint                 *other);
gboolean  tbuf_plan_verify          (const TbufPlanBuffer  *buffers,
                                     guint                  n_buffers,
                                     guint64                height,
                                     GError               **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TbufPlan, tbuf_plan_free)

G_END_DECLS
