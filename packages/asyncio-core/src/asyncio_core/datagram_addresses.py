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


def is_of_another_family(family: int, address: Any) -> bool:
    """Tell whether *address* has a numeric host, but not one for sockets of *family*."""
    host = address[0]
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    return any(_is_numeric(each, host) for each in _INTERNET if each not in (family, None))


def _is_numeric(family: Any, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


class DestinationCheck:
    """Finds out what is wrong with an address without sending anything there.

    Python reads an address before it looks at the socket: a socket without a descriptor refuses a bad
    address as any other does, for every family that there is.
    """

    __slots__ = ("_reader",)

    def __init__(self, sock: socket.socket) -> None:
        self._reader = socket.socket(sock.family, sock.type, sock.proto, fileno=sock.fileno())
        self._reader.detach()

    def __call__(self, address: Any) -> None:
        """Raise TypeError, ValueError or OverflowError as ``sendto()`` does; never for a good one."""
        try:
            self._reader.sendto(b"", address)
        except OSError:
            # There is no descriptor, which is the next thing that it finds.
            pass
