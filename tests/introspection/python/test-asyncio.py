#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Locks, phases and signals under asyncio, with its own event loop and with GLib's."""

import asyncio
import gc
import os
import selectors
import threading
import unittest

import pythontest
import tap
from pythontest import Tbuf

MODE = Tbuf.LockMode
STATE = Tbuf.LockState

try:
    from gi.events import GLibEventLoopPolicy
except ImportError:
    GLibEventLoopPolicy = None


class Readers(selectors.DefaultSelector):
    """A selector that remembers how many descriptors there are beside the loop's own one."""

    def count(self):
        return len(self.get_map()) - 1


class CommonTests:
    """What works under each event loop."""

    def run_loop(self, coroutine):
        """Runs it to its end, which is not far."""
        async def limited():
            return await asyncio.wait_for(coroutine, 60)
        loop = self.new_loop()
        try:
            return loop.run_until_complete(limited())
        finally:
            loop.close()

    def setUp(self):
        self.name_of_arena = self.name()
        self.arena = Tbuf.Arena.create(self.name_of_arena, 1024)
        self.view = self.arena.create_view("i4")
        self.same = self.arena.create_view("i4")

    async def hold_elsewhere(self, then="guard.unlock()"):
        child = self.start(f"""
            arena = Tbuf.Arena.open(sys.argv[1])
            guard = arena.lock()
            print("locked", flush=True)
            for line in sys.stdin:
                {then}
                print("done", flush=True)
            """, self.name_of_arena)
        self.assertEqual(await self.line_of(child), "locked\n")
        return child

    async def line_of(self, child):
        """The next line, while the loop runs on."""
        return await asyncio.get_running_loop().run_in_executor(None, child.stdout.readline)

    def tell(self, child):
        print(file=child.stdin, flush=True)

    def test_locks_for_a_block(self):
        async def main():
            async with self.view.lock_async() as guard:
                self.assertEqual(self.view.held_mode, MODE.EXCLUSIVE)
                self.assertIs(guard.region, self.view)
            self.assertEqual(self.same.lock_state, STATE.FREE)
            async with self.view.lock_async(shared=True, timeout=1), self.same.lock_async(shared=True):
                self.assertEqual(self.same.lock_state, STATE.SHARED)
            guard = await self.arena.lock_async()
            self.assertTrue(guard.held)
            with guard:
                self.assertEqual(self.view.lock_state, STATE.EXCLUSIVE)
            with self.assertRaises(ZeroDivisionError):
                async with self.view.lock_async():
                    1 / 0
            self.assertEqual(self.same.lock_state, STATE.FREE)
        self.run_loop(main())

    def test_waits_while_the_loop_runs(self):
        async def main():
            child = await self.hold_elsewhere()
            request = asyncio.ensure_future(self.view.lock_async())
            for _ in range(3):
                await asyncio.sleep(0)
            self.assertFalse(request.done())
            self.tell(child)
            with await request:
                self.assertEqual(self.view.held_mode, MODE.EXCLUSIVE)
        self.run_loop(main())

    def test_is_a_mutex_for_coroutines(self):
        async def count(view):
            for _ in range(20):
                async with view.lock_async():
                    number = view[0]
                    await asyncio.sleep(0)
                    view[0] = number + 1

        async def main():
            await asyncio.gather(*(count(view) for view in (self.view, self.same, self.view)))
            self.assertEqual(self.view[0], 60)
        self.run_loop(main())

    def test_errors_are_pythons(self):
        async def fails(error_class, code, awaitable):
            with self.assertRaises(error_class) as context:
                await awaitable
            self.assertGError(context.exception, error_class, code)

        async def main():
            child = await self.hold_elsewhere(then="pass")
            await fails(BlockingIOError, Tbuf.Error.BUSY, self.view.lock_async(timeout=0))
            await fails(TimeoutError, Tbuf.Error.TIMED_OUT, self.view.lock_async(timeout=0.02))
            child.kill()
            await fails(OSError, Tbuf.Error.OWNER_DIED, self.view.lock_async())
            with await self.view.recover_async(timeout=60) as guard:
                self.assertTrue(guard.was_abandoned)
            async with self.view.recover_async() as guard:
                self.assertFalse(guard.was_abandoned)
            # What fails before it begins.
            reader = Tbuf.Arena.open(self.name_of_arena, Tbuf.READ_ONLY)
            await fails(ValueError, Tbuf.Error.READ_ONLY, reader.lock_async())
            with self.assertRaises(ValueError):
                self.view.lock_async(timeout=-1)
        self.run_loop(main())

    def test_close_ends_the_waits(self):
        async def main():
            arena = Tbuf.Arena.open(self.name_of_arena)
            with self.view.lock():
                request = asyncio.ensure_future(arena.lock_async())
                await asyncio.sleep(0)
                arena.close()
                with self.assertRaises(Tbuf.ClosedError):
                    await request
            with self.assertRaises(Tbuf.ClosedError):
                await arena.lock_async()
        self.run_loop(main())

    def test_cancelling_the_task_cancels_the_request(self):
        async def main():
            with self.view.lock():
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(self.same.lock_async(), 0.02)
                request = asyncio.ensure_future(self.same.lock_async())
                await asyncio.sleep(0)
                request.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await request
            self.assertEqual(self.same.lock_state, STATE.FREE)
            self.assertEqual(self.same.held_mode, MODE.NONE)
        self.run_loop(main())

    def test_cancelling_never_leaks_a_lock(self):
        """Wherever the cancellation falls: before the request, during it, after the grant."""
        async def hold():
            async with self.same.lock_async():
                await asyncio.sleep(0)

        async def main():
            for n_steps in range(12):
                for contended in False, True:
                    guard = self.view.lock() if contended else None
                    task = asyncio.ensure_future(hold())
                    for _ in range(n_steps):
                        await asyncio.sleep(0)
                    task.cancel()
                    if contended:
                        guard.unlock()
                    await asyncio.gather(task, return_exceptions=True)
                    self.assertEqual(self.same.held_mode, MODE.NONE, (n_steps, contended))
                    self.view.lock(timeout=0).unlock()
        self.run_loop(main())

    def test_cancelling_leaves_the_locks_of_others(self):
        """Those that were taken through the same view, too."""
        async def main():
            for n_steps in range(12):
                async with self.view.lock_async(shared=True) as guard:
                    task = asyncio.ensure_future(self.view.lock_async(shared=True))
                    for _ in range(n_steps):
                        await asyncio.sleep(0)
                    task.cancel()
                    for other in await asyncio.gather(task, return_exceptions=True):
                        if not isinstance(other, asyncio.CancelledError):
                            other.unlock()
                    self.assertTrue(guard.held, n_steps)
                    self.assertEqual(self.same.lock_state, STATE.SHARED)
                self.assertEqual(self.same.lock_state, STATE.FREE, n_steps)
        self.run_loop(main())

    def test_cancelled_recovery_repairs_nothing(self):
        async def main():
            (await self.hold_elsewhere()).kill()
            with self.assertRaises(OSError):
                await self.view.lock_async()
            for n_steps in range(12):
                task = asyncio.ensure_future(self.view.recover_async())
                for _ in range(n_steps):
                    await asyncio.sleep(0)
                task.cancel()
                for guard in await asyncio.gather(task, return_exceptions=True):
                    if not isinstance(guard, asyncio.CancelledError):
                        self.assertTrue(guard.was_abandoned)
                        guard.unlock()
                        return
                self.assertEqual(self.same.lock_state, STATE.ABANDONED, n_steps)
        self.run_loop(main())

    def test_request_that_is_dropped_leaks_no_lock(self):
        async def main():
            self.guard = self.view.lock()
            self.request = asyncio.ensure_future(self.same.lock_async())
            await asyncio.sleep(0)
        self.run_loop(main())
        self.request.get_coro().close()
        self.guard.unlock()
        self.view.lock(timeout=1).unlock()
        self.request._log_destroy_pending = False

    def test_enters_phases(self):
        async def main():
            arena = Tbuf.Arena.new_for_layout(pythontest.phased_layout())
            self.assertEqual(arena.phase, "floats")
            guard = arena["A"].lock()
            with self.assertRaises(TimeoutError):
                await arena.set_phase_async("ints", timeout=0.02)
            entering = asyncio.ensure_future(arena.set_phase_async("ints"))
            await asyncio.sleep(0)
            guard.unlock()
            await entering
            self.assertEqual(arena.phase, "ints")
            with self.assertRaises(KeyError):
                await arena.set_phase_async("nonsense")
        self.run_loop(main())

    def test_signals_arrive(self):
        async def main():
            seen = asyncio.Queue()
            self.view.connect("locked", lambda view, offset, n_bytes, mode, pid: seen.put_nowait(("locked", mode, pid)))
            self.view.connect("unlocked", lambda view, offset, n_bytes, mode: seen.put_nowait(("unlocked", mode)))
            self.arena.connect("changed", lambda arena, offset, n_bytes: seen.put_nowait(("changed", offset, n_bytes)))
            child = await self.hold_elsewhere(then="guard.held and guard.unlock(); arena.create_view('i4', 8, 2).announce()")
            self.assertEqual(await seen.get(), ("locked", MODE.EXCLUSIVE, child.pid))
            self.tell(child)
            self.assertEqual({await seen.get(), await seen.get()}, {("unlocked", MODE.EXCLUSIVE), ("changed", 8, 8)})
        self.run_loop(main())

    def test_introspected_methods_are_still_there(self):
        async def main():
            ready = asyncio.get_running_loop().create_future()
            self.view.attach()
            self.view.lock_async(MODE.EXCLUSIVE, -1, None, lambda view, result, data: ready.set_result((result, data)), "data")
            result, data = await ready
            self.assertTrue(self.view.lock_finish(result))
            self.assertEqual(data, "data")
            self.view.unlock()
        self.run_loop(main())


class AsyncioTest(CommonTests, pythontest.TestCase):
    """asyncio's own loop."""

    def new_loop(self):
        self.readers = Readers()
        return asyncio.SelectorEventLoop(self.readers)

    def test_one_reader_serves_an_arena(self):
        async def main():
            async with self.view.lock_async():
                pass
            self.assertEqual(self.readers.count(), 0)
            with self.same.lock():
                requests = [asyncio.ensure_future(view.lock_async(shared=True)) for view in (self.view, self.view[1:])]
                await asyncio.sleep(0)
                self.assertEqual(self.readers.count(), 1)
            for request in requests:
                (await request).unlock()
            self.view.connect("locked", pythontest.ignore)
            self.arena.connect("changed", pythontest.ignore)
            self.assertEqual(self.readers.count(), 1)
            self.arena.close()
            self.assertEqual(self.readers.count(), 0)
        self.run_loop(main())

    def test_reader_goes_with_the_last_region(self):
        async def main():
            view = self.arena.create_view("i4")
            view.connect("locked", pythontest.ignore)
            self.assertEqual(self.readers.count(), 1)
            del view
            gc.collect()
            self.assertEqual(self.readers.count(), 0)

            view = self.arena.create_view("i4")
            view.connect("locked", pythontest.ignore)
            views = [view]
            del view
            thread = threading.Thread(target=views.clear)
            thread.start()
            thread.join()
            await asyncio.sleep(0)
            self.assertEqual(self.readers.count(), 0)
        self.run_loop(main())

    def test_fork_leaves_the_reader_to_the_parent(self):
        async def main():
            changed = asyncio.Event()
            self.view.connect("changed", lambda *arguments: changed.set())
            child = os.fork()
            if child == 0:
                self.arena.close()
                os._exit(0)
            self.assertEqual(os.waitpid(child, 0), (child, 0))
            self.same.announce()
            await changed.wait()
        self.run_loop(main())

    def test_loops_leave_no_descriptors(self):
        async def main():
            self.view.connect("locked", pythontest.ignore)
            async with self.view.lock_async():
                pass
        self.run_loop(main())
        gc.collect()
        before = pythontest.count_descriptors()
        for _ in range(5):
            self.run_loop(main())
        del self.readers
        gc.collect()
        self.assertLessEqual(pythontest.count_descriptors(), before)


@unittest.skipIf(GLibEventLoopPolicy is None, "this PyGObject has no event loop for asyncio")
class GLibLoopTest(CommonTests, pythontest.TestCase):
    """PyGObject's loop."""

    def new_loop(self):
        return GLibEventLoopPolicy().get_event_loop()


@unittest.skipIf(GLibEventLoopPolicy is None, "this PyGObject has no event loop for asyncio")
class GLibLoopElsewhereTest(CommonTests, pythontest.TestCase):
    """PyGObject's loop for another context than that of the views."""

    def new_loop(self):
        return GLibEventLoopPolicy().new_event_loop()


if __name__ == "__main__":
    tap.main()
