/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The gjs process of four-languages.py, which says what it has to do. Its type is uint16. */

import Gio from 'gi://Gio';
import Tbuf from 'gi://Tbuf?version=1';
import System from 'system';

const FIRST_BATON = 16;
const FIRST_BYTE = 64;
const RELAY_BYTES = 64;
const TIMEOUT_US = 10_000_000;

const arena = Tbuf.Arena.open(System.programArgs[0], Tbuf.ArenaFlags.NONE);
const nBytes = arena.get_size() - FIRST_BYTE;

function expected(turn, i) {
    return (turn * 31 + i * 7) % 1000;
}

function turn(number) {
    const own = Tbuf.Uint16View.new(arena, FIRST_BYTE, nBytes / 2);
    return own.withLock(() => {
        const theirs = Tbuf.Float32View.new(arena, FIRST_BYTE, nBytes / 4).array;
        const wrong = theirs.findIndex((item, i) => item !== expected(number - 1, i));
        if (wrong >= 0)
            return `turn ${number}: float32 item ${wrong} is ${theirs[wrong]}`;
        own.array.forEach((_, i, items) => (items[i] = expected(number, i)));
        return 'ok';
    }, {timeout: 10});
}

function sum() {
    const bytes = Tbuf.Uint8View.new(arena, FIRST_BYTE, nBytes);
    return bytes.withLock(() => `ok ${bytes.array.reduce((total, item, i) => total + item * (i + 1), 0)}`,
        {shared: true, timeout: 10});
}

function count(n) {
    const number = Tbuf.Int64View.new(arena, 0, 1);
    for (let i = 0; i < n; i++)
        number.withLock(() => number.array[0]++, {timeout: 10});
    return 'ok';
}

function relay(me, n, previous, nRounds) {
    const batons = Tbuf.Uint32View.new(arena, FIRST_BATON, n);
    const own = Tbuf.Uint16View.new(arena, FIRST_BYTE, RELAY_BYTES / 2);
    const ours = own.array;
    const dtype = Tbuf.Dtype[previous.toUpperCase()];
    const theirs = arena.create_view(dtype, FIRST_BYTE, RELAY_BYTES / Tbuf.dtype_get_item_size(dtype)).array;
    const next = (me + 1) % n;

    for (let round = 1; round <= nRounds; round++) {
        const number = (round - 1) * n + me;

        for (let baton; (baton = batons.atomic_load(me)) !== round;)
            batons.atomic_wait(me, baton, TIMEOUT_US, null);
        own.lock(Tbuf.LockMode.EXCLUSIVE, TIMEOUT_US, null);
        for (let i = 0; number > 0 && i < theirs.length; i++) {
            if (Number(theirs[i]) !== expected(number - 1, i))
                return `turn ${number}: ${previous} item ${i} is ${theirs[i]}`;
        }
        for (let i = 0; i < ours.length; i++)
            ours[i] = expected(number, i);
        own.unlock();
        batons.atomic_store(next, round + (next === 0));
        batons.atomic_notify(next);
    }
    return 'ok';
}

const commands = {turn, sum, count, relay};
const input = Gio.DataInputStream.new(Gio.File.new_for_path('/dev/stdin').read(null));
for (let [line] = input.read_line_utf8(null); line !== null; [line] = input.read_line_utf8(null)) {
    const [command, ...words] = line.split(' ');
    print(commands[command](...words.map(word => isNaN(word) ? word : Number(word))));
}
