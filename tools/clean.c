/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <tbuf.h>

#include "sight.h"
#include "table.h"

/* The last participant that leaves takes the name along, and makes sure that it
 * is the last one: so all there is to do is to come and go. */
static gboolean
remove_arena (Sight   *sight,
              GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (TbufArena) arena = tbuf_arena_open (sight->name, TBUF_ARENA_FOREIGN, &local_error);

  /* Gone meanwhile is gone. */
  if (arena == NULL && !g_error_matches (local_error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  return TRUE;
}

/* What was asked for by name, and can't be done, is an error. */
static void
check_stale (Sight   *sight,
             GError **error)
{
  if (sight_is_kept (sight))
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS,
                 "Arena “%s” was created to be kept, so it is not removed", sight->name);
  else if (sight->in_use)
    g_set_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS,
                 "Arena “%s” is in use (participants: %u), so it is not removed", sight->name, sight->n_participants);
}

static GPtrArray *
find_arenas (int     n_names,
             char  **names,
             int    *status,
             GError **error)
{
  GPtrArray *sights;

  if (n_names == 0)
    return sight_list (error);

  sights = g_ptr_array_new_with_free_func ((GDestroyNotify) sight_free);
  for (int i = 0; i < n_names; i++)
    {
      g_autoptr (GError) local_error = NULL;
      g_autoptr (Sight) sight = sight_new (names[i], &local_error);

      if (sight != NULL)
        check_stale (sight, &local_error);
      if (local_error != NULL)
        *status = fail (local_error);
      else
        g_ptr_array_add (sights, g_steal_pointer (&sight));
    }

  return sights;
}

int
command_clean (int    argc,
               char **argv)
{
  gboolean dry_run = FALSE;
  const GOptionEntry entries[] = {
    { "dry-run", 'n', G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE, &dry_run, "Say what would be removed, and remove nothing", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr (GPtrArray) sights = NULL;
  g_autoptr (GError) error = NULL;
  int status = 0;

  if (!parse_options (entries, "[NAME…]",
                      "Removes the stale arenas in /dev/shm, or those of these names only: nobody has them mapped,\n"
                      "because all who had were killed. Arenas that are in use or were created to be kept stay.",
                      0, G_MAXINT, &argc, &argv))
    return STATUS_USAGE;

  sights = find_arenas (argc - 1, argv + 1, &status, &error);
  if (sights == NULL)
    return fail (error);

  for (guint i = 0; i < sights->len; i++)
    {
      Sight *sight = sights->pdata[i];
      g_autofree char *name = make_visible (sight->name);

      if (!sight_is_stale (sight))
        continue;

      if (!dry_run && !remove_arena (sight, &error))
        {
          status = fail (error);
          g_clear_error (&error);
        }
      /* Somebody may have come meanwhile; then it stays. */
      else if (dry_run || !sight_has_name (sight))
        g_print ("%s %s (%" G_GUINT64_FORMAT " bytes)\n", dry_run ? "would remove" : "removed", name,
                 sight->superblock.data_size);
    }

  return status;
}
