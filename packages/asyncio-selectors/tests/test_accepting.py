"""Accept loops outlive what single connections, and the system, do to them."""

from __future__ import annotations

import contextlib
import contextvars
import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core import constants
from asyncio_test_support.sockets import reset_when_closed

if TYPE_CHECKING:
    from asyncio_selectors import SelectorEventLoop


@pytest.fixture
def few_descriptors(descriptors: Any) -> Any:
    """`few_descriptors(n)` lets n more descriptors be opened, None as many as before."""
    resource = pytest.importorskip("resource", reason="a process may have any number of handles")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def allow(more: int | None) -> None:
        if more is None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            return
        # The lowest free numbers are given out first.
        taken = descriptors()
        free = (number for number in range(soft) if number not in taken)
        limit = next(free)
        for _ in range(more):
            limit = next(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))

    yield allow
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def client_of(address: Any) -> socket.socket:
    sock = socket.create_connection(address)
    sock.settimeout(20)
    return sock


def test_an_accept_loop_rests_while_there_are_no_descriptors(
    loop: SelectorEventLoop,
    recorder: Any,
    few_descriptors: Any,
    in_thread: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "ACCEPT_RETRY_DELAY", 0.05)
    served: list[Any] = []
    reports: list[dict[str, Any]] = []

    def factory() -> Any:
        protocol = recorder()
        served.append(protocol)
        return protocol

    async def main() -> None:
        server = await loop.create_server(factory, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        # The pool's thread first, and all that a first connection imports.
        clients = [await in_thread(client_of, address)]
        while not served:
            await asyncio_core.sleep(0.001)
        rested = loop.create_future()

        def report(_: Any, context: dict[str, Any]) -> None:
            reports.append(context)
            if len(reports) == 2:
                rested.set_result(None)

        loop.set_exception_handler(report)
        made = [socket.socket() for _ in range(6)]
        few_descriptors(3)
        for sock in made:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        clients += made
        await rested
        # Two rests, each reported once; what could be served was.
        assert [r["exception"].errno for r in reports] == [errno.EMFILE] * 2
        assert all("out of system resource" in r["message"] for r in reports)
        assert len(served) == 4
        for sock in clients[1:4]:
            await loop.sock_sendall(sock, b"still alive")
        for protocol in served[1:]:
            await protocol.until(lambda p=protocol: p.data == b"still alive")
        few_descriptors(None)
        while len(served) < 7:
            await asyncio_core.sleep(0.01)
        for sock in clients:
            sock.close()
        for protocol in served:
            await protocol.lost
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
    assert 2 <= len(reports) < 30


def test_a_server_closed_at_rest_stays_closed(
    loop: SelectorEventLoop, recorder: Any, few_descriptors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ACCEPT_RETRY_DELAY", 0.02)

    async def main() -> None:
        server = await loop.create_server(recorder, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        reported = loop.create_future()
        loop.set_exception_handler(lambda _, context: reported.set_result(context))
        with socket.socket() as client:
            client.setblocking(False)
            held = [os.dup(0)]
            few_descriptors(1)
            held.append(os.dup(0))
            await loop.sock_connect(client, address)
            assert (await reported)["exception"].errno == errno.EMFILE
            server.close()
            os.close(held.pop())
            await asyncio_core.sleep(0.05)
            assert not loop._resting
            os.close(held.pop())
        await server.wait_closed()

    loop.run_until_complete(main())


def test_a_server_may_be_closed_by_whoever_is_told_that_it_rests(
    loop: SelectorEventLoop, recorder: Any, few_descriptors: Any, descriptors: Any
) -> None:
    async def main() -> None:
        before = descriptors()
        server = await loop.create_server(recorder, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        closed = loop.create_future()

        def close(_: Any, context: dict[str, Any]) -> None:
            server.close()
            closed.set_result(context["exception"].errno)

        loop.set_exception_handler(close)
        with socket.socket() as client:
            few_descriptors(0)
            client.connect(address)
            assert await closed == errno.EMFILE
        few_descriptors(None)
        await server.wait_closed()
        assert not loop._resting
        assert [timer for timer in loop._scheduled if not timer.cancelled()] == []
        assert descriptors() == before

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform != "linux", reason="epoll is what refuses plain files")
def test_a_listening_socket_that_is_gone_after_its_rest_is_given_up(
    loop: SelectorEventLoop,
    recorder: Any,
    few_descriptors: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(constants, "ACCEPT_RETRY_DELAY", 0.01)
    reports: list[dict[str, Any]] = []

    def handler(_: Any, context: dict[str, Any]) -> None:
        if not reports:
            # Somebody takes its number for another file.
            os.dup2(file.fileno(), server.sockets[0].fileno())
            few_descriptors(None)
        reports.append(context)

    async def main() -> None:
        loop.set_exception_handler(handler)
        forever = loop.create_task(server.serve_forever())
        await asyncio_core.sleep(0)
        with client_of(server.sockets[0].getsockname()):
            few_descriptors(0)
            with pytest.raises(OSError) as caught:
                await asyncio_core.wait_for(forever, 20)
        assert caught.value.errno == errno.EPERM
        assert [report["exception"].errno for report in reports] == [errno.EMFILE, errno.EPERM]
        assert not server.is_serving()

    with open(__file__, "rb") as file:
        server = loop.run_until_complete(loop.create_server(recorder, "127.0.0.1", 0))
        loop.run_until_complete(main())


def test_reporting_that_there_are_no_descriptors_may_take_one(
    loop: SelectorEventLoop, recorder: Any, few_descriptors: Any
) -> None:
    async def main() -> None:
        server = await loop.create_server(recorder, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        opened = loop.create_future()

        def report(_: Any, context: dict[str, Any]) -> None:
            # What a log file, or a module that is imported now, takes.
            with open(__file__, "rb") as file:
                opened.set_result(file.read(3))

        loop.set_exception_handler(report)
        with socket.socket() as client:
            client.setblocking(False)
            few_descriptors(0)
            await loop.sock_connect(client, address)
            assert await opened == b'"""'
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_a_failing_factory_costs_its_connection_only(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    calls = 0
    protocols: list[Any] = []

    def factory() -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise LookupError("not today")
        protocols.append(recorder())
        return protocols[-1]

    async def main() -> None:
        server = await loop.create_server(factory, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        with socket.socket() as first, socket.socket() as second:
            for sock in (first, second):
                sock.setblocking(False)
                await loop.sock_connect(sock, address)
            assert await loop.sock_recv(first, 1) == b""
            await loop.sock_sendall(second, b"x")
            while not protocols:
                await asyncio_core.sleep(0)
            await protocols[0].until(lambda: protocols[0].data == b"x")
        await protocols[0].lost
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert isinstance(report["exception"], LookupError)
    assert "incoming connection" in report["message"]
    loop.reported.clear()  # type: ignore[attr-defined]


def test_a_factory_may_close_the_server(
    loop: SelectorEventLoop, recorder: Any, in_thread: Any
) -> None:
    async def main() -> None:
        made = loop.create_future()

        def factory() -> Any:
            server.close()
            made.set_result(recorder())
            return made.result()

        server = await loop.create_server(factory, "127.0.0.1", 0)
        client = await in_thread(client_of, server.sockets[0].getsockname())
        with client:
            client.sendall(b"the last one")
            client.shutdown(socket.SHUT_WR)
            protocol = await made
            assert await protocol.lost is None
            assert protocol.data == b"the last one"

    # What the loop has to say of the socket that it closed itself would be reported.
    loop.run_until_complete(main())


def test_connections_reset_in_the_backlog_are_no_news(
    loop: SelectorEventLoop, recorder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lost: list[Any] = []

    def factory() -> Any:
        protocol = recorder()
        protocol.lost.add_done_callback(lambda future: lost.append(future.result()))
        return protocol

    async def main() -> None:
        server = await loop.create_server(factory, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        for _ in range(5):
            with socket.create_connection(address) as client:
                reset_when_closed(client)
        with socket.create_connection(address) as client:
            client.sendall(b"x")
        while not lost or lost[-1] is not None:
            await asyncio_core.sleep(0.001)
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
    assert caplog.records == []


def test_an_error_of_one_connection_does_not_stop_the_loop(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    class Listener:
        """A listening socket whose first answers are errors of the network."""

        def __init__(self, sock: socket.socket) -> None:
            self._sock = sock
            self._errors = [
                *(errno.ECONNABORTED, errno.EPROTO, errno.EHOSTUNREACH, errno.EPERM),
                errno.ENOTCONN,  # what Windows may say of a client that came and went
            ]

        def accept(self) -> Any:
            if self._errors:
                number = self._errors.pop()
                raise OSError(number, os.strerror(number))
            return self._sock.accept()

        def fileno(self) -> int:
            return self._sock.fileno()

    made: list[Any] = []

    def factory() -> Any:
        made.append(recorder())
        return made[-1]

    async def main() -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as sock,
            socket.create_connection(sock.getsockname()),
        ):
            sock.setblocking(False)
            loop._accept_connection(factory, Listener(sock))  # type: ignore[arg-type]
            assert len(made) == 1
            await made[0].until(lambda: hasattr(made[0], "transport"))
            made[0].transport.abort()
            await made[0].lost

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform == "win32", reason="a socket's number cannot be chosen there")
def test_a_broken_listening_socket_is_reported_once_and_given_up(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        server = await loop.create_server(recorder, "127.0.0.1", 0)
        fd = server.sockets[0].fileno()
        address = server.sockets[0].getsockname()
        with socket.socket() as client:
            client.setblocking(False)
            # No listening socket any more, under the same number.
            with socket.socket() as other:
                os.dup2(other.fileno(), fd)
            loop._accept_connection(recorder, server._sockets[0])
            assert fd not in loop._selector.get_map()
            with pytest.raises(OSError):
                await loop.sock_connect(client, address)
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
    (report,) = loop.reported  # type: ignore[attr-defined]
    assert report["exception"].errno == errno.EINVAL
    loop.reported.clear()  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.platform == "win32", reason="a listener is not shut down on Windows")
def test_serving_for_ever_ends_with_the_last_listening_socket(
    loop: SelectorEventLoop, recorder: Any, descriptors: Any
) -> None:
    async def main() -> None:
        reports: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: reports.append(context))
        server = await loop.create_server(recorder, ["127.0.0.1", "127.0.0.2"], 0)
        first, second = server.sockets
        address = second.getsockname()
        forever = loop.create_task(server.serve_forever())
        first.shutdown(socket.SHUT_RDWR)
        while not reports:
            await asyncio_core.sleep(0)
        # The other one is served on.
        assert reports.pop()["socket"]._sock is first._sock
        assert server.is_serving() and not forever.done()
        assert [sock.getsockname() for sock in server.sockets] == [address]
        _, client = await loop.create_connection(recorder, *address)

        second.shutdown(socket.SHUT_RDWR)
        with pytest.raises(OSError) as caught:
            await asyncio_core.wait_for(forever, 20)
        assert caught.value.errno == errno.EINVAL
        assert [report["exception"] for report in reports] == [caught.value]
        assert not server.is_serving() and server.sockets == ()
        # As after close(), the connections end with it.
        await client.lost
        await server.wait_closed()

    before = descriptors()
    loop.run_until_complete(main())
    assert descriptors() == before


@pytest.mark.skipif(sys.platform == "win32", reason="a listener is not shut down on Windows")
def test_a_server_whose_listening_socket_is_dead_does_not_serve(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        reports: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: reports.append(context))
        server = await loop.create_server(recorder, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        _, client = await loop.create_connection(recorder, *address)
        server.sockets[0].shutdown(socket.SHUT_RDWR)
        while server.is_serving():
            await asyncio_core.sleep(0)
        assert len(reports) == 1
        for start in server.start_serving, server.serve_forever:
            with pytest.raises(OSError) as caught:
                await start()
            assert caught.value.errno == errno.EINVAL
        # Connections go on: nobody has asked for their end.
        assert not client.lost.done()
        client.transport.close()
        server.close()
        await asyncio_core.wait_for(server.wait_closed(), 20)

    loop.run_until_complete(main())


def test_each_connection_has_a_context_of_its_own(loop: SelectorEventLoop, recorder: Any) -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[tuple[str, str]] = []
    protocols: list[Any] = []

    class Looking(recorder):  # type: ignore[misc]
        def __init__(self) -> None:
            seen.append(("factory", variable.get()))
            super().__init__()
            protocols.append(self)

        def connection_made(self, transport: Any) -> None:
            seen.append(("made", variable.get()))
            variable.set("changed by a connection")
            super().connection_made(transport)

    async def main() -> None:
        variable.set("of the server")
        server = await loop.create_server(Looking, "127.0.0.1", 0)
        variable.set("changed later")
        address = server.sockets[0].getsockname()
        for number in (1, 2):
            with socket.socket() as client:
                client.setblocking(False)
                await loop.sock_connect(client, address)
                while len(protocols) < number:
                    await asyncio_core.sleep(0)
            await protocols[-1].lost
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
    assert seen == [("factory", "of the server"), ("made", "of the server")] * 2
    assert variable.get() == "unset"


def test_hundreds_of_clients_are_served(loop: SelectorEventLoop, recorder: Any) -> None:
    class Echo(recorder):  # type: ignore[misc]
        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    async def client(address: Any, number: int) -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            text = b"number %d" % number
            await loop.sock_sendall(sock, text)
            assert await loop.sock_recv(sock, 100) == text

    async def main() -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=50)
        address = server.sockets[0].getsockname()
        async with asyncio_core.TaskGroup() as group:
            for number in range(200):
                group.create_task(client(address, number))
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


def test_a_long_backlog_keeps_nobody_waiting_for_long(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    """However many wait: a turn of the loop accepts some of them, and others have theirs then."""
    made = 0

    class Counted(recorder):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            nonlocal made
            made += 1
            transport.abort()

    async def main() -> int:
        most = 0
        async with await loop.create_server(Counted, "127.0.0.1", 0, backlog=400) as server:
            with contextlib.ExitStack() as stack:
                for _ in range(350):
                    sock = stack.enter_context(socket.socket())
                    sock.setblocking(False)
                    sock.connect_ex(server.sockets[0].getsockname())
                while made < 350:
                    before = made
                    await asyncio_core.sleep(0)
                    most = max(most, made - before)
        return most

    assert loop.run_until_complete(main()) <= 101


def test_a_crowd_after_clients_that_came_one_by_one_is_served(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    made: list[Any] = []

    class Greeting(recorder):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            made.append(transport)
            transport.write(b"hello")
            transport.close()

    async def greeted(address: Any) -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            assert await loop.sock_recv(sock, 100) == b"hello"

    async def main() -> None:
        async with await loop.create_server(Greeting, "127.0.0.1", 0, backlog=100) as server:
            address = server.sockets[0].getsockname()
            for number in (1, 2, 3, 17, 40):
                for _ in range(number):
                    await greeted(address)
                crowd = [socket.create_connection(address) for _ in range(30)]
                for sock in crowd:
                    with sock:
                        sock.setblocking(False)
                        assert await loop.sock_recv(sock, 100) == b"hello"
        assert len(made) == 63 + 5 * 30

    loop.run_until_complete(main())
