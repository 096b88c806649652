# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the benchmarks in Python have in common: bench.c in Python.

    import bench
    bench.init("What locks cost from Python")
    table = bench.Table("lock and unlock", "ns")
    table.add("multiprocessing.Lock", function)     # returns one value, or one per column
    table.run()
    bench.at_most("beside it", table["Tbuf"] / table["multiprocessing.Lock"], 1.0, "×")
    bench.finish()
"""

import argparse
import gc
import math
import statistics
import sys
import time

LABEL_WIDTH = 58
VALUE_WIDTH = 16

quick = False
_sections = []
_n_tables = _n_reached = _n_missed = 0


def init(summary):
    global quick, _sections
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("-q", "--quick", action="store_true", help="only show that it runs: the figures mean nothing")
    parser.add_argument("sections", metavar="SECTION", nargs="*", help="what to measure; all if there is none")
    arguments = parser.parse_args()
    quick = arguments.quick
    _sections = arguments.sections
    print(summary)
    print(f"Medians of {1 if quick else 11} runs each, in turn{' (quick: the figures mean nothing)' if quick else ''}.")


def finish():
    print(f"\n{_n_tables} tables; {_n_reached} targets reached, {_n_missed} missed", flush=True)
    sys.exit(0 if _n_tables else 1)


def wants(section):
    return not _sections or section in _sections


def scale(n):
    """How often to do something that is to be done n times."""
    return max(n // 1000, 1) if quick else n


def ns_per_call(function, n):
    """How long each of n calls takes. To be fast, function should loop by itself."""
    n = scale(n)
    start = time.perf_counter_ns()
    for _ in range(n):
        function()
    return (time.perf_counter_ns() - start) / n


def format_value(value):
    if not math.isfinite(value):
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{3 if abs(value) < 1 else 2 if abs(value) < 10 else 1}f}"


class Table:
    def __init__(self, title, *columns):
        self.title = title
        self.columns = columns
        self.rows = {}

    def add(self, label, function):
        self.rows[label] = (function, [])

    def __getitem__(self, label):
        """The median of the first column."""
        return self.get(label)

    def get(self, label, column=0):
        if label not in self.rows:
            return math.nan
        return statistics.median_high(values[column] for values in self.rows[label][1])

    def run(self):
        global _n_tables
        for _ in range(1 if quick else 11):
            for function, values in self.rows.values():
                gc.collect()
                result = function()
                values.append(result if isinstance(result, (tuple, list)) else (result,))
        _n_tables += 1

        print(f"\n{self.title:<{LABEL_WIDTH}}" + "".join(f"{column:>{VALUE_WIDTH}}" for column in self.columns))
        for label in self.rows:
            medians = (format_value(self.get(label, i)) for i in range(len(self.columns)))
            print(f"  {label:<{LABEL_WIDTH - 2}}" + "".join(f"{median:>{VALUE_WIDTH}}" for median in medians))
        sys.stdout.flush()


def _verdict(sign, what, value, limit, unit, reached):
    global _n_reached, _n_missed
    target = f"    {what}: {sign} {format_value(limit)} {unit}"
    if math.isnan(value):
        print(f"{target}: not measured here")
        return
    if reached:
        _n_reached += 1
    else:
        _n_missed += 1
    print(f"{target}: {format_value(value)} {unit}, {'reached' if reached else 'MISSED'}", flush=True)


def at_most(what, value, limit, unit):
    """Says what was to be reached, and whether it was."""
    _verdict("≤", what, value, limit, unit, value <= limit)


def at_least(what, value, limit, unit):
    _verdict("≥", what, value, limit, unit, value >= limit)
