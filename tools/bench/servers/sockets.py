"""Echo by the loop's methods for sockets: no transport, a task for each connection."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from bench.servers import KIB, Load, case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handle = Callable[[asyncio.AbstractEventLoop, socket.socket], Awaitable[None]]

SIZE = 64 * KIB


async def serving(handle: Handle) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(connection: socket.socket) -> None:
        with connection:
            await handle(loop, connection)

    async def accept() -> None:
        while True:
            connection, _ = await loop.sock_accept(listening)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(serve(connection))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        listening.setblocking(False)
        accepting = loop.create_task(accept())
        yield listening.getsockname()[1]
        accepting.cancel()
        await asyncio.wait([accepting, *tasks])


async def echo(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    while data := await loop.sock_recv(connection, SIZE):
        await loop.sock_sendall(connection, data)


async def echo_in_place(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    buffer = memoryview(bytearray(SIZE))
    while count := await loop.sock_recv_into(connection, buffer):
        await loop.sock_sendall(connection, buffer[:count])


def sock_recv() -> AsyncIterator[int]:
    return serving(echo)


def sock_recv_into() -> AsyncIterator[int]:
    return serving(echo_in_place)


ALONE = Load(connections=1, to_sleepers=True)

case("sock_recv", "1 KiB there and back, sock_recv() and sock_sendall()", sock_recv, ALONE)
case("sock_recv_into", "1 KiB, sock_recv_into() and sock_sendall()", sock_recv_into, ALONE)
