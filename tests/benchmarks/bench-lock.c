/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <tbuf.h>

#include "bench.h"
#include "boost-locks.h"

#define PAGE 4096

static TbufArena *arena;
static TbufRegion *region;

static void *
map_shared (gsize size)
{
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  g_assert (memory != MAP_FAILED);
  return memory;
}

static TbufRegion *
new_range (gsize offset,
           gsize n_bytes)
{
  TbufView *view = tbuf_arena_create_view (arena, TBUF_DTYPE_UINT8, offset, n_bytes, NULL);

  g_assert (view != NULL);
  return TBUF_REGION (view);
}

static void
lock_region (gpointer data)
{
  if (!tbuf_region_lock (data, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL) || !tbuf_region_unlock (data, NULL))
    g_error ("could not lock");
}

static void
share_region (gpointer data)
{
  if (!tbuf_region_lock (data, TBUF_LOCK_MODE_SHARED, -1, NULL, NULL) || !tbuf_region_unlock (data, NULL))
    g_error ("could not lock");
}

static void
lock_mutex (gpointer data)
{
  if (pthread_mutex_lock (data) != 0 || pthread_mutex_unlock (data) != 0)
    g_error ("could not lock");
}

static void
lock_rwlock (gpointer data)
{
  if (pthread_rwlock_wrlock (data) != 0 || pthread_rwlock_unlock (data) != 0)
    g_error ("could not lock");
}

static void
lock_bytes (gpointer data)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 64 };

  if (fcntl (GPOINTER_TO_INT (data), F_OFD_SETLKW, &lock) != 0)
    g_error ("could not lock");
  lock.l_type = F_UNLCK;
  if (fcntl (GPOINTER_TO_INT (data), F_OFD_SETLK, &lock) != 0)
    g_error ("could not unlock");
}

/* What each of n calls takes. */
typedef struct
{
  void   (*func) (gpointer data);
  gpointer data;
  guint64  n;
} Call;

static void
time_calls (gpointer  data,
            double   *values)
{
  const Call *call = data;
  guint64 n = bench_scale (call->n);
  double start = bench_get_time ();

  for (guint64 i = 0; i < n; i++)
    call->func (call->data);

  values[0] = (bench_get_time () - start) / (double) n;
}

static pthread_mutex_t *
new_mutex (void)
{
  pthread_mutex_t *mutex = map_shared (PAGE);
  pthread_mutexattr_t attributes;

  pthread_mutexattr_init (&attributes);
  pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST);
  g_assert (pthread_mutex_init (mutex, &attributes) == 0);
  pthread_mutexattr_destroy (&attributes);
  return mutex;
}

static pthread_rwlock_t *
new_rwlock (void)
{
  pthread_rwlock_t *lock = map_shared (PAGE);
  pthread_rwlockattr_t attributes;

  pthread_rwlockattr_init (&attributes);
  pthread_rwlockattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
  g_assert (pthread_rwlock_init (lock, &attributes) == 0);
  pthread_rwlockattr_destroy (&attributes);
  return lock;
}

static void
bench_uncontended (void)
{
  g_autoptr (BenchTable) table = bench_table_new ("lock + unlock, which nobody else wants", "ns", NULL);
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "tbuf-bench-XXXXXX", NULL);
  int fd = g_mkstemp (path);
  pthread_mutex_t *mutex = new_mutex ();
  pthread_rwlock_t *rwlock = new_rwlock ();
  Call calls[] = {
    { lock_region, region, 1000000 },
    { share_region, region, 1000000 },
    { lock_mutex, mutex, 1000000 },
    { lock_rwlock, rwlock, 1000000 },
    { lock_bytes, GINT_TO_POINTER (fd), 20000 },
#ifdef HAVE_BOOST
    { boost_sharable_mutex_lock, boost_sharable_mutex_new (map_shared (PAGE)), 1000000 },
    { boost_file_lock_lock, boost_file_lock_new (path), 20000 },
#endif
  };
  double exclusive;

  g_assert (fd >= 0 && ftruncate (fd, PAGE) == 0);
  bench_table_add (table, "libtbuf, exclusive", time_calls, &calls[0]);
  bench_table_add (table, "libtbuf, shared", time_calls, &calls[1]);
  bench_table_add (table, "pthread mutex, robust and process-shared", time_calls, &calls[2]);
  bench_table_add (table, "pthread rwlock, process-shared, for writing", time_calls, &calls[3]);
  bench_table_add (table, "fcntl OFD lock on 64 bytes", time_calls, &calls[4]);
#ifdef HAVE_BOOST
  bench_table_add (table, "Boost interprocess_sharable_mutex", time_calls, &calls[5]);
  bench_table_add (table, "Boost file_lock", time_calls, &calls[6]);
#endif
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

int
main (int    argc,
      char **argv)
{
  bench_init (&argc, &argv, "Locks: what they cost, beside what else there is");

  arena = tbuf_arena_new (1 << 20, NULL);
  g_assert (arena != NULL);
  region = new_range (0, 64);

  if (bench_wants ("uncontended"))
    bench_uncontended ();

  g_object_unref (region);
  g_object_unref (arena);
  return bench_finish ();
}
