/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-engine-private.h"

/* NOTES
 *
 * All buffers of a section live at the same time, so no plan is lower than the
 * sum of their sizes. Alignment adds to that: those of a section whose offsets
 * are all multiples of some number need room for their sizes rounded up to it,
 * except for the one on top. */

/* Adds up, in sums[], what lives in each section: of the items whose alignment is a multiple of @alignment, rounded up
 * to that. What rounding added can be missing at the top of a section, but no more than the most that it added anywhere. */
static guint64
sum_up_sections (const TbufPlanPart *self,
                 guint64             alignment,
                 guint64            *sums)
{
  guint64 greatest = 0, padding = 0;

  memset (sums, 0, (self->n_sections + 1) * sizeof *sums);
  for (guint i = 0; i < self->n_items; i++)
    {
      const TbufPlanItem *item = &self->items[i];

      if (item->alignment % alignment == 0)
        {
          guint64 size = tbuf_plan_align (item->size, alignment);

          /* Unsigned wrapping makes a decrease. */
          sums[item->first] += size;
          sums[item->end] -= size;
          padding = MAX (padding, size - item->size + item->padding);
        }
    }
  for (guint i = 0; i < self->n_sections; i++)
    {
      if (i > 0)
        sums[i] += sums[i - 1];
      greatest = MAX (greatest, sums[i]);
    }

  return greatest > padding ? greatest - padding : 0;
}

/* Takes the greatest sum of its sections for each item: from a binary tree of maxima. */
static void
measure_breadths (TbufPlanPart  *self,
                  const guint64 *sums)
{
  g_autofree guint64 *tree = NULL;
  guint n_leaves = 1;

  while (n_leaves < self->n_sections)
    n_leaves *= 2;
  tree = g_new0 (guint64, 2 * (gsize) n_leaves);
  memcpy (tree + n_leaves, sums, self->n_sections * sizeof *sums);
  for (guint i = n_leaves - 1; i > 0; i--)
    tree[i] = MAX (tree[2 * i], tree[2 * i + 1]);

  for (guint i = 0; i < self->n_items; i++)
    {
      TbufPlanItem *item = &self->items[i];
      guint left = n_leaves + item->first, right = n_leaves + item->end;

      for (item->breadth = 0; left < right; left /= 2, right /= 2)
        {
          /* MAX () computes what it returns a second time. */
          if (left % 2 == 1)
            {
              item->breadth = MAX (item->breadth, tree[left]);
              left++;
            }
          if (right % 2 == 1)
            {
              right--;
              item->breadth = MAX (item->breadth, tree[right]);
            }
        }
    }
}

/*< private >
 * tbuf_plan_part_measure:
 * @self: a part whose items have their sections
 *
 * Measures the lower bound of a part, and the breadths of its items.
 */
void
tbuf_plan_part_measure (TbufPlanPart *self)
{
  g_autofree guint64 *sums = g_new (guint64, self->n_sections + 1);
  guint64 previous = self->unit;

  self->lower_bound = sum_up_sections (self, 1, sums);
  measure_breadths (self, sums);

  /* Alignments that occur, in ascending order; those that the unit is a multiple of add nothing. */
  for (guint n = 0; n < 64; n++)
    {
      guint64 next = G_MAXUINT64;

      for (guint i = 0; i < self->n_items; i++)
        if (self->items[i].alignment > previous)
          next = MIN (next, self->items[i].alignment);
      if (next == G_MAXUINT64)
        break;

      self->lower_bound = MAX (self->lower_bound, sum_up_sections (self, next, sums));
      previous = next;
    }

  for (guint i = 0; i < self->n_items; i++)
    {
      const TbufPlanItem *item = &self->items[i];

      self->lower_bound = MAX (self->lower_bound, tbuf_plan_item_get_top (item, item->is_fixed ? item->offset : 0));
      if (self->mates != NULL)
        for (guint j = self->mate_starts[i]; j < self->mate_starts[i + 1]; j++)
          {
            const TbufPlanItem *mate = &self->items[self->mates[j]];

            self->lower_bound = MAX (self->lower_bound,
                                     item->size + mate->size - MAX (item->padding, mate->padding));
          }
    }
}

/* How high a plan is. */
guint64
tbuf_plan_part_get_height_of (const TbufPlanPart *self,
                              const guint64      *offsets)
{
  guint64 height = 0;

  for (guint i = 0; i < self->n_items; i++)
    height = MAX (height, tbuf_plan_item_get_top (&self->items[i], offsets[i]));

  return height;
}
