// SPDX-License-Identifier: LGPL-2.1-or-later

import Tbuf from 'gi://Tbuf?version=1';

import {equal, equalItems, fails, run, test, uniqueName} from './tap.js';

const {ByteOrder, Dtype, ViewFlags} = Tbuf;

function newArena(size = 64) {
    return Tbuf.Arena.new(size);
}

/* Per dtype: its class, its typed array, elements to write there and the items that they are. */
const dtypes = [
    ['BOOL', Tbuf.BoolView, Uint8Array, [1, 0], [true, false]],
    ['INT8', Tbuf.Int8View, Int8Array, [-128, 127], [-128, 127]],
    ['INT16', Tbuf.Int16View, Int16Array, [-32768, 32767], [-32768, 32767]],
    ['INT32', Tbuf.Int32View, Int32Array, [-2147483648, 2147483647], [-2147483648, 2147483647]],
    ['INT64', Tbuf.Int64View, BigInt64Array, [-(2n ** 63n), 2n ** 63n - 1n], [-(2n ** 63n), 2n ** 63n - 1n]],
    ['UINT8', Tbuf.Uint8View, Uint8Array, [0, 255], [0, 255]],
    ['UINT16', Tbuf.Uint16View, Uint16Array, [0, 65535], [0, 65535]],
    ['UINT32', Tbuf.Uint32View, Uint32Array, [0, 4294967295], [0, 4294967295]],
    ['UINT64', Tbuf.Uint64View, BigUint64Array, [0n, 2n ** 64n - 1n], [0n, 2n ** 64n - 1n]],
    ['FLOAT16', Tbuf.Float16View, Uint16Array,
        [0x3c00, 0xc000, 0x0001, 0x7c00], [1, -2, 2 ** -24, Infinity]],
    ['FLOAT32', Tbuf.Float32View, Float32Array, [0.5, -1.5], [0.5, -1.5]],
    ['FLOAT64', Tbuf.Float64View, Float64Array, [Math.PI, -Math.E], [Math.PI, -Math.E]],
    ['COMPLEX64', Tbuf.Complex64View, Float32Array, [1, -2, 0.5, 4], [[1, -2], [0.5, 4]]],
    ['COMPLEX128', Tbuf.Complex128View, Float64Array, [1, -2, Math.PI, 4], [[1, -2], [Math.PI, 4]]],
];

for (const [nick, View, Type, values, items] of dtypes) {
    test(`array of ${nick} is a ${Type.name} over the memory itself`, () => {
        const arena = newArena();
        const view = View.new(arena, 16, items.length);
        const again = View.new(arena, 16, items.length);

        equal(view.array.constructor, Type);
        equal(view.array.length, values.length);
        view.array.set(values);
        equalItems(again.array, values);
        equalItems(arena.array.slice(16, 16 + values.length * Type.BYTES_PER_ELEMENT),
            new Uint8Array(Type.from(values).buffer));
    });

    test(`items of ${nick} are JavaScript's`, () => {
        const view = View.new(newArena(), 16, items.length);

        view.array.set(values);
        equalItems(view, items);
        equal(view.length, items.length);
    });
}

test('what an array writes, get_item reads, and the other way round', () => {
    const view = Tbuf.Float64View.new(newArena(), 8, 3);

    view.array[1] = 2.5;
    equal(view.get_item(1), 2.5);
    view.set_item(2, -4);
    equal(view.array[2], -4);
});

test('shape and strides are arrays of numbers', () => {
    const view = Tbuf.Int16View.new(newArena(), 0, 6);
    const matrix = view.reshape([2, 3]);

    equalItems(view.shape, [6]);
    equalItems(view.strides, [2]);
    equalItems(matrix.shape, [2, 3]);
    equalItems(matrix.strides, [6, 2]);
    equalItems(matrix.transpose().strides, [2, 6]);
});

test('overlapping views of other dtypes see the same bytes', () => {
    const arena = newArena(10);

    Tbuf.Int16View.new(arena, 0, 5).array.set([0, 1, 2, 3, 4]);
    equalItems(arena.array, [0, 0, 1, 0, 2, 0, 3, 0, 4, 0]);
    equal(Tbuf.Int32View.new(arena, 0, 2).array.reduce((a, b) => a + b), 262146);
});

test('64-bit integers are exact', () => {
    const view = Tbuf.Int64View.new(newArena(), 0, 1);

    view.array[0] = 2n ** 53n + 1n;
    equal(view.array[0], 9007199254740993n);
    equalItems(view, [9007199254740993n]);
});

test('a view keeps its array', () => {
    const view = Tbuf.Int32View.new(newArena(), 0, 4);

    equal(view.array, view.array);
});

test('a detached array is replaced', () => {
    const view = Tbuf.Int32View.new(newArena(), 0, 4);
    const {buffer} = view.array;

    view.array[0] = 7;
    if (buffer.transfer)
        buffer.transfer();
    equal(view.array.length, 4);
    equal(view.array[0], 7);
});

test('an array outlives its view and its arena', () => {
    let arena = newArena();
    const {array} = Tbuf.Int32View.new(arena, 0, 4);

    array[3] = 5;
    arena.close();
    arena = null;
    imports.system.gc();
    equalItems(array, [0, 0, 0, 5]);
});

test('a slice of a contiguous array has an array, at its place', () => {
    const view = Tbuf.Int16View.new(newArena(), 4, 8);

    view.array.set([0, 1, 2, 3, 4, 5, 6, 7]);
    equalItems(view.slice(0, 2, 5, 1).array, [2, 3, 4]);
});

test('an empty arena view has an empty array', () => {
    equal(Tbuf.Int32View.new(newArena(), 0, 0).array.length, 0);
});

test('items with strides have no array, and can be iterated', () => {
    const view = Tbuf.Int16View.new(newArena(), 2, 6);

    view.array.set([0, 1, 2, 3, 4, 5]);
    const reversed = view.slice(0, 5, -7, -2);
    const matrix = view.reshape([2, 3]);

    equalItems(reversed, [5, 3, 1]);
    equalItems(matrix.transpose(), [0, 3, 1, 4, 2, 5]);
    equalItems(matrix.array, [0, 1, 2, 3, 4, 5]);
    fails(() => reversed.array, Tbuf.Error, Tbuf.Error.NOT_CONTIGUOUS);
    fails(() => matrix.transpose().array, Tbuf.Error, Tbuf.Error.NOT_CONTIGUOUS);
});

test('items in the other byte order have no array, and can be iterated', () => {
    const arena = newArena();
    const big = arena.create_view_full(Dtype.INT64, ByteOrder.BIG, 0, [2], null, ViewFlags.NONE);

    new DataView(arena.array.buffer).setBigInt64(8, -2n, false);
    equalItems(big, [0n, -2n]);
    fails(() => big.array, Tbuf.Error, Tbuf.Error.NOT_NATIVE);
});

test('misaligned items have no array, and can be iterated', () => {
    const arena = newArena();
    const view = arena.create_view_full(Dtype.FLOAT64, ByteOrder.NATIVE, 1, [2], null, ViewFlags.UNALIGNED);

    new DataView(arena.array.buffer).setFloat64(9, 1.25, true);
    equalItems(view, [0, 1.25]);
    fails(() => view.array, Tbuf.Error, Tbuf.Error.ALIGNMENT);
});

test('a view without strides is in C order', () => {
    const arena = newArena();
    const view = arena.create_view_full(Dtype.INT16, ByteOrder.NATIVE, 2, [2, 3], null, ViewFlags.NONE);

    equalItems(view.get_shape(), [2, 3]);
    equalItems(view.get_strides(), [6, 2]);
    fails(() => arena.create_view_full(Dtype.INT16, ByteOrder.NATIVE, 2, [2 ** 40, 2 ** 40], null, ViewFlags.NONE),
        Tbuf.Error, Tbuf.Error.RANGE);
});

test('an array that is not live has no array and no items', () => {
    const arena = newLayoutArena();

    arena.set_phase('ints', -1, null);
    for (const use of [view => view.array, view => [...view], view => view.copy(), view => view.window(0, 1)])
        fails(() => use(arena.view('A')), Tbuf.Error, Tbuf.Error.NOT_LIVE);
    equal(arena.view('D').array.length, 4);
});

test('a read-only arena has no array, and its items can be iterated', () => {
    const name = uniqueName();
    const arena = Tbuf.Arena.create(name, 16, Tbuf.ArenaFlags.NONE);
    const reader = Tbuf.Arena.open(name, Tbuf.ArenaFlags.READ_ONLY);
    const view = Tbuf.Int32View.new(reader, 0, 4);

    Tbuf.Int32View.new(arena, 0, 4).array.set([1, 2, 3, 4]);
    equalItems(view, [1, 2, 3, 4]);
    equalItems(view.copy(), [1, 2, 3, 4]);
    for (const region of [view, reader]) {
        for (const use of [() => region.array, () => region.window(0, 1), () => region.windows()])
            fails(use, Tbuf.Error, Tbuf.Error.READ_ONLY);
    }
});

test('a copy is in C order, and no longer the memory', () => {
    const view = Tbuf.Complex64View.new(newArena(), 0, 2);

    view.array.set([1, 2, 3, 4]);
    const copy = view.slice(0, 1, -3, -1).copy();

    equal(copy.constructor, Float32Array);
    equalItems(copy, [3, 4, 1, 2]);
    copy[0] = 9;
    equalItems(view.array, [1, 2, 3, 4]);
});

test('a copy that JavaScript has no room for is refused', () => {
    const everywhere = newArena().create_view_full(Dtype.FLOAT64, ByteOrder.NATIVE, 0, [2 ** 40], [0], ViewFlags.NONE);

    equal(everywhere.length, 2 ** 40);
    fails(() => everywhere.copy(), Tbuf.Error, Tbuf.Error.RANGE);
    fails(() => everywhere.copy(), /^1099511627776 elements are more than an ArrayBuffer can hold/);
});

test('a window is a part of the items', () => {
    const arena = newArena();
    const view = Tbuf.Int32View.new(arena, 8, 4);

    view.window(1, 2).set([5, 6]);
    equalItems(view.array, [0, 5, 6, 0]);
    equalItems(arena.window(12, 1), [5]);
    equal(view.window(4, 0).length, 0);
    fails(() => view.window(3, 2), Tbuf.Error, Tbuf.Error.RANGE);
    fails(() => view.window(5, 0), Tbuf.Error, Tbuf.Error.RANGE);
    fails(() => view.window(-1, 2), Tbuf.Error, Tbuf.Error.INVALID);
    fails(() => view.window(0.5, 2), Tbuf.Error, Tbuf.Error.INVALID);
});

test('a window of complex items has both parts of each', () => {
    const view = Tbuf.Complex128View.new(newArena(), 0, 3);

    view.array.set([1, 2, 3, 4, 5, 6]);
    equalItems(view.window(1, 2), [3, 4, 5, 6]);
});

test('windows go through all items', () => {
    const view = Tbuf.Int32View.new(newArena(), 8, 5);
    const windows = [...view.windows(2)];

    windows.forEach((window, i) => window.fill(i + 1));
    equalItems(view.array, [1, 1, 2, 2, 3]);
    equalItems([...view.windows()].map(window => window.length), [5]);
    equalItems([...view.get_arena().windows(40)].map(window => window.length), [40, 24]);
    for (const nItems of [0, -1, 0.5, NaN])
        fails(() => view.windows(nItems), Tbuf.Error, Tbuf.Error.INVALID);
});

function newLayoutArena() {
    const layout = new Tbuf.Layout();

    for (const phase of ['floats', 'ints'])
        layout.add_phase(phase);
    layout.add_array('A', Dtype.FLOAT64, [2, 3], 'floats', 'floats');
    layout.add_array('D', Dtype.INT32, [4], 'ints', 'ints');
    layout.plan(-1, null);

    const arena = Tbuf.Arena.new_for_layout(layout, null, Tbuf.ArenaFlags.NONE);
    arena.set_phase('floats', -1, null);
    return arena;
}

test('an arena knows its arrays by name', () => {
    const arena = newLayoutArena();

    equalItems(arena, ['A', 'D']);
    equal(arena.length, 2);
    equal(arena.view('A') instanceof Tbuf.Float64View, true);
    equal(arena.view('A').length, 6);
    fails(() => arena.view('Z'), Tbuf.Error, Tbuf.Error.NOT_FOUND);
});

test('strings tell what is in an arena and in a view', () => {
    const arena = newLayoutArena();
    const view = arena.view('A');

    view.array.set([0, 0.5, 1, 2, 3, 4]);
    equal(`${view}`, '[TbufFloat64View "A" (2, 3) 0, 0.5, 1, 2, 3, 4]');
    equal(`${Tbuf.Complex64View.new(newArena(), 0, 1)}`, '[TbufComplex64View (1) 0+0i]');
    equal(/^\[TbufUint8View \(64\) 0, 0, 0, 0, 0, 0, …\]$/.test(`${Tbuf.Uint8View.new(newArena(), 0, 64)}`), true);
    equal(`${arena}`, `[TbufArena ${arena.get_size()} bytes, phase "floats" A D]`);
    arena.set_phase('ints', -1, null);
    equal(`${view}`.startsWith('[TbufFloat64View "A" (2, 3) '), true);
});

test('objects that nobody created are empty, and safe', () => {
    const view = new Tbuf.Int32View();
    const arena = new Tbuf.Arena();

    equalItems(arena, []);
    for (const use of [() => `${view}`, () => `${arena}`, () => view.array, () => arena.array, () => [...view]]) {
        try {
            use();
        } catch {
            /* An error is as good as nothing; only a crash is not. */
        }
    }
});

await run();
