# SPDX-License-Identifier: LGPL-2.1-or-later
"""A coroutine that reads what another process writes: it learns by signals that the writer has the lock, and that there
are new readings, and its event loop is free for others all the while."""

import asyncio
import os
import sys

import gi
gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

import numpy as np

N_ROUNDS = 4


def make_layout() -> Tbuf.Layout:
    return Tbuf.Layout().add("readings", 1000, np.float32).add("steps", 1, np.int32)


# The writer, in a process of its own.

def wait_for_step(steps: Tbuf.Int32View, step: int) -> None:
    """Until the reader has come so far."""
    while (current := steps.atomic_load(0)) < step:
        steps.atomic_wait(0, current)


def write(name: str) -> None:
    arena = Tbuf.Arena.open(name)
    readings = arena["readings"]
    steps = Tbuf.Int32View.lookup(arena, "steps")
    for number in range(N_ROUNDS):
        with readings.lock():
            wait_for_step(steps, 2 * number + 1)
            readings[...] = np.linspace(number, number + 1, readings.size)
        readings.announce()
        wait_for_step(steps, 2 * number + 2)


# The reader.

async def read(arena: Tbuf.Arena) -> None:
    readings = arena["readings"]
    steps = Tbuf.Int32View.lookup(arena, "steps")
    events: asyncio.Queue[str] = asyncio.Queue()

    def on_locked(view: Tbuf.View, offset: int, n_bytes: int, mode: Tbuf.LockMode, pid: int) -> None:
        if mode == Tbuf.LockMode.EXCLUSIVE:
            events.put_nowait("locked")

    def on_changed(view: Tbuf.View, offset: int, n_bytes: int) -> None:
        events.put_nowait("changed")

    readings.connect("locked", on_locked)
    readings.connect("changed", on_changed)
    writer = await asyncio.create_subprocess_exec(sys.executable, __file__, arena.name or "")

    n_read = 0
    while n_read < N_ROUNDS:
        if await events.get() == "locked":
            print(f"round {n_read}: the writer is at work")
        else:
            async with readings.lock_async(shared=True):
                print(f"round {n_read}: the mean is {np.mean(readings.numpy()):.2f}")
            n_read += 1
        steps.atomic_add(0, 1)
        steps.atomic_notify(0)
    await writer.wait()


async def count(ticks: list[int]) -> None:
    """What else the loop has to do."""
    while True:
        ticks[0] += 1
        await asyncio.sleep(0.001)


async def main() -> None:
    ticks = [0]
    counter = asyncio.create_task(count(ticks))
    with Tbuf.Arena.new_for_layout(make_layout(), f"readings-{os.getpid()}") as arena:
        await read(arena)
    counter.cancel()
    print("Meanwhile, the loop did other things" if ticks[0] > N_ROUNDS else "Meanwhile, the loop was blocked")


if len(sys.argv) > 1:
    write(sys.argv[1])
else:
    asyncio.run(main())
