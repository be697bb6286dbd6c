"""The part `load`: more of everything than a loop can do at once.

What a connection may hold is bounded, who wastes time is sent away, what the system does not give is waited for, and others are
served meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from scenarios.peers import Echo, is_served
from stage import LIMIT, Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from parts import Extent
    from stage import Tools
    from worker import Notes

_HOST = "127.0.0.1"
#: How many there are of what the short form has.
_IN_BRIEF = 20
#: Seconds for all of them.
_LONG = 60.0
_PIECE = bytes(1 << 16)
#: Bytes that wait in a transport before its writer has to.
_HIGH = 1 << 17
#: Seconds in which a client has to have shaken hands.
_HANDSHAKE = 0.3
#: Threads that may look up names at once.
_MOST_THREADS = 64
#: Opens so many connections as it is told, and holds them until its input ends.
_CROWD = """
import socket, sys
at = sys.argv[1], int(sys.argv[2])
held = []
for _ in range(int(sys.argv[3])):
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(at)
    held.append(sock)
print("there", flush=True)
sys.stdin.read()
"""


def units(*, brief: bool) -> list[str]:
    return list(_UNITS)


def perform(unit: str, tools: Tools, notes: Notes, extent: Extent) -> None:
    """Run one kind of load, once."""
    size = _IN_BRIEF if extent.brief else extent.size
    # An accept loop that rests need not do so for a second.
    constants: Any = importlib.import_module("asyncio.constants")
    constants.ACCEPT_RETRY_DELAY = 0.01
    if notes.begins(f"{size}"):
        stage = Stage(tools)
        play, quiet = _UNITS[unit]
        with stage.watching(quiet=quiet):
            stage.perform((), lambda: asyncio.wait_for(play(stage, size), _LONG))
        notes.ends(f"{size}", stage.wrong)


# Clients that read nothing


async def _no_reader(stage: Stage, size: int) -> None:
    await _unread(stage, size)


async def _no_reader_over_tls(stage: Stage, size: int) -> None:
    await _unread(stage, size // 4, ssl=stage.server_context)


async def _unread(stage: Stage, size: int, **tls: Any) -> None:
    """A server writes to each of its clients as long as that takes anything."""
    transports: list[Any] = []
    stopped = 0

    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal stopped
        if await reader.readexactly(1) == b"?":
            writer.write(b"!")
        else:
            writer.transport.set_write_buffer_limits(high=_HIGH)
            transports.append(writer.transport)
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(_PIECE)
                    if writer.transport.get_write_buffer_size() > _HIGH:
                        stopped += 1
                    await writer.drain()
        writer.close()

    server = await asyncio.start_server(write, _HOST, 0, **tls)
    at = server.sockets[0].getsockname()
    more: dict[str, Any] = {}
    if tls:
        more = {"ssl": stage.client_context, "server_hostname": "localhost"}
    clients = []
    for _ in range(size):
        _, client = await asyncio.open_connection(*at, limit=1 << 12, **more)
        client.transport.pause_reading()  # type: ignore[attr-defined]
        client.write(b".")
        clients.append(client)
    while stopped < size:
        await asyncio.sleep(0.001)
    most = max(transport.get_write_buffer_size() for transport in transports)
    if most > _HIGH + 2 * len(_PIECE):
        stage.wrong.append(f"{most} bytes wait in a transport that may have {_HIGH}")
    reader, writer = await asyncio.open_connection(*at, **more)
    writer.write(b"?")
    if await reader.read(1) != b"!":
        stage.wrong.append("another client is not served")
    writer.close()
    for client in clients:
        client.transport.abort()
    server.close()
    await server.wait_closed()


# Clients that never come to the point


async def _no_handshake(stage: Stage, size: int) -> None:
    """Half of them say nothing, and the others a byte now and then."""
    server = await stage.loop.create_server(
        Echo, _HOST, 0, ssl=stage.server_context, ssl_handshake_timeout=_HANDSHAKE
    )
    at = server.sockets[0].getsockname()
    clients = [await _connected(stage, at) for _ in range(size)]
    hello = bytes((22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3)) + bytes(64)

    async def trickle(sock: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            for byte in hello:
                await stage.loop.sock_sendall(sock, bytes((byte,)))
                await asyncio.sleep(_HANDSHAKE / 10)

    async def until_sent_away(sock: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            while await stage.loop.sock_recv(sock, 100):
                pass

    begun = stage.loop.time()
    tricklers = [asyncio.create_task(trickle(sock)) for sock in clients[::2]]
    await is_served(stage, at, ssl=stage.client_context, server_hostname="localhost")
    await asyncio.gather(*map(until_sent_away, clients))
    if (took := stage.loop.time() - begun) > _HANDSHAKE + LIMIT:
        stage.wrong.append(f"it took {took:.1f} s to send all away")
    for task in tricklers:
        task.cancel()
    await asyncio.wait(tricklers)
    for sock in clients:
        sock.close()
    server.close()
    await server.wait_closed()


async def _connected(stage: Stage, at: Any) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await stage.loop.sock_connect(sock, at)
    return sock


# More than there are descriptors


async def _no_descriptors(stage: Stage, size: int) -> None:
    """More clients come than there are descriptors for, and stay; some time they go."""
    server = await stage.loop.create_server(Echo, _HOST, 0, backlog=2 * size)
    at = server.sockets[0].getsockname()
    crowd = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CROWD, *map(str, at), str(2 * size)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert crowd.stdin is not None
    assert crowd.stdout is not None
    with _descriptors_left(size):
        await crowd.stdout.readline()
        begun = time.process_time()
        await asyncio.sleep(0.3)
        if (busy := time.process_time() - begun) > 0.2:
            stage.wrong.append(f"the loop is busy for {busy:.1f} of 0.3 s with nothing")
        crowd.stdin.close()
        await crowd.wait()
        await is_served(stage, at)
    if not stage.reported:
        stage.wrong.append("nobody is told that there are no descriptors")
    for context in stage.reported:
        if getattr(context.get("exception"), "errno", 0) != errno.EMFILE:
            stage.wrong.append(f"reported: {context}")
    server.close()
    await server.wait_closed()


@contextlib.contextmanager
def _descriptors_left(count: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    there = max(map(int, os.listdir("/proc/self/fd"))) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (there + count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# Children, and names


async def _children(stage: Stage, size: int) -> None:
    """As many children as there are, some dozens at a time."""
    places = asyncio.Semaphore(50)

    async def one(number: int) -> None:
        async with places:
            process = await asyncio.create_subprocess_exec("/bin/sh", "-c", f"exit {number % 100}")
            if await process.wait() != number % 100:
                stage.wrong.append(f"child {number} ends with {process.returncode}")

    await asyncio.gather(*map(one, range(5 * size)))


async def _names(stage: Stage, size: int) -> None:
    """The resolver takes its time, and finds nothing."""
    real, most = socket.getaddrinfo, 0

    def fail(host: Any, *args: Any, **more: Any) -> Any:
        nonlocal most
        if not str(host).endswith(".invalid"):
            return real(host, *args, **more)
        most = max(most, threading.active_count())
        time.sleep(0.005)
        raise socket.gaierror(socket.EAI_AGAIN, "made up")

    before = threading.active_count()
    socket.getaddrinfo = fail
    try:
        looking = [
            asyncio.create_task(asyncio.open_connection(f"name-{number}.invalid", 80))
            for number in range(5 * size)
        ]
        longest = 0.0
        while not all(task.done() for task in looking):
            asked = stage.loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, stage.loop.time() - asked)
        found = await asyncio.gather(*looking, return_exceptions=True)
    finally:
        socket.getaddrinfo = real
    if not all(isinstance(each, socket.gaierror) for each in found):
        stage.wrong.append("not all end with the resolver's error")
    if most - before > _MOST_THREADS:
        stage.wrong.append(f"{most - before} threads look up names")
    if longest > 1:
        stage.wrong.append(f"the loop did nothing else for {longest:.1f} s")


#: What is run, and whether nothing may be reported meanwhile.
_UNITS: dict[str, tuple[Callable[[Stage, int], Awaitable[None]], bool]] = {
    "clients that never read": (_no_reader, True),
    "clients that never read, over TLS": (_no_reader_over_tls, True),
    "clients that never shake hands": (_no_handshake, True),
    "more clients than descriptors": (_no_descriptors, False),
    "children": (_children, True),
    "names that do not resolve": (_names, True),
}
