"""Reads and writes of every kind of transport are in a trace, in both forms, and the compiled one stays compiled for it."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from array import array
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core.inspecting import recording
from asyncio_selectors import SelectorEventLoop, stream_transport
from asyncio_test_support.protocols import Recorder

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine
    from types import FrameType

    Run = Callable[[Coroutine[Any, Any, Any]], list[tuple[str, int, int]]]


@pytest.fixture
def recorded(loop: SelectorEventLoop) -> Run:
    """Return a function that runs a coroutine, and returns the calls that were recorded: name, descriptor, bytes."""

    def run(coro: Coroutine[Any, Any, Any]) -> list[tuple[str, int, int]]:
        recorder = recording.Recorder()
        recorder.begin()
        try:
            loop.run_until_complete(coro)
        finally:
            recorder.end()
        facts, numbers = recorder.take(10**6)
        names, flat = ["", *facts["names"]], array("q", numbers)
        records = [flat[n : n + recording.LENGTH] for n in range(0, len(flat), recording.LENGTH)]
        return [(names[io[4]], io[5], io[6]) for io in records if io[0] == recording.IO]

    return run


def total(calls: list[tuple[str, int, int]], descriptor: int, *beginnings: str) -> int:
    """Return how many bytes the calls of such names have read, or written."""
    return sum(
        count for name, fd, count in calls if fd == descriptor and name.startswith(beginnings)
    )


def test_a_stream_transports_reads_and_writes(loop: SelectorEventLoop, recorded: Run) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    number = ours.fileno()

    async def main() -> None:
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        theirs.send(b"question")
        await protocol.until(lambda: protocol.data == b"question")
        transport.write(b"an ")
        transport.write(bytearray(b"answer"))
        transport.writelines([b" in", b" pieces"])
        received = b""
        while len(received) < 19:
            received += await loop.sock_recv(theirs, 100)
        assert received == b"an answer in pieces"
        transport.close()
        await protocol.lost

    with theirs:
        calls = recorded(main())
    assert total(calls, number, "recv") == 8
    assert total(calls, number, "send") == 19


def test_datagrams(loop: SelectorEventLoop, recorded: Run) -> None:
    numbers = []

    class Answering(asyncio_core.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, address: Any) -> None:
            self.transport.sendto(data * 2, address)

    async def main() -> None:
        transport, _ = await loop.create_datagram_endpoint(Answering, local_addr=("127.0.0.1", 0))
        numbers.append(transport.get_extra_info("socket").fileno())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect(transport.get_extra_info("sockname"))
            asking.setblocking(False)
            for _ in range(4):
                asking.send(b"ask")
            for _ in range(4):
                assert await loop.sock_recv(asking, 100) == b"askask"
        transport.close()

    calls = recorded(main())
    assert total(calls, numbers[0], "recv") == 4 * 3
    assert total(calls, numbers[0], "send") == 4 * 6


@pytest.mark.skipif(sys.platform == "win32", reason="select() takes no pipes there")
def test_pipes(loop: SelectorEventLoop, recorded: Run) -> None:
    reading, writing = os.pipe()

    async def main() -> None:
        protocol = Recorder()
        reader, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", 0))
        writer, _ = await loop.connect_write_pipe(
            asyncio_core.BaseProtocol, os.fdopen(writing, "wb", 0)
        )
        writer.write(b"through a pipe")
        await protocol.until(lambda: protocol.data == b"through a pipe")
        writer.close()
        reader.close()
        await protocol.lost

    calls = recorded(main())
    assert total(calls, writing, "write") == total(calls, reading, "read") == 14


def test_tls_and_accepting(
    loop: SelectorEventLoop,
    recorded: Run,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    numbers: list[int] = []

    class Answering(asyncio_core.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            numbers.append(transport.get_extra_info("socket").fileno())

        def data_received(self, data: bytes) -> None:
            self.transport.write(data * 100)

    async def main() -> None:
        server = await loop.create_server(Answering, "127.0.0.1", 0, ssl=server_context)
        numbers.append(server.sockets[0].fileno())
        transport, protocol = await loop.create_connection(
            Recorder,
            *server.sockets[0].getsockname(),
            ssl=client_context,
            server_hostname="localhost",
        )
        transport.write(b"10 letters")
        await protocol.until(lambda: len(protocol.data) == 1000)
        server.close()
        transport.abort()
        await protocol.lost
        await server.wait_closed()

    calls = recorded(main())
    listener, accepted = numbers
    assert [call for call in calls if call[0] == "accept"] == [("accept", listener, 0)]
    assert total(calls, accepted, "send") > 1000
    assert total(calls, accepted, "recv") > 10


@pytest.mark.skipif(
    sys.platform == "win32",
    reason="pairs of sockets are TCP's there: the first write to nobody succeeds",
)
def test_what_fails_is_not_recorded_and_fails_as_ever(
    loop: SelectorEventLoop, recorded: Run
) -> None:
    ours, theirs = socket.socketpair()
    number = ours.fileno()

    async def main() -> None:
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        theirs.close()
        with contextlib.suppress(OSError):
            transport.write(b"to nobody")
        await protocol.lost

    calls = recorded(main())
    assert total(calls, number, "recv", "send") == 0


@pytest.mark.skipif(stream_transport.twins is None, reason="there is no compiled form here")
def test_compiled_transports_do_it_themselves(loop: SelectorEventLoop, recorded: Run) -> None:
    """Where the pure form did the work, a trace would take several times as long."""
    ours, theirs = socket.socketpair()
    functions = set()

    def note(frame: FrameType, event: str, value: object) -> None:
        if frame.f_code.co_filename == stream_transport.__file__:
            functions.add(frame.f_code.co_name)

    async def main() -> None:
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        theirs.send(b"question")
        sys.setprofile(note)
        await protocol.until(lambda: protocol.data == b"question")
        transport.write(b"answer")
        sys.setprofile(None)
        transport.abort()
        await protocol.lost

    with theirs:
        names = {name for name, *_ in recorded(main())}
    assert names >= {"recv", "send"}
    assert functions == set()
