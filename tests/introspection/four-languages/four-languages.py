# SPDX-License-Identifier: LGPL-2.1-or-later
"""Four processes, in C, Python, JavaScript and Vala, use the same bytes.

Each has a type of its own for them. The processes are given turns over pipes:
in its turn a process locks the range, checks what the one before it wrote, in
that one's type, and writes items of its own type over it. Afterwards all of
them count in one number at the same time, which only locks keep right.

A process reads commands as lines, and answers each with "ok", "ok VALUE", or
what is wrong:

    turn N     the N-th turn is yours
    sum        the sum of all bytes, each times its place
    count N    add 1 to the number N times, each time under the lock
"""

import argparse
import os
import subprocess

import gi
gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

N_BYTES = 4096   # the range that all of them use starts 64 bytes into the arena
COUNTS = 200

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=25)
for language in ("c", "python", "gjs", "vala"):
    parser.add_argument(f"--{language}", required=True, help="its command; the name of the arena is added")
args = parser.parse_args()
languages = {name: getattr(args, name).split(";") for name in ("c", "python", "gjs", "vala")}


class Participant:
    def __init__(self, language, command):
        self.language = language
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        words = self.process.stdout.readline().split(maxsplit=1)
        if not words or words[0] != "ok":
            raise AssertionError(f"{self.language}: {' '.join(words).strip() or 'ended too early'}")
        return words[1].strip() if len(words) > 1 else None

    def ask(self, line):
        self.tell(line)
        return self.answer()

    def end(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise AssertionError(f"{self.language} ended with status {self.process.returncode}")


def take_turns(participants):
    turn = 0
    for _ in range(args.rounds):
        for participant in participants:
            participant.ask(f"turn {turn}")
            turn += 1
        sums = {participant.language: participant.ask("sum") for participant in participants}
        if len(set(sums.values())) != 1:
            raise AssertionError(f"after turn {turn - 1} the sums differ: {sums}")


def count_together(participants):
    for participant in participants:
        participant.tell(f"count {COUNTS}")
    for participant in participants:
        participant.answer()
    number = Tbuf.Int64View.new(arena, 0, 1).get_item(0)
    if number != COUNTS * len(participants):
        raise AssertionError(f"{len(participants)} processes counted to {number}, not {COUNTS * len(participants)}")


def end(participants):
    for participant in participants:
        participant.end()


tests = {
    f"each language reads what the one before it wrote, {args.rounds} rounds": take_turns,
    "all languages exclude each other": count_together,
    "all processes end well": end,
}

name = f"four-languages-{os.urandom(4).hex()}"
arena = Tbuf.Arena.create(name, 64 + N_BYTES, Tbuf.ArenaFlags.NONE)
participants = [Participant(language, [*command, name]) for language, command in languages.items()]
failed = False

print(f"1..{len(tests)}")
for number, (title, test) in enumerate(tests.items(), 1):
    try:
        test(participants)
        print(f"ok {number} {title}", flush=True)
    except AssertionError as error:
        failed = True
        print(f"not ok {number} {title}\n# {error}", flush=True)
raise SystemExit(failed)
