#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arenas and views that go to other processes with multiprocessing and concurrent.futures, and copies of them."""

import copy
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import unittest
from concurrent.futures import ProcessPoolExecutor

import numpy as np

import pythontest
import tap
from pythontest import Tbuf

METHODS = "fork", "forkserver", "spawn"


def double(view):
    """In a worker: twice the items, and what the view is there."""
    with view.lock():
        array = np.asarray(view)
        array *= 2
    return os.getpid(), view.name, view.arena.name, view.arena.n_participants


def add_one(views):
    for view in views:
        with view.lock():
            view[...] = np.asarray(view) + 1
    assert all(view.arena is views[0].arena for view in views)


def try_to_write(view):
    try:
        view[0] = 1
    except Tbuf.ReadOnlyError:
        return "read-only", bool(view.arena.flags & Tbuf.READ_ONLY), view[0]


def wait_with_lock(view, pipe):
    guard = view.lock()
    pipe.send(os.getpid())
    pipe.recv()
    guard.unlock()


def make_arena(name):
    """In a worker: an arena that goes back, and whose name is to go with its last user."""
    arena = Tbuf.Arena.create(name, 8)
    view = arena.create_view("u1")
    view[...] = range(8)
    return arena, view[2:4]


class ProcessesTest(pythontest.TestCase):
    def arenas(self):
        """An anonymous and a named one, with the same arrays."""
        for name in None, self.name():
            arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout(), name)
            arena.phase = "floats"
            yield arena

    def each(self):
        for method in METHODS:
            for arena in self.arenas():
                with self.subTest(method=method, name=arena.name):
                    yield multiprocessing.get_context(method), arena

    def test_go_to_a_process_as_arguments(self):
        for context, arena in self.each():
            views = [arena["A"], arena["A"][1:3, ::2], arena.create_view("u1")[-8:]]
            process = context.Process(target=add_one, args=(views,))
            process.start()
            process.join()
            self.assertEqual(process.exitcode, 0)
            self.assertEqual(np.asarray(arena["A"]).sum(), 24 + 6)
            self.assertEqual(list(views[2]), [1] * 8)

    def test_go_to_the_workers_of_a_pool(self):
        for context, arena in self.each():
            arena["A"][...] = 1
            with context.Pool(1) as pool:
                results = pool.map(double, [arena["A"], arena["A"][2]], chunksize=1)
            for pid, name, arena_name, n_participants in results:
                self.assertNotEqual(pid, os.getpid())
                self.assertEqual(arena_name, arena.name)
                self.assertEqual(n_participants, 2)
            self.assertEqual([result[1] for result in results], ["A", None])
            self.assertEqual(np.asarray(arena["A"]).sum(), 48 + 12)

    def test_go_to_an_executor_and_back(self):
        for method in METHODS:
            name = self.name()
            with self.subTest(method=method), ProcessPoolExecutor(1, multiprocessing.get_context(method)) as executor:
                view = Tbuf.Arena.new(64).create_view("f8")
                view[...] = 1.5
                executor.submit(double, view).result()
                self.assertEqual(list(view), [3.0] * 8)
                arena, part = executor.submit(make_arena, name).result()
                self.assertEqual(list(part), [2, 3])
                self.assertIs(part.arena, arena)
                self.assertIs(arena.create_view("u1").arena, arena)
            self.assertEqual(bytes(arena), bytes(range(8)))
            del arena, part
            pythontest.collect()
            self.assertNotIn(name, os.listdir("/dev/shm"))

    def test_stay_read_only(self):
        name = self.name()
        writer = Tbuf.Arena.create(name, 8)
        writer.create_view("u1")[0] = 7
        anonymous = Tbuf.Arena.new(8)
        anonymous.create_view("u1")[0] = 7
        views = [arena.create_view("u1") for arena in (Tbuf.Arena.open(name, Tbuf.READ_ONLY),
                                                      Tbuf.Arena.open_fd(anonymous, Tbuf.READ_ONLY))]
        for method in METHODS:
            with self.subTest(method=method), multiprocessing.get_context(method).Pool(1) as pool:
                self.assertEqual(pool.map(try_to_write, views), [("read-only", True, 7)] * 2)

    def test_killed_worker_leaves_its_lock_behind(self):
        for context, arena in self.each():
            ours, theirs = context.Pipe()
            process = context.Process(target=wait_with_lock, args=(arena["A"], theirs))
            process.start()
            os.kill(ours.recv(), signal.SIGKILL)
            process.join()
            with self.assertRaises(Tbuf.OwnerDiedError):
                arena["A"].lock(timeout=60)
            with arena["A"].recover(timeout=60) as guard:
                self.assertTrue(guard.was_abandoned)

    def test_start_in_the_middle_of_lock_traffic(self):
        program = textwrap.dedent("""
            import multiprocessing, sys, threading
            import gi
            gi.require_version("Tbuf", "1")
            from gi.repository import Tbuf

            def add(view, n, wide):
                for i in range(n):
                    with (wide if i % 3 == 0 else view).lock(shared=i % 7 == 0):
                        if i % 7 != 0:
                            view[0] += 1

            def add_until(view, wide, done):
                global count
                while not done.is_set():
                    add(view, 70, wide)
                    with lock:
                        count += 60

            if __name__ == "__main__":
                context = multiprocessing.get_context(sys.argv[1])
                arena = Tbuf.Arena.new(64)
                views = [arena.create_view("i8")[:1] for i in range(2)]
                lock, count, done = threading.Lock(), 0, threading.Event()
                threads = [threading.Thread(target=add_until, args=(view, arena.create_view("i8"), done)) for view in views]
                for thread in threads:
                    thread.start()
                for i in range(4):
                    process = context.Process(target=add, args=(views[i % 2], 700, arena.create_view("i8")))
                    process.start()
                    process.join(60)
                    assert process.exitcode == 0, process.exitcode
                    with lock:
                        count += 600
                done.set()
                for thread in threads:
                    thread.join()
                assert views[0][0] == count, (views[0][0], count)
                assert arena.lock_state == Tbuf.LockState.FREE
            """)
        for method in METHODS:
            with self.subTest(method=method), self.program(program) as path:
                # As below: GLib's slices.
                result = subprocess.run([sys.executable, path, method], text=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100,
                                        env=os.environ | {"G_SLICE": "always-malloc"})
                self.assertEqual((result.stdout, result.returncode), ("", 0))

    def test_programs_say_nothing_and_leave_nothing(self):
        program = textwrap.dedent("""
            import multiprocessing, os, signal, sys
            import gi
            gi.require_version("Tbuf", "1")
            from gi.repository import Tbuf
            from concurrent.futures import ProcessPoolExecutor

            def work(view):
                view[0] += 1
                return view

            def outlive(pipe, name):
                # Its parent has left the arena by then.
                arena = Tbuf.Arena.open(name)
                pipe.send(None)
                pipe.recv()
                assert arena.n_participants == 1

            if __name__ == "__main__":
                method, name, killed = sys.argv[1:]
                context = multiprocessing.get_context(method)
                arena = Tbuf.Arena.create(name, 64)
                view = arena.create_view("i4")
                with ProcessPoolExecutor(2, context) as executor:
                    assert [part[0] for part in executor.map(work, [view[2:], view[3:]])] == [1, 1]
                ours, theirs = context.Pipe()
                process = context.Process(target=outlive, args=(theirs, name))
                process.start()
                ours.recv()
                if killed == "yes":
                    process.kill()
                    process.join()
                else:
                    del arena, view
                    ours.send(None)
                    process.join()
                    assert process.exitcode == 0, process.exitcode
            """)
        for method in METHODS:
            for killed in "no", "yes":
                name = self.name()
                with self.subTest(method=method, killed=killed), self.program(program) as path:
                    # The pool's threads may still be ending at the next fork, and GLib before 2.76 doesn't
                    # bring its slices through that: docs/caveats.md.
                    result = subprocess.run([sys.executable, "-W", "error::ResourceWarning", path, method, name, killed], text=True,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                            env=os.environ | {"G_SLICE": "always-malloc"})
                    self.assertEqual((result.stdout, result.returncode), ("", 0))
                    self.assertNotIn(name, os.listdir("/dev/shm"))

    def test_name_of_another_arena_is_refused(self):
        name = self.name()
        arena = Tbuf.Arena.create(name, 8)
        sent = pickle.dumps(arena)
        Tbuf.Arena.unlink(name)
        del arena
        other = Tbuf.Arena.create(name, 8)
        with self.assertRaisesRegex(FileNotFoundError, name):
            pickle.loads(sent)
        del other
        pythontest.collect()
        self.assertRaises(FileNotFoundError, pickle.loads, sent)

    def test_arrive_once_in_a_process(self):
        for arena in self.arenas():
            with self.subTest(name=arena.name):
                view = arena["A"][1:]
                first, second = pickle.loads(pickle.dumps(view)), pickle.loads(pickle.dumps(view))
                self.assertEqual(arena.n_participants, 1)
                self.assertIs(first.arena, arena)
                self.assertIsNot(first, second)
                with first.lock():
                    self.assertRaises(BlockingIOError, second.lock, timeout=0)
                self.assertEqual((first.offset, first.shape, first.strides, first.dtype, first.name),
                                 (view.offset, view.shape, view.strides, view.dtype, view.name))

    def test_every_kind_of_view_arrives(self):
        arena = Tbuf.Arena.new(1024)
        for dtype in pythontest.DTYPES:
            for byte_order in "<>":
                view = arena.create_view(np.dtype(dtype).newbyteorder(byte_order), 3, (5, 2), unaligned=True)[::-2]
                again = pickle.loads(pickle.dumps(view))
                with self.subTest(view=view):
                    self.assertIs(type(again), type(view))
                    self.assertEqual((again.dtype, again.strides, again.get_first_item()),
                                     (view.dtype, view.strides, view.get_first_item()))

    def test_array_that_is_not_live_arrives(self):
        arena = next(self.arenas())
        sent = pickle.dumps(arena["A"][1])
        arena.phase = "ints"
        view = pickle.loads(sent)
        self.assertRaises(Tbuf.NotLiveError, view.__getitem__, 0)
        arena.phase = "floats"
        self.assertEqual(view[0], 0)

    def test_closed_arenas_are_not_sent(self):
        arena = Tbuf.Arena.new(8)
        view = arena.create_view("u1")
        arena.close()
        self.assertRaisesGError(ValueError, Tbuf.Error.CLOSED, pickle.dumps, arena)
        self.assertRaisesGError(ValueError, Tbuf.Error.CLOSED, pickle.dumps, view)
        self.assertRaisesGError(ValueError, Tbuf.Error.INVALID, pickle.dumps, Tbuf.Arena())

    def test_copies_are_handles(self):
        arena = next(self.arenas())
        arena["A"][0, 0] = 5
        view = copy.copy(arena["A"])
        self.assertEqual((view[0, 0], view.name), (5, "A"))
        with arena["A"].lock():
            self.assertRaises(BlockingIOError, view.lock, timeout=0)
        other = copy.copy(arena)
        self.assertEqual((other["A"][0, 0], arena.n_participants), (5, 2))
        self.assertRaisesRegex(TypeError, "numpy", copy.deepcopy, view)
        self.assertRaisesRegex(TypeError, "bytes", copy.deepcopy, arena)
        arena.close()
        self.assertRaises(Tbuf.ClosedError, copy.copy, arena)
        self.assertRaises(Tbuf.ClosedError, copy.copy, view)

    @unittest.skipIf(os.geteuid() != 0, "only root can give a file to another user")
    def test_arenas_of_another_user_travel_as_they_were_opened(self):
        name = self.name()
        arena = Tbuf.Arena.create(name, 8)
        os.chown(f"/dev/shm/{name}", 1, 1)
        foreign = Tbuf.Arena.open(name, Tbuf.FOREIGN)
        self.assertEqual(copy.copy(foreign).n_participants, 3)
        pickled = pickle.dumps(foreign)
        del foreign
        pythontest.collect()
        self.assertEqual(arena.n_participants, 1)
        self.assertEqual(pickle.loads(pickled).n_participants, 2)

    def test_descriptors_do_not_leak(self):
        arena = next(self.arenas())
        pickle.loads(pickle.dumps(arena))
        before = pythontest.count_descriptors()
        for _ in range(20):
            pickle.loads(pickle.dumps(arena["A"]))
        # The thread that hands them out may close the last one a moment later.
        self.assertLessEqual(pythontest.count_descriptors(), before + 2)


if __name__ == "__main__":
    tap.main()
