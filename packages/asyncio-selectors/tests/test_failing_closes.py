"""Closing that fails, as close(2) may with EIO or EINTR, and calls that fail while something is made: nothing stays open, and nobody waits for ever."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors.sockets import accept
from asyncio_test_support.descriptors import open_descriptors

if TYPE_CHECKING:
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop

FAILURE = OSError(errno.EIO, "made up")


class BadlyClosing(socket.socket):
    """A socket that closes, and says that it could not."""

    def close(self) -> None:
        was_open = self.fileno() != -1
        super().close()
        if was_open:
            raise FAILURE


class BadlyMade(socket.socket):
    """A socket that cannot be told not to block."""

    def setblocking(self, flag: bool) -> None:
        raise FAILURE


class Accepting(socket.socket):
    """A listener whose connections are of another class."""

    made: type[socket.socket] = BadlyClosing

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        return self.made(fileno=connection.detach()), address


def listening(kind: type[socket.socket]) -> Any:
    sock = kind(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def test_a_server_ends_though_its_connection_says_that_it_cannot_be_closed(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        protocol = recorder()
        server = await loop.create_server(lambda: protocol, sock=listening(Accepting))
        with socket.create_connection(server.sockets[0].getsockname()):
            await protocol.until(lambda: hasattr(protocol, "transport"))
            server.close()
            protocol.transport.close()
            await asyncio_core.wait_for(server.wait_closed(), 20)

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert report["exception"] is FAILURE
    loop.reported.clear()  # type: ignore[attr-defined]


def test_a_server_closes_all_its_sockets_though_one_says_that_it_cannot_be(
    loop: SelectorEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        addresses = ["127.0.0.1"] if sys.platform == "darwin" else ["127.0.0.1", "127.0.0.2"]
        server = await loop.create_server(asyncio_core.Protocol, addresses, 0)
        numbers = [sock.fileno() for sock in server.sockets]
        stop = loop._stop_serving

        def stop_and_fail(sock: socket.socket) -> None:
            stop(sock)
            raise FAILURE

        monkeypatch.setattr(loop, "_stop_serving", stop_and_fail)
        with pytest.raises(OSError, match="made up"):
            server.close()
        assert not open_descriptors() & set(numbers)
        await asyncio_core.wait_for(server.wait_closed(), 20)

    loop.run_until_complete(main())


def test_the_descriptor_that_is_kept_in_reserve_is_given_up_without_a_word(
    loop: SelectorEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = os.close

    def close_and_fail(fd: int) -> None:
        close(fd)
        raise FAILURE

    async def main() -> None:
        server = await loop.create_server(asyncio_core.Protocol, "127.0.0.1", 0)
        monkeypatch.setattr(os, "close", close_and_fail)
        server.close()
        monkeypatch.undo()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_a_connection_that_cannot_be_told_not_to_block_is_closed() -> None:
    with listening(Accepting) as listener:
        listener.listen()
        listener.made = BadlyMade
        with socket.create_connection(listener.getsockname()) as client:
            with pytest.raises(OSError, match="made up"):
                accept(listener)
            assert client.recv(1) == b""


def test_a_socket_that_cannot_be_told_not_to_block_is_not_listened_on(
    loop: SelectorEventLoop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def main() -> None:
        before = open_descriptors()
        monkeypatch.setattr(socket, "socket", BadlyMade)
        with pytest.raises(OSError, match="made up"):
            await loop.create_server(asyncio_core.Protocol, "127.0.0.1", 0)
        if sys.platform != "win32":
            with pytest.raises(OSError, match="made up"):
                await loop.create_unix_server(asyncio_core.Protocol, tmp_path / "socket")
        assert open_descriptors() == before

    loop.run_until_complete(main())
