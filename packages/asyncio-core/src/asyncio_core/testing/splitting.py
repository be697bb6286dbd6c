"""Sockets that receive and send in pieces, as the network does.

A transport's socket becomes one of another class, whose calls ask the loop's decisions first. What is read in pieces is reported
as ready once more by the poller, and what did not go out waits as it does when a buffer is full.
"""

from __future__ import annotations

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from asyncio_core.testing.decisions import Decisions

__all__ = ("SplittingSocket", "piece_of", "split_socket")

# How often a call is for a piece only, and of how many bytes then.
_SHARE = 0.3
_SIZES = (0, 1, 2, 3, 7, 16, 61, 250, 1000, 5000)


def piece_of(decisions: Decisions, size: Any) -> Any:
    """Return how many of `size` bytes, at least one, a call is to be for."""
    if not isinstance(size, int) or size <= 1:
        # Nothing, or nonsense that whoever is called refuses.
        return size
    piece = _SIZES[decisions.choose(len(_SIZES), _SHARE)]
    return min(piece, size) if piece else size


class SplittingSocket(socket.socket):
    """A stream socket whose calls are for a piece of what they were asked for, now and then."""

    __slots__ = ()

    # Of a class for each loop.
    decisions: Decisions

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        if not flags:
            bufsize = piece_of(self.decisions, bufsize)
        return super().recv(bufsize, flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        if not flags:
            with memoryview(buffer) as view:
                nbytes = piece_of(self.decisions, nbytes or view.nbytes)
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: Any, flags: int = 0, /) -> int:
        with memoryview(data) as view, view.cast("B") as whole:
            size = piece_of(self.decisions, len(whole))
            with whole[:size] as piece:
                return super().send(piece, flags)

    if hasattr(socket.socket, "sendmsg"):

        def sendmsg(self, buffers: Iterable[Any], *others: Any) -> int:
            pieces = list(buffers)
            if others or not pieces or self.decisions.choose(3, _SHARE) == 0:
                return super().sendmsg(pieces, *others)
            # The first of them, or of that a piece; what fails besides was decided for the whole.
            return SplittingSocket.send(self, pieces[0])


def split_socket(sock: Any, kind: type[socket.socket]) -> None:
    """Make a socket one of the class `kind`, which derives from `socket.socket` and adds no attributes.

    Sockets of other classes are left as they are, and so are those for datagrams, which come whole.
    """
    if type(sock) is socket.socket and sock.type == socket.SOCK_STREAM:
        sock.__class__ = kind
