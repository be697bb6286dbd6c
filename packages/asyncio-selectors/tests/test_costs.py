"""What connections cost: memory while they are idle, and time in proportion to what is written."""

from __future__ import annotations

import gc
import socket
import sys
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

import asyncio_core

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from asyncio_selectors import SelectorEventLoop


@pytest.mark.parametrize("encrypted", [False, True])
def test_many_writes_that_wait_cost_what_the_writes_cost(
    loop: SelectorEventLoop,
    recorder: Any,
    in_thread: Callable[..., Any],
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    encrypted: bool,
) -> None:
    ours, theirs = socket.socketpair()
    theirs.settimeout(60)
    piece, count = b"x" * 160, 200_000
    terms: dict[str, Any] = (
        {"ssl": client_context, "server_hostname": "localhost"} if encrypted else {}
    )

    def shake() -> socket.socket:
        return server_context.wrap_socket(theirs, server_side=True) if encrypted else theirs

    def receive(sock: socket.socket) -> int:
        received = 0
        while data := sock.recv(65536):
            received += len(data)
        sock.close()
        return received

    async def main() -> None:
        shaken = in_thread(shake)
        transport, protocol = await loop.create_connection(recorder, sock=ours, **terms)
        peer = await shaken
        began = time.process_time()
        for _ in range(count):
            transport.write(piece)
        receiving = in_thread(receive, peer)
        transport.close()
        assert await receiving == len(piece) * count
        # To copy what waits each time would take minutes.
        assert time.process_time() - began < 30
        assert await protocol.lost is None

    loop.run_until_complete(main())


def test_an_idle_encrypted_connection_holds_no_buffers(
    loop: SelectorEventLoop,
    recorder: Any,
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
) -> None:
    count = 20

    async def pair() -> list[Any]:
        left, right = socket.socketpair()
        (transport, protocol), (served, serving) = await asyncio_core.gather(
            loop.create_connection(
                recorder, sock=left, ssl=client_context, server_hostname="localhost"
            ),
            loop.connect_accepted_socket(recorder, right, ssl=server_context),
        )
        for sending, receiving in ((transport, serving), (served, protocol)):
            sending.write(b"x" * 100_000)
            await receiving.until(lambda receiving=receiving: len(receiving.data) == 100_000)
            receiving.data.clear()
        return [transport, protocol, served, serving]

    async def main() -> None:
        pairs = [await pair()]
        tracemalloc.start()
        try:
            pairs += [await pair() for _ in range(count)]
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Bytes; a read buffer alone would take 64 KiB or more.
        assert held / (2 * count) < 24 * 1024
        for transport, protocol, served, serving in pairs:
            transport.abort()
            served.abort()
            await protocol.lost
            await serving.lost

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.platform == "win32", reason="there a loop has those of its signals, too")
def test_a_loop_that_has_been_used_has_no_more_attributes_than_the_interpreter_is_quick_with(
    loop: SelectorEventLoop, recorder: Any
) -> None:
    async def main() -> None:
        server = await loop.create_server(recorder, "localhost", 0)
        host, port = server.sockets[0].getsockname()[:2]
        transport, protocol = await loop.create_connection(recorder, host, port)
        await loop.run_in_executor(None, time.monotonic)
        loop.call_soon_threadsafe(lambda: None)
        await asyncio_core.sleep(0.001)
        # With 30 of them each call of a method of the loop takes nearly twice as long.
        assert len(set(vars(loop)) - {"reported"}) < 30
        transport.close()
        await protocol.lost
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())
