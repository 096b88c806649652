#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arenas as mappings from names to arrays, layouts, phases, and names that go wrong."""

import gc
import os
import pickle
import signal
import stat
import unittest
import weakref

import numpy as np

import pythontest
import tap
from pythontest import GLib, Tbuf


class ArenaTest(pythontest.TestCase):
    def setUp(self):
        self.arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        self.arena.phase = "floats"

    def test_is_a_mapping_of_its_arrays(self):
        self.assertEqual(list(self.arena), ["A", "B", "always"])
        self.assertEqual(list(self.arena.keys()), list(self.arena))
        self.assertEqual(len(self.arena), 3)
        self.assertIn("A", self.arena)
        self.assertNotIn("C", self.arena)
        self.assertEqual({name: view.shape for name, view in self.arena.items()},
                         {"A": (4, 6), "B": (10,), "always": (3,)})
        self.assertEqual([view.name for view in self.arena.values()], ["A", "B", "always"])
        self.assertIsNone(self.arena.get("C"))
        self.assertEqual(self.arena.get("A").dtype, np.float64)

    def test_has_the_keys_of_what_is_live(self):
        for phase, names in ("floats", ["A", "B", "always"]), ("ints", ["D", "always"]):
            with self.subTest(phase=phase):
                self.arena.phase = phase
                self.assertEqual(list(self.arena.keys()), names)
                self.assertEqual([view.name for view in self.arena.values()], names)
                self.assertEqual({name: view.name for name, view in dict(self.arena).items()}, dict(zip(names, names)))
                self.assertEqual(len(self.arena), len(names))
                self.assertEqual(["D" in self.arena, self.arena.get("D") is not None], [phase == "ints"] * 2)
                self.assertEqual(list(self.arena.list_arrays()), ["A", "B", "D", "always"])

    def test_gives_views_of_arrays(self):
        view = self.arena["A"]
        self.assertIsInstance(view, Tbuf.Float64View)
        self.assertEqual((view.name, view.shape, view.dtype), ("A", (4, 6), np.float64))
        view[3, 5] = 35.0
        self.assertEqual(self.arena["A"][3][5], 35.0)

    def test_gives_the_same_view_again(self):
        view = self.arena["A"]
        self.assertIs(self.arena["A"], view)
        self.assertIs(dict(self.arena)["A"], view)
        self.assertIsNot(self.arena.get_view("A"), view)
        guard = self.arena["A"].lock()
        self.arena["A"].unlock()
        self.assertFalse(guard.held)
        self.arena.phase = "ints"
        self.assertRaises(Tbuf.NotLiveError, self.arena.__getitem__, "A")
        self.arena.phase = "floats"
        self.assertIs(self.arena["A"], view)
        self.arena.close()
        self.assertRaises(Tbuf.ClosedError, self.arena.__getitem__, "A")

    def test_goes_with_the_last_reference(self):
        pythontest.collect()
        before = pythontest.count_mappings()
        gc.disable()
        self.addCleanup(gc.enable)
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        np.asarray(arena["A"])
        view, reference = arena["A"], weakref.ref(arena)
        del arena
        self.assertIsNone(reference())
        self.assertEqual(view.arena["A"].shape, view.shape)
        del view
        self.assertEqual(pythontest.count_mappings(), before)

    def test_handlers_of_its_views_are_collected(self):
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        arena["A"].connect("changed", lambda *arguments: arena)
        arena["A"].owner = arena
        reference = weakref.ref(arena)
        del arena
        pythontest.collect()
        self.assertIsNone(reference())

    def test_unknown_array_is_a_key_error(self):
        error = self.assertRaisesGError(KeyError, Tbuf.Error.NOT_FOUND, self.arena.__getitem__, "C")
        self.assertIn("C", str(error))
        self.assertRaisesGError(KeyError, Tbuf.Error.NOT_FOUND, Tbuf.Arena.new(8).__getitem__, "A")
        self.assertRaises(TypeError, self.arena.__getitem__, 0)

    def test_array_that_is_not_live_is_an_error(self):
        error = self.assertRaisesGError(GLib.Error, Tbuf.Error.NOT_LIVE, self.arena.__getitem__, "D")
        self.assertIsInstance(error, Tbuf.NotLiveError)
        for word in "D", "ints", "floats":
            self.assertIn(word, str(error))

    def test_phases_are_set_and_read(self):
        self.assertEqual(self.arena.phases, ("floats", "ints"))
        self.assertEqual(self.arena.phase, "floats")
        self.arena.phase = "ints"
        self.assertEqual(self.arena.phase, "ints")
        self.arena.set_phase("floats", timeout=1)
        self.assertEqual(self.arena.phase, "floats")
        self.assertRaisesGError(KeyError, Tbuf.Error.NOT_FOUND, self.arena.set_phase, "nonsense")
        self.assertEqual(self.arena.phase, "floats")

    def test_phase_waits_for_locks_on_the_data(self):
        with self.arena["A"].lock():
            other = Tbuf.Arena.open_fd(self.arena)
            self.assertRaisesGError(BlockingIOError, Tbuf.Error.BUSY, other.set_phase, "ints", timeout=0)
        self.arena.set_phase("ints", timeout=0)

    def test_control_c_ends_the_wait_for_a_phase(self):
        name = self.name()
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout(), name)
        for statement in 'arena.phase = "ints"', 'arena.set_phase("ints", timeout=600)':
            with self.subTest(statement=statement), arena.lock():
                child = self.start(f"""
                    arena = Tbuf.Arena.open(sys.argv[1])
                    try:
                        print("waiting", flush=True)
                        {statement}
                    except KeyboardInterrupt:
                        print("interrupted", flush=True)
                    """, name)
                self.assertEqual(child.stdout.readline(), "waiting\n")
                child.send_signal(signal.SIGINT)
                self.assertEqual(child.stdout.readline(), "interrupted\n")

    def test_arrays_share_bytes_between_phases(self):
        a = np.asarray(self.arena["A"])
        a[...] = 1.0
        self.arena.phase = "ints"
        d = np.asarray(self.arena["D"])
        self.assertTrue(np.shares_memory(a, d) or np.shares_memory(np.asarray(self.arena), d))
        self.assertLess(self.arena.size, self.arena.layout.unshared_size)

    def test_closes_with_the_block(self):
        with Tbuf.Arena.new(64) as arena:
            view = arena.create_view("i4")
            view[0] = 5
            self.assertNotIn("closed", repr(arena))
            self.assertFalse(arena.closed)
        self.assertTrue(arena.closed)
        self.assertEqual(repr(arena), "<Tbuf.Arena anonymous, 64 bytes, closed>")
        self.assertRaisesGError(ValueError, Tbuf.Error.CLOSED, view.lock)
        with self.assertRaises(ZeroDivisionError):
            with Tbuf.Arena.new(64):
                1 / 0

    def test_name_outlives_the_block(self):
        name = self.name()
        with Tbuf.Arena.create(name, 64) as arena:
            pass
        self.assertEqual(repr(arena), f"<Tbuf.Arena {name!r}, 64 bytes, closed>")
        self.assertEqual(Tbuf.Arena.open(name).size, 64)
        del arena
        pythontest.collect()
        self.assertRaises(FileNotFoundError, Tbuf.Arena.open, name)

    def test_is_opened_by_name(self):
        name = self.name()
        arena = Tbuf.Arena.create(name, 100)
        other = Tbuf.Arena.open(name)
        self.assertEqual((other.name, other.size, other.nbytes), (name, 100, 100))
        arena.create_view("i2")[49] = 3
        self.assertEqual(other.create_view("i2")[-1], 3)
        self.assertNotEqual(arena.address, other.address)
        self.assertEqual(arena.n_participants, 2)

    def test_is_opened_by_descriptor(self):
        arena = Tbuf.Arena.new(100)
        for fd in arena, arena.fileno():
            other = Tbuf.Arena.open_fd(fd)
            arena.create_view("i2")[7] += 1
            self.assertEqual(other.create_view("i2")[7], arena.create_view("i2")[7])
        with open("/dev/null", "rb") as null:
            self.assertRaises(GLib.Error, Tbuf.Arena.open_fd, null)

    def test_flags_have_shortcuts(self):
        name = self.name()
        Tbuf.Arena.create(name, 100, Tbuf.KEEP | Tbuf.OPEN_OR_CREATE)
        arena = Tbuf.Arena.open(name, flags=Tbuf.READ_ONLY)
        self.assertTrue(arena.flags & Tbuf.ArenaFlags.READ_ONLY)
        self.assertEqual(Tbuf.Arena.create(name, 100, Tbuf.OPEN_OR_CREATE).size, 100)

    def test_names_fail_as_files_do(self):
        name = self.name()
        arena = Tbuf.Arena.create(name, 100)
        error = self.assertRaisesGError(FileExistsError, Tbuf.Error.EXISTS, Tbuf.Arena.create, name, 100)
        self.assertIn(name, str(error))
        missing = self.name()
        for call in Tbuf.Arena.open, Tbuf.Arena.unlink:
            error = self.assertRaisesGError(FileNotFoundError, Tbuf.Error.NOT_FOUND, call, missing)
            self.assertIn(missing, str(error))
        for bad in "", "a/b", "..", "x" * 300:
            with self.subTest(name=bad):
                self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, Tbuf.Arena.create, bad, 100)
        del arena

    @unittest.skipIf(os.getuid() != 0, "only root can become somebody else")
    def test_arena_of_somebody_else_is_a_permission_error(self):
        name = self.name()
        arena = Tbuf.Arena.create(name, 100)
        child = self.start("""
            try:
                Tbuf.Arena.open(sys.argv[1])
            except PermissionError as error:
                print(error.matches(Tbuf.error_quark(), Tbuf.Error.PERMISSION))
            """, name, user=65534)
        self.assertEqual(child.stdout.readline(), "True\n")
        del arena

    def test_bad_sizes_are_errors(self):
        self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, Tbuf.Arena.new, 0)
        self.assertRaisesGError(OSError, Tbuf.Error.NO_SPACE, Tbuf.Arena.new, 1 << 55)
        self.assertRaises(OverflowError, Tbuf.Arena.new, -1)

    def test_nothing_is_left_in_shared_memory(self):
        name = self.name()

        def files():
            # Others may be at work there, too.
            return [file for file in os.listdir("/dev/shm") if name in file]

        arena = Tbuf.Arena.create(name, 100)
        self.assertEqual(len(files()), 1)
        self.assertEqual(stat.S_IMODE(os.stat(f"/dev/shm/{files()[0]}").st_mode), 0o600)
        del arena
        pythontest.collect()
        self.assertEqual(files(), [])
        self.assertRaises(FileNotFoundError, Tbuf.Arena.open, name)

    def test_repr_says_what_it_is(self):
        self.assertRegex(repr(self.arena), r"<Tbuf\.Arena anonymous, \d+ bytes, phase 'floats', arrays 'A', ")
        name = self.name()
        self.assertEqual(repr(Tbuf.Arena.create(name, 10)), f"<Tbuf.Arena {name!r}, 10 bytes>")

    def test_errors_travel_between_processes(self):
        error = self.assertRaisesGError(KeyError, Tbuf.Error.NOT_FOUND, self.arena.__getitem__, "C")
        copy = pickle.loads(pickle.dumps(error))
        self.assertIs(type(copy), type(error))
        self.assertGError(copy, KeyError, Tbuf.Error.NOT_FOUND)
        self.assertEqual(str(copy), str(error))

    def test_shares_its_bytes_with_another_process(self):
        name = self.name()
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout(), name)
        arena.phase = "floats"
        view = arena["A"]
        array = np.asarray(view)
        child = self.start("""
            import numpy as np
            arena = Tbuf.Arena.open(sys.argv[1])
            array = np.asarray(arena["A"])
            for line in sys.stdin:
                with arena["A"].lock():
                    array += float(line)
                    print(array.sum(), flush=True)
            """, name)
        expected = 0.0
        for number in 1.0, 2.5, -3.0:
            with view.lock():
                array += 1.0
                expected += array.size
            print(number, file=child.stdin, flush=True)
            expected += number * array.size
            self.assertEqual(float(child.stdout.readline()), expected)
            with view.lock(shared=True):
                self.assertEqual(array.sum(), expected)


class LayoutTest(pythontest.TestCase):
    def test_adds_arrays_with_numpys_words(self):
        layout = Tbuf.Layout().add_phase("one").add_phase("two")
        layout.add("scalars", 5, np.float32).add("matrix", (2, 3), ">i2", phases=("one", "two")).add("first", 7, int, "one")
        layout.plan()
        self.assertEqual((layout.arrays, layout.phases), (("scalars", "matrix", "first"), ("one", "two")))
        self.assertTrue(layout.lower_bound <= layout.size <= layout.unshared_size)
        arena = Tbuf.Arena.new_for_layout(layout)
        arena.phase = "one"
        self.assertEqual({name: (view.shape, view.dtype) for name, view in arena.items()},
                         {"scalars": ((5,), np.float32), "matrix": ((2, 3), np.dtype(">i2")), "first": ((7,), np.int64)})

    def test_bad_alignment_adds_no_array(self):
        layout = Tbuf.Layout()
        self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, layout.add, "a", 4, "f4", alignment=3)
        self.assertRaisesGError(ValueError, Tbuf.Error.ALIGNMENT, layout.add, "a", 4, "f4", alignment=2)
        self.assertEqual(layout.arrays, ())
        self.assertEqual(layout.add("a", 4, "f4", alignment=4).arrays, ("a",))

    def test_aligns_arrays(self):
        layout = Tbuf.Layout().add("a", 1, "u1").add("b", 3, "u1", alignment=256)
        arena = Tbuf.Arena.new_for_layout(layout)
        self.assertEqual(arena["b"].offset % 256, 0)

    def test_shares_bytes_of_different_phases(self):
        layout = pythontest.phased_layout().plan(timeout=1)
        self.assertLess(layout.size, layout.unshared_size)
        self.assertIn("<svg", layout.to_svg())
        self.assertIn("<svg", layout._repr_svg_())

    def test_refuses_what_makes_no_sense(self):
        layout = pythontest.phased_layout()
        self.assertRaisesGError(ValueError, Tbuf.Error.EXISTS, layout.add, "A", 1, "f8")
        self.assertRaisesGError(ValueError, Tbuf.Error.EXISTS, layout.add_phase, "floats")
        self.assertRaisesGError(KeyError, Tbuf.Error.NOT_FOUND, layout.add, "C", 1, "f8", phases="nonsense")
        self.assertRaisesGError(ValueError, Tbuf.Error.DTYPE, layout.add, "C", 1, "f3")
        self.assertRaisesGError(ValueError, Tbuf.Error.DTYPE, layout.add, "C", 1, np.dtype("i4,f8"))
        self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, layout.add, "C", -1, "f8")
        for phases in ("floats",), ("floats", "ints", "floats"), 5, (0, 1), []:
            self.assertRaisesRegex(TypeError, "a pair of the first and the last", layout.add, "C", 1, "f8", phases=phases)
        self.assertEqual(len(layout.arrays), 4)

    def test_repr_says_what_it_is(self):
        layout = Tbuf.Layout().add("a", 16, "u1")
        self.assertIn("not planned", repr(layout))
        self.assertIn("16 bytes", repr(layout.plan()))


if __name__ == "__main__":
    tap.main()
