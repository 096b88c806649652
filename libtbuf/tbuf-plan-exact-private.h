/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-plan-engine-private.h"

G_BEGIN_DECLS

/* A search of one part, for one thread. */
typedef struct _TbufPlanExact TbufPlanExact;

typedef enum
{
  TBUF_PLAN_FOUND,
  TBUF_PLAN_EXHAUSTED,  /* there is no plan within the target */
  TBUF_PLAN_ABORTED     /* it took too long, or was told to stop */
} TbufPlanOutcome;

typedef struct
{
  guint       order;                          /* which ranks: there are as many as there are numbers */
  guint64     target;                         /* a height, below 2^61 */
  guint64     n_tries;                        /* placements after which to give up */
  gboolean  (*is_over) (guint64  target,      /* asked now and then */
                        gpointer data);
  gpointer    data;
} TbufPlanAttempt;

gboolean        tbuf_plan_exact_is_suitable (const TbufPlanPart    *part);
TbufPlanExact  *tbuf_plan_exact_new         (const TbufPlanPart    *part);
void            tbuf_plan_exact_free        (TbufPlanExact         *self);
TbufPlanOutcome tbuf_plan_exact_search      (TbufPlanExact         *self,
                                             const TbufPlanAttempt *attempt,
                                             guint64               *offsets,
                                             guint64               *lower_bound);

/* tbuf-plan-score.c */
double          tbuf_plan_part_score        (const TbufPlanPart    *self,
                                             guint                  order,
                                             guint64                target,
                                             const guint           *n_neighbours,
                                             double                *scores);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TbufPlanExact, tbuf_plan_exact_free)

G_END_DECLS
