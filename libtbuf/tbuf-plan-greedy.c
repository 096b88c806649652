/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A greedy planner takes the buffers in some order and puts each into a gap
 * between those that it has placed already and that live at the same time; if
 * there is no gap, on top of them. What the order should be is not known: on
 * real instances each of these is the best one now and then, and the worst one
 * too. So all are tried, each with the lowest gap that is large enough (first
 * fit) and with the smallest (best fit), and the lowest plan is kept.
 *
 * Sources: the orders by size and by breadth are those of Pisarchyk and Lee,
 * "Efficient Memory Management for Deep Neural Net Inference" (2020); area and
 * duration are among those of MiniMalloc (Moffitt, ASPLOS 2023); by start is
 * what an ordinary allocator does, which sees the future only as it comes.
 *
 * Who lives at the same time is asked of a tree over the buffers by start, each
 * node of which knows the latest end of what has been placed below it. So a
 * placement costs O(k log n) for k neighbours. */

typedef struct
{
  TbufPlanBuffer buffer;   /* its offset is that of the running try */
  guint64        breadth;  /* the greatest sum of live sizes during its life */
  double         key;      /* of the running try: the greatest goes first */
  guint          index;    /* in the caller's array */
} Item;

/* The bytes of a placed buffer. */
typedef struct
{
  guint64 start;
  guint64 end;
} Span;

typedef struct
{
  Item    *items;     /* by start */
  guint    n_items;
  guint   *order;     /* of the running try */
  guint64 *latest;    /* a binary tree: the children of node i are 2i and 2i + 1, the leaves are items */
  guint    n_leaves;  /* a power of two */
  Span    *spans;     /* scratch: the neighbours of what is being placed */
  guint    n_spans;
  guint   *apart;     /* the items that share no bytes with item 0, those with item 1 … */
  guint   *apart_at;  /* … and where each list starts; both NULL if there are none */
} Search;

typedef enum
{
  FIT_FIRST,
  FIT_BEST,
  N_FITS
} Fit;

typedef enum
{
  TRY_DONE,
  TRY_HOPELESS,   /* no lower than what there is already, or beyond 64 bits */
  TRY_OUT_OF_TIME,
  TRY_CANCELLED
} TryResult;

/* A heuristic needs no exact keys, only the same ones every time; ties are decided by exact numbers. */
static double
key_by_size (const Item *item)
{
  return (double) item->buffer.size;
}

static double
key_by_area (const Item *item)
{
  return (double) item->buffer.size * (double) (item->buffer.upper - item->buffer.lower);
}

static double
key_by_breadth (const Item *item)
{
  return (double) item->breadth;
}

static double
key_by_duration (const Item *item)
{
  return (double) (item->buffer.upper - item->buffer.lower);
}

static double
key_as_added (const Item *item)
{
  return -(double) item->index;
}

static double
key_by_start (const Item *item)
{
  return -(double) item->buffer.lower;
}

static double
key_by_end (const Item *item)
{
  return (double) item->buffer.upper;
}

static double (*const orders[]) (const Item *item) = {
  key_as_added,     /* first, so that no plan is higher than the buffers one after another, however short the time */
  key_by_start,
  key_by_size,
  key_by_area,
  key_by_breadth,
  key_by_duration,
  key_by_end,
};

static int
compare_items (gconstpointer a,
               gconstpointer b,
               gpointer      data)
{
  const Item *items = data;
  const Item *item_a = &items[*(const guint *) a], *item_b = &items[*(const guint *) b];

  if (item_a->key != item_b->key)
    return item_a->key > item_b->key ? -1 : 1;
  /* What is hard to align goes first, so that the rest can fill the gaps that this leaves. */
  if (item_a->buffer.alignment != item_b->buffer.alignment)
    return item_a->buffer.alignment > item_b->buffer.alignment ? -1 : 1;
  if (item_a->buffer.size != item_b->buffer.size)
    return item_a->buffer.size > item_b->buffer.size ? -1 : 1;

  return (item_a > item_b) - (item_a < item_b);
}

static int
compare_starts (gconstpointer a,
                gconstpointer b)
{
  const Item *item_a = a, *item_b = b;

  if (item_a->buffer.lower != item_b->buffer.lower)
    return item_a->buffer.lower < item_b->buffer.lower ? -1 : 1;

  return (item_a->index > item_b->index) - (item_a->index < item_b->index);
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  guint64 time_a = *(const guint64 *) a, time_b = *(const guint64 *) b;

  return (time_a > time_b) - (time_a < time_b);
}

static int
compare_spans (gconstpointer a,
               gconstpointer b)
{
  const Span *span_a = a, *span_b = b;

  return (span_a->start > span_b->start) - (span_a->start < span_b->start);
}

/* The index of the first time that is not before @time. */
static guint
find_time (const guint64 *times,
           guint          n_times,
           guint64        time)
{
  guint low = 0, high = n_times;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (times[middle] < time)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

static guint
round_up_to_power_of_two (guint n)
{
  guint power = 1;

  while (power < n)
    power *= 2;

  return power;
}

/* Cuts time where a buffer starts or ends, sums up what lives in each section, and takes the greatest sum for each buffer. */
static void
measure_breadths (Search *self)
{
  guint n_times = self->n_items * 2, n_sections = 0, n_leaves;
  g_autofree guint64 *times = g_new (guint64, n_times);
  g_autofree guint64 *sums = NULL;

  for (guint i = 0; i < self->n_items; i++)
    {
      times[2 * i] = self->items[i].buffer.lower;
      times[2 * i + 1] = self->items[i].buffer.upper;
    }
  qsort (times, n_times, sizeof *times, compare_times);
  for (guint i = 0; i < n_times; i++)
    if (i == 0 || times[i] != times[i - 1])
      times[n_sections++] = times[i];

  /* A tree of maxima, as in Search.latest; changes first, then their running sum. Unsigned wrapping makes a decrease. */
  n_leaves = round_up_to_power_of_two (n_sections);
  sums = g_new0 (guint64, 2 * (gsize) n_leaves);
  for (guint i = 0; i < self->n_items; i++)
    {
      const TbufPlanBuffer *buffer = &self->items[i].buffer;

      sums[n_leaves + find_time (times, n_sections, buffer->lower)] += buffer->size;
      sums[n_leaves + find_time (times, n_sections, buffer->upper)] -= buffer->size;
    }
  for (guint i = 1; i < n_sections; i++)
    sums[n_leaves + i] += sums[n_leaves + i - 1];
  for (guint i = n_leaves - 1; i > 0; i--)
    sums[i] = MAX (sums[2 * i], sums[2 * i + 1]);

  for (guint i = 0; i < self->n_items; i++)
    {
      Item *item = &self->items[i];
      guint left = n_leaves + find_time (times, n_sections, item->buffer.lower);
      guint right = n_leaves + find_time (times, n_sections, item->buffer.upper);

      for (item->breadth = 0; left < right; left /= 2, right /= 2)
        {
          if (left % 2 == 1)
            item->breadth = MAX (item->breadth, sums[left++]);
          if (right % 2 == 1)
            item->breadth = MAX (item->breadth, sums[--right]);
        }
    }
}

/* Lists for each item those that it is to be apart from. */
static void
list_apart (Search             *self,
            const TbufPlanPair *separate,
            guint               n_separate)
{
  g_autofree guint *place = g_new (guint, self->n_items);
  guint sum = 0;

  self->apart = g_new (guint, 2 * (gsize) n_separate);
  self->apart_at = g_new0 (guint, (gsize) self->n_items + 1);
  for (guint i = 0; i < self->n_items; i++)
    place[self->items[i].index] = i;

  for (guint i = 0; i < n_separate; i++)
    {
      self->apart_at[place[separate[i].one]]++;
      self->apart_at[place[separate[i].other]]++;
    }
  for (guint i = 0; i <= self->n_items; i++)
    self->apart_at[i] = sum += self->apart_at[i];

  /* Filled from the end of each list, which leaves its start behind. */
  for (guint i = 0; i < n_separate; i++)
    {
      self->apart[--self->apart_at[place[separate[i].one]]] = place[separate[i].other];
      self->apart[--self->apart_at[place[separate[i].other]]] = place[separate[i].one];
    }
}

static void
search_init (Search               *self,
             const TbufPlanBuffer *buffers,
             guint                 n_buffers,
             const TbufPlanPair   *separate,
             guint                 n_separate)
{
  self->n_items = n_buffers;
  self->items = g_new0 (Item, n_buffers);
  self->order = g_new (guint, n_buffers);
  self->n_leaves = round_up_to_power_of_two (n_buffers);
  self->latest = g_new (guint64, 2 * (gsize) self->n_leaves);
  self->spans = g_new (Span, (gsize) n_buffers + 2 * (gsize) n_separate);
  self->n_spans = 0;
  self->apart = NULL;
  self->apart_at = NULL;

  for (guint i = 0; i < n_buffers; i++)
    {
      self->items[i].buffer = buffers[i];
      self->items[i].index = i;
    }
  qsort (self->items, n_buffers, sizeof *self->items, compare_starts);
  measure_breadths (self);
  if (n_separate > 0)
    list_apart (self, separate, n_separate);
}

static void
search_clear (Search *self)
{
  g_free (self->items);
  g_free (self->order);
  g_free (self->latest);
  g_free (self->spans);
  g_free (self->apart);
  g_free (self->apart_at);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Search, search_clear)

/* Puts the spans of the placed items below @node that outlive @lower into self->spans; only the first @n_items started in
 * time. */
static void
collect_spans (Search  *self,
               guint    node,
               guint    first,
               guint    n_below,
               guint    n_items,
               guint64  lower)
{
  if (first >= n_items || self->latest[node] <= lower)
    return;

  if (n_below == 1)
    {
      const TbufPlanBuffer *buffer = &self->items[first].buffer;

      self->spans[self->n_spans++] = (Span) { buffer->offset, buffer->offset + buffer->size };
      return;
    }

  collect_spans (self, 2 * node, first, n_below / 2, n_items, lower);
  collect_spans (self, 2 * node + 1, first + n_below / 2, n_below / 2, n_items, lower);
}

static gboolean
is_placed (const Search *self,
           guint         index)
{
  return self->latest[self->n_leaves + index] > 0;
}

static void
mark_placed (Search *self,
             guint   index)
{
  for (guint node = self->n_leaves + index; node > 0; node /= 2)
    self->latest[node] = MAX (self->latest[node], self->items[index].buffer.upper);
}

/* Adds the spans of what @index is to be apart from, alive or not. */
static void
collect_apart (Search *self,
               guint   index)
{
  if (self->apart_at == NULL)
    return;

  for (guint i = self->apart_at[index]; i < self->apart_at[index + 1]; i++)
    {
      const TbufPlanBuffer *buffer = &self->items[self->apart[i]].buffer;

      if (is_placed (self, self->apart[i]))
        self->spans[self->n_spans++] = (Span) { buffer->offset, buffer->offset + buffer->size };
    }
}

/* How many items start before @time. */
static guint
count_starts_before (const Search *self,
                     guint64       time)
{
  guint low = 0, high = self->n_items;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (self->items[middle].buffer.lower < time)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

/* The lowest aligned offset from @from on at which @buffer ends by @limit. */
static gboolean
fits (const TbufPlanBuffer *buffer,
      guint64               from,
      guint64               limit,
      guint64              *offset)
{
  guint64 remainder = from % buffer->alignment;

  if (remainder > 0 && !g_uint64_checked_add (&from, from, buffer->alignment - remainder))
    return FALSE;
  if (from > limit || buffer->size > limit - from)
    return FALSE;

  *offset = from;
  return TRUE;
}

/* Gives items[index] an offset; FALSE if there is none that 64 bits can express. */
static gboolean
place (Search *self,
       guint   index,
       Fit     fit)
{
  TbufPlanBuffer *buffer = &self->items[index].buffer;
  guint64 floor = 0, smallest_gap = G_MAXUINT64, offset;
  gboolean found = FALSE;

  self->n_spans = 0;
  collect_spans (self, 1, 0, self->n_leaves, count_starts_before (self, buffer->upper), buffer->lower);
  collect_apart (self, index);
  qsort (self->spans, self->n_spans, sizeof *self->spans, compare_spans);

  for (guint i = 0; i < self->n_spans; i++)
    {
      guint64 ceiling = self->spans[i].start;

      if (ceiling > floor && ceiling - floor < smallest_gap && fits (buffer, floor, ceiling, &offset))
        {
          buffer->offset = offset;
          smallest_gap = ceiling - floor;
          found = TRUE;
          if (fit == FIT_FIRST)
            break;
        }
      floor = MAX (floor, self->spans[i].end);
    }

  if (!found && !fits (buffer, floor, G_MAXUINT64, &buffer->offset))
    return FALSE;

  mark_placed (self, index);
  return TRUE;
}

/* Places all items in the order of @get_key, as long as they stay within @limit. */
static TryResult
try_order (Search        *self,
           double       (*get_key) (const Item *item),
           Fit            fit,
           guint64        limit,
           gint64         deadline,
           GCancellable  *cancellable,
           guint64       *height)
{
  *height = 0;
  memset (self->latest, 0, 2 * (gsize) self->n_leaves * sizeof *self->latest);
  for (guint i = 0; i < self->n_items; i++)
    {
      self->items[i].key = get_key (&self->items[i]);
      self->order[i] = i;
    }
  g_qsort_with_data (self->order, (int) self->n_items, sizeof *self->order, compare_items, self->items);

  /* What has a place already keeps it, and the others lie around it. */
  for (guint i = 0; i < self->n_items; i++)
    if (self->items[i].buffer.is_fixed)
      {
        mark_placed (self, i);
        *height = MAX (*height, self->items[i].buffer.offset + self->items[i].buffer.size);
      }
  if (*height > limit)
    return TRY_HOPELESS;

  for (guint i = 0; i < self->n_items; i++)
    {
      const TbufPlanBuffer *buffer = &self->items[self->order[i]].buffer;

      if (buffer->is_fixed)
        continue;

      if (i % 64 == 0)
        {
          if (g_cancellable_is_cancelled (cancellable))
            return TRY_CANCELLED;
          if (deadline < G_MAXINT64 && g_get_monotonic_time () >= deadline)
            return TRY_OUT_OF_TIME;
        }

      if (!place (self, self->order[i], fit))
        return TRY_HOPELESS;

      *height = MAX (*height, buffer->offset + buffer->size);
      if (*height > limit)
        return TRY_HOPELESS;
    }

  return TRY_DONE;
}

/*< private >
 * tbuf_plan_search_greedily:
 * @problem: at least one buffer, all of more than 0 bytes; the offsets are set of those that are not fixed
 * @target: a height that needs no improvement
 * @height: (out): the height of the plan
 * @error: return location for an error
 *
 * Finds offsets by the best of several greedy orders.
 *
 * The deadline counts from the second order on, so that there is always a plan.
 *
 * Returns: whether there is a plan
 */
gboolean
tbuf_plan_search_greedily (TbufPlanProblem *problem,
                           guint64          target,
                           guint64         *height,
                           GError         **error)
{
  TbufPlanBuffer *buffers = problem->buffers;
  guint n_buffers = problem->n_buffers;
  g_auto (Search) search;
  g_autofree TbufPlanBuffer *candidate = g_new (TbufPlanBuffer, n_buffers);
  guint64 best = 0, reached;
  gboolean found = FALSE;

  search_init (&search, buffers, n_buffers, problem->separate, problem->n_separate);

  for (guint i = 0; i < G_N_ELEMENTS (orders) * N_FITS && !(found && best <= target); i++)
    {
      TryResult result = try_order (&search, orders[i / N_FITS], i % N_FITS, found ? best - 1 : G_MAXUINT64,
                                    found ? problem->deadline : G_MAXINT64, problem->cancellable, &reached);

      if (result == TRY_CANCELLED)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Planning %u buffers was cancelled", n_buffers);
          return FALSE;
        }
      if (result == TRY_OUT_OF_TIME)
        break;
      if (result == TRY_HOPELESS)
        continue;

      for (guint j = 0; j < n_buffers; j++)
        candidate[search.items[j].index] = search.items[j].buffer;
      if (!tbuf_plan_verify_offsets (candidate, n_buffers, problem->separate, problem->n_separate, reached, error))
        return FALSE;

      memcpy (buffers, candidate, n_buffers * sizeof *buffers);
      best = reached;
      found = TRUE;
    }

  if (!found)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_RANGE,
                   "The %u buffers do not fit into %" G_GUINT64_FORMAT " bytes", n_buffers, G_MAXUINT64);
      return FALSE;
    }

  *height = best;
  return TRUE;
}
