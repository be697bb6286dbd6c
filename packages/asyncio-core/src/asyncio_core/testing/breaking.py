"""Sockets whose calls fail now and then, as those of a bad network and a busy system do."""

from __future__ import annotations

import errno
import os
import socket
import struct
from contextlib import suppress

from asyncio_core.testing.splitting import SplittingSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from asyncio_core.testing.decisions import Decisions
    from asyncio_core.testing.faults import Faults

__all__ = ("BreakingDatagramSocket", "BreakingSocket", "failure")

# Closed with this option a connection is reset, as the peer sees it.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def failure(number: int) -> OSError:
    """Return the exception for a number of errno."""
    return OSError(number, f"{os.strerror(number)} (made up by the loop `chaos`)")


def reset(sock: socket.socket) -> OSError:
    """Break a connection, and return the exception that its user sees; the peer sees it, too."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        sock.shutdown(socket.SHUT_RDWR)
    return failure(errno.ECONNRESET)


class BreakingSocket(SplittingSocket):
    """A stream socket, also one that listens, of a loop with `faults`."""

    __slots__ = ()

    faults: Faults

    def _before_any_call(self) -> None:
        if self.decisions.happens(self.faults.eintr):
            raise failure(errno.EINTR)
        if self.decisions.happens(self.faults.slow):
            raise failure(errno.EAGAIN)
        if self.decisions.happens(self.faults.econnreset):
            raise reset(self)

    def _has_ended(self) -> bool:
        """Tell whether the peer is to have ended the connection now."""
        if not self.decisions.happens(self.faults.eof):
            return False
        with suppress(OSError):
            self.shutdown(socket.SHUT_RD)
        return True

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        self._before_any_call()
        return b"" if self._has_ended() else super().recv(bufsize, flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        self._before_any_call()
        return 0 if self._has_ended() else super().recv_into(buffer, nbytes, flags)

    def _before_sending(self) -> None:
        self._before_any_call()
        if self.decisions.happens(self.faults.enobufs):
            raise failure(errno.ENOBUFS)

    def send(self, data: Any, flags: int = 0, /) -> int:
        self._before_sending()
        return super().send(data, flags)

    if hasattr(socket.socket, "sendmsg"):

        def sendmsg(self, buffers: Iterable[Any], *others: Any) -> int:
            self._before_sending()
            return super().sendmsg(buffers, *others)

    def accept(self) -> tuple[socket.socket, Any]:
        if self.decisions.happens(self.faults.eintr):
            raise failure(errno.EINTR)
        if self.decisions.happens(self.faults.emfile):
            raise failure(errno.EMFILE)
        return super().accept()


class BreakingDatagramSocket(socket.socket):
    """A datagram socket of a loop with `faults`."""

    __slots__ = ()

    decisions: Decisions
    faults: Faults

    def _before_sending(self) -> None:
        if self.decisions.happens(self.faults.eintr):
            raise failure(errno.EINTR)
        if self.decisions.happens(self.faults.slow):
            raise failure(errno.EAGAIN)
        if self.decisions.happens(self.faults.enobufs):
            raise failure(errno.ENOBUFS)

    def send(self, data: Any, flags: int = 0, /) -> int:
        self._before_sending()
        return super().send(data, flags)

    def sendto(self, data: Any, *others: Any) -> int:
        self._before_sending()
        return super().sendto(data, *others)
