/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-phase-private.h"

#include "tbuf-layout-private.h"

/* Entering a phase
 * ================
 *
 * The whole arena is locked exclusively, so that nobody is half way through an
 * array that ends. That lock passes over abandoned ranges, and leaves none if
 * its owner dies, because it writes no data: the phase is one word, and one
 * store changes it.
 */

static gboolean
is_live (const TbufArray *array,
         guint            phase)
{
  return array->first_phase == G_MAXUINT || (phase >= array->first_phase && phase <= array->last_phase);
}

/* What a dead owner left of an array that ends here concerns nobody any more. */
static void
drop_poison (TbufMapping *mapping,
             guint        before,
             guint        after)
{
  g_auto (GStrv) names = tbuf_layout_list_arrays (mapping->layout);

  for (guint i = 0; names[i] != NULL; i++)
    {
      const TbufArray *array = tbuf_layout_find_array (mapping->layout, names[i]);

      if (is_live (array, before) && !is_live (array, after) && array->n_bytes > 0)
        tbuf_lock_table_clear_poison (&mapping->table, array->offset, array->offset + array->n_bytes);
    }
}

/* hold is the arena object's own: if it holds everything already, that will do. */
gboolean
tbuf_phase_enter (TbufMapping   *mapping,
                  TbufHold      *hold,
                  guint          phase,
                  gint64         timeout_us,
                  GCancellable  *cancellable,
                  GError       **error)
{
  TbufLockTable *table = &mapping->table;
  TbufClaim claim = {
    .start = 0,
    .end = mapping->data_size,
    .mode = TBUF_LOCK_MODE_EXCLUSIVE,
    .flags = TBUF_RECORD_NO_DATA,
  };
  gboolean is_held = tbuf_lock_get_held_mode (table, hold) == TBUF_LOCK_MODE_EXCLUSIVE;
  TbufHold own = { 0 };

  if (!is_held && !tbuf_lock_acquire (table, &own, &claim, timeout_us, cancellable, error))
    return FALSE;

  if (!tbuf_lock_enter_table (table, error))
    {
      if (!is_held)
        tbuf_lock_release (table, &own, &claim, NULL);
      return FALSE;
    }

  drop_poison (mapping, tbuf_mapping_get_phase (mapping), phase);
  tbuf_mapping_set_phase (mapping, phase);
  tbuf_lock_table_announce (table, 0, G_MAXUINT64);
  tbuf_guard_leave (table);

  return is_held || tbuf_lock_release (table, &own, &claim, error);
}
