"""The part of a loop that makes datagram endpoints."""

from __future__ import annotations

import errno
import os
import socket

from asyncio_core import log
from asyncio_core.connections import socket_files
from asyncio_core.connections.addresses import ResolvingPart
from asyncio_core.connections.ownership import refuse_second_owner
from asyncio_core.connections.socket_options import _set_reuseport
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.null_characters import refuse_null_in_socket_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import DatagramTransport

    _ProtocolT = TypeVar("_ProtocolT", bound=BaseProtocol)


class _Endpoint:
    """A socket to try: its kind, and where it is bound and connected to, each if at all."""

    __slots__ = ("family", "proto", "local", "remote")

    def __init__(self, family: int, proto: int, local: Any, remote: Any) -> None:
        self.family = family
        self.proto = proto
        self.local = local
        self.remote = remote


class DatagramPart(ResolvingPart):
    """create_datagram_endpoint()."""

    async def create_datagram_endpoint(  # type: ignore[override]  # without reuse_address
        self,
        protocol_factory: Callable[[], _ProtocolT],
        local_addr: tuple[str, int] | str | None = None,
        remote_addr: tuple[str, int] | str | None = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: socket.socket | None = None,
    ) -> tuple[DatagramTransport, _ProtocolT]:
        """Make a datagram socket and join a new protocol to it.

        The socket is bound to *local_addr* and connected to *remote_addr*, each a pair
        ``(host, port)``, or for ``AF_UNIX`` a path (str, bytes or path object; with a leading
        null an abstract name); one of them or *family* is needed. A socket file that an earlier
        endpoint left at a local path is removed; one that is in use is an error. With *allow_broadcast* the socket is not
        connected: *remote_addr* is only where it sends to by default. Or *sock* is a datagram
        socket, which the transport then owns, and nothing else may be given.

        Gives ``(transport, protocol)``. Raises :exc:`ValueError` or :exc:`TypeError` for
        arguments that do not fit, :exc:`RuntimeError` for a socket that another transport owns, and the :exc:`OSError` of the first address where none works.

        Source: PEP 3156. *sock*, *reuse_port* and *allow_broadcast* were added in Python 3.4.4;
        ``reuse_address``, which let strangers share a port, is gone since 3.11.
        """
        if sock is not None:
            _check_only_socket(
                sock,
                local_addr=local_addr,
                remote_addr=remote_addr,
                family=family,
                proto=proto,
                flags=flags,
                reuse_port=reuse_port,
                allow_broadcast=allow_broadcast,
            )
            refuse_second_owner(self, sock)
            sock.setblocking(False)
            destination = None
        else:
            if local_addr is None and remote_addr is None:
                if family == 0:
                    raise ValueError("unexpected address family")
                endpoints = [_Endpoint(family, proto, None, None)]
            elif family == getattr(socket, "AF_UNIX", None):
                endpoints = [_unix_endpoint(family, proto, local_addr, remote_addr)]
            else:
                endpoints = await self._internet_endpoints(
                    local_addr, remote_addr, family, proto, flags
                )
            sock, destination = await self._open_first(endpoints, reuse_port, allow_broadcast)

        waiter = self.create_future()
        try:
            protocol = protocol_factory()
            transport = self._make_datagram_transport(sock, protocol, destination, waiter)
        except BaseException:
            sock.close()
            raise
        if self._debug:
            where = f"remote_addr={remote_addr!r}"
            told = log.logger.debug
            if local_addr is not None:
                where = f"local_addr={local_addr!r} {where}"
                told = log.logger.info
            told("Datagram endpoint %s created: (%r, %r)", where, transport, protocol)
        try:
            await waiter
        except BaseException:
            transport.abort()
            raise
        return transport, protocol

    async def _internet_endpoints(
        self, local_addr: Any, remote_addr: Any, family: int, proto: int, flags: int
    ) -> list[_Endpoint]:
        """Resolve both addresses; keep the kinds of sockets that can have both of them."""
        kinds: dict[tuple[int, int], list[Any]] = {}
        given = [(i, addr) for i, addr in enumerate((local_addr, remote_addr)) if addr is not None]
        for _, addr in given:
            if not (isinstance(addr, tuple) and len(addr) == 2):
                raise TypeError(f"an address has to be a 2-tuple (host, port), got {addr!r}")
        for side, addr in given:
            for info in await self._ensure_resolved(
                addr, family=family, type=socket.SOCK_DGRAM, proto=proto, flags=flags, loop=self
            ):
                # Windows leaves the protocol open where a name was resolved.
                kind = info[0], info[2] or socket.IPPROTO_UDP
                kinds.setdefault(kind, [None, None])[side] = info[4]
        endpoints = [
            _Endpoint(*kind, *sides)
            for kind, sides in kinds.items()
            if all(sides[side] is not None for side, _ in given)
        ]
        if not endpoints:
            raise ValueError(
                f"no address family has both {local_addr!r} and {remote_addr!r}: "
                "can not get address information"
            )
        return endpoints

    async def _open_first(
        self, endpoints: list[_Endpoint], reuse_port: bool | None, allow_broadcast: bool | None
    ) -> tuple[socket.socket, Any]:
        """Give the first socket that can be bound and connected, and where it sends to."""
        failure: OSError | None = None
        try:
            for endpoint in endpoints:
                try:
                    sock = await self._open_endpoint(endpoint, reuse_port, allow_broadcast)
                except OSError as exc:
                    failure = failure or exc
                else:
                    return sock, endpoint.remote
            assert failure is not None
            raise failure
        except BaseException as error:
            drop_own_frame(error)
            raise
        finally:
            failure = None

    async def _open_endpoint(
        self, endpoint: _Endpoint, reuse_port: bool | None, allow_broadcast: bool | None
    ) -> socket.socket:
        sock: socket.socket | None = None
        try:
            sock = socket.socket(
                family=endpoint.family, type=socket.SOCK_DGRAM, proto=endpoint.proto
            )
            if reuse_port:
                _set_reuseport(sock)
            if allow_broadcast:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setblocking(False)
            if endpoint.local is not None:
                _bind(sock, endpoint.local)
            # A connected socket would take no answers to a broadcast: they come from hosts.
            if endpoint.remote is not None and not allow_broadcast:
                await self.sock_connect(sock, endpoint.remote)
        except BaseException as error:
            if sock is not None:
                sock.close()
            drop_own_frame(error)
            raise
        return sock


def _check_only_socket(sock: socket.socket, **others: Any) -> None:
    """Refuse a stream socket, and arguments that a socket from outside decides already."""
    if sock.type == socket.SOCK_STREAM:
        raise ValueError(f"A datagram socket was expected, got {sock!r}")
    problems = [f"{name}={value}" for name, value in others.items() if value]
    if problems:
        raise ValueError(
            "socket modifier keyword arguments can not be used when sock is specified. "
            f"({', '.join(problems)})"
        )


def _unix_endpoint(family: int, proto: int, local_addr: Any, remote_addr: Any) -> _Endpoint:
    """Take paths and abstract names as they are; make room for the local one."""
    local, remote = (
        None if addr is None else _unix_address(addr) for addr in (local_addr, remote_addr)
    )
    if local and local[0] not in (0, "\x00"):
        socket_files.take_stale_away(local)
    return _Endpoint(family, proto, local, remote)


def _unix_address(addr: Any) -> str | bytes:
    path: str | bytes
    try:
        path = os.fspath(addr)
    except TypeError:
        raise TypeError(f"an AF_UNIX address has to be a string, got {addr!r}") from None
    refuse_null_in_socket_path(path)
    return path


def _bind(sock: socket.socket, address: Any) -> None:
    try:
        try:
            sock.bind(address)
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE and isinstance(address, (str, bytes)):
                raise socket_files.in_use(address, exc.errno) from None
            raise
    except OSError as error:
        drop_own_frame(error)
        raise
