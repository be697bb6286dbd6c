"""The part of a loop that makes a connection of what it has accepted, or failed to, however it accepts.

The loops that accept differ, by readiness here and by completions there; what comes after is the same.
What one connection does, or its factory, costs that connection and is reported once. Plain
connections need no task: only a TLS handshake is something to wait for, and that is done with a
callback.
"""

from __future__ import annotations

import errno
from functools import partial

from asyncio_core import constants, log
from asyncio_core.connections.hooks import IOPart
from asyncio_core.connections.trsock import TransportSocket
from asyncio_core.scheduling.loop_part import context_for_hook, made_on_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextvars import Context
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.scheduling.handles import TimerHandle

# Numbers of Windows itself that it has no errno for: no system resources; too few quota.
_OUT_OF_RESOURCES_WINDOWS = frozenset({1450, 1453, 1816})

_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

# What accept(2) says of the one connection that it was about to return, or of the network just now:
# the next connection may well be in order. Not every system has all of the names. Windows (Wine) says
# ENOTCONN of one that was reset meanwhile.
_OF_ONE_CONNECTION = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED", "ECONNRESET", "EPROTO", "EPERM", "ENETDOWN", "ENETUNREACH", "ENOPROTOOPT",
        "EHOSTDOWN", "EHOSTUNREACH", "ENONET", "EOPNOTSUPP", "ETIMEDOUT", "ENOTCONN",
    )
    if hasattr(errno, name)
)  # fmt: skip


# Connections that are accepted in one turn of the loop, if more of them wait: as many as wait by default. A server that wants a
# longer backlog wants none of its clients refused, and not that all others wait until thousands have been accepted.
_MOST_IN_A_TURN = 100


def accepts_in_a_turn(backlog: int) -> int:
    """Return how often a listening socket is asked for a connection before the rest of the loop has its turn."""
    return min(max(backlog, 0), _MOST_IN_A_TURN) + 1


def concerns_one_connection(exc: OSError) -> bool:
    """Tell whether accept() failed for one connection only, so that the next may be accepted at once."""
    return isinstance(exc, ConnectionError) or exc.errno in _OF_ONE_CONNECTION


def concerns_resources(exc: OSError) -> bool:
    """Tell whether accept() failed because the system is out of something, for now."""
    return (
        exc.errno in _OUT_OF_RESOURCES
        or getattr(exc, "winerror", None) in _OUT_OF_RESOURCES_WINDOWS
    )


def _in_context(make: Any, context: Context | None) -> dict[str, Any]:
    return {"context": context} if context is not None else context_for_hook(make, None)


class AcceptedPart(IOPart):
    """Protocols and transports for accepted sockets, and what becomes of one that accepts no more."""

    # Listening sockets at rest, by descriptor, with the timers that will wake them.
    _resting: dict[int, TimerHandle] = made_on_use(dict)  # type: ignore[assignment]

    def _accept_failed(
        self,
        exc: OSError,
        sock: socket.socket,
        again: tuple[Any, ...],
        give_up: Callable[[OSError], object],
        reports: tuple[str, str],
        context: Context | None = None,
    ) -> None:
        """Rest where the system ran out of something; give the socket up where it is broken.

        `again`, a callback and its arguments, ends the rest, in `context`. `reports` are the messages for the one and the other.
        """
        rests = concerns_resources(exc)
        if rests:
            # Before the report: whatever comes of that, the socket will be served again.
            options: dict[str, Any] = {} if context is None else {"context": context}
            self._resting[sock.fileno()] = self.call_later(
                constants.ACCEPT_RETRY_DELAY, *again, **options
            )
        try:
            self.call_exception_handler(
                {
                    "message": reports[not rests],
                    "exception": exc,
                    "socket": TransportSocket(sock),
                }
            )
        finally:
            if not rests:
                give_up(exc)

    def _serve_accepted(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        connection: socket.socket,
        extra: dict[str, Any],
        sslcontext: Any = None,
        server: Server | None = None,
        ssl_handshake_timeout: float | None = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
        context: Context | None = None,
    ) -> None:
        """Make protocol and transport for one accepted connection, in the context of that.

        The transport takes `context`, the current one, which is given where nobody has overridden what makes transports;
        else a copy of it, of which only those are told that take one.
        """
        if self._debug:
            log.logger.debug(
                "%r got a new connection from %r: %r", server, extra.get("peername"), connection
            )
        protocol: BaseProtocol | None = None
        transport: Any = None
        try:
            if connection.gettimeout() != 0:
                connection.setblocking(False)
            protocol = protocol_factory()
            if not sslcontext:
                make = self._make_socket_transport
                in_context = _in_context(make, context)
                make(connection, protocol, extra=extra, server=server, **in_context)
                return
            waiter: Future[None] = self.create_future()
            transport = self._make_ssl_transport(
                connection,
                protocol,
                sslcontext,
                waiter=waiter,
                server_side=True,
                extra=extra,
                server=server,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
                **_in_context(self._make_ssl_transport, context),
            )
            waiter.add_done_callback(partial(self._handshake_done, protocol, transport))
        except (SystemExit, KeyboardInterrupt):
            connection.close()
            raise
        except BaseException as exc:
            self._not_served(exc, connection, protocol, transport)

    def _not_served(
        self,
        exc: BaseException,
        connection: socket.socket,
        protocol: BaseProtocol | None,
        transport: Any = None,
    ) -> None:
        self._lost_while_accepting(exc, protocol, transport)
        connection.close()

    def _handshake_done(self, protocol: BaseProtocol, transport: Any, waiter: Future[None]) -> None:
        exc = None if waiter.cancelled() else waiter.exception()
        if exc is None:
            return
        transport.close()
        # Strangers who do not finish a handshake are everyday; the TLS protocol itself reports
        # what is a mistake on this side.
        if self._debug:
            self._lost_while_accepting(exc, protocol, transport)

    def _lost_while_accepting(
        self, exc: BaseException, protocol: BaseProtocol | None, transport: Any
    ) -> None:
        report: dict[str, Any] = {
            "message": "Error on transport creation for incoming connection",
            "exception": exc,
        }
        if protocol is not None:
            report["protocol"] = protocol
        if transport is not None:
            report["transport"] = transport
        self.call_exception_handler(report)
