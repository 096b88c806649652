/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan-map.h"

#include "table.h"

/* The map of a layout has its names as outlines, and some dozen boxes. A plan
 * can have some ten thousand, so its map is text, written line by line; what a
 * box is stands in its title, which browsers show under the pointer. */

#define MAP_WIDTH 1200.0
#define MAP_HEIGHT 800.0
#define MARGIN 70.0

static const char *const palette[] = {
  "#8ecae6", "#ffb703", "#95d5b2", "#f4978e", "#cdb4db", "#d4a373", "#a3b18a", "#90a8ed",
};

/* A row of tbuf_plan_get_rows (). */
typedef struct
{
  gint64 lower;
  gint64 upper;
  gint64 size;
  gint64 alignment;
  gint64 offset;
} Box;

/* With a point, whatever the locale's is. */
static void
append_number (GString    *svg,
               const char *name,
               double      value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (digits, sizeof digits, "%.3f", value);
  g_string_append_printf (svg, " %s=\"%s\"", name, digits);
}

static void
append_text (GString    *svg,
             double      x,
             double      y,
             const char *anchor,
             const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  g_string_append (svg, "<text");
  append_number (svg, "x", x);
  append_number (svg, "y", y);
  g_string_append_printf (svg, " text-anchor=\"%s\">%s</text>\n", anchor, escaped);
}

static void
append_box (GString    *svg,
            guint       index,
            const Box  *box,
            const char *id,
            double      left,
            double      top,
            double      width,
            double      height)
{
  g_autofree char *visible = make_visible (id);
  g_autofree char *escaped = g_markup_escape_text (visible, -1);

  g_string_append (svg, "<rect");
  append_number (svg, "x", left);
  append_number (svg, "y", top);
  append_number (svg, "width", width);
  append_number (svg, "height", height);
  g_string_append_printf (svg, " fill=\"%s\" stroke=\"#222\"", palette[index % G_N_ELEMENTS (palette)]);
  append_number (svg, "stroke-width", MIN (0.5, MIN (width, height) / 4));
  g_string_append_printf (svg, "><title>%s: %" G_GINT64_FORMAT " bytes at offset %" G_GINT64_FORMAT ", from "
                               "%" G_GINT64_FORMAT " until before %" G_GINT64_FORMAT "</title></rect>\n",
                          escaped, box->size, box->offset, box->lower, box->upper);

  /* Where there is room for it. */
  if (height >= 12 && width >= 8.0 * (double) g_utf8_strlen (visible, -1))
    append_text (svg, left + width / 2, top + height / 2 + 4, "middle", visible);
}

char *
draw_plan (TbufPlan *plan)
{
  guint n_buffers = tbuf_plan_get_n_buffers (plan);
  guint64 height = tbuf_plan_get_height (plan);
  g_autoptr (GBytes) rows = tbuf_plan_get_rows (plan);
  const Box *boxes = g_bytes_get_data (rows, NULL);
  g_auto (GStrv) ids = tbuf_plan_list_ids (plan);
  g_autofree char *title = g_strdup_printf ("%u buffers in %" G_GUINT64_FORMAT " bytes; no plan has fewer than %" G_GUINT64_FORMAT,
                                            n_buffers, height, tbuf_plan_get_lower_bound (plan));
  g_autofree char *height_text = g_strdup_printf ("%" G_GUINT64_FORMAT, height);
  g_autofree char *first_text = NULL;
  g_autofree char *last_text = NULL;
  gint64 first = G_MAXINT64, last = 0;
  double scale_x, scale_y;
  GString *svg;

  for (guint i = 0; i < n_buffers; i++)
    {
      first = MIN (first, boxes[i].lower);
      last = MAX (last, boxes[i].upper);
    }
  first = MIN (first, last);
  first_text = g_strdup_printf ("%" G_GINT64_FORMAT, first);
  last_text = g_strdup_printf ("%" G_GINT64_FORMAT, last);
  scale_x = MAP_WIDTH / (double) MAX (last - first, 1);
  scale_y = MAP_HEIGHT / (double) MAX (height, 1);

  svg = g_string_new ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  g_string_append_printf (svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" font-family=\"sans-serif\" "
                               "font-size=\"12\" fill=\"#222\">\n<title>%s</title>\n",
                          MAP_WIDTH + 2 * MARGIN, MAP_HEIGHT + 2 * MARGIN, title);
  g_string_append (svg, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
  append_text (svg, MARGIN, MARGIN - 30, "start", title);
  append_text (svg, MARGIN - 6, MARGIN + 4, "end", "0");
  append_text (svg, MARGIN - 6, MARGIN + MAP_HEIGHT + 4, "end", height_text);
  append_text (svg, MARGIN, MARGIN + MAP_HEIGHT + 18, "start", first_text);
  append_text (svg, MARGIN + MAP_WIDTH, MARGIN + MAP_HEIGHT + 18, "end", last_text);
  g_string_append (svg, "<rect");
  append_number (svg, "x", MARGIN);
  append_number (svg, "y", MARGIN);
  append_number (svg, "width", MAP_WIDTH);
  append_number (svg, "height", MAP_HEIGHT);
  g_string_append (svg, " fill=\"#f4f5f7\" stroke=\"#222\" stroke-width=\"0.5\"/>\n");
  for (guint i = 0; i < n_buffers; i++)
    if (boxes[i].size > 0)
      append_box (svg, i, &boxes[i], ids[i], MARGIN + (double) (boxes[i].lower - first) * scale_x,
                  MARGIN + (double) boxes[i].offset * scale_y, (double) (boxes[i].upper - boxes[i].lower) * scale_x,
                  (double) boxes[i].size * scale_y);
  g_string_append (svg, "</svg>\n");

  return g_string_free (svg, FALSE);
}
