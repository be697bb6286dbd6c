"""Transports over pipes, FIFOs, terminals and other character devices, and sockets used as pipes."""

from __future__ import annotations

import errno
import os
import stat
from contextvars import copy_context

from asyncio_core import constants, log
from asyncio_core.connections.failures import tell_failure
from asyncio_core.connections.ownership import Owner
from asyncio_core.interfaces.protocols import BufferedProtocol, _feed_data_to_buffered_proto
from asyncio_core.interfaces.transports import ReadTransport, WriteTransport, _FlowControlMixin
from asyncio_selectors.hangups import has_hung_up, shows_hangup_by_reading
from asyncio_selectors.transport_base import watch_reading, watch_writing
from asyncio_selectors.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.scheduling.handles import Handle

__all__ = ("_UnixReadPipeTransport", "_UnixWritePipeTransport")

# What somebody put in the place of `asyncio.unix_events.logger`, by which programs silence it; see `asyncio_core.faces`.
logger: Any = None


class _PipeEnd(Owner):
    """What both ends have in common: an owner of one descriptor, with a context and a protocol."""

    __slots__ = ()

    # Of the slots and the `__dict__` that the ends have.
    _fileno: Any
    _loop: Any
    _pipe: Any
    _closing: Any
    _context: Any
    _owned = "_pipe"

    def _open(self, pipe: Any, protocol: BaseProtocol, kinds: str) -> int:
        """Take `pipe` over and return its mode; raise ValueError where it is nothing to wait for."""
        fd = pipe.fileno()
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
            # A plain file is always "ready", and reading it blocks all the same.
            raise ValueError(f"Pipe transport is for {kinds} only, not for {pipe!r}")
        os.set_blocking(fd, False)
        self._fileno = fd
        self._pipe = pipe
        self._closing = False
        self._context = copy_context()
        self.set_protocol(protocol)
        return mode

    def __repr__(self) -> str:
        state = "closed" if self._pipe is None else "closing" if self._closing else "open"
        return f"<{type(self).__name__} {state} fd={self._fileno} {self._activity()}>"

    def _start(self) -> None:
        self._watch()

    def _not_started(self, exc: BaseException) -> None:
        self._close(exc)

    def _fatal_error(
        self, exc: BaseException, message: str = "Fatal error on pipe transport"
    ) -> None:
        # Whatever the system says of a pipe is told to its protocol, and to nobody else.
        tell_failure(self, exc, message, everyday=self._is_everyday(exc))
        self._close(exc)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(exc)
        finally:
            pipe = self._pipe
            self._pipe = self._protocol = self._loop = None
            pipe.close()

    def _watch_or_end(self, watch: Callable[..., None], *args: Any) -> bool:
        """Call `watch(*args)`; where the system refuses, end the transport and return False."""
        try:
            watch(*args)
        except OSError as exc:
            # Silence would look like an idle pipe.
            self._fatal_error(exc, "Fatal error on pipe transport: the system refuses to watch it")
            return False
        return True

    def _is_open(self) -> bool:
        """Tell whether the number is the pipe's still; if it was closed, it may be another's."""
        try:
            return bool(self._pipe.fileno() == self._fileno)
        except (AttributeError, ValueError):
            return False

    # What an end of each kind has of its own.

    def _activity(self) -> str:
        raise NotImplementedError

    def _watch(self) -> None:
        raise NotImplementedError

    def _is_everyday(self, exc: BaseException) -> bool:
        raise NotImplementedError

    def _close(self, exc: BaseException | None) -> None:
        raise NotImplementedError


class _UnixReadPipeTransport(_PipeEnd, ReadTransport):
    """The reading end of a pipe, which it owns."""

    # What each read asks for. The compiled form finds it there; `__dict__` is for what is rare, and for others.
    __slots__ = ("_fileno", "_pipe", "_protocol", "__dict__", "__weakref__")

    # Bytes asked for at once: as much as a pipe holds on Linux.
    max_size = 64 * 1024

    def __init__(
        self,
        loop: Any,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__({**extra, "pipe": pipe} if extra else {"pipe": pipe})
        self._loop = loop
        self._paused = False
        # The next read of a device that cannot be watched because it never blocks, such as /dev/null.
        self._next_read: Handle | None = None
        self._open(pipe, protocol, "pipes/sockets")
        loop.call_soon(self._begin, waiter, context=self._context)

    def _activity(self) -> str:
        return "reading" if self.is_reading() else "idle"

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def _watch(self) -> None:
        if not self.is_reading():
            return
        try:
            self._add_reader(self._fileno, self._read_ready)
        except PermissionError:
            # So epoll says that there is nothing to wait for.
            self._read_soon()

    def _add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        if self.is_reading():
            watch_reading(self._loop, fd, callback, self._context)

    def _read_soon(self) -> None:
        self._next_read = self._loop.call_soon(self._read_unwatched, context=self._context)

    def _read_unwatched(self) -> None:
        # Everybody else has a turn in between: /dev/zero has no end. What the protocol does about the
        # data, pausing say, is about the next read already.
        self._read_soon()
        self._read_ready()

    def _unwatch(self) -> None:
        following, self._next_read = self._next_read, None
        if following is not None:
            following.cancel()
        if self._is_open():
            self._loop._remove_reader(self._fileno)

    def pause_reading(self) -> None:
        if self.is_reading():
            self._paused = True
            self._unwatch()
            if self._loop.get_debug():
                log.logger.debug("%r pauses reading", self)

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            if self._watch_or_end(self._watch) and self._loop.get_debug():
                log.logger.debug("%r resumes reading", self)

    def _read_ready(self) -> None:
        try:
            data = os.read(self._fileno, self.max_size)
        except OSError as exc:
            self._read_failed(exc)
            return
        if not data:
            self._read_eof()
        elif isinstance(self._protocol, BufferedProtocol):
            _feed_data_to_buffered_proto(self._protocol, data)
        else:
            self._protocol.data_received(data)

    def _read_failed(self, exc: OSError) -> None:
        if not isinstance(exc, (BlockingIOError, InterruptedError)):
            self._fatal_error(exc, "Fatal read error on pipe transport")

    def _read_eof(self) -> None:
        """Nobody writes any more."""
        if self._loop.get_debug():
            log.logger.info("%r was closed by peer", self)
        self._closing = True
        self._unwatch()
        self._loop.call_soon(self._protocol.eof_received, context=self._context)
        self._loop.call_soon(self._call_connection_lost, None, context=self._context)

    def close(self) -> None:
        if not self._closing:
            self._close(None)

    def _close(self, exc: BaseException | None) -> None:
        self._closing = True
        try:
            self._unwatch()
        finally:
            self._loop.call_soon(self._call_connection_lost, exc, context=self._context)

    def _is_everyday(self, exc: BaseException) -> bool:
        # EIO is how a terminal says that its other side is gone: an end, not a mistake.
        return isinstance(exc, OSError) and exc.errno == errno.EIO


class _UnixWritePipeTransport(_PipeEnd, _FlowControlMixin, WriteTransport):
    """The writing end of a pipe, which it owns.

    Pipes and sockets show by becoming "readable" that nobody reads at the other end any more.
    """

    # What each write asks for.
    __slots__ = (
        *("_fileno", "_pipe", "_protocol", "_closing", "_conn_lost", "_buffer"),
        *("__dict__", "__weakref__"),
    )

    # Set by who knows that a pipe may be closed again at once, as that to a child which is told one thing: it is not watched
    # for that until `_lose_patience()` is called.
    _patience = False

    def __init__(
        self,
        loop: Any,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[None] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__({**extra, "pipe": pipe} if extra else {"pipe": pipe}, loop)
        self._buffer = bytearray()
        self._conn_lost = 0
        # connection_lost() was called, or is about to be.
        self._ended = False
        mode = self._open(pipe, protocol, "pipes, sockets and character devices")
        self._is_socket = stat.S_ISSOCK(mode)
        self._is_pipe = stat.S_ISFIFO(mode)
        loop.call_soon(self._begin, waiter, context=self._context)

    def _activity(self) -> str:
        return f"bufsize={len(self._buffer)}"

    def _watch(self) -> None:
        if self._closing or self._patience:
            return
        if self._is_socket or (self._is_pipe and shows_hangup_by_reading(self._fileno)):
            watch_reading(self._loop, self._fileno, self._read_ready, self._context)

    def _lose_patience(self) -> None:
        if not self._closing:
            self._patience = False
            self._watch_or_end(self._watch)

    def _is_everyday(self, exc: BaseException) -> bool:
        return isinstance(exc, OSError)

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def _read_ready(self) -> None:
        """There is something to read: the reader has gone away, or a socket has another story."""
        if self._is_socket and not has_hung_up(self._fileno):
            # It would be told again and again. A later end is found by the next write.
            self._loop._remove_reader(self._fileno)
            return
        if self._loop.get_debug():
            log.logger.info("%r was closed by peer", self)
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
                (logger or log.logger).warning(
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
        self._keep_rest(data, sent)

    def _keep_rest(self, data: Any, sent: int) -> None:
        """Keep what is left of `data`, of which so many bytes have gone out, until there is room."""
        if not self._buffer:
            terms = (self._loop, self._fileno, self._write_ready, self._context)
            if not self._watch_or_end(watch_writing, *terms):
                return
        self._buffer += memoryview(data).cast("B")[sent:]
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

    def _close(self, exc: BaseException | None = None) -> None:
        if self._ended:
            return
        self._ended = self._closing = True
        waiting = bool(self._buffer)
        self._buffer.clear()
        try:
            if (waiting or not self._patience) and self._is_open():
                self._loop._remove_writer(self._fileno)
                self._loop._remove_reader(self._fileno)
        finally:
            self._loop.call_soon(self._call_connection_lost, exc, context=self._context)


_PyUnixReadPipeTransport = _UnixReadPipeTransport
_PyUnixWritePipeTransport = _UnixWritePipeTransport

if not TYPE_CHECKING and twins is not None:

    class _UnixReadPipeTransport(_PyUnixReadPipeTransport):
        """The reading end of a pipe, which it owns, with what each read goes through compiled."""

        __slots__ = ()

    class _UnixWritePipeTransport(_PyUnixWritePipeTransport):
        """The writing end of a pipe, which it owns, with what each write goes through compiled."""

        __slots__ = ()

    twins.adopt_pipes(
        (_UnixReadPipeTransport, _PyUnixReadPipeTransport),
        (_UnixWritePipeTransport, _PyUnixWritePipeTransport),
    )
