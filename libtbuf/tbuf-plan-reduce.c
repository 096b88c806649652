/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-engine-private.h"

/* NOTES
 *
 * What can be said about a problem before any search, and costs nothing:
 *
 * Buffers of no bytes are put aside. Where no buffer lives across a point in
 * time, what comes before it and what comes after are parts that share nothing
 * but the bytes; buffers that are to be apart hold their parts together.
 *
 * Of time only the order of events matters, and of that only which buffers
 * live together. So time is cut into sections: one per greatest set of buffers
 * that live at the same time. A moment whose buffers all live at another one
 * too says nothing new.
 *
 * If all alignments are multiples of some number, all offsets are, and each
 * buffer may as well be as large as the next multiple. Nothing is lost but the
 * last bytes of the plan, which is what the padding of an item remembers. And
 * where all sizes have a common divisor and no alignment is in the way,
 * everything that rests on something else lies at a multiple of it.
 *
 * The items of a part are sorted by what they are, so that it does not matter
 * in which order the buffers came. */

#define COMPARE_FIELD(a, b) if ((a) != (b)) return (a) < (b) ? -1 : 1

static int
compare_starts (gconstpointer a,
                gconstpointer b,
                gpointer      data)
{
  const TbufPlanBuffer *buffers = data;
  guint index_a = *(const guint *) a, index_b = *(const guint *) b;
  const TbufPlanBuffer *buffer_a = &buffers[index_a], *buffer_b = &buffers[index_b];

  COMPARE_FIELD (buffer_a->lower, buffer_b->lower);
  COMPARE_FIELD (buffer_a->upper, buffer_b->upper);
  COMPARE_FIELD (buffer_a->size, buffer_b->size);
  COMPARE_FIELD (buffer_a->alignment, buffer_b->alignment);
  COMPARE_FIELD (buffer_a->is_fixed, buffer_b->is_fixed);
  if (buffer_a->is_fixed)
    COMPARE_FIELD (buffer_a->offset, buffer_b->offset);
  COMPARE_FIELD (index_a, index_b);

  return 0;
}

static int
compare_ends (gconstpointer a,
              gconstpointer b,
              gpointer      data)
{
  const TbufPlanBuffer *buffers = data;
  guint index_a = *(const guint *) a, index_b = *(const guint *) b;

  COMPARE_FIELD (buffers[index_a].upper, buffers[index_b].upper);
  COMPARE_FIELD (index_a, index_b);

  return 0;
}

static guint64
get_greatest_common_divisor (guint64 a,
                             guint64 b)
{
  while (b > 0)
    {
      guint64 remainder = a % b;

      a = b;
      b = remainder;
    }

  return a;
}

/* Of a forest in which everyone knows somebody nearer to the first of the tree, who knows himself. */
static guint
find_first (guint *forest,
            guint  i)
{
  while (forest[i] != i)
    {
      forest[i] = forest[forest[i]];
      i = forest[i];
    }

  return i;
}

/* Sets the sections of the items; they come by start, and @by_end has the same buffers by end. */
static guint
cut_into_sections (const TbufPlanProblem *problem,
                   TbufPlanItem          *items,
                   guint                  n_items,
                   const guint           *by_end,
                   const guint           *places,
                   TbufPlanItem          *all_items,
                   guint                  n_sections)
{
  const TbufPlanBuffer *buffers = problem->buffers;
  gboolean has_ended = TRUE;

  for (guint i = 0, ended = 0; i < n_items; i++)
    {
      for (; buffers[by_end[ended]].upper <= buffers[items[i].index].lower; ended++)
        {
          all_items[places[by_end[ended]]].end = n_sections;
          has_ended = TRUE;
        }

      /* A set of buffers that live together grows until one of them ends. */
      if (has_ended)
        n_sections++;
      has_ended = FALSE;
      items[i].first = n_sections - 1;

      if (i == n_items - 1)
        for (; ended < n_items; ended++)
          all_items[places[by_end[ended]]].end = n_sections;
    }

  return n_sections;
}

/* What all offsets can be multiples of, and the sizes with them. */
static void
find_unit (const TbufPlanProblem *problem,
           TbufPlanPart          *part)
{
  guint64 alignments[64], unit = 0;
  guint n_alignments = 0;
  gboolean is_common = FALSE;

  for (guint i = 0; i < part->n_items; i++)
    {
      const TbufPlanItem *item = &part->items[i];

      unit = get_greatest_common_divisor (unit, item->alignment);
      if (item->is_fixed)
        unit = get_greatest_common_divisor (unit, item->offset);
    }

  part->unit = unit;
  for (guint i = 0; i < part->n_items; i++)
    {
      TbufPlanItem *item = &part->items[i];
      guint64 size = tbuf_plan_align (item->size, part->unit);
      guint known = 0;

      item->padding = size - item->size;
      item->size = size;

      while (known < n_alignments && alignments[known] != item->alignment)
        known++;
      if (known == G_N_ELEMENTS (alignments))
        return;
      if (known == n_alignments)
        alignments[n_alignments++] = item->alignment;
    }

  unit = 0;
  for (guint i = 0; i < part->n_items; i++)
    {
      unit = get_greatest_common_divisor (unit, part->items[i].size);
      if (part->items[i].is_fixed)
        unit = get_greatest_common_divisor (unit, part->items[i].offset);
    }

  /* A multiple of the unit must still be one after it has been aligned. */
  while (!is_common)
    {
      is_common = TRUE;
      for (guint i = 0; i < n_alignments; i++)
        if (unit % alignments[i] != 0 && alignments[i] % unit != 0)
          {
            unit = get_greatest_common_divisor (unit, alignments[i]);
            is_common = FALSE;
          }
    }

  part->unit = unit;
}

/* Sorts out which items are to be apart, by their places within the part. */
static void
map_mates (const TbufPlanProblem *problem,
           TbufPlanParts         *self,
           const guint           *places,
           const guint           *part_firsts)
{
  guint *n_before;

  self->mate_starts = n_before = g_new0 (guint, self->n_items + 2);
  self->mates = g_new (guint, 2 * (gsize) problem->n_separate);

  /* Counted, then summed up, then filled in: afterwards each start has moved to where the next one was. */
  for (guint pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < problem->n_separate; i++)
        {
          guint one = places[problem->separate[i].one], other = places[problem->separate[i].other];

          if (one == G_MAXUINT || other == G_MAXUINT || one == other)
            continue;
          if (part_firsts[one] == part_firsts[other] &&
              self->items[one].first < self->items[other].end && self->items[other].first < self->items[one].end)
            continue;

          if (pass == 0)
            {
              n_before[one + 2]++;
              n_before[other + 2]++;
            }
          else
            {
              self->mates[n_before[one + 1]++] = other - part_firsts[other];
              self->mates[n_before[other + 1]++] = one - part_firsts[one];
            }
        }

      if (pass == 0)
        for (guint i = 2; i < self->n_items + 2; i++)
          n_before[i] += n_before[i - 1];
    }
}

/*< private >
 * tbuf_plan_parts_new:
 * @problem: a problem
 *
 * Cuts a problem into parts.
 *
 * Returns: (transfer full): the parts
 */
TbufPlanParts *
tbuf_plan_parts_new (const TbufPlanProblem *problem)
{
  TbufPlanParts *self = g_new0 (TbufPlanParts, 1);
  const TbufPlanBuffer *buffers = problem->buffers;
  g_autofree guint *by_start = g_new (guint, problem->n_buffers);
  g_autofree guint *by_end = g_new (guint, problem->n_buffers);
  g_autofree guint *places = g_new (guint, problem->n_buffers);     /* of a buffer, in the items */
  g_autofree guint *pieces = g_new (guint, problem->n_buffers + 1); /* where in by_start one begins */
  g_autofree guint *forest = NULL, *following = NULL, *latest = NULL, *part_firsts = NULL;
  guint n_sized = 0, n_pieces = 0, n_placed = 0;
  guint64 piece_end = 0;

  for (guint i = 0; i < problem->n_buffers; i++)
    {
      places[i] = G_MAXUINT;
      if (buffers[i].size > 0)
        by_start[n_sized++] = i;
    }
  if (n_sized > 0)
    memcpy (by_end, by_start, n_sized * sizeof *by_end);
  g_qsort_with_data (by_start, (int) n_sized, sizeof *by_start, compare_starts, problem->buffers);
  g_qsort_with_data (by_end, (int) n_sized, sizeof *by_end, compare_ends, problem->buffers);

  for (guint i = 0; i < n_sized; i++)
    {
      if (i == 0 || buffers[by_start[i]].lower >= piece_end)
        pieces[n_pieces++] = i;
      piece_end = MAX (piece_end, buffers[by_start[i]].upper);
    }
  pieces[n_pieces] = n_sized;

  /* Pieces that have to be planned together. */
  forest = g_new (guint, n_pieces);
  following = g_new (guint, n_pieces);
  latest = g_new (guint, n_pieces);
  for (guint i = 0; i < n_pieces; i++)
    {
      forest[i] = i;
      for (guint j = pieces[i]; j < pieces[i + 1]; j++)
        places[by_start[j]] = i;
    }
  for (guint i = 0; i < problem->n_separate; i++)
    {
      guint one = places[problem->separate[i].one], other = places[problem->separate[i].other];

      if (one == G_MAXUINT || other == G_MAXUINT)
        continue;
      one = find_first (forest, one);
      other = find_first (forest, other);
      forest[MAX (one, other)] = MIN (one, other);
    }

  for (guint i = 0; i < n_pieces; i++)
    {
      guint first = find_first (forest, i);

      if (first != i)
        following[latest[first]] = i;
      latest[first] = i;
      following[i] = G_MAXUINT;
    }

  self->n_items = n_sized;
  self->items = g_new0 (TbufPlanItem, n_sized);
  self->parts = g_new0 (TbufPlanPart, n_pieces);
  part_firsts = g_new (guint, problem->n_separate > 0 ? n_sized : 0);

  for (guint i = 0; i < n_pieces; i++)
    {
      TbufPlanPart *part = &self->parts[self->n_parts];

      if (find_first (forest, i) != i)
        continue;

      self->n_parts++;
      part->items = self->items + n_placed;
      for (guint j = i; j != G_MAXUINT; j = following[j])
        {
          TbufPlanItem *piece = self->items + n_placed;

          for (guint k = pieces[j]; k < pieces[j + 1]; k++)
            {
              const TbufPlanBuffer *buffer = &buffers[by_start[k]];

              places[by_start[k]] = n_placed;
              self->items[n_placed++] = (TbufPlanItem) {
                .size = buffer->size,
                .alignment = buffer->alignment,
                .offset = buffer->offset,
                .duration = buffer->upper - buffer->lower,
                .index = by_start[k],
                .is_fixed = buffer->is_fixed != FALSE,
              };
            }
          part->n_sections = cut_into_sections (problem, piece, pieces[j + 1] - pieces[j], by_end + pieces[j], places,
                                                self->items, part->n_sections);
        }
      part->n_items = (guint) (self->items + n_placed - part->items);
      for (guint j = 0; j < part->n_items && problem->n_separate > 0; j++)
        part_firsts[part->items - self->items + j] = (guint) (part->items - self->items);
    }

  if (problem->n_separate > 0)
    map_mates (problem, self, places, part_firsts);

  for (guint i = 0; i < self->n_parts; i++)
    {
      TbufPlanPart *part = &self->parts[i];

      if (problem->n_separate > 0)
        {
          part->mates = self->mates;
          part->mate_starts = self->mate_starts + (part->items - self->items);
        }
      find_unit (problem, part);
      tbuf_plan_part_measure (part);
    }

  return self;
}

void
tbuf_plan_parts_free (TbufPlanParts *self)
{
  g_free (self->parts);
  g_free (self->items);
  g_free (self->mates);
  g_free (self->mate_starts);
  g_free (self);
}
