/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-engine-private.h"

/* NOTES
 *
 * The fastest plan that is worth anything: go through time once, as a program
 * would that allocates each buffer when it starts and frees it when it ends. Free
 * blocks are in lists by size, four for each power of two, as in TLSF (Masmano
 * et al., "TLSF: A New Dynamic Memory Allocator for Real-Time Systems", 2004),
 * and merge with their neighbours, so each step takes constant time. A million
 * buffers take a second. */

#define NOBODY    G_MAXUINT
#define N_CLASSES (64 * 4)

typedef struct
{
  guint64 start;
  guint64 size;
  guint   below;     /* neighbours in memory, or NOBODY */
  guint   above;
  guint   previous;  /* neighbours in its list */
  guint   next;
  guint   is_free;
} Block;

typedef struct
{
  GArray *blocks;    /* of Block */
  guint   unused;    /* a list of those that were merged into others, through next */
  guint   top;       /* the highest block */
  guint64 height;
  guint   lists[N_CLASSES];
} Heap;

static inline Block *
get_block (Heap  *self,
           guint  index)
{
  return &g_array_index (self->blocks, Block, index);
}

/* The list of blocks of @size. */
static guint
get_class (guint64 size)
{
  guint n_bits = g_bit_storage (size);

  return n_bits <= 2 ? (guint) size : (n_bits - 1) * 4 + (guint) (size >> (n_bits - 3) & 3);
}

static void
put_into_list (Heap  *self,
               guint  index)
{
  Block *block = get_block (self, index);
  guint class = get_class (block->size);

  block->is_free = TRUE;
  block->previous = NOBODY;
  block->next = self->lists[class];
  if (block->next != NOBODY)
    get_block (self, block->next)->previous = index;
  self->lists[class] = index;
}

static void
take_from_list (Heap  *self,
                guint  index)
{
  Block *block = get_block (self, index);

  block->is_free = FALSE;
  if (block->next != NOBODY)
    get_block (self, block->next)->previous = block->previous;
  if (block->previous != NOBODY)
    get_block (self, block->previous)->next = block->next;
  else
    self->lists[get_class (block->size)] = block->next;
}

/* A new block above @below. */
static guint
insert_block (Heap    *self,
              guint    below,
              guint64  start,
              guint64  size)
{
  Block block = { .start = start, .size = size, .below = below, .above = NOBODY };
  guint index = self->unused;

  if (index == NOBODY)
    {
      index = self->blocks->len;
      g_array_set_size (self->blocks, index + 1);
    }
  else
    {
      self->unused = get_block (self, index)->next;
    }

  if (below != NOBODY)
    {
      block.above = get_block (self, below)->above;
      get_block (self, below)->above = index;
    }
  if (block.above != NOBODY)
    get_block (self, block.above)->below = index;
  else
    self->top = index;
  *get_block (self, index) = block;

  return index;
}

/* Merges a block into the one below it. */
static void
merge_down (Heap  *self,
            guint  index)
{
  Block *block = get_block (self, index), *below = get_block (self, block->below);

  below->size += block->size;
  below->above = block->above;
  if (block->above != NOBODY)
    get_block (self, block->above)->below = block->below;
  else
    self->top = block->below;
  block->next = self->unused;
  self->unused = index;
}

static void
free_block (Heap  *self,
            guint  index)
{
  guint below = get_block (self, index)->below, above = get_block (self, index)->above;

  if (above != NOBODY && get_block (self, above)->is_free)
    {
      take_from_list (self, above);
      merge_down (self, above);
    }
  if (below != NOBODY && get_block (self, below)->is_free)
    {
      take_from_list (self, below);
      merge_down (self, index);
      index = below;
    }
  put_into_list (self, index);
}

/* A free block of at least @size; at the top if there is none. */
static guint
find_block (Heap    *self,
            guint64  size)
{
  guint class = get_class (size), top = self->top;
  guint64 missing = size;

  /* One of the same list may do; all of the later ones do. */
  if (self->lists[class] != NOBODY && get_block (self, self->lists[class])->size >= size)
    return self->lists[class];
  for (class++; class < N_CLASSES; class++)
    if (self->lists[class] != NOBODY)
      return self->lists[class];

  if (top != NOBODY && get_block (self, top)->is_free)
    {
      missing = size > get_block (self, top)->size ? size - get_block (self, top)->size : 0;
      take_from_list (self, top);
      get_block (self, top)->size += missing;
    }
  else
    {
      top = insert_block (self, top, self->height, size);
    }
  self->height += missing;
  put_into_list (self, top);

  return top;
}

static guint
allocate_block (Heap               *self,
                const TbufPlanItem *item,
                guint64             unit)
{
  guint64 slack = item->alignment > unit ? item->alignment - unit : 0, start, rest;
  guint index = find_block (self, item->size + slack);

  take_from_list (self, index);
  start = tbuf_plan_align (get_block (self, index)->start, item->alignment);
  if (start > get_block (self, index)->start)
    {
      guint64 skipped = start - get_block (self, index)->start;
      guint aligned = insert_block (self, index, start, get_block (self, index)->size - skipped);

      get_block (self, index)->size = skipped;
      put_into_list (self, index);
      index = aligned;
    }

  rest = get_block (self, index)->size - item->size;
  if (rest > 0)
    {
      guint above = insert_block (self, index, start + item->size, rest);

      get_block (self, index)->size = item->size;
      put_into_list (self, above);
    }

  return index;
}

/*< private >
 * tbuf_plan_part_sweep:
 * @self: a part
 * @clock: when to stop
 * @offsets: (out caller-allocates): the offset of each item
 * @height: (out): the height of the plan
 *
 * Places all items as they start.
 *
 * Returns: whether there is a plan: not if there is no time, or there are fixed
 *   items or some that are to be apart
 */
gboolean
tbuf_plan_part_sweep (const TbufPlanPart  *self,
                      const TbufPlanClock *clock,
                      guint64             *offsets,
                      guint64             *height)
{
  g_autoptr (GArray) blocks = g_array_new (FALSE, FALSE, sizeof (Block));
  g_autofree guint *ending = NULL, *next_ending = NULL, *block_of = NULL;
  Heap heap = { .blocks = blocks, .unused = NOBODY, .top = NOBODY };
  guint section = 0;

  if (self->mates != NULL)
    return FALSE;

  /* Lists of those that end with a section. */
  ending = g_new (guint, self->n_sections + 1);
  next_ending = g_new (guint, self->n_items);
  block_of = g_new (guint, self->n_items);
  for (guint i = 0; i <= self->n_sections; i++)
    ending[i] = NOBODY;
  for (guint i = 0; i < N_CLASSES; i++)
    heap.lists[i] = NOBODY;

  *height = 0;
  for (guint i = 0; i < self->n_items; i++)
    {
      const TbufPlanItem *item = &self->items[i];

      if (item->is_fixed || (i % 256 == 0 && tbuf_plan_clock_is_over (clock)))
        return FALSE;

      for (; section < item->first; section++)
        for (guint j = ending[section + 1]; j != NOBODY; j = next_ending[j])
          free_block (&heap, block_of[j]);

      block_of[i] = allocate_block (&heap, item, self->unit);
      offsets[i] = get_block (&heap, block_of[i])->start;
      *height = MAX (*height, tbuf_plan_item_get_top (item, offsets[i]));
      next_ending[i] = ending[item->end];
      ending[item->end] = i;
    }

  return TRUE;
}
