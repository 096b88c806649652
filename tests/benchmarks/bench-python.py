#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later

import fcntl
import multiprocessing
import os
import tempfile
import time
from multiprocessing.shared_memory import SharedMemory

import gi

gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

import numpy as np

import bench

SHAPE = 480, 640


def time_loop(loop, n):
    def measure():
        count = bench.scale(n)
        start = time.perf_counter_ns()
        loop(count)
        return (time.perf_counter_ns() - start) / count

    return measure


def compare(title, ours, theirs, *others, n):
    """A table of what a loop costs, and the target: ours is not more than theirs. Each is (label, loop)."""
    table = bench.Table(title, "ns")
    for label, loop in (ours, theirs, *others):
        table.add(label, time_loop(loop, n))
    table.run()
    bench.at_most(f"{ours[0]} / {theirs[0]}", table[ours[0]] / table[theirs[0]], 1.0, "×")


def measure_arrays(arena, memory):
    dtype = np.dtype("f4")

    def ours(n):
        for _ in range(n):
            np.asarray(arena["A"])

    def theirs(n):
        for _ in range(n):
            np.ndarray(SHAPE, dtype, buffer=memory.buf)

    def by_method(n):
        for _ in range(n):
            arena["A"].numpy()

    def by_buffer(n):
        for _ in range(n):
            memoryview(arena["A"])

    compare("a numpy array over shared memory", ("np.asarray(arena['A'])", ours), ("np.ndarray(shape, dtype, shm.buf)", theirs),
            ("arena['A'].numpy()", by_method), ("memoryview(arena['A'])", by_buffer), n=20_000)


def measure_attaching(arena, memory):
    def ours(n):
        for _ in range(n):
            Tbuf.Arena.open(arena.name)

    def ours_to_read(n):
        for _ in range(n):
            Tbuf.Arena.open(arena.name, Tbuf.READ_ONLY)

    def theirs(n):
        for _ in range(n):
            SharedMemory(memory.name).close()

    compare("attach by name, and detach", ("Tbuf.Arena.open(name)", ours), ("SharedMemory(name)", theirs),
            ("Tbuf.Arena.open(name, READ_ONLY)", ours_to_read), n=500)


def measure_items(arena):
    view = arena.create_view("i4", 0, 64)
    array = multiprocessing.Array("i", 64)
    raw = multiprocessing.RawArray("i", 64)

    def get(items):
        def loop(n):
            for _ in range(n):
                items[7]
        return loop

    def put(items):
        def loop(n):
            for _ in range(n):
                items[7] = 7
        return loop

    compare("get an item", ("view[i]", get(view)), ("multiprocessing.Array[i]", get(array)),
            ("multiprocessing.RawArray[i]", get(raw)), n=50_000)
    compare("set an item", ("view[i] = x", put(view)), ("multiprocessing.Array[i] = x", put(array)),
            ("multiprocessing.RawArray[i] = x", put(raw)), n=50_000)


def measure_locks(arena):
    view = arena.create_view("i4", 0, 64)
    mutex = multiprocessing.Lock()

    def ours(n):
        for _ in range(n):
            with view.lock():
                pass

    def theirs(n):
        for _ in range(n):
            with mutex:
                pass

    with tempfile.TemporaryFile() as file:
        def by_file(n):
            for _ in range(n):
                fcntl.lockf(file, fcntl.LOCK_EX, 64)
                fcntl.lockf(file, fcntl.LOCK_UN, 64)

        compare("lock and unlock what nobody else wants", ("with view.lock()", ours), ("with multiprocessing.Lock()", theirs),
                ("fcntl.lockf", by_file), n=20_000)


def main():
    bench.init("Shared memory from Python")
    layout = Tbuf.Layout().add("A", SHAPE, "f4")
    arena = Tbuf.Arena.new_for_layout(layout, f"tbuf-bench-{os.getpid()}")
    memory = SharedMemory(create=True, size=arena.size)
    try:
        if bench.wants("arrays"):
            measure_arrays(arena, memory)
        if bench.wants("attach"):
            measure_attaching(arena, memory)
        if bench.wants("items"):
            measure_items(arena)
        if bench.wants("locks"):
            measure_locks(arena)
    finally:
        memory.close()
        memory.unlink()
    bench.finish()


main()
