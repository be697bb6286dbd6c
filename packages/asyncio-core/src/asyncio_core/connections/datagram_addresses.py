"""Where datagrams go: told at the call what is wrong with an address, and which are names.

``socket.sendto()`` takes names and asks the resolver for them, for seconds maybe, in the loop's thread.
"""

from __future__ import annotations

import socket

from asyncio_core.null_characters import refuse_null, refuse_null_in_socket_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INTERNET = (socket.AF_INET, getattr(socket, "AF_INET6", None))

_LOCALHOST = ("localhost", b"localhost", bytearray(b"localhost"))

# What sendto() knows by itself: any address, and everybody on the local network.
_NO_NAMES = ("", "<broadcast>")


def needs_lookup(family: int, address: Any) -> bool:
    """Tell whether the host of *address* has to be looked up before anything can be sent there.

    False for what is no address at all, which ``sendto()`` refuses by itself. Raises
    :exc:`ValueError` where a null character is in the host or, for Unix sockets, in the path.
    """
    if family not in _INTERNET:
        refuse_null_in_socket_path(address)
        return False
    if not isinstance(address, tuple) or not address:
        return False
    host = address[0]
    refuse_null(host, "host")
    if isinstance(host, (bytes, bytearray)):
        try:
            host = host.decode("ascii")
        except UnicodeError:
            return True
    if not isinstance(host, str) or host in _NO_NAMES:
        return False
    # Only the resolver knows the number of a zone ("fe80::1%eth0"), and asks nobody for it.
    return not (_is_numeric(family, host) or ("%" in host and ":" in host))


def _is_of_another_family(family: int, host: Any) -> bool:
    """Tell whether *host* is numeric, but not for sockets of *family*."""
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    return any(_is_numeric(each, host) for each in _INTERNET if each not in (family, None))


def _is_numeric(family: Any, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


class Destinations:
    """Judges the addresses that datagrams of one socket are to go to."""

    __slots__ = ("_family", "_reader", "_sock", "numeric_host")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._family = sock.family
        self._reader: socket.socket | None = None
        # The host of an address that was found to be no name last; most go there again.
        self.numeric_host: str | None = None

    def settled(self, address: Any) -> Any:
        """Give the address to send to, None where the host of *address* has to be looked up first.

        Raises :exc:`ValueError` for an address of another family, and for a name what is wrong with the
        rest. What else is wrong is left to ``sendto()``.
        """
        family = self._family
        if not needs_lookup(family, address):
            if family in _INTERNET and isinstance(address, tuple) and address:
                self.numeric_host = address[0]
            return address
        host, *rest = address
        if _is_of_another_family(family, host):
            raise ValueError(f"{address!r} is an address of another family than the socket's")
        self.check(("", *rest))
        if host in _LOCALHOST:
            # RFC 6761, section 6.3: nobody has to be asked.
            return "127.0.0.1" if family == socket.AF_INET else "::1", *rest
        return None

    def check(self, address: Any) -> None:
        """Raise TypeError, ValueError or OverflowError as ``sendto()`` does for a bad address.

        Nothing is sent: Python reads an address before it looks at the socket, so that one without
        a descriptor refuses a bad address as any other does, for every family that there is.
        """
        reader = self._reader
        if reader is None:
            sock = self._sock
            if not issubclass(type(sock), socket.socket):
                return  # somebody's own; it will tell
            reader = socket.socket(sock.family, sock.type, sock.proto, fileno=sock.fileno())
            reader.detach()
            self._reader = reader
        try:
            reader.sendto(b"", address)
        except OSError:
            # There is no descriptor, which is the next thing that it finds.
            pass


def as_system_reads_it(family: int, address: Any) -> Any:
    """Write a host that only ``sendto()`` knows as the address that it stands for, in a str."""
    if family not in _INTERNET:
        return address
    host, *rest = address
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii")
    if host == "":
        host = "0.0.0.0" if family == socket.AF_INET else "::"
    elif host == "<broadcast>":
        host = "255.255.255.255"
    return host, *rest


def look_up(transport: Any, datagram: bytes, address: tuple[Any, ...]) -> None:
    """Have *transport* send *datagram* when the name of the host in *address* is looked up."""
    if transport._names is None:
        # Most datagrams go to numbers.
        from asyncio_core.connections.datagram_lookups import PendingNames

        transport._names = PendingNames(transport)
    transport._names.add(datagram, address)
