// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import Tbuf from 'gi://Tbuf?version=1';

import * as bench from './bench.js';

const {LockMode} = Tbuf;

function newArena(nItems) {
    const layout = new Tbuf.Layout();

    layout.add_array('A', Tbuf.Dtype.FLOAT64, [nItems], null, null);
    layout.add_array('D', Tbuf.Dtype.INT64, [nItems], null, null);
    layout.plan(-1, null);
    return Tbuf.Arena.new_for_layout(layout, null, Tbuf.ArenaFlags.NONE);
}

function sum(array) {
    let total = 0;

    for (let i = 0; i < array.length; i++)
        total += array[i];
    return total;
}

/* How long the sum takes for an item of each of the arrays. They take turns, and change places, many times: what else
 * the machine does meanwhile then meets all of them. The code is the same for all: copies of it differ by 4 %, from
 * where they happen to lie. */
function nsPerItem(arrays) {
    const times = arrays.map(() => []);
    let total = 0;

    for (let turn = 0; turn < bench.scale(41); turn++) {
        for (let i = 0; i < arrays.length; i++) {
            const which = (turn + i) % arrays.length;
            const array = arrays[which];

            times[which].push(bench.nsPerCall(n => {
                for (let j = 0; j < n; j++)
                    total += sum(array);
            }, Math.ceil(1e5 / array.length)) / array.length);
        }
    }
    /* It is used, so that the loop has to be run. */
    if (Number.isNaN(total))
        throw new Error('The sum is no number');
    return times.map(bench.median);
}

async function measureSums(nItems) {
    const ours = newArena(nItems).view('A').array;
    const plain = new Float64Array(nItems);
    const table = new bench.Table(`the sum of ${nItems} items of a Float64Array`, 'ns per item');
    const labels = ['view.array, over shared memory', 'new Float64Array(n)'];
    let results;

    for (const array of [ours, plain])
        array.forEach((_, i) => (array[i] = i / 3));

    table.add(labels[0], () => {
        results = nsPerItem([ours, plain]);
        return results[0];
    });
    table.add(labels[1], () => results[1]);
    await table.run();
    bench.atMost('beside a plain array', table.get(labels[0]) / table.get(labels[1]), 1.0, '×');
}

async function measureViews() {
    const arena = newArena(1000);
    const view = arena.view('A');
    const {buffer} = arena.array;
    const offset = view.get_offset();
    const table = new bench.Table('to a view and its array', 'ns');
    const add = (label, n, loop) => table.add(label, () => bench.nsPerCall(loop, n));

    add('arena.get_size(), a call that does nothing', 20_000, n => {
        for (let i = 0; i < n; i++)
            arena.get_size();
    });
    add('arena.view(name)', 20_000, n => {
        for (let i = 0; i < n; i++)
            arena.view('A');
    });
    add('view.array, again', 20_000, n => {
        for (let i = 0; i < n; i++)
            view.array;
    });
    add('view.array, the first time', 2000, n => {
        for (let i = 0; i < n; i++)
            arena.view('A').array;
    });
    add('new Float64Array(buffer, offset, n)', 20_000, n => {
        for (let i = 0; i < n; i++)
            new Float64Array(buffer, offset, 1000);
    });
    add('view.get_item(i)', 20_000, n => {
        for (let i = 0; i < n; i++)
            view.get_item(7);
    });
    await table.run();
}

async function measureLocks() {
    const view = newArena(1000).view('A');
    const arena = view.get_arena();
    const table = new bench.Table('lock and unlock', 'ns');
    const add = (label, n, loop) => table.add(label, () => bench.nsPerCall(loop, n));

    add('arena.get_size() twice, calls that do nothing', 20_000, n => {
        for (let i = 0; i < n; i++) {
            arena.get_size();
            arena.get_size();
        }
    });
    add('view.lock(mode, timeout, null), view.unlock()', 20_000, n => {
        for (let i = 0; i < n; i++) {
            view.lock(LockMode.EXCLUSIVE, -1, null);
            view.unlock();
        }
    });
    add('view.withLock(fn)', 20_000, n => {
        const fn = () => {};

        for (let i = 0; i < n; i++)
            view.withLock(fn);
    });
    add('guard = view.lock(), guard.unlock()', 20_000, n => {
        for (let i = 0; i < n; i++)
            view.lock().unlock();
    });
    await table.run();

    const waiting = new bench.Table('lock and unlock through the main loop', 'µs');
    const addAsync = (label, fn) => waiting.add(label, async () => {
        const count = bench.scale(2000);
        const start = GLib.get_monotonic_time();

        for (let i = 0; i < count; i++)
            await fn();
        return (GLib.get_monotonic_time() - start) / count;
    });

    addAsync('await null', async () => {
        await null;
    });
    addAsync('(await view.lock_async()).unlock()', async () => (await view.lock_async()).unlock());
    addAsync('await view.withLockAsync(fn)', () => view.withLockAsync(() => {}));
    await waiting.run();
}

bench.init('What Tbuf costs from JavaScript');
if (bench.wants('sum')) {
    await measureSums(10_000);
    await measureSums(1_000_000);
}
if (bench.wants('view'))
    await measureViews();
if (bench.wants('lock'))
    await measureLocks();
bench.finish();
