/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sight.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <tbuf.h>
#include <unistd.h>

#include "tbuf-participant-private.h"
#include "tbuf-system-private.h"

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  const Sight *const *first = a, *const *second = b;

  return strcmp ((*first)->name, (*second)->name);
}

/* All arenas that this user may read, by their names. Other files are passed
 * over, and so is what this version can't read. */
GPtrArray *
sight_list (GError **error)
{
  g_autoptr (GDir) folder = g_dir_open (TBUF_SHM_FOLDER, 0, error);
  g_autoptr (GPtrArray) sights = g_ptr_array_new_with_free_func ((GDestroyNotify) sight_free);
  const char *name;

  if (folder == NULL)
    return NULL;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      Sight *sight = sight_new (name, NULL);

      if (sight != NULL)
        g_ptr_array_add (sights, sight);
    }

  g_ptr_array_sort (sights, compare_names);
  return g_steal_pointer (&sights);
}

/* The name of the current phase, from a private copy of the layout. */
static char *
read_phase (Sight *self)
{
  gsize layout_size = (gsize) self->superblock.layout_size;
  gint64 layout_offset = (gint64) self->superblock.layout_offset;
  gint64 phase_offset = (gint64) self->superblock.words_offset + G_STRUCT_OFFSET (TbufWords, phase);
  g_autofree guint8 *copy = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) stored = NULL;
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (TbufLayout) layout = NULL;
  g_auto (GStrv) phases = NULL;
  guint64 word;

  if (layout_size == 0)
    return NULL;

  copy = g_malloc (layout_size);
  if (pread (self->fd, copy, layout_size, layout_offset) != (gssize) layout_size ||
      pread (self->fd, &word, sizeof word, phase_offset) != sizeof word)
    return NULL;

  bytes = g_bytes_new_take (g_steal_pointer (&copy), layout_size);
  stored = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE ("(ubtasa(ssatuutt)ttaua(uu))"), bytes, FALSE));
  variant = G_BYTE_ORDER == G_BIG_ENDIAN ? g_variant_byteswap (stored) : g_variant_ref (stored);
  layout = tbuf_layout_new_from_variant (variant, NULL);
  if (layout == NULL)
    return NULL;

  phases = tbuf_layout_list_phases (layout);
  return (guint32) word < g_strv_length (phases) ? g_strdup (phases[(guint32) word]) : NULL;
}

Sight *
sight_new (const char  *name,
           GError     **error)
{
  g_autofree char *path = g_build_filename (TBUF_SHM_FOLDER, name, NULL);
  g_autoptr (Sight) self = g_new0 (Sight, 1);
  TbufParticipant outsider = TBUF_PARTICIPANT_INIT;

  self->name = g_strdup (name);
  self->fd = -1;

  /* What no arena can be called is the path of something else. */
  if (name[0] == '\0' || name[0] == '.' || strchr (name, '/') != NULL)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "“%s” is not the name of an arena", name);
      return NULL;
    }

  self->fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (self->fd < 0)
    {
      int saved_errno = errno;

      if (saved_errno == ENOENT)
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "There is no arena “%s”", name);
      else
        g_set_error (error, TBUF_ERROR, TBUF_ERROR_PERMISSION, "Could not open arena “%s”: %s", name, g_strerror (saved_errno));
      return NULL;
    }

  if (!tbuf_superblock_read (&self->superblock, self->fd, error))
    {
      g_prefix_error (error, "Could not open arena “%s”: ", name);
      return NULL;
    }

  /* The count includes the one who asks, and that one is not there. */
  outsider.live_fd = self->fd;
  self->n_participants = tbuf_participant_count (&outsider) - 1;
  self->in_use = tbuf_system_find_byte_lock (self->fd, TBUF_BYTE_BASE, TBUF_BYTE_LENGTH, NULL, NULL);
  self->phase = read_phase (self);
  return g_steal_pointer (&self);
}

void
sight_free (Sight *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->phase);
  g_free (self->name);
  g_free (self);
}

/* Whether it was created to stay when nobody uses it. */
gboolean
sight_is_kept (Sight *self)
{
  return (self->superblock.flags & TBUF_ARENA_KEEP) != 0;
}

gboolean
sight_is_stale (Sight *self)
{
  return !self->in_use && !sight_is_kept (self);
}

const char *
sight_get_state (Sight *self)
{
  return self->in_use ? "used" : sight_is_stale (self) ? "stale" : "unused";
}

/* FALSE once somebody removed it, or gave the name to another arena. */
gboolean
sight_has_name (Sight *self)
{
  struct stat info;

  return fstat (self->fd, &info) == 0 && info.st_nlink > 0;
}
