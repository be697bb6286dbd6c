"""Dask's distributed: a scheduler, two worker processes and a client, on the loop from end to end."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from distributed import Client, LocalCluster, get_worker
from traffic import HOST, check, gone, run


def square(n: int) -> int:
    return n * n


def implementation() -> tuple[int, str]:
    return os.getpid(), getattr(asyncio, "__implementation__", "standard")


async def in_loop(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1


def fail() -> None:
    raise LookupError("on purpose")


def size(data: bytes) -> tuple[int, str]:
    return len(data), get_worker().address


async def work(client: Client) -> None:
    futures = client.map(square, range(500))
    check(await client.gather(futures), [n * n for n in range(500)])
    check(await client.submit(sum, futures), sum(n * n for n in range(500)))
    check(await client.gather(client.map(in_loop, range(50))), list(range(1, 51)))
    # A couple of megabytes from the client to one worker, and from that one to the other.
    first, second = (await client.run(implementation)).keys()
    [data] = await client.scatter([os.urandom(3_000_000)], workers=[first])
    check(await client.submit(size, data, workers=[second]), (3_000_000, second))
    try:
        await client.submit(fail)
    except LookupError as error:
        check(error.args, ("on purpose",))


async def main() -> None:
    options: dict[str, Any] = {"host": HOST, "dashboard_address": None, "asynchronous": True}
    async with (
        LocalCluster(n_workers=2, threads_per_worker=2, processes=True, **options) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        found = list((await client.run(implementation)).values())
        here = getattr(asyncio, "__implementation__", "standard")
        check({name for _, name in found}, {here})
        check(len({os.getpid(), *(pid for pid, _ in found)}), 3)
        await work(client)
    await gone()


if __name__ == "__main__":  # the workers import this file again
    run(main, "distributed", "dask", "tornado")
