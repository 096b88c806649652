// SPDX-License-Identifier: LGPL-2.1-or-later

/* A recipe for Node.js with node-gtk and koffi, both from npm: the items of a view as a typed array over the memory
 * itself, and locks that end by themselves. Copy this file and use it:
 *
 *     const {Tbuf, items, withLock} = require('./tbuf_items.cjs');
 *
 *     const arena = Tbuf.Arena.open('measurements', 0);
 *     const view = arena.getView('A');
 *     withLock(view, () => {
 *         const array = items(view);
 *         for (let i = 0; i < array.length; i++)
 *             array[i] *= 2;
 *     });
 */

const gi = require('node-gtk');
const koffi = require('koffi');

const Tbuf = gi.require('Tbuf', '1');
const {Dtype} = Tbuf;

const types = new Map([
    [Dtype.BOOL, Uint8Array], [Dtype.INT8, Int8Array], [Dtype.INT16, Int16Array], [Dtype.INT32, Int32Array],
    [Dtype.INT64, BigInt64Array], [Dtype.UINT8, Uint8Array], [Dtype.UINT16, Uint16Array],
    [Dtype.UINT32, Uint32Array], [Dtype.UINT64, BigUint64Array], [Dtype.FLOAT16, Uint16Array],
    [Dtype.FLOAT32, Float32Array], [Dtype.FLOAT64, Float64Array], [Dtype.COMPLEX64, Float32Array],
    [Dtype.COMPLEX128, Float64Array],
]);
const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const native = isLittle ? Tbuf.ByteOrder.LITTLE : Tbuf.ByteOrder.BIG;

/* What keeps the memory of each buffer mapped, for as long as any array on it lives. */
const kept = new WeakMap();

function items(view) {
    const Type = types.get(view.getDtype());

    if (!view.isContiguous())
        throw new RangeError('The items do not lie one after another');
    if (Type.BYTES_PER_ELEMENT > 1 && view.getByteOrder() !== native)
        throw new RangeError('The items are not in this machine\'s byte order');
    /* Throws where the array is not live, and where a write would end the process. */
    view.checkAccess(true);

    const nBytes = Number(view.getNBytes());
    if (nBytes === 0)
        return new Type(0);

    const bytes = view.getBytes();
    const buffer = koffi.view(view.getAddress(), nBytes);
    kept.set(buffer, bytes);
    return new Type(buffer);
}

/* Calls fn(view) while the view is locked, and gives what it returns. It unlocks also if fn throws. */
function withLock(view, fn, {shared = false, timeoutUs = -1} = {}) {
    view.lock(shared ? Tbuf.LockMode.SHARED : Tbuf.LockMode.EXCLUSIVE, timeoutUs, null);
    try {
        return fn(view);
    } finally {
        view.unlock();
    }
}

module.exports = {Tbuf, items, withLock};
