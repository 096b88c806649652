# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the Python binding share."""

import contextlib
import gc
import itertools
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

import gi

gi.require_version("Tbuf", "1")

from gi.repository import GLib, Tbuf  # noqa: E402

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float16", "float32", "float64", "complex64", "complex128"]

_numbers = itertools.count()

CHILD_PRELUDE = """
import sys, gi
gi.require_version("Tbuf", "1")
from gi.repository import GLib, Tbuf
"""


def phased_layout():
    """A and B are live in "floats", D in "ints", always in both."""
    return (Tbuf.Layout()
            .add_phase("floats")
            .add_phase("ints")
            .add("A", (4, 6), "f8", phases=("floats", "floats"))
            .add("B", 10, "f4", phases="floats")
            .add("D", 20, "i4", phases="ints")
            .add("always", 3, "u1"))


class TestCase(unittest.TestCase):
    def name(self):
        """A name for an arena, which is gone when the test ends."""
        name = f"tbuf-python-test-{os.getpid()}-{next(_numbers)}"

        def unlink():
            try:
                Tbuf.Arena.unlink(name)
            except FileNotFoundError:
                pass

        self.addCleanup(unlink)
        return name

    def assertGError(self, error, python_class, code):
        """That the exception is Python's own and the GError."""
        self.assertIsInstance(error, python_class)
        self.assertIsInstance(error, GLib.Error)
        self.assertTrue(error.matches(Tbuf.error_quark(), code), f"{error!r} has the code {error.code}")
        self.assertTrue(str(error))

    def assertRaisesGError(self, python_class, code, call, *args, **kwargs):
        with self.assertRaises(python_class) as context:
            call(*args, **kwargs)
        self.assertGError(context.exception, python_class, code)
        return context.exception

    @contextlib.contextmanager
    def program(self, text):
        """The path of a file that holds a program, for as long as the block runs."""
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(text)
            file.flush()
            yield file.name

    def start(self, program, *args, **kwargs):
        """Another Python process, with Tbuf imported, whose pipes are text lines."""
        child = subprocess.Popen([sys.executable, "-u", "-c", CHILD_PRELUDE + textwrap.dedent(program), *args],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **kwargs)

        def stop():
            if child.poll() is None:
                child.kill()
            child.wait()
            for pipe in child.stdin, child.stdout, child.stderr:
                if pipe:
                    pipe.close()

        self.addCleanup(stop)
        return child


def ignore(*arguments):
    """For signals of which only the connection matters."""


def count_descriptors():
    return len(os.listdir("/proc/self/fd"))


def count_mappings():
    """The mappings of arenas in this process."""
    with open("/proc/self/maps") as maps:
        return sum("memfd:" in line or "/dev/shm/" in line for line in maps)


def collect():
    """Everything that is garbage, also what is found only once what held it is gone."""
    for _ in range(3):
        gc.collect()
