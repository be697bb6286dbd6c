"""eventlet's asyncio hub: green threads that run on an asyncio loop, and await what coroutines give.

Run with the argument "patched", it replaces the system's modules by green ones first, as OpenStack's services do.
"""

# ruff: noqa: E402 - eventlet comes before what it patches

from __future__ import annotations

import os
import sys

# Where trio is installed, dnspython imports it, and trio takes no green sockets.
os.environ["EVENTLET_NO_GREENDNS"] = "yes"

import eventlet
import eventlet.hubs

PATCHED = "patched" in sys.argv
eventlet.hubs.use_hub("eventlet.hubs.asyncio")
if PATCHED:
    eventlet.monkey_patch()

import asyncio
from typing import Any

from eventlet.asyncio import spawn_for_awaitable
from traffic import HOST, check, finish, loop_name


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


async def coroutines() -> int:
    """Connections and threads, as any coroutine has them."""
    async with await asyncio.start_server(answer, HOST, 0) as server:
        address = server.sockets[0].getsockname()
        check(await asyncio.gather(*(ask(address) for _ in range(20))), [b"HELLO\n"] * 20)
        # A green client of a coroutine's server.
        check(await eventlet.spawn(green_ask, address), b"HELLO\n")
    check(await asyncio.to_thread(pow, 2, 10), 1024)
    return len(asyncio.all_tasks())


def green_ask(address: Any) -> bytes:
    connection = eventlet.connect(address)
    connection.sendall(b"hello\n")
    reply = b""
    while more := connection.recv(100):
        reply += more
    connection.close()
    return reply


def green() -> None:
    """Sockets of green threads, which the hub watches through `add_reader()` and `add_writer()`."""
    listener = eventlet.listen((HOST, 0))

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            connection.sendall(connection.recv(100).upper())
            connection.close()

    serving = eventlet.spawn(serve)
    address = listener.getsockname()
    asking = [eventlet.spawn(green_ask, address) for _ in range(20)]
    check([thread.wait() for thread in asking], [b"HELLO\n"] * 20)
    # A coroutine's client of a green server.
    check(spawn_for_awaitable(ask(address)).wait(), b"HELLO\n")
    serving.kill()
    listener.close()


def failing() -> None:
    async def fail() -> None:
        await asyncio.sleep(0.001)
        raise ZeroDivisionError

    try:
        spawn_for_awaitable(fail()).wait()
    except ZeroDivisionError:
        check(True, True)

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    ended: list[bool] = []
    thread = spawn_for_awaitable(wait_for_ever())
    eventlet.sleep(0.01)
    thread.kill()
    eventlet.sleep(0.01)
    check(ended, [True])


async def patched() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "patched", stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    output = (await child.communicate())[0]
    assert not child.returncode, output.decode()
    check(b'"checked": 8' in output, True)


if not PATCHED:  # there, processes block on the standard asyncio, too
    spawn_for_awaitable(patched()).wait()
check(spawn_for_awaitable(coroutines()).wait() >= 1, True)
green()
failing()
hub: Any = eventlet.hubs.get_hub()
kind = type(hub.loop)
finish("eventlet", loop=loop_name(kind))
