/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-exact-private.h"

/* NOTES
 *
 * A depth-first search for offsets within a target height. It starts from that
 * of MiniMalloc (Moffitt, "MiniMalloc: A Lightweight Memory Allocator for
 * Hardware-Accelerated Machine Learning", ASPLOS 2023):
 *
 * - Each item is placed at its lowest possible offset, on top of what it lives
 *   together with, and offsets never decrease (ties by rank). Every plan can be
 *   pushed down until it has such an order.
 * - No item is placed at or above the lowest possible top of another one: that
 *   one could be pushed under it.
 * - All items of a section must fit between the lowest offset that is still
 *   possible there and the target.
 * - Where no unplaced item crosses a border between sections, the two sides are
 *   searched apart, and ranked anew by what is left.
 * - Equal items are placed in one order only.
 *
 * What was added, and made it faster by orders of magnitude:
 *
 * - An item that was passed over can only be placed later if a neighbour comes
 *   to lie under it, so it will be no lower than the lowest top of one of those
 *   (its need), and if there is none, the search has failed already.
 * - If only one item of a section is in time to be its next, all others of the
 *   section are above it.
 * - The section with the least room to spare cannot wait: of the items that are
 *   too high for it, only its own are tried.
 * - What has been searched in vain is remembered by a hash of its items and
 *   their lowest offsets.
 * - How long a search takes depends on the ranks, and varies by factors of a
 *   million. So ranks are weighted sums of what the good ones look at, weights
 *   are random, and a search gives up early (tbuf-plan-portfolio.c).
 *
 * A search that ends without a plan has seen, for each thing that it discarded,
 * how much higher the target would have to be. The least of these is a lower
 * bound for every plan, as in iterative deepening.
 *
 * Nothing is copied on the way down; what changes is logged, and undone from
 * the log. */

typedef gint64 Offset;   /* in units of the part; also whatever else is in the log */

#define NEVER     G_MAXINT64
#define NOBODY    G_MAXUINT
#define MAX_ITEMS 2000     /* each is a frame of the recursion, and all pairs are looked at */
#define N_MEMOS   (1 << 16)
#define MAX_CUTS  32

/* What a search in vain looked like: a hash of what was unplaced, and from where on it was tried. */
typedef struct
{
  guint64 key;
  Offset  floor;
  Offset  rank;
} Memo;

typedef struct
{
  Offset *where;
  Offset  what;
} Change;

/* What never changes about an item. */
typedef struct
{
  Offset  size;
  Offset  alignment;
  Offset  fixed;             /* or -1 */
  guint64 padding;
  guint   first;
  guint   end;
  guint   first_neighbour;   /* in self->neighbours */
  guint   end_neighbour;
  guint   twin;              /* an equal item, which goes before; or NOBODY */
} Fact;

struct _TbufPlanExact
{
  const TbufPlanPart *part;
  guint    n_items;
  guint    n_sections;
  guint64  unit;
  gboolean is_aligned;       /* not everything fits everywhere */
  Fact    *facts;
  guint   *neighbours;
  guint   *n_neighbours;
  guint   *members;          /* of section s: members[member_starts[s]] … members[member_starts[s + 1] - 1] */
  guint   *member_starts;
  guint64 *paddings;         /* of section s: how much its top may miss */

  /* Of unplaced items */
  Offset  *low;              /* the lowest possible offset, on top of those that are placed */
  Offset  *need;             /* the lowest offset that it can end up at; not below low */
  guint   *blocker;          /* a neighbour that the need comes from, or came from before a step back */
  Offset  *limit;            /* the highest offset within the target */
  Offset  *rank;
  double  *score;            /* that makes the rank, but for the breadth */
  double  *total_score;
  guint   *list;             /* all items; each branch works on a slice, with its unplaced items first */
  guint   *position;         /* of an item in the slice of its branch */
  guint8  *is_placed;

  /* Of sections */
  Offset  *total;            /* the sum of the unplaced sizes */
  Offset  *floor;            /* the least need of an unplaced item */
  guint   *witness;          /* who has that, or had it before a step back */
  guint   *n_crossing;       /* unplaced items that live in this section and the next */

  GArray  *changes;          /* Change */
  GArray  *candidates;       /* guint: those of all nodes on the way down */
  Memo    *memos;
  guint64  salt;             /* of the memos of this search */
  double   breadth_weight;

  const TbufPlanAttempt *attempt;
  guint64  n_tries;
  guint64  lower_bound;      /* the least that something discarded would have needed */
};

/* Where a branch of the search is. */
typedef struct
{
  guint  *list;
  guint   n_list;
  guint   first;   /* its sections */
  guint   end;
  Offset  floor;   /* what comes next is not below, */
  Offset  rank;    /* and at that offset not before this rank */
} Branch;

static TbufPlanOutcome search (TbufPlanExact *self,
                               Branch        *branch);

/*< private >
 * tbuf_plan_exact_is_suitable:
 * @part: a part
 *
 * Gets whether a part is small enough for this kind of search.
 *
 * Returns: whether it is
 */
gboolean
tbuf_plan_exact_is_suitable (const TbufPlanPart *part)
{
  return part->n_items <= MAX_ITEMS && part->height < G_GUINT64_CONSTANT (1) << 61;
}

static gboolean
has_mates (const TbufPlanPart *part,
           guint               item)
{
  return part->mates != NULL && part->mate_starts[item] < part->mate_starts[item + 1];
}

static gboolean
are_twins (const TbufPlanPart *part,
           guint               one,
           guint               other)
{
  const TbufPlanItem *a = &part->items[one], *b = &part->items[other];

  return a->first == b->first && a->end == b->end && a->size == b->size && a->alignment == b->alignment &&
         a->padding == b->padding && !a->is_fixed && !b->is_fixed && !has_mates (part, one) && !has_mates (part, other);
}

static void
collect_facts (TbufPlanExact *self)
{
  const TbufPlanPart *part = self->part;
  g_autoptr (GArray) neighbours = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < self->n_items; i++)
    {
      const TbufPlanItem *item = &part->items[i];
      Fact *fact = &self->facts[i];

      *fact = (Fact) {
        .size = (Offset) (item->size / self->unit),
        .alignment = (Offset) MAX (item->alignment / self->unit, 1),
        .fixed = item->is_fixed ? (Offset) (item->offset / self->unit) : -1,
        .padding = item->padding,
        .first = item->first,
        .end = item->end,
        .first_neighbour = neighbours->len,
        .twin = NOBODY,
      };
      self->is_aligned |= fact->alignment > 1;

      for (guint j = 0; j < self->n_items; j++)
        if (j != i && item->first < part->items[j].end && part->items[j].first < item->end)
          g_array_append_val (neighbours, j);
      if (has_mates (part, i))
        g_array_append_vals (neighbours, part->mates + part->mate_starts[i],
                             part->mate_starts[i + 1] - part->mate_starts[i]);
      fact->end_neighbour = neighbours->len;

      for (guint j = i; j > 0 && fact->twin == NOBODY; j--)
        if (are_twins (part, i, j - 1))
          fact->twin = j - 1;
    }

  for (guint i = 0; i < self->n_items; i++)
    self->n_neighbours[i] = self->facts[i].end_neighbour - self->facts[i].first_neighbour;
  self->neighbours = (guint *) (gpointer) g_array_steal (neighbours, NULL);
}

static void
collect_members (TbufPlanExact *self)
{
  self->member_starts = g_new0 (guint, self->n_sections + 2);
  for (guint i = 0; i < self->n_items; i++)
    for (guint s = self->facts[i].first; s < self->facts[i].end; s++)
      {
        self->member_starts[s + 2]++;
        self->paddings[s] = MAX (self->paddings[s], self->facts[i].padding);
      }
  for (guint s = 2; s < self->n_sections + 2; s++)
    self->member_starts[s] += self->member_starts[s - 1];

  /* Each start moves to where the next one was. */
  self->members = g_new (guint, self->member_starts[self->n_sections + 1]);
  for (guint i = 0; i < self->n_items; i++)
    for (guint s = self->facts[i].first; s < self->facts[i].end; s++)
      self->members[self->member_starts[s + 1]++] = i;
}

/*< private >
 * tbuf_plan_exact_new:
 * @part: a part; only its offsets and its height may change
 *
 * Creates what is needed to search a part.
 *
 * Returns: (transfer full): it
 */
TbufPlanExact *
tbuf_plan_exact_new (const TbufPlanPart *part)
{
  TbufPlanExact *self = g_new0 (TbufPlanExact, 1);
  guint n_items = part->n_items, n_sections = part->n_sections;

  self->part = part;
  self->n_items = n_items;
  self->n_sections = n_sections;
  self->unit = part->unit;
  self->facts = g_new (Fact, n_items);
  self->n_neighbours = g_new (guint, n_items);
  self->paddings = g_new0 (guint64, n_sections);
  self->low = g_new (Offset, n_items);
  self->need = g_new (Offset, n_items);
  self->blocker = g_new (guint, n_items);
  self->limit = g_new (Offset, n_items);
  self->rank = g_new (Offset, n_items);
  self->score = g_new (double, n_items);
  self->total_score = g_new (double, n_items);
  self->list = g_new (guint, n_items);
  self->position = g_new (guint, n_items);
  self->is_placed = g_new (guint8, n_items);
  self->total = g_new (Offset, n_sections);
  self->floor = g_new (Offset, n_sections);
  self->witness = g_new (guint, n_sections);
  self->n_crossing = g_new (guint, n_sections);
  self->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  self->candidates = g_array_new (FALSE, FALSE, sizeof (guint));
  self->memos = g_new0 (Memo, N_MEMOS);
  collect_facts (self);
  collect_members (self);

  return self;
}

void
tbuf_plan_exact_free (TbufPlanExact *self)
{
  g_free (self->facts);
  g_free (self->neighbours);
  g_free (self->n_neighbours);
  g_free (self->members);
  g_free (self->member_starts);
  g_free (self->paddings);
  g_free (self->low);
  g_free (self->need);
  g_free (self->blocker);
  g_free (self->limit);
  g_free (self->rank);
  g_free (self->score);
  g_free (self->total_score);
  g_free (self->list);
  g_free (self->position);
  g_free (self->is_placed);
  g_free (self->total);
  g_free (self->floor);
  g_free (self->witness);
  g_free (self->n_crossing);
  g_array_unref (self->changes);
  g_array_unref (self->candidates);
  g_free (self->memos);
  g_free (self);
}

static int
compare_scores (gconstpointer a,
                gconstpointer b,
                gpointer      data)
{
  const double *scores = data;
  guint item_a = *(const guint *) a, item_b = *(const guint *) b;

  if (scores[item_a] != scores[item_b])
    return scores[item_a] > scores[item_b] ? -1 : 1;

  return (item_a > item_b) - (item_a < item_b);
}

static void
change (TbufPlanExact *self,
        Offset        *where,
        Offset         what)
{
  Change undo = { where, *where };

  g_array_append_val (self->changes, undo);
  *where = what;
}

static void
undo_changes (TbufPlanExact *self,
              guint          mark)
{
  for (guint i = self->changes->len; i > mark; i--)
    {
      const Change *undo = &g_array_index (self->changes, Change, i - 1);

      *undo->where = undo->what;
    }
  g_array_set_size (self->changes, mark);
}

/* Ranks the items of a slice by their scores and the sections as they are now. */
static void
rank_items (TbufPlanExact *self,
            guint         *list,
            guint          n_list)
{
  for (guint i = 0; i < n_list; i++)
    {
      guint item = list[i];
      Offset breadth = 0;

      for (guint s = self->facts[item].first; s < self->facts[item].end; s++)
        breadth = MAX (breadth, self->total[s]);
      self->total_score[item] = self->score[item] + self->breadth_weight * (double) breadth;
    }
  g_qsort_with_data (list, (int) n_list, sizeof *list, compare_scores, self->total_score);

  for (guint i = 0; i < n_list; i++)
    {
      change (self, &self->rank[list[i]], i);
      self->position[list[i]] = i;
    }
}

/* Remembers what target something would have needed that is discarded. */
static void
note_height (TbufPlanExact *self,
             Offset         top,
             guint64        padding)
{
  guint64 height = (guint64) top * self->unit - padding;

  if (height > self->attempt->target)
    self->lower_bound = MIN (self->lower_bound, height);
}

/* At which offset the next item of a section has to start at the latest. */
static inline Offset
get_latest (const TbufPlanExact *self,
            guint                section)
{
  return (Offset) ((self->attempt->target + self->paddings[section]) / self->unit) - self->total[section];
}

static gboolean
raise_need (TbufPlanExact *self,
            guint          item,
            Offset         need)
{
  if (need <= self->need[item])
    return TRUE;

  if (need > self->limit[item])
    {
      note_height (self, need + self->facts[item].size, self->facts[item].padding);
      return FALSE;
    }

  change (self, &self->need[item], need);
  return TRUE;
}

/* What lives together with @item is above it now. */
static gboolean
raise_neighbours (TbufPlanExact *self,
                  guint          item)
{
  Offset top = self->low[item] + self->facts[item].size;

  for (guint k = self->facts[item].first_neighbour; k < self->facts[item].end_neighbour; k++)
    {
      guint other = self->neighbours[k];
      Offset low = top;

      if (self->is_placed[other] || self->low[other] >= top)
        continue;

      if (self->is_aligned)
        low = (Offset) tbuf_plan_align ((guint64) low, (guint64) self->facts[other].alignment);
      if (!raise_need (self, other, low))
        return FALSE;
      change (self, &self->low[other], low);
    }

  return TRUE;
}

/* Something has to come to lie under an item that was passed over: what, and how high does that lift it? */
static gboolean
lift (TbufPlanExact *self,
      guint          item,
      Offset         floor)
{
  Offset ceiling = self->low[item] + self->facts[item].size, need = NEVER;
  guint blocker = self->blocker[item];

  /* All needs only rise on the way down, so a blocker that still has its offset is still the lowest. */
  if (blocker != NOBODY && !self->is_placed[blocker])
    {
      Offset offset = MAX (self->need[blocker], floor);

      if (offset < ceiling && offset + self->facts[blocker].size == self->need[item])
        return TRUE;
    }

  for (guint k = self->facts[item].first_neighbour; k < self->facts[item].end_neighbour; k++)
    {
      guint other = self->neighbours[k];
      Offset offset;

      if (self->is_placed[other])
        continue;
      offset = MAX (self->need[other], floor);
      if (offset < ceiling && offset + self->facts[other].size < need)
        {
          need = offset + self->facts[other].size;
          self->blocker[item] = other;
        }
    }

  return need < NEVER && raise_need (self, item, need);
}

/* Updates the floor of a section. If only one of its items is in time to be next, the others are above that. */
static gboolean
raise_floor (TbufPlanExact *self,
             guint          section,
             Offset         floor,
             gboolean      *has_raised)
{
  const guint *members = self->members + self->member_starts[section];
  guint n_members = self->member_starts[section + 1] - self->member_starts[section], lowest = NOBODY;
  Offset least = NEVER, second = NEVER, top;

  for (guint i = 0; i < n_members; i++)
    {
      guint item = members[i];

      if (self->is_placed[item])
        continue;
      if (self->need[item] < least)
        {
          second = least;
          least = self->need[item];
          lowest = item;
        }
      else
        {
          second = MIN (second, self->need[item]);
        }
    }

  self->witness[section] = lowest;
  if (least != self->floor[section])
    change (self, &self->floor[section], least);

  if (second == NEVER || second <= get_latest (self, section))
    return TRUE;
  top = MAX (least, floor) + self->facts[lowest].size;
  if (second >= top)
    return TRUE;

  /* With a higher target there would be a choice. */
  note_height (self, second + self->total[section], self->paddings[section]);
  for (guint i = 0; i < n_members; i++)
    if (!self->is_placed[members[i]] && members[i] != lowest && self->need[members[i]] < top)
      {
        if (!raise_need (self, members[i], top))
          return FALSE;
        *has_raised = TRUE;
      }

  return TRUE;
}

/* Draws conclusions from a placement; FALSE: no plan of this branch is within the target. */
static gboolean
conclude (TbufPlanExact *self,
          const Branch  *branch)
{
  gboolean has_raised = TRUE;

  for (guint i = 0; i < branch->n_list; i++)
    {
      guint item = branch->list[i];

      if ((self->low[item] < branch->floor ||
           (self->low[item] == branch->floor && self->rank[item] < branch->rank)) &&
          !lift (self, item, branch->floor))
        return FALSE;
    }

  while (has_raised)
    {
      has_raised = FALSE;
      for (guint s = branch->first; s < branch->end; s++)
        {
          guint witness = self->witness[s];
          Offset floor;

          if (self->total[s] == 0)
            continue;

          if ((witness == NOBODY || self->is_placed[witness] || self->need[witness] != self->floor[s]) &&
              !raise_floor (self, s, branch->floor, &has_raised))
            return FALSE;

          floor = MAX (self->floor[s], branch->floor);
          if (floor > get_latest (self, s))
            {
              note_height (self, floor + self->total[s], self->paddings[s]);
              return FALSE;
            }
        }
    }

  return TRUE;
}

/* Takes an item from among the unplaced ones of a branch. */
static void
take_item (TbufPlanExact *self,
           Branch        *branch,
           guint          item)
{
  const Fact *fact = &self->facts[item];
  guint last = branch->list[--branch->n_list];

  branch->list[self->position[item]] = last;
  self->position[last] = self->position[item];
  branch->list[branch->n_list] = item;
  self->position[item] = branch->n_list;

  self->is_placed[item] = TRUE;
  for (guint s = fact->first; s < fact->end; s++)
    self->total[s] -= fact->size;
  for (guint s = fact->first; s + 1 < fact->end; s++)
    self->n_crossing[s]--;
}

/* Undoes a placement. */
static void
displace_item (TbufPlanExact *self,
               guint          item)
{
  const Fact *fact = &self->facts[item];

  self->is_placed[item] = FALSE;
  for (guint s = fact->first; s < fact->end; s++)
    self->total[s] += fact->size;
  for (guint s = fact->first; s + 1 < fact->end; s++)
    self->n_crossing[s]++;
}

/* Puts back what was taken: the slice is then as it was. */
static void
put_back_item (TbufPlanExact *self,
               Branch        *branch,
               guint          item)
{
  branch->n_list++;
  displace_item (self, item);
}

/* Searches the two or more sides of the borders that nothing crosses any more since @item was placed. */
static TbufPlanOutcome
search_sides (TbufPlanExact *self,
              Branch        *branch,
              guint          item)
{
  guint borders[MAX_CUTS], n_borders = 0, n_done = 0;
  TbufPlanOutcome outcome = TBUF_PLAN_FOUND;

  for (guint s = self->facts[item].first; s + 1 < self->facts[item].end && n_borders < MAX_CUTS - 1; s++)
    if (self->n_crossing[s] == 0)
      borders[n_borders++] = s + 1;
  if (n_borders == 0)
    return search (self, branch);

  borders[n_borders++] = branch->end;
  for (guint i = 0; i < n_borders && outcome == TBUF_PLAN_FOUND; i++)
    {
      guint mark = self->changes->len;
      Branch side = {
        .list = branch->list + n_done,
        .first = i == 0 ? branch->first : borders[i - 1],
        .end = borders[i],
      };

      for (guint j = n_done; j < branch->n_list; j++)
        if (self->facts[branch->list[j]].first < side.end)
          {
            guint other = branch->list[j];

            branch->list[j] = side.list[side.n_list];
            side.list[side.n_list++] = other;
          }

      rank_items (self, side.list, side.n_list);
      outcome = search (self, &side);
      if (outcome != TBUF_PLAN_FOUND)
        {
          undo_changes (self, mark);
          /* What was found for the other sides is of no use, and still placed. */
          for (guint j = 0; j < n_done; j++)
            displace_item (self, branch->list[j]);
        }
      n_done += side.n_list;
    }

  for (guint i = 0; i < branch->n_list; i++)
    self->position[branch->list[i]] = i;

  return outcome;
}

/* Collects who can be placed next, the lowest first. */
static guint
collect_candidates (TbufPlanExact *self,
                    const Branch  *branch)
{
  Offset lowest_top = NEVER;
  guint mark = self->candidates->len, *candidates;

  for (guint i = 0; i < branch->n_list; i++)
    lowest_top = MIN (lowest_top, self->low[branch->list[i]] + self->facts[branch->list[i]].size);

  for (guint i = 0; i < branch->n_list; i++)
    {
      guint item = branch->list[i], twin = self->facts[item].twin, j;
      Offset low = self->low[item], rank = self->rank[item];

      if (low >= lowest_top || low < branch->floor || (low == branch->floor && rank < branch->rank) ||
          (twin != NOBODY && !self->is_placed[twin]))
        continue;

      g_array_append_val (self->candidates, item);
      candidates = &g_array_index (self->candidates, guint, mark);
      for (j = self->candidates->len - mark - 1; j > 0; j--)
        {
          guint other = candidates[j - 1];

          if (self->low[other] < low || (self->low[other] == low && self->rank[other] < rank))
            break;
          candidates[j] = other;
        }
      candidates[j] = item;
    }

  return self->candidates->len - mark;
}

/* The section that has the least room to spare. */
static guint
find_tightest (const TbufPlanExact *self,
               const Branch        *branch,
               Offset              *latest)
{
  guint tightest = branch->first;

  *latest = NEVER;
  for (guint s = branch->first; s < branch->end; s++)
    if (self->total[s] > 0 && get_latest (self, s) < *latest)
      {
        *latest = get_latest (self, s);
        tightest = s;
      }

  return tightest;
}

static TbufPlanOutcome
try_item (TbufPlanExact *self,
          const Branch  *branch,
          guint          item)
{
  guint mark = self->changes->len;
  TbufPlanOutcome outcome = TBUF_PLAN_EXHAUSTED;
  Branch next = *branch;

  self->n_tries++;
  next.floor = self->low[item];
  next.rank = self->rank[item];
  take_item (self, &next, item);
  if (raise_neighbours (self, item) && conclude (self, &next))
    outcome = search_sides (self, &next, item);
  if (outcome != TBUF_PLAN_FOUND)
    {
      undo_changes (self, mark);
      put_back_item (self, &next, item);
    }

  return outcome;
}

static TbufPlanOutcome
search (TbufPlanExact *self,
        Branch        *branch)
{
  guint mark = self->candidates->len, n_candidates, tightest;
  TbufPlanOutcome outcome = TBUF_PLAN_EXHAUSTED;
  guint64 key = self->salt;
  Offset latest;
  Memo *memo;

  if (branch->n_list == 0)
    return TBUF_PLAN_FOUND;

  if (self->n_tries >= self->attempt->n_tries ||
      (self->n_tries % 64 == 0 && self->attempt->is_over (self->attempt->target, self->attempt->data)))
    return TBUF_PLAN_ABORTED;

  /* The two sides of a border are ranked anew, and what has been passed over depends on that. */
  for (guint i = 0; i < branch->n_list; i++)
    {
      guint item = branch->list[i];
      guint64 place = tbuf_plan_mix (tbuf_plan_mix ((guint64) self->low[item]) + (guint64) self->rank[item]);

      key += tbuf_plan_mix (place + item);
    }
  memo = &self->memos[key % N_MEMOS];
  if (memo->key == key && (memo->floor < branch->floor || (memo->floor == branch->floor && memo->rank <= branch->rank)))
    return TBUF_PLAN_EXHAUSTED;

  n_candidates = collect_candidates (self, branch);
  tightest = find_tightest (self, branch, &latest);
  for (guint i = 0; i < n_candidates && outcome == TBUF_PLAN_EXHAUSTED; i++)
    {
      guint item = g_array_index (self->candidates, guint, mark + i);

      if (self->low[item] > latest && (self->facts[item].first > tightest || self->facts[item].end <= tightest))
        note_height (self, self->low[item] + self->total[tightest], self->paddings[tightest]);
      else
        outcome = try_item (self, branch, item);
    }
  g_array_set_size (self->candidates, mark);

  if (outcome == TBUF_PLAN_EXHAUSTED)
    *memo = (Memo) { key, branch->floor, branch->rank };

  return outcome;
}

/* Back to where nothing is placed. */
static gboolean
reset (TbufPlanExact *self)
{
  guint64 target = self->attempt->target;

  self->n_tries = 0;
  self->lower_bound = G_MAXUINT64;
  self->salt = tbuf_plan_mix (self->salt + 1);
  g_array_set_size (self->changes, 0);
  g_array_set_size (self->candidates, 0);
  memset (self->is_placed, 0, self->n_items);
  memset (self->total, 0, self->n_sections * sizeof *self->total);
  for (guint s = 0; s < self->n_sections; s++)
    {
      self->floor[s] = -1;
      self->witness[s] = NOBODY;
      /* Items that are to be apart hold all sides together. */
      self->n_crossing[s] = self->part->mates != NULL;
    }

  for (guint i = 0; i < self->n_items; i++)
    {
      const Fact *fact = &self->facts[i];

      self->list[i] = i;
      self->low[i] = self->need[i] = MAX (fact->fixed, 0);
      self->blocker[i] = NOBODY;
      self->limit[i] = (Offset) ((target + fact->padding) / self->unit) - fact->size;
      if (self->limit[i] < self->low[i])
        return FALSE;
      if (fact->fixed >= 0)
        self->limit[i] = fact->fixed;
      for (guint s = fact->first; s < fact->end; s++)
        self->total[s] += fact->size;
      for (guint s = fact->first; s + 1 < fact->end; s++)
        self->n_crossing[s]++;
    }

  return TRUE;
}

/*< private >
 * tbuf_plan_exact_search:
 * @self: what is needed
 * @attempt: what to look for
 * @offsets: (out caller-allocates): the offset of each item, if a plan is found
 * @lower_bound: (out): what no plan is below, if there is none within the target
 *
 * Looks for a plan of a part that is no higher than a target.
 *
 * Returns: what came of it
 */
TbufPlanOutcome
tbuf_plan_exact_search (TbufPlanExact         *self,
                        const TbufPlanAttempt *attempt,
                        guint64               *offsets,
                        guint64               *lower_bound)
{
  Branch whole = { .list = self->list, .n_list = self->n_items, .end = self->n_sections };
  TbufPlanOutcome outcome;

  self->attempt = attempt;
  *lower_bound = attempt->target + 1;
  if (!reset (self))
    return TBUF_PLAN_EXHAUSTED;

  self->breadth_weight = tbuf_plan_part_score (self->part, attempt->order, attempt->target, self->n_neighbours,
                                               self->score);
  rank_items (self, self->list, self->n_items);
  outcome = conclude (self, &whole) ? search (self, &whole) : TBUF_PLAN_EXHAUSTED;

  if (outcome == TBUF_PLAN_FOUND)
    for (guint i = 0; i < self->n_items; i++)
      offsets[i] = (guint64) self->low[i] * self->unit;
  if (outcome == TBUF_PLAN_EXHAUSTED && self->lower_bound < G_MAXUINT64)
    *lower_bound = self->lower_bound;

  return outcome;
}
