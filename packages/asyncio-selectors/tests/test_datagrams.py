"""Datagram transports."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.datagrams import address_of, close, endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop


@pytest.mark.parametrize(
    "data", [b"plain", bytearray(b"mutable"), memoryview(b"view"), b"", b"x" * 60_000]
)
def test_datagrams_arrive_as_they_were_sent(
    loop: SelectorEventLoop, recorder: Any, data: Any
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        two = await endpoint(loop, recorder)
        one.transport.sendto(data, address_of(two))
        await two.until(lambda: two.sizes)
        assert two.data == bytes(data)
        assert two.sizes == [len(data)]
        assert two.datagrams[-1][1] == address_of(one)
        await close(one, two)

    loop.run_until_complete(main())


def test_a_connected_endpoint_needs_no_address_and_takes_no_other(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        server = await endpoint(loop, recorder)
        client = await endpoint(loop, recorder, remote_addr=address_of(server))
        assert client.transport.get_extra_info("peername") == address_of(server)
        client.transport.sendto(b"one")
        client.transport.sendto(b"two", address_of(server))
        with pytest.raises(ValueError, match="Invalid address: must be None or"):
            client.transport.sendto(b"three", ("127.0.0.1", 9))
        await server.until(lambda: len(server.sizes) == 2)
        assert server.data == b"onetwo"
        await close(client, server)

    loop.run_until_complete(main())


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_ipv6_datagrams(loop: SelectorEventLoop, recorder: Any) -> None:
    async def main() -> None:
        try:
            one = await endpoint(loop, recorder, local_addr=("::1", 0))
        except OSError:
            pytest.skip("needs an IPv6 loopback address")
        two = await endpoint(loop, recorder, local_addr=("::1", 0))
        one.transport.sendto(b"six", address_of(two))
        await two.until(lambda: two.data == b"six")
        assert two.datagrams[-1][1] == address_of(one)
        await close(one, two)

    loop.run_until_complete(main())


def test_nobody_listening_is_told_and_the_endpoint_lives(
    loop: SelectorEventLoop, recorder: Any, under_wine: bool
) -> None:
    if under_wine:
        pytest.skip("Wine tells nobody that there is nobody")

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = nobody.getsockname()
        client = await endpoint(loop, recorder, remote_addr=address)
        client.transport.sendto(b"anybody?")
        await client.until(lambda: bool(client.errors))
        # Windows calls it a reset.
        assert isinstance(client.errors[-1], ConnectionError)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
            somebody.bind(address)
            somebody.settimeout(20)
            client.transport.sendto(b"now?")
            assert somebody.recv(100) == b"now?"
        await close(client)

    loop.run_until_complete(main())


def test_a_datagram_that_is_too_long_is_an_error_of_its_own(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        one.transport.sendto(bytes(100_000), address_of(one))
        assert isinstance(one.errors[-1], OSError)
        one.transport.sendto(b"short", address_of(one))
        await one.until(lambda: one.data == b"short")
        await close(one)

    loop.run_until_complete(main())


@pytest.fixture
def unix_pair() -> Any:
    """Datagram sockets of which one blocks soon when the other is not read."""
    if sys.platform == "win32":
        pytest.skip("needs Unix sockets")
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.setblocking(False)
    right.setblocking(False)
    yield left, right
    left.close()
    right.close()


def test_datagrams_wait_and_the_protocol_is_paused(
    loop: SelectorEventLoop, recorder: Any, unix_pair: Any
) -> None:
    left, right = unix_pair

    async def main() -> None:
        sender = await endpoint(loop, recorder, sock=left)
        transport = sender.transport
        transport.set_write_buffer_limits(high=5000, low=100)
        sent = []
        while not sender.pauses:
            data = bytearray(b"%05d" % len(sent) + bytes(1000))
            transport.sendto(data)
            sent.append(bytes(data))
            # Reused at once, as it may be.
            data[:] = b"\xff" * len(data)
        transport.sendto(b"")
        sent.append(b"")
        assert transport.get_write_buffer_size() > 5000
        received = [await loop.sock_recv(right, 2000) for _ in sent]
        assert received == sent
        assert sender.pauses == ["pause", "resume"]
        assert transport.get_write_buffer_size() == 0
        await close(sender)

    loop.run_until_complete(main())


def test_close_sends_what_waits_and_abort_does_not(
    loop: SelectorEventLoop, recorder: Any, unix_pair: Any
) -> None:
    left, right = unix_pair

    async def main() -> None:
        flushing = await endpoint(loop, recorder, sock=left.dup())
        count = 0
        while not flushing.transport.get_write_buffer_size():
            flushing.transport.sendto(b"x" * 1000)
            count += 1
        flushing.transport.close()
        assert flushing.transport.is_closing() and not flushing.lost.done()
        for _ in range(count):
            assert await loop.sock_recv(right, 2000) == b"x" * 1000
        assert await flushing.lost is None
        flushing.transport.sendto(b"ignored")

        dropping = await endpoint(loop, recorder, sock=left.dup())
        while not dropping.transport.get_write_buffer_size():
            dropping.transport.sendto(b"y" * 1000)
        fd = dropping.transport._sock_fd
        dropping.transport.abort()
        assert fd not in loop._selector.get_map()
        assert dropping.transport.get_write_buffer_size() == 0
        assert await dropping.lost is None

    loop.run_until_complete(main())


def test_a_name_resolved_without_a_protocol_goes_with_a_number(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def as_windows_does(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("127.0.0.1", port))]

    async def main() -> None:
        loop.getaddrinfo = as_windows_does  # type: ignore[method-assign]
        one = await endpoint(
            loop, recorder, local_addr=("example.test", 0), remote_addr=("127.0.0.1", 9)
        )
        assert one.transport.get_extra_info("peername") == ("127.0.0.1", 9)
        await close(one)

    loop.run_until_complete(main())


def test_unix_datagrams_with_addresses(
    loop: SelectorEventLoop, recorder: Any, unix_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs Unix sockets")

    async def main() -> None:
        other = str(unix_path.with_name("t"))
        options = {"family": socket.AF_UNIX}
        one = await endpoint(loop, recorder, local_addr=str(unix_path), **options)
        two = await endpoint(loop, recorder, local_addr=other, **options)
        one.transport.sendto(b"z" * 100_000, other)
        await two.until(lambda: len(two.data) == 100_000)
        assert two.datagrams[-1][1] == str(unix_path)
        await close(one, two)

    loop.run_until_complete(main())


@pytest.mark.parametrize("data", ["text", None, 7])
def test_only_bytes_can_be_sent(loop: SelectorEventLoop, recorder: Any, data: Any) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder)
        with pytest.raises(TypeError, match="must be a bytes-like object"):
            one.transport.sendto(data, address_of(one))
        await close(one)

    loop.run_until_complete(main())


def test_a_failing_protocol_is_reported_and_hears_more(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    class Failing(recorder):  # type: ignore[misc]
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"bad":
                raise LookupError("mine")

    async def main() -> None:
        one = await endpoint(loop, Failing)
        one.transport.sendto(b"bad", address_of(one))
        one.transport.sendto(b"good", address_of(one))
        await one.until(lambda: one.data == b"badgood")
        await close(one)

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert isinstance(report["exception"], LookupError)
    loop.reported.clear()  # type: ignore[attr-defined]


def test_broadcasting_is_allowed_where_asked_for(loop: SelectorEventLoop, recorder: Any) -> None:
    async def main() -> None:
        one = await endpoint(loop, recorder, allow_broadcast=True)
        sock = one.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
        await close(one)
        await asyncio_core.sleep(0)

    loop.run_until_complete(main())
