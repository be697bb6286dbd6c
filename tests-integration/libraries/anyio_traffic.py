"""anyio on its asyncio backend: scopes, groups, threads, streams, TLS, datagrams, processes, signals, files."""

from __future__ import annotations

import os
import signal
import ssl
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.abc
import anyio.from_thread
import anyio.to_process
import anyio.to_thread
from anyio.streams.tls import TLSListener, TLSStream
from traffic import HOST, certificates, check, run

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream


async def scopes() -> None:
    with anyio.move_on_after(0.01) as scope:
        await anyio.sleep_forever()
    check(scope.cancelled_caught, True)
    try:
        with anyio.fail_after(0.01):
            await anyio.Event().wait()
    except TimeoutError:
        check(True, True)
    with anyio.CancelScope() as outer:
        outer.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.001)
            check(True, True)
        await anyio.sleep(10)
        raise AssertionError("not cancelled")
    # The same, through asyncio's own cancelling: nothing of it may be left behind.
    with anyio.move_on_after(0):
        await anyio.sleep(10)
    await anyio.sleep(0)


async def groups() -> None:
    async def child(
        n: int, *, task_status: anyio.abc.TaskStatus[int] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        task_status.started(n)
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        check([await group.start(child, n) for n in range(100)], list(range(100)))
        group.cancel_scope.cancel()

    async def fail(n: int) -> None:
        await anyio.sleep(0)
        raise ValueError(n)

    try:
        async with anyio.create_task_group() as group:
            for n in range(3):
                group.start_soon(fail, n)
            await anyio.sleep_forever()
    except* ValueError as caught:
        check(sorted(error.args[0] for error in caught.exceptions), [0, 1, 2])


async def memory() -> None:
    sender, receiver = anyio.create_memory_object_stream[int](5)
    got: list[int] = []

    async def take(from_: MemoryObjectReceiveStream[int]) -> None:
        async with from_:
            async for item in from_:
                got.append(item)

    async with anyio.create_task_group() as group, sender:
        for _ in range(3):
            group.start_soon(take, receiver.clone())
        receiver.close()
        for n in range(500):
            await sender.send(n)
        sender.close()
    check(sorted(got), list(range(500)))
    limiter, lock, running = anyio.CapacityLimiter(3), anyio.Lock(), [0, 0]

    async def work() -> None:
        async with limiter:
            running[0] += 1
            running[1] = max(running)
            async with lock:
                await anyio.sleep(0)
            running[0] -= 1

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(work)
    check(running, [0, 3])


async def threads() -> None:
    def in_thread(n: int) -> int:
        if n % 10 == 0:
            anyio.from_thread.run(anyio.sleep, 0.001)
        return n + anyio.from_thread.run_sync(lambda: 1)

    results: dict[int, int] = {}

    async def one(n: int) -> None:
        results[n] = await anyio.to_thread.run_sync(in_thread, n)

    async with anyio.create_task_group() as group:
        for n in range(200):
            group.start_soon(one, n)
    check(results, {n: n + 1 for n in range(200)})

    def use_portal() -> list[int]:
        """A loop in a thread of its own, used from this one, which runs none."""
        with anyio.from_thread.start_blocking_portal() as portal:
            futures = [portal.start_task_soon(double, n) for n in range(50)]
            return [future.result(10) for future in futures]

    async def double(n: int) -> int:
        await anyio.sleep(0.001)
        return 2 * n

    check(await anyio.to_thread.run_sync(use_portal), [2 * n for n in range(50)])
    release = threading.Event()
    with anyio.move_on_after(0.01) as scope:
        await anyio.to_thread.run_sync(release.wait, abandon_on_cancel=True)
    check(scope.cancelled_caught, True)
    release.set()
    check(await anyio.to_process.run_sync(pow, 3, 4), 81)


async def echo(stream: anyio.abc.ByteStream) -> None:
    async with stream:
        async for chunk in stream:
            await stream.send(chunk)


async def ask(stream: anyio.abc.ByteStream, body: bytes) -> None:
    """Send while receiving, since both sides' buffers are finite."""
    got = bytearray()
    async with stream, anyio.create_task_group() as group:
        group.start_soon(stream.send, body)
        while len(got) < len(body):
            got += await stream.receive()
    check(bytes(got), body)


async def streams(folder: Path) -> None:
    server_side, client_side = certificates()
    body = bytes(range(256)) * 2000
    plain = await anyio.create_tcp_listener(local_host=HOST)
    secure = TLSListener(await anyio.create_tcp_listener(local_host=HOST), server_side)
    local = await anyio.create_unix_listener(folder / "socket")
    port = plain.extra(anyio.abc.SocketAttribute.local_port)
    secure_port = secure.listener.extra(anyio.abc.SocketAttribute.local_port)

    async def tcp(n: int) -> None:
        await ask(await anyio.connect_tcp(HOST, port), body[n:])

    async def tls(n: int) -> None:
        stream = await anyio.connect_tcp("localhost", secure_port, ssl_context=client_side)
        assert isinstance(stream, TLSStream)
        await ask(stream, body[n:])

    async def unix(n: int) -> None:
        await ask(await anyio.connect_unix(folder / "socket"), body[n:])

    async with anyio.create_task_group() as servers:
        for listener in (plain, secure, local):
            servers.start_soon(listener.serve, echo)
        async with anyio.create_task_group() as group:
            for n in range(40):
                for kind in (tcp, tls, unix):
                    group.start_soon(kind, n)
        try:
            await anyio.connect_tcp(HOST, secure_port, tls=True, tls_hostname="localhost")
        except ssl.SSLCertVerificationError:
            check(True, True)
        servers.cancel_scope.cancel()
    for ended in (plain, secure, local):
        await ended.aclose()
    async with (
        await anyio.create_udp_socket(local_host=HOST) as one,
        await anyio.create_udp_socket(local_host=HOST) as other,
    ):
        address = other.extra(anyio.abc.SocketAttribute.local_address)
        for n in range(100):
            await one.sendto(b"%d" % n, *address)  # type: ignore[misc]
            check((await other.receive())[0], b"%d" % n)


async def processes() -> None:
    done = await anyio.run_process([sys.executable, "-c", "print(input()[::-1])"], input=b"abc\n")
    check((done.returncode, done.stdout.strip()), (0, b"cba"))
    code = "import sys\nfor line in sys.stdin: print(line.upper(), end='', flush=True)"
    async with await anyio.open_process([sys.executable, "-c", code]) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for n in range(20):
            await process.stdin.send(b"line %d\n" % n)
            check(await process.stdout.receive(), b"LINE %d\n" % n)
        await process.stdin.aclose()
        check(await process.wait(), 0)
    with anyio.move_on_after(0.2) as scope:
        await anyio.run_process([sys.executable, "-c", "import time; time.sleep(60)"])
    check(scope.cancelled_caught, True)
    with anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGTERM) as signals:
        os.kill(os.getpid(), signal.SIGUSR1)
        check(await anext(signals), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        check(await anext(signals), signal.SIGTERM)


async def files(folder: Path) -> None:
    path = anyio.Path(folder) / "text"
    async with await anyio.open_file(path, "w") as file:
        await file.writelines(f"line {n}\n" for n in range(100))
    async with await anyio.open_file(path) as file:
        check([line async for line in file], [f"line {n}\n" for n in range(100)])
    check(await path.exists(), True)


async def main() -> None:
    with tempfile.TemporaryDirectory() as name, anyio.fail_after(60):
        await scopes()
        await groups()
        await memory()
        await threads()
        await streams(Path(name))
        await processes()
        await files(Path(name))


if __name__ == "__main__":  # a process of anyio.to_process imports this file again
    run(main, "anyio")
