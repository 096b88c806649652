/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <string.h>

/* The heads of the columns follow, one for each character of alignment. */
Table *
table_new (const char *alignment,
           ...)
{
  Table *self = g_new0 (Table, 1);
  const char *head;
  va_list heads;

  self->cells = g_ptr_array_new_with_free_func (g_free);
  self->n_columns = (guint) strlen (alignment);
  self->alignment = alignment;

  va_start (heads, alignment);
  while ((head = va_arg (heads, const char *)) != NULL)
    table_add (self, g_strdup (head));
  va_end (heads);

  return self;
}

void
table_free (Table *self)
{
  g_ptr_array_unref (self->cells);
  g_free (self);
}

/* Takes over the cell. */
void
table_add (Table *self,
           char  *cell)
{
  g_ptr_array_add (self->cells, cell);
}

static glong
get_width (Table *self,
           guint  column)
{
  glong width = 0;

  for (guint i = column; i < self->cells->len; i += self->n_columns)
    width = MAX (width, g_utf8_strlen (self->cells->pdata[i], -1));

  return width;
}

void
table_print (Table *self)
{
  g_autofree glong *widths = g_new (glong, self->n_columns);

  for (guint column = 0; column < self->n_columns; column++)
    widths[column] = get_width (self, column);

  for (guint i = 0; i < self->cells->len; i++)
    {
      const char *cell = self->cells->pdata[i];
      guint column = i % self->n_columns;
      gboolean last = column == self->n_columns - 1;
      int padding = (int) (widths[column] - g_utf8_strlen (cell, -1));

      if (self->alignment[column] == '>')
        g_print ("%*s%s%s", padding, "", cell, last ? "\n" : "  ");
      else if (last)
        g_print ("%s\n", cell);
      else
        g_print ("%s%*s", cell, padding + 2, "");
    }
}

/* Names come from anybody: none of them is to move the cursor of who reads it. */
char *
make_visible (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *visible = g_string_new (NULL);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar character = g_utf8_get_char (p);

      g_string_append_unichar (visible, g_unichar_isprint (character) ? character : '?');
    }

  return g_string_free (visible, FALSE);
}
