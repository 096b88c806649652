#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether an installed copy has each file where its users look, and nothing that is not for them.

test-files.py ROOT PREFIX LIBDIR PART...: ROOT is the DESTDIR, PART one of the build's options that are on.
"""

import glob
import os
import re
import subprocess
import sys

# Python finds its files by its own rules, which its tests check.
FILES = {
    'library': [
        '{libdir}/libtbuf-1.so', '{libdir}/libtbuf-1.so.0', '{libdir}/pkgconfig/tbuf-1.pc',
        'include/tbuf-1/tbuf.h', 'include/tbuf-1/tbuf-version.h', 'include/tbuf-1/tbuf-enums.h',
        'include/tbuf-1/tbuf-leaves.h', 'include/tbuf-1/tbuf-float64-view.h',
    ],
    'introspection': ['share/gir-1.0/Tbuf-1.gir', '{libdir}/girepository-1.0/Tbuf-1.typelib'],
    'tools': ['bin/tbuf'],
    'vapi': ['share/vala/vapi/tbuf-1.vapi', 'share/vala/vapi/tbuf-1.deps'],
    'gjs': ['share/gjs-1.0/overrides/Tbuf.js'],
    'gjs-helper': [
        '{libdir}/libtbuf-gjs-1.so.0', 'share/gir-1.0/TbufGjs-1.gir', '{libdir}/girepository-1.0/TbufGjs-1.typelib',
    ],
    'docs': ['share/doc/tbuf-1/Tbuf-1/index.html'],
}


def missing_files(top, libdir, part):
    return [path for path in (file.format(libdir=libdir) for file in FILES[part])
            if not os.path.exists(os.path.join(top, path))]


def headers(top):
    for path in glob.glob(os.path.join(top, 'include/tbuf-1/*')):
        with open(path, encoding='utf-8') as file:
            yield os.path.basename(path), file.read()


def unfit_headers(top):
    """Headers that are private, or include one that is not there."""
    texts = dict(headers(top))
    for name, text in texts.items():
        if 'private' in name:
            yield f'{name} is private'
        for included in re.findall(r'^# *include "(.*)"', text, re.MULTILINE):
            if included not in texts:
                yield f'{name} includes {included}'


def unfit_symbols(top, libdir):
    """Symbols that the headers promise and the library lacks, or the other way round."""
    table = subprocess.run(['nm', '--dynamic', '--defined-only', os.path.join(top, libdir, 'libtbuf-1.so')],
                           check=True, stdout=subprocess.PIPE, text=True).stdout
    exported = {line.split()[-1] for line in table.splitlines()}
    promised = set()
    inlined = set()
    for _, text in headers(top):
        code = re.sub(r'/\*.*?\*/', '', text, flags=re.DOTALL)
        promised |= set(re.findall(r'\b(tbuf_\w+)\s*\(', code))
        inlined |= set(re.findall(r'static inline[^({;]*\b(tbuf_\w+)\s*\(', code))
        promised |= {name + '_get_type' for name in re.findall(r'TBUF_DECLARE_TYPE \(\w+, (\w+),', text)}
    yield from (f'{name} is exported, but in no header' for name in sorted(exported - promised))
    yield from (f'{name} is in a header, but not exported' for name in sorted(promised - inlined - exported))


def main(root, prefix, libdir, *parts):
    top = root + prefix
    cases = [(f'/installed/{part}/is-complete', missing_files(top, libdir, part))
             for part in ('library', *parts) if part in FILES]
    cases.append(('/installed/headers/are-public-and-complete', list(unfit_headers(top))))
    cases.append(('/installed/symbols/are-those-in-the-headers', list(unfit_symbols(top, libdir))))
    print(f'1..{len(cases)}')
    for number, (name, wrong) in enumerate(cases, 1):
        for line in wrong:
            print('#', line)
        print('not ok' if wrong else 'ok', number, name)


if __name__ == '__main__':
    main(*sys.argv[1:])
