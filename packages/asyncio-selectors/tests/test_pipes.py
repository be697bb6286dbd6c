"""Pipe transports over pipes, sockets and terminals."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

if sys.platform == "win32":
    pytest.skip("needs Unix pipes", allow_module_level=True)

import asyncio_core
from asyncio_selectors import unix_events

if TYPE_CHECKING:
    from pathlib import Path

    from asyncio_selectors import SelectorEventLoop

BIG = bytes(range(256)) * 4096


def opened(fd: int, mode: str) -> Any:
    """An unbuffered file over `fd`; the transports close theirs."""
    return os.fdopen(fd, mode, 0)


@pytest.fixture
def pipe() -> Any:
    """Both ends of a pipe as unbuffered files."""
    reading, writing = os.pipe()
    ends = opened(reading, "rb"), opened(writing, "wb")
    yield ends
    for end in ends:
        end.close()


def read_all(fd: int) -> bytes:
    data = bytearray()
    while piece := os.read(fd, 1 << 16):
        data += piece
    return bytes(data)


def test_a_pipe_is_read_to_its_end(loop: SelectorEventLoop, recorder: Any, pipe: Any) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_read_pipe(recorder, pipe[0])
        assert protocol.transport is transport
        assert transport.get_extra_info("pipe") is pipe[0]
        assert "open" in repr(transport)
        pipe[1].write(b"some")
        await protocol.until(lambda: protocol.data == b"some")
        pipe[1].close()
        assert await protocol.lost is None
        assert protocol.eof == 1
        assert pipe[0].closed and "closed" in repr(transport)

    loop.run_until_complete(main())


def test_reading_a_pipe_can_be_paused(loop: SelectorEventLoop, recorder: Any, pipe: Any) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_read_pipe(recorder, pipe[0])
        fd = pipe[0].fileno()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading() and fd not in loop._selector.get_map()
        pipe[1].write(b"x")
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        await protocol.until(lambda: protocol.data == b"x")
        transport.close()
        assert fd not in loop._selector.get_map()
        transport.close()
        transport.pause_reading()
        transport.resume_reading()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_a_buffered_protocol_reads_a_pipe(loop: SelectorEventLoop, pipe: Any) -> None:
    class Buffered(asyncio_core.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(3)
            self.data = b""
            self.lost = loop.create_future()

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.data += self.buffer[:nbytes]

        def connection_lost(self, exc: Any) -> None:
            self.lost.set_result(exc)

    async def main() -> None:
        _, protocol = await loop.connect_read_pipe(Buffered, pipe[0])
        pipe[1].write(b"abcdefgh")
        pipe[1].close()
        await protocol.lost
        assert protocol.data == b"abcdefgh"

    loop.run_until_complete(main())


def test_what_is_written_arrives_whole_and_in_order(
    loop: SelectorEventLoop, recorder: Any, pipe: Any, in_thread: Any
) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_write_pipe(recorder, pipe[1])
        assert transport.can_write_eof()
        changing = bytearray(BIG)
        transport.write(changing)
        transport.write(memoryview(changing).cast("I"))
        transport.writelines([b"-", b"end"])
        changing[:] = bytes(len(changing))
        assert transport.get_write_buffer_size() > 0
        assert protocol.pauses == ["pause"]
        transport.write_eof()
        assert transport.is_closing()
        assert await in_thread(read_all, pipe[0].fileno()) == BIG + BIG + b"-end"
        assert await protocol.lost is None
        assert protocol.pauses == ["pause", "resume"]

    loop.run_until_complete(main())


def test_a_reader_that_goes_away_ends_the_transport(
    loop: SelectorEventLoop, recorder: Any, pipe: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_write_pipe(recorder, pipe[1])
        transport.write(BIG)
        pipe[0].close()
        assert isinstance(await protocol.lost, BrokenPipeError)
        for _ in range(10):
            transport.write(b"nobody reads this")

    loop.run_until_complete(main())
    assert "pipe closed by peer" in caplog.text


def test_an_idle_writer_hears_of_the_readers_end(
    loop: SelectorEventLoop, recorder: Any, pipe: Any
) -> None:
    async def main() -> None:
        _, protocol = await loop.connect_write_pipe(recorder, pipe[1])
        pipe[0].close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_aborting_drops_what_is_buffered(loop: SelectorEventLoop, recorder: Any, pipe: Any) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_write_pipe(recorder, pipe[1])
        fd = pipe[1].fileno()
        transport.write(BIG)
        transport.abort()
        assert fd not in loop._selector.get_map()
        assert transport.get_write_buffer_size() == 0
        transport.abort()
        transport.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_a_program_that_writes_on_is_told_by_the_logger_that_it_replaces(
    loop: SelectorEventLoop, recorder: Any, pipe: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_write_pipe(recorder, pipe[1])
        transport.abort()
        for _ in range(10):
            transport.write(b"data")
        await protocol.lost

    with mock.patch.object(unix_events, "logger") as replaced:
        loop.run_until_complete(main())
    message = "pipe closed by peer or os.write(pipe, data) raised exception."
    replaced.warning.assert_called_with(message)
    assert not caplog.records


def test_closing_a_writer_flushes_first(
    loop: SelectorEventLoop, recorder: Any, pipe: Any, in_thread: Any
) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_write_pipe(recorder, pipe[1])
        transport.write(BIG)
        transport.close()
        transport.close()
        assert await in_thread(read_all, pipe[0].fileno()) == BIG
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_a_named_pipe_with_unread_data_is_not_taken_for_closed(
    loop: SelectorEventLoop, recorder: Any, tmp_path: Path
) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = opened(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "wb")

    async def main() -> None:
        transport, protocol = await loop.connect_write_pipe(recorder, writing)
        transport.write(b"unread")
        for _ in range(5):
            await asyncio_core.sleep(0)
        assert not transport.is_closing()
        assert os.read(reading, 100) == b"unread"
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())
    os.close(reading)


def test_a_socket_serves_as_both_ends(loop: SelectorEventLoop, recorder: Any) -> None:
    left, right = socket.socketpair()

    async def main() -> None:
        writer, one = await loop.connect_write_pipe(recorder, left)
        _reader, two = await loop.connect_read_pipe(recorder, right)
        writer.write(b"x")
        await two.until(lambda: two.data == b"x")
        writer.close()
        assert await two.lost is None
        assert await one.lost is None

    loop.run_until_complete(main())


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_a_terminal_is_read_and_written(
    loop: SelectorEventLoop, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    ours = opened(os.dup(master), "rb"), opened(master, "wb")

    async def main() -> None:
        _, reading = await loop.connect_read_pipe(recorder, ours[0])
        writer, writing = await loop.connect_write_pipe(recorder, ours[1])
        os.write(slave, b"typed")
        await reading.until(lambda: reading.data == b"typed")
        writer.write(b"shown")
        assert os.read(slave, 100) == b"shown"
        os.close(slave)
        # EIO is how a terminal ends.
        await reading.lost
        writer.close()
        await writing.lost

    loop.run_until_complete(main())
    assert caplog.records == []


@pytest.mark.parametrize("connect", ["connect_read_pipe", "connect_write_pipe"])
def test_plain_files_are_refused(loop: SelectorEventLoop, recorder: Any, connect: str) -> None:
    with tempfile.TemporaryFile() as file, pytest.raises(ValueError, match="Pipe transport is"):
        loop.run_until_complete(getattr(loop, connect)(recorder, file))


def test_only_bytes_can_be_written_to_a_pipe(
    loop: SelectorEventLoop, recorder: Any, pipe: Any
) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_write_pipe(recorder, pipe[1])
        with pytest.raises(TypeError, match="must be a bytes-like object"):
            transport.write("text")  # type: ignore[arg-type]
        transport.write(b"")
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_an_error_while_reading_is_told_to_the_protocol(
    loop: SelectorEventLoop, recorder: Any, pipe: Any
) -> None:
    async def main() -> None:
        transport, protocol = await loop.connect_read_pipe(recorder, pipe[0])
        # A directory in the place of the pipe: reading it fails.
        folder = os.open("/", os.O_RDONLY)
        os.dup2(folder, pipe[0].fileno())
        os.close(folder)
        transport._read_ready()
        assert isinstance(await protocol.lost, IsADirectoryError)

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert report["message"] == "Fatal read error on pipe transport"
    loop.reported.clear()  # type: ignore[attr-defined]
