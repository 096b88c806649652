/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tbuf-python.h"

#include <string.h>

/* NOTES
 *
 * DLPack hands an array from one library to another as a struct in a capsule. The
 * consumer takes it out, renames the capsule, and calls the deleter when it is
 * done: from any thread, with or without the GIL. So what the struct owns is no
 * Python object, but a GBytes, which keeps the mapping.
 *
 * There are two structs. The first cannot say that memory is read-only, so it is
 * not made for such; who can read the second one says so by max_version.
 */

#define NAME           "dltensor"
#define NAME_VERSIONED "dltensor_versioned"

#define FLAG_READ_ONLY (G_GUINT64_CONSTANT (1) << 0)
#define FLAG_IS_COPIED (G_GUINT64_CONSTANT (1) << 1)

/* As dlpack.h, version 1.0, has them. */
typedef struct
{
  gint32 type;
  gint32 id;
} Device;

typedef struct
{
  guint8  code;
  guint8  bits;
  guint16 lanes;
} DataType;

typedef struct
{
  void     *data;
  Device    device;
  gint32    n_dims;
  DataType  dtype;
  gint64   *shape;
  gint64   *strides;      /* in items */
  guint64   byte_offset;
} Tensor;

typedef struct _Managed Managed;

struct _Managed
{
  Tensor   tensor;
  void    *context;
  void   (*deleter) (Managed *self);
};

typedef struct _ManagedVersioned ManagedVersioned;

struct _ManagedVersioned
{
  guint32  major;
  guint32  minor;
  void    *context;
  void   (*deleter) (ManagedVersioned *self);
  guint64  flags;
  Tensor   tensor;
};

G_STATIC_ASSERT (sizeof (void *) != 8 || sizeof (Tensor) == 48);
G_STATIC_ASSERT (sizeof (void *) != 8 || sizeof (Managed) == 64);
G_STATIC_ASSERT (sizeof (void *) != 8 || sizeof (ManagedVersioned) == 80);

/* What is behind either of them, in one block with the shape and the strides. */
typedef struct
{
  union
  {
    Managed          plain;
    ManagedVersioned versioned;
  };
  GBytes *bytes;   /* (owned) */
  gint64  dims[];
} Export;

static void
export_free (Export *self)
{
  g_bytes_unref (self->bytes);
  g_free (self);
}

static void
delete_plain (Managed *managed)
{
  export_free (managed->context);
}

static void
delete_versioned (ManagedVersioned *managed)
{
  export_free (managed->context);
}

/* A capsule that somebody took over has another name by now. */
static void
capsule_free (PyObject *capsule)
{
  if (PyCapsule_IsValid (capsule, NAME))
    {
      Managed *managed = PyCapsule_GetPointer (capsule, NAME);

      managed->deleter (managed);
    }
  else if (PyCapsule_IsValid (capsule, NAME_VERSIONED))
    {
      ManagedVersioned *managed = PyCapsule_GetPointer (capsule, NAME_VERSIONED);

      managed->deleter (managed);
    }
}

static DataType
get_data_type (TbufDtype dtype,
               gsize     item_size)
{
  static const guint8 codes[] = {
    [TBUF_DTYPE_INT8] = 0, [TBUF_DTYPE_INT16] = 0, [TBUF_DTYPE_INT32] = 0, [TBUF_DTYPE_INT64] = 0,
    [TBUF_DTYPE_UINT8] = 1, [TBUF_DTYPE_UINT16] = 1, [TBUF_DTYPE_UINT32] = 1, [TBUF_DTYPE_UINT64] = 1,
    [TBUF_DTYPE_FLOAT16] = 2, [TBUF_DTYPE_FLOAT32] = 2, [TBUF_DTYPE_FLOAT64] = 2,
    [TBUF_DTYPE_COMPLEX64] = 5, [TBUF_DTYPE_COMPLEX128] = 5, [TBUF_DTYPE_BOOL] = 6,
  };

  return (DataType) { codes[dtype], (guint8) (item_size * 8), 1 };
}

/* Whether the view is what the struct can describe. */
static gboolean
check_view (TbufView *view,
            gboolean  versioned,
            gboolean  copy)
{
  const TbufByteOrder native = G_BYTE_ORDER == G_LITTLE_ENDIAN ? TBUF_BYTE_ORDER_LITTLE : TBUF_BYTE_ORDER_BIG;
  gsize item_size = tbuf_view_get_item_size (view);
  g_autoptr (GError) error = NULL;
  const gssize *strides;
  guint n_dims;

  if (!tbuf_view_check_access (view, FALSE, &error))
    {
      tbuf_python_raise (g_steal_pointer (&error));
      return FALSE;
    }

  if (tbuf_view_get_byte_order (view) != native && item_size > 1)
    {
      tbuf_python_raise_new (TBUF_ERROR_NOT_NATIVE, "DLPack knows the byte order of this machine only");
      return FALSE;
    }

  if (!versioned && !copy && !tbuf_view_check_access (view, TRUE, NULL))
    {
      tbuf_python_raise_new (TBUF_ERROR_READ_ONLY, "The arena is mapped for reading only, which DLPack can say since version 1.0: "
                             "pass max_version=(1, 0), or copy=True");
      return FALSE;
    }

  strides = tbuf_view_get_strides (view, &n_dims);
  for (guint i = 0; !copy && i < n_dims; i++)
    if (strides[i] % (gssize) item_size != 0)
      {
        tbuf_python_raise_new (TBUF_ERROR_NOT_CONTIGUOUS,
                               "The stride of axis %u is %" G_GSSIZE_FORMAT " bytes, and DLPack counts in items of %" G_GSIZE_FORMAT,
                               i, strides[i], item_size);
        return FALSE;
      }

  return TRUE;
}

/* The items in C order, in memory of their own. */
static GBytes *
copy_items (PyObject *self)
{
  PyObject *copy = PyObject_CallFunctionObjArgs ((PyObject *) &PyBytes_Type, self, NULL);
  GBytes *bytes = NULL;

  if (copy != NULL)
    bytes = g_bytes_new (PyBytes_AsString (copy), (gsize) PyBytes_Size (copy));
  Py_XDECREF (copy);

  return bytes;
}

static Export *
export_new (PyObject *self,
            TbufView *view,
            gboolean  copy,
            Tensor   *tensor)
{
  gsize item_size = tbuf_view_get_item_size (view);
  const gssize *strides;
  const gsize *shape;
  guint8 *data;
  GBytes *bytes;
  guint n_dims;
  Export *export;
  gint64 step = 1;

  bytes = copy ? copy_items (self) : tbuf_region_get_bytes ((TbufRegion *) view);
  if (bytes == NULL)
    return NULL;

  shape = tbuf_view_get_shape (view, &n_dims);
  strides = tbuf_view_get_strides (view, &n_dims);
  data = (guint8 *) g_bytes_get_data (bytes, NULL);
  if (!copy && data != NULL)
    data += tbuf_view_get_first_item (view) - tbuf_region_get_offset ((TbufRegion *) view);

  export = g_malloc0 (sizeof *export + 2 * n_dims * sizeof *export->dims);
  export->bytes = bytes;
  for (guint i = n_dims; i-- > 0;)
    {
      export->dims[i] = (gint64) shape[i];
      export->dims[n_dims + i] = copy ? step : strides[i] / (gssize) item_size;
      step *= (gint64) shape[i];
    }

  *tensor = (Tensor) {
    .data = data,
    .device = { TBUF_PYTHON_DLPACK_CPU, 0 },
    .n_dims = (gint32) n_dims,
    .dtype = get_data_type (tbuf_view_get_dtype (view), item_size),
    .shape = export->dims,
    .strides = export->dims + n_dims,
  };

  return export;
}

static PyObject *
make_capsule (Export       *export,
              const Tensor *tensor,
              gboolean      versioned,
              guint64       flags)
{
  PyObject *capsule;

  if (versioned)
    {
      export->versioned = (ManagedVersioned) { 1, 0, export, delete_versioned, flags, *tensor };
      capsule = PyCapsule_New (&export->versioned, NAME_VERSIONED, capsule_free);
    }
  else
    {
      export->plain = (Managed) { *tensor, export, delete_plain };
      capsule = PyCapsule_New (&export->plain, NAME, capsule_free);
    }

  if (capsule == NULL)
    export_free (export);

  return capsule;
}

/* FALSE with an exception set. */
static gboolean
check_where (PyObject *stream,
             PyObject *device)
{
  int type, id;

  /* -1 asks for no synchronization, and there is nothing to synchronize with. */
  if (stream != Py_None && !(PyLong_Check (stream) && PyLong_AsLong (stream) == -1))
    {
      if (!PyErr_Occurred ())
        PyErr_Format (PyExc_BufferError, "stream is %R: memory of the processor has none", stream);
      return FALSE;
    }

  if (device == Py_None)
    return TRUE;
  if (!PyTuple_Check (device) || !PyArg_ParseTuple (device, "ii;dl_device is a pair of integers", &type, &id))
    {
      if (!PyErr_Occurred ())
        PyErr_Format (PyExc_TypeError, "dl_device is %R: it takes a pair of integers", device);
      return FALSE;
    }
  if (type != TBUF_PYTHON_DLPACK_CPU || id != 0)
    {
      PyErr_Format (PyExc_BufferError, "dl_device is %R, and the memory is on (%d, 0), the processor", device, TBUF_PYTHON_DLPACK_CPU);
      return FALSE;
    }

  return TRUE;
}

PyObject *
tbuf_python_view_dlpack (PyObject *self,
                         PyObject *args,
                         PyObject *keywords)
{
  static const char *names[] = { "stream", "max_version", "dl_device", "copy", NULL };
  PyObject *stream = Py_None, *max_version = Py_None, *device = Py_None, *copy_wanted = Py_None;
  TbufView *view = tbuf_python_get_view (self);
  gboolean versioned = FALSE;
  guint64 flags = 0;
  int major, minor, copy;
  Export *export;
  Tensor tensor;

  if (view == NULL ||
      !PyArg_ParseTupleAndKeywords (args, keywords, "|$OOOO:__dlpack__", (char **) names, &stream, &max_version, &device, &copy_wanted) ||
      !check_where (stream, device))
    return NULL;

  if (max_version != Py_None)
    {
      if (!PyTuple_Check (max_version))
        return PyErr_Format (PyExc_TypeError, "max_version is %R: it takes a pair of integers", max_version);
      if (!PyArg_ParseTuple (max_version, "ii;max_version is a pair of integers", &major, &minor))
        return NULL;
      versioned = major >= 1;
    }

  copy = PyObject_IsTrue (copy_wanted);
  if (copy < 0 || !check_view (view, versioned, copy))
    return NULL;

  export = export_new (self, view, copy, &tensor);
  if (export == NULL)
    return NULL;

  if (copy)
    flags |= FLAG_IS_COPIED;
  else if (!tbuf_view_check_access (view, TRUE, NULL))
    flags |= FLAG_READ_ONLY;

  return make_capsule (export, &tensor, versioned, flags);
}
