"""The completion loop, as far as it does not matter whose completions they are.

A proactor starts operations and gives a future for each; asking it what is done (`select()`) sets their
results, and their callbacks move the connections on. The other parts stand in modules of their own:
sockets.py (`sock_*`), accepting.py, sending_files.py, readiness.py, and the transports; what signals
do is in asyncio-core, for both loops of Windows.

Nothing here needs Windows. The proactor over Windows' completion ports is in proactor.py, and
windows_events.py puts the two together.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from asyncio_core import log
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.connections.transport_table import TransportTable
from asyncio_core.exceptions import CancelledError
from asyncio_core.faces import extend_face, make_face, one_class
from asyncio_core.lent_names import lend_names
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.tls.part import TLSTransportPart
from asyncio_core.windows.signals import SignalHandlers
from asyncio_iocp.accepting import AcceptLoop
from asyncio_iocp.datagram_transport import _ProactorDatagramTransport
from asyncio_iocp.readiness import Readiness
from asyncio_iocp.reading import _ProactorReadPipeTransport
from asyncio_iocp.sending_files import FileSending
from asyncio_iocp.sockets import SocketCalls
from asyncio_iocp.stream_transport import _ProactorDuplexPipeTransport, _ProactorSocketTransport
from asyncio_iocp.transport_base import _ProactorBasePipeTransport
from asyncio_iocp.writing import _ProactorBaseWritePipeTransport, _ProactorWritePipeTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from contextvars import Context
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.scheduling.handles import TimerHandle

    logger: logging.Logger

__all__ = ("BaseProactorEventLoop",)

# Re-exported: the standard module of this name has them.
_FACE = (_ProactorBasePipeTransport, _ProactorBaseWritePipeTransport)

_WAKE_BYTE = b"\0"

# Seconds between two looks of a loop that cannot be woken, and how many of them come between two
# attempts to mend that.
_LOOK_DELAY = 0.02
_LOOKS = 50


@one_class(BaseEventLoop, "_make_ssl_transport")
class BaseProactorEventLoop(
    SocketCalls, TLSTransportPart, AcceptLoop, FileSending, Readiness, SignalHandlers
):
    """A loop over `proactor`, an object like `IocpProactor`, which it owns and closes.

    See PEP 3156.
    """

    _ssock: Any = None
    _csock: Any = None
    # A wake-up has failed, and the loop will look what is to be done.
    _mending = False
    # The next look of a loop that cannot be woken.
    _looking: TimerHandle | None = None

    def __init__(self, proactor: Any) -> None:
        super().__init__()
        log.logger.debug("Using proactor: %s", type(proactor).__name__)
        self._proactor = self._selector = proactor
        # The transport that owns a descriptor, if one does: nobody else may watch it.
        self._transports = TransportTable()
        self._watches = {}
        self._accept_futures = {}
        self._resting = {}
        self._signal_handlers = {}
        # The read of what wakes the loop, under way from the first run on.
        self._self_reading_future: Any = None
        self._internal_fds = 0
        try:
            proactor.set_loop(self)
            self._make_self_pipe()
        except BaseException:
            # Nothing is there to be closed, and the proactor is not ours yet.
            self._closed = True
            raise

    def _process_events(self, event_list: Any) -> None:
        """Do nothing: asking for the events has set the results of their futures."""

    def _run_forever_setup(self) -> None:
        super()._run_forever_setup()
        try:
            if self._self_reading_future is None:
                self._loop_self_reading()
        except BaseException:
            super()._run_forever_cleanup()
            raise

    def close(self) -> None:
        """Close the loop, its proactor and its own sockets; see `AbstractEventLoop.close()`."""
        proactor = self._proactor
        if self._thread_id is None and not self._closed:
            for let_go in (
                self._stop_accepting,
                self._stop_watching,
                self._close_self_pipe,
                # What was cancelled comes to its end in there, and its futures still know the loop.
                proactor.close,
            ):
                let_go()
            self._proactor = self._selector = None
        # Refuses where the loop runs.
        super().close()

    # Waking up. A socket pair, because the interpreter writes the numbers of signals into it.

    def _make_self_pipe(self) -> None:
        self._ssock, self._csock = socket.socketpair()
        self._ssock.setblocking(False)
        self._csock.setblocking(False)
        self._internal_fds = 1

    def _close_self_pipe(self) -> None:
        if self._ssock is None:
            # Closed once more, after Ctrl-C has come in between.
            return
        reading, self._self_reading_future = self._self_reading_future, None
        if reading is not None:
            reading.cancel()
        self._ssock.close()
        self._csock.close()
        self._ssock = self._csock = None
        self._internal_fds = 0

    def _loop_self_reading(self, fut: Any = None) -> None:
        """Take what woke the loop, if something did, and listen again."""
        awaited = fut is self._self_reading_future
        if awaited:
            self._self_reading_future = None
        try:
            if fut is not None:
                data = fut.result()
                if not data and awaited:
                    # The pair has come to its end, and would be read for ever.
                    self._renew_self_pipe()
                if self._signal_handlers:
                    self._process_self_data(data)
            if self._self_reading_future is not None:
                # Ctrl-C came in between starting this one and taking note of it.
                return
            reading = self._proactor.recv(self._ssock, 4096)
        except CancelledError:
            # The loop is being closed.
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._look_by_itself(exc)
        else:
            self._self_reading_future = reading
            reading.add_done_callback(self._loop_self_reading)

    def _write_to_self(self) -> None:
        # Called from any thread, also while the loop closes in its own.
        for _ in range(2):
            csock = self._csock
            if csock is None:
                return
            try:
                csock.send(_WAKE_BYTE)
            except BlockingIOError:
                # Full: then it wakes anyway.
                return
            except OSError as exc:
                failure = exc
            else:
                return
        if self._looking is not None or self._csock is None:
            # It looks by itself, or is closed.
            return
        if not self._mending:
            self._mending = True
            self._call_soon(self._not_woken, (failure,), None)
        with suppress(Exception):
            # The read of the other end is done by this, and the loop awake.
            csock.shutdown(socket.SHUT_WR)

    # Where the pair fails.

    def _renew_self_pipe(self) -> None:
        """Take a fresh socket pair in place of one that has come to its end."""
        former = self._ssock, self._csock
        self._make_self_pipe()
        self._self_pipe_mended(*former)
        for end in former:
            with suppress(Exception):
                end.close()
        if self._looking is None:
            log.logger.warning("%r has a new socket pair to be woken by", self)

    def _not_woken(self, exc: BaseException, looks: int = 0) -> None:
        """Go on without being woken, for as long as bytes cannot be sent."""
        self._mending = False
        if self._csock is None:
            return
        if looks:
            self._looking = self.call_later(_LOOK_DELAY, self._not_woken, exc, looks - 1)
            return
        try:
            reading, self._self_reading_future = self._self_reading_future, None
            if reading is not None:
                reading.cancel()
            self._renew_self_pipe()
            self._csock.send(_WAKE_BYTE)
        except OSError:
            self._look_by_itself(exc)
            return
        self._looking = None
        self._loop_self_reading()

    def _look_by_itself(self, exc: BaseException) -> None:
        first = self._looking is None
        self._looking = self.call_later(_LOOK_DELAY, self._not_woken, exc, _LOOKS)
        if first:
            self.call_exception_handler(
                {
                    "message": "the loop cannot be woken and "
                    f"looks every {_LOOK_DELAY} s for what other threads have queued",
                    "exception": exc,
                    "loop": self,
                }
            )

    # Transports.

    def _make_socket_transport(
        self,
        sock: socket.socket,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        context: Context | None = None,
    ) -> _ProactorSocketTransport:
        self._ensure_fd_no_transport(sock)
        return _ProactorSocketTransport(self, sock, protocol, waiter, extra, server, context)

    def _make_transport_below(
        self,
        sock: socket.socket,
        tls: BaseProtocol,
        extra: dict[str, Any] | None,
        server: Server | None,
        context: Context | None,
    ) -> None:
        _ProactorSocketTransport(self, sock, tls, None, extra, server, context)

    def _make_datagram_transport(
        self,
        sock: socket.socket,
        protocol: BaseProtocol,
        address: Any = None,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _ProactorDatagramTransport:
        self._ensure_fd_no_transport(sock)
        return _ProactorDatagramTransport(self, sock, protocol, address, waiter, extra)

    def _make_read_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _ProactorReadPipeTransport:
        return _ProactorReadPipeTransport(self, pipe, protocol, waiter, extra)

    def _make_write_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _ProactorWritePipeTransport:
        return _ProactorWritePipeTransport(self, pipe, protocol, waiter, extra)

    def _make_duplex_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _ProactorDuplexPipeTransport:
        return _ProactorDuplexPipeTransport(self, pipe, protocol, waiter, extra)


make_face(
    __name__,
    (
        "accepting",
        "datagram_transport",
        "reading",
        "sending_files",
        "sockets",
        "stream_transport",
        "transport_base",
        "writing",
    ),
)
extend_face(__name__, "asyncio_core.windows.signals")


lend_names(
    __name__,
    "base_events",
    "collections",
    "constants",
    "exceptions",
    "futures",
    "io",
    "logger",
    "os",
    "protocols",
    "signal",
    "sslproto",
    "threading",
    "transports",
    "trsock",
    "warnings",
)

leave_to_checkers(__name__)
