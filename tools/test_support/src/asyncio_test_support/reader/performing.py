"""Does to a real reader what a program says, and compares it with the model after each operation."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import asyncio_core
import asyncio_streams
from asyncio_test_support.reader import operations as op
from asyncio_test_support.reader.model import END, Model, Outcome, Reading, outcome_of
from asyncio_test_support.running import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

#: So much is on its way to a transport at the most: what it receives at once.
_ON_ITS_WAY = 48_000
#: How often the loop is let run for bytes to come out of a socket.
_PATIENCE = 2000

_ERRORS: dict[str, Callable[[], Exception]] = {
    "reset": lambda: ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)),
    "other": lambda: OSError(errno.EIO, "other"),
    # What readline() has a meaning of its own for. With a part in it, lines would go on for ever.
    "incomplete": lambda: asyncio_core.IncompleteReadError(b"", None),
    "overrun": lambda: asyncio_core.LimitOverrunError("over the limit", 3),
}
ERRORS = tuple(_ERRORS)


class Difference(AssertionError):
    """The reader is not as the model says."""


async def difference(program: op.Program) -> str | None:
    """Run a program; return where the reader differs from the model, or None."""
    performance = (_Connected if program.way == "connected" else _Fed)(program)
    try:
        await performance.run()
    except Difference as found:
        return str(found)
    finally:
        await performance.close()
    return None


class _Transport:
    """Writes down what it is told."""

    def __init__(self, pausing: op.Pausing) -> None:
        self.told: list[str] = []
        self._pausing = pausing

    def pause_reading(self) -> None:
        self.told.append("pause")
        if self._pausing == "unpausable":
            raise NotImplementedError

    def resume_reading(self) -> None:
        self.told.append("resume")

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class _Running:
    """A read, beside what the model has of it."""

    def __init__(self, reader: asyncio_streams.StreamReader, call: op.Read) -> None:
        self.model = Reading(call)
        self.outcome: Outcome | None = None
        self.task: asyncio_core.Task[Any] | None = None
        self.waits_for: asyncio_core.Future[None] | None = None
        self._lines: list[bytes] = []
        self.coroutine = self._called(reader)

    def _called(self, reader: asyncio_streams.StreamReader) -> Coroutine[Any, Any, Any]:
        method, argument = self.model.call.method, self.model.call.argument
        if method == "lines":
            return self._read_lines(reader)
        made: Coroutine[Any, Any, Any] = getattr(reader, method)(
            *(() if argument is None else (argument,))
        )
        return made

    async def _read_lines(self, reader: asyncio_streams.StreamReader) -> None:
        async for line in reader:
            self._lines.append(line)
        raise StopIterationOfLines

    def start_task(self) -> None:
        self.task = asyncio_core.create_task(self.coroutine)

    def look(self) -> None:
        """See what has become of the task."""
        if self.task is None or not self.task.done() or self.outcome is not None:
            return
        try:
            self._end(("data", self.task.result()))
        except (Exception, asyncio_core.CancelledError) as error:
            self._fail(error)

    def step(self, error: BaseException | None = None) -> None:
        """Send the coroutine None, or throw an exception into it."""
        if self.waits_for is not None and error is not None and self.waits_for.done():
            self.waits_for.exception()  # seen, although it is another one that ends the read
        self.waits_for = None
        try:
            if error is None:
                self.waits_for = self.coroutine.send(None)
            else:
                self.waits_for = self.coroutine.throw(error)
        except StopIteration as stop:
            self._end(("data", stop.value))
        except (Exception, asyncio_core.CancelledError) as raised:
            self._fail(raised)
        else:
            self.waits_for._asyncio_future_blocking = False

    def _fail(self, error: BaseException) -> None:
        self._end(END if isinstance(error, StopIterationOfLines) else outcome_of(error))

    def _end(self, outcome: Outcome) -> None:
        lines = self.model.call.method == "lines"
        self.outcome = ("lines", self._lines, outcome) if lines else outcome


class StopIterationOfLines(Exception):
    """An `async for` has come to its end."""


class _Performance:
    """What all ways have in common."""

    def __init__(self, program: op.Program) -> None:
        self.program = program
        pausing: op.Pausing = "pausable" if program.way == "connected" else program.pausing
        self.model = Model(program.limit, pausing)
        self.reader = asyncio_streams.StreamReader(program.limit, asyncio_core.get_running_loop())
        self.running: list[_Running] = []
        self.lost = False

    async def run(self) -> None:
        program = self.program
        await self.begin()
        for number, operation in enumerate((*program.operations, op.Settle())):
            try:
                await self.perform(operation)
                self.compare()
            except Difference as found:
                raise Difference(f"operation {number}, {_short(operation)}: {found}") from None

    async def begin(self) -> None:
        """Get ready."""

    async def close(self) -> None:
        """Leave nothing behind."""
        for one in self.running:
            if one.task is not None:
                one.task.cancel()
            elif one.outcome is None:
                one.coroutine.close()
        tasks = [one.task for one in self.running if one.task is not None]
        await asyncio_core.gather(*tasks, return_exceptions=True)

    async def perform(self, operation: op.Operation) -> None:
        if isinstance(operation, op.Feed):
            self.feed(operation)
        elif isinstance(operation, op.Eof):
            self.end()
        elif isinstance(operation, op.Fail):
            error = _ERRORS[operation.error]()
            self.model.fail(error)
            self.reader.set_exception(error)
        elif isinstance(operation, op.Lose):
            self.lose(operation)
        elif isinstance(operation, op.Read):
            self.read(operation)
        elif isinstance(operation, op.Cancel):
            self.cancel(operation)
        else:
            await self.settle()

    def feed(self, operation: op.Feed) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError

    def lose(self, operation: op.Lose) -> None:
        raise NotImplementedError

    def read(self, call: op.Read) -> None:
        if not self._may_begin(call):
            return
        one = _Running(self.reader, call)
        self.running.append(one)
        if self.program.by_hand:
            one.step()
            self.model.go_on(one.model)
        else:
            one.start_task()
            self.model.ready.append(one.model)

    def _may_begin(self, call: op.Read) -> bool:
        """Whether no read takes bytes from under a search.

        A search that waits goes on where it stopped. Where another read takes bytes meanwhile, it misses what is in
        their place then; the standard library's does so, too, and nothing says what ought to be.
        """
        going = [one.model.call for one in self.running if one.model.outcome is None]
        if not any(one.method not in ("read", "readexactly") for one in (*going, call)):
            return True
        if not going:
            return True
        # This one begins at once, and has to wait, which it must not.
        return self.program.by_hand and self.model.waiter is not None and not self.model.buffer

    def cancel(self, operation: op.Cancel) -> None:
        going = [one for one in self.running if one.model.outcome is None]
        if not going:
            return
        one = going[operation.which % len(going)]
        if one.task is not None:
            one.task.cancel()
            self.model.cancel(one.model)
            return
        one.step(asyncio_core.CancelledError())
        one.model.cancelled = True
        if one.model in self.model.ready:
            self.model.ready.remove(one.model)
        self.model.go_on(one.model)

    async def settle(self) -> None:
        if self.program.by_hand:
            # Those that were woken, in the order of the model: there the first to be woken is the first to go on.
            for reading in list(self.model.ready):
                next(one for one in self.running if one.model is reading).step()
        else:
            await turns(3)
        self.model.settle()

    def compare(self) -> None:
        """Raise Difference where there is one."""
        for one in self.running:
            one.look()
            if one.outcome != one.model.outcome:
                raise Difference(
                    f"{one.model.call} has come to {_short(one.outcome)}, not to {_short(one.model.outcome)}"
                )
        reader, model = self.reader, self.model
        _same("the buffer", bytes(reader._buffer), model.buffer)
        _same("at_eof()", reader.at_eof(), model.at_eof)
        _same("exception()", repr(reader.exception()), repr(model.exception))
        self.running = [one for one in self.running if one.model.outcome is None]


class _Fed(_Performance):
    """Bytes come through the methods of the reader, or of a protocol."""

    def __init__(self, program: op.Program) -> None:
        super().__init__(program)
        self._transport = _Transport(program.pausing)
        self._protocol: asyncio_streams.StreamReaderProtocol | None = None
        if program.way == "protocol":
            loop = asyncio_core.get_running_loop()
            self._protocol = asyncio_streams.StreamReaderProtocol(self.reader, loop=loop)

    async def begin(self) -> None:
        if self._protocol is not None:
            if self.program.pausing == "none":
                return
            self._protocol.connection_made(self._transport)
        elif self.program.pausing != "none":
            self.reader.set_transport(self._transport)  # type: ignore[arg-type]

    def feed(self, operation: op.Feed) -> None:
        data: Any = {"bytes": bytes, "bytearray": bytearray, "memoryview": memoryview}[
            operation.kind
        ](operation.data)
        fed = self.reader.feed_data if self._protocol is None else self._protocol.data_received
        refused = self.model.eof and not self.lost
        try:
            fed(data)
        except AssertionError:
            if not refused:
                raise
            return
        if refused:
            raise Difference("bytes are taken after the end")
        if not self.lost:
            self.model.feed(operation.data)

    def end(self) -> None:
        if not self.lost:
            self.model.end()
        if self._protocol is None:
            self.reader.feed_eof()
        else:
            self._protocol.eof_received()

    def lose(self, operation: op.Lose) -> None:
        if self._protocol is None or self.lost:
            return
        self.lost = True
        error = None if operation.error is None else _ERRORS[operation.error]()
        self._protocol.connection_lost(error)
        if error is None:
            self.model.end()
        else:
            self.model.fail(error, data_first=True)

    def compare(self) -> None:
        super().compare()
        _same("what the transport was told", self._transport.told, self.model.told)


class _Connected(_Performance):
    """Bytes come through a socket. Each operation is waited for: what a transport receives at once is its own affair."""

    def __init__(self, program: op.Program) -> None:
        super().__init__(program)
        self._ours, self._peer = socket.socketpair()
        self._transport: Any = None
        self._wire = b""
        self._ends = False
        self._reset = False

    async def begin(self) -> None:
        loop = asyncio_core.get_running_loop()
        self._peer.setblocking(False)
        self._transport, _ = await loop.connect_accepted_socket(
            lambda: asyncio_streams.StreamReaderProtocol(self.reader, loop=loop), self._ours
        )
        # Where the peer closes before it has read this, the connection is reset.
        self._transport.write(b"unread")

    async def close(self) -> None:
        await super().close()
        if self._transport is not None:
            self._transport.abort()
        self._peer.close()
        await turns(2)

    async def perform(self, operation: op.Operation) -> None:
        await super().perform(operation)
        if not isinstance(operation, op.Settle):
            await self.settle()

    def feed(self, operation: op.Feed) -> None:
        fits = len(self._wire) + len(operation.data) <= _ON_ITS_WAY
        if fits and not (self._ends or self.lost):
            self._peer.sendall(operation.data)
            self._wire += operation.data

    def end(self) -> None:
        if not (self._ends or self.lost):
            self._peer.shutdown(socket.SHUT_WR)
            self._ends = True

    def lose(self, operation: op.Lose) -> None:
        if self.lost:
            return
        self.lost = True
        clear = not (self._wire or self._ends or self.model.paused)
        if operation.error is not None and clear and sys.platform == "linux":
            self._peer.close()
            self.model.fail(_ERRORS["reset"](), data_first=True)
        else:
            self._wire = b""
            self._transport.abort()
            self.model.end()

    async def settle(self) -> None:
        await super().settle()
        while not (self.model.paused or self.model.eof or self.lost):
            data, self._wire = self._wire, b""
            if data:
                self.model.feed(data)
            elif self._ends:
                self.model.end()
            else:
                break
            self.model.settle()
        await self._until_the_same()

    async def _until_the_same(self) -> None:
        """Wait for what the model has gone ahead to."""
        for _ in range(_PATIENCE):
            with contextlib.suppress(Difference):
                self.compare()
                break
            await asyncio_core.sleep(0)
        # Nothing comes behind it that ought not to.
        await turns(2)
        self.compare()

    def compare(self) -> None:
        super().compare()
        if not (self.lost or self.model.eof):
            _same("is_reading()", self._transport.is_reading(), not self.model.paused)


def _same(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise Difference(f"{what} is {_short(found)}, not {_short(expected)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:200]} … {text[-150:]} ({len(text)})"
