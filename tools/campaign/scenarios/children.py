"""Child processes."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Any

from scenarios import scenario

if TYPE_CHECKING:
    from stage import Stage

#: A program that does nothing, one that says what it is told, and a line for the shell that says a word and then does so.
TRUE: tuple[str, ...] = ("/bin/true",)
CAT: tuple[str, ...] = ("/bin/cat",)
SHELL = "echo a word; exec cat"
if sys.platform == "win32":
    TRUE = ("cmd.exe", "/c", "exit 0")
    copying = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"
    CAT = (sys.executable, "-S", "-c", copying)
    # By the shell alone, as a program that it runs would not end with it; at last it waits for the end of its input.
    SHELL = "echo a word& set /p line=& echo a line& set /p line="


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a child that runs; the loop reaps it."""
    if process.returncode is None:
        process.kill()


@scenario(slow=True)
async def wait(stage: Stage) -> None:
    process = await asyncio.create_subprocess_exec(*TRUE)
    try:
        await process.wait()
    finally:
        _end(process)


@scenario(slow=True)
async def communicate(stage: Stage) -> None:
    process = await asyncio.create_subprocess_exec(*CAT, stdin=PIPE, stdout=PIPE)
    try:
        out, _ = await process.communicate(b"a word")
        # What the child cannot be given, it has not got.
        assert out in (b"a word", b""), out
    finally:
        _end(process)


@scenario(slow=True)
async def shell(stage: Stage) -> None:
    process = await asyncio.create_subprocess_shell(SHELL, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        process.stdin.write(b"a line\n")
        await process.stdin.drain()
        await process.stdout.readline()
        process.stdin.close()
        await process.stdin.wait_closed()
        await process.stdout.read()
        await process.wait()
    finally:
        _end(process)


@scenario(slow=True)
async def kill(stage: Stage) -> None:
    process = await asyncio.create_subprocess_exec(*CAT, stdin=PIPE, stderr=DEVNULL)
    try:
        process.terminate()
        await process.wait()
    finally:
        _end(process)


class _Child(asyncio.SubprocessProtocol):
    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


@scenario(slow=True)
async def transports(stage: Stage) -> None:
    loop: Any = stage.loop
    transport, protocol = await loop.subprocess_exec(_Child, *CAT)
    try:
        transport.get_pipe_transport(0).close()
        await protocol.ended
    finally:
        transport.close()


@scenario(slow=True)
async def no_such_program(stage: Stage) -> None:
    try:
        await asyncio.create_subprocess_exec("/no/such/program", stdin=PIPE, stdout=PIPE)
    except FileNotFoundError:
        pass
