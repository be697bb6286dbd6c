"""Stream transports over TCP: writing, flow control, ends of all kinds."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import connection
from loop_kit.protocols import BufferedRecorder, HalfOpenRecorder, Recorder, same, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

#: More than the kernel keeps between two sockets whose buffers were made small.
MUCH = 1024 * 1024
PATTERN = bytes(range(256)) * (MUCH // 256)


# Writing


@pytest.mark.parametrize(
    "data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")], ids=lambda d: type(d).__name__
)
async def test_write_takes_what_is_like_bytes(loop: AbstractEventLoop, data: Any) -> None:
    async with connection(loop) as (transport, _, peer):
        transport.write(data)
        assert await peer.recv_exactly(5) == b"bytes"


@pytest.mark.parametrize("data", ["text", 5, None, ["list"]], ids=repr)
async def test_write_refuses_anything_else(loop: AbstractEventLoop, data: Any) -> None:
    async with connection(loop) as (transport, _, peer):
        with pytest.raises(TypeError):
            transport.write(data)
        # The connection is as good as before.
        transport.write(b"x")
        assert await peer.recv_exactly(1) == b"x"


async def test_write_of_nothing_is_nothing(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, _, peer):
        transport.write(b"")
        assert transport.get_write_buffer_size() == 0
        transport.write(b"x")
        assert await peer.recv_exactly(1) == b"x"


async def test_writes_keep_their_order(loop: AbstractEventLoop) -> None:
    pieces = [b"%d," % number for number in range(5000)]
    async with connection(loop) as (transport, _, peer):
        for piece in pieces:
            transport.write(piece)
        expected = b"".join(pieces)
        assert same(await peer.recv_exactly(len(expected)), expected)


async def test_writes_between_rounds_keep_their_order(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        expected = bytearray()
        reading = loop.create_task(peer.recv_exactly(200 * 3000))
        for number in range(200):
            piece = bytes([number]) * 3000
            expected += piece
            transport.write(piece)
            if number % 3 == 0:
                await asyncio.sleep(0)
        assert same(await reading, expected)


async def test_much_data_arrives_whole(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        transport.write(PATTERN)
        assert same(await peer.recv_exactly(MUCH), PATTERN)


async def test_data_is_taken_as_it_was_at_the_call(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        data = bytearray(PATTERN)
        transport.write(PATTERN)
        transport.write(data)
        data[:] = bytes(len(data))
        await peer.recv_exactly(MUCH)
        assert same(await peer.recv_exactly(MUCH), PATTERN)


@pytest.mark.parametrize("form", [list, tuple, iter])
async def test_writelines_writes_all(loop: AbstractEventLoop, form: Any) -> None:
    async with connection(loop) as (transport, _, peer):
        transport.writelines(form([b"one,", bytearray(b"two,"), memoryview(b"three,"), b""]))
        transport.writelines(form([]))
        transport.write(b"four")
        assert await peer.recv_exactly(18) == b"one,two,three,four"


async def test_writelines_of_very_many_pieces_arrives_whole(loop: AbstractEventLoop) -> None:
    # More than one call of the system takes (IOV_MAX).
    pieces = [b"%06d" % number for number in range(20_000)]
    async with connection(loop, narrow=True) as (transport, _, peer):
        transport.writelines(pieces)
        assert same(await peer.recv_exactly(120_000), b"".join(pieces))


async def test_writelines_after_a_write_that_waits_keeps_the_order(
    loop: AbstractEventLoop,
) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        transport.write(PATTERN)
        transport.writelines([b"a", b"b"])
        transport.write(b"c")
        assert same(await peer.recv_exactly(MUCH + 3), PATTERN + b"abc")


# Flow control


async def test_writing_is_paused_above_the_high_mark_and_resumed_below_the_low(
    loop: AbstractEventLoop,
) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, peer):
        transport.write(PATTERN)
        await protocol.until_event("paused")
        assert transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1]
        await settle()
        assert protocol.events == ["made", "paused"]
        reading = loop.create_task(peer.recv_exactly(MUCH))
        await protocol.until_event("resumed")
        assert transport.get_write_buffer_size() <= transport.get_write_buffer_limits()[0]
        assert protocol.events == ["made", "paused", "resumed"]
        await reading


async def test_writing_is_paused_once_however_much_is_written(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, _):
        for _ in range(3):
            transport.write(PATTERN)
            await settle(1)
        assert protocol.events == ["made", "paused"]


async def test_little_data_does_not_pause(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        transport.write(b"little")
        await peer.recv_exactly(6)
        assert protocol.events == ["made"]


async def test_high_mark_of_zero_pauses_at_any_data(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, peer):
        transport.set_write_buffer_limits(high=0)
        assert transport.get_write_buffer_limits() == (0, 0)
        transport.write(PATTERN)
        await protocol.until_event("paused")
        reading = loop.create_task(peer.recv_exactly(MUCH))
        await protocol.until_event("resumed")
        assert transport.get_write_buffer_size() == 0
        await reading


async def test_marks_are_set(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, _, _):
        transport.set_write_buffer_limits(high=1000, low=100)
        assert transport.get_write_buffer_limits() == (100, 1000)
        transport.set_write_buffer_limits(low=5000)
        low, high = transport.get_write_buffer_limits()
        assert low == 5000 <= high
        transport.set_write_buffer_limits(high=5000)
        low, high = transport.get_write_buffer_limits()
        assert low <= high == 5000
        transport.set_write_buffer_limits()
        low, high = transport.get_write_buffer_limits()
        assert 0 <= low < high


@pytest.mark.parametrize(("high", "low"), [(1, 2), (-1, None), (10, -1)])
async def test_marks_that_cannot_be_are_refused(
    loop: AbstractEventLoop, high: int, low: int | None
) -> None:
    async with connection(loop) as (transport, _, _):
        with pytest.raises(ValueError):
            transport.set_write_buffer_limits(high=high, low=low)


async def test_buffer_size_counts_what_was_not_sent(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        assert transport.get_write_buffer_size() == 0
        transport.write(PATTERN)
        await settle()
        left = transport.get_write_buffer_size()
        # All of it, for a loop that is told only when everything has been sent.
        assert 0 < left <= MUCH
        transport.write(b"12345")
        assert transport.get_write_buffer_size() == left + 5
        await peer.recv_exactly(MUCH + 5)
        await settle()
        assert transport.get_write_buffer_size() == 0


async def test_paused_reading_delivers_nothing(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        assert transport.is_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        await peer.send(b"waiting")
        await settle()
        assert protocol.data == b""
        transport.resume_reading()
        assert transport.is_reading()
        assert await protocol.received(7) == b"waiting"


async def test_pausing_and_resuming_twice_is_harmless(loop: AbstractEventLoop) -> None:
    # Idempotent since Python 3.7.
    async with connection(loop) as (transport, protocol, peer):
        transport.pause_reading()
        transport.pause_reading()
        transport.resume_reading()
        transport.resume_reading()
        await peer.send(b"hello")
        assert await protocol.received(5) == b"hello"


async def test_reading_is_paused_in_data_received(loop: AbstractEventLoop) -> None:
    class PausingRecorder(Recorder):
        def data_received(self, data: bytes) -> None:
            self.transport.pause_reading()
            super().data_received(data)

    async with connection(loop, PausingRecorder) as (transport, protocol, peer):
        await peer.send(b"first")
        await protocol.received(5)
        await peer.send(b"second")
        await settle()
        assert protocol.data == b"first"
        transport.resume_reading()
        assert await protocol.received(11) == b"firstsecond"


async def test_reading_is_paused_in_connection_made(loop: AbstractEventLoop) -> None:
    class PausingRecorder(Recorder):
        def connection_made(self, transport: Any) -> None:
            transport.pause_reading()
            super().connection_made(transport)

    async with connection(loop, PausingRecorder) as (transport, protocol, peer):
        await peer.send(b"first")
        await settle()
        assert protocol.data == b""
        assert not transport.is_reading()
        transport.resume_reading()
        assert await protocol.received(5) == b"first"


async def test_end_of_stream_waits_while_reading_is_paused(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        transport.pause_reading()
        await peer.send(b"data")
        peer.close()
        await settle()
        assert protocol.events == ["made"]
        transport.resume_reading()
        await protocol.lost
        assert protocol.data == b"data"
        assert protocol.events == ["made", "data", "eof", "lost"]


async def test_paused_transport_can_be_closed(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        transport.pause_reading()
        transport.close()
        assert await protocol.lost is None
        assert await peer.recv() == b""
        # Neither does anything any more.
        transport.pause_reading()
        transport.resume_reading()
        assert not transport.is_reading()


# Ends


async def test_end_of_the_peer_ends_the_connection(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        await peer.send(b"last words")
        peer.close()
        assert await protocol.lost is None
        assert protocol.data == b"last words"
        assert protocol.events == ["made", "data", "eof", "lost"]
        assert transport.is_closing()


async def test_half_close_of_the_peer_leaves_writing_open_on_request(
    loop: AbstractEventLoop,
) -> None:
    async with connection(loop, HalfOpenRecorder) as (transport, protocol, peer):
        peer.send_eof()
        await protocol.until_event("eof")
        await settle()
        assert not transport.is_closing()
        assert protocol.events == ["made", "eof"]
        transport.write(b"still writing")
        assert await peer.recv_exactly(13) == b"still writing"
        transport.close()
        assert await peer.recv_all() == b""
        assert await protocol.lost is None


async def test_write_eof_closes_one_direction(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        assert transport.can_write_eof()
        transport.write(b"request")
        transport.write_eof()
        assert await peer.recv_all() == b"request"
        assert not transport.is_closing()
        await peer.send(b"answer")
        assert await protocol.received(6) == b"answer"


async def test_write_eof_comes_after_what_waits(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, _, peer):
        transport.write(PATTERN)
        transport.write_eof()
        transport.write_eof()
        assert same(await peer.recv_all(), PATTERN)


async def test_write_after_write_eof_is_an_error(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, _, peer):
        transport.write_eof()
        with pytest.raises(RuntimeError):
            transport.write(b"too late")
        with pytest.raises(RuntimeError):
            transport.writelines([b"too late"])
        assert await peer.recv_all() == b""


async def test_both_directions_closed_end_the_connection(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        transport.write_eof()
        assert await peer.recv_all() == b""
        peer.send_eof()
        assert await protocol.lost is None
        assert transport.is_closing()


async def test_close_sends_what_waits(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, peer):
        transport.write(PATTERN)
        transport.close()
        assert transport.is_closing()
        await settle()
        assert not protocol.lost.done()
        assert same(await peer.recv_all(), PATTERN)
        assert await protocol.lost is None


async def test_close_delivers_no_more_data(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, peer):
        transport.write(PATTERN)
        await settle()
        # Straight from here, so that the loop gets no chance to see it before the close.
        peer.sock.send(b"too late")
        transport.close()
        await settle()
        # What was not read makes the close a reset, for TCP.
        assert await peer.is_dead()
        await protocol.lost
        assert protocol.data == b""
        assert "data" not in protocol.events
        assert "eof" not in protocol.events


async def test_close_calls_connection_lost_later_and_once(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, _):
        transport.close()
        assert protocol.events == ["made"]
        transport.close()
        assert await protocol.lost is None
        transport.close()
        transport.abort()
        await settle()
        assert protocol.events == ["made", "lost"]


async def test_abort_throws_away_what_waits(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, peer):
        transport.write(PATTERN)
        await settle()
        transport.abort()
        assert transport.is_closing()
        assert "lost" not in protocol.events
        assert await protocol.lost is None
        assert await peer.is_dead()
        assert transport.get_write_buffer_size() == 0


async def test_abort_ends_a_close_that_waits(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, _):
        transport.write(PATTERN)
        transport.close()
        await settle()
        assert not protocol.lost.done()
        transport.abort()
        assert await protocol.lost is None


async def test_abort_after_the_end_is_harmless(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, peer):
        transport.write(PATTERN)
        transport.close()
        await peer.recv_all()
        await protocol.lost
        transport.abort()
        await settle()
        assert protocol.events.count("lost") == 1


async def test_write_after_close_is_ignored(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        transport.write(b"before")
        transport.close()
        transport.write(b"after")
        assert await peer.recv_all() == b"before"
        await protocol.lost
        transport.write(b"long after")
        assert transport.is_closing()


async def test_reset_by_the_peer_is_an_error(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        await settle()
        peer.reset()
        assert isinstance(await protocol.lost, ConnectionResetError)
        assert transport.is_closing()
        assert protocol.events == ["made", "lost"]


async def test_reset_while_writing_is_an_error(loop: AbstractEventLoop) -> None:
    async with connection(loop, narrow=True) as (transport, protocol, peer):
        transport.write(PATTERN)
        await settle()
        peer.reset()
        assert isinstance(await protocol.lost, ConnectionError)


async def test_writes_to_a_dead_connection_are_harmless(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, peer):
        peer.reset()
        for _ in range(3):
            transport.write(b"into the void")
            await settle(1)
        await protocol.lost
        transport.write(b"into the void")


async def test_data_that_came_before_the_end_is_delivered_first(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (_, protocol, peer):
        sending = loop.create_task(peer.send(PATTERN))
        await sending
        peer.close()
        assert await protocol.lost is None
        assert same(protocol.data, PATTERN)
        assert protocol.events == ["made", "data", "eof", "lost"]


async def test_connection_closed_in_connection_made(loop: AbstractEventLoop) -> None:
    class ClosingRecorder(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.write(b"only this")
            transport.close()

    async with connection(loop, ClosingRecorder) as (_, protocol, peer):
        assert await peer.recv_all() == b"only this"
        assert await protocol.lost is None
        assert protocol.events == ["made", "lost"]


async def test_connection_closed_in_data_received(loop: AbstractEventLoop) -> None:
    class ClosingRecorder(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.write(b"bye")
            self.transport.close()

    async with connection(loop, ClosingRecorder) as (_, protocol, peer):
        await peer.send(b"hello")
        assert await peer.recv_all() == b"bye"
        assert await protocol.lost is None
        assert protocol.events == ["made", "data", "lost"]


async def test_connection_aborted_in_eof_received(loop: AbstractEventLoop) -> None:
    class AbortingRecorder(HalfOpenRecorder):
        def eof_received(self) -> bool:
            self.transport.abort()
            return super().eof_received()

    async with connection(loop, AbortingRecorder) as (_, protocol, peer):
        peer.send_eof()
        assert await protocol.lost is None
        assert protocol.events == ["made", "eof", "lost"]


async def test_closed_transport_has_closed_its_socket(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, _):
        sock = transport.get_extra_info("socket")
        transport.close()
        await protocol.lost
        await settle(1)
        assert sock.fileno() == -1


async def test_socket_of_a_transport_cannot_be_used_behind_its_back(
    loop: AbstractEventLoop,
) -> None:
    # What get_extra_info("socket") gives since Python 3.8 has no method that moves data.
    async with connection(loop) as (transport, _, _):
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
        for name in ("recv", "send", "sendall", "accept", "connect", "close"):
            assert not hasattr(sock, name)


async def test_transport_shows_itself_in_its_repr(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, protocol, _):
        assert "Transport" in repr(transport)
        transport.close()
        await protocol.lost
        assert "clos" in repr(transport)


# Protocols that give the buffer


async def test_buffered_protocol_receives(loop: AbstractEventLoop) -> None:
    async with connection(loop, BufferedRecorder) as (transport, protocol, peer):
        await peer.send(b"hello")
        assert await protocol.received(5) == b"hello"
        assert sum(protocol.counts) == 5
        transport.write(b"answer")
        assert await peer.recv_exactly(6) == b"answer"
        peer.close()
        assert await protocol.lost is None
        assert protocol.events == ["made", "data", "eof", "lost"]


async def test_buffered_protocol_receives_much(loop: AbstractEventLoop) -> None:
    async with connection(loop, BufferedRecorder) as (_, protocol, peer):
        sending = loop.create_task(peer.send(PATTERN))
        assert same(await protocol.received(MUCH), PATTERN)
        await sending
        assert max(protocol.counts) <= BufferedRecorder.size
        assert all(count > 0 for count in protocol.counts)


async def test_buffer_may_be_a_view_that_gets_shorter(loop: AbstractEventLoop) -> None:
    class Filling(BufferedRecorder):
        size = 10

        def get_buffer(self, sizehint: int) -> Any:
            return memoryview(super().get_buffer(sizehint))[: 1 + len(self.data) % 3]

    async with connection(loop, Filling) as (_, protocol, peer):
        await peer.send(b"one byte after the other")
        assert await protocol.received(24) == b"one byte after the other"
        assert max(protocol.counts) <= 3


async def test_empty_buffer_is_an_error(
    loop: AbstractEventLoop, reports: list[dict[str, Any]]
) -> None:
    class Empty(BufferedRecorder):
        size = 0

    async with connection(loop, Empty) as (transport, protocol, peer):
        await peer.send(b"hello")
        assert isinstance(await protocol.lost, RuntimeError)
        assert transport.is_closing()
    assert isinstance(reports.pop()["exception"], RuntimeError)


@pytest.mark.parametrize("method", ["get_buffer", "buffer_updated"])
async def test_exception_in_a_buffered_protocol_closes_its_connection(
    loop: AbstractEventLoop, reports: list[dict[str, Any]], method: str
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("on purpose")

    async with connection(loop, BufferedRecorder) as (_, protocol, peer):
        setattr(protocol, method, fail)
        await peer.send(b"hello")
        assert isinstance(await protocol.lost, LookupError) or method == "get_buffer"
    assert isinstance(reports.pop()["exception"], (LookupError, RuntimeError))


async def test_kind_of_protocol_may_change(loop: AbstractEventLoop) -> None:
    async with connection(loop) as (transport, first, peer):
        await peer.send(b"first")
        await first.received(5)
        second = BufferedRecorder()
        transport.set_protocol(second)
        await peer.send(b"second")
        assert await second.received(6) == b"second"
        transport.set_protocol(first)
        await peer.send(b"third")
        assert await first.received(10) == b"firstthird"
