"""How whoever only writes learns that nobody reads any more: the descriptor becomes readable."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import sys

__all__ = ("notices_hangup", "peer_is_gone")

_ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
# First byte of tcp_info (Linux): a connection whose peer has not ended it.
_ESTABLISHED = 1


def notices_hangup(fd: int) -> bool:
    """Tell whether a pipe or FIFO becomes readable only when its reader goes away.

    Elsewhere the next write finds out.
    """
    if sys.platform.startswith("aix"):
        # Pipes are polled wrongly there.
        return False
    if fcntl.fcntl(fd, fcntl.F_GETFL) & _ACCESS == os.O_RDWR:
        # Its own reader, which never goes away, and has to read all that is written.
        return False
    # Elsewhere than on Linux a FIFO in the file system is readable at both ends while it holds data.
    return sys.platform == "linux" or not os.fstat(fd).st_nlink


def peer_is_gone(fd: int) -> bool:
    """Tell why a socket that is written to became readable: True where the peer is gone.

    It may as well have sent something. Or there is nothing to receive any more because this side of
    the socket was shut down for receiving, as systemd does with what it gives a service for stdout.
    """
    if _has_hung_up(fd):
        return True
    try:
        sock = socket.socket(fileno=fd)
    except OSError:
        return True
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"" and not _is_half_open(
            sock
        )
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        sock.detach()


def _has_hung_up(fd: int) -> bool:
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    # Errors and hang-ups are told unasked.
    poll.register(fd, 0)
    return bool(poll.poll(0))


def _is_half_open(sock: socket.socket) -> bool:
    """Tell whether a socket that receives nothing more may still send."""
    if sock.family == socket.AF_UNIX:
        # An end of both directions would be a hang-up.
        return hasattr(select, "poll")
    info = getattr(socket, "TCP_INFO", None)
    if info is None or sys.platform != "linux":
        return False
    try:
        # Else the peer has closed, or so it seems: TCP does not tell closing from shutting down.
        return sock.getsockopt(socket.IPPROTO_TCP, info, 1)[0] == _ESTABLISHED
    except OSError:
        return False
