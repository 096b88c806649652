/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The gjs process of four-languages.py, which says what it has to do. Its type is uint16. */

import Gio from 'gi://Gio';
import Tbuf from 'gi://Tbuf?version=1';
import System from 'system';

const FIRST_BYTE = 64;

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

const commands = {turn, sum, count};
const input = Gio.DataInputStream.new(Gio.File.new_for_path('/dev/stdin').read(null));
for (let [line] = input.read_line_utf8(null); line !== null; [line] = input.read_line_utf8(null)) {
    const [command, ...numbers] = line.split(' ');
    print(commands[command](...numbers.map(Number)));
}
