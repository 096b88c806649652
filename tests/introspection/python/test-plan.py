#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The planner on its own: numbers in, offsets out."""

import os
import tempfile
import threading

import numpy as np

import pythontest
import tap
from pythontest import GLib, Tbuf

from gi.repository import Gio  # noqa: E402


def is_sound(plan, buffers):
    """Compares all pairs of (lower, upper, size)."""
    placed = list(zip(buffers, plan.offsets))
    return all(a_upper <= b_lower or b_upper <= a_lower or a + a_size <= b or b + b_size <= a
               for i, ((a_lower, a_upper, a_size), a) in enumerate(placed)
               for (b_lower, b_upper, b_size), b in placed[:i])


class PlanTest(pythontest.TestCase):
    def test_plans(self):
        plan = Tbuf.Plan()
        self.assertIs(plan.add("image", 0, 2, 3000), plan)
        plan.add("edges", 1, 3, 1000, 64).add("shapes", 2, 4, 3000)
        self.assertEqual((len(plan), plan.ids), (3, ("image", "edges", "shapes")))
        self.assertIs(plan.solve(timeout=1), plan)
        self.assertTrue(plan.verify())
        self.assertTrue(is_sound(plan, [(0, 2, 3000), (1, 3, 1000), (2, 4, 3000)]))
        self.assertEqual(plan["edges"] % 64, 0)
        self.assertEqual([plan[id] for id in plan.ids], list(plan.offsets))
        self.assertEqual(list(plan.get_offsets()), list(plan.offsets))
        self.assertEqual((plan.props.height, plan.props.proven), (plan.get_height(), plan.get_proven()))
        self.assertIn(f"3 buffers, {plan.get_height()} bytes", repr(plan))

    def test_is_a_mapping_from_ids(self):
        plan = Tbuf.Plan().add("b", 0, 1, 5).add("a", 0, 1, 5).solve()
        self.assertEqual(list(plan), ["b", "a"])
        self.assertIn("a", plan)
        self.assertNotIn("c", plan)
        self.assertEqual(sorted(plan[id] for id in plan), [0, 5])

    def test_is_of_no_use_before_it_is_solved(self):
        plan = Tbuf.Plan().add("a", 0, 1, 5)
        self.assertEqual((list(plan.offsets), plan.props.method, plan.get_height()), ([], None, 0))
        self.assertIn("not solved", repr(plan))
        self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, plan.__getitem__, "a")
        self.assertRaisesGError(KeyError, Tbuf.Error.NOT_FOUND, plan.__getitem__, "b")

    def test_takes_lists_and_arrays(self):
        generator = np.random.default_rng(1)
        lowers = generator.integers(0, 50, 300)
        uppers = lowers + generator.integers(1, 10, 300)
        sizes = generator.integers(0, 1000, 300).astype(np.uint32)
        heights = []
        for columns in (lowers, uppers, sizes), (lowers.tolist(), uppers.tolist(), sizes.tolist()):
            plan = Tbuf.Plan().add_many(*columns)
            plan.props.n_threads = 1
            plan.solve(timeout=0)
            self.assertTrue(plan.verify())
            self.assertTrue(is_sound(plan, list(zip(lowers.tolist(), uppers.tolist(), sizes.tolist()))))
            self.assertEqual(np.asarray(plan.offsets).dtype, np.int64)
            heights.append(plan.get_height())
        self.assertEqual(heights[0], heights[1])

    def test_aligns_many(self):
        for alignments in [1, 64], np.array([1, 64]):
            zeros, ones = type(alignments)([0, 0]) if isinstance(alignments, list) else np.zeros(2, int), [1, 1]
            plan = Tbuf.Plan().add_many(zeros, np.array(ones), np.array([5, 5]), alignments).solve()
            self.assertEqual(plan.offsets[1] % 64, 0)

    def test_bad_numbers_are_errors(self):
        plan = Tbuf.Plan()
        self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, plan.add, "a", 5, 5, 1)
        self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, plan.add_many, [0, 1], [1, 2], [5])
        self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, plan.add_many, *map(np.array, ([0, 1], [1, 2], [5])))
        for number in -1, 2**63, 2**64:
            for numbers in (number, 9, 1, 1), (0, number, 1, 1), (0, 1, number, 1), (0, 1, 1, number), (0, 1, 1, 1, number):
                error = self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, plan.add, "a", *numbers)
                self.assertIn('Buffer "a": its', str(error))
                self.assertIn(str(number), str(error))
            for column in range(3):
                columns = [[0, 0], [1, 1], [5, 5]]
                columns[column][1] = number
                error = self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, plan.add_many, *columns)
                self.assertIn('Buffer "1"', str(error))
            self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, plan.solve, number)
        # A fraction would be lost, and the buffer too small.
        self.assertRaises(TypeError, plan.add, "a", 0, 1, 10.5)
        self.assertRaises(TypeError, plan.add_many, [0], [1], [10.5])
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, plan.add_many,
                                *map(np.array, ([0], [1], [-1])))
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, plan.add_many,
                                np.array([0]), np.array([1]), np.array([2**64 - 1], np.uint64))
        self.assertRaises(TypeError, plan.add_many, *map(np.array, ([0.5], [1.5], [1.5])))
        plan.add("a", 0, 1, 1)
        self.assertRaisesGError(ValueError, Tbuf.Error.EXISTS, plan.add, "a", 0, 1, 1)
        self.assertEqual(len(plan), 1)

    def test_keeps_what_is_fixed_or_apart(self):
        plan = Tbuf.Plan().add("a", 0, 1, 10, offset=30).add("b", 1, 2, 40).add("c", 2, 3, 40).separate("b", "c").solve()
        self.assertEqual(plan["a"], 30)
        self.assertGreaterEqual(abs(plan["b"] - plan["c"]), 40)
        self.assertEqual(plan.props.height, 80)

    def test_impossible_capacity_names_the_numbers(self):
        plan = Tbuf.Plan().add("a", 0, 5, 70).add("b", 3, 9, 50)
        with self.assertRaisesRegex(GLib.Error, "119 bytes is too small.* at time 3 have 120 bytes"):
            plan.solve(119)
        self.assertEqual(plan.solve(120).get_height(), 120)

    def test_tells_its_progress(self):
        plan = Tbuf.Plan().add("a", 0, 5, 70).add("b", 3, 9, 50)
        told = []
        plan.connect("progress", lambda plan, height, seconds: told.append((height, seconds, threading.get_ident())))
        plan.solve()
        self.assertEqual((told[-1][0], told[-1][2]), (120, threading.get_ident()))
        self.assertGreaterEqual(told[-1][1], 0)

    def test_solves_asynchronously(self):
        plan = Tbuf.Plan().add("a", 0, 5, 70).add("b", 3, 9, 50)
        loop = GLib.MainLoop()
        results = []

        def finish(plan, result):
            results.append(plan.solve_finish(result))
            loop.quit()

        plan.solve_async(0, 1_000_000, None, finish)
        loop.run()
        self.assertEqual((results, plan.get_height()), ([True], 120))

    def test_cancellation(self):
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        with self.assertRaises(GLib.Error) as caught:
            Tbuf.Plan().add("a", 0, 5, 70).solve(cancellable=cancellable)
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))

    def test_reads_and_writes_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "plan.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("id,size,lower,upper\na,70,0,5\nb,50,3,9\n")
            plan = Tbuf.Plan.new_from_csv(Gio.File.new_for_path(path), None).solve()
            self.assertEqual(plan.to_csv().splitlines()[0], "id,lower,upper,size,offset")
            with open(path, "a", encoding="utf-8") as file:
                file.write("c,1,1,1\n")
            with self.assertRaisesRegex(GLib.Error, "^Line 4 of "):
                Tbuf.Plan.new_from_csv(Gio.File.new_for_path(path), None)


class LayoutTest(pythontest.TestCase):
    def test_pins_and_keeps_apart(self):
        layout = pythontest.phased_layout().pin("B", 4096).separate("A", "D").plan()
        self.assertEqual(layout.get_offset("B"), 4096)
        self.assertNotIn("D", layout.get_shared_with("A"))
        self.assertGreaterEqual(layout.size, layout.lower_bound)
        arena = Tbuf.Arena.new_for_layout(layout)
        self.assertEqual(arena["B"].get_offset(), 4096)

    def test_tells_who_shares_bytes(self):
        layout = Tbuf.Layout().add_phase("one").add_phase("two").add("A", 10, "u1", "one").add("B", 10, "u1", "two").plan()
        self.assertEqual((list(layout.get_shared_with("A")), list(layout.get_shared_with("B"))), (["B"], ["A"]))
        self.assertEqual((layout.size, layout.props.proven), (10, True))

    def test_plans_asynchronously(self):
        layout = pythontest.phased_layout()
        loop = GLib.MainLoop()
        layout.plan_async(1_000_000, None, lambda layout, result: (layout.plan_finish(result), loop.quit()))
        loop.run()
        self.assertTrue(layout.is_planned())


if __name__ == "__main__":
    tap.main()
