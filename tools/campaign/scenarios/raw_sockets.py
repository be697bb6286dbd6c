"""The `sock_…()` calls on sockets of the program's own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from typing import TYPE_CHECKING, Any

from scenarios import scenario
from scenarios.peers import silent, tcp

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from stage import Stage

#: More than both buffers of a socket pair hold.
MUCH = bytes(1 << 21)


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give two connected sockets that do not block."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


def say(sock: socket.socket, data: bytes) -> None:
    """Send, or end the connection, so that who waits for this hears of it."""
    try:
        sock.sendall(data)
    except OSError:
        sock.shutdown(socket.SHUT_RDWR)


async def receive(stage: Stage, sock: socket.socket, size: int) -> bytes:
    """Receive so many bytes; raises EOFError where the connection ends before."""
    got = bytearray()
    while len(got) < size:
        piece = await stage.loop.sock_recv(sock, min(size - len(got), 1 << 18))
        if not piece:
            raise EOFError("the connection has ended")
        got += piece
    return bytes(got)


async def both(one: Coroutine[Any, Any, object], other: Coroutine[Any, Any, object]) -> None:
    """Run two coroutines at once; where one fails, the other is given up."""
    async with asyncio.TaskGroup() as group:
        group.create_task(one)
        group.create_task(other)


@scenario(tcp)
async def connect_and_talk(stage: Stage) -> None:
    loop = stage.loop
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, stage.at["tcp"])
        await loop.sock_sendall(sock, b"a word")
        assert await receive(stage, sock, 6) == b"a word"


@scenario(tcp)
async def connect_by_name(stage: Stage) -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        await stage.loop.sock_connect(sock, ("localhost", stage.at["tcp"][1]))


@scenario()
async def accept(stage: Stage) -> None:
    loop = stage.loop
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as sock:
        listener.setblocking(False)
        sock.setblocking(False)

        async def serve() -> None:
            accepted, _ = await loop.sock_accept(listener)
            with accepted:
                await loop.sock_recv_into(accepted, bytearray(4))

        async def call() -> None:
            await loop.sock_connect(sock, listener.getsockname())
            await loop.sock_sendall(sock, b"word")

        await both(serve(), call())


@scenario()
async def wait_for_words(stage: Stage) -> None:
    loop = stage.loop
    with pair() as (left, right):
        loop.call_soon(say, left, b"word")
        assert await receive(stage, right, 4) == b"word"
        loop.call_soon(say, left, b"more")
        await loop.sock_recv_into(right, bytearray(4))


@scenario()
async def send_more_than_fits(stage: Stage) -> None:
    with pair() as (left, right):
        await both(stage.loop.sock_sendall(left, MUCH), receive(stage, right, len(MUCH)))


def _swallow(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.recv(1 << 18)


@scenario(on="posix")
async def send_into_a_full_socket(stage: Stage) -> None:
    loop = stage.loop
    with pair() as (left, right):
        loop.add_reader(right, _swallow, right)
        try:
            await loop.sock_sendall(left, MUCH)
        finally:
            loop.remove_reader(right)


@scenario(silent)
async def wait_in_vain(stage: Stage) -> None:
    """A peer that says nothing: the wait is ended by a timeout."""
    with socket.socket() as sock:
        sock.setblocking(False)
        await stage.loop.sock_connect(sock, stage.at["silent"])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.002):
                await stage.loop.sock_recv(sock, 1)


@scenario()
async def datagrams(stage: Stage) -> None:
    loop = stage.loop
    with (
        socket.socket(type=socket.SOCK_DGRAM) as left,
        socket.socket(type=socket.SOCK_DGRAM) as right,
    ):
        for sock in (left, right):
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))

        async def send_again_and_again() -> None:
            while True:
                with contextlib.suppress(OSError):
                    await loop.sock_sendto(left, b"word", ("localhost", right.getsockname()[1]))
                await asyncio.sleep(0.01)

        sending = loop.create_task(send_again_and_again())
        try:
            await loop.sock_recvfrom(right, 4)
            await loop.sock_recvfrom_into(right, bytearray(4))
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


@scenario()
async def send_a_file(stage: Stage) -> None:
    with tempfile.TemporaryFile() as file, pair() as (left, right):
        file.truncate(len(MUCH))
        await both(stage.loop.sock_sendfile(left, file), receive(stage, right, len(MUCH)))


@scenario(on="posix")
async def send_a_file_ourselves(stage: Stage) -> None:
    """The task itself sends, while callbacks read."""
    loop = stage.loop
    with tempfile.TemporaryFile() as file, pair() as (left, right):
        file.truncate(len(MUCH))
        loop.add_reader(right, _swallow, right)
        try:
            await loop.sock_sendfile(left, file)
        finally:
            loop.remove_reader(right)
