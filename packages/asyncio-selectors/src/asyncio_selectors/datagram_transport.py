"""The datagram transport: UDP and Unix datagram sockets over readiness."""

from __future__ import annotations

import socket

from asyncio_core.transports import DatagramTransport
from asyncio_selectors.transport_base import _SelectorTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context
    from typing import Any

    from asyncio_core.futures import Future
    from asyncio_core.protocols import BaseProtocol

__all__ = ("_SelectorDatagramTransport",)

_INTERNET = (socket.AF_INET, socket.AF_INET6)

# No UDP datagram is longer. Short of the sizes where the allocator begins to map pages per read.
_LONGEST_UDP = 64 * 1024


class _SelectorDatagramTransport(_SelectorTransport, DatagramTransport):
    """A datagram endpoint; `address` is the peer where the socket is bound to one."""

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
        if sock.family in _INTERNET:
            self.max_size = _LONGEST_UDP
        loop.call_soon(self._begin, waiter, context=self._context)

    def _read_ready(self) -> None:
        if self._conn_lost:
            return
        try:
            received = self._sock.recvfrom(self.max_size)
        except (BlockingIOError, InterruptedError):
            return
        except BaseException as exc:
            self._call_failed(exc, "read")
            return
        self._protocol.datagram_received(*received)

    def _call_failed(self, exc: BaseException, action: str) -> None:
        """Errors of the system are the protocol's to hear, and seldom about this very datagram.

        ICMP says later that nobody listened. The endpoint stays open.
        """
        if isinstance(exc, OSError):
            self._protocol.error_received(exc)
        elif isinstance(exc, (SystemExit, KeyboardInterrupt)):
            raise exc
        else:
            self._fatal_error(exc, f"Fatal {action} error on datagram transport")

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send one datagram, which may be empty; see `DatagramTransport.sendto()`.

        Raises TypeError where `data` is not bytes-like, ValueError where the endpoint is bound to
        another peer than `addr`.
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
        if self._conn_lost:
            self._lost_write()
            return
        if not self._chunks:
            if self._send(data, addr):
                return
            self._add_writer(self._sendto_ready)
        # A copy: the caller may reuse his buffer at once.
        self._buffer.append((bytes(data), addr))
        self._buffer_size += len(data) + self._header_size
        self._maybe_pause_protocol()

    def _send(self, data: Any, addr: Any) -> bool:
        """Send or fail for good: True. False where the socket would block."""
        connected = self._extra["peername"] is not None
        try:
            if connected:
                self._sock.send(data)
            else:
                self._sock.sendto(data, addr)
        except (BlockingIOError, InterruptedError):
            return False
        except BaseException as exc:
            self._call_failed(exc, "write")
        return True

    def _sendto_ready(self) -> None:
        queue = self._buffer
        while queue:
            data, addr = queue[0]
            if not self._send(data, addr):
                break
            if self._conn_lost:
                # Closed by the error, or by the protocol that was told of it.
                return
            if queue:
                del queue[0]
                self._buffer_size -= len(data) + self._header_size
        self._maybe_resume_protocol()
        if queue or self._conn_lost:
            return
        self._buffer_size = 0
        self._loop._remove_writer(self._sock_fd)
        if self._closing:
            self._conn_lost += 1
            self._call_connection_lost(None)
