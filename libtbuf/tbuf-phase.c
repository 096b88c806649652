/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-phase-private.h"

#include "tbuf-layout-private.h"
#include "tbuf-process-private.h"
#include "tbuf-request-private.h"

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

static TbufClaim
get_claim (TbufMapping *mapping)
{
  return (TbufClaim) {
    .start = 0,
    .end = mapping->data_size,
    .mode = TBUF_LOCK_MODE_EXCLUSIVE,
    .flags = TBUF_RECORD_NO_DATA,
  };
}

/* With everything locked, and under the guard. */
static void
change_phase (TbufMapping *mapping,
              guint        phase)
{
  guint before = tbuf_mapping_get_phase (mapping);

  /* Dying between the two leaves too much poison, and never too little. */
  tbuf_mapping_set_phase (mapping, phase);
  drop_poison (mapping, before, phase);
  tbuf_lock_table_announce (&mapping->table, 0, G_MAXUINT64);
}

static gboolean
enter_and_change_phase (TbufMapping  *mapping,
                        guint         phase,
                        GError      **error)
{
  if (!tbuf_lock_enter_table (&mapping->table, error))
    return FALSE;

  change_phase (mapping, phase);
  tbuf_guard_leave (&mapping->table);
  return TRUE;
}

/* hold is the arena object's own: if the calling thread has locked everything with
 * it already, that will do. */
gboolean
tbuf_phase_enter (TbufMapping   *mapping,
                  TbufHold      *hold,
                  guint          phase,
                  gint64         timeout_us,
                  GCancellable  *cancellable,
                  GError       **error)
{
  TbufLockTable *table = &mapping->table;
  TbufClaim claim = get_claim (mapping);
  TbufHold own = { 0 };
  gboolean changed;

  if (tbuf_lock_get_held_mode (table, hold) == TBUF_LOCK_MODE_EXCLUSIVE)
    {
      gboolean is_locked;

      if (!tbuf_lock_enter_table (table, error))
        return FALSE;

      is_locked = tbuf_lock_get_held_mode (table, hold) == TBUF_LOCK_MODE_EXCLUSIVE &&
                  tbuf_hold_is_thread_s (hold, tbuf_thread_get_token ());
      if (is_locked)
        change_phase (mapping, phase);
      tbuf_guard_leave (table);
      if (is_locked)
        return TRUE;
    }

  if (!tbuf_lock_acquire (table, &own, &claim, timeout_us, cancellable, error))
    return FALSE;

  changed = enter_and_change_phase (mapping, phase, error);
  tbuf_lock_release (table, &own, &claim, NULL);
  return changed;
}

static gboolean
on_granted (TbufRequest  *request,
            GError      **error)
{
  gboolean changed = enter_and_change_phase (request->mapping, request->phase, error);

  tbuf_lock_release (request->wait.table, &request->own_hold, &request->wait.claim, NULL);
  return changed;
}

/* Takes over the task. */
void
tbuf_phase_enter_async (TbufMapping *mapping,
                        GTask       *task,
                        guint        phase,
                        gint64       timeout_us)
{
  TbufClaim claim = get_claim (mapping);

  tbuf_request_start (mapping, task, NULL, &claim, timeout_us, on_granted, phase);
}
