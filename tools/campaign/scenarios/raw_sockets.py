"""The `sock_…()` calls on sockets of the program's own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from typing import TYPE_CHECKING

from scenarios import scenario
from scenarios.peers import silent, tcp

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@scenario(tcp)
async def connect_and_talk(stage: Stage) -> None:
    loop = stage.loop
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, stage.at["tcp"])
        await loop.sock_sendall(sock, b"a word")
        got = b""
        while len(got) < 6:
            got += await loop.sock_recv(sock, 3) or b"an end"
        assert got == b"a word", got


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
        later = loop.create_task(loop.sock_connect(sock, listener.getsockname()))
        try:
            accepted, _ = await loop.sock_accept(listener)
            with accepted:
                await later
                await loop.sock_sendall(sock, b"word")
                buffer = bytearray(4)
                await loop.sock_recv_into(accepted, buffer)
        finally:
            later.cancel()
            await asyncio.gather(later, return_exceptions=True)


@scenario()
async def wait_for_words(stage: Stage) -> None:
    """What waits is read afterwards: nothing that came is lost, and the socket can be used again."""
    loop = stage.loop
    with pair() as (left, right):
        loop.call_soon(left.send, b"word")
        assert await loop.sock_recv(right, 4) == b"word"
        loop.call_soon(left.send, b"more")
        buffer = bytearray(4)
        assert await loop.sock_recv_into(right, buffer) == 4


@scenario()
async def send_more_than_fits(stage: Stage) -> None:
    loop = stage.loop
    with pair() as (left, right):
        sending = loop.create_task(loop.sock_sendall(left, MUCH))
        try:
            got = 0
            while got < len(MUCH):
                piece = await loop.sock_recv(right, 1 << 18)
                got += len(piece)
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


@scenario()
async def send_into_a_full_socket(stage: Stage) -> None:
    loop = stage.loop
    with pair() as (left, right):

        def read() -> None:
            try:
                while right.recv(1 << 18):
                    pass
            except BlockingIOError:
                pass

        loop.add_reader(right, read)
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
        await loop.sock_sendto(left, b"word", ("localhost", right.getsockname()[1]))
        await loop.sock_recvfrom(right, 4)
        loop.call_soon(left.sendto, b"more", right.getsockname())
        buffer = bytearray(4)
        await loop.sock_recvfrom_into(right, buffer)


@scenario()
async def send_a_file(stage: Stage) -> None:
    loop = stage.loop
    with tempfile.TemporaryFile() as file, pair() as (left, right):
        file.write(MUCH)
        file.seek(0)
        sending = loop.create_task(loop.sock_sendfile(left, file))
        try:
            got = 0
            while got < len(MUCH):
                got += len(await loop.sock_recv(right, 1 << 18))
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


@scenario()
async def send_a_file_ourselves(stage: Stage) -> None:
    """The task itself sends, while callbacks read."""
    loop = stage.loop
    with tempfile.TemporaryFile() as file, pair() as (left, right):
        file.write(MUCH)
        file.seek(0)
        loop.add_reader(right, lambda: right.recv(1 << 19))
        try:
            await loop.sock_sendfile(left, file)
        finally:
            loop.remove_reader(right)
