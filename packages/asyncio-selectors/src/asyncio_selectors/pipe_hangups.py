"""How whoever only writes learns that nobody reads any more: the descriptor becomes readable."""

from __future__ import annotations

import os
import select
import sys

__all__ = ("notices_hangup", "peer_is_gone")


def notices_hangup(fd: int) -> bool:
    """Tell whether a pipe or FIFO becomes readable only when its reader goes away.

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


def peer_is_gone(fd: int) -> bool:
    """Tell why a socket that is written to became readable: True where the peer is gone.

    It may as well have sent something. Or there is nothing to receive any more: this side of the socket
    was shut down for receiving, as systemd does with what it gives a service for stdout, or the peer
    has sent all and waits for an answer. TCP does not tell that from closing before something is sent.
    """
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    # Errors, and the end of both directions, are told unasked.
    poll.register(fd, 0)
    return bool(poll.poll(0))


def _can_be_read(fd: int) -> bool:
    try:
        os.read(fd, 0)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True
