# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's Python process: numpy arrays over the memory that the other languages use."""

import sys

import gi
import numpy as np

gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

arena = Tbuf.Arena.open(sys.argv[1], Tbuf.ArenaFlags.NONE)


def say(*words: object) -> None:
    print(*words, flush=True)


def show(n_locks: int, what: str = "") -> None:
    """Say what was done, and hold the locks until the demo has seen them."""
    say("holding", n_locks, what)
    sys.stdin.readline()


def floats() -> None:
    with arena["A"].lock(), arena["B"].lock(), arena["C"].lock():
        A = np.asarray(arena["A"])
        B = np.asarray(arena["B"])
        C = np.asarray(arena["C"])
        A[:] = np.arange(A.size) % 1000
        B[:] = 0.5
        np.add(A, B, out=C)
        show(3, "A[i] = i % 1000, B[i] = 0.5, C = A + B")


def ints() -> None:
    with arena["D"].lock():
        D = np.asarray(arena["D"])
        D[:] = np.arange(D.size) % 1000
        show(1, "D[i] = i % 1000")


def check() -> None:
    """Sum up each array, each item times its place, so that the order counts too."""
    with arena.lock(shared=True):
        for name in ("A", "B", "C") if arena.get_phase() == "floats" else ("D", "E"):
            items = np.asarray(arena[name])
            if items.dtype.kind == "f":
                say("sum", name, f"{np.sum(items * np.arange(1, items.size + 1)):.1f}")
            else:
                places = np.arange(1, items.size + 1, dtype=np.uint64)
                say("sum", name, f"{np.sum(items.astype(np.uint64) * places):016x}")
        show(1)


turns = {"floats": floats, "ints": ints, "check": check}
for turn in iter(sys.stdin.readline, ""):
    turns[turn.strip()]()
    say("done")
