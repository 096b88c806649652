// SPDX-License-Identifier: LGPL-2.1-or-later

/* What is made and dropped leaves nothing behind, and nothing is let go too early. */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';
import Tbuf from 'gi://Tbuf?version=1';

import {equal, fails, run, test, uniqueName} from './tap.js';

/* An arena asks much of the kernel. With "thorough" as its argument there are as many of them as of arrays. */
const N_ARRAYS = 100000;
const N_ARENAS = System.programArgs.includes('thorough') ? N_ARRAYS : 1500;

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

test('whatever looks at an arena', () => {
    const uses = [
        arena => arena.window(8, 8), arena => [...arena.windows(16)], arena => arena.windows(16).next(),
        (_, view) => view.window(1, 2), (_, view) => [...view], (_, view) => [...view.slice(0, 0, 16, 2)],
        (_, view) => view.copy(), (_, view) => view.slice(0, 0, 16, 2).copy(), (arena, view) => `${arena} ${view}`,
        (_, view) => view.snapshot().toArray(), (_, view) => view.withLock(() => view.array),
        (_, view) => view.lock({shared: true}).unlock(),
    ];

    isFlat(N_ARENAS, n => {
        for (let i = 0; i < n; i++) {
            const arena = Tbuf.Arena.new(64);

            uses[i % uses.length](arena, Tbuf.Int32View.new(arena, 0, 16));
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

test('a worker may be the last that has the memory', async () => {
    const [file, stream] = Gio.File.new_tmp(null);
    const size = 2 ** 20;
    const ended = [];

    stream.close(null);
    for (let i = 0; i < 20; i++) {
        const arena = Tbuf.Arena.new(size);

        arena.array.fill(i);
        /* A GTask writes them in a thread of its own, which lets go of them last. */
        ended.push(new Promise((resolve, reject) => file.get_parent().get_child(`${file.get_basename()}-${i}`)
            .replace_contents_bytes_async(arena.get_bytes(), null, false, Gio.FileCreateFlags.NONE, null,
                (target, result) => {
                    try {
                        target.replace_contents_finish(result);
                        resolve(target);
                    } catch (error) {
                        reject(error);
                    }
                })));
        arena.close();
    }
    System.gc();

    for (const [i, target] of (await Promise.all(ended)).entries()) {
        const [, contents] = target.load_contents(null);

        equal(contents.length, size);
        equal(contents.every(byte => byte === i), true);
        target.delete(null);
    }
    file.delete(null);
});

test('a buffer that cannot be made leaves nothing behind', () => {
    const view = Tbuf.Int32View.new(Tbuf.Arena.new(4096), 1024, 8);

    isFlat(1000, n => {
        for (let i = 0; i < n; i++) {
            fails(() => view.window(0, 9), Tbuf.Error, Tbuf.Error.RANGE);
            fails(() => view.slice(0, 0, 8, 2).array, Tbuf.Error, Tbuf.Error.NOT_CONTIGUOUS);
            equal(view.array.length, 8);
        }
    });
});

/* Makes the arena of this name, which nobody else uses, larger than it was, by rewriting its superblock, so that
 * nothing but what is used takes memory: the library itself reserves all of it. */
function stretch(name, oldSize, newSize) {
    const stream = Gio.File.new_for_path(`/dev/shm/${name}`).open_readwrite(null);
    const head = stream.get_input_stream().read_bytes(4096, null).toArray().slice();
    const length = new DataView(head.buffer).getUint16(16, true);
    const superblock = head.subarray(0, length);
    const words = new BigUint64Array(head.buffer, 0, Math.floor(length / 8));
    const digestOf = bytes => {
        const checksum = new GLib.Checksum(GLib.ChecksumType.SHA256);

        checksum.update(bytes);
        return checksum.get_string();
    };
    const toHex = bytes => [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');

    /* The digest is that of the superblock with zeros in its place. */
    let digest = null;
    for (let offset = 0; digest === null; offset += 4) {
        const zeroed = superblock.slice();

        zeroed.fill(0, offset, offset + 32);
        if (digestOf(zeroed) === toHex(superblock.subarray(offset, offset + 32)))
            digest = superblock.subarray(offset, offset + 32);
    }

    const sizes = words.subarray(words.indexOf(BigInt(oldSize)));
    sizes[0] = BigInt(newSize);
    sizes[2] = sizes[1] + sizes[0];
    digest.fill(0);
    digest.set(digestOf(superblock).match(/../g).map(byte => parseInt(byte, 16)));

    stream.truncate(Number(sizes[2]), null);
    stream.seek(0, GLib.SeekType.SET, null);
    stream.get_output_stream().write_all(superblock, null);
    stream.close(null);
}

test('an arena of more than 8 GiB has windows', () => {
    const name = uniqueName();
    const size = 9 * 2 ** 30;
    const small = Tbuf.Arena.create(name, 12345, Tbuf.ArenaFlags.NONE);

    stretch(small.get_name(), 12345, size);
    const arena = Tbuf.Arena.open(name, Tbuf.ArenaFlags.NONE);
    const view = Tbuf.Float64View.new(arena, 0, size / 8);

    equal(arena.size, size);
    fails(() => arena.array, Tbuf.Error, Tbuf.Error.RANGE);
    fails(() => view.array, Tbuf.Error, Tbuf.Error.RANGE);
    view.window(size / 8 - 2, 2)[1] = 0.5;
    equal(view.get_item(size / 8 - 1), 0.5);
    equal(arena.window(size - 1, 1)[0], 0x3f);

    const windows = [...view.windows()];
    equal(windows.length, 9);
    equal(windows[8].at(-1), 0.5);
    windows[0][0] = 0.25;
    const [first] = view;
    equal(first, 0.25);
});

await run();
