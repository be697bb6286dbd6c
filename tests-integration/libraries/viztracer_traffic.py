"""viztracer with `log_async`: what each task did when, from C code that looks asyncio up by itself."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from traffic import HOST, check, gone, run
from viztracer import VizTracer


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async for line in reader:
        writer.write(line.upper())
    writer.close()
    await writer.wait_closed()


async def ask(number: int, address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    for n in range(3):
        writer.write(b"line %d of %d\n" % (n, number))
        check(await reader.readline(), b"LINE %d OF %d\n" % (n, number))
    writer.close()
    await writer.wait_closed()


async def traffic() -> None:
    async with (
        await asyncio.start_server(answer, HOST, 0) as server,
        asyncio.TaskGroup() as group,
    ):
        for n in range(5):
            address = server.sockets[0].getsockname()
            group.create_task(ask(n, address), name=f"client {n}")
    child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    check(await child.communicate(b"text"), (b"text", None))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        with VizTracer(log_async=True, output_file=str(report), verbose=0):
            await asyncio.create_task(traffic(), name="all traffic")
        events: list[dict[str, Any]] = json.loads(report.read_text("utf-8"))["traceEvents"]
    names = {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in events
        if event["ph"] == "M" and event["name"] == "thread_name"
    }
    done: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        if event["ph"] == "X":
            name = names.get((event["pid"], event["tid"]), "")
            done[name].add(event["name"].partition(" ")[0])
    # A task is a thread in the picture, and holds the steps of its own coroutine.
    check("traffic" in done["all traffic"], True)
    for n in range(5):
        check("ask" in done[f"client {n}"], True)
    await gone()


run(main, "viztracer")
