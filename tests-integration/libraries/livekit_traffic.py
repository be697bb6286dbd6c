"""LiveKit's agents: what they build on asyncio (channels, tees, timers, a duplex over sockets), and their watcher of slow callbacks."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time

from livekit.agents import utils
from livekit.agents.utils.aio import debug, duplex_unix
from traffic import check, gone, many, run


async def channels() -> None:
    channel = utils.aio.Chan[int](5)

    async def produce() -> None:
        for n in range(100):
            await channel.send(n)
        channel.close()

    producing = asyncio.create_task(produce())
    check([n async for n in channel], list(range(100)))
    await producing

    async def numbers():  # type: ignore[no-untyped-def]
        for n in range(50):
            await asyncio.sleep(0)
            yield n

    async def one(n: int) -> None:
        check([number async for number in peers[n]], list(range(50)))

    async with utils.aio.itertools.Tee(numbers(), 3) as peers:
        await many(3, one)
    ticks = utils.aio.interval(0.001)
    check([await ticks.tick() for _ in range(5)], [0, 1, 2, 3, 4])
    waiting = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]
    await utils.aio.cancel_and_wait(*waiting)
    check([task.cancelled() for task in waiting], [True] * 3)


async def duplex() -> None:
    """What an agent's processes talk through: a stream over a socket, and a thread at its other end."""
    near, far = socket.socketpair()

    def serve() -> None:
        end = duplex_unix._Duplex.open(far)
        try:
            while True:
                end.send_bytes(end.recv_bytes().upper())
        except duplex_unix.DuplexClosed:
            end.close()

    thread = threading.Thread(target=serve)
    thread.start()
    end = await duplex_unix._AsyncDuplex.open(near)
    for n in (0, 1, 1000, 1_000_000):
        await end.send_bytes(b"x" * n)
        check(await end.recv_bytes(), b"X" * n)
    await end.aclose()
    await asyncio.to_thread(thread.join)


class Heard(logging.Handler):
    """What LiveKit's own logger says."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


async def slow_callbacks() -> None:
    heard, run_handle = Heard(), asyncio.events.Handle._run
    logging.getLogger("livekit.agents").addHandler(heard)

    async def slow_step() -> None:
        time.sleep(0.2)

    debug.hook_slow_callbacks(0.1)
    try:
        await asyncio.create_task(slow_step(), name="the slow one")
        await asyncio.sleep(0)
    finally:
        asyncio.events.Handle._run = run_handle  # type: ignore[method-assign]
    named = [line for line in heard.lines if "the slow one" in line and "slow_step()" in line]
    check(len(named), 1)


async def main() -> None:
    await channels()
    await duplex()
    await slow_callbacks()
    await gone()


run(main, "livekit-agents")
