/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-system-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tbuf-error.h"

#define ARENA_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static void
set_error (GError     **error,
           int          saved_errno,
           const char  *what)
{
  TbufError code = TBUF_ERROR_INVALID;

  switch (saved_errno)
    {
    case EACCES:
    case EPERM:
    case EROFS:
      code = TBUF_ERROR_PERMISSION;
      break;
    case ENOSPC:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EDQUOT:
    case EFBIG:
      code = TBUF_ERROR_NO_SPACE;
      break;
    case ENOENT:
      code = TBUF_ERROR_NOT_FOUND;
      break;
    default:
      break;
    }

  g_set_error (error, TBUF_ERROR, code, "%s: %s", what, g_strerror (saved_errno));
}

int
tbuf_system_create_memfd (GError **error)
{
  int fd = memfd_create ("tbuf-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0)
    set_error (error, errno, "Could not create shared memory");

  return fd;
}

gboolean
tbuf_system_seal (int      fd,
                  GError **error)
{
  if (fcntl (fd, F_ADD_SEALS, ARENA_SEALS) == 0)
    return TRUE;

  set_error (error, errno, "Could not seal the size of shared memory");
  return FALSE;
}

gboolean
tbuf_system_is_sealed (int fd)
{
  int seals = fcntl (fd, F_GET_SEALS);

  return seals >= 0 && (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) == (F_SEAL_SHRINK | F_SEAL_GROW);
}

/* Files of a tmpfs answer F_GET_SEALS as well, but they have a path. */
gboolean
tbuf_system_is_memfd (int fd)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *target = g_file_read_link (link, NULL);

  return target != NULL && g_str_has_prefix (target, "/memfd:") && fcntl (fd, F_GET_SEALS) >= 0;
}

/* A file that nobody can see until tbuf_system_link() gives it its name. */
int
tbuf_system_create_unlinked (char   **temporary_path,
                             GError **error)
{
  int fd = open (TBUF_SHM_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

  *temporary_path = NULL;

  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
    {
      guint64 random;

      tbuf_system_get_random (&random, sizeof random);
      *temporary_path = g_strdup_printf (TBUF_SHM_FOLDER "/.tbuf-%016" G_GINT64_MODIFIER "x", random);
      fd = open (*temporary_path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
      if (fd < 0)
        g_clear_pointer (temporary_path, g_free);
    }

  if (fd < 0)
    set_error (error, errno, "Could not create a file in " TBUF_SHM_FOLDER);

  return fd;
}

/* Returns 0, or an errno; EEXIST: the name is taken. */
int
tbuf_system_link (int         fd,
                  const char *temporary_path,
                  const char *path)
{
  g_autofree char *source = NULL;

  if (temporary_path != NULL)
    return link (temporary_path, path) == 0 ? 0 : errno;

  source = g_strdup_printf ("/proc/self/fd/%d", fd);
  return linkat (AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* MemAvailable + SwapFree, in bytes; 0 when the kernel does not say. */
static guint64
get_available_memory (void)
{
  g_autofree char *contents = NULL;
  static const char *const fields[] = { "MemAvailable:", "SwapFree:" };
  guint64 sum = 0;

  if (!g_file_get_contents ("/proc/meminfo", &contents, NULL, NULL))
    return 0;

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      const char *field = strstr (contents, fields[i]);

      if (field != NULL)
        sum += g_ascii_strtoull (field + strlen (fields[i]), NULL, 10) * 1024;
    }

  return sum;
}

/* Reserves every page now, so that a full file system is an error here and
 * never a SIGBUS at some later write. A memfd has no limit of its own: without
 * the look at the free memory, fallocate() would call the OOM killer. */
gboolean
tbuf_system_reserve (int       fd,
                     guint64   size,
                     GError  **error)
{
  guint64 available = get_available_memory ();
  struct statvfs file_system;
  int result;

  if (size > G_MAXINT64)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE,
                   "%" G_GUINT64_FORMAT " bytes are more than a file can have (%" G_GINT64_FORMAT ")", size, G_MAXINT64);
      return FALSE;
    }
  if (available > 0 && size > available)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE,
                   "%" G_GUINT64_FORMAT " bytes of shared memory were asked for, and %" G_GUINT64_FORMAT " are available",
                   size, available);
      return FALSE;
    }

  do
    result = fallocate (fd, 0, 0, (off_t) size);
  while (result != 0 && errno == EINTR);

  if (result == 0)
    return TRUE;

  if (errno == ENOSPC && fstatvfs (fd, &file_system) == 0)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE,
                 "%" G_GUINT64_FORMAT " bytes of shared memory were asked for, and " TBUF_SHM_FOLDER
                 " has room for %" G_GUINT64_FORMAT,
                 size, (guint64) file_system.f_bavail * file_system.f_frsize);
  else
    set_error (error, errno, "Could not reserve shared memory");

  return FALSE;
}

/* An open file description of one's own: byte locks belong to it alone. */
int
tbuf_system_reopen (int      fd,
                    gboolean read_only)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);

  return open (path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
}

/* Returns when there is a file of that path; the caller looks at it and comes
 * again if it is gone by then. */
gboolean
tbuf_system_wait_for_file (const char  *path,
                           GError     **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = inotify_init1 (IN_CLOEXEC);

  if (fd < 0 || inotify_add_watch (fd, folder, IN_CREATE | IN_MOVED_TO) < 0)
    {
      set_error (error, errno, "Could not wait for the arena's name to appear");
      if (fd >= 0)
        close (fd);
      return FALSE;
    }

  /* The watch stands, so a file that appears from now on is an event. */
  while (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      char events[4096] G_GNUC_UNUSED;

      if (read (fd, events, sizeof events) < 0 && errno != EINTR)
        break;
    }

  close (fd);
  return TRUE;
}

static guint64
read_start_time (void)
{
  g_autofree char *contents = NULL;
  char *field;

  if (!g_file_get_contents ("/proc/self/stat", &contents, NULL, NULL))
    return 0;

  /* The name, in parentheses, may hold anything; the start time is the 20th field after it. */
  field = strrchr (contents, ')');
  for (guint i = 0; field != NULL && i < 20; i++)
    field = strchr (field + 1, ' ');

  return field != NULL ? g_ascii_strtoull (field, NULL, 10) : 0;
}

/* In clock ticks since boot; with the pid it tells processes apart for a reader.
 * The kernel takes longer to write that file than for all the rest of an opening,
 * so it is read once in a process; the child of a fork is another one. */
guint64
tbuf_system_get_start_time (void)
{
  static guint64 start_time;
  static int pid;

  if (__atomic_load_n (&pid, __ATOMIC_ACQUIRE) != getpid ())
    {
      __atomic_store_n (&start_time, read_start_time (), __ATOMIC_RELAXED);
      __atomic_store_n (&pid, getpid (), __ATOMIC_RELEASE);
    }

  return __atomic_load_n (&start_time, __ATOMIC_RELAXED);
}

void
tbuf_system_get_random (gpointer bytes,
                        gsize    n)
{
  guint8 *p = bytes;

  if (getrandom (p, n, 0) == (gssize) n)
    return;

  for (gsize i = 0; i < n; i++)
    p[i] = (guint8) g_random_int ();
}

static short
byte_lock_to_type (TbufByteLock lock)
{
  switch (lock)
    {
    case TBUF_BYTE_LOCK_READ:
      return F_RDLCK;
    case TBUF_BYTE_LOCK_WRITE:
      return F_WRLCK;
    case TBUF_BYTE_LOCK_NONE:
    default:
      return F_UNLCK;
    }
}

/* Never waits. FALSE when another open file description is in the way. */
gboolean
tbuf_system_lock_bytes (int          fd,
                        TbufByteLock lock,
                        gint64       start,
                        gint64       length)
{
  struct flock flock = {
    .l_type = byte_lock_to_type (lock),
    .l_whence = SEEK_SET,
    .l_start = start,
    .l_len = length,
  };
  int result;

  do
    result = fcntl (fd, F_OFD_SETLK, &flock);
  while (result != 0 && errno == EINTR);

  return result == 0;
}

/* Whether another open file description has the byte locked for writing. Where the
 * kernel can't say, it counts as locked: who asks takes the others for dead. */
gboolean
tbuf_system_has_write_lock (int    fd,
                            gint64 byte)
{
  struct flock flock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

  return fcntl (fd, F_OFD_GETLK, &flock) != 0 || flock.l_type != F_UNLCK;
}

/* Whether another open file description has a lock in the range, and where. */
gboolean
tbuf_system_find_byte_lock (int     fd,
                            gint64  start,
                            gint64  length,
                            gint64 *found,
                            gint64 *found_length)
{
  struct flock flock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length };

  if (fcntl (fd, F_OFD_GETLK, &flock) != 0 || flock.l_type == F_UNLCK)
    return FALSE;

  if (found != NULL)
    *found = flock.l_start;
  if (found_length != NULL)
    *found_length = flock.l_len;
  return TRUE;
}

static struct timespec
timespec_from_us (gint64 us)
{
  return (struct timespec) { .tv_sec = us / G_USEC_PER_SEC, .tv_nsec = (us % G_USEC_PER_SEC) * 1000 };
}

/* Sleeps while the word is as expected; may wake without a reason. A negative
 * timeout means no limit. */
void
tbuf_system_futex_wait (guint32 *word,
                        guint32  expected,
                        gint64   timeout_us)
{
  struct timespec timeout = timespec_from_us (MAX (timeout_us, 0));

  syscall (SYS_futex, word, FUTEX_WAIT, expected, timeout_us < 0 ? NULL : &timeout, NULL, 0);
}

void
tbuf_system_futex_wake (guint32  *word,
                        gboolean  shared)
{
  syscall (SYS_futex, word, shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* As tbuf_system_futex_wait(), on any of up to 128 words. Kernels before 5.16
 * cannot: there it looks at the words every 2 ms. */
void
tbuf_system_futex_wait_any (const TbufFutexWait *waits,
                            guint                n_waits,
                            gint64               timeout_us)
{
#ifdef SYS_futex_waitv
  static gboolean is_missing;
  struct futex_waitv vector[FUTEX_WAITV_MAX];
  struct timespec timeout;
  gint64 deadline = 0;

  g_assert (n_waits > 0 && n_waits <= FUTEX_WAITV_MAX);

  if (timeout_us >= 0)
    deadline = g_get_monotonic_time () + timeout_us;

  timeout = timespec_from_us (deadline);
  for (guint i = 0; i < n_waits; i++)
    vector[i] = (struct futex_waitv) {
      .val = waits[i].expected,
      .uaddr = (guintptr) waits[i].word,
      .flags = FUTEX_32 | (waits[i].shared ? 0 : FUTEX_PRIVATE_FLAG),
    };

  if (!__atomic_load_n (&is_missing, __ATOMIC_RELAXED))
    {
      if (syscall (SYS_futex_waitv, vector, n_waits, 0, timeout_us < 0 ? NULL : &timeout, CLOCK_MONOTONIC) >= 0 ||
          (errno != ENOSYS && errno != EPERM))
        return;

      __atomic_store_n (&is_missing, TRUE, __ATOMIC_RELAXED);
    }
#endif

  for (gint64 waited = 0; timeout_us < 0 || waited < timeout_us; waited += 2000)
    {
      for (guint i = 0; i < n_waits; i++)
        if (__atomic_load_n (waits[i].word, __ATOMIC_ACQUIRE) != waits[i].expected)
          return;

      tbuf_system_futex_wait (waits[0].word, waits[0].expected, 2000);
    }
}
