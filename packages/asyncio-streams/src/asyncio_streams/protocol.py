"""StreamReaderProtocol: between a transport and a pair of StreamReader and StreamWriter."""

from __future__ import annotations

from asyncio_core.awaiting.coroutines import iscoroutine
from asyncio_streams.flow import FlowControlMixin, _settle
from asyncio_streams.twins import twins
from asyncio_streams.writer import StreamWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from traceback import StackSummary
    from typing import Any, TypeAlias

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.awaiting.task import Task
    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_streams.reader import StreamReader

    ClientConnectedCallback: TypeAlias = Callable[
        [StreamReader, StreamWriter], Awaitable[None] | None
    ]

# The tasks that serve connections. A loop keeps no reference to a task that waits, and the
# connection, which could keep one, may end before the task that serves it.
_serving: set[Task[Any]] = set()


class StreamReaderProtocol(FlowControlMixin):
    """Feeds what a connection receives to `stream_reader` and tells the writer how it goes.

    With `client_connected_cb` it is the protocol of a server: when the connection is made, the
    function is called with the reader and a StreamWriter, and if it is a coroutine function a task
    runs it. An exception of either goes to the loop's exception handler; then, and when the task is
    cancelled, the connection is closed. `loop` is the event loop, by default the current one.

    A TLS connection that ends without the peer's close_notify may have been cut off by anybody.
    Where the attribute `suppress_ragged_eofs` is set to false it ends with ssl.SSLEOFError, and not like one that ended
    in good order. Added in Python 3.4.
    """

    __slots__ = (
        *("_stream_reader", "_client_connected_cb", "_transport", "_over_ssl"),
        *("_lost_by", "_close_waiters"),
    )

    # No attribute of the class, as it is none of the standard's; where it is missing it is true.
    suppress_ragged_eofs: bool
    _source_traceback: StackSummary | None = None
    _stream_reader: StreamReader | None

    def __init__(
        self,
        stream_reader: StreamReader,
        client_connected_cb: ClientConnectedCallback | None = None,
        loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(loop)
        self._stream_reader = stream_reader
        self._client_connected_cb = client_connected_cb
        self._transport: Any = None
        self._over_ssl = False
        self._lost_by: BaseException | None = None
        self._close_waiters: set[Future[None]] | None = None  # made when somebody waits

    def connection_made(self, transport: Any) -> None:
        """Join the reader to the transport; serve the connection if this is a server."""
        self._transport = transport
        self._over_ssl = transport.get_extra_info("sslcontext") is not None
        reader = self._stream_reader
        assert reader is not None, "the connection was already lost"
        reader.set_transport(transport)
        if self._client_connected_cb is None:
            return
        try:
            # Only the one that serves refers to the writer: if it is dropped unclosed, it warns.
            serving = self._client_connected_cb(
                reader, StreamWriter(transport, self, reader, self._loop)
            )
        except Exception as exc:
            transport.close()
            self._report(exc, transport)
            return
        if iscoroutine(serving):
            task = self._loop.create_task(serving)
            _serving.add(task)
            task.add_done_callback(lambda task: self._served(task, transport))

    def _served(self, task: Task[Any], transport: Any) -> None:
        _serving.discard(task)
        if task.cancelled():
            transport.close()
            return
        exc = task.exception()
        if exc is not None:
            transport.close()
            if not isinstance(exc, (SystemExit, KeyboardInterrupt)):  # Those end the run.
                self._report(exc, transport)
        # Else what becomes of the connection is up to whoever has the writer.

    def _report(self, exc: BaseException, transport: Any) -> None:
        self._loop.call_exception_handler(
            {
                "message": "Unhandled exception in client_connected_cb",
                "exception": exc,
                "transport": transport,
            }
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """End the reader's stream and let go on whoever waits for the connection to close."""
        super().connection_lost(exc)
        self._lost_by = exc
        reader = self._stream_reader
        if reader is not None:
            if exc is None:
                reader.feed_eof()
            else:
                reader.set_exception(exc)
                if hasattr(reader, "_data_first"):
                    reader._data_first = True
        for waiter in self._close_waiters or ():
            if not waiter.done():
                _settle(waiter, exc)
        # Each of these refers to the transport, and it to them.
        self._stream_reader = None
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Hand `data` to the reader."""
        reader = self._stream_reader
        if reader is not None:
            reader.feed_data(data)

    def eof_received(self) -> bool:
        """End the reader's stream; keep the sending side open unless TLS forbids it."""
        reader = self._stream_reader
        if reader is not None:
            reader.feed_eof()
        return not self._over_ssl

    def _get_close_waiter(self, stream: Any) -> Future[None]:
        waiter: Future[None] = self._loop.create_future()
        if self._connection_lost:
            _settle(waiter, self._lost_by)
        else:
            if self._close_waiters is None:
                self._close_waiters = set()
            self._close_waiters.add(waiter)
            waiter.add_done_callback(self._close_waiters.discard)
        return waiter

    # TLS that starts on a connection in use.

    def _take_early_data(self) -> bytes:
        """Hand over what was received and not read: the beginning of the TLS handshake."""
        reader = self._stream_reader
        return b"" if reader is None else reader._take()

    def _replace_transport(self, transport: Any) -> None:
        """Have the protocol use another transport, for those who secure a connection by themselves."""
        self._move_to(transport)

    def _move_to(self, transport: Any) -> None:
        self._transport = transport
        self._over_ssl = transport.get_extra_info("sslcontext") is not None
        if self._stream_reader is not None:
            self._stream_reader._move_to(transport)


if not TYPE_CHECKING and twins is not None:
    twins.adopt_protocol(StreamReaderProtocol)
