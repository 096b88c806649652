/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-engine-private.h"

/* NOTES
 *
 * To place an item is to find a gap between all those that have been placed
 * and live together with it. To look at each of them would make a plan of n
 * buffers cost O(n²). But of those that lie on top of each other only the
 * outline matters, so they are kept as spans, merged where they touch, in a
 * binary tree over the sections:
 *
 *   cover[node]  the bytes of items that live in all sections of the node, but
 *                not in all of its parent
 *   all[node]    those, and what is taken in any of the nodes below
 *
 * A range of sections is made of O(log n) nodes. What is taken there is what
 * all[] of these say and cover[] of the nodes above them. A search climbs
 * through these few sorted arrays at once. */

typedef struct
{
  TbufPlanSpan *spans;
  guint         n_spans;
  guint         n_allocated;  /* a power of two */
} SpanSet;

/* What a search has still ahead in a set. */
typedef struct
{
  const TbufPlanSpan *next;
  const TbufPlanSpan *end;
} Cursor;

/* Two nodes of each level in both trees, and the mates. */
#define MAX_CURSORS (4 * 32 + 1)
#define CHUNK_SPANS 32768

struct _TbufPlanOccupancy
{
  guint         n_leaves;         /* a power of two */
  SpanSet      *all;              /* the root is node 1; node i has the children 2i and 2i + 1 */
  SpanSet      *cover;            /* of inner nodes: for a leaf it would be all[] */

  /* Arrays of 2^k spans. There are millions of small ones, and all go at once. */
  GPtrArray    *chunks;
  TbufPlanSpan *chunk;            /* what is free of the last one */
  guint         n_chunk;
  TbufPlanSpan *free_arrays[32];  /* by k; the start of the first span leads to the next one */

  Cursor        cursors[MAX_CURSORS];
  guint         n_cursors;

  guint64       n_steps;          /* nodes and cursors that were looked at */
};

/*< private >
 * tbuf_plan_occupancy_new:
 * @n_sections: how many sections there are
 *
 * Creates an occupancy in which no byte is taken.
 *
 * Returns: (transfer full): the occupancy
 */
TbufPlanOccupancy *
tbuf_plan_occupancy_new (guint n_sections)
{
  TbufPlanOccupancy *self = g_new0 (TbufPlanOccupancy, 1);

  for (self->n_leaves = 1; self->n_leaves < n_sections; self->n_leaves *= 2)
    continue;
  self->all = g_new0 (SpanSet, 2 * (gsize) self->n_leaves);
  self->cover = g_new0 (SpanSet, self->n_leaves);
  self->chunks = g_ptr_array_new_with_free_func (g_free);

  return self;
}

void
tbuf_plan_occupancy_free (TbufPlanOccupancy *self)
{
  g_ptr_array_unref (self->chunks);
  g_free (self->all);
  g_free (self->cover);
  g_free (self);
}

/* Frees all bytes. */
void
tbuf_plan_occupancy_clear (TbufPlanOccupancy *self)
{
  memset (self->all, 0, 2 * (gsize) self->n_leaves * sizeof *self->all);
  memset (self->cover, 0, self->n_leaves * sizeof *self->cover);
  memset (self->free_arrays, 0, sizeof self->free_arrays);
  g_ptr_array_set_size (self->chunks, 0);
  self->n_chunk = 0;
}

static TbufPlanSpan *
allocate_spans (TbufPlanOccupancy *self,
                guint              n_spans)
{
  guint class = g_bit_nth_lsf (n_spans, -1);
  TbufPlanSpan *spans = self->free_arrays[class];

  if (spans != NULL)
    {
      self->free_arrays[class] = GSIZE_TO_POINTER (spans->start);
      return spans;
    }

  if (n_spans > CHUNK_SPANS / 16)
    {
      spans = g_new (TbufPlanSpan, n_spans);
      g_ptr_array_add (self->chunks, spans);
      return spans;
    }

  if (self->n_chunk < n_spans)
    {
      self->chunk = g_new (TbufPlanSpan, CHUNK_SPANS);
      self->n_chunk = CHUNK_SPANS;
      g_ptr_array_add (self->chunks, self->chunk);
    }
  spans = self->chunk;
  self->chunk += n_spans;
  self->n_chunk -= n_spans;
  return spans;
}

static void
grow (TbufPlanOccupancy *self,
      SpanSet           *set)
{
  guint n_allocated = set->n_allocated == 0 ? 1 : 2 * set->n_allocated;
  TbufPlanSpan *spans = allocate_spans (self, n_allocated);

  if (set->n_allocated > 0)
    {
      guint class = g_bit_nth_lsf (set->n_allocated, -1);

      memcpy (spans, set->spans, set->n_spans * sizeof *spans);
      set->spans->start = GPOINTER_TO_SIZE (self->free_arrays[class]);
      self->free_arrays[class] = set->spans;
    }
  set->spans = spans;
  set->n_allocated = n_allocated;
}

/* The first span that ends at @offset or above. */
static guint
find_span (const TbufPlanSpan *spans,
           guint               n_spans,
           guint64             offset)
{
  guint low = 0, high = n_spans;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (spans[middle].end < offset)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

static void
take (TbufPlanOccupancy *self,
      SpanSet           *set,
      guint64            start,
      guint64            top)
{
  guint first = find_span (set->spans, set->n_spans, start), end = first;

  while (end < set->n_spans && set->spans[end].start <= top)
    end++;

  if (first == end)
    {
      if (set->n_spans == set->n_allocated)
        grow (self, set);
      memmove (set->spans + first + 1, set->spans + first, (set->n_spans - first) * sizeof *set->spans);
      set->spans[first] = (TbufPlanSpan) { start, top };
      set->n_spans++;
      return;
    }

  set->spans[first].start = MIN (set->spans[first].start, start);
  set->spans[first].end = MAX (set->spans[end - 1].end, top);
  memmove (set->spans + first + 1, set->spans + end, (set->n_spans - end) * sizeof *set->spans);
  set->n_spans -= end - first - 1;
}

static void
take_below (TbufPlanOccupancy  *self,
            guint               node,
            guint               node_first,
            guint               n_below,
            guint               first,
            guint               end,
            const TbufPlanSpan *span)
{
  self->n_steps++;
  take (self, &self->all[node], span->start, span->end);

  if (first <= node_first && node_first + n_below <= end)
    {
      if (n_below > 1)
        take (self, &self->cover[node], span->start, span->end);
      return;
    }

  n_below /= 2;
  if (first < node_first + n_below)
    take_below (self, 2 * node, node_first, n_below, first, end, span);
  if (end > node_first + n_below)
    take_below (self, 2 * node + 1, node_first + n_below, n_below, first, end, span);
}

/*< private >
 * tbuf_plan_occupancy_take:
 * @self: an occupancy
 * @first: the first section
 * @end: the section after the last
 * @start: the first byte
 * @top: the byte after the last
 *
 * Takes bytes in a range of sections.
 */
void
tbuf_plan_occupancy_take (TbufPlanOccupancy *self,
                          guint              first,
                          guint              end,
                          guint64            start,
                          guint64            top)
{
  TbufPlanSpan span = { start, top };

  take_below (self, 1, 0, self->n_leaves, first, end, &span);
}

static void
add_cursor (TbufPlanOccupancy  *self,
            const TbufPlanSpan *spans,
            guint               n_spans)
{
  if (n_spans > 0)
    self->cursors[self->n_cursors++] = (Cursor) { spans, spans + n_spans };
}

static void
add_cursors_below (TbufPlanOccupancy *self,
                   guint              node,
                   guint              node_first,
                   guint              n_below,
                   guint              first,
                   guint              end)
{
  self->n_steps++;
  if (self->all[node].n_spans == 0)
    return;

  if (first <= node_first && node_first + n_below <= end)
    {
      add_cursor (self, self->all[node].spans, self->all[node].n_spans);
      return;
    }

  add_cursor (self, self->cover[node].spans, self->cover[node].n_spans);
  n_below /= 2;
  if (first < node_first + n_below)
    add_cursors_below (self, 2 * node, node_first, n_below, first, end);
  if (end > node_first + n_below)
    add_cursors_below (self, 2 * node + 1, node_first + n_below, n_below, first, end);
}

/* Leads @cursor to the first span that ends above @offset: in steps that double, as it is near or far. */
static void
advance (Cursor  *cursor,
         guint64  offset)
{
  const TbufPlanSpan *low = cursor->next;
  gsize step = 1;

  if (low == cursor->end || low->end > offset)
    return;

  while (step < (gsize) (cursor->end - low) && low[step].end <= offset)
    {
      low += step;
      step *= 2;
    }
  step = MIN (step, (gsize) (cursor->end - low));
  cursor->next = low + 1 + find_span (low + 1, (guint) (step - 1), offset + 1);
}

/* The lowest offset at which the item hits nothing. */
static guint64
find_first (TbufPlanOccupancy  *self,
            const TbufPlanItem *item)
{
  guint64 offset = 0;
  guint n_passed = 0;

  /* Round and round, until nobody has objected for a whole round. */
  for (guint i = 0; n_passed < self->n_cursors; i = i + 1 < self->n_cursors ? i + 1 : 0)
    {
      Cursor *cursor = &self->cursors[i];

      self->n_steps++;
      n_passed++;
      for (advance (cursor, offset);
           cursor->next < cursor->end && cursor->next->start < offset + item->size;
           advance (cursor, offset))
        {
          offset = tbuf_plan_align (cursor->next->end, item->alignment);
          n_passed = 1;
        }
    }

  return offset;
}

/* The offset at the bottom of the smallest gap that is large enough, or of the open sky. */
static guint64
find_best (TbufPlanOccupancy  *self,
           const TbufPlanItem *item)
{
  guint64 floor = 0, smallest = G_MAXUINT64, best = 0;

  for (;;)
    {
      guint64 ceiling = G_MAXUINT64, offset;

      self->n_steps += self->n_cursors;
      /* Up to where nothing is above the floor, and how far one can see from there. */
      for (guint i = 0; i < self->n_cursors;)
        {
          Cursor *cursor = &self->cursors[i];

          advance (cursor, floor);
          if (cursor->next == cursor->end)
            {
              *cursor = self->cursors[--self->n_cursors];
              continue;
            }
          if (cursor->next->start <= floor)
            {
              floor = cursor->next->end;
              ceiling = 0;
            }
          ceiling = MIN (ceiling, cursor->next->start);
          i++;
        }

      offset = tbuf_plan_align (floor, item->alignment);
      if (ceiling == G_MAXUINT64)
        return smallest < G_MAXUINT64 ? best : offset;

      if (ceiling > offset && ceiling - offset >= item->size && ceiling - floor < smallest)
        {
          smallest = ceiling - floor;
          best = offset;
        }
      floor = MAX (floor, ceiling);
    }
}

/* What searching and taking has cost since the occupancy was created: a measure of time that is the same on every machine. */
guint64
tbuf_plan_occupancy_get_n_steps (const TbufPlanOccupancy *self)
{
  return self->n_steps;
}

/*< private >
 * tbuf_plan_occupancy_find:
 * @self: an occupancy
 * @item: what to find room for
 * @others: (array length=n_others): other bytes that it must not have, in ascending order
 * @n_others: how many spans these are
 * @fit: which gap to choose
 *
 * Finds free bytes in all sections of an item.
 *
 * Returns: the offset
 */
guint64
tbuf_plan_occupancy_find (TbufPlanOccupancy  *self,
                          const TbufPlanItem *item,
                          const TbufPlanSpan *others,
                          guint               n_others,
                          TbufPlanFit         fit)
{
  self->n_cursors = 0;
  add_cursor (self, others, n_others);
  add_cursors_below (self, 1, 0, self->n_leaves, item->first, item->end);

  return fit == TBUF_PLAN_FIT_FIRST ? find_first (self, item) : find_best (self, item);
}
