"""Connections: reading, writing, and the ways they end."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import logging
import socket
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

import asyncio_core
from asyncio_iocp import proactor_events, writing
from asyncio_test_support.protocols import HalfOpenRecorder
from asyncio_test_support.sockets import read_all, reset

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_iocp import BaseProactorEventLoop

MEGABYTE = bytes(range(256)) * 4096
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")


# Reading.


def test_what_the_peer_sends_is_received_in_order(loop: Any, connect: Any, in_thread: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        peer.settimeout(20)
        await in_thread(peer.sendall, MEGABYTE)
        await protocol.until(lambda: len(protocol.data) == len(MEGABYTE))
        assert protocol.data == MEGABYTE
        protocol.transport.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_paused_transport_delivers_nothing_until_resumed(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        transport.pause_reading()
        assert not transport.is_reading()
        transport.pause_reading()
        peer.send(b"held")
        # A round trip through the loop in which the data would have come.
        echo, other = await connect()
        other.send(b"x")
        await echo.until(lambda: echo.data == b"x")
        await asyncio_core.sleep(0)
        assert protocol.data == b""
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        await protocol.until(lambda: protocol.data == b"held")
        peer.send(b", then more")
        await protocol.until(lambda: protocol.data == b"held, then more")
        transport.close()
        echo.transport.close()
        await protocol.lost
        await echo.lost

    loop.run_until_complete(main())


def test_end_that_came_while_paused_is_told_when_resumed(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        protocol.transport.pause_reading()
        peer.send(b"last")
        peer.shutdown(socket.SHUT_WR)
        await asyncio_core.sleep(0)
        protocol.transport.resume_reading()
        protocol.transport.pause_reading()
        protocol.transport.resume_reading()
        assert await protocol.lost is None
        assert (protocol.data, protocol.eof) == (b"last", 1)

    loop.run_until_complete(main())


def test_protocol_may_pause_in_the_middle_of_the_stream(
    loop: Any, connect: Any, recorder: Any, in_thread: Any
) -> None:
    class Hesitant(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()
            self.loop.call_soon(self.transport.resume_reading)

    async def main() -> None:
        protocol, peer = await connect(Hesitant)
        peer.settimeout(20)
        sending = in_thread(peer.sendall, MEGABYTE)
        await protocol.until(lambda: len(protocol.data) == len(MEGABYTE))
        await sending
        assert protocol.data == MEGABYTE
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_eof_closes_unless_the_protocol_wants_to_go_on(
    loop: Any, connect: Any, in_thread: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect(HalfOpenRecorder)
        peer.shutdown(socket.SHUT_WR)
        await protocol.until(lambda: protocol.eof == 1)
        assert not protocol.transport.is_closing()
        protocol.transport.write(b"answer")
        protocol.transport.pause_reading()
        protocol.transport.resume_reading()
        protocol.transport.close()
        assert await in_thread(read_all, peer) == b"answer"
        assert await protocol.lost is None

        protocol, peer = await connect()
        peer.close()
        assert await protocol.lost is None
        assert protocol.eof == 1

    loop.run_until_complete(main())


def test_buffered_protocol_gets_the_data_in_its_own_buffer(loop: Any, connect: Any) -> None:
    class Buffered(asyncio_core.BufferedProtocol):
        def __init__(self) -> None:
            self.lost = loop.create_future()
            self.room = bytearray(3)
            self.data = bytearray()

        def get_buffer(self, sizehint: int) -> Any:
            return self.room

        def buffer_updated(self, nbytes: int) -> None:
            self.data += self.room[:nbytes]

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.set_result(exc)

    async def main() -> None:
        protocol, peer = await connect(Buffered)
        peer.send(b"more than three bytes")
        peer.close()
        assert await protocol.lost is None
        assert protocol.data == b"more than three bytes"

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["data_received", "eof_received"])
def test_protocol_that_raises_loses_its_connection_and_is_reported(
    loop: Any, connect: Any, recorder: Any, method: str
) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        protocol, peer = await connect(type("Failing", (recorder,), {method: fail}))
        peer.send(b"x")
        peer.shutdown(socket.SHUT_WR)
        assert isinstance(await protocol.lost, ZeroDivisionError)
        (report,) = loop.reported
        assert report["message"] == f"Fatal error: protocol.{method}() call failed."
        assert report["protocol"] is protocol
        loop.reported.clear()

    loop.run_until_complete(main())


def test_error_of_the_system_that_the_protocol_raises_is_reported_as_any_other(
    loop: Any, connect: Any, recorder: Any
) -> None:
    class Opening(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            raise FileNotFoundError("no such file")

    async def main() -> None:
        protocol, peer = await connect(Opening)
        peer.send(b"x")
        assert isinstance(await protocol.lost, FileNotFoundError)
        (report,) = loop.reported
        assert isinstance(report["exception"], FileNotFoundError)
        assert report["protocol"] is protocol
        loop.reported.clear()

    loop.run_until_complete(main())


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
def test_connection_goes_on_when_the_loop_runs_again_after_an_interrupt(
    loop: Any, connect: Any, recorder: Any, exception: type[BaseException]
) -> None:
    class Interrupted(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if data == b"interrupt":
                raise exception

    protocol, peer = loop.run_until_complete(connect(Interrupted))
    peer.send(b"interrupt")
    with pytest.raises(exception):
        loop.run_forever()

    async def main() -> None:
        peer.send(b" and more")
        await protocol.until(lambda: protocol.data == b"interrupt and more")
        peer.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_peer_that_resets_is_told_to_the_protocol_only(
    loop: Any, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        reset(peer)
        assert isinstance(await protocol.lost, ConnectionError)

    with caplog.at_level(logging.INFO):
        loop.run_until_complete(main())
    assert [record for record in caplog.records if record.name == "asyncio"] == []


# Writing.


def test_what_is_written_arrives_and_the_protocol_is_slowed_down(
    loop: Any, connect: Any, in_thread: Any
) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        transport.set_write_buffer_limits(high=100_000)
        for _ in range(16):
            transport.write(MEGABYTE)
        assert protocol.pauses == ["pause"]
        assert transport.get_write_buffer_size() > 100_000
        receiving = in_thread(read_all, peer)
        await protocol.until(lambda: protocol.pauses == ["pause", "resume"])
        assert transport.get_write_buffer_size() <= 25_000
        transport.close()
        assert await receiving == MEGABYTE * 16
        assert await protocol.lost is None

    loop.run_until_complete(main())


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows throws away what was received before a reset"
)
@pytest.mark.parametrize("end", ["wait", "close"])
def test_an_answer_is_received_though_a_write_fails(loop: Any, connect: Any, end: str) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        peer.sendall(b"too much")
        reset(peer)
        for _ in range(3):
            transport.write(b"x" * 1000)
        if end == "close":
            transport.close()
        assert isinstance(await protocol.lost, ConnectionError)
        if end == "wait":
            assert protocol.data == b"too much"

    loop.run_until_complete(main())


@pytest.mark.parametrize("later", [False, True])
def test_one_who_reads_nothing_while_he_cannot_write_hears_of_the_end(
    loop: Any, connect: Any, recorder: Any, later: bool
) -> None:
    class Relaying(recorder):  # type: ignore[misc]
        """Takes no more than it can give: reads nothing while it is not to write."""

        def pause_writing(self) -> None:
            super().pause_writing()
            if later:
                self.loop.call_soon(self.transport.pause_reading)
            else:
                self.transport.pause_reading()

        def resume_writing(self) -> None:
            super().resume_writing()
            self.transport.resume_reading()

    async def main() -> None:
        protocol, peer = await connect(Relaying)
        peer.sendall(b"too much")
        reset(peer)
        for _ in range(3):
            protocol.transport.write(b"x" * 1000)
        # Where the write has failed, nobody would ever say that he may write again.
        assert isinstance(await asyncio_core.wait_for(protocol.lost, 20), ConnectionError)

    loop.run_until_complete(main())


def test_a_peer_that_is_gone_while_much_is_echoed_ends_the_connection(
    loop: Any, connect: Any, recorder: Any
) -> None:
    class Echo(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

        def pause_writing(self) -> None:
            super().pause_writing()
            self.transport.pause_reading()

        def resume_writing(self) -> None:
            super().resume_writing()
            self.transport.resume_reading()

    async def main() -> None:
        protocol, peer = await connect(Echo)
        peer.setblocking(False)
        while not protocol.pauses:
            with contextlib.suppress(BlockingIOError):
                peer.send(MEGABYTE)
            await asyncio_core.sleep(0)
        reset(peer)
        assert isinstance(await asyncio_core.wait_for(protocol.lost, 20), ConnectionError)

    loop.run_until_complete(main())


def test_more_than_the_system_takes_at_once_is_sent_in_parts(
    loop: Any, connect: Any, in_thread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_AT_ONCE", 100_000)

    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        receiving = in_thread(read_all, peer)
        transport.write(MEGABYTE)
        transport.write(MEGABYTE)
        transport.write(b"the last")
        transport.write_eof()
        assert await receiving == MEGABYTE * 2 + b"the last"
        assert transport.get_write_buffer_size() == 0
        transport.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_write_that_cannot_be_started_ends_the_connection(
    loop: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(sock: Any, data: Any) -> Any:
        raise MemoryError("no memory for the system")

    async def main() -> None:
        protocol, _ = await connect()
        monkeypatch.setattr(loop._proactor, "send", send)
        protocol.transport.write(b"x")
        assert isinstance(await protocol.lost, MemoryError)
        (report,) = loop.reported
        assert isinstance(report["exception"], MemoryError)
        loop.reported.clear()

    loop.run_until_complete(main())


def test_caller_may_change_his_buffer_at_once(loop: Any, connect: Any, in_thread: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        piece = bytearray(b"abc")
        expected = MEGABYTE + b"abc" + b"abc"
        protocol.transport.write(MEGABYTE)
        protocol.transport.write(piece)
        protocol.transport.write(memoryview(piece))
        piece[:] = b"xyz"
        piece += b"longer"
        protocol.transport.write(b"")
        protocol.transport.close()
        assert await in_thread(read_all, peer) == expected
        await protocol.lost

    loop.run_until_complete(main())


def test_writelines_writes_all_pieces(loop: Any, connect: Any, in_thread: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        protocol.transport.writelines([b"one ", bytearray(b"two "), memoryview(b"three")])
        protocol.transport.close()
        assert await in_thread(read_all, peer) == b"one two three"
        await protocol.lost

    loop.run_until_complete(main())


def test_write_eof_ends_the_stream_behind_the_data(loop: Any, connect: Any, in_thread: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        transport = protocol.transport
        assert transport.can_write_eof()
        transport.write(MEGABYTE * 4)
        transport.write_eof()
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.write(b"late")
        assert await in_thread(read_all, peer) == MEGABYTE * 4
        peer.sendall(b"answer")
        await protocol.until(lambda: protocol.data == b"answer")
        peer.close()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_what_is_no_bytes_is_refused(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        with pytest.raises(TypeError, match="bytes-like object, not 'str'"):
            protocol.transport.write("text")
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_writing_on_after_the_end_is_told_once_in_a_while(
    loop: Any, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        protocol.transport.abort()
        for _ in range(5):
            protocol.transport.write(b"lost")
        await protocol.lost

    loop.run_until_complete(main())
    told = ["socket.send() raised exception."]
    assert [record.getMessage() for record in caplog.records] == told
    caplog.clear()
    with mock.patch.object(proactor_events, "logger") as replaced:
        loop.run_until_complete(main())
    assert [call.args for call in replaced.warning.mock_calls] == [tuple(told)]
    assert not caplog.records


# The end.


def test_close_sends_what_is_buffered(loop: Any, connect: Any, in_thread: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        protocol.transport.write(MEGABYTE * 4)
        protocol.transport.close()
        protocol.transport.close()
        assert protocol.transport.is_closing()
        assert not protocol.transport.is_reading()
        assert await in_thread(read_all, peer) == MEGABYTE * 4
        assert await protocol.lost is None
        assert protocol.transport._sock is None

    loop.run_until_complete(main())


def test_abort_throws_away_what_is_buffered(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        protocol.transport.write(MEGABYTE * 16)
        protocol.transport.close()
        protocol.transport.abort()
        assert protocol.transport.get_write_buffer_size() == 0
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_closing_in_connection_made_reads_nothing(loop: Any, connect: Any, recorder: Any) -> None:
    class Shy(recorder):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.close()

    async def main() -> None:
        protocol, peer = await connect(Shy)
        assert await protocol.lost is None
        assert protocol.eof == 0
        peer.settimeout(20)
        assert peer.recv(1) == b""

    loop.run_until_complete(main())


def test_transport_that_outlives_its_loop_closes_its_socket_and_warns(
    loop: Any, connect: Any
) -> None:
    async def main() -> socket.socket:
        protocol, _ = await connect()
        return protocol.transport._sock  # type: ignore[no-any-return]

    sock = loop.run_until_complete(main())
    loop.close()
    with pytest.warns(ResourceWarning, match="unclosed transport <_ProactorSocketTransport"):
        gc.collect()
    assert sock.fileno() == -1


def test_repr_tells_the_state(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, _ = await connect()
        transport = protocol.transport
        await asyncio_core.sleep(0)
        fd = transport.get_extra_info("socket").fileno()
        assert repr(transport) == f"<_ProactorSocketTransport fd={fd} reading>"
        transport.write(MEGABYTE * 16)
        assert f"reading writing bufsize={len(MEGABYTE) * 16}>" in repr(transport)
        transport.abort()
        assert repr(transport) == f"<_ProactorSocketTransport closing fd={fd}>"
        await protocol.lost
        assert repr(transport) == f"<_ProactorSocketTransport closed fd={fd}>"

    loop.run_until_complete(main())


def test_facts_of_the_connection_can_be_asked_for(loop: Any, connect: Any) -> None:
    async def main() -> None:
        protocol, peer = await connect()
        ask = protocol.transport.get_extra_info
        assert ask("sockname") == peer.getpeername()
        assert ask("peername") == peer.getsockname()
        assert ask("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert ask("no such thing", 7) == 7
        assert protocol.transport.get_protocol() is protocol
        protocol.transport.close()
        await protocol.lost

    loop.run_until_complete(main())


# Contexts.


def test_reads_share_one_context(
    loop: BaseProactorEventLoop, connect: Callable[..., Any], recorder: Any
) -> None:
    seen: list[str] = []

    class Counting(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            seen.append(variable.get())
            variable.set(data.decode())
            super().data_received(data)

        def connection_lost(self, exc: Exception | None) -> None:
            seen.append(variable.get())
            super().connection_lost(exc)

    async def main() -> None:
        protocol, peer = await connect(Counting)
        for text in (b"1", b"2", b"3"):
            peer.send(text)
            await protocol.until(lambda text=text: protocol.data.endswith(text))
            protocol.transport.pause_reading()
            protocol.transport.resume_reading()
        peer.close()
        await protocol.lost

    loop.run_until_complete(main())
    assert seen == ["nothing", "1", "2", "3"]


def test_callbacks_run_in_the_context_that_the_transport_was_made_in(
    loop: BaseProactorEventLoop, connect: Callable[..., Any], recorder: Any, in_thread: Any
) -> None:
    seen: dict[str, str] = {}

    def noting(name: str) -> Any:
        def method(self: Any, *args: Any) -> Any:
            seen[name] = variable.get()
            return getattr(recorder, name)(self, *args)

        return method

    methods = (
        "connection_made",
        "data_received",
        "eof_received",
        "resume_writing",
        "connection_lost",
    )
    noting_class = type("Noting", (recorder,), {name: noting(name) for name in methods})

    async def use(protocol: Any, peer: socket.socket) -> None:
        variable.set("of the user")
        transport = protocol.transport
        transport.pause_reading()
        transport.resume_reading()
        transport.write(MEGABYTE * 8)
        peer.settimeout(20)
        receiving = in_thread(read_all, peer)
        await protocol.until(lambda: "resume" in protocol.pauses)
        peer.sendall(b"x")
        await protocol.until(lambda: protocol.data == b"x")
        peer.shutdown(socket.SHUT_WR)
        await protocol.lost
        await receiving

    async def main() -> None:
        variable.set("of the maker")
        protocol, peer = await connect(noting_class)
        await loop.create_task(use(protocol, peer))

    loop.run_until_complete(main())
    assert seen == dict.fromkeys(methods, "of the maker")
