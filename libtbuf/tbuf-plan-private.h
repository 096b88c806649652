/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-plan.h"

G_BEGIN_DECLS

/* Static memory planning: buffers with a size, an alignment and a lifetime go
 * in, offsets come out, such that buffers which live at the same time never
 * overlap. tbuf-plan.c is what they are put into, tbuf_plan_search () looks for
 * offsets, and tbuf-plan-verify.c trusts neither. */

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

/* The search, which sees to nothing but offsets: what goes in has been checked. */
gboolean  tbuf_plan_search          (TbufPlanProblem       *problem,
                                     TbufPlanResult        *result,
                                     GError               **error);

/* The greatest sum of live sizes. */
gboolean  tbuf_plan_measure_lower_bound
                                    (const TbufPlanBuffer  *buffers,
                                     guint                  n_buffers,
                                     guint64               *lower_bound,
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

/* What is wrong with a plan. */
typedef enum
{
  TBUF_PLAN_FAULT_NONE,
  TBUF_PLAN_FAULT_ALIGNMENT,  /* one is not where it is aligned */
  TBUF_PLAN_FAULT_HEIGHT,     /* one ends beyond the height */
  TBUF_PLAN_FAULT_OVERLAP,    /* one and other overlap while both live */
  TBUF_PLAN_FAULT_SEPARATE    /* one and other are to be apart, and overlap */
} TbufPlanFaultKind;

typedef struct
{
  TbufPlanFaultKind kind;
  guint             one;
  guint             other;
} TbufPlanFault;

gboolean  tbuf_plan_find_fault      (const TbufPlanBuffer  *buffers,
                                     guint                  n_buffers,
                                     const TbufPlanPair    *separate,
                                     guint                  n_separate,
                                     guint64                height,
                                     TbufPlanFault         *fault);

/* What lives at a time. */
typedef struct
{
  guint64 time;
  guint64 n_bytes;
  guint   n_buffers;
} TbufPlanLoad;

void      tbuf_plan_find_peak       (const TbufPlanBuffer  *buffers,
                                     guint                  n_buffers,
                                     TbufPlanLoad          *load);

/* What waits to be emitted. */
typedef struct
{
  gboolean has_progress;
  guint64  height;
  double   seconds;
  gboolean is_solved;
} TbufPlanNews;

/* A problem with names, and its solution. */
struct _TbufPlan
{
  GObject       parent_instance;

  GMainContext *context;        /* where signals are emitted … */
  GThread      *thread;         /* … and who need not queue for that */

  GMutex        mutex;          /* guards all that follows */
  gboolean      is_solving;     /* a thread looks for offsets; no buffers may be added meanwhile */
  const char   *noun;           /* static: what messages call a buffer */
  GArray       *buffers;        /* of TbufPlanBuffer, as they were added; fixed ones have their offsets */
  GPtrArray    *ids;            /* per buffer, which belong to id_chunk; NULL: the buffer's index in decimal */
  GStringChunk *id_chunk;
  GHashTable   *indices;        /* by id, those that stand in ids */
  GArray       *separate;       /* of TbufPlanPair */
  guint64       greatest_sum;   /* of the sizes, each with what its alignment may cost */
  guint64       fixed_end;      /* the highest end of a fixed buffer */
  guint         n_threads;

  GArray       *offsets;        /* of guint64: the solution; NULL: there is none */
  guint64       height;
  guint64       lower_bound;
  gboolean      proven;
  const char   *method;
  double        elapsed;        /* seconds */

  GSource      *source;         /* has the context emit the news; NULL: there are none */
  TbufPlanNews  news;
};

struct _TbufPlanClass
{
  GObjectClass parent_class;
};

/* How much a plan holds, to come back to. */
typedef struct
{
  guint   n_buffers;
  guint64 greatest_sum;
  guint64 fixed_end;
} TbufPlanMark;

/* For who holds the mutex. */
gboolean  tbuf_plan_check_idle      (TbufPlan              *self,
                                     GError               **error);
gboolean  tbuf_plan_append          (TbufPlan              *self,
                                     const char            *id,
                                     gsize                  length,
                                     const TbufPlanBuffer  *buffer,
                                     GError               **error);
TbufPlanMark tbuf_plan_mark         (TbufPlan              *self);
void      tbuf_plan_truncate        (TbufPlan              *self,
                                     TbufPlanMark           mark);
gboolean  tbuf_plan_clear_solution  (TbufPlan              *self);
char     *tbuf_plan_dup_id          (TbufPlan              *self,
                                     guint                  index);

/* For who does not. */
void      tbuf_plan_emit_progress   (TbufPlan              *self,
                                     guint64                height,
                                     double                 seconds);
void      tbuf_plan_notify_added    (TbufPlan              *self);
void      tbuf_plan_notify_solved   (TbufPlan              *self);

/* Of the bytes of a file. */
TbufPlan *tbuf_plan_parse_csv       (const char            *data,
                                     gsize                  length,
                                     const char            *name,
                                     GError               **error);

/* For layouts, whose buffers are arrays. */
void      tbuf_plan_set_noun        (TbufPlan              *self,
                                     const char            *noun);

G_END_DECLS
