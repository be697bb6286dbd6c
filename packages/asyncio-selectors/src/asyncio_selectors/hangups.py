"""How a descriptor tells that there is nobody at its other end, beside being readable."""

from __future__ import annotations

import errno
import os
import select
import socket
import sys

__all__ = ("has_hung_up", "shows_hangup_by_reading", "why_dead")

_UNIX = getattr(socket, "AF_UNIX", None)


def has_hung_up(fd: int) -> bool:
    """Tell whether a socket that became readable is at its end in both directions, or has failed.

    Else something has come, or only receiving is over: this side was shut down for receiving, as
    systemd does with what it gives a service for stdout, or the peer has sent all and waits for an
    answer. TCP does not tell that from closing before something is sent.
    """
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    # Hang-ups and errors are told unasked.
    poll.register(fd, 0)
    return bool(poll.poll(0))


def why_dead(listener: socket.socket) -> OSError | None:
    """Tell why there was nobody to accept where the poller had said that there was; None: bad luck.

    Linux calls a Unix socket that was shut down readable, and has accept() wait. With others somebody else
    who accepts on them, in another process say, was quicker.
    """
    if listener.family == _UNIX and has_hung_up(listener.fileno()):
        return OSError(errno.EINVAL, "the listening socket was shut down")
    return None


def shows_hangup_by_reading(fd: int) -> bool:
    """Tell whether the writing end of a pipe or FIFO becomes readable only when its reader goes away.

    Elsewhere the next write finds out.
    """
    if sys.platform.startswith("aix"):
        # Pipes are polled wrongly there.
        return False
    if _can_be_read(fd):
        # Its own reader, which never goes away, and finds all that is written.
        return False
    # Elsewhere than on Linux a FIFO in the file system is readable at both ends while it holds data.
    return sys.platform == "linux" or not os.fstat(fd).st_nlink


def _can_be_read(fd: int) -> bool:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_WRONLY
