"""What every program here shares: it runs real traffic, checks each reply, and reports what was said meanwhile.

A program calls `run(main, ...)`. The last line that it prints is a JSON object: which asyncio and which loop ran, the versions of
the libraries, how many replies were checked, and everything that was warned about or logged by asyncio meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import json
import logging
import os
import pkgutil
import re
import ssl
import sys
import warnings
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

HOST = "127.0.0.1"

_checked = 0
_reports: list[str] = []
_loop_name = ""


def check(actual: object, expected: object) -> None:
    """Count one reply, which must be what is expected."""
    global _checked
    _checked += 1
    if actual != expected:
        raise AssertionError(f"{_short(actual)} is not {_short(expected)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:150]}…{text[-100:]} ({len(text)} characters)"


def note(kind: str, text: str) -> None:
    """Keep a report without what differs from run to run: addresses, ports, numbers of tasks."""
    text = re.sub(r"\d+", "#", re.sub(r"0x[0-9a-f]+", "0x…", text))
    _reports.append(f"{kind}: {text}")


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.msg.startswith("Executing "):
            return  # a slow callback is the machine's affair
        # The first line says what; those below it say where, which differs with the implementation.
        note(record.levelname, record.getMessage().partition("\n")[0])


def listen() -> None:
    """Keep, from now on, what is warned about and what asyncio logs."""
    logging.getLogger("asyncio").addHandler(_Listener(logging.WARNING))

    def warned(message: Warning | str, category: type[Warning], *_: Any) -> None:
        note(category.__name__, str(message))

    warnings.simplefilter("always")
    warnings.showwarning = warned
    sys.unraisablehook = lambda args: note("unraisable", f"{args.err_msg} {args.exc_value!r}")


def certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's and a client's context that trust each other, for 127.0.0.1 and localhost."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST, "localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def many(count: int, work: Callable[[int], Awaitable[object]]) -> None:
    """Run `count` of something at once; the first that fails ends all."""

    async def one(number: int) -> None:
        await work(number)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))


async def gone(*tasks_kept: asyncio.Task[Any]) -> None:
    """Wait until no task is left but this one and those given; what a server leaves behind shows as a time-out."""
    keep = {asyncio.current_task(), *tasks_kept}
    async with asyncio.timeout(10):
        while asyncio.all_tasks() - keep:
            await asyncio.sleep(0)


def loop_name(kind: Any) -> str:
    """Return `module.Name` of a loop's class, by the module that its code is in.

    Where this project's asyncio runs, its classes show the standard asyncio's names.
    """
    made_in = getattr(kind.__init__, "__globals__", {}).get("__name__", "")
    return f"{made_in if made_in.startswith('asyncio_') else kind.__module__}.{kind.__qualname__}"


def finish(*libraries: str, loop: str = "") -> None:
    """Print the last line, after everything that is garbage has been collected."""
    for _ in range(3):
        gc.collect()
    result = {
        "implementation": getattr(asyncio, "__implementation__", "standard"),
        "loop": loop or _loop_name,
        "versions": {name: importlib.metadata.version(name) for name in libraries},
        "checked": _checked,
        "reports": sorted(set(_reports)),
    }
    print(json.dumps(result))


def run(main: Callable[[], Coroutine[Any, Any, None]], *libraries: str) -> None:
    """Run the program to its end, then print the last line."""

    async def named() -> None:
        global _loop_name
        kind = type(asyncio.get_running_loop())
        _loop_name = loop_name(kind)
        await main()

    listen()
    # The standard implementation knows no ASYNCIO_LOOP: for comparison, a policy class can be given so.
    if policy := os.environ.get("TRAFFIC_LOOP"):
        asyncio.set_event_loop_policy(pkgutil.resolve_name(policy)())
    asyncio.run(named())
    finish(*libraries)
