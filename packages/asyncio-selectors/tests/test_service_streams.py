"""Pipe transports over stdin and stdout as service managers make them, and over other odd ends."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

if sys.platform == "win32":
    pytest.skip("needs Unix pipes", allow_module_level=True)

import asyncio_core
from asyncio_selectors import SelectorEventLoop
from asyncio_test_support.sockets import reset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEVICES = [name for name in ("/dev/zero", "/dev/full", "/dev/urandom") if os.path.exists(name)]


def device(name: str, mode: str = "rb") -> Any:
    return open(name, mode, 0)


@pytest.fixture
def each_loop(poller_class: Any) -> Iterator[SelectorEventLoop]:
    loop = SelectorEventLoop(poller_class())
    reported: list[Any] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    yield loop
    loop.close()
    assert reported == []


def test_an_empty_stdin_ends_at_once(each_loop: SelectorEventLoop, recorder: Any) -> None:
    async def main() -> None:
        transport, protocol = await each_loop.connect_read_pipe(recorder, device("/dev/null"))
        assert await asyncio_core.wait_for(protocol.lost, 20) is None
        assert protocol.eof == 1 and protocol.data == b""
        assert transport.is_closing()

    each_loop.run_until_complete(main())


def test_an_empty_stdin_can_be_paused_and_closed_before_its_end(
    each_loop: SelectorEventLoop, recorder: Any
) -> None:
    class Pausing(recorder):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.pause_reading()

    async def main() -> None:
        transport, protocol = await each_loop.connect_read_pipe(Pausing, device("/dev/null"))
        for _ in range(3):
            await asyncio_core.sleep(0)
        assert protocol.eof == 0
        transport.resume_reading()
        transport.pause_reading()
        for _ in range(3):
            await asyncio_core.sleep(0)
        assert protocol.eof == 0
        transport.resume_reading()
        transport.close()
        await protocol.lost
        assert protocol.eof == 0

    each_loop.run_until_complete(main())


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_without_an_end_leaves_the_loop_its_turns(
    each_loop: SelectorEventLoop, recorder: Any, name: str
) -> None:
    async def main() -> None:
        transport, protocol = await each_loop.connect_read_pipe(recorder, device(name))
        await protocol.until(lambda: len(protocol.sizes) >= 3)
        # Once in each turn, also after a pause and its end in one.
        transport.pause_reading()
        transport.resume_reading()
        transport.pause_reading()
        seen = len(protocol.sizes)
        for _ in range(3):
            await asyncio_core.sleep(0)
        assert len(protocol.sizes) == seen
        transport.resume_reading()
        await protocol.until(lambda: len(protocol.sizes) > seen)
        transport.close()
        seen = len(protocol.sizes)
        assert await protocol.lost is None
        assert len(protocol.sizes) == seen and protocol.eof == 0

    each_loop.run_until_complete(main())


def test_devices_take_what_is_written_or_say_why_not(
    each_loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        transport, protocol = await each_loop.connect_write_pipe(
            recorder, device("/dev/null", "wb")
        )
        transport.write(bytes(1 << 20))
        transport.close()
        assert await protocol.lost is None
        if not os.path.exists("/dev/full"):
            return
        transport, protocol = await each_loop.connect_write_pipe(
            recorder, device("/dev/full", "wb")
        )
        transport.write(b"x")
        assert "No space left" in str(await protocol.lost)

    each_loop.run_until_complete(main())


async def some_turns() -> None:
    for _ in range(5):
        await asyncio_core.sleep(0.001)


@pytest.mark.parametrize("by_peer", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_a_socket_that_receives_nothing_is_written_to(
    each_loop: SelectorEventLoop, recorder: Any, stream_pair: Any, later: bool, by_peer: bool
) -> None:
    ours, peer = stream_pair

    def end() -> None:
        if by_peer:
            # Who has asked all there was to ask, and waits for the answer.
            peer.shutdown(socket.SHUT_WR)
        else:
            ours.shutdown(socket.SHUT_RD)

    async def main() -> None:
        if not later:
            end()
        transport, protocol = await each_loop.connect_write_pipe(recorder, ours)
        if later:
            end()
        await some_turns()
        assert not transport.is_closing()
        # It is not watched in vain.
        assert ours.fileno() not in each_loop._selector.get_map()
        transport.write(b"first ")
        await some_turns()
        transport.write(b"second")
        transport.close()
        assert await protocol.lost is None
        received = b""
        while piece := peer.recv(100):
            received += piece
        assert received == b"first second"

    each_loop.run_until_complete(main())


def test_a_socket_whose_peer_talks_is_written_to(
    each_loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, peer = stream_pair

    async def main() -> None:
        peer.sendall(b"nobody wants to hear this")
        transport, protocol = await each_loop.connect_write_pipe(recorder, ours)
        await some_turns()
        assert ours.fileno() not in each_loop._selector.get_map()
        transport.write(b"answer")
        assert peer.recv(100) == b"answer"
        peer.close()
        while not transport.is_closing():
            transport.write(b"anybody there?")
            await asyncio_core.sleep(0)
        assert isinstance(await protocol.lost, ConnectionError)

    each_loop.run_until_complete(main())


def test_an_idle_writer_hears_of_the_end_of_a_sockets_peer(
    each_loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, peer = stream_pair

    async def main() -> None:
        _, protocol = await each_loop.connect_write_pipe(recorder, ours)
        await some_turns()
        assert not protocol.lost.done()
        # A reset, in the case of TCP.
        reset(peer)
        assert await asyncio_core.wait_for(protocol.lost, 20) is None

    each_loop.run_until_complete(main())


def test_a_fifo_that_is_its_own_reader_is_written_to(
    each_loop: SelectorEventLoop, recorder: Any, tmp_path: Path
) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def main() -> None:
        transport, protocol = await each_loop.connect_write_pipe(recorder, os.fdopen(fifo, "wb", 0))
        transport.write(b"first ")
        await some_turns()
        assert not transport.is_closing()
        transport.write(b"second")
        assert os.read(reading, 100) == b"first second"
        transport.close()
        assert await protocol.lost is None

    each_loop.run_until_complete(main())
    os.close(reading)


def test_a_writer_whose_reader_was_gone_before_hears_of_it(
    each_loop: SelectorEventLoop, recorder: Any
) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    async def main() -> None:
        _, protocol = await each_loop.connect_write_pipe(recorder, os.fdopen(writing, "wb", 0))
        assert await asyncio_core.wait_for(protocol.lost, 20) is None

    each_loop.run_until_complete(main())


@pytest.mark.parametrize("connect", ["connect_read_pipe", "connect_write_pipe"])
def test_a_factory_that_raises_leaves_no_pipe_open(
    each_loop: SelectorEventLoop, descriptors: Any, connect: str
) -> None:
    def factory() -> Any:
        raise ZeroDivisionError

    before = descriptors()
    ends = [os.fdopen(fd, mode, 0) for fd, mode in zip(os.pipe(), ("rb", "wb"), strict=True)]
    if connect == "connect_write_pipe":
        ends.reverse()
    with pytest.raises(ZeroDivisionError):
        each_loop.run_until_complete(getattr(each_loop, connect)(factory, ends[0]))
    assert ends[0].closed
    ends[1].close()
    assert descriptors() == before
