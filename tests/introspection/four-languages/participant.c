/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The C process of four-languages.py, which says what it has to do. Its type is int32. */

#include <stdio.h>
#include <string.h>
#include <tbuf.h>

#define FIRST_BATON 16
#define FIRST_BYTE 64
#define RELAY_BYTES 64
#define TIMEOUT_US (10 * G_USEC_PER_SEC)

static gint64
expected (gint64 turn, gsize i)
{
  return (turn * 31 + (gint64) i * 7) % 1000;
}

static gboolean
take_turn (TbufArena *arena, gint64 turn, GError **error)
{
  gsize n_bytes = tbuf_arena_get_size (arena) - FIRST_BYTE;
  g_autoptr(TbufInt32View) own = tbuf_int32_view_new (arena, FIRST_BYTE, n_bytes / 4, error);
  g_autoptr(TbufInt64View) previous = tbuf_int64_view_new (arena, FIRST_BYTE, n_bytes / 8, error);
  const gint64 *theirs;
  gint32 *ours;
  gsize n;

  if (own == NULL || previous == NULL ||
      !tbuf_region_lock (TBUF_REGION (own), TBUF_LOCK_MODE_EXCLUSIVE, TIMEOUT_US, NULL, error))
    return FALSE;

  theirs = tbuf_int64_view_peek_array (previous, &n, error);
  if (theirs == NULL)
    return FALSE;
  for (gsize i = 0; turn > 0 && i < n; i++)
    if (theirs[i] != expected (turn - 1, i))
      {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                     "turn %" G_GINT64_FORMAT ": int64 item %zu is %" G_GINT64_FORMAT ", not %" G_GINT64_FORMAT,
                     turn, i, theirs[i], expected (turn - 1, i));
        return FALSE;
      }

  ours = tbuf_int32_view_peek_array (own, &n, error);
  if (ours == NULL)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    ours[i] = expected (turn, i);
  return tbuf_region_unlock (TBUF_REGION (own), error);
}

static gboolean
sum_up (TbufArena *arena, guint64 *sum, GError **error)
{
  gsize n_bytes = tbuf_arena_get_size (arena) - FIRST_BYTE;
  g_autoptr(TbufUint8View) bytes = tbuf_uint8_view_new (arena, FIRST_BYTE, n_bytes, error);
  const guint8 *items;
  gsize n;

  if (bytes == NULL || !tbuf_region_lock (TBUF_REGION (bytes), TBUF_LOCK_MODE_SHARED, TIMEOUT_US, NULL, error))
    return FALSE;
  items = tbuf_uint8_view_peek_array (bytes, &n, error);
  if (items == NULL)
    return FALSE;
  *sum = 0;
  for (gsize i = 0; i < n; i++)
    *sum += items[i] * (i + 1);
  return tbuf_region_unlock (TBUF_REGION (bytes), error);
}

static gboolean
count (TbufArena *arena, gint64 n, GError **error)
{
  g_autoptr(TbufInt64View) number = tbuf_int64_view_new (arena, 0, 1, error);
  gint64 *item = number != NULL ? tbuf_int64_view_peek_array (number, NULL, error) : NULL;

  if (item == NULL)
    return FALSE;
  for (gint64 i = 0; i < n; i++)
    {
      if (!tbuf_region_lock (TBUF_REGION (number), TBUF_LOCK_MODE_EXCLUSIVE, TIMEOUT_US, NULL, error))
        return FALSE;
      *item += 1;
      if (!tbuf_region_unlock (TBUF_REGION (number), error))
        return FALSE;
    }
  return TRUE;
}

/* An item of the range of the relay, in the type of whoever wrote it. */
static gint64
item_at (gconstpointer items, TbufDtype dtype, gsize i)
{
  switch (dtype)
    {
    case TBUF_DTYPE_INT16:
      return ((const gint16 *) items)[i];
    case TBUF_DTYPE_UINT32:
      return ((const guint32 *) items)[i];
    case TBUF_DTYPE_INT64:
      return ((const gint64 *) items)[i];
    case TBUF_DTYPE_FLOAT64:
      return ((const double *) items)[i];
    default:
      return -1;
    }
}

static gboolean
run_relay (TbufArena *arena, guint me, guint n, const char *previous_type, guint n_rounds, GError **error)
{
  g_autoptr(TbufUint32View) batons = tbuf_uint32_view_new (arena, FIRST_BATON, n, error);
  g_autoptr(TbufInt32View) own = tbuf_int32_view_new (arena, FIRST_BYTE, RELAY_BYTES / 4, error);
  g_autoptr(GEnumClass) dtypes = g_type_class_ref (TBUF_TYPE_DTYPE);
  TbufDtype previous = g_enum_get_value_by_nick (dtypes, previous_type)->value;
  gint32 *items = own != NULL ? tbuf_int32_view_peek_array (own, NULL, error) : NULL;

  if (batons == NULL || items == NULL)
    return FALSE;
  for (guint round = 1; round <= n_rounds; round++)
    {
      gint64 turn = (gint64) (round - 1) * n + me;
      guint next = (me + 1) % n;

      for (guint baton; (baton = tbuf_uint32_view_atomic_load (batons, me, NULL)) != round; )
        if (!tbuf_uint32_view_atomic_wait (batons, me, baton, TIMEOUT_US, NULL, error))
          return FALSE;
      if (!tbuf_region_lock (TBUF_REGION (own), TBUF_LOCK_MODE_EXCLUSIVE, TIMEOUT_US, NULL, error))
        return FALSE;
      for (gsize i = 0; turn > 0 && i < RELAY_BYTES / tbuf_dtype_get_item_size (previous); i++)
        if (item_at (items, previous, i) != expected (turn - 1, i))
          {
            g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "turn %" G_GINT64_FORMAT ": %s item %zu is wrong",
                         turn, previous_type, i);
            return FALSE;
          }
      for (gsize i = 0; i < RELAY_BYTES / 4; i++)
        items[i] = expected (turn, i);
      if (!tbuf_region_unlock (TBUF_REGION (own), error) ||
          !tbuf_uint32_view_atomic_store (batons, next, round + (next == 0), error) ||
          !tbuf_uint32_view_atomic_notify (batons, next, error))
        return FALSE;
    }
  return TRUE;
}

int
main (int argc, char *argv[])
{
  g_autoptr(GError) error = NULL;
  g_autoptr(TbufArena) arena = tbuf_arena_open (argv[1], TBUF_ARENA_NONE, &error);
  char line[64], type[16];
  gint64 n;
  guint me, n_processes, n_rounds;
  guint64 sum;

  g_assert_no_error (error);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      if (sscanf (line, "turn %" G_GINT64_FORMAT, &n) == 1 && take_turn (arena, n, &error))
        puts ("ok");
      else if (error == NULL && sscanf (line, "count %" G_GINT64_FORMAT, &n) == 1 && count (arena, n, &error))
        puts ("ok");
      else if (error == NULL && sscanf (line, "relay %u %u %15s %u", &me, &n_processes, type, &n_rounds) == 4 &&
               run_relay (arena, me, n_processes, type, n_rounds, &error))
        puts ("ok");
      else if (error == NULL && strcmp (line, "sum\n") == 0 && sum_up (arena, &sum, &error))
        printf ("ok %" G_GUINT64_FORMAT "\n", sum);
      else
        {
          puts (error != NULL ? error->message : line);
          return 1;
        }
      fflush (stdout);
    }
  return 0;
}
