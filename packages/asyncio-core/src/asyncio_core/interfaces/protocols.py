"""Protocol base classes: the half of a connection that the application writes (PEP 3156).

Every method here is an empty answer, so that an application overrides only what it cares
about. The classes carry no state and declare empty ``__slots__``: a server that keeps tens
of thousands of connections can have protocols without a dictionary each.

The order of calls that a loop promises, as a grammar::

    stream:    connection_made  data_received*  eof_received?  connection_lost
    buffered:  connection_made  (get_buffer buffer_updated?)*  eof_received?  connection_lost
    datagram:  connection_made  (datagram_received | error_received)*  connection_lost

``pause_writing`` and ``resume_writing`` come between the two ends, always as a pair and
always in that order.
"""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import WriteableBuffer

    from asyncio_core.interfaces.transports import BaseTransport, DatagramTransport

__all__ = (
    "BaseProtocol",
    "Protocol",
    "BufferedProtocol",
    "DatagramProtocol",
    "SubprocessProtocol",
)


class BaseProtocol:
    """What all protocols have in common: birth, death and flow control.

    Source: PEP 3156.
    """

    __slots__: tuple[str, ...] = ()

    def connection_made(self, transport: BaseTransport) -> None:
        """Take the transport that this protocol is now joined to.

        Called once, before anything else. *transport* is what the protocol writes to and
        closes; keep a reference.
        """

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the connection is over; nothing is called afterwards.

        *exc* is ``None`` after an ordinary end (the peer sent EOF, or this side called
        ``close()`` or ``abort()``), else the error that ended it.
        """

    def pause_writing(self) -> None:
        """Stop producing: the transport holds more bytes than its high-water mark.

        Writing more is allowed and kept in memory. Called once per crossing, never twice
        in a row.
        """

    def resume_writing(self) -> None:
        """Go on producing: the transport's buffer is down to its low-water mark."""


class Protocol(BaseProtocol):
    """A protocol over a byte stream (TCP, Unix sockets, pipes, TLS) that is handed bytes.

    Source: PEP 3156.
    """

    __slots__: tuple[str, ...] = ()

    def data_received(self, data: bytes) -> None:
        """Take a non-empty piece of the stream, as a bytes object.

        Pieces have no relation to what the peer's ``write()`` calls were.
        """

    def eof_received(self) -> bool | None:
        """Learn that the peer will send no more.

        A false answer (``None`` included) lets the transport close itself. A true one keeps
        this side's half open, and closing is then up to the protocol; over TLS that is not
        possible and the answer is ignored with a warning.
        """
        return None


class BufferedProtocol(BaseProtocol):
    """A protocol over a byte stream that supplies the memory to receive into.

    It saves a copy for protocols that parse from a buffer of their own.
    Added in Python 3.7.
    """

    __slots__: tuple[str, ...] = ()

    def get_buffer(self, sizehint: int) -> WriteableBuffer:
        """Give the writable buffer that the next bytes are read into.

        *sizehint* is the transport's guess at a good size in bytes, or -1 for "any"; the
        buffer may be smaller or bigger, but an empty one is an error that ends the
        connection.
        """
        return None  # type: ignore[return-value]

    def buffer_updated(self, nbytes: int) -> None:
        """Learn that the first *nbytes* of the last buffer now hold received data."""

    def eof_received(self) -> bool | None:
        """Learn that the peer will send no more; see :meth:`Protocol.eof_received`."""
        return None


class DatagramProtocol(BaseProtocol):
    """A protocol over datagrams (UDP, Unix datagram sockets).

    Source: PEP 3156.
    """

    __slots__: tuple[str, ...] = ()

    if TYPE_CHECKING:

        def connection_made(self, transport: DatagramTransport) -> None:  # type: ignore[override]
            ...

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take one datagram, which may be empty, and the address of its sender."""

    def error_received(self, exc: Exception) -> None:
        """Learn that an earlier send or a receive failed with an :exc:`OSError`.

        For instance ICMP said that nobody listens there. The endpoint stays open.
        """


class SubprocessProtocol(BaseProtocol):
    """A protocol that follows a child process and its pipes.

    Pipes are named by the child's descriptor numbers: 1 is its stdout, 2 its stderr.
    Source: PEP 3156.
    """

    __slots__: tuple[str, ...] = ()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take a non-empty piece of what the child wrote to descriptor *fd*."""

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Learn that the pipe to the child's descriptor *fd* is closed.

        *exc* is ``None`` for an ordinary end.
        """

    def process_exited(self) -> None:
        """Learn that the child has ended; its return code can be asked for from now on.

        Data that is still in its pipes may arrive afterwards.
        """


def _feed_data_to_buffered_proto(
    proto: BufferedProtocol, data: bytes | bytearray | memoryview
) -> None:
    """Hand *data* to *proto* through as many of its own buffers as that takes.

    Raises :exc:`RuntimeError` when ``get_buffer()`` gives an empty one, which would loop
    for ever.
    """
    rest = memoryview(data)
    while rest:
        target: Any = proto.get_buffer(len(rest))
        room = len(target)
        if not room:
            raise RuntimeError("get_buffer() returned an empty buffer")
        piece = rest[:room]
        target[: len(piece)] = piece
        proto.buffer_updated(len(piece))
        rest = rest[room:]


leave_to_checkers(__name__)
