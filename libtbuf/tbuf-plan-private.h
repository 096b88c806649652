/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-types.h"

G_BEGIN_DECLS

/* Static memory planning: buffers with a size, an alignment and a lifetime go
 * in, offsets come out, such that buffers which live at the same time never
 * overlap. tbuf-plan.c is the noun, tbuf_plan_search () looks for offsets, and
 * tbuf-plan-verify.c trusts neither. */

/* One buffer. It lives in the half-open interval [lower, upper). */
typedef struct
{
  guint64  lower;
  guint64  upper;      /* greater than lower */
  guint64  size;       /* 0 is allowed: such a buffer overlaps nothing and stays at 0, unless it is fixed */
  guint64  alignment;  /* the offset becomes a multiple of it; at least 1 */
  guint64  offset;     /* of a fixed buffer: where it has to be; of the others: what the plan says */
  gboolean is_fixed;
} TbufPlanBuffer;

/* The indices of two buffers that never share bytes, whatever their lifetimes. */
typedef struct
{
  guint one;
  guint other;
} TbufPlanPair;

typedef struct
{
  TbufPlanBuffer     *buffers;
  guint               n_buffers;
  const TbufPlanPair *separate;
  guint               n_separate;
  guint64             capacity;     /* a height that needs no improvement; 0: the least height that there is */
  gint64              deadline;     /* when to be content with what there is, in monotonic microseconds; G_MAXINT64: never */
  guint               n_threads;    /* 0: as many as there are processors */
  GCancellable       *cancellable;  /* (nullable) */

  /* Called for each better plan, by the thread that called tbuf_plan_search (). */
  void              (*progress) (guint64  height,
                                 guint64  lower_bound,
                                 gpointer data);
  gpointer            progress_data;
} TbufPlanProblem;

typedef struct
{
  guint64     height;
  guint64     lower_bound;  /* what has been shown that no plan can be below */
  gboolean    proven;       /* height is lower_bound */
  const char *method;       /* static: what found the plan; NULL: there is none */
} TbufPlanResult;

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

/* The search, which sees to nothing but offsets: what goes in has been checked. */
gboolean  tbuf_plan_search          (TbufPlanProblem       *problem,
                                     TbufPlanResult        *result,
                                     GError               **error);
gboolean  tbuf_plan_search_greedily (TbufPlanProblem       *problem,
                                     guint64                target,
                                     guint64               *height,
                                     GError               **error);

/* The verifier. */
gboolean  tbuf_plan_find_overlap    (const TbufPlanBuffer  *buffers,
                                     guint                  n_buffers,
                                     guint                 *one,
                                     guint                 *other);
gboolean  tbuf_plan_verify_offsets  (const TbufPlanBuffer  *buffers,
                                     guint                  n_buffers,
                                     const TbufPlanPair    *separate,
                                     guint                  n_separate,
                                     guint64                height,
                                     GError               **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TbufPlan, tbuf_plan_free)

G_END_DECLS
