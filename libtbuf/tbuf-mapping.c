/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-mapping-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tbuf-error.h"
#include "tbuf-layout-private.h"
#include "tbuf-name-private.h"
#include "tbuf-process-private.h"
#include "tbuf-system-private.h"
#include "tbuf-watcher-private.h"

/* Far above any memory, and far below where sums of offsets could overflow. */
#define MAX_SIZE (G_GUINT64_CONSTANT (1) << 56)

static void
after_fork (gpointer data)
{
  TbufMapping *self = data;

  /* The description is the parent's: only close it. The next use takes a slot of
   * this process's own; a read-only mapping has nothing to take. */
  tbuf_participant_close (&self->table.participant);
  tbuf_watcher_after_fork (self->watcher);
}

/* Leaves for good: without a participant that is present, the name goes too. At
 * exit() that is all: other threads may still hold locks and the guard, and are
 * dead only when the kernel has closed their descriptors. */
static void
leave (gpointer data)
{
  TbufMapping *self = data;

  if (self->name != NULL && !(self->flags & TBUF_ARENA_KEEP))
    tbuf_name_leave (self->name, &self->table.participant);
}

static void
mapping_clear (gpointer data)
{
  TbufMapping *self = data;

  g_weak_ref_clear (&self->arena);
  tbuf_watcher_free (self->watcher);

  tbuf_process_lock ();
  tbuf_process_remove (self);
  leave (self);
  tbuf_participant_close (&self->table.participant);
  tbuf_process_unlock ();

  if (self->base != NULL)
    munmap (self->base, self->map_size);
  if (self->fd >= 0)
    close (self->fd);
  g_clear_object (&self->layout);
  g_free (self->name);
}

TbufMapping *
tbuf_mapping_ref (TbufMapping *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
tbuf_mapping_unref (TbufMapping *self)
{
  g_atomic_rc_box_release_full (self, mapping_clear);
}

/* Takes over fd. */
static TbufMapping *
mapping_new (int            fd,
             TbufArenaFlags flags)
{
  TbufMapping *self = g_atomic_rc_box_new0 (TbufMapping);

  self->fd = fd;
  self->table.fd = fd;
  self->table.participant = (TbufParticipant) TBUF_PARTICIPANT_INIT;
  self->flags = flags;
  self->read_only = (flags & TBUF_ARENA_READ_ONLY) != 0;
  self->watcher = tbuf_watcher_new (self);
  g_weak_ref_init (&self->arena, NULL);
  return self;
}

static guint
get_stripe_shift (guint64 size)
{
  guint shift = 0;

  while ((size - 1) >> shift >= TBUF_N_STRIPES)
    shift++;

  return shift;
}

static gboolean
map (TbufMapping           *self,
     const TbufSuperblock  *superblock,
     GError               **error)
{
  int protection = self->read_only ? PROT_READ : PROT_READ | PROT_WRITE;

  if (superblock->file_size > G_MAXSSIZE)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE,
                   "The arena's %" G_GUINT64_FORMAT " bytes do not fit the address space of this process",
                   superblock->file_size);
      return FALSE;
    }

  self->map_size = (gsize) superblock->file_size;
  self->base = mmap (NULL, self->map_size, protection, MAP_SHARED, self->fd, 0);
  if (self->base == MAP_FAILED)
    {
      int saved_errno = errno;

      self->base = NULL;
      g_set_error (error, TBUF_ERROR,
                   saved_errno == EACCES || saved_errno == EPERM ? TBUF_ERROR_PERMISSION : TBUF_ERROR_NO_SPACE,
                   "Could not map %" G_GUINT64_FORMAT " bytes of shared memory: %s",
                   superblock->file_size, g_strerror (saved_errno));
      return FALSE;
    }

  self->data = self->base + superblock->data_offset;
  self->data_size = superblock->data_size;
  self->flags |= superblock->flags & TBUF_ARENA_KEEP;
  self->table.words = (TbufWords *) (gpointer) (self->base + superblock->words_offset);
  self->table.slots = (TbufSlot *) (gpointer) (self->base + superblock->slots_offset);
  self->table.records = (TbufRecord *) (gpointer) (self->base + superblock->records_offset);
  self->table.starts = (guint64 *) (gpointer) (self->base + superblock->starts_offset);
  self->table.ends = (guint64 *) (gpointer) (self->base + superblock->ends_offset);
  self->table.stripe_shift = get_stripe_shift (superblock->data_size);
  return TRUE;
}

/* From now on this process counts as one that uses the arena. FALSE without an
 * error: it is being removed. Registered before it has a description, under the
 * lock that a fork takes as well: no child keeps one that nobody knows of. */
static gboolean
join (TbufMapping  *self,
      GError      **error)
{
  gboolean joined;

  tbuf_process_lock ();
  joined = tbuf_participant_join (&self->table.participant, self->fd, self->read_only, error);
  if (joined)
    tbuf_process_add (self, after_fork, leave);
  tbuf_process_unlock ();

  return joined;
}

static gboolean
fill (TbufMapping     *self,
      guint64          size,
      TbufLayout      *layout,
      TbufArenaFlags   flags,
      GError         **error)
{
  g_autoptr (GBytes) stored = layout != NULL ? tbuf_layout_to_bytes (layout) : NULL;
  gsize stored_size = stored != NULL ? g_bytes_get_size (stored) : 0;
  TbufSuperblock superblock;

  tbuf_superblock_init (&superblock, size, stored_size, flags & TBUF_ARENA_KEEP);

  if (!tbuf_system_reserve (self->fd, superblock.file_size, error) ||
      !map (self, &superblock, error))
    return FALSE;

  memcpy (self->base, &superblock, sizeof superblock);
  if (stored_size > 0)
    memcpy (self->base + superblock.layout_offset, g_bytes_get_data (stored, NULL), stored_size);
  if (layout != NULL)
    self->layout = g_object_ref (layout);

  if (join (self, error))
    return tbuf_lock_attach (&self->table, error);

  if (error != NULL && *error == NULL)
    g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE, "The system refuses to lock bytes of the arena's file");
  return FALSE;
}

TbufMapping *
tbuf_mapping_create (const char      *name,
                     guint64          size,
                     TbufLayout      *layout,
                     TbufArenaFlags   flags,
                     GError         **error)
{
  g_autofree char *temporary_path = NULL;
  TbufMapping *self;
  gboolean created;
  int fd;

  if (size == 0)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_INVALID, "An arena has at least 1 byte, and 0 were asked for");
      return NULL;
    }
  if (size > MAX_SIZE)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE,
                   "%" G_GUINT64_FORMAT " bytes were asked for, and an arena has at most %" G_GUINT64_FORMAT, size, MAX_SIZE);
      return NULL;
    }

  fd = name != NULL ? tbuf_system_create_unlinked (&temporary_path, error) : tbuf_system_create_memfd (error);
  if (fd < 0)
    return NULL;

  self = mapping_new (fd, flags);
  created = fill (self, size, layout, flags, error) &&
            (name != NULL || tbuf_system_seal (fd, error));

  /* It is complete, and has a living participant, before anyone can see it. */
  if (created && name != NULL)
    {
      created = tbuf_name_publish (name, fd, temporary_path, (flags & TBUF_ARENA_REPLACE_STALE) != 0, error);
      if (created)
        self->name = g_strdup (name);
    }

  if (temporary_path != NULL)
    g_unlink (temporary_path);
  if (!created)
    g_clear_pointer (&self, tbuf_mapping_unref);

  return self;
}

static TbufLayout *
read_layout (int                    fd,
             const TbufSuperblock  *superblock,
             GError               **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (TbufLayout) layout = NULL;
  guint8 *copy = g_malloc (superblock->layout_size);

  /* A private copy: what stands in shared memory could change between check and use. */
  bytes = g_bytes_new_take (copy, superblock->layout_size);
  if (pread (fd, copy, superblock->layout_size, (off_t) superblock->layout_offset) != (gssize) superblock->layout_size)
    {
      g_set_error_literal (error, TBUF_ERROR, TBUF_ERROR_FORMAT, "The arena is corrupt: its layout can't be read");
      return NULL;
    }

  layout = tbuf_layout_new_from_bytes (bytes, error);
  if (layout == NULL)
    return NULL;

  if (tbuf_layout_get_size (layout) > superblock->data_size)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT,
                   "The arena is corrupt: its layout needs %" G_GSIZE_FORMAT " bytes, and it has %" G_GUINT64_FORMAT,
                   tbuf_layout_get_size (layout), superblock->data_size);
      return NULL;
    }

  return g_steal_pointer (&layout);
}

/* Everything about an opened file but its presence. */
static gboolean
load (TbufMapping  *self,
      GError      **error)
{
  TbufSuperblock superblock;

  if (!tbuf_superblock_read (&superblock, self->fd, error))
    return FALSE;

  if (superblock.layout_size > 0)
    {
      self->layout = read_layout (self->fd, &superblock, error);
      if (self->layout == NULL)
        return FALSE;
    }

  return map (self, &superblock, error);
}

static gboolean
attach (TbufMapping  *self,
        GError      **error)
{
  return self->read_only || tbuf_lock_attach (&self->table, error);
}

TbufMapping *
tbuf_mapping_open (const char      *name,
                   TbufArenaFlags   flags,
                   GError         **error)
{
  TbufNameOpening opening = TBUF_NAME_OPENING_INIT;

  /* Presence first, then another look at the name: it may have been removed, or
   * given to another arena, between the two. */
  while (TRUE)
    {
      g_autoptr (GError) local_error = NULL;
      TbufMapping *self;
      int fd;

      fd = tbuf_name_open (&opening, name, flags, error);
      if (fd < 0)
        return NULL;

      self = mapping_new (fd, flags);
      if (tbuf_name_check_owner (fd, flags, &local_error) && load (self, &local_error) && join (self, &local_error) && tbuf_name_is_file (name, fd))
        {
          /* Present: if others left since, the name is ours to remove, whatever comes. */
          self->name = g_strdup (name);
          if (attach (self, &local_error))
            return self;
        }

      tbuf_mapping_unref (self);
      if (local_error != NULL)
        {
          g_propagate_prefixed_error (error, g_steal_pointer (&local_error), "Could not open arena “%s”: ", name);
          return NULL;
        }
    }
}

TbufMapping *
tbuf_mapping_open_fd (int              fd,
                      TbufArenaFlags   flags,
                      GError         **error)
{
  g_autoptr (GError) local_error = NULL;
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  TbufMapping *self;
  int mode;

  if (copy < 0)
    {
      int saved_errno = errno;

      g_set_error (error, TBUF_ERROR, saved_errno == EBADF ? TBUF_ERROR_INVALID : TBUF_ERROR_NO_SPACE,
                   "Could not duplicate file descriptor %d: %s", fd, g_strerror (saved_errno));
      return NULL;
    }

  self = mapping_new (copy, flags);
  mode = fcntl (copy, F_GETFL) & O_ACCMODE;

  if (mode == O_WRONLY || (mode == O_RDONLY && !self->read_only))
    g_set_error (&local_error, TBUF_ERROR, TBUF_ERROR_PERMISSION,
                 "File descriptor %d is open for %s only", fd, mode == O_WRONLY ? "writing" : "reading");
  else if (load (self, &local_error) && tbuf_name_check_fd (copy, flags, &self->name, &local_error) &&
           join (self, &local_error) && attach (self, &local_error))
    return self;

  if (local_error == NULL)
    g_set_error_literal (&local_error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "The arena is being removed");
  g_propagate_error (error, g_steal_pointer (&local_error));
  tbuf_mapping_unref (self);
  return NULL;
}

guint
tbuf_mapping_get_phase (TbufMapping *self)
{
  return (guint32) __atomic_load_n (&self->table.words->phase, __ATOMIC_ACQUIRE);
}

/* One store: the phase, and how often it was set. */
void
tbuf_mapping_set_phase (TbufMapping *self,
                        guint        phase)
{
  guint64 *word = &self->table.words->phase;
  guint64 generation = __atomic_load_n (word, __ATOMIC_RELAXED) >> 32;

  __atomic_store_n (word, (generation + 1) << 32 | phase, __ATOMIC_RELEASE);
  tbuf_system_futex_wake (tbuf_mapping_get_phase_futex (self), TRUE);
}

/* The half of the phase's word that counts how often it was set. */
guint32 *
tbuf_mapping_get_phase_futex (TbufMapping *self)
{
  return (guint32 *) &self->table.words->phase + (G_BYTE_ORDER == G_LITTLE_ENDIAN ? 1 : 0);
}

/* Wakes everyone in this process who waits for one of its locks or items. */
void
tbuf_mapping_close (TbufMapping *self)
{
  if (__atomic_exchange_n (&self->table.closed, 1, __ATOMIC_ACQ_REL) != 0)
    return;

  tbuf_system_futex_wake (tbuf_mapping_get_closed_futex (self), FALSE);
  if (self->table.participant.id != 0 && tbuf_guard_enter (&self->table, G_USEC_PER_SEC) == TBUF_GUARD_ENTERED)
    {
      tbuf_lock_table_poke_own (&self->table);
      tbuf_guard_leave (&self->table);
    }
  tbuf_watcher_wake (self->watcher);
}

gboolean
tbuf_mapping_is_closed (TbufMapping *self)
{
  return tbuf_lock_table_is_closed (&self->table);
}

guint32 *
tbuf_mapping_get_closed_futex (TbufMapping *self)
{
  return (guint32 *) &self->table.closed;
}
