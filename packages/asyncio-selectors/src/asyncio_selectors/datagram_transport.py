"""The datagram transport: UDP and Unix datagram sockets over readiness."""

from __future__ import annotations

import socket
import sys

from asyncio_core.connections.datagram_addresses import Destinations, look_up
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.interfaces.transports import DatagramTransport
from asyncio_core.scheduling.handles import Handle
from asyncio_selectors.error_queue import receives_no_more, take_errors
from asyncio_selectors.transport_base import _SelectorTransport
from asyncio_selectors.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.datagram_lookups import PendingNames
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("_SelectorDatagramTransport",)

_INTERNET = (socket.AF_INET, socket.AF_INET6)

# What get_extra_info() tells of the datagram that is being handed over.
_OF_THE_DATAGRAM = ("gro_segment_size", "truncated")

# From linux/udp.h: datagrams of one size from one sender are received as one.
_UDP_GRO = 104
# Bytes for that size, and for what else a program has asked the system to tell with a datagram.
_ANCILLARY_ROOM = 1024

# No UDP datagram is longer. Short of the sizes where the allocator begins to map pages per read.
_LONGEST_UDP = 64 * 1024


class _SelectorDatagramTransport(_SelectorTransport, DatagramTransport):
    """A datagram endpoint; `address` is the peer where the socket is bound to one."""

    __slots__ = ("_details", "_internet_family", "_address", "_alone")

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
        context: Context | None = None,
    ) -> None:
        super().__init__(loop, sock, protocol, extra, None, context)
        self._address = address
        self._family = sock.family
        # 0 for any other.
        self._internet_family = int(sock.family) if sock.family in _INTERNET else 0
        # How many datagrams have come one by one, since several came last.
        self._alone = 0
        if self._family in _INTERNET:
            self.max_size = _LONGEST_UDP
        self._destinations = Destinations(sock)
        self._names: PendingNames | None = None
        # Whether somebody asks what is told beside a datagram, and what was told beside the last one.
        self._in_packets = sock.type == getattr(socket, "SOCK_SEQPACKET", None)
        self._details = self._in_packets
        self._told: dict[str, Any] = {}
        loop.call_soon(self._begin, waiter, context=self._context)

    def _begin(self, waiter: Any) -> None:
        super()._begin(waiter)
        sock = self._sock
        if sys.platform == "linux" and sock is not None and self._family in _INTERNET:
            try:
                self._details = self._details or bool(sock.getsockopt(socket.IPPROTO_UDP, _UDP_GRO))
            except OSError:
                pass  # another protocol, or an old kernel

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell a fact about the endpoint, or about the datagram that is being handed over.

        "truncated" is whether it was longer than `max_size` bytes; "gro_segment_size" the size in bytes
        of the datagrams that it is made of, where the socket option `UDP_GRO` is set and joined some
        (the last one may be shorter), else None. The first question should be asked in
        `connection_made()`: what is told beside datagrams is received from then on.
        """
        if name in _OF_THE_DATAGRAM:
            self._details = hasattr(socket.socket, "recvmsg")
            return self._told.get(name, default)
        return super().get_extra_info(name, default)

    def _read_ready(self) -> None:
        if self._conn_lost:
            return
        if self._details:
            self._read_with_details()
            return
        try:
            received = self._sock.recvfrom(self.max_size)
        except (BlockingIOError, InterruptedError):
            self._nothing_to_read()
            return
        except BaseException as exc:
            self._call_failed(exc, "read")
            return
        self._protocol.datagram_received(*received)

    def _hand_over(self, datagrams: list[tuple[bytes, Any]]) -> None:
        """Hand over what was received at once. Where the protocol raises, the others are the next to be."""
        left = iter(datagrams)
        try:
            for data, sender in left:
                if self._conn_lost or self._closing:
                    return
                self._protocol.datagram_received(data, sender)
        except BaseException:
            more = list(left)
            if more and not (self._conn_lost or self._closing):
                # Before anything else, lest what is received then comes first.
                handle = Handle(self._hand_over, (more,), self._loop, self._context)
                self._loop._ready.appendleft(handle)
            raise

    def _read_with_details(self) -> None:
        # Files that come with a datagram (Unix) are nobody's: without room the system drops them.
        room = _ANCILLARY_ROOM if self._family in _INTERNET else 0
        try:
            data, told, flags, sender = self._sock.recvmsg(self.max_size, room)
        except (BlockingIOError, InterruptedError):
            self._nothing_to_read()
            return
        except BaseException as exc:
            self._call_failed(exc, "read")
            return
        size = None
        for level, kind, value in told:
            if level == socket.IPPROTO_UDP and kind == _UDP_GRO:
                size = int.from_bytes(value[:4], sys.byteorder)
        if not data and self._in_packets and receives_no_more(self._sock):
            # The end of the connection, which is read for ever.
            self.close()
            return
        self._told = {"truncated": bool(flags & socket.MSG_TRUNC), "gro_segment_size": size}
        self._protocol.datagram_received(data, sender)

    def _call_failed(self, exc: BaseException, action: str) -> None:
        """Errors of the system are the protocol's to hear, and seldom about this very datagram.

        ICMP says later that nobody listened. The endpoint stays open.
        """
        if isinstance(exc, OSError):
            # What the socket says may wait in its error queue as well: it is told once.
            errors = take_errors(self._sock) or []
            for error in errors:
                if error.errno == exc.errno:
                    errors.remove(error)
                    break
            self._protocol.error_received(exc)
            self._tell_errors(errors)
        elif isinstance(exc, (SystemExit, KeyboardInterrupt)):
            raise exc
        else:
            self._fatal_error(exc, f"Fatal {action} error on datagram transport")

    def _nothing_to_read(self) -> None:
        """Take away what made the socket ready without a datagram; it would stay so for ever."""
        errors = take_errors(self._sock)
        if errors is not None:
            self._tell_errors(errors)
        elif receives_no_more(self._sock):
            # Shut down for receiving. Sending goes on.
            self._loop._remove_reader(self._sock_fd)

    def _tell_errors(self, errors: list[OSError]) -> None:
        for error in errors:
            if not self._conn_lost:
                self._protocol.error_received(error)

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send one datagram, which may be empty; see `DatagramTransport.sendto()`.

        A host that is a name is looked up first, without blocking the loop; where that fails the
        protocol's `error_received()` is told. Raises TypeError where `data` is not bytes-like or
        there is no address, ValueError where the endpoint is bound to another peer than `addr` or
        `addr` is of another family, and what else `socket.sendto()` raises for a bad address; the
        endpoint goes on.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"data argument must be a bytes-like object, not {type(data).__name__!r}"
            )
        peer = self._address
        if peer is not None:
            if addr is not None and addr != peer:
                raise ValueError(f"Invalid address: must be None or {peer}")
            addr = peer
        if isinstance(data, memoryview) and not data.c_contiguous:
            data = bytes(data)
        if self._conn_lost:
            self._lost_write()
            return
        if peer is None and self._extra["peername"] is None:
            if addr is None:
                raise TypeError("sendto() needs an address: the endpoint is not connected")
            known = self._destinations
            host = addr[0] if type(addr) is tuple and addr else None
            if type(host) is not str or host != known.numeric_host:
                settled = known.settled(addr)
                if settled is None:
                    look_up(self, bytes(data), addr)
                    return
                addr = settled
            if self._chunks:
                # What is wrong with it would show later, when nobody can tell whose it was.
                known.check(addr)
        self._transmit(data, addr)

    def _transmit(self, data: Any, addr: Any) -> None:
        if not self._chunks:
            try:
                if self._send(data, addr):
                    return
            except (TypeError, ValueError, OverflowError) as error:
                # A bad address.
                drop_own_frame(error)
                raise
            except BaseException as exc:
                self._call_failed(exc, "write")
                return
        self._keep(data, addr)

    def _keep(self, data: Any, addr: Any) -> None:
        """Keep a datagram until there is room."""
        if not self._chunks:
            self._add_writer(self._sock_fd, self._sendto_ready)
            if self._conn_lost:
                return
        # A copy: the caller may reuse his buffer at once. In bytes, whatever the items of a view are.
        data = bytes(data)
        self._buffer.append((data, addr))
        self._buffer_size += len(data) + self._header_size
        self._maybe_pause_protocol()

    def _send(self, data: Any, addr: Any) -> bool:
        """Send: True. False where the socket would block."""
        connected = self._extra["peername"] is not None
        try:
            if connected:
                self._sock.send(data)
            else:
                self._sock.sendto(data, addr)
        except (BlockingIOError, InterruptedError):
            return False
        except BaseException as error:
            drop_own_frame(error)
            raise
        return True

    def _end_if_sent(self) -> None:
        """End a transport that is closed when nothing waits any more."""
        if self._closing and not (self._conn_lost or self._chunks or self._names):
            self._conn_lost += 1
            self._call_connection_lost(None)

    def close(self) -> None:
        if self._names and not self._closing:
            # What waits for its address is sent before the end, as is what waits for room.
            self._closing = True
            self._loop._remove_reader(self._sock_fd)
            return
        super().close()

    def _discard_buffer(self) -> None:
        super()._discard_buffer()
        if self._names is not None:
            self._names.cancel()

    def _sendto_ready(self) -> None:
        queue = self._buffer
        while queue:
            data, addr = queue[0]
            try:
                if not self._send(data, addr):
                    self._tell_errors(take_errors(self._sock) or [])
                    break
            except BaseException as exc:
                self._call_failed(exc, "write")
            if self._conn_lost:
                # Closed by the error, or by the protocol that was told of it.
                return
            if queue:
                del queue[0]
                self._buffer_size -= len(data) + self._header_size
        self._maybe_resume_protocol()
        if queue or self._conn_lost:
            return
        self._loop._remove_writer(self._sock_fd)
        self._end_if_sent()


_PySelectorDatagramTransport = _SelectorDatagramTransport

if not TYPE_CHECKING and twins is not None:

    class _SelectorDatagramTransport(_PySelectorDatagramTransport):
        """A datagram endpoint, with what each datagram goes through compiled."""

        __slots__ = ()

    twins.adopt_datagram_transport(_SelectorDatagramTransport, _PySelectorDatagramTransport)
