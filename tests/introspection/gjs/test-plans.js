// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Tbuf from 'gi://Tbuf?version=1';

import {equal, equalItems, fails, rejects, run, test} from './tap.js';

function newPlan() {
    const plan = new Tbuf.Plan();

    plan.add('image', 0, 2, 3000, 1);
    plan.add_many([1, 2], [3, 4], [1000, 3000], []);
    return plan;
}

test('numbers go in, offsets come out', () => {
    const plan = newPlan();

    equal(plan.n_buffers, 3);
    equal(plan.method, null);
    plan.solve({timeout: 1});
    equal(plan.verify(), true);
    equal(plan.height, 4000);
    equal(plan.lower_bound, 4000);
    equal(plan.proven, true);
    equal(plan.elapsed >= 0, true);
    equalItems(plan.list_ids(), ['image', '1', '2']);
    equalItems(plan.get_offsets(), ['image', '1', '2'].map(id => plan.get_offset(id)));
    equal(plan.get_offsets_bytes().get_size(), 24);
});

test('a table needs no conversion', () => {
    const plan = new Tbuf.Plan();
    const table = BigInt64Array.of(0n, 2n, 3000n, 1n, 3n, 1000n);

    plan.add_rows(new GLib.Bytes(new Uint8Array(table.buffer)), 3);
    plan.solve(0, 1000000, null);
    equal(plan.height, 4000);
});

test('bad numbers are errors', () => {
    const plan = newPlan();

    fails(() => plan.add('a', 5, 5, 1, 1), Tbuf.Error, Tbuf.Error.INVALID);
    fails(() => plan.add('a', 5, 6, 1, 3), Tbuf.Error, Tbuf.Error.INVALID);
    fails(() => plan.add('image', 5, 6, 1, 1), Tbuf.Error, Tbuf.Error.EXISTS);
    fails(() => plan.add_many([1, 2], [3, 4], [1], null), Tbuf.Error, Tbuf.Error.INVALID);
    fails(() => plan.solve({capacity: 3999}), Tbuf.Error, Tbuf.Error.INFEASIBLE);
    fails(() => plan.solve({limit: 3999}), Tbuf.Error, Tbuf.Error.INVALID);
    equal(plan.n_buffers, 3);
});

test('what is fixed stays, and what is to be apart is', () => {
    const plan = new Tbuf.Plan();

    plan.add_fixed('a', 0, 1, 10, 1, 30);
    plan.add('b', 1, 2, 40, 1);
    plan.add('c', 2, 3, 40, 1);
    plan.separate('b', 'c');
    plan.solve();
    equal(plan.get_offset('a'), 30);
    equal(plan.height, 80);
});

test('progress is told while it goes on', () => {
    const plan = newPlan();
    const told = [];

    plan.connect('progress', (_plan, height, seconds) => told.push([height, seconds]));
    plan.solve({timeout: 1});
    equal(told.at(-1)[0], 4000);
});

test('a promise is kept, and progress told before', async () => {
    const plan = newPlan();
    const told = [];

    plan.connect('progress', (_plan, height) => told.push(height));
    await plan.solve_async({capacity: 5000, timeout: 1});
    equal(plan.height <= 5000, true);
    equal(told.at(-1), plan.height);
});

test('a cancelled promise is rejected', async () => {
    const cancellable = new Gio.Cancellable();

    cancellable.cancel();
    await rejects(newPlan().solve_async({cancellable}), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
});

test('files are read and written', () => {
    const [file, stream] = Gio.File.new_tmp('tbuf-plan-XXXXXX.csv');

    stream.output_stream.write_all('id,size,lower,upper\na,70,0,5\nb,50,3,9\n', null);
    stream.close(null);
    try {
        const plan = Tbuf.Plan.new_from_csv(file, null);

        plan.solve();
        equal(plan.height, 120);
        equal(plan.to_csv().split('\n')[0], 'id,lower,upper,size,offset');
    } finally {
        file.delete(null);
    }
});

test('a layout is planned around what is pinned', async () => {
    const layout = new Tbuf.Layout();

    layout.add_phase('one');
    layout.add_phase('two');
    layout.add_array('A', Tbuf.Dtype.FLOAT32, [100], 'one', 'one');
    layout.add_array('B', Tbuf.Dtype.FLOAT32, [100], 'two', 'two');
    layout.add_array('C', Tbuf.Dtype.FLOAT32, [100], 'two', 'two');
    layout.pin('A', 1024);
    layout.separate('A', 'B');
    await layout.plan_async({timeout: 1});
    equal(layout.get_offset('A'), 1024);
    equal(layout.get_shared_with('B').includes('A'), false);
    equal(Tbuf.Arena.new_for_layout(layout, null, 0).view('A').get_offset(), 1024);
});

await run();
