"""What each message goes through in TLS is compiled; whoever puts something in its place is asked all the same.

These run on both forms. The other end is driven by hand, so that several records come at once, or one in pieces.
"""

from __future__ import annotations

import array
import mmap
import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core.tls import flow
from asyncio_core.tls.protocol import SSLProtocol, _SSLProtocolTransport
from asyncio_core.tls.state import TLSMachine
from asyncio_test_support.certificates import only
from asyncio_test_support.protocols import Recorder
from asyncio_test_support.running import turns

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from asyncio_selectors import SelectorEventLoop

MUCH = bytes(range(256)) * 4 * 300


@pytest.fixture
def server_context(server_context: ssl.SSLContext, tls_version: str) -> ssl.SSLContext:
    return only(server_context, tls_version)


class Peer:
    """The server's end, whose records go out when it is told to send them."""

    def __init__(self, loop: Any, sock: socket.socket, context: ssl.SSLContext) -> None:
        sock.setblocking(False)
        self.loop, self.sock = loop, sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def do(self, function: Callable[..., Any], *args: Any) -> Any:
        while True:
            try:
                result = function(*args)
            except ssl.SSLWantReadError:
                await self.send(self.outgoing.read())
                self.incoming.write(await self.loop.sock_recv(self.sock, 1 << 18))
            else:
                await self.send(self.outgoing.read())
                return result

    async def send(self, data: bytes) -> None:
        await self.loop.sock_sendall(self.sock, data)

    def records(self, *pieces: bytes) -> bytes:
        """Encrypt each piece by itself, and return the records."""
        for piece in pieces:
            self.tls.write(piece)
        return self.outgoing.read()

    def goodbye(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()

    async def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += await self.do(self.tls.read, count - len(data))
        return data


@pytest.fixture
def on_connection(
    loop: SelectorEventLoop,
    local_pair: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> Any:
    """Run a test's coroutine with a transport, its protocol and the peer; then end all that."""
    ours, theirs = local_pair

    def on_connection(factory: Any, test: Any) -> None:
        async def main() -> None:
            peer = Peer(loop, theirs, server_context)
            (transport, protocol), _ = await asyncio_core.gather(
                loop.create_connection(
                    factory, sock=ours, ssl=client_context, server_hostname="localhost"
                ),
                peer.do(peer.tls.do_handshake),
            )
            try:
                await test(transport, protocol, peer)
            finally:
                transport.abort()
                theirs.close()
                await turns(4)

        loop.run_until_complete(main())

    return on_connection


async def exchange(transport: Any, protocol: Any, peer: Peer) -> None:
    """Have a few bytes go in both directions."""
    for _ in range(3):
        protocol.data.clear()
        await peer.send(peer.records(b"to you"))
        await protocol.until(lambda: protocol.data == b"to you")
        transport.write(b"and back")
        assert await peer.read(8) == b"and back"


class Buffered(asyncio_core.BufferedProtocol):
    """Takes what comes in pieces, and remembers it."""

    size = 4

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.room: Any = bytearray(self.size)
        self.hints: list[int] = []
        self.data, self.lost, self.until = (
            self.recorder.data,
            self.recorder.lost,
            self.recorder.until,
        )

    def get_buffer(self, sizehint: int) -> Any:
        self.hints.append(sizehint)
        return self.room

    def buffer_updated(self, nbytes: int) -> None:
        self.recorder.data_received(bytes(memoryview(self.room).cast("B")[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.recorder.connection_lost(exc)


# What comes in.


@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_records_that_come_at_once_arrive_in_order(on_connection: Any, factory: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await peer.send(peer.records(b"one", b"", b"two", b"t" * 16384, b"three"))
        text = b"onetwo" + b"t" * 16384 + b"three"
        await protocol.until(lambda: len(protocol.data) == len(text))
        assert protocol.data == text

    on_connection(factory, test)


@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_a_record_in_pieces_arrives_when_it_is_whole(on_connection: Any, factory: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        record = peer.records(b"before", b"a whole record")
        for start in range(0, len(record), 3):
            assert b"whole" not in protocol.data
            await peer.send(record[start : start + 3])
            await turns(4)
        await protocol.until(lambda: protocol.data == b"beforea whole record")
        await exchange(transport, protocol, peer)

    on_connection(factory, test)


@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_much_arrives_as_it_was(on_connection: Any, factory: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await peer.send(peer.records(MUCH))
        await protocol.until(lambda: len(protocol.data) == len(MUCH))
        assert protocol.data == MUCH
        transport.write(MUCH)
        assert await peer.read(len(MUCH)) == MUCH

    on_connection(factory, test)


@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_the_peers_end_comes_behind_its_data(on_connection: Any, factory: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await peer.send(peer.records(b"data", b" and") + peer.goodbye())
        await protocol.until(lambda: protocol.data == b"data and")
        peer.sock.close()
        assert await protocol.lost is None

    on_connection(factory, test)


@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_an_error_comes_behind_the_data(on_connection: Any, factory: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        record = bytearray(peer.records(b"bad"))
        record[-1] ^= 1
        await peer.send(bytes(record))
        assert isinstance(await protocol.lost, ssl.SSLError)
        assert protocol.data == b""

    async def behind(transport: Any, protocol: Any, peer: Peer) -> None:
        records = bytearray(peer.records(b"good", b"bad"))
        records[-1] ^= 1
        await peer.send(bytes(records))
        assert isinstance(await protocol.lost, ssl.SSLError)
        assert protocol.data == b"good"

    on_connection(factory, behind if factory is Recorder else test)


# What a protocol does while data is handed to it.


class Acting(Buffered):
    """Does something when the first piece comes."""

    def __init__(self, act: Callable[[Any], Any]) -> None:
        super().__init__()
        self.act: Any = act

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def buffer_updated(self, nbytes: int) -> None:
        super().buffer_updated(nbytes)
        act, self.act = self.act, None
        if act is not None:
            act(self)


@pytest.mark.parametrize("end", ["close", "abort"])
def test_nothing_is_handed_out_after_the_end(on_connection: Any, end: str) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await peer.send(peer.records(b"0123456789"))
        await protocol.until(lambda: protocol.data)
        await turns(4)
        assert transport.is_closing()
        assert protocol.data == b"0123"
        peer.sock.close()
        await protocol.lost

    on_connection(lambda: Acting(lambda self: getattr(self.transport, end)()), test)


def test_the_rest_waits_for_who_pauses(on_connection: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await peer.send(peer.records(b"01234567", b"89"))
        await protocol.until(lambda: protocol.data)
        await turns(4)
        assert protocol.data == b"0123"
        transport.resume_reading()
        assert protocol.data == b"0123"
        await protocol.until(lambda: protocol.data == b"0123456789")
        await exchange(transport, protocol, peer)

    on_connection(lambda: Acting(lambda self: self.transport.pause_reading()), test)


@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_the_rest_is_for_the_protocol_that_takes_over(on_connection: Any, factory: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await peer.send(peer.records(b"01234567", b"89"))
        await protocol.until(lambda: protocol.data)
        other = transport.get_protocol()
        assert type(other) is factory
        await other.until(lambda: other.data == b"456789")
        assert protocol.data == b"0123"
        await exchange(transport, other, peer)

    on_connection(
        lambda: Acting(lambda self: self.transport.set_protocol(factory())),
        test,
    )


def test_tls_can_begin_on_top_in_the_middle(
    loop: SelectorEventLoop,
    on_connection: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    begun = []

    def begin(self: Any) -> None:
        begun.append(
            loop.create_task(
                loop.start_tls(
                    self.transport, Recorder(), client_context, server_hostname="localhost"
                )
            )
        )

    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await peer.send(peer.records(b"on!"))
        await protocol.until(lambda: protocol.data)
        inner = Inner(peer, server_context)
        upgraded, _ = await asyncio_core.gather(begun[0], inner.do(inner.tls.do_handshake))
        await exchange(upgraded, upgraded.get_protocol(), inner)
        upgraded.abort()
        await upgraded.get_protocol().lost

    on_connection(lambda: Acting(begin), test)


class Inner(Peer):
    """A peer within another one."""

    def __init__(self, below: Peer, context: ssl.SSLContext) -> None:
        super().__init__(below.loop, below.sock, context)
        self.below = below

    async def do(self, function: Callable[..., Any], *args: Any) -> Any:
        while True:
            try:
                result = function(*args)
            except ssl.SSLWantReadError:
                await self.send(self.outgoing.read())
                self.incoming.write(await self.below.do(self.below.tls.read, 1 << 14))
            else:
                await self.send(self.outgoing.read())
                return result

    async def send(self, data: bytes) -> None:
        if data:
            await self.below.send(self.below.records(data))


@pytest.mark.parametrize("method", ["data_received", "get_buffer", "buffer_updated"])
def test_what_a_protocol_raises_is_reported_while_it_is_handled(
    loop: SelectorEventLoop, on_connection: Any, method: str
) -> None:
    error = ZeroDivisionError("of the protocol's")
    handled = []
    loop.set_exception_handler(lambda _, report: handled.append((report, sys.exc_info()[1])))

    def fail(*args: Any) -> None:
        raise error

    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        setattr(protocol, method, fail)
        await peer.send(peer.records(b"x"))
        assert await protocol.lost is error
        ((report, during),) = handled
        assert report["exception"] is error is during
        shown = "data_received" if method == "data_received" else "buffer_updated"
        assert report["message"] == f"Fatal error: protocol.{shown}() call failed."
        assert isinstance(report["protocol"], SSLProtocol)

    on_connection(Recorder if method == "data_received" else Buffered, test)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("method", ["data_received", "buffer_updated"])
def test_what_ends_the_program_ends_the_run(
    loop: SelectorEventLoop,
    local_pair: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    method: str,
    error: BaseException,
) -> None:
    ours, theirs = local_pair
    factory: Any = Recorder if method == "data_received" else Buffered

    def fail(*args: Any) -> None:
        raise error

    async def main() -> None:
        peer = Peer(loop, theirs, server_context)
        (_, protocol), _ = await asyncio_core.gather(
            loop.create_connection(
                factory, sock=ours, ssl=client_context, server_hostname="localhost"
            ),
            peer.do(peer.tls.do_handshake),
        )
        setattr(protocol, method, fail)
        await peer.send(peer.records(b"x"))
        theirs.close()
        await protocol.lost

    task = loop.create_task(main())
    with pytest.raises(type(error)) as caught:
        loop.run_until_complete(task)
    assert caught.value is error
    loop.run_until_complete(task)


@pytest.mark.parametrize(
    "make",
    [
        lambda: memoryview(bytearray(5)),
        lambda: memoryview(bytearray(16)).cast("q"),
        lambda: memoryview(bytearray(16)).cast("B", (4, 4)),
        lambda: array.array("i", [0, 0]),
        lambda: mmap.mmap(-1, 10),
        lambda: bytearray(100_000),
    ],
    ids=["view", "wider", "square", "array", "map", "large"],
)
def test_memory_of_every_kind_is_filled(on_connection: Any, make: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        protocol.room = make()
        text = bytes(range(256)) * 100
        await peer.send(peer.records(text))
        await protocol.until(lambda: len(protocol.data) == len(text))
        assert protocol.data == text
        assert protocol.hints[0] > 0

    on_connection(Buffered, test)


ROOMS = {
    "bytes": b"cannot be changed",
    "a view with gaps": memoryview(bytearray(10))[::2],
    "no bytearray": bytearray(),
    "no view": memoryview(b""),
    "a number": 7,
    "None": None,
}


@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS)
def test_memory_that_cannot_be_filled_ends_the_connection(
    loop: SelectorEventLoop, on_connection: Any, room: Any
) -> None:
    reports: list[Any] = []
    loop.set_exception_handler(lambda _, report: reports.append(report))

    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        protocol.room = room
        await peer.send(peer.records(b"x"))
        error = await protocol.lost
        assert isinstance(error, (BufferError, TypeError, RuntimeError, ValueError))
        assert [report["exception"] for report in reports] == [error]

    on_connection(Buffered, test)


def test_a_buffer_can_be_resized_when_it_was_filled(on_connection: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        for _ in range(3):
            await peer.send(peer.records(b"0123456789" * 3))
        await protocol.until(lambda: len(protocol.data) == 90)
        assert protocol.data == b"0123456789" * 9

    class Resizing(Buffered):
        def buffer_updated(self, nbytes: int) -> None:
            super().buffer_updated(nbytes)
            self.room.extend(b"more")

    on_connection(Resizing, test)


# What goes out.


PIECES = {
    "bytes": b"bytes",
    "bytearray": bytearray(b"a bytearray"),
    "view": memoryview(b"a view"),
    "view of what may change": memoryview(bytearray(b"a view of what may change")),
    "view with gaps": memoryview(b"with gaps")[::2],
    "view of signed bytes": memoryview(b"signed").cast("b"),
    "view of numbers": memoryview(bytearray(8)).cast("q"),
    "view of a square": memoryview(bytearray(range(16))).cast("B", (4, 4)),
    "no bytes": b"",
    "no bytearray": bytearray(),
    "no view": memoryview(b""),
}


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_all_that_is_like_bytes_is_sent(on_connection: Any, piece: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        for _ in range(2):
            assert transport.write(piece) is None
        transport.write(data=b"!")
        expected = 2 * piece.tobytes() if isinstance(piece, memoryview) else 2 * bytes(piece)
        assert await peer.read(len(expected) + 1) == expected + b"!"

    on_connection(Recorder, test)


@pytest.mark.parametrize("arguments", [(), (b"a", b"b"), tuple(b"abcdefgh"), ("text",), (None,)])
def test_other_arguments_are_a_type_error(on_connection: Any, arguments: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        with pytest.raises(TypeError):
            transport.write(*arguments)
        with pytest.raises(TypeError, match="text"):
            transport.write(text="a")
        await exchange(transport, protocol, peer)

    on_connection(Recorder, test)


def test_a_released_view_is_a_value_error(on_connection: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        view = memoryview(b"gone")
        view.release()
        with pytest.raises(ValueError, match="released"):
            transport.write(view)

    on_connection(Recorder, test)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_waits_is_kept_as_it_was(on_connection: Any, kind: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        written = 0
        while "pause" not in protocol.pauses:
            given = bytearray(MUCH[: 100 * 1024])
            transport.write(kind(given))
            written += len(given)
            if kind is not memoryview:
                given[:] = bytes(len(given))
        assert transport.get_write_buffer_size()
        transport.write(b"!")
        assert await peer.read(written) == MUCH[: 100 * 1024] * (written // (100 * 1024))
        assert await peer.read(1) == b"!"
        assert protocol.pauses == ["pause", "resume"]

    on_connection(Recorder, test)


def test_a_write_that_cannot_be_encrypted_ends_the_connection(
    loop: SelectorEventLoop, on_connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ZeroDivisionError()
    reports: list[Any] = []
    loop.set_exception_handler(lambda _, report: reports.append(report))

    def fail(*args: Any) -> None:
        raise error

    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        monkeypatch.setattr(transport._ssl_protocol._transport, "write", fail, raising=False)
        transport.write(b"x")
        assert await protocol.lost is error
        assert [report["message"] for report in reports] == ["Fatal error: encrypting data failed"]

    try:
        on_connection(Recorder, test)
    finally:
        monkeypatch.undo()


# What is put in the place of a method.


class Counting:
    """A function in the place of another one, which it calls."""

    def __init__(self) -> None:
        self.calls = 0

    def around(self, function: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return function(*args, **kwargs)

        return counted


@pytest.mark.parametrize("factory", [Recorder, Buffered])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *(
            (SSLProtocol, name)
            for name in (
                *("get_buffer", "buffer_updated", "_advance", "_deliver", "_flush", "_send"),
                *("_control_reading", "_write_app_data", "_is_below_closing"),
            )
        ),
        *((TLSMachine, name) for name in ("receive", "readable", "read_into", "write", "output")),
        *((_SSLProtocolTransport, name) for name in ("write", "is_closing")),
        *((ssl.SSLObject, name) for name in ("read", "write")),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_who_replaces_a_method_of_a_class_is_called(
    on_connection: Any, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, factory: Any
) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await exchange(transport, protocol, peer)
        counting = Counting()
        with monkeypatch.context() as patching:
            patching.setattr(owner, name, counting.around(getattr(owner, name)))
            await exchange(transport, protocol, peer)
            # The peer has an SSLObject of its own, which does twice as much as that.
            assert counting.calls >= (6 if owner is ssl.SSLObject else 3)
        counting.calls = 0
        await exchange(transport, protocol, peer)
        assert counting.calls == 0

    on_connection(factory, test)


@pytest.mark.parametrize("name", ["read", "write"])
def test_who_replaces_a_method_of_the_ssl_object_is_called(on_connection: Any, name: str) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await exchange(transport, protocol, peer)
        sslobj, counting = transport.get_extra_info("ssl_object"), Counting()
        setattr(sslobj, name, counting.around(getattr(sslobj, name)))
        await exchange(transport, protocol, peer)
        assert counting.calls == 3
        delattr(sslobj, name)
        await exchange(transport, protocol, peer)
        assert counting.calls == 3

    on_connection(Recorder, test)


def test_the_objects_of_a_context_may_be_of_another_class(
    on_connection: Any, client_context: ssl.SSLContext
) -> None:
    class Upper(ssl.SSLObject):
        def read(self, len: int = 1024, buffer: Any = None) -> Any:
            count = super().read(len, buffer)
            if buffer is not None:
                buffer[:count] = bytes(buffer[:count]).upper()
            return count

        def write(self, data: Any) -> int:
            return super().write(bytes(data).upper())

    client_context.sslobject_class = Upper

    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        assert type(transport.get_extra_info("ssl_object")) is Upper
        await peer.send(peer.records(b"to you"))
        await protocol.until(lambda: protocol.data == b"TO YOU")
        transport.write(b"and back")
        assert await peer.read(8) == b"AND BACK"

    on_connection(Recorder, test)


def test_a_context_may_make_something_else(
    on_connection: Any, client_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Around:
        def __init__(self, sslobj: Any) -> None:
            self.around = sslobj
            self.written = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.around, name)

        def write(self, data: Any) -> Any:
            self.written += len(data)
            return self.around.write(data)

    make = client_context.wrap_bio

    class Other(ssl.SSLContext):
        def wrap_bio(self, *args: Any, **kwargs: Any) -> Any:
            return Around(make(*args, **kwargs))

    monkeypatch.setattr(ssl.SSLContext, "wrap_bio", ssl.SSLContext.wrap_bio)
    client_context.__class__ = Other

    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await exchange(transport, protocol, peer)
        assert transport.get_extra_info("ssl_object").written == 3 * len(b"and back")

    on_connection(Recorder, test)


def test_a_transport_may_be_told_that_it_is_closing(on_connection: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        transport.is_closing = lambda: True
        transport.write(b"lost")
        del transport.is_closing
        transport.write(b"sent")
        assert await peer.read(4) == b"sent"

    on_connection(Recorder, test)


def test_a_derived_layer_is_asked(
    loop: SelectorEventLoop,
    local_pair: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    ours, theirs = local_pair
    calls = []

    class Derived(SSLProtocol):
        def buffer_updated(self, nbytes: int) -> None:
            calls.append("updated")
            super().buffer_updated(nbytes)

        def _write_app_data(self, data: Any) -> None:
            calls.append("written")
            super()._write_app_data(data)

    async def main() -> None:
        peer = Peer(loop, theirs, server_context)
        protocol = Recorder()
        waiter = loop.create_future()
        layer = Derived(loop, protocol, client_context, waiter, False, "localhost")
        await loop.create_connection(lambda: layer, sock=ours)
        await asyncio_core.gather(waiter, peer.do(peer.tls.do_handshake))
        calls.clear()
        transport = layer._app_transport
        await exchange(transport, protocol, peer)
        assert calls == ["updated", "written"] * 3
        transport.abort()
        await protocol.lost

    loop.run_until_complete(main())


def test_attributes_can_be_put_on_a_transport(on_connection: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        transport.mine = 1
        await exchange(transport, protocol, peer)
        assert transport.mine == 1

    on_connection(Recorder, test)


def test_no_memory_for_reading_stays_with_a_connection(on_connection: Any) -> None:
    async def test(transport: Any, protocol: Any, peer: Peer) -> None:
        await exchange(transport, protocol, peer)
        assert transport._ssl_protocol._room is None
        assert len(flow._spare_rooms) <= flow._MOST_SPARE_ROOMS

    on_connection(Recorder, test)
