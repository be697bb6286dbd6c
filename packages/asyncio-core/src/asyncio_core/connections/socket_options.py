"""What the parts of the loop set on sockets, and what they check of the ones they are given."""

from __future__ import annotations

import socket
import sys

from asyncio_core.moments import check_moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# Of macOS, bytes in the buffer for sending; the socket module has no name for it.
_SO_NWRITE = 0x1024


_PLAIN = socket.socket
_INTERNET = (int(socket.AF_INET), int(getattr(socket, "AF_INET6", socket.AF_INET)))
_TCP = (0, socket.IPPROTO_TCP)
_family_of = socket.SocketType.family.__get__
_type_of = socket.SocketType.type.__get__


def _set_nodelay(sock: socket.socket) -> None:
    """Send small writes at once (``TCP_NODELAY``), where *sock* is a TCP socket.

    Programs over a transport write whole messages; Nagle's algorithm would only delay them.
    """
    if type(sock) is _PLAIN:
        # As plain numbers: making members of enumerations of them takes longer than setting the option.
        family, kind = _family_of(sock), _type_of(sock)
    else:
        family, kind = sock.family, sock.type
    if family in _INTERNET and kind == socket.SOCK_STREAM and sock.proto in _TCP:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            # So macOS says that the peer has reset the connection. Reading tells it better.
            pass


def _set_reuseport(sock: socket.socket) -> None:
    """Let several sockets share a port; raises :exc:`ValueError` where the system cannot."""
    option = getattr(socket, "SO_REUSEPORT", None)
    if option is None:
        raise ValueError("reuse_port is not supported by this platform")
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    except OSError as exc:
        # A kernel older than the C library knows the name and refuses the option.
        raise ValueError(
            "reuse_port is defined on this platform, but refused by its kernel"
        ) from exc


def unacknowledged(sock: Any) -> int:
    """Count the bytes that the peer's system has still to take of what was sent over TCP.

    They would be lost if *sock* were closed with something unread. 0 for other sockets, and where
    the system does not tell: that is, anywhere but on Linux and macOS.
    """
    if getattr(sock, "family", None) not in (socket.AF_INET, getattr(socket, "AF_INET6", None)):
        return 0
    try:
        if sys.platform == "linux":
            import fcntl
            import struct
            import termios

            counted = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
            return int(struct.unpack("i", counted)[0])
        if sys.platform == "darwin":
            return int(sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE))
    except (OSError, ValueError):
        # Closed, or reset meanwhile: nothing will be taken any more.
        pass
    return 0


def _check_ssl_socket(sock: object) -> None:
    """Raise :exc:`TypeError` for a socket that speaks TLS by itself.

    Its reads and writes do not match what the poller says of its descriptor; TLS belongs on
    top of a transport. ``ssl`` is not imported for this: without it there are no such sockets.
    """
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")


def _check_stream_socket(sock: socket.socket) -> None:
    """Raise :exc:`ValueError` for anything but a stream socket."""
    if sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")


def _tls_timeouts(
    tls: object, handshake_timeout: float | None, shutdown_timeout: float | None
) -> dict[str, Any]:
    """Check the argument ``ssl`` and the timeouts (seconds) that go with it; give the timeouts.

    Raises :exc:`TypeError` unless *tls* is a context, a bool or None, and :exc:`ValueError`
    for a timeout that is not positive or comes without TLS.
    """
    if not (tls is None or isinstance(tls, bool)):
        ssl = sys.modules.get("ssl")
        if ssl is None or not isinstance(tls, ssl.SSLContext):
            raise TypeError(f"ssl argument must be an SSLContext, a bool or None, got {tls!r}")
    timeouts: dict[str, Any] = {
        "ssl_handshake_timeout": handshake_timeout,
        "ssl_shutdown_timeout": shutdown_timeout,
    }
    for name, seconds in timeouts.items():
        if seconds is None:
            continue
        if not tls:
            raise ValueError(f"{name} is only meaningful with ssl, got {seconds!r}")
        if hasattr(seconds, "__float__") and check_moment(seconds, name) <= 0:
            raise ValueError(f"{name} should be a positive number, got {seconds}")
    return timeouts


def _both_given(host: object, port: object, sock: object) -> ValueError:
    """Return the error that a socket was given and an address, too."""
    return ValueError(
        f"host/port and sock can not be specified at the same time: {host!r}/{port!r} and {sock!r}"
    )
