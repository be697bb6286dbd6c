"""Connected sockets, and what is done to their ends from outside of any loop."""

from __future__ import annotations

import socket
import struct
import sys

#: Seconds that a blocking call waits for what has to come.
LIMIT = 20.0
#: The value of SO_LINGER (l_onoff, l_linger) with which closing sends a reset.
LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends of a TCP connection, which block; the first one has connected to the second."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        left = socket.create_connection(listener.getsockname())
        right, _ = listener.accept()
    # What is sent last must not wait for an acknowledgement, and be dropped by a reset behind it.
    right.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return left, right


def reset_when_closed(sock: socket.socket) -> None:
    """Let closing a socket, by whomever, send a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)


def reset(sock: socket.socket) -> None:
    """Close a socket so that the peer gets a reset."""
    reset_when_closed(sock)
    sock.close()


def read_all(sock: socket.socket, size: int | None = None) -> bytes:
    """Receive up to the peer's end, or at the most `size` bytes; for a thread."""
    sock.settimeout(LIMIT)
    data = bytearray()
    while size is None or len(data) < size:
        piece = sock.recv(1 << 16 if size is None else min(1 << 16, size - len(data)))
        if not piece:
            break
        data += piece
    return bytes(data)


def fill(sock: socket.socket) -> int:
    """Send on a socket that does not block until it would; return the number of bytes."""
    sent = 0
    try:
        while True:
            sent += sock.send(bytes(1 << 16))
    except BlockingIOError:
        return sent
