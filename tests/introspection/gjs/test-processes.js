// SPDX-License-Identifier: LGPL-2.1-or-later

/* Two processes on one arena. The other one is peer.js, which does one thing per line that it reads. */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Tbuf from 'gi://Tbuf?version=1';

import {equal, equalItems, fails, rejects, run, test, uniqueName, until} from './tap.js';

const {Dtype, LockMode, LockState} = Tbuf;
const [here] = GLib.filename_from_uri(GLib.Uri.resolve_relative(import.meta.url, '.', GLib.UriFlags.NONE));

class Peer {
    constructor() {
        const gjs = GLib.file_read_link('/proc/self/exe');

        this.process = Gio.Subprocess.new([gjs, '-m', GLib.build_filenamev([here, 'peer.js'])],
            Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE);
        this.input = this.process.get_stdin_pipe();
        this.output = new Gio.DataInputStream({base_stream: this.process.get_stdout_pipe()});
    }

    /* Runs a body with `Tbuf` and `state` (kept from one to the next) in the peer, and gives what it returns. */
    do(body) {
        this.input.write_all(new TextEncoder().encode(`${JSON.stringify(body)}\n`), null);
        const [line] = this.output.read_line_utf8(null);
        if (line === null)
            throw new Error('the peer died');
        const {value, error} = JSON.parse(line);
        if (error)
            throw new Error(`in the peer: ${error}`);
        return value;
    }

    end() {
        this.input.close(null);
        this.process.wait_check(null);
    }

    kill() {
        this.process.force_exit();
        this.process.wait(null);
    }
}

function newShared() {
    const name = uniqueName();
    const layout = new Tbuf.Layout();

    for (const phase of ['floats', 'ints'])
        layout.add_phase(phase);
    layout.add_array('A', Dtype.FLOAT64, [1000], 'floats', 'floats');
    layout.add_array('E', Dtype.INT64, [500], 'ints', 'ints');
    layout.plan(-1, null);

    const arena = Tbuf.Arena.new_for_layout(layout, name, Tbuf.ArenaFlags.NONE);
    arena.set_phase('floats', -1, null);

    const peer = new Peer();
    peer.do(`state.arena = Tbuf.Arena.open('${name}', Tbuf.ArenaFlags.NONE)`);
    return [arena, peer];
}

test('each sees what the other writes', () => {
    const [arena, peer] = newShared();
    const {array} = arena.view('A');

    array.forEach((_, i) => (array[i] = i / 4));
    equal(peer.do('return state.arena.view("A").array.reduce((a, b) => a + b)'), 1000 * 999 / 8);
    peer.do('state.arena.view("A").withLock(view => view.array.fill(-0.5))');
    equal(array.every(item => item === -0.5), true);
    peer.end();
});

test('a change of phase is seen by both', () => {
    const [arena, peer] = newShared();

    peer.do('state.view = state.arena.view("A")');
    arena.set_phase('ints', -1, null);
    equal(peer.do('try { state.view.array } catch (e) { return e.matches(Tbuf.Error, Tbuf.Error.NOT_LIVE) }'), true);
    peer.do('state.arena.view("E").array[499] = 2n ** 62n + 1n');
    equal(arena.view('E').array[499], 2n ** 62n + 1n);
    peer.end();
});

test('a lock of the other process excludes', () => {
    const [arena, peer] = newShared();
    const view = arena.view('A');

    peer.do('state.guard = state.arena.view("A").lock()');
    equal(view.get_lock_state(), LockState.EXCLUSIVE);
    fails(() => view.lock({timeout: 0}), Tbuf.Error, Tbuf.Error.BUSY);
    fails(() => view.lock({timeout: 0.02}), Tbuf.Error, Tbuf.Error.TIMED_OUT);
    peer.do('state.guard.unlock()');
    view.lock({timeout: 10}).unlock();
    peer.end();
});

test('the lock of a process that died is reported', () => {
    const [arena, peer] = newShared();
    const view = arena.view('A');

    peer.do('state.guard = state.arena.view("A").lock()');
    peer.kill();
    fails(() => view.lock({timeout: 10}), Tbuf.Error, Tbuf.Error.OWNER_DIED);
    equal(view.recover(-1, null)[1], true);
    view.unlock();
    view.lock({timeout: 10}).unlock();
});

test('what a process that died had locked can be recovered without blocking', async () => {
    const [arena, peer] = newShared();
    const view = arena.view('A');

    peer.do('state.guard = state.arena.view("A").lock()');
    peer.kill();
    await rejects(view.lock_async({timeout: 10}), Tbuf.Error, Tbuf.Error.OWNER_DIED);
    equal(await view.recover_async({timeout: 10}), true);
    equal(view.get_held_mode(), LockMode.EXCLUSIVE);
    view.unlock();
    (await view.lock_async({timeout: 10})).unlock();
    equal(view.recover({timeout: 10}), false);
    view.unlock();
});

test('locks of the other process arrive as signals', () => {
    const [arena, peer] = newShared();
    const pid = peer.do('return new TextDecoder().decode(GLib.file_get_contents("/proc/self/stat")[1]).split(" ")[0]');
    const view = arena.view('A');
    const seen = [];

    view.connect('locked', (_view, offset, nBytes, mode, owner) => seen.push([offset, nBytes, mode, `${owner}`]));
    view.connect('unlocked', (_view, offset, nBytes, mode) => seen.push([offset, nBytes, mode]));

    peer.do('state.guard = state.arena.view("A").lock({shared: true})');
    until(() => seen.length === 1);
    peer.do('state.guard.unlock()');
    until(() => seen.length === 2);
    equalItems(seen, [
        [view.get_offset(), 8000, LockMode.SHARED, pid],
        [view.get_offset(), 8000, LockMode.SHARED],
    ]);
    peer.end();
});

test('a range that two processes add to loses nothing', () => {
    const [arena, peer] = newShared();
    const view = arena.view('A');
    const body = 'for (let i = 0; i < 2000; i++) view.withLock(() => (view.array[0] += 1))';

    view.array[0] = 0;
    peer.do('state.view = state.arena.view("A"); state.view.array');
    peer.input.write_all(new TextEncoder().encode(`${JSON.stringify(`const {view} = state; ${body}`)}\n`), null);
    for (let i = 0; i < 2000; i++)
        view.withLock(() => (view.array[0] += 1));
    peer.output.read_line_utf8(null);
    equal(view.array[0], 4000);
    peer.end();
});

await run();
