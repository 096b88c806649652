/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-name-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tbuf-error.h"
#include "tbuf-system-private.h"

/* The life of a name
 * ==================
 *
 * A named arena is a file in /dev/shm. It gets its name when it is complete and
 * has a living participant, so that nobody ever sees half an arena. It loses it
 * when the last participant leaves, unless the arena was created, or that one
 * opened it, with KEEP. One that is left without participants is *stale*: it can
 * be opened, and replaced.
 *
 * Every participant has a byte of the file locked for reading. Whoever wants to
 * remove a name first locks the same byte for writing, which succeeds only if
 * nobody else lives, and keeps anyone from coming to life meanwhile. Then it locks
 * a second byte, which who unlinks a living arena's name locks as well; looks
 * whether the name is still that file's; and unlinks it. Who opens a name becomes
 * present first, and looks at the name again afterwards.
 */

#define MAX_NAME 200

/* Removing a name takes microseconds; who takes longer was stopped half way. */
#define REMOVAL_LIMIT_US G_USEC_PER_SEC

/* How long those who wait for that sleep between two looks. */
#define SHORTEST_PAUSE_US 50
#define LONGEST_PAUSE_US  20000

/* An eighth of the time that it has taken so far. */
static void
pause_since (gint64 start)
{
  gint64 waited = g_get_monotonic_time () - start;

  g_usleep ((gulong) CLAMP (waited / 8, SHORTEST_PAUSE_US, LONGEST_PAUSE_US));
}

static char *
get_path (const char *name)
{
  return g_build_filename (TBUF_SHM_FOLDER, name, NULL);
}

gboolean
tbuf_name_check (const char  *name,
                 GError     **error)
{
  gsize length = strlen (name);

  if (length == 0 || length > MAX_NAME)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                 "An arena's name has 1 to %d bytes, and this one has %" G_GSIZE_FORMAT, MAX_NAME, length);
  else if (strchr (name, '/') != NULL)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID,
                 "An arena's name has no “/” in it, and “%s” has one at byte %d", name, (int) (strchr (name, '/') - name));
  else if (name[0] == '.')
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "An arena's name does not start with a dot, and “%s” does", name);
  else
    return TRUE;

  return FALSE;
}

static gboolean
set_errno_error (GError     **error,
                 int          saved_errno,
                 const char  *what,
                 const char  *name)
{
  TbufError code = TBUF_ERROR_PERMISSION;

  if (saved_errno == ENOENT)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "There is no arena “%s”", name);
      return FALSE;
    }
  if (saved_errno == EMFILE || saved_errno == ENFILE || saved_errno == ENOSPC || saved_errno == ENOMEM)
    code = TBUF_ERROR_NO_SPACE;
  else if (saved_errno == EBUSY)
    code = TBUF_ERROR_BUSY;
  else if (saved_errno == ELOOP || saved_errno == EISDIR || saved_errno == ENXIO)
    code = TBUF_ERROR_FORMAT;

  g_set_error (error, TBUF_ERROR, code, "Could not %s arena “%s”: %s", what, name, g_strerror (saved_errno));
  return FALSE;
}

/* Whether the name is, at this moment, that of the open file. */
gboolean
tbuf_name_is_file (const char *name,
                   int         fd)
{
  g_autofree char *path = get_path (name);
  struct stat named, opened;

  return lstat (path, &named) == 0 && fstat (fd, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* Foreign files are refused, unless the caller says otherwise: their owner could
 * shrink them under our feet. */
gboolean
tbuf_name_check_owner (int              fd,
                       TbufArenaFlags   flags,
                       GError         **error)
{
  struct stat info;

  if (flags & TBUF_ARENA_FOREIGN)
    return TRUE;
  if (fstat (fd, &info) == 0 && info.st_uid == geteuid ())
    return TRUE;

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION,
               "The arena's file belongs to user %u, and without FOREIGN only one's own (%u) are trusted not to shrink",
               info.st_uid, geteuid ());
  return FALSE;
}

/* Whether the descriptor is that of memory that stays as large as it is. Fills in
 * the name, where the file has one. */
gboolean
tbuf_name_check_fd (int              fd,
                    TbufArenaFlags   flags,
                    char           **name,
                    GError         **error)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *target = g_file_read_link (link, NULL);
  struct stat info;

  if (tbuf_system_is_memfd (fd))
    {
      if (tbuf_system_is_sealed (fd))
        return TRUE;

      g_set_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION,
                   "The memory behind file descriptor %d is not sealed: its owner could shrink it while it is in use", fd);
      return FALSE;
    }

  if (fstat (fd, &info) != 0 || target == NULL || !g_str_has_prefix (target, TBUF_SHM_FOLDER "/"))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION,
                   "File descriptor %d is neither sealed memory nor a file in " TBUF_SHM_FOLDER, fd);
      return FALSE;
    }
  if (!tbuf_name_check_owner (fd, flags, error))
    return FALSE;

  /* A file that was unlinked, or never linked, has no name to look after. */
  *name = g_path_get_basename (target);
  if (!tbuf_name_is_file (*name, fd))
    g_clear_pointer (name, g_free);
  return TRUE;
}

/* Unlinks the name if it is that of the open file. Everyone who removes a name
 * does it here, with a byte of the file locked from the look to the unlinking:
 * or the name could be another arena's by then. Returns 0 or an errno; ENOENT
 * means that it was removed by somebody else. */
static int
remove_name (const char *name,
             int         fd)
{
  g_autofree char *path = get_path (name);
  gint64 start = g_get_monotonic_time ();
  int result = 0;

  while (!tbuf_system_lock_bytes (fd, TBUF_BYTE_LOCK_WRITE, TBUF_BYTE_REMOVAL, 1))
    {
      if (g_get_monotonic_time () - start > REMOVAL_LIMIT_US)
        return EBUSY;
      pause_since (start);
    }

  if (!tbuf_name_is_file (name, fd))
    result = ENOENT;
  else if (g_unlink (path) != 0)
    result = errno;

  tbuf_system_lock_bytes (fd, TBUF_BYTE_LOCK_NONE, TBUF_BYTE_REMOVAL, 1);
  return result;
}

/* Removes a file that nobody uses. TRUE when it is worth trying again. */
static gboolean
remove_stale (const char  *name,
              GError     **error)
{
  g_autofree char *path = get_path (name);
  TbufSuperblock superblock;
  g_autoptr (GError) local_error = NULL;
  gboolean removed = TRUE;
  int fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  if (fd < 0)
    return errno == ENOENT ? TRUE : set_errno_error (error, errno, "replace", name);

  if (!tbuf_superblock_read (&superblock, fd, &local_error))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS,
                   "The name “%s” is taken by a file that is not replaced: %s", name, local_error->message);
      removed = FALSE;
    }
  else if (superblock.flags & TBUF_ARENA_KEEP)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS,
                   "There is an arena “%s” that was created to be kept: it is never stale", name);
      removed = FALSE;
    }
  else if (!tbuf_system_lock_bytes (fd, TBUF_BYTE_LOCK_WRITE, TBUF_BYTE_BASE, TBUF_BYTE_LENGTH))
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS, "There is an arena “%s”, and it is in use", name);
      removed = FALSE;
    }
  else
    remove_name (name, fd);

  close (fd);
  return removed;
}

/* Gives a complete arena its name. */
gboolean
tbuf_name_publish (const char  *name,
                   int          fd,
                   const char  *temporary_path,
                   gboolean     replace_stale,
                   GError     **error)
{
  g_autofree char *path = get_path (name);

  while (TRUE)
    {
      int result = tbuf_system_link (fd, temporary_path, path);

      if (result == 0)
        return TRUE;
      if (result != EEXIST)
        return set_errno_error (error, result, "create", name);
      if (!replace_stale)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS,
                       "There is an arena “%s” already; if nobody uses it any more, REPLACE_STALE replaces it", name);
          return FALSE;
        }
      if (!remove_stale (name, error))
        return FALSE;
    }
}

/* Returns a descriptor, or -1. Called again by who found the file to be on its
 * way out. */
int
tbuf_name_open (TbufNameOpening  *opening,
                const char       *name,
                TbufArenaFlags    flags,
                GError          **error)
{
  g_autofree char *path = get_path (name);
  int access_mode = flags & TBUF_ARENA_READ_ONLY ? O_RDONLY : O_RDWR;

  if (opening->busy_since == 0)
    opening->busy_since = g_get_monotonic_time ();
  else if (!(flags & TBUF_ARENA_WAIT) && g_get_monotonic_time () - opening->busy_since > REMOVAL_LIMIT_US)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_BUSY,
                   "Arena “%s” has been on its way to removal for %d s: the process that removes it seems to be stopped",
                   name, (int) (REMOVAL_LIMIT_US / G_USEC_PER_SEC));
      return -1;
    }
  else
    pause_since (opening->busy_since);

  while (TRUE)
    {
      int fd = open (path, access_mode | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

      if (fd >= 0)
        return fd;
      if (errno != ENOENT || !(flags & TBUF_ARENA_WAIT))
        {
          set_errno_error (error, errno, "open", name);
          return -1;
        }
      if (!tbuf_system_wait_for_file (path, error))
        return -1;

      opening->busy_since = g_get_monotonic_time ();
    }
}

/* The participant's presence ends here; if it was the last one, the name does too. */
void
tbuf_name_leave (const char      *name,
                 TbufParticipant *participant)
{
  int removal_fd;

  if (tbuf_participant_leave_last (participant, &removal_fd))
    remove_name (name, removal_fd);
  if (removal_fd >= 0 && removal_fd != participant->live_fd)
    close (removal_fd);
}

/* The name goes; those who have the arena open keep it. */
gboolean
tbuf_name_unlink (const char  *name,
                  GError     **error)
{
  g_autofree char *path = NULL;
  int result;

  if (!tbuf_name_check (name, error))
    return FALSE;

  path = get_path (name);
  do
    {
      char magic[8] = { 0 };
      gboolean is_arena;
      int fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

      if (fd < 0)
        return set_errno_error (error, errno, "unlink", name);

      is_arena = pread (fd, magic, sizeof magic, 0) == sizeof magic && memcmp (magic, TBUF_FORMAT_MAGIC, sizeof magic) == 0;
      result = is_arena ? remove_name (name, fd) : 0;
      close (fd);

      if (!is_arena)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "“%s” is not an arena, so it is not unlinked", name);
          return FALSE;
        }
    }
  while (result == ENOENT);

  return result == 0 || set_errno_error (error, result, "unlink", name);
}
