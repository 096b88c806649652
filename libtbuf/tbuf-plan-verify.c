/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-plan-private.h"

#include "tbuf-error.h"

/* NOTES
 *
 * A plan in which two live buffers overlap corrupts data without a trace, so
 * no plan is used that this file has not seen. It shares no code with the
 * search, and works in another way: it walks through time and keeps the live
 * buffers in a balanced tree by offset. As long as the tree holds no overlap,
 * a newcomer can only overlap its two neighbours, so the walk costs
 * O(n log n). */

static int
compare_offsets (gconstpointer a,
                 gconstpointer b)
{
  const TbufPlanBuffer *buffer_a = a, *buffer_b = b;

  return (buffer_a->offset > buffer_b->offset) - (buffer_a->offset < buffer_b->offset);
}

static int
compare_starts (gconstpointer a,
                gconstpointer b)
{
  const TbufPlanBuffer *buffer_a = *(const TbufPlanBuffer *const *) a;
  const TbufPlanBuffer *buffer_b = *(const TbufPlanBuffer *const *) b;

  if (buffer_a->lower != buffer_b->lower)
    return buffer_a->lower < buffer_b->lower ? -1 : 1;

  return (buffer_a > buffer_b) - (buffer_a < buffer_b);
}

static int
compare_ends (gconstpointer a,
              gconstpointer b)
{
  const TbufPlanBuffer *buffer_a = *(const TbufPlanBuffer *const *) a;
  const TbufPlanBuffer *buffer_b = *(const TbufPlanBuffer *const *) b;

  if (buffer_a->upper != buffer_b->upper)
    return buffer_a->upper < buffer_b->upper ? -1 : 1;

  return (buffer_a > buffer_b) - (buffer_a < buffer_b);
}

/* Sets what of the live buffers overlaps @buffer, or NULL. */
static const TbufPlanBuffer *
find_neighbour_overlapping (GTree                *live,
                            const TbufPlanBuffer *buffer)
{
  GTreeNode *above = g_tree_upper_bound (live, buffer);
  GTreeNode *below = above != NULL ? g_tree_node_previous (above) : g_tree_node_last (live);

  if (above != NULL)
    {
      const TbufPlanBuffer *neighbour = g_tree_node_key (above);

      if (neighbour->offset - buffer->offset < buffer->size)
        return neighbour;
    }

  if (below != NULL)
    {
      const TbufPlanBuffer *neighbour = g_tree_node_key (below);

      if (buffer->offset - neighbour->offset < neighbour->size)
        return neighbour;
    }

  return NULL;
}

/*< private >
 * tbuf_plan_find_overlap:
 * @buffers: (array length=n_buffers): buffers with offsets
 * @n_buffers: how many
 * @one: (out): the index of one of the overlapping buffers
 * @other: (out): the index of the other
 *
 * Finds two buffers that live at the same time and share bytes.
 *
 * The sums of offsets and sizes need not fit into 64 bits.
 *
 * Returns: whether there are two such buffers
 */
gboolean
tbuf_plan_find_overlap (const TbufPlanBuffer *buffers,
                        guint                 n_buffers,
                        guint                *one,
                        guint                *other)
{
  g_autoptr (GPtrArray) starts = g_ptr_array_sized_new (n_buffers);
  g_autoptr (GPtrArray) ends = NULL;
  g_autoptr (GTree) live = g_tree_new (compare_offsets);

  for (guint i = 0; i < n_buffers; i++)
    if (buffers[i].size > 0)
      g_ptr_array_add (starts, (gpointer) &buffers[i]);

  ends = g_ptr_array_copy (starts, NULL, NULL);
  g_ptr_array_sort (starts, compare_starts);
  g_ptr_array_sort (ends, compare_ends);

  for (guint i = 0, ended = 0; i < starts->len; i++)
    {
      const TbufPlanBuffer *buffer = g_ptr_array_index (starts, i);
      const TbufPlanBuffer *overlapping;

      /* Lifetimes are half-open: who ends now makes room for who starts now. */
      for (; ended < ends->len; ended++)
        {
          const TbufPlanBuffer *ending = g_ptr_array_index (ends, ended);

          if (ending->upper > buffer->lower)
            break;
          g_tree_remove (live, ending);
        }

      overlapping = find_neighbour_overlapping (live, buffer);
      if (overlapping != NULL)
        {
          *one = (guint) (MIN (buffer, overlapping) - buffers);
          *other = (guint) (MAX (buffer, overlapping) - buffers);
          return TRUE;
        }

      g_tree_insert (live, (gpointer) buffer, NULL);
    }

  return FALSE;
}

/*< private >
 * tbuf_plan_find_fault:
 * @buffers: (array length=n_buffers): buffers with offsets
 * @n_buffers: how many
 * @separate: (array length=n_separate): pairs of buffers that never share bytes
 * @n_separate: how many
 * @height: the bytes that they may use
 * @fault: (out): what is wrong
 *
 * Checks that every offset suits its buffer's alignment, that every buffer
 * ends within @height, that no two overlap while both live, and that those
 * which are to be apart are.
 *
 * Returns: whether something is wrong
 */
gboolean
tbuf_plan_find_fault (const TbufPlanBuffer *buffers,
                      guint                 n_buffers,
                      const TbufPlanPair   *separate,
                      guint                 n_separate,
                      guint64               height,
                      TbufPlanFault        *fault)
{
  fault->other = 0;
  for (fault->one = 0; fault->one < n_buffers; fault->one++)
    {
      const TbufPlanBuffer *buffer = &buffers[fault->one];

      fault->kind = TBUF_PLAN_FAULT_ALIGNMENT;
      if (buffer->offset % buffer->alignment != 0)
        return TRUE;

      fault->kind = TBUF_PLAN_FAULT_HEIGHT;
      if (buffer->offset > height || buffer->size > height - buffer->offset)
        return TRUE;
    }

  fault->kind = TBUF_PLAN_FAULT_OVERLAP;
  if (tbuf_plan_find_overlap (buffers, n_buffers, &fault->one, &fault->other))
    return TRUE;

  fault->kind = TBUF_PLAN_FAULT_SEPARATE;
  for (guint i = 0; i < n_separate; i++)
    {
      const TbufPlanBuffer *one = &buffers[separate[i].one], *other = &buffers[separate[i].other];

      fault->one = separate[i].one;
      fault->other = separate[i].other;
      /* Every buffer ends within the height, so these sums do not overflow. */
      if (one->size > 0 && other->size > 0 &&
          one->offset < other->offset + other->size && other->offset < one->offset + one->size)
        return TRUE;
    }

  *fault = (TbufPlanFault) { TBUF_PLAN_FAULT_NONE, 0, 0 };
  return FALSE;
}

/*< private >
 * tbuf_plan_verify_offsets:
 * @buffers: (array length=n_buffers): buffers with offsets
 * @n_buffers: how many
 * @separate: (array length=n_separate): pairs of buffers that never share bytes
 * @n_separate: how many
 * @height: the bytes that they may use
 * @error: return location for an error
 *
 * Checks what tbuf_plan_find_fault() checks, for who knows the buffers by
 * their numbers.
 *
 * Returns: whether the plan holds; if not, the error is TBUF_ERROR_INFEASIBLE
 */
gboolean
tbuf_plan_verify_offsets (const TbufPlanBuffer  *buffers,
                          guint                  n_buffers,
                          const TbufPlanPair    *separate,
                          guint                  n_separate,
                          guint64                height,
                          GError               **error)
{
  const TbufPlanBuffer *one, *other;
  TbufPlanFault fault;

  if (!tbuf_plan_find_fault (buffers, n_buffers, separate, n_separate, height, &fault))
    return TRUE;

  one = &buffers[fault.one];
  other = &buffers[fault.other];
  switch (fault.kind)
    {
    case TBUF_PLAN_FAULT_ALIGNMENT:
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                   "Buffer %u is at offset %" G_GUINT64_FORMAT ", which is not a multiple of its alignment, "
                   "%" G_GUINT64_FORMAT, fault.one, one->offset, one->alignment);
      break;

    case TBUF_PLAN_FAULT_HEIGHT:
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                   "Buffer %u has %" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ", "
                   "which is beyond the plan's height, %" G_GUINT64_FORMAT " bytes",
                   fault.one, one->size, one->offset, height);
      break;

    case TBUF_PLAN_FAULT_OVERLAP:
    case TBUF_PLAN_FAULT_SEPARATE:
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                   "Buffers %u (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") and %u "
                   "(%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") share bytes, though they %s",
                   fault.one, one->size, one->offset, fault.other, other->size, other->offset,
                   fault.kind == TBUF_PLAN_FAULT_OVERLAP ? "live at the same time" : "are to be apart");
      break;

    case TBUF_PLAN_FAULT_NONE:
    default:
      g_assert_not_reached ();
    }

  return FALSE;
}

/*< private >
 * tbuf_plan_find_peak:
 * @buffers: (array length=n_buffers): buffers, whose offsets do not matter
 * @n_buffers: how many
 * @load: (out): when most bytes live, and how many
 *
 * Finds the greatest sum of the sizes of buffers that live at the same time,
 * which no plan can be below. All sizes together fit into 64 bits.
 */
void
tbuf_plan_find_peak (const TbufPlanBuffer *buffers,
                     guint                 n_buffers,
                     TbufPlanLoad         *load)
{
  g_autoptr (GPtrArray) starts = g_ptr_array_sized_new (n_buffers);
  g_autoptr (GPtrArray) ends = NULL;
  TbufPlanLoad now = { 0 };

  for (guint i = 0; i < n_buffers; i++)
    g_ptr_array_add (starts, (gpointer) &buffers[i]);

  ends = g_ptr_array_copy (starts, NULL, NULL);
  g_ptr_array_sort (starts, compare_starts);
  g_ptr_array_sort (ends, compare_ends);

  *load = now;
  for (guint i = 0, ended = 0; i < starts->len; i++)
    {
      const TbufPlanBuffer *buffer = g_ptr_array_index (starts, i);
      const TbufPlanBuffer *ending;

      for (; (ending = g_ptr_array_index (ends, ended))->upper <= buffer->lower; ended++)
        {
          now.n_bytes -= ending->size;
          now.n_buffers--;
        }

      now.time = buffer->lower;
      now.n_bytes += buffer->size;
      now.n_buffers++;
      if (now.n_bytes > load->n_bytes)
        *load = now;
    }
}
