"""Exits of children learned from pidfds: descriptors of processes, Linux 5.3 and newer.

A pidfd becomes readable when its process ends, also when that was before it was opened, as long as
nobody has reaped the child. So there is no moment at which an exit could be missed.

Where somebody else reaps the child, or nobody can since SIGCHLD is ignored, the descriptor still tells how
it ended, from Linux 6.15 on.
"""

from __future__ import annotations

import os
import select
import struct

from asyncio_subprocess.closing import close

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_subprocess.reaping import Exited

# The ioctl PIDFD_GET_INFO with struct pidfd_info as they first were, see <linux/pidfd.h>: the first field says
# what is asked for and told, the last one is the status of a process that has been reaped.
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO = struct.Struct("=Q52xi")
_PIDFD_INFO_EXIT = 1 << 3

# os.P_PIDFD, for interpreters that were built on an older system.
_P_PIDFD = 3


def usable() -> bool:
    """Tell whether the system lets this process have pidfds; a sandbox may not."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class _PidfdChildWatcher:
    """A set of descriptors, one for each child, that is in the loop's poller as one.

    The system takes a descriptor out of the set when it is closed. The poller is asked for the first of several children
    and after the last, and not twice for each. Without children there is no set, and no descriptor.
    """

    _set: Any = None

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        # By descriptor: whom to tell.
        self._descriptors: dict[int, Exited] = {}

    def _open(self) -> None:
        self._set = select.epoll()
        # A forked child shares the set with its parent, to whom it belongs.
        self._process = os.getpid()
        self._loop.add_reader(self._set.fileno(), self._collect)

    def watch(self, pid: int, exited: Exited) -> None:
        """Call ``exited(None)`` in the loop once child `pid` has ended; it is then not reaped yet.

        Where it is, by somebody else, the argument is the return code if the system still knows it.
        Raises OSError where there is no descriptor to be had.
        """
        if self._set is not None and self._process != os.getpid():
            # The children that are watched are the parent's.
            self.close()
        fd = os.pidfd_open(pid)
        try:
            if self._set is None:
                self._open()
            self._set.register(fd, select.EPOLLIN)
        except BaseException:
            close(fd)
            self._close_unless_needed()
            raise
        self._descriptors[fd] = exited

    def _collect(self) -> None:
        try:
            for fd, _ in self._set.poll(0, len(self._descriptors) or 1):
                exited = self._descriptors.pop(fd, None)
                if exited is not None:
                    try:
                        code = _code_of_reaped(fd)
                    finally:
                        close(fd)
                    exited(code)
        finally:
            self._close_unless_needed()

    def _close_unless_needed(self) -> None:
        if not self._descriptors:
            self.close()

    def close(self) -> None:
        """Watch no more, as there are no children, or the loop is about to close."""
        if self._set is not None:
            self._loop.remove_reader(self._set.fileno())
            self._release()

    def _release(self) -> None:
        while self._descriptors:
            fd, _ = self._descriptors.popitem()
            close(fd)
        # Whatever comes in between, such as Ctrl-C for the second time: what is closed is not taken for open.
        closing, self._set = self._set, None
        close(closing)

    def __del__(self) -> None:
        # The loop was never closed, or is one that does not know of this; its poller goes with it.
        if self._set is not None:
            self._release()


def _code_of_reaped(fd: int) -> int | None:
    """Return the return code of a child that is reaped; None where it is not, or nobody knows it."""
    try:
        os.waitid(_P_PIDFD, fd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        pass
    except OSError:
        return None  # Linux 5.3 has pidfds and no waitid() for them.
    else:
        return None
    import fcntl

    info = bytearray(_PIDFD_INFO.pack(_PIDFD_INFO_EXIT, 0))
    try:
        fcntl.ioctl(fd, _PIDFD_GET_INFO, info)
        told, status = _PIDFD_INFO.unpack(info)
        return os.waitstatus_to_exitcode(status) if told & _PIDFD_INFO_EXIT else None
    except (OSError, ValueError):
        return None
