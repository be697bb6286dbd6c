"""Protocols that remember what they were told, or answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncio_core

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that a test waits for what has to come.
LIMIT = 20.0


class Recorder(asyncio_core.Protocol):
    """Remembers what it is told, of a stream or of datagrams; `lost` is done when the connection is."""

    transport: Any
    #: What eof_received() answers.
    keep_open = False

    def __init__(self) -> None:
        self.loop = asyncio_core.get_running_loop()
        #: Its result is what connection_lost() was given.
        self.lost: asyncio_core.Future[Exception | None] = self.loop.create_future()
        self.data = bytearray()
        #: How many bytes came at a time.
        self.sizes: list[int] = []
        self.datagrams: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []
        self.eof = 0
        self.pauses: list[str] = []
        self._wanted: list[tuple[Callable[[], object], asyncio_core.Future[None]]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._check()

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.data += data
        self.sizes.append(len(data))
        self._check()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.datagrams.append((data, addr))
        self.data_received(data)

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)
        self._check()

    def eof_received(self) -> bool:
        self.eof += 1
        self._check()
        return self.keep_open

    def pause_writing(self) -> None:
        self.pauses.append("pause")
        self._check()

    def resume_writing(self) -> None:
        self.pauses.append("resume")
        self._check()

    def connection_lost(self, exc: Exception | None) -> None:
        # A second call would fail here.
        self.lost.set_result(exc)
        self._check()

    def _check(self) -> None:
        for condition, waiter in self._wanted:
            if not waiter.done() and condition():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds; it is looked at after each event."""
        if not condition():
            waiter = self.loop.create_future()
            self._wanted.append((condition, waiter))
            await asyncio_core.wait_for(waiter, LIMIT)


class HalfOpenRecorder(Recorder):
    """One that goes on after the peer's end."""

    keep_open = True


class Echo(asyncio_core.Protocol):
    """Sends back what it receives."""

    transport: Any

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
