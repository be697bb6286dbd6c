"""looptime: a loop's class is exchanged, and its clock and its selector's wait are replaced, so that tests need not wait."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import looptime
from traffic import HOST, check, finish, gone, listen, loop_name


async def sleeper(log: list[float], delay: float) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(delay)
    log.append(loop.time())


async def compacted() -> None:
    """Hours pass in no time, in the order of the timers, and connections and threads work meanwhile."""
    loop = asyncio.get_running_loop()
    begun, log = time.monotonic(), []
    start = loop.time()
    async with asyncio.TaskGroup() as group:
        for hours in (3, 1, 2):
            group.create_task(sleeper(log, hours * 3600))
    check([round(when - start) for when in log], [3600, 7200, 10800])
    try:
        async with asyncio.timeout(1000):
            await asyncio.Event().wait()
    except TimeoutError:
        check(round(loop.time() - start), 11800)
    try:
        await asyncio.wait_for(asyncio.sleep(500), 200)
    except TimeoutError:
        check(round(loop.time() - start), 12000)
    calls: list[int] = []
    handles = [loop.call_later(60 * n, calls.append, n) for n in range(5)]
    handles[2].cancel()
    await asyncio.sleep(300)
    check(calls, [0, 1, 3, 4])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        await asyncio.sleep(100)
        writer.write(line.upper())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        check(await reader.read(), b"HELLO\n")
        writer.close()
        await writer.wait_closed()
    check(await asyncio.to_thread(pow, 2, 8), 256)
    # The runner's five minutes for its end would be over at once.
    await loop.shutdown_default_executor()
    check(time.monotonic() - begun < 60, True)


async def main() -> None:
    await compacted()
    await gone()


listen()
for loop in (looptime.new_event_loop(), looptime.patch_event_loop(asyncio.SelectorEventLoop())):
    made: Any = loop
    with asyncio.Runner(loop_factory=lambda made=made: made) as runner:
        runner.run(main())
kind = type(loop).mro()[2]
finish("looptime", loop=loop_name(kind))
