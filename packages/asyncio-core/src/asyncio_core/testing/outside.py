"""What may still come to a loop that waits, and from where.

A loop that waits may be told something by a descriptor that it watches, by another thread, by a job in an executor, by a
signal. Some of that the program does by itself: a server and its client on one loop wait for each other's timers, and time
may pass for them as quickly as one likes. What others do takes the time that it takes:

outside    Threads that may call the loop, jobs and look-ups that it waits for, child processes, and descriptors whose other
           end is somebody else's.
open       Signal handlers: somebody may send one, and need not.
own        Descriptors whose other end belongs to this loop too: connections to a socket of the same loop, and to Unix
           sockets and pipes of the same process. Also those that may be told something and wait for nobody in particular:
           listening sockets, datagram sockets at a loopback address. What the program itself writes, or connects, comes there; while
           all of it waits, nothing does, unless another thread or a child process is there that has such a descriptor, too.
nothing    None of that.

Threads that may call the loop are those which were started since the loop was made, or have called it before; for a loop that
does not run in the main thread, all others. One that waits for another thread itself, without a limit, brings nothing: an idle
worker of a pool, or whoever waits for a condition, an event or a queue. But what it waits for may have been done this very moment.
"""

from __future__ import annotations

import enum
import os
import socket
import stat
import struct
import sys
import threading
import weakref

from asyncio_core.scheduling.executors import _LookupThreads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from threading import Thread
    from types import FrameType
    from typing import Any

    from asyncio_core.awaiting.futures import Future

__all__ = ("Outlook", "Source")

_INTERNET = (socket.AF_INET, socket.AF_INET6)
_UNIX = getattr(socket, "AF_UNIX", None)
# What threads of this project are called, by which something looks into the program.
_OF_OURS = "asyncio-"
# Where a process finds its own descriptors; proc(5), fdescfs(4).
_DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
_PEER_CREDENTIALS = getattr(socket, "SO_PEERCRED", None)


class Source(enum.IntEnum):
    """From where something may come."""

    NOTHING = 0
    OWN = 1
    OPEN = 2
    OUTSIDE = 3


class Outlook:
    """What one loop may be told, by whom."""

    def __init__(self, loop: Any) -> None:
        self._loop = weakref.ref(loop)
        # They can hardly know of a loop that was not there when they began.
        self._strangers: weakref.WeakSet[Thread] = weakref.WeakSet(threading.enumerate())
        # Jobs in executors, and how many look-ups of names are under way.
        self.jobs: weakref.WeakSet[Future[Any]] = weakref.WeakSet()
        self.look_ups = 0
        # Whether the last look has found threads that wait for others.
        self.idle_threads = False

    def note_caller(self) -> None:
        """Note that the present thread knows the loop."""
        self._strangers.discard(threading.current_thread())

    def look(self) -> Source:
        """Return the farthest from where something may come."""
        loop: Any = self._loop()
        if self.look_ups or any(not job.done() for job in list(self.jobs)):
            return Source.OUTSIDE
        if self._has_callers() or _has_children_of_multiprocessing():
            return Source.OUTSIDE
        selector = getattr(loop, "_selector", None)
        if getattr(selector, "_pending", None):
            # A completion port tells what is under way, and not with whom.
            return Source.OUTSIDE
        found = Source.NOTHING
        if getattr(loop, "_signal_handlers", None):
            found = Source.OPEN
        get_map = getattr(selector, "get_map", None)
        watched = _numbers(get_map() if get_map is not None else {})
        watched.discard(_number(getattr(loop, "_ssock", None)))
        if watched:
            ours = _Ours({*watched, *getattr(loop, "_transports", ())})
            found = max(found, Source.OWN, *map(ours.source, watched))
        return found

    def has_others(self) -> bool:
        """Tell whether something may write to the loop's own descriptors beside the loop: other threads, and child processes."""
        frames = sys._current_frames()
        for thread in set(threading.enumerate()) - {threading.current_thread()}:
            frame = frames.get(thread.ident or 0)
            is_idle = frame is not None and _waits_for_a_thread(frame)
            if not is_idle and not thread.name.startswith(_OF_OURS):
                return True
        return _has_children()

    def _has_callers(self) -> bool:
        """Tell whether there are threads that may call the loop, other than such as wait for others."""
        self.idle_threads = False
        me = threading.current_thread()
        others = {thread for thread in threading.enumerate() if thread is not me}
        if me is threading.main_thread():
            others -= set(self._strangers)
        if others:
            frames = sys._current_frames()
            for thread in others:
                frame = frames.get(thread.ident or 0)
                if frame is None or not _waits_for_a_thread(frame):
                    return True
            self.idle_threads = True
        return False


def _waits_for_a_thread(frame: FrameType) -> bool:
    """Tell whether a thread that stands in `frame` waits for another one, however long that takes."""
    code = frame.f_code
    if code is threading.Condition.wait.__code__:
        return frame.f_locals.get("timeout") is None
    pools = sys.modules.get("concurrent.futures.thread")
    return code is _LookupThreads._serve.__code__ or (
        pools is not None and code is pools._worker.__code__
    )


def _has_children() -> bool:
    """Tell whether this process has child processes; True where the system does not tell."""
    if not hasattr(os, "waitid"):
        return True
    try:
        # They stay to be waited for.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    except OSError:
        pass
    return True


def _has_children_of_multiprocessing() -> bool:
    """Tell whether there are processes that share descriptors which look like this process's own."""
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and bool(processes.active_children())


def _numbers(keys: Iterable[Any]) -> set[int]:
    return {number for number in map(_number, keys) if number >= 0}


def _number(file: Any) -> int:
    if file is None or isinstance(file, int):
        return -1 if file is None else file
    number: int = file.fileno()
    return number


class _Ours:
    """The descriptors of one loop, and which of them are each other's peers."""

    def __init__(self, numbers: set[int]) -> None:
        self._names: set[Any] = set()
        self._pipes: dict[tuple[int, int], int] = {}
        self._sockets: dict[int, socket.socket] = {}
        for number in numbers:
            try:
                what = os.fstat(number)
            except OSError:
                # Closed behind the loop's back, or, on Windows, a socket.
                what = None
            if what is not None and stat.S_ISFIFO(what.st_mode):
                file = what.st_dev, what.st_ino
                self._pipes[file] = self._pipes.get(file, 0) + 1
            elif (found := _as_socket(number)) is not None:
                self._sockets[number] = found
                self._names.add(_name(found.getsockname))
        for found in self._sockets.values():
            # The number belongs to whoever has opened it.
            found.detach()

    def source(self, number: int) -> Source:
        """Return from where a descriptor may be told something."""
        found = _as_socket(number)
        if found is None:
            try:
                what = os.fstat(number)
            except OSError:
                return Source.OPEN
            both = self._pipes.get((what.st_dev, what.st_ino), 0) > 1
            return Source.OWN if both or _has_other_end(number, what) else Source.OUTSIDE
        try:
            return Source.OWN if self._is_own(found) else Source.OUTSIDE
        finally:
            found.detach()

    def _is_own(self, found: socket.socket) -> bool:
        try:
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return True
        except OSError:
            # The system does not know this of sockets of that kind.
            pass
        peer = _name(found.getpeername)
        if peer is None:
            return found.type == socket.SOCK_DGRAM and _is_local(found)
        if found.family == _UNIX:
            return peer in self._names if peer else _is_of_this_process(found)
        return peer in self._names


def _has_other_end(number: int, what: os.stat_result) -> bool:
    """Tell whether the other end of a pipe is open in this process, too."""
    if not stat.S_ISFIFO(what.st_mode):
        return False
    import fcntl

    mine = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
    for name in os.listdir(_DESCRIPTORS):
        try:
            other = os.fstat(int(name))
            if os.path.samestat(what, other):
                mode = fcntl.fcntl(int(name), fcntl.F_GETFL) & os.O_ACCMODE
                if mode not in (mine, os.O_RDWR) or mine == os.O_RDWR:
                    return True
        except (OSError, ValueError):
            continue  # It is closed by now, or that of the listing.
    return False


def _as_socket(number: int) -> socket.socket | None:
    """Return an object for a socket's number, which the caller detaches from it; None where it is no socket."""
    try:
        return socket.socket(fileno=number)
    except OSError:
        return None


def _name(ask: Any) -> Any:
    """Return an address as one that can be compared, or None where there is none."""
    try:
        address = ask()
    except OSError:
        return None
    # Without scope and flow of IPv6, which the two ends see differently.
    return address[:2] if isinstance(address, tuple) else address


def _is_local(found: socket.socket) -> bool:
    """Tell whether a datagram socket is heard on this machine only."""
    if found.family not in _INTERNET:
        return True
    host = found.getsockname()[0]
    return bool(host == "::1" or host.startswith("127."))


def _is_of_this_process(found: socket.socket) -> bool:
    """Tell whether the other end of a pair without names was made by this process."""
    if _PEER_CREDENTIALS is None:
        # Where it cannot be told: such pairs are mostly a program's own.
        return True
    size = struct.calcsize("3i")
    credentials = found.getsockopt(socket.SOL_SOCKET, _PEER_CREDENTIALS, size)
    return bool(struct.unpack("3i", credentials)[0] == os.getpid())
