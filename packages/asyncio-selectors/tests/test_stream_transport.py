"""Stream transports: buffers, both ends of a connection, and how connections end."""

from __future__ import annotations

import contextvars
import errno
import gc
import socket
import sys
import warnings
from typing import Any
from unittest import mock

import pytest

import asyncio_core
from asyncio_selectors import SelectorEventLoop, selector_events
from asyncio_selectors.stream_transport import _SelectorSocketTransport
from asyncio_test_support.loops import connecting
from asyncio_test_support.protocols import HalfOpenRecorder
from asyncio_test_support.sockets import read_all, reset, tcp_pair

BIG = bytes(range(256)) * 4096 * 4  # 4 MiB, more than any socket buffer here


@pytest.fixture
def tcp(loop: SelectorEventLoop, recorder: Any) -> Any:
    """Like `connect`, over TCP, where a peer can reset."""
    with connecting(loop, tcp_pair, recorder) as connect:
        yield connect


def test_data_goes_both_ways(loop: SelectorEventLoop, connect: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        await loop.sock_sendall(peer, b"there")
        await protocol.until(lambda: protocol.data == b"there")
        protocol.transport.write(b"back")
        assert await loop.sock_recv(peer, 10) == b"back"
        protocol.transport.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_much_data_arrives_whole_and_in_order(
    loop: SelectorEventLoop, connect: Any, in_thread: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        for start in range(0, len(BIG), 10_007):
            protocol.transport.write(BIG[start : start + 10_007])
        # Windows takes as much as there is in one call.
        assert protocol.transport.get_write_buffer_size() > 0 or sys.platform == "win32"
        protocol.transport.close()
        assert await in_thread(read_all, peer) == BIG
        await protocol.lost

    loop.run_until_complete(main())


def test_close_sends_what_is_buffered_and_receives_no_more(
    loop: SelectorEventLoop, connect: Any, in_thread: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        transport.write(BIG)
        transport.close()
        assert transport.is_closing() and not transport.is_reading()
        # A protocol over this one, TLS for instance, may have more to flush.
        transport.write(b"the rest")
        assert await in_thread(read_all, peer) == BIG + b"the rest"
        assert await protocol.lost is None
        transport.write(b"ignored")

    loop.run_until_complete(main())


def test_abort_throws_the_buffer_away(loop: SelectorEventLoop, connect: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        fd = protocol.transport._sock_fd
        protocol.transport.write(BIG)
        protocol.transport.abort()
        assert protocol.transport.get_write_buffer_size() == 0
        # At once, not when connection_lost() comes.
        assert fd not in loop._selector.get_map()
        assert await protocol.lost is None
        received = await loop.run_in_executor(None, read_all, peer)
        assert BIG.startswith(received) and len(received) < len(BIG)
        protocol.transport.abort()
        protocol.transport.close()

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", [bytearray, lambda data: memoryview(bytearray(data))])
@pytest.mark.parametrize("lines", [False, True])
def test_a_written_buffer_may_be_changed_at_once(
    loop: SelectorEventLoop, connect: Any, in_thread: Any, kind: Any, lines: bool
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        for _ in range(2):
            data = kind(BIG)
            if lines:
                protocol.transport.writelines([data, b"|", data])
            else:
                protocol.transport.write(data)
                protocol.transport.write(b"|")
                protocol.transport.write(data)
            data[:] = bytes(len(data))
        protocol.transport.close()
        received = await in_thread(read_all, peer)
        assert received == (BIG + b"|" + BIG) * 2
        await protocol.lost

    loop.run_until_complete(main())


def test_views_of_other_shapes_are_sent_as_their_bytes(
    loop: SelectorEventLoop, connect: Any, in_thread: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        numbers = memoryview(bytearray(b"abcdefgh")).cast("I")
        protocol.transport.write(numbers)
        protocol.transport.write(memoryview(b"a-b-c-")[::2])
        protocol.transport.writelines([numbers, memoryview(b"")])
        protocol.transport.close()
        assert await in_thread(read_all, peer) == b"abcdefgh" + b"abc" + b"abcdefgh"
        await protocol.lost

    loop.run_until_complete(main())


def test_writelines_sends_thousands_of_pieces(
    loop: SelectorEventLoop, connect: Any, in_thread: Any
) -> None:
    pieces = [b"%d;" % number for number in range(200_000)]

    async def main() -> None:
        protocol, peer = await connect()
        protocol.transport.writelines(iter(pieces))
        protocol.transport.writelines([])
        protocol.transport.writelines([b"", b"end"])
        protocol.transport.write_eof()
        assert await in_thread(read_all, peer) == b"".join(pieces) + b"end"
        assert protocol.transport.get_write_buffer_size() == 0
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_small_pieces_are_sent_together_where_one_call_takes_one(
    loop: SelectorEventLoop, connect: Any, in_thread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [b"%d;" % number for number in range(20_000)]
    turns = 0

    class OneByOne(_SelectorSocketTransport):
        def _write_ready(self) -> None:
            nonlocal turns
            turns += 1
            self._write_send()

    monkeypatch.setattr(selector_events, "_SelectorSocketTransport", OneByOne)

    async def main() -> None:
        protocol, peer = await connect()
        reading = in_thread(read_all, peer)
        # Nothing goes out at once; then a view of what is left over stands first.
        protocol.transport.write(bytes(1 << 22))
        protocol.transport.writelines(pieces)
        protocol.transport.close()
        assert await reading == bytes(1 << 22) + b"".join(pieces)
        await protocol.lost

    loop.run_until_complete(main())
    assert turns < 1000


@pytest.mark.parametrize("data", ["text", None, 5, [b"x"]])
def test_only_bytes_can_be_written(loop: SelectorEventLoop, connect: Any, data: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        with pytest.raises(TypeError, match="must be a bytes-like object, not"):
            protocol.transport.write(data)
        with pytest.raises(TypeError):
            protocol.transport.writelines([b"never sent", data])
        protocol.transport.close()
        await protocol.lost
        assert await loop.sock_recv(peer, 20) == b""

    loop.run_until_complete(main())


def test_the_protocol_is_paused_and_resumed_at_the_water_marks(
    loop: SelectorEventLoop, connect: Any, in_thread: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        transport.set_write_buffer_limits(high=100_000, low=1000)
        assert transport.get_write_buffer_limits() == (1000, 100_000)
        sent = 0
        while not protocol.pauses:
            transport.write(bytes(5000))
            sent += 5000
        assert transport.get_write_buffer_size() > 100_000
        reading = in_thread(read_all, peer, sent)
        await protocol.until(lambda: "resume" in protocol.pauses)
        assert transport.get_write_buffer_size() <= 1000
        assert protocol.pauses == ["pause", "resume"]
        await reading
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_a_protocol_may_close_when_it_is_resumed(
    loop: SelectorEventLoop, connect: Any, in_thread: Any, recorder: Any
) -> None:
    class Closing(recorder):  # type: ignore[misc]
        def resume_writing(self) -> None:
            super().resume_writing()
            self.transport.close()

    async def main() -> None:
        protocol, peer = await connect(Closing)
        protocol.transport.set_write_buffer_limits(high=10, low=0)
        protocol.transport.write(BIG)
        assert await in_thread(read_all, peer) == BIG
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_write_eof_comes_after_the_data_and_reading_goes_on(
    loop: SelectorEventLoop, connect: Any, in_thread: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        assert transport.can_write_eof()
        transport.write(BIG)
        transport.write_eof()
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.write(b"more")
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.writelines([b"more"])
        assert await in_thread(read_all, peer) == BIG
        peer.setblocking(False)
        await loop.sock_sendall(peer, b"answer")
        await protocol.until(lambda: protocol.data == b"answer")
        transport.close()
        transport.write_eof()
        await protocol.lost

    loop.run_until_complete(main())


def test_eof_closes_unless_the_protocol_keeps_the_connection(
    loop: SelectorEventLoop, connect: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        peer.shutdown(socket.SHUT_WR)
        assert await protocol.lost is None
        assert protocol.eof == 1

        protocol, peer = await connect(HalfOpenRecorder)
        peer.shutdown(socket.SHUT_WR)
        await protocol.until(lambda: protocol.eof)
        assert not protocol.transport.is_closing()
        # Neither is told of the EOF again.
        protocol.transport.pause_reading()
        protocol.transport.resume_reading()
        protocol.transport.write(b"still here")
        assert await loop.sock_recv(peer, 20) == b"still here"
        assert protocol.eof == 1
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_pausing_stops_reading_and_resuming_starts_it(
    loop: SelectorEventLoop, connect: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        assert transport._sock_fd not in loop._selector.get_map()
        peer.send(b"waits")
        await asyncio_core.sleep(0)
        assert protocol.data == b""
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        await protocol.until(lambda: protocol.data == b"waits")
        transport.close()
        transport.pause_reading()
        transport.resume_reading()
        await protocol.lost
        transport.pause_reading()
        transport.resume_reading()

    loop.run_until_complete(main())


def test_a_protocol_may_pause_from_the_start(
    loop: SelectorEventLoop, connect: Any, recorder: Any
) -> None:
    class Paused(recorder):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.pause_reading()

    async def main() -> None:
        protocol, peer = await connect(Paused)
        peer.send(b"x")
        assert not protocol.transport.is_reading()
        assert protocol.transport._sock_fd not in loop._selector.get_map()
        protocol.transport.resume_reading()
        await protocol.until(lambda: protocol.data == b"x")
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_reads_grow_with_what_arrives_and_shrink_again(
    loop: SelectorEventLoop, connect: Any, in_thread: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        peer.setblocking(True)
        transport = protocol.transport
        usual = transport._read_size
        assert usual <= 64 * 1024
        await in_thread(peer.sendall, BIG)
        await protocol.until(lambda: len(protocol.data) == len(BIG))
        assert protocol.data == BIG
        assert max(protocol.sizes) <= transport.max_size
        await in_thread(peer.sendall, b"short")
        await protocol.until(lambda: len(protocol.data) == len(BIG) + 5)
        assert transport._read_size == usual
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


class Buffered(asyncio_core.BufferedProtocol):
    def __init__(self, size: int = 7) -> None:
        self.loop = asyncio_core.get_running_loop()
        self.buffer = bytearray(size)
        self.data = bytearray()
        self.lost = self.loop.create_future()
        self.ended = self.loop.create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self.buffer[:nbytes]
        # No export may be left on it.
        self.buffer.extend(b"x")

    def eof_received(self) -> None:
        self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def test_a_buffered_protocol_receives_into_its_own_buffer(
    loop: SelectorEventLoop, connect: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect(Buffered)
        await loop.sock_sendall(peer, bytes(range(200)))
        peer.shutdown(socket.SHUT_WR)
        assert await protocol.lost is None
        assert protocol.data == bytes(range(200))
        assert protocol.ended.done()

    loop.run_until_complete(main())


def test_protocols_of_both_kinds_can_take_turns(
    loop: SelectorEventLoop, connect: Any, recorder: Any
) -> None:
    async def main() -> None:
        first, peer = await connect()
        transport = first.transport
        await loop.sock_sendall(peer, b"one")
        await first.until(lambda: first.data == b"one")
        second = Buffered(100)
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        await loop.sock_sendall(peer, b"two")
        while second.data != b"two":
            await asyncio_core.sleep(0)
        third = recorder()
        transport.set_protocol(third)
        await loop.sock_sendall(peer, b"three")
        await third.until(lambda: third.data == b"three")
        transport.close()
        await third.lost

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["data_received", "eof_received"])
@pytest.mark.parametrize("error", [LookupError("mine"), FileNotFoundError("mine too")])
def test_an_exception_of_the_protocol_ends_the_connection_and_is_reported(
    loop: SelectorEventLoop, connect: Any, recorder: Any, method: str, error: Exception
) -> None:

    def fail(*_: Any) -> None:
        raise error

    async def main() -> None:
        protocol, peer = await connect()
        setattr(protocol, method, fail)
        peer.send(b"x")
        peer.shutdown(socket.SHUT_WR)
        assert await protocol.lost is error

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert method in report["message"] and report["exception"] is error
    assert {"transport", "protocol"} <= report.keys()
    loop.reported.clear()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "replacement"),
    [
        ("get_buffer", lambda hint: 1 / 0),
        ("get_buffer", lambda hint: bytearray()),
        ("get_buffer", lambda hint: None),
        ("buffer_updated", lambda count: 1 / 0),
    ],
)
def test_a_mistake_of_a_buffered_protocol_ends_the_connection(
    loop: SelectorEventLoop, connect: Any, method: str, replacement: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect(Buffered)
        setattr(protocol, method, replacement)
        peer.send(b"x")
        assert isinstance(await protocol.lost, (ArithmeticError, RuntimeError, TypeError))

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert method in report["message"]
    loop.reported.clear()  # type: ignore[attr-defined]


def test_a_failing_connection_made_is_reported_and_the_connection_lives(
    loop: SelectorEventLoop, connect: Any, recorder: Any
) -> None:
    class Failing(recorder):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            raise LookupError("at once")

    async def main() -> None:
        protocol, peer = await connect(Failing)
        peer.send(b"x")
        await protocol.until(lambda: protocol.data == b"x")
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert isinstance(report["exception"], LookupError)
    loop.reported.clear()  # type: ignore[attr-defined]


def test_a_reset_while_reading_is_told_to_the_protocol_only(
    loop: SelectorEventLoop,
    tcp: Any,
    recorder: Any,
    caplog: pytest.LogCaptureFixture,
    under_wine: bool,
) -> None:
    if under_wine:
        pytest.skip("Wine reads a reset as an end")

    async def main() -> None:
        protocol, peer = await tcp(recorder)
        reset(peer)
        assert isinstance(await protocol.lost, ConnectionResetError)
        assert protocol.eof == 0

    loop.run_until_complete(main())
    assert caplog.records == []


def test_writing_to_a_peer_that_is_gone_does_not_raise(
    loop: SelectorEventLoop, tcp: Any, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        protocol, peer = await tcp(recorder)
        transport = protocol.transport
        transport.pause_reading()
        reset(peer)
        while not protocol.lost.done():
            transport.write(b"data")
            transport.writelines([b"data"])
            await asyncio_core.sleep(0)
        assert isinstance(protocol.lost.result(), OSError)
        for _ in range(10):
            transport.write(b"data")
        transport.writelines([b"data"])
        transport.write_eof()

    loop.run_until_complete(main())
    # A program that goes on writing is told so.
    assert "socket.send() raised exception." in caplog.text


def test_a_program_that_writes_on_is_told_by_the_logger_that_it_replaces(
    loop: SelectorEventLoop, tcp: Any, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        protocol, _ = await tcp(recorder)
        protocol.transport.abort()
        for _ in range(10):
            protocol.transport.write(b"data")
        await protocol.lost

    with mock.patch.object(selector_events, "logger") as replaced:
        loop.run_until_complete(main())
    replaced.warning.assert_called_with("socket.send() raised exception.")
    assert not caplog.records
    loop.run_until_complete(main())
    assert caplog.records


def test_a_reset_with_data_in_the_buffer_ends_the_connection_once(
    loop: SelectorEventLoop, tcp: Any, recorder: Any
) -> None:
    async def main() -> None:
        protocol, peer = await tcp(recorder)
        protocol.transport.pause_reading()
        for _ in range(4):
            protocol.transport.write(BIG)
        assert protocol.transport.get_write_buffer_size()
        reset(peer)
        assert isinstance(await protocol.lost, OSError)
        assert protocol.transport.get_write_buffer_size() == 0

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform == "win32", reason="SO_ERROR tells of no reset there")
def test_write_eof_to_a_peer_that_is_gone_does_not_raise(
    loop: SelectorEventLoop, tcp: Any, recorder: Any
) -> None:
    async def main() -> None:
        protocol, peer = await tcp(recorder)
        protocol.transport.pause_reading()
        reset(peer)
        # Take the pending error away, as a send would; shutdown() finds no connection then.
        fd_error = 0
        while not fd_error:
            fd_error = protocol.transport.get_extra_info("socket").getsockopt(
                socket.SOL_SOCKET, socket.SO_ERROR
            )
        protocol.transport.write_eof()
        exc = await protocol.lost
        assert isinstance(exc, OSError) and exc.errno == errno.ENOTCONN

    loop.run_until_complete(main())


def test_all_callbacks_run_in_the_one_context_of_the_transport(
    loop: SelectorEventLoop, connect: Any, recorder: Any
) -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    counter = contextvars.ContextVar("counter", default=0)
    seen: list[tuple[str, str, int]] = []

    class Looking(recorder):  # type: ignore[misc]
        keep_open = True

        def note(self, name: str) -> None:
            counter.set(counter.get() + 1)
            seen.append((name, variable.get(), counter.get()))

        def connection_made(self, transport: Any) -> None:
            self.note("made")
            super().connection_made(transport)

        def data_received(self, data: bytes) -> None:
            self.note("data")
            super().data_received(data)

        def eof_received(self) -> bool:
            self.note("eof")
            return super().eof_received()  # type: ignore[no-any-return]

        def connection_lost(self, exc: Any) -> None:
            self.note("lost")
            super().connection_lost(exc)

    async def main() -> None:
        variable.set("of the maker")
        protocol, peer = await connect(Looking)
        variable.set("changed later")
        transport = protocol.transport
        transport.pause_reading()
        transport.resume_reading()
        peer.send(b"x")
        await protocol.until(lambda: protocol.data)
        peer.shutdown(socket.SHUT_WR)
        await protocol.until(lambda: protocol.eof)
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())
    names = ["made", "data", "eof", "lost"]
    assert seen == [(name, "of the maker", number + 1) for number, name in enumerate(names)]


def test_facts_are_known_also_after_the_end(
    loop: SelectorEventLoop, tcp: Any, recorder: Any
) -> None:
    async def main() -> None:
        protocol, peer = await tcp(recorder)
        transport = protocol.transport
        assert transport.get_extra_info("peername") == peer.getsockname()
        assert transport.get_extra_info("sockname") == peer.getpeername()
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert transport.get_extra_info("unknown", 5) == 5
        assert "read=polling" in repr(transport) and "write=<idle" in repr(transport)
        transport.close()
        await protocol.lost
        assert transport.get_extra_info("peername") == peer.getsockname()
        assert sock.fileno() == -1
        assert "closed" in repr(transport)

    loop.run_until_complete(main())


def test_the_poller_forgets_the_descriptor_before_close_returns(
    loop: SelectorEventLoop, connect: Any
) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        fd = protocol.transport._sock_fd
        assert fd in loop._selector.get_map()
        protocol.transport.close()
        assert fd not in loop._selector.get_map()
        # Not closed yet: nobody else can get the number before connection_lost() ran.
        assert protocol.transport.get_extra_info("socket").fileno() == fd
        await protocol.lost
        assert protocol.transport.get_extra_info("socket").fileno() == -1

    loop.run_until_complete(main())


def test_a_transport_that_nobody_holds_warns_and_closes_its_socket(
    loop: SelectorEventLoop, connect: Any
) -> None:
    async def main() -> socket.socket:
        protocol, peer = await connect()
        protocol.transport.pause_reading()
        return peer  # type: ignore[no-any-return]

    peer = loop.run_until_complete(main())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    # The socket may have its own word first, in whatever order the two are collected.
    assert any("unclosed transport" in str(warning.message) for warning in caught)
    assert peer.recv(1) == b""


def test_an_idle_transport_has_no_write_buffer(loop: SelectorEventLoop, connect: Any) -> None:
    async def main() -> None:
        protocol, _peer = await connect()
        protocol.transport.write(b"fits at once")
        assert protocol.transport._chunks is None
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_a_loop_class_without_contexts_still_reads(pair: Any, recorder: Any) -> None:
    """Loops written for older Pythons override _add_reader() without the context argument."""

    class Old(SelectorEventLoop):  # type: ignore[misc, valid-type]
        _watch_reading = property(lambda self: _missing())
        _watch_writing = property(lambda self: _missing())

    def _missing() -> None:
        raise AttributeError("an old loop")

    made = Old()
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    class Looking(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            seen.append(variable.get())
            super().data_received(data)

    async def main() -> None:
        variable.set("of the maker")
        _, protocol = await made.create_connection(Looking, sock=pair[0].dup())
        variable.set("changed")
        pair[1].send(b"x")
        await protocol.until(lambda: protocol.data)
        protocol.transport.write(BIG)
        pair[1].recv(100)
        protocol.transport.abort()
        await protocol.lost

    try:
        made.run_until_complete(main())
    finally:
        made.close()
    assert seen == ["of the maker"]


def test_sends_work_without_sendmsg(
    loop: SelectorEventLoop, connect: Any, in_thread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _SelectorSocketTransport, "_write_ready", _SelectorSocketTransport._write_send
    )

    async def main() -> None:
        protocol, peer = await connect()
        protocol.transport.writelines([BIG, b"", b"|", BIG])
        protocol.transport.close()
        assert await in_thread(read_all, peer) == BIG + b"|" + BIG
        await protocol.lost

    loop.run_until_complete(main())


def test_debug_mode_logs_what_happens(
    loop: SelectorEventLoop, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    loop.set_debug(True)
    caplog.set_level("DEBUG", "asyncio")

    async def main() -> None:
        protocol, _peer = await connect()
        protocol.transport.pause_reading()
        protocol.transport.resume_reading()
        protocol.transport.close()
        await protocol.lost

    with warnings.catch_warnings():
        loop.run_until_complete(main())
    assert "pauses reading" in caplog.text and "resumes reading" in caplog.text
