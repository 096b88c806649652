// SPDX-License-Identifier: LGPL-2.1-or-later

/* The recipe for Node.js. Its folder is the argument. */

const assert = require('assert');
const fs = require('fs');
const path = require('path');

const {Tbuf, items, withLock} = require(path.join(process.argv[2], 'tbuf_items.cjs'));

const N_MADE = 20000;

function newView(size = 80, View = Tbuf.Int32View, n = size / 4) {
    return View.new(Tbuf.Arena.new(size), 0, n);
}

/* Lets the collector run, and what it found be freed. */
async function collect() {
    for (let i = 0; i < 4; i++) {
        global.gc();
        await new Promise(resolve => setImmediate(resolve));
    }
}

async function isFlat(n, make) {
    const holdings = async () => {
        await collect();
        return {
            pages: Number(fs.readFileSync('/proc/self/statm', 'utf8').split(' ')[1]),
            mappings: fs.readFileSync('/proc/self/maps', 'utf8').split('tbuf-arena').length,
            descriptors: fs.readdirSync('/proc/self/fd').length,
        };
    };
    const repeat = async times => {
        for (let i = 0; i < times; i++) {
            make(i);
            if (i % 200 === 0)
                await collect();
        }
    };

    await repeat(n / 10);
    const before = await holdings();
    await repeat(n);
    const after = await holdings();
    for (const [what, slack] of Object.entries({pages: 8192, mappings: 8, descriptors: 8}))
        assert(after[what] <= before[what] + slack, `${what} grew from ${before[what]} to ${after[what]}`);
}

const cases = {
    'an array is the memory itself'() {
        const view = newView(80, Tbuf.Float64View, 10);
        const array = items(view);

        assert.strictEqual(array.constructor, Float64Array);
        assert.strictEqual(array.length, 10);
        array[3] = 2.5;
        assert.strictEqual(view.getItem(3), 2.5);
        view.setItem(4, -1);
        assert.strictEqual(array[4], -1);
        items(view)[5] = 9;
        assert.strictEqual(array[5], 9);
    },

    '64-bit integers are exact'() {
        const array = items(newView(8, Tbuf.Int64View, 1));

        array[0] = 2n ** 53n + 1n;
        assert.strictEqual(array[0], 9007199254740993n);
    },

    async 'an array outlives its view and its arena'() {
        const array = (() => {
            const arena = Tbuf.Arena.new(4096);
            const made = items(Tbuf.Int32View.new(arena, 0, 1024));

            made[1023] = 7;
            arena.close();
            return made;
        })();

        await collect();
        assert.strictEqual(array[1023], 7);
    },

    'what an array cannot express is refused'() {
        const view = newView();
        const {LITTLE, BIG} = Tbuf.ByteOrder;
        const other = view.getByteOrder() === LITTLE ? BIG : LITTLE;

        assert.throws(() => items(view.slice(0, 0, 20, 2)), /one after another/);
        assert.throws(() => items(view.cast(Tbuf.Dtype.INT32, other)), /byte order/);
    },

    'a read-only arena gives no array'() {
        const arena = Tbuf.Arena.new(16);
        const reader = Tbuf.Arena.openFd(arena.getFd(), Tbuf.ArenaFlags.READ_ONLY);

        assert.throws(() => items(Tbuf.Int32View.new(reader, 0, 4)), /read/);
    },

    'withLock() unlocks, also after an exception'() {
        const view = newView();
        const other = Tbuf.Int32View.new(view.getArena(), 0, 4);

        assert.strictEqual(withLock(view, () => {
            assert.throws(() => withLock(other, () => {}, {timeoutUs: 0}), /has an exclusive lock/);
            return 42;
        }), 42);
        assert.throws(() => withLock(view, () => {
            throw new Error('on purpose');
        }), /on purpose/);
        assert.strictEqual(view.getLockState(), Tbuf.LockState.FREE);
    },

    /* Of one view: node-gtk itself never lets go of an object that a function returned. */
    async [`${N_MADE} arrays made and dropped leave nothing behind`]() {
        const view = newView(4096);

        await isFlat(N_MADE, i => (items(view)[i % 1024] = i));
    },
};

require('v8').setFlagsFromString('--expose-gc');
global.gc = require('vm').runInNewContext('gc');

(async () => {
    console.log(`1..${Object.keys(cases).length}`);
    for (const [i, [name, fn]] of Object.entries(cases).entries()) {
        try {
            await fn();
            console.log(`ok ${i + 1} - ${name}`);
        } catch (error) {
            console.log(`not ok ${i + 1} - ${name}\n# ${`${error.stack}`.replaceAll('\n', '\n# ')}`);
        }
    }
    process.exit();
})();
