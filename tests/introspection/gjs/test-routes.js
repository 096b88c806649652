// SPDX-License-Identifier: LGPL-2.1-or-later

/* Without the native helper: what gjs itself offers is taken where it shares memory, and refused where it copies. */

import System from 'system';

/* No helper has this version, so it is not found, wherever it is installed. */
imports.gi.versions.TbufGjs = 'none';

const {default: Tbuf} = await import('gi://Tbuf?version=1');
const {equal, fails, run, test} = await import('./tap.js');

test('without the helper there is shared memory, or an error that says so', () => {
    const view = Tbuf.Int32View.new(Tbuf.Arena.new(16), 0, 4);

    if (System.version < 18200) {
        view.array[1] = 7;
        equal(view.get_item(1), 7);
    } else {
        for (let i = 0; i < 2; i++)
            fails(() => view.array, /TbufGjs-1 does not work: .*; GLib\.Bytes\.toArray\(\) copies$/);
        equal(view.get_item(1), 0);
    }
});

await run();
