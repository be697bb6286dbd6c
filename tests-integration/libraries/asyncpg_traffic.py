"""asyncpg and a PostgreSQL server: queries, transactions, cursors, copies, notices, cancelled and broken ones."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import asyncpg
from traffic import HOST, check, gone, many, run


def programs() -> Path:
    """The folder of the newest server's programs, where Debian puts them."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


async def execute(*command: str | Path, **options: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.DEVNULL, **options
    )
    check(await process.wait(), 0)


async def converse(pool: asyncpg.Pool) -> None:
    await pool.execute("create table items (n integer primary key, body bytea, words text[])")

    async def one(n: int) -> None:
        body = b"%d " % n * n * 100
        async with pool.acquire() as connection, connection.transaction():
            words = [f"word {k}" for k in range(n % 7)]
            await connection.execute("insert into items values ($1, $2, $3)", n, body, words)
            row = await connection.fetchrow("select * from items where n = $1", n)
            check(tuple(row), (n, body, words))

    await many(200, one)
    check(await pool.fetchval("select count(*) from items"), 200)
    async with pool.acquire() as connection:
        async with connection.transaction():
            cursor = connection.cursor("select generate_series(1, 1000)", prefetch=30)
            check([row[0] async for row in cursor], list(range(1, 1001)))
        records = [(n, b"copied", None) for n in range(1000, 3000)]
        copied = await connection.copy_records_to_table("items", records=records)
        check(copied, "COPY 2000")
        try:
            async with connection.transaction():
                await connection.execute("delete from items")
                await connection.execute("insert into items values (1), (1)")
        except asyncpg.UniqueViolationError:
            check(await connection.fetchval("select count(*) from items"), 2200)


async def notify_and_cancel(pool: asyncpg.Pool) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with pool.acquire() as listening:
        await listening.add_listener("news", lambda *event: heard.put_nowait(event[-1]))
        for n in range(50):
            await pool.execute("select pg_notify('news', $1)", f"news {n}")
        check([await heard.get() for _ in range(50)], [f"news {n}" for n in range(50)])
        await listening.reset()
        try:
            await listening.execute("select pg_sleep(10)", timeout=0.05)
        except TimeoutError:
            check(await listening.fetchval("select 1"), 1)
        task = asyncio.create_task(listening.execute("select pg_sleep(10)"))
        await asyncio.sleep(0.05)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            check(await listening.fetchval("select 2"), 2)


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The server does not run as root.
        user: dict[str, Any] = {}
        if os.getuid() == 0:
            user = {"user": "postgres", "cwd": "/"}
            os.chmod(folder, 0o777)
        data = folder / "data"
        initdb = (programs() / "initdb", "-D", data, "-U", "tester", "--auth=trust", "--no-sync")
        await execute(*initdb, **user)
        server = await asyncio.create_subprocess_exec(
            *(str(programs() / "postgres"), "-D", str(data), "-k", name, "-F"),
            *("-c", "listen_addresses=", "-c", "max_connections=30"),
            stderr=asyncio.subprocess.PIPE,
            **user,
        )
        assert server.stderr is not None
        try:
            async with asyncio.timeout(30):
                while b"ready to accept connections" not in (
                    line := await server.stderr.readline()
                ):
                    assert line, "the server has ended"
            drain = asyncio.create_task(server.stderr.read())
            async with asyncpg.create_pool(
                host=name, user="tester", database="postgres", min_size=5, max_size=20
            ) as pool:
                await converse(pool)
                await notify_and_cancel(pool)
            await drain_ended(server, drain)
        finally:
            if server.returncode is None:
                server.kill()
            await server.wait()
    try:
        await asyncpg.connect(host=HOST, port=1, user="nobody", timeout=5)
    except OSError:
        check(True, True)
    await gone()


async def drain_ended(server: asyncio.subprocess.Process, drain: asyncio.Task[bytes]) -> None:
    """Stop the server as its own control program does: no connection may be left that it waits for."""
    server.terminate()
    async with asyncio.timeout(20):
        check(await server.wait(), 0)
        check(b"PANIC" in await drain, False)


run(main, "asyncpg")
