/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tbuf.h>

#include "bench.h"

G_BEGIN_DECLS

/* A lock of any kind, to be taken and released. */
typedef struct
{
  const char *label;
  void      (*lock)   (gpointer data);
  void      (*unlock) (gpointer data);
  gpointer    data;
} Lock;

gpointer  map_shared       (gsize            size);
void      lock_and_unlock  (gpointer         lock);
Lock      lock_tbuf        (TbufRegion      *region);
Lock      lock_tbuf_shared (TbufRegion      *region);
Lock      lock_mutex       (void);
Lock      lock_rwlock      (void);
Lock      lock_rwlock_read (const Lock      *rwlock);
Lock      lock_ofd         (const char      *path);
gboolean  lock_boost       (Lock            *mutex,
                            Lock            *file_lock,
                            const char      *path);

/* Processes that wait for each other in shared memory. */
typedef struct
{
  guint32 n_ready;
  guint32 started;
  guint32 stopped;
  guint32 padding;
  double  seconds;  /* how long it took */
  guint64 more_padding[5];
  struct { guint64 n; guint64 padding[7]; } counts[4];
} Race;

void      race_run         (Race            *self,
                            Lock            *locks,
                            guint            n_locks,
                            gboolean         pinned,
                            double           seconds);

/* The sections, each a file. */
void      bench_contention (TbufArena       *arena);
void      bench_handoff    (TbufArena       *arena);
void      bench_delivery   (TbufArena       *arena);

static inline TbufRegion *
new_range (TbufArena *arena,
           gsize      offset,
           gsize      n_bytes)
{
  TbufView *view = tbuf_arena_create_view (arena, TBUF_DTYPE_UINT8, offset, n_bytes, NULL);

  g_assert (view != NULL);
  return TBUF_REGION (view);
}

G_END_DECLS
