"""Readers and writers: readiness, on a loop that is about completions."""

from __future__ import annotations

import socket
from typing import Any

import pytest

import asyncio_core


async def wait_for(future: Any) -> Any:
    return await asyncio_core.wait_for(future, 20)


def test_reader_is_called_as_long_as_there_is_something_to_read(loop: Any, pair: Any) -> None:
    left, right = pair
    got = bytearray()

    async def main() -> None:
        done = loop.create_future()

        def read(expected: bytes) -> None:
            # One byte for each call: the rest calls again.
            got.extend(right.recv(1))
            if got == expected:
                done.set_result(None)

        loop.add_reader(right, read, b"hello")
        left.send(b"he")
        await asyncio_core.sleep(0)
        left.send(b"llo")
        await wait_for(done)
        assert loop.remove_reader(right.fileno())
        assert not loop.remove_reader(right)
        left.send(b"not read")
        await asyncio_core.sleep(0)

    loop.run_until_complete(main())
    assert got == b"hello"
    assert right.recv(100) == b"not read"


def test_a_loop_that_is_stopped_already_looks_once(loop: Any, pair: Any) -> None:
    left, right = pair
    got: list[bytes] = []
    loop.add_reader(right, lambda: got.append(right.recv(10)))
    left.send(b"waiting")
    loop.stop()
    loop.run_forever()
    loop.remove_reader(right)
    assert got == [b"waiting"]


def test_reader_is_told_of_the_end_of_the_stream(loop: Any, pair: Any) -> None:
    left, right = pair

    async def main() -> None:
        done = loop.create_future()

        def read() -> None:
            loop.remove_reader(right)
            done.set_result(right.recv(10))

        loop.add_reader(right, read)
        left.shutdown(socket.SHUT_WR)
        assert await wait_for(done) == b""

    loop.run_until_complete(main())


def test_listening_socket_is_readable_when_somebody_connects(loop: Any) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            done = loop.create_future()
            loop.add_reader(listener, lambda: done.done() or done.set_result(None))
            with socket.create_connection(listener.getsockname()):
                await wait_for(done)
                loop.remove_reader(listener)
                listener.accept()[0].close()

    loop.run_until_complete(main())


def test_writer_is_called_while_there_is_room_and_not_while_there_is_none(
    loop: Any, pair: Any
) -> None:
    left, right = pair

    async def main() -> None:
        with pytest.raises(BlockingIOError):
            while True:
                left.send(b"x" * 65536)
        calls: list[None] = []
        done = loop.create_future()

        def write() -> None:
            calls.append(None)
            if len(calls) == 3:
                loop.remove_writer(left)
                done.set_result(None)

        loop.add_writer(left, write)
        for _ in range(5):
            await asyncio_core.sleep(0)
        assert calls == []
        while not done.done():
            try:
                right.recv(1 << 20)
            except BlockingIOError:
                pass
            await asyncio_core.sleep(0)
        assert len(calls) == 3

    loop.run_until_complete(main())


def test_new_callback_takes_the_place_of_the_old_one(loop: Any, pair: Any) -> None:
    left, right = pair

    async def main() -> None:
        done = loop.create_future()
        loop.add_reader(right, lambda: pytest.fail("this one was replaced"))
        loop.add_reader(right, lambda: done.done() or done.set_result(None))
        left.send(b"x")
        await wait_for(done)
        loop.remove_reader(right)

    loop.run_until_complete(main())


def test_both_directions_of_one_socket_are_watched_apart(loop: Any, pair: Any) -> None:
    left, right = pair

    async def main() -> None:
        readable, writable = loop.create_future(), loop.create_future()
        loop.add_reader(right, lambda: readable.done() or readable.set_result(None))
        loop.add_writer(right, lambda: writable.done() or writable.set_result(None))
        await wait_for(writable)
        assert not readable.done()
        assert loop.remove_writer(right)
        left.send(b"x")
        await wait_for(readable)
        assert loop.remove_reader(right)

    loop.run_until_complete(main())


def test_callback_that_raises_is_reported_and_called_again(loop: Any, pair: Any) -> None:
    left, right = pair

    async def main() -> None:
        done = loop.create_future()
        calls: list[None] = []

        def read() -> None:
            calls.append(None)
            if len(calls) == 2:
                loop.remove_reader(right)
                done.set_result(None)
            raise ZeroDivisionError

        loop.add_reader(right, read)
        left.send(b"x")
        await wait_for(done)
        assert [type(report["exception"]) for report in loop.reported] == [ZeroDivisionError] * 2
        loop.reported.clear()

    loop.run_until_complete(main())


def test_sockets_of_transports_are_theirs(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        sock = protocol.transport.get_extra_info("socket")
        for call in (loop.add_reader, loop.add_writer):
            with pytest.raises(RuntimeError, match="is used by transport"):
                call(sock, print)
        for call in (loop.remove_reader, loop.remove_writer):
            with pytest.raises(RuntimeError, match="is used by transport"):
                call(sock.fileno())
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


@pytest.mark.parametrize("thing", [None, "text", object(), -1])
def test_what_has_no_number_is_refused(loop: Any, thing: Any) -> None:
    for call in (loop.add_reader, loop.add_writer):
        with pytest.raises(ValueError, match="Invalid file"):
            call(thing, print)
    for call in (loop.remove_reader, loop.remove_writer):
        with pytest.raises(ValueError, match="Invalid file"):
            call(thing)


def test_socket_that_was_closed_is_still_known_by_itself(loop: Any) -> None:
    left, right = socket.socketpair()
    loop.add_reader(left, print)
    loop.add_writer(left, print)
    number = left.fileno()
    loop._watches[number, 1].stop()
    loop._watches[number, 2].stop()
    left.close()
    right.close()
    assert loop.remove_reader(left)
    assert loop.remove_writer(left)
    with pytest.raises(ValueError, match="Invalid file"):
        loop.remove_reader(left)


def test_closed_loop_watches_nothing(loop: Any, pair: Any) -> None:
    loop.add_reader(pair[0], print)
    loop.close()
    assert not loop.remove_reader(pair[0])
    with pytest.raises(RuntimeError, match="closed"):
        loop.add_reader(pair[0], print)
