// SPDX-License-Identifier: LGPL-2.1-or-later

/* How the memory gets into JavaScript: only by a way that is seen to share it. A way that is lacking, fails or copies
 * is passed over, and where none is left there is an error. The override decides once and for all, so each case is a
 * program of its own: this one, with the name of the case as its argument. */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

const {equal, fails, run, skip, test} = await import('./tap.js');
const [self] = GLib.filename_from_uri(import.meta.url);

/* From this version on, gjs copies what is in a GBytes. */
const gjsShares = System.version < 18200;

/* No helper has this version, so it is not found, wherever it is installed. */
function hideHelper() {
    imports.gi.versions.TbufGjs = 'none';
}

function hasHelper() {
    try {
        imports.gi.versions.TbufGjs = '1';
        return Boolean(imports.gi.TbufGjs);
    } catch {
        return false;
    }
}

async function importTbuf() {
    const {default: Tbuf} = await import('gi://Tbuf?version=1');
    return Tbuf;
}

function shares(Tbuf) {
    const view = Tbuf.Int32View.new(Tbuf.Arena.new(16), 0, 4);

    view.array[1] = 7;
    equal(view.get_item(1), 7);
    view.set_item(2, 8);
    equal(view.array[2], 8);
    view.window(3, 1)[0] = 9;
    equal(view.get_item(3), 9);
}

/* Neither an array nor items, however often it is asked for; and everything else goes on. */
function refuses(Tbuf, reason) {
    const arena = Tbuf.Arena.new(16);
    const view = Tbuf.Int32View.new(arena, 0, 4);
    const uses = [() => view.array, () => arena.array, () => view.window(0, 1), () => [...view], () => view.copy()];

    for (const use of [...uses, ...uses]) {
        fails(use, Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_SUPPORTED);
        fails(use, reason);
    }
    view.set_item(1, 3);
    equal(view.withLock(() => view.get_item(1)), 3);
}

/* toArray() as it is from gjs 1.82 on. */
function copyInToArray() {
    const {toArray} = GLib.Bytes.prototype;

    GLib.Bytes.prototype.toArray = function () {
        return toArray.call(this).slice();
    };
}

const cases = {
    async 'what gjs offers is taken where it shares, and refused where it copies'() {
        hideHelper();
        const Tbuf = await importTbuf();

        if (gjsShares)
            shares(Tbuf);
        else
            refuses(Tbuf, /TbufGjs-1 does not work: .*; GLib\.Bytes\.toArray\(\) copies$/);
    },

    async 'without a way that shares there is an error'() {
        hideHelper();
        copyInToArray();
        refuses(await importTbuf(), /TbufGjs-1 does not work: .*; GLib\.Bytes\.toArray\(\) copies$/);
    },

    async 'a helper that copies is seen through'() {
        if (!hasHelper())
            skip('there is no helper');

        const {TbufGjs} = imports.gi;
        const {offer} = TbufGjs;

        TbufGjs.offer = bytes => offer(new GLib.Bytes(bytes.toArray().slice()));
        copyInToArray();
        refuses(await importTbuf(), /TbufGjs-1 copies; GLib\.Bytes\.toArray\(\) copies$/);
    },

    async 'a helper for another engine is passed over'() {
        if (!hasHelper())
            skip('there is no helper');

        imports.gi.TbufGjs.install = () => {
            throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.NOT_SUPPORTED, message: 'made for mozjs-1'});
        };
        const Tbuf = await importTbuf();

        if (gjsShares)
            shares(Tbuf);
        else
            refuses(Tbuf, /TbufGjs-1 does not work: made for mozjs-1; GLib\.Bytes\.toArray\(\) copies$/);
    },

    async 'with the helper it does not matter what gjs does'() {
        if (!hasHelper())
            skip('there is no helper');

        copyInToArray();
        shares(await importTbuf());
    },

    async 'nothing but the function stood on the global object, and it is gone'() {
        const before = Reflect.ownKeys(globalThis).length;

        shares(await importTbuf());
        equal(Reflect.ownKeys(globalThis).length, before);
        equal(globalThis[Symbol.for('tbuf.gjs.take')], undefined);
    },
};

const [only] = System.programArgs;

if (only !== undefined) {
    test(only, cases[only]);
} else {
    const gjs = GLib.file_read_link('/proc/self/exe');

    for (const name of Object.keys(cases)) {
        test(name, () => {
            const process = Gio.Subprocess.new([gjs, '-m', self, name], Gio.SubprocessFlags.STDOUT_PIPE);
            const [, output] = process.communicate_utf8(null, null);
            const skipped = /# SKIP (.*)/.exec(output);

            if (!process.get_successful())
                throw new Error(output);
            if (skipped)
                skip(skipped[1]);
        });
    }
}

await run();
