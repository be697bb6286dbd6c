"""What a Server does without knowing how its loop accepts."""

from __future__ import annotations

import contextvars
import errno
import gc
import socket
import sys

import pytest

from asyncio_core.awaiting.tasks import create_task, sleep
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.connections.serving import Server
from asyncio_core.exceptions import CancelledError
from asyncio_core.interfaces.protocols import Protocol
from asyncio_core.interfaces.transports import Transport


class Noted(Transport):
    """A transport that is there, until it is told otherwise."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.calls = []
        server._attach(self)

    def get_protocol(self):
        return Protocol()

    def close(self):
        self.calls.append("close")
        get_running_loop().call_soon(self.server._detach, self)

    def abort(self):
        self.calls.append("abort")
        get_running_loop().call_soon(self.server._detach, self)


@pytest.fixture
def sockets():
    pair = [socket.socket() for _ in range(2)]
    for sock in pair:
        sock.bind(("127.0.0.1", 0))
    yield pair
    for sock in pair:
        sock.close()


@pytest.fixture
def on_server(run, sockets):
    """Run a test with a server of two sockets; what its loop was asked for is in `asked`."""

    def on_server(test):
        async def main():
            loop = get_running_loop()
            asked = []
            loop._start_serving = lambda *args, **kwargs: asked.append(("start", args, kwargs))

            def stop(sock):
                asked.append(("stop", sock))
                sock.close()

            loop._stop_serving = stop
            server = Server(loop, sockets, Protocol, None, 7, None, None)
            try:
                await test(server, asked)
            finally:
                server.close()

        run(main())

    return on_server


def test_start_serving_listens_on_every_socket_once(on_server, sockets):
    async def test(server, asked):
        assert not server.is_serving()
        await server.start_serving()
        await server.start_serving()
        assert server.is_serving()
        assert [args[1] for _, args, _ in asked] == sockets
        assert all(args[4] == 7 for _, args, _ in asked)
        for sock in sockets:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

    on_server(test)


def test_server_hands_on_the_context_in_which_it_was_made(on_server):
    variable = contextvars.ContextVar("variable", default="before")

    async def test(server, asked):
        variable.set("after")
        await server.start_serving()
        _, args, options = asked[0]
        # Before Python 3.15 the hook takes no context: it is had from the server.
        assert set(options) == ({"context"} if sys.version_info >= (3, 15) else set())
        context = options.get("context") or args[3]._context
        assert context.run(variable.get) == "before"

    on_server(test)


def test_close_stops_every_socket_and_hides_them(on_server, sockets):
    async def test(server, asked):
        await server.start_serving()
        assert [view.fileno() for view in server.sockets] == [s.fileno() for s in sockets]
        assert repr(server.sockets) in repr(server)
        server.close()
        server.close()
        assert server.sockets == ()
        assert not server.is_serving()
        assert [what for what, *_ in asked] == ["start", "start", "stop", "stop"]
        with pytest.raises(RuntimeError, match="is closed"):
            await server.start_serving()
        with pytest.raises(RuntimeError, match="is closed"):
            await server.serve_forever()

    on_server(test)


def test_wait_closed_waits_for_close_and_for_the_last_connection(on_server):
    async def test(server, asked):
        waiting = [create_task(server.wait_closed())]
        transports = [Noted(server), Noted(server)]
        await sleep(0)
        transports[0].close()
        await sleep(1)
        assert not waiting[0].done()
        server.close()
        waiting.append(create_task(server.wait_closed()))
        await sleep(1)
        assert not any(task.done() for task in waiting)
        transports[1].close()
        await sleep(1)
        assert all(task.done() for task in waiting)
        await server.wait_closed()

    on_server(test)


def test_cancelled_wait_does_not_disturb_the_others(on_server):
    async def test(server, asked):
        first, second = (create_task(server.wait_closed()) for _ in range(2))
        await sleep(0)
        first.cancel()
        await sleep(0)
        server.close()
        await second
        assert first.cancelled()

    on_server(test)


def test_detaching_twice_counts_once(on_server):
    async def test(server, asked):
        first, second = Noted(server), Noted(server)
        server.close()
        server._detach(first)
        server._detach(first)
        waiting = create_task(server.wait_closed())
        await sleep(1)
        assert not waiting.done()
        server._detach(second)
        await waiting

    on_server(test)


def test_connection_without_a_name_counts_too(on_server):
    async def test(server, asked):
        server._attach()
        server.close()
        waiting = create_task(server.wait_closed())
        await sleep(1)
        assert not waiting.done()
        server._detach()
        await waiting

    on_server(test)


def test_transport_that_was_lost_and_collected_does_not_keep_the_server_waiting(on_server):
    async def test(server, asked):
        transport = Noted(server)
        server.close()
        waiting = create_task(server.wait_closed())
        await sleep(0)
        del transport
        gc.collect()
        await waiting

    on_server(test)


@pytest.mark.parametrize("method", ["close", "abort"])
def test_close_clients_and_abort_clients_reach_every_connection(on_server, method):
    async def test(server, asked):
        transports = [Noted(server) for _ in range(3)]
        getattr(server, f"{method}_clients")()
        assert [transport.calls for transport in transports] == [[method]] * 3
        server.close()
        await server.wait_closed()

    on_server(test)


def test_clients_with_a_layer_on_top_are_closed_from_the_top(on_server):
    async def test(server, asked):
        below, above = Noted(server), Noted(server)

        class Layer(Protocol):
            _app_transport = above

        below.get_protocol = Layer
        server._detach(above)
        server.close_clients()
        assert (below.calls, above.calls) == ([], ["close"])
        server._detach(below)

    on_server(test)


def test_cancelling_serve_forever_closes_the_server_and_its_connections(on_server):
    async def test(server, asked):
        serving = create_task(server.serve_forever())
        await sleep(0)
        assert server.is_serving()
        with pytest.raises(RuntimeError, match="already being awaited"):
            await server.serve_forever()
        transport = Noted(server)
        serving.cancel()
        with pytest.raises(CancelledError):
            await serving
        assert transport.calls == ["close"]
        assert not server.is_serving()

    on_server(test)


def test_closing_ends_serve_forever_which_closes_the_connections(on_server):
    async def test(server, asked):
        serving = create_task(server.serve_forever())
        await sleep(0)
        transport = Noted(server)
        server.close()
        assert transport.calls == []
        with pytest.raises(CancelledError):
            await serving
        assert transport.calls == ["close"]

    on_server(test)


def test_leaving_the_block_closes_and_waits(on_server):
    async def test(server, asked):
        async with server as same:
            assert same is server
            transport = Noted(server)
            get_running_loop().call_later(1, transport.close)
        assert transport.calls == ["close"]
        assert server.sockets == ()

    on_server(test)


def test_socket_that_cannot_listen_leaves_the_server_not_serving(on_server, sockets):
    async def test(server, asked):
        sockets[1].close()
        with pytest.raises(OSError) as caught:
            await server.start_serving()
        assert caught.value.errno in (errno.EBADF, errno.ENOTSOCK)
        assert not server.is_serving()
        assert asked == []

    on_server(test)
