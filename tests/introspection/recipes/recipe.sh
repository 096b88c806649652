#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# recipe.sh PROGRAM NEEDED SCRIPT ARGUMENT...: lets PROGRAM run SCRIPT. Where there is no PROGRAM, or where it cannot
# run the code NEEDED, that is no failure but a test that was skipped, and this says why.
set -u
program=$1 needed=$2
shift 2

if ! command -v "$program" >/dev/null; then
    echo "1..0 # SKIP there is no $program"
elif ! said=$("$program" -e "$needed" 2>&1); then
    echo "1..0 # SKIP $program cannot run $needed"
    printf '%s\n' "$said" | sed 's/^/# /'
else
    exec "$program" "$@"
fi
