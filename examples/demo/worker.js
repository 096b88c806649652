/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The demo's gjs process: typed arrays over the memory that the other languages use. */

import Gio from 'gi://Gio';
import Tbuf from 'gi://Tbuf?version=1';
import System from 'system';

const arena = Tbuf.Arena.open(System.programArgs[0], Tbuf.ArenaFlags.NONE);
const input = Gio.DataInputStream.new(Gio.File.new_for_path('/dev/stdin').read(null));
const readLine = () => input.read_line_utf8(null)[0];

/* Says what was done, and holds the locks until the demo has seen them. */
function show(nLocks, what = '') {
    print(`holding ${nLocks} ${what}`);
    readLine();
}

function floats() {
    const C = arena.view('C');
    const half = C.slice(0, C.length / 2, C.length, 1);
    half.withLock(() => {
        const c = half.array; // a Float64Array
        for (let i = 0; i < c.length; i++)
            c[i] = -c[i];
        show(1, 'the second half of C = -C');
    });
}

function ints() {
    const E = arena.view('E');
    E.withLock(() => {
        const e = E.array; // a BigInt64Array: its items are too large for a Number
        const base = 2n ** 53n + 1n;
        for (let i = 0; i < e.length; i++)
            e[i] = base + BigInt(i);
        show(1, 'E[i] = 2**53 + 1 + i');
    });
}

/* Sums up each array, each item times its place, so that the order counts too. */
function check() {
    arena.withLock(() => {
        for (const name of arena.phase === 'floats' ? ['A', 'B', 'C'] : ['D', 'E']) {
            const items = arena.view(name).array;
            let sum = items instanceof BigInt64Array ? 0n : 0;
            if (items instanceof BigInt64Array)
                items.forEach((item, i) => (sum += item * BigInt(i + 1)));
            else
                items.forEach((item, i) => (sum += item * (i + 1)));
            print(`sum ${name} ${items instanceof Float64Array
                ? sum.toFixed(1)
                : BigInt.asUintN(64, BigInt(sum)).toString(16).padStart(16, '0')}`);
        }
        show(1);
    }, {shared: true});
}

const turns = {floats, ints, check};
for (let turn = readLine(); turn !== null; turn = readLine()) {
    turns[turn]();
    print('done');
}
