"""The server of `bench soak`: answers numbered requests each in its own way, and says what it holds when asked on its input.

Started by path, with the Python of a side's environment: `soak_server.py FOLDER FACTORY`, a folder for Unix sockets, and
a loop factory as `module:attribute` or nothing. A request is a head and what follows it; `native/soak.c` tells of both.
Reads lines of JSON: {"measure": true} is answered when nothing is left that the clients have caused, or after LIMIT
seconds with what is left.

Besides that it answers, the server looks: on a connection only that connection's requests come, one after the other; what
the loop reports, or the interpreter warns of, is a fault.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import resource
import socket
import struct
import sys
import threading
import time
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

# Only for what stands in this folder: nothing else here is to hide a module of the side's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.worker import factory

del sys.path[0]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds after which what is still there is said to be left.
LIMIT = 60.0
#: So many faults are told; the others are counted.
TOLD = 10
HEAD = struct.Struct("!IIQII")
NOW, LATER, CANCELLED, TIMED_OUT, RELAYED, RELAY_CANCELLED = range(6)
ANSWERED, WAS_CANCELLED, WAS_TIMED_OUT = range(3)
#: Connections of the server to itself have other numbers than those of its clients.
FIRST_OWN = 1 << 31
#: The size of a read into the buffer of a BufferedProtocol: small, so that requests come in parts.
SMALL = 2000


class Request(NamedTuple):
    size: int
    connection: int
    number: int
    kind: int
    times: int
    body: bytes

    def answer(self, how: int) -> tuple[bytes, ...]:
        size = self.size * self.times
        head = HEAD.pack(size, self.connection, self.number, how, self.times)
        return (head, *((self.body,) * self.times))


class Server:
    """What all connections share."""

    def __init__(self) -> None:
        #: Connections that are open, with the answers that are on their way.
        self.held: set[object] = set()
        self.addresses: list[str] = []
        self.faults: list[str] = []
        self.fault_count = 0
        self.paused = 0
        self._own = itertools.count(FIRST_OWN)

    def fault(self, said: str) -> None:
        self.fault_count += 1
        if len(self.faults) < TOLD:
            self.faults.append(said)

    async def carry_out(self, request: Request) -> int:
        """Do what a request that is not answered at once wants, and return how it is answered."""
        kind, number = request.kind, request.number
        if kind == LATER:
            for _ in range(number % 4):
                await asyncio.sleep(0)
        elif kind == TIMED_OUT:
            try:
                async with asyncio.timeout(number % 4 / 1000):
                    await asyncio.get_running_loop().create_future()
            except TimeoutError:
                return WAS_TIMED_OUT
        elif kind == RELAYED:
            await self._relay(request)
        else:
            waiting = (
                self._relay(request)
                if kind == RELAY_CANCELLED
                else asyncio.get_running_loop().create_future()
            )
            return await self._cancel(asyncio.ensure_future(waiting), number % 9)
        return ANSWERED

    @staticmethod
    async def _cancel(waiting: asyncio.Future[None], turns: int) -> int:
        """Cancel what is done for a request after so many turns of the loop."""
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
        finally:
            waiting.cancel()
        await asyncio.wait({waiting})
        if waiting.cancelled():
            return WAS_CANCELLED
        waiting.result()
        return ANSWERED

    async def _relay(self, request: Request) -> None:
        """Ask for the same over a connection to one of the own addresses."""
        own = request._replace(connection=next(self._own), number=0, kind=NOW, times=1)
        asked = HEAD.pack(*own[:-1]) + own.body
        kind, _, where = self.addresses[request.number % len(self.addresses)].partition(":")
        relay = self._by_socket if request.number % 3 else self._by_streams
        said = await relay(kind, where, asked, HEAD.size + own.size)
        if said != b"".join(own.answer(ANSWERED)):
            self.fault(f"a relayed request got another answer over {kind}")

    @staticmethod
    async def _by_streams(kind: str, where: str, asked: bytes, size: int) -> bytes:
        if kind == "unix":
            reader, writer = await asyncio.open_unix_connection(where)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(where))
        try:
            writer.write(asked)
            return await reader.readexactly(size)
        finally:
            writer.close()

    @staticmethod
    async def _by_socket(kind: str, where: str, asked: bytes, size: int) -> bytes:
        loop = asyncio.get_running_loop()
        address = where if kind == "unix" else ("127.0.0.1", int(where))
        said = b""
        with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            await loop.sock_sendall(sock, asked)
            while len(said) < size and (part := await loop.sock_recv(sock, size)):
                said += part
        return said


class Order:
    """Looks whether what comes over a connection is that connection's, and in order."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: int | None = None
        self._next = 0

    def check(self, connection: int, number: int) -> None:
        if self._connection is None:
            self._connection = connection
        if (connection, number) != (self._connection, self._next):
            self._server.fault(
                f"request {number} of connection {connection} came"
                f" where {self._next} of {self._connection} was next"
            )
        self._next = number + 1


class Requests(asyncio.Protocol):
    """One connection, by callbacks: takes no more while its answers are not taken."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._order = Order(server)
        self._buffer = bytearray()
        self._tasks: set[asyncio.Task[int]] = set()
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not each loop's transports are instances of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._server.held.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()
        self._server.held.discard(self)

    def pause_writing(self) -> None:
        self._server.paused += 1
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for request in self._requests():
            self._order.check(request.connection, request.number)
            if request.kind == NOW:
                self._answer(request, ANSWERED)
            else:
                task = asyncio.ensure_future(self._server.carry_out(request))
                self._tasks.add(task)
                task.add_done_callback(partial(self._carried_out, request))

    def _requests(self) -> Iterator[Request]:
        """Take the requests out of the buffer that are there as a whole."""
        buffer, at = self._buffer, 0
        while len(buffer) - at >= HEAD.size:
            head = HEAD.unpack_from(buffer, at)
            end = at + HEAD.size + head[0]
            if len(buffer) < end:
                break
            yield Request._make((*head, bytes(buffer[at + HEAD.size : end])))
            at = end
        del buffer[:at]

    def _carried_out(self, request: Request, task: asyncio.Task[int]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if error := task.exception():
            self._server.fault(f"a request of kind {request.kind} failed: {error!r}")
        elif not self._transport.is_closing():
            self._answer(request, task.result())
            self._end()

    def _answer(self, request: Request, how: int) -> None:
        parts = request.answer(how)
        if request.number % 2:
            self._transport.writelines(parts)
        else:
            self._transport.write(b"".join(parts))

    def eof_received(self) -> bool:
        self._ended = True
        self._end()
        return True

    def _end(self) -> None:
        """Close when the peer has ended its side and has its answers."""
        if self._ended and not self._tasks:
            self._transport.close()


class Buffered(asyncio.BufferedProtocol):
    """The same, read into a buffer."""

    def __init__(self, server: Server) -> None:
        self._requests = Requests(server)
        self._buffer = bytearray(SMALL)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._requests.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._requests.connection_lost(exc)

    def pause_writing(self) -> None:
        self._requests.pause_writing()

    def resume_writing(self) -> None:
        self._requests.resume_writing()

    def eof_received(self) -> bool:
        return self._requests.eof_received()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._requests.data_received(bytes(self._buffer[:nbytes]))


class Conversation:
    """One connection, by streams."""

    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        self._server.held.add(self)
        tasks: set[asyncio.Task[None]] = set()
        try:
            async for request in self._requests():
                if request.kind == NOW:
                    await self._answer(request, ANSWERED)
                else:
                    task = asyncio.ensure_future(self._carry_out(request))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            if tasks:
                await asyncio.wait(tasks)
        except ConnectionError:
            pass
        finally:
            for task in tasks:
                task.cancel()
            self._writer.close()
            self._server.held.discard(self)
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            pass

    async def _requests(self) -> Any:
        order = Order(self._server)
        try:
            while True:
                head = HEAD.unpack(await self._reader.readexactly(HEAD.size))
                request = Request._make((*head, await self._reader.readexactly(head[0])))
                order.check(request.connection, request.number)
                yield request
        except asyncio.IncompleteReadError:
            pass

    async def _carry_out(self, request: Request) -> None:
        try:
            how = await self._server.carry_out(request)
        except Exception as error:
            self._server.fault(f"a request of kind {request.kind} failed: {error!r}")
            return
        try:
            await self._answer(request, how)
        except ConnectionError:
            pass

    async def _answer(self, request: Request, how: int) -> None:
        parts = request.answer(how)
        if request.number % 2:
            self._writer.writelines(parts)
        else:
            self._writer.write(b"".join(parts))
        await self._writer.drain()


async def converse(
    server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await Conversation(server, reader, writer).run()


async def listen(server: Server, folder: Path) -> list[asyncio.AbstractServer]:
    """Listen with each kind of protocol on TCP and on a Unix socket."""
    loop = asyncio.get_running_loop()
    local, backlog = ("127.0.0.1", 0), 4096
    made: list[asyncio.AbstractServer] = []
    for name, kind in (("requests", Requests), ("buffered", Buffered)):
        serve: Callable[[], asyncio.BaseProtocol] = partial(kind, server)
        made.append(await loop.create_server(serve, *local, backlog=backlog))
        where = str(folder / name)
        made.append(await loop.create_unix_server(serve, where, backlog=backlog))
        server.addresses.append(f"unix:{where}")
    talk = partial(converse, server)
    made.append(await asyncio.start_server(talk, *local, backlog=backlog))
    where = str(folder / "streams")
    made.append(await asyncio.start_unix_server(talk, where, backlog=backlog))
    server.addresses.append(f"unix:{where}")
    for each in made[::2]:
        server.addresses.append(f"tcp:{each.sockets[0].getsockname()[1]}")  # type: ignore[attr-defined]
    return made


def holdings() -> dict[str, int]:
    """Return what the process has, by name."""
    gc.collect()
    status = Path("/proc/self/status").read_text("ascii").splitlines()
    (resident,) = (int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    names = [type(thing).__name__ for thing in gc.get_objects()]
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "transports": sum(name.endswith("Transport") for name in names),
        "objects": len(names),
        "blocks": sys.getallocatedblocks(),
        "resident": resident * 1024,
    }


async def measure(server: Server, idle: dict[str, int]) -> dict[str, Any]:
    """Return what there is when what the clients have caused has ended; `idle` is what there is without."""
    until = time.monotonic() + LIMIT
    exact = ("descriptors", "tasks", "transports")
    while True:
        found = holdings()
        # The task that asks is one besides.
        found["tasks"] -= 1
        ended = not server.held and all(found[name] <= idle[name] for name in exact if idle)
        if ended or time.monotonic() > until:
            break
        await asyncio.sleep(0.01)
    return {
        **found,
        "held": len(server.held),
        "paused": server.paused,
        "faults": server.faults,
        "fault_count": server.fault_count,
    }


async def main(folder: Path, out: int) -> None:
    loop = asyncio.get_running_loop()
    server = Server()
    report = server.fault

    def complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        report(f"the loop reports: {context['message']}: {context.get('exception')!r}")

    loop.set_exception_handler(complain)
    sys.unraisablehook = lambda what: report(f"cannot be raised: {what.exc_value!r}")
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_: report(f"warns: {message}")
    # Kept: who drops a server closes it.
    listening = await listen(server, folder)
    assert len(listening) == len(server.addresses)
    asked: asyncio.Queue[bool] = asyncio.Queue()

    def say(facts: dict[str, Any]) -> None:
        os.write(out, json.dumps(facts).encode() + b"\n")

    def hear() -> None:
        for _ in sys.stdin:
            loop.call_soon_threadsafe(asked.put_nowait, True)
        # Whatever runs: nobody is there any more who would stop it.
        os._exit(0)

    threading.Thread(target=hear, daemon=True).start()
    say({"addresses": server.addresses})
    idle: dict[str, int] = {}
    while await asked.get():
        found = await measure(server, idle)
        idle = idle or found
        say(found)


if __name__ == "__main__":
    # What a side prints is not an answer.
    out = os.dup(1)
    os.dup2(2, 1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=factory(sys.argv[2:])) as runner:
        runner.run(main(Path(sys.argv[1]), out))
