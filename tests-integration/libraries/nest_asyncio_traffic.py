"""nest_asyncio: a loop that runs within itself, as notebooks have it, from the middle of a run on."""

from __future__ import annotations

import asyncio
from typing import Any

import nest_asyncio
from traffic import check, gone, many, run


async def double(n: int) -> int:
    await asyncio.sleep(0.001)
    return 2 * n


def blocking(n: int) -> Any:
    """Code that knows nothing of coroutines and is called by one."""
    return asyncio.get_event_loop().run_until_complete(double(n))


async def nested() -> None:
    async def one(n: int) -> None:
        check(blocking(n), 2 * n)
        check(blocking(n) + await double(n), 4 * n)

    await many(20, one)
    check(asyncio.run(double(7)), 14)


async def meanwhile() -> None:
    """What runs beside goes on while a coroutine waits in the inner run."""
    ticks: list[int] = []

    async def tick() -> None:
        for n in range(5):
            await asyncio.sleep(0.001)
            ticks.append(n)

    ticking = asyncio.create_task(tick())
    loop = asyncio.get_running_loop()
    loop.run_until_complete(asyncio.sleep(0.05))
    check(ticks, [0, 1, 2, 3, 4])
    await ticking


async def connections() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()
        await writer.wait_closed()

    async def ask(address: Any) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"hello\n")
        reply = await reader.read()
        writer.close()
        await writer.wait_closed()
        return reply

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    for _ in range(20):
        check(loop.run_until_complete(ask(server.sockets[0].getsockname())), b"HELLO\n")
    try:
        loop.run_until_complete(asyncio.wait_for(asyncio.sleep(10), 0.01))
    except TimeoutError:
        check(True, True)
    server.close()
    await server.wait_closed()


async def main() -> None:
    await double(1)
    nest_asyncio.apply()
    await nested()
    await meanwhile()
    await connections()
    await gone()


run(main, "nest-asyncio")
