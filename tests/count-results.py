#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the test cases that ran, from the logs that `meson test` wrote.

A program that speaks TAP counts with each of its cases, any other program as
one. A program that failed as a whole although all its cases passed (it
crashed at its end, or lost cases on the way) is one failure more.

The last line of the output is "N passed, N failed"; the exit status is 0 only
if something ran, each log is there, and nothing failed.
"""

import json
import re
import sys

CASE = re.compile(r'^(?P<not>not )?ok\b\s*(?P<number>\d+)?\s*(?:- )?(?P<name>[^#]*)(?:#\s*(?P<directive>\w+)\s*(?P<why>.*))?$')
PLAN = re.compile(r'^1\.\.\d+')
FINE = ('OK', 'EXPECTEDFAIL', 'SKIP')


def count_program(record, where):
    """The numbers (passed, failed, skipped) of one program, and lines on what to look at."""
    name = f"{record['name']} ({where})"
    passed, failed, skipped, notes = 0, 0, 0, []
    lines = record.get('stdout', '').splitlines()
    if any(PLAN.match(line) for line in lines) or any(CASE.match(line) for line in lines):
        for line in lines:
            case = CASE.match(line)
            if not case:
                continue
            directive = (case['directive'] or '').lower()
            if directive == 'skip':
                skipped += 1
                notes.append(f"skipped: {name} {case['name'].strip()}: {case['why'] or 'no reason given'}")
            elif case['not'] and directive != 'todo':
                failed += 1
                notes.append(f"FAILED: {name} {case['name'].strip()}")
            else:
                passed += 1
        if record['result'] not in FINE and failed == 0:
            failed += 1
            notes.append(f"FAILED: {name} as a whole: {record['result']}, exit status {record['returncode']}")
    elif record['result'] == 'SKIP':
        skipped += 1
        notes.append(f'skipped: {name}')
    elif record['result'] in FINE:
        passed += 1
    else:
        failed += 1
        notes.append(f"FAILED: {name}: {record['result']}, exit status {record['returncode']}")
    return passed, failed, skipped, notes


def main(arguments):
    totals = [0, 0, 0]
    logs_missing = 0
    for argument in arguments:
        where, _, path = argument.partition('=')
        sums = [0, 0, 0]
        try:
            with open(path, encoding='utf-8') as log:
                records = [json.loads(line) for line in log]
        except FileNotFoundError:
            print(f'FAILED: {where}: did not run, {path} is missing')
            logs_missing += 1
            continue
        for record in records:
            *numbers, notes = count_program(record, where)
            sums = [a + b for a, b in zip(sums, numbers)]
            for note in notes:
                print(note)
        print(f'{where}: {sums[0]} passed, {sums[1]} failed, {sums[2]} skipped, in {len(records)} programs')
        totals = [a + b for a, b in zip(totals, sums)]
    passed, failed = totals[0], totals[1] + logs_missing
    print(f'{passed} passed, {failed} failed')
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
