"""Part of the loop: `sock_recv()` and its kin, for programs that keep their sockets themselves.

All have one form: try the call; where it would block, wait until the socket is ready and try
again. The system call is never made from the poller's callback, only by the coroutine itself, so that
nothing can be received, accepted or sent for a caller who was cancelled meanwhile.
"""

from __future__ import annotations

import errno
import socket

from asyncio_core.awaiting.futures import Future
from asyncio_core.connections.datagram_addresses import needs_lookup
from asyncio_core.connections.socket_options import _check_ssl_socket
from asyncio_core.connections.trsock import TransportSocket
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.scheduling.loop_part import made_on_use
from asyncio_selectors.hangups import why_dead
from asyncio_selectors.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Any

    from _typeshed import ReadableBuffer, WriteableBuffer

    from asyncio_core.interfaces.loop_types import Address
    from asyncio_core.scheduling.handles import Handle

__all__ = ("SocketCalls",)

# Seconds between two attempts to connect to a Unix socket whose backlog is full: there is nothing
# that the poller could report. The first and the longest.
_FULL_BACKLOG_DELAYS = (0.001, 0.1)

# So many waits in vain of one call are followed by a rest, in seconds, and then every few are.
_FUTILE = 128
_FUTILE_STEP = 16
_FUTILE_REST = 0.02

# What nearly every socket is; it is told apart without a call.
_PLAIN = socket.socket

_INTERNET = (socket.AF_INET, socket.AF_INET6)


def accept(listener: socket.socket) -> tuple[socket.socket, Any] | None:
    """Accept a connection; return its socket, which does not block, and the peer's address, or None where there is none."""
    try:
        connection, address = listener.accept()
    except (BlockingIOError, InterruptedError):
        return None
    except BaseException as error:
        drop_own_frame(error)
        raise
    try:
        connection.setblocking(False)
    except BaseException:
        connection.close()
        raise
    return connection, address


def receive(sock: socket.socket, n: int) -> bytes | None:
    """Receive up to `n` bytes; None where there is nothing yet."""
    try:
        return sock.recv(n)
    except (BlockingIOError, InterruptedError):
        return None
    except BaseException as error:
        drop_own_frame(error)
        raise


def receive_into(sock: socket.socket, buf: WriteableBuffer) -> int | None:
    """Receive into `buf` and return the number of bytes; None where there is nothing yet."""
    try:
        return sock.recv_into(buf)
    except (BlockingIOError, InterruptedError):
        return None
    except BaseException as error:
        drop_own_frame(error)
        raise


def send(sock: socket.socket, data: ReadableBuffer) -> int | None:
    """Send what goes at once of `data` and return the number of bytes; None where nothing does."""
    try:
        return sock.send(data)
    except (BlockingIOError, InterruptedError):
        return None
    except BaseException as error:
        drop_own_frame(error)
        raise


if not TYPE_CHECKING and twins is not None:
    # Without an exception, which takes longer than the call, where there is nothing to do yet.
    twins.adopt_socket_calls(accept, receive, receive_into, send)
    accept, receive, receive_into, send = (
        *(twins.accept, twins.receive_now, twins.receive_into_now, twins.send_now),
    )


class _Readiness(Future[None]):
    """Done when a descriptor is ready, once.

    Cancelling takes the descriptor out of the poller before it returns: whoever cancels a task and
    closes its socket in the next line leaves nothing behind.
    """

    __slots__ = ("_fd", "_registration", "_remove", "_waiting")

    def __init__(
        self,
        loop: Any,
        fd: int,
        add: Callable[..., Handle],
        remove: Callable[[int], bool],
    ) -> None:
        Future.__init__(self, loop=loop)
        self._fd = fd
        self._remove = remove
        self._waiting = True
        # None where a derived loop's hook does not say.
        self._registration: Handle | None = add(fd, self._is_ready)

    def release(self) -> None:
        """Leave the poller, unless somebody else has taken the descriptor over."""
        if self._waiting:
            self._waiting = False
            registration = self._registration
            if registration is None or not registration._cancelled:
                self._remove(self._fd)

    def _is_ready(self) -> None:
        if self._waiting:
            self.release()
        if not self.done():
            self.set_result(None)

    def cancel(self, msg: Any | None = None) -> bool:
        self.release()
        return super().cancel(msg)


class SocketCalls(BaseEventLoop):
    """The `sock_*` methods. The sockets must not block."""

    # When the waits in vain for a descriptor became too many.
    _futile_since: dict[int, float] = made_on_use(dict)  # type: ignore[assignment]

    if TYPE_CHECKING:
        _add_reader: Callable[..., Handle]
        _add_writer: Callable[..., Handle]
        _remove_reader: Callable[[int], bool]
        _remove_writer: Callable[[int], bool]

        _transports: MutableMapping[int, Any]

        def _ensure_fd_no_transport(self, fd: Any) -> int: ...

    def _check_socket(self, sock: socket.socket) -> None:
        """Raise TypeError for a socket that speaks TLS, and in debug mode ValueError for one that blocks."""
        _check_ssl_socket(sock)
        if self._debug and sock.gettimeout() != 0:
            raise ValueError(f"the socket must be non-blocking, not {sock!r}")

    async def _when_ready(
        self,
        sock: socket.socket,
        add: Callable[..., Handle],
        remove: Callable[[int], bool],
        method: str,
        *args: Any,
    ) -> Any:
        """Return what `method` of `sock` does, which would have blocked, as soon as it does not."""
        attempt = 0
        while True:
            attempt = await self._until_ready(sock, add, remove, attempt)
            try:
                return getattr(sock, method)(*args)
            except (BlockingIOError, InterruptedError):
                pass

    async def _until_ready(
        self,
        sock: socket.socket,
        add: Callable[..., Handle],
        remove: Callable[[int], bool],
        attempt: int = 0,
    ) -> int:
        """Wait until a socket is ready, as it seems; return the number of the next attempt.

        `add` and `remove` are the loop's methods for what is waited for, reading or writing.
        """
        fd = sock.fileno()
        if fd < 0 or self._transports.get(fd) is not None:
            self._ensure_fd_no_transport(fd)
        if attempt >= _FUTILE and not attempt % _FUTILE_STEP:
            await self._rest_from(sock, fd, attempt)
        readiness = _Readiness(self, fd, add, remove)
        try:
            await readiness
        finally:
            if readiness._waiting:
                readiness.release()
        return attempt + 1

    async def _writable_fd(self, fd: int) -> None:
        readiness = _Readiness(self, fd, self._add_writer, self._remove_writer)
        try:
            await readiness
        finally:
            readiness.release()

    async def _rest_from(self, sock: socket.socket, fd: int, attempt: int) -> None:
        """Leave a socket alone for a while that is said to be ready again and again, and is not.

        Its error queue may hold something, which is the program's; or other processes are quicker.
        """
        from asyncio_core.awaiting.tasks import sleep

        if attempt == _FUTILE:
            self._futile_since[fd] = self.time()
        elif attempt == 2 * _FUTILE:
            since = self._futile_since.pop(fd, None)
            if since is not None and self.time() - since < 1:
                self.call_exception_handler(
                    {
                        "message": "a socket is reported as ready again and again, and is not: "
                        "the wait for it rests",
                        "socket": TransportSocket(sock),
                    }
                )
        await sleep(_FUTILE_REST)

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        """Receive up to `n` bytes; b"" at the end. See PEP 3156."""
        if type(sock) is not _PLAIN or self._debug:
            self._check_socket(sock)
        attempt = 0
        while (received := receive(sock, n)) is None:
            attempt = await self._until_ready(sock, self._add_reader, self._remove_reader, attempt)
        return received

    async def sock_recv_into(self, sock: socket.socket, buf: WriteableBuffer) -> int:
        """Receive into the writable buffer `buf` and return the number of bytes.

        Added in Python 3.7.
        """
        if type(sock) is not _PLAIN or self._debug:
            self._check_socket(sock)
        attempt = 0
        while (received := receive_into(sock, buf)) is None:
            attempt = await self._until_ready(sock, self._add_reader, self._remove_reader, attempt)
        return received

    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
        """Receive a datagram of up to `bufsize` bytes; return it with its sender's address.

        Added in Python 3.11.
        """
        if type(sock) is not _PLAIN or self._debug:
            self._check_socket(sock)
        try:
            return sock.recvfrom(bufsize)
        except (BlockingIOError, InterruptedError):
            pass
        received: tuple[bytes, Any] = await self._when_ready(
            sock, self._add_reader, self._remove_reader, "recvfrom", bufsize
        )
        return received

    async def sock_recvfrom_into(
        self, sock: socket.socket, buf: WriteableBuffer, nbytes: int = 0
    ) -> tuple[int, Any]:
        """Receive a datagram into `buf`, at most `nbytes` bytes of it (0: what the buffer holds).

        Returns the number of bytes and the sender's address. Raises ValueError where `nbytes` is
        more than the buffer holds. Added in Python 3.11.
        """
        if type(sock) is not _PLAIN or self._debug:
            self._check_socket(sock)
        try:
            return sock.recvfrom_into(buf, nbytes)
        except (BlockingIOError, InterruptedError):
            pass
        received: tuple[int, Any] = await self._when_ready(
            sock, self._add_reader, self._remove_reader, "recvfrom_into", buf, nbytes
        )
        return received

    async def sock_sendall(self, sock: socket.socket, data: ReadableBuffer) -> None:
        """Send all of the bytes-like `data`.

        After an error or a cancellation nobody can tell how much of it went out. See PEP 3156.
        """
        if type(sock) is not _PLAIN or self._debug:
            self._check_socket(sock)
        sent = send(sock, data) or 0
        # What it comes to as a rule, without another view.
        if type(data) is bytes:
            if sent == len(data):
                return
        elif type(data) is memoryview and sent == data.nbytes:
            return
        with memoryview(data) as whole, whole.cast("B") as view:
            total = len(view)
            attempt = 0
            while sent < total:
                attempt = await self._until_ready(
                    sock, self._add_writer, self._remove_writer, attempt
                )
                more = send(sock, view[sent:])
                if more is not None:
                    sent += more
                    attempt = 0

    async def sock_sendto(self, sock: socket.socket, data: ReadableBuffer, address: Address) -> int:
        """Send one datagram to `address` and return the number of bytes sent.

        A host name is looked up first. Raises ValueError where the address has a null character.
        Added in Python 3.11.
        """
        if type(sock) is not _PLAIN or self._debug:
            self._check_socket(sock)
        if needs_lookup(sock.family, address):
            address = await self._address_for(sock, address)
        try:
            return sock.sendto(data, address)
        except (BlockingIOError, InterruptedError):
            pass
        sent: int = await self._when_ready(
            sock, self._add_writer, self._remove_writer, "sendto", data, address
        )
        return sent

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Accept one connection; return its socket, which does not block, and the peer's address.

        A connection whose wait is cancelled stays in the backlog. See PEP 3156.
        """
        if type(sock) is not _PLAIN or self._debug:
            self._check_socket(sock)
        attempt = 0
        while True:
            accepted = accept(sock)
            if accepted is not None:
                return accepted
            dead = why_dead(sock) if attempt else None
            if dead is not None:
                raise dead
            attempt = await self._until_ready(sock, self._add_reader, self._remove_reader, attempt)

    async def sock_connect(self, sock: socket.socket, address: Address) -> None:
        """Connect to `address`; a host name is looked up first.

        Raises OSError where the peer cannot be reached, ValueError where the address has a null
        character. See PEP 3156.
        """
        if type(sock) is not _PLAIN or self._debug:
            self._check_socket(sock)
        address = await self._address_for(sock, address)
        delay, longest = _FULL_BACKLOG_DELAYS
        while True:
            try:
                sock.connect(address)
            except (BlockingIOError, InterruptedError) as exc:
                in_progress = exc.errno != errno.EAGAIN or sock.family in _INTERNET
            else:
                return
            if in_progress:
                break
            from asyncio_core.awaiting.tasks import sleep

            await sleep(delay)
            delay = min(2 * delay, longest)
        await self._until_ready(sock, self._add_writer, self._remove_writer)
        failure = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            # OSError itself picks the subclass that fits the number.
            raise OSError(failure, f"Connect call failed {address}")
