/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tbuf-python.h"

#include <unistd.h>

/* NOTES
 *
 * A thread that waits lets go of the GIL. Signal handlers run in Python's main
 * thread and only while it runs Python, so that thread waits in slices, and
 * Ctrl-C interrupts a wait as it does with threading.Lock.
 *
 * The end of a slice costs the waiter its place among those who wait for a lock.
 * Where they are many, a turn comes only to a slice that is long enough, so slices
 * grow with the time that was waited.
 *
 * This cannot be done in Python: PyGObject runs Python code to make an
 * exception of the GError that ends a slice, so the handler would run there,
 * and its KeyboardInterrupt be lost to a RuntimeError.
 */

#define FIRST_SLICE_US   (100 * G_TIME_SPAN_MILLISECOND)
#define LONGEST_SLICE_US G_TIME_SPAN_SECOND

gboolean
tbuf_python_wait (gint64          timeout_us,
                  TbufPythonCall  call,
                  gpointer        data)
{
  const gboolean in_main_thread = gettid () == getpid ();
  const gint64 start = g_get_monotonic_time ();

  for (;;)
    {
      g_autoptr (GError) error = NULL;
      gint64 waited = g_get_monotonic_time () - start;
      gint64 slice = CLAMP (waited, FIRST_SLICE_US, LONGEST_SLICE_US);
      gint64 left = timeout_us;
      gboolean is_slice, done;

      /* After the first slice never 0, which would be a try. */
      if (timeout_us > 0)
        left = MAX (timeout_us - waited, 1);
      is_slice = in_main_thread && (left < 0 || left > slice);

      Py_BEGIN_ALLOW_THREADS
      done = call (data, is_slice ? slice : left, &error);
      Py_END_ALLOW_THREADS

      if (done)
        return TRUE;

      if (!is_slice || !g_error_matches (error, TBUF_ERROR, TBUF_ERROR_TIMED_OUT))
        {
          tbuf_python_raise (g_steal_pointer (&error));
          return FALSE;
        }

      if (PyErr_CheckSignals () != 0)
        return FALSE;
    }
}

gboolean
tbuf_python_parse_cancellable (PyObject      *value,
                               GCancellable **cancellable)
{
  GObject *object;

  if (value == Py_None)
    return TRUE;

  object = tbuf_python_get_object (value);
  if (object == NULL)
    return FALSE;
  if (!G_IS_CANCELLABLE (object))
    {
      PyErr_Format (PyExc_TypeError, "cancellable is %R, not a Gio.Cancellable", value);
      return FALSE;
    }
  *cancellable = G_CANCELLABLE (object);

  return TRUE;
}

/* Phases. */

typedef struct
{
  TbufArena    *arena;        /* (unowned) */
  const char   *phase;
  GCancellable *cancellable;  /* (unowned) (nullable) */
} PhaseRequest;

static gboolean
set_phase (gpointer   data,
           gint64     timeout_us,
           GError   **error)
{
  PhaseRequest *request = data;

  return tbuf_arena_set_phase (request->arena, request->phase, timeout_us, request->cancellable, error);
}

PyObject *
tbuf_python_arena_set_phase (PyObject *self,
                             PyObject *args)
{
  PhaseRequest request = { .arena = tbuf_python_get_arena (self) };
  long long timeout_us;
  PyObject *cancellable;

  if (request.arena == NULL ||
      !PyArg_ParseTuple (args, "sLO:set_phase", &request.phase, &timeout_us, &cancellable) ||
      !tbuf_python_parse_cancellable (cancellable, &request.cancellable) ||
      !tbuf_python_wait (timeout_us, set_phase, &request))
    return NULL;

  Py_RETURN_NONE;
}

/* Items that change. */

typedef struct
{
  TbufView     *view;         /* (unowned) */
  gsize         index;
  gint64        expected;
  GCancellable *cancellable;  /* (unowned) (nullable) */
} ItemRequest;

static gboolean
wait_for_int32 (gpointer   data,
                gint64     timeout_us,
                GError   **error)
{
  ItemRequest *request = data;

  return tbuf_int32_view_atomic_wait (TBUF_INT32_VIEW (request->view), request->index, (gint32) request->expected,
                                      timeout_us, request->cancellable, error);
}

static gboolean
wait_for_uint32 (gpointer   data,
                 gint64     timeout_us,
                 GError   **error)
{
  ItemRequest *request = data;

  return tbuf_uint32_view_atomic_wait (TBUF_UINT32_VIEW (request->view), request->index, (guint32) request->expected,
                                       timeout_us, request->cancellable, error);
}

PyObject *
tbuf_python_view_atomic_wait (PyObject *self,
                              PyObject *args)
{
  ItemRequest request = { .view = tbuf_python_get_view (self) };
  long long expected, timeout_us;
  Py_ssize_t index;
  PyObject *cancellable;
  gboolean is_signed;

  if (request.view == NULL ||
      !PyArg_ParseTuple (args, "nLLO:atomic_wait", &index, &expected, &timeout_us, &cancellable) ||
      !tbuf_python_parse_cancellable (cancellable, &request.cancellable))
    return NULL;

  is_signed = TBUF_IS_INT32_VIEW (request.view);
  if (!is_signed && !TBUF_IS_UINT32_VIEW (request.view))
    return PyErr_Format (PyExc_TypeError, "only items of int32 and uint32 can be waited for");
  if (index < 0)
    return PyErr_Format (PyExc_OverflowError, "index is %zd: it counts from 0 on, in C order", index);
  if (is_signed ? expected < G_MININT32 || expected > G_MAXINT32 : expected < 0 || expected > G_MAXUINT32)
    return PyErr_Format (PyExc_OverflowError, "%lld does not fit an item of %s", expected, is_signed ? "int32" : "uint32");

  request.index = (gsize) index;
  request.expected = expected;
  if (!tbuf_python_wait (timeout_us, is_signed ? wait_for_int32 : wait_for_uint32, &request))
    return NULL;

  Py_RETURN_TRUE;
}
