"""A descriptor's number says nothing about the file behind it."""

from __future__ import annotations

import importlib
import os
import select
import selectors
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform == "win32":
    pytest.skip("a socket's number cannot be chosen there", allow_module_level=True)

import fcntl

import asyncio_core
from asyncio_selectors import SelectorEventLoop
from asyncio_test_support.loops import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pollers() -> list[str]:
    names = ["select", "poll", "foreign"]
    return [*names, *(name for name in ("epoll", "kqueue") if hasattr(select, name))]


@pytest.fixture(params=pollers())
def made(request: pytest.FixtureRequest) -> Iterator[SelectorEventLoop]:
    name = request.param
    if name == "foreign":
        make: Any = selectors.DefaultSelector
    else:
        module = importlib.import_module(f"asyncio_selectors.poll_{name}")
        make = getattr(module, f"{name.title()}Poller")
    with watched(SelectorEventLoop(make())) as loop:
        yield loop


class Numbered:
    """Sockets whose number was another's, and what has to be closed afterwards."""

    def __init__(self, alive: bool) -> None:
        self.alive = alive
        self.open: list[Any] = []

    def pair(self) -> tuple[socket.socket, socket.socket]:
        left, right = socket.socketpair()
        for end in (left, right):
            end.setblocking(False)
        self.open += [left, right]
        return left, right

    def replace(self, sock: socket.socket) -> tuple[socket.socket, socket.socket]:
        """Close `sock`; return a socket that has its number, and its peer."""
        number = sock.fileno()
        if self.alive:
            duplicate = os.dup(number)
            self.open.append(duplicate)
        sock.close()
        other, peer = self.pair()
        if peer.fileno() == number:
            return peer, other
        if other.fileno() == number:
            return other, peer
        os.dup2(other.fileno(), number)
        reused = socket.socket(fileno=number)
        self.open.append(reused)
        return reused, peer


@pytest.fixture(params=["closed", "alive in a duplicate"])
def numbered(request: pytest.FixtureRequest) -> Iterator[Numbered]:
    made = Numbered(request.param != "closed")
    yield made
    for one in made.open:
        if isinstance(one, int):
            os.close(one)
        else:
            one.close()


def turns(loop: SelectorEventLoop, until: Callable[[], Any]) -> None:
    """Run until something holds; fail where it takes too long."""
    end = time.monotonic() + 5
    while not until():
        assert time.monotonic() < end
        loop.call_later(0.005, loop.stop)
        loop.run_forever()


@pytest.mark.parametrize("by", ["object", "number"])
def test_a_reader_of_a_number_that_was_anothers_is_called(
    made: Any, numbered: Numbered, by: str
) -> None:
    if by == "number" and type(made._selector).__module__ == "selectors":
        pytest.skip("selectors of others are told of numbers only where events differ")
    former: list[int] = []
    first, _ = numbered.pair()
    made.add_reader(first if by == "object" else first.fileno(), former.append, 1)
    second, peer = numbered.replace(first)
    seen: list[bytes] = []
    made.add_reader(
        second if by == "object" else second.fileno(), lambda: seen.append(second.recv(9))
    )
    peer.send(b"x")
    turns(made, lambda: seen)
    assert seen == [b"x"]
    assert former == []
    assert made.remove_reader(second)
    assert not made.remove_reader(second)


def test_a_writer_of_a_number_whose_reader_is_gone_is_called_alone(
    made: Any, numbered: Numbered
) -> None:
    former: list[int] = []
    seen: list[int] = []
    first, _ = numbered.pair()
    made.add_reader(first, former.append, 1)
    second, peer = numbered.replace(first)
    made.add_writer(second, seen.append, 2)
    peer.send(b"x")
    turns(made, lambda: len(seen) > 2)
    assert former == []
    assert made.remove_writer(second)
    if hasattr(made._selector, "_kqueue"):
        return
    assert not made.remove_reader(second)


@pytest.mark.parametrize("kind", ["reader", "writer"])
def test_what_is_stale_can_be_removed_and_added_again(
    made: Any, numbered: Numbered, kind: str
) -> None:
    add, remove = getattr(made, f"add_{kind}"), getattr(made, f"remove_{kind}")
    first, _ = numbered.pair()
    made.add_reader(first, print)
    made.add_writer(first, print)
    second, peer = numbered.replace(first)
    assert remove(second)
    seen: list[int] = []
    add(second, seen.append, 1)
    peer.send(b"x")
    turns(made, lambda: seen)
    assert remove(second)
    # Whether the other half is still known or not.
    made.remove_reader(second)
    made.remove_writer(second)
    assert second.fileno() not in made._selector.get_map()


def test_a_stale_registration_that_is_removed_first_is_no_hindrance(
    made: Any, numbered: Numbered
) -> None:
    first, first_peer = numbered.pair()
    former: list[int] = []
    made.add_reader(first, former.append, 1)
    number = first.fileno()
    if numbered.alive:
        numbered.open.append(os.dup(number))
    first.close()
    assert made.remove_reader(number)
    if numbered.alive:
        if type(made._selector).__module__ == "selectors":
            pytest.skip("selectors of others go on asking for what they do not know any more")
        # The file has something to read under a number of nobody.
        first_peer.send(b"x")
    second, peer = numbered.pair()
    got = []
    made.add_reader(second, lambda: got.append(second.recv(9)))
    before = time.process_time()
    made.call_later(0.2, made.stop)
    made.run_forever()
    assert time.process_time() - before < 0.15
    peer.send(b"y")
    turns(made, lambda: got)
    assert (got, former) == ([b"y"], [])
    made.remove_reader(second)


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="only epoll watches files")
def test_the_same_file_under_the_same_number_is_watched_again(loop: SelectorEventLoop) -> None:
    left, right = socket.socketpair()
    number = left.fileno()
    other = os.dup(number)
    try:
        loop.add_reader(number, print)
        left.close()
        assert loop.remove_reader(number)
        # In the kernel it is still registered by this number.
        os.dup2(other, number)
        seen: list[int] = []
        loop.add_reader(number, seen.append, 1)
        right.send(b"x")
        turns(loop, lambda: seen)
        assert loop.remove_reader(number)
        os.close(number)
    finally:
        os.close(other)
        right.close()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="only epoll watches files")
def test_what_a_file_that_is_gone_reports_is_not_taken_for_the_next_ones(
    loop: SelectorEventLoop,
) -> None:
    """Its duplicate can be written to, the socket that has the number now cannot."""
    first, first_peer = socket.socketpair()
    number = first.fileno()
    loop.add_reader(first, print)
    loop.add_writer(first, print)
    duplicate = os.dup(number)
    first.close()
    ends = os.pipe()
    # Out of the way of the number.
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 100) for end in ends)
    for end in ends:
        os.close(end)
    os.dup2(writing, number)
    os.close(writing)
    try:
        os.set_blocking(number, False)
        while True:
            try:
                os.write(number, b"x" * 65536)
            except BlockingIOError:
                break
        seen: list[int] = []
        loop.add_writer(number, seen.append, 1)
        first_peer.send(b"x")
        before = time.process_time()
        loop.call_later(0.1, loop.stop)
        loop.run_forever()
        assert seen == []
        assert time.process_time() - before < 0.08
        while not seen:
            os.read(reading, 65536)
            loop.call_later(0.001, loop.stop)
            loop.run_forever()
        loop.remove_writer(number)
    finally:
        os.close(duplicate)
        os.close(number)
        os.close(reading)
        first_peer.close()


def test_sock_calls_wait_for_the_socket_that_has_the_number_now(
    made: Any, numbered: Numbered
) -> None:
    async def main() -> None:
        first, _ = numbered.pair()
        waiting = made.create_task(made.sock_recv(first, 1))
        await asyncio_core.sleep(0)
        second, peer = numbered.replace(first)
        receiving = made.create_task(made.sock_recv(second, 1))
        await asyncio_core.sleep(0)
        peer.send(b"x")
        assert await asyncio_core.wait_for(receiving, 5) == b"x"
        waiting.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await waiting

    made.run_until_complete(main())


def test_a_transport_over_a_number_that_was_a_readers_is_served(
    made: Any, numbered: Numbered, recorder: Any
) -> None:
    async def main() -> None:
        first, _ = numbered.pair()
        former: list[int] = []
        made.add_reader(first, former.append, 1)
        second, peer = numbered.replace(first)
        transport, protocol = await made.create_connection(recorder, sock=second)
        peer.send(b"y")
        await protocol.until(lambda: protocol.data == b"y")
        transport.write(bytes(1 << 20))
        received = 0
        while received < 1 << 20:
            received += len(await made.sock_recv(peer, 1 << 16))
        transport.close()
        assert await protocol.lost is None
        assert former == []

    made.run_until_complete(main())


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="only epoll watches files")
def test_a_cancelled_handle_of_a_file_that_is_gone_does_not_end_the_run(
    loop: SelectorEventLoop,
) -> None:
    left, right = socket.socketpair()
    duplicate = os.dup(left.fileno())
    loop.add_reader(left, print)
    loop.add_writer(left, print)
    key = loop._selector.get_key(left.fileno())
    key.data[0].cancel()
    left.close()
    right.send(b"x")
    loop.call_later(0.05, loop.stop)
    loop.run_forever()
    assert key.fd not in loop._selector.get_map()
    os.close(duplicate)
    right.close()


def test_a_number_that_becomes_another_files_by_dup2_is_watched(made: Any) -> None:
    left, right = socket.socketpair()
    other, peer = socket.socketpair()
    with right, other, peer:
        former: list[int] = []
        seen: list[int] = []
        made.add_reader(left, former.append, 1)
        os.dup2(other.fileno(), left.fileno())
        made.add_reader(left, seen.append, 1)
        peer.send(b"x")
        turns(made, lambda: seen)
        assert former == []
        assert made.remove_reader(left)
    left.close()


def test_a_transport_closed_behind_its_back_is_told_and_gives_its_number_up(
    made: Any, numbered: Numbered, recorder: Any
) -> None:
    async def main() -> None:
        first, _ = numbered.pair()
        _, old = await made.create_connection(recorder, sock=first)
        second, peer = numbered.replace(first)
        _, new = await made.create_connection(recorder, sock=second)
        assert isinstance(await old.lost, OSError)
        old.transport.close()
        old.transport.abort()
        peer.send(b"y")
        await new.until(lambda: new.data == b"y")
        new.transport.write(b"z")
        assert peer.recv(9) == b"z"
        new.transport.close()
        assert await new.lost is None

    made.run_until_complete(main())


@pytest.mark.parametrize("way", ["connect_read_pipe", "connect_write_pipe"])
def test_a_pipe_over_the_number_of_a_transport_closed_behind_its_back_is_left_alone_by_it(
    made: Any, numbered: Numbered, recorder: Any, way: str
) -> None:
    async def main() -> None:
        first, _ = numbered.pair()
        _, old = await made.create_connection(recorder, sock=first)
        second, peer = numbered.replace(first)
        transport, new = await getattr(made, way)(recorder, second)
        old.transport.close()
        assert isinstance(await old.lost, OSError)
        if way == "connect_read_pipe":
            peer.send(b"y")
            await new.until(lambda: new.data == b"y")
        else:
            transport.write(b"z" * 1_000_000)
            received = 0
            while received < 1_000_000:
                receiving = made.sock_recv(peer, 65536)
                received += len(await asyncio_core.wait_for(receiving, 5))
        transport.close()
        assert await new.lost is None

    made.run_until_complete(main())


def test_closing_a_pipe_that_was_closed_before_leaves_its_number_to_others(made: Any) -> None:
    async def main() -> None:
        reading, writing = os.pipe()
        pipe = open(reading, "rb", 0)  # noqa: SIM115
        transport, _ = await made.connect_read_pipe(asyncio_core.Protocol, pipe)
        pipe.close()
        os.close(writing)
        left, right = socket.socketpair()
        with left, right:
            if left.fileno() != reading:
                left, right = right, left
            assert left.fileno() == reading
            left.setblocking(False)
            receiving = made.create_task(made.sock_recv(left, 1))
            await asyncio_core.sleep(0)
            transport.close()
            right.send(b"x")
            assert await asyncio_core.wait_for(receiving, 5) == b"x"

    made.run_until_complete(main())


def test_a_descriptor_closed_while_it_is_watched_does_not_end_or_spin_the_loop(made: Any) -> None:
    left, right = socket.socketpair()
    made.add_reader(left, print)
    left.close()
    before = time.process_time()
    made.call_later(0.2, made.stop)
    made.run_forever()
    assert time.process_time() - before < 0.15
    right.close()
