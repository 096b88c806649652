#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the models to completion: spin makes a verifier of each, gcc compiles it.

    run.py [--quick] [PART…]

Prints TAP: per model the states stored, the depth and the errors; and for each
variant that is broken on purpose whether that was found. PART is a part of the
names printed. --quick runs the smaller ones only.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEGABYTES = 6000

# How to compile and start the verifier for each kind of question. A
# configuration with a formula has it left out where it is not what is asked.
KINDS = {
    'safety': (['-DSAFETY', '-DNOCLAIM'], []),
    'progress': (['-DNP', '-DNOCLAIM'], ['-l', '-f']),
    'ltl': (['-DNFAIR=4'], ['-a', '-f', '-N', 'served']),
}

# Model, what is asked, name, definitions, and whether it is quick.
SOUND = [
    ('lock', 'safety', 'one-of-each', 'KILLS=2 PICK=pick_each', False),
    ('lock', 'safety', 'without-deaths', 'KILLS=0 PICK=pick_each', False),
    ('lock', 'safety', 'two-processes', 'KILLS=1 PROCESSES=2 PICK=pick_each', True),
    ('lock', 'progress', 'two-processes', 'KILLS=1 PROCESSES=2 PICK=pick_each', False),
    ('lock', 'safety', 'exclusive', 'KILLS=2 PICK=pick_exclusive', False),
    ('lock', 'safety', 'table-full', 'KILLS=1 PICK=pick_each RESERVED=1', False),
    ('lock', 'safety', 'cancelled', 'KILLS=1 PICK=pick_cancelled CANCEL=2', False),
    ('lock', 'safety', 'poison-merged', 'KILLS=2 PICK=pick_writers MAX_POISON=1', False),
    ('lock', 'safety', 'middle-recovered', 'KILLS=2 PICK=pick_middle POISONED=1', False),
    ('lock', 'safety', 'repaired', 'KILLS=1 PICK=pick_repaired POISONED=1', False),
    ('lock', 'safety', 'again', 'KILLS=1 ROUNDS_1=2 PICK=pick_writers', False),
    ('lock', 'progress', 'writers', 'KILLS=1 PICK=pick_writers', False),
    ('lock', 'ltl', 'writer-and-readers', 'KILLS=0 LOOP=1 PICK=pick_readers', False),
    ('lock', 'ltl', 'three-writers', 'KILLS=0 LOOP=1 PICK=pick_writers', False),
    ('watcher', 'safety', 'one-watcher', 'KILLS=2 CHANGES=1 WATCHERS=1', False),
    ('watcher', 'safety', 'one-of-each', 'KILLS=1 CHANGES=1 CHANGERS=1 WATCHERS=1', True),
    ('watcher', 'safety', 'two-watchers', 'KILLS=0 CHANGES=2 CHANGERS=1', False),
    ('watcher', 'safety', 'reader', 'KILLS=2 CHANGES=2 READER=1', False),
    ('names', 'safety', 'three-processes', 'KILLS=2', False),
    ('names', 'safety', 'without-deaths', 'KILLS=0', False),
    ('names', 'safety', 'two-processes', 'KILLS=1 PROCESSES=2', True),
    ('names', 'progress', 'three-processes', 'KILLS=1', False),
]

# The same with one thing done wrong. The last word of the definitions is it.
BROKEN = [
    ('lock', 'safety', 'KILLS=1 PICK=pick_each NO_REBUILD', False),
    ('lock', 'safety', 'KILLS=1 PICK=pick_each WAKE_AFTER_LEAVE', False),
    ('lock', 'safety', 'KILLS=0 PICK=pick_exclusive GRANT_BY_STORE', False),
    ('lock', 'safety', 'KILLS=1 PICK=pick_each STEAL_BY_STORE', True),
    ('lock', 'safety', 'KILLS=0 ROUNDS_1=2 PICK=pick_dirty DIRTY_LATE', False),
    ('lock', 'safety', 'KILLS=0 PICK=pick_each NO_DIRTY', False),
    ('lock', 'safety', 'KILLS=1 PICK=pick_each FREE_THE_DEAD', False),
    ('lock', 'safety', 'KILLS=2 PICK=pick_each RELEASE_THEN_POISON', False),
    ('lock', 'safety', 'KILLS=2 PICK=pick_each CLEAR_EARLY', False),
    ('lock', 'safety', 'KILLS=1 PICK=pick_middle POISONED=1 SHRINK_FIRST', False),
    ('lock', 'safety', 'KILLS=0 PICK=pick_repaired POISONED=1 FREE_REPAIRED', True),
    ('lock', 'safety', 'KILLS=0 PICK=pick_repaired POISONED=1 KEEP_REPAIRED', False),
    ('lock', 'ltl', 'KILLS=0 LOOP=1 PICK=pick_readers NO_ENTITLEMENT', False),
    ('lock', 'safety', 'KILLS=1 PICK=pick_each RESERVED=1 REBUILD_IF_ARMED', False),
    ('lock', 'safety', 'KILLS=0 ROUNDS=2 PICK=pick_poked KEEP_POKE', False),
    ('lock', 'safety', 'KILLS=0 PICK=pick_cancelled CANCEL=2 LATE_WAITING', False),
    ('watcher', 'safety', 'KILLS=1 CHANGES=2 WATCHERS=1 SEPARATE_FLAG', True),
    ('watcher', 'safety', 'KILLS=1 CHANGES=2 WATCHERS=1 LOOK_THEN_ARM', False),
    ('watcher', 'safety', 'KILLS=0 CHANGES=2 CHANGERS=1 ARM_BY_STORE', False),
    ('watcher', 'safety', 'KILLS=0 CHANGES=2 CHANGERS=1 NO_ADVANCE', False),
    ('watcher', 'safety', 'KILLS=1 CHANGES=2 WATCHERS=1 NO_WIDE', False),
    ('watcher', 'safety', 'KILLS=1 CHANGES=2 WATCHERS=1 NO_REBUILD', False),
    ('watcher', 'safety', 'KILLS=1 CHANGES=1 WATCHERS=1 REBUILD_ONE', False),
    ('watcher', 'safety', 'KILLS=1 CHANGES=2 WATCHERS=1 LOOK_UNGUARDED', False),
    ('watcher', 'safety', 'KILLS=1 CHANGES=2 READER=1 NO_ODD', False),
    ('watcher', 'safety', 'KILLS=1 CHANGES=2 READER=1 NO_RECHECK', False),
    ('names', 'safety', 'KILLS=1 LINK_EARLY', False),
    ('names', 'safety', 'KILLS=1 PRESENCE_LATE', False),
    ('names', 'safety', 'KILLS=1 NO_RECHECK', False),
    ('names', 'safety', 'KILLS=1 RECHECK_EARLY', False),
    ('names', 'safety', 'KILLS=1 KEEP_PRESENCE', True),
    ('names', 'safety', 'KILLS=1 NO_INODE_CHECK', False),
    ('names', 'safety', 'KILLS=1 CLOSE_EARLY', False),
    ('names', 'safety', 'KILLS=1 REPLACE_KEPT', False),
    ('names', 'safety', 'KILLS=1 UNLINK_UNLOCKED', False),
    ('names', 'safety', 'KILLS=1 FORGET_FAILED', False),
]


def verify(model, kind, definitions):
    """Returns what pan printed."""
    compile_flags, run_flags = KINDS[kind]
    with tempfile.TemporaryDirectory(prefix='tbuf-model-') as folder:
        shutil.copy(HERE / f'{model}.pml', folder)
        # To optimize these takes gcc longer than to run them takes the verifier; and
        # what spin writes keeps a number in a pointer, which gcc 14 has for an error.
        for command in (
            ['spin'] + [f'-D{d}' for d in definitions] + ['-a', f'{model}.pml'],
            ['gcc', '-O0', '-w', '-Wno-int-conversion', '-DCOLLAPSE', f'-DMEMLIM={MEGABYTES}', *compile_flags,
             '-o', 'pan', 'pan.c'],
            ['./pan', '-m1000000', *run_flags],
        ):
            result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if result.returncode != 0:
                raise RuntimeError(f'{" ".join(command)} failed:\n{result.stdout}')
    return result.stdout


def read(output):
    """States, depth, errors, and whether the search was stopped short of the end."""
    def number(pattern):
        found = re.search(pattern, output)
        if found is None:
            raise RuntimeError(f'there is no “{pattern}” in what the verifier printed:\n{output}')
        return int(float(found[1]))

    cut_short = re.search(r'max search depth too small|out of memory|reached -DMEMLIM|hash table full', output)
    return (number(r'([0-9.e+]+) states, stored'), number(r'depth reached ([0-9]+)'), number(r'errors: ([0-9]+)'),
            cut_short is not None)


def check(model, kind, name, definitions, is_broken):
    """Runs one configuration; returns whether it is as it should be, and what there is to say."""
    start = time.monotonic()
    try:
        states, depth, errors, cut_short = read(verify(model, kind, definitions.split()))
    except RuntimeError as error:
        return False, f'{model}/{name}', str(error)

    seconds = time.monotonic() - start
    text = f'{model}/{name} ({kind}): {states:,} states, depth {depth:,}, {errors} errors, {seconds:.1f} s'
    if is_broken:
        return errors > 0, text + (' – broken, and caught' if errors > 0 else ' – BROKEN, AND NOT CAUGHT'), ''
    if cut_short:
        return False, text, 'the search did not come to its end'
    return errors == 0, text, ''


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('parts', nargs='*', metavar='PART')
    arguments = parser.parse_args()

    cases = [(model, kind, name, definitions, False, quick) for model, kind, name, definitions, quick in SOUND]
    cases += [(model, kind, definitions.split()[-1], definitions, True, quick) for model, kind, definitions, quick in BROKEN]
    cases = [case for case in cases
             if (case[5] or not arguments.quick) and
             (not arguments.parts or any(part in f'{case[0]}/{case[2]}' for part in arguments.parts))]

    print('TAP version 13')
    print(f'1..{len(cases)}', flush=True)
    n_failed = 0
    for i, (model, kind, name, definitions, is_broken, _) in enumerate(cases, 1):
        passed, text, complaint = check(model, kind, name, definitions, is_broken)
        n_failed += not passed
        print(f'{"ok" if passed else "not ok"} {i} - {text}')
        for line in complaint.splitlines():
            print(f'# {line}')
        sys.stdout.flush()

    return 1 if n_failed > 0 else 0


if __name__ == '__main__':
    sys.exit(main())
