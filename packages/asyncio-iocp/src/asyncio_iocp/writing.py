"""Writing a stream by completions, for sockets and pipes.

One send is under way at any time. What is written meanwhile is joined, and goes out as one piece with
the next send; the system takes a piece whole or fails.

Completions come in a copy of whatever context the write was made in. That matters to nobody, as the
protocol is told in the transport's own context only.
"""

from __future__ import annotations

import socket

from asyncio_core.interfaces.transports import WriteTransport
from asyncio_iocp.transport_base import _ProactorBasePipeTransport, forget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.awaiting.futures import Future

__all__ = ("MOST_AT_ONCE", "_ProactorBaseWritePipeTransport", "_ProactorWritePipeTransport")

_WRITE_FAILED = "Fatal write error on pipe transport"
# Bytes that go to the system with one call; it takes less than 2 GiB.
MOST_AT_ONCE = 1 << 30


class _ProactorBaseWritePipeTransport(_ProactorBasePipeTransport, WriteTransport):
    """The writing half of a connection or of a pipe."""

    _start_tls_compatible = True
    # Set while a file is sent around the buffer; done when the buffer is empty.
    _empty_waiter: Future[None] | None = None
    _file_sending: Any = None

    def write(self, data: Any) -> None:
        if type(data) is not bytes:
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise TypeError(
                    f"data argument must be a bytes-like object, not {type(data).__name__!r}"
                )
            # A copy: the caller may reuse his buffer at once.
            data = bytes(data)
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._empty_waiter is not None:
            raise RuntimeError("unable to write; sendfile is in progress")
        if not data:
            return
        if self._conn_lost:
            self._lost_write("socket.send()")
            return
        if self._write_fut is None:
            self._loop_writing(data=data)
            return
        if self._buffer is None:
            self._buffer = bytearray(data)
        else:
            self._buffer += data
        self._maybe_pause_protocol()

    def _loop_writing(self, f: Any = None, data: Any = None) -> None:
        """Take note that a send is done, if one is, and send `data` or what waits."""
        if f is not None:
            if f is not self._write_fut:
                # The transport was aborted in between.
                forget(f)
                return
            self._write_fut = None
            self._pending_write = 0
        try:
            if f is not None:
                f.result()
            if data is None:
                data, self._buffer = self._buffer, None
            if data:
                self._send(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            if f is None:
                self._write_failed(exc)
            else:
                self._context.run(self._write_failed, exc)
            return
        if f is not None:
            if self._write_fut is None:
                self._all_written()
            if self._protocol_paused:
                self._context.run(self._maybe_resume_protocol)

    def _send(self, data: Any) -> None:
        if len(data) > MOST_AT_ONCE:
            # The rest waits, as what is written while a send is under way.
            whole = memoryview(data)
            data, self._buffer = whole[:MOST_AT_ONCE], bytearray(whole[MOST_AT_ONCE:])
        writing = self._loop._proactor.send(self._sock, data)
        # True and nothing that merely counts as true: only a real future says so.
        if writing.done() is True:
            # The usual case: nothing to wait for, and no callback to queue.
            writing.result()
            if self._buffer is not None:
                data, self._buffer = self._buffer, None
                self._send(data)
            return
        self._pending_write = len(data)
        self._write_fut = writing
        writing.add_done_callback(self._loop_writing)
        self._maybe_pause_protocol()

    def _write_failed(self, exc: BaseException) -> None:
        self._fatal_error(exc, _WRITE_FAILED)

    def _all_written(self) -> None:
        if self._closing:
            self._conn_lost += 1
            self._end_soon(None)
        elif self._eof_written:
            self._shut_down_writing()
        waiter = self._empty_waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _shut_down_writing(self) -> None:
        """Send EOF; kinds of pipes that have none close instead."""

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.close()

    def close(self) -> None:
        self._stop_sending_file()
        super().close()

    def _force_close(self, exc: BaseException | None) -> None:
        self._stop_sending_file()
        waiter = self._empty_waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(ConnectionError("Connection is closed by peer"))
        super()._force_close(exc)

    # Sending a file around the buffer.

    def _stop_sending_file(self) -> None:
        sending = self._file_sending
        if sending is not None:
            self._file_sending = None
            sending.cancel()

    def _make_empty_waiter(self) -> Future[None]:
        """Return a future that is done when the buffer is empty; until reset, nobody writes."""
        if self._empty_waiter is not None:
            raise RuntimeError("a file is being sent already")
        waiter: Future[None] = self._loop.create_future()
        self._empty_waiter = waiter
        if self._write_fut is None:
            waiter.set_result(None)
        return waiter

    def _reset_empty_waiter(self) -> None:
        self._empty_waiter = None


class _ProactorWritePipeTransport(_ProactorBaseWritePipeTransport):
    """The writing end of a pipe.

    A read that never brings anything ends when the reader at the other end goes away; with a socket, when
    it fails.
    """

    # Bytes. Nothing is ever there to read.
    _peek_size = 16

    def _prepare(self, sock: Any) -> None:
        self._listen(sock)

    def _listen(self, sock: Any) -> None:
        self._read_fut = self._loop._proactor.recv(sock, self._peek_size)
        self._read_fut.add_done_callback(self._pipe_closed)

    def _pipe_closed(self, fut: Any) -> None:
        if fut is not self._read_fut or self._closing:
            forget(fut)
            return
        self._read_fut = None
        told = not fut.cancelled() and fut.exception() is None
        if told and fut.result():
            # A socket may send something, to nobody.
            self._listen(self._sock)
        elif told and issubclass(type(self._sock), socket.socket):
            # Only receiving is over: it was shut down here, or the peer has sent all and waits for an
            # answer. Whether it is gone is found by the next write.
            pass
        elif self._write_fut is not None or self._buffer:
            self._force_close(BrokenPipeError())
        else:
            self.close()
