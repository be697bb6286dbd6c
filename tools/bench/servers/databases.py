"""Clients of databases, as people use them: asyncpg and redis-py, against real servers on loopback.

Measured is the client: ten connections, on each of which one query is made after the other. The servers come from the
system (Debian: postgresql, redis-server); each case starts its own in a folder of its own, and stops it. They need more
than the standard library, which is imported when a case runs.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cases import Unavailable
from bench.servers import Counts, Load, case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from bench.servers import Operate

HOST = "127.0.0.1"
CONNECTIONS = 10
ROWS = 1000
#: Commands in a pipeline.
TOGETHER = 10
#: Where Debian keeps PostgreSQL, one folder to a version.
POSTGRESQL = Path("/usr/lib/postgresql")
#: PostgreSQL refuses to run as root: then as the user that its package makes.
USER = "postgres"
#: What a server prints when it takes connections.
READY = b"eady to accept connections"


def program(name: str, package: str) -> str:
    """Return the path of a server's program. Raise Unavailable where it is not installed."""
    versions = sorted(POSTGRESQL.glob("*/bin"), key=lambda path: path.parent.name.zfill(3))
    found = shutil.which(name, path=os.pathsep.join(map(str, reversed(versions))))
    if path := found or shutil.which(name):
        return path
    raise Unavailable(f"no {name} here (Debian: apt-get install {package})")


def as_user() -> list[str]:
    """Return the words before a command of PostgreSQL."""
    if os.geteuid():
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]


def free_port() -> int:
    with socket.create_server((HOST, 0)) as made:
        return int(made.getsockname()[1])


@contextmanager
def running(command: Sequence[str]) -> Iterator[None]:
    """Let a server run. It ends with this process, too, whatever ends that."""
    setpriv = program("setpriv", "util-linux")
    with subprocess.Popen(
        [setpriv, "--pdeathsig=INT", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        assert server.stdout is not None
        said = b""
        try:
            while READY not in said:
                said = server.stdout.readline()
                if not said:
                    raise RuntimeError(f"{command[-1]} does not start: status {server.wait()}")
            yield
        finally:
            server.send_signal(2)
            server.communicate()


@contextmanager
def postgresql() -> Iterator[int]:
    """Let a PostgreSQL server run, and return its port."""
    initdb, postgres = (program(name, "postgresql") for name in ("initdb", "postgres"))
    with tempfile.TemporaryDirectory() as name:
        if not os.geteuid():
            shutil.chown(name, USER)
        data, port = f"{name}/data", free_port()
        made = [*as_user(), initdb, "-D", data, "-U", "bench", "--auth=trust", "--no-sync"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = ("-h", HOST, "-k", "", "-F", "-p", str(port))
        with running([*as_user()[1:], postgres, "-D", data, *settings]):
            yield port


@contextmanager
def redis_server() -> Iterator[int]:
    """Let a Redis server run, and return its port."""
    path = program("redis-server", "redis-server")
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        with running([path, "--bind", HOST, "--port", str(port), "--dir", name, "--save", ""]):
            yield port


def in_turn(ask: Sequence[Callable[[int], Awaitable[None]]]) -> Operate:
    """Return what makes so many queries, spread over the connections."""

    async def one_after_the_other(query: Callable[[int], Awaitable[None]], numbers: range) -> None:
        for number in numbers:
            await query(number)

    async def operate(count: int) -> None:
        await asyncio.gather(
            *(
                one_after_the_other(query, range(first, count, len(ask)))
                for first, query in enumerate(ask)
            )
        )

    return operate


async def asyncpg_select() -> AsyncIterator[Operate]:
    import asyncpg

    def selecting(connection: asyncpg.Connection) -> Callable[[int], Awaitable[None]]:
        async def select(number: int) -> None:
            n = number % ROWS
            row = await connection.fetchrow("select n, name from items where n = $1", n)
            assert tuple(row) == (n, f"item {n}")

        return select

    with postgresql() as port:
        connections = [
            await asyncpg.connect(host=HOST, port=port, user="bench", database="postgres")
            for _ in range(CONNECTIONS)
        ]
        first = connections[0]
        await first.execute("create table items (n integer primary key, name text)")
        records = [(n, f"item {n}") for n in range(ROWS)]
        await first.copy_records_to_table("items", records=records)
        yield in_turn([selecting(connection) for connection in connections])
        for connection in connections:
            await connection.close()


async def redis_clients(pipelines: bool) -> AsyncIterator[Operate]:
    from redis.asyncio import Redis

    def getting(client: Redis) -> Callable[[int], Awaitable[None]]:
        async def get(number: int) -> None:
            key = f"key {number % ROWS}"
            assert await client.get(key) == key.encode()

        return get

    def piping(client: Redis) -> Callable[[int], Awaitable[None]]:
        async def pipe(number: int) -> None:
            pipeline = client.pipeline(transaction=False)
            for n in range(TOGETHER // 2):
                pipeline.set(f"pipeline {number % ROWS}", n)
                pipeline.get(f"pipeline {number % ROWS}")
            said = await pipeline.execute()
            assert said == [found for n in range(TOGETHER // 2) for found in (True, b"%d" % n)]

        return pipe

    with redis_server() as port:
        clients = [
            Redis(host=HOST, port=port, single_connection_client=True) for _ in range(CONNECTIONS)
        ]
        for client in clients:
            await client.initialize()
        await clients[0].mset({f"key {n}": f"key {n}" for n in range(ROWS)})
        yield in_turn([(piping if pipelines else getting)(client) for client in clients])
        for client in clients:
            await client.aclose()


def redis_get() -> AsyncIterator[Operate]:
    return redis_clients(pipelines=False)


def redis_pipeline() -> AsyncIterator[Operate]:
    return redis_clients(pipelines=True)


LOAD = Load("queries")
FEW = Counts(1000, 2000, 500)
REDIS = ("redis==8.1.0",)

case(
    "asyncpg",
    "a select of one row from PostgreSQL by asyncpg",
    asyncpg_select,
    LOAD,
    FEW,
    needs=("asyncpg==0.32.0",),
)
case("redis", "a get from Redis by redis-py", redis_get, LOAD, FEW, needs=REDIS)
case(
    "redis_pipeline",
    "ten commands to Redis at once by redis-py",
    redis_pipeline,
    LOAD,
    Counts(500, 1000, 200),
    needs=REDIS,
)
