# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pipeline of images: workers draw frames, smooth them and find what is in them. They hand each other views of shared
memory, so that no pixel is copied between the processes; and what one stage needs lies where an earlier stage had what
nobody needs any more."""

from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

import gi
gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

import numpy as np

HEIGHT, WIDTH = 240, 320
RADIUS = 20
N_FRAMES = 12
N_SLOTS = 3  # so many frames are under way at a time


def make_layout() -> Tbuf.Layout:
    return (Tbuf.Layout()
            .add_phase("draw").add_phase("smooth").add_phase("find")
            .add("frame", (HEIGHT, WIDTH, 3), np.uint8, phases=("draw", "smooth"))
            .add("gray", (HEIGHT, WIDTH), np.float32, phases=("smooth", "find"))
            .add("edges", (HEIGHT, WIDTH), np.float32, phases="find")
            .plan())


def where(number: int) -> tuple[int, int]:
    """The row and column of the disc in a frame."""
    return 60 + 10 * number, 40 + 20 * number


# The stages, each of which runs in some worker.

def draw(slot: Tbuf.Arena, number: int) -> None:
    slot.phase = "draw"
    with slot["frame"].lock():
        frame = slot["frame"].numpy()
        row, column = where(number)
        rows, columns = np.ogrid[:HEIGHT, :WIDTH]
        frame[...] = 30, 60, 90
        frame[(rows - row) ** 2 + (columns - column) ** 2 <= RADIUS ** 2] = 250, 240, 200


def smooth(slot: Tbuf.Arena, number: int) -> None:
    slot.phase = "smooth"
    with slot["frame"].lock(shared=True), slot["gray"].lock():
        gray = slot["gray"].numpy()
        np.mean(slot["frame"].numpy(), axis=2, out=gray)
        gray[1:-1] = (gray[:-2] + gray[1:-1] + gray[2:]) / 3
        gray[:, 1:-1] = (gray[:, :-2] + gray[:, 1:-1] + gray[:, 2:]) / 3


def find(slot: Tbuf.Arena, number: int) -> tuple[float, float]:
    slot.phase = "find"
    with slot["gray"].lock(shared=True), slot["edges"].lock():
        edges = slot["edges"].numpy()
        down, right = np.gradient(slot["gray"].numpy())
        np.hypot(down, right, out=edges)
        rows, columns = np.nonzero(edges > edges.max() / 2)
        return float(rows.mean()), float(columns.mean())


STAGES = draw, smooth, find


def run() -> None:
    layout = make_layout()
    slots = [Tbuf.Arena.new_for_layout(layout) for _ in range(N_SLOTS)]
    print(f"{N_SLOTS} slots of {layout.size:,} bytes each; without sharing bytes, {layout.unshared_size:,}")

    found: dict[int, tuple[float, float]] = {}
    numbers = iter(range(N_FRAMES))
    with ProcessPoolExecutor(2) as executor:
        at_work: dict[Future[tuple[float, float] | None], tuple[Tbuf.Arena, int, int]] = {}

        def start(slot: Tbuf.Arena, number: int | None, stage: int) -> None:
            if number is not None:
                at_work[executor.submit(STAGES[stage], slot, number)] = slot, number, stage

        for slot in slots:
            start(slot, next(numbers, None), 0)
        while at_work:
            for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                slot, number, stage = at_work.pop(future)
                result = future.result()
                if result is None:
                    start(slot, number, stage + 1)
                else:
                    found[number] = result
                    start(slot, next(numbers, None), 0)

    for number, (row, column) in sorted(found.items()):
        print(f"frame {number:2}: drawn at {where(number)}, found at ({row:.0f}, {column:.0f})")


if __name__ == "__main__":
    run()
