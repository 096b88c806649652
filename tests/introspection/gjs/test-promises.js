// SPDX-License-Identifier: LGPL-2.1-or-later

/* What waits without blocking the main loop: promises, as they are when nobody called Gio._promisify(). */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Tbuf from 'gi://Tbuf?version=1';

import {equal, equalItems, fails, rejects, run, test, until} from './tap.js';

const {Dtype, LockMode, LockState} = Tbuf;

/* Two views of the same bytes, which contend. */
function twoViews() {
    const arena = Tbuf.Arena.new(16);

    return [Tbuf.Int32View.new(arena, 0, 4), Tbuf.Int32View.new(arena, 0, 4)];
}

function twoPhases() {
    const layout = new Tbuf.Layout();

    for (const phase of ['floats', 'ints'])
        layout.add_phase(phase);
    layout.add_array('A', Dtype.FLOAT64, [4], 'floats', 'floats');
    layout.add_array('D', Dtype.INT32, [8], 'ints', 'ints');
    return Tbuf.Arena.new_for_layout(layout, null, Tbuf.ArenaFlags.NONE);
}

/* Until everything that is ready now was done. */
function turn() {
    return new Promise(resolve => GLib.idle_add(GLib.PRIORITY_LOW, () => {
        resolve();
        return GLib.SOURCE_REMOVE;
    }));
}

test('lock_async() is a promise of a guard', async () => {
    const [view, other] = twoViews();
    const guard = await view.lock_async();

    equal(view.get_held_mode(), LockMode.EXCLUSIVE);
    fails(() => other.lock({timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    guard.unlock();
    equal(view.get_lock_state(), LockState.FREE);
    fails(() => guard.unlock(), Tbuf.Error, Tbuf.Error.NOT_HELD);
});

test('lock_async() with introspection\'s arguments is a promise, too', async () => {
    const [view] = twoViews();

    equal(await view.lock_async(LockMode.SHARED, -1, null), true);
    equal(view.get_held_mode(), LockMode.SHARED);
    view.unlock();
});

test('lock_async() with a callback is what it was', () => {
    const [view] = twoViews();
    let locked = null;

    equal(view.lock_async(LockMode.EXCLUSIVE, -1, null, (source, result) => (locked = source.lock_finish(result))),
        undefined);
    until(() => locked !== null);
    equal(locked, true);
    view.unlock();
});

test('a program may still promisify by itself', async () => {
    Gio._promisify(Tbuf.Region.prototype, 'lock_async', 'lock_finish');
    const [view] = twoViews();

    equal(await view.lock_async(LockMode.EXCLUSIVE, -1, null), true);
    view.unlock();
    (await view.lock_async({shared: true})).unlock();
    view.lock_async(LockMode.EXCLUSIVE, -1, null, () => {});
    until(() => view.get_held_mode() === LockMode.EXCLUSIVE);
    view.unlock();
});

test('lock_async() waits without blocking', async () => {
    const [view, other] = twoViews();
    const guard = view.lock();
    let isOurs = false;

    const pending = other.lock_async({timeout: 10}).then(theirs => {
        isOurs = true;
        return theirs;
    });
    await turn();
    equal(isOurs, false);
    guard.unlock();
    (await pending).unlock();
    equal(isOurs, true);
});

test('promises of locks reject with the library\'s errors', async () => {
    const [view, other] = twoViews();
    const guard = view.lock();
    const cancellable = new Gio.Cancellable();

    await rejects(other.lock_async({timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    await rejects(other.lock_async({timeout: 0.01}), Tbuf.Error, Tbuf.Error.TIMED_OUT);
    await rejects(other.lock_async(LockMode.SHARED, 10000, null), Tbuf.Error, Tbuf.Error.TIMED_OUT);
    await rejects(other.lock_async({share: true}), Tbuf.Error, Tbuf.Error.INVALID);
    await rejects(other.lock_async({timeout: -1}), Tbuf.Error, Tbuf.Error.INVALID);

    const cancelled = other.lock_async({cancellable});
    cancellable.cancel();
    await rejects(cancelled, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    guard.unlock();
    equal(view.get_lock_state(), LockState.FREE);
});

test('an arena that is closed ends the wait', async () => {
    const [view, other] = twoViews();

    view.lock();
    const pending = other.lock_async();
    view.get_arena().close();
    await rejects(pending, Tbuf.Error, Tbuf.Error.CLOSED);
});

test('withLockAsync() waits, runs the function, and unlocks', async () => {
    const [view, other] = twoViews();
    const guard = view.lock();

    const plain = other.withLockAsync(locked => {
        equal(locked, other);
        equal(other.get_held_mode(), LockMode.SHARED);
        return 42;
    }, {shared: true, timeout: 10});
    guard.unlock();
    equal(await plain, 42);
    equal(other.get_lock_state(), LockState.FREE);

    equal(await other.withLockAsync(async () => {
        await turn();
        equal(other.get_held_mode(), LockMode.EXCLUSIVE);
        return 43;
    }), 43);
    equal(other.get_lock_state(), LockState.FREE);
});

test('withLockAsync() unlocks when the function throws or rejects', async () => {
    const [view] = twoViews();

    await rejects(view.withLockAsync(() => {
        throw new Error('at once');
    }), /^at once$/);
    equal(view.get_lock_state(), LockState.FREE);

    await rejects(view.withLockAsync(async () => {
        await turn();
        throw new Error('later');
    }), /^later$/);
    equal(view.get_lock_state(), LockState.FREE);
});

test('withLockAsync() without a lock does not run the function', async () => {
    const [view, other] = twoViews();
    const guard = view.lock();
    let ran = false;

    await rejects(other.withLockAsync(() => (ran = true), {timeout: 0.01}), Tbuf.Error, Tbuf.Error.TIMED_OUT);
    equal(ran, false);
    guard.unlock();
});

test('recover_async() is a promise of whether the range was abandoned', async () => {
    const [view, other] = twoViews();
    const guard = view.lock();

    await rejects(other.recover_async({timeout: 0.01}), Tbuf.Error, Tbuf.Error.TIMED_OUT);
    const pending = other.recover_async();
    guard.unlock();
    equal(await pending, false);
    equal(other.get_held_mode(), LockMode.EXCLUSIVE);
    other.unlock();
    equalItems(await other.recover_async(-1, null), [false]);
    other.unlock();
});

test('many coroutines on one range take turns', async () => {
    const arena = Tbuf.Arena.new(8);
    const {array} = arena;
    let inside = 0;

    await Promise.all(Array.from({length: 50}, async () => {
        const view = Tbuf.Uint8View.new(arena, 0, 8);

        for (let i = 0; i < 5; i++) {
            await view.withLockAsync(async () => {
                equal(++inside, 1);
                const before = array[0];
                await null;
                array[0] = before + 1;
                inside--;
            });
        }
    }));
    equal(array[0], 250);
});

test('the phase is a property that can be set', () => {
    const arena = twoPhases();

    equal(arena.phase, 'floats');
    arena.phase = 'ints';
    equal(arena.phase, 'ints');
    equal(arena.get_phase(), 'ints');
    equal(arena.view('D').is_live, true);
    fails(() => (arena.phase = 'neither'), Tbuf.Error, Tbuf.Error.NOT_FOUND);
    equal(arena.phase, 'ints');
});

test('set_phase() takes the options of a wait', () => {
    const arena = twoPhases();
    const view = arena.view('A');
    const guard = view.lock();
    const other = Tbuf.Arena.open_fd(arena.get_fd(), Tbuf.ArenaFlags.NONE);

    fails(() => other.set_phase('ints', {timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    fails(() => other.set_phase('ints', {timeOut: 0}), Tbuf.Error, Tbuf.Error.INVALID);
    guard.unlock();
    equal(other.set_phase('ints', {timeout: 10}), true);
    equal(other.set_phase('floats'), true);
    equal(other.set_phase('ints', 0, null), true);
    equal(arena.phase, 'ints');
});

test('set_phase_async() is a promise that waits for locks', async () => {
    const arena = twoPhases();
    const guard = arena.view('A').lock();

    await rejects(arena.set_phase_async('ints', {timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    await rejects(arena.set_phase_async('ints', 10000, null), Tbuf.Error, Tbuf.Error.TIMED_OUT);
    const pending = arena.set_phase_async('ints');
    await turn();
    equal(arena.phase, 'floats');
    guard.unlock();
    equal(await pending, true);
    equal(arena.phase, 'ints');
});

await run();
