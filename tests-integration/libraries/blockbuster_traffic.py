"""blockbuster: blocking calls under a running loop are refused, but for those that asyncio is known to make.

It knows those by the file and the function that are on the stack.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from blockbuster import BlockingError, blockbuster_ctx
from traffic import check, gone, many, run

LINES = b"".join(b"%d\n" % n for n in range(10_000))


async def refused() -> None:
    """What a program does itself is refused: the tool is at work."""
    calls: list[Any] = [lambda: time.sleep(0), lambda: os.stat("/"), os.getcwd]
    for call in calls:
        try:
            call()
        except BlockingError:
            check(True, True)
        else:
            raise AssertionError(f"{call} was not refused")


async def processes() -> None:
    async def one(n: int) -> None:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "import os; print(os.getcwd(), os.getsid(0) == os.getpid())"),
            cwd="/",
            start_new_session=bool(n % 2),
            stdout=asyncio.subprocess.PIPE,
        )
        output = (await child.communicate())[0]
        check(output.split(), [b"/", str(bool(n % 2)).encode()])
        shell = await asyncio.create_subprocess_shell(
            "umask; exit 3", umask=0o27, stdout=asyncio.subprocess.PIPE
        )
        check(((await shell.communicate())[0], shell.returncode), (b"0027\n", 3))
        try:
            await asyncio.create_subprocess_exec("/nothing/has/this/name", cwd="/")
        except FileNotFoundError:
            check(True, True)

    await many(4, one)


async def unix_servers(folder: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    path = str(folder / "socket")
    for cleanup in (True, False, True):  # the last time, where one has left its file
        # Python 3.13 has it; here every Python.
        options: dict[str, Any] = {} if cleanup else {"cleanup_socket": False}
        server = await asyncio.start_unix_server(answer, path, **options)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"hello\n")
        check(await reader.read(), b"HELLO\n")
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()


async def file_sending(file: Any) -> None:
    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()
        await writer.wait_closed()

    loop = asyncio.get_running_loop()
    received = loop.create_future()
    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        check(await loop.sendfile(writer.transport, file), len(LINES))
        writer.close()
        check(await received, LINES)
        await writer.wait_closed()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        sending = asyncio.create_task(loop.sock_sendfile(ours, file, 1, 1000))
        check(await loop.sock_recv(theirs, 2000), LINES[1:1001])
        check(await sending, 1000)


async def threads() -> None:
    """The default executor's end is one that blocks and may."""
    loop = asyncio.get_running_loop()
    powers = await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(50)))
    check(powers, [2**n for n in range(50)])
    await loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    await loop.shutdown_default_executor()


async def main() -> None:
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile() as file:
        file.write(LINES)
        file.seek(0)
        with blockbuster_ctx():
            await refused()
            await processes()
            await unix_servers(Path(name))
            await file_sending(file)
            await threads()
            await refused()
    await gone()


run(main, "blockbuster")
