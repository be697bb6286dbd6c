"""The other end of a connection: blocking sockets in threads, which owe nothing to the loop under test."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from loop_kit.protocols import Recorder

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterator

#: Seconds that a blocking call may take before the test fails.
LIMIT = 10.0

_threads = ThreadPoolExecutor(16, "loop-kit-peer")
_R = TypeVar("_R")


async def in_thread(call: Callable[..., _R], *args: Any) -> _R:
    """Run a blocking call in a thread that is not of the loop's default executor."""
    return await asyncio.get_running_loop().run_in_executor(_threads, call, *args)


def fill(sock: socket.socket) -> None:
    """Send until there is no room, and none comes by itself: over TCP, what was sent moves on to the peer's side meanwhile."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    while select.select([], [sock], [], 0.05)[1]:
        with contextlib.suppress(BlockingIOError):
            while True:
                sock.send(bytes(4096))


class Peer:
    """A blocking socket whose calls run in threads."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(LIMIT)
        self.sock = sock

    async def send(self, data: bytes) -> None:
        await in_thread(self.sock.sendall, data)

    async def recv(self, most: int = 65536) -> bytes:
        """Return the next bytes, or b"" at the end."""
        return await in_thread(self.sock.recv, most)

    async def recv_exactly(self, count: int) -> bytes:
        return await in_thread(self._read, count)

    async def recv_all(self) -> bytes:
        """Return everything up to the end."""
        return await in_thread(self._read, None)

    def _read(self, count: int | None) -> bytes:
        data = bytearray()
        while count is None or len(data) < count:
            piece = self.sock.recv(1 << 18 if count is None else min(1 << 18, count - len(data)))
            if not piece:
                break
            data += piece
        return bytes(data)

    async def is_dead(self) -> bool:
        """Wait for the end of what the other side sends, by a reset or not, and throw away what comes before."""
        try:
            await self.recv_all()
        except ConnectionError:
            return True
        return True

    async def wrap(self, context: ssl.SSLContext, **options: Any) -> None:
        """Talk TLS from now on, after a handshake."""
        self.sock = await in_thread(lambda: context.wrap_socket(self.sock, **options))

    def send_eof(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a RST, without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


@contextlib.contextmanager
def listening(family: int = socket.AF_INET) -> Iterator[socket.socket]:
    """Open a blocking socket that listens at a free port of the loopback address."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(LIMIT)
        yield listener


async def accepted(listener: socket.socket) -> Peer:
    """Accept the next connection."""
    sock, _ = await in_thread(listener.accept)
    return Peer(sock)


async def connected_peer(address: Any) -> Peer:
    """Connect a blocking socket to a server of the loop under test."""
    return Peer(await in_thread(socket.create_connection, address[:2], LIMIT))


@contextlib.asynccontextmanager
async def connection(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], Any] = Recorder,
    *,
    narrow: bool = False,
) -> AsyncIterator[tuple[asyncio.Transport, Any, Peer]]:
    """Connect a transport of the loop under test to a peer; `narrow` makes the kernel hold little between them."""
    with listening() as listener:
        if narrow:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        transport, protocol = await loop.create_connection(factory, *listener.getsockname())
        peer = await accepted(listener)
    if narrow:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    try:
        yield transport, protocol, peer
    finally:
        if not protocol.lost.done():
            transport.abort()
        peer.close()
        await protocol.lost
