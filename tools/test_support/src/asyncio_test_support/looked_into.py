"""Programs that are looked into, and the ways to do it."""

from __future__ import annotations

import sys

import pytest

INSPECTOR = {"ASYNCIO_INSPECT": "1"}
from_314 = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="sys.remote_exec() came with Python 3.14"
)
#: With an inspector, and without one, where the interpreter is made to answer.
WAYS = [
    pytest.param(INSPECTOR, id="inspector"),
    pytest.param({}, id="injected", marks=from_314),
]

IDLE = """
import asyncio

async def sleeper(event):
    await event.wait()

async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper(asyncio.Event()), name="patience")
        asyncio.get_running_loop().call_later(0.01, lambda: print("up", flush=True))

asyncio.run(main())
"""

BLOCKED = """
import asyncio, threading

def blocks(lock):
    with lock:
        print("up", flush=True)
        lock.acquire()

async def main():
    blocks(threading.Lock())

asyncio.run(main())
"""

BUSY = """
import asyncio

async def busy():
    print("up", flush=True)
    while True:
        await asyncio.sleep(0)

asyncio.run(busy())
"""

DEADLOCKED = """
import asyncio

async def transfer(first, second):
    async with first:
        await asyncio.sleep(0)
        async with second:
            pass

async def main():
    one, other = asyncio.Lock(), asyncio.Lock()
    asyncio.get_running_loop().call_later(0.01, lambda: print("up", flush=True))
    async with asyncio.TaskGroup() as group:
        group.create_task(transfer(one, other), name="A")
        group.create_task(transfer(other, one), name="B")

asyncio.run(main())
"""

MANY = """
import asyncio

async def main():
    event = asyncio.Event()
    tasks = [asyncio.create_task(event.wait(), name=f"n{number}") for number in range(10_000)]
    asyncio.get_running_loop().call_later(0.01, lambda: print("up", flush=True))
    await asyncio.gather(*tasks)

asyncio.run(main())
"""

_TALKING = """
import asyncio

async def answer(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()

async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in ROUNDS:
        writer.write(b"question")
        assert await reader.read(100) == b"question"
        await asyncio.sleep(0.0001)
        if number == 3:
            print("up", flush=True)
    writer.close()
    await writer.wait_closed()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.TaskGroup() as group:
        for name in NAMES:
            group.create_task(ask(port), name=name)
    server.close()

asyncio.run(main())
"""


def talking(*names: str, rounds: int | None = None) -> str:
    """Return a program in which tasks of these names ask a server, so often, or for ever; they say so when they are at it."""
    numbers = "iter(lambda: 3, None)" if rounds is None else f"range({rounds})"
    return _TALKING.replace("NAMES", repr(names)).replace("ROUNDS", numbers)
