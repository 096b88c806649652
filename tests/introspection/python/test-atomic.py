#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Atomic operations on integers, alone and with another process."""

import signal
import sys
import threading

from gi.repository import Gio

import pythontest
import tap
from pythontest import GLib, Tbuf

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


class AtomicTest(pythontest.TestCase):
    def setUp(self):
        self.name_of_arena = self.name()
        self.arena = Tbuf.Arena.create(self.name_of_arena, 1024)
        self.view = self.arena.create_view("i4")

    def test_returns_the_item_before(self):
        for dtype in INTEGERS:
            view = self.arena.create_view(dtype, 0, 4)
            self.assertTrue(view.atomic_store(1, 5))
            self.assertEqual(view.atomic_add(1, 3), 5)
            self.assertEqual(view.atomic_sub(1, 1), 8)
            self.assertEqual(view.atomic_and(1, 6), 7)
            self.assertEqual(view.atomic_or(1, 1), 6)
            self.assertEqual(view.atomic_xor(1, 3), 7)
            self.assertEqual(view.atomic_exchange(1, 9), 4)
            self.assertEqual(view.atomic_load(1), 9)
            self.assertEqual(view[1], 9)
            view[1] = 0

    def test_says_whether_it_exchanged(self):
        self.assertEqual(tuple(self.view.atomic_compare_exchange(0, 0, 7)), (True, 0))
        self.assertEqual(tuple(self.view.atomic_compare_exchange(0, 0, 8)), (False, 7))

    def test_raises(self):
        swapped = self.arena.create_view(">i4" if sys.byteorder == "little" else "<i4")
        self.assertRaisesGError(IndexError, Tbuf.Error.RANGE, self.view.atomic_add, 256, 1)
        self.assertRaisesGError(BufferError, Tbuf.Error.NOT_NATIVE, swapped.atomic_load, 0)
        self.assertRaisesGError(TimeoutError, Tbuf.Error.TIMED_OUT, self.view.atomic_wait, 0, 0, 10, None)
        self.assertFalse(hasattr(self.arena.create_view("f4"), "atomic_add"))
        self.assertFalse(hasattr(self.arena.create_view("i8"), "atomic_wait"))

    def test_counts_with_another_process(self):
        child = self.start("""
            view = Tbuf.Arena.open(sys.argv[1]).create_view("i4")
            print("ready", flush=True)
            view.atomic_wait(1, 0, -1, None)
            for _ in range(5000):
                view.atomic_add(0, 1)
            view.atomic_store(2, 1)
            view.atomic_notify(2)
            """, self.name_of_arena)
        self.assertEqual(child.stdout.readline(), "ready\n")
        self.view.atomic_store(1, 1)
        self.view.atomic_notify(1)
        for _ in range(5000):
            self.view.atomic_add(0, 1)
        self.assertTrue(self.view.atomic_wait(2, 0, -1, None))
        self.assertEqual(self.view.atomic_load(0), 10000)

    def test_control_c_ends_the_wait(self):
        for arguments in "0, 0", "0, 0, -1, None", "0, 0, timeout=600":
            with self.subTest(arguments=arguments):
                child = self.start(f"""
                    view = Tbuf.Arena.open(sys.argv[1]).create_view("u4")
                    try:
                        print("waiting", flush=True)
                        view.atomic_wait({arguments})
                    except KeyboardInterrupt:
                        print("interrupted", flush=True)
                    """, self.name_of_arena)
                self.assertEqual(child.stdout.readline(), "waiting\n")
                child.send_signal(signal.SIGINT)
                self.assertEqual(child.stdout.readline(), "interrupted\n")

    def test_waits_for_seconds(self):
        for timeout in 0, 0.01, 0.15:
            self.assertRaisesGError(TimeoutError, Tbuf.Error.TIMED_OUT, self.view.atomic_wait, 0, 0, timeout=timeout)
        self.assertTrue(self.view.atomic_wait(0, -1, timeout=1e300))
        self.assertRaises(ValueError, self.view.atomic_wait, 0, 0, timeout=-1)
        self.assertRaises(OverflowError, self.view.atomic_wait, -1, 0)
        self.assertRaises(OverflowError, self.view.atomic_wait, 0, 2**31)

    def test_waits_while_other_threads_run(self):
        thread = threading.Thread(target=lambda: (self.view.atomic_add(0, 1), self.view.atomic_notify(0)))
        thread.start()
        self.assertTrue(self.view.atomic_wait(0, 0, -1, None))
        thread.join()

        cancellable = Gio.Cancellable()
        thread = threading.Thread(target=cancellable.cancel)
        thread.start()
        with self.assertRaises(GLib.Error) as context:
            self.view.atomic_wait(0, 1, -1, cancellable)
        self.assertTrue(context.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))
        thread.join()


if __name__ == "__main__":
    tap.main()
