"""Reading a stream by completions, for sockets and pipes.

One receive is under way at any time, into a buffer that the transport keeps for its life. What arrives
while reading is paused stays in that buffer, and the next receive begins only when the protocol
has had it. So at most one buffer's worth is taken from a peer whose data nobody wants.
"""

from __future__ import annotations

from asyncio_core import log
from asyncio_core.connections.failures import PROTOCOL_RAISED, tell_eof
from asyncio_core.exceptions import CancelledError
from asyncio_core.interfaces.protocols import BufferedProtocol, _feed_data_to_buffered_proto
from asyncio_core.interfaces.transports import ReadTransport
from asyncio_iocp.transport_base import _ProactorBasePipeTransport, forget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("_ProactorReadPipeTransport",)

_READ_FAILED = "Fatal read error on pipe transport"

# Nothing is held back.
_NOTHING = -1


class _ProactorReadPipeTransport(_ProactorBasePipeTransport, ReadTransport):
    """The reading half of a connection, or the reading end of a pipe.

    `buffer_size` is what one read takes at most, in bytes.
    """

    # Bytes in the buffer that arrived while reading was paused; zero for the end.
    _held_back = _NOTHING
    # The peer has sent its EOF.
    _peer_finished = False

    def __init__(
        self,
        loop: Any,
        sock: Any,
        protocol: BaseProtocol,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        buffer_size: int = 65536,
        context: Context | None = None,
    ) -> None:
        self._make_room(buffer_size)
        super().__init__(loop, sock, protocol, waiter, extra, server, context)

    def _make_room(self, size: int) -> None:
        self._data = bytearray(size)
        # Copying a piece of this one costs one copy.
        self._view = memoryview(self._data)

    def set_protocol(self, protocol: BaseProtocol) -> None:
        self._protocol = protocol
        self._buffered = isinstance(protocol, BufferedProtocol)

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        if self.is_reading():
            # A receive that is under way goes on: cancelling it could lose what it has.
            self._paused = True
            if self._loop.get_debug():
                log.logger.debug("%r pauses reading", self)

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            self._loop.call_soon(self._read_on, context=self._context)
            if self._loop.get_debug():
                log.logger.debug("%r resumes reading", self)

    def _read_on(self) -> None:
        """Deliver what was held back, and receive again."""
        if not self.is_reading():
            return
        held, self._held_back = self._held_back, _NOTHING
        if held != _NOTHING:
            self._received(held)
        if self._read_fut is None:
            self._loop_reading()

    def _start(self) -> None:
        self._loop_reading()

    def _loop_reading(self, fut: Any = None) -> None:
        """Take what a receive brought, if one is done, and start the next.

        As the callback of a receive it runs in a context of no account.
        """
        if fut is None:
            self._read_next(None)
        else:
            self._context.run(self._read_next, fut)

    def _read_next(self, fut: Any) -> None:
        if fut is not None:
            assert self._read_fut is fut or (self._read_fut is None and self._closing)
            if self._closing:
                forget(fut)
                return
            self._read_fut = None
        try:
            if fut is not None:
                count = fut.result()
                if self._paused:
                    self._held_back = count
                    return
                self._received(count)
            if self._paused or self._closing or self._peer_finished:
                return
            self._read_fut = reading = self._loop._proactor.recv_into(self._sock, self._data)
        except (OSError, CancelledError) as exc:
            self._read_failed(exc)
        else:
            reading.add_done_callback(self._loop_reading)

    def _read_failed(self, exc: BaseException) -> None:
        if self._closing:
            return
        if isinstance(exc, ConnectionResetError):
            self._force_close(exc)
        else:
            self._fatal_error(exc, _READ_FAILED)

    def _received(self, count: int) -> None:
        """Hand over the first `count` bytes of the buffer, or tell of the end."""
        if not count:
            self._read_eof()
            return
        try:
            if self._buffered:
                _feed_data_to_buffered_proto(self._protocol, self._view[:count])
            else:
                self._protocol.data_received(bytes(self._view[:count]))
        except (SystemExit, KeyboardInterrupt):
            # The loop may run again, to shut the program down say.
            self._loop.call_soon(self._read_on, context=self._context)
            raise
        except BaseException as exc:
            method = "buffer_updated" if self._buffered else "data_received"
            self._fatal_error(exc, PROTOCOL_RAISED % method)

    def _read_eof(self) -> None:
        """The peer sends no more; whether this side goes on is up to the protocol."""
        self._peer_finished = True
        tell_eof(self)
