"""create_connection(): how a connection comes about, what is refused, and what failing leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import accepted, connection, listening
from loop_kit.protocols import Recorder, growth, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


def refusing_port() -> int:
    """Return a port that nobody listens at."""
    with listening() as listener:
        port: int = listener.getsockname()[1]
        return port


async def test_connection_is_made_before_the_call_returns(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        transport, protocol = await loop.create_connection(Recorder, *listener.getsockname())
        assert protocol.events == ["made"]
        assert protocol.transport is transport
        transport.abort()
        await protocol.lost


async def test_transport_is_one_of_asyncio(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, _, _):
        assert isinstance(transport, asyncio.Transport)


async def test_protocol_of_the_transport_is_the_one_that_was_made(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, _):
        assert transport.get_protocol() is protocol


async def test_name_is_looked_up(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        port = listener.getsockname()[1]
        transport, protocol = await loop.create_connection(Recorder, "localhost", port)
        (await accepted(listener)).close()
        transport.close()
        await protocol.lost


@pytest.mark.needs("ipv6")
async def test_connection_over_ipv6(loop: AbstractEventLoop) -> None:
    with listening(socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        transport, protocol = await loop.create_connection(Recorder, "::1", port)
        assert transport.get_extra_info("peername")[:2] == ("::1", port)
        transport.abort()
        await protocol.lost


async def test_family_narrows_the_look_up(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        port = listener.getsockname()[1]
        transport, protocol = await loop.create_connection(
            Recorder, "localhost", port, family=socket.AF_INET
        )
        assert transport.get_extra_info("socket").family == socket.AF_INET
        transport.abort()
        await protocol.lost


async def test_own_socket_is_used(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        sock = socket.create_connection(listener.getsockname())
        number = sock.fileno()
        # One that blocks is made to not block.
        transport, protocol = await loop.create_connection(Recorder, sock=sock)
        assert transport.get_extra_info("socket").fileno() == number
        peer = await accepted(listener)
        await peer.send(b"hello")
        assert await protocol.received(5) == b"hello"
        transport.close()
        await protocol.lost
        peer.close()
        assert sock.fileno() == -1


async def test_local_address_is_bound(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        port = refusing_port()
        transport, protocol = await loop.create_connection(
            Recorder, *listener.getsockname(), local_addr=("127.0.0.1", port)
        )
        assert transport.get_extra_info("sockname") == ("127.0.0.1", port)
        transport.abort()
        await protocol.lost


async def test_local_address_in_use_is_an_error(loop: AbstractEventLoop) -> None:
    with listening() as listener, listening() as other, pytest.raises(OSError):
        await loop.create_connection(
            Recorder, *listener.getsockname(), local_addr=other.getsockname()
        )


async def test_transport_tells_its_addresses(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, _, peer):
        assert transport.get_extra_info("peername") == peer.sock.getsockname()
        assert transport.get_extra_info("sockname") == peer.sock.getpeername()
        assert transport.get_extra_info("socket").type == socket.SOCK_STREAM
        assert transport.get_extra_info("no such thing") is None
        assert transport.get_extra_info("no such thing", "default") == "default"


async def test_addresses_are_told_after_the_end_too(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        expected = peer.sock.getsockname()
        transport.close()
        await protocol.lost
        assert transport.get_extra_info("peername") == expected


async def test_socket_does_not_wait_to_fill_a_packet(loop: AbstractEventLoop) -> None:
    # TCP_NODELAY is set for all TCP connections since Python 3.6.
    async with connection(loop) as (transport, _, _):
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_several_addresses_are_tried(
    loop: AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as listener:
        address = listener.getsockname()
        refused = ("127.0.0.1", refusing_port())

        async def addresses(*_: object, **__: object) -> list[Any]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", one)
                for one in (refused, refused, address)
            ]

        try:
            monkeypatch.setattr(loop, "getaddrinfo", addresses)
        except AttributeError:
            pytest.skip("a loop whose getaddrinfo() cannot be replaced")
        transport, protocol = await loop.create_connection(Recorder, "a.host", 1)
        assert transport.get_extra_info("peername") == address
        transport.abort()
        await protocol.lost


@pytest.mark.parametrize("options", [{}, {"happy_eyeballs_delay": 0.01}, {"interleave": 1}])
async def test_host_with_several_addresses_is_reached(
    loop: AbstractEventLoop, options: dict[str, Any]
) -> None:
    # An IPv4 server under a name that may have an IPv6 address too.
    with listening() as listener:
        port = listener.getsockname()[1]
        transport, protocol = await loop.create_connection(Recorder, "localhost", port, **options)
        assert transport.get_extra_info("peername")[1] == port
        transport.abort()
        await protocol.lost


# Failing


async def test_refused_connection_raises(loop: AbstractEventLoop) -> None:
    with pytest.raises(ConnectionRefusedError):
        await loop.create_connection(Recorder, "127.0.0.1", refusing_port())


@pytest.mark.since(3, 12)
async def test_all_errors_are_raised_on_request(loop: AbstractEventLoop) -> None:
    create: Any = loop.create_connection
    with pytest.raises(ExceptionGroup) as info:
        await create(Recorder, "127.0.0.1", refusing_port(), all_errors=True)
    assert [type(error) for error in info.value.exceptions] == [ConnectionRefusedError]


async def test_unknown_name_raises(loop: AbstractEventLoop) -> None:
    with pytest.raises(socket.gaierror):
        await loop.create_connection(Recorder, "a name with blanks", 80)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"host": "127.0.0.1", "port": 1, "sock": "stream"},
        {"sock": "datagram"},
        {"host": "127.0.0.1", "port": 1, "server_hostname": "without TLS"},
        {"host": "127.0.0.1", "port": 1, "ssl_handshake_timeout": 1.0},
        {"host": "127.0.0.1", "port": 1, "ssl_shutdown_timeout": 1.0},
        {"sock": "stream", "ssl": True},
    ],
    ids=[
        "nothing",
        "host and socket",
        "datagram socket",
        "server_hostname without ssl",
        "ssl_handshake_timeout without ssl",
        "ssl_shutdown_timeout without ssl",
        "TLS without a name",
    ],
)
async def test_arguments_that_do_not_go_together_are_refused(
    loop: AbstractEventLoop, arguments: dict[str, Any]
) -> None:
    kinds = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM}
    with contextlib.ExitStack() as stack:
        if "sock" in arguments:
            made = socket.socket(socket.AF_INET, kinds[arguments["sock"]])
            arguments = {**arguments, "sock": stack.enter_context(made)}
        with pytest.raises(ValueError):
            await loop.create_connection(Recorder, **arguments)


@pytest.mark.parametrize("when", ["refused", "factory", "connection_made"])
async def test_failing_leaves_no_descriptor(
    loop: AbstractEventLoop, reports: list[dict[str, Any]], when: str
) -> None:
    class Failing(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            raise LookupError("on purpose")

    def factory() -> Recorder:
        if when == "factory":
            raise LookupError("on purpose")
        return Failing()

    with listening() as listener:
        address = listener.getsockname()
        if when == "refused":
            address = ("127.0.0.1", refusing_port())

        async def connect() -> None:
            with contextlib.suppress(LookupError, ConnectionRefusedError):
                transport, _ = await loop.create_connection(factory, *address)
                # Where connection_made() fails, a transport may come back all the same.
                transport.abort()

        assert await growth(connect) == set()
    if when == "connection_made":
        assert [type(report["exception"]) for report in reports] == [LookupError] * 3
        reports.clear()


async def test_exception_of_the_factory_is_raised(loop: AbstractEventLoop) -> None:
    def factory() -> Recorder:
        raise LookupError("on purpose")

    with listening() as listener, pytest.raises(LookupError, match="on purpose"):
        await loop.create_connection(factory, *listener.getsockname())


# Connections that somebody else accepted


async def test_accepted_socket_becomes_a_transport(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        peer_sock = socket.create_connection(listener.getsockname())
        sock, _ = listener.accept()
    with peer_sock:
        transport, protocol = await loop.connect_accepted_socket(Recorder, sock)
        assert protocol.events == ["made"]
        assert transport.get_extra_info("socket").fileno() == sock.fileno()
        peer_sock.sendall(b"hello")
        assert await protocol.received(5) == b"hello"
        transport.write(b"answer")
        transport.close()
        await protocol.lost
        assert peer_sock.recv(100) == b"answer"


async def test_accepted_socket_is_a_stream(loop: AbstractEventLoop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(ValueError):
        await loop.connect_accepted_socket(Recorder, sock)


# Life


async def test_connection_goes_on_although_nobody_holds_its_transport(
    loop: AbstractEventLoop,
) -> None:
    done = loop.create_future()

    class Answering(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data.upper())

        def connection_lost(self, error: BaseException | None) -> None:
            done.set_result(error)

    with listening() as listener:
        await loop.create_connection(Answering, *listener.getsockname())
        peer = await accepted(listener)
    gc.collect()
    await peer.send(b"hello")
    assert await peer.recv_exactly(5) == b"HELLO"
    peer.close()
    assert await done is None


async def test_hundred_connections_at_once(loop: AbstractEventLoop) -> None:
    async with await loop.create_server(Recorder, "127.0.0.1", 0, backlog=200) as server:
        address = server.sockets[0].getsockname()
        made = await asyncio.gather(
            *(loop.create_connection(Recorder, *address) for _ in range(100))
        )
        assert len({transport.get_extra_info("sockname") for transport, _ in made}) == 100
        for transport, protocol in made:
            transport.close()
            await protocol.lost
        await settle()


@pytest.mark.parametrize("step", range(4))
async def test_second_protocol_takes_over(loop: AbstractEventLoop, step: int) -> None:
    async with connection(loop) as (transport, first, peer):
        await peer.send(b"first")
        await first.received(5)
        second = Recorder()
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        for _ in range(step):
            await asyncio.sleep(0)
        await peer.send(b"second")
        assert await second.received(6) == b"second"
        assert first.data == b"first"
        transport.set_protocol(first)
