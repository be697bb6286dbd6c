"""Sockets that have two owners, or would have."""

from __future__ import annotations

import socket
from typing import Any

import pytest

import asyncio_core
from asyncio_test_support.sockets import tcp_pair

#: Calls that give a socket to a transport.
CALLS = ("create_connection", "connect_accepted_socket", "create_datagram_endpoint")


def refuse_a_second_owner(loop: Any, call: str) -> None:
    """Give a socket to a transport, and then to another one, which has to be refused; the first one goes on."""
    datagrams = call == "create_datagram_endpoint"
    mine, peer = _datagram_pair() if datagrams else tcp_pair()

    class Waiting(asyncio_core.Protocol, asyncio_core.DatagramProtocol):
        def __init__(self) -> None:
            self.received: Any = loop.create_future()
            self.lost: Any = loop.create_future()

        def data_received(self, data: bytes) -> None:
            self.received.set_result(data)

        def datagram_received(self, data: bytes, _: Any) -> None:
            self.received.set_result(data)

        def connection_lost(self, exc: BaseException | None) -> None:
            self.lost.set_result(exc)

    async def main() -> None:
        first_call = call if datagrams else "create_connection"
        transport, protocol = await getattr(loop, first_call)(Waiting, sock=mine)
        with pytest.raises(RuntimeError, match="is used by transport"):
            await getattr(loop, call)(Waiting, sock=mine)
        peer.send(b"still there")
        assert await protocol.received == b"still there"
        transport.close()
        assert await protocol.lost is None

    with peer:
        loop.run_until_complete(main())


def _datagram_pair() -> tuple[socket.socket, socket.socket]:
    one, other = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    for sock in (one, other):
        sock.bind(("127.0.0.1", 0))
    other.connect(one.getsockname())
    return one, other
