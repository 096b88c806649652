// SPDX-License-Identifier: LGPL-2.1-or-later

/* What JavaScript adds to Tbuf: typed arrays over the memory itself, iteration,
 * locks that end by themselves, and promises. Everything else is plain introspection.
 * Whatever is thrown here is a GLib.Error, so that handlers can ask error.matches(). */

/* exported _init */

const {Gio, GLib, GObject} = imports.gi;
const System = imports.system;

let Tbuf, nativeOrder;

/* Per dtype: the typed array, DataView's way to read one of its elements, how
 * many elements make an item, and how they become what JavaScript has for it. */
let elements;

function describeElements() {
    const {Dtype} = Tbuf;

    return {
        [Dtype.BOOL]: {Type: Uint8Array, read: 'getUint8', toItem: byte => byte !== 0},
        [Dtype.INT8]: {Type: Int8Array, read: 'getInt8'},
        [Dtype.INT16]: {Type: Int16Array, read: 'getInt16'},
        [Dtype.INT32]: {Type: Int32Array, read: 'getInt32'},
        [Dtype.INT64]: {Type: BigInt64Array, read: 'getBigInt64'},
        [Dtype.UINT8]: {Type: Uint8Array, read: 'getUint8'},
        [Dtype.UINT16]: {Type: Uint16Array, read: 'getUint16'},
        [Dtype.UINT32]: {Type: Uint32Array, read: 'getUint32'},
        [Dtype.UINT64]: {Type: BigUint64Array, read: 'getBigUint64'},
        [Dtype.FLOAT16]: {Type: Uint16Array, read: 'getUint16', toItem: halfToNumber},
        [Dtype.FLOAT32]: {Type: Float32Array, read: 'getFloat32'},
        [Dtype.FLOAT64]: {Type: Float64Array, read: 'getFloat64'},
        [Dtype.COMPLEX64]: {Type: Float32Array, read: 'getFloat32', isComplex: true},
        [Dtype.COMPLEX128]: {Type: Float64Array, read: 'getFloat64', isComplex: true},
    };
}

function halfToNumber(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = bits >> 10 & 0x1f;
    const fraction = bits & 0x3ff;

    if (exponent === 0x1f)
        return fraction ? NaN : sign * Infinity;
    if (exponent === 0)
        return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function newError(code, message) {
    return new Tbuf.Error({code, message});
}

function isError(error, code) {
    return error instanceof GLib.Error && error.matches(Tbuf.Error, code);
}

/* The ways from a GBytes to an ArrayBuffer over the same memory. Each entry
 * gives the function, or throws. */
const routes = {
    /* Works wherever it was built for the engine of this very gjs. */
    'the helper TbufGjs-1': () => {
        imports.gi.versions.TbufGjs ??= '1';
        const {TbufGjs} = imports.gi;
        const key = Symbol.for('tbuf.gjs.take');

        TbufGjs.install();
        const take = globalThis[key];
        delete globalThis[key];

        return bytes => {
            TbufGjs.offer(bytes);
            return take();
        };
    },

    /* Shares the memory up to gjs 1.80, and copies it from 1.82 on. */
    'GLib.Bytes.toArray()': () => bytes => bytes.toArray().buffer,
};

let toBuffer = null;

/* The first route that is seen to share memory. A route that copies would go
 * unnoticed until two processes disagree, so what gjs promises does not count. */
function findRoute() {
    const view = Tbuf.Uint8View.new(Tbuf.Arena.new(2), 0, 2);
    const reasons = [];

    for (const [name, open] of Object.entries(routes)) {
        try {
            const route = open();
            const array = new Uint8Array(route(view.get_bytes()));

            view.set_item(0, 0x5a);
            array[1] = 0xa5;
            if (array[0] === 0x5a && view.get_item(1) === 0xa5)
                return route;
            reasons.push(`${name} copies`);
        } catch (error) {
            reasons.push(`${name} does not work: ${error.message}`);
        }
        view.set_item(0, 0);
    }

    throw new Gio.IOErrorEnum({
        code: Gio.IOErrorEnum.NOT_SUPPORTED,
        message: 'Tbuf can make no typed array without a copy, so it makes none. ' +
            `In this gjs (${System.version}), ${reasons.join('; ')}`,
    });
}

/* Whatever is done with a GBytes here, no method of it is called: gjs 1.74 never lets go of one whose method was. */
function newBuffer(view) {
    toBuffer ??= findRoute();

    return inRange(() => toBuffer(view.get_bytes()), `${view.get_n_bytes()} bytes are`);
}

/* What JavaScript has no room for is an error of Tbuf. */
function inRange(fn, what) {
    try {
        return fn();
    } catch (error) {
        if (!(error instanceof RangeError))
            throw error;
        throw newError(Tbuf.Error.RANGE,
            `${what} more than an ArrayBuffer can hold (${error.message}); take a window()`);
    }
}

/* Why no typed array can express the items, or null. This never changes in the life of a view. */
function whyNoArray(view) {
    const size = elements[view.get_dtype()].Type.BYTES_PER_ELEMENT;

    if (!view.isContiguous) {
        return newError(Tbuf.Error.NOT_CONTIGUOUS, 'The items do not lie one after another in C order ' +
            `(strides ${view.get_strides().join(', ')}), as those of a typed array do; iterate, or take a copy()`);
    }
    if (size > 1 && view.get_byte_order() !== nativeOrder) {
        return newError(Tbuf.Error.NOT_NATIVE,
            'The items are not in this machine\'s byte order, as those of a typed array; iterate, or take a copy()');
    }
    if (view.get_offset() % size !== 0) {
        return newError(Tbuf.Error.ALIGNMENT, `The items start at offset ${view.get_offset()}, ` +
            `and those of a typed array at a multiple of ${size}; iterate, or take a copy()`);
    }
    return null;
}

/* A typed array over the memory of a view. */
function newArray(view) {
    const obstacle = whyNoArray(view);

    if (obstacle !== null)
        throw obstacle;
    return new elements[view.get_dtype()].Type(newBuffer(view));
}

/* Arrays handed out, so that view.array[0] does not make one each time. They
 * hold on to the mapping, never to a GObject: a value that reached its key
 * would keep both for ever. */
const arrays = new WeakMap();

function cachedArray(region, view) {
    let array = arrays.get(region);

    view.check_access(true);
    /* A program may have detached the buffer, by transferring it: then nothing is left of it. */
    if (!array?.length) {
        array = newArray(view);
        arrays.set(region, array);
    }

    return array;
}

/* A typed array over some of the items, of which there must be so many. */
function arrayOfPart(view, first, nItems) {
    const obstacle = whyNoArray(view);

    if (obstacle !== null)
        throw obstacle;
    return newArray(view.reshape([view.get_n_items()]).slice(0, first, first + nItems, 1));
}

function windowOf(view, first, nItems) {
    const available = view.get_n_items();

    for (const number of [first, nItems]) {
        if (!Number.isSafeInteger(number) || number < 0)
            throw newError(Tbuf.Error.INVALID, `A window's first item and length are whole numbers, not ${number}`);
    }
    if (first > available || nItems > available - first) {
        throw newError(Tbuf.Error.RANGE,
            `A window of ${nItems} items from item ${first} does not fit into ${available} items`);
    }

    view.check_access(true);
    return arrayOfPart(view, first, nItems);
}

/* An ArrayBuffer has at most 8 GiB, and 1 GiB is a multiple of every item's size. */
const WINDOW_BYTES = 2 ** 30;

/* One typed array after the other, to the end. */
function* arraysOf(view, nItems) {
    const end = view.get_n_items();

    for (let first = 0; first < end; first += nItems)
        yield arrayOfPart(view, first, Math.min(nItems, end - first));
}

function windowsOf(view, nItems = WINDOW_BYTES / view.get_item_size()) {
    if (!Number.isSafeInteger(nItems) || nItems <= 0)
        throw newError(Tbuf.Error.INVALID, `Windows have a whole number of items, 1 or more, not ${nItems}`);

    view.check_access(true);
    return arraysOf(view, nItems);
}

/* All bytes of an arena, as a view. */
function byteView(arena) {
    return arena.create_view(Tbuf.Dtype.UINT8, 0, arena.get_size());
}

/* Where the items lie in the view's bytes, in C order. */
function* itemOffsets(view) {
    const shape = view.get_shape();
    const strides = view.get_strides();
    const index = shape.map(() => 0);
    let offset = view.get_first_item() - view.get_offset();

    for (let remaining = view.get_n_items(); remaining > 0; remaining--) {
        yield offset;

        for (let axis = shape.length - 1; axis >= 0; axis--) {
            offset += strides[axis];
            if (++index[axis] < shape[axis])
                break;
            offset -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
}

/* Reads elements of any view: in the other byte order, with strides, misaligned. */
function elementReader(view) {
    const {read} = elements[view.get_dtype()];
    const isLittle = view.get_byte_order() === Tbuf.ByteOrder.LITTLE;
    const data = new DataView(newBuffer(view));

    return offset => data[read](offset, isLittle);
}

function* convertedItems(view, {Type, toItem, isComplex}) {
    const readAt = elementReader(view);

    for (const offset of itemOffsets(view)) {
        if (isComplex)
            yield [readAt(offset), readAt(offset + Type.BYTES_PER_ELEMENT)];
        else
            yield toItem ? toItem(readAt(offset)) : readAt(offset);
    }
}

/* The buffer is never handed out, so nobody can write to one that is read-only. */
function items(view) {
    const dtype = elements[view.get_dtype()];

    view.check_access(false);
    if (dtype.toItem || dtype.isComplex || whyNoArray(view) !== null)
        return convertedItems(view, dtype);
    if (view.get_n_bytes() > WINDOW_BYTES)
        return itemsOfLarge(view);
    return newArray(view).values();
}

function* itemsOfLarge(view) {
    for (const array of arraysOf(view, WINDOW_BYTES / view.get_item_size()))
        yield* array;
}

function copyOf(view) {
    const {Type, isComplex} = elements[view.get_dtype()];

    view.check_access(false);
    if (whyNoArray(view) === null)
        return newArray(view).slice();

    const readAt = elementReader(view);
    const nElements = view.get_n_items() * (isComplex ? 2 : 1);
    const copy = inRange(() => new Type(nElements), `${nElements} elements are`);
    let i = 0;

    for (const offset of itemOffsets(view)) {
        copy[i++] = readAt(offset);
        if (isComplex)
            copy[i++] = readAt(offset + Type.BYTES_PER_ELEMENT);
    }

    return copy;
}

function toMicroseconds(timeout) {
    if (timeout === null || timeout === undefined || timeout === Infinity)
        return -1;
    if (typeof timeout !== 'number' || !(timeout >= 0))
        throw newError(Tbuf.Error.INVALID, `A timeout is a number of seconds, 0 or more, not ${timeout}`);
    return Math.min(Math.ceil(timeout * 1e6), Number.MAX_SAFE_INTEGER);
}

/* A lock that was forgotten would stay for the life of the process. (It does
 * under gjs 1.74, which never runs such callbacks.) */
const forgotten = new FinalizationRegistry(region => {
    console.warn(`A lock on ${region} was never unlocked; it is now, because its guard is gone`);
    region.unlock();
});

class Guard {
    #region;

    constructor(region) {
        this.#region = region;
        forgotten.register(this, region, this);
    }

    /* Once: a second time could end a lock that somebody else took through the same view. */
    unlock() {
        if (this.#region === null)
            throw newError(Tbuf.Error.NOT_HELD, 'This lock was already unlocked');

        const region = this.#region;
        this.#region = null;
        forgotten.unregister(this);
        region.unlock();
    }
}

/* How a wait ends without success, and what a lock has besides. */
const waitOptions = ['timeout', 'cancellable'];
const lockOptions = ['shared', ...waitOptions];

/* A slip here must not become an exclusive lock without a timeout. */
function checkOptions(options, known, what) {
    if (options === null || typeof options !== 'object' || options instanceof GObject.Object) {
        throw newError(Tbuf.Error.INVALID, `The options of a ${what} are an object such as {timeout: 0.5}, ` +
            `not ${typeof options === 'object' ? options : `a ${typeof options}`}`);
    }

    for (const key of Object.keys(options)) {
        if (!known.includes(key))
            throw newError(Tbuf.Error.INVALID, `A ${what} has no option "${key}", but ${known.join(', ')}`);
    }
}

/* The options of a wait, as what introspection asks for. */
function waitArguments(options = {}) {
    checkOptions(options, waitOptions, 'wait');
    return [toMicroseconds(options.timeout), options.cancellable ?? null];
}

/* What is meant without options. */
let exclusiveForEver;

function lockArguments(options) {
    if (options === undefined)
        return exclusiveForEver;

    checkOptions(options, lockOptions, 'lock');
    return [
        options.shared ? Tbuf.LockMode.SHARED : Tbuf.LockMode.EXCLUSIVE,
        toMicroseconds(options.timeout), options.cancellable ?? null,
    ];
}

function solveArguments(options = {}) {
    checkOptions(options, ['capacity', ...waitOptions], 'search');
    return [options.capacity ?? 0, toMicroseconds(options.timeout), options.cancellable ?? null];
}

/* Calls fn while the region, which is locked already, still is, or until the promise that it returns settles. */
function runLocked(region, fn) {
    let result, isPending;

    try {
        result = fn(region);
        isPending = typeof result?.then === 'function';
    } catch (error) {
        try {
            region.unlock();
        } catch {
            /* What went wrong first says more. */
        }
        throw error;
    }

    if (isPending)
        return Promise.resolve(result).finally(() => region.unlock());

    region.unlock();
    return result;
}

const MAX_ITEMS_SHOWN = 6;

function firstItems(view) {
    const shown = [];

    try {
        for (const item of items(view)) {
            if (shown.length === MAX_ITEMS_SHOWN)
                return `${shown.join(', ')}, …`;
            shown.push(Array.isArray(item) ? `${item[0]}${item[1] < 0 ? '-' : '+'}${Math.abs(item[1])}i` : `${item}`);
        }
    } catch (error) {
        return error.message;
    }

    return shown.join(', ');
}

/* Signals that arrive only while the region is watched. */
const watchedSignals = ['locked', 'unlocked', 'owner-died', 'changed', 'notify::lock-state'];

/* Lets a method that waits, and its asynchronous twin, take an object of options instead of introspection's
 * timeout in microseconds and cancellable. The twin becomes a promise if it gets no callback.
 *
 * nFixed arguments stand before the options, and toArguments makes introspection's of these. The result is what
 * finish makes of what introspection returns, where there were options. */
function overrideWait(prototype, name, nFixed, toArguments, finish) {
    const method = prototype[name];
    const hasOptions = args => args.length <= nFixed + 1 && typeof args[nFixed] !== 'number';
    const introspected = args => {
        const rest = toArguments(args[nFixed]);

        return nFixed === 0 ? rest : [...args.slice(0, nFixed), ...rest];
    };

    prototype[name] = function (...args) {
        if (!hasOptions(args))
            return method.apply(this, args);
        return finish(this, method.apply(this, introspected(args)));
    };

    const asyncName = `${name}_async`;
    if (prototype[asyncName] === undefined)
        return;

    /* What gjs itself offers to programs: those that call this too change nothing. */
    Gio._promisify(prototype, asyncName, `${name}_finish`);
    const asyncMethod = prototype[asyncName];

    prototype[asyncName] = function (...args) {
        if (!hasOptions(args))
            return asyncMethod.apply(this, args);

        return (async () => finish(this, await asyncMethod.apply(this, introspected(args))))();
    };
}

/* Whatever introspection returns in front of the values that are of interest. */
function lastValue(_object, result) {
    return Array.isArray(result) ? result[result.length - 1] : result;
}

function overrideRegion(prototype) {
    const {lock, lock_async: lockAsync} = prototype;

    overrideWait(prototype, 'lock', 0, lockArguments, region => new Guard(region));
    overrideWait(prototype, 'upgrade', 0, waitArguments, lastValue);
    overrideWait(prototype, 'recover', 0, waitArguments, lastValue);

    prototype.withLock = function (fn, options) {
        lock.apply(this, lockArguments(options));
        return runLocked(this, fn);
    };

    prototype.withLockAsync = async function (fn, options) {
        await new Promise((resolve, reject) => {
            lockAsync.call(this, ...lockArguments(options), (_region, result) => {
                try {
                    resolve(this.lock_finish(result));
                } catch (error) {
                    reject(error);
                }
            });
        });
        return runLocked(this, fn);
    };

    for (const method of ['connect', 'connect_after', 'connect_object']) {
        const connect = GObject.Object.prototype[method];

        /* gjs 1.74 has no connect_object. */
        if (connect === undefined)
            continue;

        prototype[method] = function (signal, ...args) {
            const id = connect.call(this, signal, ...args);

            if (watchedSignals.includes(signal.replaceAll('_', '-')))
                this.set_watch(true);

            return id;
        };
    }
}

function overrideView(prototype) {
    Object.defineProperties(prototype, {
        array: {
            get() {
                return cachedArray(this, this);
            },
        },
        length: {
            get() {
                return this.get_n_items();
            },
        },
        shape: {
            get() {
                return this.get_shape();
            },
        },
        strides: {
            get() {
                return this.get_strides();
            },
        },
    });

    prototype.window = function (first, nItems) {
        return windowOf(this, first, nItems);
    };

    prototype.windows = function (nItems) {
        return windowsOf(this, nItems);
    };

    prototype.copy = function () {
        return copyOf(this);
    };

    prototype[Symbol.iterator] = function () {
        return items(this);
    };

    prototype.toString = function () {
        const name = this.get_name();

        return `[${this.constructor.$gtype.name}${name === null ? '' : ` "${name}"`}` +
            ` (${this.get_shape().join(', ')}) ${firstItems(this)}]`;
    };
}

function overrideArena(Arena) {
    const {prototype} = Arena;

    /* Arenas that nobody uses any more may still wait for their collection, and keep what is now lacking. */
    for (const name of ['new', 'new_for_layout', 'create', 'open', 'open_fd']) {
        const construct = Arena[name];

        Arena[name] = function (...args) {
            try {
                return construct.apply(this, args);
            } catch (error) {
                if (!isError(error, Tbuf.Error.NO_SPACE))
                    throw error;
                System.gc();
                return construct.apply(this, args);
            }
        };
    }

    Object.defineProperties(prototype, {
        array: {
            get() {
                return cachedArray(this, byteView(this));
            },
        },
        length: {
            get() {
                return this.list_arrays().length;
            },
        },
        phase: {
            get() {
                return this.get_phase();
            },
            set(phase) {
                this.set_phase(phase, -1, null);
            },
        },
    });

    overrideWait(prototype, 'set_phase', 1, waitArguments, lastValue);

    prototype.window = function (offset, nBytes) {
        return windowOf(byteView(this), offset, nBytes);
    };

    prototype.windows = function (nBytes) {
        return windowsOf(byteView(this), nBytes);
    };

    prototype.view = function (name) {
        return this.get_view(name);
    };

    prototype[Symbol.iterator] = function () {
        return this.list_arrays()[Symbol.iterator]();
    };

    prototype.toString = function () {
        const name = this.get_name();
        const phase = this.get_phase();

        return `[${this.constructor.$gtype.name}${name === null ? '' : ` "${name}"`} ${this.get_size()} bytes` +
            `${phase === null ? '' : `, phase "${phase}"`}${[...this].map(array => ` ${array}`).join('')}]`;
    };
}

function _init() {
    Tbuf = this;
    elements = describeElements();
    exclusiveForEver = [Tbuf.LockMode.EXCLUSIVE, -1, null];
    nativeOrder = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? Tbuf.ByteOrder.LITTLE : Tbuf.ByteOrder.BIG;

    overrideRegion(Tbuf.Region.prototype);
    overrideView(Tbuf.View.prototype);
    overrideArena(Tbuf.Arena);
    overrideWait(Tbuf.Layout.prototype, 'plan', 0, waitArguments, lastValue);
    overrideWait(Tbuf.Plan.prototype, 'solve', 0, solveArguments, lastValue);
}
