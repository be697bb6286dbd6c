"""Part of the loop: sending files with the system's `TransmitFile()`."""

from __future__ import annotations

from asyncio_core.connections.file_sending import regular_file
from asyncio_core.loops.base_events import BaseEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import IO, Any

__all__ = ("FileSending",)

# Bytes that one call takes at most, by its documentation.
_MOST_AT_ONCE = 2**31 - 2


class FileSending(BaseEventLoop):
    """The native half of `loop.sendfile()` and `loop.sock_sendfile()`."""

    _proactor: Any

    async def _sock_sendfile_native(
        self, sock: socket.socket, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        """Send from `offset` up to `count` bytes (None: to the end) and return how many went out.

        However it ends, the file's position is behind the last byte that is known to be sent.
        """
        _, end = regular_file(file)
        if count is not None:
            end = min(end, offset + count)
        sent = 0
        try:
            while offset + sent < end:
                most = min(end - offset - sent, _MOST_AT_ONCE)
                count = await self._proactor.sendfile(sock, file, offset + sent, most)
                if not count:
                    # The file has become shorter meanwhile.
                    break
                sent += count
            return sent
        finally:
            file.seek(offset + sent)

    async def _sendfile_native(
        self, transp: Any, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        sending = self._sock_sendfile_native(transp._sock, file, offset, count)
        return await self._send_behind_buffer(transp, sending)
