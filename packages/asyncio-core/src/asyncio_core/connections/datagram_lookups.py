"""Datagrams that wait until the name they are for is looked up, in a thread as all names are."""

from __future__ import annotations

from asyncio_core.exceptions import CancelledError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Waiting:
    """What is to go to one name, and the task that looks it up."""

    __slots__ = ("datagrams", "task")

    def __init__(self, datagram: bytes) -> None:
        self.datagrams = [datagram]
        self.task: Any = None


class PendingNames:
    """Looks up where a transport's datagrams go, once for all that wait for the same address.

    True while any wait. What waits counts in the transport's buffer. When a look-up is over, it is
    transmitted, or the protocol is told why that cannot be; soon, in the transport's context.
    """

    __slots__ = ("_context", "_kind", "_loop", "_transport", "_waiting")

    def __init__(self, transport: Any) -> None:
        sock = transport._sock
        self._kind = {"family": sock.family, "type": sock.type, "proto": sock.proto}
        # Known when the transport is at its end, too.
        self._loop = transport._loop
        self._context = transport._context
        self._transport = transport
        self._waiting: dict[Any, _Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, datagram: bytes, address: tuple[Any, ...]) -> None:
        """Let *datagram* wait for the address of a host with a name."""
        transport = self._transport
        transport._buffer_size += len(datagram) + transport._header_size
        self._wait(datagram, address)
        transport._maybe_pause_protocol()

    def _wait(self, datagram: bytes, address: tuple[Any, ...]) -> None:
        if isinstance(address[0], bytearray):
            address = bytes(address[0]), *address[1:]
        waiting = self._waiting.get(address)
        if waiting is not None:
            waiting.datagrams.append(datagram)
            return
        waiting = self._waiting[address] = _Waiting(datagram)
        # A copy, as the context may be the running one, which cannot be entered again.
        waiting.task = self._context.copy().run(
            self._loop.create_task, self._look_up(address, waiting)
        )

    async def _look_up(self, address: Any, waiting: _Waiting) -> None:
        resolved = failure = None
        try:
            found = await self._loop._ensure_resolved(address, **self._kind)
            resolved = found[0][4]
        except Exception as exc:
            failure = exc
        except CancelledError:
            # As at the end of the program; what waited is dropped.
            self._end(address, waiting, None, None)
            raise
        try:
            self._end(address, waiting, resolved, failure)
        finally:
            failure = None

    def _end(
        self, address: Any, waiting: _Waiting, resolved: Any, failure: Exception | None
    ) -> None:
        if self._waiting.get(address) is waiting:
            del self._waiting[address]
            if not self._loop.is_closed():
                self._loop.call_soon(
                    self._deliver, waiting.datagrams, resolved, failure, context=self._context
                )

    def _deliver(self, datagrams: list[bytes], address: Any, failure: Exception | None) -> None:
        """Send what has waited to `address`; None where that is not known, because of `failure`."""
        transport = self._transport
        if transport._conn_lost:
            return
        try:
            for datagram in datagrams:
                transport._buffer_size -= len(datagram) + transport._header_size
            if failure is not None:
                transport._protocol.error_received(failure)
            elif address is not None:
                for datagram in datagrams:
                    if not transport._conn_lost:
                        transport._transmit(datagram, address)
        finally:
            transport._maybe_resume_protocol()
            transport._end_if_sent()

    def cancel(self) -> None:
        """Drop what waits."""
        dropped, self._waiting = self._waiting, {}
        for waiting in dropped.values():
            if waiting.task is not None:
                waiting.task.cancel()
