# SPDX-License-Identifier: LGPL-2.1-or-later
"""Four processes, in C, Python, JavaScript and Vala, use the same bytes.

Each has a type of its own for them. The processes are given turns over pipes:
in its turn a process locks the range, checks what the one before it wrote, in
that one's type, and writes items of its own type over it. Then all of them
count in one number at the same time, which only locks keep right. At last they
run a relay: the turns go round without this process, from one to the next by
words in the arena, and Lua, Ruby and Perl join in where they are installed.

A process reads commands as lines, and answers each with "ok", "ok VALUE", or
what is wrong:

    turn N     the N-th turn is yours
    sum        the sum of all bytes, each times its place
    count N    add 1 to the number N times, each time under the lock
    relay ME N TYPE ROUNDS
               you are number ME of N in the relay, the one before you writes TYPE
"""

import argparse
import os
import shutil
import subprocess
import time

import gi
gi.require_version("Tbuf", "1")
from gi.repository import Tbuf

N_BYTES = 4096   # the range that all of them use starts 64 bytes into the arena
FIRST_BATON = 16   # a uint32 for each process: the round in which it is its turn
COUNTS = 200
TYPES = {"c": "int32", "python": "float32", "gjs": "uint16", "vala": "int64",
         "lua": "float64", "ruby": "uint32", "perl": "int16"}
# The recipes are not needed to build anything. What each needs, beyond its interpreter.
OPTIONAL = {"lua": 'require "lgi"', "ruby": 'require "gobject-introspection"; require "fiddle"',
            "perl": "use Glib::Object::Introspection; use FFI::Platypus 1.00;"}

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=25)
parser.add_argument("--relay-rounds", type=int, default=10000)
for language in TYPES:
    parser.add_argument(f"--{language}", required=language not in OPTIONAL,
                        help="its command; the name of the arena is added")
args = parser.parse_args()
languages = {name: getattr(args, name).split(";") for name in TYPES if getattr(args, name)}


def is_there(language):
    command = languages[language][0]
    return shutil.which(command) is not None and subprocess.run(
        [command, "-e", OPTIONAL[language]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


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


def run_relay(participants):
    others = [Participant(language, [*languages[language], name]) for language in OPTIONAL
              if language in languages and is_there(language)]
    runners = participants + others
    batons = Tbuf.Uint32View.new(arena, FIRST_BATON, len(runners))

    started = time.monotonic()
    for me, runner in enumerate(runners):
        runner.tell(f"relay {me} {len(runners)} {TYPES[runners[me - 1].language]} {args.relay_rounds}")
    batons.atomic_store(0, 1)
    batons.atomic_notify(0)
    for runner in runners:
        runner.answer()
    seconds = time.monotonic() - started
    if batons.atomic_load(0) != args.relay_rounds + 1:
        raise AssertionError(f"the baton is in round {batons.atomic_load(0)}, not {args.relay_rounds + 1}")
    n_turns = args.relay_rounds * len(runners)
    print(f"# {n_turns} turns of {', '.join(runner.language for runner in runners)} took {seconds:.1f} s, "
          f"{seconds / n_turns * 1e6:.0f} us each")
    end(others)


def end(participants):
    for participant in participants:
        participant.end()


tests = {
    f"each language reads what the one before it wrote, {args.rounds} rounds": take_turns,
    "all languages exclude each other": count_together,
    f"all languages run a relay of {args.relay_rounds} rounds": run_relay,
    "all processes end well": end,
}

name = f"four-languages-{os.urandom(4).hex()}"
arena = Tbuf.Arena.create(name, 64 + N_BYTES, Tbuf.ArenaFlags.NONE)
participants = [Participant(language, [*command, name])
                for language, command in languages.items() if language not in OPTIONAL]
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
