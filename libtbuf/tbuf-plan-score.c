/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-exact-private.h"

/* NOTES
 *
 * Which of the items that could be placed at the same offset goes first decides
 * whether a search takes a millisecond or a year, and nobody knows before. So
 * there are as many orders as there are numbers: the first are those that solve
 * most of what is known, the others weigh at random what these look at. */

/* Logarithms are added up, so the same weight on duration and size is one on the area. */
enum { DURATION, SIZE, BREADTH, SECTIONS, NEIGHBOURS, N_WEIGHTS };

static const double known_orders[][N_WEIGHTS] = {
  { 1e4 + 1, 1, 1e8, 0, 0 },    /* breadth, duration, area */
  { 1e4 + 1, 1e4, 1e8, 0, 0 },  /* breadth, area, duration */
  { 1, 1, 1e4, 1e8, 0 },        /* sections, breadth, area */
  { 1e8, 1e4, 1, 0, 0 },        /* duration, area, breadth */
  { 1e4, 1e4, 1, 1e8, 0 },      /* sections, area, breadth */
  { 1e8, 1e8, 1e4, 0, 0 },      /* area, breadth */
};

/* Near enough to the logarithm for a score, and the same on every machine. */
static double
get_magnitude (guint64 x)
{
  guint n_bits = 0;

  while (x >> n_bits > 1)
    n_bits++;

  return n_bits + ((double) x / (double) (G_GUINT64_CONSTANT (1) << n_bits) - 1.0);
}

/* From 0 to 1. */
static double
get_fraction (guint64 random)
{
  return (double) (random >> 40) / (1 << 24);
}

/*< private >
 * tbuf_plan_part_score:
 * @self: a part
 * @order: which order
 * @target: the height to reach
 * @n_neighbours: of each item
 * @scores: (out caller-allocates): of each item: the greatest goes first
 *
 * Scores the items of a part.
 *
 * Returns: how much a unit of the greatest sum of an item's sections, which
 *   changes during a search, adds to the score
 */
double
tbuf_plan_part_score (const TbufPlanPart *self,
                      guint               order,
                      guint64             target,
                      const guint        *n_neighbours,
                      double             *scores)
{
  double weights[N_WEIGHTS], noise = 0;
  guint64 random = order;

  if (order < G_N_ELEMENTS (known_orders))
    {
      memcpy (weights, known_orders[order], sizeof weights);
    }
  else
    {
      /* Some problems want few of the weights, others half of them. */
      guint64 share = order % 2 == 0 ? 1 : 2;

      for (guint i = 0; i < N_WEIGHTS; i++)
        {
          random = tbuf_plan_mix (random + i + 1);
          weights[i] = random % 4 < share ? get_fraction (random) : 0;
        }
      random = tbuf_plan_mix (random + 1);
      noise = random % 4 < share ? get_fraction (random) : 0;
    }

  for (guint i = 0; i < self->n_items; i++)
    {
      const TbufPlanItem *item = &self->items[i];

      scores[i] = weights[DURATION] * get_magnitude (item->duration) +
                  weights[SIZE] * get_magnitude (item->size) +
                  weights[SECTIONS] * get_magnitude (item->end - item->first) +
                  weights[NEIGHBOURS] * get_magnitude (n_neighbours[i] + 1) +
                  noise * get_fraction (tbuf_plan_mix (random + i));
    }

  return 20 * weights[BREADTH] * (double) self->unit / (double) MAX (target, 1);
}
