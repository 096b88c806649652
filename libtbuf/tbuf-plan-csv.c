/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include <string.h>

#include "tbuf-error.h"

/* NOTES
 *
 * The form is that of MiniMalloc's instances: a head that names the columns,
 * and a line for each buffer. A file is read in one pass over its bytes, and
 * nothing is copied but the ids, so that a million lines take less than a
 * second. */

typedef enum
{
  COLUMN_ID,
  COLUMN_LOWER,
  COLUMN_UPPER,
  COLUMN_SIZE,
  N_REQUIRED,
  COLUMN_ALIGNMENT = N_REQUIRED,
  COLUMN_OFFSET,
  N_COLUMNS
} Column;

static const char *const column_names[N_COLUMNS] = {
  [COLUMN_ID] = "id",
  [COLUMN_LOWER] = "lower",
  [COLUMN_UPPER] = "upper",
  [COLUMN_SIZE] = "size",
  [COLUMN_ALIGNMENT] = "alignment",
  [COLUMN_OFFSET] = "offset",
};

/* A part of the file. */
typedef struct
{
  const char *start;
  gsize       length;
} Field;

typedef struct
{
  const char *next;       /* what is not read yet */
  const char *end;
  guint       line;       /* counted from 1 */
  GString    *unquoted;   /* scratch: a field whose quotes were taken off */
  Field       fields[N_COLUMNS];
  guint       n_fields;   /* that the line has; those beyond the last column are counted only */
  Column      columns[N_COLUMNS];
  guint       n_columns;
} Reader;

static gboolean G_GNUC_PRINTF (3, 4)
fail_format (const Reader  *self,
             GError       **error,
             const char    *format,
             ...)
{
  va_list arguments;

  va_start (arguments, format);
  if (error != NULL)
    *error = g_error_new_valist (TBUF_ERROR, TBUF_ERROR_FORMAT, format, arguments);
  va_end (arguments);

  return FALSE;
}

static char *
show_field (const Field *field)
{
  const gsize max_length = 60;
  g_autofree char *valid = g_utf8_make_valid (field->start, (gssize) MIN (field->length, max_length));

  return g_strconcat (valid, field->length > max_length ? "…" : NULL, NULL);
}

static gboolean
is_blank (char character)
{
  return character == ' ' || character == '\t';
}

static const char *
trim_end (const char *start,
          const char *end)
{
  while (start < end && is_blank (end[-1]))
    end--;

  return end;
}

static void
add_field (Reader     *self,
           const char *start,
           const char *end)
{
  if (self->n_fields < N_COLUMNS)
    self->fields[self->n_fields] = (Field) { start, (gsize) (end - start) };
  self->n_fields++;
}

/* Reads a field in quotes, in which two quotes stand for one; @start is behind the first. */
static gboolean
read_quoted (Reader      *self,
             const char  *start,
             const char  *line_end,
             const char **next,
             GError     **error)
{
  gsize at = self->unquoted->len;
  const char *p;

  for (p = start; p < line_end; p++)
    {
      if (*p == '"' && (p + 1 == line_end || p[1] != '"'))
        break;
      if (*p == '"')
        p++;
      g_string_append_c (self->unquoted, *p);
    }
  if (p >= line_end)
    return fail_format (self, error, "a quote is not closed by the end of the line");

  for (p++; p < line_end && is_blank (*p); p++)
    ;
  if (p < line_end && *p != ',')
    return fail_format (self, error, "a field in quotes is followed by something else than a comma");

  /* No line has more in quotes than it is long, and the scratch string has that much room: it does not move. */
  add_field (self, self->unquoted->str + at, self->unquoted->str + self->unquoted->len);
  *next = p;
  return TRUE;
}

/* Reads the fields of the next line that has any. FALSE without an error: there is none. */
static gboolean
read_line (Reader  *self,
           GError **error)
{
  while (self->next < self->end)
    {
      const char *start = self->next;
      const char *newline = memchr (start, '\n', (gsize) (self->end - start));
      const char *line_end = newline != NULL ? newline : self->end;
      const char *field = start;

      self->next = newline != NULL ? newline + 1 : self->end;
      self->line++;
      self->n_fields = 0;
      if (line_end > start && line_end[-1] == '\r')
        line_end--;

      while (field < line_end && is_blank (*field))
        field++;
      if (field == line_end)
        continue;

      if (memchr (field, '"', (gsize) (line_end - field)) != NULL)
        {
          g_string_set_size (self->unquoted, (gsize) (line_end - field));
          g_string_truncate (self->unquoted, 0);
        }

      for (;;)
        {
          const char *comma = line_end;

          while (field < line_end && is_blank (*field))
            field++;
          if (field < line_end && *field == '"')
            {
              if (!read_quoted (self, field + 1, line_end, &comma, error))
                return FALSE;
            }
          else
            {
              for (comma = field; comma < line_end && *comma != ','; comma++)
                ;
              add_field (self, field, trim_end (field, comma));
            }

          if (comma == line_end)
            return TRUE;
          field = comma + 1;
        }
    }

  return FALSE;
}

static gboolean
field_equals (const Field *field,
              const char  *name)
{
  return field->length == strlen (name) && memcmp (field->start, name, field->length) == 0;
}

/* Finds out which columns there are, and in which order. */
static gboolean
read_head (Reader  *self,
           GError **error)
{
  const char *const expected = "id, lower, upper, size, and perhaps alignment and offset";
  gboolean present[N_COLUMNS] = { FALSE };
  GError *local_error = NULL;

  if (!read_line (self, &local_error))
    {
      if (local_error == NULL)
        return fail_format (self, error, "the file is empty; its first line must name the columns: %s", expected);
      g_propagate_error (error, local_error);
      return FALSE;
    }

  if (self->n_fields > N_COLUMNS)
    return fail_format (self, error, "the head has %u columns; it must have these: %s", self->n_fields, expected);

  for (guint i = 0; i < self->n_fields; i++)
    {
      const Field *field = &self->fields[i];
      guint column;

      for (column = 0; column < N_COLUMNS; column++)
        if (field_equals (field, column_names[column]))
          break;

      if (column == N_COLUMNS)
        {
          g_autofree char *shown = show_field (field);

          return fail_format (self, error, "the head has a column \"%s\"; the columns are %s, in any order", shown, expected);
        }
      if (present[column])
        return fail_format (self, error, "the head has two columns \"%s\"", column_names[column]);

      present[column] = TRUE;
      self->columns[i] = column;
    }

  for (guint column = 0; column < N_REQUIRED; column++)
    if (!present[column])
      return fail_format (self, error, "the head has no column \"%s\"; the columns are %s, in any order",
                          column_names[column], expected);

  self->n_columns = self->n_fields;
  return TRUE;
}

static gboolean
read_number (const Reader  *self,
             const Field   *field,
             Column         column,
             guint64       *number,
             GError       **error)
{
  guint64 value = 0;
  gboolean is_too_large = FALSE;
  gsize i = 0;

  /* A sign is a number's, but no number here has one that is negative. */
  if (field->length > 1 && (field->start[0] == '-' || field->start[0] == '+'))
    i = 1;
  for (; i < field->length; i++)
    {
      if (!g_ascii_isdigit (field->start[i]))
        break;
      if (value > (G_MAXINT64 - 9) / 10)
        is_too_large = is_too_large || !g_uint64_checked_mul (&value, value, 10) ||
                       !g_uint64_checked_add (&value, value, (guint64) (field->start[i] - '0')) || value > G_MAXINT64;
      else
        value = value * 10 + (guint64) (field->start[i] - '0');
    }

  if (field->length == 0 || i < field->length)
    {
      g_autofree char *shown = show_field (field);

      return fail_format (self, error, "%s is \"%s\", which is not a whole number", column_names[column], shown);
    }

  if (is_too_large || (field->start[0] == '-' && value > 0))
    {
      g_autofree char *shown = show_field (field);

      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE, "%s is %s; it must be 0 to %" G_GINT64_FORMAT,
                   column_names[column], shown, G_MAXINT64);
      return FALSE;
    }

  *number = value;
  return TRUE;
}

/* Adds the buffer that the line describes. */
static gboolean
add_line (Reader    *self,
          TbufPlan  *plan,
          GError   **error)
{
  TbufPlanBuffer buffer = { .alignment = 1 };
  const Field *id = NULL;

  if (self->n_fields != self->n_columns)
    return fail_format (self, error, "there are %u fields, but the head names %u columns", self->n_fields, self->n_columns);

  for (guint i = 0; i < self->n_columns; i++)
    {
      const Field *field = &self->fields[i];
      Column column = self->columns[i];
      guint64 number = 0;

      if (column == COLUMN_ID)
        {
          id = field;
          continue;
        }

      /* Not every buffer needs one of these. */
      if (field->length == 0 && column >= N_REQUIRED)
        continue;

      if (!read_number (self, field, column, &number, error))
        return FALSE;

      switch (column)
        {
        case COLUMN_LOWER:
          buffer.lower = number;
          break;
        case COLUMN_UPPER:
          buffer.upper = number;
          break;
        case COLUMN_SIZE:
          buffer.size = number;
          break;
        case COLUMN_ALIGNMENT:
          buffer.alignment = number;
          break;
        case COLUMN_OFFSET:
          buffer.offset = number;
          buffer.is_fixed = TRUE;
          break;
        case COLUMN_ID:
        case N_COLUMNS:
        default:
          g_assert_not_reached ();
        }
    }

  if (memchr (id->start, '\0', id->length) != NULL)
    return fail_format (self, error, "the id has a NUL in it");

  return tbuf_plan_append (plan, id->start, id->length, &buffer, error);
}

static gboolean
read_plan (Reader    *self,
           TbufPlan  *plan,
           GError   **error)
{
  GError *local_error = NULL;

  /* Some programs put a byte order mark in front. */
  if (self->end - self->next >= 3 && memcmp (self->next, "\357\273\277", 3) == 0)
    self->next += 3;

  if (!read_head (self, error))
    return FALSE;

  while (read_line (self, &local_error))
    if (!add_line (self, plan, error))
      return FALSE;

  if (local_error != NULL)
    g_propagate_error (error, local_error);
  return local_error == NULL;
}

/*< private >
 * tbuf_plan_parse_csv:
 * @data: the bytes of a file, from anybody
 * @length: how many
 * @name: what messages call the file
 * @error: return location for an error
 *
 * Makes a plan of the contents of a file.
 *
 * Returns: (transfer full): the plan, not solved
 */
TbufPlan *
tbuf_plan_parse_csv (const char  *data,
                     gsize        length,
                     const char  *name,
                     GError     **error)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GString) unquoted = g_string_new (NULL);
  Reader reader = { .next = data, .end = data + length, .unquoted = unquoted };

  if (!read_plan (&reader, plan, error))
    {
      g_prefix_error (error, "Line %u of %s: ", MAX (reader.line, 1), name);
      return NULL;
    }

  return g_steal_pointer (&plan);
}

/**
 * tbuf_plan_new_from_csv:
 * @file: a file
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Makes a plan of a file of comma-separated values.
 *
 * The first line names the columns: `id`, `lower`, `upper` and `size`, and
 * perhaps `alignment` and `offset`, in any order. Each further line is a buffer.
 * An alignment that is missing is 1, and a buffer with an offset is fixed there,
 * as with [method@Tbuf.Plan.add_fixed].
 *
 * ```
 * id,lower,upper,size
 * image,0,2,3000
 * edges,1,3,1000
 * shapes,2,4,3000
 * ```
 *
 * Fields may stand in double quotes, and blanks within these count. Lines end with
 * LF or CR LF; empty ones, blanks around fields and a byte order mark are passed
 * over.
 *
 * The errors are those of [method@Tbuf.Plan.add_fixed], %TBUF_ERROR_FORMAT
 * (columns or fields are missing or unknown, or a number is none), and those of
 * reading the file. Messages name the file and the line.
 *
 * Returns: (transfer full): the plan, not solved
 *
 * Since: 1.0
 */
TbufPlan *
tbuf_plan_new_from_csv (GFile         *file,
                        GCancellable  *cancellable,
                        GError       **error)
{
  g_autofree char *contents = NULL;
  g_autofree char *name = NULL;
  gsize length;

  g_return_val_if_fail (G_IS_FILE (file), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  if (!g_file_load_contents (file, cancellable, &contents, &length, NULL, error))
    return NULL;

  name = g_file_get_parse_name (file);
  return tbuf_plan_parse_csv (contents, length, name, error);
}

/* In quotes where a comma, a quote or a blank would be taken for something else. */
static void
append_id (GString    *csv,
           const char *id)
{
  if (strpbrk (id, ",\"\r\n \t") == NULL)
    {
      g_string_append (csv, id);
      return;
    }

  g_string_append_c (csv, '"');
  for (const char *p = id; *p != '\0'; p++)
    {
      if (*p == '"')
        g_string_append_c (csv, '"');
      g_string_append_c (csv, *p);
    }
  g_string_append_c (csv, '"');
}

/**
 * tbuf_plan_to_csv:
 * @self: a plan
 *
 * Prints a plan as comma-separated values, as [ctor@Tbuf.Plan.new_from_csv]
 * reads them.
 *
 * There is a column `alignment` if any is greater than 1. If the plan is solved,
 * there is a column `offset`; if it is not, there is one if buffers are fixed.
 * Which buffers are to be apart has no place in the file, and an id with a line
 * break in it cannot be read back.
 *
 * Returns: (transfer full): the text
 *
 * Since: 1.0
 */
char *
tbuf_plan_to_csv (TbufPlan *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;
  const TbufPlanBuffer *buffers;
  gboolean has_alignments = FALSE, has_offsets;
  GString *csv;

  g_return_val_if_fail (TBUF_IS_PLAN (self), NULL);

  locker = g_mutex_locker_new (&self->mutex);

  buffers = (const TbufPlanBuffer *) (gpointer) self->buffers->data;
  has_offsets = self->offsets != NULL;
  for (guint i = 0; i < self->buffers->len; i++)
    {
      has_alignments = has_alignments || buffers[i].alignment > 1;
      has_offsets = has_offsets || buffers[i].is_fixed;
    }

  csv = g_string_sized_new (64 + (gsize) self->buffers->len * 32);
  g_string_append_printf (csv, "id,lower,upper,size%s%s\n", has_alignments ? ",alignment" : "",
                          has_offsets ? ",offset" : "");
  for (guint i = 0; i < self->buffers->len; i++)
    {
      g_autofree char *id = tbuf_plan_dup_id (self, i);

      append_id (csv, id);
      g_string_append_printf (csv, ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT,
                              buffers[i].lower, buffers[i].upper, buffers[i].size);
      if (has_alignments)
        g_string_append_printf (csv, ",%" G_GUINT64_FORMAT, buffers[i].alignment);
      if (self->offsets != NULL)
        g_string_append_printf (csv, ",%" G_GUINT64_FORMAT, g_array_index (self->offsets, guint64, i));
      else if (buffers[i].is_fixed)
        g_string_append_printf (csv, ",%" G_GUINT64_FORMAT, buffers[i].offset);
      else if (has_offsets)
        g_string_append_c (csv, ',');
      g_string_append_c (csv, '\n');
    }

  return g_string_free (csv, FALSE);
}
