"""Protocols that remember what they were told, and waiting for it."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import TYPE_CHECKING, Any

from loop_kit.descriptors import open_descriptors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Memory:
    """What all the protocols here share: a list of events, and futures for the first and the last."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        #: The names of the calls in their order; those about data in a row count once.
        self.events: list[str] = []
        self.transport: Any = None
        self.made: asyncio.Future[None] = self.loop.create_future()
        #: Its result is what connection_lost() was given.
        self.lost: asyncio.Future[BaseException | None] = self.loop.create_future()
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def note(self, event: str) -> None:
        if event not in ("data", "datagram") or self.events[-1:] != [event]:
            self.events.append(event)
        for pair in self._waiting[:]:
            condition, waiter = pair
            if condition():
                self._waiting.remove(pair)
                if not waiter.done():
                    waiter.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a call after which the condition holds."""
        if not condition():
            waiter = self.loop.create_future()
            self._waiting.append((condition, waiter))
            await waiter

    async def until_event(self, event: str) -> None:
        await self.until(lambda: event in self.events)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.made.set_result(None)
        self.note("made")

    def connection_lost(self, error: BaseException | None) -> None:
        if "lost" in self.events:
            raise AssertionError("connection_lost() was called twice")
        self.note("lost")
        # A test that is cancelled while it waits for the future cancels that.
        if not self.lost.done():
            self.lost.set_result(error)

    def pause_writing(self) -> None:
        self.note("paused")

    def resume_writing(self) -> None:
        self.note("resumed")


class StreamMemory(Memory):
    """Bytes that arrived, in one piece."""

    #: What eof_received() answers: whether the transport stays open for writing.
    keep_open = False

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def eof_received(self) -> bool:
        self.note("eof")
        return self.keep_open

    async def received(self, count: int) -> bytes:
        """Wait for so many bytes and return all that there are."""
        await self.until(lambda: len(self.data) >= count)
        return bytes(self.data)


class Recorder(StreamMemory, asyncio.Protocol):
    """A protocol for streams."""

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.note("data")


class HalfOpenRecorder(Recorder):
    """One that goes on writing after the peer's end."""

    keep_open = True


class BufferedRecorder(StreamMemory, asyncio.BufferedProtocol):
    """A protocol that gives the buffer to read into."""

    size = 4096

    def __init__(self) -> None:
        super().__init__()
        self.buffer = bytearray(self.size)
        self.hints: list[int] = []
        self.counts: list[int] = []

    def get_buffer(self, sizehint: int) -> bytearray:
        self.hints.append(sizehint)
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.counts.append(nbytes)
        self.data += self.buffer[:nbytes]
        self.note("data")


class DatagramRecorder(Memory, asyncio.DatagramProtocol):
    """A protocol for datagrams."""

    def __init__(self) -> None:
        super().__init__()
        self.datagrams: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.datagrams.append((data, addr))
        self.note("datagram")

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)
        self.note("error")

    async def received(self, count: int) -> list[bytes]:
        """Wait for so many datagrams and return all that there are."""
        await self.until(lambda: len(self.datagrams) >= count)
        return [data for data, _ in self.datagrams]


class ProcessRecorder(Memory, asyncio.SubprocessProtocol):
    """A protocol for subprocesses."""

    def __init__(self) -> None:
        super().__init__()
        self.output: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
        self.pipes_lost: list[int] = []
        self.exited: asyncio.Future[None] = self.loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output[fd] += data
        self.note("data")

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.pipes_lost.append(fd)
        self.note(f"pipe {fd} lost")

    def process_exited(self) -> None:
        self.note("exited")
        self.exited.set_result(None)


async def left_open(before: set[int]) -> set[int]:
    """Return the descriptors that were opened since and are still open when nothing goes on any more.

    A loop may close what nobody holds with the next collection of garbage, and a round of its own after that.
    """
    await settle(2)
    if left := open_descriptors() - before:
        gc.collect()
        await settle(2)
        left = open_descriptors() - before
    return left


async def growth(operation: Callable[[], Awaitable[object]]) -> set[int]:
    """Return the descriptors that are left of doing something three times, without those of the first time.

    There may be some that a loop opens once, and keeps.
    """
    await operation()
    before = await left_open(set())
    await operation()
    await operation()
    return await left_open(before)


def same(left: bytes | bytearray, right: bytes | bytearray) -> bool:
    """Compare much data; pytest would take minutes over the difference of two megabytes."""
    return left == right


async def settle(rounds: int = 5) -> None:
    """Let the loop look for events several times, until it has seen one of another connection each time.

    After it, what the kernel had to tell at the call has been told: a test for what does *not* happen waits for this.
    """
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        for _ in range(rounds):
            event = loop.create_task(loop.sock_recv(right, 1))
            await asyncio.sleep(0)
            left.send(b"x")
            await event
