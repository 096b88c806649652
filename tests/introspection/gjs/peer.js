// SPDX-License-Identifier: LGPL-2.1-or-later

/* The other process of test-processes.js: runs the function body in each line of its input, and answers with a line. */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Tbuf from 'gi://Tbuf?version=1';

const input = new Gio.DataInputStream({base_stream: Gio.File.new_for_path('/dev/stdin').read(null)});
const state = {};

for (let [line] = input.read_line_utf8(null); line !== null; [line] = input.read_line_utf8(null)) {
    let answer;

    try {
        const value = new Function('Tbuf', 'GLib', 'state', JSON.parse(line))(Tbuf, GLib, state);
        answer = {value};
    } catch (error) {
        answer = {error: `${error}`};
    }
    print(JSON.stringify(answer));
}
