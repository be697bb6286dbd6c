"""Exits of children learned from pidfds: descriptors of processes, Linux 5.3 and newer.

A pidfd becomes readable when its process ends, also when that was before it was opened, as long as
nobody has reaped the child. So there is no moment at which an exit could be missed.

Where somebody else reaps the child, or nobody can since SIGCHLD is ignored, the descriptor still tells how
it ended, from Linux 6.15 on.
"""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    """One descriptor in the loop's poller for each child."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._descriptors: set[int] = set()

    def watch(self, pid: int, exited: Exited) -> None:
        """Call ``exited(None)`` in the loop once child `pid` has ended; it is then not reaped yet.

        Where it is, by somebody else, the argument is the return code if the system still knows it.
        Raises OSError where there is no descriptor to be had.
        """
        fd = os.pidfd_open(pid)
        self._descriptors.add(fd)
        try:
            self._loop.add_reader(fd, self._ended, fd, exited)
        except BaseException:
            self._release(fd)
            raise

    def _ended(self, fd: int, exited: Exited) -> None:
        self._loop.remove_reader(fd)
        code = _code_of_reaped(fd)
        self._release(fd)
        exited(code)

    def _release(self, fd: int) -> None:
        self._descriptors.discard(fd)
        os.close(fd)

    def close(self) -> None:
        """Watch no more; the loop is about to close."""
        for fd in tuple(self._descriptors):
            self._loop.remove_reader(fd)
            self._release(fd)

    def __del__(self) -> None:
        # The loop was never closed, or is one that does not know of this; its poller goes with it.
        for fd in tuple(self._descriptors):
            self._release(fd)


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
