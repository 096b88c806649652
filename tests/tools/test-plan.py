#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tbuf plan, as the shell sees it."""

import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../introspection/python"))

import tap  # noqa: E402

THREE = "id,lower,upper,size\nimage,0,2,3000\nedges,1,3,1000\nshapes,2,4,3000\n"


class PlanTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def run_tbuf(self, *args, **kwargs):
        return subprocess.run(["tbuf", "plan", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8"}, **kwargs)

    def solved(self, *args, status=0, **kwargs):
        """What it prints, by its names."""
        done = self.run_tbuf(*args, **kwargs)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(bool(done.stderr), status != 0)
        return {key: value.strip() for key, value in (line.split(":") for line in done.stdout.splitlines())}

    def fails(self, status, *args, **kwargs):
        done = self.run_tbuf(*args, **kwargs)
        self.assertEqual((done.returncode, done.stdout), (status, ""))
        self.assertIn("tbuf", done.stderr)
        return done.stderr

    def test_says_how_good_it_is(self):
        said = self.solved(self.path("three.csv", THREE))
        self.assertEqual(list(said), ["buffers", "height", "lower bound", "gap", "proven", "method", "time"])
        self.assertEqual([said[key] for key in ("buffers", "height", "lower bound", "gap", "proven")],
                         ["3", "4000", "4000", "0.00 %", "yes"])
        self.assertTrue(said["method"])
        self.assertRegex(said["time"], r"^\d+\.\d{3} s$")

    def test_reads_the_standard_input(self):
        self.assertEqual(self.solved("-", input=THREE)["height"], "4000")

    def test_writes_the_offsets(self):
        output = self.path("solved.csv")
        self.solved(self.path("three.csv", THREE), "--output", output)
        with open(output, newline="", encoding="utf-8") as file:
            rows = {row["id"]: {key: int(row[key]) for key in row if key != "id"} for row in csv.DictReader(file)}
        self.assertEqual(list(rows), ["image", "edges", "shapes"])
        self.assertEqual(max(row["offset"] + row["size"] for row in rows.values()), 4000)
        # What is fixed already is only verified.
        self.assertEqual(self.solved(output)["height"], "4000")

    def test_a_wrong_solution_is_refused(self):
        error = self.fails(1, self.path("wrong.csv", "id,lower,upper,size,offset\na,0,2,10,0\nb,1,3,10,9\n"))
        self.assertIn("\"a\" (10 bytes at offset 0", error)

    def test_draws_a_map(self):
        picture = self.path("map.svg")
        self.solved(self.path("named.csv", THREE.replace("edges", "\"<,>\"")), "--svg", picture, "--threads=1")
        root = xml.etree.ElementTree.parse(picture).getroot()
        titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
        self.assertIn("3 buffers in 4000 bytes", titles[0])
        self.assertTrue(any(title.startswith("<,>: 1000 bytes at offset ") for title in titles), titles)

    def test_capacity(self):
        path = self.path("three.csv", THREE)
        self.assertEqual(self.solved(path, "--capacity", "4000")["height"], "4000")
        error = self.fails(1, path, "--capacity", "3999")
        self.assertIn("3999 bytes is too small", error)
        self.assertIn("have 4000 bytes together", error)

    def test_no_time_is_enough(self):
        self.assertLessEqual(int(self.solved(self.path("three.csv", THREE), "--timeout", "0")["height"]), 7000)

    def test_tells_what_it_finds(self):
        done = self.run_tbuf(self.path("three.csv", THREE), "--verbose")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"^ +\d+\.\d{3} s  \d+\n")

    def test_bad_files_name_the_line(self):
        self.assertIn("Line 3 of ", self.fails(1, self.path("bad.csv", THREE.replace("1,3", "3,1"))))
        self.assertIn("Line 1 of ", self.fails(1, self.path("bad.csv", "a,b\n")))
        self.fails(1, self.path("missing.csv"))
        self.fails(1, self.folder)

    def test_bad_options(self):
        path = self.path("three.csv", THREE)
        for args in [], [path, path], [path, "--capacity=-1"], [path, "--timeout=-1"], [path, "--threads=-1"], \
                [path, "--timeout=nan"], [path, "--capacity=much"], [path, "--bogus"]:
            with self.subTest(args=args):
                self.fails(2, *args)

    def test_files_that_cannot_be_written_are_an_error(self):
        done = self.run_tbuf(self.path("three.csv", THREE), "--output", os.path.join(self.folder, "none", "x.csv"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("none", done.stderr)

    def test_an_interrupt_ends_the_search(self):
        # Hard enough to take for ever, and told to say when it has begun.
        generator = random.Random(1)
        lines = ["id,lower,upper,size"]
        for i in range(400):
            lower = generator.randrange(300)
            lines.append(f"b{i},{lower},{lower + generator.randrange(1, 60)},{generator.randrange(1, 100000)}")
        with subprocess.Popen(["tbuf", "plan", "--timeout=inf", "--verbose", self.path("hard.csv", "\n".join(lines))],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            child.stderr.readline()
            child.send_signal(signal.SIGINT)
            output, error = child.communicate()
        self.assertIn(child.returncode, (0, 1), error)
        self.assertIn("height:", output)


if __name__ == "__main__":
    tap.main()
