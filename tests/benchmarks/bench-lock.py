#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later

import fcntl
import multiprocessing
import tempfile
import time

import gi

gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

import bench


def time_loop(loop, n):
    def measure():
        count = bench.scale(n)
        start = time.perf_counter_ns()
        loop(count)
        return (time.perf_counter_ns() - start) / count

    return measure


def main():
    bench.init("Locks from Python")
    arena = Tbuf.Arena.new(4096)
    view = Tbuf.Int32View.new(arena, 0, 16)
    mutex = multiprocessing.Lock()
    file = tempfile.TemporaryFile()

    def lock_view(n):
        for _ in range(n):
            with view.lock():
                pass

    def lock_mutex(n):
        for _ in range(n):
            with mutex:
                pass

    def lock_file(n):
        for _ in range(n):
            fcntl.lockf(file, fcntl.LOCK_EX, 64)
            fcntl.lockf(file, fcntl.LOCK_UN, 64)

    table = bench.Table("a with statement, nobody else wants it", "ns")
    table.add("with view.lock()", time_loop(lock_view, 50_000))
    table.add("with multiprocessing.Lock()", time_loop(lock_mutex, 50_000))
    table.add("fcntl.lockf, locked and unlocked", time_loop(lock_file, 20_000))
    table.run()
    bench.at_most("view.lock() / multiprocessing.Lock()",
                  table["with view.lock()"] / table["with multiprocessing.Lock()"], 1.0, "×")
    bench.finish()


main()
