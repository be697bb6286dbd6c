"""Cancelling at every step: the call ends, and no descriptor, no connection and no report is left.

Each operation is begun again and again, given one more round of the loop each time, and then cancelled, until it
gets to its end. Wherever it was, the descriptors are as before.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from loop_kit.certificates import SERVER_NAME
from loop_kit.descriptors import open_descriptors
from loop_kit.peers import in_thread, listening
from loop_kit.protocols import DatagramRecorder, ProcessRecorder, Recorder, left_open, settle

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from loop_kit.certificates import Authority

#: Rounds after which an operation is taken for one that waits for its peer; more than any of them needs.
MOST = 40


async def cancel_everywhere(
    operation: Callable[[], Awaitable[Any]],
    undo: Callable[[Any], Awaitable[None]],
    most: int = MOST,
) -> int:
    """Cancel after 0, 1, 2, … rounds until the operation ends by itself; return how often it was cancelled."""
    loop = asyncio.get_running_loop()
    # Once to its end, or for a while: what a loop opens once and for all is no matter here.
    first = loop.create_task(in_coroutine(operation))
    await asyncio.wait([first], timeout=0.05)
    if first.done():
        await undo(first.result())
    else:
        first.cancel()
        await asyncio.wait([first])
    del first
    await left_open(set())
    before = open_descriptors()
    cancelled = 0
    for rounds in range(most):
        task = loop.create_task(in_coroutine(operation))
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            cancelled += 1
        else:
            # It had ended, or ended in spite of the cancelling: what it returned is whole.
            await undo(task.result())
            if rounds > cancelled + 3:
                break
        del task
        assert await left_open(before) == set(), f"after {rounds} rounds"
    gc.collect()
    return cancelled


async def in_coroutine(operation: Callable[[], Awaitable[Any]]) -> Any:
    return await operation()


async def drop(made: tuple[Any, Any]) -> None:
    """End a connection that came about."""
    transport, protocol = made
    transport.abort()
    await protocol.lost


async def shut(server: Any) -> None:
    server.close()
    await server.wait_closed()


async def nothing(_: Any) -> None:
    return


async def test_connecting(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        address = listener.getsockname()
        assert await cancel_everywhere(lambda: loop.create_connection(Recorder, *address), drop)


async def test_connecting_to_a_name(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        port = listener.getsockname()[1]
        assert await cancel_everywhere(
            lambda: loop.create_connection(Recorder, "localhost", port), drop
        )


async def test_connecting_from_a_local_address(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        address = listener.getsockname()
        assert await cancel_everywhere(
            lambda: loop.create_connection(Recorder, *address, local_addr=("127.0.0.1", 0)), drop
        )


async def test_connecting_a_socket_by_hand(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        address = listener.getsockname()

        async def connect() -> None:
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, address)

        await cancel_everywhere(connect, nothing)


async def test_handshake_of_a_client(loop: AbstractEventLoop, authority: Authority) -> None:
    # The peer never says a word, so the handshake is under way at each step.
    with listening() as listener:
        address = listener.getsockname()
        assert (
            await cancel_everywhere(
                lambda: loop.create_connection(
                    Recorder, *address, ssl=authority.client(), server_hostname=SERVER_NAME
                ),
                drop,
                most=15,
            )
            == 15
        )


async def test_handshake_with_a_server(loop: AbstractEventLoop, authority: Authority) -> None:
    async with await loop.create_server(Recorder, "127.0.0.1", 0, ssl=authority.server()) as server:
        address = server.sockets[0].getsockname()
        context = authority.client()

        async def connect() -> None:
            transport, protocol = await loop.create_connection(Recorder, *address, ssl=context)
            transport.abort()
            await protocol.lost

        # The server's side goes away a little later than the client's.
        for rounds in range(25):
            task = loop.create_task(connect())
            for _ in range(rounds):
                await settle(1)
            task.cancel()
            await asyncio.wait([task])
            await settle()


async def test_upgrade_to_tls(loop: AbstractEventLoop, authority: Authority) -> None:
    with listening() as listener:
        address = listener.getsockname()
        context = authority.client()

        async def upgrade() -> None:
            plain, protocol = await loop.create_connection(Recorder, *address)
            try:
                await loop.start_tls(plain, protocol, context, server_hostname=SERVER_NAME)
            finally:
                plain.abort()

        await cancel_everywhere(upgrade, nothing, most=15)


async def test_serving(loop: AbstractEventLoop) -> None:
    await cancel_everywhere(lambda: loop.create_server(Recorder, "127.0.0.1", 0), shut)


async def test_serving_at_a_name(loop: AbstractEventLoop) -> None:
    await cancel_everywhere(lambda: loop.create_server(Recorder, "localhost", 0), shut)


async def test_serving_forever(loop: AbstractEventLoop) -> None:
    async def serve() -> None:
        server = await loop.create_server(Recorder, "127.0.0.1", 0)
        await server.serve_forever()

    assert await cancel_everywhere(serve, nothing, most=10) == 10


async def test_waiting_for_a_server_to_close(loop: AbstractEventLoop) -> None:
    async def wait() -> None:
        async with await loop.create_server(Recorder, "127.0.0.1", 0):
            pass

    await cancel_everywhere(wait, nothing, most=10)


async def test_datagram_endpoint(loop: AbstractEventLoop) -> None:
    await cancel_everywhere(
        lambda: loop.create_datagram_endpoint(DatagramRecorder, local_addr=("127.0.0.1", 0)), drop
    )


async def test_datagram_endpoint_at_a_name(loop: AbstractEventLoop) -> None:
    await cancel_everywhere(
        lambda: loop.create_datagram_endpoint(DatagramRecorder, remote_addr=("localhost", 9)), drop
    )


async def test_receiving(
    loop: AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    assert await cancel_everywhere(lambda: loop.sock_recv(pair[0], 10), nothing, most=5) == 5
    pair[1].send(b"x")
    assert await loop.sock_recv(pair[0], 10) == b"x"


async def test_accepting(loop: AbstractEventLoop) -> None:
    with listening() as listener:
        listener.setblocking(False)
        assert await cancel_everywhere(lambda: loop.sock_accept(listener), nothing, most=5) == 5


async def test_accepting_when_there_is_a_connection(loop: AbstractEventLoop) -> None:
    # It is accepted and returned, or it is still there for the next one.
    with listening() as listener:
        address = listener.getsockname()
        listener.setblocking(False)
        for rounds in range(8):
            with socket.socket() as sock:
                sock.setblocking(False)
                task = loop.create_task(loop.sock_accept(listener))
                await asyncio.sleep(0)
                await in_thread(lambda sock=sock: (sock.setblocking(True), sock.connect(address)))
                for _ in range(rounds):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                done = task.result() if not task.cancelled() else await loop.sock_accept(listener)
                done[0].close()


@pytest.mark.needs("unix_sockets")
async def test_unix_connection(loop: AbstractEventLoop, short_path: Path) -> None:
    async with await loop.create_unix_server(Recorder, str(short_path)):

        async def connect() -> None:
            await drop(await loop.create_unix_connection(Recorder, str(short_path)))

        for rounds in range(10):
            task = loop.create_task(connect())
            for _ in range(rounds):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await settle(2)


@pytest.mark.needs("unix_sockets")
async def test_unix_server(loop: AbstractEventLoop, short_path: Path) -> None:
    await cancel_everywhere(lambda: loop.create_unix_server(Recorder, str(short_path)), shut)


@pytest.mark.needs("pipes")
async def test_subprocess(loop: AbstractEventLoop) -> None:
    async def end(made: Any) -> None:
        transport, protocol = made
        transport.close()
        await protocol.lost

    code = "import sys; sys.stdin.read()"
    await cancel_everywhere(
        lambda: loop.subprocess_exec(ProcessRecorder, sys.executable, "-I", "-S", "-c", code),
        end,
        most=12,
    )


@pytest.mark.needs("pipes")
async def test_communicating_with_a_subprocess(loop: AbstractEventLoop) -> None:
    code = "import sys; sys.stdin.read(); print('done')"
    # What a loop opens once and for all is no matter here.
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", code, stdin=-1, stdout=-1
    )
    await first.communicate()
    del first
    await left_open(set())
    before = open_descriptors()
    for rounds in range(5):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", code, stdin=-1, stdout=-1
        )
        task = loop.create_task(process.communicate())
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if process.returncode is None:
            process.kill()
        await process.wait()
        await process.communicate()
        await settle(2)
        del process, task
        assert await left_open(before) == set()


async def test_call_in_the_executor(loop: AbstractEventLoop) -> None:
    async def call() -> int:
        return await loop.run_in_executor(None, int, "1")

    await cancel_everywhere(call, nothing, most=8)
    assert await call() == 1
