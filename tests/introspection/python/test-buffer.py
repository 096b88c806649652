#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Views and arenas as buffers: memoryview, numpy, and whatever else reads or writes memory."""

import ctypes
import hashlib
import io
import socket
import struct
import tempfile
import threading
import weakref

import numpy as np

import pythontest
import tap
from pythontest import Tbuf


class PyBuffer(ctypes.Structure):
    """Py_buffer, which is part of the stable ABI."""
    _fields_ = [("buf", ctypes.c_void_p), ("obj", ctypes.py_object), ("len", ctypes.c_ssize_t),
                ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
                ("format", ctypes.c_char_p), ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
                ("strides", ctypes.POINTER(ctypes.c_ssize_t)), ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)),
                ("internal", ctypes.c_void_p)]


class ManagedTensor(ctypes.Structure):
    """DLManagedTensorVersioned, with what it is made of."""


ManagedTensor._fields_ = [
    ("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p),
    ("deleter", ctypes.CFUNCTYPE(None, ctypes.POINTER(ManagedTensor))), ("flags", ctypes.c_uint64),
    ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
    ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
    ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]

SIMPLE, WRITABLE, FORMAT, ND = 0, 0x1, 0x4, 0x8
STRIDES = 0x10 | ND
C_CONTIGUOUS, F_CONTIGUOUS, ANY_CONTIGUOUS = 0x20 | STRIDES, 0x40 | STRIDES, 0x80 | STRIDES
INDIRECT = 0x100 | STRIDES
FULL_RO = INDIRECT | FORMAT


def address_of(array):
    return array.__array_interface__["data"][0]


class BufferTest(pythontest.TestCase):
    def setUp(self):
        self.arena = Tbuf.Arena.new(1024)

    def request(self, exporter, flags):
        """What PyObject_GetBuffer gives, as a dict."""
        buffer = PyBuffer()
        ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(exporter), ctypes.byref(buffer), flags)
        result = {
            "address": buffer.buf, "n_bytes": buffer.len, "itemsize": buffer.itemsize,
            "readonly": bool(buffer.readonly), "ndim": buffer.ndim, "format": buffer.format,
            "shape": tuple(buffer.shape[:buffer.ndim]) if buffer.shape else None,
            "strides": tuple(buffer.strides[:buffer.ndim]) if buffer.strides else None,
            "suboffsets": bool(buffer.suboffsets),
        }
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
        return result

    def take(self, view, **options):
        """The versioned struct, taken over as a consumer does it."""
        capsule = view.__dlpack__(max_version=(1, 0), **options)
        api = ctypes.pythonapi
        api.PyCapsule_GetPointer.restype = ctypes.c_void_p
        address = api.PyCapsule_GetPointer(ctypes.py_object(capsule), b"dltensor_versioned")
        api.PyCapsule_SetName(ctypes.py_object(capsule), b"used_dltensor_versioned")
        return ManagedTensor.from_address(address)

    def test_memoryview_knows_the_view(self):
        view = self.arena.create_view("i4", 8, (3, 4))
        memory = memoryview(view)
        self.assertEqual((memory.format, memory.itemsize, memory.ndim, memory.nbytes), ("i", 4, 2, 48))
        self.assertEqual((memory.shape, memory.strides, memory.suboffsets), ((3, 4), (16, 4), ()))
        self.assertFalse(memory.readonly)
        self.assertTrue(memory.c_contiguous)

    def test_memoryview_reads_and_writes_items(self):
        view = self.arena.create_view("i8", 0, 5)
        memory = memoryview(view)
        memory[2] = -7
        self.assertEqual(view[2], -7)
        view[4] = 9
        self.assertEqual(memory.tolist(), [0, 0, -7, 0, 9])

    def test_every_dtype_is_numpys(self):
        for byte_order in "<>":
            for name in pythontest.DTYPES:
                with self.subTest(dtype=name, byte_order=byte_order):
                    dtype = np.dtype(name).newbyteorder(byte_order)
                    view = self.arena.create_view(dtype, 0, 4)
                    array = np.asarray(view)
                    self.assertEqual(array.dtype, dtype)
                    self.assertIs(array.dtype.type, dtype.type)
                    self.assertEqual(view.dtype, dtype)
                    array[:] = [0, 1, 0, 1]
                    self.assertEqual(list(view), array.tolist())
                    view[0] = 1
                    self.assertEqual(array[0], 1)

    def test_numpy_does_not_copy(self):
        view = self.arena.create_view("f8", 16, (2, 3))
        array = np.asarray(view)
        self.assertEqual(address_of(array), view.address)
        self.assertEqual(view.address, self.arena.address + 16)
        self.assertEqual((array.shape, array.strides), (view.shape, view.strides))
        self.assertFalse(array.flags.owndata)
        array[1, 2] = 2.5
        self.assertEqual(view[1, 2], 2.5)
        view[0, 1] = -1.5
        self.assertEqual(array[0, 1], -1.5)
        self.assertEqual(struct.unpack_from("d", self.arena, 16 + 40), (2.5,))
        self.assertEqual(address_of(view.numpy()), view.address)
        self.assertEqual(address_of(np.array(view, copy=False)), view.address)

    def test_numpy_copies_where_asked(self):
        view = self.arena.create_view("f8", 0, 4)
        copy = np.array(view)
        view[0] = 1
        self.assertEqual(copy[0], 0)
        self.assertEqual(np.asarray(view, dtype="f4").dtype, np.float32)
        self.assertEqual(view.__array__(np.float32).dtype, np.float32)
        self.assertRaises(ValueError, view.__array__, np.float32, copy=False)

    def test_negative_strides_start_at_the_first_item(self):
        view = self.arena.create_view("i2", 0, 6)
        view[...] = range(6)
        backwards = view[::-2]
        array = np.asarray(backwards)
        self.assertEqual(array.tolist(), [5, 3, 1])
        self.assertEqual(array.strides, (-4,))
        self.assertEqual(address_of(array), self.arena.address + 10)
        array[0] = 50
        self.assertEqual(view[5], 50)

    def test_transposed_view_is_in_fortran_order(self):
        view = self.arena.create_view("i4", 0, (2, 3))
        view[...] = [[0, 1, 2], [3, 4, 5]]
        array = np.asarray(view.T)
        self.assertEqual(array.tolist(), [[0, 3], [1, 4], [2, 5]])
        self.assertTrue(array.flags.f_contiguous)
        self.assertEqual(self.request(view.T, F_CONTIGUOUS)["strides"], (4, 12))
        self.assertEqual(self.request(view.T, ANY_CONTIGUOUS)["strides"], (4, 12))
        self.assertRaisesGError(BufferError, Tbuf.Error.NOT_CONTIGUOUS, self.request, view.T, C_CONTIGUOUS)
        self.assertRaisesGError(BufferError, Tbuf.Error.NOT_CONTIGUOUS, self.request, view, F_CONTIGUOUS)

    def test_gives_what_the_flags_ask_for(self):
        view = self.arena.create_view("i4", 8, (3, 4))
        everything = {"address": self.arena.address + 8, "n_bytes": 48, "itemsize": 4, "readonly": False, "ndim": 2,
                      "format": b"i", "shape": (3, 4), "strides": (16, 4), "suboffsets": False}
        self.assertEqual(self.request(view, FULL_RO), everything)
        self.assertEqual(self.request(view, FULL_RO | WRITABLE), everything)
        self.assertEqual(self.request(view, STRIDES), {**everything, "format": None})
        self.assertEqual(self.request(view, ND | FORMAT), {**everything, "strides": None})
        for flags in SIMPLE, WRITABLE:
            self.assertEqual(self.request(view, flags), {**everything, "format": None, "shape": None, "strides": None})

    def test_refuses_what_needs_other_memory(self):
        gaps = self.arena.create_view("i4", 0, 10)[::2]
        for flags in SIMPLE, WRITABLE, ND, ND | FORMAT, C_CONTIGUOUS, F_CONTIGUOUS, ANY_CONTIGUOUS:
            with self.subTest(flags=flags):
                self.assertRaisesGError(BufferError, Tbuf.Error.NOT_CONTIGUOUS, self.request, gaps, flags)
        self.assertEqual(self.request(gaps, FULL_RO)["strides"], (8,))

    def test_views_without_items(self):
        view = self.arena.create_view("i4", 0, 10)[5:5]
        self.assertEqual(np.asarray(view).tolist(), [])
        self.assertEqual(bytes(view), b"")
        self.assertEqual(list(view), [])
        self.assertTrue(view)

    def test_bytes_are_in_c_order(self):
        view = self.arena.create_view("u1", 0, (2, 3))
        view[...] = [[1, 2, 3], [4, 5, 6]]
        self.assertEqual(bytes(view), b"\1\2\3\4\5\6")
        self.assertEqual(bytes(view.T), b"\1\4\2\5\3\6")
        self.assertEqual(bytes(view[:, ::-2]), b"\3\1\6\4")

    def test_frombuffer_does_not_copy(self):
        view = self.arena.create_view("i4", 8, 4)
        array = np.frombuffer(view, dtype="i4")
        array[3] = 12
        self.assertEqual(view[3], 12)
        self.assertEqual(address_of(array), view.address)

    def test_dlpack_does_not_copy(self):
        view = self.arena.create_view("f4", 8, (2, 3))
        view[...] = [[0, 1, 2], [3, 4, 5]]
        for part in view, view.T, view[:, ::2]:
            array = np.from_dlpack(part)
            self.assertEqual(address_of(array), part.address)
            self.assertEqual(array.tolist(), np.asarray(part).tolist())
        self.assertEqual(view.__dlpack_device__(), (1, 0))

    def test_dlpack_gives_every_dtype(self):
        for name in pythontest.DTYPES:
            # numpy took no bool before 1.25.
            if name != "bool" or np.lib.NumpyVersion(np.__version__) >= "1.25.0":
                with self.subTest(dtype=name):
                    view = self.arena.create_view(name, 0, 4)
                    view[...] = [0, 1, 1, 0]
                    array = np.from_dlpack(view)
                    self.assertEqual((array.dtype, array.tolist()), (np.dtype(name), view.tolist()))

    def test_dlpack_is_versioned_for_who_can_read_it(self):
        view = self.arena.create_view("f4", 8, (2, 3))
        for version in None, (0, 8):
            self.assertIn('"dltensor"', repr(view.__dlpack__(max_version=version)))
        for version in (1, 0), (1, 5), (2, 0):
            self.assertIn('"dltensor_versioned"', repr(view.__dlpack__(max_version=version, stream=-1, dl_device=(1, 0))))
        tensor = self.take(view[:, ::-2])
        self.assertEqual((tensor.major, tensor.minor, tensor.flags), (1, 0, 0))
        self.assertEqual((tensor.device_type, tensor.device_id, tensor.byte_offset), (1, 0, 0))
        self.assertEqual((tensor.code, tensor.bits, tensor.lanes), (2, 32, 1))
        self.assertEqual((tensor.shape[:2], tensor.strides[:2]), ([2, 2], [3, -2]))
        self.assertEqual(tensor.data, view.address + 8)
        tensor.deleter(ctypes.byref(tensor))

    def test_dlpack_says_read_only(self):
        name = self.name()
        writer = Tbuf.Arena.create(name, 64)
        view = Tbuf.Arena.open(name, Tbuf.READ_ONLY).create_view("i4")
        tensor = self.take(view)
        self.assertEqual(tensor.flags, 1)
        tensor.deleter(ctypes.byref(tensor))
        self.assertRaisesGError(BufferError, Tbuf.Error.READ_ONLY, view.__dlpack__)
        tensor = self.take(view, copy=True)
        self.assertEqual(tensor.flags, 2)
        self.assertNotEqual(tensor.data, view.address)
        tensor.deleter(ctypes.byref(tensor))
        del writer

    def test_dlpack_copies_if_asked(self):
        view = self.arena.create_view("i2", 0, (2, 3))
        view[...] = [[0, 1, 2], [3, 4, 5]]
        tensor = self.take(view.T, copy=True)
        self.assertEqual((tensor.shape[:2], tensor.strides[:2], tensor.flags), ([3, 2], [2, 1], 2))
        self.assertEqual(ctypes.string_at(tensor.data, 12), struct.pack("6h", 0, 3, 1, 4, 2, 5))
        tensor.deleter(ctypes.byref(tensor))

    def test_dlpack_refuses_what_it_cannot_say(self):
        view = self.arena.create_view("i4", 0, 4)
        gaps = self.arena.create_view("i4", 0, 4, strides=(6,), unaligned=True)
        self.assertRaisesGError(BufferError, Tbuf.Error.NOT_NATIVE, self.arena.create_view(">f4", 0, 4).__dlpack__)
        self.assertRaisesGError(BufferError, Tbuf.Error.NOT_CONTIGUOUS, gaps.__dlpack__)
        self.assertRaises(BufferError, view.__dlpack__, stream=7)
        self.assertRaises(BufferError, view.__dlpack__, dl_device=(2, 0))
        self.assertRaises(TypeError, view.__dlpack__, dl_device="cpu")
        self.assertRaises(TypeError, view.__dlpack__, max_version=1)
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        view = arena["A"]
        arena.phase = "ints"
        self.assertRaisesGError(BufferError, Tbuf.Error.NOT_LIVE, view.__dlpack__)

    def test_dlpack_keeps_the_memory_until_any_thread_deletes_it(self):
        before = pythontest.count_mappings()
        arena = Tbuf.Arena.new(4096)
        during = pythontest.count_mappings()
        array = np.from_dlpack(arena.create_view("i4"))
        tensor = self.take(arena.create_view("i4"))
        unused = arena.create_view("i4").__dlpack__()
        del arena
        pythontest.collect()
        self.assertEqual(pythontest.count_mappings(), during)
        del array, unused
        self.assertEqual(pythontest.count_mappings(), during)
        # A CDLL call lets go of the GIL, as a consumer's own thread does without it.
        thread = threading.Thread(target=lambda: tensor.deleter(ctypes.byref(tensor)))
        thread.start()
        thread.join()
        self.assertEqual(pythontest.count_mappings(), before)

    def test_files_read_into_views(self):
        view = self.arena.create_view("i2", 4, 3)
        with tempfile.TemporaryFile() as file:
            file.write(struct.pack("3h", 1, -2, 3))
            file.flush()
            file.seek(0)
            self.assertEqual(file.readinto(view), 6)
        self.assertEqual(list(view), [1, -2, 3])
        self.assertEqual(io.BytesIO(b"\0" * 6).readinto(view), 6)
        self.assertEqual(list(view), [0, 0, 0])

    def test_files_write_views(self):
        view = self.arena.create_view("i2", 4, 3)
        view[...] = [1, -2, 3]
        with tempfile.TemporaryFile() as file:
            file.write(view)
            file.seek(0)
            self.assertEqual(file.read(), struct.pack("3h", 1, -2, 3))
        self.assertEqual(hashlib.sha256(view).digest(), hashlib.sha256(bytes(view)).digest())

    def test_sockets_receive_into_views(self):
        view = self.arena.create_view("u2", 0, 4)
        left, right = socket.socketpair()
        with left, right:
            left.sendall(struct.pack("4H", 1, 2, 3, 4))
            self.assertEqual(right.recv_into(view), 8)
        self.assertEqual(list(view), [1, 2, 3, 4])

    def test_arena_is_a_buffer_of_bytes(self):
        memory = memoryview(self.arena)
        self.assertEqual((memory.format, memory.shape, memory.strides, memory.readonly), ("B", (1024,), (1,), False))
        array = np.asarray(self.arena)
        self.assertEqual((array.dtype, address_of(array)), (np.uint8, self.arena.address))
        array[:3] = [1, 2, 3]
        self.assertEqual(bytes(self.arena)[:4], b"\1\2\3\0")

    def test_arena_has_exactly_the_bytes_asked_for(self):
        self.assertEqual(len(bytes(Tbuf.Arena.new(10))), 10)

    def test_ten_bytes_as_three_dtypes(self):
        arena = Tbuf.Arena.new(10)
        small, middle, large = (arena.create_view(dtype) for dtype in ("i1", "i2", "i4"))
        self.assertEqual((len(small), len(middle), len(large)), (10, 5, 2))
        middle[...] = range(5)
        self.assertEqual(np.asarray(large).sum(), 262146)
        self.assertEqual(list(small), [0, 0, 1, 0, 2, 0, 3, 0, 4, 0])

    def test_read_only_arena_gives_no_writable_buffer(self):
        name = self.name()
        writer = Tbuf.Arena.create(name, 64)
        writer.create_view("i4")[0] = 5
        reader = Tbuf.Arena.open(name, Tbuf.READ_ONLY)
        view = reader.create_view("i4")
        for exporter in reader, view:
            with self.subTest(exporter=exporter):
                self.assertTrue(memoryview(exporter).readonly)
                self.assertFalse(np.asarray(exporter).flags.writeable)
                self.assertRaisesGError(BufferError, Tbuf.Error.READ_ONLY, self.request, exporter, WRITABLE)
                self.assertRaises(TypeError, io.BytesIO(b"1234").readinto, exporter)
        self.assertEqual(view[0], 5)
        self.assertRaisesGError(ValueError, Tbuf.Error.READ_ONLY, view.__setitem__, 0, 1)
        self.assertRaisesGError(ValueError, Tbuf.Error.READ_ONLY, view.__setitem__, ..., 1)
        self.assertEqual(view[0], 5)

    def test_array_that_is_not_live_gives_no_buffer(self):
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        arena.phase = "floats"
        view = arena["A"]
        before = np.asarray(view)
        arena.phase = "ints"
        for call in memoryview, np.asarray, np.array, bytes, Tbuf.View.numpy:
            with self.subTest(call=call):
                error = self.assertRaisesGError(BufferError, Tbuf.Error.NOT_LIVE, call, view)
                self.assertIn("A", str(error))
        # What was handed out before stays plain memory.
        before[0, 0] = 1.0
        arena.phase = "floats"
        self.assertEqual(np.asarray(view).shape, (4, 6))

    def test_memory_outlives_arena_and_view(self):
        arena = Tbuf.Arena.new(4096)
        view = arena.create_view("i4", 0, 4)
        array, memory = np.asarray(view), memoryview(arena)
        view[1] = 7
        arena.close()
        del arena, view
        pythontest.collect()
        array[2] = 8
        self.assertEqual(array.tolist(), [0, 7, 8, 0])
        self.assertEqual(memory[8], 8)
        self.assertEqual(np.asarray(memory.obj)[4], 7)

    def test_last_buffer_unmaps(self):
        before = pythontest.count_mappings()
        arena = Tbuf.Arena.new(4096)
        during = pythontest.count_mappings()
        self.assertGreater(during, before)
        array = np.asarray(arena.create_view("i4"))
        del arena
        pythontest.collect()
        self.assertEqual(pythontest.count_mappings(), during)
        del array
        pythontest.collect()
        self.assertEqual(pythontest.count_mappings(), before)

    def test_array_stored_on_its_view_does_not_leak(self):
        exports = np.asarray, memoryview, np.frombuffer, lambda view: view.numpy()[1:]
        # What is made once and kept is no leak.
        Tbuf.Arena.new(4096).create_view("i4")
        pythontest.collect()
        descriptors, mappings = pythontest.count_descriptors(), pythontest.count_mappings()
        references = []
        for _ in range(25):
            for export in exports:
                arena = Tbuf.Arena.new(1 << 20)
                view = arena.create_view("f8")
                view.array = export(view)
                arena.array = np.asarray(arena)
                references += [weakref.ref(view), weakref.ref(arena)]
        del arena, view
        pythontest.collect()
        self.assertEqual([reference() for reference in references if reference() is not None], [])
        self.assertEqual(pythontest.count_descriptors(), descriptors)
        self.assertEqual(pythontest.count_mappings(), mappings)

    def test_buffers_do_not_leak(self):
        view = self.arena.create_view("f8")

        def resident():
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1])

        def export():
            for _ in range(20_000):
                np.asarray(view)
                memoryview(view[1:])
                self.arena.create_view("i4")

        export()
        pythontest.collect()
        before = resident()
        export()
        pythontest.collect()
        # In pages of 4 KiB: one leaked byte a round would be more.
        self.assertLess(resident() - before, 20)

    def test_objects_without_memory_are_safe(self):
        for empty in Tbuf.Arena(), Tbuf.Int32View():
            with self.subTest(empty=empty):
                self.assertTrue(empty)
                self.assertTrue(repr(empty))
                self.assertEqual(empty.address, 0)
        self.assertRaises(BufferError, memoryview, Tbuf.Int32View())
        self.assertRaises(IndexError, Tbuf.Int32View().__getitem__, 0)
        self.assertEqual(len(Tbuf.Arena()), 0)

    def test_views_without_a_gobject_are_safe(self):
        view = Tbuf.Int32View.__new__(Tbuf.Int32View)
        self.assertRaises(TypeError, memoryview, view)
        self.assertRaises(TypeError, len, view)
        mixin = type(view).__mro__[-2]
        self.assertRaises(TypeError, len, type("Stranger", (mixin,), {})())


if __name__ == "__main__":
    tap.main()
