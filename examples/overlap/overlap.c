/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One buffer of 10 bytes, seen as int8, int16 and int32 at once, while another
 * process writes to it. The same program stands beside this file in Python,
 * JavaScript and Vala, and all of them print the same. */

#include <tbuf.h>

#define N_BYTES 10

/* What the other process does: it opens the arena by its name and sets each int16 item to its index. */
static gboolean
set_items (const char *name, GError **error)
{
  g_autoptr(TbufArena) arena = tbuf_arena_open (name, TBUF_ARENA_NONE, error);
  if (arena == NULL)
    return FALSE;

  /* The byte order is said, so that the bytes are the same on every machine. */
  g_autoptr(TbufView) bytes = tbuf_arena_create_view (arena, TBUF_DTYPE_INT8, 0, N_BYTES, error);
  if (bytes == NULL)
    return FALSE;
  g_autoptr(TbufView) items = tbuf_view_cast (bytes, TBUF_DTYPE_INT16, TBUF_BYTE_ORDER_LITTLE, error);
  if (items == NULL)
    return FALSE;

  if (!tbuf_region_lock (TBUF_REGION (items), TBUF_LOCK_MODE_EXCLUSIVE, -1, NULL, error))
    return FALSE;
  for (gsize i = 0; i < tbuf_view_get_n_items (items); i++)
    if (!tbuf_int16_view_set_item (TBUF_INT16_VIEW (items), i, i, error))
      return FALSE;
  return tbuf_region_unlock (TBUF_REGION (items), error);
}

static gboolean
run_other_process (const char *program, const char *name, GError **error)
{
  g_autoptr(GSubprocess) other = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, error, program, name, NULL);

  return other != NULL && g_subprocess_wait_check (other, NULL, error);
}

static gboolean
show (const char *name, const char *program, GError **error)
{
  g_autoptr(TbufArena) arena = tbuf_arena_create (name, N_BYTES, TBUF_ARENA_NONE, error);
  if (arena == NULL)
    return FALSE;

  /* Three views of the same bytes; two int32 fit into the first eight of them. */
  g_autoptr(TbufView) int8s = tbuf_arena_create_view (arena, TBUF_DTYPE_INT8, 0, N_BYTES, error);
  if (int8s == NULL)
    return FALSE;
  g_autoptr(TbufView) int16s = tbuf_view_cast (int8s, TBUF_DTYPE_INT16, TBUF_BYTE_ORDER_LITTLE, error);
  if (int16s == NULL)
    return FALSE;
  g_autoptr(TbufView) first8 = tbuf_view_slice (int8s, 0, 0, 8, 1, error);
  if (first8 == NULL)
    return FALSE;
  g_autoptr(TbufView) int32s = tbuf_view_cast (first8, TBUF_DTYPE_INT32, TBUF_BYTE_ORDER_LITTLE, error);
  if (int32s == NULL)
    return FALSE;
  g_print ("One buffer of %zu bytes: %zu int8, %zu int16, %zu int32\n", tbuf_arena_get_size (arena),
           tbuf_view_get_n_items (int8s), tbuf_view_get_n_items (int16s), tbuf_view_get_n_items (int32s));

  if (!run_other_process (program, name, error))
    return FALSE;

  g_print ("Another process has set the int16 items to their index\n");
  if (!tbuf_region_lock (TBUF_REGION (arena), TBUF_LOCK_MODE_SHARED, -1, NULL, error))
    return FALSE;
  g_print ("int8: ");
  for (gsize i = 0; i < tbuf_view_get_n_items (int8s); i++)
    g_print (" %d", tbuf_int8_view_get_item (TBUF_INT8_VIEW (int8s), i, NULL));
  g_print ("\nint16:");
  for (gsize i = 0; i < tbuf_view_get_n_items (int16s); i++)
    g_print (" %d", tbuf_int16_view_get_item (TBUF_INT16_VIEW (int16s), i, NULL));
  g_print ("\nint32:");
  gint64 sum = 0;
  for (gsize i = 0; i < tbuf_view_get_n_items (int32s); i++)
    {
      gint32 item = tbuf_int32_view_get_item (TBUF_INT32_VIEW (int32s), i, NULL);

      g_print (" %d", item);
      sum += item;
    }
  g_print (", sum %" G_GINT64_FORMAT "\n", sum);
  if (!tbuf_region_unlock (TBUF_REGION (arena), error))
    return FALSE;

  /* Not every range of bytes can be seen as every type. */
  for (gsize n = 3; n >= 2; n--)
    {
      g_autoptr(GError) refusal = NULL;
      g_autoptr(TbufView) part = tbuf_view_slice (int8s, 0, 0, n, 1, error);
      if (part == NULL)
        return FALSE;
      g_autoptr(TbufView) seen = tbuf_view_cast (part, TBUF_DTYPE_INT16, TBUF_BYTE_ORDER_LITTLE, &refusal);

      if (seen == NULL)
        g_print ("%zu bytes as int16: %s\n", n, refusal->message);
      else
        g_print ("%zu bytes as int16: %zu item\n", n, tbuf_view_get_n_items (seen));
    }
  return TRUE;
}

int
main (int argc, char *argv[])
{
  g_autoptr(GError) error = NULL;
  gboolean ok;

  if (argc > 1)
    ok = set_items (argv[1], &error);
  else
    {
      g_autofree char *name = g_strdup_printf ("overlap-%u", g_random_int ());

      ok = show (name, argv[0], &error);
    }

  if (!ok)
    g_printerr ("%s: %s\n", argv[0], error->message);
  return ok ? 0 : 1;
}
