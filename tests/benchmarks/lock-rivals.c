/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lock-rivals.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boost-locks.h"

#define N_BYTES 64

gpointer
map_shared (gsize size)
{
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  g_assert (memory != MAP_FAILED);
  return memory;
}

void
lock_and_unlock (gpointer data)
{
  const Lock *lock = data;

  lock->lock (lock->data);
  lock->unlock (lock->data);
}

static void
tbuf_lock (gpointer data)
{
  if (G_UNLIKELY (!tbuf_region_lock (data, TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, NULL)))
    g_error ("could not lock");
}

static void
tbuf_lock_shared (gpointer data)
{
  if (G_UNLIKELY (!tbuf_region_lock (data, TBUF_LOCK_MODE_SHARED, -1, NULL, NULL)))
    g_error ("could not lock");
}

static void
tbuf_unlock (gpointer data)
{
  if (G_UNLIKELY (!tbuf_region_unlock (data, NULL)))
    g_error ("could not unlock");
}

Lock
lock_tbuf (TbufRegion *region)
{
  return (Lock) { "libtbuf, exclusive", tbuf_lock, tbuf_unlock, region };
}

Lock
lock_tbuf_shared (TbufRegion *region)
{
  return (Lock) { "libtbuf, shared", tbuf_lock_shared, tbuf_unlock, region };
}

static void
mutex_lock (gpointer data)
{
  if (G_UNLIKELY (pthread_mutex_lock (data) != 0))
    g_error ("could not lock");
}

static void
mutex_unlock (gpointer data)
{
  if (G_UNLIKELY (pthread_mutex_unlock (data) != 0))
    g_error ("could not unlock");
}

Lock
lock_mutex (void)
{
  pthread_mutex_t *mutex = map_shared (sizeof (pthread_mutex_t));
  pthread_mutexattr_t attributes;

  pthread_mutexattr_init (&attributes);
  pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST);
  g_assert (pthread_mutex_init (mutex, &attributes) == 0);
  pthread_mutexattr_destroy (&attributes);

  return (Lock) { "pthread mutex, robust and process-shared", mutex_lock, mutex_unlock, mutex };
}

static void
rwlock_lock (gpointer data)
{
  if (G_UNLIKELY (pthread_rwlock_wrlock (data) != 0))
    g_error ("could not lock");
}

static void
rwlock_lock_shared (gpointer data)
{
  if (G_UNLIKELY (pthread_rwlock_rdlock (data) != 0))
    g_error ("could not lock");
}

static void
rwlock_unlock (gpointer data)
{
  if (G_UNLIKELY (pthread_rwlock_unlock (data) != 0))
    g_error ("could not unlock");
}

Lock
lock_rwlock (void)
{
  pthread_rwlock_t *rwlock = map_shared (sizeof (pthread_rwlock_t));
  pthread_rwlockattr_t attributes;

  pthread_rwlockattr_init (&attributes);
  pthread_rwlockattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
  g_assert (pthread_rwlock_init (rwlock, &attributes) == 0);
  pthread_rwlockattr_destroy (&attributes);

  return (Lock) { "pthread rwlock, process-shared, for writing", rwlock_lock, rwlock_unlock, rwlock };
}

Lock
lock_rwlock_read (const Lock *rwlock)
{
  return (Lock) { "pthread rwlock, process-shared, for reading", rwlock_lock_shared, rwlock_unlock, rwlock->data };
}

static void
ofd_lock (gpointer data)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = N_BYTES };

  if (fcntl (GPOINTER_TO_INT (data), F_OFD_SETLKW, &lock) != 0)
    g_error ("could not lock");
}

static void
ofd_unlock (gpointer data)
{
  struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_len = N_BYTES };

  if (fcntl (GPOINTER_TO_INT (data), F_OFD_SETLK, &lock) != 0)
    g_error ("could not unlock");
}

/* Only within one process: a child would share the description, and so the lock. */
Lock
lock_ofd (const char *path)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);

  g_assert (fd >= 0);
  return (Lock) { "fcntl OFD lock on 64 bytes", ofd_lock, ofd_unlock, GINT_TO_POINTER (fd) };
}

/* FALSE where Boost was not there to build with. */
gboolean
lock_boost (Lock       *mutex,
            Lock       *file_lock,
            const char *path)
{
#ifdef HAVE_BOOST
  *mutex = (Lock) { "Boost interprocess_sharable_mutex", boost_sharable_mutex_lock, boost_sharable_mutex_unlock,
                    boost_sharable_mutex_new (map_shared (4096)) };
  *file_lock = (Lock) { "Boost file_lock", boost_file_lock_lock, boost_file_lock_unlock, boost_file_lock_new (path) };
  return TRUE;
#else
  return FALSE;
#endif
}

static void
run_racer (Race     *self,
           Lock     *lock,
           guint     i,
           gboolean  pinned)
{
  guint64 n = 0;

  if (pinned)
    bench_pin (i);

  /* A child takes part in an arena from its first lock on. */
  lock_and_unlock (lock);
  __atomic_fetch_add (&self->n_ready, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n (&self->started, __ATOMIC_ACQUIRE) == 0)
    g_thread_yield ();

  while (__atomic_load_n (&self->stopped, __ATOMIC_RELAXED) == 0)
    {
      lock_and_unlock (lock);
      n++;
    }

  self->counts[i].n = n;
  _exit (0);
}

/* Each lock is taken and released by a process of its own, as often as it can. */
void
race_run (Race     *self,
          Lock     *locks,
          guint     n_locks,
          gboolean  pinned,
          double    seconds)
{
  pid_t pids[G_N_ELEMENTS (self->counts)];
  double start;

  memset (self, 0, sizeof *self);
  for (guint i = 0; i < n_locks; i++)
    {
      pids[i] = fork ();
      g_assert (pids[i] >= 0);
      if (pids[i] == 0)
        run_racer (self, &locks[i], i, pinned);
    }

  while (__atomic_load_n (&self->n_ready, __ATOMIC_ACQUIRE) < n_locks)
    g_thread_yield ();
  start = bench_get_time ();
  __atomic_store_n (&self->started, 1, __ATOMIC_RELEASE);
  g_usleep ((gulong) (seconds * 1e6));
  __atomic_store_n (&self->stopped, 1, __ATOMIC_RELEASE);

  /* The racers have all processors: nobody wakes in time. */
  self->seconds = (bench_get_time () - start) / 1e9;

  for (guint i = 0; i < n_locks; i++)
    {
      int status;

      g_assert (waitpid (pids[i], &status, 0) == pids[i] && status == 0);
    }
}
