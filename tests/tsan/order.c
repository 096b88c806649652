/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <glib-object.h>
#include <sanitizer/tsan_interface.h>

/* What GLib orders
 * ================
 *
 * The thread sanitizer sees what is compiled with it, and the C library's threads
 * and mutexes. GLib is not, and its mutexes are futexes of its own: to the
 * sanitizer, two threads that take turns under a GMutex race. These functions
 * stand before GLib's of the same names in a test program, and tell the sanitizer
 * the order that GLib promises: what came before an unlock is seen after the next
 * lock of the same mutex, what came before a push after the pop, and what came
 * before a reference was dropped by whoever drops the last one. Where the promise
 * does not cover an access, the race is told.
 */

const char *__tsan_default_suppressions (void);

/* The one thing that is suppressed: the links of a GAsyncQueue, which push and pop
 * allocate and free themselves, within GLib's mutex and so out of our sight. We
 * call neither of these functions. */
const char *
__tsan_default_suppressions (void)
{
  return "race:g_queue_pop_tail\n"
         "race:g_slice_free1\n";
}

#define NEXT(name) ((__typeof__ (&name)) find_next (&next_##name, #name))
#define DEFINE_NEXT(name) static gpointer next_##name;

DEFINE_NEXT (g_mutex_lock)
DEFINE_NEXT (g_mutex_trylock)
DEFINE_NEXT (g_mutex_unlock)
DEFINE_NEXT (g_cond_wait)
DEFINE_NEXT (g_async_queue_push)
DEFINE_NEXT (g_async_queue_pop)
DEFINE_NEXT (g_object_unref)
DEFINE_NEXT (g_atomic_rc_box_release_full)
DEFINE_NEXT (g_array_unref)

/* GLib's own function. */
static gpointer
find_next (gpointer   *known,
           const char *name)
{
  gpointer next = __atomic_load_n (known, __ATOMIC_ACQUIRE);

  if (next == NULL)
    {
      next = dlsym (RTLD_NEXT, name);
      __atomic_store_n (known, next, __ATOMIC_RELEASE);
    }

  return next;
}

void
g_mutex_lock (GMutex *mutex)
{
  NEXT (g_mutex_lock) (mutex);
  __tsan_acquire (mutex);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked = NEXT (g_mutex_trylock) (mutex);

  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_release (mutex);
  NEXT (g_mutex_unlock) (mutex);
}

void
g_cond_wait (GCond  *cond,
             GMutex *mutex)
{
  __tsan_release (mutex);
  NEXT (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

void
g_async_queue_push (GAsyncQueue *queue,
                    gpointer     data)
{
  __tsan_release (queue);
  NEXT (g_async_queue_push) (queue, data);
}

gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
  gpointer data = NEXT (g_async_queue_pop) (queue);

  __tsan_acquire (queue);
  return data;
}

/* Whoever comes later acquires what was released here; the last one frees it all. */
static void
drop_reference (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
}

void
(g_object_unref) (gpointer object)
{
  drop_reference (object);
  NEXT (g_object_unref) (object);
}

void
g_atomic_rc_box_release_full (gpointer       box,
                              GDestroyNotify clear)
{
  drop_reference (box);
  NEXT (g_atomic_rc_box_release_full) (box, clear);
}

void
g_array_unref (GArray *array)
{
  drop_reference (array);
  NEXT (g_array_unref) (array);
}
