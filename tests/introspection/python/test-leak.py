#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects made and dropped by the hundred thousand: neither memory nor descriptors grow.

Arenas take the kernel 80 µs each, so there are fewer of them, unless TBUF_LEAK_ARENAS says how many.
"""

import gc
import os

import numpy as np

import pythontest
import tap
from pythontest import Tbuf

N = 100_000

N_ARENAS = int(os.environ.get("TBUF_LEAK_ARENAS", "10000"))

# What Python and malloc take for themselves, and far less than any object for each round.
SLACK = 256 * 1024


def count_resident():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class LeakTest(pythontest.TestCase):
    def assertFlat(self, work, n=N):
        """That n rounds of work leave no more behind than a tenth of them did."""
        work(n // 10)
        pythontest.collect()
        before = count_resident(), pythontest.count_descriptors(), pythontest.count_mappings()
        work(n)
        pythontest.collect()
        after = count_resident(), pythontest.count_descriptors(), pythontest.count_mappings()
        self.assertLess(after[0] - before[0], SLACK)
        self.assertEqual(after[1:], before[1:])

    def test_arenas(self):
        def work(n):
            for _ in range(n):
                Tbuf.Arena.new(64)
        self.assertFlat(work, N_ARENAS)

    def test_views_and_arrays(self):
        arena = Tbuf.Arena.new(4096)

        def work(n):
            for i in range(n):
                view = arena.create_view("i4", 4 * (i % 8), 16)
                np.asarray(view)
                np.asarray(view[2:4])
        self.assertFlat(work)

    def test_named_arrays_that_are_stored_on_their_views(self):
        layout = pythontest.phased_layout().plan()

        def work(n):
            for i in range(n):
                arena = Tbuf.Arena.new_for_layout(layout)
                view = arena["A"]
                view.array = np.asarray(view)
                arena.phase = "ints"
                arena["D"][i % 20] = i
                if i % 500 == 0:
                    gc.collect()
        self.assertFlat(work, N_ARENAS // 4)

    def test_locks_and_capsules(self):
        view = Tbuf.Arena.new(4096).create_view("i4")

        def work(n):
            for _ in range(n):
                with view.lock(shared=True):
                    view.__dlpack__(max_version=(1, 0))
                    memoryview(view)
        self.assertFlat(work)

    def test_errors(self):
        view = Tbuf.Arena.new(64).create_view("i4")

        def work(n):
            for _ in range(n):
                try:
                    view[100]
                except IndexError:
                    pass
        self.assertFlat(work)


if __name__ == "__main__":
    tap.main()
