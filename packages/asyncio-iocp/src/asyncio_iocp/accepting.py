"""Part of the loop: accepting connections.

One accept is under way for each listening socket; its completion starts the next. The loop that accepts
outlives what single connections do to it: a client that resets before it is accepted is passed
over, a protocol factory that raises costs its own connection and is reported, and where the system
is out of memory or handles the listening socket rests for a while, is reported once for each rest,
and is served again afterwards.
"""

from __future__ import annotations

from contextvars import copy_context

from asyncio_core import constants, log
from asyncio_core.connections.accepted import (
    AcceptedPart,
    accepts_in_a_turn,
    concerns_one_connection,
)
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.base_events import BaseEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextvars import Context
    from typing import Any

    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("AcceptLoop",)

_REPORTS = (
    "accepting is out of system resources",
    "accepting failed, the socket is served no more",
)


class _Listener:
    """Accepts on one socket until that is closed; called with each accept that is done."""

    __slots__ = ("_context", "_factory", "_loop", "_most", "_sock", "_terms")

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        factory: Callable[[], BaseProtocol],
        most: int,
        terms: tuple[Any, ...],
        context: Context,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._factory = factory
        # Connections accepted in one turn: the rest of the loop wants its turn too.
        self._most = most
        self._terms = terms
        self._context = context

    def __call__(self, fut: Any = None) -> None:
        """Take the connection of a done accept, if there is one, and start the next accept."""
        try:
            if fut is not None:
                self._take(fut)
            for _ in range(self._most):
                if self._sock.fileno() == -1:
                    # The server was closed meanwhile, maybe by the connection just made.
                    return
                fut = self._loop._proactor.accept(self._sock)
                if fut.done() is not True:
                    break
                self._take(fut)
            else:
                self._loop.call_soon(self, context=self._context)
                return
            self._loop._accept_futures[self._sock.fileno()] = fut
            fut.add_done_callback(self)
        except OSError as exc:
            self._cannot_accept(exc)
        except CancelledError:
            self._sock.close()
        except (SystemExit, KeyboardInterrupt):
            # The loop may run again.
            self._loop.call_soon(self, context=self._context)
            raise

    def _take(self, fut: Any) -> None:
        try:
            connection, address = fut.result()
        except OSError as exc:
            if not concerns_one_connection(exc):
                raise
            if self._loop.get_debug():
                log.logger.debug("a client left before it was accepted on %r", self._sock)
            return
        if self._sock.fileno() == -1:
            # Accepted while the server was being closed; nobody serves it.
            connection.close()
            return
        # One context for each connection, made from the server's: what a handler changes is seen
        # neither by the next connection nor by the server.
        self._context.copy().run(
            self._loop._serve_accepted,
            self._factory,
            connection,
            {"peername": address},
            *self._terms,
        )

    def _cannot_accept(self, exc: OSError) -> None:
        """Rest where the system ran out of something; give the socket up where it is broken."""
        loop, sock = self._loop, self._sock
        fd = sock.fileno()
        if fd == -1:
            return
        if concerns_one_connection(exc):
            loop.call_soon(self, context=self._context)
            return
        again = (self._end_rest, fd)
        loop._accept_failed(exc, sock, again, self._give_up, _REPORTS, self._context)

    def _give_up(self, exc: OSError) -> None:
        server = self._terms[1]
        if server is None:
            self._sock.close()
        else:
            server._lose_listener(self._sock, exc)

    def _end_rest(self, fd: int) -> None:
        self._loop._resting.pop(fd, None)
        self()


class AcceptLoop(AcceptedPart, BaseEventLoop):
    """What a `Server` asks of the loop: `_start_serving()` and `_stop_serving()`."""

    _proactor: Any
    # By descriptor: the accept that is under way.
    _accept_futures: dict[int, Any]

    def _start_serving(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        sock: socket.socket,
        sslcontext: Any = None,
        server: Server | None = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
        context: Context | None = None,
    ) -> None:
        if context is None:
            context = copy_context() if server is None else server._context
        terms = (sslcontext, server, ssl_handshake_timeout, ssl_shutdown_timeout)
        listener = _Listener(
            self, sock, protocol_factory, accepts_in_a_turn(backlog), terms, context
        )
        self.call_soon(listener, context=context)

    def _stop_serving(self, sock: socket.socket) -> None:
        fd = sock.fileno()
        rest = self._resting.pop(fd, None)
        if rest is not None:
            rest.cancel()
        accepting = self._accept_futures.pop(fd, None)
        if accepting is not None:
            accepting.cancel()
        self._proactor._stop_serving(sock)
        sock.close()

    def _stop_accepting(self) -> None:
        """Let go of all listening sockets, which stay their owners'."""
        for accepting in self._accept_futures.values():
            accepting.cancel()
        self._accept_futures.clear()
        self._resting.clear()
