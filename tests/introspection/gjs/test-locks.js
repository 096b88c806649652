// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import System from 'system';
import Tbuf from 'gi://Tbuf?version=1';

import {equal, equalItems, fails, rejects, run, skip, test, until} from './tap.js';

const {LockMode, LockState} = Tbuf;

/* Two views of the same bytes: a lock belongs to the object that took it, so they contend. */
function twoViews() {
    const arena = Tbuf.Arena.new(16);

    return [Tbuf.Int32View.new(arena, 0, 4), Tbuf.Int32View.new(arena, 0, 4)];
}

test('lock() is exclusive, and its guard unlocks', () => {
    const [view, other] = twoViews();
    const guard = view.lock();

    equal(view.get_held_mode(), LockMode.EXCLUSIVE);
    fails(() => other.lock({timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    guard.unlock();
    equal(view.get_held_mode(), LockMode.NONE);
    other.lock({timeout: 0}).unlock();
});

test('shared locks go together', () => {
    const [view, other] = twoViews();
    const guards = [view.lock({shared: true}), other.lock({shared: true, timeout: 0})];

    equal(view.get_lock_state(), LockState.SHARED);
    for (const guard of guards)
        guard.unlock();
    equal(view.get_lock_state(), LockState.FREE);
});

test('a guard unlocks once', () => {
    const [view, other] = twoViews();
    const guard = view.lock();

    guard.unlock();
    const next = view.lock();
    fails(() => guard.unlock(), Tbuf.Error, Tbuf.Error.NOT_HELD);
    fails(() => other.lock({timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    next.unlock();
});

test('a forgotten guard unlocks when it is collected', async () => {
    if (System.version < 18200)
        skip('this gjs does nothing after a collection');

    const [view] = twoViews();

    (() => view.lock())();
    while (view.get_held_mode() !== LockMode.NONE) {
        System.gc();
        await new Promise(resolve => GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        }));
    }
});

test('introspection\'s own lock goes on', () => {
    const [view, other] = twoViews();

    equal(view.lock(LockMode.EXCLUSIVE, -1, null), true);
    fails(() => other.lock(LockMode.SHARED, 0, null), Tbuf.Error, Tbuf.Error.BUSY);
    view.unlock();
    fails(() => view.unlock(), Tbuf.Error, Tbuf.Error.NOT_HELD);
});

test('timeouts are seconds', () => {
    const [view] = twoViews();

    for (const timeout of [-1, NaN, '1'])
        fails(() => view.lock({timeout}), Tbuf.Error, Tbuf.Error.INVALID);
    for (const timeout of [0, 0.25, 10, Infinity, null, undefined])
        view.lock({timeout}).unlock();
});

test('options that no lock has are refused', () => {
    const [view] = twoViews();
    const slips = [{share: true}, {shared: true, timeoutUs: 5}, 'shared', true, null, 5n, new Gio.Cancellable()];

    for (const options of slips) {
        fails(() => view.lock(options), Tbuf.Error, Tbuf.Error.INVALID);
        fails(() => view.withLock(() => {}, options), Tbuf.Error, Tbuf.Error.INVALID);
        equal(view.get_held_mode(), LockMode.NONE);
    }
    fails(() => view.lock({share: true}), /A lock has no option "share", but shared, timeout, cancellable/);
    fails(() => view.lock('shared'), /an object such as {timeout: 0.5}, not a string/);
    fails(() => view.upgrade({shared: true}), /A wait has no option "shared", but timeout, cancellable/);
});

test('upgrade() and recover() take the options of a wait', () => {
    const [view, other] = twoViews();
    const guard = view.lock({shared: true});

    other.lock(LockMode.SHARED, -1, null);
    fails(() => view.upgrade({timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    other.unlock();
    equal(view.upgrade({timeout: 10}), true);
    equal(view.get_held_mode(), LockMode.EXCLUSIVE);
    fails(() => other.recover({timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    guard.unlock();
    equal(other.recover(), false);
    other.unlock();
    equalItems(other.recover(-1, null), [true, false]);
    other.unlock();
});

test('withLock gives what the function returns, and unlocks', () => {
    const [view] = twoViews();

    equal(view.withLock(locked => {
        equal(locked, view);
        equal(view.get_held_mode(), LockMode.EXCLUSIVE);
        return 42;
    }), 42);
    equal(view.get_held_mode(), LockMode.NONE);
    view.withLock(() => equal(view.get_held_mode(), LockMode.SHARED), {shared: true});
});

test('withLock unlocks when the function throws', () => {
    const [view] = twoViews();

    fails(() => view.withLock(() => {
        throw new Error('of its own');
    }), /^of its own$/);
    equal(view.get_held_mode(), LockMode.NONE);
});

test('withLock without a lock does not run the function', () => {
    const [view, other] = twoViews();
    let ran = false;

    view.lock(LockMode.EXCLUSIVE, -1, null);
    fails(() => other.withLock(() => (ran = true), {timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    equal(ran, false);
    view.unlock();
});

test('withLock holds on until a promise settles', async () => {
    const [view] = twoViews();
    let resolve, reject;

    const value = view.withLock(() => new Promise(r => (resolve = r)));
    equal(view.get_held_mode(), LockMode.EXCLUSIVE);
    resolve('done');
    equal(await value, 'done');
    equal(view.get_held_mode(), LockMode.NONE);

    const failure = view.withLock(() => new Promise((_, r) => (reject = r)));
    equal(view.get_held_mode(), LockMode.EXCLUSIVE);
    reject(new Error('of its own'));
    await rejects(failure, /^of its own$/);
    equal(view.get_held_mode(), LockMode.NONE);
});

test('withLock unlocks after an async function', async () => {
    const [view] = twoViews();

    equal(await view.withLock(async () => {
        await null;
        equal(view.get_held_mode(), LockMode.EXCLUSIVE);
        return 'done';
    }), 'done');
    equal(view.get_held_mode(), LockMode.NONE);
});

test('a cancelled lock is Gio\'s error', () => {
    const [view] = twoViews();
    const cancellable = new Gio.Cancellable();

    cancellable.cancel();
    fails(() => view.lock({cancellable}), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    equal(view.get_held_mode(), LockMode.NONE);
});

test('an arena is locked as a whole', () => {
    const [view] = twoViews();
    const arena = view.get_arena();

    arena.withLock(() => fails(() => view.lock({timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY));
    view.lock({timeout: 0}).unlock();
});

test('connecting a handler of another one\'s locks starts the watch', () => {
    const [view] = twoViews();

    view.connect('notify::name', () => {});
    equal(view.get_watch(), false);
    view.connect('locked', () => {});
    equal(view.get_watch(), true);

    for (const signal of ['unlocked', 'notify::lock-state']) {
        const [next] = twoViews();

        next.connect_after(signal, () => {});
        equal(next.get_watch(), true);
    }

    const [last] = twoViews();

    if (last.connect_object) {
        last.connect_object('owner-died', () => {}, last.get_arena(), GObject.ConnectFlags.DEFAULT);
        equal(last.get_watch(), true);
    }
});

test('a watched view tells of this process\'s locks too', () => {
    const [view, other] = twoViews();
    const modes = [];

    view.connect('locked', (_view, offset, nBytes, mode) => modes.push([offset, nBytes, mode]));
    other.lock();
    until(() => modes.length > 0);
    equalItems(modes[0], [0, 16, LockMode.EXCLUSIVE]);
    other.unlock();
});

await run();
