"""blockbuster: refuses calls that block in a coroutine, and knows by file and function those of the loop itself."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from blockbuster import BlockBuster, BlockingError
from traffic import HOST, check, gone, run


async def processes() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(1)", cwd="/", stdout=asyncio.subprocess.PIPE
    )
    check((await child.communicate())[0], b"1\n")
    child = await asyncio.create_subprocess_shell("exit 3", start_new_session=True)
    check(await child.wait(), 3)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    writer.close()
    await writer.wait_closed()


async def unix_servers() -> None:
    for cleanup in (True, False, True):
        # The last one finds the file of the one before, which nobody has any more.
        options = {"cleanup_socket": cleanup} if hasattr(asyncio, "__implementation__") else {}
        path = os.path.join(folder, "server")
        async with await asyncio.start_unix_server(echo, path, **options):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"x")
            writer.write_eof()
            check(await reader.read(), b"x")
            writer.close()
            await writer.wait_closed()


async def files() -> None:
    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(echo, HOST, 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        check(await loop.sendfile(writer.transport, file), 5000)
        writer.write_eof()
        check(len(await reader.read()), 5000)
        writer.close()
        await writer.wait_closed()


async def threads() -> None:
    check(await asyncio.to_thread(pow, 2, 8), 256)
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    await asyncio.get_running_loop().shutdown_default_executor()


async def refused() -> None:
    """The program's own calls are not let pass."""
    try:
        time.sleep(0)
    except BlockingError:
        check(True, True)
    else:
        raise AssertionError("not refused")


async def main() -> None:
    blockbuster = BlockBuster()
    blockbuster.activate()
    try:
        for part in (processes, unix_servers, files, threads, refused):
            await part()
    finally:
        blockbuster.deactivate()
    await gone()


folder = tempfile.mkdtemp()
with open(Path(folder, "file"), "w+b") as file:
    file.write(b"x" * 5000)
    file.seek(0)
    run(main, "blockbuster")
