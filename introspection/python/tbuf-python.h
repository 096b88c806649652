/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <tbuf.h>

/* NOTES
 *
 * This module adds to the classes that PyGObject makes what Python code cannot
 * add: the buffer protocol, and the few calls that are made so often that the
 * 200 ns of a call through PyGObject would be felt. Everything else is in
 * Tbuf.py.
 *
 * Its types are mixins: they have slots and methods, but no instance struct of
 * their own, so that `class View (Tbuf.View, _tbuf.View)` is laid out as
 * PyGObject wants it. They reach the subclasses too, also the instances that C
 * code created.
 *
 * The module is built for the stable ABI, so that one file serves every Python
 * from 3.11 on. What it must know of its classes stands in globals: slots of
 * subclasses cannot find the state of the module that way, and PyGObject works
 * in one interpreter only.
 */

/* What Tbuf.py tells with register (). */
typedef struct
{
  PyTypeObject *arena_type;   /* (owned) the overrides of the classes */
  PyTypeObject *region_type;  /* (owned) */
  PyTypeObject *view_type;    /* (owned) */
  PyTypeObject *object_type;  /* (owned) GObject's */
  PyObject     *make_error;   /* (owned) (message, domain, code) → exception */
  PyObject     *views_key;    /* (owned) "_views" */
} TbufPython;

extern TbufPython tbuf_python G_GNUC_INTERNAL;

/* The GObject of a wrapper, borrowed; NULL with an exception set. */
TbufRegion *tbuf_python_get_region  (PyObject    *self) G_GNUC_INTERNAL;
TbufView   *tbuf_python_get_view    (PyObject    *self) G_GNUC_INTERNAL;
TbufArena  *tbuf_python_get_arena   (PyObject    *self) G_GNUC_INTERNAL;
GObject    *tbuf_python_get_object  (PyObject    *self) G_GNUC_INTERNAL;

/* Both return NULL, so that a function can end with them. */
PyObject   *tbuf_python_raise       (GError      *error) G_GNUC_INTERNAL;  /* (transfer full) */
PyObject   *tbuf_python_raise_new   (TbufError    code,
                                     const char  *format,
                                     ...) G_GNUC_PRINTF (2, 3) G_GNUC_INTERNAL;

/* One item, by its index in C order. */
PyObject   *tbuf_python_get_item    (TbufView    *view,
                                     gsize        index) G_GNUC_INTERNAL;
gboolean    tbuf_python_set_item    (TbufView    *view,
                                     gsize        index,
                                     PyObject    *value) G_GNUC_INTERNAL;

/* DLPack's number of the processor's own memory. */
#define TBUF_PYTHON_DLPACK_CPU 1

/* What may wait; it gives up with TBUF_ERROR_TIMED_OUT. */
typedef gboolean (*TbufPythonCall) (gpointer   data,
                                    gint64     timeout_us,
                                    GError   **error);

/* Calls without the GIL and so that Ctrl-C ends the wait; FALSE with an exception set. */
gboolean    tbuf_python_wait              (gint64          timeout_us,
                                           TbufPythonCall  call,
                                           gpointer        data) G_GNUC_INTERNAL;
gboolean    tbuf_python_parse_cancellable (PyObject       *value,
                                           GCancellable  **cancellable) G_GNUC_INTERNAL;

/* Each adds its types to the module; FALSE with an exception set. */
gboolean    tbuf_python_init_buffer (PyObject    *module) G_GNUC_INTERNAL;
gboolean    tbuf_python_init_lock   (PyObject    *module) G_GNUC_INTERNAL;
gboolean    tbuf_python_add_type    (PyObject    *module,
                                     PyType_Spec *spec,
                                     PyObject   **type) G_GNUC_INTERNAL;

/* Slots and methods of the mixins that stand in another file than their type. */
int         tbuf_python_view_get_buffer   (PyObject   *self,
                                           Py_buffer  *buffer,
                                           int         flags) G_GNUC_INTERNAL;
int         tbuf_python_arena_get_buffer  (PyObject   *self,
                                           Py_buffer  *buffer,
                                           int         flags) G_GNUC_INTERNAL;
void        tbuf_python_release_buffer    (PyObject   *self,
                                           Py_buffer  *buffer) G_GNUC_INTERNAL;
PyObject   *tbuf_python_region_lock       (PyObject   *self,
                                           PyObject   *const *args,
                                           Py_ssize_t  n_args,
                                           PyObject   *keywords) G_GNUC_INTERNAL;
PyObject   *tbuf_python_region_recover    (PyObject   *self,
                                           PyObject   *const *args,
                                           Py_ssize_t  n_args,
                                           PyObject   *keywords) G_GNUC_INTERNAL;
PyObject   *tbuf_python_region_guard      (PyObject   *self,
                                           PyObject   *was_abandoned) G_GNUC_INTERNAL;
PyObject   *tbuf_python_region_unlock     (PyObject   *self,
                                           PyObject   *unused) G_GNUC_INTERNAL;
PyObject   *tbuf_python_view_dlpack       (PyObject   *self,
                                           PyObject   *args,
                                           PyObject   *keywords) G_GNUC_INTERNAL;
PyObject   *tbuf_python_arena_set_phase   (PyObject   *self,
                                           PyObject   *args) G_GNUC_INTERNAL;
PyObject   *tbuf_python_view_atomic_wait  (PyObject   *self,
                                           PyObject   *args) G_GNUC_INTERNAL;
