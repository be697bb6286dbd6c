"""aiofiles, janus and aiosqlite: files, queues and databases behind threads."""

from __future__ import annotations

import asyncio
import queue
import tempfile
from pathlib import Path

import aiofiles
import aiofiles.os
import aiofiles.tempfile
import aiosqlite
import janus
from traffic import check, gone, many, run


async def files(folder: Path) -> None:
    async def one(n: int) -> None:
        path = folder / str(n)
        async with aiofiles.open(path, "wb") as file:
            await file.write(b"%d\n" % n * 1000)
        async with aiofiles.open(path) as text:
            check([line async for line in text], [f"{n}\n"] * 1000)
        check((await aiofiles.os.stat(path)).st_size, len(f"{n}\n") * 1000)
        await aiofiles.os.remove(path)

    await many(100, one)
    async with aiofiles.tempfile.NamedTemporaryFile("w+") as file:
        await file.write("temporary")
        await file.seek(0)
        check(await file.read(), "temporary")


async def queues() -> None:
    there: janus.Queue[int] = janus.Queue(10)
    back: janus.PriorityQueue[int] = janus.PriorityQueue()

    def thread() -> None:
        while (item := there.sync_q.get()) >= 0:
            back.sync_q.put(item * 2)
            there.sync_q.task_done()
        there.sync_q.task_done()

    workers = [asyncio.create_task(asyncio.to_thread(thread)) for _ in range(4)]
    for n in range(1000):
        await there.async_q.put(n)
    await there.async_q.join()
    check([await back.async_q.get() for _ in range(1000)], [2 * n for n in range(1000)])
    for _ in workers:
        await there.async_q.put(-1)
    await asyncio.gather(*workers)
    try:
        back.sync_q.get(timeout=0.01)
    except queue.Empty:
        check(True, True)
    waiting = asyncio.create_task(back.async_q.get())
    await asyncio.sleep(0)
    back.shutdown(immediate=True)
    try:
        await waiting
    except janus.AsyncQueueShutDown:
        check(True, True)
    for used in (there, back):
        await used.aclose()


async def databases(path: Path) -> None:
    async with aiosqlite.connect(path) as database:
        await database.execute("create table numbers (n integer primary key, square integer)")
        rows = [(n, n * n) for n in range(1000)]
        await database.executemany("insert into numbers values (?, ?)", rows)
        await database.commit()
        async with database.execute("select * from numbers order by n") as cursor:
            check([row async for row in cursor], rows)

    async def ask(n: int) -> None:
        async with (
            aiosqlite.connect(path) as database,
            database.execute("select square from numbers where n = ?", (n,)) as cursor,
        ):
            check(await cursor.fetchone(), (n * n,))
            try:
                await database.execute("select nonsense")
            except aiosqlite.OperationalError:
                check(True, True)

    await many(30, ask)


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        await files(Path(name))
        await queues()
        await databases(Path(name) / "database")
    await gone()


run(main, "aiofiles", "janus", "aiosqlite")
