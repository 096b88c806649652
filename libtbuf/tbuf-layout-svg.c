/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-layout-private.h"

#include <cairo-svg.h>
#include <math.h>
#include <string.h>

/* NOTES
 *
 * The map has the phases side by side and the offsets from top to bottom, so
 * that a box is what an array takes of both. Text becomes outlines: the file
 * looks the same wherever it is opened, even without fonts. So that it can
 * still be searched and read aloud, the same facts stand as text in its title
 * and description.
 *
 * The colours are those of Okabe and Ito, which remain distinct to the
 * colour-blind, lightened so that dark text is legible on them. */

typedef struct
{
  double red, green, blue;
} Colour;

static const Colour palette[] = {
  { 0.337, 0.706, 0.914 },  /* sky blue */
  { 0.902, 0.624, 0.000 },  /* orange */
  { 0.000, 0.620, 0.451 },  /* bluish green */
  { 0.800, 0.475, 0.655 },  /* reddish purple */
  { 0.941, 0.894, 0.259 },  /* yellow */
  { 0.000, 0.447, 0.698 },  /* blue */
  { 0.835, 0.369, 0.000 },  /* vermilion */
};

static const Colour ink = { 0.13, 0.15, 0.18 };
static const Colour faint_ink = { 0.38, 0.41, 0.45 };
static const Colour line = { 0.82, 0.84, 0.87 };
static const Colour stripes[] = { { 0.960, 0.966, 0.973 }, { 0.937, 0.945, 0.957 } };

#define MARGIN 24.0
#define TITLE_HEIGHT 64.0
#define AXIS_WIDTH 84.0
#define FOOTER_HEIGHT 26.0
#define GRIDLINE_DISTANCE 48.0

#define TITLE_SIZE 18.0
#define TEXT_SIZE 13.0
#define SMALL_SIZE 11.5

/* Cairo's coordinates have 24 bits before the point. */
#define MAX_MAP_WIDTH 1000000.0

/* Names of phases stand upright where columns are narrower than this. */
#define NARROW_COLUMN 56.0

typedef struct
{
  cairo_t    *cr;
  TbufLayout *layout;
  guint       n_columns;  /* one per phase, and at least one */
  guint64     n_bytes;    /* from the top of the map to its bottom */
  guint64    *offsets;    /* of each array */
  guint64    *live;       /* bytes in each column */

  double      width;      /* of the picture */
  double      height;
  double      left;       /* of the map */
  double      top;
  double      column_width;
  double      map_height;
} Map;

/* Numbers */

static char *
format_exact (guint64 number)
{
  g_autofree char *digits = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
  gsize n_digits = strlen (digits);
  GString *grouped = g_string_new (NULL);

  for (gsize i = 0; i < n_digits; i++)
    {
      if (i > 0 && (n_digits - i) % 3 == 0)
        g_string_append_c (grouped, ',');
      g_string_append_c (grouped, digits[i]);
    }

  return g_string_free (grouped, FALSE);
}

/* "7.63 MiB", "16 MiB", "10 B" */
static char *
format_size (guint64 n_bytes)
{
  const char *units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  double value = (double) n_bytes;
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  guint unit = 0;

  for (; value >= 1024 && unit + 1 < G_N_ELEMENTS (units); unit++)
    value /= 1024;
  g_ascii_formatd (digits, sizeof digits, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
  if (strchr (digits, '.') != NULL)
    {
      char *end = digits + strlen (digits);

      while (end[-1] == '0')
        *--end = '\0';
      if (end[-1] == '.')
        end[-1] = '\0';
    }

  return g_strdup_printf ("%s %s", digits, units[unit]);
}

static char *
format_percentage (guint64 part,
                   guint64 whole)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (digits, sizeof digits, "%.1f", whole > 0 ? 100.0 * (double) part / (double) whole : 0.0);
  return g_strdup_printf ("%s %%", digits);
}

/* Texts. Each is used twice: drawn, and in the description. */

/* Names may hold control characters, which XML does not know, and noncharacters, which Cairo takes for an error. */
static char *
make_printable (const char *name)
{
  GString *printable = g_string_new (NULL);

  for (const char *c = name; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar character = g_utf8_get_char (c);

      if (g_unichar_iscntrl (character) || (character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef))
        g_string_append_c (printable, ' ');
      else
        g_string_append_unichar (printable, character);
    }

  return g_string_free (printable, FALSE);
}

static char *
describe_items (const TbufArray *array)
{
  GString *text = g_string_new (tbuf_dtype_get_name (array->dtype));

  if (array->n_dims > 0)
    g_string_append_c (text, ' ');
  for (guint i = 0; i < array->n_dims; i++)
    {
      g_autofree char *length = format_exact (array->shape[i]);

      g_string_append_printf (text, i > 0 ? " × %s" : "%s", length);
    }
  if (array->byte_order == TBUF_BYTE_ORDER_BIG && tbuf_dtype_get_item_size (array->dtype) > 1)
    g_string_append (text, " big-endian");

  return g_string_free (text, FALSE);
}

static char *
describe_layout (TbufLayout *layout)
{
  guint64 unshared_size = tbuf_layout_measure_unshared_size (layout);
  g_autofree char *unshared = format_exact (unshared_size);
  g_autofree char *shared = NULL;
  g_autofree char *saving = NULL;

  if (layout->state != TBUF_LAYOUT_PLANNED)
    return g_strdup_printf ("Not planned yet: %s bytes unshared", unshared);

  shared = format_exact (layout->size);
  saving = format_percentage (unshared_size - MIN (layout->size, unshared_size), unshared_size);
  return g_strdup_printf ("%s bytes shared, %s unshared, saving %s", shared, unshared, saving);
}

static char *
describe_plan (TbufLayout *layout)
{
  g_autofree char *bound = format_exact (layout->lower_bound);

  if (layout->arrays->len == 0)
    return g_strdup ("There are no arrays.");
  if (layout->state != TBUF_LAYOUT_PLANNED)
    return g_strdup ("The arrays are shown one after another; planning lets those share bytes that do not live together.");
  if (layout->size == layout->lower_bound)
    return g_strdup ("It is proven that no plan is smaller.");

  return g_strdup_printf ("It is proven that no plan is smaller than %s bytes.", bound);
}

/* Pieces of drawing */

static void
set_colour (cairo_t      *cr,
            const Colour *colour)
{
  cairo_set_source_rgb (cr, colour->red, colour->green, colour->blue);
}

/* Moves a colour towards white (@by 0 to 1) or black (-1 to 0). */
static Colour
shade (const Colour *colour,
       double        by)
{
  double target = by > 0 ? 1 : 0, amount = fabs (by);

  return (Colour) {
    colour->red + (target - colour->red) * amount,
    colour->green + (target - colour->green) * amount,
    colour->blue + (target - colour->blue) * amount,
  };
}

static void
set_font (cairo_t *cr,
          double   size,
          gboolean bold)
{
  cairo_select_font_face (cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size (cr, size);
}

static double
measure_text (cairo_t    *cr,
              const char *text)
{
  cairo_text_extents_t extents;

  cairo_text_extents (cr, text, &extents);
  return extents.x_advance;
}

/* Shortens @text to @width; an empty string if not even one character fits. */
static char *
elide (cairo_t    *cr,
       const char *text,
       double      width)
{
  gsize fitting = 0, low = 0, high = (gsize) g_utf8_strlen (text, -1);

  if (measure_text (cr, text) <= width)
    return g_strdup (text);

  while (low < high)
    {
      gsize middle = low + (high - low) / 2;
      g_autofree char *start = g_utf8_substring (text, 0, (glong) middle + 1);
      g_autofree char *elided = g_strconcat (start, "…", NULL);

      if (measure_text (cr, elided) <= width)
        fitting = low = middle + 1;
      else
        high = middle;
    }

  if (fitting == 0)
    return g_strdup ("");
  else
    {
      g_autofree char *start = g_utf8_substring (text, 0, (glong) fitting);

      return g_strconcat (start, "…", NULL);
    }
}

/* Draws @text from @x on, as much of it as fits into @width; returns where it ends. */
static double
draw_text (cairo_t    *cr,
           double      x,
           double      baseline,
           double      width,
           const char *text)
{
  g_autofree char *elided = elide (cr, text, width);

  cairo_move_to (cr, x, baseline);
  cairo_show_text (cr, elided);
  return x + measure_text (cr, elided);
}

static void
draw_text_right (cairo_t    *cr,
                 double      x,
                 double      baseline,
                 const char *text)
{
  cairo_move_to (cr, x - measure_text (cr, text), baseline);
  cairo_show_text (cr, text);
}

static void
draw_text_centred (cairo_t    *cr,
                   double      x,
                   double      baseline,
                   double      width,
                   const char *text)
{
  g_autofree char *elided = elide (cr, text, width);

  cairo_move_to (cr, x - measure_text (cr, elided) / 2, baseline);
  cairo_show_text (cr, elided);
}

/* The map */

static double
map_y (const Map *map,
       guint64    offset)
{
  return map->top + map->map_height * ((double) offset / (double) MAX (map->n_bytes, 1));
}

/* A map needs no measuring of text but for the upright names of phases, so it is measured with a surface that draws nothing. */
static double
measure_header (TbufLayout *layout,
                double      column_width)
{
  cairo_surface_t *surface;
  cairo_t *cr;
  double length = 0;

  if (layout->phases->len == 0)
    return 8;
  if (column_width >= NARROW_COLUMN)
    return 28;

  surface = cairo_recording_surface_create (CAIRO_CONTENT_COLOR, NULL);
  cr = cairo_create (surface);
  set_font (cr, TEXT_SIZE, TRUE);
  for (guint i = 0; i < layout->phases->len; i++)
    {
      g_autofree char *name = make_printable (g_ptr_array_index (layout->phases, i));

      length = MAX (length, measure_text (cr, name));
    }
  cairo_destroy (cr);
  cairo_surface_destroy (surface);

  return MIN (length, 140) + 16;
}

static void
map_init (Map        *map,
          TbufLayout *layout)
{
  gboolean planned = layout->state == TBUF_LAYOUT_PLANNED;
  g_autofree guint *n_live = NULL;
  guint most_live = 0;
  guint64 end = 0;

  map->layout = layout;
  map->n_columns = MAX (layout->phases->len, 1);
  map->n_bytes = planned ? layout->size : tbuf_layout_measure_unshared_size (layout);
  map->offsets = g_new0 (guint64, layout->arrays->len);
  map->live = g_new0 (guint64, map->n_columns + 1);
  n_live = g_new0 (guint, map->n_columns + 1);

  for (guint i = 0; i < layout->arrays->len; i++)
    {
      const TbufArray *array = g_ptr_array_index (layout->arrays, i);
      guint64 lower, upper;

      if (array->n_bytes == 0)
        continue;

      if (planned)
        map->offsets[i] = array->offset;
      else
        map->offsets[i] = end + (array->alignment - end % array->alignment) % array->alignment;
      end = map->offsets[i] + array->n_bytes;

      tbuf_layout_get_lifetime (layout, array, &lower, &upper);
      map->live[lower] += array->n_bytes;
      map->live[upper] -= array->n_bytes;
      n_live[lower]++;
      n_live[upper]--;
    }

  /* Until here these are changes from one column to the next; unsigned wrapping makes a decrease. */
  for (guint i = 1; i < map->n_columns; i++)
    {
      map->live[i] += map->live[i - 1];
      n_live[i] += n_live[i - 1];
    }
  for (guint i = 0; i < map->n_columns; i++)
    most_live = MAX (most_live, n_live[i]);

  /* Room for a line of text in the arrays of the fullest phase, were they all of one size. */
  map->map_height = CLAMP ((planned ? most_live : layout->arrays->len) * 24.0, 420, 2400);
  map->column_width = CLAMP (900.0 / map->n_columns, MAX (26.0, 620.0 / map->n_columns), 420.0);
  if (map->n_columns == 1)
    map->column_width = 620;
  map->column_width = MIN (map->column_width, MAX_MAP_WIDTH / map->n_columns);

  map->left = MARGIN + AXIS_WIDTH;
  map->top = MARGIN + TITLE_HEIGHT + measure_header (layout, map->column_width);
  map->width = map->left + map->n_columns * map->column_width + MARGIN;
  map->height = map->top + map->map_height + FOOTER_HEIGHT + MARGIN;
}

static void
map_clear (Map *map)
{
  g_free (map->offsets);
  g_free (map->live);
}

static void
draw_title (const Map *map)
{
  g_autofree char *title = describe_layout (map->layout);
  g_autofree char *subtitle = describe_plan (map->layout);
  double width = map->width - 2 * MARGIN;

  set_colour (map->cr, &ink);
  set_font (map->cr, TITLE_SIZE, TRUE);
  draw_text (map->cr, MARGIN, MARGIN + TITLE_SIZE, width, title);
  set_colour (map->cr, &faint_ink);
  set_font (map->cr, TEXT_SIZE, FALSE);
  draw_text (map->cr, MARGIN, MARGIN + TITLE_SIZE + 22, width, subtitle);
}

static void
draw_columns (const Map *map)
{
  for (guint i = 0; i < map->n_columns; i++)
    {
      double x = map->left + i * map->column_width, middle = x + map->column_width / 2;
      g_autofree char *size = format_size (map->live[i]);

      set_colour (map->cr, &stripes[i % G_N_ELEMENTS (stripes)]);
      cairo_rectangle (map->cr, x, map->top, map->column_width, map->map_height);
      cairo_fill (map->cr);

      if (i < map->layout->phases->len)
        {
          g_autofree char *name = make_printable (g_ptr_array_index (map->layout->phases, i));

          set_colour (map->cr, &ink);
          set_font (map->cr, TEXT_SIZE, TRUE);
          if (map->column_width >= NARROW_COLUMN)
            {
              draw_text_centred (map->cr, middle, map->top - 10, map->column_width - 8, name);
            }
          else
            {
              cairo_save (map->cr);
              cairo_translate (map->cr, middle + TEXT_SIZE * 0.36, map->top - 8);
              cairo_rotate (map->cr, -G_PI / 2);
              draw_text (map->cr, 0, 0, 140, name);
              cairo_restore (map->cr);
            }
        }

      if (map->column_width >= NARROW_COLUMN)
        {
          g_autofree char *live = g_strdup_printf ("%s live", size);

          set_colour (map->cr, &faint_ink);
          set_font (map->cr, SMALL_SIZE, FALSE);
          draw_text_centred (map->cr, middle, map->top + map->map_height + 18, map->column_width - 8, live);
        }
    }
}

static void
draw_axis (const Map *map)
{
  g_autofree char *end = format_size (map->n_bytes);
  double right = map->left + map->n_columns * map->column_width;
  double bottom = map->top + map->map_height;
  guint64 step = 1;

  /* Powers of two make round figures in KiB and MiB. */
  while (step <= map->n_bytes / 2 &&
         (double) step / (double) MAX (map->n_bytes, 1) * map->map_height < GRIDLINE_DISTANCE)
    step *= 2;

  set_font (map->cr, SMALL_SIZE, FALSE);
  cairo_set_line_width (map->cr, 1);
  for (guint64 i = 0; i <= map->n_bytes / step; i++)
    {
      double y = map_y (map, i * step);
      g_autofree char *label = format_size (i * step);

      if (y > bottom - SMALL_SIZE * 1.5 && map->n_bytes > 0)
        break;

      set_colour (map->cr, &line);
      cairo_move_to (map->cr, map->left - 6, y);
      cairo_line_to (map->cr, right, y);
      cairo_stroke (map->cr);
      set_colour (map->cr, &faint_ink);
      draw_text_right (map->cr, map->left - 10, y + SMALL_SIZE * 0.36, i == 0 ? "0" : label);
    }

  if (map->n_bytes == 0)
    return;

  set_colour (map->cr, &ink);
  cairo_move_to (map->cr, map->left - 6, bottom);
  cairo_line_to (map->cr, right, bottom);
  cairo_stroke (map->cr);
  set_font (map->cr, SMALL_SIZE, TRUE);
  draw_text_right (map->cr, map->left - 10, bottom + SMALL_SIZE * 0.36, end);
}

/* The picture can be zoomed, so text becomes smaller before it is cut short, but not smaller than half. */
static void
set_font_to_fit (cairo_t    *cr,
                 double      size,
                 gboolean    bold,
                 double      width,
                 const char *text)
{
  double needed;

  set_font (cr, size, bold);
  needed = measure_text (cr, text);
  if (needed > width)
    cairo_set_font_size (cr, size * MAX (width / needed * 0.99, 0.5));
}

/* Two lines where there is room, else one, as small as the box makes it. */
static void
draw_label (const Map       *map,
            const TbufArray *array,
            double           x,
            double           y,
            double           width,
            double           height)
{
  g_autofree char *name = make_printable (array->name);
  g_autofree char *items = describe_items (array);
  g_autofree char *size = format_size (array->n_bytes);
  g_autofree char *details = g_strdup_printf (array->is_pinned ? "%s (%s), pinned" : "%s (%s)", items, size);
  double end;

  if (height >= 2.8 * TEXT_SIZE)
    {
      double baseline = y + height / 2 - TEXT_SIZE * 0.2;

      set_font_to_fit (map->cr, TEXT_SIZE, TRUE, width, name);
      draw_text (map->cr, x, baseline, width, name);
      set_font_to_fit (map->cr, SMALL_SIZE, FALSE, width, details);
      draw_text (map->cr, x, baseline + TEXT_SIZE * 1.3, width, details);
      return;
    }

  if (height >= 0.5)
    {
      double text_size = MIN (TEXT_SIZE, height * 0.7);
      double baseline = y + height / 2 + text_size * 0.36;

      set_font_to_fit (map->cr, text_size, TRUE, width, name);
      end = draw_text (map->cr, x, baseline, width, name) + text_size * 0.7;
      set_font_to_fit (map->cr, text_size * SMALL_SIZE / TEXT_SIZE, FALSE, x + width - end, details);
      draw_text (map->cr, end, baseline, x + width - end, details);
    }
}

static void
draw_arrays (const Map *map)
{
  for (guint i = 0; i < map->layout->arrays->len; i++)
    {
      const TbufArray *array = g_ptr_array_index (map->layout->arrays, i);
      const Colour *colour = &palette[i % G_N_ELEMENTS (palette)];
      Colour fill = shade (colour, 0.62), edge = shade (colour, -0.35);
      double x, y, width, height, edge_width;
      guint64 lower, upper;

      if (array->n_bytes == 0)
        continue;

      tbuf_layout_get_lifetime (map->layout, array, &lower, &upper);
      x = map->left + (double) lower * map->column_width;
      width = (double) (upper - lower) * map->column_width;
      y = map_y (map, map->offsets[i]);
      height = map_y (map, map->offsets[i] + array->n_bytes) - y;
      edge_width = MIN (1, height / 4);

      set_colour (map->cr, &fill);
      cairo_rectangle (map->cr, x, y, width, height);
      cairo_fill (map->cr);
      set_colour (map->cr, colour);
      cairo_rectangle (map->cr, x, y, 5, height);
      cairo_fill (map->cr);
      set_colour (map->cr, &edge);
      cairo_set_line_width (map->cr, edge_width);
      cairo_rectangle (map->cr, x + edge_width / 2, y + edge_width / 2, width - edge_width, height - edge_width);
      cairo_stroke (map->cr);

      set_colour (map->cr, &ink);
      draw_label (map, array, x + 12, y, width - 18, height);
    }
}

static void
draw_map (const Map *map)
{
  cairo_set_source_rgb (map->cr, 1, 1, 1);
  cairo_paint (map->cr);
  draw_title (map);
  draw_columns (map);
  draw_axis (map);
  draw_arrays (map);
}

static cairo_status_t
append_to_string (void                *closure,
                  const unsigned char *data,
                  unsigned int         length)
{
  g_string_append_len (closure, (const char *) data, length);
  return CAIRO_STATUS_SUCCESS;
}

/* What the picture shows, as elements that a reader of the file or of the screen finds. */
static char *
describe_as_xml (const Map *map)
{
  GString *xml = g_string_new ("\n");
  g_autofree char *title = describe_layout (map->layout);
  g_autofree char *plan = describe_plan (map->layout);
  g_autofree char *escaped_title = g_markup_escape_text (title, -1);
  g_autofree char *escaped_plan = g_markup_escape_text (plan, -1);

  g_string_append_printf (xml, "<title>%s</title>\n<desc>%s\n", escaped_title, escaped_plan);
  for (guint i = 0; i < map->layout->arrays->len; i++)
    {
      const TbufArray *array = g_ptr_array_index (map->layout->arrays, i);
      g_autofree char *items = describe_items (array);
      g_autofree char *n_bytes = format_exact (array->n_bytes);
      g_autofree char *offset = format_exact (array->offset);
      g_autoptr (GString) text = g_string_new (array->name);
      g_autofree char *printable = NULL;
      g_autofree char *escaped = NULL;

      g_string_append_printf (text, ": %s, %s bytes", items, n_bytes);
      if (map->layout->state == TBUF_LAYOUT_PLANNED || array->is_pinned)
        g_string_append_printf (text, array->is_pinned ? " pinned to offset %s" : " at offset %s", offset);
      if (array->first_phase == G_MAXUINT)
        g_string_append (text, ", live always");
      else if (array->first_phase == array->last_phase)
        g_string_append_printf (text, ", live in \"%s\"",
                                (char *) g_ptr_array_index (map->layout->phases, array->first_phase));
      else
        g_string_append_printf (text, ", live from \"%s\" to \"%s\"",
                                (char *) g_ptr_array_index (map->layout->phases, array->first_phase),
                                (char *) g_ptr_array_index (map->layout->phases, array->last_phase));

      printable = make_printable (text->str);
      escaped = g_markup_escape_text (printable, -1);
      g_string_append_printf (xml, "%s\n", escaped);
    }
  g_string_append (xml, "</desc>");

  return g_string_free (xml, FALSE);
}

/**
 * tbuf_layout_to_svg:
 * @self: a layout
 *
 * Draws a map of a layout: its phases from left to right, its offsets from
 * top to bottom, and each array as a labelled box that covers its life and its
 * bytes.
 *
 * The title says what sharing saves. A layout that is not planned yet is drawn
 * with its arrays one after another, none of them sharing bytes.
 *
 * All text is drawn as outlines; it stands as text too in the `<title>` and
 * `<desc>` elements of the document. How it looks depends on the fonts of this
 * machine, and may change between versions of libtbuf.
 *
 * Returns: (transfer full): the SVG document
 *
 * Since: 1.0
 */
char *
tbuf_layout_to_svg (TbufLayout *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  g_autofree char *description = NULL;
  g_autoptr (GString) svg = NULL;
  cairo_surface_t *surface;
  const char *root;
  Map map;

  g_return_val_if_fail (TBUF_IS_LAYOUT (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);
  svg = g_string_new (NULL);
  map_init (&map, self);
  description = describe_as_xml (&map);

  surface = cairo_svg_surface_create_for_stream (append_to_string, svg, map.width, map.height);
  map.cr = cairo_create (surface);
  draw_map (&map);
  cairo_destroy (map.cr);
  cairo_surface_destroy (surface);
  map_clear (&map);

  /* Cairo writes no such elements; they belong right behind the root's start tag. */
  root = strstr (svg->str, "<svg");
  root = root != NULL ? strchr (root, '>') : NULL;
  if (root != NULL)
    g_string_insert (svg, root + 1 - svg->str, description);

  return g_string_free (g_steal_pointer (&svg), FALSE);
}
