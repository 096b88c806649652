#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a wave that moves, as fast as scope.js, which is another process, shows it.

wave.py NAME FRAMES: makes an arena of this NAME, says so, and writes so many FRAMES.
"""

import sys

import gi
import numpy as np

gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

N_SAMPLES = 256


def wave(frame):
    x = np.arange(N_SAMPLES) / N_SAMPLES
    return np.sin(2 * np.pi * (3 * x - frame / 12)) * (0.2 + 0.7 * x)


def main(name, n_frames):
    layout = Tbuf.Layout()
    layout.add("samples", N_SAMPLES, "f4")
    layout.add("frame", 1, "u4")
    layout.add("shown", 1, "u4")
    arena = Tbuf.Arena.new_for_layout(layout, name)
    print("The arena is", name, flush=True)

    samples, shown = arena["samples"], arena["shown"]
    for frame in range(1, n_frames + 1):
        with samples.lock():
            np.asarray(samples)[:] = wave(frame)
            arena["frame"][0] = frame
        samples.announce()
        while (last := shown.atomic_load(0)) != frame:
            shown.atomic_wait(0, last, timeout=30)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
