"""What somebody replaces, of transports, servers and loops, is what runs: the short cuts of compiled connections end there."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import inspect
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core.connections.serving import Server
from asyncio_selectors import SelectorEventLoop
from asyncio_selectors.selector_events import BaseSelectorEventLoop
from asyncio_selectors.stream_transport import _SelectorSocketTransport

if TYPE_CHECKING:
    from collections.abc import Callable


class Echo(asyncio_core.Protocol):
    """Echoes, pauses once, and tells of its end."""

    def __init__(self, ended: asyncio_core.Future[Any]) -> None:
        self.ended = ended

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.pause_reading()
        self.transport.resume_reading()
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(exc)


async def connect_once(server: Server, ended: asyncio_core.Future[Any]) -> bytes:
    """Connect, send, receive the echo, and let the server see the end."""
    loop = asyncio_core.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, server.sockets[0].getsockname())
        await loop.sock_sendall(client, b"echo")
        received = await loop.sock_recv(client, 100)
    assert await asyncio_core.wait_for(ended, 20) is None
    return received


async def serve_once(change: Callable[[], None] = lambda: None) -> bytes:
    """Serve one connection from its beginning to its end, after a change to whatever serves it."""
    loop = asyncio_core.get_running_loop()
    ended = loop.create_future()
    server = await loop.create_server(lambda: Echo(ended), "127.0.0.1", 0)
    async with server:
        change()
        received = await connect_once(server, ended)
        assert not server._clients
    return received


def replace(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, called: list[str]) -> None:
    """Put a function in the place of a method of a class, that calls it."""
    own = getattr(owner, name)

    def replaced(*args: Any, **options: Any) -> Any:
        called.append(name)
        return own(*args, **options)

    static = isinstance(inspect.getattr_static(owner, name), staticmethod)
    monkeypatch.setattr(owner, name, staticmethod(replaced) if static else replaced)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *((_SelectorSocketTransport, name) for name in ("__init__", "_begin", "_start", "_add_reader")),
        *((_SelectorSocketTransport, name) for name in ("set_protocol", "_facts_about", "is_reading")),
        *((_SelectorSocketTransport, name) for name in ("_read_eof", "close", "_call_connection_lost")),
        *((Server, name) for name in ("_attach", "_detach")),
        *((BaseSelectorEventLoop, name) for name in ("_serve_accepted", "_accept_connection2")),
        *((BaseSelectorEventLoop, name) for name in ("_make_socket_transport", "call_soon")),
        *((BaseSelectorEventLoop, name) for name in ("_add_reader", "_remove_reader", "_remove_writer")),
        (socket.socket, "close"),
    ],
)  # fmt: skip
def test_what_is_replaced_in_a_class_is_called(
    loop: SelectorEventLoop, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    called: list[str] = []

    def change() -> None:
        replace(monkeypatch, owner, name, called)

    assert loop.run_until_complete(serve_once(change)) == b"echo"
    assert name in called
    # And where it is its own again, nothing of that is left.
    monkeypatch.undo()
    called.clear()
    assert loop.run_until_complete(serve_once()) == b"echo"
    assert not called


@pytest.mark.parametrize("name", ["_serve_accepted", "_make_socket_transport", "call_soon"])
def test_what_is_replaced_in_a_loop_is_called(loop: SelectorEventLoop, name: str) -> None:
    called: list[str] = []
    own = getattr(loop, name)

    def replaced(*args: Any, **options: Any) -> Any:
        called.append(name)
        return own(*args, **options)

    setattr(loop, name, replaced)
    assert loop.run_until_complete(serve_once()) == b"echo"
    assert name in called


@pytest.mark.parametrize("name", ["_make_socket_transport", "_add_reader", "_remove_reader"])
def test_what_is_replaced_in_a_loop_that_serves_is_called_from_then_on(
    loop: SelectorEventLoop, name: str
) -> None:
    called: list[str] = []
    own = getattr(loop, name)

    def replaced(*args: Any, **options: Any) -> Any:
        called.append(name)
        return own(*args, **options)

    for _ in range(2):
        assert loop.run_until_complete(serve_once()) == b"echo"
        assert not called
        setattr(loop, name, replaced)
        assert loop.run_until_complete(serve_once()) == b"echo"
        assert name in called
        delattr(loop, name)
        called.clear()


def test_a_server_may_make_its_context_anew(loop: SelectorEventLoop) -> None:
    class Fresh:
        """Has nothing but a context, which nobody else holds."""

        @property
        def _context(self) -> contextvars.Context:
            context = contextvars.copy_context()
            context.run(variable.set, "of the server")
            return context

        def _attach(self, transport: Any) -> None:
            pass

        _detach = _attach

    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def main() -> None:
        ended = loop.create_future()
        seen = []

        def make() -> Echo:
            seen.append(variable.get())
            return Echo(ended)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            with socket.create_connection(listener.getsockname()):
                loop._accept_connection(make, listener, None, Fresh(), 10, 60.0, 30.0)  # type: ignore[arg-type]
            assert await asyncio_core.wait_for(ended, 20) is None
        assert seen == ["of the server"]

    loop.run_until_complete(main())


def test_what_is_replaced_in_one_of_two_loops_is_called_for_that(loop: SelectorEventLoop) -> None:
    called: list[str] = []
    with contextlib.closing(SelectorEventLoop()) as other:
        own = other._make_socket_transport

        def replaced(*args: Any, **options: Any) -> Any:
            called.append("made")
            return own(*args, **options)

        other._make_socket_transport = replaced  # type: ignore[method-assign]
        for _ in range(2):
            assert loop.run_until_complete(serve_once()) == b"echo"
            assert not called
            assert other.run_until_complete(serve_once()) == b"echo"
            assert called
            called.clear()


def test_a_method_set_on_one_transport_is_called(loop: SelectorEventLoop) -> None:
    called: list[Any] = []

    class Changing(Echo):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            own = transport._call_connection_lost
            transport._call_connection_lost = lambda exc: (called.append(exc), own(exc))

    async def main() -> None:
        ended = loop.create_future()
        async with await loop.create_server(lambda: Changing(ended), "127.0.0.1", 0) as server:
            assert await connect_once(server, ended) == b"echo"

    loop.run_until_complete(main())
    assert called == [None]


def test_a_transport_that_nobody_has_any_more_does_not_keep_its_server(
    loop: SelectorEventLoop,
) -> None:
    class Losing(asyncio_core.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.pause_reading()
            connected.set_result(None)

    async def main() -> None:
        server = await loop.create_server(Losing, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            await asyncio_core.wait_for(connected, 20)
            server.close()
            waiting = loop.create_task(server.wait_closed())
            await asyncio_core.sleep(0)
            gc.collect()
            await asyncio_core.wait_for(waiting, 20)

    connected = loop.create_future()
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        loop.run_until_complete(main())


def test_a_file_made_of_its_socket_outlives_the_transport(loop: SelectorEventLoop) -> None:
    files: list[Any] = []

    class Filing(Echo):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            files.append(transport._sock.makefile("rb", buffering=0))

    async def main() -> None:
        ended = loop.create_future()
        async with await loop.create_server(lambda: Filing(ended), "127.0.0.1", 0) as server:
            assert await connect_once(server, ended) == b"echo"
            with files[0] as file:
                assert file.fileno() >= 0
                # All that came was read by the transport.
                assert file.read() == b""

    loop.run_until_complete(main())


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_factory_that_ends_the_program_leaves_no_connection(
    loop: SelectorEventLoop, error: type[BaseException]
) -> None:
    def make() -> asyncio_core.Protocol:
        raise error

    server = loop.run_until_complete(loop.create_server(make, "127.0.0.1", 0))
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        client.settimeout(20)
        with pytest.raises(error):
            loop.run_forever()
        assert client.recv(1) == b""
    server.close()
    loop.run_until_complete(server.wait_closed())


@pytest.mark.parametrize("method", ["connection_made", "eof_received", "connection_lost"])
def test_what_a_protocol_raises_is_reported_and_the_connection_ends(
    loop: SelectorEventLoop, method: str
) -> None:
    reports: list[Any] = []
    loop.set_exception_handler(lambda _, report: reports.append(report))

    def fail(*args: Any) -> None:
        raise LookupError(method)

    class Failing(Echo):
        def connection_lost(self, exc: Exception | None) -> None:
            self.ended.set_result(exc)
            if method == "connection_lost":
                fail()

    if method != "connection_lost":
        setattr(Failing, method, fail)

    async def main() -> None:
        ended = loop.create_future()
        async with await loop.create_server(lambda: Failing(ended), "127.0.0.1", 0) as server:
            client = socket.create_connection(server.sockets[0].getsockname())
            client.shutdown(socket.SHUT_WR)
            try:
                exc = await asyncio_core.wait_for(ended, 20)
            finally:
                client.close()
            assert isinstance(exc, LookupError) == (method == "eof_received")
            await asyncio_core.sleep(0)
            assert not server._clients

    loop.run_until_complete(main())
    assert [str(report["exception"]) for report in reports] == [method]


ANOTHER_LOOP = """
import socket
import asyncio_core
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_selectors.stream_transport import _SelectorSocketTransport

class Loop(BaseEventLoop):
    _transports = {}

    def _remove_reader(self, fd):
        print("no more reading")

    def _remove_writer(self, fd):
        print("no more writing")

ours, theirs = socket.socketpair()
ours.setblocking(False)
loop = Loop()
transport = _SelectorSocketTransport(loop, ours, asyncio_core.Protocol())
transport.close()
transport._call_connection_lost(None)
loop.close()
theirs.close()
"""


def test_a_transport_of_another_loop_asks_that_also_where_there_is_none_of_ours() -> None:
    child = subprocess.run(
        [sys.executable, "-c", ANOTHER_LOOP], capture_output=True, text=True, timeout=40, check=True
    )
    assert child.stdout.splitlines() == ["no more reading", "no more writing"]
