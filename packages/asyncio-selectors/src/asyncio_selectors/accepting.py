"""Part of the loop: accepting connections.

The loop that accepts outlives what single connections do to it. A connection that was reset in
the backlog is passed over; a protocol factory that raises costs its own connection and is reported;
where the system is out of descriptors or memory the listening socket rests for a while, is
reported once for each rest, and is served again afterwards.
"""

from __future__ import annotations

import errno
import os
from contextvars import copy_context

from asyncio_core import constants
from asyncio_core.connections.accepted import (
    AcceptedPart,
    accepts_in_a_turn,
    concerns_one_connection,
    concerns_resources,
)
from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.scheduling.loop_part import context_for_hook, made_on_use, takes_context
from asyncio_selectors.hangups import why_dead
from asyncio_selectors.sockets import accept

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextvars import Context
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.scheduling.handles import Handle

__all__ = ("AcceptLoop",)

_REPORTS = (
    "socket.accept() out of system resource",
    "socket.accept() failed, the socket is served no more",
)


class AcceptLoop(AcceptedPart, BaseEventLoop):
    """What a `Server` asks of the loop: `_start_serving()` and `_stop_serving()`.

    The context that connections start from is the server's. Before Python 3.15 no hook takes one,
    and it is had from the server that they do take.
    """

    # Listening sockets, those at rest too, by descriptor.
    _listening: set[int] = made_on_use(set)  # type: ignore[assignment]
    _spare: int | None = None

    if TYPE_CHECKING:
        _add_reader: Callable[..., Handle]
        _remove_reader: Callable[[int], bool]

        def _connections_hooked(self) -> bool: ...

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
        timeouts = (ssl_handshake_timeout, ssl_shutdown_timeout)
        terms: tuple[Any, ...] = (protocol_factory, sock, sslcontext, server, backlog, *timeouts)
        if takes_context(self._accept_connection):
            terms += (context,)
        fd = sock.fileno()
        self._add_reader(fd, self._accept_connection, *terms)
        self._listening.add(fd)
        self._keep_spare()

    def _stop_serving(self, sock: socket.socket) -> None:
        fd = sock.fileno()
        rest = self._resting.pop(fd, None)
        if rest is not None:
            rest.cancel()
        self._remove_reader(fd)
        self._listening.discard(fd)
        if not self._listening:
            self._give_spare()
        sock.close()

    # Reporting that there are no descriptors left can take one: modules are imported, log files
    # opened. One is kept for that while there are listening sockets.

    def _keep_spare(self) -> None:
        if self._spare is None and self._listening:
            try:
                self._spare = os.open(os.devnull, os.O_RDONLY)
            except OSError:
                # Somebody was quicker; it is tried again after the next rest.
                pass

    def _give_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            try:
                os.close(spare)
            except OSError:
                # It is closed all the same, and was of no use.
                pass

    def _accept_connection(
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
        """Accept what the backlog holds, but not for ever: the rest of the loop wants its turn."""
        terms = (sslcontext, server, ssl_handshake_timeout, ssl_shutdown_timeout)
        if context is None:
            context = getattr(server, "_context", None)
        hooked = self._connections_hooked()
        for attempt in range(accepts_in_a_turn(backlog)):
            try:
                accepted = accept(sock)
            except OSError as exc:
                if sock.fileno() == -1:
                    # The factory of the last connection has closed the server.
                    return
                if concerns_one_connection(exc):
                    continue
                if exc.errno is None:
                    # No call of the system's has failed: an audit hook wants no such socket. The loop reports it.
                    raise
                failure = exc
            else:
                if accepted is not None:
                    connection, address = accepted
                    # One context for each connection, made from the server's: what a handler changes is
                    # seen neither by the next connection nor by the server.
                    of_connection = copy_context() if context is None else context.copy()
                    facts = {"peername": address}
                    if hooked:
                        in_context = context_for_hook(self._accept_connection2, of_connection)
                        serving = self._accept_connection2(
                            protocol_factory, connection, facts, *terms, **in_context
                        )
                        self.create_task(serving, context=of_connection)
                    else:
                        served = (protocol_factory, connection, facts, *terms, of_connection)
                        of_connection.run(self._serve_accepted, *served)
                    continue
                dead = None if attempt else why_dead(sock)
                if dead is None:
                    return
                failure = dead
            try:
                self._cannot_accept(
                    failure, protocol_factory, sock, *terms[:2], backlog, *terms[2:], context
                )
            finally:
                # Its traceback leads to this frame.
                del failure
            return

    async def _accept_connection2(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        conn: socket.socket,
        extra: dict[str, Any],
        sslcontext: Any = None,
        server: Server | None = None,
        ssl_handshake_timeout: float | None = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
        context: Context | None = None,
    ) -> None:
        """Make protocol and transport for one accepted connection and wait until it is up.

        This is the hook. Where neither it nor those that make the transports are overridden,
        `_serve_accepted()` does the same without a task for each connection.
        """
        protocol: BaseProtocol | None = None
        transport: Any = None
        try:
            conn.setblocking(False)
            protocol = protocol_factory()
            waiter: Future[None] = self.create_future()
            if sslcontext:
                transport = self._make_ssl_transport(
                    conn,
                    protocol,
                    sslcontext,
                    waiter=waiter,
                    server_side=True,
                    extra=extra,
                    server=server,
                    ssl_handshake_timeout=ssl_handshake_timeout,
                    ssl_shutdown_timeout=ssl_shutdown_timeout,
                    **context_for_hook(self._make_ssl_transport, context),
                )
            else:
                transport = self._make_socket_transport(
                    conn,
                    protocol,
                    waiter=waiter,
                    extra=extra,
                    server=server,
                    **context_for_hook(self._make_socket_transport, context),
                )
            await waiter
        except BaseException as exc:
            if transport is None:
                conn.close()
            else:
                transport.close()
            if isinstance(exc, (SystemExit, KeyboardInterrupt, CancelledError)):
                raise
            # Strangers who do not finish a handshake are everyday.
            if transport is None or not sslcontext or self._debug:
                self._lost_while_accepting(exc, protocol, transport)

    def _cannot_accept(
        self,
        exc: OSError,
        protocol_factory: Callable[[], BaseProtocol],
        sock: socket.socket,
        sslcontext: Any,
        server: Server | None,
        *more: Any,
    ) -> None:
        def give_up(exc: OSError) -> None:
            if server is not None:
                server._lose_listener(sock, exc)

        self._remove_reader(sock.fileno())
        again = (self._end_rest, protocol_factory, sock, sslcontext, server, *more)
        # For the report.
        self._give_spare()
        try:
            self._accept_failed(exc, sock, again, give_up, _REPORTS)
        finally:
            self._keep_spare()

    def _end_rest(
        self, protocol_factory: Callable[[], BaseProtocol], sock: socket.socket, *terms: Any
    ) -> None:
        fd = sock.fileno()
        del self._resting[fd]
        *known, context = terms
        try:
            self._start_serving(
                protocol_factory, sock, *known, **context_for_hook(self._start_serving, context)
            )
        except OSError as exc:
            if exc.errno != errno.ENOSPC and not concerns_resources(exc):
                # Its number was closed, or is another file's.
                self._cannot_accept(exc, protocol_factory, sock, *terms)
                return
            # No room in the poller either. That there is a rest was reported at its beginning.
            self._resting[fd] = self.call_later(
                constants.ACCEPT_RETRY_DELAY, self._end_rest, protocol_factory, sock, *terms
            )
