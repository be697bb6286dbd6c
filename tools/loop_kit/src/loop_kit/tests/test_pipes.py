"""connect_read_pipe() and connect_write_pipe()."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import IO, TYPE_CHECKING, Any

import pytest

from loop_kit.peers import in_thread
from loop_kit.protocols import Recorder, same, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.needs("pipes"), pytest.mark.needs("posix")]

MUCH = 1024 * 1024
PATTERN = bytes(range(256)) * (MUCH // 256)


@pytest.fixture
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The two ends of a pipe, as files without a buffer."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as left, os.fdopen(writing, "wb", 0) as right:
        yield left, right


def read_all(pipe: IO[bytes], most: int = -1) -> bytes:
    data = bytearray()
    while most < 0 or len(data) < most:
        piece = os.read(pipe.fileno(), 65536)
        if not piece:
            break
        data += piece
    return bytes(data)


async def test_read_pipe_delivers_data_and_end(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_read_pipe(Recorder, reading)
    assert protocol.events == ["made"]
    assert transport.get_extra_info("pipe") is reading
    writing.write(b"hello")
    assert await protocol.received(5) == b"hello"
    writing.write(b"more")
    writing.close()
    assert await protocol.lost is None
    assert protocol.data == b"hellomore"
    assert protocol.events == ["made", "data", "eof", "lost"]
    assert reading.closed


async def test_read_pipe_delivers_much(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_read_pipe(Recorder, reading)
    sending = loop.create_task(
        in_thread(lambda: [writing.write(PATTERN[n : n + 4096]) for n in range(0, MUCH, 4096)])
    )
    assert same(await protocol.received(MUCH), PATTERN)
    await sending
    transport.close()
    await protocol.lost


async def test_paused_read_pipe_delivers_nothing(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_read_pipe(Recorder, reading)
    assert transport.is_reading()
    transport.pause_reading()
    transport.pause_reading()
    assert not transport.is_reading()
    writing.write(b"waiting")
    await settle()
    assert protocol.data == b""
    transport.resume_reading()
    transport.resume_reading()
    assert await protocol.received(7) == b"waiting"
    transport.close()
    await protocol.lost


async def test_closed_read_pipe_closes_its_file(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_read_pipe(Recorder, reading)
    transport.close()
    assert transport.is_closing()
    transport.close()
    assert await protocol.lost is None
    assert protocol.events == ["made", "lost"]
    with pytest.raises(BrokenPipeError):
        writing.write(b"nobody reads")


async def test_write_pipe_writes(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_write_pipe(Recorder, writing)
    assert protocol.events == ["made"]
    assert transport.get_extra_info("pipe") is writing
    transport.write(b"hello ")
    transport.write(bytearray(b"to "))
    transport.writelines([memoryview(b"the "), b"reader"])
    transport.close()
    assert await in_thread(read_all, reading) == b"hello to the reader"
    assert await protocol.lost is None
    assert writing.closed


async def test_write_pipe_sends_much_and_pauses_its_writer(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_write_pipe(Recorder, writing)
    transport.write(PATTERN)
    await protocol.until_event("paused")
    assert 0 < transport.get_write_buffer_size() <= MUCH
    reading_all = loop.create_task(in_thread(read_all, reading, MUCH))
    await protocol.until_event("resumed")
    assert same(await reading_all, PATTERN)
    await settle()
    assert transport.get_write_buffer_size() == 0
    transport.close()
    await protocol.lost


async def test_close_of_a_write_pipe_sends_what_waits(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_write_pipe(Recorder, writing)
    transport.write(PATTERN)
    transport.close()
    await settle()
    assert not protocol.lost.done()
    assert same(await in_thread(read_all, reading), PATTERN)
    assert await protocol.lost is None


async def test_write_eof_of_a_write_pipe_ends_it(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_write_pipe(Recorder, writing)
    assert transport.can_write_eof()
    transport.write(b"all")
    transport.write_eof()
    assert await in_thread(read_all, reading) == b"all"
    assert await protocol.lost is None


async def test_abort_of_a_write_pipe_throws_away_what_waits(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_write_pipe(Recorder, writing)
    transport.write(PATTERN)
    await settle()
    transport.abort()
    assert await protocol.lost is None
    assert len(await in_thread(read_all, reading)) < MUCH


async def test_write_pipe_learns_that_its_reader_is_gone(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    transport, protocol = await loop.connect_write_pipe(Recorder, writing)
    transport.write(PATTERN)
    await settle()
    reading.close()
    error = await protocol.lost
    assert error is None or isinstance(error, BrokenPipeError)
    assert transport.is_closing()


async def test_idle_write_pipe_learns_that_its_reader_is_gone(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]]
) -> None:
    reading, writing = pipe
    _, protocol = await loop.connect_write_pipe(Recorder, writing)
    await settle()
    reading.close()
    error = await protocol.lost
    assert error is None or isinstance(error, BrokenPipeError)


async def test_sockets_are_taken_for_pipes(loop: AbstractEventLoop) -> None:
    left, right = socket.socketpair()
    other_left, other_right = socket.socketpair()
    incoming, reader = await loop.connect_read_pipe(Recorder, right)
    outgoing, writer = await loop.connect_write_pipe(Recorder, other_left)
    left.sendall(b"in")
    assert await reader.received(2) == b"in"
    outgoing.write(b"out")
    assert await in_thread(other_right.recv, 10) == b"out"
    for transport, protocol in ((incoming, reader), (outgoing, writer)):
        transport.close()
        await protocol.lost
    left.close()
    other_right.close()


async def test_named_pipe_is_read(loop: AbstractEventLoop, short_path: Path) -> None:
    os.mkfifo(short_path)
    number = os.open(short_path, os.O_RDONLY | os.O_NONBLOCK)
    transport, protocol = await loop.connect_read_pipe(Recorder, os.fdopen(number, "rb", 0))
    with short_path.open("wb", 0) as writing:
        writing.write(b"hello")
    assert await protocol.lost is None
    assert protocol.data == b"hello"
    transport.close()


@pytest.mark.parametrize("method", ["connect_read_pipe", "connect_write_pipe"])
async def test_regular_file_is_no_pipe(
    loop: AbstractEventLoop, tmp_path: Path, method: str
) -> None:
    with (tmp_path / "file").open("w+b") as file, pytest.raises((ValueError, OSError)):
        await getattr(loop, method)(Recorder, file)


@pytest.mark.parametrize("method", ["connect_read_pipe", "connect_write_pipe"])
async def test_exception_of_the_factory_is_raised(
    loop: AbstractEventLoop, pipe: tuple[IO[bytes], IO[bytes]], method: str
) -> None:
    def factory() -> Any:
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        await getattr(loop, method)(factory, pipe[method == "connect_write_pipe"])
    with contextlib.suppress(OSError):
        pipe[0].close()
