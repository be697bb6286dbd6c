"""Part of the Unix loop: sending files with the system's `sendfile()`."""

from __future__ import annotations

import errno
import os

from asyncio_core.awaiting.tasks import sleep
from asyncio_core.connections.file_sending import regular_file
from asyncio_core.exceptions import SendfileNotAvailableError
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.scheduling.loop_part import is_replaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import MutableMapping
    from typing import IO, Any

__all__ = ("FileSending",)

# One call takes at most a signed 32-bit number of bytes on some systems.
_MOST_AT_ONCE = 1 << 30


def _meaning_of(exc: OSError, sent: int) -> Exception:
    """What a failed sendfile() is to be told as, after `sent` bytes went out."""
    if isinstance(exc, ConnectionError):
        return exc
    if exc.errno == errno.ENOTCONN:
        return ConnectionError(exc.errno, "socket is not connected")
    if not sent:
        # This pair of file and socket may be one that the system cannot serve; copying can.
        return SendfileNotAvailableError("os.sendfile call failed")
    return exc


class FileSending(BaseEventLoop):
    """The native half of `loop.sendfile()` and `loop.sock_sendfile()`."""

    if TYPE_CHECKING:

        async def _writable_fd(self, fd: int) -> None: ...

        def _ensure_fd_no_transport(self, fd: Any) -> int: ...

        _transports: MutableMapping[int, Any]

    async def _sock_sendfile_native(
        self, sock: socket.socket, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        fd = sock.fileno()
        self._ensure_fd_no_transport(fd)
        return await self._send_file(fd, file, offset, count)

    async def _send_file(self, target: int, file: IO[bytes], offset: int, count: int | None) -> int:
        """Send from `offset` up to `count` bytes (None: to the end) and return how many went out.

        However it ends, the file's position is behind the last byte that was sent. Raises
        SendfileNotAvailableError only while nothing was sent, so that falling back is safe.
        """
        if not hasattr(os, "sendfile"):
            raise SendfileNotAvailableError("os.sendfile() is not available")
        from asyncio_core.seen_as.asyncio.unix_events import _sock_sendfile_native_impl

        source, size = regular_file(file)
        sent = 0
        try:
            # The end is where sendfile() finds it, so a file may shrink or grow meanwhile. Its size
            # now tells only that there is something: macOS takes no empty range.
            while offset < size and (count is None or sent < count):
                wanted = _MOST_AT_ONCE if count is None else min(count - sent, _MOST_AT_ONCE)
                try:
                    step = _sock_sendfile_native_impl(target, source, offset + sent, wanted)
                except (BlockingIOError, InterruptedError):
                    step = -1
                except OSError as exc:
                    meaning = _meaning_of(exc, sent)
                    if meaning is exc:
                        raise
                    raise meaning from exc
                if not step:
                    break
                if step < 0:
                    await self._writable_fd(target)
                else:
                    sent += step
                    # A peer that takes everything at once would keep the loop from all others.
                    await sleep(0)
            return sent
        finally:
            file.seek(offset + sent)

    async def _sendfile_native(
        self, transp: Any, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        """Send a file through a stream transport, behind what waits in its buffer."""
        if is_replaced(self.sock_sendfile, _SOCK_SENDFILE) or is_replaced(
            self._sock_sendfile_native, _SOCK_SENDFILE_NATIVE
        ):
            sending = self._lend_socket(transp, file, offset, count)
        else:
            sending = self._send_file(transp._sock_fd, file, offset, count)
        return await self._send_behind_buffer(transp, sending)

    async def _lend_socket(
        self, transp: Any, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        """Have `sock_sendfile()`, which somebody has overridden, send through a transport's socket."""
        fd = transp._sock_fd
        # It refuses sockets that a transport owns.
        self._transports.pop(fd, None)
        try:
            return await self.sock_sendfile(transp._sock, file, offset, count, fallback=False)
        finally:
            if transp._sock is not None:
                self._transports[fd] = transp


# Our own, to know them from what replaces them.
_SOCK_SENDFILE = FileSending.sock_sendfile
_SOCK_SENDFILE_NATIVE = FileSending._sock_sendfile_native
