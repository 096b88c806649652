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
 * tbuf_plan_verify_offsets:
 * @buffers: (array length=n_buffers): buffers with offsets
 * @n_buffers: how many
 * @separate: (array length=n_separate): pairs of buffers that never share bytes
 * @n_separate: how many
 * @height: the bytes that they may use
 * @error: return location for an error
 *
 * Checks that every offset suits its buffer's alignment, that every buffer
 * ends within @height, that no two overlap while both live, and that those
 * which are to be apart are.
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
  guint one, other;

  for (guint i = 0; i < n_buffers; i++)
    {
      const TbufPlanBuffer *buffer = &buffers[i];

      if (buffer->offset % buffer->alignment != 0)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                       "Buffer %u is at offset %" G_GUINT64_FORMAT ", which is not a multiple of its alignment, "
                       "%" G_GUINT64_FORMAT, i, buffer->offset, buffer->alignment);
          return FALSE;
        }

      if (buffer->offset > height || buffer->size > height - buffer->offset)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                       "Buffer %u has %" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ", "
                       "which is beyond the plan's height, %" G_GUINT64_FORMAT " bytes",
                       i, buffer->size, buffer->offset, height);
          return FALSE;
        }
    }

  if (tbuf_plan_find_overlap (buffers, n_buffers, &one, &other))
    {
      const TbufPlanBuffer *a = &buffers[one], *b = &buffers[other];

      g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                   "Buffers %u (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") and %u "
                   "(%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") overlap while both live",
                   one, a->size, a->offset, other, b->size, b->offset);
      return FALSE;
    }

  for (guint i = 0; i < n_separate; i++)
    {
      const TbufPlanBuffer *a = &buffers[separate[i].one], *b = &buffers[separate[i].other];

      /* Every buffer ends within the height, so these sums do not overflow. */
      if (a->size > 0 && b->size > 0 && a->offset < b->offset + b->size && b->offset < a->offset + a->size)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_INFEASIBLE,
                       "Buffers %u (%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") and %u "
                       "(%" G_GUINT64_FORMAT " bytes at offset %" G_GUINT64_FORMAT ") share bytes, but are to be apart",
                       separate[i].one, a->size, a->offset, separate[i].other, b->size, b->offset);
          return FALSE;
        }
    }

  return TRUE;
}
