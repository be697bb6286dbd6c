"""add_reader() and add_writer(): told as long as a descriptor is ready, and no longer once removed."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import connection, fill, in_thread
from loop_kit.protocols import settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from loop_kit.loops import LoopChoice

    Pair = tuple[socket.socket, socket.socket]

pytestmark = pytest.mark.needs("readiness")

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_reader_is_called_when_there_is_something_to_read(
    loop: AbstractEventLoop, pair: Pair
) -> None:
    left, right = pair
    seen = loop.create_future()
    loop.add_reader(right, lambda: seen.set_result(right.recv(10)) if not seen.done() else None)
    await settle()
    assert not seen.done()
    left.send(b"data")
    assert await seen == b"data"
    loop.remove_reader(right)


async def test_reader_is_called_again_while_there_is_more(
    loop: AbstractEventLoop, pair: Pair
) -> None:
    left, right = pair
    data, done = bytearray(), loop.create_future()

    def read() -> None:
        data.extend(right.recv(1))
        if len(data) == 5:
            done.set_result(None)

    loop.add_reader(right, read)
    left.send(b"bytes")
    await done
    loop.remove_reader(right)
    assert data == b"bytes"


async def test_reader_gets_its_arguments(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    seen = loop.create_future()

    def read(*args: object) -> None:
        loop.remove_reader(right)
        seen.set_result(args)

    loop.add_reader(right, read, 1, "two")
    left.send(b"x")
    assert await seen == (1, "two")


@pytest.mark.parametrize("as_number", [True, False], ids=["number", "object"])
async def test_descriptor_is_a_number_or_an_object_with_fileno(
    loop: AbstractEventLoop, pair: Pair, as_number: bool
) -> None:
    left, right = pair
    descriptor: Any = right.fileno() if as_number else right
    seen = loop.create_future()
    loop.add_reader(descriptor, lambda: seen.set_result(right.recv(10)))
    left.send(b"x")
    assert await seen == b"x"
    loop.remove_reader(descriptor)


async def test_reader_is_called_at_the_end_of_the_stream(
    loop: AbstractEventLoop, pair: Pair
) -> None:
    left, right = pair
    seen = loop.create_future()

    def read() -> None:
        loop.remove_reader(right)
        seen.set_result(right.recv(10))

    loop.add_reader(right, read)
    left.close()
    assert await seen == b""


@pytest.mark.parametrize("kind", ["reader", "writer"])
async def test_removing_says_whether_there_was_one(
    loop: AbstractEventLoop, pair: Pair, kind: str
) -> None:
    _, right = pair
    add, remove = getattr(loop, f"add_{kind}"), getattr(loop, f"remove_{kind}")
    assert remove(right) is False
    add(right, lambda: None)
    assert remove(right) is True
    assert remove(right) is False


async def test_removed_reader_is_not_called(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    seen: list[int] = []
    loop.add_reader(right, seen.append, 1)
    loop.remove_reader(right)
    left.send(b"x")
    await settle()
    assert seen == []


async def test_reader_removed_by_another_of_the_same_round_is_not_called(
    loop: AbstractEventLoop,
) -> None:
    seen: list[int] = []
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(2)]
        for one in pairs:
            for sock in one:
                stack.enter_context(sock)
                sock.setblocking(False)

        def read(mine: int) -> None:
            seen.append(mine)
            for _, reading in pairs:
                loop.remove_reader(reading)

        for number, (_, reading) in enumerate(pairs):
            loop.add_reader(reading, read, number)
        for writing, _ in pairs:
            writing.send(b"x")
        await settle()
    assert len(seen) == 1


async def test_second_reader_takes_the_place_of_the_first(
    loop: AbstractEventLoop, pair: Pair
) -> None:
    left, right = pair
    seen: list[str] = []
    done = loop.create_future()

    def second() -> None:
        seen.append("second")
        loop.remove_reader(right)
        done.set_result(None)

    loop.add_reader(right, seen.append, "first")
    loop.add_reader(right, second)
    left.send(b"x")
    await done
    assert seen == ["second"]


async def test_writer_is_called_when_there_is_room(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    fill(left)
    seen: list[int] = []
    done = loop.create_future()

    def write() -> None:
        seen.append(1)
        loop.remove_writer(left)
        done.set_result(None)

    loop.add_writer(left, write)
    await settle()
    assert seen == []
    right.setblocking(True)
    with contextlib.suppress(TimeoutError):
        right.settimeout(0.01)
        while right.recv(65536):
            pass
    await done
    assert seen == [1]


async def test_reader_and_writer_of_one_descriptor(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    readable, writable = loop.create_future(), loop.create_future()

    def read() -> None:
        loop.remove_reader(right)
        readable.set_result(right.recv(10))

    def write() -> None:
        loop.remove_writer(right)
        writable.set_result(None)

    loop.add_reader(right, read)
    loop.add_writer(right, write)
    await writable
    assert not readable.done()
    left.send(b"x")
    assert await readable == b"x"


async def test_removing_one_of_two_leaves_the_other(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    readable = loop.create_future()

    def read() -> None:
        loop.remove_reader(right)
        readable.set_result(right.recv(10))

    seen: list[int] = []
    loop.add_writer(right, seen.append, 1)
    loop.add_reader(right, read)
    loop.remove_writer(right)
    left.send(b"x")
    assert await readable == b"x"
    assert seen == []


async def test_writer_is_called_when_the_peer_is_gone(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    fill(left)
    seen = loop.create_future()

    def write() -> None:
        loop.remove_writer(left)
        try:
            left.send(b"x")
        except OSError as error:
            seen.set_result(error)

    loop.add_writer(left, write)
    right.close()
    assert isinstance(await seen, OSError)


async def test_exception_of_a_reader_is_reported_and_the_loop_goes_on(
    loop: AbstractEventLoop, pair: Pair, reports: list[dict[str, Any]]
) -> None:
    left, right = pair

    def read() -> None:
        loop.remove_reader(right)
        raise LookupError("on purpose")

    loop.add_reader(right, read)
    left.send(b"x")
    await settle()
    assert isinstance(reports.pop()["exception"], LookupError)


async def test_reader_runs_in_the_context_of_its_registration(
    loop: AbstractEventLoop, pair: Pair
) -> None:
    left, right = pair
    seen = loop.create_future()

    def read() -> None:
        loop.remove_reader(right)
        seen.set_result(variable.get())

    context = contextvars.copy_context()
    context.run(variable.set, "at the registration")
    context.run(loop.add_reader, right, read)
    left.send(b"x")
    assert await seen == "at the registration"


@pytest.mark.needs("posix")
async def test_pipe_can_be_watched(loop: AbstractEventLoop) -> None:
    reading, writing = os.pipe()
    try:
        os.set_blocking(reading, False)
        seen = loop.create_future()
        loop.add_reader(reading, lambda: seen.set_result(os.read(reading, 10)))
        os.write(writing, b"through")
        assert await seen == b"through"
        loop.remove_reader(reading)
    finally:
        os.close(reading)
        os.close(writing)


async def test_many_descriptors_are_watched_at_once(loop: AbstractEventLoop) -> None:
    count = 100
    done = loop.create_future()
    seen: set[int] = set()
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(count)]
        for one in pairs:
            for sock in one:
                stack.enter_context(sock)

        def read(number: int) -> None:
            seen.add(number)
            loop.remove_reader(pairs[number][1])
            if len(seen) == count:
                done.set_result(None)

        for number, (_, reading) in enumerate(pairs):
            loop.add_reader(reading, read, number)
        for writing, _ in reversed(pairs):
            writing.send(b"x")
        await done
    assert seen == set(range(count))


async def test_number_of_a_closed_descriptor_can_be_used_again(loop: AbstractEventLoop) -> None:
    for _ in range(3):
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            right.setblocking(False)
            seen = loop.create_future()
            loop.add_reader(
                right.fileno(), lambda sock, seen: seen.set_result(sock.recv(1)), right, seen
            )
            left.send(b"x")
            assert await seen == b"x"
            loop.remove_reader(right.fileno())


async def test_reader_set_by_a_thread_through_the_loop(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair
    seen = loop.create_future()
    await in_thread(
        loop.call_soon_threadsafe,
        loop.add_reader,
        right,
        lambda: seen.set_result(right.recv(10)),
    )
    await in_thread(left.send, b"x")
    assert await seen == b"x"
    loop.remove_reader(right)


async def test_descriptor_of_a_transport_cannot_be_watched(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, _, _):
        number = transport.get_extra_info("socket").fileno()
        for call in (loop.add_reader, loop.add_writer):
            with pytest.raises(RuntimeError):
                call(number, print)
        for removal in (loop.remove_reader, loop.remove_writer):
            with pytest.raises(RuntimeError):
                removal(number)


@pytest.mark.parametrize("wrong", ["no descriptor", None, 1.5], ids=str)
async def test_what_is_no_descriptor_is_refused(loop: AbstractEventLoop, wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        loop.add_reader(wrong, print)


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
def test_closed_loop_watches_nothing(loop: AbstractEventLoop, pair: Pair, method: str) -> None:
    loop.close()
    with pytest.raises(RuntimeError):
        getattr(loop, method)(pair[1], print)


def test_watched_descriptor_does_not_outlive_the_loop(
    loop: AbstractEventLoop, pair: Pair, choice: LoopChoice
) -> None:
    left, right = pair
    loop.add_reader(right, print)
    loop.close()
    other = choice.make()
    try:
        left.send(b"x")
        assert other.run_until_complete(other.sock_recv(right, 10)) == b"x"
    finally:
        other.close()


async def test_task_waits_for_a_descriptor(loop: AbstractEventLoop, pair: Pair) -> None:
    left, right = pair

    async def readable(sock: socket.socket) -> None:
        ready = asyncio.Event()
        loop.add_reader(sock, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(sock)

    task = loop.create_task(readable(right))
    await settle()
    assert not task.done()
    left.send(b"x")
    await task
    assert right.recv(10) == b"x"
