"""The part of a loop that opens stream connections.

One rule holds throughout: a socket made here has one owner at any moment, first the
function that opens it, then the attempt that won, at last its transport. Whoever fails or is
cancelled closes what it owns before the exception leaves it.
"""

from __future__ import annotations

import functools
import socket

from asyncio_core import log
from asyncio_core.awaiting import staggered
from asyncio_core.connections.addresses import ResolvingPart, _interleave_addrinfos
from asyncio_core.connections.ownership import refuse_second_owner
from asyncio_core.connections.socket_options import (
    _both_given,
    _check_ssl_socket,
    _check_stream_socket,
    _tls_timeouts,
)
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.moments import check_moment
from asyncio_core.null_characters import refuse_null
from asyncio_core.scheduling.loop_part import context_for_hook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextvars import Context
    from typing import TypeVar, Unpack, overload

    from asyncio_core.interfaces.loop_types import AddressInfo, OwnConnectOptions, SSLArgument
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import Transport

    _ProtocolT = TypeVar("_ProtocolT", bound=BaseProtocol)


class ConnectingPart(ResolvingPart):
    """create_connection(), connect_accepted_socket() and start_tls()."""

    if TYPE_CHECKING:

        @overload
        async def create_connection(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            host: str = ...,
            port: int = ...,
            *,
            sock: None = None,
            local_addr: tuple[str, int] | None = None,
            **options: Unpack[OwnConnectOptions],
        ) -> tuple[Transport, _ProtocolT]: ...

        @overload
        async def create_connection(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            host: None = None,
            port: None = None,
            *,
            sock: socket.socket,
            local_addr: None = None,
            **options: Unpack[OwnConnectOptions],
        ) -> tuple[Transport, _ProtocolT]: ...

    async def create_connection(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: SSLArgument = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: socket.socket | None = None,
        local_addr: tuple[str, int] | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[Transport, _ProtocolT]:
        """Open a stream connection and join a new protocol to it.

        *host* and *port* say where to, and *family*, *proto* and *flags* narrow the lookup;
        or *sock* is a socket that is connected already, which the transport then owns.
        *ssl* is an :class:`ssl.SSLContext`, or True for a default one; the certificate is
        checked against *server_hostname*, by default *host*. *local_addr* is the pair
        ``(host, port)`` to connect from.

        With *happy_eyeballs_delay* (seconds, RFC 8305 proposes 0.25) the next address is tried
        when the one before it has not answered for so long. *interleave* is how many addresses
        of the first family come before families take turns: 1 with a delay, else none.

        Gives ``(transport, protocol)`` when the connection, and with TLS the handshake, is
        complete. Raises :exc:`ValueError` or :exc:`TypeError` for arguments that do not fit,
        before anything is opened. When no address answers it raises the :exc:`OSError` of the
        only one, one :exc:`OSError` that lists them, or with *all_errors* an
        :exc:`ExceptionGroup` of them all. A *sock* given is closed if no transport comes of it.

        Source: PEP 3156. *happy_eyeballs_delay* and *interleave* were added in Python 3.8,
        *ssl_shutdown_timeout* in 3.11, *all_errors* in 3.12.
        """
        timeouts = _tls_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if happy_eyeballs_delay is not None:
            check_moment(happy_eyeballs_delay, "happy_eyeballs_delay")
        if ssl and server_hostname is None:
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = host
        elif server_hostname is not None and not ssl:
            raise ValueError(
                f"server_hostname is only meaningful with ssl, got {server_hostname!r}"
            )
        refuse_null(server_hostname, "server_hostname")

        if sock is not None:
            if host is not None or port is not None:
                raise _both_given(host, port, sock)
            _check_ssl_socket(sock)
            # The family does not matter: a Unix or Bluetooth stream will do.
            _check_stream_socket(sock)
            refuse_second_owner(self, sock)
        elif host is None and port is None:
            raise ValueError("host and port was not specified and no sock specified")
        else:
            lookup = functools.partial(
                self._ensure_resolved,
                family=family,
                type=socket.SOCK_STREAM,
                proto=proto,
                flags=flags,
                loop=self,
            )
            targets = await lookup((host, port))
            sources = None if local_addr is None else await lookup(local_addr)
            if interleave is None and happy_eyeballs_delay is not None:
                interleave = 1
            if interleave:
                targets = _interleave_addrinfos(targets, interleave)
            sock = await self._connect_first(targets, sources, happy_eyeballs_delay, all_errors)

        transport, protocol = await self._create_connection_transport(
            sock, protocol_factory, ssl, server_hostname, **timeouts
        )
        if self._debug:
            actual = transport.get_extra_info("socket")
            log.logger.debug(
                "%r connected to %s:%r: (%r, %r)", actual, host, port, transport, protocol
            )
        return transport, protocol

    async def _connect_first(
        self,
        targets: Sequence[AddressInfo],
        sources: Sequence[AddressInfo] | None,
        stagger: float | None,
        all_errors: bool,
    ) -> socket.socket:
        """Give a socket that is connected to the first of *targets* that answers."""
        failures: list[OSError] = []
        try:
            if stagger is None:
                for target in targets:
                    try:
                        return await self._connect_sock(failures, target, sources)
                    except OSError as exc:
                        _keep_failure(failures, exc)
            else:
                winner = await self._connect_race(targets, sources, stagger, failures)
                if winner is not None:
                    return winner
            raise _why_not_connected(failures, all_errors)
        except BaseException as error:
            drop_own_frame(error)
            raise
        finally:
            # Each failure's traceback leads to this frame; without the list there is no cycle.
            failures.clear()

    async def _connect_race(
        self,
        targets: Sequence[AddressInfo],
        sources: Sequence[AddressInfo] | None,
        stagger: float,
        failures: list[OSError],
    ) -> socket.socket | None:
        """Start an attempt every *stagger* seconds, or on a failure; the first to connect wins.

        Two may connect in the same turn of the loop, and cancellation may come after one did:
        whatever was opened and is not the winner is closed here.
        """
        opened: list[socket.socket] = []

        async def attempt(target: AddressInfo) -> socket.socket:
            try:
                sock = await self._connect_sock(failures, target, sources)
            except BaseException as exc:
                if isinstance(exc, OSError):
                    _keep_failure(failures, exc)
                drop_own_frame(exc)
                raise
            opened.append(sock)
            return sock

        winner: socket.socket | None = None
        try:
            starts = [functools.partial(attempt, target) for target in targets]
            winner, *_, ends = await staggered.staggered_race(starts, stagger, loop=self)
            # Not the network's doing: a port that is no port, say.
            mistakes = [
                exc for exc in ends if isinstance(exc, Exception) and not isinstance(exc, OSError)
            ]
            # This frame would keep the failures.
            del ends
            if winner is None and mistakes:
                raise mistakes.pop(0)
        finally:
            for sock in opened:
                if sock is not winner:
                    sock.close()
        return winner

    async def _connect_sock(
        self,
        exceptions: list[OSError],
        addr_info: AddressInfo,
        local_addr_infos: Sequence[AddressInfo] | None = None,
    ) -> socket.socket:
        """Open a socket, bind it to one of *local_addr_infos* if there are any, and connect it.

        Raises what the system says where it says no; that is then among *exceptions* too.
        """
        family, kind, proto, _, address = addr_info
        sock: socket.socket | None = None
        connected = False
        try:
            sock = socket.socket(family=family, type=kind, proto=proto)
            sock.setblocking(False)
            if local_addr_infos is not None:
                _bind_to_one_of(sock, family, local_addr_infos, exceptions)
            await self.sock_connect(sock, address)
            connected = True
            return sock
        except OSError as exc:
            _keep_failure(exceptions, exc)
            raise
        finally:
            if sock is not None and not connected:
                _close_quietly(sock)

    async def _create_connection_transport(
        self,
        sock: socket.socket,
        protocol_factory: Callable[[], _ProtocolT],
        ssl: SSLArgument,
        server_hostname: str | None,
        server_side: bool = False,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        context: Context | None = None,
    ) -> tuple[Transport, _ProtocolT]:
        """Put a transport over the connected *sock* and wait until it is up.

        *sock* is this function's from the start: without a transport to own it, it is closed.
        The timeouts are in seconds.
        """
        transport: Transport | None = None
        try:
            sock.setblocking(False)
            protocol = protocol_factory()
            up = self.create_future()
            if ssl:
                transport = self._make_ssl_transport(
                    sock,
                    protocol,
                    # True stands for a default context, which is made where the names to check
                    # are known.
                    None if ssl is True else ssl,
                    up,
                    server_side=server_side,
                    server_hostname=server_hostname,
                    ssl_handshake_timeout=ssl_handshake_timeout,
                    ssl_shutdown_timeout=ssl_shutdown_timeout,
                    **context_for_hook(self._make_ssl_transport, context),
                )
            else:
                make = self._make_socket_transport
                transport = make(sock, protocol, up, **context_for_hook(make, context))
            await up
        except BaseException:
            if transport is None:
                _close_quietly(sock)
            else:
                # Nobody will ever hold this transport: a close() that waits for a slow peer to
                # take what is buffered would keep the descriptor for as long as the peer likes.
                transport.abort()
            raise
        return transport, protocol

    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        sock: socket.socket,
        *,
        ssl: SSLArgument = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Transport, _ProtocolT]:
        """Join a new protocol to a connection that another server accepted.

        *sock* is a connected stream socket; it is made non-blocking, and the transport owns it
        from then on. With *ssl* this is the server's side of the handshake; timeouts are in
        seconds. Gives ``(transport, protocol)``. Raises :exc:`ValueError` for a socket of
        another type and for timeouts without *ssl*, :exc:`TypeError` for an SSL socket.

        Added in Python 3.5.3; *ssl_shutdown_timeout* in 3.11.
        """
        timeouts = _tls_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        _check_ssl_socket(sock)
        _check_stream_socket(sock)
        refuse_second_owner(self, sock)
        pair = await self._create_connection_transport(
            sock, protocol_factory, ssl, "", server_side=True, **timeouts
        )
        if self._debug:
            log.logger.debug("%r handled: (%r, %r)", pair[0].get_extra_info("socket"), *pair)
        return pair


def _bind_to_one_of(
    sock: socket.socket,
    family: int,
    sources: Sequence[AddressInfo],
    failures: list[OSError],
) -> None:
    """Bind to the first local address of *family* that can be had; raises where none can."""
    fitting = [info[4] for info in sources if info[0] == family]
    if not fitting:
        failures.append(OSError(f"no matching local address with {family=} found"))
    for address in fitting:
        try:
            sock.bind(address)
        except OSError as exc:
            reason = (exc.strerror or str(exc)).lower()
            message = f"error while attempting to bind on address {address!r}: {reason}"
            failures.append(OSError(exc.errno, message))
        else:
            # Those before it do not matter, unless the connection fails.
            return
    raise failures[-1]


def _keep_failure(failures: list[OSError], exc: OSError) -> None:
    """Enter what ended an attempt, unless it is there: an override of the attempt need not do so."""
    if not any(exc is each for each in failures):
        failures.append(exc)


def _why_not_connected(failures: list[OSError], all_errors: bool) -> Exception:
    """One exception that tells why none of the attempts led to a connection."""
    if not failures:
        # The attempts were all withdrawn before one of them had come to an end.
        return TimeoutError("create_connection failed")
    if all_errors:
        return ExceptionGroup("create_connection failed", failures)
    messages = list(dict.fromkeys(map(str, failures)))
    if len(messages) == 1:
        return failures[0]
    return OSError(f"Multiple exceptions: {', '.join(map(str, failures))}")


def _close_quietly(sock: socket.socket) -> None:
    """Close a socket while another exception is on its way, which matters more."""
    try:
        sock.close()
    except OSError:
        pass
