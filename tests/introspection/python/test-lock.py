#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Locks with `with`: guards, timeouts, threads, other processes, signals."""

import os
import signal
import subprocess
import threading
import time
import warnings
import weakref

from gi.repository import Gio

import numpy as np

import pythontest
import tap
from pythontest import GLib, Tbuf

MODE = Tbuf.LockMode
STATE = Tbuf.LockState


class LockTest(pythontest.TestCase):
    def setUp(self):
        self.name_of_arena = self.name()
        self.arena = Tbuf.Arena.create(self.name_of_arena, 1024)
        self.view = self.arena.create_view("i4")
        self.same = self.arena.create_view("i4")

    def hold_elsewhere(self, call="lock()", then=""):
        """A process that has locked all bytes, and unlocks when it is told to."""
        child = self.start(f"""
            arena = Tbuf.Arena.open(sys.argv[1])
            guard = arena.{call}
            print("locked", flush=True)
            sys.stdin.readline()
            {then or "guard.unlock()"}
            print("unlocked", flush=True)
            """, self.name_of_arena)
        self.assertEqual(child.stdout.readline(), "locked\n")
        return child

    def let_go(self, child):
        print(file=child.stdin, flush=True)
        self.assertEqual(child.stdout.readline(), "unlocked\n")

    def test_locks_for_a_block(self):
        with self.view.lock() as guard:
            self.assertEqual(self.view.held_mode, MODE.EXCLUSIVE)
            self.assertEqual(self.same.lock_state, STATE.EXCLUSIVE)
            self.assertIs(guard.region, self.view)
            self.assertTrue(guard.held)
            self.assertFalse(guard.was_abandoned)
        self.assertFalse(guard.held)
        self.assertEqual(self.view.held_mode, MODE.NONE)
        self.assertEqual(self.same.lock_state, STATE.FREE)

    def test_locks_at_the_call(self):
        guard = self.view.lock()
        self.assertEqual(self.view.held_mode, MODE.EXCLUSIVE)
        with guard:
            pass
        self.assertEqual(self.view.held_mode, MODE.NONE)

    def test_unlocks_after_an_exception(self):
        with self.assertRaises(ZeroDivisionError):
            with self.view.lock():
                1 / 0
        self.assertEqual(self.same.lock_state, STATE.FREE)

    def test_shared_locks_are_shared(self):
        with self.view.lock(shared=True):
            with self.same.lock(shared=True):
                self.assertEqual(self.view.held_mode, MODE.SHARED)
                with self.view.lock(shared=True):
                    pass
                self.assertEqual(self.view.held_mode, MODE.SHARED)
            self.assertRaisesGError(BlockingIOError, Tbuf.Error.BUSY, self.same.lock, timeout=0)
        self.same.lock(timeout=0).unlock()

    def test_arenas_lock_everything(self):
        with self.arena.lock():
            self.assertRaises(BlockingIOError, self.view[5:6].lock, timeout=0)
        with self.view[5:6].lock():
            self.assertRaises(BlockingIOError, self.arena.lock, timeout=0)
            self.view[6:].lock(timeout=0).unlock()

    def test_try_of_a_busy_range_is_a_blocking_io_error(self):
        child = self.hold_elsewhere()
        error = self.assertRaisesGError(BlockingIOError, Tbuf.Error.BUSY, self.view.lock, timeout=0)
        self.assertIsNotNone(error.errno)
        self.assertRaisesGError(BlockingIOError, Tbuf.Error.BUSY, self.view.lock, shared=True, timeout=0)
        self.let_go(child)
        self.view.lock(timeout=0).unlock()

    def test_wait_that_is_too_long_is_a_timeout_error(self):
        child = self.hold_elsewhere()
        for timeout in 0.000001, 0.02, 0.25:
            with self.subTest(timeout=timeout):
                start = time.monotonic()
                self.assertRaisesGError(TimeoutError, Tbuf.Error.TIMED_OUT, self.view.lock, timeout=timeout)
                self.assertGreaterEqual(time.monotonic() - start, timeout)
        self.let_go(child)

    def test_waits_until_another_process_unlocks(self):
        child = self.hold_elsewhere(then="guard.unlock()")
        threading.Timer(0.3, lambda: print(file=child.stdin, flush=True)).start()
        with self.view.lock(timeout=60):
            self.assertEqual(child.stdout.readline(), "unlocked\n")

    def test_arguments_are_checked(self):
        self.assertRaises(ValueError, self.view.lock, timeout=-1)
        self.assertRaises(ValueError, self.view.lock, timeout=float("nan"))
        self.assertRaises(TypeError, self.view.lock, timeout="1")
        self.assertRaises(TypeError, self.view.lock, MODE.EXCLUSIVE)
        self.assertRaises(TypeError, self.view.lock, exclusive=True)
        self.assertRaises(TypeError, self.view.lock, cancellable=self.view)
        self.assertRaises(TypeError, self.view.recover, shared=True)
        with self.assertRaises(TypeError):
            with self.view:
                pass
        self.view.lock(timeout=float("inf")).unlock()
        self.view.lock(timeout=1e300, cancellable=None).unlock()

    def test_cancelling_ends_the_wait(self):
        child = self.hold_elsewhere()
        cancellable = Gio.Cancellable()
        threading.Timer(0.2, cancellable.cancel).start()
        with self.assertRaises(GLib.Error) as context:
            self.view.lock(cancellable=cancellable)
        self.assertTrue(context.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))
        self.let_go(child)

    def test_unlock_without_lock_is_an_error(self):
        self.assertRaisesGError(RuntimeError, Tbuf.Error.NOT_HELD, self.view.unlock)
        guard = self.view.lock()
        guard.unlock()
        self.assertRaisesGError(RuntimeError, Tbuf.Error.NOT_HELD, guard.unlock)
        with self.assertRaises(RuntimeError):
            with guard:
                pass

    def test_unlocking_within_the_block_is_fine(self):
        with self.view.lock() as guard:
            guard.unlock()
        with self.view.lock():
            self.view.unlock()
            self.same.lock(timeout=0).unlock()

    def test_guard_of_an_old_lock_leaves_a_new_one_alone(self):
        old = self.view.lock()
        self.view.unlock()
        with self.view.lock():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                del old
                pythontest.collect()
            self.assertEqual(caught, [])
            self.assertEqual(self.view.held_mode, MODE.EXCLUSIVE)

    def test_dropped_guard_unlocks_and_warns(self):
        with self.assertWarnsRegex(ResourceWarning, "Int32View"):
            self.view.lock()
        self.assertEqual(self.same.lock_state, STATE.FREE)
        with self.assertWarns(ResourceWarning):
            guard = self.view.lock(shared=True)
            guard = None
        self.assertIsNone(guard)
        self.assertEqual(self.same.lock_state, STATE.FREE)

    def test_says_nothing_when_python_ends_with_a_lock(self):
        child = self.start("""
            view = Tbuf.Arena.open(sys.argv[1]).create_view("i4")
            guard = view.lock()
            """, self.name_of_arena, stderr=subprocess.PIPE)
        output, errors = child.communicate()
        self.assertEqual((child.returncode, output, errors), (0, "", ""))
        self.view.recover(timeout=60).unlock()

    def test_guard_stored_on_its_view_is_collected(self):
        # Also where the guard uses the memory of one that was collected before.
        for _ in range(3):
            view = self.arena.create_view("i4")
            view.guard = view.lock()
            reference = weakref.ref(view)
            with self.assertWarns(ResourceWarning):
                del view
                pythontest.collect()
            self.assertIsNone(reference())
            self.assertEqual(self.same.lock_state, STATE.FREE)

    def test_guard_keeps_a_temporary_locked(self):
        with self.arena.create_view("i4").lock():
            pythontest.collect()
            self.assertRaises(BlockingIOError, self.view.lock, timeout=0)
        self.view.lock(timeout=0).unlock()

    def test_main_thread_gets_its_turn_in_a_crowd(self):
        """In which a turn comes round more rarely than the main thread looks for signals."""
        n_threads, hold = 8, 0.02
        over = threading.Event()

        def lock_on_and_on(view):
            while not over.is_set():
                with view.lock():
                    over.wait(hold)

        threads = [threading.Thread(target=lock_on_and_on, args=(self.arena.create_view("i4"),)) for _ in range(n_threads)]
        for thread in threads:
            thread.start()
        try:
            self.view.lock(timeout=20).unlock()
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def test_waiting_for_oneself_is_an_error(self):
        with self.view.lock():
            error = self.assertRaisesGError(OSError, Tbuf.Error.DEADLOCK, self.same.lock)
            self.assertIsNotNone(error.errno)

    def test_is_a_mutex_for_threads(self):
        array = np.asarray(self.view)
        n_threads, n_rounds = 4, 200
        start = threading.Barrier(n_threads)

        def count():
            start.wait()
            for _ in range(n_rounds):
                with self.view.lock():
                    number = int(array[0])
                    # Whoever waits has let go of the GIL, so this lets the others in if they may.
                    os.sched_yield()
                    array[0] = number + 1

        threads = [threading.Thread(target=count) for _ in range(n_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(array[0], n_threads * n_rounds)

    def test_is_a_mutex_for_processes(self):
        n_processes, n_rounds = 3, 500
        children = [self.start("""
            arena = Tbuf.Arena.open(sys.argv[1])
            view = arena.create_view("i4")
            print("ready", flush=True)
            sys.stdin.readline()
            for _ in range(int(sys.argv[2])):
                with view.lock():
                    view[0] = view[0] + 1
            print("done", flush=True)
            """, self.name_of_arena, str(n_rounds)) for _ in range(n_processes)]
        for child in children:
            self.assertEqual(child.stdout.readline(), "ready\n")
        for child in children:
            print(file=child.stdin, flush=True)
        for child in children:
            self.assertEqual(child.stdout.readline(), "done\n")
        self.assertEqual(self.view[0], n_processes * n_rounds)

    def test_control_c_ends_the_wait(self):
        self.hold_elsewhere()
        child = self.start("""
            arena = Tbuf.Arena.open(sys.argv[1])
            try:
                print("waiting", flush=True)
                arena.lock()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            """, self.name_of_arena)
        self.assertEqual(child.stdout.readline(), "waiting\n")
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.stdout.readline(), "interrupted\n")

    def test_death_of_the_owner_is_an_error_until_recovered(self):
        child = self.hold_elsewhere(then="pass")
        child.kill()
        child.wait()
        error = self.assertRaisesGError(OSError, Tbuf.Error.OWNER_DIED, self.view.lock, timeout=60)
        self.assertIsNotNone(error.errno)
        self.assertEqual(self.view.lock_state, STATE.ABANDONED)
        with self.view.recover(timeout=60) as guard:
            self.assertTrue(guard.was_abandoned)
        with self.view.lock():
            pass
        with self.view.recover() as guard:
            self.assertFalse(guard.was_abandoned)

    def test_read_only_arenas_take_no_locks(self):
        reader = Tbuf.Arena.open(self.name_of_arena, Tbuf.READ_ONLY)
        self.assertRaisesGError(ValueError, Tbuf.Error.READ_ONLY, reader.lock)

    def test_locks_of_an_array_that_is_not_live_are_refused(self):
        arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
        arena.phase = "floats"
        view = arena["A"]
        arena.phase = "ints"
        error = self.assertRaisesGError(GLib.Error, Tbuf.Error.NOT_LIVE, view.lock)
        self.assertIn("A", str(error))
        with arena["D"].lock(), arena["always"].lock():
            pass

    def test_connecting_watches(self):
        for signal_name in "locked", "unlocked", "notify::lock-state":
            with self.subTest(signal=signal_name):
                view = self.arena.create_view("i4")
                self.assertFalse(view.get_watch())
                view.connect("notify::dtype", print)
                self.assertFalse(view.get_watch())
                view.connect(signal_name, print)
                self.assertTrue(view.get_watch())

    def test_sees_the_locks_of_another_process(self):
        seen = []
        loop = GLib.MainLoop()

        def on_locked(region, offset, n_bytes, mode, pid):
            seen.append(("locked", offset, n_bytes, mode, pid))
            print(file=child.stdin, flush=True)

        def on_unlocked(region, offset, n_bytes, mode):
            seen.append(("unlocked", offset, n_bytes, mode))
            loop.quit()

        self.view.connect("locked", on_locked)
        self.view.connect("unlocked", on_unlocked)
        child = self.hold_elsewhere("create_view('i4', 8, 4).lock()")
        GLib.timeout_add_seconds(60, loop.quit)
        loop.run()
        self.assertEqual(seen, [("locked", 8, 16, MODE.EXCLUSIVE, child.pid), ("unlocked", 8, 16, MODE.EXCLUSIVE)])


if __name__ == "__main__":
    tap.main()
