#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# check-table.sh BENCHMARK…: runs it for a moment, and fails unless it prints a
# table with a figure in it. How fast anything is does not matter here.
set -eu

output=$("$@" --quick)
printf '%s\n' "$output"
printf '%s\n' "$output" | grep -Eq '^  [^ ].* [0-9][0-9.,]*$'
printf '%s\n' "$output" | grep -Eq '^[1-9][0-9]* tables; [0-9]+ targets reached, [0-9]+ missed$'
