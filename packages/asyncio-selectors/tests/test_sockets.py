"""The `sock_*` methods: what they do, and that a cancelled one leaves nothing behind."""

from __future__ import annotations

import os
import select
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support import owners
from asyncio_test_support.sockets import fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop

BIG = bytes(range(256)) * 8192


@pytest.fixture
def listener(listening: socket.socket) -> socket.socket:
    listening.setblocking(False)
    return listening


def test_recv_gives_what_is_there_and_nothing_at_the_end(
    loop: SelectorEventLoop, pair: Any
) -> None:
    left, right = pair

    async def main() -> None:
        receiving = loop.create_task(loop.sock_recv(left, 3))
        await asyncio_core.sleep(0)
        right.send(b"abcdef")
        assert await receiving == b"abc"
        assert await loop.sock_recv(left, 100) == b"def"
        right.close()
        assert await loop.sock_recv(left, 100) == b""

    loop.run_until_complete(main())


def test_recv_into_fills_the_buffer(loop: SelectorEventLoop, pair: Any) -> None:
    left, right = pair
    buffer = bytearray(4)

    async def main() -> None:
        receiving = loop.create_task(loop.sock_recv_into(left, buffer))
        await asyncio_core.sleep(0)
        right.send(b"abcdef")
        assert await receiving == 4
        assert buffer == b"abcd"

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda d: memoryview(d).cast("H")])
def test_sendall_sends_all(loop: SelectorEventLoop, pair: Any, kind: Any) -> None:
    left, right = pair

    async def main() -> None:
        sending = loop.create_task(loop.sock_sendall(left, kind(BIG)))
        received = bytearray()
        while len(received) < len(BIG):
            received += await loop.sock_recv(right, 1 << 17)
        await sending
        assert received == BIG
        await loop.sock_sendall(left, b"")

    loop.run_until_complete(main())


def test_datagrams_are_sent_and_received(loop: SelectorEventLoop) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        for sock in (one, two):
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))

        async def main() -> None:
            receiving = loop.create_task(loop.sock_recvfrom(two, 100))
            await asyncio_core.sleep(0)
            assert await loop.sock_sendto(one, b"first", two.getsockname()) == 5
            assert await receiving == (b"first", one.getsockname())

            buffer = bytearray(10)
            into = loop.create_task(loop.sock_recvfrom_into(two, buffer))
            await asyncio_core.sleep(0)
            await loop.sock_sendto(one, b"second", two.getsockname())
            assert await into == (6, one.getsockname())
            assert buffer[:6] == b"second"

            await loop.sock_sendto(one, b"third", two.getsockname())
            with pytest.raises(ValueError):
                await loop.sock_recvfrom_into(two, buffer, 11)
            if sys.platform == "win32":
                with pytest.raises(OSError):  # what does not fit is an error there, not cut off
                    await loop.sock_recvfrom_into(two, buffer, 3)
            else:
                assert await loop.sock_recvfrom_into(two, buffer, 3) == (3, one.getsockname())

        loop.run_until_complete(main())


def test_connect_and_accept(loop: SelectorEventLoop, listener: socket.socket) -> None:
    async def main() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            accepting = loop.create_task(loop.sock_accept(listener))
            await loop.sock_connect(sock, listener.getsockname())
            connection, address = await accepting
            with connection:
                assert connection.gettimeout() == 0
                assert address == sock.getsockname()
                await loop.sock_sendall(sock, b"hello")
                assert await loop.sock_recv(connection, 10) == b"hello"

    loop.run_until_complete(main())


def test_connect_looks_host_names_up(loop: SelectorEventLoop, listener: socket.socket) -> None:
    async def main() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            port = listener.getsockname()[1]
            await loop.sock_connect(sock, ("localhost", port))
            assert sock.getpeername() == ("127.0.0.1", port)

    loop.run_until_complete(main())


def test_connect_raises_what_the_peer_answers(loop: SelectorEventLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = closed.getsockname()

    async def main() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(ConnectionRefusedError, match=str(address[1])):
                await loop.sock_connect(sock, address)

    loop.run_until_complete(main())


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")
def test_connecting_to_a_full_unix_backlog_waits_for_room(
    loop: SelectorEventLoop, unix_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(unix_path))
        listener.listen(0)
        listener.setblocking(False)
        waiting: list[socket.socket] = []
        while True:
            sock = socket.socket(socket.AF_UNIX)
            sock.setblocking(False)
            try:
                sock.connect(str(unix_path))
            except BlockingIOError:
                break
            waiting.append(sock)

        async def main() -> None:
            connecting = loop.create_task(loop.sock_connect(sock, str(unix_path)))
            await asyncio_core.sleep(0.005)
            assert not connecting.done()
            accepted = [(await loop.sock_accept(listener))[0] for _ in range(len(waiting))]
            await connecting
            assert sock.getpeername() == str(unix_path)
            waiting.extend(accepted)

        loop.run_until_complete(main())
        for each in (*waiting, sock):
            each.close()


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
)
def test_debug_mode_refuses_a_socket_that_blocks(loop: SelectorEventLoop, call: Any) -> None:
    loop.set_debug(True)
    with socket.socket() as sock, pytest.raises(ValueError, match="must be non-blocking"):
        loop.run_until_complete(call(loop, sock))


def test_a_transports_socket_cannot_be_waited_for(loop: SelectorEventLoop, connect: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        sock = protocol.transport._sock
        with pytest.raises(RuntimeError, match="is used by transport"):
            await loop.sock_recv(sock, 1)
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def waits(
    loop: SelectorEventLoop, stack: list[Any]
) -> dict[str, Callable[[], tuple[socket.socket, Any]]]:
    """Each way to wait for a socket, with the socket."""

    def a_pair() -> tuple[socket.socket, socket.socket]:
        both = socket.socketpair()
        for sock in both:
            sock.setblocking(False)
        stack.extend(both)
        return both

    def full() -> socket.socket:
        left, _ = a_pair()
        fill(left)
        return left

    def receiving(make: Callable[[socket.socket], Any]) -> Callable[[], Any]:
        def start() -> tuple[socket.socket, Any]:
            left, _ = a_pair()
            return left, make(left)

        return start

    def sending() -> tuple[socket.socket, Any]:
        left = full()
        return left, loop.sock_sendall(left, b"x")

    def accepting() -> tuple[socket.socket, Any]:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        stack.append(listener)
        return listener, loop.sock_accept(listener)

    def connecting() -> tuple[socket.socket, Any]:
        listener = socket.create_server(("127.0.0.1", 0))
        sock = socket.socket()
        sock.setblocking(False)
        stack.extend((listener, sock))
        return sock, loop.sock_connect(sock, listener.getsockname())

    return {
        "recv": receiving(lambda sock: loop.sock_recv(sock, 1)),
        "recv_into": receiving(lambda sock: loop.sock_recv_into(sock, bytearray(1))),
        "recvfrom": receiving(lambda sock: loop.sock_recvfrom(sock, 1)),
        "recvfrom_into": receiving(lambda sock: loop.sock_recvfrom_into(sock, bytearray(1))),
        "sendall": sending,
        "accept": accepting,
        "connect": connecting,
    }


WAITS = ["recv", "recv_into", "recvfrom", "recvfrom_into", "sendall", "accept", "connect"]


@pytest.mark.parametrize("name", WAITS)
def test_cancelling_takes_the_socket_out_of_the_poller_at_once(
    loop: SelectorEventLoop, name: str
) -> None:
    stack: list[Any] = []

    async def main() -> None:
        sock, waiting = waits(loop, stack)[name]()
        task = loop.create_task(waiting)
        await asyncio_core.sleep(0)
        fd = sock.fileno()
        assert fd in loop._selector.get_map()
        task.cancel()
        # No turn of the loop in between.
        assert fd not in loop._selector.get_map()
        sock.close()
        with pytest.raises(asyncio_core.CancelledError):
            await task
        # The same number works for whoever gets it next.
        left, right = socket.socketpair()
        stack.extend((left, right))
        other = left if left.fileno() == fd else None
        if other is None and sys.platform == "win32":
            other = left  # a socket's number cannot be chosen there
        elif other is None:
            os.dup2(left.fileno(), fd)
            other = socket.socket(fileno=fd)
            stack.append(other)
        other.setblocking(False)
        receiving = loop.create_task(loop.sock_recv(other, 10))
        await asyncio_core.sleep(0)
        right.send(b"new")
        assert await receiving == b"new"

    loop.run_until_complete(main())
    for sock in stack:
        sock.close()


@pytest.mark.parametrize("name", WAITS)
def test_a_coroutine_that_is_closed_takes_the_socket_out_of_the_poller(
    loop: SelectorEventLoop, name: str
) -> None:
    stack: list[Any] = []

    async def main() -> None:
        sock, waiting = waits(loop, stack)[name]()
        iterator = waiting.__await__()
        next(iterator)
        assert sock.fileno() in loop._selector.get_map()
        iterator.close()
        assert sock.fileno() not in loop._selector.get_map()

    loop.run_until_complete(main())
    for sock in stack:
        sock.close()


def test_what_a_cancelled_wait_could_have_received_is_still_there(
    loop: SelectorEventLoop, pair: Any
) -> None:
    left, right = pair

    async def main() -> None:
        task = loop.create_task(loop.sock_recv(left, 10))
        await asyncio_core.sleep(0)
        right.send(b"precious")
        select.select([left], [], [], 10)
        # Cancelled in the turn in which the poller reports the data.
        loop.call_soon(task.cancel)
        with pytest.raises(asyncio_core.CancelledError):
            await task
        assert await loop.sock_recv(left, 10) == b"precious"

    loop.run_until_complete(main())


def test_a_connection_whose_accept_was_cancelled_stays_in_the_backlog(
    loop: SelectorEventLoop, listener: socket.socket
) -> None:
    async def main() -> None:
        task = loop.create_task(loop.sock_accept(listener))
        await asyncio_core.sleep(0)
        with socket.create_connection(listener.getsockname()) as client:
            select.select([listener], [], [], 10)
            loop.call_soon(task.cancel)
            with pytest.raises(asyncio_core.CancelledError):
                await task
            connection, address = await loop.sock_accept(listener)
            with connection:
                assert address == client.getsockname()

    loop.run_until_complete(main())


def test_a_cancelled_wait_leaves_a_later_one_alone(loop: SelectorEventLoop, pair: Any) -> None:
    left, right = pair

    async def main() -> None:
        first = loop.create_task(loop.sock_recv(left, 10))
        await asyncio_core.sleep(0)
        second = loop.create_task(loop.sock_recv(left, 10))
        await asyncio_core.sleep(0)
        first.cancel()
        await asyncio_core.sleep(0)
        right.send(b"for the second")
        assert await asyncio_core.wait_for(second, 10) == b"for the second"[:10]

    loop.run_until_complete(main())


def test_a_datagram_to_a_name_is_looked_up_by_the_loop(
    loop: SelectorEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port))]

    async def main() -> None:
        with (
            socket.socket(type=socket.SOCK_DGRAM) as receiver,
            socket.socket(type=socket.SOCK_DGRAM) as sender,
        ):
            for sock in receiver, sender:
                sock.setblocking(False)
            receiver.bind(("127.0.0.1", 0))
            port = receiver.getsockname()[1]
            for host in ("name.example.test", "127.0.0.1", b"127.0.0.1"):
                assert await loop.sock_sendto(sender, b"data", (host, port)) == 4
                assert await loop.sock_recv(receiver, 10) == b"data"
            assert asked == ["name.example.test"]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    loop.run_until_complete(main())


def test_an_mptcp_socket_connects(loop: SelectorEventLoop) -> None:
    try:
        client = socket.socket(proto=getattr(socket, "IPPROTO_MPTCP", 262))
    except OSError:
        pytest.skip("needs a kernel with MPTCP")

    async def main() -> None:
        with client, socket.create_server(("127.0.0.1", 0)) as listener:
            client.setblocking(False)
            await loop.sock_connect(client, listener.getsockname())
            accepted, _ = listener.accept()
            with accepted:
                await loop.sock_sendall(client, b"x")
                assert accepted.recv(1) == b"x"

    loop.run_until_complete(main())


def test_a_method_that_is_replaced_during_the_wait_is_the_one_that_is_called(
    loop: SelectorEventLoop,
) -> None:
    class Ours(socket.socket):
        pass

    async def main() -> None:
        one, peer = socket.socketpair()
        with Ours(fileno=one.detach()) as sock, peer:
            sock.setblocking(False)

            def would_block(size: int) -> bytes:
                del sock.recv  # type: ignore[method-assign]
                raise BlockingIOError

            sock.recv = would_block  # type: ignore[assignment,method-assign]
            peer.send(b"data")
            assert await loop.sock_recv(sock, 10) == b"data"

    loop.run_until_complete(main())


@pytest.mark.parametrize("call", owners.CALLS)
def test_a_second_owner_of_a_socket_is_refused_and_the_first_goes_on(loop: Any, call: str) -> None:
    owners.refuse_a_second_owner(loop, call)
