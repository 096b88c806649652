// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import Tbuf from 'gi://Tbuf?version=1';

import {equal, equalItems, fails, run, test} from './tap.js';

const INTEGERS = ['Int8', 'Int16', 'Int32', 'Int64', 'Uint8', 'Uint16', 'Uint32', 'Uint64'];

for (const name of INTEGERS) {
    test(`${name}View's atomic operations return the item before`, () => {
        const view = Tbuf[`${name}View`].new(Tbuf.Arena.new(64), 0, 4);

        equal(view.atomic_store(1, 5), true);
        equal(view.atomic_add(1, 3), 5);
        equal(view.atomic_sub(1, 1), 8);
        equal(view.atomic_and(1, 6), 7);
        equal(view.atomic_or(1, 1), 6);
        equal(view.atomic_xor(1, 3), 7);
        equal(view.atomic_exchange(1, 9), 4);
        equal(view.atomic_load(1), 9);
        equalItems(view.atomic_compare_exchange(1, 9, 10), [true, 9]);
        equalItems(view.atomic_compare_exchange(1, 9, 11), [false, 10]);
        equal(view.get_item(1), 10);
        fails(() => view.atomic_add(4, 1), Tbuf.Error, Tbuf.Error.RANGE);
    });
}

test('what has no atomic operations has no methods for them', () => {
    equal(Tbuf.Float32View.prototype.atomic_add, undefined);
    equal(Tbuf.Int64View.prototype.atomic_wait, undefined);
});

test('atomic_wait() waits for a difference', () => {
    const view = Tbuf.Int32View.new(Tbuf.Arena.new(64), 0, 4);
    const cancellable = Gio.Cancellable.new();

    equal(view.atomic_notify(0), true);
    equal(view.atomic_wait(0, 1, -1, null), true);
    fails(() => view.atomic_wait(0, 0, 10, null), Tbuf.Error, Tbuf.Error.TIMED_OUT);
    cancellable.cancel();
    fails(() => view.atomic_wait(0, 0, -1, cancellable), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
});

await run();
