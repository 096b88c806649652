/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <tbuf.h>

/* What a test knows of a buffer. */
typedef struct
{
  guint64 lower;
  guint64 upper;
  guint64 size;
  guint64 alignment;
} Buffer;

static void
add (TbufPlan   *plan,
     const char *id,
     guint64     lower,
     guint64     upper,
     guint64     size,
     guint64     alignment)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_plan_add (plan, id, lower, upper, size, alignment, &error));
  g_assert_no_error (error);
}

static void
add_fixed (TbufPlan   *plan,
           const char *id,
           guint64     lower,
           guint64     upper,
           guint64     size,
           guint64     offset)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_plan_add_fixed (plan, id, lower, upper, size, 1, offset, &error));
  g_assert_no_error (error);
}

static void
solve (TbufPlan *plan)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_plan_solve (plan, 0, G_USEC_PER_SEC, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (tbuf_plan_verify (plan, &error));
  g_assert_no_error (error);
}

static guint64
get_offset (TbufPlan   *plan,
            const char *id)
{
  g_autoptr (GError) error = NULL;
  guint64 offset = tbuf_plan_get_offset (plan, id, &error);

  g_assert_no_error (error);
  return offset;
}

static void
add_buffers (TbufPlan     *plan,
             const Buffer *buffers,
             guint         n_buffers)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) rows = g_bytes_new (buffers, n_buffers * sizeof *buffers);

  g_assert_true (tbuf_plan_add_rows (plan, rows, 4, &error));
  g_assert_no_error (error);
}

/* Compares every pair, so that even the verifier is not taken at its word. */
static void
assert_holds (TbufPlan     *plan,
              const Buffer *buffers,
              guint         n_buffers)
{
  g_autofree guint64 *offsets = NULL;
  g_autoptr (GError) error = NULL;
  guint64 height = 0, unshared = 0;
  gsize n_offsets;

  offsets = tbuf_plan_get_offsets (plan, &n_offsets);
  g_assert_cmpuint (n_offsets, ==, n_buffers);
  for (guint i = 0; i < n_buffers; i++)
    {
      const Buffer *a = &buffers[i];

      unshared += a->size > 0 ? a->size + a->alignment - 1 : 0;
      g_assert_cmpuint (offsets[i] % a->alignment, ==, 0);
      height = MAX (height, offsets[i] + a->size);
      for (guint j = 0; j < i; j++)
        {
          const Buffer *b = &buffers[j];

          if (a->size == 0 || b->size == 0 || a->lower >= b->upper || b->lower >= a->upper)
            continue;
          g_assert_true (offsets[i] >= offsets[j] + b->size || offsets[j] >= offsets[i] + a->size);
        }
    }

  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, height);
  g_assert_cmpuint (height, <=, unshared);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), <=, height);
  g_assert_cmpint (tbuf_plan_get_proven (plan), ==, tbuf_plan_get_lower_bound (plan) == height);
  g_assert_nonnull (tbuf_plan_get_method (plan));
  g_assert_cmpfloat (tbuf_plan_get_elapsed (plan), >=, 0);
  g_assert_true (tbuf_plan_verify (plan, &error));
  g_assert_no_error (error);
}

static void
make_random_buffers (GRand  *random,
                     Buffer *buffers,
                     guint   n_buffers,
                     gint32  n_times)
{
  for (guint i = 0; i < n_buffers; i++)
    {
      buffers[i].lower = (guint64) g_rand_int_range (random, 0, n_times);
      buffers[i].upper = (guint64) g_rand_int_range (random, (gint32) buffers[i].lower + 1, n_times + 1);
      buffers[i].size = (guint64) g_rand_int_range (random, 0, 1000);
      buffers[i].alignment = G_GUINT64_CONSTANT (1) << g_rand_int_range (random, 0, 8);
    }
}

static void
test_empty (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GBytes) bytes = NULL;
  gsize n_offsets = 9;

  g_assert_cmpuint (tbuf_plan_get_n_buffers (plan), ==, 0);
  g_assert_null (tbuf_plan_get_method (plan));
  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 0);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, 0);
  g_assert_null (tbuf_plan_get_offsets (plan, &n_offsets));
  g_assert_cmpuint (n_offsets, ==, 0);
  bytes = tbuf_plan_get_offsets_bytes (plan);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 0);
}

static void
test_shares_bytes_between_lifetimes (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autofree char *method = NULL;
  guint64 height, bound;
  gboolean proven;
  guint n_buffers;

  add (plan, "a", 0, 1, 800, 1);
  add (plan, "b", 0, 1, 200, 1);
  add (plan, "c", 1, 2, 300, 1);
  add (plan, "d", 1, 2, 700, 1);
  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 1000);
  g_assert_true (tbuf_plan_get_proven (plan));

  g_object_get (plan, "height", &height, "lower-bound", &bound, "proven", &proven, "n-buffers", &n_buffers,
                "method", &method, NULL);
  g_assert_cmpuint (height, ==, 1000);
  g_assert_cmpuint (bound, ==, 1000);
  g_assert_true (proven);
  g_assert_cmpuint (n_buffers, ==, 4);
  g_assert_cmpstr (method, ==, tbuf_plan_get_method (plan));
}

static void
test_buffers_of_no_bytes_overlap_nothing (void)
{
  const Buffer buffers[] = { { 0, 9, 64, 1 }, { 0, 9, 0, 64 }, { 3, 4, 0, 1 } };
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();

  add_buffers (plan, buffers, G_N_ELEMENTS (buffers));
  solve (plan);
  assert_holds (plan, buffers, G_N_ELEMENTS (buffers));
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 64);
}

static void
test_respects_alignment (void)
{
  /* What is easy to align fits into the gap that the others leave. */
  const Buffer buffers[] = { { 0, 2, 10, 64 }, { 0, 2, 10, 64 }, { 0, 2, 52, 2 } };
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();

  add_buffers (plan, buffers, G_N_ELEMENTS (buffers));
  solve (plan);
  assert_holds (plan, buffers, G_N_ELEMENTS (buffers));
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 74);
}

/* Which buffer is on top decides over the last bytes. The search has to try both sides of a time that nothing crosses, and to
 * forget the first when there is no room for the second: what it forgot once made it prove a bound above the optimum. */
static void
test_bound_is_not_above_the_optimum (void)
{
  const Buffer buffers[] = {
    { 4, 6, 121992, 64 }, { 4, 8, 176400, 64 }, { 6, 9, 261072, 64 }, { 8, 9, 905148, 64 }, { 4, 5, 2480, 64 },
    { 8, 9, 10032, 64 }, { 7, 9, 72518, 64 }, { 8, 9, 143136, 64 }, { 4, 9, 3804, 64 },
  };
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();

  tbuf_plan_set_n_threads (plan, 1);
  add_buffers (plan, buffers, G_N_ELEMENTS (buffers));
  solve (plan);
  assert_holds (plan, buffers, G_N_ELEMENTS (buffers));
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 1395846);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, 1395846);
}

/* The least height that there is, or @best if that is less. The buffers of the best plan, taken from the lowest up, can each sink
 * onto those that were taken before; so one of the orders, with each buffer on top of its neighbours, is a best plan. */
static guint64
find_optimum (Buffer  *buffers,
              guint64 *offsets,
              guint    n_buffers,
              guint    n_placed,
              guint64  height,
              guint64  best)
{
  if (n_placed == n_buffers || height >= best)
    return MIN (height, best);

  for (guint i = n_placed; i < n_buffers; i++)
    {
      Buffer chosen = buffers[i];
      guint64 offset = 0;

      for (guint j = 0; j < n_placed; j++)
        if (buffers[j].size > 0 && buffers[j].lower < chosen.upper && chosen.lower < buffers[j].upper)
          offset = MAX (offset, offsets[j] + buffers[j].size);
      offset = chosen.size > 0 ? (offset + chosen.alignment - 1) / chosen.alignment * chosen.alignment : 0;

      buffers[i] = buffers[n_placed];
      buffers[n_placed] = chosen;
      offsets[n_placed] = offset;
      best = find_optimum (buffers, offsets, n_buffers, n_placed + 1, MAX (height, offset + chosen.size), best);
      buffers[n_placed] = buffers[i];
      buffers[i] = chosen;
    }

  return best;
}

static void
test_proven_plans_are_optimal (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (9);
  const guint n_rounds = g_test_thorough () ? 20000 : 150;

  for (guint round = 0; round < n_rounds; round++)
    {
      Buffer buffers[7];
      guint64 offsets[G_N_ELEMENTS (buffers)], optimum;
      guint n_buffers = (guint) g_rand_int_range (random, 1, G_N_ELEMENTS (buffers) + 1);
      g_autoptr (TbufPlan) plan = tbuf_plan_new ();

      make_random_buffers (random, buffers, n_buffers, g_rand_int_range (random, 2, 9));
      tbuf_plan_set_n_threads (plan, 1);
      add_buffers (plan, buffers, n_buffers);
      solve (plan);
      assert_holds (plan, buffers, n_buffers);
      optimum = find_optimum (buffers, offsets, n_buffers, 0, 0, G_MAXUINT64);
      g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), <=, optimum);
      g_assert_cmpuint (tbuf_plan_get_height (plan), >=, optimum);
      if (tbuf_plan_get_proven (plan))
        g_assert_cmpuint (tbuf_plan_get_height (plan), ==, optimum);
    }
}

/* Adds a buffer that cannot be, and compares the error. */
static void
assert_refused (TbufPlan   *plan,
                const char *id,
                guint64     lower,
                guint64     upper,
                guint64     size,
                guint64     alignment,
                guint64     offset,
                int         code,
                const char *message)
{
  g_autoptr (GError) error = NULL;
  guint n_buffers = tbuf_plan_get_n_buffers (plan);

  if (offset == 0)
    g_assert_false (tbuf_plan_add (plan, id, lower, upper, size, alignment, &error));
  else
    g_assert_false (tbuf_plan_add_fixed (plan, id, lower, upper, size, alignment, offset, &error));
  g_assert_error (error, TBUF_ERROR, code);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_cmpuint (tbuf_plan_get_n_buffers (plan), ==, n_buffers);
}

static void
test_refuses_bad_buffers (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autofree char *long_id = g_strnfill (256, 'x');
  g_autoptr (GError) error = NULL;

  add (plan, "a", 0, 1, 1, 1);
  assert_refused (plan, "b", 5, 5, 1, 1, 0, TBUF_ERROR_INVALID,
                  "Buffer \"b\" lives from 5 until before 5, which is never: upper must be greater than lower");
  assert_refused (plan, "b", 6, 5, 1, 1, 0, TBUF_ERROR_INVALID,
                  "Buffer \"b\" lives from 6 until before 5, which is never: upper must be greater than lower");
  assert_refused (plan, "b", 5, 6, 1, 0, 0, TBUF_ERROR_INVALID,
                  "Buffer \"b\": its alignment, 0, is not a power of two");
  assert_refused (plan, "b", 5, 6, 1, 48, 0, TBUF_ERROR_INVALID,
                  "Buffer \"b\": its alignment, 48, is not a power of two");
  assert_refused (plan, "b", 5, 6, (guint64) -1, 1, 0, TBUF_ERROR_RANGE,
                  "Buffer \"b\": its size, 18446744073709551615 (or -1), is not in the range from 0 to 9223372036854775807");
  assert_refused (plan, "b", 5, G_MAXUINT64, 1, 1, 0, TBUF_ERROR_RANGE,
                  "Buffer \"b\": its upper, 18446744073709551615 (or -1), is not in the range from 0 to 9223372036854775807");
  assert_refused (plan, "b", 5, 6, 1, 4, 6, TBUF_ERROR_ALIGNMENT,
                  "Buffer \"b\": its offset, 6, is not a multiple of its alignment, 4");
  assert_refused (plan, "b", 5, 6, G_MAXINT64, 1, 0, TBUF_ERROR_RANGE,
                  "Buffer \"b\": with its 9223372036854775807 bytes at an alignment of 1, all buffers one after another have "
                  "more than 9223372036854775807 bytes");
  assert_refused (plan, "b", 5, 6, 9, 1, G_MAXINT64, TBUF_ERROR_RANGE,
                  "Buffer \"b\": with its 9 bytes at an alignment of 1, all buffers one after another have more than "
                  "9223372036854775807 bytes");
  assert_refused (plan, "a", 5, 6, 1, 1, 0, TBUF_ERROR_EXISTS, "Buffer \"a\", number 1, has the id of number 0");
  assert_refused (plan, "", 5, 6, 1, 1, 0, TBUF_ERROR_INVALID,
                  "Buffer \"\", number 1, has an id of 0 bytes; it must have 1 to 255");
  assert_refused (plan, "\377", 5, 6, 1, 1, 0, TBUF_ERROR_INVALID,
                  "Buffer \"\357\277\275\", number 1, has an id that is not valid UTF-8");
  g_assert_false (tbuf_plan_add (plan, long_id, 0, 1, 1, 1, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

static void
test_ids_are_unique (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  const guint64 zero[] = { 0, 0 }, one[] = { 1, 1 };
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) ids = NULL;

  /* A number can be an id before the buffer of that number is there. */
  add (plan, "0", 0, 1, 1, 1);
  assert_refused (plan, "0", 0, 1, 1, 1, 0, TBUF_ERROR_EXISTS, "Buffer \"0\", number 1, has the id of number 0");
  add (plan, "00", 0, 1, 2, 1);
  add (plan, "3", 0, 1, 4, 1);
  g_assert_false (tbuf_plan_add_many (plan, zero, 2, one, 2, one, 2, NULL, 0, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_EXISTS);
  g_assert_cmpstr (error->message, ==, "Buffer \"3\", number 3, has the id of number 2");
  g_clear_error (&error);

  add (plan, "x", 0, 1, 8, 1);
  g_assert_true (tbuf_plan_add_many (plan, zero, 2, one, 2, one, 2, NULL, 0, &error));
  g_assert_no_error (error);

  ids = tbuf_plan_list_ids (plan);
  g_assert_cmpstrv (ids, ((const char *[]) { "0", "00", "3", "x", "4", "5", NULL }));
  solve (plan);
  for (guint i = 0; ids[i] != NULL; i++)
    get_offset (plan, ids[i]);

  tbuf_plan_get_offset (plan, "6", &error);
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
  g_assert_cmpstr (error->message, ==, "There is no buffer \"6\" among the 6 that there are");
}

static void
test_many_are_all_or_none (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  const guint64 lowers[] = { 0, 1, 2 }, uppers[] = { 2, 3, 2 }, sizes[] = { 10, 20, 30 }, alignments[] = { 1, 2, 4 };
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_plan_add_many (plan, lowers, 3, uppers, 2, sizes, 3, NULL, 0, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, "There are 3 lowers, 2 uppers, 3 sizes and 0 alignments; there must be as many of each, "
                                       "or no alignments");
  g_clear_error (&error);
  g_assert_false (tbuf_plan_add_many (plan, lowers, 3, uppers, 3, sizes, 3, alignments, 2, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  /* The third is wrong. */
  g_assert_false (tbuf_plan_add_many (plan, lowers, 3, uppers, 3, sizes, 3, alignments, 3, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_assert_cmpuint (tbuf_plan_get_n_buffers (plan), ==, 0);
  g_clear_error (&error);

  g_assert_true (tbuf_plan_add_many (plan, lowers, 2, uppers, 2, sizes, 2, alignments, 2, &error));
  g_assert_true (tbuf_plan_add_many (plan, NULL, 0, NULL, 0, NULL, 0, NULL, 0, &error));
  g_assert_no_error (error);
  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 30);
}

static void
test_rows (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  const gint64 table[] = {
    0, 2, 100, 1, -1,
    1, 3, 200, 8, -1,
    0, 3, 50, 1, 40,
  };
  g_autoptr (GBytes) rows = g_bytes_new_static (table, sizeof table);
  g_autoptr (GBytes) same = NULL;
  g_autoptr (GBytes) offsets = NULL;
  g_autoptr (GError) error = NULL;
  const gint64 *numbers;
  gsize n_bytes;

  for (guint n_columns = 0; n_columns < 8; n_columns++)
    if (n_columns != 3 && n_columns != 5)
      {
        g_assert_false (tbuf_plan_add_rows (plan, rows, n_columns, &error));
        g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
        g_clear_error (&error);
      }

  g_assert_true (tbuf_plan_add_rows (plan, rows, 5, &error));
  g_assert_no_error (error);
  same = tbuf_plan_get_rows (plan);
  g_assert_true (g_bytes_equal (rows, same));
  solve (plan);
  offsets = tbuf_plan_get_offsets_bytes (plan);
  numbers = g_bytes_get_data (offsets, &n_bytes);
  g_assert_cmpuint (n_bytes, ==, 3 * sizeof *numbers);
  g_assert_cmpint (numbers[2], ==, 40);
  g_assert_cmpint (numbers[1] % 8, ==, 0);
}

typedef struct
{
  guint64 left, right, bottom, top;
} Box;

/* Cuts a box in two at random until there are @n_boxes. */
static GArray *
cut_rectangle (GRand   *random,
               guint    n_boxes,
               guint32  width,
               guint32  height)
{
  GArray *boxes = g_array_new (FALSE, FALSE, sizeof (Box));
  Box whole = { 0, width, 0, height };

  g_array_append_val (boxes, whole);
  for (guint misses = 0; boxes->len < n_boxes && misses < 1000;)
    {
      Box *box = &g_array_index (boxes, Box, (guint) g_rand_int_range (random, 0, (gint32) boxes->len));
      Box other = *box;
      gint32 box_width = (gint32) (box->right - box->left), box_height = (gint32) (box->top - box->bottom);

      if (g_rand_boolean (random) && box_width > 1)
        other.left = box->right = box->left + (guint64) g_rand_int_range (random, 1, box_width);
      else if (box_height > 1)
        other.bottom = box->top = box->bottom + (guint64) g_rand_int_range (random, 1, box_height);
      else
        {
          misses++;
          continue;
        }
      g_array_append_val (boxes, other);
    }

  return boxes;
}

static void
test_rectangles_cut_into_boxes (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (1);

  /* The uncut rectangle is the optimum: there is no gap in it. */
  for (guint round = 0; round < 20; round++)
    {
      guint32 width = (guint32) g_rand_int_range (random, 2, 200);
      guint32 height = (guint32) g_rand_int_range (random, 2, 100000);
      g_autoptr (GArray) boxes = cut_rectangle (random, 2 + round, width, height);
      g_autofree Buffer *buffers = g_new0 (Buffer, boxes->len);
      g_autoptr (TbufPlan) plan = tbuf_plan_new ();

      for (guint i = 0; i < boxes->len; i++)
        {
          const Box *box = &g_array_index (boxes, Box, i);

          buffers[i] = (Buffer) { box->left, box->right, box->top - box->bottom, 1 };
        }

      add_buffers (plan, buffers, boxes->len);
      solve (plan);
      assert_holds (plan, buffers, boxes->len);
      g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, height);
      g_assert_cmpuint (tbuf_plan_get_height (plan), >=, height);
    }
}

static void
test_random_plans_hold (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (2);

  for (guint round = 0; round < 60; round++)
    {
      guint n_buffers = (guint) g_rand_int_range (random, 1, 300);
      g_autofree Buffer *buffers = g_new0 (Buffer, n_buffers);
      g_autoptr (TbufPlan) plan = tbuf_plan_new ();
      g_autoptr (GError) error = NULL;

      make_random_buffers (random, buffers, n_buffers, g_rand_int_range (random, 1, 100));
      add_buffers (plan, buffers, n_buffers);
      g_assert_true (tbuf_plan_solve (plan, 0, 1000, NULL, &error));
      g_assert_no_error (error);
      assert_holds (plan, buffers, n_buffers);
    }
}

/* With one thread and no limit, equal plans get equal offsets. */
static void
test_one_thread_is_deterministic (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (3);

  for (guint round = 0; round < 20; round++)
    {
      Buffer buffers[9];
      g_autoptr (GBytes) offsets = NULL;

      make_random_buffers (random, buffers, G_N_ELEMENTS (buffers), 8);
      for (guint i = 0; i < 2; i++)
        {
          g_autoptr (TbufPlan) plan = tbuf_plan_new ();
          g_autoptr (GError) error = NULL;

          tbuf_plan_set_n_threads (plan, 1);
          g_assert_cmpuint (tbuf_plan_get_n_threads (plan), ==, 1);
          add_buffers (plan, buffers, G_N_ELEMENTS (buffers));
          g_assert_true (tbuf_plan_solve (plan, 0, 10 * G_USEC_PER_SEC, NULL, &error));
          g_assert_no_error (error);
          if (i == 0)
            {
              offsets = tbuf_plan_get_offsets_bytes (plan);
            }
          else
            {
              g_autoptr (GBytes) same = tbuf_plan_get_offsets_bytes (plan);

              g_assert_true (g_bytes_equal (offsets, same));
            }
        }
    }
}

/* Buffers that stay, and pairs that are to be apart: found wherever the others are. */
static void
test_respects_fixed_and_separate (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (4);

  for (guint round = 0; round < 200; round++)
    {
      Buffer buffers[20];
      guint64 fixed_end = 0, offsets[20] = { 0 };
      g_autoptr (TbufPlan) plan = tbuf_plan_new ();
      g_autoptr (GError) error = NULL;
      guint n_pairs = (guint) g_rand_int_range (random, 0, 12);
      g_auto (GStrv) pairs = g_new0 (char *, 2 * n_pairs + 1);

      make_random_buffers (random, buffers, G_N_ELEMENTS (buffers), 10);
      for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
        {
          const Buffer *buffer = &buffers[i];
          g_autofree char *id = g_strdup_printf ("b%u", i);

          if (i % 5 == 0)
            {
              offsets[i] = (fixed_end + 127) / 128 * 128 + 128 * (guint64) g_rand_int_range (random, 0, 4);
              fixed_end = offsets[i] + buffer->size;
              tbuf_plan_add_fixed (plan, id, buffer->lower, buffer->upper, buffer->size, buffer->alignment, offsets[i], &error);
            }
          else
            tbuf_plan_add (plan, id, buffer->lower, buffer->upper, buffer->size, buffer->alignment, &error);
          g_assert_no_error (error);
        }
      for (guint i = 0; i < n_pairs; i++)
        {
          gint32 one = g_rand_int_range (random, 1, G_N_ELEMENTS (buffers));

          pairs[2 * i] = g_strdup_printf ("b%d", one);
          pairs[2 * i + 1] = g_strdup_printf ("b%d", g_rand_int_range (random, 0, one));
          g_assert_true (tbuf_plan_separate (plan, pairs[2 * i], pairs[2 * i + 1], &error));
          g_assert_no_error (error);
        }

      g_assert_true (tbuf_plan_solve (plan, 0, 1000, NULL, &error));
      g_assert_no_error (error);
      g_assert_true (tbuf_plan_verify (plan, &error));
      g_assert_no_error (error);
      for (guint i = 0; i < G_N_ELEMENTS (buffers); i += 5)
        {
          g_autofree char *id = g_strdup_printf ("b%u", i);

          g_assert_cmpuint (get_offset (plan, id), ==, offsets[i]);
        }
      for (guint i = 0; i < n_pairs; i++)
        {
          guint64 one = get_offset (plan, pairs[2 * i]), other = get_offset (plan, pairs[2 * i + 1]);
          guint64 one_size = buffers[atoi (pairs[2 * i] + 1)].size, other_size = buffers[atoi (pairs[2 * i + 1] + 1)].size;

          g_assert_true (one_size == 0 || other_size == 0 || one >= other + other_size || other >= one + one_size);
        }
    }
}

/* A buffer without bytes is in nobody's way, but its offset lies within the plan. */
static void
test_fixed_buffer_of_no_bytes_lies_within (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  add_fixed (plan, "empty", 0, 5, 0, 100);
  add (plan, "a", 0, 5, 10, 1);
  solve (plan);
  g_assert_cmpuint (get_offset (plan, "empty"), ==, 100);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 100);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, 100);
  g_assert_true (tbuf_plan_get_proven (plan));
  g_assert_true (tbuf_plan_verify (plan, &error));
  g_assert_no_error (error);
}

static void
test_separate_names_two_buffers (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  add (plan, "a", 0, 1, 10, 1);
  add (plan, "b", 1, 2, 10, 1);
  g_assert_false (tbuf_plan_separate (plan, "a", "c", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (tbuf_plan_separate (plan, "a", "a", &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 10);
  g_assert_true (tbuf_plan_separate (plan, "a", "b", &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 0);
  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 20);
}

static void
assert_infeasible (TbufPlan   *plan,
                   guint64     capacity,
                   const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_plan_solve (plan, capacity, G_USEC_PER_SEC, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_colliding_fixed_buffers_are_named (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (TbufPlan) apart = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  add_fixed (plan, "a", 0, 2, 10, 5);
  add (plan, "x", 0, 9, 10, 1);
  add_fixed (plan, "b", 1, 3, 10, 14);
  assert_infeasible (plan, 0, "Buffer \"a\" (10 bytes at offset 5, from 0 until before 2) and \"b\" (10 bytes at offset 14, "
                              "from 1 until before 3) share bytes, though they live at the same time");

  add_fixed (apart, "a", 0, 1, 10, 5);
  add_fixed (apart, "b", 1, 3, 10, 14);
  solve (apart);
  g_assert_true (tbuf_plan_separate (apart, "b", "a", &error));
  g_assert_no_error (error);
  assert_infeasible (apart, 0, "Buffer \"b\" (10 bytes at offset 14, from 1 until before 3) and \"a\" (10 bytes at offset 5, "
                               "from 0 until before 1) share bytes, though they are to be apart");
}

static void
test_impossible_capacity_is_explained (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  add (plan, "a", 0, 10, 100, 1);
  add (plan, "b", 7, 12, 50, 1);
  add (plan, "c", 9, 11, 25, 1);
  add (plan, "d", 11, 12, 60, 1);
  assert_infeasible (plan, 174, "A capacity of 174 bytes is too small: the 3 that live at time 9 have 175 bytes together");
  g_assert_true (tbuf_plan_solve (plan, 175, G_USEC_PER_SEC, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 175);

  add_fixed (plan, "e", 20, 21, 10, 200);
  assert_infeasible (plan, 205, "Buffer \"e\" has 10 bytes at offset 200, so it ends at 210, beyond 205");

  g_assert_false (tbuf_plan_solve (plan, G_MAXUINT64, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
}

static void
test_change_forgets_the_solution (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  add (plan, "a", 0, 2, 10, 1);
  tbuf_plan_get_offset (plan, "a", &error);
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (tbuf_plan_verify (plan, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  solve (plan);
  add (plan, "b", 0, 2, 20, 1);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 0);
  g_assert_null (tbuf_plan_get_offsets (plan, NULL));
  tbuf_plan_get_offset (plan, "a", &error);
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
}

static void
count_notification (TbufPlan   *plan,
                    GParamSpec *pspec,
                    gpointer    data)
{
  ++*(guint *) data;
}

/* What fails leaves the plan as it was. */
static void
test_errors_keep_the_solution (void)
{
  const guint64 lowers[] = { 0, 1 }, uppers[] = { 2, 1 }, sizes[] = { 10, 10 };
  g_autoptr (GBytes) rows = g_bytes_new_static ("", 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  guint n_notifications = 0;

  add (plan, "a", 0, 2, 10, 1);
  solve (plan);
  g_signal_connect (plan, "notify::height", G_CALLBACK (count_notification), &n_notifications);
  g_cancellable_cancel (cancellable);

  g_assert_false (tbuf_plan_add (plan, "a", 0, 2, 10, 1, NULL));
  g_assert_false (tbuf_plan_add_many (plan, lowers, 2, uppers, 2, sizes, 2, NULL, 0, NULL));
  g_assert_false (tbuf_plan_add_rows (plan, rows, 2, NULL));
  g_assert_false (tbuf_plan_separate (plan, "a", "a", NULL));
  g_assert_false (tbuf_plan_solve (plan, 9, -1, NULL, NULL));
  g_assert_false (tbuf_plan_solve (plan, G_MAXUINT64, -1, NULL, NULL));
  g_assert_false (tbuf_plan_solve (plan, 0, -1, cancellable, NULL));
  g_assert_cmpuint (tbuf_plan_get_n_buffers (plan), ==, 1);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 10);
  g_assert_true (tbuf_plan_get_proven (plan));
  g_assert_nonnull (tbuf_plan_get_method (plan));
  g_assert_true (tbuf_plan_verify (plan, NULL));
  g_assert_cmpuint (n_notifications, ==, 0);

  /* What does not is told. */
  add (plan, "b", 2, 3, 10, 1);
  g_assert_cmpuint (n_notifications, ==, 1);
  solve (plan);
  g_assert_true (tbuf_plan_separate (plan, "a", "b", NULL));
  g_assert_cmpuint (n_notifications, ==, 3);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 0);
}

static void
test_cancelled_before_it_starts (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  add (plan, "a", 0, 2, 10, 1);
  g_cancellable_cancel (cancellable);
  g_assert_false (tbuf_plan_solve (plan, 0, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 10);
}

typedef struct
{
  GAsyncQueue  *started;
  GCancellable *cancellable;
} Canceller;

/* Waits for word that the search has begun; the word is how long to wait on. */
static gpointer
cancel_in_thread (gpointer data)
{
  Canceller *self = data;
  guint n_yields = GPOINTER_TO_UINT (g_async_queue_pop (self->started));

  for (guint i = 1; i < n_yields; i++)
    g_thread_yield ();
  g_cancellable_cancel (self->cancellable);
  return NULL;
}

static void
start_canceller (TbufPlan *plan,
                 guint64   height,
                 double    seconds,
                 gpointer  data)
{
  Canceller *self = data;

  g_async_queue_push (self->started, g_object_get_data (G_OBJECT (plan), "n-yields"));
}

/* Whenever it comes, what was found until then holds. */
static void
test_cancelled_search_keeps_its_best_plan (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (8);
  Buffer buffers[300];

  make_random_buffers (random, buffers, G_N_ELEMENTS (buffers), 60);
  for (guint round = 0; round < 10; round++)
    {
      g_autoptr (TbufPlan) plan = tbuf_plan_new ();
      g_autoptr (GAsyncQueue) started = g_async_queue_new ();
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      Canceller canceller = { started, cancellable };
      GThread *thread = g_thread_new ("canceller", cancel_in_thread, &canceller);
      guint n_yields = 1 + (guint) g_rand_int_range (random, 0, 1 << (round % 8));

      add_buffers (plan, buffers, G_N_ELEMENTS (buffers));
      g_object_set_data (G_OBJECT (plan), "n-yields", GUINT_TO_POINTER (n_yields));
      g_signal_connect (plan, "progress", G_CALLBACK (start_canceller), &canceller);
      if (!tbuf_plan_solve (plan, 0, -1, cancellable, &error))
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);

      assert_holds (plan, buffers, G_N_ELEMENTS (buffers));
    }
}

static void
test_no_time_is_enough_for_one_plan (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  Buffer buffers[100];
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  make_random_buffers (random, buffers, G_N_ELEMENTS (buffers), 30);
  add_buffers (plan, buffers, G_N_ELEMENTS (buffers));
  g_assert_true (tbuf_plan_solve (plan, 0, 0, NULL, &error));
  g_assert_no_error (error);
  assert_holds (plan, buffers, G_N_ELEMENTS (buffers));
}

static void
test_many_buffers (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (6);
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;
  guint64 greatest = 0;

  /* Long chains of short lives, and a few that live throughout. */
  for (guint i = 0; i < 5000; i++)
    {
      guint64 lower = i, upper = i + (i % 500 == 0 ? 4000 : (guint64) g_rand_int_range (random, 1, 30));
      guint64 size = (guint64) g_rand_int_range (random, 1, 4096);
      g_autofree char *id = g_strdup_printf ("buffer %u", i);

      add (plan, id, lower, upper, size, 64);
      greatest = MAX (greatest, size);
    }
  g_assert_true (tbuf_plan_solve (plan, 0, 1000, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (tbuf_plan_verify (plan, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_plan_get_height (plan), >=, tbuf_plan_get_lower_bound (plan));
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), >=, greatest);
}

/* What ::progress said. */
typedef struct
{
  GThread *thread;
  guint    n_emissions;
  guint    n_notifications;
  guint64  height;
  double   seconds;
} Told;

static void
on_progress (TbufPlan *plan,
             guint64   height,
             double    seconds,
             gpointer  data)
{
  Told *told = data;

  g_assert_true (g_thread_self () == told->thread);
  g_assert_true (told->n_emissions == 0 || height < told->height);
  g_assert_cmpfloat (seconds, >=, told->seconds);
  told->height = height;
  told->seconds = seconds;
  told->n_emissions++;
}

static void
on_notify (TbufPlan   *plan,
           GParamSpec *pspec,
           gpointer    data)
{
  Told *told = data;

  g_assert_true (g_thread_self () == told->thread);
  told->n_notifications++;
}

static TbufPlan *
new_watched (Told *told)
{
  TbufPlan *plan = tbuf_plan_new ();

  *told = (Told) { .thread = g_thread_self () };
  add (plan, "a", 0, 2, 10, 1);
  add (plan, "b", 1, 3, 20, 1);
  g_signal_connect (plan, "progress", G_CALLBACK (on_progress), told);
  g_signal_connect (plan, "notify::height", G_CALLBACK (on_notify), told);
  return plan;
}

static void
test_progress_is_emitted_at_once (void)
{
  Told told;
  g_autoptr (TbufPlan) plan = new_watched (&told);

  solve (plan);
  g_assert_cmpuint (told.n_emissions, >=, 1);
  g_assert_cmpuint (told.n_notifications, ==, 1);
  g_assert_cmpuint (told.height, ==, tbuf_plan_get_height (plan));
  g_assert_cmpfloat (told.seconds, <=, tbuf_plan_get_elapsed (plan));
}

static gpointer
solve_elsewhere (gpointer plan)
{
  solve (plan);
  return NULL;
}

static void
test_progress_of_another_thread_waits_for_the_context (void)
{
  Told told;
  g_autoptr (TbufPlan) plan = new_watched (&told);

  g_thread_join (g_thread_new ("solve", solve_elsewhere, plan));
  g_assert_cmpuint (told.n_emissions, ==, 0);
  g_assert_cmpuint (told.n_notifications, ==, 0);

  while (told.n_notifications == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (told.n_emissions, ==, 1);
  g_assert_cmpuint (told.height, ==, tbuf_plan_get_height (plan));
  g_assert_false (g_main_context_pending (NULL));
}

/* Progress that nobody waits for keeps no plan alive. */
static void
test_progress_that_waits_holds_no_reference (void)
{
  Told told;
  TbufPlan *plan = new_watched (&told);

  g_thread_join (g_thread_new ("solve", solve_elsewhere, plan));
  g_assert_finalize_object (plan);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (told.n_emissions, ==, 0);
}

static void
keep_result (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  GAsyncResult **kept = user_data;

  g_assert_null (*kept);
  *kept = g_object_ref (result);
}

static void
test_async (void)
{
  Told told;
  g_autoptr (TbufPlan) plan = new_watched (&told);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  tbuf_plan_solve_async (plan, 0, G_USEC_PER_SEC, NULL, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (tbuf_plan_solve_finish (plan, result, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 30);

  /* Progress was emitted before the callback was called. */
  g_assert_cmpuint (told.n_emissions, >=, 1);
  g_assert_cmpuint (told.n_notifications, ==, 1);
}

static void
test_async_is_cancelled (void)
{
  Told told;
  g_autoptr (TbufPlan) plan = new_watched (&told);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  tbuf_plan_solve_async (plan, 0, -1, cancellable, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (tbuf_plan_solve_finish (plan, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* From the call on until the callback is called, however fast or slow the thread is. */
static void
test_async_is_busy_at_once (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GAsyncResult) refused = NULL;
  g_autoptr (GError) error = NULL;

  add (plan, "a", 0, 1, 10, 1);
  tbuf_plan_solve_async (plan, 0, -1, NULL, keep_result, &result);
  g_assert_false (tbuf_plan_add (plan, "b", 0, 1, 10, 1, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_clear_error (&error);
  tbuf_plan_solve_async (plan, 0, -1, NULL, keep_result, &refused);
  while (result == NULL || refused == NULL)
    g_main_context_iteration (NULL, TRUE);

  g_assert_false (tbuf_plan_solve_finish (plan, refused, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_true (tbuf_plan_solve_finish (plan, result, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 10);
  add (plan, "b", 0, 1, 10, 1);
}

/* A handler may look at the plan, but not change it. */
static void
change_meanwhile (TbufPlan *plan,
                  guint64   height,
                  double    seconds,
                  gpointer  data)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (tbuf_plan_get_n_buffers (plan), ==, 1);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 0);
  g_assert_false (tbuf_plan_add (plan, "b", 0, 1, 1, 1, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (tbuf_plan_solve (plan, 0, 0, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_BUSY);
}

static void
test_is_not_changed_while_it_is_solved (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();

  add (plan, "a", 0, 1, 1, 1);
  g_signal_connect (plan, "progress", G_CALLBACK (change_meanwhile), NULL);
  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 1);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/plan/empty", test_empty);
  g_test_add_func ("/tbuf/plan/shares-bytes-between-lifetimes", test_shares_bytes_between_lifetimes);
  g_test_add_func ("/tbuf/plan/buffers-of-no-bytes-overlap-nothing", test_buffers_of_no_bytes_overlap_nothing);
  g_test_add_func ("/tbuf/plan/respects-alignment", test_respects_alignment);
  g_test_add_func ("/tbuf/plan/bound-is-not-above-the-optimum", test_bound_is_not_above_the_optimum);
  g_test_add_func ("/tbuf/plan/proven-plans-are-optimal", test_proven_plans_are_optimal);
  g_test_add_func ("/tbuf/plan/refuses-bad-buffers", test_refuses_bad_buffers);
  g_test_add_func ("/tbuf/plan/ids-are-unique", test_ids_are_unique);
  g_test_add_func ("/tbuf/plan/many-are-all-or-none", test_many_are_all_or_none);
  g_test_add_func ("/tbuf/plan/rows", test_rows);
  g_test_add_func ("/tbuf/plan/rectangles-cut-into-boxes", test_rectangles_cut_into_boxes);
  g_test_add_func ("/tbuf/plan/random-plans-hold", test_random_plans_hold);
  g_test_add_func ("/tbuf/plan/one-thread-is-deterministic", test_one_thread_is_deterministic);
  g_test_add_func ("/tbuf/plan/respects-fixed-and-separate", test_respects_fixed_and_separate);
  g_test_add_func ("/tbuf/plan/fixed-buffer-of-no-bytes-lies-within", test_fixed_buffer_of_no_bytes_lies_within);
  g_test_add_func ("/tbuf/plan/separate-names-two-buffers", test_separate_names_two_buffers);
  g_test_add_func ("/tbuf/plan/colliding-fixed-buffers-are-named", test_colliding_fixed_buffers_are_named);
  g_test_add_func ("/tbuf/plan/impossible-capacity-is-explained", test_impossible_capacity_is_explained);
  g_test_add_func ("/tbuf/plan/change-forgets-the-solution", test_change_forgets_the_solution);
  g_test_add_func ("/tbuf/plan/errors-keep-the-solution", test_errors_keep_the_solution);
  g_test_add_func ("/tbuf/plan/cancelled-before-it-starts", test_cancelled_before_it_starts);
  g_test_add_func ("/tbuf/plan/cancelled-search-keeps-its-best-plan", test_cancelled_search_keeps_its_best_plan);
  g_test_add_func ("/tbuf/plan/no-time-is-enough-for-one-plan", test_no_time_is_enough_for_one_plan);
  g_test_add_func ("/tbuf/plan/many-buffers", test_many_buffers);
  g_test_add_func ("/tbuf/plan/progress-is-emitted-at-once", test_progress_is_emitted_at_once);
  g_test_add_func ("/tbuf/plan/progress-of-another-thread-waits-for-the-context",
                   test_progress_of_another_thread_waits_for_the_context);
  g_test_add_func ("/tbuf/plan/progress-that-waits-holds-no-reference", test_progress_that_waits_holds_no_reference);
  g_test_add_func ("/tbuf/plan/async", test_async);
  g_test_add_func ("/tbuf/plan/async-is-cancelled", test_async_is_cancelled);
  g_test_add_func ("/tbuf/plan/async-is-busy-at-once", test_async_is_busy_at_once);
  g_test_add_func ("/tbuf/plan/is-not-changed-while-it-is-solved", test_is_not_changed_while_it_is_solved);

  return g_test_run ();
}
