// SPDX-License-Identifier: LGPL-2.1-or-later

/* What the benchmarks in JavaScript have in common: bench.py in JavaScript.
 *
 *     import * as bench from './bench.js';
 *
 *     bench.init('What locks cost from JavaScript');
 *     const table = new bench.Table('lock and unlock', 'ns');
 *     table.add('Tbuf', () => bench.nsPerCall(n => { for (let i = 0; i < n; i++) ...; }, 10_000));
 *     table.run();
 *     bench.atMost('beside it', table.get('Tbuf') / table.get('another'), 1.0, '×');
 *     bench.finish();
 */

import GLib from 'gi://GLib';
import System from 'system';

const LABEL_WIDTH = 58;
const VALUE_WIDTH = 16;

let quick = false;
let sections = [];
let nTables = 0, nReached = 0, nMissed = 0;

export function init(summary) {
    quick = System.programArgs.some(arg => arg === '-q' || arg === '--quick');
    sections = System.programArgs.filter(arg => !arg.startsWith('-'));
    print(summary);
    print(`Medians of ${quick ? 1 : 11} runs each, in turn${quick ? ' (quick: the figures mean nothing)' : ''}.`);
}

export function finish() {
    print(`\n${nTables} tables; ${nReached} targets reached, ${nMissed} missed`);
    System.exit(nTables > 0 ? 0 : 1);
}

export function wants(section) {
    return sections.length === 0 || sections.includes(section);
}

/* How often to do something that is to be done n times. */
export function scale(n) {
    return quick ? Math.max(Math.floor(n / 1000), 1) : n;
}

/* How long each of n turns of a loop takes. The loop is compiled in a turn that does not count. */
export function nsPerCall(loop, n) {
    const count = scale(n);

    loop(Math.ceil(count / 10));
    const start = GLib.get_monotonic_time();
    loop(count);
    return (GLib.get_monotonic_time() - start) * 1000 / count;
}

function format(value) {
    if (!Number.isFinite(value))
        return '-';
    if (Math.abs(value) >= 1000)
        return Math.round(value).toLocaleString('en-US');
    return value.toFixed(Math.abs(value) < 1 ? 3 : Math.abs(value) < 10 ? 2 : 1);
}

export function median(values) {
    return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

export class Table {
    #title;
    #unit;
    #rows = new Map();

    constructor(title, unit) {
        this.#title = title;
        this.#unit = unit;
    }

    /* The function gives a value, or a promise of one. */
    add(label, fn) {
        this.#rows.set(label, {fn, values: []});
    }

    /* The median. */
    get(label) {
        return median(this.#rows.get(label).values);
    }

    async run() {
        for (let i = 0; i < (quick ? 1 : 11); i++) {
            for (const {fn, values} of this.#rows.values()) {
                System.gc();
                values.push(await fn());
            }
        }
        nTables++;

        print(`\n${this.#title.padEnd(LABEL_WIDTH)}${this.#unit.padStart(VALUE_WIDTH)}`);
        for (const label of this.#rows.keys())
            print(`  ${label.padEnd(LABEL_WIDTH - 2)}${format(this.get(label)).padStart(VALUE_WIDTH)}`);
    }
}

/* Says what was to be reached, and whether it was, as far as the figure is printed. */
export function atMost(what, value, limit, unit) {
    const reached = Number(value.toFixed(2)) <= limit;

    if (reached)
        nReached++;
    else
        nMissed++;
    print(`    ${what}: ≤ ${format(limit)} ${unit}: ${value.toFixed(2)} ${unit}, ${reached ? 'reached' : 'MISSED'}`);
}
