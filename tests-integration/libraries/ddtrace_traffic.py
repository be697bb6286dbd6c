"""Datadog's profiler: it starts, wraps asyncio's functions and classes, and samples stacks, locks and memory under traffic."""

# ruff: noqa: E402 - the profiler takes its settings from the environment, at import

from __future__ import annotations

import os
import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
os.environ |= {
    # Into files instead of to an agent; nothing is sent anywhere.
    "DD_PROFILING_OUTPUT_PPROF": str(Path(folder.name) / "profile"),
    "DD_PROFILING_CAPTURE_PCT": "100",
    "DD_TRACE_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_CRASHTRACKING_ENABLED": "false",
}

import asyncio
import logging
import time
from typing import Any

import zstandard
from ddtrace.profiling import Profiler
from traffic import HOST, check, gone, note, run


class Said(logging.Handler):
    """What Datadog's own loggers have to say is told, as asyncio's is."""

    def emit(self, record: logging.LogRecord) -> None:
        note(record.levelname, record.getMessage().partition("\n")[0])


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async for line in reader:
        writer.write(line.upper())
    writer.close()
    await writer.wait_closed()


async def busy_client(address: Any, until: float) -> int:
    reader, writer = await asyncio.open_connection(*address)
    count = 0
    while time.monotonic() < until:
        writer.write(b"%d times\n" % count)
        assert await reader.readline() == b"%d TIMES\n" % count
        count += 1
    writer.close()
    await writer.wait_closed()
    return count


async def traffic() -> None:
    lock = asyncio.Lock()
    semaphore = asyncio.Semaphore(2)

    async def in_turn(n: int) -> int:
        async with lock, semaphore:
            await asyncio.sleep(0.001)
            return n

    async with await asyncio.start_server(answer, HOST, 0) as server:
        address = server.sockets[0].getsockname()
        until = time.monotonic() + 1
        # Each way in which the profiler links tasks with those that made them.
        clients = [
            asyncio.create_task(busy_client(address, until), name=f"client {n}") for n in range(3)
        ]
        check(all(count > 10 for count in await asyncio.gather(*clients)), True)
    check(await asyncio.gather(*(in_turn(n) for n in range(20))), list(range(20)))
    async with asyncio.TaskGroup() as group:
        grouped = [group.create_task(in_turn(n)) for n in range(5)]
    check([task.result() for task in grouped], list(range(5)))
    done, pending = await asyncio.wait([asyncio.create_task(in_turn(n)) for n in range(5)])
    check((sorted(task.result() for task in done), pending), (list(range(5)), set()))
    check(
        sorted([await next_one for next_one in asyncio.as_completed([in_turn(1), in_turn(2)])]),
        [1, 2],
    )
    check(await asyncio.shield(in_turn(3)), 3)
    check(await asyncio.wait_for(in_turn(4), 10), 4)
    check(await asyncio.to_thread(pow, 2, 5), 32)


async def main() -> None:
    logging.getLogger("ddtrace").addHandler(Said(logging.WARNING))
    profiler = Profiler()
    profiler.start()
    await asyncio.create_task(traffic(), name="all traffic")
    await gone()
    profiler.stop(flush=True)
    profiles = b""
    for path in sorted(Path(folder.name).glob("*.pprof")):
        profiles += zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    # In the table of strings: functions, and the label of what was sampled within a task. The names of all
    # tasks are there only of the interpreter's tasks of C, which are read out of memory.
    for name in (b"busy_client", b"in_turn", b"task name"):
        check(name in profiles, True)


with folder:
    run(main, "ddtrace")
