# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether what the Vala guide shows compiles: its first block as a program, the others as parts of another.

test-guide.py GUIDE: where the library is says the environment, as for the README's programs.
"""

import os
import re
import subprocess
import sys
import tempfile

FRAME = """
public void work (Tbuf.Float64View view) throws Error {{ }}
public async void parts (Tbuf.Arena arena, Tbuf.Float64View view, Cancellable cancellable) throws Error {{
{parts}
}}
void main () {{ }}
"""


def compile_program(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "program.vala")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        # It leaves its C file in the current folder while it works, where another test's could be.
        return subprocess.run(["valac", "--quiet", "--pkg", "tbuf-1", "-o", path + ".exe", path],
                              cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


with open(sys.argv[1], encoding="utf-8") as file:
    program, *parts = re.findall(r"^```vala\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)

programs = {
    "the program": program,
    "the parts": FRAME.format(parts="".join(f"{{\n{part}}}\n" for part in parts)),
}
print(f"1..{len(programs)}")
for number, (title, text) in enumerate(programs.items(), 1):
    run = compile_program(text)
    print("not ok" if run.returncode else "ok", number, f"{title} compiles")
    if run.returncode:
        for line in run.stdout.splitlines():
            print("#", line)
