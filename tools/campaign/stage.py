"""What a scenario runs on: a fresh loop, peers that answer, and somebody who looks at what is left behind.

    async def scenario(stage: Stage) -> None: ...

A scenario does what a careful program does: whatever it has got, it closes at once where it is left by an exception. What it has not
got yet is the library's to give back.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

from leftovers import Held, HeldByLoop, end_children

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from pathlib import Path

    Scenario = Callable[["Stage"], Coroutine[Any, Any, object]]
    Peer = Callable[["Stage"], Coroutine[Any, Any, Callable[[], Awaitable[None]]]]

#: Seconds in which all has to come to rest; nothing waits for so long where all is well.
LIMIT = 2.0
#: Seconds between two looks at what is still there.
_PAUSE = 0.001


class Tools:
    """What all runs of a process share: a folder for files, and contexts for TLS."""

    def __init__(self, folder: Path, server: ssl.SSLContext, client: ssl.SSLContext) -> None:
        self.folder = folder
        self.server = server
        self.client = client


class Stage:
    """One run of a scenario."""

    def __init__(self, tools: Tools) -> None:
        self.folder = tools.folder
        self.server_context = tools.server
        self.client_context = tools.client
        self.loop: Any = None
        #: The address of each peer that the scenario asked for, by the peer's name.
        self.at: dict[str, Any] = {}
        #: Coroutine functions that try out, once the scenario has ended, what it has used.
        self.afterwards: list[Callable[[], Awaitable[object]]] = []
        #: Errors that were reported to the loop's exception handler.
        self.reported: list[dict[str, Any]] = []
        #: What is wrong, each in a few words.
        self.wrong: list[str] = []

    @contextlib.contextmanager
    def watching(self, *, quiet: bool = True) -> Iterator[None]:
        """Have a fresh loop for the time of this, and look at the end at what the process still holds.

        With `quiet`, nothing may have been reported or logged.
        """
        with self.looking(quiet=quiet):
            self.loop = asyncio.new_event_loop()
            self.loop.set_exception_handler(lambda _, context: self.reported.append(context))
            try:
                yield
            finally:
                self.loop.run_until_complete(self.loop.shutdown_asyncgens())
                self.loop.run_until_complete(self.loop.shutdown_default_executor())
                self.loop.close()
                self.loop = None
                self.afterwards.clear()

    @contextlib.contextmanager
    def looking(self, *, quiet: bool = True) -> Iterator[None]:
        """Look at the end, as `watching()` does, without a loop."""
        held = Held(self.folder)
        with _Complaints(self.wrong) as complaints:
            try:
                yield
            finally:
                gc.collect()
            self.wrong += _in_the_end(held.left)
            end_children(held.children)
        if quiet:
            self.wrong += [f"reported: {_shown(context)}" for context in self.reported]
            self.wrong += [f"logged: {line}" for line in complaints.logged]

    def perform(self, peers: tuple[Peer, ...], play: Callable[[], Awaitable[object]]) -> None:
        """Run `play` beside the peers, then see that the loop comes to rest and what was used can be used again."""
        self.loop.run_until_complete(self._perform(peers, play))

    async def _perform(
        self, peers: tuple[Peer, ...], play: Callable[[], Awaitable[object]]
    ) -> None:
        ends = [await peer(self) for peer in peers]
        held = HeldByLoop(self.loop)
        try:
            await play()
            for again in self.afterwards:
                await self._within_limit(again)
            await self._comes_to_rest(held)
        finally:
            for end in ends:
                await self._within_limit(end)

    async def _comes_to_rest(self, held: HeldByLoop) -> None:
        until = time.monotonic() + LIMIT
        for _ in range(5):
            await asyncio.sleep(0)
        while left := held.left():
            if time.monotonic() > until:
                self.wrong += left
                return
            await asyncio.sleep(_PAUSE)

    async def _within_limit(self, call: Callable[[], Awaitable[object]]) -> None:
        name = getattr(call, "__qualname__", repr(call))
        try:
            async with asyncio.timeout(LIMIT):
                await call()
        except Exception as error:
            self.wrong.append(f"afterwards, {name}: {error!r}")


def _in_the_end(left: Callable[[], list[str]]) -> list[str]:
    """Return what is left after a while: a thread that looks a name up is waited for by nobody."""
    until = time.monotonic() + LIMIT
    while (found := left()) and time.monotonic() < until:
        time.sleep(_PAUSE)
    return found


class _Complaints:
    """What Python says of things that nobody sees: warnings, exceptions in destructors, the log."""

    def __init__(self, wrong: list[str]) -> None:
        self._wrong = wrong
        self.logged: list[str] = []
        self._handler = logging.Handler(logging.WARNING)
        self._handler.emit = lambda record: self.logged.append(record.getMessage())  # type: ignore[method-assign]
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> _Complaints:
        self._warnings.__enter__()
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: self._wrong.append(f"warning: {message}")
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        logger = logging.getLogger("asyncio")
        logger.addHandler(self._handler)
        self._propagates, logger.propagate = logger.propagate, False
        return self

    def __exit__(self, *exc_info: object) -> None:
        logger = logging.getLogger("asyncio")
        logger.propagate = self._propagates
        logger.removeHandler(self._handler)
        sys.unraisablehook = self._hook
        self._warnings.__exit__(*exc_info)  # type: ignore[arg-type]

    def _unraisable(self, what: Any) -> None:
        self._wrong.append(f"unraisable: {what.exc_value!r} in {what.object!r}")


def _shown(context: dict[str, Any]) -> str:
    return f"{context.get('message')}: {context.get('exception')!r}"
