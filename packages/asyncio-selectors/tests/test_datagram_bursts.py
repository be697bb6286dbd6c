"""Datagrams that come faster than they are read: several are received at once, and none is lost.

These run on both forms.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asyncio_selectors import SelectorEventLoop

BURST = 100


@pytest.fixture(params=["127.0.0.1", "::1"])
def sender(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((request.param, 0))
        except OSError as exc:
            pytest.skip(f"no {request.param} here: {exc}")
        yield sock


class Collecting(asyncio_core.DatagramProtocol):
    """Keeps what it is told, and does something of the test's after each datagram."""

    transport: Any

    def __init__(self, wanted: int, after: Callable[[Collecting], object] = lambda _: None) -> None:
        self.got: list[tuple[bytes, Any]] = []
        self.wanted = wanted
        self.after = after
        self.lost: asyncio_core.Future[None] = asyncio_core.get_running_loop().create_future()
        self.complete: asyncio_core.Future[None] = asyncio_core.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.append((data, addr))
        if len(self.got) == self.wanted:
            self.complete.set_result(None)
        self.after(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)


def opened(
    loop: SelectorEventLoop, sender: socket.socket, make: Callable[[], Collecting]
) -> tuple[Collecting, Any]:
    local = (sender.getsockname()[0], 0)
    transport, protocol = loop.run_until_complete(
        loop.create_datagram_endpoint(make, local_addr=local)
    )
    return protocol, transport.get_extra_info("sockname")


def test_all_of_a_burst_come_in_their_order_with_their_sender(
    loop: SelectorEventLoop, sender: socket.socket
) -> None:
    protocol, target = opened(loop, sender, lambda: Collecting(BURST))
    for number in range(BURST):
        sender.sendto(b"%d" % number, target)
    loop.run_until_complete(protocol.complete)
    assert protocol.got == [(b"%d" % number, sender.getsockname()) for number in range(BURST)]
    protocol.transport.close()
    loop.run_until_complete(protocol.lost)


def test_each_is_answered_to_where_it_came_from(
    loop: SelectorEventLoop, sender: socket.socket
) -> None:
    def answer(protocol: Collecting) -> None:
        data, addr = protocol.got[-1]
        protocol.transport.sendto(data.upper(), addr)
        protocol.transport.sendto(bytearray(data), (addr[0], addr[1], *addr[2:]))
        protocol.transport.sendto(memoryview(b"!"), addr)

    protocol, target = opened(loop, sender, lambda: Collecting(2 * BURST, answer))
    others = [socket.socket(sender.family, socket.SOCK_DGRAM) for _ in range(BURST)]
    for other in others:
        other.sendto(b"a", target)
        other.sendto(b"b", target)
    loop.run_until_complete(protocol.complete)
    for other in others:
        with other:
            assert [other.recv(10) for _ in range(6)] == [b"A", b"a", b"!", b"B", b"b", b"!"]
    protocol.transport.close()
    loop.run_until_complete(protocol.lost)


def test_what_a_protocol_raises_costs_none_of_the_others(
    loop: SelectorEventLoop, sender: socket.socket
) -> None:
    reports: list[Any] = []

    def fail(protocol: Collecting) -> None:
        raise ZeroDivisionError(len(protocol.got))

    protocol, target = opened(loop, sender, lambda: Collecting(BURST, fail))
    loop.set_exception_handler(lambda _, context: reports.append(context))
    for number in range(BURST):
        sender.sendto(b"%d" % number, target)
    loop.run_until_complete(protocol.complete)
    protocol.transport.close()
    loop.run_until_complete(protocol.lost)
    assert [data for data, _ in protocol.got] == [b"%d" % number for number in range(BURST)]
    assert [report["exception"].args for report in reports] == [(n + 1,) for n in range(BURST)]


@pytest.mark.parametrize("end", ["close", "abort"])
def test_nothing_comes_after_the_end(
    loop: SelectorEventLoop, sender: socket.socket, end: str
) -> None:
    last = 20

    def close(protocol: Collecting) -> None:
        if len(protocol.got) == last:
            getattr(protocol.transport, end)()

    protocol, target = opened(loop, sender, lambda: Collecting(last, close))
    for number in range(BURST):
        sender.sendto(b"%d" % number, target)
    loop.run_until_complete(protocol.lost)
    assert len(protocol.got) == last


def test_another_protocol_gets_the_rest(loop: SelectorEventLoop, sender: socket.socket) -> None:
    second = None

    def switch(protocol: Collecting) -> None:
        nonlocal second
        if len(protocol.got) == 10:
            second = Collecting(BURST - 10)
            second.transport = protocol.transport
            protocol.transport.set_protocol(second)

    protocol, target = opened(loop, sender, lambda: Collecting(10, switch))
    for number in range(BURST):
        sender.sendto(b"%d" % number, target)
    loop.run_until_complete(protocol.complete)
    assert second is not None
    loop.run_until_complete(second.complete)
    together = protocol.got + second.got
    assert [data for data, _ in together] == [b"%d" % number for number in range(BURST)]
    protocol.transport.close()
    loop.run_until_complete(second.lost)


def test_empty_and_long_datagrams_come_whole(
    loop: SelectorEventLoop, sender: socket.socket
) -> None:
    longest = 65_507 if sender.family == socket.AF_INET else 65_487
    sizes = [0, 1, longest, 0, 1500, longest]
    protocol, target = opened(loop, sender, lambda: Collecting(len(sizes)))
    for size in sizes:
        sender.sendto(b"x" * size, target)
    loop.run_until_complete(protocol.complete)
    assert [len(data) for data, _ in protocol.got] == sizes
    protocol.transport.close()
    loop.run_until_complete(protocol.lost)
