"""What all transports over completions have in common: one owner of one socket or pipe.

An operation that is under way is a future of the proactor. A transport has at most one for reading and
one for writing; their callbacks start the next. Closing cancels them, and the proactor keeps
buffers alive until the system has let go of them, so nothing here waits for that.
"""

from __future__ import annotations

import socket
from contextvars import copy_context

from asyncio_core import constants, log
from asyncio_core.connections.failures import tell_failure
from asyncio_core.connections.ownership import Owner
from asyncio_core.interfaces.transports import BaseTransport, _FlowControlMixin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("_ProactorBasePipeTransport",)

# What somebody put in the place of `asyncio.proactor_events.logger`, by which programs silence it; see `asyncio_core.faces`.
logger: Any = None


class _ProactorBasePipeTransport(Owner, _FlowControlMixin, BaseTransport):
    """A transport that owns a socket or one end of a pipe.

    It takes its context (`contextvars`) when it is made, and every callback of its protocol runs in
    that one.
    """

    _loop: Any
    _protocol: Any
    _sock: Any = None
    # What a write failed with, while the connection is still read to its end.
    _write_error: BaseException | None = None

    def __init__(
        self,
        loop: Any,
        sock: Any,
        protocol: BaseProtocol,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        context: Context | None = None,
    ) -> None:
        self._facts: dict[str, Any] = {} if extra is None else dict(extra)
        super().__init__(self._facts, loop)
        self._context = copy_context() if context is None else context
        self._sock_fd = sock.fileno()
        self._set_extra(sock)
        self._server = server
        # What waits for the write that is under way; None where nothing does.
        self._buffer: Any = None
        self._read_fut: Any = None
        self._write_fut: Any = None
        # Bytes of the write that is under way.
        self._pending_write = 0
        # Counts what happened after the end: 1 for the end itself, then one per lost write.
        self._conn_lost = 0
        self._closing = False
        self._paused = False
        self._eof_written = False
        # connection_lost() was called, or is about to be.
        self._ending = False
        self.set_protocol(protocol)
        self._prepare(sock)
        self._sock = sock
        if server is not None:
            server._attach(self)
        loop._transports[self._sock_fd] = self
        loop.call_soon(self._begin, waiter, context=self._context)

    def _set_extra(self, sock: Any) -> None:
        """Enter what `get_extra_info()` answers into `_facts`."""
        self._facts["pipe"] = sock

    def _prepare(self, sock: Any) -> None:
        """Do what may fail, while `sock` is the caller's still."""

    def __repr__(self) -> str:
        words = [type(self).__name__]
        if self._sock is None:
            words.append("closed")
        elif self._closing:
            words.append("closing")
        words.append(f"fd={self._sock_fd}")
        if self._read_fut is not None:
            words.append("reading")
        if self._write_fut is not None or self._buffer:
            words.append(f"writing bufsize={self.get_write_buffer_size()}")
        if self._eof_written:
            words.append("EOF written")
        return f"<{' '.join(words)}>"

    def get_write_buffer_size(self) -> int:
        waiting = self._buffer
        return self._pending_write + (len(waiting) if waiting else 0)

    def _not_started(self, exc: BaseException) -> None:
        self._fatal_error(exc)

    # The end.

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if self._write_fut is None and not self._buffer:
            self._conn_lost += 1
            self._end_soon(None)
        self._stop_reading()

    def abort(self) -> None:
        self._force_close(None)

    def _fatal_error(
        self, exc: BaseException | None, message: str = "Fatal error on pipe transport"
    ) -> None:
        # Whatever the system says of a connection is told to its protocol, and to nobody else.
        tell: Any = tell_failure
        tell(self, exc, message)
        self._force_close(exc)

    def _force_close(self, exc: BaseException | None) -> None:
        if self._ending:
            return
        self._closing = True
        self._conn_lost += 1
        self._stop_reading()
        writing, self._write_fut = self._write_fut, None
        if writing is not None:
            writing.cancel()
        self._discard_buffer()
        self._end_soon(exc)

    def _stop_reading(self) -> None:
        reading, self._read_fut = self._read_fut, None
        if reading is not None:
            reading.cancel()

    def _discard_buffer(self) -> None:
        self._pending_write = 0
        self._buffer = None

    def _end_soon(self, exc: BaseException | None) -> None:
        if not self._ending:
            self._ending = True
            self._loop.call_soon(self._call_connection_lost, exc, context=self._context)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        sock, server = self._sock, self._server
        if sock is None:
            return
        try:
            self._protocol.connection_lost(exc)
        finally:
            self._sock = None
            self._server = None
            _shut(sock)
            if server is not None:
                server._detach(self)

    def _lost_write(self, call: str) -> None:
        """Count a write after the end; a program that goes on writing is told, once in a while."""
        if self._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
            (logger or log.logger).warning(f"{call} raised exception.")
        self._conn_lost += 1


def _shut(sock: Any) -> None:
    """Close a socket or pipe; the peer's pending read ends with the stream, not with an error.

    Windows resets a connection that is closed while a cancelled read of its own is still on its way
    out of the system, unless it was shut down before.
    """
    try:
        if hasattr(sock, "shutdown") and sock.fileno() != -1:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The peer was quicker.
        pass
    finally:
        sock.close()


def forget(fut: Any) -> None:
    """Take note of a late failure of an operation that nobody waits for any more."""
    if not fut.cancelled():
        fut.exception()
