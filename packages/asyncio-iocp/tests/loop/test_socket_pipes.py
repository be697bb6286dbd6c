"""Write pipes over sockets: what else than the end of the peer can be received."""

from __future__ import annotations

import socket
from typing import Any

import pytest

import asyncio_core
from asyncio_test_support.sockets import LIMIT, reset, tcp_pair


@pytest.fixture
def tcp() -> Any:
    """Two connected TCP sockets, of which a transport will take the first."""
    ours, peer = tcp_pair()
    ours.setblocking(False)
    peer.settimeout(LIMIT)
    with ours, peer:
        yield ours, peer


@pytest.mark.parametrize("what", ["data", "end"])
def test_peer_that_talks_or_ends_sending_is_written_to(
    loop: Any, recorder: Any, in_thread: Any, tcp: Any, what: str
) -> None:
    ours, peer = tcp

    async def main() -> None:
        transport, protocol = await loop.connect_write_pipe(recorder, ours)
        if what == "data":
            peer.sendall(b"nobody wants to hear this")
        else:
            peer.shutdown(socket.SHUT_WR)
        for _ in range(5):
            await asyncio_core.sleep(0.001)
        assert not transport.is_closing()
        transport.write(b"answer")
        assert await in_thread(peer.recv, 100) == b"answer"
        transport.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_peer_that_resets_is_noticed(loop: Any, recorder: Any, tcp: Any) -> None:
    ours, peer = tcp

    async def main() -> None:
        _, protocol = await loop.connect_write_pipe(recorder, ours)
        reset(peer)
        assert await asyncio_core.wait_for(protocol.lost, 20) is None

    loop.run_until_complete(main())
