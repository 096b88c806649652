# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exceptions: each is the GLib.Error that the library gave, and Python's own as well."""

import errno
import functools

from gi.module import get_introspection_module
from gi.repository import GLib

Tbuf = get_introspection_module("Tbuf")

# The exceptions alone: what else is here is for the override.
__all__ = []

_DOMAIN = GLib.quark_to_string(Tbuf.error_quark())

# What a code is to Python: the exceptions, and the errno of those that have one.
_ERRORS = {
    "INVALID": (ValueError, None),
    "RANGE": (IndexError, None),
    "ALIGNMENT": (ValueError, None),
    "DTYPE": (ValueError, None),
    "NOT_CONTIGUOUS": (BufferError, None),
    "NOT_NATIVE": (BufferError, None),
    "FORMAT": (ValueError, None),
    "VERSION": (ValueError, None),
    "EXISTS": (ValueError, None),
    "NOT_FOUND": (LookupError, None),
    "PERMISSION": (PermissionError, errno.EACCES),
    "READ_ONLY": ((ValueError, BufferError), None),
    "NO_SPACE": (OSError, errno.ENOSPC),
    "BUSY": (BlockingIOError, errno.EAGAIN),
    "TIMED_OUT": (TimeoutError, errno.ETIMEDOUT),
    "DEADLOCK": (OSError, errno.EDEADLK),
    "OWNER_DIED": (OSError, errno.EOWNERDEAD),
    "NOT_HELD": (RuntimeError, None),
    "NOT_LIVE": (BufferError, None),
    "DETACHED": (BufferError, None),
    "CLOSED": ((ValueError, BufferError), None),
    "INFEASIBLE": (ValueError, None),
}


def make_class(name, bases, code, number=None):
    """Defines the exception of a code, with an errno where there is one."""
    def __init__(self, message="unknown error", domain=_DOMAIN, code=code):
        GLib.Error.__init__(self, message, domain, int(code))
        if number is not None:
            self.errno = number

    def __str__(self):
        return self.message

    # RuntimeError is a base of GLib.Error already.
    bases = tuple(base for base in bases if base is not RuntimeError)
    error_class = type(name, bases, {
        "__doc__": "A Tbuf.Error as an exception of Python.",
        "__init__": __init__,
        "__module__": "gi.repository.Tbuf",
        "__str__": __str__,
    })
    globals()[name] = error_class
    __all__.append(name)
    return error_class


def make_classes():
    classes = {}
    for code_name, (python_errors, number) in _ERRORS.items():
        code = getattr(Tbuf.Error, code_name)
        if not isinstance(python_errors, tuple):
            python_errors = (python_errors,)
        name = code_name.title().replace("_", "") + "Error"
        classes[int(code)] = make_class(name, (GLib.Error, *python_errors), code, number)
    return classes


classes_by_code = make_classes()

# The names of arenas are those of files, while arrays and phases are looked up as in a dict.
make_class("KeyNotFoundError", (NotFoundError, KeyError), Tbuf.Error.NOT_FOUND)
make_class("ArenaNotFoundError", (NotFoundError, FileNotFoundError), Tbuf.Error.NOT_FOUND, errno.ENOENT)
make_class("ArenaExistsError", (ExistsError, FileExistsError), Tbuf.Error.EXISTS, errno.EEXIST)
classes_by_code[int(Tbuf.Error.NOT_FOUND)] = KeyNotFoundError


def make_from(message, domain, code):
    """The exception for what a GError holds."""
    if domain != _DOMAIN:
        return GLib.Error(message, domain, code)
    return classes_by_code.get(code, GLib.Error)(message, domain, code)


def make(code, message):
    """The exception of a Tbuf.Error."""
    return make_from(message, _DOMAIN, int(code))


def raising(call):
    """The function, raising Python's errors in place of a bare GLib.Error."""
    @functools.wraps(call, assigned=("__name__", "__doc__"), updated=())
    def wrapper(*args, **kwargs):
        try:
            return call(*args, **kwargs)
        except GLib.Error as error:
            if type(error) is not GLib.Error or error.domain != _DOMAIN:
                raise
            raise make_from(error.message, error.domain, error.code) from None
    return wrapper


def naming_arenas(call):
    """The function, whose names are those of arenas and so, to Python, of files."""
    @functools.wraps(call)
    def wrapper(*args, **kwargs):
        try:
            return call(*args, **kwargs)
        except KeyNotFoundError as error:
            raise ArenaNotFoundError(error.message) from None
        except ExistsError as error:
            raise ArenaExistsError(error.message) from None
    return wrapper
