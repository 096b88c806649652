/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-atomic-private.h"

#include "tbuf-error.h"
#include "tbuf-system-private.h"

/* NOTES
 *
 * A waiter sleeps on up to four words at once, and looks at all that can end its
 * wait whenever one of them has changed: the item; whether the arena was closed
 * in this process; how often the phase was set, if the array is not always live;
 * and a word on its own stack, which the handler of its cancellable advances.
 * Each word is read before it is slept on, and the kernel compares it again, so
 * a change between the two is not missed. The first and the third are shared
 * with other processes.
 */

/*< private >
 * tbuf_atomic_locate_slowly:
 * @view: a view of integers
 * @index: a flat index
 * @writable: whether the item is to be written
 * @error: where to put an error
 *
 * Finds out why an item cannot be accessed atomically.
 *
 * Returns: %NULL, or where the item lies if it can be by now
 */
gpointer
tbuf_atomic_locate_slowly (TbufView  *view,
                           gsize      index,
                           gboolean   writable,
                           GError   **error)
{
  guint8 *item;

  if (!tbuf_items_check_index (view, index, writable, error))
    return NULL;

  if (!view->is_native)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_NOT_NATIVE,
                   "The items of this view are %s-endian, and only those in this machine's byte order can be accessed atomically",
                   view->byte_order == TBUF_BYTE_ORDER_LITTLE ? "little" : "big");
      return NULL;
    }

  item = tbuf_items_get_address (view, index, view->item_size);
  if ((guintptr) item % view->item_size != 0)
    {
      g_set_error (error, TBUF_ERROR, TBUF_ERROR_ALIGNMENT,
                   "Item %" G_GSIZE_FORMAT " starts at byte %" G_GSIZE_FORMAT " of the arena, "
                   "and can be accessed atomically only at a multiple of %u",
                   index, (gsize) (item - view->parent_instance.mapping->data), view->item_size);
      return NULL;
    }

  return item;
}

/* In any thread. */
static void
on_cancelled (GCancellable *cancellable,
              gpointer      user_data)
{
  guint32 *cancelled = user_data;

  __atomic_store_n (cancelled, 1, __ATOMIC_RELEASE);
  tbuf_system_futex_wake (cancelled, FALSE);
}

static gboolean
is_set (const guint32 *word)
{
  return __atomic_load_n (word, __ATOMIC_ACQUIRE) != 0;
}

static gint64
get_deadline (gint64 timeout_us)
{
  gint64 now = g_get_monotonic_time ();

  return timeout_us < 0 || timeout_us > G_MAXINT64 - now ? G_MAXINT64 : now + timeout_us;
}

static gint64
get_time_left (gint64 deadline)
{
  return deadline == G_MAXINT64 ? -1 : MAX (deadline - g_get_monotonic_time (), 0);
}

/*< private >
 * tbuf_atomic_wait:
 * @view: the view that the item is of
 * @index: its flat index
 * @word: where it lies
 * @expected: what it is to differ from
 * @timeout_us: how long to wait; -1: without limit
 * @cancellable: (nullable): ends the wait
 * @error: where to put an error
 */
gboolean
tbuf_atomic_wait (TbufView      *view,
                  gsize          index,
                  guint32       *word,
                  guint32        expected,
                  gint64         timeout_us,
                  GCancellable  *cancellable,
                  GError       **error)
{
  TbufMapping *mapping = view->parent_instance.mapping;
  gint64 deadline = get_deadline (timeout_us);
  guint32 *closed = tbuf_mapping_get_closed_futex (mapping);
  guint32 *phase = tbuf_mapping_get_phase_futex (mapping);
  guint32 cancelled = 0;
  gboolean differs = FALSE;
  gulong handler;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  handler = cancellable != NULL ? g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), &cancelled, NULL) : 0;
  while (TRUE)
    {
      /* The phase is read before it is asked whether the array is live. */
      const TbufFutexWait waits[] = {
        { word, expected, TRUE },
        { closed, FALSE, FALSE },
        { &cancelled, FALSE, FALSE },
        { phase, __atomic_load_n (phase, __ATOMIC_ACQUIRE), TRUE },
      };
      gboolean is_always_live = view->first_phase == TBUF_ALWAYS_LIVE;
      gint64 left;

      if (!tbuf_view_check_access (view, FALSE, error))
        break;

      differs = __atomic_load_n (word, __ATOMIC_SEQ_CST) != expected;
      if (differs)
        break;

      if (is_set (closed))
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_CLOSED,
                       "The arena was closed, and item %" G_GSIZE_FORMAT " did not change before", index);
          break;
        }
      if (is_set (&cancelled))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                       "The wait for item %" G_GSIZE_FORMAT " to change was cancelled", index);
          break;
        }

      left = get_time_left (deadline);
      if (left == 0)
        {
          g_set_error (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT,
                       "Item %" G_GSIZE_FORMAT " did not change within %" G_GINT64_FORMAT " µs", index, timeout_us);
          break;
        }

      tbuf_system_futex_wait_any (waits, G_N_ELEMENTS (waits) - is_always_live, left);
    }
  g_cancellable_disconnect (cancellable, handler);

  return differs;
}

/*< private >
 * tbuf_atomic_notify:
 * @word: where an item lies
 *
 * Wakes all that wait for it, to look at it again.
 */
void
tbuf_atomic_notify (guint32 *word)
{
  tbuf_system_futex_wake (word, TRUE);
}
