/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-participant-private.h"

#include <errno.h>
#include <unistd.h>

#include "tbuf-error.h"
#include "tbuf-system-private.h"

/* How many times to look for a reader's byte that nobody has. */
#define MAX_READER_TRIES 16

/* Opens a description of one's own and is present from then on. FALSE without
 * an error means that somebody is removing the arena at this moment.
 *
 * The description must never be shared: two processes on one description would
 * both believe that they own what it locks. */
gboolean
tbuf_participant_join (TbufParticipant *self,
                       int              fd,
                       gboolean         read_only,
                       GError         **error)
{
  self->id = 0;
  self->read_only = read_only;
  self->live_fd = tbuf_system_reopen (fd, read_only);

  if (self->live_fd < 0)
    {
      int saved_errno = errno;

      g_set_error (error, TBUF_ERROR,
                   saved_errno == EMFILE || saved_errno == ENFILE ? TBUF_ERROR_NO_SPACE : TBUF_ERROR_PERMISSION,
                   "Could not open a description of the arena's memory: %s", g_strerror (saved_errno));
      return FALSE;
    }

  if (!tbuf_system_lock_bytes (self->live_fd, TBUF_BYTE_LOCK_READ, TBUF_BYTE_PRESENCE, 1))
    {
      tbuf_participant_close (self);
      return FALSE;
    }

  /* Readers have no slot, but they are counted by a byte of their own. */
  for (guint i = 0; read_only && i < MAX_READER_TRIES; i++)
    {
      guint32 random;
      gint64 byte;

      tbuf_system_get_random (&random, sizeof random);
      byte = TBUF_BYTE_READER + random;
      if (!tbuf_system_find_byte_lock (self->live_fd, byte, 1, NULL, NULL))
        {
          tbuf_system_lock_bytes (self->live_fd, TBUF_BYTE_LOCK_READ, byte, 1);
          break;
        }
    }

  return TRUE;
}

/* Takes a free slot under a new generation. The byte of the slot keeps others
 * away from it; the byte of the id is what others ask for. */
gboolean
tbuf_participant_take_slot (TbufParticipant *self,
                            TbufSlot        *slots,
                            GError         **error)
{
  for (guint32 slot = 0; slot < TBUF_N_SLOTS; slot++)
    {
      guint32 generation, id;

      if (!tbuf_system_lock_bytes (self->live_fd, TBUF_BYTE_LOCK_WRITE, TBUF_BYTE_SLOT + slot, 1))
        continue;

      generation = __atomic_load_n (&slots[slot].generation, __ATOMIC_RELAXED) + 1;
      id = generation << TBUF_SLOT_BITS | slot;

      /* No id is 0, and slot 0 of generation 2^22 would be. */
      if (id >> TBUF_SLOT_BITS == 0)
        {
          generation = 1;
          id = generation << TBUF_SLOT_BITS | slot;
        }
      if (!tbuf_system_lock_bytes (self->live_fd, TBUF_BYTE_LOCK_WRITE, TBUF_BYTE_ALIVE + id, 1))
        {
          tbuf_system_lock_bytes (self->live_fd, TBUF_BYTE_LOCK_NONE, TBUF_BYTE_SLOT + slot, 1);
          continue;
        }

      __atomic_store_n (&slots[slot].generation, generation, __ATOMIC_RELAXED);
      __atomic_store_n (&slots[slot].pid, (guint32) getpid (), __ATOMIC_RELAXED);
      __atomic_store_n (&slots[slot].start_time, tbuf_system_get_start_time (), __ATOMIC_RELAXED);
      self->id = id;
      return TRUE;
    }

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_NO_SPACE,
               "The arena has room for %u participants, and all of it is taken", TBUF_N_SLOTS);
  return FALSE;
}

/* Asks the kernel for exactly this slot and generation. One's own lock is no
 * obstacle to oneself, so that case is answered here. */
gboolean
tbuf_participant_is_alive (TbufParticipant *self,
                           guint32          id)
{
  return id == self->id || tbuf_system_has_write_lock (self->live_fd, TBUF_BYTE_ALIVE + id);
}

/* How many byte locks others have in a range: the kernel names one of them, and
 * what lies left and right of it is asked for again. */
static guint
count_byte_locks (int    fd,
                  gint64 start,
                  gint64 end,
                  guint  limit)
{
  gint64 found, length;

  if (start >= end || limit == 0 || !tbuf_system_find_byte_lock (fd, start, end - start, &found, &length))
    return 0;

  /* Somebody who is removing the arena holds everything at once. */
  if (length != 1)
    return 1;

  length = 1 + count_byte_locks (fd, start, found, limit - 1);
  return (guint) length + count_byte_locks (fd, found + 1, end, limit - MIN (limit, (guint) length));
}

/* Everyone who has the arena mapped, readers and oneself included. */
guint
tbuf_participant_count (TbufParticipant *self)
{
  guint n = self->live_fd >= 0 ? 1 : 0;

  if (self->live_fd < 0)
    return 0;

  n += count_byte_locks (self->live_fd, TBUF_BYTE_SLOT, TBUF_BYTE_SLOT + TBUF_N_SLOTS, TBUF_N_SLOTS);
  n += count_byte_locks (self->live_fd, TBUF_BYTE_READER, TBUF_BYTE_PRESENCE, TBUF_N_SLOTS);

  return n;
}

/* Stops being present, and nothing else. TRUE when nobody else is present: then
 * nobody can become so before removal_fd is closed, and the name may go.
 *
 * One's own presence goes first. Two who leave at the same time and kept theirs
 * while they look would see each other, and both would leave the name behind. All
 * other locks stay: at exit() there may be threads that still change the lock
 * table, and this participant has to count as alive for as long as they do. */
gboolean
tbuf_participant_leave_last (TbufParticipant *self,
                             int             *removal_fd)
{
  *removal_fd = -1;
  if (self->live_fd < 0)
    return FALSE;

  tbuf_system_lock_bytes (self->live_fd, TBUF_BYTE_LOCK_NONE, TBUF_BYTE_PRESENCE, 1);

  /* One who may not write to the arena can't be the one to remove it. */
  *removal_fd = self->read_only ? tbuf_system_reopen (self->live_fd, FALSE) : self->live_fd;
  return *removal_fd >= 0 && tbuf_system_lock_bytes (*removal_fd, TBUF_BYTE_LOCK_WRITE, TBUF_BYTE_PRESENCE, 1);
}

void
tbuf_participant_close (TbufParticipant *self)
{
  if (self->live_fd >= 0)
    close (self->live_fd);

  self->live_fd = -1;
  self->id = 0;
}
