/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "table.h"

/* What the parts of the storm have in common. */

#define N_CELLS     256
#define N_WORKERS   6
#define N_NAMERS    3
#define N_VICTIMS   (N_WORKERS + N_NAMERS)
#define N_CHILDREN  (N_VICTIMS + 1)
#define N_NAMES     2
#define MAX_THREADS 3
#define N_RANGES    16

/* Whoever may wait for longer is stuck. Nobody is stopped for more than a
 * fraction of that, but the machine may be busy. */
#define STUCK_US (20 * G_USEC_PER_SEC)

typedef struct
{
  guint64 writer;
  guint64 before;     /* counted when a writer begins … */
  guint64 after;      /* … and when it ends */
  guint64 reserved[5];
} Cell;

/* What all of them share beside the arena. */
typedef struct
{
  int     stopping;
  guint64 progress[N_CHILDREN][MAX_THREADS];
  guint64 n_locks;
  guint64 n_recoveries;
  guint64 n_cancelled;
  guint64 n_deadlocks;
  guint64 n_upgrades;
  guint64 n_snapshots;
  guint64 n_forks;
  guint64 n_exits;
  guint64 n_names;
  guint64 n_violations;
  guint64 n_stuck;
} Common;

extern Common *common;
extern char   *arena_name;

static inline void
count (guint64 *counter)
{
  __atomic_fetch_add (counter, 1, __ATOMIC_RELAXED);
}

static inline guint64
get (guint64 *counter)
{
  return __atomic_load_n (counter, __ATOMIC_RELAXED);
}

static inline gboolean
is_stopping (void)
{
  return __atomic_load_n (&common->stopping, __ATOMIC_ACQUIRE) != 0;
}

/* storm-data.c */
void     storm_violation      (const char   *format,
                               ...) G_GNUC_PRINTF (1, 2);
void     storm_stuck          (const char   *format,
                               ...) G_GNUC_PRINTF (1, 2);
void     storm_dawdle         (GRand        *random);
void     storm_check_refusal  (const GError *error,
                               gint64        timeout_us);
void     storm_unlock         (TbufRegion   *region);
char    *storm_get_name       (guint         index);
void     storm_check_name     (const char   *name,
                               TbufArena    *arena);
void     storm_begin_to_write (TbufRegion   *region,
                               guint64       mark,
                               gboolean      repair);
void     storm_end_to_write   (TbufRegion   *region,
                               guint64       mark);
guint64  storm_read_cells     (TbufRegion   *region);

/* storm-worker.c */
void     storm_run_worker     (guint         index,
                               TbufArena    *inherited);

/* storm-names.c */
void     storm_run_namer      (guint         index);
