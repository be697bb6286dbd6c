"""The `sock_*` calls."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_iocp import sockets
from asyncio_test_support import owners

if TYPE_CHECKING:
    from collections.abc import Iterator

WITH_NULL = ("127.0.0.1\0.example.org", 9)
DATA = bytes(range(256)) * 4096


def test_data_goes_both_ways(loop: Any, pair: Any) -> None:
    left, right = pair

    async def main() -> None:
        receiving = loop.create_task(loop.sock_recv(right, 100))
        await asyncio_core.sleep(0)
        await loop.sock_sendall(left, b"hello")
        assert await receiving == b"hello"
        await loop.sock_sendall(right, memoryview(b"answer"))
        buffer = bytearray(10)
        assert await loop.sock_recv_into(left, buffer) == 6
        assert buffer[:6] == b"answer"
        left.shutdown(socket.SHUT_WR)
        assert await loop.sock_recv(right, 100) == b""

    loop.run_until_complete(main())


def test_all_of_it_is_sent_however_long_it_takes(loop: Any, pair: Any) -> None:
    left, right = pair

    async def receive() -> bytes:
        got = bytearray()
        while len(got) < 8 * len(DATA):
            got += await loop.sock_recv(right, 65536)
        return bytes(got)

    async def main() -> None:
        receiving = loop.create_task(receive())
        await loop.sock_sendall(left, DATA * 8)
        assert await receiving == DATA * 8

    loop.run_until_complete(main())


def test_more_than_the_system_takes_at_once_is_sent_in_parts(
    loop: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MOST_AT_ONCE", 10_000)
    left, right = pair

    async def main() -> None:
        sending = loop.create_task(loop.sock_sendall(left, DATA * 8))
        got = bytearray()
        while len(got) < len(DATA) * 8:
            got += await loop.sock_recv(right, 65536)
        await sending
        assert got == DATA * 8

    loop.run_until_complete(main())


def test_empty_data_is_sent_at_once(loop: Any, pair: Any) -> None:
    loop.run_until_complete(loop.sock_sendall(pair[0], b""))


def test_connections_are_made_and_accepted(loop: Any) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            listener.setblocking(False)
            client.setblocking(False)
            accepting = loop.create_task(loop.sock_accept(listener))
            await loop.sock_connect(client, listener.getsockname())
            connection, address = await accepting
            with connection:
                assert address == client.getsockname()
                assert connection.gettimeout() == 0
                await loop.sock_sendall(client, b"x")
                assert await loop.sock_recv(connection, 1) == b"x"

    loop.run_until_complete(main())


def test_host_names_are_looked_up(loop: Any) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("localhost", listener.getsockname()[1]))
            assert client.getpeername() == listener.getsockname()

    loop.run_until_complete(main())


def test_nobody_listening_is_an_error(loop: Any) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
        with socket.socket() as client:
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(client, address)

    loop.run_until_complete(main())


def test_datagrams(loop: Any) -> None:
    async def main() -> None:
        one, two = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        with one, two:
            for sock in (one, two):
                sock.setblocking(False)
                sock.bind(("127.0.0.1", 0))
            here, there = one.getsockname(), two.getsockname()
            assert await loop.sock_sendto(one, b"hello", there) == 5
            assert await loop.sock_recvfrom(two, 100) == (b"hello", here)
            await loop.sock_sendto(one, b"again", there)
            buffer = bytearray(10)
            assert await loop.sock_recvfrom_into(two, buffer) == (5, here)
            assert buffer[:5] == b"again"
            await loop.sock_sendto(one, b"third", there)
            assert await loop.sock_recvfrom_into(two, buffer, 5) == (5, here)
            with pytest.raises(ValueError, match=r"nbytes is -1, .* 10"):
                await loop.sock_recvfrom_into(two, buffer, -1)
            with pytest.raises(ValueError, match=r"nbytes is 11, .* 10"):
                await loop.sock_recvfrom_into(two, buffer, 11)

    loop.run_until_complete(main())


@pytest.mark.parametrize("call", ["recv", "accept"])
def test_what_is_cancelled_leaves_the_socket_usable(loop: Any, pair: Any, call: str) -> None:
    left, right = pair

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            waiting = loop.create_task(
                loop.sock_recv(right, 10) if call == "recv" else loop.sock_accept(listener)
            )
            await asyncio_core.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio_core.CancelledError):
                await waiting
            await asyncio_core.sleep(0)
            await loop.sock_sendall(left, b"still here")
            assert await loop.sock_recv(right, 10) == b"still here"
            with socket.create_connection(listener.getsockname()) as client:
                connection, address = await loop.sock_accept(listener)
                connection.close()
                assert address == client.getsockname()

    loop.run_until_complete(main())


def test_connection_accepted_for_one_who_is_cancelled_is_closed(
    loop: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        accepted = loop.create_future()
        monkeypatch.setattr(loop._proactor, "accept", lambda listener: accepted)
        waiting = loop.create_task(loop.sock_accept(pair[1]))
        await asyncio_core.sleep(0)
        accepted.set_result((pair[0], None))
        waiting.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await waiting
        assert pair[0].fileno() == -1

    loop.run_until_complete(main())


def every_call(loop: Any, sock: Any) -> Iterator[Any]:
    yield loop.sock_recv(sock, 1)
    yield loop.sock_recv_into(sock, bytearray(1))
    yield loop.sock_recvfrom(sock, 1)
    yield loop.sock_recvfrom_into(sock, bytearray(1))
    yield loop.sock_sendall(sock, b"x")
    yield loop.sock_sendto(sock, b"x", ("127.0.0.1", 9))
    yield loop.sock_accept(sock)
    yield loop.sock_connect(sock, ("127.0.0.1", 9))


def test_debug_mode_refuses_sockets_that_block(loop: Any) -> None:
    loop.set_debug(True)

    async def main() -> None:
        with socket.socket() as sock:
            for call in every_call(loop, sock):
                with pytest.raises(ValueError, match="must be non-blocking"):
                    await call

    loop.run_until_complete(main())


def test_sockets_of_transports_are_theirs(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        for call in every_call(loop, protocol.transport._sock):
            with pytest.raises(RuntimeError, match="is used by transport"):
                await call
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_sockets_with_tls_of_their_own_are_refused(loop: Any) -> None:
    context = ssl.create_default_context()

    async def main() -> None:
        with context.wrap_socket(socket.socket(), server_hostname="localhost") as sock:
            sock.setblocking(False)
            for call in every_call(loop, sock):
                with pytest.raises(TypeError, match="SSLSocket"):
                    await call

    loop.run_until_complete(main())


def test_closed_socket_is_an_error_and_nothing_hangs(loop: Any) -> None:
    async def main() -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.close()
        for call in (
            loop.sock_recv(sock, 1),
            loop.sock_recv_into(sock, bytearray(1)),
            loop.sock_sendall(sock, b"x"),
            loop.sock_accept(sock),
        ):
            with pytest.raises(OSError, match=r"\w"):
                await call

    loop.run_until_complete(main())


def test_null_characters_and_impossible_names_are_refused(loop: Any) -> None:
    async def main() -> None:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            for sock in tcp, udp:
                sock.setblocking(False)
            for address, error in ((WITH_NULL, ValueError), (("a..b", 9), socket.gaierror)):
                with pytest.raises(error):
                    await loop.sock_connect(tcp, address)
                with pytest.raises(error):
                    await loop.sock_sendto(udp, b"x", address)

    loop.run_until_complete(main())


@pytest.mark.parametrize("call", owners.CALLS)
def test_a_second_owner_of_a_socket_is_refused_and_the_first_goes_on(loop: Any, call: str) -> None:
    owners.refuse_a_second_owner(loop, call)
