/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One buffer of 10 bytes, seen as int8, int16 and int32 at once, while another
 * process writes to it. The same program stands beside this file in C, Python
 * and Vala, and all of them print the same. */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Tbuf from 'gi://Tbuf?version=1';
import System from 'system';

const N_BYTES = 10;
const {INT16, INT32} = Tbuf.Dtype;
const {LITTLE} = Tbuf.ByteOrder; // said, so that the bytes are the same on every machine

/* What the other process does: it opens the arena by its name and sets each int16 item to its index. */
function setItems(name) {
    const arena = Tbuf.Arena.open(name, Tbuf.ArenaFlags.NONE);
    const items = Tbuf.Int8View.new(arena, 0, N_BYTES).cast(INT16, LITTLE);
    items.withLock(() => {
        for (let i = 0; i < items.length; i++)
            items.set_item(i, i);
    });
}

function show(name) {
    const arena = Tbuf.Arena.create(name, N_BYTES, Tbuf.ArenaFlags.NONE);

    // Three views of the same bytes; two int32 fit into the first eight of them.
    const int8s = Tbuf.Int8View.new(arena, 0, N_BYTES);
    const int16s = int8s.cast(INT16, LITTLE);
    const int32s = int8s.slice(0, 0, 8, 1).cast(INT32, LITTLE);
    print(`One buffer of ${arena.size} bytes: ` +
        `${int8s.length} int8, ${int16s.length} int16, ${int32s.length} int32`);

    const program = Gio.File.new_for_uri(import.meta.url).get_path();
    Gio.Subprocess.new(['gjs', '-m', program, name], Gio.SubprocessFlags.NONE).wait_check(null);

    print('Another process has set the int16 items to their index');
    arena.withLock(() => {
        print('int8: ', ...int8s);
        print('int16:', ...int16s);
        print('int32:', `${[...int32s].join(' ')}, sum ${[...int32s].reduce((a, b) => a + b)}`);
    }, {shared: true});

    // Not every range of bytes can be seen as every type.
    for (const n of [3, 2]) {
        try {
            const seen = int8s.slice(0, 0, n, 1).cast(INT16, LITTLE);
            print(`${n} bytes as int16: ${seen.length} item`);
        } catch (refusal) {
            print(`${n} bytes as int16: ${refusal.message}`);
        }
    }
}

if (System.programArgs.length > 0)
    setItems(System.programArgs[0]);
else
    show(`overlap-${GLib.random_int()}`);
