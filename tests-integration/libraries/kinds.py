"""Traffic for loops that are run by something else: TCP, TLS, Unix sockets, UDP, processes, pipes, descriptors."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

from traffic import HOST, certificates, check, many

if TYPE_CHECKING:
    from pathlib import Path


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async for line in reader:
        writer.write(line.upper())
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int, long: int
) -> None:
    for n in range(count):
        writer.write(b"line %d\n" % n)
        check(await reader.readline(), b"LINE %d\n" % n)
    writer.write(b"x" * long + b"\n")
    check(len(await reader.readline()), long + 1)
    writer.close()
    await writer.wait_closed()


async def connections(folder: Path, *, long: int = 300_000, tls: bool = True) -> None:
    """Lines of text, a `long` one at the end, over TCP, TLS and Unix sockets; and a refused one."""
    limit = 1 << 20

    async with await asyncio.start_server(answer, HOST, 0, limit=limit) as server:
        address = server.sockets[0].getsockname()

        async def one(n: int) -> None:
            await ask(*await asyncio.open_connection(*address, limit=limit), n, long)

        await many(20, one)
    if tls:
        accepting, trusting = certificates()
        serving = asyncio.start_server(answer, HOST, 0, ssl=accepting, limit=limit)
        async with await serving as server:
            address = server.sockets[0].getsockname()
            await ask(*await asyncio.open_connection(*address, ssl=trusting, limit=limit), 3, long)
    path = str(folder / "socket")
    async with await asyncio.start_unix_server(answer, path, limit=limit):
        await ask(*await asyncio.open_unix_connection(path, limit=limit), 3, long)
    with socket.create_server((HOST, 0)) as nobody:
        address = nobody.getsockname()
    try:
        await asyncio.open_connection(*address)
    except ConnectionRefusedError:
        check(True, True)


class Datagrams(asyncio.DatagramProtocol):
    """Sends back what comes, or keeps it."""

    def __init__(self, *, echo: bool) -> None:
        self.echo = echo
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.echo:
            self.transport.sendto(data.upper(), addr)
        else:
            self.received.put_nowait(data)


async def datagrams() -> None:
    loop = asyncio.get_running_loop()
    ends: list[Any] = []
    here, echo = await loop.create_datagram_endpoint(
        lambda: Datagrams(echo=True), local_addr=(HOST, 0)
    )
    ends.append(here)
    for number in range(5):
        there, protocol = await loop.create_datagram_endpoint(
            lambda: Datagrams(echo=False), remote_addr=here.get_extra_info("sockname")
        )
        ends.append(there)
        for n in range(10):
            there.sendto(b"datagram %d of %d" % (n, number))
            check(await protocol.received.get(), b"DATAGRAM %d OF %d" % (n, number))
    for end in ends:
        end.close()
    await asyncio.sleep(0)
    check(echo.transport.is_closing(), True)


async def processes() -> None:
    async def one(n: int) -> None:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", f"import sys; print(sys.stdin.read().upper()); sys.exit({n})"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        check(await child.communicate(b"text"), (b"TEXT\n", None))
        check(child.returncode, n)

    await many(5, one)
    child = await asyncio.create_subprocess_exec("sleep", "60")
    child.terminate()
    check(await child.wait(), -signal.SIGTERM)
    shell = await asyncio.create_subprocess_shell("echo out; echo err >&2", stdout=-1, stderr=-1)
    check(await shell.communicate(), (b"out\n", b"err\n"))


async def descriptors() -> None:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    with near, far:
        for end in (near, far):
            end.setblocking(False)
        readable: asyncio.Future[bytes] = loop.create_future()
        loop.add_reader(near, lambda: readable.done() or readable.set_result(near.recv(100)))
        await loop.sock_sendall(far, b"sent")
        check(await readable, b"sent")
        loop.remove_reader(near)
        await loop.sock_sendall(near, b"back")
        check(await loop.sock_recv(far, 100), b"back")
    source, sink = os.pipe()
    reader = asyncio.StreamReader()
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(source, "rb", 0)
    )
    os.write(sink, b"through a pipe")
    os.close(sink)
    check(await reader.read(), b"through a pipe")
    reading.close()
