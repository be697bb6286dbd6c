"""create_server(): where it listens, when it accepts, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.peers import Peer, connected_peer, in_thread, listening
from loop_kit.protocols import Recorder, growth, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable


class Clients:
    """A factory of protocols that keeps what it made."""

    def __init__(self) -> None:
        self.made: list[Recorder] = []
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def __call__(self) -> Recorder:
        self.made.append(Recorder())
        for count, waiter in self._waiting:
            if len(self.made) >= count and not waiter.done():
                waiter.set_result(None)
        return self.made[-1]

    async def connected(self, count: int = 1) -> Recorder:
        """Wait for so many connections and return the last of them."""
        if len(self.made) < count:
            waiter = self._loop.create_future()
            self._waiting.append((count, waiter))
            await waiter
        recorder = self.made[count - 1]
        await recorder.made
        return recorder

    async def end(self) -> None:
        for recorder in self.made:
            if recorder.transport is not None and not recorder.lost.done():
                recorder.transport.abort()
            await recorder.lost


def address_of(server: Any) -> Any:
    return server.sockets[0].getsockname()


async def is_refused(address: Any) -> bool:
    with pytest.raises(ConnectionRefusedError):
        await connected_peer(address)
    return True


async def test_server_accepts_and_talks(loop: AbstractEventLoop) -> None:
    clients = Clients()
    async with await loop.create_server(clients, "127.0.0.1", 0) as server:
        peer = await connected_peer(address_of(server))
        client = await clients.connected()
        await peer.send(b"hello")
        assert await client.received(5) == b"hello"
        client.transport.write(b"answer")
        assert await peer.recv_exactly(6) == b"answer"
        peer.close()
        assert await client.lost is None


async def test_server_tells_what_it_is(loop: AbstractEventLoop) -> None:
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    assert server.get_loop() is loop
    assert server.is_serving()
    (sock,) = server.sockets
    assert sock.family == socket.AF_INET
    assert sock.getsockname()[0] == "127.0.0.1"
    assert sock.getsockname()[1] > 0
    server.close()
    await server.wait_closed()
    assert not server.is_serving()
    assert not server.sockets


async def test_server_is_one_of_asyncio(loop: AbstractEventLoop) -> None:
    async with await loop.create_server(Recorder, "127.0.0.1", 0) as server:
        assert isinstance(server, asyncio.AbstractServer)


async def test_client_transport_tells_its_addresses(loop: AbstractEventLoop) -> None:
    clients = Clients()
    async with await loop.create_server(clients, "127.0.0.1", 0) as server:
        peer = await connected_peer(address_of(server))
        client = await clients.connected()
        assert client.transport.get_extra_info("peername") == peer.sock.getsockname()
        assert client.transport.get_extra_info("sockname") == address_of(server)
        peer.close()
        await clients.end()


async def test_server_accepts_many_at_once(loop: AbstractEventLoop) -> None:
    clients = Clients()
    async with await loop.create_server(clients, "127.0.0.1", 0, backlog=200) as server:
        address = address_of(server)
        peers = await asyncio.gather(*(connected_peer(address) for _ in range(100)))
        await clients.connected(100)
        for peer in peers:
            peer.close()
        for client in clients.made:
            assert await client.lost is None


async def test_client_that_is_gone_before_it_is_accepted_does_no_harm(
    loop: AbstractEventLoop, reports: list[dict[str, Any]]
) -> None:
    clients = Clients()
    async with await loop.create_server(clients, "127.0.0.1", 0) as server:
        address = address_of(server)
        for _ in range(5):
            # From the thread of the loop: it has had no chance to accept.
            Peer(socket.create_connection(address)).reset()
        peer = await connected_peer(address)
        await peer.send(b"hello")
        while not any(client.data for client in clients.made):
            await settle(1)
        peer.close()
        await clients.end()
    assert reports == []


# Where it listens


async def test_host_may_be_a_list(loop: AbstractEventLoop) -> None:
    server = await loop.create_server(Recorder, ["127.0.0.1", "127.0.0.2"], 0)
    hosts = {sock.getsockname()[0] for sock in server.sockets}
    assert hosts == {"127.0.0.1", "127.0.0.2"}
    for sock in server.sockets:
        (await connected_peer(sock.getsockname())).close()
    await settle()
    server.close()
    await server.wait_closed()


async def test_host_given_twice_counts_once(loop: AbstractEventLoop) -> None:
    async with await loop.create_server(Recorder, ["127.0.0.1", "127.0.0.1"], 0) as server:
        assert len(server.sockets) == 1


@pytest.mark.parametrize("host", [None, ""])
async def test_no_host_means_all_interfaces(loop: AbstractEventLoop, host: str | None) -> None:
    clients = Clients()
    async with await loop.create_server(clients, host, 0, family=socket.AF_INET) as server:
        assert address_of(server)[0] == "0.0.0.0"
        peer = await connected_peer(("127.0.0.1", address_of(server)[1]))
        await clients.connected()
        peer.close()
        await clients.end()


@pytest.mark.needs("ipv6")
async def test_no_host_means_both_families(loop: AbstractEventLoop) -> None:
    async with await loop.create_server(Recorder, None, 0) as server:
        families = {sock.family for sock in server.sockets}
        assert families == {socket.AF_INET, socket.AF_INET6}


@pytest.mark.needs("ipv6")
async def test_server_over_ipv6(loop: AbstractEventLoop) -> None:
    clients = Clients()
    async with await loop.create_server(clients, "::1", 0) as server:
        peer = await connected_peer(address_of(server))
        client = await clients.connected()
        assert client.transport.get_extra_info("peername") == peer.sock.getsockname()
        peer.close()
        await clients.end()


async def test_own_socket_is_used(loop: AbstractEventLoop) -> None:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    expected = sock.getsockname()
    clients = Clients()
    async with await loop.create_server(clients, sock=sock) as server:
        assert address_of(server) == expected
        peer = await connected_peer(expected)
        await clients.connected()
        peer.close()
        await clients.end()
    assert sock.fileno() == -1


async def test_port_in_use_is_an_error_that_leaves_nothing(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        port = listener.getsockname()[1]

        async def create() -> None:
            with pytest.raises(OSError) as info:
                await loop.create_server(Recorder, "127.0.0.1", port)
            assert info.value.errno == errno.EADDRINUSE
            with pytest.raises(OSError):
                # The first of these can be had.
                await loop.create_server(Recorder, ["127.0.0.2", "127.0.0.1"], port)

        assert await growth(create) == set()
    async with await loop.create_server(Recorder, "127.0.0.2", port) as server:
        assert server.is_serving()


async def test_address_of_somebody_else_is_an_error(loop: AbstractEventLoop) -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737).
    with pytest.raises(OSError):
        await loop.create_server(Recorder, "192.0.2.1", 0)


@pytest.mark.needs("posix")
async def test_port_can_be_had_again_at_once(loop: AbstractEventLoop) -> None:
    # SO_REUSEADDR is set on POSIX unless asked otherwise; the server's side closes first, and waits (TIME_WAIT).
    port = 0
    for _ in range(3):
        clients = Clients()
        async with await loop.create_server(clients, "127.0.0.1", port) as server:
            port = address_of(server)[1]
            peer = await connected_peer(address_of(server))
            client = await clients.connected()
            client.transport.close()
            await client.lost
            assert await peer.recv_all() == b""
            peer.close()


@pytest.mark.needs("reuse_port")
async def test_port_is_shared_on_request(loop: AbstractEventLoop) -> None:
    first = await loop.create_server(Recorder, "127.0.0.1", 0, reuse_port=True)
    port = address_of(first)[1]
    second = await loop.create_server(Recorder, "127.0.0.1", port, reuse_port=True)
    assert address_of(first) == address_of(second)
    with pytest.raises(OSError):
        await loop.create_server(Recorder, "127.0.0.1", port)
    for server in (first, second):
        server.close()
        await server.wait_closed()


@pytest.mark.since(3, 13)
async def test_connections_are_kept_alive_on_request(loop: AbstractEventLoop) -> None:
    create: Any = loop.create_server
    async with await create(Recorder, "127.0.0.1", 0, keep_alive=True) as server:
        (sock,) = server.sockets
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0


@pytest.mark.parametrize(
    "make",
    [
        lambda loop, sock: loop.create_server(Recorder),
        lambda loop, sock: loop.create_server(Recorder, "127.0.0.1", 0, sock=sock()),
        lambda loop, sock: loop.create_server(Recorder, sock=sock(socket.SOCK_DGRAM)),
        lambda loop, sock: loop.create_server(Recorder, "127.0.0.1", 0, ssl_handshake_timeout=1),
        lambda loop, sock: loop.create_server(Recorder, "127.0.0.1", 0, ssl_shutdown_timeout=1),
    ],
    ids=[
        "nothing",
        "host and socket",
        "datagram socket",
        "handshake timeout without ssl",
        "shutdown timeout without ssl",
    ],
)
async def test_arguments_that_do_not_go_together_are_refused(
    loop: AbstractEventLoop, make: Callable[..., Any]
) -> None:
    with contextlib.ExitStack() as stack:

        def sock(kind: int = socket.SOCK_STREAM) -> socket.socket:
            return stack.enter_context(socket.socket(socket.AF_INET, kind))

        with pytest.raises(ValueError):
            await make(loop, sock)


async def test_ssl_is_a_context(loop: AbstractEventLoop) -> None:
    with pytest.raises(TypeError):
        await loop.create_server(Recorder, "127.0.0.1", 0, ssl=True)


# When it accepts


async def test_server_that_has_not_started_accepts_nothing(loop: AbstractEventLoop) -> None:
    clients = Clients()
    server = await loop.create_server(clients, "127.0.0.1", 0, start_serving=False)
    address = address_of(server)
    assert not server.is_serving()
    assert await is_refused(address)
    await server.start_serving()
    assert server.is_serving()
    await server.start_serving()
    peer = await connected_peer(address)
    await clients.connected()
    peer.close()
    await clients.end()
    server.close()
    await server.wait_closed()


async def test_serve_forever_starts_serving(loop: AbstractEventLoop) -> None:
    clients = Clients()
    server = await loop.create_server(clients, "127.0.0.1", 0, start_serving=False)
    address = address_of(server)
    serving = loop.create_task(server.serve_forever())
    await settle()
    assert server.is_serving()
    peer = await connected_peer(address)
    await clients.connected()
    peer.close()
    await clients.end()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_cancelled_serve_forever_closes_the_server(loop: AbstractEventLoop) -> None:
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    address = address_of(server)
    serving = loop.create_task(server.serve_forever())
    await settle()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert not server.is_serving()
    assert await is_refused(address)


async def test_server_is_served_forever_by_one_task(loop: AbstractEventLoop) -> None:
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    serving = loop.create_task(server.serve_forever())
    await settle()
    with pytest.raises(RuntimeError):
        await server.serve_forever()
    serving.cancel()
    await asyncio.wait([serving])


@pytest.mark.parametrize("method", ["start_serving", "serve_forever"])
async def test_closed_server_cannot_be_started_again(loop: AbstractEventLoop, method: str) -> None:
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    server.close()
    with pytest.raises(RuntimeError):
        await getattr(server, method)()


# The end


async def test_close_stops_listening_and_leaves_connections(loop: AbstractEventLoop) -> None:
    clients = Clients()
    server = await loop.create_server(clients, "127.0.0.1", 0)
    address = address_of(server)
    peer = await connected_peer(address)
    client = await clients.connected()
    server.close()
    await settle()
    assert await is_refused(address)
    await peer.send(b"still here")
    assert await client.received(10) == b"still here"
    client.transport.write(b"so am I")
    assert await peer.recv_exactly(7) == b"so am I"
    peer.close()
    await client.lost
    await server.wait_closed()


async def test_close_may_be_called_again(loop: AbstractEventLoop) -> None:
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    server.close()
    server.close()
    await server.wait_closed()
    server.close()
    await server.wait_closed()


async def test_context_manager_closes_the_server(loop: AbstractEventLoop) -> None:
    async with await loop.create_server(Recorder, "127.0.0.1", 0) as server:
        address = address_of(server)
        assert server.is_serving()
    assert not server.is_serving()
    assert await is_refused(address)


async def test_closed_server_without_connections_is_closed_at_once(
    loop: AbstractEventLoop,
) -> None:
    clients = Clients()
    server = await loop.create_server(clients, "127.0.0.1", 0)
    peer = await connected_peer(address_of(server))
    client = await clients.connected()
    peer.close()
    await client.lost
    server.close()
    await server.wait_closed()
    await server.wait_closed()


@pytest.mark.since(3, 12)
async def test_wait_closed_waits_for_close(loop: AbstractEventLoop) -> None:
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    waiting = loop.create_task(server.wait_closed())
    await settle()
    assert not waiting.done()
    server.close()
    await waiting


@pytest.mark.since(3, 12)
async def test_wait_closed_waits_for_the_connections(loop: AbstractEventLoop) -> None:
    clients = Clients()
    server = await loop.create_server(clients, "127.0.0.1", 0)
    peers = [await connected_peer(address_of(server)) for _ in range(2)]
    await clients.connected(2)
    server.close()
    waiting = [loop.create_task(server.wait_closed()) for _ in range(2)]
    for peer in peers:
        await settle()
        assert not any(task.done() for task in waiting)
        peer.close()
    await asyncio.gather(*waiting)
    await clients.end()


@pytest.mark.since(3, 13)
async def test_close_clients_closes_the_connections(loop: AbstractEventLoop) -> None:
    clients = Clients()
    server: Any = await loop.create_server(clients, "127.0.0.1", 0)
    peers = [await connected_peer(address_of(server)) for _ in range(3)]
    await clients.connected(3)
    for client in clients.made:
        client.transport.write(b"last words")
    server.close()
    server.close_clients()
    for peer, client in zip(peers, clients.made, strict=True):
        assert await peer.recv_all() == b"last words"
        assert await client.lost is None
        peer.close()
    await server.wait_closed()


@pytest.mark.since(3, 13)
async def test_abort_clients_drops_the_connections(loop: AbstractEventLoop) -> None:
    clients = Clients()
    server: Any = await loop.create_server(clients, "127.0.0.1", 0)
    peers = [await connected_peer(address_of(server)) for _ in range(3)]
    await clients.connected(3)
    for client in clients.made:
        # More than the kernel takes: a mere close would wait for the peer.
        client.transport.write(bytes(32 * 1024 * 1024))
    server.close()
    server.abort_clients()
    await server.wait_closed()
    for peer, client in zip(peers, clients.made, strict=True):
        assert await client.lost is None
        assert await peer.is_dead()
        peer.close()


async def test_server_closed_by_its_own_connection(loop: AbstractEventLoop) -> None:
    class Closing(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            servers[0].close()
            transport.close()

    servers: list[asyncio.AbstractServer] = []
    servers.append(await loop.create_server(Closing, "127.0.0.1", 0))
    server: Any = servers[0]
    peer = await connected_peer(address_of(server))
    assert await peer.recv_all() == b""
    await server.wait_closed()
    peer.close()
    servers.clear()


async def test_loop_can_be_closed_with_a_server_that_nobody_closed(
    loop: AbstractEventLoop,
) -> None:
    # Nothing is asserted here: the descriptors are counted after the loop's end.
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    await in_thread(str)
    server.close()
