/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lock-rivals.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_HANDOFFS 50

/* What the two processes tell each other, beside the lock itself. */
typedef struct
{
  guint32 waiting;   /* the round in which the waiter is about to sleep */
  guint32 held;      /* the round for which the holder has the lock */
  guint32 word;      /* the bare futex */
  guint32 padding[13];
  double  released;  /* when */
  double  latencies[N_HANDOFFS];
} Relay;

typedef struct
{
  Lock   lock;
  double asleep_ns;  /* how long the waiter has slept */
} HandOff;

static Relay *relay;

static void
wait_for (guint32 *word,
          guint32  value)
{
  while (__atomic_load_n (word, __ATOMIC_ACQUIRE) != value)
    ;
}

/* Needs no unlock: each round has a value of its own. */
static void
futex_take (gpointer data)
{
  guint32 *word = data, value;

  while ((value = __atomic_load_n (word, __ATOMIC_ACQUIRE)) == 0)
    syscall (SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void
futex_give (gpointer data)
{
  __atomic_store_n ((guint32 *) data, 1, __ATOMIC_RELEASE);
  syscall (SYS_futex, data, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void
run_waiter (const HandOff *handoff,
            guint          n)
{
  gboolean bare = handoff->lock.lock == futex_take;

  bench_pin (1);
  for (guint i = 0; i < n; i++)
    {
      wait_for (&relay->held, i + 1);
      __atomic_store_n (&relay->waiting, i + 1, __ATOMIC_RELEASE);
      handoff->lock.lock (handoff->lock.data);
      relay->latencies[i] = bench_get_time () - relay->released;
      if (bare)
        __atomic_store_n (&relay->word, 0, __ATOMIC_RELEASE);
      else
        handoff->lock.unlock (handoff->lock.data);
      __atomic_store_n (&relay->waiting, 0, __ATOMIC_RELEASE);
    }

  _exit (0);
}

static int
compare_doubles (const void *a,
                 const void *b)
{
  const double *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/* From just before the holder releases to just after the waiter has it, in µs:
 * the median of some rounds. */
static void
time_handoff (gpointer  data,
              double   *values)
{
  const HandOff *handoff = data;
  gboolean bare = handoff->lock.lock == futex_take;
  guint n = bench_is_quick () ? 2 : N_HANDOFFS;
  cpu_set_t before;
  int status;
  pid_t pid;

  memset (relay, 0, sizeof *relay);
  sched_getaffinity (0, sizeof before, &before);
  pid = fork ();
  g_assert (pid >= 0);
  if (pid == 0)
    run_waiter (handoff, n);

  bench_pin (0);
  for (guint i = 0; i < n; i++)
    {
      double start;

      if (!bare)
        handoff->lock.lock (handoff->lock.data);
      __atomic_store_n (&relay->held, i + 1, __ATOMIC_RELEASE);
      wait_for (&relay->waiting, i + 1);
      start = bench_get_time ();
      while (bench_get_time () - start < handoff->asleep_ns)
        ;
      relay->released = bench_get_time ();
      handoff->lock.unlock (handoff->lock.data);
      wait_for (&relay->waiting, 0);
    }

  g_assert (waitpid (pid, &status, 0) == pid && status == 0);
  sched_setaffinity (0, sizeof before, &before);

  qsort (relay->latencies, n, sizeof (double), compare_doubles);
  values[0] = relay->latencies[n / 2] / 1000;
}

/* The waiter has slept for a while: at first it is woken to try its luck, and
 * from its first millisecond on the range is handed over. */
static void
bench_handoff_after (TbufRegion *region,
                     double      asleep_us)
{
  g_autofree char *title = g_strdup_printf ("to a waiter on the other CPU that has slept for %g ms", asleep_us / 1000);
  g_autoptr (BenchTable) table = bench_table_new (title, "µs", NULL);
  HandOff handoffs[] = {
    { { "a bare futex", futex_take, futex_give, &relay->word }, asleep_us * 1000 },
    { lock_tbuf (region), asleep_us * 1000 },
    { lock_mutex (), asleep_us * 1000 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (handoffs); i++)
    bench_table_add (table, handoffs[i].lock.label, time_handoff, &handoffs[i]);
  bench_table_run (table);

  bench_at_most ("libtbuf / bare futex",
                 bench_table_get (table, "libtbuf, exclusive", 0) / bench_table_get (table, "a bare futex", 0), 1.6, "×");
}

void
bench_handoff (TbufArena *arena)
{
  g_autoptr (TbufRegion) region = new_range (arena, 0, 64);

  if (!bench_wants ("handoff"))
    return;

  relay = map_shared (sizeof *relay);
  bench_handoff_after (region, 500);
  bench_handoff_after (region, 3000);
}
