// SPDX-License-Identifier: LGPL-2.1-or-later

/* The least that a test needs: cases that print a line of the Test Anything Protocol each. */

import GLib from 'gi://GLib';
import System from 'system';

const cases = [];

export function test(name, fn) {
    cases.push([name, fn]);
}

class Skip {
    constructor(reason) {
        this.reason = reason;
    }
}

export function skip(reason) {
    throw new Skip(reason);
}

function diagnose(error) {
    const text = `${error}\n${error.stack ?? ''}`;

    for (const line of text.trimEnd().split('\n'))
        print(`# ${line}`);
}

export async function run() {
    let nFailed = 0;

    print(`1..${cases.length}`);
    for (const [i, [name, fn]] of cases.entries()) {
        try {
            await fn();
            print(`ok ${i + 1} - ${name}`);
        } catch (error) {
            if (error instanceof Skip) {
                print(`ok ${i + 1} - ${name} # SKIP ${error.reason}`);
                continue;
            }
            nFailed++;
            print(`not ok ${i + 1} - ${name}`);
            diagnose(error);
        }
    }

    if (nFailed > 0)
        System.exit(1);
}

function show(value) {
    return JSON.stringify(value, (_key, part) => typeof part === 'bigint' ? `${part}n` : part) ?? String(value);
}

export function equal(actual, expected) {
    if (!Object.is(actual, expected))
        throw new Error(`expected ${show(expected)}, got ${show(actual)}`);
}

/* Of arrays, typed arrays and whatever else can be iterated. */
export function equalItems(actual, expected) {
    equal(show([...actual]), show([...expected]));
}

/* That it fails with this code of this domain, or with a message that fits. */
export function fails(fn, domain, code) {
    let error = null;

    try {
        fn();
    } catch (e) {
        error = e;
    }
    isError(error, domain, code);
}

export async function rejects(promise, domain, code) {
    let error = null;

    try {
        await promise;
    } catch (e) {
        error = e;
    }
    isError(error, domain, code);
}

function isError(error, domain, code) {
    if (error === null)
        throw new Error('nothing was thrown');
    if (domain instanceof RegExp ? domain.test(error.message) : error instanceof GLib.Error && error.matches(domain, code))
        return;
    throw new Error(`another error was thrown: ${error} (code ${error.code})\n${error.stack}`);
}

/* Runs the main loop until the condition holds. The time limit of the test ends a wait in vain. */
export function until(condition) {
    while (!condition())
        GLib.MainContext.default().iteration(true);
}

export function uniqueName() {
    return `tbuf-gjs-${GLib.uuid_string_random()}`;
}
