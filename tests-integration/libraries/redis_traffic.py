"""redis-py's asyncio client and a Redis server: commands, pipelines, subscriptions, blocking calls, a pool."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import redis.asyncio as redis
from traffic import check, gone, many, run


async def converse(client: redis.Redis) -> None:
    async def one(n: int) -> None:
        body = b"value %d " % n * n * 50
        check(await client.set(f"key {n}", body), True)
        check(await client.get(f"key {n}"), body)
        async with client.pipeline(transaction=True) as pipeline:
            for k in range(20):
                pipeline.rpush(f"list {n}", k)
            check(await pipeline.lrange(f"list {n}", 0, -1).execute(), [*range(1, 21), numbers])

    numbers = [b"%d" % k for k in range(20)]
    await many(200, one)
    check(len([key async for key in client.scan_iter("key *")]), 200)


async def subscribe(client: redis.Redis) -> None:
    async with client.pubsub() as channel:
        await channel.subscribe("news")
        check((await channel.get_message(timeout=10) or {}).get("type"), "subscribe")
        for n in range(100):
            check(await client.publish("news", f"news {n}"), 1)
        for n in range(100):
            message = await channel.get_message(ignore_subscribe_messages=True, timeout=10)
            check((message or {}).get("data"), b"news %d" % n)
        check(await channel.get_message(timeout=0.01), None)


async def wait_and_cancel(client: redis.Redis) -> None:
    waiting = asyncio.create_task(client.blpop(["queue"], timeout=10))
    await asyncio.sleep(0.05)
    await client.rpush("queue", "item")
    check(list(await waiting), [b"queue", b"item"])
    try:
        async with asyncio.timeout(0.05):
            await client.blpop(["queue"], timeout=10)
    except TimeoutError:
        check(True, True)
    check(await client.get("key 1"), b"value 1 " * 50)


async def main() -> None:
    program = shutil.which("redis-server")
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "socket")
        server = await asyncio.create_subprocess_exec(
            *(program, "--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""),
            stdout=asyncio.subprocess.PIPE,
        )
        assert server.stdout is not None
        try:
            async with asyncio.timeout(20):
                while b"eady to accept connections" not in (line := await server.stdout.readline()):
                    assert line, "the server has ended"
            pool = redis.BlockingConnectionPool.from_url(f"unix://{path}", max_connections=20)
            async with redis.Redis.from_pool(pool) as client:
                await converse(client)
                await subscribe(client)
                await wait_and_cancel(client)
        finally:
            server.terminate()
            await server.communicate()
    await gone()


run(main, "redis")
