"""The datagram transport: UDP over completions."""

from __future__ import annotations

from collections import deque

from asyncio_core.connections.datagram_addresses import Destinations, as_system_reads_it, look_up
from asyncio_core.connections.trsock import socket_facts
from asyncio_core.exceptions import CancelledError
from asyncio_core.interfaces.transports import DatagramTransport
from asyncio_iocp.transport_base import _ProactorBasePipeTransport, forget

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.datagram_lookups import PendingNames
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("_ProactorDatagramTransport",)

_READ_FAILED = "Fatal read error on datagram transport"
_WRITE_FAILED = "Fatal write error on datagram transport"


class _ProactorDatagramTransport(_ProactorBasePipeTransport, DatagramTransport):
    """A datagram endpoint; `address` is the peer where the socket sends to one only."""

    # How much one read asks for, in bytes: more than any datagram has.
    max_size = 256 * 1024

    # What a waiting datagram counts in the buffer beyond its bytes, so that empty ones count too.
    _header_size = 8

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        protocol: BaseProtocol,
        address: Any = None,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self._address = address
        self._destinations = Destinations(sock)
        # The address that was found to be in order last, and the one that the system is given for it.
        self._checked: tuple[Any, Any] = (None, None)
        self._names: PendingNames | None = None
        super().__init__(loop, sock, protocol, waiter, extra)
        self._connected = self._facts["peername"] is not None
        self._discard_buffer()

    def _set_extra(self, sock: socket.socket) -> None:
        self._facts.update(socket_facts(sock, self._facts))

    def _discard_buffer(self) -> None:
        self._buffer = deque()
        self._buffer_size = 0
        self._pending_write = 0
        if self._names is not None:
            self._names.cancel()

    def get_write_buffer_size(self) -> int:
        return self._buffer_size + self._pending_write

    # Receiving.

    def _start(self) -> None:
        self._loop_reading()

    def _loop_reading(self, fut: Any = None) -> None:
        """Receive the next datagram, then hand over the one that has come, if one has.

        In that order, so that a protocol that raises does not end the receiving. As the callback of a
        receive it runs in a context of no account.
        """
        if fut is None:
            self._receive_next(None)
        else:
            self._context.run(self._receive_next, fut)

    def _receive_next(self, fut: Any) -> None:
        if fut is not None:
            assert self._read_fut is fut or (self._read_fut is None and self._closing)
            if self._closing:
                forget(fut)
                return
            self._read_fut = None
        failure = None
        try:
            if not self._closing:
                self._read_fut = self._loop._proactor.recvfrom(self._sock, self.max_size)
                self._read_fut.add_done_callback(self._loop_reading)
        except OSError as exc:
            failure = exc
        if fut is not None:
            self._received(fut)
        if failure is not None and not self._closing:
            self._cannot_receive(failure)

    def _received(self, fut: Any) -> None:
        try:
            data, sender = fut.result()
        except OSError as exc:
            self._protocol.error_received(exc)
        else:
            if sender is None:
                # No datagram: ICMP says that one of ours found nobody.
                self._protocol.error_received(ConnectionResetError("nobody received a datagram"))
            else:
                self._protocol.datagram_received(data, sender)

    def _cannot_receive(self, exc: OSError) -> None:
        """What is about an earlier datagram is over with this; anything else will not mend."""
        self._protocol.error_received(exc)
        if isinstance(exc, ConnectionError):
            self._loop.call_soon(self._loop_reading, context=self._context)
        else:
            self._fatal_error(exc, _READ_FAILED)

    # Sending.

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send one datagram, which may be empty; see `DatagramTransport.sendto()`.

        A host that is a name is looked up first, without blocking the loop; where that fails the
        protocol's `error_received()` is told. Raises TypeError where `data` is not bytes-like or
        there is no address, ValueError where the endpoint is bound to another peer than `addr` or
        `addr` is of another family, and what else `socket.sendto()` raises for a bad address; the
        endpoint goes on.
        """
        self._check_sending(data, addr)
        if self._conn_lost:
            self._lost_write("socket.sendto()")
            return
        # A copy: the caller may reuse his buffer at once. And in bytes, whatever the items of a view are.
        data = bytes(data)
        if self._address is None and (addr is not None or not self._connected):
            if addr is None:
                raise TypeError("sendto() needs an address: the endpoint is not connected")
            if addr != self._checked[0]:
                settled = self._destinations.settled(addr)
                if settled is None:
                    look_up(self, data, addr)
                    return
                self._destinations.check(settled)
                self._checked = addr, as_system_reads_it(self._sock.family, settled)
            addr = self._checked[1]
        self._transmit(data, addr)

    def _transmit(self, data: bytes, addr: Any) -> None:
        waiting = self._buffer
        waiting.append((data, addr))
        self._buffer_size += self._header_size + len(data)
        if self._write_fut is None:
            self._loop_writing()
        self._maybe_pause_protocol()

    def _end_if_sent(self) -> None:
        """End a transport that is closed when nothing waits any more."""
        if self._write_fut is not None or self._buffer or self._names:
            return
        if self._closing and not self._ending:
            self._conn_lost += 1
            self._end_soon(None)

    def close(self) -> None:
        if self._names and not self._closing:
            # What waits for its address is sent before the end.
            self._closing = True
            self._stop_reading()
            return
        super().close()

    def _check_sending(self, data: Any, addr: Any) -> None:
        peer = self._address
        if peer is not None and addr is not None and addr != peer:
            raise ValueError(f"Invalid address: must be None or {peer}")
        if not isinstance(data, (bytes, bytearray, memoryview)):
            kind = type(data).__name__
            raise TypeError(f"data argument must be a bytes-like object, not {kind!r}")

    def _send(self, data: bytes, addr: Any) -> Any:
        if self._connected and (self._address is not None or addr is None):
            return self._loop._proactor.send(self._sock, data)
        if self._address is not None:
            addr = self._address
        return self._loop._proactor.sendto(self._sock, data, addr=addr)

    def _loop_writing(self, fut: Any = None) -> None:
        """Take note that a datagram is out, if one is, and send those that wait."""
        if fut is not None:
            if fut is not self._write_fut:
                forget(fut)
                return
            self._write_fut = None
            self._pending_write = 0
            self._context.run(self._call, fut.result)
        queue = self._buffer
        while queue and not self._conn_lost:
            data, addr = queue.popleft()
            self._buffer_size -= len(data) + self._header_size
            writing = self._call(self._send, data, addr)
            if writing is None:
                continue
            if writing.done() is True:
                self._call(writing.result)
                continue
            self._write_fut = writing
            self._pending_write = len(data) + self._header_size
            writing.add_done_callback(self._loop_writing)
            break
        self._end_if_sent()
        if self._protocol_paused and fut is not None:
            self._context.run(self._maybe_resume_protocol)

    def _call(self, call: Any, *args: Any) -> Any:
        """Call, and tell of a failure; errors of the system are the protocol's to hear.

        They are seldom about this very datagram. The endpoint stays open.
        """
        try:
            return call(*args)
        except OSError as exc:
            self._protocol.error_received(exc)
        except (SystemExit, KeyboardInterrupt):
            raise
        except CancelledError:
            if not self._closing:
                raise
        except BaseException as exc:
            self._fatal_error(exc, _WRITE_FAILED)
        return None
