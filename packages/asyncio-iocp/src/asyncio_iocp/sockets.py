"""Part of the loop: `sock_recv()` and its kin, for programs that keep their sockets themselves."""

from __future__ import annotations

import socket

from asyncio_core.connections.datagram_addresses import needs_lookup
from asyncio_core.connections.socket_options import _check_ssl_socket
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_iocp.writing import MOST_AT_ONCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from _typeshed import ReadableBuffer, WriteableBuffer

    from asyncio_core.interfaces.loop_types import Address

__all__ = ("SocketCalls",)


class SocketCalls(BaseEventLoop):
    """The `sock_*` methods: each starts one operation and waits for it.

    The sockets must not block, and not be those of the ssl module. Whoever is cancelled cancels the operation; what it had done by
    then nobody can tell.
    """

    _proactor: Any
    _transports: MutableMapping[int, Any]

    def _check_socket(self, sock: socket.socket) -> None:
        if type(sock) is not socket.socket:
            _check_ssl_socket(sock)
        # Overlapped calls do not mind; programs that are to run on other loops too should.
        if self._debug and sock.gettimeout() != 0:
            raise ValueError(f"the socket must be non-blocking, not {sock!r}")
        owner = self._transports.get(sock.fileno())
        if owner is not None and not owner.is_closing():
            raise RuntimeError(f"File descriptor {sock!r} is used by transport {owner!r}")

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        """Receive up to `n` bytes; b"" at the end. See PEP 3156."""
        self._check_socket(sock)
        answer: bytes = await self._proactor.recv(sock, n)
        return answer

    async def sock_recv_into(self, sock: socket.socket, buf: WriteableBuffer) -> int:
        """Receive into the writable buffer `buf` and return the number of bytes.

        Added in Python 3.7.
        """
        self._check_socket(sock)
        answer: int = await self._proactor.recv_into(sock, buf)
        return answer

    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
        """Receive a datagram of up to `bufsize` bytes; return it with its sender's address.

        Where one that was sent before found nobody, the result is (b"", None). Added in Python 3.11.
        """
        self._check_socket(sock)
        answer: tuple[bytes, Any] = await self._proactor.recvfrom(sock, bufsize)
        return answer

    async def sock_recvfrom_into(
        self, sock: socket.socket, buf: WriteableBuffer, nbytes: int = 0
    ) -> tuple[int, Any]:
        """Receive a datagram into `buf`, at most `nbytes` bytes of it (0: what the buffer holds).

        Returns the number of bytes and the sender's address. Raises ValueError where `nbytes` is
        more than the buffer holds. Added in Python 3.11.
        """
        self._check_socket(sock)
        # Not released here: after a cancellation the system may go on to hold it for a while.
        room = memoryview(buf).cast("B")
        if not 0 <= nbytes <= len(room):
            raise ValueError(f"nbytes is {nbytes}, which is not from 0 to the buffer's {len(room)}")
        if nbytes:
            room = room[:nbytes]
        answer: tuple[int, Any] = await self._proactor.recvfrom_into(sock, room)
        return answer

    async def sock_sendall(self, sock: socket.socket, data: ReadableBuffer) -> None:
        """Send all of the bytes-like `data`.

        After an error or a cancellation nobody can tell how much of it went out. See PEP 3156.
        """
        self._check_socket(sock)
        rest = memoryview(data).cast("B")
        while len(rest) > MOST_AT_ONCE:
            await self._proactor.send(sock, rest[:MOST_AT_ONCE])
            rest = rest[MOST_AT_ONCE:]
        await self._proactor.send(sock, rest)

    async def sock_sendto(self, sock: socket.socket, data: ReadableBuffer, address: Address) -> int:
        """Send one datagram to `address` and return the number of bytes sent.

        A host name is looked up first. Raises ValueError where the address has a null character.
        Added in Python 3.11.
        """
        self._check_socket(sock)
        if needs_lookup(sock.family, address):
            address = await self._address_for(sock, address)
        answer: int = await self._proactor.sendto(sock, data, 0, address)
        return answer

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Accept one connection; return its socket, which does not block, and the peer's address.

        See PEP 3156.
        """
        self._check_socket(sock)
        accepting = self._proactor.accept(sock)
        try:
            connection, address = await accepting
        except BaseException:
            if accepting.done() and not accepting.cancelled() and accepting.exception() is None:
                # Cancelled in the same turn in which a connection came: it has no other owner.
                accepting.result()[0].close()
            raise
        connection.setblocking(False)
        return connection, address

    async def sock_connect(self, sock: socket.socket, address: Address) -> None:
        """Connect to `address`; a host name is looked up first.

        Raises OSError where the peer cannot be reached, ValueError where the address has a null
        character. See PEP 3156.
        """
        self._check_socket(sock)
        address = await self._address_for(sock, address)
        await self._proactor.connect(sock, address)
