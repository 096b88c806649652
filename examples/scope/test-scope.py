# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the window shows what the other process writes: both run, and the pictures are compared with the wave.

test-scope.py FOLDER GJS: the FOLDER of the programs. Skipped where there is no GTK 4 or no Xvfb.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

import gi
import numpy as np

N_FRAMES = 8


def skip(reason):
    print("1..0 # SKIP", reason)
    raise SystemExit


def pixels(path):
    pixbuf = GdkPixbuf.Pixbuf.new_from_file(path)
    shape = pixbuf.get_height(), pixbuf.get_rowstride()
    rows = np.frombuffer(pixbuf.get_pixels().ljust(shape[0] * shape[1], b"\0"), "u1").reshape(shape)
    return rows[:, :pixbuf.get_width() * pixbuf.get_n_channels()].reshape(shape[0], pixbuf.get_width(), -1)


def differences(path, samples):
    """By how many pixels the middle of the line is off, at each sample, and how many columns have no line."""
    bright = pixels(path)[:, :, 1] > 127
    height, width = bright.shape
    columns = np.rint(np.arange(samples.size) * (width - 1) / (samples.size - 1)).astype(int)
    rows = np.arange(height)[:, None]
    line = bright[:, columns]
    middle = (line * rows).sum(axis=0) / np.maximum(line.sum(axis=0), 1)
    expected = (1 - samples) / 2 * (height - 1)
    return np.abs(middle - expected), int(np.count_nonzero(line.sum(axis=0) == 0))


@contextlib.contextmanager
def screen():
    """An X server that draws into memory. It picks a number that nobody has: tests may run side by side."""
    number_end, server_end = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(server_end), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
                              pass_fds=[server_end], stderr=subprocess.DEVNULL)
    os.close(server_end)
    with open(number_end, encoding="ascii") as file:
        number = file.readline().strip()
    try:
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def run(folder, gjs, pictures, display):
    """Ends well, or with what the programs said."""
    name = f"tbuf-scope-{os.getpid()}"
    writer = subprocess.Popen([sys.executable, os.path.join(folder, "wave.py"), name, str(N_FRAMES)],
                              stdout=subprocess.PIPE, text=True)
    if writer.stdout.readline() != f"The arena is {name}\n":
        return "the writer made no arena"
    scope = subprocess.run(
        [gjs, "-m", os.path.join(folder, "scope.js"), name, str(N_FRAMES), pictures],
        # Neither a graphics processor nor a desktop is there.
        env=os.environ | {"DISPLAY": display, "GDK_BACKEND": "x11", "GSK_RENDERER": "cairo", "GTK_A11Y": "none",
                          "GSETTINGS_BACKEND": "memory"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    if scope.returncode != 0:
        writer.kill()
        return f"the window ended with status {scope.returncode}: {scope.stdout}"
    return None if writer.wait(timeout=30) == 0 else "the writer failed"


def cases(folder, gjs, pictures):
    with screen() as display:
        problem = run(folder, gjs, pictures, display)
    yield "both programs end well", problem
    if problem:
        return

    sys.path.insert(0, folder)
    from wave import wave
    for frame in range(1, N_FRAMES + 1):
        path = os.path.join(pictures, f"frame-{frame}.png")
        if not os.path.exists(path):
            yield f"frame {frame} was shown", "there is no picture"
            continue
        off, n_missing = differences(path, wave(frame))
        # The line is two pixels wide, steeper ones cover more of a column, and ends are cut.
        yield (f"the line of frame {frame} is where the samples are",
               None if n_missing == 0 and off.max() < 2.5 else f"{off.max():.1f} pixels off, {n_missing} columns empty")
        others, _ = differences(path, wave(frame + 1))
        yield (f"frame {frame} is not the next one",
               None if others.max() > 5 else f"no more than {others.max():.1f} pixels from it")


if shutil.which("Xvfb") is None:
    skip("there is no Xvfb")
if subprocess.run([sys.argv[2], "-c", "imports.gi.versions.Gtk = '4.0'; imports.gi.Gtk"],
                  stderr=subprocess.DEVNULL).returncode != 0:
    skip("there is no GTK 4 for gjs")
try:
    gi.require_version("GdkPixbuf", "2.0")
    from gi.repository import GdkPixbuf
except (ImportError, ValueError):
    skip("there is no GdkPixbuf")

failed = False
with tempfile.TemporaryDirectory() as temporary:
    kept = os.environ.get("TBUF_SCOPE_PICTURES", temporary)
    for number, (title, wrong) in enumerate(cases(*sys.argv[1:3], kept), 1):
        failed |= wrong is not None
        print("not ok" if wrong else "ok", number, title)
        if wrong:
            print("#", wrong.replace("\n", "\n# "))
    print(f"1..{number}")
raise SystemExit(failed)
