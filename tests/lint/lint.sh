#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Looks at the sources without running them; ./run lint calls it. Says what it
# looked at, and ends with a status of 1 if anything is wrong.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 1
build=$top/_build-clang
status=0

wrong() {
    printf 'lint: %s\n' "$*" >&2
    status=1
}

list() {
    git ls-files -- "$@"
}

# A marker of unfinished work belongs into docs/roadmap.md, in words.
if git grep -nwE 'TO''DO|FIX''ME|X''XX' -- . ':!LICENSE'; then
    wrong "there is unfinished work"
fi

for file in $(list '*.c' '*.h' '*.in' '*.cpp' '*.cc' '*.py' '*.js' '*.vala' '*.sh' '*meson.build' run .ci/run); do
    head -4 "$file" | grep -q 'SPDX-License-Identifier: LGPL-2.1-or-later' ||
        wrong "$file: no SPDX line at its head"
done

for file in $(list '*.c' '*.h' '*.in' '*.cpp' '*.cc' '*.py' '*.js' '*.vala'); do
    lines=$(wc -l <"$file")
    [ "$lines" -le 800 ] || wrong "$file: $lines lines; over 800 it is two nouns"
done

if git grep -nIE '[[:blank:]]+$' -- . ':!LICENSE'; then
    wrong "there are blanks at ends of lines"
fi

scripts=$(list '*.sh' run .ci/run)
# shellcheck disable=SC2086 # no blanks in our names
shellcheck $scripts || wrong "shellcheck has something to say"

for file in $(list '*.py'); do
    /usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1], encoding="utf-8").read())' "$file" ||
        wrong "$file: not Python"
done

# Whatever processes share is explained.
fields=$(sed -n '/^typedef struct/,/^}/s/^  \(char\|guint[0-9]*\) *\([a-z_]*[a-z]\)[];[].*/\2/p' libtbuf/tbuf-format-private.h)
[ -n "$fields" ] || wrong "libtbuf/tbuf-format-private.h: found no fields in it"
for field in $fields; do
    case $field in reserved*) continue ;; esac
    grep -q "\`$field\`" docs/shared-format.md || wrong "docs/shared-format.md does not explain $field"
done

if [ ! -e "$build/build.ninja" ]; then
    CC=clang meson setup "$build" "$top" --werror -Dintrospection=disabled -Dvapi=disabled -Dpython=disabled \
        -Dgjs=disabled -Ddocs=disabled || wrong "clang: cannot configure"
fi
ninja -k 0 -C "$build" || wrong "clang does not build it without warnings"

[ "$status" -ne 0 ] || echo "lint: nothing found"
exit "$status"
