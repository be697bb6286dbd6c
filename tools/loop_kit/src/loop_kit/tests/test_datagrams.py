"""create_datagram_endpoint(): UDP, and datagrams through Unix sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import Peer
from loop_kit.protocols import DatagramRecorder, growth, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

LOOPBACK = ("127.0.0.1", 0)


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A UDP socket that owes nothing to the loop."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(LOOPBACK)
        yield Peer(sock)


@contextlib.asynccontextmanager
async def endpoint(
    loop: AbstractEventLoop, **options: Any
) -> AsyncIterator[tuple[Any, DatagramRecorder]]:
    transport, protocol = await loop.create_datagram_endpoint(DatagramRecorder, **options)
    try:
        yield transport, protocol
    finally:
        if not protocol.lost.done():
            transport.abort()
        await protocol.lost


async def test_endpoint_is_made_before_the_call_returns(loop: AbstractEventLoop) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, protocol):
        assert protocol.events == ["made"]
        assert protocol.transport is transport


async def test_transport_is_one_of_asyncio(loop: AbstractEventLoop) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, _):
        assert isinstance(transport, asyncio.DatagramTransport)


async def test_datagrams_are_received_with_their_sender(
    loop: AbstractEventLoop, peer: Peer
) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, protocol):
        address = transport.get_extra_info("sockname")
        for number in range(10):
            peer.sock.sendto(b"%d" % number, address)
        await protocol.received(10)
        expected = [(b"%d" % number, peer.sock.getsockname()) for number in range(10)]
        assert protocol.datagrams == expected


async def test_datagrams_keep_their_borders(loop: AbstractEventLoop, peer: Peer) -> None:
    sizes = [1, 1000, 0, 60_000, 7]
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, protocol):
        address = transport.get_extra_info("sockname")
        for size in sizes:
            peer.sock.sendto(b"x" * size, address)
        assert [len(data) for data in await protocol.received(len(sizes))] == sizes


async def test_sendto_sends_to_an_address(loop: AbstractEventLoop, peer: Peer) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, _):
        transport.sendto(b"hello", peer.sock.getsockname())
        assert await peer.recv() == b"hello"


@pytest.mark.parametrize(
    "data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")], ids=lambda d: type(d).__name__
)
async def test_sendto_takes_what_is_like_bytes(
    loop: AbstractEventLoop, peer: Peer, data: Any
) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, _):
        transport.sendto(data, peer.sock.getsockname())
        assert await peer.recv() == b"bytes"


@pytest.mark.parametrize("data", ["text", 5, None], ids=repr)
async def test_sendto_refuses_anything_else(loop: AbstractEventLoop, peer: Peer, data: Any) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, _):
        with pytest.raises(TypeError):
            transport.sendto(data, peer.sock.getsockname())
        transport.sendto(b"x", peer.sock.getsockname())
        assert await peer.recv() == b"x"


@pytest.mark.since(3, 13)
async def test_empty_datagram_is_sent(loop: AbstractEventLoop, peer: Peer) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, _):
        transport.sendto(b"", peer.sock.getsockname())
        assert await peer.recv() == b""


async def test_connected_endpoint_sends_without_an_address(
    loop: AbstractEventLoop, peer: Peer
) -> None:
    async with endpoint(loop, remote_addr=peer.sock.getsockname()) as (transport, protocol):
        assert transport.get_extra_info("peername") == peer.sock.getsockname()
        transport.sendto(b"hello")
        data, sender = peer.sock.recvfrom(100)
        assert (data, sender) == (b"hello", transport.get_extra_info("sockname"))
        peer.sock.sendto(b"answer", sender)
        assert await protocol.received(1) == [b"answer"]
        assert protocol.datagrams[0][1] == peer.sock.getsockname()


async def test_connected_endpoint_takes_only_its_own_address(
    loop: AbstractEventLoop, peer: Peer
) -> None:
    async with endpoint(loop, remote_addr=peer.sock.getsockname()) as (transport, _):
        transport.sendto(b"named", peer.sock.getsockname())
        assert await peer.recv() == b"named"
        with pytest.raises(ValueError):
            transport.sendto(b"wrong", ("127.0.0.1", 9))


async def test_connected_endpoint_hears_only_its_peer(loop: AbstractEventLoop, peer: Peer) -> None:
    async with endpoint(loop, remote_addr=peer.sock.getsockname()) as (transport, protocol):
        address = transport.get_extra_info("sockname")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"from a stranger", address)
        peer.sock.sendto(b"from the peer", address)
        assert await protocol.received(1) == [b"from the peer"]
        await settle()
        assert len(protocol.datagrams) == 1


async def test_both_addresses_may_be_given(loop: AbstractEventLoop, peer: Peer) -> None:
    options = {"local_addr": LOOPBACK, "remote_addr": peer.sock.getsockname()}
    async with endpoint(loop, **options) as (transport, _):
        assert transport.get_extra_info("sockname")[0] == "127.0.0.1"
        transport.sendto(b"hello")
        assert await peer.recv() == b"hello"


async def test_own_socket_is_used(loop: AbstractEventLoop, peer: Peer) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(LOOPBACK)
    number = sock.fileno()
    async with endpoint(loop, sock=sock) as (transport, protocol):
        assert transport.get_extra_info("socket").fileno() == number
        peer.sock.sendto(b"hello", sock.getsockname())
        assert await protocol.received(1) == [b"hello"]
    assert sock.fileno() == -1


async def test_family_alone_is_enough(loop: AbstractEventLoop, peer: Peer) -> None:
    async with endpoint(loop, family=socket.AF_INET) as (transport, _):
        transport.sendto(b"hello", peer.sock.getsockname())
        assert await peer.recv() == b"hello"


@pytest.mark.needs("ipv6")
async def test_endpoint_over_ipv6(loop: AbstractEventLoop) -> None:
    async with endpoint(loop, local_addr=("::1", 0)) as (transport, protocol):
        address = transport.get_extra_info("sockname")
        transport.sendto(b"to myself", address)
        assert await protocol.received(1) == [b"to myself"]
        assert protocol.datagrams[0][1][:2] == address[:2]


@pytest.mark.needs("reuse_port")
async def test_port_is_shared_on_request(loop: AbstractEventLoop) -> None:
    async with endpoint(loop, local_addr=LOOPBACK, reuse_port=True) as (first, _):
        address = first.get_extra_info("sockname")
        async with endpoint(loop, local_addr=address, reuse_port=True) as (second, _):
            assert second.get_extra_info("sockname") == address
        with pytest.raises(OSError):
            await loop.create_datagram_endpoint(DatagramRecorder, local_addr=address)


async def test_broadcast_is_allowed_on_request(loop: AbstractEventLoop) -> None:
    async with endpoint(loop, local_addr=LOOPBACK, allow_broadcast=True) as (transport, _):
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) != 0
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, _):
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) == 0


@pytest.mark.needs("unix_sockets")
async def test_unix_socket_is_used(loop: AbstractEventLoop, short_path: Path) -> None:
    family = socket.AF_UNIX  # type: ignore[attr-defined,unused-ignore]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind(f"{short_path}p")
        peer = Peer(sock)
        async with endpoint(loop, local_addr=str(short_path), family=family) as (
            transport,
            protocol,
        ):
            sock.sendto(b"hello", str(short_path))
            assert await protocol.received(1) == [b"hello"]
            transport.sendto(b"answer", f"{short_path}p")
            assert await peer.recv() == b"answer"


# Refusals and failures


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sock": socket.SOCK_STREAM},
        {"sock": socket.SOCK_DGRAM, "local_addr": LOOPBACK},
        {"local_addr": LOOPBACK, "remote_addr": ("::1", 9), "family": socket.AF_INET6},
    ],
    ids=["nothing", "stream socket", "socket and address", "families that differ"],
)
async def test_arguments_that_do_not_go_together_are_refused(
    loop: AbstractEventLoop, options: dict[str, Any]
) -> None:
    async def create() -> None:
        arguments = dict(options)
        with contextlib.ExitStack() as stack:
            if "sock" in options:
                made = stack.enter_context(socket.socket(socket.AF_INET, options["sock"]))
                made.setblocking(False)
                arguments["sock"] = made
            with pytest.raises((ValueError, socket.gaierror)):
                await loop.create_datagram_endpoint(DatagramRecorder, **arguments)

    assert await growth(create) == set()


async def test_address_in_use_is_an_error_that_leaves_nothing(
    loop: AbstractEventLoop, peer: Peer
) -> None:
    address = peer.sock.getsockname()

    async def create() -> None:
        with pytest.raises(OSError):
            await loop.create_datagram_endpoint(DatagramRecorder, local_addr=address)

    assert await growth(create) == set()


@pytest.mark.needs("posix")
async def test_refusal_of_the_peer_is_told_to_the_protocol(loop: AbstractEventLoop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(LOOPBACK)
        address = sock.getsockname()
    async with endpoint(loop, remote_addr=address) as (transport, protocol):
        transport.sendto(b"nobody there")
        await protocol.until_event("error")
        assert isinstance(protocol.errors[0], ConnectionRefusedError)
        assert not transport.is_closing()
        assert not protocol.lost.done()


async def test_datagram_that_is_too_long_is_told_to_the_protocol(
    loop: AbstractEventLoop, peer: Peer
) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, protocol):
        transport.sendto(bytes(70_000), peer.sock.getsockname())
        await protocol.until_event("error")
        assert isinstance(protocol.errors[0], OSError)
        transport.sendto(b"short", peer.sock.getsockname())
        assert await peer.recv() == b"short"


# Flow control and ends


async def test_many_datagrams_arrive_in_order(loop: AbstractEventLoop, peer: Peer) -> None:
    # UDP over loopback loses nothing that fits into the receiver's buffer.
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, _):
        for number in range(200):
            transport.sendto(b"%d" % number, peer.sock.getsockname())
        assert [await peer.recv() for _ in range(200)] == [b"%d" % n for n in range(200)]
        assert transport.get_write_buffer_size() == 0


@pytest.mark.needs("unix_sockets")
async def test_writing_is_paused_while_the_peer_reads_nothing(
    loop: AbstractEventLoop, short_path: Path
) -> None:
    # Unlike those of UDP, datagrams to a Unix socket wait for their reader.
    family = socket.AF_UNIX  # type: ignore[attr-defined,unused-ignore]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind(str(short_path))
        peer = Peer(sock)
        async with endpoint(loop, remote_addr=str(short_path), family=family) as (
            transport,
            protocol,
        ):
            for number in range(600):
                transport.sendto(number.to_bytes(2, "big") * 1000)
            await protocol.until_event("paused")
            assert transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1]
            received = [await peer.recv() for _ in range(600)]
            assert received == [number.to_bytes(2, "big") * 1000 for number in range(600)]
            await protocol.until_event("resumed")


@pytest.mark.needs("unix_sockets")
async def test_buffer_size_counts_what_was_not_sent(
    loop: AbstractEventLoop, short_path: Path
) -> None:
    family = socket.AF_UNIX  # type: ignore[attr-defined,unused-ignore]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind(str(short_path))
        peer = Peer(sock)
        async with endpoint(loop, remote_addr=str(short_path), family=family) as (transport, _):
            assert transport.get_write_buffer_size() == 0
            for _ in range(600):
                transport.sendto(bytes(1000))
            await settle()
            assert transport.get_write_buffer_size() > 0
            for _ in range(600):
                await peer.recv()
            await settle()
            assert transport.get_write_buffer_size() == 0


async def test_close_calls_connection_lost_later_and_once(loop: AbstractEventLoop) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, protocol):
        transport.close()
        assert transport.is_closing()
        assert protocol.events == ["made"]
        transport.close()
        assert await protocol.lost is None
        transport.abort()
        await settle()
        assert protocol.events == ["made", "lost"]


async def test_close_sends_what_waits(loop: AbstractEventLoop, peer: Peer) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, protocol):
        for _ in range(10):
            transport.sendto(b"last words", peer.sock.getsockname())
        transport.close()
        assert [await peer.recv() for _ in range(10)] == [b"last words"] * 10
        assert await protocol.lost is None


async def test_abort_calls_connection_lost(loop: AbstractEventLoop) -> None:
    async with endpoint(loop, local_addr=LOOPBACK) as (transport, protocol):
        transport.abort()
        assert await protocol.lost is None


async def test_exception_of_the_factory_is_raised_and_leaves_nothing(
    loop: AbstractEventLoop,
) -> None:
    def factory() -> DatagramRecorder:
        raise LookupError("on purpose")

    async def create() -> None:
        with pytest.raises(LookupError, match="on purpose"):
            await loop.create_datagram_endpoint(factory, local_addr=LOOPBACK)

    assert await growth(create) == set()
