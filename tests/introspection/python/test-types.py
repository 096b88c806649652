#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the type stub has all there is, and is what the examples need.

test-types.py STUB PROGRAM...: mypy looks at each PROGRAM in strict mode.
"""

import ast
import importlib.util
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from gi._gi import FunctionInfo

import pythontest
import tap
from pythontest import Tbuf

# What is not there before gi.repository.Tbuf is.
from gi.overrides import Tbuf as override
from gi.overrides import _tbuf

STUB, *PROGRAMS = sys.argv[1:]
del sys.argv[1:]

# What a program sees of Python's own names; there are others in each version.
SPECIAL = {"__getitem__", "__setitem__", "__len__", "__iter__", "__reversed__", "__contains__", "__bool__", "__enter__",
           "__exit__", "__array__", "__dlpack__", "__dlpack_device__", "__buffer__"}
# Python 3.11 has no name for the slot.
NAMELESS = {"__buffer__"}


def is_public(name):
    return name in SPECIAL or not name.startswith("_")


def get_parameters(node):
    arguments = node.args
    return ([argument.arg for argument in arguments.posonlyargs + arguments.args],
            [arguments.vararg.arg] if arguments.vararg else [], [argument.arg for argument in arguments.kwonlyargs])


def get_signature(call):
    kinds = {"positional": [], "variadic": [], "keyword": []}
    for parameter in inspect.signature(call).parameters.values():
        kind = {parameter.VAR_POSITIONAL: "variadic", parameter.KEYWORD_ONLY: "keyword"}.get(parameter.kind, "positional")
        kinds[kind].append(parameter.name)
    return kinds["positional"], kinds["variadic"], kinds["keyword"]


class TypesTest(pythontest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(STUB, encoding="utf-8") as file:
            cls.stub = ast.parse(file.read())
        cls.classes = {node.name: node for node in cls.stub.body if isinstance(node, ast.ClassDef)}

    def names_of(self, body):
        names = set()
        for node in body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                names.add(node.name)
            elif isinstance(node, ast.AnnAssign):
                names.add(node.target.id)
        return names

    def members_of(self, name):
        """Those of a class in the stub, and of its bases there."""
        node = self.classes[name]
        members = {member.name: member for base in node.bases if isinstance(base, ast.Name) and base.id in self.classes
                   for member in self.members_of(base.id).values()}
        members.update((member.name, member) for member in node.body
                       if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)))
        return members

    def test_has_every_name(self):
        here = {name for name in dir(Tbuf) if not name.startswith("_") and not name.endswith("Class")}
        self.assertEqual(here - self.names_of(self.stub.body), set())
        self.assertEqual(set(override.__all__) - self.names_of(self.stub.body), set())

    def test_has_every_member_of_the_override(self):
        for name in "Region", "Arena", "View", "Layout", "Plan", "Guard":
            members = set(self.members_of(name))
            for source in override, _tbuf:
                here = {member for member in vars(getattr(source, name, object)) if is_public(member)}
                if name == "Region":
                    # It only says that `with view:` is a mistake.
                    here.discard("__enter__")
                if source is override or name in ("Region", "Arena", "View"):
                    with self.subTest(name=name, source=source.__name__):
                        self.assertEqual(here - members, set())

    def test_has_every_introspected_member(self):
        for name in dir(Tbuf):
            value = getattr(Tbuf, name)
            if name in self.classes and isinstance(value, type) and not issubclass(value, Exception):
                with self.subTest(name=name):
                    here = {member for member in vars(value) if not member.startswith("_")}
                    known = self.names_of(self.classes[name].body) | set(self.members_of(name))
                    self.assertEqual(here - known, set())

    def test_has_the_parameters_of_the_override(self):
        for name in "Region", "Arena", "View", "Layout", "Plan", "Guard":
            members = self.members_of(name)
            for source in getattr(override, name, None), getattr(_tbuf, name, None):
                for member, value in vars(source).items() if source is not None else ():
                    if member.startswith("_") or member not in members or isinstance(value, FunctionInfo):
                        continue
                    value = value.__func__ if isinstance(value, staticmethod) else value
                    try:
                        signature = get_signature(value)
                    except (TypeError, ValueError):
                        continue
                    with self.subTest(name=name, member=member):
                        self.assertEqual(get_parameters(members[member]), signature)

    def test_mentions_nothing_that_is_not_there(self):
        for name, node in self.classes.items():
            if name.startswith("_"):
                continue
            self.assertTrue(hasattr(Tbuf, name), name)
            for member in self.names_of(node.body) - NAMELESS:
                with self.subTest(name=name, member=member):
                    self.assertTrue(hasattr(getattr(Tbuf, name), member))


@unittest.skipIf(importlib.util.find_spec("mypy") is None, "mypy is not installed")
class MypyTest(pythontest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.stubs = os.path.join(self.folder, "stubs")
        shutil.copytree(os.path.join(os.path.dirname(__file__), "stubs"), self.stubs)
        shutil.copy(STUB, os.path.join(self.stubs, "gi/repository/Tbuf.pyi"))

    def check(self, *programs):
        """What mypy says of the programs, if it is not pleased."""
        result = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", *programs],
                                cwd=self.folder, env={**os.environ, "MYPYPATH": self.stubs, "PYTHONPATH": ""},
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return result.stdout if result.returncode != 0 else ""

    def test_examples_pass(self):
        # All at once: most of the time goes into what they have in common.
        self.assertEqual(self.check(os.path.join(self.stubs, "gi/repository/Tbuf.pyi"), *PROGRAMS), "")

    def test_mistakes_are_found(self):
        program = os.path.join(self.folder, "program.py")
        with open(program, "w", encoding="utf-8") as file:
            file.write("from gi.repository import Tbuf\n"
                       "arena = Tbuf.Arena.create(5, 'name')\n"
                       "arena.create_view('i4').lock(exclusive=True)\n"
                       "arena['A'].nonsense()\n")
        complaints = self.check(program)
        for words in "incompatible type", 'keyword argument "exclusive"', 'has no attribute "nonsense"':
            self.assertIn(words, complaints)


if __name__ == "__main__":
    tap.main()
