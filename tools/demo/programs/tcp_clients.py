"""Thousands of TCP clients at once, over streams and over protocols, with timers, time limits and cancellations.

An asyncio program like any other: it knows nothing of the implementation or of the loop that it runs on.
usage: tcp_clients.py [CLIENTS [ROUNDS]]
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import zlib
from typing import cast

from report import Report

CLIENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 4
#: Seconds that everything together may take.
LIMIT = 120.0


def reply_to(line: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(line), line[::-1].strip())


def raise_file_limit(wanted: int) -> int:
    """Let this process open as many files as it may, and return how many that is."""
    try:
        import resource
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))
    except OSError:
        return 0


class Server:
    """Answers each line at once, but for `hold`, which it never answers."""

    def __init__(self) -> None:
        self.connected = 0
        self.most = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.most = max(self.most, self.connected)
        try:
            async for line in reader:
                if line != b"hold\n":
                    writer.write(reply_to(line))
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.connected -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


class LineClient(asyncio.Protocol):
    """The client side as a protocol: hands each line to the one who waits for it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._waiter: asyncio.Future[bytes] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not to be checked: the transports of some loops derive from nothing of asyncio's.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._waiter is not None and not self._waiter.done() and b"\n" in self._received:
            line, _, self._received = self._received.partition(b"\n")
            self._waiter.set_result(line + b"\n")

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    async def ask(self, line: bytes) -> bytes:
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(line)
        return await self._waiter


class StreamAsker:
    """The same client over streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, line: bytes) -> bytes:
        self._writer.write(line)
        await self._writer.drain()
        return await self._reader.readline()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class ProtocolAsker:
    """Gives the protocol the two calls that clients make."""

    def __init__(self, client: LineClient) -> None:
        self._client = client
        self.ask = client.ask

    async def close(self) -> None:
        self._client.transport.close()
        await self._client.closed


async def connect(number: int, host: str, port: int) -> StreamAsker | ProtocolAsker:
    if number % 2:
        return StreamAsker(*await asyncio.open_connection(host, port))
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(LineClient, host, port)
    return ProtocolAsker(client)


async def client(number: int, host: str, port: int, start: asyncio.Event, report: Report) -> None:
    asker = await connect(number, host, port)
    try:
        await start.wait()
        for n in range(ROUNDS):
            # A timer of its own for each client and round, so that all kinds of order occur.
            await asyncio.sleep((number * 7 + n * 13) % 50 / 1000)
            line = b"client %d round %d\n" % (number, n)
            async with asyncio.timeout(LIMIT):
                report.check(f"client {number} round {n}", await asker.ask(line), reply_to(line))
        if number % 7 == 0:
            try:
                async with asyncio.timeout(0.05):
                    await asker.ask(b"hold\n")
                report.check(f"client {number}", "an answer", "a time-out")
            except TimeoutError:
                report.check(f"client {number}", "a time-out", "a time-out")
        if number % 5 == 0:
            loop = asyncio.get_running_loop()
            me = asyncio.current_task()
            assert me is not None
            loop.call_later(0.03, me.cancel)
            await asker.ask(b"hold\n")
            report.check(f"client {number}", "an answer", "a cancellation")
    finally:
        await asker.close()


async def main() -> int:
    files = raise_file_limit(2 * CLIENTS + 200)
    clients = min(CLIENTS, (files - 200) // 2)
    numbers = range(clients)
    called_off = [n for n in numbers if n % 5 == 0]
    timed_out = sum(n % 7 == 0 for n in numbers)
    # Each reply and time-out, what became of each client, and four things at the end.
    report = Report(clients * ROUNDS + timed_out + clients + 4)
    serving = Server()
    server = await asyncio.start_server(serving.serve, "127.0.0.1", 0, backlog=4096)
    host, port = server.sockets[0].getsockname()
    # One connection beforehand: a loop may open files of its own with the first.
    await (await connect(0, host, port)).close()
    while not serving.most or serving.connected:
        await asyncio.sleep(0.01)
    files_before = open_files()
    start = asyncio.Event()
    tasks = [
        asyncio.create_task(client(n, host, port, start, report), name=f"client-{n}")
        for n in numbers
    ]
    async with asyncio.timeout(LIMIT):
        while serving.connected < clients:
            await asyncio.sleep(0.02)
            for task in tasks:
                if task.done():
                    await task
        start.set()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        while serving.connected:
            await asyncio.sleep(0.01)
    off = set(called_off)
    ends_as = ("finished", "cancelled")
    for number, end in enumerate(ends):
        if isinstance(end, asyncio.CancelledError):
            got = "cancelled"
        else:
            got = "finished" if end is None else repr(end)
        report.check(f"the end of client {number}", got, ends_as[number in off])
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 5
    while len(asyncio.all_tasks()) > 1 or open_files() > files_before:
        if loop.time() > deadline:
            break
        await asyncio.sleep(0.01)
    files_after = open_files()
    server.close()
    await server.wait_closed()
    report.check("clients connected at once", serving.most, clients)
    report.check("tasks left over", len(asyncio.all_tasks()) - 1, 0)
    report.check("connections left over", serving.connected, 0)
    report.check("files left open", max(files_after - files_before, 0), 0)
    report.extra["what"] = f"{clients} at once, {len(called_off)} cancelled, {timed_out} timed out"
    return report.finish(loop)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
