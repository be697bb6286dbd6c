"""Where an inspector listens on Unix: at a socket in the user's own folder, to this user and root only."""

from __future__ import annotations

import os
import socket
import struct
import sys

from asyncio_core.inspecting.folder import (
    InspectorError,
    is_answered,
    made_folder,
    remove_stale,
    socket_path,
)

# Connections that wait to be accepted.
_BACKLOG = 16
# Bytes of `struct xucred`, and its place among the options of a Unix socket (macOS, FreeBSD: unix(4)).
_XUCRED = 76
_LOCAL_PEERCRED = 1


class Listener:
    """A socket that listens, and is called by the process' id. Raises InspectorError where it cannot be had."""

    def __init__(self) -> None:
        folder = made_folder()
        try:
            remove_stale(folder)
            self.path = socket_path(folder, os.getpid())
            self._socket = _listening(self.path)
        except OSError as error:
            raise InspectorError(f"no socket can be made in {folder!r}: {error.strerror}") from None

    def accept(self) -> socket.socket | None:
        """Wait for somebody, and return the connection; None for one who may not ask. Raises OSError."""
        connection, _ = self._socket.accept()
        if may_ask(connection):
            return connection
        connection.close()
        return None

    def is_closed(self) -> bool:
        """Tell whether nobody will come any more."""
        return self._socket.fileno() < 0

    def remove(self) -> None:
        """Let nobody come any more, and have `accept()` return."""
        try:
            os.unlink(self.path)
        except OSError:
            pass
        # Where that does not end accept(), a connection did not come either.
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def _listening(path: str) -> socket.socket:
    if os.path.lexists(path):
        if is_answered(path):
            raise InspectorError(f"another process listens at {path!r}")
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def may_ask(connection: socket.socket) -> bool:
    """Tell whether the other side of a Unix socket is this user, or root."""
    uid = _uid_of_peer(connection)
    # Where the system does not tell, nobody else comes into the folder.
    return uid is None or uid in (os.geteuid(), 0)


def _uid_of_peer(connection: socket.socket) -> int | None:
    if hasattr(socket, "SO_PEERCRED"):
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", found)[1])
    if sys.platform == "darwin" or sys.platform.startswith("freebsd"):
        found = connection.getsockopt(0, _LOCAL_PEERCRED, _XUCRED)
        return int(struct.unpack_from("II", found)[1])
    return None
