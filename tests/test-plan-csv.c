/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <tbuf.h>

typedef struct
{
  GFile *file;
} Fixture;

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("tbuf-plan-XXXXXX.csv", &path, &error);

  g_assert_no_error (error);
  g_close (fd, &error);
  g_assert_no_error (error);
  self->file = g_file_new_for_path (path);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  g_file_delete (self->file, NULL, NULL);
  g_object_unref (self->file);
}

static void
write_csv (Fixture    *self,
           const char *csv,
           gssize      length)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (g_file_peek_path (self->file), csv, length, &error);
  g_assert_no_error (error);
}

static TbufPlan *
read_csv (Fixture    *self,
          const char *csv)
{
  g_autoptr (GError) error = NULL;
  TbufPlan *plan;

  write_csv (self, csv, -1);
  plan = tbuf_plan_new_from_csv (self->file, NULL, &error);
  g_assert_no_error (error);
  return plan;
}

/* The message starts with the line and the file. */
static void
assert_refused (Fixture    *self,
                const char *csv,
                guint       line,
                int         code,
                const char *message)
{
  g_autofree char *name = g_file_get_parse_name (self->file);
  g_autofree char *expected = g_strdup_printf ("Line %u of %s: %s", line, name, message);
  g_autoptr (GError) error = NULL;

  write_csv (self, csv, -1);
  g_assert_null (tbuf_plan_new_from_csv (self->file, NULL, &error));
  g_assert_error (error, TBUF_ERROR, code);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_reads_columns_in_any_order (Fixture       *self,
                                 gconstpointer  data)
{
  g_autoptr (TbufPlan) plan =
    read_csv (self, "size,offset,upper,id,alignment,lower\n10,,5,a,8,0\n20,32,5,b,,0\n30,,9,c,16,5\n");
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) ids = tbuf_plan_list_ids (plan);
  g_autofree char *csv = tbuf_plan_to_csv (plan);

  g_assert_cmpstrv (ids, ((const char *[]) { "a", "b", "c", NULL }));
  g_assert_cmpstr (csv, ==, "id,lower,upper,size,alignment,offset\na,0,5,10,8,\nb,0,5,20,1,32\nc,5,9,30,16,\n");
  g_assert_true (tbuf_plan_solve (plan, 0, G_USEC_PER_SEC, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_plan_get_offset (plan, "b", &error), ==, 32);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 52);
}

/* Line ends, blanks, empty lines, a byte order mark, a last line without an end, quotes. */
static void
test_reads_what_programs_write (Fixture       *self,
                                gconstpointer  data)
{
  const char *const files[] = {
    "id,lower,upper,size\na b,0,1,5\n\"c,d\"\"e\",1,2,7\n",
    "id,lower,upper,size\r\na b,0,1,5\r\n\"c,d\"\"e\",1,2,7\r\n",
    "\357\273\277id,lower,upper,size\na b,0,1,5\n\"c,d\"\"e\",1,2,7",
    "\n id , lower ,\tupper, size \n\n a b , 0,1 ,5\n  \n \"c,d\"\"e\" ,+1,\"2\",007\n\n\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (TbufPlan) plan = read_csv (self, files[i]);
      g_autofree char *csv = tbuf_plan_to_csv (plan);

      g_assert_cmpstr (csv, ==, "id,lower,upper,size\n\"a b\",0,1,5\n\"c,d\"\"e\",1,2,7\n");
    }
}

/* Ids that differ only in blanks, and what else has to stand in quotes. */
static void
test_reads_the_ids_it_writes (Fixture       *self,
                              gconstpointer  data)
{
  const char *const ids[] = { "a", " a", "a ", "\ta", "\"", "\"\"", ",", "a,b", "\r", " ", NULL };
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (TbufPlan) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *csv = NULL;
  g_auto (GStrv) read = NULL;

  for (guint i = 0; ids[i] != NULL; i++)
    {
      g_assert_true (tbuf_plan_add (plan, ids[i], 0, 1, 10, 1, &error));
      g_assert_no_error (error);
    }
  csv = tbuf_plan_to_csv (plan);
  again = read_csv (self, csv);
  read = tbuf_plan_list_ids (again);
  g_assert_cmpstrv (read, ids);
}

static void
test_writes_what_it_reads (Fixture       *self,
                           gconstpointer  data)
{
  g_autoptr (TbufPlan) plan = read_csv (self, "id,lower,upper,size\n1,0,2,10\n0,1,3,20\nx,2,4,10\n");
  g_autoptr (TbufPlan) again = NULL;
  g_autofree char *csv = NULL;
  g_autofree char *same = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_plan_solve (plan, 0, G_USEC_PER_SEC, NULL, &error));
  g_assert_no_error (error);
  csv = tbuf_plan_to_csv (plan);
  g_assert_true (g_str_has_prefix (csv, "id,lower,upper,size,offset\n1,0,2,10,"));

  /* Now all are fixed, and still hold. */
  again = read_csv (self, csv);
  g_assert_true (tbuf_plan_solve (again, 0, G_USEC_PER_SEC, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_plan_get_height (again), ==, 30);
  same = tbuf_plan_to_csv (again);
  g_assert_cmpstr (same, ==, csv);
}

static void
test_refuses_bad_heads (Fixture       *self,
                        gconstpointer  data)
{
  assert_refused (self, "", 1, TBUF_ERROR_FORMAT,
                  "the file is empty; its first line must name the columns: id, lower, upper, size, and perhaps alignment and "
                  "offset");
  assert_refused (self, "a,0,1,5\n", 1, TBUF_ERROR_FORMAT,
                  "the head has a column \"a\"; the columns are id, lower, upper, size, and perhaps alignment and offset, in "
                  "any order");
  assert_refused (self, "id,lower,size\na,0,5\n", 1, TBUF_ERROR_FORMAT,
                  "the head has no column \"upper\"; the columns are id, lower, upper, size, and perhaps alignment and offset, "
                  "in any order");
  assert_refused (self, "id,lower,upper,size,size\n", 1, TBUF_ERROR_FORMAT, "the head has two columns \"size\"");
  assert_refused (self, "id,lower,upper,size,alignment,offset,offset\n", 1, TBUF_ERROR_FORMAT,
                  "the head has 7 columns; it must have these: id, lower, upper, size, and perhaps alignment and offset");
  assert_refused (self, "id;lower;upper;size\n", 1, TBUF_ERROR_FORMAT,
                  "the head has a column \"id;lower;upper;size\"; the columns are id, lower, upper, size, and perhaps alignment "
                  "and offset, in any order");
}

static void
test_refuses_bad_lines (Fixture       *self,
                        gconstpointer  data)
{
  static const struct { const char *line; int code; const char *message; } cases[] = {
    { "b,0,1", TBUF_ERROR_FORMAT, "there are 3 fields, but the head names 4 columns" },
    { "b,0,1,5,", TBUF_ERROR_FORMAT, "there are 5 fields, but the head names 4 columns" },
    { "b,0,1,", TBUF_ERROR_FORMAT, "size is \"\", which is not a whole number" },
    { "b,0,1,1e3", TBUF_ERROR_FORMAT, "size is \"1e3\", which is not a whole number" },
    { "b,0,1,0.5", TBUF_ERROR_FORMAT, "size is \"0.5\", which is not a whole number" },
    { "b,0,1,-", TBUF_ERROR_FORMAT, "size is \"-\", which is not a whole number" },
    { "b,0,1,-5", TBUF_ERROR_RANGE, "size is -5; it must be 0 to 9223372036854775807" },
    { "b,-1,1,5", TBUF_ERROR_RANGE, "lower is -1; it must be 0 to 9223372036854775807" },
    { "b,0,9223372036854775808,5", TBUF_ERROR_RANGE,
      "upper is 9223372036854775808; it must be 0 to 9223372036854775807" },
    { "b,0,99999999999999999999999,5", TBUF_ERROR_RANGE,
      "upper is 99999999999999999999999; it must be 0 to 9223372036854775807" },
    { "b,7,7,5", TBUF_ERROR_INVALID,
      "Buffer \"b\" lives from 7 until before 7, which is never: upper must be greater than lower" },
    { "a,0,1,5", TBUF_ERROR_EXISTS, "Buffer \"a\", number 1, has the id of number 0" },
    { "b,0,1,9223372036854775807", TBUF_ERROR_RANGE,
      "Buffer \"b\": with its 9223372036854775807 bytes at an alignment of 1, all buffers one after another have more than "
      "9223372036854775807 bytes" },
    { ",0,1,5", TBUF_ERROR_INVALID, "Buffer \"\", number 1, has an id of 0 bytes; it must have 1 to 255" },
    { "\"b,0,1,5", TBUF_ERROR_FORMAT, "a quote is not closed by the end of the line" },
    { "\"b\"x,0,1,5", TBUF_ERROR_FORMAT, "a field in quotes is followed by something else than a comma" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *csv = g_strconcat ("id,lower,upper,size\r\na,0,1,5\r\n\r\n", cases[i].line, "\r\nc,0,1,5\r\n", NULL);

      assert_refused (self, csv, 4, cases[i].code, cases[i].message);
    }

  assert_refused (self, "id,lower,upper,size,alignment,offset\na,0,1,5,24,\n", 2, TBUF_ERROR_INVALID,
                  "Buffer \"a\": its alignment, 24, is not a power of two");
  assert_refused (self, "id,lower,upper,size,alignment,offset\na,0,1,5,8,12\n", 2, TBUF_ERROR_ALIGNMENT,
                  "Buffer \"a\": its offset, 12, is not a multiple of its alignment, 8");
}

static void
test_refuses_nul_and_bad_utf8 (Fixture       *self,
                               gconstpointer  data)
{
  const char nul[] = "id,lower,upper,size\na\0b,0,1,5\n", bad[] = "id,lower,upper,size\n\xff\xfe,0,1,5\n";
  g_autoptr (GError) error = NULL;

  write_csv (self, nul, sizeof nul - 1);
  g_assert_null (tbuf_plan_new_from_csv (self->file, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_FORMAT);
  g_clear_error (&error);

  write_csv (self, bad, sizeof bad - 1);
  g_assert_null (tbuf_plan_new_from_csv (self->file, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
test_missing_file_is_an_error (Fixture       *self,
                               gconstpointer  data)
{
  g_autoptr (GFile) missing = g_file_new_for_path ("/nonexistent/plan.csv");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (tbuf_plan_new_from_csv (missing, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_cancellable_cancel (cancellable);
  g_assert_null (tbuf_plan_new_from_csv (self->file, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* In no order, so that each id has to be remembered. */
static void
test_reads_a_million_lines (Fixture       *self,
                            gconstpointer  data)
{
  const guint n_lines = 1000000;
  g_autoptr (GString) csv = g_string_new ("id,lower,upper,size\n");
  g_autoptr (TbufPlan) plan = NULL;
  g_autoptr (GError) error = NULL;
  gint64 start;

  for (guint i = 0; i < n_lines; i++)
    g_string_append_printf (csv, "%u,%u,%u,%u\n", n_lines - 1 - i, i, i + 1 + i % 7, 64 * (i % 100));
  write_csv (self, csv->str, (gssize) csv->len);

  start = g_get_monotonic_time ();
  plan = tbuf_plan_new_from_csv (self->file, NULL, &error);
  g_assert_no_error (error);
  g_test_message ("%u lines in %" G_GINT64_FORMAT " us", n_lines, g_get_monotonic_time () - start);
  g_assert_cmpuint (tbuf_plan_get_n_buffers (plan), ==, n_lines);
}

int
main (int   argc,
      char *argv[])
{
  static const struct { const char *path; void (*test) (Fixture *self, gconstpointer data); } tests[] = {
    { "/tbuf/plan-csv/reads-columns-in-any-order", test_reads_columns_in_any_order },
    { "/tbuf/plan-csv/reads-what-programs-write", test_reads_what_programs_write },
    { "/tbuf/plan-csv/writes-what-it-reads", test_writes_what_it_reads },
    { "/tbuf/plan-csv/reads-the-ids-it-writes", test_reads_the_ids_it_writes },
    { "/tbuf/plan-csv/refuses-bad-heads", test_refuses_bad_heads },
    { "/tbuf/plan-csv/refuses-bad-lines", test_refuses_bad_lines },
    { "/tbuf/plan-csv/refuses-nul-and-bad-utf8", test_refuses_nul_and_bad_utf8 },
    { "/tbuf/plan-csv/missing-file-is-an-error", test_missing_file_is_an_error },
    { "/tbuf/plan-csv/reads-a-million-lines", test_reads_a_million_lines },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);

  return g_test_run ();
}
