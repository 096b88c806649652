// SPDX-License-Identifier: LGPL-2.1-or-later

/* The older way to import, for scripts that are not modules: the same override serves both. */

imports.gi.versions.Tbuf = '1';
const {GLib, Tbuf} = imports.gi;

const cases = {
    'a script that is no module has typed arrays'() {
        const view = Tbuf.Int16View.new(Tbuf.Arena.new(10), 0, 5);

        view.array.set([0, 1, 2, 3, 4]);
        return view.get_item(4) === 4 && [...view].join() === '0,1,2,3,4';
    },

    'a script that is no module has locks'() {
        const arena = Tbuf.Arena.new(10);

        return arena.withLock(() => arena.get_held_mode()) === Tbuf.LockMode.EXCLUSIVE &&
            arena.get_held_mode() === Tbuf.LockMode.NONE;
    },

    'a script that is no module has errors'() {
        try {
            Tbuf.Int16View.new(Tbuf.Arena.new(3), 1, 1);
        } catch (error) {
            return error instanceof GLib.Error && error.matches(Tbuf.Error, Tbuf.Error.ALIGNMENT);
        }
        return false;
    },
};

print(`1..${Object.keys(cases).length}`);
Object.entries(cases).forEach(([name, fn], i) => print(`${fn() ? 'ok' : 'not ok'} ${i + 1} - ${name}`));
