# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python process of four-languages.py, which says what it has to do. Its type is float32."""

import sys

import gi
import numpy as np

gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

FIRST_BATON = 16
FIRST_BYTE = 64
RELAY_BYTES = 64
TIMEOUT_US = 10_000_000

arena = Tbuf.Arena.open(sys.argv[1], Tbuf.ArenaFlags.NONE)
n_bytes = arena.get_size() - FIRST_BYTE


def expected(turn, n):
    return (turn * 31 + np.arange(n) * 7) % 1000


def turn(turn):
    own = Tbuf.Float32View.new(arena, FIRST_BYTE, n_bytes // 4)
    with own.lock(timeout=10):
        theirs = np.asarray(Tbuf.Int32View.new(arena, FIRST_BYTE, n_bytes // 4))
        wrong = np.flatnonzero(theirs != expected(turn - 1, theirs.size))
        if wrong.size > 0:
            return f"turn {turn}: int32 item {wrong[0]} is {theirs[wrong[0]]}"
        np.asarray(own)[:] = expected(turn, len(own))
    return "ok"


def total():
    view = Tbuf.Uint8View.new(arena, FIRST_BYTE, n_bytes)
    with view.lock(shared=True, timeout=10):
        items = np.asarray(view)
        return f"ok {np.sum(items * np.arange(1, items.size + 1))}"


def count(n):
    view = Tbuf.Int64View.new(arena, 0, 1)
    item = np.asarray(view)
    for _ in range(n):
        with view.lock(timeout=10):
            item[0] += 1
    return "ok"


def relay(me, n, previous, n_rounds):
    batons = Tbuf.Uint32View.new(arena, FIRST_BATON, n)
    own = Tbuf.Float32View.new(arena, FIRST_BYTE, RELAY_BYTES // 4)
    ours = np.asarray(own)
    dtype = getattr(Tbuf.Dtype, previous.upper())
    theirs = np.asarray(arena.create_view(dtype, FIRST_BYTE, RELAY_BYTES // Tbuf.dtype_get_item_size(dtype)))
    steps = np.arange(RELAY_BYTES) * 7
    following = (me + 1) % n

    for round in range(1, n_rounds + 1):
        number = (round - 1) * n + me
        while (baton := batons.atomic_load(me)) != round:
            batons.atomic_wait(me, baton, TIMEOUT_US, None)
        with own.lock(timeout=10):
            if number > 0 and not np.array_equal(theirs, ((number - 1) * 31 + steps[:theirs.size]) % 1000):
                return f"turn {number}: {previous} items are {theirs}"
            ours[:] = (number * 31 + steps[:ours.size]) % 1000
        batons.atomic_store(following, round + (following == 0))
        batons.atomic_notify(following)
    return "ok"


commands = {"turn": turn, "sum": total, "count": count, "relay": relay}
for line in iter(sys.stdin.readline, ""):
    command, *words = line.split()
    print(commands[command](*(int(word) if word.isdecimal() else word for word in words)), flush=True)
