/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tbuf-process-private.h"

#include <pthread.h>

typedef struct
{
  gpointer        mapping;
  TbufProcessFunc after_fork;
  TbufProcessFunc at_exit;
} Entry;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static GArray *entries;  /* of Entry; under mutex */

void
tbuf_process_lock (void)
{
  pthread_mutex_lock (&mutex);
}

void
tbuf_process_unlock (void)
{
  pthread_mutex_unlock (&mutex);
}

/* In the child, whose only thread is the one that forked and so owns the mutex. */
static void
after_fork_in_child (void)
{
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    {
      Entry *entry = &g_array_index (entries, Entry, i);

      entry->after_fork (entry->mapping);
    }

  tbuf_process_unlock ();
}

/* Called with the list locked. */
void
tbuf_process_add (gpointer        mapping,
                  TbufProcessFunc after_fork,
                  TbufProcessFunc at_exit)
{
  Entry entry = { mapping, after_fork, at_exit };

  if (entries == NULL)
    {
      entries = g_array_new (FALSE, FALSE, sizeof (Entry));
      pthread_atfork (tbuf_process_lock, tbuf_process_unlock, after_fork_in_child);
    }

  g_array_append_val (entries, entry);
}

/* Called with the list locked. */
void
tbuf_process_remove (gpointer mapping)
{
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    if (g_array_index (entries, Entry, i).mapping == mapping)
      {
        g_array_remove_index_fast (entries, i);
        return;
      }
}

/* exit() runs no finalizers, and names would stay behind. Other threads may
 * still be at work, so nothing is freed here. Leaving twice does no harm. */
__attribute__ ((destructor))
void
tbuf_process_leave (void)
{
  tbuf_process_lock ();
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    {
      Entry *entry = &g_array_index (entries, Entry, i);

      entry->at_exit (entry->mapping);
    }
  tbuf_process_unlock ();
}

__thread guint64 tbuf_thread_token;

guint64
tbuf_thread_new_token (void)
{
  static guint64 last_token;

  tbuf_thread_token = __atomic_add_fetch (&last_token, 1, __ATOMIC_RELAXED);
  return tbuf_thread_token;
}
