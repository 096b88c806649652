/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storm.h"

#include <sched.h>
#include <unistd.h>

/* What the workers of a storm count, say and write. */

void
storm_violation (const char *format,
                 ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  count (&common->n_violations);
  g_printerr ("# process %d: violation: %s\n", (int) getpid (), message);
}

void
storm_stuck (const char *format,
             ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  count (&common->n_stuck);
  g_printerr ("# process %d: stuck: %s\n", (int) getpid (), message);
}

void
storm_dawdle (GRand *random)
{
  volatile guint sink G_GNUC_UNUSED = 0;

  for (gint32 i = g_rand_int_range (random, 0, 200); i > 0; i--)
    sink += (guint) i;
  if (g_rand_int_range (random, 0, 50) == 0)
    sched_yield ();
}

void
storm_check_refusal (const GError *error,
                     gint64        timeout_us)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    count (&common->n_cancelled);
  else if (g_error_matches (error, TBUF_ERROR, TBUF_ERROR_DEADLOCK))
    count (&common->n_deadlocks);
  else if (g_error_matches (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT) && timeout_us == STUCK_US)
    storm_stuck ("%s", error->message);
  else if (!g_error_matches (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT) && !g_error_matches (error, TBUF_ERROR, TBUF_ERROR_BUSY))
    storm_violation ("lock() or recover() says: %s", error->message);
}

void
storm_unlock (TbufRegion *region)
{
  g_autoptr (GError) error = NULL;

  if (!tbuf_region_unlock (region, &error))
    storm_violation ("unlock() says: %s", error->message);
}

char *
storm_get_name (guint index)
{
  return g_strdup_printf ("%s-%u", arena_name, index);
}

/* For as long as the arena is open, its name is its own. */
void
storm_check_name (const char *name,
                  TbufArena  *arena)
{
  g_autofree char *path = g_build_filename ("/dev/shm", name, NULL);
  struct stat named, opened;

  if (fstat (tbuf_arena_get_fd (arena), &opened) != 0)
    storm_violation ("an arena without a file");
  else if (lstat (path, &named) != 0)
    storm_violation ("the arena “%s” is open here, and its name is gone", name);
  else if (named.st_ino != opened.st_ino)
    storm_violation ("the arena “%s” is open here, and its name is another's", name);
}

/* --- the data --- */

static Cell *
get_cells (TbufRegion *region,
           gsize      *n_cells)
{
  *n_cells = tbuf_region_get_n_bytes (region) / sizeof (Cell);
  return (Cell *) tbuf_region_get_address (region);
}

/* Begins to write, and leaves all cells half-written. */
void
storm_begin_to_write (TbufRegion *region,
                      guint64     mark,
                      gboolean    repair)
{
  gsize n;
  Cell *cells = get_cells (region, &n);

  for (gsize i = 0; i < n; i++)
    {
      guint64 other;

      if (repair)
        {
          __atomic_store_n (&cells[i].writer, 0, __ATOMIC_RELAXED);
          cells[i].after = cells[i].before;
        }
      if (cells[i].before != cells[i].after)
        storm_violation ("cell %" G_GSIZE_FORMAT " is half-written, and lock() did not say so", i);

      other = __atomic_exchange_n (&cells[i].writer, mark, __ATOMIC_ACQ_REL);
      if (other != 0)
        storm_violation ("two writers in cell %" G_GSIZE_FORMAT ": %" G_GINT64_MODIFIER "x and %" G_GINT64_MODIFIER "x", i, mark, other);
      cells[i].before++;
    }
}

void
storm_end_to_write (TbufRegion *region,
                    guint64     mark)
{
  gsize n;
  Cell *cells = get_cells (region, &n);

  for (gsize i = 0; i < n; i++)
    {
      cells[i].after = cells[i].before;
      if (__atomic_exchange_n (&cells[i].writer, 0, __ATOMIC_ACQ_REL) != mark)
        storm_violation ("somebody else wrote to cell %" G_GSIZE_FORMAT " meanwhile", i);
    }
}

guint64
storm_read_cells (TbufRegion *region)
{
  guint64 sum = 0;
  gsize n;
  Cell *cells = get_cells (region, &n);

  for (gsize i = 0; i < n; i++)
    {
      if (__atomic_load_n (&cells[i].writer, __ATOMIC_ACQUIRE) != 0)
        storm_violation ("a reader found a writer in cell %" G_GSIZE_FORMAT, i);
      if (cells[i].before != cells[i].after)
        storm_violation ("a reader found cell %" G_GSIZE_FORMAT " half-written, and lock() did not say so", i);
      sum += cells[i].before;
    }

  return sum;
}
