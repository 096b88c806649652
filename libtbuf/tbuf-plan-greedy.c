/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-engine-private.h"

/* NOTES
 *
 * A greedy planner takes the items in some order and puts each into a gap
 * between those that it has placed already and that live together with it; if
 * there is no gap, on top of them. What the order should be is not known: on
 * real instances each of these is the best one now and then, and the worst one
 * too. So all are tried, each with the lowest gap that is large enough (first
 * fit) and with the smallest (best fit), and the lowest plan is kept.
 *
 * Sources: the orders by size and by breadth are those of Pisarchyk and Lee,
 * "Efficient Memory Management for Deep Neural Net Inference" (2020); area and
 * duration are among those of MiniMalloc (Moffitt, ASPLOS 2023); by start is
 * what an ordinary allocator does, which sees the future only as it comes. */

typedef struct
{
  double  key;        /* the greatest goes first */
  guint64 alignment;
  guint64 size;
  guint   item;
} Turn;

struct _TbufPlanGreedy
{
  const TbufPlanPart *part;
  Turn               *turns;
  TbufPlanOccupancy  *occupancy;
  GArray             *spans;    /* of the mates of what is being placed */
};

/* A heuristic needs no exact keys, only the same ones every time; ties are decided by exact numbers. */
static double
key_by_size (const TbufPlanItem *item)
{
  return (double) item->size;
}

static double
key_by_area (const TbufPlanItem *item)
{
  return (double) item->size * (double) item->duration;
}

static double
key_by_breadth (const TbufPlanItem *item)
{
  return (double) item->breadth;
}

static double
key_by_duration (const TbufPlanItem *item)
{
  return (double) item->duration;
}

static double
key_by_start (const TbufPlanItem *item)
{
  return -(double) item->first;
}

static double
key_by_end (const TbufPlanItem *item)
{
  return (double) item->end;
}

static double
key_as_added (const TbufPlanItem *item)
{
  return -(double) item->index;
}

static double (*const orders[]) (const TbufPlanItem *item) = {
  key_by_size,      /* most often the best */
  key_by_area,
  key_by_duration,
  key_by_breadth,
  key_by_start,
  key_by_end,
  key_as_added,     /* then no plan is higher than the buffers one after another, as they came */
};

#define COMPARE_FIELD(a, b) if ((a) != (b)) return (a) > (b) ? -1 : 1

static int
compare_turns (gconstpointer a,
               gconstpointer b)
{
  const Turn *turn_a = a, *turn_b = b;

  COMPARE_FIELD (turn_a->key, turn_b->key);
  /* What is hard to align goes first, so that the rest can fill the gaps that this leaves. */
  COMPARE_FIELD (turn_a->alignment, turn_b->alignment);
  COMPARE_FIELD (turn_a->size, turn_b->size);

  return (turn_a->item > turn_b->item) - (turn_a->item < turn_b->item);
}

static int
compare_spans (gconstpointer a,
               gconstpointer b)
{
  const TbufPlanSpan *span_a = a, *span_b = b;

  return (span_a->start > span_b->start) - (span_a->start < span_b->start);
}

guint
tbuf_plan_greedy_get_n_orders (void)
{
  return G_N_ELEMENTS (orders);
}

/*< private >
 * tbuf_plan_greedy_new:
 * @part: a part; it must not change
 *
 * Creates what is needed to try greedy orders one after another.
 *
 * Returns: (transfer full): it
 */
TbufPlanGreedy *
tbuf_plan_greedy_new (const TbufPlanPart *part)
{
  TbufPlanGreedy *self = g_new0 (TbufPlanGreedy, 1);

  self->part = part;
  self->turns = g_new (Turn, part->n_items);
  self->occupancy = tbuf_plan_occupancy_new (part->n_sections);
  self->spans = g_array_new (FALSE, FALSE, sizeof (TbufPlanSpan));

  return self;
}

void
tbuf_plan_greedy_free (TbufPlanGreedy *self)
{
  g_array_unref (self->spans);
  tbuf_plan_occupancy_free (self->occupancy);
  g_free (self->turns);
  g_free (self);
}

/* Merges what the mates of an item take that have been placed. */
static void
collect_mates (TbufPlanGreedy *self,
               guint           item,
               const guint64  *offsets)
{
  const TbufPlanPart *part = self->part;
  guint n_merged = 0;

  g_array_set_size (self->spans, 0);
  if (part->mates == NULL)
    return;

  for (guint i = part->mate_starts[item]; i < part->mate_starts[item + 1]; i++)
    {
      guint mate = part->mates[i];
      TbufPlanSpan span = { offsets[mate], offsets[mate] + part->items[mate].size };

      if (offsets[mate] != G_MAXUINT64)
        g_array_append_val (self->spans, span);
    }
  g_array_sort (self->spans, compare_spans);

  for (guint i = 0; i < self->spans->len; i++)
    {
      TbufPlanSpan span = g_array_index (self->spans, TbufPlanSpan, i);
      TbufPlanSpan *last = n_merged > 0 ? &g_array_index (self->spans, TbufPlanSpan, n_merged - 1) : NULL;

      if (last != NULL && span.start <= last->end)
        last->end = MAX (last->end, span.end);
      else
        g_array_index (self->spans, TbufPlanSpan, n_merged++) = span;
    }
  g_array_set_size (self->spans, n_merged);
}

/*< private >
 * tbuf_plan_greedy_try:
 * @self: what is needed
 * @order: which order
 * @fit: which gap to choose
 * @limit: how high the plan may be
 * @n_steps: (inout): what all tries together may cost still; it can end below 0
 * @clock: when to stop
 * @offsets: (out caller-allocates): the offset of each item of the part
 * @height: (out): the height of the plan
 *
 * Places all items of a part in one of the orders, as long as they stay below
 * the limit and there is time.
 *
 * Returns: whether there is a plan
 */
gboolean
tbuf_plan_greedy_try (TbufPlanGreedy      *self,
                      guint                order,
                      TbufPlanFit          fit,
                      guint64              limit,
                      gint64              *n_steps,
                      const TbufPlanClock *clock,
                      guint64             *offsets,
                      guint64             *height)
{
  const TbufPlanPart *part = self->part;
  guint64 n_steps_before = tbuf_plan_occupancy_get_n_steps (self->occupancy);

  *height = 0;
  tbuf_plan_occupancy_clear (self->occupancy);
  for (guint i = 0; i < part->n_items; i++)
    {
      const TbufPlanItem *item = &part->items[i];

      /* What cannot move goes first. */
      self->turns[i] = (Turn) { item->is_fixed ? G_MAXDOUBLE : orders[order] (item), item->alignment, item->size, i };
      offsets[i] = G_MAXUINT64;
    }
  qsort (self->turns, part->n_items, sizeof *self->turns, compare_turns);

  for (guint i = 0; i < part->n_items; i++)
    {
      guint index = self->turns[i].item;
      const TbufPlanItem *item = &part->items[index];

      if (i % 64 == 0)
        {
          guint64 n_steps_now = tbuf_plan_occupancy_get_n_steps (self->occupancy);

          if (__atomic_sub_fetch (n_steps, (gint64) (n_steps_now - n_steps_before), __ATOMIC_RELAXED) < 0 ||
              tbuf_plan_clock_is_over (clock))
            return FALSE;
          n_steps_before = n_steps_now;
        }

      if (item->is_fixed)
        {
          offsets[index] = item->offset;
        }
      else
        {
          collect_mates (self, index, offsets);
          offsets[index] = tbuf_plan_occupancy_find (self->occupancy, item,
                                                     (const TbufPlanSpan *) (gpointer) self->spans->data,
                                                     self->spans->len, fit);
        }

      *height = MAX (*height, tbuf_plan_item_get_top (item, offsets[index]));
      if (*height > limit)
        return FALSE;
      tbuf_plan_occupancy_take (self->occupancy, item->first, item->end, offsets[index], offsets[index] + item->size);
    }

  return TRUE;
}
