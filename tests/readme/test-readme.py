#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes the programs out of a guide, builds and runs each as its reader would, and compares what it prints with what
the guide says that it prints.

test-readme.py GUIDE LANGUAGE...: LANGUAGE is c, python, js or vala, or lua, ruby or perl, for which the folder of the
recipes is in TBUF_RECIPES, and which are skipped where they are not installed. Where the library is says the environment.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

# With the command that stands before it, if one does.
BLOCK = re.compile(r'^(?:\w+ \(`(?P<command>[^`]*)`\):\n\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$',
                   re.MULTILINE | re.DOTALL)


def run(*command, folder=None):
    """What the command prints; its messages go where ours go."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout


def run_c(path, _command):
    program = path + '.exe'
    flags = shlex.split(run('pkg-config', '--cflags', '--libs', 'tbuf-1'))
    run(*shlex.split(os.environ.get('CC', 'cc')), '-Wall', '-Wextra', '-Werror', '-o', program, path, *flags)
    return run(program)


def run_python(path, _command):
    return run(os.environ.get('PYTHON', sys.executable), path)


def run_js(path, _command):
    return run('gjs', '-m', path)


def run_vala(path, command):
    # With README.md's own command, in the folder of the program, where it also leaves what it makes.
    folder = os.path.dirname(path)
    run(*shlex.split(command), folder=folder)
    return run(os.path.join(folder, 'program'))


def run_lua(path, command):
    os.environ['LUA_PATH'] = os.path.join(os.environ['TBUF_RECIPES'], '?.lua') + ';;'
    return run(command.split()[0], path)


# Debian 13's Ruby now and then frees an object of the gem twice while it ends: docs/other-languages.md.
END_AT_ONCE = 'at_exit { $stdout.flush; warn $!.full_message if $!; exit!($!.nil?) }; load ARGV[0]'


def run_ruby(path, command):
    return run(command.split()[0], '-I', os.environ['TBUF_RECIPES'], '-e', END_AT_ONCE, path)


def run_perl(path, command):
    return run(command.split()[0], '-I', os.environ['TBUF_RECIPES'], path)


# What must be there, or else the program is skipped: a command, and what it must be able to run.
OPTIONAL = {
    'lua': ('luajit', 'require "lgi"'),
    'ruby': ('ruby', 'require "gobject-introspection"'),
    'perl': ('perl', 'use Glib::Object::Introspection; use FFI::Platypus 1.00;'),
}


def lacks(language):
    if language not in OPTIONAL:
        return False
    command, needed = OPTIONAL[language]
    return shutil.which(command) is None or subprocess.run([command, '-e', needed], stderr=subprocess.DEVNULL).returncode


LANGUAGES = {
    'c': ('c', run_c),
    'python': ('py', run_python),
    'js': ('js', run_js),
    'vala': ('vala', run_vala),
    'lua': ('lua', run_lua),
    'ruby': ('rb', run_ruby),
    'perl': ('pl', run_perl),
}


def main(readme, languages):
    with open(readme, encoding='utf-8') as file:
        blocks = [match.group('language', 'command', 'text') for match in BLOCK.finditer(file.read())]
    (expected,) = [text for language, _, text in blocks if language == 'text']

    print(f'1..{len(languages)}')
    name = os.path.splitext(os.path.basename(readme))[0].lower()
    for number, language in enumerate(languages, 1):
        if lacks(language):
            print('ok', number, f'/{name}/{language} # SKIP there is no', ' with '.join(OPTIONAL[language]))
            continue
        ((command, program),) = [block[1:] for block in blocks if block[0] == language]
        extension, run_language = LANGUAGES[language]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f'program.{extension}')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(program)
            try:
                printed = run_language(path, command)
            except (OSError, subprocess.CalledProcessError) as error:
                printed = str(error)
        ok = printed == expected
        if not ok:
            for line in f'expected:\n{expected}got:\n{printed}'.splitlines():
                print('#', line)
        print('ok' if ok else 'not ok', number, f'/{name}/{language}/prints-what-it-says', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
