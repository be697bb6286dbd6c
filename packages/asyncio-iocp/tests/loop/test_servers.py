"""Accepting: what single connections do to a server, and what they do not."""

from __future__ import annotations

import contextvars
import errno
import socket
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core import constants
from asyncio_test_support.protocols import Echo
from asyncio_test_support.sockets import reset_when_closed

if TYPE_CHECKING:
    from collections.abc import Iterator

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")


@pytest.fixture
def serve(loop: Any) -> Iterator[Any]:
    """`await serve(factory)` gives a server on a free port, and its address."""
    servers: list[Any] = []

    async def make(factory: Any = Echo, **options: Any) -> tuple[Any, Any]:
        server = await loop.create_server(factory, "127.0.0.1", 0, **options)
        servers.append(server)
        return server, server.sockets[0].getsockname()

    yield make
    for server in servers:
        server.close()
        server.abort_clients()
        loop.run_until_complete(server.wait_closed())


async def ask(loop: Any, recorder: Any, address: Any) -> None:
    """Connect, and see that an echo server answers."""
    transport, protocol = await loop.create_connection(recorder, *address)
    transport.write(b"anybody there?")
    await protocol.until(lambda: protocol.data == b"anybody there?")
    transport.close()
    await protocol.lost


def test_many_clients_are_served(loop: Any, serve: Any, recorder: Any) -> None:
    async def main() -> None:
        _, address = await serve()
        await asyncio_core.gather(*(ask(loop, recorder, address) for _ in range(50)))

    loop.run_until_complete(main())


def test_factory_that_raises_costs_its_connection_and_is_reported_once(
    loop: Any, serve: Any, recorder: Any
) -> None:
    calls = iter([True, False])

    def factory() -> Any:
        if next(calls):
            raise ZeroDivisionError
        return Echo()

    async def main() -> None:
        _, address = await serve(factory)
        _, refused = await loop.create_connection(recorder, *address)
        await refused.lost
        assert [type(report["exception"]) for report in loop.reported] == [ZeroDivisionError]
        loop.reported.clear()
        await ask(loop, recorder, address)

    loop.run_until_complete(main())


def test_clients_that_reset_at_once_are_passed_over(loop: Any, serve: Any, recorder: Any) -> None:
    async def main() -> None:
        _, address = await serve()
        for _ in range(10):
            with socket.create_connection(address) as client:
                reset_when_closed(client)
        await ask(loop, recorder, address)

    loop.run_until_complete(main())


def fail_once(loop: Any, monkeypatch: pytest.MonkeyPatch, exc: OSError, later: bool) -> None:
    """Let the next accept fail: at the call, or when it is done."""
    usual = loop._proactor.accept

    def accept(listener: Any) -> Any:
        monkeypatch.setattr(loop._proactor, "accept", usual)
        if not later:
            raise exc
        failed = loop.create_future()
        failed.set_exception(exc)
        return failed

    monkeypatch.setattr(loop._proactor, "accept", accept)


@pytest.mark.parametrize("later", [False, True], ids=["at the call", "when it is done"])
@pytest.mark.parametrize("exc", [ConnectionResetError(), OSError(errno.ECONNABORTED, "gone")])
def test_error_of_one_connection_is_nobody_s_business(
    loop: Any,
    serve: Any,
    recorder: Any,
    monkeypatch: pytest.MonkeyPatch,
    exc: OSError,
    later: bool,
) -> None:
    async def main() -> None:
        fail_once(loop, monkeypatch, exc, later)
        _, address = await serve()
        await ask(loop, recorder, address)

    loop.run_until_complete(main())


@pytest.mark.parametrize("later", [False, True], ids=["at the call", "when it is done"])
def test_server_rests_where_the_system_is_out_of_resources(
    loop: Any, serve: Any, recorder: Any, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    monkeypatch.setattr(constants, "ACCEPT_RETRY_DELAY", 0.01)

    async def main() -> None:
        fail_once(loop, monkeypatch, OSError(errno.EMFILE, "too many"), later)
        server, address = await serve()
        await ask(loop, recorder, address)
        (report,) = loop.reported
        assert "out of system resources" in report["message"]
        assert report["exception"].errno == errno.EMFILE
        assert report["socket"].getsockname() == address
        loop.reported.clear()
        assert server.is_serving()

    loop.run_until_complete(main())


def test_server_that_rests_can_be_closed(
    loop: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        fail_once(loop, monkeypatch, OSError(errno.ENOBUFS, "no buffers"), later=False)
        server, _ = await serve()
        assert len(loop._resting) == 1
        (timer,) = loop._resting.values()
        server.close()
        await server.wait_closed()
        assert timer.cancelled()
        assert not loop._resting
        loop.reported.clear()

    loop.run_until_complete(main())


def test_socket_that_is_broken_is_given_up_and_reported(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        fail_once(loop, monkeypatch, OSError(errno.EINVAL, "not listening"), later=False)
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        (report,) = loop.reported
        assert "served no more" in report["message"]
        assert report["socket"].fileno() == -1
        assert not server.is_serving() and server.sockets == ()
        with pytest.raises(OSError, match="not listening"):
            await server.serve_forever()
        server.close()
        await server.wait_closed()
        loop.reported.clear()

    loop.run_until_complete(main())


def test_serving_for_ever_ends_with_the_last_listening_socket(
    loop: Any, serve: Any, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        server, address = await serve()
        forever = loop.create_task(server.serve_forever())
        await ask(loop, recorder, address)
        fail_once(loop, monkeypatch, OSError(errno.EINVAL, "not listening"), later=True)
        # The accept that is under way is in order; the next one is not.
        transport, _ = await loop.create_connection(recorder, *address)
        with pytest.raises(OSError, match="not listening"):
            await asyncio_core.wait_for(forever, 20)
        assert not server.is_serving()
        transport.close()
        loop.reported.clear()

    loop.run_until_complete(main())


def test_closed_server_accepts_nobody_and_cancels_its_accept(loop: Any, serve: Any) -> None:
    async def main() -> None:
        server, address = await serve()
        (accepting,) = loop._accept_futures.values()
        server.close()
        assert accepting.cancelled()
        await server.wait_closed()
        with pytest.raises(OSError, match=r"\w"):
            await loop.create_connection(asyncio_core.Protocol, *address)

    loop.run_until_complete(main())


def test_connection_that_comes_while_the_server_closes_is_closed(
    loop: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        accepted = loop.create_future()
        monkeypatch.setattr(loop._proactor, "accept", lambda listener: accepted)
        server, address = await serve()
        with socket.create_connection(address) as client:
            left, right = socket.socketpair()
            accepted.set_result((left, client.getsockname()))
            server.close()
            await asyncio_core.sleep(0)
            await asyncio_core.sleep(0)
            assert left.fileno() == -1
            right.close()

    loop.run_until_complete(main())


def test_each_connection_has_a_context_of_its_own_made_from_the_server_s(
    loop: Any, serve: Any, recorder: Any
) -> None:
    seen: list[str] = []

    class Marking(Echo):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            seen.append(variable.get())
            variable.set("of a connection")

        def data_received(self, data: bytes) -> None:
            seen.append(variable.get())
            super().data_received(data)

    async def main() -> None:
        variable.set("of the server")
        _, address = await serve(Marking)
        variable.set("of somebody else")
        await ask(loop, recorder, address)
        await ask(loop, recorder, address)

    loop.run_until_complete(main())
    assert seen == ["of the server", "of a connection"] * 2


def test_waiting_for_the_end_waits_for_the_connections(
    loop: Any, serve: Any, recorder: Any
) -> None:
    async def main() -> None:
        server, address = await serve()
        transport, protocol = await loop.create_connection(recorder, *address)
        transport.write(b"x")
        await protocol.until(lambda: protocol.data == b"x")
        server.close()
        waiting = loop.create_task(server.wait_closed())
        await asyncio_core.sleep(0)
        assert not waiting.done()
        transport.close()
        await waiting
        await protocol.lost

    loop.run_until_complete(main())


def test_loop_that_is_closed_lets_go_of_its_servers(loop: Any) -> None:
    async def main() -> Any:
        return await loop.create_server(Echo, "127.0.0.1", 0)

    server = loop.run_until_complete(main())
    (accepting,) = loop._accept_futures.values()
    loop.close()
    assert accepting.cancelled()
    for sock in server._sockets:
        sock.close()


@pytest.mark.parametrize("backlog", [-1, 0, 1, 3])
def test_more_clients_than_the_backlog_at_once_are_served_once_each(
    loop: Any, recorder: Any, backlog: int
) -> None:
    made: list[Any] = []

    def factory() -> Any:
        made.append(recorder())
        return made[-1]

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
            listener.setblocking(False)
            clients = [socket.create_connection(listener.getsockname()) for _ in range(6)]
            # What create_server() does when it has asked the system for that backlog.
            loop._start_serving(factory, listener, backlog=backlog)
            while len(made) < len(clients):
                await asyncio_core.sleep(0)
            for client in clients:
                client.sendall(b"hello")
            for protocol in made:
                await protocol.until(lambda protocol=protocol: protocol.data == b"hello")
            for client in clients:
                client.close()
            for protocol in made:
                assert await protocol.lost is None
            assert len(made) == len(clients)
            loop._stop_serving(listener)
            await asyncio_core.sleep(0)

    loop.run_until_complete(main())


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
def test_server_goes_on_when_the_loop_runs_again_after_an_interrupt(
    loop: Any, serve: Any, recorder: Any, exception: type[BaseException]
) -> None:
    interrupting = iter([True])

    def factory() -> Any:
        if next(interrupting, False):
            raise exception
        return Echo()

    _, address = loop.run_until_complete(serve(factory))
    with socket.create_connection(address):
        with pytest.raises(exception):
            loop.run_forever()
        loop.run_until_complete(ask(loop, recorder, address))
