#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tbuf command, as the shell sees it. Other tests make arenas at the same time: each case looks at its own."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../introspection/python"))

import tap  # noqa: E402
from pythontest import TestCase, Tbuf, phased_layout  # noqa: E402


def tbuf(*args, prefix=()):
    return subprocess.run([*prefix, "tbuf", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})


def exists(name):
    return os.path.exists(f"/dev/shm/{name}")


class ToolTestCase(TestCase):
    def output(self, *args, **kwargs):
        done = tbuf(*args, **kwargs)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def assertFails(self, status, *args):
        """What it says on stderr; nothing is on stdout."""
        done = tbuf(*args)
        self.assertEqual((done.returncode, done.stdout), (status, ""))
        self.assertIn("tbuf", done.stderr)
        return done.stderr

    def listed(self, name):
        """The cells of the arena's row after its name, or None."""
        lines = [line.split() for line in self.output("list").splitlines()]
        return next((line[1:] for line in lines if line[0] == name), None)

    def stale(self, size=100):
        name = self.name()
        child = self.start("""
            arena = Tbuf.Arena.create(sys.argv[1], int(sys.argv[2]))
            print("ready")
            sys.stdin.read()
            """, name, str(size))
        self.assertEqual(child.stdout.readline(), "ready\n")
        child.kill()
        child.wait()
        self.assertTrue(exists(name))
        return name

    def phased(self, flags=Tbuf.ArenaFlags.NONE):
        return Tbuf.Arena.new_for_layout(phased_layout(), self.name(), flags)


class ListTest(ToolTestCase):
    def test_has_a_row_for_each(self):
        arena = self.phased()
        self.assertEqual(self.listed(arena.name), [str(arena.size), "1", "used", "no", "floats"])
        arena.set_phase("ints")
        other = Tbuf.Arena.open(arena.name, Tbuf.READ_ONLY)
        self.assertEqual(self.listed(arena.name), [str(arena.size), "2", "used", "no", "ints"])
        del other

    def test_says_what_is_stale_and_what_is_kept(self):
        kept = self.name()
        self.assertEqual(self.listed(self.stale()), ["100", "0", "stale", "no", "-"])
        arena = Tbuf.Arena.create(kept, 50, Tbuf.KEEP)
        self.assertEqual(self.listed(kept), ["50", "1", "used", "yes", "-"])
        del arena
        self.assertEqual(self.listed(kept), ["50", "0", "unused", "yes", "-"])

    def test_passes_over_other_files(self):
        name = self.name()
        path = f"/dev/shm/{name}"
        with open(path, "w") as file:
            file.write("This is no arena.\n" * 1000)
        self.addCleanup(os.unlink, path)
        self.assertIsNone(self.listed(name))

    def test_has_columns(self):
        arena = self.phased()
        lines = self.output("list").splitlines()
        row = next(line for line in lines if line.startswith(arena.name + " "))
        self.assertEqual(lines[0].split(), ["NAME", "SIZE", "PARTICIPANTS", "STATE", "KEPT", "PHASE"])
        self.assertEqual(lines[0].index("STATE"), row.index("used"))
        self.assertEqual(lines[0].index("PHASE"), row.index("floats"))
        self.assertEqual(lines[0].index("SIZE") + len("SIZE"), row.index(f" {arena.size} ") + 1 + len(str(arena.size)))

    def test_changes_nothing(self):
        name = self.stale()
        before = os.stat(f"/dev/shm/{name}")
        self.listed(name)
        self.listed(name)
        after = os.stat(f"/dev/shm/{name}")
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))


class ShowTest(ToolTestCase):
    def shown(self, *args):
        """What it says of the arena, and of its arrays."""
        head, _, table = self.output("show", *args).partition("\n\n")
        facts = dict((part.strip() for part in line.split(":", 1)) for line in head.splitlines())
        heads, *rows = [line.split() for line in table.replace(", ", ",").splitlines()] or [[]]
        return facts, {row[0]: dict(zip(heads[1:], row[1:])) for row in rows}

    def test_describes_the_arena(self):
        arena = self.phased(Tbuf.KEEP)
        facts, _ = self.shown(arena.name)
        self.assertEqual(facts, {
            "name": arena.name, "size": str(arena.size), "unshared size": str(arena.layout.unshared_size),
            "participants": "1", "state": "used", "flags": "keep", "phase": "floats", "phases": "floats, ints",
            "lock": "free",
        })

    def test_describes_the_arrays(self):
        arena = self.phased()
        _, arrays = self.shown(arena.name)
        self.assertEqual(list(arrays), ["A", "B", "D", "always"])
        self.assertEqual(arrays["A"], {"DTYPE": "float64", "SHAPE": "(4,6)", "OFFSET": str(arena["A"].offset),
                                       "BYTES": "192", "PHASES": "floats", "LIVE": "yes", "LOCK": "free"})
        self.assertEqual(arrays["D"]["SHAPE"], "(20,)")
        self.assertEqual((arrays["D"]["PHASES"], arrays["D"]["LIVE"], arrays["D"]["LOCK"]), ("ints", "no", "-"))
        self.assertEqual((arrays["always"]["PHASES"], arrays["always"]["LIVE"]), ("always", "yes"))
        arena.set_phase("ints")
        _, arrays = self.shown(arena.name)
        self.assertEqual([arrays[name]["LIVE"] for name in arrays], ["no", "no", "yes", "yes"])

    def test_says_the_order_of_bytes_where_it_is_foreign(self):
        layout = Tbuf.Layout()
        foreign = ">f8" if sys.byteorder == "little" else "<f8"
        layout.add("x", (), foreign)
        arena = Tbuf.Arena.new_for_layout(layout, self.name())
        _, arrays = self.shown(arena.name)
        self.assertEqual((arrays["x"]["DTYPE"], arrays["x"]["SHAPE"]), (foreign, "()"))

    def test_says_what_is_locked(self):
        arena = self.phased()
        a, b = arena["A"], arena["B"]
        with a.lock(), b.lock(shared=True):
            facts, arrays = self.shown(arena.name)
        self.assertEqual(facts["lock"], "exclusive")
        self.assertEqual([arrays[name]["LOCK"] for name in ("A", "B", "always")], ["exclusive", "shared", "free"])

    def test_leaves_a_stale_arena_as_it_is(self):
        name = self.stale()
        for _ in range(2):
            facts, arrays = self.shown(name)
            self.assertEqual((facts["participants"], facts["state"], facts["flags"]), ("0", "stale", "-"))
            self.assertEqual(arrays, {})
            self.assertTrue(exists(name))

    def test_draws_the_layout(self):
        arena = self.phased()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "map.svg")
            self.shown("--svg", path, arena.name)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), arena.layout.to_svg())
            self.assertIn("missing/map.svg", tbuf("show", arena.name, "--svg", f"{folder}/missing/map.svg").stderr)

    def test_has_no_map_without_a_layout(self):
        arena = Tbuf.Arena.create(self.name(), 10)
        done = tbuf("show", arena.name, "--svg", "/nowhere.svg")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no layout", done.stderr)

    def test_needs_an_arena(self):
        missing = self.name()
        self.assertIn(missing, self.assertFails(1, "show", missing))
        self.assertIn("a/b", self.assertFails(1, "show", "a/b"))
        name = self.name()
        with open(f"/dev/shm/{name}", "w"):
            self.addCleanup(os.unlink, f"/dev/shm/{name}")
        self.assertIn("Not an arena", self.assertFails(1, "show", name))


class CleanTest(ToolTestCase):
    def test_removes_what_is_stale(self):
        names = [self.stale(10), self.stale(20)]
        self.assertEqual(self.output("clean", *names),
                         f"removed {names[0]} (10 bytes)\nremoved {names[1]} (20 bytes)\n")
        self.assertEqual([exists(name) for name in names], [False, False])

    def test_removes_nothing_in_a_dry_run(self):
        name = self.stale()
        arena = self.phased()
        self.assertEqual(self.output("clean", "--dry-run", name), f"would remove {name} (100 bytes)\n")
        everything = self.output("clean", "--dry-run").splitlines()
        self.assertIn(f"would remove {name} (100 bytes)", everything)
        self.assertFalse([line for line in everything if arena.name in line.split()])
        self.assertTrue(exists(name))

    def test_leaves_what_is_used_or_kept(self):
        arena = self.phased()
        kept = self.name()
        Tbuf.Arena.create(kept, 50, Tbuf.KEEP)
        stale = self.stale()
        missing = self.name()
        done = tbuf("clean", arena.name, kept, missing, stale)
        self.assertEqual((done.returncode, done.stdout), (1, f"removed {stale} (100 bytes)\n"))
        self.assertIn(f"“{arena.name}” is in use", done.stderr)
        self.assertIn(f"“{kept}” was created to be kept", done.stderr)
        self.assertIn(f"no arena “{missing}”", done.stderr)
        self.assertEqual([exists(name) for name in (arena.name, kept, stale)], [True, True, False])

    def test_removes_all_that_is_stale(self):
        """In a /dev/shm of its own, where nobody else's arenas are."""
        script = """
            set -e
            mount --make-rprivate /
            mount -t tmpfs tmpfs /dev/shm
            """
        prefix = ("unshare", "--map-root-user", "--mount", "sh", "-c")
        if subprocess.run([*prefix, script], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("needs to be allowed to mount")
        program = script + """
            "$1" -c '
            import os, gi
            gi.require_version("Tbuf", "1")
            from gi.repository import Tbuf
            for name in "one", "two":
                if os.fork() == 0:
                    arena = Tbuf.Arena.create(name, 8)
                    os.kill(os.getpid(), 9)
                os.wait()
            kept = Tbuf.Arena.create("kept", 8, Tbuf.ArenaFlags.KEEP)'
            touch /dev/shm/other
            tbuf clean
            tbuf clean
            ls /dev/shm
            """
        done = subprocess.run([*prefix, program.replace("\n            ", "\n"), "sh", sys.executable],
                              stdout=subprocess.PIPE, text=True)
        self.assertEqual(done.stdout, "removed one (8 bytes)\nremoved two (8 bytes)\nkept\nother\n")


class UsageTest(ToolTestCase):
    def test_is_explained(self):
        for args in ("--help",), ("-h",), ("help",):
            text = self.output(*args)
            for command in "list", "show", "clean":
                self.assertIn(f"\n  {command} ", text)
        for command in "list", "show", "clean":
            self.assertIn(f"tbuf {command}", self.output(command, "--help"))
        self.assertEqual(self.output("--version"), f"tbuf {Tbuf.MAJOR_VERSION}.{Tbuf.MINOR_VERSION}.{Tbuf.MICRO_VERSION}\n")

    def test_wrong_usage_is_2(self):
        for args in (), ("nonsense",), ("show",), ("show", "a", "b"), ("list", "a"), ("list", "--nonsense"), ("show", "--svg"):
            with self.subTest(args=args):
                self.assertFails(2, *args)

    def test_output_that_gets_lost_is_an_error(self):
        arena = self.phased()
        with open("/dev/full", "w") as full:
            done = subprocess.run(["tbuf", "show", arena.name], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not write", done.stderr)


if __name__ == "__main__":
    tap.main("tools")
