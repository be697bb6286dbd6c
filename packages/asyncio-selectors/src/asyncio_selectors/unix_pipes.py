"""Transports over pipes, FIFOs, terminals and other character devices, and sockets used as pipes."""

from __future__ import annotations

import errno
import os
import stat
import sys
import warnings
from contextvars import copy_context

from asyncio_core import constants
from asyncio_core.failures import tell_failure
from asyncio_core.protocols import BufferedProtocol, _feed_data_to_buffered_proto
from asyncio_core.transports import ReadTransport, WriteTransport, _FlowControlMixin
from asyncio_selectors.transport_base import watch_reading, watch_writing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.futures import Future
    from asyncio_core.protocols import BaseProtocol

__all__ = ("_UnixReadPipeTransport", "_UnixWritePipeTransport")


def _opened(pipe: Any, kind: str) -> tuple[int, int]:
    """Return descriptor and mode of `pipe`; raise ValueError where it is nothing to wait for."""
    fd = pipe.fileno()
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
        # A plain file is always "ready", and reading it blocks all the same.
        raise ValueError(f"Pipe transport is for {kind} only.")
    return fd, mode


def _answer(waiter: Future[None] | None, failure: OSError | None) -> None:
    """Tell whoever waits for a transport to be up how that went."""
    if waiter is None or waiter.done():
        return
    if failure is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(failure)


def _describe(transport: Any, *words: str) -> str:
    """One form of repr for both: what it is, whether it is open, and `words` of its own."""
    state = "closed" if transport._pipe is None else "closing" if transport._closing else "open"
    return f"<{' '.join((type(transport).__name__, state, f'fd={transport._fileno}', *words))}>"


class _UnixReadPipeTransport(ReadTransport):
    """The reading end of a pipe, which it owns."""

    # Bytes asked for at once: as much as a pipe holds on Linux.
    max_size = 64 * 1024

    _pipe: Any = None

    def __init__(
        self,
        loop: Any,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__({**(extra or {}), "pipe": pipe})
        self._loop = loop
        self._fileno, _ = _opened(pipe, "pipes/sockets")
        os.set_blocking(self._fileno, False)
        self._pipe = pipe
        self._closing = False
        self._paused = False
        self._context = copy_context()
        self.set_protocol(protocol)
        loop.call_soon(self._begin, waiter, context=self._context)

    def __repr__(self) -> str:
        return _describe(self, "reading" if self.is_reading() else "idle")

    def __del__(self, _warn: Any = warnings.warn) -> None:
        pipe = self._pipe
        if pipe is not None:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._pipe = None
            pipe.close()

    def _begin(self, waiter: Future[None] | None) -> None:
        try:
            self._protocol.connection_made(self)
        finally:
            failure = None
            try:
                self._start_reading()
            except OSError as exc:
                # The system cannot watch every device: epoll refuses /dev/null.
                failure = exc
                self._close(exc)
            _answer(waiter, failure)

    def set_protocol(self, protocol: BaseProtocol) -> None:
        self._protocol: Any = protocol

    def get_protocol(self) -> BaseProtocol:
        return self._protocol  # type: ignore[no-any-return]

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def _start_reading(self) -> None:
        if self.is_reading():
            watch_reading(self._loop, self._fileno, self._read_ready, self._context)

    def pause_reading(self) -> None:
        if self.is_reading():
            self._paused = True
            self._loop._remove_reader(self._fileno)

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            self._start_reading()

    def _read_ready(self) -> None:
        try:
            data = os.read(self._fileno, self.max_size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._fatal_error(exc, "Fatal read error on pipe transport")
            return
        if not data:
            self._closing = True
            self._loop._remove_reader(self._fileno)
            self._loop.call_soon(self._protocol.eof_received, context=self._context)
            self._loop.call_soon(self._call_connection_lost, None, context=self._context)
        elif isinstance(self._protocol, BufferedProtocol):
            _feed_data_to_buffered_proto(self._protocol, data)
        else:
            self._protocol.data_received(data)

    def close(self) -> None:
        if not self._closing:
            self._close(None)

    def _close(self, exc: BaseException | None) -> None:
        self._closing = True
        self._loop._remove_reader(self._fileno)
        self._loop.call_soon(self._call_connection_lost, exc, context=self._context)

    def _fatal_error(self, exc: OSError, message: str) -> None:
        # EIO is how a terminal says that its other side is gone: an end, not a mistake.
        tell_failure(self, exc, message, everyday=exc.errno == errno.EIO)
        self._close(exc)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(exc)
        finally:
            pipe = self._pipe
            self._pipe = self._protocol = self._loop = None
            pipe.close()


class _UnixWritePipeTransport(_FlowControlMixin, WriteTransport):
    """The writing end of a pipe, which it owns.

    Pipes and sockets show by becoming "readable" that nobody reads at the other end any more.
    """

    _loop: Any
    _pipe: Any = None

    def __init__(
        self,
        loop: Any,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__({**(extra or {}), "pipe": pipe}, loop)
        self._fileno, mode = _opened(pipe, "pipes, sockets and character devices")
        os.set_blocking(self._fileno, False)
        self._pipe = pipe
        self._protocol = protocol
        self._buffer = bytearray()
        self._conn_lost = 0
        self._closing = False
        # connection_lost() was called, or is about to be.
        self._ended = False
        self._context = copy_context()
        # Elsewhere than on Linux a FIFO in the file system is readable at both ends while it holds
        # data, and AIX polls pipes wrongly; there the next write finds out.
        self._notices_hangup = stat.S_ISSOCK(mode) or (
            stat.S_ISFIFO(mode)
            and not sys.platform.startswith("aix")
            and (sys.platform == "linux" or not os.fstat(self._fileno).st_nlink)
        )
        loop.call_soon(self._begin, waiter, context=self._context)

    def __repr__(self) -> str:
        return _describe(self, f"bufsize={self.get_write_buffer_size()}")

    def __del__(self, _warn: Any = warnings.warn) -> None:
        pipe = self._pipe
        if pipe is not None:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._pipe = None
            pipe.close()

    def _begin(self, waiter: Future[None] | None) -> None:
        try:
            self._protocol.connection_made(self)
        finally:
            failure = None
            try:
                if self._notices_hangup and not self._closing:
                    watch_reading(self._loop, self._fileno, self._read_ready, self._context)
            except OSError as exc:
                # The system watches no more descriptors.
                failure = exc
                self._close(exc)
            _answer(waiter, failure)

    def set_protocol(self, protocol: BaseProtocol) -> None:
        self._protocol: Any = protocol

    def get_protocol(self) -> BaseProtocol:
        return self._protocol  # type: ignore[no-any-return]

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def _read_ready(self) -> None:
        """The reader has gone away."""
        self._close(BrokenPipeError() if self._buffer else None)

    def write(self, data: Any) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"data argument must be a bytes-like object, not {type(data).__name__!r}"
            )
        if not data:
            return
        if self._conn_lost or self._closing:
            if self._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
                # By this name, which is the one that programs silence.
                from asyncio_selectors import unix_events

                unix_events.logger.warning(
                    "pipe closed by peer or os.write(pipe, data) raised exception."
                )
            self._conn_lost += 1
            return
        if isinstance(data, memoryview):
            data = data.cast("B") if data.c_contiguous else data.tobytes()
        sent = 0
        if not self._buffer:
            try:
                sent = os.write(self._fileno, data)
            except (BlockingIOError, InterruptedError):
                pass
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as exc:
                self._write_failed(exc)
                return
            if sent == len(data):
                return
            watch_writing(self._loop, self._fileno, self._write_ready, self._context)
        self._buffer += memoryview(data)[sent:]
        self._maybe_pause_protocol()

    def _write_ready(self) -> None:
        waiting = self._buffer
        try:
            del waiting[: os.write(self._fileno, waiting)]
        except (BlockingIOError, InterruptedError):
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._write_failed(exc)
            return
        # May write more, or close.
        self._maybe_resume_protocol()
        if waiting or self._ended:
            return
        self._loop._remove_writer(self._fileno)
        if self._closing:
            self._ended = True
            self._loop._remove_reader(self._fileno)
            self._call_connection_lost(None)

    def _write_failed(self, exc: BaseException) -> None:
        self._conn_lost += 1
        self._fatal_error(exc, "Fatal write error on pipe transport")

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self._buffer:
            self._close(None)

    def close(self) -> None:
        # For a pipe the end of writing is the end of everything.
        if self._pipe is not None and not self._closing:
            self.write_eof()

    def abort(self) -> None:
        self._close(None)

    def _fatal_error(self, exc: BaseException, message: str) -> None:
        tell_failure(self, exc, message, everyday=isinstance(exc, OSError))
        self._close(exc)

    def _close(self, exc: BaseException | None = None) -> None:
        if self._ended:
            return
        self._ended = self._closing = True
        loop, fd = self._loop, self._fileno
        loop._remove_writer(fd)
        loop._remove_reader(fd)
        self._buffer.clear()
        loop.call_soon(self._call_connection_lost, exc, context=self._context)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(exc)
        finally:
            pipe = self._pipe
            self._pipe = self._protocol = self._loop = None
            pipe.close()
