#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Views as numpy users know arrays: indices, slices, shapes, casts."""

import math
import subprocess
import sys

import numpy as np

import pythontest
import tap
from pythontest import GLib, Tbuf

# What each dtype can hold, and what it cannot.
EXTREMES = {
    "int8": (-128, 127), "int16": (-2**15, 2**15 - 1), "int32": (-2**31, 2**31 - 1), "int64": (-2**63, 2**63 - 1),
    "uint8": (0, 255), "uint16": (0, 2**16 - 1), "uint32": (0, 2**32 - 1), "uint64": (0, 2**64 - 1),
}


class ViewTest(pythontest.TestCase):
    def setUp(self):
        self.arena = Tbuf.Arena.new(1024)

    def numbered(self, dtype="i4", shape=10):
        view = self.arena.create_view(dtype, 0, shape)
        np.asarray(view)[...] = np.arange(view.size).reshape(view.shape)
        return view

    def test_has_numpys_attributes(self):
        view = self.arena.create_view("f4", 8, (3, 5))
        self.assertEqual((view.shape, view.strides, view.ndim), ((3, 5), (20, 4), 2))
        self.assertEqual((view.size, view.itemsize, view.nbytes, len(view)), (15, 4, 60, 3))
        self.assertEqual(view.dtype, np.float32)
        self.assertEqual(view.offset, 8)
        self.assertEqual(view.arena, self.arena)
        self.assertIsInstance(view.shape, tuple)

    def test_has_the_class_of_its_dtype(self):
        for name in pythontest.DTYPES:
            with self.subTest(dtype=name):
                view = self.arena.create_view(name, 0, 4)
                self.assertIs(type(view), getattr(Tbuf, name.capitalize() + "View"))
                self.assertIsInstance(view, Tbuf.View)
                self.assertIsInstance(view, Tbuf.Region)

    def test_dtypes_in_many_notations(self):
        for dtype in "i2", "<i2", "int16", np.int16, np.dtype("i2"), Tbuf.Dtype.INT16:
            with self.subTest(dtype=dtype):
                self.assertEqual(self.arena.create_view(dtype).dtype, np.int16)
        self.assertEqual(self.arena.create_view(float).dtype, np.float64)
        self.assertEqual(self.arena.create_view(np.dtype(">i2")).dtype, np.dtype(">i2"))

    def test_refuses_unknown_and_structured_dtypes(self):
        for dtype in "i3", "", "nonsense", "S5", np.dtype("datetime64[s]"):
            with self.subTest(dtype=dtype):
                self.assertRaisesGError(ValueError, Tbuf.Error.DTYPE, self.arena.create_view, dtype)
        error = self.assertRaisesGError(ValueError, Tbuf.Error.DTYPE, self.arena.create_view,
                                        np.dtype([("x", "i4"), ("y", "f8")]))
        self.assertIn("structured", str(error))

    def test_refuses_what_does_not_fit(self):
        create = self.arena.create_view
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, create, "i4", 0, 257)
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, create, "i4", 1024, 1)
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, create, "i8", 2**64 - 8, 2)
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, create, "i8", 0, (2**62, 2**62))
        self.assertRaisesGError(ValueError, Tbuf.Error.ALIGNMENT, create, "i4", 2, 1)
        self.assertEqual(create("i4", 2, 1, unaligned=True).size, 1)

    def test_int16_of_three_bytes_is_an_error(self):
        arena = Tbuf.Arena.new(10)
        whole = arena.create_view("u1", 0, 3)
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, whole.view, "i2")
        self.assertEqual(whole[:2].view("i2").shape, (1,))

    def test_reads_and_writes_items(self):
        view = self.arena.create_view("i4", 0, 10)
        view[3] = 7
        view[-1] = np.int64(-9)
        self.assertEqual((view[3], view[-7], view[9], view[np.uint8(9)]), (7, 7, -9, -9))
        self.assertIs(type(view[3]), int)

    def test_items_are_pythons_types(self):
        for dtype, value in (("bool", True), ("f2", 0.5), ("f4", 0.25), ("f8", math.pi), ("c8", 1 - 2j), ("c16", 1e300j)):
            for byte_order in "<>":
                with self.subTest(dtype=dtype, byte_order=byte_order):
                    view = self.arena.create_view(np.dtype(dtype).newbyteorder(byte_order), 0, 3)
                    view[1] = value
                    self.assertEqual(view[1], value)
                    self.assertIs(type(view[1]), type(value))
                    self.assertEqual(np.asarray(view)[1], value)

    def test_integers_are_checked(self):
        for name, (least, greatest) in EXTREMES.items():
            with self.subTest(dtype=name):
                view = self.arena.create_view(name, 0, 2)
                view[0], view[1] = least, greatest
                self.assertEqual(list(view), [least, greatest])
                self.assertEqual(np.asarray(view).tolist(), [least, greatest])
                self.assertRaises(OverflowError, view.__setitem__, 0, least - 1)
                self.assertRaises(OverflowError, view.__setitem__, 0, greatest + 1)
                self.assertRaises(TypeError, view.__setitem__, 0, 1.5)
                self.assertRaises(TypeError, view.__setitem__, 0, "1")
                self.assertEqual(view[0], least)

    def test_index_out_of_range_is_an_index_error(self):
        view = self.arena.create_view("i4", 0, (3, 4))
        line = self.arena.create_view("i4", 0, 10)
        for container, index in (line, 10), (line, -11), (line, 2**70), (view, (3, 0)), (view, (0, -5)), (view, 3):
            with self.subTest(index=index):
                self.assertRaises(IndexError, container.__getitem__, index)
                self.assertRaises(IndexError, container.__setitem__, index, 0)
        error = self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, line.__getitem__, 10)
        self.assertIn("10", str(error))
        self.assertRaises(IndexError, view.__getitem__, (0, 0, 0))

    def test_indices_that_are_none(self):
        view = self.numbered()
        for index in "A", 1.5, None, [1, 2], np.array([True] * 10), (0.5,):
            with self.subTest(index=index):
                self.assertRaises(TypeError, view.__getitem__, index)
        with self.assertRaises(TypeError):
            del view[0]

    def test_says_where_masks_and_arithmetic_are(self):
        view = self.numbered()
        for index in [1, 2], np.array([1, 2]), view.numpy() > 3:
            self.assertRaisesRegex(TypeError, r"view\.numpy\(\)\[", view.__getitem__, index)
            self.assertRaisesRegex(TypeError, r"view\.numpy\(\)\[", view.__setitem__, index, 0)
        self.assertEqual(view[np.array(3)], 3)
        self.assertRaisesRegex(AttributeError, r"view\.numpy\(\)\.sum", getattr, view, "sum")
        self.assertRaisesRegex(AttributeError, "no attribute 'nonsense'", getattr, view, "nonsense")
        self.assertFalse(hasattr(view, "__array_interface__"))
        self.assertEqual((np.ones(10, "i4") + view).tolist(), list(range(1, 11)))

    def test_copies_as_numpy_does(self):
        view = self.numbered("i2", (2, 3))
        copy = view.copy()
        self.assertEqual((type(copy), copy.dtype, copy.tolist()), (np.ndarray, np.int16, [[0, 1, 2], [3, 4, 5]]))
        self.assertFalse(np.shares_memory(copy, view.numpy()))
        self.assertEqual(view.tolist(), copy.tolist())
        self.assertEqual(view.T.tobytes(), copy.T.tobytes())
        for name in pythontest.DTYPES:
            for byte_order in "<>":
                part = self.arena.create_view(np.dtype(name).newbyteorder(byte_order), 0, 3)
                part[...] = [1, 0, 1]
                self.assertEqual(part.tolist(), [1, 0, 1])
                self.assertIsNone(part.fill(1))
                self.assertEqual(part.tolist(), [1, 1, 1])
        view = self.arena.create_view("c16", 0, 2)
        view.fill(1 - 2j)
        self.assertEqual(view.tolist(), [1 - 2j] * 2)
        self.assertRaises(OverflowError, self.numbered("u1").fill, 300)

    def test_knows_its_byte_order(self):
        self.assertEqual(self.arena.create_view(">i2").byte_order, Tbuf.ByteOrder.BIG)
        self.assertEqual(self.arena.create_view("<i2").byte_order, Tbuf.ByteOrder.LITTLE)

    def test_slices_are_views(self):
        view = self.numbered()
        part = view[2:10:2]
        self.assertIsInstance(part, Tbuf.Int32View)
        self.assertEqual(list(part), [2, 4, 6, 8])
        part[1] = 40
        self.assertEqual(view[4], 40)

    def test_slices_are_numpys(self):
        array = np.arange(10, dtype="i4")
        view = self.numbered()
        ends = None, 0, 1, 3, 9, 10, 15, -1, -4, -10, -15
        for start in ends:
            for stop in ends:
                for step in None, 1, 2, 7, 100, -1, -3, -100:
                    key = slice(start, stop, step)
                    self.assertEqual(np.asarray(view[key]).tolist(), array[key].tolist(), key)
        self.assertRaises(ValueError, view.__getitem__, slice(None, None, 0))

    def test_tuples_of_slices_and_indices_are_numpys(self):
        view = self.numbered("f8", (3, 4, 5))
        array = np.arange(60.0).reshape(3, 4, 5)
        keys = [1, -1, (1, 2), (1, 2, 3), (slice(None), 1), (..., 1), (1, ...), (0, ..., -1), ..., (slice(1), ..., 2),
                (slice(None, None, -1), slice(None, None, 2), slice(4, 0, -2)), (slice(None), 3, slice(None)), (2, slice(1, 3)),
                (slice(0, 0), 1), ()]
        for key in keys:
            with self.subTest(key=key):
                self.assertEqual(np.asarray(view[key]).tolist(), array[key].tolist())
                self.assertEqual(np.shape(view[key]), np.shape(array[key]))
        self.assertRaises(IndexError, view.__getitem__, (..., ...))

    def test_assigns_arrays(self):
        view = self.arena.create_view("f4", 0, (3, 4))
        view[...] = np.arange(12).reshape(3, 4)
        self.assertEqual(np.asarray(view).tolist(), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]])
        view[1] = [1, 1, 1, 1]
        view[:, 0] = -1
        view[2, 1:3] = 0.5, 0.25
        self.assertEqual(np.asarray(view).tolist(), [[-1, 1, 2, 3], [-1, 1, 1, 1], [-1, 0.5, 0.25, 11]])
        self.assertRaises(ValueError, view.__setitem__, ..., [1, 2, 3])

    def test_assigns_views(self):
        source = self.numbered("i2", 4)
        target = self.arena.create_view("f8", 512, 4)
        target[...] = source
        self.assertEqual(list(target), [0.0, 1.0, 2.0, 3.0])
        target[::-1] = source
        self.assertEqual(list(target), [3.0, 2.0, 1.0, 0.0])
        source[1:] = source[:-1]
        self.assertEqual(list(source), [0, 0, 1, 2])

    def test_converts_what_does_not_fit(self):
        target = self.arena.create_view("u1", 0, 3)
        target[...] = np.array([300, -1, 7])
        self.assertEqual(list(target), [44, 255, 7])
        integers = self.arena.create_view("i4", 512, 3)
        integers[...] = [300, -1, 7]
        target[...] = integers
        self.assertEqual(list(target), [44, 255, 7])
        floats = self.arena.create_view("f8", 512, 3)
        floats[...] = [300.7, -1, math.nan]
        target[...] = floats
        self.assertEqual(list(target), [255, 0, 0])

    def test_is_an_array_by_its_buffer(self):
        view = self.numbered("f4", 4)
        self.assertEqual(np.frombuffer(view, view.dtype).tolist(), list(view))

    def test_without_numpy(self):
        program = pythontest.CHILD_PRELUDE + """
sys.modules["numpy"] = None
arena = Tbuf.Arena.new(240)
view = arena.create_view("i4", 0, (2, 3))
view[...] = [[1, 2, 3], [4, 5, 6]]
view[1, :2] = 0
view[0] = range(7, 10)
assert memoryview(view).tolist() == [[7, 8, 9], [0, 0, 6]], memoryview(view).tolist()
assert view.tolist() == [[7, 8, 9], [0, 0, 6]] and view[1].tolist() == [0, 0, 6]
assert view.dtype == ("<i4" if sys.byteorder == "little" else ">i4"), view.dtype
assert "9" in repr(view)
assert 6 in view and 8.0 in view and 5 not in view
assert arena.create_view(float).itemsize == 8
try:
    view[0] = [1, 2]
except ValueError:
    print("fine")
"""
        result = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(result.stdout, "fine\n")

    def test_iterates_over_the_first_axis(self):
        self.assertEqual(list(self.numbered()), list(range(10)))
        self.assertEqual(list(reversed(self.numbered())), list(range(9, -1, -1)))
        self.assertEqual([list(row) for row in self.numbered("u1", (2, 3))], [[0, 1, 2], [3, 4, 5]])
        self.assertIn(4, self.numbered())
        self.assertNotIn(44, self.numbered())
        self.assertEqual(sum(self.numbered()), 45)

    def test_contains_the_items_of_all_axes(self):
        for dtype in "f8", ">i2", "c16":
            for shape in (2, 3), (3, 1, 2), 6, ():
                with self.subTest(dtype=dtype, shape=shape):
                    view = self.numbered(dtype, shape)
                    array = np.arange(view.size).reshape(shape)
                    self.assertEqual([number in view for number in range(8)], [number in array for number in range(8)])
        self.assertNotIn(math.nan, self.numbered("f8", (2, 3)))

    def test_is_equal_to_itself_only(self):
        view = self.numbered()
        self.assertEqual(view, view)
        self.assertNotEqual(view, self.numbered())
        self.assertTrue(np.array_equal(view, self.numbered()))
        self.assertEqual(len({view, view, self.numbered()}), 2)

    def test_casts_the_bytes(self):
        view = self.numbered("i4", 4)
        self.assertEqual(list(view.view("i2")), [0, 0, 1, 0, 2, 0, 3, 0])
        self.assertEqual(view.view(np.uint8).shape, (16,))
        self.assertEqual(list(view.view(">i4")), [0, 1 << 24, 2 << 24, 3 << 24])
        self.assertRaisesGError(BufferError, Tbuf.Error.NOT_CONTIGUOUS, view[::2].view, "i2")
        odd = self.arena.create_view("u1")[1:9]
        self.assertRaisesGError(ValueError, Tbuf.Error.ALIGNMENT, odd.view, "i4")
        self.assertEqual(odd.view("i4", unaligned=True).shape, (2,))
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        part = arena["A"].view("u1")[0, 1:9].view("f4", unaligned=True)
        arena.phase = "ints"
        self.assertRaises(Tbuf.NotLiveError, part.__getitem__, 0)

    def test_reshapes(self):
        view = self.numbered("i4", 12)
        for shape in (3, 4), (3, -1), (-1, 4), (2, 3, 2), (12,), (-1,):
            with self.subTest(shape=shape):
                expected = np.arange(12).reshape(shape)
                self.assertEqual(np.asarray(view.reshape(shape)).tolist(), expected.tolist())
                self.assertEqual(np.asarray(view.reshape(*shape)).tolist(), expected.tolist())
        for shape in (5, -1), (0, -1), (-1, -1), (-2, -6), (5, 2):
            with self.subTest(shape=shape):
                self.assertRaises((ValueError, IndexError), view.reshape, shape)

    def test_transposes(self):
        view = self.numbered("i4", (2, 3))
        self.assertEqual(view.T.shape, (3, 2))
        self.assertEqual(np.asarray(view.T).tolist(), np.arange(6).reshape(2, 3).T.tolist())
        view.T[2, 0] = 9
        self.assertEqual(view[0, 2], 9)

    def test_is_true(self):
        self.assertTrue(self.arena)
        self.assertTrue(self.numbered())
        self.assertTrue(self.numbered()[:0])

    def test_repr_says_what_it_is(self):
        self.assertEqual(repr(self.numbered()),
                         "<Tbuf.Int32View shape=(10,) dtype=int32 [0, 1, 2, 3, 4, 5, ...]>")
        self.assertEqual(repr(self.numbered("f8", (2, 2))),
                         "<Tbuf.Float64View shape=(2, 2) dtype=float64 [[0.0, 1.0], [2.0, 3.0]]>")
        self.assertIn("dtype=>i2", repr(self.numbered(">i2", 2)))
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        arena.phase = "floats"
        view = arena["A"]
        self.assertIn("'A'", repr(view))
        arena.phase = "ints"
        self.assertIn("not live", repr(view))

    def test_refuses_items_of_an_array_that_is_not_live(self):
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        arena.phase = "floats"
        view = arena["B"]
        part = view[2:4]
        view[0] = 1.5
        arena.phase = "ints"
        for call in (lambda: view[0], lambda: part[0], lambda: list(view), lambda: view.__setitem__(0, 1.0),
                     lambda: view.__setitem__(..., 1.0), lambda: part.__setitem__(..., part)):
            error = self.assertRaisesGError(GLib.Error, Tbuf.Error.NOT_LIVE, call)
            self.assertIn("B", str(error))
        self.assertFalse(view.is_live())
        arena.phase = "floats"
        self.assertTrue(part.is_live())

    def test_introspected_methods_raise_pythons_errors(self):
        view = self.numbered()
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, view.get_item, 10)
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, view.slice, 1, 0, 1, 1)
        self.assertRaisesGError(ValueError, Tbuf.Error.DTYPE, Tbuf.Dtype.parse, "i3")
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, Tbuf.Int32View.new, self.arena, 0, 1000)


if __name__ == "__main__":
    tap.main()
