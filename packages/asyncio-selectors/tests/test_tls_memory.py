"""Where the encrypted bytes of TLS are on their way: connections share memory for what is just received, or about to be sent.

The compiled form goes past the methods of MemoryBIO where it can; all of this holds when it cannot, too, and for the pure form.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core
from asyncio_core.tls.protocol import SSLProtocol
from asyncio_core.twins import twins
from asyncio_selectors import SelectorEventLoop
from asyncio_test_support.certificates import only
from asyncio_test_support.programs import printed_by
from asyncio_test_support.protocols import LIMIT, Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

#: More than is encrypted at once, and than is received at once.
MUCH = b"".join(b"%015d\n" % n for n in range(20_000))

# The module of this class has found out whether it can be reached.
BY_METHODS = twins is None or not (SSLProtocol and twins.use_memory_of_tls(True))


@pytest.fixture(
    params=[False] if BY_METHODS else [True, False],
    ids=lambda reached: "memory" if reached else "methods",
    autouse=True,
)
def reached(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whether the memory of MemoryBIO is used without its methods."""
    if not BY_METHODS:
        twins.use_memory_of_tls(request.param)
    yield
    if not BY_METHODS:
        twins.use_memory_of_tls(True)


@pytest.fixture
def contexts(
    client_context: ssl.SSLContext, server_context: ssl.SSLContext, tls_version: str
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return only(client_context, tls_version), only(server_context, tls_version)


@contextlib.asynccontextmanager
async def connection(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], factory: Any = Recorder
) -> AsyncIterator[tuple[Any, Any]]:
    """Both protocols of a connection, which are told of their transports."""
    loop = asyncio_core.get_running_loop()
    left, right = socket.socketpair()
    (one, client), (other, server) = await asyncio_core.gather(
        loop.create_connection(factory, sock=left, ssl=contexts[0], server_hostname="localhost"),
        loop.connect_accepted_socket(factory, right, ssl=contexts[1]),
    )
    try:
        yield client, server
    finally:
        one.abort()
        other.abort()
        await asyncio_core.wait([client.lost, server.lost])


async def exchange(one: Any, other: Any, *pieces: bytes) -> None:
    """Have each piece go there and back, and see that it is as it was."""
    for piece in pieces:
        for sender, receiver in ((one, other), (other, one)):
            receiver.data.clear()
            sender.transport.write(piece)
            await receiver.until(lambda r=receiver, p=piece: len(r.data) >= len(p))
            assert receiver.data == piece


class Buffered(asyncio_core.BufferedProtocol):
    """A recorder with a buffer."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.room = bytearray(10_000)
        self.data, self.lost = self.recorder.data, self.recorder.lost
        self.until = self.recorder.until

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> Any:
        return self.room

    def buffer_updated(self, nbytes: int) -> None:
        self.recorder.data_received(bytes(self.room[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.recorder.connection_lost(exc)


@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_little_and_much_go_there_and_back(
    loop: SelectorEventLoop, contexts: Any, factory: Any
) -> None:
    async def main() -> None:
        async with connection(contexts, factory) as (client, server):
            sizes = (1, 4096, 4097, 16384, 16385, 120 * 1024, 120 * 1024 + 1, len(MUCH))
            await exchange(client, server, *(MUCH[:size] for size in sizes), *(b"a", b"bc"))

    loop.run_until_complete(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_much_is_the_callers_again_when_it_is_written(
    loop: SelectorEventLoop, contexts: Any, kind: Any
) -> None:
    async def main() -> None:
        async with connection(contexts) as (client, server):
            for _ in range(3):
                given = bytearray(MUCH)
                client.transport.write(kind(given))
                given[:] = bytes(len(given))
                client.transport.write(b"!")
                await server.until(lambda: server.data.endswith(b"!"))
                assert server.data == MUCH + b"!"
                server.data.clear()

    loop.run_until_complete(main())


def test_what_a_paused_protocol_has_not_taken_stays_in_order(
    loop: SelectorEventLoop, contexts: Any
) -> None:
    class Halting(Recorder):
        """Pauses whenever something comes."""

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    async def main() -> None:
        async with connection(contexts) as (client, server):
            halting = Halting()
            halting.transport = server.transport
            server.transport.set_protocol(halting)
            for piece in (MUCH, b"and", b"more", MUCH):
                client.transport.write(piece)
            expected = 2 * len(MUCH) + 7
            while len(halting.data) < expected:
                before = len(halting.data)
                server.transport.resume_reading()
                await halting.until(lambda before=before: len(halting.data) > before)
            assert halting.data == MUCH + b"andmore" + MUCH
            server.transport.set_protocol(server)
            server.transport.resume_reading()
            await exchange(client, server, b"on")

    loop.run_until_complete(main())


def run_elsewhere(main: Callable[[], Any]) -> None:
    """Run a coroutine on a loop of its own, in this thread."""
    with asyncio_core.Runner(loop_factory=SelectorEventLoop) as runner:
        runner.run(asyncio_core.wait_for(main(), LIMIT))


def test_another_connection_works_in_the_middle_of_a_delivery(
    loop: SelectorEventLoop, contexts: Any
) -> None:
    async def other() -> None:
        async with connection(contexts) as (client, server):
            await exchange(client, server, b"little", MUCH, b"little")

    class Waiting(Recorder):
        """Has another thread do that while it is being called."""

        def data_received(self, data: bytes) -> None:
            if not self.data:
                thread = threading.Thread(target=run_elsewhere, args=(other,))
                thread.start()
                thread.join()
            super().data_received(data)

    async def main() -> None:
        async with connection(contexts, Waiting) as (client, server):
            await exchange(client, server, MUCH, b"little", MUCH[:5000])

    loop.run_until_complete(main())


def test_connections_of_many_threads_do_not_mix(contexts: Any) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        async def main() -> None:
            async with connection(contexts) as (client, server):
                for n in range(10):
                    piece = (b"%d" % number) * (1000 + 30_011 * n)
                    await exchange(client, server, piece)

        try:
            run_elsewhere(main)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("factory", [Recorder, Buffered])
@pytest.mark.parametrize("before", [b"", b"in order", MUCH], ids=len)
def test_the_error_of_a_broken_record_is_told_as_it_is(
    loop: SelectorEventLoop, contexts: Any, factory: Any, before: bytes
) -> None:
    async def main() -> None:
        async with connection(contexts, factory) as (client, server):
            await exchange(client, server, b"before")
            server.data.clear()
            client.transport.write(before)
            await server.until(lambda: server.data == before)
            # A record of application data that nobody has encrypted.
            client.transport._ssl_protocol._transport.write(b"\x17\x03\x03\x00\x40" + bytes(64))
            error = await server.lost
            assert isinstance(error, ssl.SSLError)
            assert error.library == "SSL"
            # The latter since OpenSSL 3.2.
            reasons = ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "RECORD_LAYER_FAILURE")
            assert error.reason in reasons

    loop.run_until_complete(main())


@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_records_in_pieces_arrive_when_they_are_whole(
    loop: SelectorEventLoop, contexts: Any, factory: Any
) -> None:
    async def main() -> None:
        async with connection(contexts, factory) as (client, server):
            below = client.transport._ssl_protocol._transport
            records: list[bytes] = []
            # What is encrypted comes here, and is sent piece by piece.
            below.write = records.append
            client.transport.write(MUCH[:50_000])
            client.transport.write(b"the end")
            del below.write
            together = b"".join(map(bytes, records))
            for start in range(0, len(together), 1448):
                below.write(together[start : start + 1448])
                expected = start // 16384 * 16384 if start < 50_000 else 0
                await server.until(lambda expected=expected: len(server.data) >= expected - 16384)
            await server.until(lambda: len(server.data) == 50_007)
            assert server.data == MUCH[:50_000] + b"the end"
            await exchange(client, server, b"after", MUCH)

    loop.run_until_complete(main())


# The transport below may be somebody else's, or have somebody else's methods.


def noted(function: Any, calls: list[str]) -> Any:
    def called(*args: Any) -> Any:
        calls.append(function.__name__)
        return function(*args)

    return called


@pytest.mark.parametrize("where", ["transport", "class"])
def test_who_replaces_a_method_of_the_transport_below_is_called(
    loop: SelectorEventLoop, contexts: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async def main() -> None:
        async with connection(contexts) as (client, server):
            await exchange(client, server, b"before")
            below = client.transport._ssl_protocol._transport
            owner = below if where == "transport" else type(below)
            calls: list[str] = []
            with monkeypatch.context() as patching:
                for name in ("write", "is_closing"):
                    patching.setattr(owner, name, noted(getattr(owner, name), calls), raising=False)
                client.transport.write(b"there")
                assert calls == ["is_closing", "write"]
                client.transport.write(MUCH[:5000])
                assert calls == ["is_closing", "write"] * 2
                await server.until(lambda: server.data.endswith(MUCH[4000:5000]))
            del calls[:]
            if where == "transport":
                for name in ("write", "is_closing"):
                    with contextlib.suppress(AttributeError):
                        delattr(below, name)
            await exchange(client, server, b"after", MUCH)
            assert calls == []

    loop.run_until_complete(main())


def test_nothing_is_sent_by_a_transport_below_that_closes(
    loop: SelectorEventLoop, contexts: Any
) -> None:
    async def main() -> None:
        async with connection(contexts) as (client, server):
            await exchange(client, server, b"before")
            client.transport._ssl_protocol._transport.close()
            client.transport.write(b"lost")
            client.transport.write(MUCH)
            await client.lost
            await server.lost
            assert server.data == b"before"

    loop.run_until_complete(main())


@pytest.mark.skipif(BY_METHODS, reason="the memory of MemoryBIO cannot be reached here")
def test_openssl_is_looked_at_before_the_first_connection_and_not_with_the_loop() -> None:
    program = """
import ssl
import asyncio_core
from asyncio_core.tls import protocol

async def main():
    before = len(protocol._at_first)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    protocol.SSLProtocol(asyncio_core.get_running_loop(), asyncio_core.Protocol(), context, None, True)
    print(before, len(protocol._at_first))

asyncio_core.run(main())
"""
    assert printed_by(program) == "1 0"
