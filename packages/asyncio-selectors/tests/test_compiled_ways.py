"""What each message goes through is compiled; whoever puts something in its place is asked all the same.

These run on both forms.
"""

from __future__ import annotations

import socket
import sys
from importlib.util import find_spec
from os import environ
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_selectors import stream_transport
from asyncio_selectors.stream_transport import _SelectorSocketTransport
from asyncio_test_support.programs import printed_by
from asyncio_test_support.running import turns
from asyncio_test_support.sockets import reset

if TYPE_CHECKING:
    from asyncio_selectors import SelectorEventLoop


PIECES = {
    "bytes": b"bytes",
    "bytearray": bytearray(b"a bytearray"),
    "view": memoryview(b"a view"),
    "view of what may change": memoryview(bytearray(b"a view of what may change")),
    "view with gaps": memoryview(b"with gaps")[::2],
    "view of signed bytes": memoryview(b"signed").cast("b"),
    "view of numbers": memoryview(bytearray(8)).cast("q"),
    "no bytes": b"",
    "no bytearray": bytearray(),
    "no view": memoryview(b""),
}


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_all_that_is_like_bytes_is_sent(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, piece: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)
        for _ in range(2):
            assert transport.write(piece) is None
        transport.write(data=b"!")
        assert theirs.recv(1000) == 2 * bytes(piece) + b"!"
        theirs.close()
        transport.close()

    loop.run_until_complete(main())


@pytest.mark.parametrize("arguments", [(), (b"a", b"b"), tuple(b"abcdefgh")])
def test_another_number_of_arguments_is_a_type_error(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, arguments: Any
) -> None:
    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=stream_pair[0])
        with pytest.raises(TypeError, match="argument"):
            transport.write(*arguments)
        with pytest.raises(TypeError, match="text"):
            transport.write(text="a")
        transport.close()

    loop.run_until_complete(main())


def test_a_released_view_is_a_value_error(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=stream_pair[0])
        view = memoryview(b"gone")
        view.release()
        with pytest.raises(ValueError, match="released"):
            transport.write(view)
        transport.close()

    loop.run_until_complete(main())


def test_what_is_left_of_a_write_is_kept_as_it_was(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, in_thread: Any
) -> None:
    ours, theirs = stream_pair
    much = bytearray(range(256)) * 4 * 4096

    def read_all() -> bytes:
        parts = []
        while part := theirs.recv(1 << 20):
            parts.append(part)
        return b"".join(parts)

    async def main() -> None:
        transport, _ = await loop.create_connection(recorder, sock=ours)
        transport.set_write_buffer_limits(high=1 << 30)
        sent = bytes(much)
        for given in (much, memoryview(much), memoryview(much).cast("H"), sent):
            transport.write(given)
        much[:] = bytes(len(much))
        transport.write_eof()
        assert await in_thread(read_all) == 4 * sent
        theirs.close()
        transport.close()

    loop.run_until_complete(main())


# How much of the pieces goes out at once depends on where each ends.
SIZES = [
    *((1, 1), (0, 3, 0), (1 << 20, 1), (1, 1 << 20), (300_000,) * 7, (70_000, 0, 1, 900_000)),
    *((5,) * 16, (5,) * 17, (1 << 18,) * 16),
]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", [list, tuple, iter, "mixed"])
def test_what_is_left_of_several_pieces_is_kept_in_order(
    loop: SelectorEventLoop,
    recorder: Any,
    stream_pair: Any,
    in_thread: Any,
    sizes: tuple[int, ...],
    kind: Any,
) -> None:
    ours, theirs = stream_pair
    pieces = [bytes([ord("a") + n]) * size for n, size in enumerate(sizes)]
    expected = b"".join(pieces) + b"end"

    def read_all() -> bytes:
        parts = []
        while part := theirs.recv(1 << 20):
            parts.append(part)
        return b"".join(parts)

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        if kind == "mixed":
            given: Any = [
                *(make(piece) for make, piece in zip((bytes, bytearray), pieces, strict=False)),
                *map(memoryview, pieces[2:]),
            ]
        else:
            given = kind(pieces)
        assert transport.writelines(given) is None
        left = transport.get_write_buffer_size()
        assert left == 0 or left < len(expected)
        assert protocol.pauses == (["pause"] if left > 64 * 1024 else [])
        if isinstance(given, list):
            given.clear()
        transport.writelines(list_of_data=[b"e", b"", b"nd"])
        transport.write_eof()
        assert await in_thread(read_all) == expected
        theirs.close()
        transport.close()

    loop.run_until_complete(main())


def test_lines_after_a_reset_end_the_connection(
    loop: SelectorEventLoop, recorder: Any, connect: Any
) -> None:
    async def main() -> None:
        protocol, theirs = await connect()
        protocol.transport.pause_reading()
        reset(theirs)
        protocol.transport.writelines([b"one", b"two"])
        protocol.transport.writelines([b"one", b"two"])
        assert isinstance(await protocol.lost, OSError)

    loop.run_until_complete(main())


class Watched(_SelectorSocketTransport):
    """Counts what it is called for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.calls: list[str] = []
        super().__init__(*args, **kwargs)

    def write(self, data: Any) -> None:
        self.calls.append("write")
        super().write(data)

    def _read_ready(self) -> None:
        self.calls.append("_read_ready")
        super()._read_ready()


def test_methods_of_a_derived_transport_are_called(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        protocol = recorder()
        transport = Watched(loop, ours, protocol)
        theirs.sendall(b"in")
        await protocol.until(lambda: protocol.data)
        transport.write(b"out")
        assert theirs.recv(10) == b"out"
        assert transport.calls == ["_read_ready", "write"]
        transport.close()
        await protocol.lost

    loop.run_until_complete(main())


def test_methods_of_sockets_that_are_replaced_meanwhile_are_called(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = stream_pair
    calls = []

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        transport.write(b"1")
        own_send, own_recv = socket.socket.send, socket.socket.recv

        def send(sock: Any, data: Any) -> int:
            calls.append(("send", bytes(data)))
            return own_send(sock, data)

        def recv(sock: Any, size: int) -> bytes:
            calls.append(("recv", b""))
            return own_recv(sock, size)

        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "send", send)
            patch.setattr(socket.socket, "recv", recv, raising=False)
            transport.write(b"2")
            theirs.send(b"in")
            await protocol.until(lambda: protocol.data)
        seen = len(calls)
        transport.write(b"3")
        assert theirs.recv(10) == b"123"
        assert len(calls) == seen
        transport.close()

    loop.run_until_complete(main())
    assert ("send", b"2") in calls
    assert ("recv", b"") in calls


def test_methods_of_sockets_that_are_replaced_before_are_called() -> None:
    """By functions of another name, too, as decorators make them."""
    program = """
import functools, socket

calls = []

def watched(own):
    def method(*arguments):
        calls.append(own.__name__)
        return own(*arguments)
    return method

for name in ("accept", "recv", "send"):
    setattr(socket.socket, name, watched(getattr(socket.socket, name)))

import asyncio_core, asyncio_selectors

class Echo(asyncio_core.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

async def main(loop):
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        client.setblocking(False)
        del calls[:]
        await loop.sock_sendall(client, b"x")
        assert await loop.sock_recv(client, 10) == b"x"
    server.close()

loop = asyncio_selectors.SelectorEventLoop()
loop.run_until_complete(main(loop))
loop.close()
print(sorted(set(calls)), calls.count("recv") >= 2, calls.count("send") >= 2)
"""
    assert printed_by(program) == "['accept', 'recv', 'send'] True True"


def test_a_protocol_may_change_its_methods_while_it_is_connected(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any
) -> None:
    ours, theirs = stream_pair
    instead: list[bytes] = []

    async def main() -> None:
        _, protocol = await loop.create_connection(recorder, sock=ours)
        theirs.send(b"1")
        await protocol.until(lambda: protocol.data)
        protocol.data_received = instead.append
        theirs.send(b"2")
        while not instead:
            await turns(1)
        del protocol.data_received
        theirs.send(b"3")
        await protocol.until(lambda: protocol.data == b"13")
        protocol.transport.close()

    loop.run_until_complete(main())
    assert instead == [b"2"]


def test_large_reads_grow_and_shrink_again(
    loop: SelectorEventLoop, recorder: Any, stream_pair: Any, in_thread: Any
) -> None:
    ours, theirs = stream_pair
    much = 4 << 20

    async def main() -> None:
        transport, protocol = await loop.create_connection(recorder, sock=ours)
        await in_thread(theirs.sendall, bytes(much))
        await protocol.until(lambda: len(protocol.data) == much)
        assert max(protocol.sizes) <= transport.max_size
        for count in range(1, 4):
            theirs.send(b"x")
            await protocol.until(lambda count=count: len(protocol.data) == much + count)
        assert transport._read_size == stream_transport._USUAL_READ
        transport.close()

    loop.run_until_complete(main())


class Failing(asyncio_core.Protocol):
    """Raises what it is told to."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.lost = asyncio_core.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        raise self.error

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result((exc, sys.exc_info()[1]))


def test_what_a_protocol_raises_is_being_handled_while_it_is_reported(
    loop: SelectorEventLoop, stream_pair: Any
) -> None:
    ours, theirs = stream_pair
    error = ZeroDivisionError("of the protocol's")
    handled = []

    async def main() -> None:
        loop.set_exception_handler(lambda _, report: handled.append((report, sys.exc_info()[1])))
        _, protocol = await loop.create_connection(lambda: Failing(error), sock=ours)
        theirs.send(b"x")
        assert await protocol.lost == (error, None)

    loop.run_until_complete(main())
    ((report, during),) = handled
    assert report["exception"] is error is during
    assert report["message"] == "Fatal error: protocol.data_received() call failed."


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_the_program_ends_the_run(
    loop: SelectorEventLoop, stream_pair: Any, error: BaseException
) -> None:
    ours, theirs = stream_pair

    async def main() -> None:
        _, protocol = await loop.create_connection(lambda: Failing(error), sock=ours)
        theirs.send(b"x")
        await protocol.lost

    task = loop.create_task(main())
    with pytest.raises(type(error)) as caught:
        loop.run_until_complete(task)
    assert caught.value is error
    reset(theirs)
    loop.run_until_complete(task)


def test_signal_handlers_run_while_the_loop_waits(loop: SelectorEventLoop) -> None:
    signal = pytest.importorskip("signal")
    if not hasattr(signal, "setitimer"):
        pytest.skip("no timers of the system's on Windows")
    seen = []

    def handler(number: int, frame: Any) -> None:
        seen.append(number)
        loop.call_soon_threadsafe(done.set_result, None)

    done = loop.create_future()
    former = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        loop.call_later(20, done.cancel)
        loop.run_until_complete(done)
    finally:
        signal.signal(signal.SIGALRM, former)
    assert seen == [signal.SIGALRM]


WITHOUT_CORE = """
import asyncio_core._twins
del asyncio_core._twins.interface
from asyncio_selectors import SelectorEventLoop, twins
import asyncio_core

loop = SelectorEventLoop()
loop.run_until_complete(asyncio_core.sleep(0.001))
loop.close()
print(twins.twins, twins.why_pure)
"""


@pytest.mark.skipif(
    find_spec("asyncio_selectors._twins") is None or sys.platform == "win32",
    reason="no compiled module for this Python and system is here",
)
def test_the_pure_form_runs_where_core_offers_nothing_that_fits() -> None:
    printed = printed_by(WITHOUT_CORE, env={**environ, "ASYNCIO_PURE_PYTHON": ""})
    words = "asyncio_core is of another version, or runs in pure Python"
    assert printed == f"None the compiled module does not load: {words}"
