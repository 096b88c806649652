# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the demo shows what it promises. test-demo.py DEMO: DEMO is the program."""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

N = 100_000
LANGUAGES = ("Python", "gjs", "Vala")


def expected_sums():
    """What the programs do to the arrays, once more."""
    c = [i % 1000 + 0.5 for i in range(N)]
    for i in range(N // 2, N):
        c[i] = -c[i]
    for i in range(N // 2):
        c[i] *= 2 if i < N // 4 else 4
    d = [i % 1000 if i % 2 else -(i % 1000) for i in range(3 * N)]
    e = [2**53 + 1 + i if i % 2 else -(2**53 + 1 + i) for i in range(5 * N // 4)]

    def total(items):
        return sum(item * place for place, item in enumerate(items, 1))

    return {
        "A": f"{total(i % 1000 for i in range(N)):.1f}",
        "B": f"{total(0.5 for _ in range(N)):.1f}",
        "C": f"{total(c):.1f}",
        "D": f"{total(d) % 2**64:016x}",
        "E": f"{total(e) % 2**64:016x}",
    }


def parts(output):
    """The lines below each heading."""
    found = {}
    for part in output.strip().split("\n\n"):
        heading, *lines = part.split("\n")
        found[heading] = lines
    return found


def check_locks(lines, phase):
    for language in LANGUAGES:
        events = [line.split()[2:4] for line in lines if line.split()[0] == language]
        n_open = 0
        for what, mode in events:
            if what == "locked":
                n_open += 1
            elif what == "unlocked":
                n_open -= 1
            elif n_open == 0:
                return f"{language} did something in {phase} without a lock"
        modes = {mode for what, mode in events if what == "locked"}
        if n_open != 0 or modes != {"exclusive", "shared"}:
            return f"{language} has {n_open} locks left in phase {phase}, and used {modes}"
    return None


def check_sums(lines):
    expected = expected_sums()
    for line in lines:
        name, *sums = line.split()
        if name in expected and sums != [expected.pop(name)] * (len(LANGUAGES) + 1):
            return line
    return f"nothing of {list(expected)}" if expected else None


def check_bytes(lines):
    without, with_overlap, saved = (int(re.search(r"[\d,]+", line)[0].replace(",", "")) for line in lines)
    floats, ints = N * 3 * 8, N * (3 * 4 + 10)
    # A little may be lost to alignment.
    if not floats + ints <= without <= (floats + ints) * 1.01 or not floats <= with_overlap <= floats * 1.01 \
            or saved != without - with_overlap:
        return f"{without} bytes without overlap, {with_overlap} with, {saved} saved"
    return None


def check_refusals(lines):
    for what in ("get", "lock"):
        if not any(re.fullmatch(rf"  C +\d+ +refused to {what} A: .*\bA\b.*floats.*ints.*", line) for line in lines):
            return f"nothing about the refusal to {what} A"
    return None


def check_map(path):
    text = "".join(ElementTree.parse(path).getroot().itertext())
    return next((f"no {name} in the map" for name in "ABCDE" if name not in text), None)


def check_nothing_left(output):
    name = re.search(r"arena (\S+):", output)[1]
    left = [file for file in os.listdir("/dev/shm") if name in file]
    return f"{left} in /dev/shm" if left else None


with tempfile.TemporaryDirectory() as folder:
    svg = os.path.join(folder, "map.svg")
    run = subprocess.run([sys.argv[1], f"--items={N}", f"--svg={svg}"], stdout=subprocess.PIPE, text=True)
    found = parts(run.stdout)
    checks = {
        "it ends with success": lambda: run.returncode and f"status {run.returncode}",
        "each language locks in phase floats": lambda: check_locks(found["Phase floats"], "floats"),
        "each language locks in phase ints": lambda: check_locks(found["Phase ints"], "ints"),
        "A is refused in phase ints": lambda: check_refusals(found["Phase ints"]),
        "it saves bytes": lambda: check_bytes(found["Bytes"]),
        "all checksums are right": lambda: check_sums(found["Checksums, as each language computed them"]),
        "the map shows each array": lambda: check_map(svg),
        "nothing is left in /dev/shm": lambda: check_nothing_left(run.stdout),
    }

    print(f"1..{len(checks)}")
    failed = False
    for number, (title, check) in enumerate(checks.items(), 1):
        try:
            wrong = check()
        except (KeyError, OSError, TypeError, ValueError) as error:
            wrong = repr(error)
        failed = failed or bool(wrong)
        print("not ok" if wrong else "ok", number, title)
        if wrong:
            print("#", wrong)
    if failed:
        for line in run.stdout.splitlines():
            print("# |", line)
