/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storm.h"

#include <stdlib.h>
#include <unistd.h>

/* Processes that do nothing but create, open and leave arenas of a few names. */

static void
name_once (GRand *random)
{
  g_autofree char *name = storm_get_name ((guint) g_rand_int_range (random, 0, N_NAMES));
  g_autoptr (GError) error = NULL;
  g_autoptr (TbufArena) arena = NULL;
  TbufError allowed = TBUF_ERROR_EXISTS;

  switch (g_rand_int_range (random, 0, 6))
    {
    case 0:
      arena = tbuf_arena_create (name, sizeof (Cell), TBUF_ARENA_NONE, &error);
      break;
    case 1:
      arena = tbuf_arena_create (name, sizeof (Cell), TBUF_ARENA_REPLACE_STALE, &error);
      break;
    case 2:
      arena = tbuf_arena_create (name, sizeof (Cell), TBUF_ARENA_OPEN_OR_CREATE, &error);
      break;
    case 3:
      arena = tbuf_arena_open (name, TBUF_ARENA_READ_ONLY, &error);
      allowed = TBUF_ERROR_NOT_FOUND;
      break;
    default:
      arena = tbuf_arena_open (name, TBUF_ARENA_NONE, &error);
      allowed = TBUF_ERROR_NOT_FOUND;
      break;
    }

  if (arena == NULL)
    {
      if (!g_error_matches (error, TBUF_ERROR, (int) allowed))
        storm_violation ("the arena “%s”: %s", name, error->message);
      return;
    }

  count (&common->n_names);
  storm_check_name (name, arena);
  if (tbuf_arena_get_size (arena) != sizeof (Cell))
    storm_violation ("the arena “%s” has %" G_GSIZE_FORMAT " bytes", name, tbuf_arena_get_size (arena));
  storm_dawdle (random);
  if (!(tbuf_arena_get_flags (arena) & TBUF_ARENA_READ_ONLY))
    {
      if (tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_EXCLUSIVE, STUCK_US, NULL, &error))
        {
          storm_dawdle (random);
          storm_unlock (TBUF_REGION (arena));
        }
      else if (g_error_matches (error, TBUF_ERROR, TBUF_ERROR_OWNER_DIED))
        {
          if (tbuf_region_recover (TBUF_REGION (arena), STUCK_US, NULL, NULL, NULL))
            storm_unlock (TBUF_REGION (arena));
        }
      else
        storm_check_refusal (error, STUCK_US);
    }
  storm_check_name (name, arena);
  if (g_rand_int_range (random, 0, 300) == 0)
    exit (0);
}

void
storm_run_namer (guint index)
{
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) getpid ());

  while (!is_stopping ())
    {
      name_once (random);
      __atomic_fetch_add (&common->progress[index][0], 1, __ATOMIC_RELAXED);
    }
  exit (0);
}
