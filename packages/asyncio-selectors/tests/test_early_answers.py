"""A peer that answers and goes away while it is still written to: its answer is not lost."""

from __future__ import annotations

import contextlib
import io
import socket
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_test_support.protocols import HalfOpenRecorder, Recorder
from asyncio_test_support.sockets import reset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asyncio_selectors import SelectorEventLoop

MUCH = 8 * 1024 * 1024
ANSWER = b"HTTP/1.1 413 Too Large\r\n\r\n"

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows throws away what was received before a reset"
)


@pytest.mark.parametrize("how", ["a small write", "a large write", "several pieces", "buffered"])
def test_an_answer_is_received_though_a_write_fails(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, how: str
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        if how == "buffered":
            transport.write(b"x" * MUCH)
        theirs.sendall(ANSWER)
        reset(theirs)
        # Nothing has been read so far: the write meets the reset first.
        if how == "a small write":
            transport.write(b"x")
        elif how == "a large write":
            transport.write(b"x" * MUCH)
        elif how == "several pieces":
            transport.writelines([b"x", b"y" * 1000, b"z"])
        exc = await protocol.lost
        assert isinstance(exc, ConnectionError)
        assert protocol.data == ANSWER
        # Writers wait for the end.
        assert protocol.pauses == ["pause"]

    loop.run_until_complete(main())


def test_writing_on_changes_nothing(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        theirs.sendall(ANSWER)
        reset(theirs)
        for _ in range(10):
            transport.write(b"x" * 1000)
        transport.write_eof()
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == ANSWER

    loop.run_until_complete(main())


def test_close_gives_the_error(loop: SelectorEventLoop, recorder: Any, stream_pair: Any) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        theirs.sendall(ANSWER)
        reset(theirs)
        transport.write(b"x")
        transport.close()
        assert isinstance(await protocol.lost, ConnectionError)

    loop.run_until_complete(main())


class _PoliteEcho(asyncio_core.BufferedProtocol):
    """Sends back each two bytes, and reads nothing while it may not write."""

    def __init__(self) -> None:
        self.lost = asyncio_core.get_running_loop().create_future()
        self.data = bytearray()
        self._buffer = bytearray(2)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self._buffer[:nbytes]
        self.transport.write(bytes(self._buffer[:nbytes]))

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def test_one_who_writes_only_when_he_may_is_not_warned(
    loop: SelectorEventLoop, stream_pair: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        _, protocol = await loop.create_connection(_PoliteEcho, sock=ours)
        theirs.sendall(ANSWER)
        reset(theirs)
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == ANSWER

    loop.run_until_complete(main())
    assert caplog.records == []


@pytest.mark.parametrize("then", ["resume", "write"])
def test_an_answer_waits_for_reading_to_be_resumed(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, then: str
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        transport.pause_reading()
        transport.write(b"x" * MUCH)
        assert protocol.pauses == ["pause"]
        theirs.sendall(ANSWER)
        reset(theirs)
        await protocol.until(lambda: protocol.pauses == ["pause", "resume"])
        assert not protocol.lost.done()
        if then == "resume":
            transport.resume_reading()
        else:
            # Who never reads is told all the same.
            transport.write(b"x")
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == (ANSWER if then == "resume" else b"")

    loop.run_until_complete(main())


def test_nothing_to_be_received_by_one_who_reads_nothing_is_the_end(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        transport.pause_reading()
        reset(theirs)
        transport.write(b"x")
        assert transport.is_closing()
        assert isinstance(await protocol.lost, ConnectionError)

    loop.run_until_complete(main())


class Relaying(Recorder):
    """Takes no more than it can give: reads nothing while it is not to write."""

    later = False

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.later:
            self.loop.call_soon(self.transport.pause_reading)
        else:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.resume_reading()


class RelayingLater(Relaying):
    later = True


@pytest.mark.parametrize("kind", [Relaying, RelayingLater])
@pytest.mark.parametrize("size", [1, MUCH])
def test_one_who_reads_nothing_while_he_cannot_write_hears_of_the_end(
    loop: SelectorEventLoop, stream_pair: Any, kind: type[Relaying], size: int
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(kind, sock=ours)
        theirs.sendall(ANSWER)
        reset(theirs)
        transport.write(b"x" * size)
        # The write has failed, and nobody would ever say that he may write again.
        await protocol.until(protocol.lost.done)
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == ANSWER
        assert protocol.pauses == ["pause", "resume"]

    loop.run_until_complete(main())


def test_a_task_that_waits_for_room_to_write_goes_on_when_its_reader_is_full(
    loop: SelectorEventLoop, stream_pair: Any
) -> None:
    streams = pytest.importorskip("asyncio_streams")
    ours, theirs = stream_pair

    async def main() -> None:
        theirs.setblocking(False)
        # As much as the system takes, which is more than the reader does.
        with contextlib.suppress(BlockingIOError):
            while True:
                theirs.send(b"y" * 4096)
        reader, writer = await streams.open_connection(sock=ours, limit=1000)
        reset(theirs)
        writer.write(b"x")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        received = 0
        # Over TCP what was on its way is lost.
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(4096):
                received += len(part)
        assert received > 2000
        writer.close()
        with pytest.raises(ConnectionError):
            await writer.wait_closed()

    loop.run_until_complete(main())


def test_a_local_peer_that_only_sends_is_heard_to_its_end(
    loop: SelectorEventLoop, recorder: Any, connect: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        peer.shutdown(socket.SHUT_RD)
        protocol.transport.write(b"x")
        peer.send(ANSWER)
        await protocol.until(lambda: protocol.data == ANSWER)
        peer.send(b"body")
        peer.close()
        assert isinstance(await protocol.lost, BrokenPipeError)
        assert protocol.data == ANSWER + b"body"
        # It has said so itself.
        assert protocol.eof == 1

    loop.run_until_complete(main())


def test_a_writing_task_ends_with_the_error_and_the_answer_is_there(
    loop: SelectorEventLoop, stream_pair: Any
) -> None:
    streams = pytest.importorskip("asyncio_streams")
    ours, theirs = stream_pair

    async def main() -> None:
        reader, writer = await streams.open_connection(sock=ours)
        theirs.sendall(ANSWER)
        reset(theirs)
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"x" * 1000)
                await writer.drain()
        assert await reader.readuntil(b"\r\n\r\n") == ANSWER
        with pytest.raises(ConnectionError):
            await reader.read(1)
        writer.close()
        with pytest.raises(ConnectionError):
            await writer.wait_closed()

    loop.run_until_complete(main())


def test_an_answer_within_tls_is_received_though_a_write_fails(
    loop: SelectorEventLoop,
    recorder: Any,
    stream_pair: Any,
    shake_hands: Callable[..., Any],
) -> None:
    async def main() -> None:
        transport, protocol, tls = await shake_hands(recorder, *stream_pair)
        tls.sendall(ANSWER)
        reset(socket.socket(fileno=tls.detach()))
        transport.write(b"x" * MUCH)
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == ANSWER

    loop.run_until_complete(main())


# While a file is sent.


@pytest.fixture(params=["by the system", "by hand"])
def file(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "by hand":
        yield io.BytesIO(bytes(MUCH))
        return
    with tempfile.TemporaryFile() as opened:
        opened.truncate(MUCH)
        yield opened


@pytest.mark.parametrize("when", ["before", "behind a buffer", "in the middle"])
def test_an_answer_is_received_though_a_file_cannot_be_sent(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, file: Any, when: str
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        if when == "before":
            theirs.sendall(ANSWER)
            reset(theirs)
        elif when == "behind a buffer":
            transport.write(b"x" * MUCH)
        sending = loop.create_task(loop.sendfile(transport, file))
        if when != "before":
            if when == "in the middle":
                await loop.run_in_executor(None, theirs.recv, 1000)
            else:
                await asyncio_core.sleep(0)
            theirs.sendall(ANSWER)
            reset(theirs)
        with pytest.raises(ConnectionError):
            await sending
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == ANSWER

    loop.run_until_complete(main())


def test_an_answer_that_is_read_while_a_file_is_sent_ends_the_sending(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, file: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        sending = loop.create_task(loop.sendfile(transport, file))
        await loop.run_in_executor(None, theirs.recv, 1000)
        # As a task does that reads from a stream meanwhile.
        transport.resume_reading()
        theirs.sendall(ANSWER)
        reset(theirs)
        with pytest.raises(ConnectionError):
            await sending
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == ANSWER

    loop.run_until_complete(main())


def test_an_answer_is_received_though_sending_a_file_was_cancelled_when_a_write_failed(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, file: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        transport.write(b"x" * MUCH)
        sending = loop.create_task(loop.sendfile(transport, file))
        await asyncio_core.sleep(0)
        theirs.sendall(ANSWER)
        reset(theirs)
        sending.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await sending
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == ANSWER

    loop.run_until_complete(main())


def test_an_answer_within_tls_is_received_though_a_file_cannot_be_sent(
    loop: SelectorEventLoop,
    recorder: Any,
    in_thread: Callable[..., Any],
    stream_pair: Any,
    shake_hands: Callable[..., Any],
    file: Any,
) -> None:
    async def main() -> None:
        transport, protocol, tls = await shake_hands(recorder, *stream_pair)
        sending = loop.create_task(loop.sendfile(transport, file))
        await in_thread(tls.recv, 1000)
        tls.sendall(ANSWER)
        reset(socket.socket(fileno=tls.detach()))
        with pytest.raises(ConnectionError):
            await sending
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.data == ANSWER

    loop.run_until_complete(main())


class Answering(HalfOpenRecorder):
    """Answers the peer's end, and would go on."""

    def eof_received(self) -> bool:
        # Over TCP it is the first one that is told of nobody being there.
        for _ in range(3):
            self.transport.write(b"answer")
        return super().eof_received()


def test_a_write_that_fails_while_the_end_is_told_ends_the_connection(
    loop: SelectorEventLoop, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        _, protocol = await loop.create_connection(Answering, sock=ours)
        theirs.close()
        await protocol.until(protocol.lost.done)
        assert isinstance(await protocol.lost, ConnectionError)
        assert protocol.eof == 1

    loop.run_until_complete(main())
