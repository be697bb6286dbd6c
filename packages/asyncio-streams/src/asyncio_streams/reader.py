"""StreamReader: a buffer that the transport fills and one task at a time reads from.

The buffer is one bytearray. New bytes go to its end and what is read is deleted from its front,
which CPython does by moving a start pointer: taking many small pieces out of a large buffer costs
what the pieces cost. (h11's receive buffer relies on the same.) A search that found nothing goes on
where it stopped when more bytes come.

A task that waits says how many bytes it takes for it to go on; until they are there it is not
woken and the transport is not paused. So `readexactly(n)` wakes up once however large n is, and a
task that is cancelled while it waits leaves every byte in the buffer.
"""

from __future__ import annotations

import sys

from asyncio_core.exceptions import IncompleteReadError, LimitOverrunError, drop_own_frame
from asyncio_core.scheduling import events
from asyncio_streams.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Sized
    from traceback import StackSummary
    from typing import Any, Protocol, Self

    from _typeshed import ReadableBuffer

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.interfaces.transports import BaseTransport

    class Separator(ReadableBuffer, Sized, Protocol):
        """Bytes, or what is like them."""


_DEFAULT_LIMIT = 2**16  # 64 KiB

_ALL = sys.maxsize  # more bytes than can come: only the end of the stream satisfies this

# Since Python 3.15: gives the memory of a bytearray away as bytes, without a copy.
_take_bytes: Callable[[bytearray], bytes] | None = getattr(bytearray, "take_bytes", None)


class StreamReader:
    """The receiving side of a stream. It is an asynchronous iterator over lines.

    `limit` is the length in bytes, the separator not counted, that `readline()` and `readuntil()`
    accept at most; ValueError if it is not positive. When the buffer holds more than twice as
    much, the transport is paused until it is read down to the limit. `loop` is the event loop, by
    default the current one. Added in Python 3.4.
    """

    __slots__ = (
        *(
            "_limit",
            "_loop",
            "_buffer",
            "_eof",
            "_exception",
            "_data_first",
            "_transport",
            "_paused",
        ),
        *("_waiter", "_wanted"),
        *("__dict__", "__weakref__"),  # of subclasses, and of who keeps something with a reader
    )

    _source_traceback: StackSummary | None = None

    def __init__(self, limit: int = _DEFAULT_LIMIT, loop: AbstractEventLoop | None = None) -> None:
        if limit <= 0:
            raise ValueError(f"the limit has to be positive, not {limit!r}")
        self._limit = limit
        self._loop = events.get_event_loop() if loop is None else loop
        self._buffer = bytearray()
        self._eof = False
        self._exception: Exception | None = None
        # The exception is the connection's end, and stands behind what was received before it.
        self._data_first = False
        self._transport: Any = None
        self._paused = False
        # At most one task waits, for the buffer to hold _wanted bytes or the stream to end.
        self._waiter: Future[None] | None = None
        self._wanted = 1
        if self._loop.get_debug():
            from asyncio_core.format_helpers import extract_stack

            self._source_traceback = extract_stack(sys._getframe(1))

    def __repr__(self) -> str:
        words = [type(self).__name__]
        if self._buffer:
            words.append(f"{len(self._buffer)} bytes")
        if self._eof:
            words.append("eof")
        if self._limit != _DEFAULT_LIMIT:
            words.append(f"limit={self._limit}")
        for name in ("waiter", "exception", "transport"):
            value = getattr(self, f"_{name}")
            if value is not None:
                words.append(f"{name}={value!r}")
        if self._paused:
            words.append("paused")
        return f"<{' '.join(words)}>"

    def _waited_for(self) -> dict[str, object]:
        return {"kind": "stream", "transport": self._transport}

    # The side of the protocol.

    def exception(self) -> Exception | None:
        """Return the exception that ended the stream, or None."""
        return self._exception

    def set_exception(self, exc: Exception) -> None:
        """End the stream with `exc`: it is raised by the read that waits and all later ones.

        When it is the connection that ended, later reads first give what was received, as far as
        they can be satisfied with it.
        """
        self._exception = exc
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.cancelled():
                waiter.set_exception(exc)

    def set_transport(self, transport: BaseTransport) -> None:
        """Name the transport to pause and resume. It can be set once."""
        assert self._transport is None, "the transport is already set"
        self._transport = transport

    def feed_data(self, data: bytes | bytearray | memoryview) -> None:
        """Add `data` to the buffer; pause the transport if that is too much."""
        assert not self._eof, "feed_data() after feed_eof()"
        if not data:
            return
        self._buffer += data
        size = len(self._buffer)
        if self._waiter is not None:
            if size < self._wanted:
                return
            self._wakeup_waiter()
        if size > 2 * self._limit and not self._paused and self._transport is not None:
            try:
                self._transport.pause_reading()
            except NotImplementedError:
                self._transport = None  # one that can not be paused; do not ask it again
            else:
                self._paused = True

    def feed_eof(self) -> None:
        """Say that no more data will come."""
        self._eof = True
        self._wakeup_waiter()

    def _wakeup_waiter(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.cancelled():
                waiter.set_result(None)

    # The side of the reading task.

    def at_eof(self) -> bool:
        """Tell whether the stream has ended and all of it was read."""
        return self._eof and not self._buffer

    async def read(self, n: int = -1) -> bytes:
        """Read up to `n` bytes, or with a negative `n` everything up to the end of the stream.

        Waits only while there is nothing at all. Empty bytes mean that the stream has ended (or
        that `n` is 0). Raises the exception that ended the stream, if one did: with a positive
        `n` when all that was received before it has been read, with a negative one at once, as
        nobody knows what is missing.
        """
        self._raise_if_failed()
        if n < 0:
            while not self._eof:
                await self._wait_for_data("read", _ALL)
        else:
            while n and not (self._buffer or self._eof):
                await self._wait_for_data("read")
        return self._take(n)

    async def readexactly(self, n: int) -> bytes:
        """Read `n` bytes, neither more nor less.

        Raises ValueError if `n` is negative, and IncompleteReadError, with what there was in its
        `partial`, if the stream ends before. The limit does not apply.
        """
        if n < 0:
            raise ValueError(f"the size to read can not be less than zero, as {n!r} is")
        self._raise_if_failed()
        while n > len(self._buffer):
            if not self._eof:
                await self._wait_for_data("readexactly", n)
            else:
                raise IncompleteReadError(self._take(), n)
        return self._take(n)

    async def readline(self) -> bytes:
        r"""Read a line, up to and with its ``b"\n"``.

        If the stream ends first, gives what there is, which may be empty. Raises ValueError for a
        line longer than the limit; the line is then dropped from the buffer, or as much of it as
        has come.
        """
        if self._exception is None or self._data_first:
            length = self._buffer.find(b"\n")
            if 0 <= length <= self._limit:
                return self._take(length + 1)
        try:
            return await self.readuntil(b"\n")
        except IncompleteReadError as error:
            return error.partial
        except LimitOverrunError as error:
            self._take(error.consumed + 1)
            raise ValueError(error.args[0]) from None

    async def readuntil(self, separator: Separator | tuple[Separator, ...] = b"\n") -> bytes:
        """Read up to and with `separator`, or the one of several that ends first.

        `separator` is a bytes-like object or, since Python 3.13, a tuple of them. An empty one or
        an empty tuple raises ValueError. Raises IncompleteReadError, with what there was in its
        `partial`, if the stream ends before, and LimitOverrunError if there would be more than the
        limit in front of the separator; then the data stays in the buffer and can be read with
        other methods.
        """
        if isinstance(separator, tuple):
            separators = sorted(separator, key=len)
            if not separators:
                raise ValueError("Separator should contain one element at least")
        else:
            separators = [separator]
        if not separators[0]:
            raise ValueError("Separator should be one byte long at least")
        self._raise_if_failed()
        return self._take(await self._length_until(separators))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def _length_until(self, separators: Sequence[Any]) -> int:
        """Wait for one of `separators`, shortest first; return the length up to its end."""
        try:
            searched = 0
            while True:
                buffer = self._buffer
                end, size = _first_to_end(buffer, separators, searched)
                if size:
                    if end - size > self._limit:
                        raise LimitOverrunError("a separator is found behind the limit", end - size)
                    return end
                # The longest separator may have begun in the last bytes; nothing begins before them.
                searched = max(0, len(buffer) + 1 - len(separators[-1]))
                if searched > self._limit:
                    raise LimitOverrunError("a separator is not found within the limit", searched)
                if self._eof:
                    raise IncompleteReadError(self._take(), None)
                await self._wait_for_data("readuntil")
        except BaseException as error:
            drop_own_frame(error)
            raise

    async def _wait_for_data(self, func_name: str, wanted: int = 1) -> None:
        """Wait until the buffer holds `wanted` bytes, grew if it holds them already, or ends."""
        try:
            # It may have failed after this task was woken and before it ran.
            if self._exception is not None:
                raise self._exception
            # Two readers would each get pieces of the stream that make sense to neither.
            if self._waiter is not None:
                raise RuntimeError(
                    f"{func_name}() called while another coroutine is already waiting for incoming data"
                )
            assert not self._eof, "waiting for data after the end of the stream"
            if self._paused:
                self._resume()
            self._waiter = waiter = self._loop.create_future()
            self._wanted = wanted
            try:
                await waiter
            finally:
                if self._waiter is waiter:
                    self._waiter = None
        except BaseException as error:
            drop_own_frame(error)
            raise

    def _raise_if_failed(self) -> None:
        try:
            exc = self._exception
            if exc is not None and not (self._data_first and self._buffer):
                raise exc
        except BaseException as error:
            drop_own_frame(error)
            raise

    def _take(self, n: int = -1) -> bytes:
        """Remove and return the first `n` bytes, or all of them if `n` is negative."""
        buffer = self._buffer
        if 0 <= n < len(buffer):
            data = bytes(memoryview(buffer)[:n])
            del buffer[:n]
        elif _take_bytes is not None:
            data = _take_bytes(buffer)
        else:
            data = bytes(buffer)
            buffer.clear()
        self._maybe_resume_transport()
        return data

    def _maybe_resume_transport(self) -> None:
        """Let the transport go on where it was paused and the buffer is down to the limit.

        Also for those who delete from the buffer themselves, to get over a line that is too long.
        """
        if self._paused and len(self._buffer) <= self._limit:
            self._resume()

    def _resume(self) -> None:
        self._paused = False
        self._transport.resume_reading()

    def _replace_transport(self, transport: Any) -> None:
        self._move_to(transport)

    def _move_to(self, transport: Any) -> None:
        """Read from `transport` from now on: TLS has started on the connection."""
        self._transport = transport
        self._paused = False


def _first_to_end(buffer: bytearray, separators: Sequence[Any], start: int) -> tuple[int, int]:
    """Find the separator whose end comes first; return the end and the separator's length.

    Of several with the same end it is the shortest, as they come in this order. The length is 0 if
    there is none.
    """
    end, size = len(buffer) + 1, 0
    for separator in separators:
        place = buffer.find(separator, start, end - 1)
        if place >= 0:
            size = len(separator)
            end = place + size
    return end, size


if not TYPE_CHECKING and twins is not None:
    twins.adopt_reader(StreamReader)
