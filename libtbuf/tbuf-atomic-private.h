/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tbuf-items-private.h"

G_BEGIN_DECLS

/* What the atomic operations of all integer leaves have in common. */

/* Without this the compiler would call functions that take a lock in this
 * process, which the other processes know nothing about. */
G_STATIC_ASSERT (__atomic_always_lock_free (1, NULL));
G_STATIC_ASSERT (__atomic_always_lock_free (2, NULL));
G_STATIC_ASSERT (__atomic_always_lock_free (4, NULL));
G_STATIC_ASSERT (__atomic_always_lock_free (8, NULL));

gpointer  tbuf_atomic_locate_slowly  (TbufView       *view,
                                      gsize           index,
                                      gboolean        writable,
                                      GError        **error);
gboolean  tbuf_atomic_wait           (TbufView       *view,
                                      gsize           index,
                                      guint32        *word,
                                      guint32         expected,
                                      gint64          timeout_us,
                                      GCancellable   *cancellable,
                                      GError        **error);
void      tbuf_atomic_notify         (guint32        *word);

/* Whether @instance is of the final class of @type. The class that was seen last
 * is kept in @seen, as to compare classes takes a tenth of the time. */
static inline gboolean
tbuf_atomic_is_view (gpointer        instance,
                     gconstpointer  *seen,
                     GType         (*get_type) (void))
{
  gconstpointer klass;

  if (instance == NULL)
    return FALSE;

  klass = ((GTypeInstance *) instance)->g_class;
  if (G_LIKELY (klass == __atomic_load_n (seen, __ATOMIC_RELAXED)))
    return TRUE;
  if (!G_TYPE_CHECK_INSTANCE_TYPE (instance, get_type ()))
    return FALSE;

  __atomic_store_n (seen, klass, __ATOMIC_RELAXED);
  return TRUE;
}

/* Where an item lies; NULL with an error if it cannot be accessed atomically. */
static inline gpointer
tbuf_atomic_locate (TbufView  *view,
                    gsize      index,
                    gsize      item_size,
                    gboolean   writable,
                    GError   **error)
{
  if (G_LIKELY (tbuf_view_can_access (view, writable) && view->is_native && index < view->n_items))
    {
      guint8 *item = tbuf_items_get_address (view, index, item_size);

      if (G_LIKELY (((guintptr) item & (item_size - 1)) == 0))
        return item;
    }

  return tbuf_atomic_locate_slowly (view, index, writable, error);
}

G_END_DECLS
