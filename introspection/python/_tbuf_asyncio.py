# SPDX-License-Identifier: LGPL-2.1-or-later
"""Locks, phases and signals under asyncio.

The library delivers through GLib's main loop, which asyncio's own loops never run. Each loop that needs it gets a reader
instead: it waits for the arena's event descriptor, and dispatches. PyGObject's loop is GLib's, and needs none.
"""

import asyncio
import os
import select
import sys
import threading
import weakref

from gi.repository import Gio, GLib

# How long to wait for the end of a call that was cancelled: the watcher ends it within a few.
_ABANDON_MS = 1000

# The readers of each loop, by the address of the arena: one for each mapping.
_readers = weakref.WeakKeyDictionary()


def _runs_glib(loop):
    """Whether the loop runs the main context in which the library delivers by itself."""
    events = sys.modules.get("gi.events")
    return (events is not None and isinstance(loop, events.GLibEventLoop) and
            hash(loop._context) == hash(GLib.MainContext.ref_thread_default()))


class _Reader:
    """What delivers the signals and results of one arena through one loop.

    It lives for as long as anyone is interested: a region that still exists and was connected, or a call that is not over.
    It has a copy of the descriptor, so that the loop never waits for a number that means something else by now.
    """

    def __init__(self, loop, region):
        self.address = region.arena.address
        self.fd = os.dup(region.arena.get_event_fd())
        self.loop = weakref.ref(loop)
        self.thread = threading.get_ident()
        self.regions = {}  # id → weak reference
        self.calls = set()  # of regions, held until the call is over
        self.closing = False
        loop.add_reader(self.fd, self.dispatch)
        _readers.setdefault(loop, {})[self.address] = self

    def add_region(self, region):
        key = id(region)
        if key not in self.regions:
            self.regions[key] = weakref.ref(region, lambda reference: self.drop_region(key))

    def drop_region(self, key):
        self.regions.pop(key, None)
        self.stop_if_idle()

    def end_call(self, call):
        self.calls.discard(call)
        self.stop_if_idle()

    def close(self):
        """The arena was closed: those who wait are told, and then it is over."""
        self.closing = True
        self.stop_if_idle()

    def stop_if_idle(self):
        if self.calls or (self.regions and not self.closing):
            return
        loop = self.loop()
        if loop is not None and _readers.get(loop, {}).get(self.address) is self:
            # From now on, the address may be that of another arena.
            del _readers[loop][self.address]
        if loop is None or loop.is_closed() or threading.get_ident() == self.thread:
            self.stop()
        else:
            # What lived last was collected in another thread.
            try:
                loop.call_soon_threadsafe(self.stop)
            except RuntimeError:
                self.stop()

    def stop(self):
        fd, self.fd = self.fd, -1
        loop = self.loop()
        if fd >= 0:
            if loop is not None and not loop.is_closed():
                loop.remove_reader(fd)
            os.close(fd)

    def leave_to_parent(self):
        """After a fork, the loop's set of descriptors is still that of the parent, whose reader would go."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self):
        # The loop went without a word.
        if self.fd >= 0:
            os.close(self.fd)

    def dispatch(self):
        region = next((call.region for call in self.calls), None)
        if region is None:
            region = next(filter(None, (reference() for reference in self.regions.values())), None)
        if region is not None:
            region.arena.dispatch()


def _get_reader(loop, region):
    readers = _readers.get(loop, {})
    arena = region.arena
    reader = readers.get(arena.address)
    return reader if reader is not None else _Reader(loop, region)


def _after_fork():
    for readers in list(_readers.values()):
        for reader in readers.values():
            reader.leave_to_parent()
    _readers.clear()


os.register_at_fork(after_in_child=_after_fork)


def attach(region, loop=None):
    """Deliver the signals of a region through the loop, the running one if none is named."""
    if loop is None:
        loop = asyncio._get_running_loop()
    if loop is not None and not _runs_glib(loop) and region.address != 0 and not region.arena.closed:
        _get_reader(loop, region).add_region(region)


def close(arena):
    for readers in list(_readers.values()):
        reader = readers.get(arena.address)
        if reader is not None:
            reader.close()


class _Call:
    """One of the library's asynchronous calls, from its start to its end.

    Until somebody asks the library for what came of it, a lock that was granted goes with the result.
    """

    def __init__(self, region):
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.region = region
        self.over = False
        self.abandoned = False
        self.result = None
        self.cancellable = Gio.Cancellable()
        self.future = self.loop.create_future()
        self.reader = None if _runs_glib(self.loop) else _get_reader(self.loop, region)
        if self.reader is not None:
            self.reader.calls.add(self)

    def on_ready(self, source, result, *data):
        if threading.get_ident() == self.thread:
            self.deliver(result)
        else:
            # A main loop of GLib in another thread was faster.
            self.loop.call_soon_threadsafe(self.deliver, result)

    def deliver(self, result):
        self.over = True
        if self.reader is not None:
            self.reader.end_call(self)
        if not self.abandoned:
            self.result = result
            self.future.set_result(None)

    def abandon(self):
        """Nobody waits any more, and no loop runs: see to it that nothing stays behind."""
        self.abandoned = True
        self.result = None
        self.cancellable.cancel()
        if self.reader is not None and self.reader.fd >= 0:
            poll = select.poll()
            poll.register(self.reader.fd, select.POLLIN)
            while not self.over and poll.poll(_ABANDON_MS):
                self.region.arena.dispatch()


async def run(region, start, finish):
    """Await an asynchronous call of the library.

    It is cancelled with the task that awaits it; if it succeeded all the same, the library undoes it.
    """
    call = _Call(region)
    start(call.cancellable, call.on_ready)
    try:
        await asyncio.shield(call.future)
    except asyncio.CancelledError:
        call.cancellable.cancel()
        while not call.future.done():
            try:
                await asyncio.shield(call.future)
            except asyncio.CancelledError:
                pass
        # The traceback keeps the call.
        call.result = None
        raise
    except GeneratorExit:
        call.abandon()
        raise
    return finish(call.result)


class LockRequest:
    """A lock that is asked for: `await` gives the Guard that holds it, `async with` holds it for a block."""

    def __init__(self, acquire):
        self._acquire = acquire
        self._guard = None

    def __await__(self):
        return self._acquire().__await__()

    async def __aenter__(self):
        self._guard = await self
        return self._guard

    async def __aexit__(self, *exception):
        self._guard.__exit__(*exception)


def lock(region, mode, timeout_us):
    def start(cancellable, callback):
        region.lock_async(mode, timeout_us, cancellable, callback)

    def finish(result):
        region.lock_finish(result)
        return False

    return _request(region, start, finish)


def recover(region, timeout_us):
    def start(cancellable, callback):
        region.recover_async(timeout_us, cancellable, callback)

    def finish(result):
        _success, was_abandoned = region.recover_finish(result)
        return was_abandoned

    return _request(region, start, finish)


def _request(region, start, finish):
    async def acquire():
        return region._guard(await run(region, start, finish))
    return LockRequest(acquire)


async def set_phase(arena, phase, timeout_us):
    """Enter a phase. It cannot be undone: who cancels too late finds it entered."""
    await run(arena, lambda cancellable, callback: arena.set_phase_async(phase, timeout_us, cancellable, callback),
              arena.set_phase_finish)
