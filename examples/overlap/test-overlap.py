# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the program prints the same in each language.

test-overlap.py EXPECTED LANGUAGE=COMMAND...: EXPECTED is the file with what COMMAND shall print; it is one word, with
";" between its parts.
"""

import difflib
import subprocess
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    expected = file.read()

print(f"1..{len(sys.argv) - 2}")
for number, program in enumerate(sys.argv[2:], 1):
    language, command = program.split("=", 1)
    run = subprocess.run(command.split(";"), stdout=subprocess.PIPE, text=True)
    right = run.returncode == 0 and run.stdout == expected
    print("ok" if right else "not ok", number, language)
    if not right:
        print(f"# it ended with status {run.returncode}")
        printed = run.stdout.splitlines()
        for line in difflib.unified_diff(expected.splitlines(), printed, "expected", language, lineterm=""):
            print("#", line)
