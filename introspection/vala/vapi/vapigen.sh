#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# vapigen.sh VAPIGEN ARGUMENT...: runs VAPIGEN, for which a warning is no error, and makes it one.
set -eu

if ! said=$("$@" 2>&1); then
    printf '%s\n' "$said" >&2
    exit 1
fi
case $said in
    *'- 0 warning(s)'*) ;;
    *)
        printf '%s\n' "$said" >&2
        exit 1
        ;;
esac
