/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tbuf-python.h"

#include <math.h>

/* NOTES
 *
 * lock () takes the lock and returns a guard for it. The guard holds the
 * Python object, so the lock of a temporary as in `with arena["A"].lock ():`
 * lives as long as the block. A guard that is dropped with its lock still
 * held unlocks and warns.
 *
 * A lock may also be released without its guard, by unlock () of the region.
 * The guard must then not release another lock that the same object took
 * since, so the guards that hold something are listed, and unlock () marks
 * the newest of its region.
 */

typedef struct _Guard Guard;

struct _Guard
{
  PyObject_HEAD
  PyObject *region;         /* (owned) the wrapper of what is locked */
  Guard    *next;           /* (unowned) in the list of those that hold a lock */
  Guard    *previous;       /* (unowned) */
  gboolean  held;
  gboolean  was_abandoned;
};

/* The guards that hold a lock, newest first; the GIL guards it. */
static Guard *held_guards;

static PyObject *guard_type;  /* (owned) */

static void
guard_set_held (Guard *self)
{
  self->held = TRUE;
  self->previous = NULL;
  self->next = held_guards;
  if (held_guards != NULL)
    held_guards->previous = self;
  held_guards = self;
}

static void
guard_unset_held (Guard *self)
{
  if (self->next != NULL)
    self->next->previous = self->previous;
  if (self->previous != NULL)
    self->previous->next = self->next;
  else
    held_guards = self->next;
  self->next = self->previous = NULL;
  self->held = FALSE;
}

static gboolean
guard_release (Guard *self)
{
  TbufRegion *region = tbuf_python_get_region (self->region);
  GError *error = NULL;

  if (region == NULL)
    return FALSE;

  guard_unset_held (self);
  if (!tbuf_region_unlock (region, &error))
    {
      tbuf_python_raise (error);
      return FALSE;
    }

  return TRUE;
}

static PyObject *
guard_enter (PyObject *self,
             PyObject *unused)
{
  Guard *guard = (Guard *) self;

  if (!guard->held)
    return tbuf_python_raise_new (TBUF_ERROR_NOT_HELD, "this guard has let go of its lock: call lock() again");

  return Py_NewRef (self);
}

static PyObject *
guard_unlock (PyObject *self,
              PyObject *unused)
{
  Guard *guard = (Guard *) self;

  if (!guard->held)
    return tbuf_python_raise_new (TBUF_ERROR_NOT_HELD, "this guard has let go of its lock already");
  if (!guard_release (guard))
    return NULL;

  Py_RETURN_NONE;
}

static PyObject *
guard_exit (PyObject        *self,
            PyObject *const *args,
            Py_ssize_t       n_args)
{
  Guard *guard = (Guard *) self;

  /* Who unlocked inside the block meant it. */
  if (guard->held && !guard_release (guard))
    return NULL;

  Py_RETURN_FALSE;
}

static void
guard_drop (Guard *self)
{
  PyObject *type, *value, *traceback;

  if (!self->held)
    return;

  /* What replaces these two is not in the stable ABI of the oldest Python that we serve. */
  G_GNUC_BEGIN_IGNORE_DEPRECATIONS
  PyErr_Fetch (&type, &value, &traceback);
  G_GNUC_END_IGNORE_DEPRECATIONS

  /* The source is the region: the guard itself is going. */
  if (PyErr_ResourceWarning (self->region, 1, "the guard of a lock on %R was dropped without unlocking", self->region) < 0)
    {
      /* A filter has made an error of it; anything else means that Python itself is about to end. */
      if (PyErr_ExceptionMatches (PyExc_Warning))
        PyErr_WriteUnraisable (self->region);
      else
        PyErr_Clear ();
    }
  if (self->held && !guard_release (self))
    PyErr_WriteUnraisable (self->region);

  G_GNUC_BEGIN_IGNORE_DEPRECATIONS
  PyErr_Restore (type, value, traceback);
  G_GNUC_END_IGNORE_DEPRECATIONS
}

/* The garbage collector calls this while the region, which may be garbage too, is still whole. */
static void
guard_finalize (PyObject *self)
{
  guard_drop ((Guard *) self);
}

static int
guard_clear (PyObject *self)
{
  Py_CLEAR (((Guard *) self)->region);

  return 0;
}

static int
guard_traverse (PyObject  *self,
                visitproc  visit,
                void      *arg)
{
  Py_VISIT (((Guard *) self)->region);
  Py_VISIT ((PyObject *) Py_TYPE (self));

  return 0;
}

/* Guards come and go with each block: a few are kept for the next. */
static Guard *spare_guards[4];
static guint n_spare_guards;

/* Not held yet. */
static Guard *
guard_new (PyObject *region)
{
  Guard *self;

  if (n_spare_guards > 0)
    {
      self = spare_guards[--n_spare_guards];
      PyObject_Init ((PyObject *) self, (PyTypeObject *) guard_type);
      PyObject_GC_Track (self);
    }
  else
    self = (Guard *) PyType_GenericAlloc ((PyTypeObject *) guard_type, 0);

  if (self != NULL)
    {
      self->region = Py_NewRef (region);
      self->held = FALSE;
      self->was_abandoned = FALSE;
    }

  return self;
}

static void
guard_dealloc (PyObject *self)
{
  PyTypeObject *type = Py_TYPE (self);

  PyObject_GC_UnTrack (self);
  guard_drop ((Guard *) self);
  guard_clear (self);

  /* The collector finalizes an object only once, and remembers whether it did. */
  if (n_spare_guards < G_N_ELEMENTS (spare_guards) && !PyObject_GC_IsFinalized (self))
    spare_guards[n_spare_guards++] = (Guard *) self;
  else
    PyObject_GC_Del (self);
  Py_DECREF (type);
}

static PyObject *
guard_repr (PyObject *self)
{
  Guard *guard = (Guard *) self;

  return PyUnicode_FromFormat ("<Tbuf.Guard of %R, %s>", guard->region, guard->held ? "locked" : "unlocked");
}

static PyObject *
guard_get_region (PyObject *self,
                  void     *unused)
{
  return Py_NewRef (((Guard *) self)->region);
}

static PyObject *
guard_get_held (PyObject *self,
                void     *unused)
{
  return PyBool_FromLong (((Guard *) self)->held);
}

static PyObject *
guard_get_was_abandoned (PyObject *self,
                         void     *unused)
{
  return PyBool_FromLong (((Guard *) self)->was_abandoned);
}

static PyMethodDef guard_methods[] = {
  { "__enter__", guard_enter, METH_NOARGS, NULL },
  { "__exit__", (PyCFunction) (void (*) (void)) guard_exit, METH_FASTCALL, NULL },
  { "unlock", guard_unlock, METH_NOARGS, PyDoc_STR ("unlock($self, /)\n--\n\nLet go of the lock.") },
  { NULL }
};

static PyGetSetDef guard_getset[] = {
  { "region", guard_get_region, NULL, PyDoc_STR ("the view or arena that is locked") },
  { "held", guard_get_held, NULL, PyDoc_STR ("whether it still is") },
  { "was_abandoned", guard_get_was_abandoned, NULL,
    PyDoc_STR ("whether recover() found that an owner had died and nobody had repaired what it left") },
  { NULL }
};

static PyType_Spec guard_spec = {
  .name = "gi.overrides._tbuf.Guard",
  .basicsize = sizeof (Guard),
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
  .slots = (PyType_Slot[]) {
    { Py_tp_doc, (void *) PyDoc_STR ("A lock that is held until `with` ends.") },
    { Py_tp_methods, guard_methods },
    { Py_tp_getset, guard_getset },
    { Py_tp_repr, guard_repr },
    { Py_tp_traverse, guard_traverse },
    { Py_tp_clear, guard_clear },
    { Py_tp_finalize, guard_finalize },
    { Py_tp_dealloc, guard_dealloc },
    { 0, NULL }
  }
};

/* What lock () and recover () are called with. */
typedef struct
{
  TbufLockMode  mode;
  gint64        timeout_us;
  GCancellable *cancellable;  /* (unowned) (nullable) */
} Request;

static gboolean
parse_timeout (PyObject *value,
               gint64   *timeout_us)
{
  double seconds;

  if (value == Py_None)
    {
      *timeout_us = -1;
      return TRUE;
    }

  seconds = PyFloat_AsDouble (value);
  if (seconds == -1.0 && PyErr_Occurred ())
    return FALSE;
  if (isnan (seconds) || seconds < 0)
    {
      PyErr_Format (PyExc_ValueError, "timeout is %R: it takes seconds from 0 on, or None to wait for ever", value);
      return FALSE;
    }

  /* Beyond 2⁶² µs, 146,000 years, is for ever; and only 0 itself is a try. */
  *timeout_us = seconds * G_USEC_PER_SEC < 0x1p62 ? (gint64) ceil (seconds * G_USEC_PER_SEC) : -1;

  return TRUE;
}

static gboolean
parse_request (const char      *function,
               PyObject *const *args,
               Py_ssize_t       n_args,
               PyObject        *keywords,
               gboolean         may_share,
               Request         *request)
{
  Py_ssize_t n_keywords = keywords != NULL ? PyTuple_Size (keywords) : 0;

  *request = (Request) { .mode = TBUF_LOCK_MODE_EXCLUSIVE, .timeout_us = -1 };

  /* A mode given by position would be taken for `shared`, and the exclusive mode is a true value. */
  if (n_args > 0)
    {
      PyErr_Format (PyExc_TypeError, "%s() takes keyword arguments only", function);
      return FALSE;
    }

  for (Py_ssize_t i = 0; i < n_keywords; i++)
    {
      PyObject *keyword = PyTuple_GetItem (keywords, i);
      PyObject *value = args[i];

      if (may_share && PyUnicode_CompareWithASCIIString (keyword, "shared") == 0)
        {
          int shared = PyObject_IsTrue (value);

          if (shared < 0)
            return FALSE;
          request->mode = shared ? TBUF_LOCK_MODE_SHARED : TBUF_LOCK_MODE_EXCLUSIVE;
        }
      else if (PyUnicode_CompareWithASCIIString (keyword, "timeout") == 0)
        {
          if (!parse_timeout (value, &request->timeout_us))
            return FALSE;
        }
      else if (PyUnicode_CompareWithASCIIString (keyword, "cancellable") == 0)
        {
          if (!tbuf_python_parse_cancellable (value, &request->cancellable))
            return FALSE;
        }
      else
        {
          PyErr_Format (PyExc_TypeError, "%s() got an unexpected keyword argument %R", function, keyword);
          return FALSE;
        }
    }

  return TRUE;
}

typedef gboolean (*Acquire) (TbufRegion    *region,
                             const Request *request,
                             gint64         timeout_us,
                             gboolean      *was_abandoned,
                             GError       **error);

static gboolean
acquire_lock (TbufRegion    *region,
              const Request *request,
              gint64         timeout_us,
              gboolean      *was_abandoned,
              GError       **error)
{
  return tbuf_region_lock (region, request->mode, timeout_us, request->cancellable, error);
}

static gboolean
acquire_recover (TbufRegion    *region,
                 const Request *request,
                 gint64         timeout_us,
                 gboolean      *was_abandoned,
                 GError       **error)
{
  return tbuf_region_recover (region, timeout_us, was_abandoned, request->cancellable, error);
}

typedef struct
{
  TbufRegion    *region;         /* (unowned) */
  const Request *request;
  Acquire        acquire;
  gboolean      *was_abandoned;
} Acquisition;

static gboolean
acquire_in_time (gpointer   data,
                 gint64     timeout_us,
                 GError   **error)
{
  Acquisition *self = data;

  return self->acquire (self->region, self->request, timeout_us, self->was_abandoned, error);
}

static PyObject *
lock (PyObject      *self,
      const Request *request,
      Acquire        acquire)
{
  TbufRegion *region = tbuf_python_get_region (self);
  g_autoptr (GError) error = NULL;
  Guard *guard;

  if (region == NULL)
    return NULL;

  /* Made first, so that nothing can fail once the lock is held. */
  guard = guard_new (self);
  if (guard == NULL)
    return NULL;

  /* Mostly the lock is free, and then letting go of the GIL and taking it again is not worth it. */
  if (!acquire (region, request, 0, &guard->was_abandoned, &error))
    {
      Acquisition acquisition = { region, request, acquire, &guard->was_abandoned };
      gboolean is_busy = g_error_matches (error, TBUF_ERROR, TBUF_ERROR_BUSY);

      if (!is_busy || request->timeout_us == 0)
        tbuf_python_raise (g_steal_pointer (&error));
      if (!is_busy || request->timeout_us == 0 || !tbuf_python_wait (request->timeout_us, acquire_in_time, &acquisition))
        {
          Py_DECREF (guard);
          return NULL;
        }
    }

  guard_set_held (guard);

  return (PyObject *) guard;
}

PyObject *
tbuf_python_region_lock (PyObject        *self,
                         PyObject *const *args,
                         Py_ssize_t       n_args,
                         PyObject        *keywords)
{
  Request request;

  if (!parse_request ("lock", args, n_args, keywords, TRUE, &request))
    return NULL;

  return lock (self, &request, acquire_lock);
}

PyObject *
tbuf_python_region_recover (PyObject        *self,
                            PyObject *const *args,
                            Py_ssize_t       n_args,
                            PyObject        *keywords)
{
  Request request;

  if (!parse_request ("recover", args, n_args, keywords, FALSE, &request))
    return NULL;

  return lock (self, &request, acquire_recover);
}

PyObject *
tbuf_python_region_unlock (PyObject *self,
                           PyObject *unused)
{
  TbufRegion *region = tbuf_python_get_region (self);
  GError *error = NULL;

  if (region == NULL)
    return NULL;
  if (!tbuf_region_unlock (region, &error))
    return tbuf_python_raise (error);

  for (Guard *guard = held_guards; guard != NULL; guard = guard->next)
    if (guard->region == self)
      {
        guard_unset_held (guard);
        break;
      }

  Py_RETURN_NONE;
}

/* A guard for a lock that somebody took for the object already, as when it was asked for without a thread. */
PyObject *
tbuf_python_region_guard (PyObject *self,
                          PyObject *was_abandoned)
{
  TbufRegion *region = tbuf_python_get_region (self);
  int abandoned = PyObject_IsTrue (was_abandoned);
  Guard *guard;

  if (region == NULL || abandoned < 0)
    return NULL;

  guard = guard_new (self);
  if (guard == NULL)
    return NULL;

  guard->was_abandoned = abandoned;
  guard_set_held (guard);

  return (PyObject *) guard;
}

gboolean
tbuf_python_init_lock (PyObject *module)
{
  return tbuf_python_add_type (module, &guard_spec, &guard_type);
}
