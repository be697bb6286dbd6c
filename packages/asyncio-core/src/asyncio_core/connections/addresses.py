"""Addresses of Internet sockets: recognised without a lookup, put in order, resolved.

A lookup costs a thread and may take seconds, so that an address that is numeric already is
told apart first. ``inet_pton()`` decides, being the only parser that agrees with the kernel.
"""

from __future__ import annotations

import socket

from asyncio_core.connections.hooks import IOPart
from asyncio_core.null_characters import refuse_null, refuse_null_in_socket_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from asyncio_core.interfaces.loop_types import AddressInfo

_INTERNET = (socket.AF_INET, getattr(socket, "AF_INET6", None))

# What every resolver can be asked for; 0 stands for any.
_RESOLVED_TYPES = (socket.SOCK_STREAM, socket.SOCK_DGRAM, 0)
_RESOLVED_PROTOCOLS = (0, socket.IPPROTO_TCP, socket.IPPROTO_UDP)


def _implied_protocol(kind: int, proto: int) -> int | None:
    """The protocol number of TCP or UDP that goes with a socket type, None for any other."""
    if proto not in _RESOLVED_PROTOCOLS:
        return None
    if kind == socket.SOCK_STREAM:
        return socket.IPPROTO_TCP
    if kind == socket.SOCK_DGRAM:
        return socket.IPPROTO_UDP
    return None


def _port_number(port: Any) -> int | None:
    """*port* as a number, None where it is the name of a service."""
    if port is None or port in ("", b""):
        return 0
    try:
        return int(port)
    except (TypeError, ValueError):
        return None


def _ipaddr_info(
    host: str | bytes | None,
    port: str | bytes | int | None,
    family: int,
    type: int,
    proto: int,
    flowinfo: int = 0,
    scopeid: int = 0,
) -> AddressInfo | None:
    """Give what ``getaddrinfo()`` would for a numeric *host*, or None where it has to be asked.

    That is for names, for addresses of another *family* than the wanted one, for zones
    (``fe80::1%eth0``, whose number only the resolver knows), and on platforms without
    ``inet_pton()``.
    """
    if host is None or not hasattr(socket, "inet_pton"):
        return None
    implied = _implied_protocol(type, proto)
    number = _port_number(port)
    if implied is None or number is None:
        return None
    try:
        text = host.decode("idna") if isinstance(host, bytes) else host
    except UnicodeError:
        return None
    if "%" in text:
        return None

    for candidate in (socket.AF_INET, getattr(socket, "AF_INET6", None)):
        if candidate is None or family not in (socket.AF_UNSPEC, candidate):
            continue
        try:
            socket.inet_pton(candidate, text)
        except (OSError, ValueError):  # ValueError: a null byte or a lone surrogate in the name
            continue
        address: tuple[Any, ...] = (text, number)
        if candidate != socket.AF_INET:
            address += (flowinfo, scopeid)
        # Plain numbers where the resolver gives members of an enumeration.
        numbers: Any = (candidate, type, implied, "", address)
        info: AddressInfo = numbers
        return info
    return None


def _interleave_addrinfos(
    addrinfos: Iterable[AddressInfo], first_address_family_count: int = 1
) -> list[AddressInfo]:
    """Order address infos so that families take turns (RFC 8305, section 4).

    The family of the first one leads, with *first_address_family_count* of its addresses
    before the next family has its first turn. The order within a family stays.
    """
    queues: dict[int, list[AddressInfo]] = {}
    for info in addrinfos:
        queues.setdefault(info[0], []).append(info)
    if not queues:
        return []
    leader = next(iter(queues.values()))
    # The leading family comes once in each turn; what it has beyond that goes in front.
    ahead = max(first_address_family_count - 1, 0)
    ordered = leader[:ahead]
    del leader[:ahead]
    for turn in range(max(map(len, queues.values()))):
        ordered += [queue[turn] for queue in queues.values() if turn < len(queue)]
    return ordered


class ResolvingPart(IOPart):
    """The part of a loop that turns a host and a port into addresses."""

    async def _address_for(self, sock: socket.socket, address: Any) -> Any:
        """Give *address* as *sock* can use it, resolved where it is a name.

        Raises :exc:`ValueError` where a null character is in it, and what the lookup raises.
        """
        if sock.family not in _INTERNET:
            refuse_null_in_socket_path(address)
            return address
        found = await self._ensure_resolved(
            address, family=sock.family, type=sock.type, proto=sock.proto, loop=self
        )
        return found[0][4]

    async def _ensure_resolved(
        self,
        address: tuple[Any, ...],
        *,
        family: int = 0,
        type: int = socket.SOCK_STREAM,
        proto: int = 0,
        flags: int = 0,
        loop: Any = None,
    ) -> list[AddressInfo]:
        """Resolve *address*, a pair ``(host, port)`` or what IPv6 adds to it.

        Only names go to ``getaddrinfo()``. Its errors pass through; an empty answer, which
        some replacements of it give, is an :exc:`OSError` too. Raises :exc:`ValueError` where the
        host or the port has a null character. *loop* is this one: overrides expect to be told.
        """
        host, port, *rest = address
        refuse_null(host, "host")
        refuse_null(port, "port")
        # Not every resolver knows every kind of socket (MPTCP, SCTP, raw ones), and an address does
        # not depend on it.
        known_type = type if type in _RESOLVED_TYPES else socket.SOCK_STREAM
        known_proto = proto if proto in _RESOLVED_PROTOCOLS else 0
        numeric = _ipaddr_info(host, port, family, known_type, known_proto, *rest)
        if numeric is not None:
            found = [numeric]
        else:
            found = await self.getaddrinfo(
                host, port, family=family, type=known_type, proto=known_proto, flags=flags
            )
        if not found:
            raise OSError(f"no address found for {host!r}, port {port!r}")
        if (known_type, known_proto) != (type, proto):
            found = [(info[0], type, proto, *info[3:]) for info in found]
        return found
