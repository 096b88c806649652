# SPDX-License-Identifier: LGPL-2.1-or-later
"""One buffer of 10 bytes, seen as int8, int16 and int32 at once, while another
process writes to it. The same program stands beside this file in C, JavaScript
and Vala, and all of them print the same."""

import os
import subprocess
import sys

import gi
gi.require_version("Tbuf", "1")
from gi.repository import GLib, Tbuf

N_BYTES = 10
LITTLE = Tbuf.ByteOrder.LITTLE  # said, so that the bytes are the same on every machine


def set_items(name: str) -> None:
    """What the other process does: it opens the arena by its name and sets each int16 item to its index."""
    arena = Tbuf.Arena.open(name, Tbuf.ArenaFlags.NONE)
    items = Tbuf.Int8View.new(arena, 0, N_BYTES).cast(Tbuf.Dtype.INT16, LITTLE)
    with items.lock():
        for i in range(len(items)):
            items[i] = i


def show(name: str) -> None:
    arena = Tbuf.Arena.create(name, N_BYTES, Tbuf.ArenaFlags.NONE)

    # Three views of the same bytes; two int32 fit into the first eight of them.
    int8s = Tbuf.Int8View.new(arena, 0, N_BYTES)
    int16s = int8s.cast(Tbuf.Dtype.INT16, LITTLE)
    int32s = int8s[0:8].cast(Tbuf.Dtype.INT32, LITTLE)
    print(f"One buffer of {arena.get_size()} bytes: {len(int8s)} int8, {len(int16s)} int16, {len(int32s)} int32")

    subprocess.run([sys.executable, __file__, name], check=True)

    print("Another process has set the int16 items to their index")
    with arena.lock(shared=True):
        print("int8: ", *int8s)
        print("int16:", *int16s)
        print("int32:", *int32s, end=f", sum {sum(int32s)}\n")

    # Not every range of bytes can be seen as every type.
    for n in (3, 2):
        try:
            seen = int8s[0:n].cast(Tbuf.Dtype.INT16, LITTLE)
            print(f"{n} bytes as int16: {len(seen)} item")
        except GLib.Error as refusal:
            print(f"{n} bytes as int16: {refusal.message}")


if len(sys.argv) > 1:
    set_items(sys.argv[1])
else:
    show(f"overlap-{os.urandom(4).hex()}")
