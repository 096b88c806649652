/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tbuf-python.h"

TbufPython tbuf_python;

/* How pygobject.h, which is public, lays out the wrapper of a GObject. Only
 * this much of it is needed, and register () checks that it is true. */
typedef struct
{
  PyObject_HEAD
  GObject  *object;
  PyObject *dict;    /* (owned) (nullable) */
} Wrapper;

GObject *
tbuf_python_get_object (PyObject *self)
{
  GObject *object;

  if (tbuf_python.object_type == NULL || !PyObject_TypeCheck (self, tbuf_python.object_type))
    {
      PyErr_Format (PyExc_TypeError, "%R is not a GObject", self);
      return NULL;
    }

  object = ((Wrapper *) self)->object;
  if (object == NULL)
    PyErr_Format (PyExc_TypeError, "%R is not initialized", (PyObject *) Py_TYPE (self));

  return object;
}

/* The classes that passed a check, by their addresses. They are kept, so that
 * no other class can come to the same address. */
typedef struct
{
  PyTypeObject *types[16];
} KnownTypes;

static inline gpointer
get_instance (PyObject     *self,
              PyTypeObject *type,
              KnownTypes   *known)
{
  PyTypeObject *own = Py_TYPE (self);
  PyTypeObject **entry = &known->types[(guintptr) own / 64 % G_N_ELEMENTS (known->types)];

  if (G_UNLIKELY (*entry != own))
    {
      if (type == NULL || !PyObject_TypeCheck (self, type) || !PyObject_TypeCheck (self, tbuf_python.object_type))
        {
          PyErr_Format (PyExc_TypeError, "%R is not a Tbuf.Region of the right class", (PyObject *) own);
          return NULL;
        }
      if (*entry == NULL)
        *entry = (PyTypeObject *) Py_NewRef ((PyObject *) own);
    }

  if (G_UNLIKELY (((Wrapper *) self)->object == NULL))
    PyErr_Format (PyExc_TypeError, "%R is not initialized", (PyObject *) own);

  return ((Wrapper *) self)->object;
}

TbufRegion *
tbuf_python_get_region (PyObject *self)
{
  static KnownTypes known;

  return get_instance (self, tbuf_python.region_type, &known);
}

TbufView *
tbuf_python_get_view (PyObject *self)
{
  static KnownTypes known;

  return get_instance (self, tbuf_python.view_type, &known);
}

TbufArena *
tbuf_python_get_arena (PyObject *self)
{
  static KnownTypes known;

  return get_instance (self, tbuf_python.arena_type, &known);
}

PyObject *
tbuf_python_raise (GError *error)
{
  PyObject *exception = PyObject_CallFunction (tbuf_python.make_error, "ssi", error->message,
                                               g_quark_to_string (error->domain), error->code);

  if (exception != NULL)
    {
      PyErr_SetObject ((PyObject *) Py_TYPE (exception), exception);
      Py_DECREF (exception);
    }
  g_error_free (error);

  return NULL;
}

PyObject *
tbuf_python_raise_new (TbufError   code,
                       const char *format,
                       ...)
{
  GError *error;
  va_list args;

  va_start (args, format);
  error = g_error_new_valist (TBUF_ERROR, code, format, args);
  va_end (args);

  return tbuf_python_raise (error);
}

gboolean
tbuf_python_add_type (PyObject     *module,
                      PyType_Spec  *spec,
                      PyObject    **type)
{
  *type = PyType_FromModuleAndSpec (module, spec, NULL);

  return *type != NULL && PyModule_AddType (module, (PyTypeObject *) *type) == 0;
}

/* Regions: what arenas and views have in common. */

static PyObject *
region_get_offset (PyObject *self,
                   void     *unused)
{
  TbufRegion *region = tbuf_python_get_region (self);

  return region != NULL ? PyLong_FromSize_t (tbuf_region_get_offset (region)) : NULL;
}

static PyObject *
region_get_address (PyObject *self,
                    void     *unused)
{
  TbufRegion *region = tbuf_python_get_region (self);

  return region != NULL ? PyLong_FromSize_t (tbuf_region_get_address (region)) : NULL;
}

static PyMethodDef region_methods[] = {
  { "lock", (PyCFunction) (void (*) (void)) tbuf_python_region_lock, METH_FASTCALL | METH_KEYWORDS,
    PyDoc_STR ("lock($self, /, *, shared=False, timeout=None, cancellable=None)\n--\n\n"
               "Lock the bytes for one alone, or shared, and return a Guard that unlocks when `with` ends.\n\n"
               "The timeout is in seconds: None waits for ever, 0 only tries.") },
  { "recover", (PyCFunction) (void (*) (void)) tbuf_python_region_recover, METH_FASTCALL | METH_KEYWORDS,
    PyDoc_STR ("recover($self, /, *, timeout=None, cancellable=None)\n--\n\n"
               "Lock the bytes for one alone, also where an owner died; the Guard's was_abandoned says whether one did.") },
  { "_guard", tbuf_python_region_guard, METH_O,
    PyDoc_STR ("_guard($self, was_abandoned, /)\n--\n\nThe Guard of a lock that is held already.") },
  { "unlock", tbuf_python_region_unlock, METH_NOARGS,
    PyDoc_STR ("unlock($self, /)\n--\n\nLet go of the lock that was taken last through this object.") },
  { NULL }
};

static PyGetSetDef region_getset[] = {
  { "offset", region_get_offset, NULL, PyDoc_STR ("where the bytes begin in the arena's data") },
  { "address", region_get_address, NULL, PyDoc_STR ("where the bytes begin in this process") },
  { NULL }
};

static PyType_Spec region_spec = {
  .name = "gi.overrides._tbuf.Region",
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .slots = (PyType_Slot[]) {
    { Py_tp_doc, (void *) PyDoc_STR ("What Tbuf.Region has beyond its introspected methods.") },
    { Py_tp_methods, region_methods },
    { Py_tp_getset, region_getset },
    { 0, NULL }
  }
};

/* Arenas. */

/* The views of arrays that were asked for, by name, stand in a dict of the arena's
 * wrapper: there the garbage collector sees them, and they go with the wrapper.
 * A view never changes, so all that can be wrong with one from there is that the
 * arena was closed or that the array is not live. Then, as for the first time,
 * Tbuf.py makes the view, or the error. */
static PyObject *
arena_subscript (PyObject *self,
                 PyObject *key)
{
  TbufArena *arena = tbuf_python_get_arena (self);
  PyObject *dict, *views, *view;
  int result;

  if (arena == NULL)
    return NULL;

  dict = ((Wrapper *) self)->dict;
  views = dict != NULL ? PyDict_GetItemWithError (dict, tbuf_python.views_key) : NULL;
  view = views != NULL ? PyDict_GetItemWithError (views, key) : NULL;
  if (view != NULL)
    {
      TbufView *known = tbuf_python_get_view (view);

      if (known != NULL && tbuf_view_is_live (known) && !tbuf_arena_is_closed (arena))
        return Py_NewRef (view);
    }
  if (PyErr_Occurred ())
    return NULL;

  view = PyObject_CallMethod (self, "_make_array", "(O)", key);
  if (view == NULL)
    return NULL;

  views = PyObject_GetAttr (self, tbuf_python.views_key);
  if (views == NULL)
    {
      PyErr_Clear ();
      views = PyDict_New ();
      if (views != NULL && PyObject_SetAttr (self, tbuf_python.views_key, views) < 0)
        Py_CLEAR (views);
    }
  result = views != NULL ? PyDict_SetItem (views, key, view) : -1;
  Py_XDECREF (views);
  if (result < 0)
    Py_CLEAR (view);

  return view;
}

static PyMethodDef arena_methods[] = {
  { "_set_phase", tbuf_python_arena_set_phase, METH_VARARGS,
    PyDoc_STR ("_set_phase($self, phase, timeout_us, cancellable, /)\n--\n\nEnter a phase, unless Ctrl-C ends the wait.") },
  { NULL }
};

static PyType_Spec arena_spec = {
  .name = "gi.overrides._tbuf.Arena",
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .slots = (PyType_Slot[]) {
    { Py_tp_doc, (void *) PyDoc_STR ("What Tbuf.Arena has beyond its introspected methods.") },
    { Py_tp_methods, arena_methods },
    { Py_mp_subscript, arena_subscript },
    { Py_bf_getbuffer, tbuf_python_arena_get_buffer },
    { Py_bf_releasebuffer, tbuf_python_release_buffer },
    { 0, NULL }
  }
};

/* Views. */

static PyObject *
view_get_ndim (PyObject *self,
               void     *unused)
{
  TbufView *view = tbuf_python_get_view (self);

  return view != NULL ? PyLong_FromUnsignedLong (tbuf_view_get_n_dims (view)) : NULL;
}

static PyObject *
view_get_size (PyObject *self,
               void     *unused)
{
  TbufView *view = tbuf_python_get_view (self);

  return view != NULL ? PyLong_FromSize_t (tbuf_view_get_n_items (view)) : NULL;
}

static PyObject *
view_get_itemsize (PyObject *self,
                   void     *unused)
{
  TbufView *view = tbuf_python_get_view (self);

  return view != NULL ? PyLong_FromSize_t (tbuf_view_get_item_size (view)) : NULL;
}

static PyObject *
view_get_nbytes (PyObject *self,
                 void     *unused)
{
  TbufView *view = tbuf_python_get_view (self);

  return view != NULL ? PyLong_FromSize_t (tbuf_view_get_n_items (view) * tbuf_view_get_item_size (view)) : NULL;
}

static PyObject *
view_get_shape (PyObject *self,
                void     *unused)
{
  TbufView *view = tbuf_python_get_view (self);
  const gsize *shape;
  guint n_dims;
  PyObject *tuple;

  if (view == NULL)
    return NULL;

  shape = tbuf_view_get_shape (view, &n_dims);
  tuple = PyTuple_New (n_dims);
  for (guint i = 0; tuple != NULL && i < n_dims; i++)
    PyTuple_SetItem (tuple, i, PyLong_FromSize_t (shape[i]));

  return tuple;
}

static PyObject *
view_get_strides (PyObject *self,
                  void     *unused)
{
  TbufView *view = tbuf_python_get_view (self);
  const gssize *strides;
  guint n_dims;
  PyObject *tuple;

  if (view == NULL)
    return NULL;

  strides = tbuf_view_get_strides (view, &n_dims);
  tuple = PyTuple_New (n_dims);
  for (guint i = 0; tuple != NULL && i < n_dims; i++)
    PyTuple_SetItem (tuple, i, PyLong_FromSsize_t (strides[i]));

  return tuple;
}

static Py_ssize_t
view_length (PyObject *self)
{
  TbufView *view = tbuf_python_get_view (self);
  const gsize *shape;
  guint n_dims;

  if (view == NULL)
    return -1;

  shape = tbuf_view_get_shape (view, &n_dims);
  if (n_dims == 0)
    {
      PyErr_SetString (PyExc_TypeError, "len() of a view without axes");
      return -1;
    }

  return (Py_ssize_t) shape[0];
}

/* One index of a key, counted from the end if it is negative. */
static gboolean
parse_index (PyObject *key,
             guint     axis,
             gsize     extent,
             gsize    *index)
{
  Py_ssize_t value = PyNumber_AsSsize_t (key, PyExc_IndexError);

  if (value == -1 && PyErr_Occurred ())
    return FALSE;

  *index = value < 0 ? (gsize) value + extent : (gsize) value;
  if (*index >= extent)
    {
      tbuf_python_raise_new (TBUF_ERROR_RANGE,
                             "index %" G_GSSIZE_FORMAT " is out of range for axis %u, which has %" G_GSIZE_FORMAT " items",
                             value, axis, extent);
      return FALSE;
    }

  return TRUE;
}

/* Whether it can be counted with: an array of numpy says so of itself, and mostly fails. */
static gboolean
is_index (PyObject *key)
{
  PyObject *number;

  if (PyLong_Check (key))
    return TRUE;
  if (!PyIndex_Check (key))
    return FALSE;

  number = PyNumber_Index (key);
  if (number == NULL)
    PyErr_Clear ();
  Py_XDECREF (number);

  return number != NULL;
}

typedef enum
{
  KEY_INVALID,  /* an exception is set */
  KEY_ITEM,     /* names one item */
  KEY_PART,     /* names a part of the view, and is for Tbuf.py to take apart */
} KeyKind;

static KeyKind
parse_key (TbufView *view,
           PyObject *key,
           gsize    *item)
{
  guint n_dims;
  const gsize *shape = tbuf_view_get_shape (view, &n_dims);

  if (n_dims == 1 && is_index (key))
    return parse_index (key, 0, shape[0], item) ? KEY_ITEM : KEY_INVALID;

  if (!PyTuple_Check (key) || PyTuple_Size (key) != (Py_ssize_t) n_dims)
    return KEY_PART;

  for (guint i = 0; i < n_dims; i++)
    if (!is_index (PyTuple_GetItem (key, i)))
      return KEY_PART;

  *item = 0;
  for (guint i = 0; i < n_dims; i++)
    {
      gsize index;

      if (!parse_index (PyTuple_GetItem (key, i), i, shape[i], &index))
        return KEY_INVALID;
      *item = *item * shape[i] + index;
    }

  return KEY_ITEM;
}

static PyObject *
view_subscript (PyObject *self,
                PyObject *key)
{
  TbufView *view = tbuf_python_get_view (self);
  gsize item;

  if (view == NULL)
    return NULL;

  switch (parse_key (view, key, &item))
    {
    case KEY_ITEM:
      return tbuf_python_get_item (view, item);
    case KEY_PART:
      return PyObject_CallMethod (self, "_get_part", "(O)", key);
    case KEY_INVALID:
    default:
      return NULL;
    }
}

static int
view_ass_subscript (PyObject *self,
                    PyObject *key,
                    PyObject *value)
{
  TbufView *view = tbuf_python_get_view (self);
  PyObject *result;
  gsize item;

  if (view == NULL)
    return -1;
  if (value == NULL)
    {
      PyErr_SetString (PyExc_TypeError, "the items of a view cannot be deleted");
      return -1;
    }

  switch (parse_key (view, key, &item))
    {
    case KEY_ITEM:
      return tbuf_python_set_item (view, item, value) ? 0 : -1;
    case KEY_PART:
      result = PyObject_CallMethod (self, "_set_part", "(OO)", key, value);
      Py_XDECREF (result);
      return result != NULL ? 0 : -1;
    case KEY_INVALID:
    default:
      return -1;
    }
}

static PyObject *
view_get_dlpack_device (PyObject *self,
                        PyObject *unused)
{
  return Py_BuildValue ("(ii)", TBUF_PYTHON_DLPACK_CPU, 0);
}

static PyObject *
view_numpy (PyObject *self,
            PyObject *unused)
{
  static PyObject *asarray;

  if (asarray == NULL)
    {
      PyObject *numpy = PyImport_ImportModule ("numpy");

      asarray = numpy != NULL ? PyObject_GetAttrString (numpy, "asarray") : NULL;
      Py_XDECREF (numpy);
      if (asarray == NULL)
        return NULL;
    }

  return PyObject_CallFunctionObjArgs (asarray, self, NULL);
}

static PyMethodDef view_methods[] = {
  { "numpy", view_numpy, METH_NOARGS,
    PyDoc_STR ("numpy($self, /)\n--\n\nThe view as a numpy.ndarray over the same memory.") },
  { "__dlpack__", (PyCFunction) (void (*) (void)) tbuf_python_view_dlpack, METH_VARARGS | METH_KEYWORDS,
    PyDoc_STR ("__dlpack__($self, /, *, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\n"
               "A capsule for torch.from_dlpack() and its like, over the same memory unless a copy is asked for.") },
  { "__dlpack_device__", view_get_dlpack_device, METH_NOARGS,
    PyDoc_STR ("__dlpack_device__($self, /)\n--\n\nThe device that the memory is on: the processor.") },
  { "_atomic_wait", tbuf_python_view_atomic_wait, METH_VARARGS,
    PyDoc_STR ("_atomic_wait($self, index, expected, timeout_us, cancellable, /)\n--\n\n"
               "Wait until an item differs, unless Ctrl-C ends the wait.") },
  { NULL }
};

static PyGetSetDef view_getset[] = {
  { "itemsize", view_get_itemsize, NULL, PyDoc_STR ("the bytes of one item") },
  { "nbytes", view_get_nbytes, NULL, PyDoc_STR ("the bytes of all items together") },
  { "ndim", view_get_ndim, NULL, PyDoc_STR ("the number of axes") },
  { "shape", view_get_shape, NULL, PyDoc_STR ("the number of items along each axis") },
  { "size", view_get_size, NULL, PyDoc_STR ("the number of items") },
  { "strides", view_get_strides, NULL, PyDoc_STR ("the bytes from one item to the next along each axis") },
  { NULL }
};

static PyType_Spec view_spec = {
  .name = "gi.overrides._tbuf.View",
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .slots = (PyType_Slot[]) {
    { Py_tp_doc, (void *) PyDoc_STR ("What Tbuf.View has beyond its introspected methods.") },
    { Py_tp_methods, view_methods },
    { Py_tp_getset, view_getset },
    { Py_mp_length, view_length },
    { Py_mp_subscript, view_subscript },
    { Py_mp_ass_subscript, view_ass_subscript },
    { Py_bf_getbuffer, tbuf_python_view_get_buffer },
    { Py_bf_releasebuffer, tbuf_python_release_buffer },
    { 0, NULL }
  }
};

/* Whether wrappers of GObjects are laid out as Wrapper says. */
static gboolean
layout_is_known (PyObject *object_type)
{
  PyObject *sample, *capsule;
  gboolean known = FALSE;

  sample = PyObject_CallFunctionObjArgs (object_type, NULL);
  if (sample == NULL)
    return FALSE;

  capsule = PyObject_GetAttrString (sample, "__gpointer__");
  if (capsule != NULL)
    {
      known = ((Wrapper *) sample)->object == PyCapsule_GetPointer (capsule, NULL) && ((Wrapper *) sample)->dict == NULL;
      Py_DECREF (capsule);
    }
  if (known)
    {
      PyObject *dict = PyObject_GetAttrString (sample, "__dict__");

      known = dict != NULL && ((Wrapper *) sample)->dict == dict;
      Py_XDECREF (dict);
    }
  Py_DECREF (sample);

  if (!known && !PyErr_Occurred ())
    PyErr_SetString (PyExc_ImportError, "this PyGObject lays out its objects in a way that libtbuf does not know");

  return known;
}

static PyObject *
module_register (PyObject *module,
                 PyObject *args)
{
  PyObject *object_type, *region_type, *arena_type, *view_type, *make_error;

  if (!PyArg_ParseTuple (args, "OOOOO:register", &object_type, &region_type, &arena_type, &view_type, &make_error))
    return NULL;
  if (!PyType_Check (object_type) || !PyType_Check (region_type) || !PyType_Check (arena_type) ||
      !PyType_Check (view_type) || !PyCallable_Check (make_error))
    return PyErr_Format (PyExc_TypeError, "register() takes four classes and a function");
  if (!layout_is_known (object_type))
    return NULL;

  Py_CLEAR (tbuf_python.object_type);
  Py_CLEAR (tbuf_python.region_type);
  Py_CLEAR (tbuf_python.arena_type);
  Py_CLEAR (tbuf_python.view_type);
  Py_CLEAR (tbuf_python.make_error);
  tbuf_python.object_type = (PyTypeObject *) Py_NewRef (object_type);
  tbuf_python.region_type = (PyTypeObject *) Py_NewRef (region_type);
  tbuf_python.arena_type = (PyTypeObject *) Py_NewRef (arena_type);
  tbuf_python.view_type = (PyTypeObject *) Py_NewRef (view_type);
  tbuf_python.make_error = Py_NewRef (make_error);
  if (tbuf_python.views_key == NULL)
    tbuf_python.views_key = PyUnicode_InternFromString ("_views");
  if (tbuf_python.views_key == NULL)
    return NULL;

  Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
  { "register", module_register, METH_VARARGS,
    PyDoc_STR ("register(object_type, region_type, arena_type, view_type, make_error)\n--\n\nTell the module the classes that its mixins are in, and what makes an exception of a GError.") },
  { NULL }
};

static int
module_exec (PyObject *module)
{
  PyObject *type;
  gboolean added = TRUE;

  for (guint i = 0; added && i < 3; i++)
    {
      added = tbuf_python_add_type (module, (PyType_Spec *[]) { &region_spec, &arena_spec, &view_spec }[i], &type);
      Py_XDECREF (type);
    }

  return added && tbuf_python_init_buffer (module) && tbuf_python_init_lock (module) ? 0 : -1;
}

static struct PyModuleDef module_definition = {
  PyModuleDef_HEAD_INIT,
  .m_name = "_tbuf",
  .m_doc = PyDoc_STR ("The parts of Tbuf's override that need C."),
  .m_methods = module_methods,
  .m_slots = (PyModuleDef_Slot[]) {
    { Py_mod_exec, module_exec },
    { 0, NULL }
  }
};

PyMODINIT_FUNC PyInit__tbuf (void);

PyMODINIT_FUNC
PyInit__tbuf (void)
{
  return PyModuleDef_Init (&module_definition);
}
