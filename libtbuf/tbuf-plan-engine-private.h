/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-plan-private.h"

G_BEGIN_DECLS

/* What the stages of tbuf_plan_search () share: tbuf-plan-reduce.c cuts a
 * problem into parts that share nothing but the bytes, the other stages give
 * the items of one part their offsets. */

/* A buffer within a part. Its lifetime is a range of sections: the greatest
 * sets of buffers that live together, in the order of time. Two buffers live
 * together exactly if they have a section in common. */
typedef struct
{
  guint64  size;        /* a multiple of the unit of the part, greater than 0 */
  guint64  alignment;
  guint64  offset;      /* of a fixed item: where it has to be; of the others: that of the best plan */
  guint64  duration;    /* upper - lower */
  guint64  breadth;     /* the greatest sum of one of its sections */
  guint64  padding;     /* how many bytes of size are there for the sake of the unit only */
  guint    first;       /* its first section */
  guint    end;         /* the one after its last */
  guint    index;       /* in the problem */
  guint    is_fixed : 1;
} TbufPlanItem;

typedef struct
{
  TbufPlanItem *items;        /* by start, and what is equal there by what else they are: not by index */
  guint         n_items;
  guint         n_sections;
  const guint  *mates;        /* items that an item is to be apart from though they do not live together */
  const guint  *mate_starts;  /* those of item i are mates[mate_starts[i]] … mates[mate_starts[i + 1] - 1]; NULL: none */
  guint64       unit;         /* all sizes and offsets are multiples of it */
  guint64       lower_bound;  /* no plan of the part is below */
  guint64       height;       /* of the plan that is in the items */
  const char   *method;       /* what found it */
} TbufPlanPart;

typedef struct
{
  TbufPlanPart *parts;
  guint         n_parts;
  TbufPlanItem *items;
  guint         n_items;
  guint        *mates;
  guint        *mate_starts;
} TbufPlanParts;

/* When a search is to stop. */
typedef struct
{
  gint64        deadline;
  GCancellable *cancellable;
} TbufPlanClock;

typedef enum
{
  TBUF_PLAN_FIT_FIRST,
  TBUF_PLAN_FIT_BEST,
  TBUF_PLAN_N_FITS
} TbufPlanFit;

/* Whether the time is up, or the search cancelled. */
static inline gboolean
tbuf_plan_clock_is_over (const TbufPlanClock *clock)
{
  return g_cancellable_is_cancelled (clock->cancellable) ||
         (clock->deadline < G_MAXINT64 && g_get_monotonic_time () >= clock->deadline);
}

static inline guint64
tbuf_plan_align (guint64 offset,
                 guint64 alignment)
{
  guint64 remainder = offset % alignment;

  return remainder == 0 ? offset : offset + (alignment - remainder);
}

/* A number that looks as if it had nothing to do with @x. */
static inline guint64
tbuf_plan_mix (guint64 x)
{
  x ^= x >> 32;
  x *= G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  x ^= x >> 32;
  x *= G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  x ^= x >> 32;

  return x;
}

/* Without its padding: what is above the last byte of a buffer need not exist. */
static inline guint64
tbuf_plan_item_get_top (const TbufPlanItem *item,
                        guint64             offset)
{
  return offset + item->size - item->padding;
}

/* tbuf-plan-reduce.c */
TbufPlanParts
             *tbuf_plan_parts_new       (const TbufPlanProblem *problem);
void          tbuf_plan_parts_free      (TbufPlanParts         *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TbufPlanParts, tbuf_plan_parts_free)

/* tbuf-plan-sections.c */
void          tbuf_plan_part_measure    (TbufPlanPart          *self);
guint64       tbuf_plan_part_get_height_of
                                        (const TbufPlanPart    *self,
                                         const guint64         *offsets);

/* tbuf-plan-occupancy.c: which bytes are taken in which sections. */
typedef struct _TbufPlanOccupancy TbufPlanOccupancy;

typedef struct
{
  guint64 start;
  guint64 end;
} TbufPlanSpan;

TbufPlanOccupancy
             *tbuf_plan_occupancy_new   (guint                  n_sections);
void          tbuf_plan_occupancy_free  (TbufPlanOccupancy     *self);
void          tbuf_plan_occupancy_clear (TbufPlanOccupancy     *self);
void          tbuf_plan_occupancy_take  (TbufPlanOccupancy     *self,
                                         guint                  first,
                                         guint                  end,
                                         guint64                start,
                                         guint64                top);
guint64       tbuf_plan_occupancy_find  (TbufPlanOccupancy     *self,
                                         const TbufPlanItem    *item,
                                         const TbufPlanSpan    *others,
                                         guint                  n_others,
                                         TbufPlanFit            fit);
guint64       tbuf_plan_occupancy_get_n_steps
                                        (const TbufPlanOccupancy
                                                               *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TbufPlanOccupancy, tbuf_plan_occupancy_free)

/* tbuf-plan-greedy.c: several orders, in which items are placed one after another. */
typedef struct _TbufPlanGreedy TbufPlanGreedy;

guint         tbuf_plan_greedy_get_n_orders
                                        (void);
TbufPlanGreedy
             *tbuf_plan_greedy_new      (const TbufPlanPart    *part);
void          tbuf_plan_greedy_free     (TbufPlanGreedy        *self);
gboolean      tbuf_plan_greedy_try      (TbufPlanGreedy        *self,
                                         guint                  order,
                                         TbufPlanFit            fit,
                                         guint64                limit,
                                         gint64                *n_steps,
                                         const TbufPlanClock   *clock,
                                         guint64               *offsets,
                                         guint64               *height);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TbufPlanGreedy, tbuf_plan_greedy_free)

/* tbuf-plan-sweep.c: what an allocator would do. */
gboolean      tbuf_plan_part_sweep      (const TbufPlanPart    *self,
                                         const TbufPlanClock   *clock,
                                         guint64               *offsets,
                                         guint64               *height);

/* tbuf-plan-portfolio.c */
typedef struct
{
  TbufPlanParts         *parts;
  TbufPlanClock          clock;
  guint64                goal;          /* no plan needs to be lower; with a capacity, that */
  gboolean               has_capacity;
  guint64                lower_bound;   /* of the highest part */
  const TbufPlanProblem *problem;
  guint64                reported;      /* the height that was reported last */
} TbufPlanSearch;

guint64       tbuf_plan_search_get_height
                                        (const TbufPlanSearch  *self);
void          tbuf_plan_search_report   (TbufPlanSearch        *self);
void          tbuf_plan_search_attempts (TbufPlanSearch        *self);

G_END_DECLS
