"""The sock_* methods: plain sockets that do not block, from coroutines."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import Peer, accepted, connected_peer, in_thread, listening
from loop_kit.protocols import same, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Pair = tuple[socket.socket, socket.socket]

#: More than the kernel keeps between two sockets.
MUCH = 4 * 1024 * 1024


@pytest.fixture
def datagrams() -> Iterator[Pair]:
    """Two UDP sockets, bound but not connected."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as left,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as right,
    ):
        for sock in (left, right):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        yield left, right


@pytest.fixture
def new_socket() -> Iterator[socket.socket]:
    """A TCP socket that does not block."""
    with socket.socket() as sock:
        sock.setblocking(False)
        yield sock


# Receiving


async def test_recv_returns_what_is_there(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    left.send(b"there already")
    assert await loop.sock_recv(right, 100) == b"there already"


async def test_recv_waits_for_data(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    receiving = loop.create_task(loop.sock_recv(right, 100))
    await settle()
    assert not receiving.done()
    left.send(b"later")
    assert await receiving == b"later"


async def test_recv_returns_no_more_than_asked_for(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    left.send(b"abcdef")
    assert await loop.sock_recv(right, 4) == b"abcd"
    assert await loop.sock_recv(right, 4) == b"ef"


async def test_recv_returns_nothing_at_the_end(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    left.send(b"last")
    left.close()
    assert await loop.sock_recv(right, 100) == b"last"
    assert await loop.sock_recv(right, 100) == b""


async def test_recv_raises_when_the_connection_was_reset(loop: AbstractEventLoop) -> None:
    with listening() as listener, socket.create_connection(listener.getsockname()) as sock:
        sock.setblocking(False)
        peer = await accepted(listener)
        receiving = loop.create_task(loop.sock_recv(sock, 100))
        await settle()
        peer.reset()
        with pytest.raises(ConnectionResetError):
            await receiving


async def test_recv_into_fills_the_buffer(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    buffer = bytearray(b"........")
    left.send(b"abc")
    assert await loop.sock_recv_into(right, buffer) == 3
    assert buffer == b"abc....."
    left.send(b"longer than the buffer")
    assert await loop.sock_recv_into(right, memoryview(buffer)[:4]) == 4
    assert buffer == b"long...."


async def test_recv_into_waits_and_sees_the_end(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    buffer = bytearray(8)
    receiving = loop.create_task(loop.sock_recv_into(right, buffer))
    await settle()
    assert not receiving.done()
    left.send(b"later")
    assert await receiving == 5
    assert buffer[:5] == b"later"
    left.close()
    assert await loop.sock_recv_into(right, buffer) == 0


# Sending


@pytest.mark.parametrize(
    "data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")], ids=lambda d: type(d).__name__
)
async def test_sendall_takes_what_is_like_bytes(
    loop: AbstractEventLoop, pair: Pair, data: Any
) -> None:
    left, right = pair
    await loop.sock_sendall(left, data)
    assert right.recv(100) == b"bytes"


async def test_sendall_of_nothing_returns(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    await loop.sock_sendall(left, b"")
    await loop.sock_sendall(left, b"x")
    assert right.recv(100) == b"x"


async def test_sendall_sends_more_than_the_kernel_takes(
    loop: AbstractEventLoop, pair: Pair
) -> None:
    left, right = pair
    data = bytes(range(256)) * (MUCH // 256)
    sending = loop.create_task(loop.sock_sendall(left, data))
    await settle()
    assert not sending.done()
    assert same(await Peer(right).recv_exactly(len(data)), data)
    await sending


async def test_sendall_raises_when_the_peer_is_gone(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    sending = loop.create_task(loop.sock_sendall(left, bytes(MUCH)))
    await settle()
    right.close()
    with pytest.raises(ConnectionError):
        await sending


async def test_socket_receives_while_it_sends(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    sending = loop.create_task(loop.sock_sendall(left, bytes(MUCH)))
    receiving = loop.create_task(loop.sock_recv(left, 100))
    await settle()
    right.send(b"against the stream")
    assert await receiving == b"against the stream"
    assert not sending.done()
    assert len(await Peer(right).recv_exactly(MUCH)) == MUCH
    await sending


async def test_two_coroutines_talk(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair

    async def echo() -> None:
        while data := await loop.sock_recv(right, 1000):
            await loop.sock_sendall(right, data)

    echoing = loop.create_task(echo())
    for number in range(200):
        message = b"message %d" % number
        await loop.sock_sendall(left, message)
        assert await loop.sock_recv(left, 100) == message
    left.close()
    await echoing


# Datagrams


async def test_recvfrom_tells_data_and_sender(loop: AbstractEventLoop, datagrams: Pair) -> None:
    left, right = datagrams
    receiving = loop.create_task(loop.sock_recvfrom(right, 100))
    await settle()
    assert not receiving.done()
    left.sendto(b"one", right.getsockname())
    assert await receiving == (b"one", left.getsockname())
    left.sendto(b"two", right.getsockname())
    assert await loop.sock_recvfrom(right, 100) == (b"two", left.getsockname())


async def test_recvfrom_into_tells_count_and_sender(
    loop: AbstractEventLoop, datagrams: Pair
) -> None:
    left, right = datagrams
    buffer = bytearray(10)
    left.sendto(b"one", right.getsockname())
    assert await loop.sock_recvfrom_into(right, buffer) == (3, left.getsockname())
    assert buffer[:3] == b"one"
    left.sendto(b"second", right.getsockname())
    assert await loop.sock_recvfrom_into(right, buffer, 6) == (6, left.getsockname())
    assert buffer[:6] == b"second"


async def test_sendto_sends_to_the_address(loop: AbstractEventLoop, datagrams: Pair) -> None:
    left, right = datagrams
    assert await loop.sock_sendto(left, b"datagram", right.getsockname()) == 8
    assert await Peer(right).recv() == b"datagram"


async def test_empty_datagram_is_sent_and_received(
    loop: AbstractEventLoop, datagrams: Pair
) -> None:
    left, right = datagrams
    assert await loop.sock_sendto(left, b"", right.getsockname()) == 0
    assert await loop.sock_recvfrom(right, 100) == (b"", left.getsockname())


# Connecting and accepting


async def test_connect_connects(loop: AbstractEventLoop, new_socket: socket.socket) -> None:
    with listening() as listener:
        await loop.sock_connect(new_socket, listener.getsockname())
        peer = await accepted(listener)
        assert peer.sock.getpeername() == new_socket.getsockname()
        peer.close()


async def test_connect_looks_a_name_up(loop: AbstractEventLoop, new_socket: socket.socket) -> None:
    with listening() as listener:
        await loop.sock_connect(new_socket, ("localhost", listener.getsockname()[1]))
        (await accepted(listener)).close()


async def test_connect_raises_when_refused(
    loop: AbstractEventLoop, new_socket: socket.socket
) -> None:
    with listening() as listener:
        address = listener.getsockname()
    with pytest.raises(ConnectionRefusedError):
        await loop.sock_connect(new_socket, address)


async def test_connect_raises_for_an_unknown_name(
    loop: AbstractEventLoop, new_socket: socket.socket
) -> None:
    with pytest.raises(socket.gaierror):
        await loop.sock_connect(new_socket, ("a name with blanks", 1))


@pytest.mark.needs("ipv6")
async def test_connect_over_ipv6(loop: AbstractEventLoop) -> None:
    with listening(socket.AF_INET6) as listener, socket.socket(socket.AF_INET6) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, listener.getsockname())
        (await accepted(listener)).close()


@pytest.mark.needs("unix_sockets")
async def test_connect_to_a_unix_socket(loop: AbstractEventLoop, short_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as listener,  # type: ignore[attr-defined,unused-ignore]
        socket.socket(socket.AF_UNIX) as sock,  # type: ignore[attr-defined,unused-ignore]
    ):
        sock.setblocking(False)
        with pytest.raises(FileNotFoundError):
            await loop.sock_connect(sock, str(short_path))
        listener.bind(str(short_path))
        listener.listen()
        await loop.sock_connect(sock, str(short_path))
        (await accepted(listener)).close()


async def test_accept_returns_socket_and_address(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        listener.setblocking(False)
        accepting = loop.create_task(loop.sock_accept(listener))
        await settle()
        assert not accepting.done()
        peer = await connected_peer(listener.getsockname())
        sock, address = await accepting
        with sock:
            assert address == peer.sock.getsockname()
            assert sock.gettimeout() == 0
            await peer.send(b"hello")
            assert await loop.sock_recv(sock, 100) == b"hello"
        peer.close()


async def test_accept_takes_one_connection_after_another(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        address = listener.getsockname()
        listener.setblocking(False)
        for _ in range(10):
            peer = await connected_peer(address)
            sock, _ = await loop.sock_accept(listener)
            sock.close()
            peer.close()


# What is refused


@pytest.mark.parametrize(
    "call",
    [
        lambda loop, sock: loop.sock_recv(sock, 1),
        lambda loop, sock: loop.sock_recv_into(sock, bytearray(1)),
        lambda loop, sock: loop.sock_recvfrom(sock, 1),
        lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(1)),
        lambda loop, sock: loop.sock_sendall(sock, b"x"),
        lambda loop, sock: loop.sock_sendto(sock, b"x", ("127.0.0.1", 9)),
        lambda loop, sock: loop.sock_connect(sock, ("127.0.0.1", 9)),
        lambda loop, sock: loop.sock_accept(sock),
    ],
    ids=[
        "recv",
        "recv_into",
        "recvfrom",
        "recvfrom_into",
        "sendall",
        "sendto",
        "connect",
        "accept",
    ],
)
async def test_blocking_socket_is_refused_in_debug_mode(
    loop: AbstractEventLoop, call: Callable[[AbstractEventLoop, socket.socket], Any]
) -> None:
    loop.set_debug(True)
    with socket.socket() as sock, pytest.raises(ValueError):
        await call(loop, sock)


@pytest.mark.parametrize(
    "call",
    [
        lambda loop, sock: loop.sock_recv(sock, 1),
        lambda loop, sock: loop.sock_sendall(sock, b"x"),
        lambda loop, sock: loop.sock_connect(sock, ("127.0.0.1", 9)),
        lambda loop, sock: loop.sock_accept(sock),
    ],
    ids=["recv", "sendall", "connect", "accept"],
)
async def test_tls_socket_is_refused(
    loop: AbstractEventLoop, call: Callable[[AbstractEventLoop, socket.socket], Any]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with context.wrap_socket(socket.socket(), server_hostname="localhost") as sock:
        sock.setblocking(False)
        with pytest.raises(TypeError):
            await call(loop, sock)


# Cancelling


async def test_cancelled_recv_takes_no_data(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    receiving = loop.create_task(loop.sock_recv(right, 100))
    await settle()
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    left.send(b"for the next")
    await settle()
    assert await loop.sock_recv(right, 100) == b"for the next"


async def test_recv_timed_out_takes_no_data(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(loop.sock_recv(right, 100), 0.001)
    left.send(b"for the next")
    assert await loop.sock_recv(right, 100) == b"for the next"


async def test_cancelled_accept_takes_no_connection(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        listener.setblocking(False)
        accepting = loop.create_task(loop.sock_accept(listener))
        await settle()
        accepting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await accepting
        peer = await connected_peer(listener.getsockname())
        sock, _ = await loop.sock_accept(listener)
        sock.close()
        peer.close()


async def test_cancelled_sendall_sends_no_more(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    sending = loop.create_task(loop.sock_sendall(left, bytes(MUCH)))
    await settle()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    reading = in_thread(_drain, right)
    assert await reading < MUCH
    await settle()
    with pytest.raises(BlockingIOError):
        right.recv(1)


def _drain(sock: socket.socket) -> int:
    """Read what the kernel holds and return how much it was."""
    count = 0
    try:
        while data := sock.recv(1 << 20):
            count += len(data)
    except BlockingIOError:
        pass
    return count


@pytest.mark.needs("readiness")
async def test_cancelled_calls_leave_nothing_registered(
    loop: AbstractEventLoop, pair: Pair
) -> None:
    left, right = pair
    calls = [loop.sock_recv(right, 100), loop.sock_sendall(left, bytes(MUCH))]
    tasks = [loop.create_task(call) for call in calls]
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not loop.remove_reader(right)
    assert not loop.remove_writer(left)


async def test_socket_can_be_closed_after_a_cancelled_call(loop: AbstractEventLoop) -> None:
    for _ in range(5):
        left, right = socket.socketpair()
        left.setblocking(False)
        right.setblocking(False)
        receiving = loop.create_task(loop.sock_recv(right, 100))
        await settle(1)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        left.close()
        right.close()
