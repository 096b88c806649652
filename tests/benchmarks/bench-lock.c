/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "lock-rivals.h"

#define N_CALLS     1000000
#define N_SLOWCALLS 20000
#define N_HELD      1000

typedef struct
{
  Lock    lock;
  guint64 n;
} Calls;

/* Of each call, in nanoseconds. */
static void
time_calls (gpointer  data,
            double   *values)
{
  Calls *calls = data;

  values[0] = bench_time_calls (lock_and_unlock, &calls->lock, calls->n);
}

static void
bench_uncontended (TbufArena *arena)
{
  g_autoptr (BenchTable) table = bench_table_new ("lock + unlock that nobody else wants", "ns", NULL);
  g_autoptr (TbufRegion) region = new_range (arena, 0, 64);
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "tbuf-bench-XXXXXX", NULL);
  int fd = g_mkstemp (path);
  Calls calls[7];
  guint n = 0;
  double exclusive;

  g_assert (fd >= 0);
  calls[n++] = (Calls) { lock_tbuf (region), N_CALLS };
  calls[n++] = (Calls) { lock_tbuf_shared (region), N_CALLS };
  calls[n++] = (Calls) { lock_mutex (), N_CALLS };
  calls[n++] = (Calls) { lock_rwlock (), N_CALLS };
  calls[n++] = (Calls) { lock_ofd (path), N_SLOWCALLS };
  calls[n].n = N_CALLS;
  calls[n + 1].n = N_SLOWCALLS;
  if (lock_boost (&calls[n].lock, &calls[n + 1].lock, path))
    n += 2;

  for (guint i = 0; i < n; i++)
    bench_table_add (table, calls[i].lock.label, time_calls, &calls[i]);
  bench_table_run (table);

  exclusive = bench_table_get (table, "libtbuf, exclusive", 0);
  bench_at_most ("exclusive", exclusive, 40, "ns");
  bench_at_most ("exclusive / robust mutex",
                 exclusive / bench_table_get (table, "pthread mutex, robust and process-shared", 0), 2, "×");
  bench_at_least ("OFD lock / exclusive", bench_table_get (table, "fcntl OFD lock on 64 bytes", 0) / exclusive, 30, "×");
  bench_at_least ("Boost file_lock / exclusive", bench_table_get (table, "Boost file_lock", 0) / exclusive, 25, "×");
  bench_at_least ("Boost sharable mutex / exclusive",
                  bench_table_get (table, "Boost interprocess_sharable_mutex", 0) / exclusive, 1, "×");

  close (fd);
  unlink (path);
}

/* What is held meanwhile lies where nobody else locks. */
typedef struct
{
  Calls       calls;
  GPtrArray  *ranges;  /* of TbufRegion */
  guint       n_held;
} HeldCalls;

static void
time_beside_held (gpointer  data,
                  double   *values)
{
  HeldCalls *held = data;

  for (guint i = 0; i < held->n_held; i++)
    if (!tbuf_region_lock (g_ptr_array_index (held->ranges, i), TBUF_LOCK_MODE_EXCLUSIVE, 0, NULL, NULL))
      g_error ("could not lock");

  time_calls (&held->calls, values);

  for (guint i = 0; i < held->n_held; i++)
    tbuf_region_unlock (g_ptr_array_index (held->ranges, i), NULL);
}

static void
bench_held (TbufArena *arena)
{
  g_autoptr (BenchTable) table = bench_table_new ("the same while other ranges are locked", "ns", NULL);
  g_autoptr (TbufRegion) region = new_range (arena, 0, 64);
  g_autoptr (GPtrArray) ranges = g_ptr_array_new_with_free_func (g_object_unref);
  HeldCalls none = { { lock_tbuf (region), N_CALLS }, ranges, 0 }, some = none, many = none;
  double empty;

  for (guint i = 1; i <= N_HELD; i++)
    g_ptr_array_add (ranges, new_range (arena, 64 * i, 64));
  some.n_held = 32;
  many.n_held = N_HELD;
  many.calls.n = N_CALLS / 10;

  bench_table_add (table, "none", time_beside_held, &none);
  bench_table_add (table, "32", time_beside_held, &some);
  bench_table_add (table, "1,000", time_beside_held, &many);
  bench_table_run (table);

  empty = bench_table_get (table, "none", 0);
  bench_at_most ("32 / none", bench_table_get (table, "32", 0) / empty, 3, "×");
  bench_at_most ("1,000 / none", bench_table_get (table, "1,000", 0) / empty, 12, "×");
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (TbufArena) arena = NULL;

  bench_init (&argc, &argv, "Locks: what they cost, beside what else there is");
  arena = tbuf_arena_new (1 << 20, NULL);
  g_assert (arena != NULL);

  if (bench_wants ("uncontended"))
    bench_uncontended (arena);
  if (bench_wants ("held"))
    bench_held (arena);
  bench_contention (arena);
  bench_handoff (arena);
  bench_delivery (arena);

  return bench_finish ();
}
