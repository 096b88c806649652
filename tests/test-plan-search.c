/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-error.h"
#include "tbuf-plan-engine-private.h"

/* Properties of the search, on instances whose optimum is known by construction or by trying everything. */

#define MAX_BUFFERS 8

static GArray *
new_buffers (void)
{
  return g_array_new (FALSE, FALSE, sizeof (TbufPlanBuffer));
}

static TbufPlanBuffer *
get_buffers (GArray *buffers)
{
  return (TbufPlanBuffer *) (gpointer) buffers->data;
}

static void
add (GArray  *buffers,
     guint64  lower,
     guint64  upper,
     guint64  size,
     guint64  alignment)
{
  TbufPlanBuffer buffer = { .lower = lower, .upper = upper, .size = size, .alignment = alignment };

  g_array_append_val (buffers, buffer);
}

static void
search_with (GArray         *buffers,
             GArray         *pairs,
             guint64         capacity,
             gint64          timeout_us,
             guint           n_threads,
             TbufPlanResult *result)
{
  TbufPlanProblem problem = {
    .buffers = get_buffers (buffers),
    .n_buffers = buffers->len,
    .separate = pairs != NULL ? (const TbufPlanPair *) (gpointer) pairs->data : NULL,
    .n_separate = pairs != NULL ? pairs->len : 0,
    .capacity = capacity,
    .deadline = timeout_us < 0 ? G_MAXINT64 : g_get_monotonic_time () + timeout_us,
    .n_threads = n_threads,
  };
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_plan_search (&problem, result, &error));
  g_assert_no_error (error);
  g_assert_true (tbuf_plan_verify_offsets (problem.buffers, problem.n_buffers, problem.separate, problem.n_separate,
                                           result->height, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (result->lower_bound, <=, result->height);
  g_assert_cmpint (result->proven, ==, result->lower_bound == result->height);
}

static guint64
find_optimum (GArray *buffers,
              GArray *pairs)
{
  TbufPlanResult result;

  search_with (buffers, pairs, 0, -1, 1, &result);
  g_assert_true (result.proven);

  return result.height;
}

/* Cuts a rectangle in two, or into a pinwheel of five, until the pieces are small or few enough. The pieces fill it, so
 * its height is the optimum. */
static void
cut (GRand   *random,
     GArray  *buffers,
     guint    depth,
     guint64  unit,
     guint64  left,
     guint64  right,
     guint64  bottom,
     guint64  top)
{
  gboolean is_small = right - left < 3 || top - bottom < 3;

  if (depth == 0 || (is_small && right - left < 2 && top - bottom < 2))
    {
      add (buffers, left, right, (top - bottom) * unit, unit);
      return;
    }

  if (!is_small && g_rand_int_range (random, 0, 3) == 0)
    {
      guint64 x1 = left + (guint64) g_rand_int_range (random, 1, (gint32) (right - left - 1));
      guint64 x2 = x1 + (guint64) g_rand_int_range (random, 1, (gint32) (right - x1));
      guint64 y1 = bottom + (guint64) g_rand_int_range (random, 1, (gint32) (top - bottom - 1));
      guint64 y2 = y1 + (guint64) g_rand_int_range (random, 1, (gint32) (top - y1));

      cut (random, buffers, depth - 1, unit, left, x2, bottom, y1);
      cut (random, buffers, depth - 1, unit, x2, right, bottom, y2);
      cut (random, buffers, depth - 1, unit, x1, right, y2, top);
      cut (random, buffers, depth - 1, unit, left, x1, y1, top);
      cut (random, buffers, depth - 1, unit, x1, x2, y1, y2);
    }
  else if (top - bottom < 2 || (right - left >= 2 && g_rand_boolean (random)))
    {
      guint64 x = left + (guint64) g_rand_int_range (random, 1, (gint32) (right - left));

      cut (random, buffers, depth - 1, unit, left, x, bottom, top);
      cut (random, buffers, depth - 1, unit, x, right, bottom, top);
    }
  else
    {
      guint64 y = bottom + (guint64) g_rand_int_range (random, 1, (gint32) (top - bottom));

      cut (random, buffers, depth - 1, unit, left, right, bottom, y);
      cut (random, buffers, depth - 1, unit, left, right, y, top);
    }
}

static void
shuffle (GRand  *random,
         GArray *buffers)
{
  TbufPlanBuffer *array = get_buffers (buffers);

  for (guint i = buffers->len; i > 1; i--)
    {
      guint other = (guint) g_rand_int_range (random, 0, (gint32) i);
      TbufPlanBuffer buffer = array[i - 1];

      array[i - 1] = array[other];
      array[other] = buffer;
    }
}

static void
test_finds_the_optimum_of_cuts (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  guint n_cuts = g_test_thorough () ? 20000 : 1000;

  for (guint i = 0; i < n_cuts; i++)
    {
      g_autoptr (GArray) buffers = new_buffers ();
      guint64 unit = G_GUINT64_CONSTANT (1) << (i % 3 * 6);
      guint64 height = (guint64) g_rand_int_range (random, 5, 200);

      cut (random, buffers, 1 + i % 3, unit, 0, 1000, 0, height);
      shuffle (random, buffers);
      g_assert_cmpuint (find_optimum (buffers, NULL), ==, height * unit);
    }
}

/* With less than an alignment missing from each buffer the rectangle is still enough. */
static void
test_fits_aligned_cuts (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (2);

  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GArray) buffers = new_buffers ();
      guint64 unit = i % 2 == 0 ? 64 : 4096;
      TbufPlanResult result;

      cut (random, buffers, 1 + i % 3, unit, 0, 1000, 0, 40);
      for (guint j = 0; j < buffers->len; j++)
        get_buffers (buffers)[j].size -= (guint64) g_rand_int_range (random, 0, (gint32) unit);
      search_with (buffers, NULL, 40 * unit, -1, 1, &result);
      g_assert_cmpuint (result.height, <=, 40 * unit);
    }
}

static gboolean
is_apart (const TbufPlanBuffer *buffers,
          GArray               *pairs,
          guint                 one,
          guint                 other)
{
  if (buffers[one].lower < buffers[other].upper && buffers[other].lower < buffers[one].upper)
    return TRUE;

  for (guint i = 0; i < pairs->len; i++)
    {
      TbufPlanPair pair = g_array_index (pairs, TbufPlanPair, i);

      if ((pair.one == one && pair.other == other) || (pair.one == other && pair.other == one))
        return TRUE;
    }

  return FALSE;
}

/* Every plan can be pushed down to one that comes of placing the buffers in some order, each on top of its neighbours. */
static void
try_all_orders (const TbufPlanBuffer *buffers,
                guint                 n_buffers,
                GArray               *pairs,
                guint                 placed,
                guint64              *offsets,
                guint64               height,
                guint64              *least)
{
  if (height >= *least)
    return;
  if (placed + 1 == 1u << n_buffers)
    {
      *least = height;
      return;
    }

  for (guint i = 0; i < n_buffers; i++)
    {
      guint64 offset = buffers[i].is_fixed ? buffers[i].offset : 0;

      if (placed & 1u << i)
        continue;
      for (guint j = 0; j < n_buffers; j++)
        if ((placed & 1u << j) && is_apart (buffers, pairs, i, j))
          offset = MAX (offset, offsets[j] + buffers[j].size);
      offset = tbuf_plan_align (offset, buffers[i].alignment);
      if (buffers[i].is_fixed && offset != buffers[i].offset)
        continue;
      offsets[i] = offset;
      try_all_orders (buffers, n_buffers, pairs, placed | 1u << i, offsets, MAX (height, offset + buffers[i].size), least);
    }
}

static void
make_small (GRand  *random,
            GArray *buffers,
            GArray *pairs,
            guint   n_buffers)
{
  gboolean has_fixed = g_rand_int_range (random, 0, 3) == 0;
  guint64 alignments[] = { 1, 1, 2, 4, 8 };

  for (guint i = 0; i < n_buffers; i++)
    {
      guint64 lower = (guint64) g_rand_int_range (random, 0, 8);
      guint64 alignment = alignments[g_rand_int_range (random, 0, 5)];

      add (buffers, lower, lower + (guint64) g_rand_int_range (random, 1, 6), (guint64) g_rand_int_range (random, 1, 20),
           alignment);
      if (has_fixed && i == 0)
        {
          get_buffers (buffers)[0].is_fixed = TRUE;
          get_buffers (buffers)[0].offset = alignment * (guint64) g_rand_int_range (random, 0, 12);
        }
      if (i > 0 && g_rand_int_range (random, 0, 6) == 0)
        {
          TbufPlanPair pair = { i, (guint) g_rand_int_range (random, 0, (gint32) i) };

          g_array_append_val (pairs, pair);
        }
    }
}

static void
test_equals_brute_force (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  guint n_rounds = g_test_thorough () ? 20000 : 1500;

  for (guint i = 0; i < n_rounds; i++)
    {
      g_autoptr (GArray) buffers = new_buffers ();
      g_autoptr (GArray) pairs = g_array_new (FALSE, FALSE, sizeof (TbufPlanPair));
      guint64 offsets[MAX_BUFFERS], least = G_MAXUINT64;
      guint n_buffers = 1 + i % MAX_BUFFERS;

      make_small (random, buffers, pairs, n_buffers);
      try_all_orders (get_buffers (buffers), n_buffers, pairs, 0, offsets, 0, &least);
      g_assert_cmpuint (find_optimum (buffers, pairs), ==, least);
    }
}

static void
test_order_of_input_does_not_matter (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (4);

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (GArray) buffers = new_buffers ();
      g_autoptr (GArray) pairs = g_array_new (FALSE, FALSE, sizeof (TbufPlanPair));
      guint64 optimum;

      make_small (random, buffers, pairs, 12);
      optimum = find_optimum (buffers, NULL);
      shuffle (random, buffers);
      g_assert_cmpuint (find_optimum (buffers, NULL), ==, optimum);
    }
}

static void
test_one_more_never_lowers_the_optimum (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (5);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GArray) buffers = new_buffers ();
      g_autoptr (GArray) pairs = g_array_new (FALSE, FALSE, sizeof (TbufPlanPair));
      guint64 optimum = 0;

      for (guint j = 0; j < 14; j++)
        {
          guint64 next;

          make_small (random, buffers, pairs, 1);
          get_buffers (buffers)[0].is_fixed = FALSE;
          next = find_optimum (buffers, NULL);
          g_assert_cmpuint (next, >=, optimum);
          optimum = next;
        }
    }
}

static void
make_large (GRand  *random,
            GArray *buffers,
            guint   n_buffers)
{
  for (guint i = 0; i < n_buffers; i++)
    {
      guint64 lower = (guint64) g_rand_int_range (random, 0, (gint32) n_buffers);
      guint64 duration = (guint64) g_rand_int_range (random, 1, i % 10 == 0 ? (gint32) n_buffers : 30);

      add (buffers, lower, lower + duration, (guint64) g_rand_int_range (random, 1, 100000),
           G_GUINT64_CONSTANT (1) << g_rand_int_range (random, 0, 4));
    }
}

static void
test_is_never_above_greedy (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (6);

  for (guint n_buffers = 10; n_buffers <= 3000; n_buffers *= 3)
    {
      g_autoptr (GArray) buffers = new_buffers ();
      g_autoptr (TbufPlanParts) parts = NULL;
      TbufPlanProblem problem = { 0 };
      TbufPlanClock clock = { G_MAXINT64, NULL };
      TbufPlanResult result;

      make_large (random, buffers, n_buffers);
      search_with (buffers, NULL, 0, 200 * G_TIME_SPAN_MILLISECOND + 200 * (gint64) n_buffers, 0, &result);

      problem.buffers = get_buffers (buffers);
      problem.n_buffers = buffers->len;
      parts = tbuf_plan_parts_new (&problem);
      for (guint i = 0; i < tbuf_plan_greedy_get_n_orders () * TBUF_PLAN_N_FITS; i++)
        {
          guint64 greatest = 0;

          for (guint j = 0; j < parts->n_parts; j++)
            {
              TbufPlanPart *part = &parts->parts[j];
              g_autoptr (TbufPlanGreedy) greedy = tbuf_plan_greedy_new (part);
              g_autofree guint64 *offsets = g_new (guint64, part->n_items);
              gint64 n_steps = G_MAXINT64;
              guint64 height;

              g_assert_true (tbuf_plan_greedy_try (greedy, i / TBUF_PLAN_N_FITS, i % TBUF_PLAN_N_FITS, G_MAXUINT64,
                                                   &n_steps, &clock, offsets, &height));
              g_assert_cmpuint (height, ==, tbuf_plan_part_get_height_of (part, offsets));
              greatest = MAX (greatest, height);
            }
          g_assert_cmpuint (result.height, <=, greatest);
        }
    }
}

static void
test_one_thread_is_deterministic (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GArray) buffers = new_buffers ();
      g_autoptr (GArray) again = NULL;
      TbufPlanResult result;

      cut (random, buffers, 3, 1, 0, 1000, 0, 100);
      again = g_array_copy (buffers);
      search_with (buffers, NULL, 0, -1, 1, &result);
      search_with (again, NULL, 0, -1, 1, &result);
      for (guint j = 0; j < buffers->len; j++)
        g_assert_cmpuint (get_buffers (buffers)[j].offset, ==, get_buffers (again)[j].offset);
    }
}

/* So many small pieces fit together in one way only that no search gets far. */
static GArray *
make_puzzle (GRand *random)
{
  GArray *buffers = new_buffers ();

  cut (random, buffers, 5, 1, 0, 100000, 0, 100000);
  shuffle (random, buffers);

  return buffers;
}

static void
test_stops_in_time (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (8);

  for (guint n_threads = 0; n_threads <= 2; n_threads++)
    {
      g_autoptr (GArray) buffers = make_puzzle (random);
      TbufPlanResult result;
      gint64 start = g_get_monotonic_time ();

      search_with (buffers, NULL, 0, 200 * G_TIME_SPAN_MILLISECOND, n_threads, &result);
      g_test_message ("%u threads: %.3f s", n_threads, (double) (g_get_monotonic_time () - start) / G_TIME_SPAN_SECOND);
      /* Ten times as long on a machine that has much else to do, but not for ever. */
      g_assert_cmpint (g_get_monotonic_time () - start, <, 2 * G_TIME_SPAN_SECOND);
    }
}

static void
test_no_time_still_gives_a_plan (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (9);
  g_autoptr (GArray) buffers = make_puzzle (random);
  TbufPlanResult result;

  search_with (buffers, NULL, 0, 0, 0, &result);
  g_assert_nonnull (result.method);
}

typedef struct
{
  GCancellable *cancellable;
  guint         n_yields;
} Canceller;

static gpointer
cancel_later (gpointer data)
{
  Canceller *canceller = data;

  for (guint i = 0; i < canceller->n_yields; i++)
    g_thread_yield ();
  g_cancellable_cancel (canceller->cancellable);

  return NULL;
}

static void
test_can_be_cancelled_at_any_moment (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (10);

  for (guint i = 0; i < 12; i++)
    {
      g_autoptr (GArray) buffers = make_puzzle (random);
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      Canceller canceller = { cancellable, (guint) g_rand_int_range (random, 0, 2000) };
      TbufPlanResult result;
      TbufPlanProblem problem = {
        .buffers = get_buffers (buffers),
        .n_buffers = buffers->len,
        .deadline = G_MAXINT64,
        .n_threads = i % 3,
        .cancellable = cancellable,
      };
      GThread *thread = g_thread_new ("canceller", cancel_later, &canceller);
      gboolean is_done = tbuf_plan_search (&problem, &result, &error);

      g_thread_join (thread);
      if (!is_done)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      /* What has been found so far is a plan. */
      if (result.method != NULL)
        g_assert_true (tbuf_plan_verify_offsets (problem.buffers, problem.n_buffers, NULL, 0, result.height, NULL));
    }
}

static void
test_capacity (void)
{
  g_autoptr (GArray) buffers = new_buffers ();
  g_autoptr (GError) error = NULL;
  TbufPlanResult result;
  TbufPlanProblem problem = { .deadline = G_MAXINT64, .n_threads = 1 };

  /* The sums are 7, but b and c cannot both be next to a fixed middle. */
  add (buffers, 0, 3, 1, 1);
  add (buffers, 0, 2, 6, 1);
  add (buffers, 2, 3, 6, 1);
  get_buffers (buffers)[0].is_fixed = TRUE;
  get_buffers (buffers)[0].offset = 3;
  problem.buffers = get_buffers (buffers);
  problem.n_buffers = buffers->len;

  problem.capacity = 6;
  g_assert_false (tbuf_plan_search (&problem, &result, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
  g_clear_error (&error);

  /* Beyond the bound, so this takes a search. */
  problem.capacity = 9;
  g_assert_false (tbuf_plan_search (&problem, &result, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
  g_assert_cmpuint (result.lower_bound, ==, 10);

  search_with (buffers, NULL, 10, -1, 1, &result);
  g_assert_cmpuint (result.height, ==, 10);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/plan-search/finds-the-optimum-of-cuts", test_finds_the_optimum_of_cuts);
  g_test_add_func ("/tbuf/plan-search/fits-aligned-cuts", test_fits_aligned_cuts);
  g_test_add_func ("/tbuf/plan-search/equals-brute-force", test_equals_brute_force);
  g_test_add_func ("/tbuf/plan-search/order-of-input-does-not-matter", test_order_of_input_does_not_matter);
  g_test_add_func ("/tbuf/plan-search/one-more-never-lowers-the-optimum", test_one_more_never_lowers_the_optimum);
  g_test_add_func ("/tbuf/plan-search/is-never-above-greedy", test_is_never_above_greedy);
  g_test_add_func ("/tbuf/plan-search/one-thread-is-deterministic", test_one_thread_is_deterministic);
  g_test_add_func ("/tbuf/plan-search/stops-in-time", test_stops_in_time);
  g_test_add_func ("/tbuf/plan-search/no-time-still-gives-a-plan", test_no_time_still_gives_a_plan);
  g_test_add_func ("/tbuf/plan-search/can-be-cancelled-at-any-moment", test_can_be_cancelled_at_any_moment);
  g_test_add_func ("/tbuf/plan-search/capacity", test_capacity);

  return g_test_run ();
}
