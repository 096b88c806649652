/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-error.h"
#include "tbuf-plan-private.h"

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
test_finds_overlaps (void)
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
test_agrees_with_every_pair (void)
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
test_rejects_misalignment_and_excess (void)
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

static void
test_keeps_apart_what_is_to_be (void)
{
  TbufPlanBuffer buffers[] = {
    { .lower = 0, .upper = 1, .size = 10, .alignment = 1, .offset = 0 },
    { .lower = 1, .upper = 2, .size = 10, .alignment = 1, .offset = 9 },
    { .lower = 2, .upper = 3, .size = 0, .alignment = 1, .offset = 12 },
  };
  const TbufPlanPair pairs[] = { { 1, 2 }, { 1, 0 } };
  g_autoptr (GError) error = NULL;

  g_assert_true (tbuf_plan_verify_offsets (buffers, 3, pairs, 1, 19, &error));
  g_assert_no_error (error);
  g_assert_false (tbuf_plan_verify_offsets (buffers, 3, pairs, 2, 19, &error));
  g_assert_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE);
  g_clear_error (&error);

  buffers[1].offset = 10;
  g_assert_true (tbuf_plan_verify_offsets (buffers, 3, pairs, 2, 20, &error));
  g_assert_no_error (error);
}

static void
test_finds_the_peak (void)
{
  const TbufPlanBuffer buffers[] = {
    { .lower = 0, .upper = 4, .size = 10, .alignment = 1 },
    { .lower = 4, .upper = 6, .size = 9, .alignment = 1 },
    { .lower = 2, .upper = 6, .size = 3, .alignment = 1 },
    { .lower = 3, .upper = 5, .size = 0, .alignment = 1 },
  };
  TbufPlanLoad load;

  tbuf_plan_find_peak (buffers, G_N_ELEMENTS (buffers), &load);
  g_assert_cmpuint (load.time, ==, 2);
  g_assert_cmpuint (load.n_bytes, ==, 13);
  g_assert_cmpuint (load.n_buffers, ==, 2);

  tbuf_plan_find_peak (buffers, 0, &load);
  g_assert_cmpuint (load.n_bytes, ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tbuf/plan-verify/finds-overlaps", test_finds_overlaps);
  g_test_add_func ("/tbuf/plan-verify/agrees-with-every-pair", test_agrees_with_every_pair);
  g_test_add_func ("/tbuf/plan-verify/rejects-misalignment-and-excess", test_rejects_misalignment_and_excess);
  g_test_add_func ("/tbuf/plan-verify/keeps-apart-what-is-to-be", test_keeps_apart_what_is_to_be);
  g_test_add_func ("/tbuf/plan-verify/finds-the-peak", test_finds_the_peak);

  return g_test_run ();
}
