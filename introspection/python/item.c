/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tbuf-python.h"

/* What a dtype can hold, as Python's integers. */

static gboolean
parse_signed (PyObject   *value,
              const char *dtype,
              gint64      min,
              gint64      max,
              gint64     *number)
{
  PyObject *integer = PyNumber_Index (value);
  int overflow;

  if (integer == NULL)
    return FALSE;

  *number = PyLong_AsLongLongAndOverflow (integer, &overflow);
  Py_DECREF (integer);
  if (overflow != 0 || *number < min || *number > max)
    {
      PyErr_Format (PyExc_OverflowError, "%R does not fit an item of %s, which holds %lld to %lld",
                    value, dtype, (long long) min, (long long) max);
      return FALSE;
    }

  return TRUE;
}

static gboolean
parse_unsigned (PyObject   *value,
                const char *dtype,
                guint64     max,
                guint64    *number)
{
  PyObject *integer = PyNumber_Index (value);

  if (integer == NULL)
    return FALSE;

  *number = PyLong_AsUnsignedLongLong (integer);
  Py_DECREF (integer);
  if (PyErr_Occurred () && !PyErr_ExceptionMatches (PyExc_OverflowError))
    return FALSE;
  if (PyErr_Occurred () || *number > max)
    {
      PyErr_Format (PyExc_OverflowError, "%R does not fit an item of %s, which holds 0 to %llu",
                    value, dtype, (unsigned long long) max);
      return FALSE;
    }

  return TRUE;
}

static gboolean
parse_real (PyObject *value,
            double   *number)
{
  *number = PyFloat_AsDouble (value);

  return !(*number == -1.0 && PyErr_Occurred ());
}

static gboolean
parse_complex (PyObject *value,
               double   *re,
               double   *im)
{
  PyObject *number = PyObject_CallFunctionObjArgs ((PyObject *) &PyComplex_Type, value, NULL);

  if (number == NULL)
    return FALSE;

  *re = PyComplex_RealAsDouble (number);
  *im = PyComplex_ImagAsDouble (number);
  Py_DECREF (number);

  return TRUE;
}

#define GET(DTYPE, Type, type, as_python)                                            \
  case TBUF_DTYPE_##DTYPE:                                                           \
    result = as_python (tbuf_##type##_view_get_item ((Tbuf##Type##View *) view, index, &error)); \
    break;

#define GET_COMPLEX(DTYPE, Type, type, part)                                         \
  case TBUF_DTYPE_##DTYPE:                                                           \
    {                                                                                \
      part re = 0, im = 0;                                                           \
      tbuf_##type##_view_get_item ((Tbuf##Type##View *) view, index, &re, &im, &error); \
      result = PyComplex_FromDoubles (re, im);                                       \
      break;                                                                         \
    }

PyObject *
tbuf_python_get_item (TbufView *view,
                      gsize     index)
{
  GError *error = NULL;
  PyObject *result = NULL;

  switch (tbuf_view_get_dtype (view))
    {
    GET (BOOL, Bool, bool, PyBool_FromLong)
    GET (INT8, Int8, int8, PyLong_FromLong)
    GET (INT16, Int16, int16, PyLong_FromLong)
    GET (INT32, Int32, int32, PyLong_FromLong)
    GET (INT64, Int64, int64, PyLong_FromLongLong)
    GET (UINT8, Uint8, uint8, PyLong_FromUnsignedLong)
    GET (UINT16, Uint16, uint16, PyLong_FromUnsignedLong)
    GET (UINT32, Uint32, uint32, PyLong_FromUnsignedLong)
    GET (UINT64, Uint64, uint64, PyLong_FromUnsignedLongLong)
    GET (FLOAT16, Float16, float16, PyFloat_FromDouble)
    GET (FLOAT32, Float32, float32, PyFloat_FromDouble)
    GET (FLOAT64, Float64, float64, PyFloat_FromDouble)
    GET_COMPLEX (COMPLEX64, Complex64, complex64, float)
    GET_COMPLEX (COMPLEX128, Complex128, complex128, double)
    }

  if (error != NULL)
    {
      Py_XDECREF (result);
      return tbuf_python_raise (error);
    }

  return result;
}

#define SET_SIGNED(DTYPE, Type, type, MIN, MAX)                                      \
  case TBUF_DTYPE_##DTYPE:                                                           \
    parsed = parse_signed (value, #type, MIN, MAX, &signed_number);                  \
    if (parsed)                                                                      \
      tbuf_##type##_view_set_item ((Tbuf##Type##View *) view, index, signed_number, &error); \
    break;

#define SET_UNSIGNED(DTYPE, Type, type, MAX)                                         \
  case TBUF_DTYPE_##DTYPE:                                                           \
    parsed = parse_unsigned (value, #type, MAX, &unsigned_number);                   \
    if (parsed)                                                                      \
      tbuf_##type##_view_set_item ((Tbuf##Type##View *) view, index, unsigned_number, &error); \
    break;

#define SET_REAL(DTYPE, Type, type)                                                  \
  case TBUF_DTYPE_##DTYPE:                                                           \
    parsed = parse_real (value, &re);                                                \
    if (parsed)                                                                      \
      tbuf_##type##_view_set_item ((Tbuf##Type##View *) view, index, re, &error);    \
    break;

#define SET_COMPLEX(DTYPE, Type, type)                                               \
  case TBUF_DTYPE_##DTYPE:                                                           \
    parsed = parse_complex (value, &re, &im);                                        \
    if (parsed)                                                                      \
      tbuf_##type##_view_set_item ((Tbuf##Type##View *) view, index, re, im, &error); \
    break;

gboolean
tbuf_python_set_item (TbufView *view,
                      gsize     index,
                      PyObject *value)
{
  GError *error = NULL;
  gboolean parsed = FALSE;
  gint64 signed_number;
  guint64 unsigned_number;
  double re, im;
  int truth;

  switch (tbuf_view_get_dtype (view))
    {
    case TBUF_DTYPE_BOOL:
      truth = PyObject_IsTrue (value);
      parsed = truth >= 0;
      if (parsed)
        tbuf_bool_view_set_item ((TbufBoolView *) view, index, truth, &error);
      break;
    SET_SIGNED (INT8, Int8, int8, G_MININT8, G_MAXINT8)
    SET_SIGNED (INT16, Int16, int16, G_MININT16, G_MAXINT16)
    SET_SIGNED (INT32, Int32, int32, G_MININT32, G_MAXINT32)
    SET_SIGNED (INT64, Int64, int64, G_MININT64, G_MAXINT64)
    SET_UNSIGNED (UINT8, Uint8, uint8, G_MAXUINT8)
    SET_UNSIGNED (UINT16, Uint16, uint16, G_MAXUINT16)
    SET_UNSIGNED (UINT32, Uint32, uint32, G_MAXUINT32)
    SET_UNSIGNED (UINT64, Uint64, uint64, G_MAXUINT64)
    SET_REAL (FLOAT16, Float16, float16)
    SET_REAL (FLOAT32, Float32, float32)
    SET_REAL (FLOAT64, Float64, float64)
    SET_COMPLEX (COMPLEX64, Complex64, complex64)
    SET_COMPLEX (COMPLEX128, Complex128, complex128)
    }

  if (error != NULL)
    {
      tbuf_python_raise (error);
      return FALSE;
    }

  return parsed;
}
