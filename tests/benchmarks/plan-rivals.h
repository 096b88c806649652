/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tbuf.h>

G_BEGIN_DECLS

/* What others do: the greedy orders that inference engines use, written down
 * here as simply as they are, and MiniMalloc's own program. Instances too, for
 * who brings none. */

/* A row of tbuf_plan_get_rows (). */
typedef struct
{
  gint64 lower;
  gint64 upper;
  gint64 size;
  gint64 alignment;
  gint64 offset;
} PlanRow;

typedef struct
{
  char      *name;
  TbufPlan  *plan;
  guint64    optimum;  /* 0: not known */
} PlanInstance;

void       plan_instance_free   (gpointer      instance);
GPtrArray *plan_instances_make  (gboolean      only_small);
GPtrArray *plan_instances_read  (char        **paths);
TbufPlan  *plan_make_long_lived (guint         n_buffers,
                                 guint32       seed);

guint64    plan_greedy          (TbufPlan     *plan);
double     plan_minimalloc      (const char   *program,
                                 TbufPlan     *plan,
                                 guint64       capacity,
                                 guint         seconds);

G_END_DECLS
