"""Subprocesses."""

import asyncio
import functools
import os
import pathlib
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any


async def starting() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "pass",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=100,
        cwd=pathlib.Path("/"),
        env={**os.environ, "A": "B"},
    )
    reveal_type(process)
    reveal_type(
        await asyncio.create_subprocess_shell("ls", stdout=asyncio.subprocess.DEVNULL, cwd="/")
    )
    reveal_type(await asyncio.create_subprocess_shell(b"ls", None, None, None, 100))
    reveal_type(await asyncio.create_subprocess_exec(program="ls"))
    reveal_type(await asyncio.create_subprocess_exec(b"ls", pathlib.Path("."), close_fds=True))
    reveal_type(await asyncio.create_subprocess_exec("ls", start_new_session=True, user="u"))
    with open("file", "wb") as file:
        reveal_type(await asyncio.create_subprocess_exec("ls", stdout=file, pass_fds=[3]))
    await asyncio.create_subprocess_exec("ls", text=True)  # wrong
    await asyncio.create_subprocess_exec("ls", encoding="utf-8")  # wrong
    await asyncio.create_subprocess_exec("ls", universal_newlines=True)  # wrong
    await asyncio.create_subprocess_exec("ls", shell=True)  # wrong
    await asyncio.create_subprocess_exec("ls", bufsize=1)  # wrong
    await asyncio.create_subprocess_exec("ls", 1)  # wrong
    await asyncio.create_subprocess_exec("ls", stdout="file")  # wrong
    await asyncio.create_subprocess_exec("ls", cmd="ls")  # wrong
    await asyncio.create_subprocess_exec(["ls"])  # wrong
    await asyncio.create_subprocess_shell(["ls"])  # wrong
    await asyncio.create_subprocess_shell("ls", text=True)  # wrong
    await asyncio.create_subprocess_shell("ls", shell=False)  # wrong
    await asyncio.create_subprocess_shell("ls", cwd=1)  # wrong
    await asyncio.create_subprocess_shell("ls", env={1: 2})  # wrong
    asyncio.create_subprocess_exec("ls")  # wrong


async def handed_on(options: dict[str, Any], *command: str) -> None:
    reveal_type(await asyncio.create_subprocess_exec("ls", **options))
    reveal_type(await asyncio.create_subprocess_exec(*command, **options))
    reveal_type(await asyncio.create_subprocess_exec(*command, stdin=None, **options))
    reveal_type(await asyncio.create_subprocess_shell("ls", **options))
    loop = asyncio.get_running_loop()
    reveal_type(await loop.subprocess_exec(asyncio.SubprocessProtocol, *command, **options))
    reveal_type(await loop.subprocess_shell(asyncio.SubprocessProtocol, "ls", **options))
    start: Callable[..., Awaitable[asyncio.subprocess.Process]] = asyncio.create_subprocess_exec
    reveal_type(await start("ls", cwd="/"))
    reveal_type(await functools.partial(asyncio.create_subprocess_exec, "ls", cwd="/")())


async def a_process(process: asyncio.subprocess.Process) -> None:
    reveal_type(await process.communicate())
    reveal_type(await process.communicate(b"input"))
    reveal_type(await process.communicate(input=bytearray(b"input")))
    out, err = await process.communicate(memoryview(b"input"))
    reveal_type(out.decode())
    reveal_type(err)
    reveal_type(await process.wait())
    reveal_type(process.pid)
    reveal_type(process.returncode)
    reveal_type(process.stdin)
    reveal_type(process.stdout)
    reveal_type(process.stderr)
    if process.stdin is not None:
        process.stdin.write(b"data")
    assert process.stdout
    reveal_type(await process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    process.terminate()
    process.kill()
    await process.communicate("input")  # wrong
    process.send_signal("TERM")  # wrong
    process.returncode = 1  # wrong
    process.stdout.readline()  # wrong
    process.stderr.read()  # wrong


def constants() -> None:
    reveal_type(asyncio.subprocess.PIPE)
    reveal_type(asyncio.subprocess.STDOUT)
    reveal_type(asyncio.subprocess.DEVNULL)


async def by_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    reveal_type(await loop.subprocess_exec(asyncio.SubprocessProtocol, "ls", "-l"))
    transport, protocol = await loop.subprocess_exec(
        asyncio.SubprocessProtocol, "ls", stdin=None, stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    reveal_type(transport.get_pid())
    reveal_type(protocol)
    reveal_type(await loop.subprocess_shell(asyncio.SubprocessProtocol, "ls", stderr=None))
    await loop.subprocess_shell(asyncio.SubprocessProtocol, 1)  # wrong
    await loop.subprocess_shell(asyncio.SubprocessProtocol, "ls", shell=False)  # wrong
    await loop.subprocess_exec(asyncio.SubprocessProtocol, "ls", bufsize=1)  # wrong
    await loop.subprocess_exec(asyncio.SubprocessProtocol, "ls", universal_newlines=True)  # wrong
    await loop.subprocess_exec(asyncio.SubprocessProtocol)  # wrong
    await loop.subprocess_exec(dict, "ls")  # wrong


class OwnProtocol(asyncio.subprocess.SubprocessStreamProtocol):
    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        super().pipe_data_received(fd, data)


async def its_own_protocol(loop: asyncio.AbstractEventLoop) -> None:
    transport, protocol = await loop.subprocess_exec(lambda: OwnProtocol(100, loop), "ls")
    reveal_type(protocol)
    reveal_type(protocol.stdin)
    reveal_type(protocol.stdout)
    reveal_type(protocol.stderr)
    process = asyncio.subprocess.Process(transport, protocol, loop)
    reveal_type(process)
    asyncio.subprocess.Process(None, protocol, loop)  # wrong
