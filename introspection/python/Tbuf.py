# SPDX-License-Identifier: LGPL-2.1-or-later
"""What makes libtbuf feel at home in Python. All of it is sugar: the work is done in C."""

import array
import functools
import itertools
import math
import operator
import sys

from gi._gi import FunctionInfo
from gi.module import get_introspection_module
from gi.overrides import _tbuf, _tbuf_errors as errors, _tbuf_processes as processes, override
from gi.overrides._tbuf_errors import *
from gi.repository import GLib, GObject

Tbuf = get_introspection_module("Tbuf")

__all__ = list(errors.__all__)

_error = errors.make

# Shortcuts for the flags.
READ_ONLY = Tbuf.ArenaFlags.READ_ONLY
KEEP = Tbuf.ArenaFlags.KEEP
OPEN_OR_CREATE = Tbuf.ArenaFlags.OPEN_OR_CREATE
REPLACE_STALE = Tbuf.ArenaFlags.REPLACE_STALE
WAIT = Tbuf.ArenaFlags.WAIT
FOREIGN = Tbuf.ArenaFlags.FOREIGN
__all__ += ["READ_ONLY", "KEEP", "OPEN_OR_CREATE", "REPLACE_STALE", "WAIT", "FOREIGN"]


# Arguments as Python programs have them at hand.

_PYTHON_DTYPES = {
    bool: Tbuf.Dtype.BOOL,
    int: Tbuf.Dtype.INT64,
    float: Tbuf.Dtype.FLOAT64,
    complex: Tbuf.Dtype.COMPLEX128,
}


def _parse_dtype(dtype):
    """The Tbuf.Dtype and Tbuf.ByteOrder of "i2", ">f8", numpy.float32, float, numpy.dtype("int8"), …"""
    if isinstance(dtype, Tbuf.Dtype):
        return dtype, Tbuf.ByteOrder.NATIVE
    if isinstance(dtype, type) and dtype in _PYTHON_DTYPES:
        return _PYTHON_DTYPES[dtype], Tbuf.ByteOrder.NATIVE
    if not isinstance(dtype, str):
        import numpy
        dtype = numpy.dtype(dtype)
        if dtype.fields is not None or dtype.subdtype is not None:
            raise _error(Tbuf.Error.DTYPE,
                         f"{dtype} is a structured dtype, which has no view: make one array of each field")
        dtype = dtype.str
    _parsed, dtype, byte_order = Tbuf.Dtype.parse(dtype)
    return dtype, byte_order


@functools.cache
def _get_dtype(dtype, byte_order):
    typestr = Tbuf.Dtype.to_typestr(dtype, byte_order)
    try:
        import numpy
    except ImportError:
        return typestr
    return numpy.dtype(typestr)


def _parse_shape(shape, least=0):
    try:
        shape = (operator.index(shape),)
    except TypeError:
        shape = tuple(operator.index(extent) for extent in shape)
    if any(extent < least for extent in shape):
        raise _error(Tbuf.Error.INVALID, f"{shape} is no shape: an extent is 0 or more")
    return shape


def _parse_phases(phases):
    """The first and the last phase of None, a name, or a pair of names."""
    if phases is None or isinstance(phases, str):
        return phases, phases
    try:
        first, last = phases
    except (TypeError, ValueError):
        first = last = None
    if not isinstance(first, str) or not isinstance(last, str):
        raise TypeError(f"phases is {phases!r}: it takes the name of one phase, a pair of the first and the last one, "
                        "or None for all")
    return first, last


def _parse_timeout(timeout):
    """Microseconds of seconds; None is for ever."""
    if timeout is None:
        return -1
    if not timeout >= 0:
        raise ValueError(f"timeout is {timeout!r}: it takes seconds from 0 on, or None to wait for ever")
    # Beyond 2⁶² µs, 146,000 years, is for ever, as it is to lock().
    return math.ceil(timeout * 1_000_000) if timeout * 1_000_000 < 2**62 else -1


Guard = _tbuf.Guard
__all__.append("Guard")


# Regions: what arenas and views have in common.

_WATCHED_SIGNALS = frozenset(["locked", "unlocked", "owner-died", "changed", "notify", "notify::lock-state",
                              "notify::phase", "notify::is-live"])


def _import_asyncio():
    # Not at the top: most programs do without asyncio, which takes long to import.
    from gi.overrides import _tbuf_asyncio
    return _tbuf_asyncio


@override
class Region(Tbuf.Region, _tbuf.Region):
    lock = _tbuf.Region.lock
    recover = _tbuf.Region.recover
    unlock = _tbuf.Region.unlock

    @property
    def arena(self):
        """the arena of a view, or the arena itself"""
        return self.dup_arena()

    # The introspected one would make the view keep the arena, which keeps its views: a cycle that nobody sees.
    get_arena = Tbuf.Region.dup_arena

    @property
    def lock_state(self):
        """the strongest lock that anyone has on the bytes, a Tbuf.LockState"""
        return self.get_lock_state()

    @property
    def held_mode(self):
        """the lock that this object holds, a Tbuf.LockMode"""
        return self.get_held_mode()

    def __bool__(self):
        # Without this, what has a length of 0 would be false.
        return True

    def __enter__(self):
        raise TypeError("a lock is taken with `with view.lock():`")

    def lock_async(self, *args, shared=False, timeout=None):
        """Lock the bytes under asyncio: `async with view.lock_async():`, or `await`, which gives a Guard.

        The timeout is in seconds: None waits for ever, 0 only tries. With positional arguments, this is the introspected
        method: (mode, timeout_us, cancellable, callback, *user_data).
        """
        if args:
            return Tbuf.Region.lock_async(self, *args)
        mode = Tbuf.LockMode.SHARED if shared else Tbuf.LockMode.EXCLUSIVE
        return _import_asyncio().lock(self, mode, _parse_timeout(timeout))

    def recover_async(self, *args, timeout=None):
        """Lock the bytes for one alone under asyncio, also where an owner died; as lock_async().

        With positional arguments, this is the introspected method: (timeout_us, cancellable, callback, *user_data).
        """
        if args:
            return Tbuf.Region.recover_async(self, *args)
        return _import_asyncio().recover(self, _parse_timeout(timeout))

    def attach(self, loop=None):
        """Let an event loop of asyncio, the running one if none is named, deliver the signals.

        Where a loop is running, connect() does it by itself.
        """
        _import_asyncio().attach(self, loop)

    def _watch_for(self, signal):
        if signal.replace("_", "-") in _WATCHED_SIGNALS:
            self.set_watch(True)
            if "asyncio" in sys.modules and sys.modules["asyncio"]._get_running_loop() is not None:
                self.attach()

    def connect(self, detailed_signal, handler, *args):
        self._watch_for(detailed_signal)
        return super().connect(detailed_signal, handler, *args)

    def connect_after(self, detailed_signal, handler, *args):
        self._watch_for(detailed_signal)
        return super().connect_after(detailed_signal, handler, *args)

    def connect_object(self, detailed_signal, handler, *args):
        self._watch_for(detailed_signal)
        return super().connect_object(detailed_signal, handler, *args)

    def connect_object_after(self, detailed_signal, handler, *args):
        self._watch_for(detailed_signal)
        return super().connect_object_after(detailed_signal, handler, *args)

    def __array__(self, dtype=None, copy=None):
        """numpy uses the buffer itself, and comes here for the error where there is none."""
        import numpy
        array = numpy.asarray(memoryview(self))
        if dtype is not None and numpy.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(f"a view of {array.dtype} is no array of {numpy.dtype(dtype)} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array


__all__.append("Region")


# Arenas.

@override
class Arena(Tbuf.Arena, _tbuf.Arena):
    @staticmethod
    def new(size):
        """An anonymous arena, which other processes get by its descriptor."""
        return Tbuf.Arena.new(size)

    @staticmethod
    @errors.naming_arenas
    def new_for_layout(layout, name=None, flags=Tbuf.ArenaFlags(0)):
        """An arena for the arrays of a layout, which is planned if it was not yet."""
        if not layout.is_planned():
            layout.plan()
        return Tbuf.Arena.new_for_layout(layout, name, flags)

    @staticmethod
    @errors.naming_arenas
    def create(name, size, flags=Tbuf.ArenaFlags(0)):
        """A new arena that other processes open by its name."""
        return Tbuf.Arena.create(name, size, flags)

    @staticmethod
    @errors.naming_arenas
    def open(name, flags=Tbuf.ArenaFlags(0)):
        """The arena of that name."""
        return Tbuf.Arena.open(name, flags)

    @staticmethod
    def open_fd(fd, flags=Tbuf.ArenaFlags(0)):
        """The arena of that descriptor, an int or what has a fileno()."""
        return Tbuf.Arena.open_fd(fd if isinstance(fd, int) else fd.fileno(), flags)

    @staticmethod
    @errors.naming_arenas
    def unlink(name):
        """Take the name away; those who have the arena open keep it."""
        return Tbuf.Arena.unlink(name)

    @property
    def name(self):
        """the name, None if it has none"""
        return self.get_name()

    @property
    def size(self):
        """the bytes of data"""
        return self.get_size()

    nbytes = size

    @property
    def flags(self):
        """how it was created or opened, Tbuf.ArenaFlags"""
        return self.get_flags()

    @property
    def layout(self):
        """the layout, None if it has none"""
        return self.get_layout()

    @property
    def n_participants(self):
        """how many mappings of it live, in all processes"""
        return self.get_n_participants()

    @property
    def phases(self):
        """the names of the phases"""
        return tuple(self.list_phases())

    @property
    def phase(self):
        """the name of the current phase; set it to enter another"""
        return self.get_phase()

    @phase.setter
    def phase(self, name):
        self.set_phase(name)

    def fileno(self):
        return self.get_fd()

    def set_phase(self, phase, timeout=None, cancellable=None):
        """Enter a phase; the timeout is in seconds."""
        self._set_phase(phase, _parse_timeout(timeout), cancellable)

    def set_phase_async(self, phase, *args, timeout=None):
        """Enter a phase under asyncio, with `await`; the timeout is in seconds.

        With further positional arguments, this is the introspected method: (phase, timeout_us, cancellable, callback,
        *user_data).
        """
        if args:
            return Tbuf.Arena.set_phase_async(self, phase, *args)
        return _import_asyncio().set_phase(self, phase, _parse_timeout(timeout))

    def close(self):
        """End the use of the arena; arrays that were made of its memory stay valid."""
        Tbuf.Arena.close(self)
        if "gi.overrides._tbuf_asyncio" in sys.modules:
            _import_asyncio().close(self)

    def create_view(self, dtype, offset=0, shape=None, strides=None, *, unaligned=False):
        """A view of the bytes from offset on.

        The dtype may be a Tbuf.Dtype, a name such as "i2" or ">f8", or numpy's. The shape may be a number of
        items; without it, the view has one axis with all items that fit.
        """
        dtype, byte_order = _parse_dtype(dtype)
        if shape is None:
            shape = max(self.size - offset, 0) // Tbuf.Dtype.get_item_size(dtype)
        return Tbuf.Arena.create_view_full(self, dtype, byte_order, offset, _parse_shape(shape), strides,
                                           Tbuf.ViewFlags.UNALIGNED if unaligned else Tbuf.ViewFlags(0))

    # The arena as a mapping from names to arrays.

    def _make_array(self, name):
        """What __getitem__ of the extension leaves: the first view of an array, or the error."""
        if not isinstance(name, str):
            raise TypeError(f"an array of an arena is named by a str, not by {name!r}")
        return self.get_view(name)

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def __contains__(self, name):
        return self.get(name) is not None

    def keys(self):
        """The names of those arrays that are live now; list_arrays() names all."""
        return [name for name, view in self.items()]

    def items(self):
        """The names and views of those arrays that are live now."""
        pairs = []
        for name in self.list_arrays():
            try:
                pairs.append((name, self[name]))
            except NotLiveError:
                pass
        return pairs

    def values(self):
        """The views of those arrays that are live now."""
        return [view for name, view in self.items()]

    def get(self, name, default=None):
        """The view of an array, the default if there is none of that name that is live now."""
        try:
            return self[name] if isinstance(name, str) else default
        except (KeyNotFoundError, NotLiveError):
            return default

    @property
    def closed(self):
        """whether somebody in this process has closed it"""
        return self.is_closed()

    def __reduce__(self):
        return processes.reduce_arena(self)

    def __copy__(self):
        """Another handle on the same memory, with locks of its own."""
        if self.closed:
            raise _error(Tbuf.Error.CLOSED, "The arena was closed")
        return Arena.open_fd(self, self.flags & (READ_ONLY | KEEP | FOREIGN))

    def __deepcopy__(self, memo):
        raise TypeError("shared memory is there once: bytes(arena) copies its contents, copy.copy(arena) opens it again")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __repr__(self):
        parts = [repr(self.name) if self.name else "anonymous", f"{self.size} bytes"]
        if self.closed:
            parts.append("closed")
        if self.phase:
            parts.append(f"phase {self.phase!r}")
        names = self.list_arrays()
        if names:
            parts.append("arrays " + ", ".join(repr(name) for name in names))
        return f"<Tbuf.Arena {', '.join(parts)}>"


__all__.append("Arena")


# Views.

# How many items of an axis a repr shows, and how many axes.
_REPR_ITEMS = 6
_REPR_AXES = 3


@override
class View(Tbuf.View, _tbuf.View):
    @property
    def name(self):
        """the name of the array in the layout, None if it is none of those"""
        return self.get_name()

    @property
    def dtype(self):
        """the numpy.dtype; without numpy, the string that numpy would take for it"""
        return _get_dtype(self.get_dtype(), self.get_byte_order())

    @property
    def T(self):
        """the view with its axes reversed"""
        return self.transpose()

    @property
    def byte_order(self):
        """the order of the bytes of an item, Tbuf.ByteOrder.LITTLE or BIG"""
        return self.get_byte_order()

    def copy(self):
        """A numpy.ndarray of the items, with memory of its own."""
        import numpy
        return numpy.array(self)

    def tobytes(self):
        """A copy of the items' bytes, in C order."""
        return bytes(self)

    def tolist(self):
        """The items as Python's numbers, in a list for each axis."""
        try:
            import numpy
        except ImportError:
            return [part.tolist() for part in self] if self.ndim > 1 else list(self) if self.ndim == 1 else self[()]
        return numpy.asarray(self).tolist()

    def view(self, dtype, *, unaligned=False):
        """The same bytes as items of another dtype, at any address if they may be unaligned."""
        view = self
        if unaligned:
            description = list(self.to_variant().unpack())
            description[4] = True
            view = self.arena.create_view_from_variant(GLib.Variant("(stataxbms)", tuple(description)))
        return view.cast(*_parse_dtype(dtype))

    def reshape(self, *shape):
        """The same items with other axes; one extent may be -1, and is what remains."""
        shape = _parse_shape(shape[0] if len(shape) == 1 else shape, least=-1)
        if shape.count(-1) == 1:
            rest = -math.prod(shape)
            if rest == 0 or self.size % rest != 0:
                raise _error(Tbuf.Error.INVALID, f"{self.size} items cannot be reshaped to {shape}")
            shape = tuple(self.size // rest if extent == -1 else extent for extent in shape)
        if any(extent < 0 for extent in shape):
            raise _error(Tbuf.Error.INVALID, f"{shape} is no shape: one extent may be -1")
        return Tbuf.View.reshape(self, shape)

    def __reduce__(self):
        return processes.reduce_view(self)

    def __copy__(self):
        """Another view of the same bytes, with locks of its own."""
        return Arena.create_view_from_variant(self.arena, self.to_variant())

    def __deepcopy__(self, memo):
        raise TypeError("shared memory is there once: view.copy() is a numpy.ndarray of the items, "
                        "copy.copy(view) another view of them")

    def __getattr__(self, name):
        numpy = sys.modules.get("numpy")
        if numpy is not None and not name.startswith("_") and hasattr(numpy.ndarray, name):
            raise AttributeError(f"a view has no {name!r}, but the array over its memory has: view.numpy().{name}",
                                 name=name, obj=self)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __contains__(self, value):
        """Whether any item, along all axes, equals the value, as numpy has it."""
        try:
            import numpy
        except ImportError:
            return any(self[index] == value for index in itertools.product(*map(range, self.shape)))
        return value in numpy.asarray(self)

    def __reversed__(self):
        return (self[i] for i in range(len(self) - 1, -1, -1))

    def _get_part(self, key):
        """What __getitem__ of the extension leaves: a key that does not name one item."""
        part = self
        axis = 0
        for one in self._complete_key(key):
            if isinstance(one, slice):
                part = part.slice(axis, *_slice_bounds(one, part.shape[axis]))
                axis += 1
            else:
                part = part.select(axis, one)
        return part

    def _complete_key(self, key):
        """One index or slice for each axis."""
        keys = key if isinstance(key, tuple) else (key,)
        ndim = self.ndim
        for one in keys:
            if one is not Ellipsis and not isinstance(one, slice) and not _is_index(one):
                raise TypeError(f"{one!r} is no index of a view: use view.numpy()[...] for masks and lists of indices")
        n_ellipses = sum(one is Ellipsis for one in keys)
        if n_ellipses > 1 or len(keys) - n_ellipses > ndim:
            raise _error(Tbuf.Error.RANGE, f"{len(keys)} indices are too many for a view with {ndim} axes"
                         if n_ellipses < 2 else "a key has one ellipsis at most")
        at = next((i for i, one in enumerate(keys) if one is Ellipsis), len(keys))
        missing = (slice(None),) * (ndim - len(keys) + n_ellipses)
        return keys[:at] + missing + keys[at + n_ellipses:]

    def _set_part(self, key, value):
        """What __setitem__ of the extension leaves."""
        part = self if key is Ellipsis else self._get_part(key)
        part.check_access(True)
        if isinstance(value, View) and value.shape == part.shape:
            part.copy_from(value)
            return
        try:
            import numpy
        except ImportError:
            _set_items(part, value)
        else:
            numpy.asarray(part)[...] = value

    def __repr__(self):
        name = f" {self.name!r}" if self.name else ""
        try:
            items = _format_items(self, ())
        except GLib.Error as error:
            items = "not live" if error.code == Tbuf.Error.NOT_LIVE else error.message
        return f"<Tbuf.{type(self).__name__}{name} shape={self.shape} dtype={self.dtype} {items}>"


def _is_index(key):
    # An array of numpy has __index__(), too, and it mostly fails.
    return hasattr(key, "__index__") and not getattr(key, "shape", ())


def _slice_bounds(key, extent):
    """What the library's slice() takes, to which -1 is not the place before the first item, but the last item."""
    start, stop, step = key.indices(extent)
    return (start if start >= 0 else GLib.MINSSIZE,
            stop if stop >= 0 else GLib.MINSSIZE,
            min(max(step, -GLib.MAXSSIZE), GLib.MAXSSIZE))


def _format_items(view, index):
    """The first items from index on, as nested lists."""
    shape = view.shape
    if len(index) == len(shape):
        return repr(view[index])
    if len(index) == _REPR_AXES:
        return "[...]"
    extent = shape[len(index)]
    items = [_format_items(view, index + (i,)) for i in range(min(extent, _REPR_ITEMS))]
    if extent > _REPR_ITEMS:
        items.append("...")
    return f"[{', '.join(items)}]"


def _set_items(view, value):
    """What numpy does for view[...] = value, for those who do without it."""
    if hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        if len(value) not in (1, len(view)):
            raise ValueError(f"{len(value)} items cannot be set as the {len(view)} of a view")
        for i in range(len(view)):
            view[i] = value[i if len(value) > 1 else 0]
    elif view.ndim > 1:
        for part in view:
            _set_items(part, value)
    else:
        for i in range(len(view)):
            view[i] = value


__all__.append("View")


def _atomic_wait(self, index, expected, timeout_us=-1, cancellable=None, *, timeout=None):
    """Wait until an item is no longer what is expected; the timeout is in seconds."""
    return self._atomic_wait(index, expected, timeout_us if timeout is None else _parse_timeout(timeout), cancellable)


# Layouts.

@override
class Layout(Tbuf.Layout):
    def add_phase(self, name):
        """Add a phase after those there are, and return the layout."""
        Tbuf.Layout.add_phase(self, name)
        return self

    def add(self, name, shape, dtype, phases=None, *, alignment=None):
        """Add an array, and return the layout.

        The array is live in all phases, in the one that `phases` names, or from the first to the last of a pair.
        """
        first, last = _parse_phases(phases)
        dtype, byte_order = _parse_dtype(dtype)
        if alignment is not None:
            # An array that is added stays, so what is wrong with its alignment has to be found before.
            trial = Tbuf.Layout()
            Tbuf.Layout.add_array(trial, name, dtype, (1,), None, None)
            Tbuf.Layout.set_alignment(trial, name, alignment)
        Tbuf.Layout.add_array(self, name, dtype, _parse_shape(shape), first, last)
        if byte_order != Tbuf.ByteOrder.NATIVE:
            self.set_byte_order(name, byte_order)
        if alignment is not None:
            self.set_alignment(name, alignment)
        return self

    def pin(self, name, offset):
        """Give an array its offset before planning, and return the layout."""
        Tbuf.Layout.pin(self, name, offset)
        return self

    def separate(self, one, other):
        """Say that two arrays never share a byte, and return the layout."""
        Tbuf.Layout.separate(self, one, other)
        return self

    def plan(self, timeout=None, cancellable=None):
        """Give each array its offset, and return the layout; the timeout is in seconds."""
        Tbuf.Layout.plan(self, _parse_timeout(timeout), cancellable)
        return self

    @property
    def arrays(self):
        """the names of the arrays"""
        return tuple(self.list_arrays())

    @property
    def phases(self):
        """the names of the phases"""
        return tuple(self.list_phases())

    @property
    def size(self):
        """the bytes that the arrays take as planned"""
        return self.get_size()

    @property
    def lower_bound(self):
        """the bytes that no plan can do without"""
        return self.get_lower_bound()

    @property
    def unshared_size(self):
        """the bytes that the arrays would take if none shared its bytes"""
        return self.get_unshared_size()

    def _repr_svg_(self):
        """The map, as a notebook shows it."""
        return self.to_svg()

    def __repr__(self):
        planned = f"{self.size} bytes" if self.is_planned() else "not planned"
        return f"<Tbuf.Layout {planned}, phases {self.phases}, arrays {self.arrays}>"


__all__.append("Layout")


def _parse_quantity(what, value):
    """An integer that a plan can count with: no float, which would lose its fraction, and nothing that does not fit."""
    value = operator.index(value)
    if not 0 <= value <= GLib.MAXINT64:
        raise _error(Tbuf.Error.RANGE, f"{what}, {value}, is not in the range from 0 to {GLib.MAXINT64}")
    return value


def _parse_quantities(name, values, first):
    """A column of add_many."""
    try:
        column = array.array("q", values)
        if len(column) == 0 or min(column) >= 0:
            return column
    except OverflowError:
        pass
    return [_parse_quantity(f'Buffer "{number}": its {name}', value) for number, value in enumerate(values, first)]


@override
class Plan(Tbuf.Plan):
    def add(self, id, lower, upper, size, alignment=1, offset=None):
        """Add a buffer, and return the plan; with an offset, the buffer stays there."""
        lower, upper, size, alignment = (
            _parse_quantity(f'Buffer "{id}": its {name}', value)
            for name, value in (("lower", lower), ("upper", upper), ("size", size), ("alignment", alignment)))
        if offset is not None:
            offset = _parse_quantity(f'Buffer "{id}": its offset', offset)
        if offset is None:
            Tbuf.Plan.add(self, id, lower, upper, size, alignment)
        else:
            Tbuf.Plan.add_fixed(self, id, lower, upper, size, alignment, offset)
        return self

    def add_many(self, lowers, uppers, sizes, alignments=None):
        """Add many buffers, and return the plan; integers of numpy stay what they are."""
        columns = [lowers, uppers, sizes] if alignments is None else [lowers, uppers, sizes, alignments]
        if all(hasattr(column, "__array_interface__") for column in columns) and len({len(c) for c in columns}) == 1:
            import numpy as np
            table = np.empty((len(lowers), len(columns)), np.int64)
            for i, column in enumerate(columns):
                np.copyto(table[:, i], column, casting="same_kind" if column.dtype.kind != "u" else "unsafe")
            Tbuf.Plan.add_rows(self, GLib.Bytes.new(table.tobytes()), len(columns))
        else:
            columns = [_parse_quantities(name, column, len(self))
                       for name, column in zip(("lower", "upper", "size", "alignment"), columns)]
            Tbuf.Plan.add_many(self, *columns, *([] if alignments is not None else [None]))
        return self

    def separate(self, one, other):
        """Say that two buffers never share a byte, and return the plan."""
        Tbuf.Plan.separate(self, one, other)
        return self

    def solve(self, capacity=0, timeout=None, cancellable=None):
        """Give each buffer an offset, and return the plan; the timeout is in seconds."""
        Tbuf.Plan.solve(self, _parse_quantity("The capacity", capacity), _parse_timeout(timeout), cancellable)
        return self

    @property
    def offsets(self):
        """the offsets of all buffers, as a memoryview of 64-bit integers"""
        return memoryview(self.get_offsets_bytes().get_data() or b"").cast("q")

    @property
    def ids(self):
        """the ids of all buffers"""
        return tuple(self.list_ids())

    def __getitem__(self, id):
        return self.get_offset(id)

    def __iter__(self):
        return iter(self.ids)

    def __contains__(self, id):
        return id in self.ids

    def __len__(self):
        return self.get_n_buffers()

    def __repr__(self):
        solved = f"{self.get_height()} bytes" if self.get_method() is not None else "not solved"
        return f"<Tbuf.Plan of {len(self)} buffers, {solved}>"


__all__.append("Plan")


# The methods that may fail, of all classes and enumerations, raise Python's errors.

def _wrap_methods(raw):
    for name, call in list(vars(raw).items()):
        if isinstance(call, FunctionInfo) and call.can_throw_gerror():
            wrapper = errors.raising(call if call.is_method() else getattr(raw, name))
            setattr(raw, name, wrapper if call.is_method() else staticmethod(wrapper))


def _wrap_all():
    for name in dir(Tbuf):
        if name.startswith("_"):
            continue
        raw = getattr(Tbuf, name)
        if isinstance(raw, type):
            _wrap_methods(raw)
        elif isinstance(raw, FunctionInfo) and raw.can_throw_gerror():
            globals()[name] = errors.raising(raw)
            __all__.append(name)


_wrap_all()


def _wrap_fill(leaf):
    fill = leaf.fill

    def wrapper(self, value):
        """Set all items to a value."""
        if isinstance(self, (Tbuf.Complex64View, Tbuf.Complex128View)):
            value = complex(value)
            fill(self, value.real, value.imag)
        else:
            fill(self, value)

    leaf.fill = wrapper


for _name in dir(Tbuf):
    if _name.endswith("View") and "fill" in vars(getattr(Tbuf, _name)):
        _wrap_fill(getattr(Tbuf, _name))

# Only those of the dtypes that can be waited for.
for _view in Tbuf.Int32View, Tbuf.Uint32View:
    _view.atomic_wait = _atomic_wait

_tbuf.register(GObject.Object, Region, Arena, View, errors.make_from)
