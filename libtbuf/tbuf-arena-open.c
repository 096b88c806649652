/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-arena-private.h"

#include "tbuf-enums.h"
#include "tbuf-error.h"
#include "tbuf-layout-private.h"
#include "tbuf-name-private.h"

/* The ways to come by an arena. */

/* Takes over the mapping. */
static TbufArena *
arena_new (TbufMapping *mapping)
{
  TbufArena *self;

  if (mapping == NULL)
    return NULL;

  self = tbuf_arena_new_for_mapping (mapping);
  tbuf_mapping_unref (mapping);
  return self;
}

/* The arena that there is for the mapping, or a new one if that is gone: views
 * and others may have kept the mapping. */
TbufArena *
tbuf_arena_new_for_mapping (TbufMapping *mapping)
{
  TbufArena *self = g_weak_ref_get (&mapping->arena);

  if (self != NULL)
    return self;

  self = g_object_new (TBUF_TYPE_ARENA, NULL);
  tbuf_region_set_range (&self->parent_instance, mapping, 0, mapping->data_size);
  g_weak_ref_set (&mapping->arena, self);
  return self;
}

static gboolean
check_flags (TbufArenaFlags   flags,
             TbufArenaFlags   allowed,
             const char      *what,
             GError         **error)
{
  g_autofree char *names = NULL;

  if ((flags & ~allowed) == 0)
    return TRUE;

  names = g_flags_to_string (TBUF_TYPE_ARENA_FLAGS, flags & ~allowed);
  g_set_error (error, TBUF_ERROR, TBUF_ERROR_INVALID, "These flags mean nothing to one who %s an arena: %s", what, names);
  return FALSE;
}

/**
 * tbuf_arena_new:
 * @size: how many bytes
 * @error: return location for an error
 *
 * Creates an anonymous arena.
 *
 * Errors: `INVALID` (no bytes), `NO_SPACE` (not so much memory, or no descriptor
 * left).
 *
 * Returns: (transfer full): a new arena, all zero
 *
 * Since: 1.0
 */
TbufArena *
tbuf_arena_new (gsize    size,
                GError **error)
{
  return arena_new (tbuf_mapping_create (NULL, size, NULL, TBUF_ARENA_NONE, error));
}

/* An arena that was there already has to be what would have been created. */
static gboolean
check_found (TbufMapping  *found,
             guint64       size,
             TbufLayout   *layout,
             GError      **error)
{
  g_autoptr (GBytes) wanted = NULL;
  g_autoptr (GBytes) actual = NULL;

  if (found->data_size != size)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS,
                   "There is an arena “%s” already, and it has %" G_GUINT64_FORMAT " bytes instead of %" G_GUINT64_FORMAT,
                   found->name, found->data_size, size);
      return FALSE;
    }
  if (layout == NULL)
    return TRUE;

  wanted = tbuf_layout_to_bytes (layout);
  actual = found->layout != NULL ? tbuf_layout_to_bytes (found->layout) : NULL;
  if (actual != NULL && g_bytes_equal (wanted, actual))
    return TRUE;

  g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS,
               "There is an arena “%s” already, and it has %s", found->name, actual != NULL ? "another layout" : "no layout");
  return FALSE;
}

static TbufMapping *
create_or_open (const char      *name,
                guint64          size,
                TbufLayout      *layout,
                TbufArenaFlags   flags,
                GError         **error)
{
  gboolean opens;

  if (name != NULL && !tbuf_name_check (name, error))
    return NULL;
  if (!check_flags (flags, TBUF_ARENA_KEEP | TBUF_ARENA_OPEN_OR_CREATE | TBUF_ARENA_REPLACE_STALE, "creates", error))
    return NULL;

  if (name == NULL || !(flags & TBUF_ARENA_OPEN_OR_CREATE))
    return tbuf_mapping_create (name, size, layout, flags, error);

  /* Opening first needs no memory; but what is stale is to be found by creating.
   * Between the one and the other, somebody else may do either: then again. */
  opens = !(flags & TBUF_ARENA_REPLACE_STALE);
  while (TRUE)
    {
      g_autoptr (GError) local_error = NULL;
      TbufMapping *mapping = opens ? tbuf_mapping_open (name, flags & TBUF_ARENA_KEEP, &local_error)
                                   : tbuf_mapping_create (name, size, layout, flags, &local_error);

      if (mapping != NULL)
        {
          if (opens && !check_found (mapping, size, layout, error))
            g_clear_pointer (&mapping, tbuf_mapping_unref);
          return mapping;
        }
      if (!g_error_matches (local_error, TBUF_ERROR, opens ? TBUF_ERROR_NOT_FOUND : TBUF_ERROR_EXISTS))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return NULL;
        }

      opens = !opens;
    }
}

/**
 * tbuf_arena_new_for_layout:
 * @layout: the arrays to make room for
 * @name: (nullable): a name, or %NULL for an anonymous arena
 * @flags: `KEEP`, `OPEN_OR_CREATE`, `REPLACE_STALE`, or none
 * @error: return location for an error
 *
 * Creates an arena for the arrays of a layout, and stores the layout in it.
 *
 * A layout that is not planned yet is planned here, for at most a second: who has
 * time for a better plan calls [method@Tbuf.Layout.plan] before. The first phase
 * is entered.
 *
 * Errors: those of [ctor@Tbuf.Arena.create] and of [method@Tbuf.Layout.plan].
 *
 * Returns: (transfer full): a new arena
 *
 * Since: 1.0
 */
TbufArena *
tbuf_arena_new_for_layout (TbufLayout      *layout,
                           const char      *name,
                           TbufArenaFlags   flags,
                           GError         **error)
{
  g_return_val_if_fail (TBUF_IS_LAYOUT (layout), NULL);

  if (!tbuf_layout_is_planned (layout) && !tbuf_layout_plan (layout, G_USEC_PER_SEC, NULL, error))
    return NULL;

  return arena_new (create_or_open (name, tbuf_layout_get_size (layout), layout, flags, error));
}

/**
 * tbuf_arena_create: (constructor)
 * @name: a file name: 1 to 200 bytes, without “/”, not starting with a dot
 * @size: how many bytes
 * @flags: `KEEP`, `OPEN_OR_CREATE`, `REPLACE_STALE`, or none
 * @error: return location for an error
 *
 * Creates an arena that other processes open by its name.
 *
 * With `OPEN_OR_CREATE`, an arena of that name and of the same size is opened if
 * there is one; `KEEP` then means what it means to [ctor@Tbuf.Arena.open]. With
 * `REPLACE_STALE`, one that nobody uses any more gives way, unless it was created
 * with `KEEP`.
 *
 * Errors: `INVALID` (the name, no bytes, or other flags), `EXISTS`, `NO_SPACE`
 * (not so much memory or room in `/dev/shm`), `PERMISSION`.
 *
 * Returns: (transfer full): a new arena, all zero
 *
 * Since: 1.0
 */
TbufArena *
tbuf_arena_create (const char      *name,
                   gsize            size,
                   TbufArenaFlags   flags,
                   GError         **error)
{
  g_return_val_if_fail (name != NULL, NULL);

  return arena_new (create_or_open (name, size, NULL, flags, error));
}

/**
 * tbuf_arena_open: (constructor)
 * @name: its name
 * @flags: `READ_ONLY`, `KEEP`, `WAIT`, `FOREIGN`, or none
 * @error: return location for an error
 *
 * Opens an arena that has a name.
 *
 * With `READ_ONLY`, its memory is mapped for reading: it takes no locks, and
 * writing to it through a pointer ends the process. With `WAIT`, the call
 * blocks until there is a file of that name, also if a stopped process is removing
 * the one that is there.
 *
 * The file has to be this user's: another one could shrink it, and the next access
 * to what is lost would end this process. With `FOREIGN`, an arena whose owner is
 * trusted is opened all the same, as far as the mode of its file allows.
 *
 * With `KEEP`, this participant leaves the name alone when it goes, so that an
 * arena which nobody else uses is still there after a look at it. If the others
 * leave while it looks, the name stays behind as well.
 *
 * Errors: `INVALID` (the name, or other flags), `NOT_FOUND`, `PERMISSION`,
 * `FORMAT` (the file is no arena, or a corrupt one), `VERSION` (an arena of
 * another version of libtbuf), `NO_SPACE` (no room for another participant,
 * descriptor or mapping), `BUSY` (a stopped process has been removing it for a
 * second), `TIMED_OUT` (a stopped process has been changing its lock table for a
 * second).
 *
 * Returns: (transfer full): the arena
 *
 * Since: 1.0
 */
TbufArena *
tbuf_arena_open (const char      *name,
                 TbufArenaFlags   flags,
                 GError         **error)
{
  g_return_val_if_fail (name != NULL, NULL);

  if (!tbuf_name_check (name, error) ||
      !check_flags (flags, TBUF_ARENA_READ_ONLY | TBUF_ARENA_KEEP | TBUF_ARENA_WAIT | TBUF_ARENA_FOREIGN, "opens", error))
    return NULL;

  return arena_new (tbuf_mapping_open (name, flags, error));
}

/**
 * tbuf_arena_open_fd: (constructor)
 * @fd: a file descriptor; it is duplicated, and stays the caller's
 * @flags: `READ_ONLY`, `KEEP`, `FOREIGN`, or none
 * @error: return location for an error
 *
 * Opens the arena behind a file descriptor.
 *
 * It has to be sealed memory, as [method@Tbuf.Arena.get_fd] of an anonymous
 * arena gives it, or the file of a named arena of this user: memory that others
 * could shrink is refused. `KEEP` and `FOREIGN` are for a named arena, as in
 * [ctor@Tbuf.Arena.open].
 *
 * Errors: those of [ctor@Tbuf.Arena.open], and `INVALID` for no descriptor at
 * all.
 *
 * Returns: (transfer full): the arena
 *
 * Since: 1.0
 */
TbufArena *
tbuf_arena_open_fd (int              fd,
                    TbufArenaFlags   flags,
                    GError         **error)
{
  if (!check_flags (flags, TBUF_ARENA_READ_ONLY | TBUF_ARENA_KEEP | TBUF_ARENA_FOREIGN, "opens the descriptor of", error))
    return NULL;

  return arena_new (tbuf_mapping_open_fd (fd, flags, error));
}

/**
 * tbuf_arena_unlink:
 * @name: the name of an arena
 * @error: return location for an error
 *
 * Removes a name at once.
 *
 * Those who have the arena open keep it. The name is free for another one.
 *
 * Errors: `INVALID` (the name), `NOT_FOUND`, `PERMISSION`, `FORMAT` (the file
 * is no arena).
 *
 * Returns: %TRUE if the name is gone
 *
 * Since: 1.0
 */
gboolean
tbuf_arena_unlink (const char  *name,
                   GError     **error)
{
  g_return_val_if_fail (name != NULL, FALSE);

  return tbuf_name_unlink (name, error);
}
