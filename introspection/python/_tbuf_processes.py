# SPDX-License-Identifier: LGPL-2.1-or-later
"""How arenas and views travel between the processes of a Python program.

A pickle holds no memory. A named arena goes by its name, and an anonymous one as multiprocessing passes descriptors; what
arrives is mapped as it was where it came from, for reading only if that was so. Locks stay where they are.
"""

import contextlib
import os
import sys
import weakref

from gi.repository import GLib

# gi.repository.Tbuf is imported where it is used: while this module is imported, it is not there yet.

# The arenas that were sent or have arrived, by what they are: a process maps each once, however many views arrive.
_arenas = weakref.WeakValueDictionary()


def _identify(fd):
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def _find(identity, read_only):
    arena = _arenas.get((identity, read_only))
    return None if arena is None or arena.closed else arena


def _add(arena, identity, read_only):
    if _find(identity, read_only) is None:
        _arenas[identity, read_only] = arena
    return arena


def reduce_arena(arena):
    """What pickle makes of an arena."""
    from gi.repository import Tbuf
    if arena.closed:
        raise Tbuf.ClosedError("The arena was closed, and so it cannot be sent")
    if arena.fileno() < 0:
        raise Tbuf.InvalidError("This arena is empty, and so it cannot be sent")
    identity = _identify(arena.fileno())
    flags = arena.flags & (Tbuf.READ_ONLY | Tbuf.KEEP | Tbuf.FOREIGN)
    _add(arena, identity, bool(flags & Tbuf.READ_ONLY))
    if arena.name is not None:
        return _open_name, (arena.name, int(flags), identity, _make_claim(arena))
    # In a pickle that starts a process, the descriptor is inherited; in others, a thread here hands it to whoever loads
    # the pickle, once.
    from multiprocessing import reduction
    return _open_descriptor, (reduction.DupFd(arena.fileno()), int(flags), identity)


class _Claim:
    """Keeps an arena for the process that loads the pickle, until that one has opened it."""

    def __init__(self, arena):
        # What passes descriptors: a thread of this process that answers connections of the program's other processes.
        from multiprocessing import resource_sharer

        def answer(connection, pid):
            connection.send(arena.name)
            # Until it has opened the arena, or has died.
            connection.poll(None)
        self._id = resource_sharer._resource_sharer.register(answer, lambda: None)

    @contextlib.contextmanager
    def connect(self):
        from multiprocessing import resource_sharer
        with resource_sharer._resource_sharer.get_connection(self._id) as connection:
            connection.recv()
            yield


def _make_claim(arena):
    """A worker returns an arena and forgets it at once: if it is the only one to have it, the name would go."""
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None or arena.n_participants > 1:
        return contextlib.nullcontext
    return _Claim(arena).connect


def _open_name(name, flags, identity, connect):
    from gi.repository import Tbuf
    flags = Tbuf.ArenaFlags(flags)
    read_only = bool(flags & Tbuf.READ_ONLY)
    with connect():
        arena = _find(identity, read_only) or Tbuf.Arena.open(name, flags)
    if _identify(arena.fileno()) != identity:
        raise Tbuf.ArenaNotFoundError(f"The arena {name!r} that was sent is gone, and there is another one of that name")
    return _add(arena, identity, read_only)


def _open_descriptor(descriptor, flags, identity):
    from gi.repository import Tbuf
    flags = Tbuf.ArenaFlags(flags)
    read_only = bool(flags & Tbuf.READ_ONLY)
    # Also where it is not needed: it would wait at the sender for ever.
    fd = descriptor.detach()
    try:
        return _find(identity, read_only) or _add(Tbuf.Arena.open_fd(fd, flags), identity, read_only)
    finally:
        os.close(fd)


def reduce_view(view):
    """What pickle makes of a view."""
    return _make_view, (view.arena, view.to_variant().get_data_as_bytes().get_data())


def _make_view(arena, description):
    from gi.repository import Tbuf
    variant = GLib.Variant.new_from_bytes(GLib.VariantType.new("(stataxbms)"), GLib.Bytes.new(description), False)
    view = Tbuf.Arena.create_view_from_variant(arena, variant)
    # A view alone keeps the memory; so that the next view that arrives finds the arena, it keeps that as well.
    view._arena = arena
    return view


# A child of multiprocessing that was forked ends by os._exit(), which runs nothing but the finalizers of multiprocessing.

class _AfterFork:
    """Something that lives as long as this module; multiprocessing knows what is to be done after a fork by it."""


_after_fork = _AfterFork()


def _leave_at_exit(after_fork=None):
    sys.modules["multiprocessing.util"].Finalize(None, _leave_all, exitpriority=-100)


def _leave_all():
    from gi.repository import Tbuf
    Tbuf.Arena.leave_all()


def _prepare_child():
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # The child forgets the finalizers of its parent, and then does what is registered here.
        util.register_after_fork(_after_fork, _leave_at_exit)


_prepare_child()
os.register_at_fork(after_in_child=_prepare_child)
if "multiprocessing.util" in sys.modules and sys.modules["multiprocessing.process"].parent_process() is not None:
    # Imported by a child that is at work already.
    _leave_at_exit()
