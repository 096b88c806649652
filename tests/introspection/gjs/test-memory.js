// SPDX-License-Identifier: LGPL-2.1-or-later

/* What is made and dropped leaves nothing behind, and nothing is let go too early. */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';
import Tbuf from 'gi://Tbuf?version=1';

import {equal, fails, run, skip, test} from './tap.js';

/* An arena asks much of the kernel. */
const N_ARRAYS = 100000;
const N_ARENAS = 3000;

function contentsOf(file) {
    return new TextDecoder().decode(GLib.file_get_contents(file)[1]);
}

function nDescriptors() {
    const children = Gio.File.new_for_path('/proc/self/fd').enumerate_children('standard::name', 0, null);
    let n = 0;

    while (children.next_file(null) !== null)
        n++;
    children.close(null);
    return n;
}


/* What the process holds after a collection. */
function holdings() {
    System.gc();
    return {
        descriptors: nDescriptors(),
        mappings: contentsOf('/proc/self/maps').split('\n').length,
        pages: Number(contentsOf('/proc/self/statm').split(' ')[1]),
    };
}

function isFlat(n, use) {
    use(n / 10);
    const before = holdings();
    use(n);
    const after = holdings();

    for (const [what, slack] of Object.entries({descriptors: 16, mappings: 40, pages: 8192})) {
        if (after[what] > before[what] + slack)
            throw new Error(`${what} grew from ${before[what]} to ${after[what]}`);
    }
}

test('many arrays of one arena', () => {
    const arena = Tbuf.Arena.new(4096);

    isFlat(N_ARRAYS, n => {
        for (let i = 0; i < n; i++) {
            const view = Tbuf.Float64View.new(arena, 0, 512);
            view.array[i % 512] = i;
            if (i % 1000 === 0)
                equal(view.get_item(i % 512), i);
        }
    });
});

test('many windows of one view', () => {
    const view = Tbuf.Int32View.new(Tbuf.Arena.new(4096), 0, 1024);

    isFlat(N_ARRAYS, n => {
        for (let i = 0; i < n; i++)
            view.window(i % 1024, 1)[0] = i;
    });
});

test('many arenas with an array each', () => {
    isFlat(N_ARENAS, n => {
        for (let i = 0; i < n; i++) {
            const arena = Tbuf.Arena.new(64);
            const {array} = Tbuf.Int32View.new(arena, 0, 16);

            array[15] = i;
            equal(array[15], i);
        }
    });
});

test('many arenas that are closed while their arrays are used', () => {
    isFlat(N_ARENAS, n => {
        for (let i = 0; i < n; i++) {
            const arena = Tbuf.Arena.new(64);
            const {array} = arena;

            arena.close();
            array[63] = i;
            equal(array[63], i & 255);
        }
    });
});

test('an array that is stored on its own view', () => {
    isFlat(N_ARENAS, n => {
        for (let i = 0; i < n; i++) {
            const view = Tbuf.Int32View.new(Tbuf.Arena.new(64), 0, 16);

            view.kept = view.array;
            view.kept[0] = i;
        }
    });
});

test('arrays of many arenas at once stay apart', () => {
    const arrays = [];

    for (let i = 0; i < 300; i++) {
        const array = Tbuf.Arena.new(4096).array;

        array.fill(i & 255);
        arrays.push(array);
        if (i % 50 === 0)
            System.gc();
    }
    arrays.forEach((array, i) => equal(array.every(byte => byte === (i & 255)), true));
});

test('an arena of more than 8 GiB has windows', () => {
    const size = 9 * 2 ** 30;
    const [, kilobytes] = /^MemAvailable: *(\d+) kB$/m.exec(contentsOf('/proc/meminfo'));

    /* The memory of an arena is reserved. */
    if (kilobytes * 1024 < 4 * size)
        skip(`${kilobytes} kB of memory are too few to take ${size} bytes of them`);

    const arena = Tbuf.Arena.new(size);
    const view = Tbuf.Float64View.new(arena, 0, size / 8);

    fails(() => arena.array, Tbuf.Error, Tbuf.Error.RANGE);
    fails(() => view.array, Tbuf.Error, Tbuf.Error.RANGE);
    view.window(size / 8 - 2, 2)[1] = 0.5;
    equal(view.get_item(size / 8 - 1), 0.5);
    equal(arena.window(size - 1, 1)[0], 0x3f);
});

await run();
