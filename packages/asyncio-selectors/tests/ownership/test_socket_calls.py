"""Calls on sockets that the program keeps itself, look-ups and files that are cancelled half-way."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_sock_connect(rounds: Any, loop: Any, listening: socket.socket, turn_away: Any) -> None:
    async def subject() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, listening.getsockname())

    rounds(subject, between=lambda: turn_away(listening), at_least=2)


def test_sock_connect_where_the_backlog_is_full(rounds: Any, loop: Any, full: Any) -> None:
    async def subject() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, full)

    rounds(subject, endless=True, at_least=1)


def test_sock_connect_to_a_unix_socket_whose_backlog_is_full(
    rounds: Any, loop: Any, unix_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(unix_path))
        listening.listen(0)
        taken = []
        while True:
            sock = socket.socket(socket.AF_UNIX)
            sock.setblocking(False)
            taken.append(sock)
            if sock.connect_ex(str(unix_path)) == errno.EAGAIN:
                break
            if len(taken) > 8:
                pytest.skip("this system lets Unix sockets wait beyond the backlog")

        async def subject() -> None:
            # It tries again and again, so that the end has to be set here.
            with pytest.raises(TimeoutError):
                async with asyncio_core.timeout(0.004):
                    await attempt()

        async def attempt() -> None:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, str(unix_path))

        rounds(subject, at_least=3)
        for sock in taken:
            sock.close()


def test_sock_accept(rounds: Any, loop: Any, listening: socket.socket, turn_away: Any) -> None:
    async def subject() -> None:
        accepting = loop.create_task(accept())
        try:
            await asyncio_core.sleep(0)
            with socket.socket() as client:
                client.setblocking(False)
                await loop.sock_connect(client, listening.getsockname())
                await accepting
        finally:
            accepting.cancel()

    async def accept() -> None:
        sock, _ = await loop.sock_accept(listening)
        sock.close()

    rounds(subject, between=lambda: turn_away(listening), at_least=3)


def test_sock_accept_where_nobody_comes(rounds: Any, loop: Any, listening: socket.socket) -> None:
    rounds(lambda: loop.sock_accept(listening), endless=True)


def test_sock_accept_of_a_task_that_is_cancelled_leaves_the_connection_in_the_backlog(
    rounds: Any, loop: Any, listening: socket.socket, turn_away: Any
) -> None:
    # The subject itself accepts, so that the moment between event and step is met.
    clients: list[socket.socket] = []

    async def subject() -> None:
        clients.append(socket.create_connection(listening.getsockname()))
        sock, _ = await loop.sock_accept(listening)
        sock.close()

    def hang_up() -> None:
        while clients:
            clients.pop().close()
        turn_away(listening)

    rounds(subject, between=hang_up)


def test_sock_recv(rounds: Any, loop: Any, pair: Any) -> None:
    mine, peer = pair

    async def subject() -> None:
        loop.call_soon(peer.send, b"x")
        await loop.sock_recv(mine, 10)

    def drain() -> None:
        loop.settle()
        with contextlib.suppress(BlockingIOError):
            mine.recv(10)

    rounds(subject, between=drain, at_least=2)


def test_sock_sendall(rounds: Any, loop: Any) -> None:
    async def subject() -> None:
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            right.setblocking(False)
            reading = loop.create_task(read(right))
            try:
                await loop.sock_sendall(left, bytes(1 << 20))
                left.shutdown(socket.SHUT_WR)
                assert await reading == 1 << 20
            finally:
                reading.cancel()
                await asyncio_core.wait([reading])

    async def read(sock: socket.socket) -> int:
        count = 0
        while data := await loop.sock_recv(sock, 1 << 18):
            count += len(data)
        return count

    rounds(subject, at_least=4)


def test_sock_sendall_to_a_peer_that_reads_nothing(rounds: Any, loop: Any) -> None:
    async def subject() -> None:
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            await loop.sock_sendall(left, bytes(1 << 22))

    rounds(subject, endless=True)


# Names.


def test_looking_up_a_name(rounds: Any, loop: Any, resolving_to: Any) -> None:
    resolving_to(("127.0.0.1", 80))
    rounds(lambda: loop.getaddrinfo("somewhere", 80), at_least=2)


# Files.


#: More than a socket holds; by hand it is read a quarter of a megabyte at a time, and there are some rounds for each.
BIG = 3 << 20 if hasattr(os, "sendfile") else 1 << 20


@pytest.fixture
def big_file(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(BIG))
    with path.open("rb") as file:
        yield file


@pytest.mark.parametrize("by", ["the system", "hand"])
def test_sendfile(
    rounds: Any,
    loop: Any,
    recorder: Any,
    big_file: Any,
    by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if by == "hand":
        monkeypatch.delattr(os, "sendfile", raising=False)

    async def subject() -> None:
        left, right = socket.socketpair()
        with right:
            right.setblocking(False)
            sender, _ = await loop.create_connection(recorder, sock=left)
            reading = loop.create_task(read_all(loop, right, received := bytearray()))
            big_file.seek(0)
            try:
                await loop.sendfile(sender, big_file)
            finally:
                # As it was: free to be written to, and reading.
                assert sender.is_reading()
                sender.write(b"!")
                sender.close()
                position = big_file.tell()
                try:
                    await asyncio_core.wait([reading])
                finally:
                    reading.cancel()
            assert len(received) == position + 1

    rounds(subject, between=lambda: threads_are_done(loop), at_least=6)


@pytest.mark.parametrize("by", ["the system", "hand"])
def test_sock_sendfile(
    rounds: Any,
    loop: Any,
    big_file: Any,
    by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if by == "hand":
        monkeypatch.delattr(os, "sendfile", raising=False)

    async def subject() -> None:
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            right.setblocking(False)
            reading = loop.create_task(read_all(loop, right, received := bytearray()))
            big_file.seek(0)
            try:
                await loop.sock_sendfile(left, big_file)
            finally:
                reading.cancel()
                left.setblocking(True)
                position = big_file.tell()
                await asyncio_core.wait([reading])
                while len(received) < position and (data := right.recv(1 << 20)):
                    received += data
            # Of what it is said to have sent, everything has arrived.
            assert position == len(received)

    rounds(subject, between=lambda: threads_are_done(loop), at_least=6)


async def read_all(loop: Any, sock: socket.socket, received: bytearray) -> None:
    while data := await loop.sock_recv(sock, 1 << 20):
        received += data


def threads_are_done(loop: Any) -> None:
    """Wait for what the executor's threads are still at, for somebody who has been cancelled."""
    loop.victim = None
    loop.run_until_complete(loop.run_in_executor(None, int))
