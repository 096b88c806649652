/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands.h"

#include <tbuf.h>

#include "sight.h"
#include "table.h"

static const char *const lock_states[] = {
  [TBUF_LOCK_STATE_FREE] = "free",
  [TBUF_LOCK_STATE_SHARED] = "shared",
  [TBUF_LOCK_STATE_EXCLUSIVE] = "exclusive",
  [TBUF_LOCK_STATE_ABANDONED] = "abandoned",
};

/* As Python writes a tuple. */
static char *
print_shape (const guint64 *shape,
             gsize          n_dims)
{
  GString *string = g_string_new ("(");

  for (gsize i = 0; i < n_dims; i++)
    g_string_append_printf (string, i > 0 ? ", %" G_GUINT64_FORMAT : "%" G_GUINT64_FORMAT, shape[i]);
  g_string_append (string, n_dims == 1 ? ",)" : ")");

  return g_string_free (string, FALSE);
}

/* By its name; as “>f8” where the order of its bytes is not the machine's. */
static char *
print_dtype (const char *typestr,
             gsize      *item_size)
{
  TbufDtype dtype;
  TbufByteOrder byte_order;
  g_autofree char *native = NULL;

  /* The library made it. */
  if (!tbuf_dtype_parse (typestr, &dtype, &byte_order, NULL))
    g_assert_not_reached ();

  *item_size = tbuf_dtype_get_item_size (dtype);
  native = tbuf_dtype_to_typestr (dtype, TBUF_BYTE_ORDER_NATIVE);
  return g_strdup (g_str_equal (typestr, native) ? tbuf_dtype_get_name (dtype) : typestr);
}

static char *
print_phases (char    **phases,
              guint32   first,
              guint32   last)
{
  guint n_phases = g_strv_length (phases);
  g_autofree char *text = NULL;

  if (first >= n_phases || last >= n_phases)
    return g_strdup ("always");

  text = first == last ? g_strdup (phases[first]) : g_strdup_printf ("%s … %s", phases[first], phases[last]);
  return make_visible (text);
}

static void
add_array (Table     *table,
           TbufArena *arena,
           GVariant  *array,
           char     **phases)
{
  g_autoptr (GVariant) shape_variant = NULL;
  g_autoptr (TbufView) view = NULL;
  const char *name, *typestr;
  const guint64 *shape;
  guint32 first_phase, last_phase;
  guint64 offset, n_bytes;
  gsize n_dims, item_size;

  g_variant_get (array, "(&s&s@atuutt)", &name, &typestr, &shape_variant, &first_phase, &last_phase, &offset, NULL);
  shape = g_variant_get_fixed_array (shape_variant, &n_dims, sizeof *shape);

  table_add (table, make_visible (name));
  table_add (table, print_dtype (typestr, &item_size));
  table_add (table, print_shape (shape, n_dims));

  n_bytes = item_size;
  for (gsize i = 0; i < n_dims; i++)
    n_bytes *= shape[i];

  table_add (table, g_strdup_printf ("%" G_GUINT64_FORMAT, offset));
  table_add (table, g_strdup_printf ("%" G_GUINT64_FORMAT, n_bytes));
  table_add (table, print_phases (phases, first_phase, last_phase));

  /* There is no view of an array that is not live, and locks on its bytes are about others. */
  view = tbuf_arena_get_view (arena, name, NULL);
  table_add (table, g_strdup (view != NULL ? "yes" : "no"));
  table_add (table, g_strdup (view != NULL ? lock_states[tbuf_region_get_lock_state (TBUF_REGION (view))] : "-"));
}

static void
print_arrays (TbufArena  *arena,
              TbufLayout *layout)
{
  g_autoptr (GVariant) variant = tbuf_layout_to_variant (layout);
  g_autoptr (GVariant) arrays = g_variant_get_child_value (variant, 4);
  g_auto (GStrv) phases = tbuf_layout_list_phases (layout);
  g_autoptr (Table) table = table_new ("<<<>><<<", "ARRAY", "DTYPE", "SHAPE", "OFFSET", "BYTES", "PHASES", "LIVE", "LOCK",
                                       NULL);

  if (g_variant_n_children (arrays) == 0)
    return;

  for (gsize i = 0; i < g_variant_n_children (arrays); i++)
    {
      g_autoptr (GVariant) array = g_variant_get_child_value (arrays, i);

      add_array (table, arena, array, phases);
    }

  g_print ("\n");
  table_print (table);
}

static void
print_arena (Sight     *sight,
             TbufArena *arena)
{
  g_autofree char *name = make_visible (sight->name);
  g_auto (GStrv) phases = tbuf_arena_list_phases (arena);
  g_autofree char *joined = g_strjoinv (", ", phases);
  g_autofree char *all_phases = make_visible (joined);
  g_autofree char *phase = make_visible (tbuf_arena_get_phase (arena) != NULL ? tbuf_arena_get_phase (arena) : "-");
  TbufLayout *layout = tbuf_arena_get_layout (arena);

  g_print ("name:          %s\n", name);
  g_print ("size:          %" G_GSIZE_FORMAT "\n", tbuf_arena_get_size (arena));
  if (layout != NULL)
    g_print ("unshared size: %" G_GSIZE_FORMAT "\n", tbuf_layout_get_unshared_size (layout));
  g_print ("participants:  %u\n", sight->n_participants);
  g_print ("state:         %s\n", sight_get_state (sight));
  g_print ("flags:         %s\n", sight_is_kept (sight) ? "keep" : "-");
  g_print ("phase:         %s\n", phase);
  g_print ("phases:        %s\n", phases[0] != NULL ? all_phases : "-");
  g_print ("lock:          %s\n", lock_states[tbuf_region_get_lock_state (TBUF_REGION (arena))]);
  if (layout != NULL)
    print_arrays (arena, layout);
}

static gboolean
write_svg (TbufArena   *arena,
           const char  *path,
           GError     **error)
{
  TbufLayout *layout = tbuf_arena_get_layout (arena);
  g_autofree char *svg = NULL;

  if (layout == NULL)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND, "Arena “%s” has no layout, so there is no map to write to “%s”",
                   tbuf_arena_get_name (arena), path);
      return FALSE;
    }

  svg = tbuf_layout_to_svg (layout);
  return g_file_set_contents (path, svg, -1, error);
}

int
command_show (int    argc,
              char **argv)
{
  g_autofree char *svg_path = NULL;
  const GOptionEntry entries[] = {
    { "svg", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_FILENAME, &svg_path, "Write the map of the layout, offsets and phases, to FILE", "FILE" },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (Sight) sight = NULL;
  g_autoptr (TbufArena) arena = NULL;

  if (!parse_options (entries, "NAME",
                      "Shows an arena: its size in bytes, and without shared bytes; how many have it mapped; its phase;\n"
                      "and the arrays of its layout, whether they are live, and the strongest lock that anyone has on them.",
                      1, 1, &argc, &argv))
    return STATUS_USAGE;

  /* Counted before there is one more. */
  sight = sight_new (argv[1], &error);
  if (sight == NULL)
    return fail (error);

  arena = tbuf_arena_open (argv[1], TBUF_ARENA_READ_ONLY | TBUF_ARENA_KEEP | TBUF_ARENA_FOREIGN, &error);
  if (arena == NULL)
    return fail (error);

  print_arena (sight, arena);
  if (svg_path != NULL && !write_svg (arena, svg_path, &error))
    return fail (error);

  return 0;
}
