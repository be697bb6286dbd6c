"""A protocol factory that raises leaves nothing open, whatever the protocol was for."""

from __future__ import annotations

import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Mistake(Exception):
    """What the factory raises."""


def factory() -> Any:
    raise Mistake


def unconnected() -> socket.socket:
    return socket.socket()


def datagram() -> socket.socket:
    return socket.socket(type=socket.SOCK_DGRAM)


CALLS: dict[str, tuple[str, Callable[[Any], tuple[Any, ...]], dict[str, Any]]] = {
    "connection": ("create_connection", lambda address: address, {}),
    "racing connection": (
        *("create_connection", lambda address: address),
        {"happy_eyeballs_delay": 0.1},
    ),
    "TLS connection": ("create_connection", lambda address: address, {"ssl": CONTEXT}),
    "connection over a socket": ("create_connection", lambda _: (), {"sock": unconnected}),
    "accepted socket": ("connect_accepted_socket", lambda _: (unconnected,), {}),
    "bound datagrams": ("create_datagram_endpoint", lambda _: (("127.0.0.1", 0),), {}),
    "connected datagrams": ("create_datagram_endpoint", lambda address: (None, address), {}),
    "datagrams over a socket": ("create_datagram_endpoint", lambda _: (), {"sock": datagram}),
}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_is_left_open(loop: SelectorEventLoop, descriptors: Any, name: str) -> None:
    method, arguments, options = CALLS[name]

    def made(value: Any) -> Any:
        return value() if value in (unconnected, datagram) else value

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            before = descriptors()
            args = [made(value) for value in arguments(listener.getsockname())]
            given = {key: made(value) for key, value in options.items()}
            with pytest.raises(Mistake):
                await getattr(loop, method)(factory, *args, **given)
            assert descriptors() == before
            for sock in (*args, *given.values()):
                if isinstance(sock, socket.socket):
                    assert sock.fileno() == -1

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix sockets")
def test_nothing_is_left_open_of_unix_sockets(
    loop: SelectorEventLoop, descriptors: Any, unix_path: Path
) -> None:
    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(unix_path))
            listener.listen()
            before = descriptors()
            with pytest.raises(Mistake):
                await loop.create_unix_connection(factory, unix_path)
            with pytest.raises(Mistake):
                await loop.create_datagram_endpoint(factory, f"{unix_path}d", family=socket.AF_UNIX)
            assert descriptors() == before

    loop.run_until_complete(main())


@pytest.mark.parametrize("tls", [False, True])
def test_nothing_is_left_open_of_an_accepted_connection(
    loop: SelectorEventLoop, recorder: Any, descriptors: Any, tls: bool
) -> None:
    async def main() -> None:
        reports: list[Any] = []
        loop.set_exception_handler(lambda _, context: reports.append(context))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context)
        address = server.sockets[0].getsockname()
        before = descriptors()
        for _ in range(3):
            _, client = await loop.create_connection(recorder, *address)
            await asyncio_core.wait_for(client.lost, 20)
        assert [type(report["exception"]) for report in reports] == [Mistake] * 3
        reports.clear()
        assert descriptors() == before
        server.close()

    loop.run_until_complete(main())
