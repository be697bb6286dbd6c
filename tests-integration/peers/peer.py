"""What the programs here share: a process at the other end of TLS, certificates, and proof that nothing was left behind.

A program is run as `python -m peers.NAME VERSION SCENARIO`. It ends with status 0 when everything was as it should be, and says on
its last line which asyncio ran.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asyncio_test_support.certificates import Certificates, only

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping

    Scenario = Callable[[str], Coroutine[Any, Any, None]]

#: Whoever runs a program has made them, and says where.
CERTIFICATES = Certificates(Path(os.environ.get("CERTIFICATES", "")))

#: Seconds that one scenario may take.
LIMIT = 60.0
#: Bytes of a big transfer: far more than all buffers on the way together.
BIG = 48 * 1024 * 1024
#: Bytes by which this process may grow while the other end does not read.
GROWTH = 12 * 1024 * 1024


def server_context(version: str) -> ssl.SSLContext:
    return only(CERTIFICATES.server_context(), f"TLSv{version}")


def client_context(version: str) -> ssl.SSLContext:
    return only(CERTIFICATES.client_context(), f"TLSv{version}")


def equal(actual: object, expected: object) -> None:
    if actual != expected:
        raise AssertionError(f"{actual!r:.300} is not {expected!r:.300}")


def big_text(size: int = BIG) -> bytes:
    """Bytes that no program takes for commands, and of which none can be lost unseen."""
    line = b"".join(b"%015d\n" % n for n in range(4096))
    blocks = (b"%015d\n" % n + line for n in range(size // len(line) + 1))
    return b"".join(blocks)[:size]


def memory() -> int:
    """The bytes of memory that this process has in use, 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody announces; the scenario's time limit ends it."""
    while not condition():
        await asyncio.sleep(0.01)


async def stands_still(size: Callable[[], int]) -> int:
    """Wait until a number has grown and then not grown for a while, and return it."""
    await until(lambda: size() > 0)
    before, same = size(), 0
    while same < 15:
        await asyncio.sleep(0.02)
        now = size()
        same = same + 1 if now == before else 0
        before = now
    return before


class Peer:
    """A program at the other end: what it prints is gathered, as long as nobody wants it held back."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.output = bytearray()
        self.errors = bytearray()
        self._reads = asyncio.Event()
        self._reads.set()
        self._more = asyncio.Condition()
        assert process.stdout is not None
        assert process.stderr is not None
        self._pumps = [
            asyncio.create_task(self._pump(process.stdout, self.output)),
            asyncio.create_task(self._pump(process.stderr, self.errors)),
        ]

    async def _pump(self, stream: asyncio.StreamReader, into: bytearray) -> None:
        while True:
            if into is self.output:
                await self._reads.wait()
            data = await stream.read(1 << 18)
            async with self._more:
                into += data
                self._more.notify_all()
            if not data:
                return

    def hold(self) -> None:
        """Read its output no more, until `let_go()`; it will get stuck in writing."""
        self._reads.clear()

    def let_go(self) -> None:
        self._reads.set()

    async def says(self, words: bytes) -> re.Match[bytes]:
        """Wait until it has printed what the pattern describes, on either stream."""
        pattern = re.compile(words, re.DOTALL)
        async with self._more:
            while True:
                found = pattern.search(self.output) or pattern.search(self.errors)
                if found is not None:
                    return found
                if all(pump.done() for pump in self._pumps):
                    raise AssertionError(f"it never said {words!r}: {self}")
                await self._more.wait()

    def __str__(self) -> str:
        return f"{bytes(self.output[-2000:])!r}, {bytes(self.errors[-2000:])!r}"

    async def hears(self, words: bytes) -> None:
        """Write something to its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(words)
        await self._process.stdin.drain()

    async def obeys(self, command: bytes) -> None:
        """Type a command, and wait until it has been taken: what follows is no part of the line."""
        assert self._process.stdin is not None
        await self.hears(command)
        pipe = self._process.stdin.get_extra_info("pipe").fileno()
        await until(lambda: not _waiting_in(pipe))

    def hears_no_more(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def kill(self) -> None:
        self._process.kill()

    async def end(self) -> int:
        """Wait until it has ended and all that it said is here; give its status."""
        self.let_go()
        status = await self._process.wait()
        await asyncio.gather(*self._pumps)
        return status


def _waiting_in(pipe: int) -> int:
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@contextlib.asynccontextmanager
async def peer(*command: str | Path) -> AsyncIterator[Peer]:
    """Run a program for the time of the block; it is killed at its end if it still runs."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=1 << 16
    )
    made = Peer(process)
    try:
        yield made
    except BaseException as error:
        error.add_note(f"the other end: {made}")
        raise
    finally:
        if process.returncode is None:
            process.kill()
        # Its input may never have been taken; its death is no news here.
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await process.stdin.wait_closed()
        await made.end()


def _open_files() -> set[str]:
    gc.collect()
    return set(os.listdir("/dev/fd"))


class Listener(logging.Handler):
    """Keeps what asyncio logs: a connection's everyday end is not worth a word."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # How long a callback took is the machine's affair.
        if not record.getMessage().startswith("Executing "):
            self.heard.append(self.format(record))


async def _watched(scenario: Awaitable[None]) -> None:
    loop = asyncio.get_running_loop()
    listener = Listener()
    logging.getLogger("asyncio").addHandler(listener)
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    sys.unraisablehook = lambda args: reported.append({"unraisable": args.exc_value})
    # What watches for the end of children comes with the first one, and stays.
    async with peer(sys.executable, "-c", ""):
        pass
    before = _open_files()
    async with asyncio.timeout(LIMIT):
        await scenario
        me = asyncio.current_task()
        await until(lambda: asyncio.all_tasks() == {me})
        await until(lambda: len(_open_files()) <= len(before))
    equal(reported, [])
    equal(listener.heard, [])


def main(scenarios: Mapping[str, Mapping[str, Scenario]]) -> None:
    """Run the scenario that the command line names."""
    version, name = sys.argv[1:]
    asyncio.run(_watched(scenarios[version][name](version)))
    print(getattr(asyncio, "__implementation__", "standard"))
