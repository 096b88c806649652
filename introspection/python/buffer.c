/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tbuf-python.h"

/* NOTES
 *
 * What exports a buffer is not the view but a Memory, which holds a GBytes and
 * so the mapping, and no GObject. A consumer such as numpy.ndarray takes no
 * part in garbage collection: if it held the view, `view.array = np.asarray
 * (view)` would be a cycle that nothing can free. (PEP 3118 calls this
 * redirecting the request, and Py_buffer.obj says who got it.)
 *
 * What is exported stays readable memory whatever becomes of the arena.
 */

typedef struct
{
  PyObject_VAR_HEAD
  GBytes      *bytes;          /* (owned) */
  TbufView    *view;           /* (unowned) (nullable) whose it is */
  guint8      *items;          /* item [0, 0, …] */
  Py_ssize_t   n_bytes;        /* of all items together */
  Py_ssize_t   item_size;
  int          n_dims;
  gboolean     is_read_only;
  gboolean     is_c_contiguous;
  gboolean     is_f_contiguous;
  char         format[8];      /* PEP 3118's */
  Py_ssize_t   dims[];         /* the shape, then the strides */
} Memory;

static PyObject *memory_type;  /* (owned) */

static Memory *
memory_new (GBytes *bytes,
            int     n_dims)
{
  Memory *self = (Memory *) PyType_GenericAlloc ((PyTypeObject *) memory_type, 2 * (Py_ssize_t) n_dims);

  if (self == NULL)
    {
      g_bytes_unref (bytes);
      return NULL;
    }

  self->bytes = bytes;
  self->n_dims = n_dims;

  return self;
}

static void
memory_dealloc (PyObject *self)
{
  PyTypeObject *type = Py_TYPE (self);
  freefunc free_func = (freefunc) PyType_GetSlot (type, Py_tp_free);

  g_clear_pointer (&((Memory *) self)->bytes, g_bytes_unref);
  free_func (self);
  Py_DECREF (type);
}

/* Whether the items lie one after another, along the last axis first or along the first axis first. */
static gboolean
memory_is_contiguous (Memory   *self,
                      gboolean  last_axis_first)
{
  const Py_ssize_t *shape = self->dims, *strides = self->dims + self->n_dims;
  Py_ssize_t step = self->item_size;

  if (self->n_bytes == 0)
    return TRUE;

  for (int i = 0; i < self->n_dims; i++)
    {
      int axis = last_axis_first ? self->n_dims - 1 - i : i;

      if (shape[axis] != 1 && strides[axis] != step)
        return FALSE;
      step *= shape[axis];
    }

  return TRUE;
}

static void
memory_set_contiguity (Memory *self)
{
  self->is_c_contiguous = memory_is_contiguous (self, TRUE);
  self->is_f_contiguous = memory_is_contiguous (self, FALSE);
}

static int
memory_get_buffer (PyObject  *self,
                   Py_buffer *buffer,
                   int        flags)
{
  Memory *memory = (Memory *) self;
  const char *missing = NULL;

  buffer->obj = NULL;

  if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE && memory->is_read_only)
    {
      tbuf_python_raise_new (TBUF_ERROR_READ_ONLY, "the arena is mapped for reading only: it gives no writable buffer");
      return -1;
    }

  if ((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !memory->is_c_contiguous)
    missing = "in C order";
  else if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !memory->is_f_contiguous)
    missing = "in Fortran order";
  else if ((flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS &&
           !memory->is_c_contiguous && !memory->is_f_contiguous)
    missing = "in C or Fortran order";
  else if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !memory->is_c_contiguous)
    missing = "in C order, and what asks for the buffer knows no strides";

  if (missing != NULL)
    {
      tbuf_python_raise_new (TBUF_ERROR_NOT_CONTIGUOUS, "the items do not lie one after another %s", missing);
      return -1;
    }

  *buffer = (Py_buffer) {
    .buf = memory->items,
    .obj = Py_NewRef (self),
    .len = memory->n_bytes,
    .itemsize = memory->item_size,
    .readonly = memory->is_read_only,
    .ndim = memory->n_dims,
    .format = (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? memory->format : NULL,
    .shape = (flags & PyBUF_ND) == PyBUF_ND ? memory->dims : NULL,
    .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? memory->dims + memory->n_dims : NULL,
  };

  return 0;
}

static PyType_Spec memory_spec = {
  .name = "gi.overrides._tbuf.Memory",
  .basicsize = sizeof (Memory),
  .itemsize = sizeof (Py_ssize_t),
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
  .slots = (PyType_Slot[]) {
    { Py_tp_doc, (void *) PyDoc_STR ("The memory of an arena, mapped for as long as this lives.") },
    { Py_tp_dealloc, memory_dealloc },
    { Py_bf_getbuffer, memory_get_buffer },
    { Py_bf_releasebuffer, tbuf_python_release_buffer },
    { 0, NULL }
  }
};

/* Returns -1. Whoever asks for a buffer expects a BufferError; most of our errors are one. */
static int
refuse (GError *error)
{
  g_autofree char *message = g_strdup (error->message);

  tbuf_python_raise (error);
  if (!PyErr_ExceptionMatches (PyExc_BufferError))
    PyErr_SetString (PyExc_BufferError, message);

  return -1;
}

/* numpy calls a 64-bit integer `long` where C's is one, and its own types by
 * that name; "q" would give it a type that compares equal but is another. */
static const char *
get_format_override (TbufView *view,
                     gboolean  is_native)
{
  if (!is_native || sizeof (long) != 8)
    return NULL;

  switch (tbuf_view_get_dtype (view))
    {
    case TBUF_DTYPE_INT64:
      return "l";
    case TBUF_DTYPE_UINT64:
      return "L";
    default:
      return NULL;
    }
}

static void
set_format (Memory   *memory,
            TbufView *view)
{
  const TbufByteOrder native = G_BYTE_ORDER == G_LITTLE_ENDIAN ? TBUF_BYTE_ORDER_LITTLE : TBUF_BYTE_ORDER_BIG;
  TbufByteOrder byte_order = tbuf_view_get_byte_order (view);
  const char *override = get_format_override (view, byte_order == native);
  g_autofree char *format = NULL;

  /* memoryview takes items apart only if their format names no byte order. */
  if (override == NULL)
    format = tbuf_dtype_to_format (tbuf_view_get_dtype (view), byte_order == native ? TBUF_BYTE_ORDER_NATIVE : byte_order);

  g_strlcpy (memory->format, override != NULL ? override : format, sizeof memory->format);
}

static Memory *
memory_new_for_view (TbufView *view)
{
  TbufRegion *region = (TbufRegion *) view;
  Memory *memory;
  GBytes *bytes;
  const gsize *shape;
  const gssize *strides;
  guint n_dims;

  shape = tbuf_view_get_shape (view, &n_dims);
  strides = tbuf_view_get_strides (view, &n_dims);
  bytes = tbuf_region_get_bytes (region);
  memory = memory_new (bytes, n_dims);
  if (memory == NULL)
    return NULL;

  /* The bytes begin at the lowest item, which is not the first where a stride is negative. */
  memory->items = (guint8 *) g_bytes_get_data (bytes, NULL);
  if (memory->items != NULL)
    memory->items += tbuf_view_get_first_item (view) - tbuf_region_get_offset (region);
  memory->item_size = tbuf_view_get_item_size (view);
  memory->n_bytes = tbuf_view_get_n_items (view) * memory->item_size;
  memory->is_read_only = !tbuf_view_check_access (view, TRUE, NULL);
  set_format (memory, view);
  for (guint i = 0; i < n_dims; i++)
    {
      memory->dims[i] = shape[i];
      memory->dims[n_dims + i] = strides[i];
    }
  memory_set_contiguity (memory);

  return memory;
}

/* Where the memory of a view was found last; the GIL guards it. Looking it up
 * among the view's data would cost as much as all the rest of an export. */
static Memory *recent[64];

static inline Memory **
get_recent (TbufView *view)
{
  return &recent[(guintptr) view / 64 % G_N_ELEMENTS (recent)];
}

/* The last reference to a view may go in any thread. */
static void
forget_memory (gpointer data)
{
  Memory *memory = data;
  PyGILState_STATE state;

  if (!Py_IsInitialized ())
    return;

  state = PyGILState_Ensure ();
  if (*get_recent (memory->view) == memory)
    *get_recent (memory->view) = NULL;
  memory->view = NULL;
  Py_DECREF ((PyObject *) memory);
  PyGILState_Release (state);
}

/* A view never changes, so its Memory is made once. It holds nothing of Python. */
static Memory *
get_memory (TbufView *view)
{
  static GQuark quark;
  Memory *memory = *get_recent (view);

  if (G_LIKELY (memory != NULL && memory->view == view))
    return memory;

  if (G_UNLIKELY (quark == 0))
    quark = g_quark_from_static_string ("tbuf-python-memory");

  memory = g_object_get_qdata ((GObject *) view, quark);
  if (memory == NULL)
    {
      memory = memory_new_for_view (view);
      if (memory == NULL)
        return NULL;
      memory->view = view;
      g_object_set_qdata_full ((GObject *) view, quark, memory, forget_memory);
    }
  *get_recent (view) = memory;

  return memory;
}

int
tbuf_python_view_get_buffer (PyObject  *self,
                             Py_buffer *buffer,
                             int        flags)
{
  TbufView *view = tbuf_python_get_view (self);
  GError *error = NULL;
  Memory *memory;

  buffer->obj = NULL;
  if (view == NULL)
    return -1;

  if (!tbuf_view_check_access (view, FALSE, &error))
    return refuse (error);

  memory = get_memory (view);
  return memory != NULL ? memory_get_buffer ((PyObject *) memory, buffer, flags) : -1;
}

int
tbuf_python_arena_get_buffer (PyObject  *self,
                              Py_buffer *buffer,
                              int        flags)
{
  TbufArena *arena = tbuf_python_get_arena (self);
  Memory *memory;
  GBytes *bytes;
  gsize n_bytes;
  int result;

  buffer->obj = NULL;
  if (arena == NULL)
    return -1;

  bytes = tbuf_region_get_bytes ((TbufRegion *) arena);
  memory = memory_new (bytes, 1);
  if (memory == NULL)
    return -1;

  memory->items = (guint8 *) g_bytes_get_data (bytes, &n_bytes);
  memory->item_size = 1;
  memory->n_bytes = n_bytes;
  memory->is_read_only = (tbuf_arena_get_flags (arena) & TBUF_ARENA_READ_ONLY) != 0;
  memory->format[0] = 'B';
  memory->dims[0] = n_bytes;
  memory->dims[1] = 1;
  memory_set_contiguity (memory);
  result = memory_get_buffer ((PyObject *) memory, buffer, flags);
  Py_DECREF (memory);

  return result;
}

/* There is nothing to do: the Memory goes with the last buffer. But only for
 * an object that has this slot numpy.frombuffer holds a memoryview, and so the
 * Memory, instead of the object itself. */
void
tbuf_python_release_buffer (PyObject  *self,
                            Py_buffer *buffer)
{
}

gboolean
tbuf_python_init_buffer (PyObject *module)
{
  return tbuf_python_add_type (module, &memory_spec, &memory_type);
}
