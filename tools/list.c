/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include "sight.h"
#include "table.h"

int
command_list (int    argc,
              char **argv)
{
  static const GOptionEntry entries[] = { G_OPTION_ENTRY_NULL };
  g_autoptr (GPtrArray) sights = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (Table) table = NULL;

  if (!parse_options (entries, NULL,
                      "Lists the arenas in /dev/shm that you may read: the size in bytes, how many have it mapped,\n"
                      "“stale” if nobody does, whether it was created to be kept, and the phase it is in.\n"
                      "Looking changes nothing.",
                      0, 0, &argc, &argv))
    return STATUS_USAGE;

  sights = sight_list (&error);
  if (sights == NULL)
    return fail (error);

  table = table_new ("<>><<<", "NAME", "SIZE", "PARTICIPANTS", "STATE", "KEPT", "PHASE", NULL);
  for (guint i = 0; i < sights->len; i++)
    {
      Sight *sight = sights->pdata[i];

      table_add (table, make_visible (sight->name));
      table_add (table, g_strdup_printf ("%" G_GUINT64_FORMAT, sight->superblock.data_size));
      table_add (table, g_strdup_printf ("%u", sight->n_participants));
      table_add (table, g_strdup (sight_get_state (sight)));
      table_add (table, g_strdup (sight_is_kept (sight) ? "yes" : "no"));
      table_add (table, make_visible (sight->phase != NULL ? sight->phase : "-"));
    }

  if (sights->len > 0)
    table_print (table);
  return 0;
}
