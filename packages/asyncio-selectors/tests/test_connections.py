"""Opening connections, and leaving nothing behind when that fails or is given up."""

from __future__ import annotations

import errno
import gc
import socket
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.sockets import reset_when_closed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from asyncio_selectors import SelectorEventLoop


@pytest.fixture
def unused_address() -> tuple[str, int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()  # type: ignore[no-any-return]


def answering(*addresses: tuple[str, int]) -> Callable[..., Any]:
    """A getaddrinfo() that has these addresses for every name."""

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    return getaddrinfo


def connecting_slowly(loop: SelectorEventLoop, address: Any) -> Any:
    """Have connections to `address` take for ever; give a future that is done when one begins."""
    connect = loop.sock_connect
    begun = loop.create_future()

    async def sock_connect(sock: socket.socket, target: Any) -> None:
        if target == address:
            begun.set_result(sock)
            await loop.create_future()
        await connect(sock, target)

    loop.sock_connect = sock_connect  # type: ignore[method-assign]
    return begun


def test_a_host_is_connected_to_and_the_protocol_joined(
    loop: SelectorEventLoop, recorder: Any, listening: socket.socket
) -> None:
    async def main() -> None:
        port = listening.getsockname()[1]
        transport, protocol = await loop.create_connection(recorder, "localhost", port)
        assert protocol.transport is transport
        peer, address = listening.accept()
        with peer:
            assert transport.get_extra_info("sockname") == address
            assert transport.get_extra_info("peername") == listening.getsockname()
            peer.sendall(b"hello")
            await protocol.until(lambda: protocol.data == b"hello")
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_a_connected_socket_is_taken_over(loop: SelectorEventLoop, recorder: Any) -> None:
    async def main() -> None:
        ours, peer = socket.socketpair()
        with peer:
            transport, protocol = await loop.create_connection(recorder, sock=ours)
            assert ours.gettimeout() == 0
            transport.close()
            assert await protocol.lost is None
        assert ours.fileno() == -1

    loop.run_until_complete(main())


def test_a_connection_reset_before_it_is_taken_over_is_an_ordinary_end(
    loop: SelectorEventLoop, recorder: Any, listening: socket.socket, under_wine: bool
) -> None:
    if under_wine:
        pytest.skip("Wine reads a reset as an end")

    class OfMacOS(socket.socket):
        def setsockopt(self, *args: Any) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    async def main() -> None:
        peer = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        reset_when_closed(peer)
        peer.close()
        ours = OfMacOS(accepted.family, accepted.type, accepted.proto, accepted.detach())
        _, protocol = await loop.connect_accepted_socket(recorder, ours)
        assert isinstance(await protocol.lost, ConnectionResetError)

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["create_connection", "connect_accepted_socket"])
def test_a_socket_is_closed_where_the_factory_fails(loop: SelectorEventLoop, method: str) -> None:
    def factory() -> Any:
        raise ZeroDivisionError

    async def main() -> None:
        ours, peer = socket.socketpair()
        with peer, pytest.raises(ZeroDivisionError):
            await getattr(loop, method)(factory, sock=ours)
        assert ours.fileno() == -1

    loop.run_until_complete(main())


def test_the_local_address_can_be_chosen(
    loop: SelectorEventLoop, recorder: Any, listening: socket.socket, unused_address: Any
) -> None:
    async def main() -> None:
        transport, protocol = await loop.create_connection(
            recorder, *listening.getsockname(), local_addr=unused_address
        )
        assert transport.get_extra_info("sockname") == unused_address
        transport.abort()
        await protocol.lost

    loop.run_until_complete(main())


def test_a_local_address_in_use_is_named(
    loop: SelectorEventLoop, recorder: Any, listening: socket.socket
) -> None:
    async def main() -> None:
        address = listening.getsockname()
        with pytest.raises(OSError, match=r"127\.0\.0\.1") as info:
            await loop.create_connection(recorder, *address, local_addr=address)
        assert info.value.errno == errno.EADDRINUSE

    loop.run_until_complete(main())


def test_a_local_address_of_another_family_does_not_fit(
    loop: SelectorEventLoop, recorder: Any, listening: socket.socket
) -> None:
    async def main() -> None:
        with pytest.raises(OSError, match="no matching local address"):
            await loop.create_connection(recorder, *listening.getsockname(), local_addr=("::1", 0))

    loop.run_until_complete(main())


def test_the_only_error_is_raised_as_it_is(
    loop: SelectorEventLoop, recorder: Any, unused_address: Any
) -> None:
    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(recorder, *unused_address)
        loop.getaddrinfo = answering(unused_address, unused_address)  # type: ignore[method-assign]
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(recorder, "example.test", 1)

    loop.run_until_complete(main())


def test_several_errors_are_told_together(
    loop: SelectorEventLoop, recorder: Any, unused_address: Any
) -> None:
    async def main() -> None:
        other = ("127.0.0.2", unused_address[1])
        loop.getaddrinfo = answering(unused_address, other)  # type: ignore[method-assign]
        with pytest.raises(OSError, match=r"Multiple exceptions: .*127\.0\.0\.1.*127\.0\.0\.2"):
            await loop.create_connection(recorder, "example.test", 1)
        with pytest.raises(ExceptionGroup) as info:
            await loop.create_connection(recorder, "example.test", 1, all_errors=True)
        assert [type(exc) for exc in info.value.exceptions] == [ConnectionRefusedError] * 2

    loop.run_until_complete(main())


@pytest.mark.parametrize("delay", [None, 0.01])
def test_the_next_address_is_tried_after_one_that_refuses(
    loop: SelectorEventLoop,
    recorder: Any,
    listening: socket.socket,
    unused_address: Any,
    delay: float | None,
) -> None:
    async def main() -> None:
        there = listening.getsockname()
        loop.getaddrinfo = answering(unused_address, there)  # type: ignore[method-assign]
        transport, protocol = await loop.create_connection(
            recorder, "example.test", 1, happy_eyeballs_delay=delay
        )
        assert transport.get_extra_info("peername") == there
        transport.abort()
        await protocol.lost

    loop.run_until_complete(main())


def test_a_silent_address_is_overtaken_and_its_socket_closed(
    loop: SelectorEventLoop, recorder: Any, listening: socket.socket
) -> None:
    async def main() -> None:
        there, silent = listening.getsockname(), ("127.0.0.1", 1)
        loop.getaddrinfo = answering(silent, there)  # type: ignore[method-assign]
        begun = connecting_slowly(loop, silent)
        transport, protocol = await loop.create_connection(
            recorder, "example.test", 1, happy_eyeballs_delay=0.001
        )
        assert transport.get_extra_info("peername") == there
        assert begun.result().fileno() == -1
        transport.abort()
        await protocol.lost

    loop.run_until_complete(main())


def test_of_two_that_connect_in_the_same_turn_one_is_closed(
    loop: SelectorEventLoop,
    recorder: Any,
    listening: socket.socket,
    descriptors: Callable[[], set[int]],
) -> None:
    async def main() -> None:
        there = listening.getsockname()
        loop.getaddrinfo = answering(there, there)  # type: ignore[method-assign]
        connect = loop.sock_connect
        arrived = 0
        both = loop.create_future()

        async def sock_connect(sock: socket.socket, target: Any) -> None:
            nonlocal arrived
            await connect(sock, target)
            arrived += 1
            if arrived == 2:
                both.set_result(None)
            await both

        loop.sock_connect = sock_connect  # type: ignore[method-assign]
        before = descriptors()
        transport, protocol = await loop.create_connection(
            recorder, "example.test", 1, happy_eyeballs_delay=0.001
        )
        assert len(descriptors() - before) == 1
        transport.abort()
        await protocol.lost

    loop.run_until_complete(main())


@pytest.mark.parametrize("delay", [None, 0.01])
def test_what_is_no_failure_of_the_network_is_raised_as_it_is(
    loop: SelectorEventLoop, recorder: Any, delay: float | None
) -> None:
    async def main() -> None:
        with pytest.raises(OverflowError, match="port must be 0-65535"):
            await loop.create_connection(recorder, "127.0.0.1", 65536, happy_eyeballs_delay=delay)

    loop.run_until_complete(main())


def test_failures_hold_no_cycle(loop: SelectorEventLoop, recorder: Any) -> None:
    class Refused(OSError):
        pass

    async def main() -> None:
        seen: list[Any] = []

        async def sock_connect(sock: socket.socket, target: Any) -> None:
            failure = Refused(f"no. {len(seen)}")
            seen.append(weakref.ref(failure))
            try:
                raise failure
            finally:
                del failure

        loop.sock_connect = sock_connect  # type: ignore[method-assign]
        loop.getaddrinfo = answering(("127.0.0.1", 1), ("127.0.0.1", 2))  # type: ignore[method-assign]
        for options in ({}, {"happy_eyeballs_delay": 0.001}, {"all_errors": True}):
            try:
                await loop.create_connection(recorder, "example.test", 1, **options)
            except (OSError, ExceptionGroup):
                pass
            # Tasks of the race are told apart from what they raised in the next turns.
            await asyncio_core.sleep(0)
            await asyncio_core.sleep(0)
        assert len(seen) == 6
        assert [ref() for ref in seen] == [None] * 6

    gc.collect()
    gc.disable()
    try:
        loop.run_until_complete(main())
    finally:
        gc.enable()


# Cancellation, at every point where there is something to wait for.


@pytest.fixture
def cancel_everywhere(loop: SelectorEventLoop, descriptors: Callable[[], set[int]]) -> Any:
    """Run a coroutine again and again, cancelling it a turn of the loop later each time.

    After each attempt no descriptor and no registration may be left. Returns the number of turns after
    which it came to its own end.
    """

    async def attempt(start: Callable[[], Any], turns: int) -> bool:
        task = loop.create_task(start())
        for _ in range(turns):
            await asyncio_core.sleep(0)
        task.cancel()
        try:
            transport, protocol = await task
        except asyncio_core.CancelledError:
            return False
        transport.abort()
        await protocol.lost
        return True

    def cancel_everywhere(start: Callable[[], Any], settle: Callable[[], Any]) -> int:
        opened, registered = descriptors(), set(loop._selector.get_map())
        turns, done = 0, False
        while not done:
            done = loop.run_until_complete(attempt(start, turns))
            loop.run_until_complete(settle())
            assert set(loop._selector.get_map()) == registered
            assert descriptors() == opened
            turns += 1
        return turns

    return cancel_everywhere


async def some_turns() -> None:
    for _ in range(5):
        await asyncio_core.sleep(0)


def test_cancelling_create_connection_at_every_step_leaves_nothing(
    loop: SelectorEventLoop, recorder: Any, listening: socket.socket, cancel_everywhere: Any
) -> None:
    address = listening.getsockname()
    assert cancel_everywhere(lambda: loop.create_connection(recorder, *address), some_turns) > 1


def test_cancelling_a_race_at_every_step_leaves_nothing(
    loop: SelectorEventLoop, recorder: Any, cancel_everywhere: Any, unused_address: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        address = listening.getsockname()
        loop.getaddrinfo = answering(unused_address, address, address)  # type: ignore[method-assign]

        def race() -> Any:
            return loop.create_connection(recorder, "example.test", 1, happy_eyeballs_delay=0)

        assert cancel_everywhere(race, some_turns) > 3


def test_cancelling_create_datagram_endpoint_at_every_step_leaves_nothing(
    loop: SelectorEventLoop, recorder: Any, cancel_everywhere: Any, unused_address: Any
) -> None:
    def start() -> Any:
        return loop.create_datagram_endpoint(recorder, ("localhost", 0), unused_address)

    assert cancel_everywhere(start, some_turns) > 1


@pytest.mark.parametrize("upgrading", [False, True])
def test_cancelling_a_tls_handshake_at_every_step_leaves_nothing(
    loop: SelectorEventLoop,
    recorder: Any,
    cancel_everywhere: Any,
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    upgrading: bool,
) -> None:
    upgrades: set[Any] = set()

    class Upgraded(asyncio_core.Protocol):
        def connection_made(self, transport: Any) -> None:
            task = loop.create_task(
                loop.start_tls(transport, self, server_context, server_side=True)
            )
            upgrades.add(task)
            task.add_done_callback(lambda task: task.cancelled() or task.exception())

    server = loop.run_until_complete(
        loop.create_server(
            Upgraded if upgrading else asyncio_core.Protocol,
            "127.0.0.1",
            0,
            ssl=None if upgrading else server_context,
        )
    )
    address = server.sockets[0].getsockname()

    async def start() -> Any:
        if not upgrading:
            return await loop.create_connection(
                recorder, *address, ssl=client_context, server_hostname="localhost"
            )
        transport, protocol = await loop.create_connection(recorder, *address)
        encrypted = await loop.start_tls(
            transport, protocol, client_context, server_hostname="localhost"
        )
        return encrypted, protocol

    async def settle() -> None:
        await some_turns()
        server.abort_clients()
        await some_turns()
        upgrades.clear()

    assert cancel_everywhere(start, settle) > 5
    server.close()
    loop.run_until_complete(server.wait_closed())
