"""The part of a loop that sends files: by the operating system, or else by reading and writing.

The system's own call moves the bytes without copying them through the program, but does not
know every kind of file, socket and transport. Where it does not apply, a file is read in an
executor's thread, piece by piece, no faster than the peer takes it. Either way the file is left
standing behind the last byte that was handed over, whatever it was that ended the sending.
"""

from __future__ import annotations

import functools
import os
import socket

from asyncio_core import constants
from asyncio_core.connections.failures import failure_of_call, tell_failure
from asyncio_core.connections.hooks import IOPart
from asyncio_core.connections.socket_options import _check_ssl_socket
from asyncio_core.exceptions import CancelledError, SendfileNotAvailableError
from asyncio_core.interfaces.protocols import (
    BufferedProtocol,
    Protocol,
    _feed_data_to_buffered_proto,
)
from asyncio_core.interfaces.transports import _FlowControlMixin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import IO, Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.transports import BaseTransport, WriteTransport


def regular_file(file: Any) -> tuple[int, int]:
    """Give descriptor and size in bytes of *file*, if a system's call can send it: a plain file.

    Raises :exc:`SendfileNotAvailableError` for any other.
    """
    from stat import S_ISREG

    try:
        fd = file.fileno()
        status = os.fstat(fd)
    except (AttributeError, TypeError, ValueError, OSError) as exc:
        raise SendfileNotAvailableError("not a regular file") from exc
    if not S_ISREG(status.st_mode):
        raise SendfileNotAvailableError("not a regular file")
    return fd, status.st_size


class FileSendingPart(IOPart):
    """sendfile() and sock_sendfile()."""

    async def sendfile(
        self,
        transport: WriteTransport,
        file: IO[bytes],
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool = True,
    ) -> int:
        """Send a file through *transport* and give the number of bytes sent.

        *file* is open in binary mode; sending starts *offset* bytes into it and ends after
        *count* bytes or, with None, at its end. What the transport has buffered goes first.
        Where the system's call cannot be used (over TLS, for one) the loop reads and writes by
        itself, or with *fallback* false raises :exc:`SendfileNotAvailableError`.

        Raises :exc:`RuntimeError` for a transport that is closing or cannot send files, and
        :exc:`ConnectionError` when the peer goes away. The file's position tells in every case
        how far it got. Added in Python 3.7.
        """
        if transport.is_closing():
            raise RuntimeError("Transport is closing")
        modes = constants._SendfileMode
        mode = getattr(transport, "_sendfile_compatible", modes.UNSUPPORTED)
        if mode is modes.UNSUPPORTED:
            raise RuntimeError(f"sendfile is not supported for transport {transport!r}")
        if mode is modes.FALLBACK and not fallback:
            raise RuntimeError(f"no native sendfile for {transport!r}, and fallback is disabled")
        _check_file_range(file, offset, count)
        by_hand = functools.partial(self._sendfile_fallback, transport, file, offset, count)
        if mode is modes.FALLBACK:
            return await by_hand()
        native = self._sendfile_native(transport, file, offset, count)
        return await _natively(native, by_hand if fallback else None)

    async def _sendfile_native(
        self, transp: Any, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        raise SendfileNotAvailableError("sendfile syscall is not supported")

    async def _send_behind_buffer(self, transp: Any, sending: Coroutine[Any, Any, int]) -> int:
        """Await *sending*, which writes to the socket of *transp*, behind what waits in its buffer.

        Meanwhile nobody else writes. Gives what it gives. Where the system fails, nobody knows what
        the peer has: the stream ends, as after a write that failed.
        """
        try:
            waiter = transp._make_empty_waiter()
        except BaseException:
            sending.close()
            raise
        # Reading rests: a protocol that answers now would write into the middle of the file.
        was_reading = transp.is_reading()
        transp.pause_reading()

        def give_back(failure: BaseException | None) -> None:
            transp._file_sending = None
            transp._reset_empty_waiter()
            if was_reading:
                transp.resume_reading()
            if failure is not None and not transp.is_closing():
                # Now that reading goes on: what the peer has answered is received before the end.
                transp._write_error = None
                transp._write_failed(failure)

        async def send() -> int:
            try:
                return await sending
            except OSError as exc:
                # At once: the system tells of a reset one time only, and what is read next would
                # look like an end in good order.
                give_back(exc)
                raise

        try:
            await waiter
            if transp.is_closing():
                # close() let the buffer out, and with its last byte the descriptor went: its
                # number may be somebody else's by now.
                raise ConnectionError("Connection is closed")
            # A task, so that a transport which is closed meanwhile can stop it.
            task = self.create_task(send())
            transp._file_sending = task
            try:
                return await task
            except CancelledError:
                if transp.is_closing() and not transp._file_sending:
                    raise ConnectionError("Connection is closed") from None
                raise
        finally:
            # It may not have begun.
            sending.close()
            if transp._empty_waiter is waiter:
                # That the buffer could not be sent may come together with a cancellation.
                told = waiter.done() and not waiter.cancelled()
                give_back(waiter.exception() if told else None)

    async def _sendfile_fallback(
        self, transp: Any, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        stand_in = _SendfileFallbackProtocol(transp)

        async def write(piece: memoryview) -> None:
            await stand_in.drain()
            transp.write(piece)

        try:
            return await self._copy_file(file, offset, count, write)
        finally:
            await stand_in.restore()

    async def sock_sendfile(
        self,
        sock: socket.socket,
        file: IO[bytes],
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool | None = True,
    ) -> int:
        """Send a file over a connected stream socket and give the number of bytes sent.

        *sock* is non-blocking. Arguments and position are as for :meth:`sendfile`. Raises
        :exc:`ValueError` and :exc:`TypeError` for arguments that do not fit,
        :exc:`SendfileNotAvailableError` where the system cannot and *fallback* is false.
        Added in Python 3.7.
        """
        self._check_sendfile_params(sock, file, offset, count)
        by_hand = functools.partial(self._sock_sendfile_fallback, sock, file, offset, count)
        native = self._sock_sendfile_native(sock, file, offset, count)
        return await _natively(native, by_hand if fallback else None)

    async def _sock_sendfile_fallback(
        self, sock: socket.socket, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        return await self._copy_file(
            file, offset, count, functools.partial(self.sock_sendall, sock)
        )

    def _check_sendfile_params(
        self, sock: socket.socket, file: IO[bytes], offset: int, count: int | None
    ) -> None:
        _check_ssl_socket(sock)
        # Asking costs a system call on some platforms, so it is for debug mode only.
        if self._debug and sock.gettimeout() != 0:
            raise ValueError(f"the socket must be non-blocking, not {sock!r}")
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"only SOCK_STREAM type sockets are supported, not {sock!r}")
        _check_file_range(file, offset, count)

    async def _copy_file(
        self,
        file: IO[bytes],
        offset: int,
        count: int | None,
        write: Callable[[memoryview], Awaitable[None]],
    ) -> int:
        """Read pieces in a thread, hand each to *write*; gives the number of bytes handed over.

        A piece counts once *write* has returned.
        """
        size = constants.SENDFILE_FALLBACK_READBUFFER_SIZE
        if count is not None:
            size = min(size, count)
        space = memoryview(bytearray(size))
        total = 0
        reader = _FileReader(file, offset)
        try:
            while count is None or total < count:
                room = space if count is None else space[: count - total]
                got = await self.run_in_executor(None, reader.read_into, room)
                if not got:
                    break
                await write(room[:got])
                total += got
            return total
        finally:
            reader.leave_at(offset + total)


class _FileReader:
    """Reads a file from other threads, and leaves it where it is told to.

    Cancelling the wait for a thread does not stop the thread: a read that is still on its way
    moves the position later. So the thread looks afterwards whether it was left behind.
    """

    def __init__(self, file: IO[bytes], offset: int) -> None:
        self._file = file
        self._seekable = hasattr(file, "seek")
        self._final: int | None = None
        if self._seekable:
            file.seek(offset)

    def read_into(self, room: memoryview) -> int:
        """Fill *room* as far as one read does; 0 at the end of the file."""
        file = self._file
        readinto = getattr(file, "readinto", None)
        if readinto is not None:
            got = readinto(room) or 0
        else:
            data = file.read(len(room))
            got = len(data)
            room[:got] = data
        if self._final is not None and self._seekable:
            file.seek(self._final)
        return got

    def leave_at(self, position: int) -> None:
        """Set the file's position for good; nothing that was read later counts."""
        # First the note, then the seek: whichever thread comes second ends up right.
        self._final = position
        if self._seekable:
            self._file.seek(position)


class _SendfileFallbackProtocol(Protocol):
    """Stands in for a transport's protocol while a file is written through the transport.

    The application's protocol must not be told to go on writing in the middle of a file, and
    must not receive anything that could make it answer there. :meth:`restore` gives it back
    the transport and tells it what changed meanwhile.

    Reading is paused. Whoever resumes it all the same (a task that reads from a stream does) gets
    what comes of it once the file is sent.
    """

    def __init__(self, transp: Any) -> None:
        if not isinstance(transp, _FlowControlMixin):
            raise TypeError("transport should be _FlowControlMixin instance")
        self._transport: Any = transp
        self._proto: Any = transp.get_protocol()
        self._was_reading = transp.is_reading()
        self._was_paused = transp._protocol_paused
        self._paused = self._was_paused
        self._writable: Future[None] | None = None
        self._lost = False
        self._error: Exception | None = None
        # What was received meanwhile.
        self._early: list[bytes] = []
        self._early_eof = False
        transp.pause_reading()
        transp.set_protocol(self)

    async def drain(self) -> None:
        """Wait until the transport wants more; raises when the connection is over."""
        transp = self._transport
        if self._paused and not self._is_over():
            self._writable = transp._loop.create_future()
            try:
                await self._writable
            finally:
                self._writable = None
        if self._is_over():
            broken = self._error or getattr(transp, "_write_error", None)
            raise broken or ConnectionError("Connection closed by peer")

    def _is_over(self) -> bool:
        """Tell whether nothing more can be sent, though what was received may still be read."""
        transp = self._transport
        if self._lost or transp.is_closing():
            return True
        return getattr(transp, "_write_error", None) is not None

    def _wake(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    async def restore(self) -> None:
        """Give the transport back to its protocol, in the state that it is in now."""
        self._transport.set_protocol(self._proto)
        if self._lost:
            return
        if self._was_reading:
            self._transport.resume_reading()
        if self._was_paused and not self._paused:
            self._proto.resume_writing()
        elif self._paused and not self._was_paused:
            self._proto.pause_writing()
        self._hand_over()

    def _hand_over(self) -> None:
        """Tell the application's protocol what was received before it had the transport back."""
        if isinstance(self._proto, BufferedProtocol):
            take = functools.partial(_feed_data_to_buffered_proto, self._proto)
        else:
            take = self._proto.data_received
        keep_open: Any = True
        failure = None
        for data in self._early:
            _, failure = failure_of_call(take, data)
            if failure is not None:
                break
        else:
            if self._early_eof:
                keep_open, failure = failure_of_call(self._proto.eof_received)
        self._early.clear()
        self._early_eof = False
        transp = self._transport
        if failure is not None:
            tell_failure(transp, failure, "Fatal error: a protocol's call failed.", everyday=False)
            transp._force_close(failure)
        elif not keep_open:
            transp.close()

    def connection_made(self, transport: BaseTransport) -> None:
        raise RuntimeError("the connection is there before a file is sent through it")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._error = exc
        self._wake()
        self._hand_over()
        self._proto.connection_lost(exc)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    def data_received(self, data: bytes) -> None:
        self._early.append(data)
        self._was_reading = True
        self._transport.pause_reading()
        if self._is_over():
            # Nothing else would tell, now that nobody reads.
            self._wake()

    def eof_received(self) -> bool | None:
        self._early_eof = True
        # A transport that can close one direction alone goes on to the end of the file.
        return bool(self._transport.can_write_eof())


async def _natively(native: Awaitable[int], otherwise: Callable[[], Awaitable[int]] | None) -> int:
    """Await *native*; where the system has no such call, take the other way if there is one."""
    try:
        return await native
    except SendfileNotAvailableError:
        if otherwise is None:
            raise
    return await otherwise()


def _check_file_range(file: IO[bytes], offset: int, count: int | None) -> None:
    """Refuse a text file, and an *offset* or *count* that is no number of bytes."""
    if "b" not in getattr(file, "mode", "b"):
        raise ValueError(f"file should be opened in binary mode, not {file!r}")
    numbers = [("offset", offset, 0, "a non-negative integer")]
    if count is not None:
        numbers.append(("count", count, 1, "a positive integer"))
    for name, number, least, wanted in numbers:
        if not isinstance(number, int):
            problem: type[Exception] = TypeError
        elif number < least:
            problem = ValueError
        else:
            continue
        raise problem(f"{name} must be {wanted} (got {number!r})")
