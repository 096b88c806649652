#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# installed.sh BUILD ROOT PREFIX LIBDIR COMMAND...: installs BUILD with ROOT as
# its DESTDIR, and runs COMMAND. The environment says where things are in ROOT.
set -eu
build=$1 root=$2 prefix=$3 libdir=$4
shift 4

mkdir -p "$root"
exec 9>"$root.lock"
flock 9
if ! DESTDIR=$root meson install -C "$build" --no-rebuild --only-changed >"$root.log" 2>&1; then
    cat "$root.log" >&2
    exit 1
fi
# What DESTDIR moved is not where tbuf-1.pc says it is.
mkdir -p "$root.pkgconfig"
sed "s|^prefix=.*|prefix=$root$prefix|" "$root$prefix/$libdir/pkgconfig/tbuf-1.pc" >"$root.pkgconfig/tbuf-1.pc.new"
mv "$root.pkgconfig/tbuf-1.pc.new" "$root.pkgconfig/tbuf-1.pc"
exec 9>&-

exec "$@"
