/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lock-rivals.h"

#define SECONDS       0.15
#define QUICK_SECONDS 0.002

static Race *race;

static double
get_seconds (void)
{
  return bench_is_quick () ? QUICK_SECONDS : SECONDS;
}

/* In millions a second: together, and by how much one is ahead. */
static void
race_two (gpointer  data,
          double   *values)
{
  const Lock *lock = data;
  Lock locks[] = { *lock, *lock };
  double a, b;

  race_run (race, locks, 2, TRUE, get_seconds ());
  a = (double) race->counts[0].n;
  b = (double) race->counts[1].n;
  values[0] = (a + b) / race->seconds / 1e6;
  values[1] = MIN (a, b) / race->seconds / 1e6;
  values[2] = MIN (a, b) / MAX (MAX (a, b), 1);
}

static void
bench_hot (TbufArena *arena)
{
  g_autoptr (BenchTable) table = bench_table_new ("two processes lock one range as often as they can",
                                                  "M/s together", "M/s the slower", "slower / faster", NULL);
  g_autoptr (TbufRegion) region = new_range (arena, 0, 64);
  Lock locks[] = { lock_tbuf (region), lock_tbuf_shared (region), lock_mutex (), lock_rwlock (), { NULL } };
  Lock file_lock;
  guint n = G_N_ELEMENTS (locks) - 1;

  if (lock_boost (&locks[n], &file_lock, "/dev/null"))
    n++;
  for (guint i = 0; i < n; i++)
    bench_table_add (table, locks[i].label, race_two, &locks[i]);
  bench_table_run (table);

  bench_at_least ("together", bench_table_get (table, "libtbuf, exclusive", 0), 5, "M/s");
  bench_at_least ("slower / faster", bench_table_get (table, "libtbuf, exclusive", 2), 1.0 / 3, "×");
}

typedef struct
{
  Lock writer;
  Lock reader;
} ReadersAndWriter;

static void
race_readers (gpointer  data,
              double   *values)
{
  const ReadersAndWriter *locks = data;
  Lock all[] = { locks->writer, locks->reader, locks->reader, locks->reader };

  race_run (race, all, G_N_ELEMENTS (all), FALSE, get_seconds ());
  values[0] = (double) race->counts[0].n / race->seconds / 1e6;
  values[1] = (double) (race->counts[1].n + race->counts[2].n + race->counts[3].n) / race->seconds / 1e6;
}

static void
bench_writer (TbufArena *arena)
{
  g_autoptr (BenchTable) table = bench_table_new ("a writer among three readers who never pause",
                                                  "M/s the writer", "M/s the readers", NULL);
  g_autoptr (TbufRegion) written = new_range (arena, 0, 64), read = new_range (arena, 0, 64);
  Lock rwlock = lock_rwlock ();
  ReadersAndWriter tbuf = { lock_tbuf (written), lock_tbuf_shared (read) };
  ReadersAndWriter pthread = { rwlock, lock_rwlock_read (&rwlock) };

  bench_table_add (table, "libtbuf", race_readers, &tbuf);
  bench_table_add (table, "pthread rwlock", race_readers, &pthread);
  bench_table_run (table);

  bench_at_least ("the writer", bench_table_get (table, "libtbuf", 0), 0.5, "M/s");
}

void
bench_contention (TbufArena *arena)
{
  race = map_shared (sizeof *race);
  if (bench_wants ("hot"))
    bench_hot (arena);
  if (bench_wants ("writer"))
    bench_writer (arena);
}
