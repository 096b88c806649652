/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-error.h"
#include "tbuf-plan-private.h"

static void
add (TbufPlan *plan,
     guint64   lower,
     guint64   upper,
     guint64   size,
     guint64   alignment)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_plan_add (plan, lower, upper, size, alignment, &error));
  g_assert_no_error (error);
}

static void
solve (TbufPlan *plan)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_plan_solve (plan, -1, NULL, &error));
  g_assert_no_error (error);
}

/* Builds a plan of @buffers, solves it, and fills in the offsets. */
static TbufPlan *
plan_buffers (TbufPlanBuffer *buffers,
              guint           n_buffers)
{
  TbufPlan *plan = tbuf_plan_new ();

  for (guint i = 0; i < n_buffers; i++)
    add (plan, buffers[i].lower, buffers[i].upper, buffers[i].size, buffers[i].alignment);
  solve (plan);
  for (guint i = 0; i < n_buffers; i++)
    buffers[i].offset = tbuf_plan_get_offset (plan, i);

  return plan;
}

/* Compares every pair, so that even the verifier is not taken at its word. */
static void
assert_holds (const TbufPlanBuffer *buffers,
              guint                 n_buffers,
              TbufPlan             *plan)
{
  g_autoptr (GError) error = NULL;
  guint64 height = 0, unshared = 0;

  for (guint i = 0; i < n_buffers; i++)
    {
      const TbufPlanBuffer *a = &buffers[i];

      unshared = (unshared + a->alignment - 1) / a->alignment * a->alignment + a->size;
      g_assert_cmpuint (a->offset % a->alignment, ==, 0);
      height = MAX (height, a->offset + a->size);
      for (guint j = 0; j < i; j++)
        {
          const TbufPlanBuffer *b = &buffers[j];

          if (a->size == 0 || b->size == 0 || a->lower >= b->upper || b->lower >= a->upper)
            continue;
          g_assert_true (a->offset >= b->offset + b->size || b->offset >= a->offset + a->size);
        }
    }

  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, height);
  g_assert_cmpuint (height, <=, unshared);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), <=, height);
  g_assert_true (tbuf_plan_verify_offsets (buffers, n_buffers, NULL, 0, height, &error));
  g_assert_no_error (error);
}

static void
test_empty (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();

  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_n_buffers (plan), ==, 0);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 0);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, 0);
}

static void
test_rejects_bad_buffers (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_plan_add (plan, 5, 5, 1, 1, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  g_assert_false (tbuf_plan_add (plan, 6, 5, 1, 1, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);
  g_clear_error (&error);

  g_assert_false (tbuf_plan_add (plan, 5, 6, 1, 0, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INVALID);

  g_assert_cmpuint (tbuf_plan_get_n_buffers (plan), ==, 0);
}

static void
test_shares_bytes_between_lifetimes (void)
{
  TbufPlanBuffer buffers[] = {
    { .lower = 0, .upper = 1, .size = 800, .alignment = 1 },
    { .lower = 0, .upper = 1, .size = 200, .alignment = 1 },
    { .lower = 1, .upper = 2, .size = 300, .alignment = 1 },
    { .lower = 1, .upper = 2, .size = 700, .alignment = 1 },
  };
  g_autoptr (TbufPlan) plan = plan_buffers (buffers, G_N_ELEMENTS (buffers));

  assert_holds (buffers, G_N_ELEMENTS (buffers), plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 1000);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, 1000);
}

static void
test_buffers_of_no_bytes_overlap_nothing (void)
{
  TbufPlanBuffer buffers[] = {
    { .lower = 0, .upper = 9, .size = 64, .alignment = 1 },
    { .lower = 0, .upper = 9, .size = 0, .alignment = 64 },
    { .lower = 3, .upper = 4, .size = 0, .alignment = 1 },
  };
  g_autoptr (TbufPlan) plan = plan_buffers (buffers, G_N_ELEMENTS (buffers));

  assert_holds (buffers, G_N_ELEMENTS (buffers), plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 64);
  g_assert_cmpuint (buffers[1].offset, ==, 0);
  g_assert_cmpuint (buffers[2].offset, ==, 0);
}

static void
test_respects_alignment (void)
{
  /* What is easy to align fits into the gap that the others leave. */
  TbufPlanBuffer buffers[] = {
    { .lower = 0, .upper = 2, .size = 10, .alignment = 64 },
    { .lower = 0, .upper = 2, .size = 10, .alignment = 64 },
    { .lower = 0, .upper = 2, .size = 52, .alignment = 3 },
  };
  g_autoptr (TbufPlan) plan = plan_buffers (buffers, G_N_ELEMENTS (buffers));

  assert_holds (buffers, G_N_ELEMENTS (buffers), plan);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, 72);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 74);
}

static void
test_overflow_is_an_error (void)
{
  g_autoptr (TbufPlan) sums = tbuf_plan_new ();
  g_autoptr (TbufPlan) alignments = tbuf_plan_new ();
  g_autoptr (TbufPlan) whole = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  add (sums, 0, 1, G_MAXUINT64, 1);
  add (sums, 0, 1, 1, 1);
  g_assert_false (tbuf_plan_solve (sums, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
  g_clear_error (&error);

  /* Multiples of 2^63 below 2^64: there are two. */
  for (guint i = 0; i < 3; i++)
    add (alignments, 0, 1, 1, G_GUINT64_CONSTANT (1) << 63);
  g_assert_false (tbuf_plan_solve (alignments, -1, NULL, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_RANGE);
  g_assert_cmpuint (tbuf_plan_get_height (alignments), ==, 0);

  add (whole, 0, G_MAXUINT64, G_MAXUINT64 - 1, 1);
  add (whole, 0, G_MAXUINT64, 1, 1);
  solve (whole);
  g_assert_cmpuint (tbuf_plan_get_height (whole), ==, G_MAXUINT64);
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
  for (guint round = 0; round < 40; round++)
    {
      guint32 width = (guint32) g_rand_int_range (random, 2, 200);
      guint32 height = (guint32) g_rand_int_range (random, 2, 100000);
      g_autoptr (GArray) boxes = cut_rectangle (random, 2 + round * 8, width, height);
      g_autofree TbufPlanBuffer *buffers = g_new0 (TbufPlanBuffer, boxes->len);
      g_autoptr (TbufPlan) plan = NULL;

      for (guint i = 0; i < boxes->len; i++)
        {
          const Box *box = &g_array_index (boxes, Box, i);

          buffers[i].lower = box->left;
          buffers[i].upper = box->right;
          buffers[i].size = box->top - box->bottom;
          buffers[i].alignment = 1;
        }

      plan = plan_buffers (buffers, boxes->len);
      assert_holds (buffers, boxes->len, plan);
      g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, height);
      g_assert_cmpuint (tbuf_plan_get_height (plan), >=, height);
    }
}

static void
make_random_buffers (GRand          *random,
                     TbufPlanBuffer *buffers,
                     guint           n_buffers,
                     gint32          n_times)
{
  for (guint i = 0; i < n_buffers; i++)
    {
      buffers[i].lower = (guint64) g_rand_int_range (random, 0, n_times);
      buffers[i].upper = (guint64) g_rand_int_range (random, (gint32) buffers[i].lower + 1, n_times + 1);
      buffers[i].size = (guint64) g_rand_int_range (random, 0, 1000);
      buffers[i].alignment = G_GUINT64_CONSTANT (1) << g_rand_int_range (random, 0, 8);
      buffers[i].offset = 0;
    }
}

static void
test_random_plans_hold (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (2);

  for (guint round = 0; round < 60; round++)
    {
      guint n_buffers = (guint) g_rand_int_range (random, 1, 300);
      g_autofree TbufPlanBuffer *buffers = g_new0 (TbufPlanBuffer, n_buffers);
      g_autofree TbufPlanBuffer *again = g_new0 (TbufPlanBuffer, n_buffers);
      g_autoptr (TbufPlan) plan = NULL;
      g_autoptr (TbufPlan) same = NULL;

      make_random_buffers (random, buffers, n_buffers, g_rand_int_range (random, 1, 100));
      memcpy (again, buffers, n_buffers * sizeof *buffers);
      plan = plan_buffers (buffers, n_buffers);
      assert_holds (buffers, n_buffers, plan);

      same = plan_buffers (again, n_buffers);
      g_assert_cmpmem (buffers, n_buffers * sizeof *buffers, again, n_buffers * sizeof *again);
    }
}

/* The least height that there is. The buffers of the best plan, taken from the lowest up, can each sink onto those that were
 * taken before; so one of the orders, with each buffer on top of its neighbours, is a best plan. */
static guint64
find_optimum (TbufPlanBuffer *buffers,
              guint           n_buffers,
              guint           n_placed)
{
  guint64 optimum = G_MAXUINT64, height = 0;

  if (n_placed == n_buffers)
    {
      for (guint i = 0; i < n_buffers; i++)
        height = MAX (height, buffers[i].offset + buffers[i].size);
      return height;
    }

  for (guint i = n_placed; i < n_buffers; i++)
    {
      TbufPlanBuffer chosen = buffers[i];

      buffers[i] = buffers[n_placed];
      chosen.offset = 0;
      for (guint j = 0; j < n_placed; j++)
        if (buffers[j].size > 0 && buffers[j].lower < chosen.upper && chosen.lower < buffers[j].upper)
          chosen.offset = MAX (chosen.offset, buffers[j].offset + buffers[j].size);
      chosen.offset = (chosen.offset + chosen.alignment - 1) / chosen.alignment * chosen.alignment;
      if (chosen.size == 0)
        chosen.offset = 0;
      buffers[n_placed] = chosen;

      optimum = MIN (optimum, find_optimum (buffers, n_buffers, n_placed + 1));
      buffers[n_placed] = buffers[i];
      buffers[i] = chosen;
    }

  return optimum;
}

static void
test_tiny_plans_are_never_below_the_optimum (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  guint n_optimal = 0;
  const guint n_rounds = 200;

  for (guint round = 0; round < n_rounds; round++)
    {
      TbufPlanBuffer buffers[6] = { 0 }, scratch[6];
      guint n_buffers = (guint) g_rand_int_range (random, 1, G_N_ELEMENTS (buffers) + 1);
      g_autoptr (TbufPlan) plan = NULL;
      guint64 optimum;

      make_random_buffers (random, buffers, n_buffers, 6);
      memcpy (scratch, buffers, sizeof buffers);
      optimum = find_optimum (scratch, n_buffers, 0);

      plan = plan_buffers (buffers, n_buffers);
      assert_holds (buffers, n_buffers, plan);
      g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), <=, optimum);
      g_assert_cmpuint (tbuf_plan_get_height (plan), >=, optimum);
      n_optimal += tbuf_plan_get_height (plan) == optimum;
    }

  g_test_message ("%u of %u tiny plans are optimal", n_optimal, n_rounds);
}

static void
test_many_buffers (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (4);
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  guint64 greatest = 0;

  /* Long chains of short lives, and a few that live throughout. */
  for (guint i = 0; i < 5000; i++)
    {
      guint64 lower = i, upper = i + (i % 500 == 0 ? 4000 : (guint64) g_rand_int_range (random, 1, 30));
      guint64 size = (guint64) g_rand_int_range (random, 1, 4096);

      add (plan, lower, upper, size, 64);
      greatest = MAX (greatest, size);
    }
  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_height (plan), >=, tbuf_plan_get_lower_bound (plan));
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), >=, greatest);
}

static void
test_parts_share_all_bytes (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();

  for (guint64 part = 0; part < 500; part++)
    {
      add (plan, 10 * part, 10 * part + 10, 100, 1);
      add (plan, 10 * part, 10 * part + 5, part, 1);
    }
  solve (plan);
  g_assert_cmpuint (tbuf_plan_get_lower_bound (plan), ==, 100 + 499);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 100 + 499);
}

static void
test_cancelled_plan_keeps_its_offsets (void)
{
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  add (plan, 0, 2, 10, 1);
  add (plan, 0, 2, 20, 1);
  solve (plan);
  add (plan, 0, 2, 30, 1);

  g_cancellable_cancel (cancellable);
  g_assert_false (tbuf_plan_solve (plan, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (tbuf_plan_get_height (plan), ==, 30);
}

/* Boxes that stay, and pairs that are to be apart: found wherever the others are. */
static void
test_search_respects_fixed_and_separate (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  for (guint round = 0; round < 200; round++)
    {
      TbufPlanBuffer buffers[24] = { 0 };
      TbufPlanPair pairs[12];
      guint n_buffers = (guint) g_rand_int_range (random, 2, G_N_ELEMENTS (buffers) + 1);
      guint n_pairs = (guint) g_rand_int_range (random, 0, G_N_ELEMENTS (pairs) + 1);
      guint64 fixed_end = 0;
      TbufPlanProblem problem = {
        .buffers = buffers, .n_buffers = n_buffers, .separate = pairs, .n_separate = n_pairs, .deadline = G_MAXINT64,
      };
      TbufPlanResult result;
      g_autoptr (GError) error = NULL;

      make_random_buffers (random, buffers, n_buffers, 10);
      for (guint i = 0; i < n_buffers; i += 5)
        {
          buffers[i].is_fixed = TRUE;
          buffers[i].offset = fixed_end + 128 * (guint64) g_rand_int_range (random, 0, 4);
          buffers[i].offset -= buffers[i].offset % 128;
          fixed_end = buffers[i].offset + buffers[i].size + 127;
        }
      for (guint i = 0; i < n_pairs; i++)
        {
          pairs[i].one = (guint) g_rand_int_range (random, 1, (gint32) n_buffers);
          pairs[i].other = (guint) g_rand_int_range (random, 0, (gint32) pairs[i].one);
        }

      g_assert_true (tbuf_plan_search (&problem, &result, &error));
      g_assert_no_error (error);
      g_assert_nonnull (result.method);
      g_assert_cmpuint (result.lower_bound, <=, result.height);
      g_assert_true (tbuf_plan_verify_offsets (buffers, n_buffers, pairs, n_pairs, result.height, &error));
      g_assert_no_error (error);
    }
}

static void
test_no_time_is_enough_for_one_plan (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  TbufPlanBuffer buffers[100] = { 0 };
  g_autoptr (TbufPlan) plan = tbuf_plan_new ();
  g_autoptr (GError) error = NULL;

  make_random_buffers (random, buffers, G_N_ELEMENTS (buffers), 30);
  for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
    add (plan, buffers[i].lower, buffers[i].upper, buffers[i].size, buffers[i].alignment);

  g_assert_true (tbuf_plan_solve (plan, 0, NULL, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (buffers); i++)
    buffers[i].offset = tbuf_plan_get_offset (plan, i);
  assert_holds (buffers, G_N_ELEMENTS (buffers), plan);
}

static void
test_verifier_finds_overlaps (void)
{
  TbufPlanBuffer buffers[] = {
    { .lower = 0, .upper = 4, .size = 10, .alignment = 1, .offset = 0 },
    { .lower = 4, .upper = 6, .size = 10, .alignment = 1, .offset = 0 },
    { .lower = 0, .upper = 9, .size = 10, .alignment = 1, .offset = 10 },
    { .lower = 2, .upper = 5, .size = 0, .alignment = 1, .offset = 5 },
    { .lower = 5, .upper = 7, .size = 10, .alignment = 1, .offset = 20 },
  };
  g_autoptr (GError) error = NULL;
  guint one = 0, other = 0;

  g_assert_true (tbuf_plan_verify_offsets (buffers, G_N_ELEMENTS (buffers), NULL, 0, 30, &error));
  g_assert_no_error (error);

  for (guint64 offset = 11; offset < 30; offset++)
    {
      buffers[4].offset = offset;
      g_assert_cmpint (tbuf_plan_find_overlap (buffers, G_N_ELEMENTS (buffers), &one, &other), ==, offset < 20);
      if (offset < 20)
        {
          g_assert_cmpuint (one, ==, 2);
          g_assert_cmpuint (other, ==, 4);
        }
    }

  buffers[4].offset = 9;
  g_assert_false (tbuf_plan_verify_offsets (buffers, G_N_ELEMENTS (buffers), NULL, 0, 30, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
}

static void
test_verifier_agrees_with_every_pair (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (6);
  guint n_overlapping = 0;

  for (guint round = 0; round < 2000; round++)
    {
      TbufPlanBuffer buffers[8] = { 0 };
      guint n_buffers = (guint) g_rand_int_range (random, 1, G_N_ELEMENTS (buffers) + 1);
      gboolean overlap = FALSE;
      guint one, other;

      make_random_buffers (random, buffers, n_buffers, 8);
      for (guint i = 0; i < n_buffers; i++)
        {
          buffers[i].offset = (guint64) g_rand_int_range (random, 0, 2000);
          for (guint j = 0; j < i; j++)
            overlap |= buffers[i].size > 0 && buffers[j].size > 0 &&
                       buffers[i].lower < buffers[j].upper && buffers[j].lower < buffers[i].upper &&
                       buffers[i].offset < buffers[j].offset + buffers[j].size &&
                       buffers[j].offset < buffers[i].offset + buffers[i].size;
        }
      g_assert_cmpint (tbuf_plan_find_overlap (buffers, n_buffers, &one, &other), ==, overlap);
      n_overlapping += overlap;
    }

  g_assert_cmpuint (n_overlapping, >, 0);
  g_assert_cmpuint (n_overlapping, <, 2000);
}

static void
test_verifier_rejects_misalignment_and_excess (void)
{
  TbufPlanBuffer buffer = { .lower = 0, .upper = 1, .size = 10, .alignment = 8, .offset = 12 };
  g_autoptr (GError) error = NULL;

  g_assert_false (tbuf_plan_verify_offsets (&buffer, 1, NULL, 0, 100, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
  g_clear_error (&error);

  buffer.offset = 16;
  g_assert_false (tbuf_plan_verify_offsets (&buffer, 1, NULL, 0, 25, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
  g_clear_error (&error);

  buffer.offset = G_MAXUINT64 - 7;
  g_assert_false (tbuf_plan_verify_offsets (&buffer, 1, NULL, 0, G_MAXUINT64, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/plan/empty", test_empty);
  g_test_add_func ("/tbuf/plan/rejects-bad-buffers", test_rejects_bad_buffers);
  g_test_add_func ("/tbuf/plan/shares-bytes-between-lifetimes", test_shares_bytes_between_lifetimes);
  g_test_add_func ("/tbuf/plan/buffers-of-no-bytes-overlap-nothing", test_buffers_of_no_bytes_overlap_nothing);
  g_test_add_func ("/tbuf/plan/respects-alignment", test_respects_alignment);
  g_test_add_func ("/tbuf/plan/overflow-is-an-error", test_overflow_is_an_error);
  g_test_add_func ("/tbuf/plan/rectangles-cut-into-boxes", test_rectangles_cut_into_boxes);
  g_test_add_func ("/tbuf/plan/random-plans-hold", test_random_plans_hold);
  g_test_add_func ("/tbuf/plan/tiny-plans-are-never-below-the-optimum", test_tiny_plans_are_never_below_the_optimum);
  g_test_add_func ("/tbuf/plan/many-buffers", test_many_buffers);
  g_test_add_func ("/tbuf/plan/parts-share-all-bytes", test_parts_share_all_bytes);
  g_test_add_func ("/tbuf/plan/cancelled-plan-keeps-its-offsets", test_cancelled_plan_keeps_its_offsets);
  g_test_add_func ("/tbuf/plan/search-respects-fixed-and-separate", test_search_respects_fixed_and_separate);
  g_test_add_func ("/tbuf/plan/no-time-is-enough-for-one-plan", test_no_time_is_enough_for_one_plan);
  g_test_add_func ("/tbuf/plan/verifier/finds-overlaps", test_verifier_finds_overlaps);
  g_test_add_func ("/tbuf/plan/verifier/agrees-with-every-pair", test_verifier_agrees_with_every_pair);
  g_test_add_func ("/tbuf/plan/verifier/rejects-misalignment-and-excess", test_verifier_rejects_misalignment_and_excess);

  return g_test_run ();
}
