"""A busy program: servers of several kinds, and clients that ask them, each with an answer of its own for each question.

What is counted tells afterwards whether an answer was lost, or came to somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from asyncio.subprocess import PIPE
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from scenarios.peers import Answers, Echo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from stage import Stage

    Ask = Callable[[], Awaitable[object]]

#: How often a long question goes, which takes several packets.
_LONG = 0.1
#: What a child may end with where a signal from a terminal is for it, too.
SIGINT_STATUS = -2


class Bustle:
    """What is asked and answered on one loop, until `stop()` or until it is cancelled."""

    def __init__(self, stage: Stage, seed: int, *, kinds: tuple[str, ...] | None = None) -> None:
        """Have clients of these kinds, by default of all."""
        self._stage = stage
        self._random = Random(seed)
        self._numbers = itertools.count(1)
        self._stopped = False
        self._kinds = KINDS if kinds is None else kinds
        #: How many questions there were of each kind, and how many got their answer.
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        #: Set when each client has had its first answer.
        self.is_going: asyncio.Future[None] | None = None
        #: Children may be interrupted as well.
        self.children_interrupted = False

    def stop(self) -> None:
        """Let each client end once it has its answer."""
        self._stopped = True

    def unanswered(self) -> list[str]:
        """Return what has got no answer, once all clients have ended."""
        return [
            f"{kind}: of {asked} questions {self.answered[kind]} were answered"
            for kind, asked in self.asked.items()
            if self.answered[kind] != asked
        ]

    async def run(self) -> None:
        """Ask and answer; whatever is opened is closed."""
        self.is_going = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            for kind in self._kinds:
                group.create_task(getattr(self, f"_{kind}")(), name=kind)

    async def answers_each(self) -> None:
        """Wait until each kind has been answered once more."""
        before = self.answered.copy()
        while any(self.answered[kind] == before[kind] for kind in self._kinds):
            await asyncio.sleep(0.001)

    async def _repeat(self, kind: str, ask: Ask) -> None:
        """Ask again and again."""
        while not self._stopped:
            self.asked[kind] += 1
            await ask()
            self.answered[kind] += 1
            going = self.is_going
            if going is not None and not going.done() and set(self._kinds) <= set(self.answered):
                going.set_result(None)

    def _question(self, kind: str) -> bytes:
        """Return what was never asked before."""
        word = f"{kind} {next(self._numbers)} "
        return (word * (4000 if self._random.random() < _LONG else 1)).encode()

    def _check(self, question: object, answer: object) -> None:
        if answer != question:
            self._stage.wrong.append(f"{question!r:.80} was answered with {answer!r:.80}")

    # Streams

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each line with its number of bytes and itself."""
        try:
            while line := await reader.readline():
                if self._random.random() < 0.3:
                    await asyncio.sleep(0)
                writer.write(b"%d:" % len(line) + line)
                await writer.drain()
        except ConnectionError:
            pass  # the client was cancelled
        finally:
            writer.close()

    async def _ask_lines(
        self, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Ask some questions in one go, and read the answers."""
        questions = [self._question(kind) + b"\n" for _ in range(self._random.randint(1, 4))]
        writer.writelines(questions)
        await writer.drain()
        for question in questions:
            self._check(b"%d:" % len(question) + question, await reader.readline())

    async def _ask_streams(self, kind: str, open_: Callable[[], Awaitable[Any]]) -> None:
        async with _opened(open_) as (reader, writer):
            await self._repeat(kind, lambda: self._ask_lines(kind, reader, writer))

    async def _lines(self) -> None:
        limit = 1 << 20
        async with _served(
            await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=limit)
        ) as at:
            await self._ask_streams("lines", lambda: asyncio.open_connection(*at, limit=limit))

    async def _tls(self) -> None:
        limit, stage = 1 << 20, self._stage
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=stage.server_context, limit=limit
        )
        async with _served(server) as at:
            await self._ask_streams(
                "tls",
                lambda: asyncio.open_connection(
                    *at, ssl=stage.client_context, server_hostname="localhost", limit=limit
                ),
            )

    async def _unix(self) -> None:
        limit, path = 1 << 20, self._stage.folder / f"bustle-{os.getpid()}-{id(self)}"
        try:
            server = await asyncio.start_unix_server(self._serve, str(path), limit=limit)
            async with _served(server):
                await self._ask_streams(
                    "unix", lambda: asyncio.open_unix_connection(str(path), limit=limit)
                )
        finally:
            path.unlink(missing_ok=True)

    async def _visits(self) -> None:
        """A connection for each question, over TLS now and then."""
        limit, stage = 1 << 20, self._stage
        async with (
            _served(await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=limit)) as plain,
            _served(
                await asyncio.start_server(
                    self._serve, "127.0.0.1", 0, ssl=stage.server_context, limit=limit
                )
            ) as over_tls,
        ):

            async def visit() -> None:
                more: dict[str, Any] = {}
                at = plain
                if self._random.random() < 0.2:
                    at = over_tls
                    more = {"ssl": stage.client_context, "server_hostname": "localhost"}
                async with _opened(
                    lambda: asyncio.open_connection(*at, limit=limit, **more)
                ) as opened:
                    await self._ask_lines("visits", *opened)

            await self._repeat("visits", visit)

    # Protocols

    async def _protocols(self) -> None:
        loop = asyncio.get_running_loop()
        async with _served(await loop.create_server(Echo, "127.0.0.1", 0)) as at:
            transport, answers = await loop.create_connection(Answers, *at)

            async def ask() -> None:
                question = self._question("protocols")
                transport.write(question)
                await answers.come(len(question))
                self._check(question, bytes(answers.data))
                answers.data.clear()

            try:
                await self._repeat("protocols", ask)
            finally:
                transport.abort()
            await answers.lost

    # What goes on outside the loop

    async def _children(self) -> None:
        async def ask() -> None:
            question = self._question("children")
            process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)
            try:
                answer, _ = await process.communicate(question)
                status = process.returncode
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            if not (self.children_interrupted and status == SIGINT_STATUS):
                self._check((0, question), (status, answer))

        await self._repeat("children", ask)

    async def _threads(self) -> None:
        async def ask() -> None:
            question = self._question("threads")
            self._check(question[::-1], await asyncio.to_thread(lambda: question[::-1]))

        await self._repeat("threads", ask)

    async def _timers(self) -> None:
        loop = asyncio.get_running_loop()

        async def ask() -> None:
            delays = sorted(self._random.random() / 500 for _ in range(5))
            came: list[float] = []
            for delay in delays:
                loop.call_later(delay, came.append, delay)
            begun = loop.time()
            await asyncio.sleep(delays[-1] + 0.001)
            self._check(True, loop.time() - begun > delays[-1])
            self._check(delays, came)

        await self._repeat("timers", ask)

    async def _queues(self) -> None:
        waiting, done = asyncio.Queue[bytes](2), asyncio.Queue[bytes](2)

        async def work() -> None:
            while True:
                await done.put((await waiting.get())[::-1])

        async def ask() -> None:
            question = self._question("queues")
            await waiting.put(question)
            self._check(question[::-1], await done.get())
            # Nothing else in here waits for what lets others run.
            await asyncio.sleep(0.001)

        worker = asyncio.create_task(work())
        try:
            await self._repeat("queues", ask)
        finally:
            worker.cancel()


KINDS = (
    *("lines", "tls", "unix", "visits", "protocols"),
    *("children", "threads", "timers", "queues"),
)


@contextlib.asynccontextmanager
async def _served(server: Any) -> AsyncIterator[Any]:
    """Give the address of a server, and close it at the end, when its connections have ended."""
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def _opened(open_: Callable[[], Awaitable[Any]]) -> AsyncIterator[Any]:
    reader, writer = await open_()
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
