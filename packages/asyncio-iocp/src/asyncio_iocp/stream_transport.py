"""The transports in both directions: TCP connections, and duplex pipes."""

from __future__ import annotations

import socket

from asyncio_core import constants
from asyncio_core.connections.socket_options import _set_nodelay
from asyncio_core.connections.trsock import socket_facts
from asyncio_core.interfaces.transports import Transport
from asyncio_iocp.reading import _ProactorReadPipeTransport
from asyncio_iocp.writing import _WRITE_FAILED, _ProactorBaseWritePipeTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("_ProactorDuplexPipeTransport", "_ProactorSocketTransport")


class _ProactorDuplexPipeTransport(
    _ProactorReadPipeTransport, _ProactorBaseWritePipeTransport, Transport
):
    """A pipe in both directions; it cannot be closed in one of them."""

    def can_write_eof(self) -> bool:
        return False

    def write_eof(self) -> None:
        raise NotImplementedError("a duplex pipe cannot be closed for writing only")


class _ProactorSocketTransport(
    _ProactorReadPipeTransport, _ProactorBaseWritePipeTransport, Transport
):
    """A connection over a stream socket."""

    _sendfile_compatible = constants._SendfileMode.TRY_NATIVE

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        protocol: BaseProtocol,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__(loop, sock, protocol, waiter, extra, server, context=context)

    def _set_extra(self, sock: socket.socket) -> None:
        self._facts.update(socket_facts(sock, self._facts))

    def _prepare(self, sock: socket.socket) -> None:
        # Small writes go out when they are written; joining them is the program's choice.
        _set_nodelay(sock)

    def _write_failed(self, exc: BaseException) -> None:
        """End the connection, but not before what the peer has sent, an early answer say, is read.

        Whoever writes has to wait until then: he is paused, and learns it by connection_lost().
        """
        if self._write_error is not None:
            # Dropped, as all that is written to a connection that is lost.
            self._discard_buffer()
            if self._paused:
                # Who reads nothing and goes on writing is to learn what happened.
                self._fatal_error(self._write_error, _WRITE_FAILED)
            return
        waiter = self._empty_waiter
        if waiter is not None and not (waiter.done() or self._closing) and isinstance(exc, OSError):
            # Reading rests for a file that is to be sent; who sends it comes back when it goes on.
            self._discard_buffer()
            self._write_error = exc
            waiter.set_exception(exc)
            return
        reading = not (self._paused or self._closing or self._peer_finished or self._empty_waiter)
        if not (reading and isinstance(exc, ConnectionError)):
            super()._write_failed(exc)
            return
        self._write_error = exc
        self._discard_buffer()
        if not self._protocol_paused:
            self._protocol_paused = True
            self._tell_protocol("pause_writing")

    def pause_reading(self) -> None:
        super().pause_reading()
        if self._write_error is not None:
            # Maybe until it may write, which it would never hear of. Not from in here: this may be pause_writing().
            self._loop.call_soon(self._let_read_to_the_end, context=self._context)

    def _let_read_to_the_end(self) -> None:
        """Reading may be for the one to resume who waits to write."""
        if self._paused and not self._conn_lost:
            self._maybe_resume_protocol()

    def close(self) -> None:
        if self._write_error is None:
            super().close()
        else:
            self._force_close(self._write_error)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._closing or self._eof_written:
            return
        self._eof_written = True
        if self._write_fut is None and self._write_error is None:
            self._shut_down_writing()

    def _shut_down_writing(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as exc:
            # Reset by the peer meanwhile.
            self._fatal_error(exc, _WRITE_FAILED)
