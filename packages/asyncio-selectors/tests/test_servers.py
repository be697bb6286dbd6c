"""Listening on TCP addresses: which sockets are made, with what options, and what is left of failures."""

from __future__ import annotations

import contextlib
import contextvars
import errno
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_selectors import SelectorEventLoop


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="the system has no IPv6")
needs_reuseport = pytest.mark.skipif(
    not hasattr(socket, "SO_REUSEPORT"), reason="the system has no SO_REUSEPORT"
)


class Closing(asyncio_core.Protocol):
    """Says goodbye to everybody."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"bye")
        transport.close()


async def ask(loop: SelectorEventLoop, *address: Any) -> bytes:
    """Return what a server says to a new client until it hangs up."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
        answer = b""
        while data := await loop.sock_recv(sock, 100):
            answer += data
        return answer


async def closed(server: Any) -> None:
    server.close()
    await server.wait_closed()


def option(sock: Any, name: int, level: int = socket.SOL_SOCKET) -> bool:
    return bool(sock.getsockopt(level, name))


def test_a_server_answers_until_it_is_closed(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        async with await loop.create_server(Closing, "127.0.0.1", 0) as server:
            (sock,) = server.sockets
            address = sock.getsockname()
            assert server.is_serving()
            assert server.get_loop() is loop
            assert await ask(loop, *address) == b"bye"
        with pytest.raises(ConnectionRefusedError):
            await ask(loop, *address)

    loop.run_until_complete(main())


def test_nobody_is_served_before_the_start(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        server = await loop.create_server(Closing, "127.0.0.1", 0, start_serving=False)
        address = server.sockets[0].getsockname()
        assert not server.is_serving()
        with pytest.raises(ConnectionRefusedError):
            await ask(loop, *address)
        await server.start_serving()
        assert await ask(loop, *address) == b"bye"
        await closed(server)

    loop.run_until_complete(main())


def test_several_hosts_have_a_socket_each(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
        server = await loop.create_server(Closing, hosts, 0)
        addresses = [sock.getsockname() for sock in server.sockets]
        assert [host for host, _ in addresses] == ["127.0.0.1", "127.0.0.2"]
        for address in addresses:
            assert await ask(loop, *address) == b"bye"
        await closed(server)

    loop.run_until_complete(main())


@needs_ipv6
@pytest.mark.parametrize("host", ["", None])
def test_no_host_means_every_interface_of_both_families(loop: SelectorEventLoop, host: Any) -> None:
    async def main() -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        server = await loop.create_server(Closing, host, port)
        families = {sock.family for sock in server.sockets}
        assert families == {socket.AF_INET, socket.AF_INET6}
        for sock in server.sockets:
            if sock.family == socket.AF_INET6:
                assert option(sock, socket.IPV6_V6ONLY, socket.IPPROTO_IPV6)
        assert await ask(loop, "127.0.0.1", port) == b"bye"
        assert await ask(loop, "::1", port) == b"bye"
        await closed(server)

    loop.run_until_complete(main())


def test_a_bound_socket_is_taken_over(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        server = await loop.create_server(Closing, sock=sock)
        assert server.sockets[0].fileno() == sock.fileno()
        assert await ask(loop, *sock.getsockname()) == b"bye"
        await closed(server)
        assert sock.fileno() == -1

    loop.run_until_complete(main())


def test_options_are_set_where_asked_for(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        for asked in (True, False):
            server = await loop.create_server(
                Closing, "127.0.0.1", 0, reuse_address=asked, keep_alive=asked
            )
            (sock,) = server.sockets
            assert option(sock, socket.SO_REUSEADDR) is asked
            assert option(sock, socket.SO_KEEPALIVE) is asked
            await closed(server)
        server = await loop.create_server(Closing, "127.0.0.1", 0)
        (sock,) = server.sockets
        assert option(sock, socket.SO_REUSEADDR) is (sys.platform not in ("win32", "cygwin"))
        assert not option(sock, socket.SO_KEEPALIVE)
        await closed(server)

    loop.run_until_complete(main())


@needs_reuseport
def test_two_servers_share_a_port_where_both_want_to(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        first = await loop.create_server(Closing, "127.0.0.1", 0, reuse_port=True)
        address = first.sockets[0].getsockname()
        second = await loop.create_server(Closing, *address, reuse_port=True)
        await closed(first)
        assert await ask(loop, *address) == b"bye"
        await closed(second)

    loop.run_until_complete(main())


# Serves the socket that it inherits until its standard input ends.
WORKER = """
import os, socket, sys
import asyncio_core, asyncio_selectors

class Naming(asyncio_core.Protocol):
    def connection_made(self, transport):
        transport.write(b"%d" % os.getpid())
        transport.close()

async def main():
    loop = asyncio_core.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(0, ended.set_result, None)
    server = await loop.create_server(Naming, sock=socket.socket(fileno=int(sys.argv[1])))
    print(flush=True)
    await ended
    loop.remove_reader(0)
    server.close()
    await server.wait_closed()

asyncio_core.run(main(), loop_factory=asyncio_selectors.SelectorEventLoop)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows hands sockets over in another way")
def test_processes_share_a_listening_socket() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-W", "error", "-c", WORKER, str(listener.fileno())],
                    pass_fds=[listener.fileno()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            )
            for _ in range(2)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"\n"
        answers: set[int] = set()
        for _ in range(10_000):
            with socket.create_connection(listener.getsockname(), timeout=20) as client:
                answers.add(int(client.recv(100)))
            if len(answers) == len(workers):
                break
        assert answers == {worker.pid for worker in workers}
        for worker in workers:
            # All that were woken for one connection, and did not get it, have gone on without a word.
            assert worker.communicate(timeout=20) == (b"", b"")
            assert worker.returncode == 0


def test_an_address_in_use_is_named_and_no_socket_is_left(
    loop: SelectorEventLoop, descriptors: Callable[[], set[int]]
) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as rival:
            port = rival.getsockname()[1]
            before = descriptors()
            with pytest.raises(OSError, match=rf"bind on address \('127.0.0.1', {port}\)") as info:
                await loop.create_server(Closing, ["127.0.0.2", "127.0.0.1"], port)
            assert info.value.errno == errno.EADDRINUSE
            assert descriptors() == before

    loop.run_until_complete(main())


def test_addresses_that_the_system_does_not_have_are_passed_over(
    loop: SelectorEventLoop, descriptors: Callable[[], set[int]]
) -> None:
    async def main() -> None:
        # TEST-NET-1, which no interface has.
        server = await loop.create_server(Closing, ["192.0.2.1", "127.0.0.1"], 0)
        assert [sock.getsockname()[0] for sock in server.sockets] == ["127.0.0.1"]
        await closed(server)
        before = descriptors()
        with pytest.raises(OSError, match=r"could not bind on any address out of.*192\.0\.2\.1"):
            await loop.create_server(Closing, "192.0.2.1", 0)
        assert descriptors() == before

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_that_there_is_no_descriptor_for_it_is_told_as_such(loop: SelectorEventLoop) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.dup(0)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, before[1]))
    try:
        with pytest.raises(OSError) as info:
            while True:
                taken.append(os.dup(0))
        assert info.value.errno == errno.EMFILE
        with pytest.raises(OSError) as info:
            loop.run_until_complete(loop.create_server(Closing, "127.0.0.1", 0))
        assert info.value.errno == errno.EMFILE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in taken:
            os.close(descriptor)


def test_cancelling_create_server_at_every_step_leaves_nothing(
    loop: SelectorEventLoop, descriptors: Callable[[], set[int]]
) -> None:
    async def attempt(turns: int) -> bool:
        task = loop.create_task(
            loop.create_server(Closing, ["localhost", "127.0.0.2", "127.0.0.3"], 0)
        )
        for _ in range(turns):
            await asyncio_core.sleep(0)
        task.cancel()
        try:
            await closed(await task)
        except asyncio_core.CancelledError:
            return False
        return True

    turns, done = 0, False
    opened, registered = descriptors(), list(loop._selector.get_map())
    while not done:
        done = loop.run_until_complete(attempt(turns))
        assert list(loop._selector.get_map()) == registered
        # A look-up that was given up goes on in its thread, which has files open meanwhile.
        deadline = time.monotonic() + 20
        while descriptors() != opened and time.monotonic() < deadline:
            loop.run_until_complete(asyncio_core.sleep(0.001))
        assert descriptors() == opened
        turns += 1
    assert turns > 1


def test_waiting_for_the_end_includes_the_connections(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        server = await loop.create_server(asyncio_core.Protocol, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        transport, protocol = await loop.create_connection(recorder, *address)
        while not server._clients:
            await asyncio_core.sleep(0)
        waiting = loop.create_task(server.wait_closed())
        server.close()
        await asyncio_core.sleep(0)
        await asyncio_core.sleep(0)
        assert not waiting.done()
        transport.close()
        await waiting
        await protocol.lost

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["close_clients", "abort_clients"])
def test_connections_can_be_ended_with_the_server(
    loop: SelectorEventLoop, recorder: Any, method: str
) -> None:
    async def main() -> None:
        server = await loop.create_server(asyncio_core.Protocol, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        clients = [await loop.create_connection(recorder, *address) for _ in range(3)]
        while len(server._clients) < 3:
            await asyncio_core.sleep(0)
        server.close()
        getattr(server, method)()
        await server.wait_closed()
        for _, protocol in clients:
            await protocol.lost

    loop.run_until_complete(main())


def test_cancelling_serve_forever_ends_idle_connections_too(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        server = await loop.create_server(asyncio_core.Protocol, "127.0.0.1", 0)
        serving = loop.create_task(server.serve_forever())
        _, protocol = await loop.create_connection(recorder, *server.sockets[0].getsockname())
        while not server._clients:
            await asyncio_core.sleep(0)
        serving.cancel()
        with pytest.raises(asyncio_core.CancelledError):
            await serving
        assert not server.is_serving()
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_a_factory_and_its_connection_share_a_context_of_their_own(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="the server's")
    seen: list[list[str]] = []

    class Noting(asyncio_core.Protocol):
        def __init__(self) -> None:
            self.seen = [var.get()]
            seen.append(self.seen)
            var.set(f"connection {len(seen)}")

        def connection_made(self, transport: Any) -> None:
            self.seen.append(var.get())
            var.set(f"{var.get()}, made")

        def connection_lost(self, exc: Exception | None) -> None:
            self.seen.append(var.get())

    async def main() -> None:
        server = await loop.create_server(Noting, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        for _ in range(2):
            transport, protocol = await loop.create_connection(recorder, *address)
            transport.close()
            await protocol.lost
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
    assert seen == [
        ["the server's", f"connection {number}", f"connection {number}, made"] for number in (1, 2)
    ]
    assert var.get() == "the server's"
