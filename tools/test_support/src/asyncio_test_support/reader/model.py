"""What a StreamReader does, by its documentation and this project's tests: bytes, and no word of how it is fast.

A read that cannot be done yet says how many bytes have to be there for it to go on; every attempt of a read looks at
all there is, from the front. What is ready goes on in the order in which it became ready, as on a loop.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio_test_support.reader.operations import Pausing, Read

#: What became of a read: a word, and what goes with it.
Outcome = tuple[Any, ...]

_EVERYTHING = sys.maxsize
CANCELLED: Outcome = ("cancelled",)
BUSY: Outcome = ("busy",)
END: Outcome = ("end",)
TOO_LONG: Outcome = ("too long",)
#: What the methods say to an argument that makes no sense.
REFUSED: Outcome = ("refused",)


@dataclasses.dataclass(eq=False)
class Reading:
    """A read, from its beginning until it has an outcome."""

    call: Read
    outcome: Outcome | None = None
    began: bool = False
    cancelled: bool = False
    #: While it waits: for so many bytes.
    wanted: int = 0
    #: What it is woken with instead of bytes.
    error: Exception | None = None
    lines: list[bytes] = dataclasses.field(default_factory=list)


class Model:
    """A stream's bytes, its end, who waits, and what the transport was told."""

    def __init__(self, limit: int, pausing: Pausing) -> None:
        self.limit = limit
        self.buffer = b""
        self.eof = False
        self.exception: Exception | None = None
        self.data_first = False
        self.pausing = pausing
        self.paused = False
        self.told: list[str] = []
        self.waiter: Reading | None = None
        self.ready: list[Reading] = []

    # What comes.

    def feed(self, data: bytes) -> None:
        """Take bytes; wake who waits for no more than these; have the transport pause where it is too much."""
        if not data:
            return
        self.buffer += data
        waiter = self.waiter
        if waiter is not None:
            if len(self.buffer) < waiter.wanted:
                return  # Somebody waits for more: the transport goes on.
            self._wake()
        if len(self.buffer) > 2 * self.limit and not self.paused and self.pausing != "none":
            self.told.append("pause")
            if self.pausing == "pausable":
                self.paused = True
            else:
                self.pausing = "none"

    def end(self) -> None:
        """No more comes."""
        self.eof = True
        self._wake()

    def fail(self, error: Exception, *, data_first: bool = False) -> None:
        """The stream ends with an error; `data_first` if the connection's end is one, which comes behind the data."""
        self.exception = error
        self.data_first |= data_first
        self._wake(error)

    def _wake(self, error: Exception | None = None) -> None:
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.cancelled:
            waiter.error = error
            self.ready.append(waiter)

    # Who reads.

    @property
    def at_eof(self) -> bool:
        return self.eof and not self.buffer

    def cancel(self, reading: Reading) -> None:
        """A task is cancelled: which it sees when it is its turn."""
        reading.cancelled = True
        if reading not in self.ready:
            self.ready.append(reading)

    def settle(self) -> None:
        """Let all that is ready go on."""
        while self.ready:
            self.go_on(self.ready.pop(0))

    def go_on(self, reading: Reading) -> None:
        """Let a read go as far as it comes."""
        if reading.cancelled:
            if self.waiter is reading:
                self.waiter = None
            reading.outcome = _with_lines(reading, CANCELLED)
            return
        while True:
            found = self._attempt(reading)
            reading.began = True
            reading.error = None
            if isinstance(found, int):
                if self.paused:
                    self._resume()
                self.waiter, reading.wanted = reading, found
                return
            if reading.call.method != "lines" or found[0] != "data" or not found[1]:
                reading.outcome = _with_lines(reading, found)
                return
            reading.lines.append(found[1])
            reading.began = False

    def _attempt(self, reading: Reading) -> Outcome | int:
        """Return what a read comes to with what there is, or how many bytes it waits for."""
        method, argument = reading.call.method, reading.call.argument
        found: Outcome | int
        if method == "read":
            found = self._read(reading, argument)
        elif method == "readexactly":
            found = self._read_exactly(reading, argument)
        elif method == "readuntil":
            found = self._read_until(reading, argument)
        else:
            found = self._read_line(reading)
            if method == "__anext__" and found == ("data", b""):
                return END
        return found

    def _read(self, reading: Reading, n: int) -> Outcome | int:
        if failed := self._failed(reading):
            return failed
        if n < 0:
            return ("data", self._take(_EVERYTHING)) if self.eof else self._wait(_EVERYTHING)
        if n == 0 or self.buffer or self.eof:
            return "data", self._take(n)
        return self._wait(1)

    def _read_exactly(self, reading: Reading, n: int) -> Outcome | int:
        if n < 0:
            return REFUSED
        if failed := self._failed(reading):
            return failed
        if n <= len(self.buffer):
            return "data", self._take(n)
        if self.eof:
            return "incomplete", self._take(n), n
        return self._wait(n)

    def _read_until(self, reading: Reading, separator: Any) -> Outcome | int:
        given = separator if isinstance(separator, tuple) else (separator,)
        separators = [bytes(one) for one in given]
        if not separators or not all(separators):
            return REFUSED
        if failed := self._failed(reading):
            return failed
        # The end of each one's first occurrence, and its length: the shorter of two with the same end counts.
        places = [(self.buffer.find(s), len(s)) for s in separators]
        ends = [(place + length, length) for place, length in places if place >= 0]
        if ends:
            end, length = min(ends)
            if end - length > self.limit:
                return "overrun", end - length
            return "data", self._take(end)
        # Bytes that cannot belong to a separator, as the longest would have to begin behind them.
        passed = len(self.buffer) - max(map(len, separators)) + 1
        if passed > self.limit:
            return "overrun", passed
        if self.eof:
            return "incomplete", self._take(_EVERYTHING), None
        return self._wait(1)

    def _read_line(self, reading: Reading) -> Outcome | int:
        found = self._read_until(reading, b"\n")
        if isinstance(found, int):
            return found
        # What readuntil() raises, readline() has another way to say; also where it is the stream's own exception.
        if found[0] == "incomplete":
            return "data", found[1]
        if found[0] == "overrun":
            self._take(found[1] + 1)
            return TOO_LONG
        return found

    def _failed(self, reading: Reading) -> Outcome | None:
        """Return the exception with which a read ends that begins, or that was woken with it."""
        if reading.began:
            return None if reading.error is None else outcome_of(reading.error)
        if self.exception is not None and not (self.data_first and self.buffer):
            return outcome_of(self.exception)
        return None

    def _wait(self, wanted: int) -> Outcome | int:
        if self.exception is not None:
            return outcome_of(self.exception)
        return BUSY if self.waiter is not None else wanted

    def _take(self, n: int) -> bytes:
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        if self.paused and len(self.buffer) <= self.limit:
            self._resume()
        return data

    def _resume(self) -> None:
        self.paused = False
        self.told.append("resume")


def outcome_of(error: BaseException) -> Outcome:
    """Say what a read has come to that raised this."""
    import asyncio_core

    if isinstance(error, asyncio_core.IncompleteReadError):
        return "incomplete", error.partial, error.expected
    if isinstance(error, asyncio_core.LimitOverrunError):
        return "overrun", error.consumed
    if isinstance(error, asyncio_core.CancelledError):
        return CANCELLED
    if isinstance(error, StopAsyncIteration):
        return END
    if type(error) is ValueError:
        return TOO_LONG if "limit" in str(error) else REFUSED
    if type(error) is RuntimeError and "called while another coroutine" in str(error):
        return BUSY
    return "raises", repr(error)


def _with_lines(reading: Reading, outcome: Outcome) -> Outcome:
    if reading.call.method != "lines":
        return outcome
    return "lines", reading.lines, END if outcome == ("data", b"") else outcome
