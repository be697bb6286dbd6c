"""What programs are made with, besides asyncio itself: futures of other classes, errors, odd awaitables."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from typing import TYPE_CHECKING, Any

from showing import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

var: contextvars.ContextVar[Any] = contextvars.ContextVar("var", default=None)


class Custom(Exception):
    """An error of a program's own."""


class Stop(BaseException):
    """One that is no Exception."""


class SubFuture(asyncio.Future[Any]):
    """A subclass that overrides nothing."""


class LoudFuture(asyncio.Future[Any]):
    """A subclass whose methods stand in for the base's."""

    def cancel(self, msg: Any = None) -> bool:
        return super().cancel(f"loud {msg}")

    def add_done_callback(self, fn: Any, /, *, context: Any = None) -> None:
        super().add_done_callback(fn, context=context)

    def result(self) -> Any:
        # The same: a compiled future that is awaited gives its outcome without asking for it here (README of core).
        return super().result()


class SubTask(asyncio.Task[Any]):
    """A subclass that overrides nothing, and has attributes."""


class LoudTask(asyncio.Task[Any]):
    """A subclass that sees its cancellations."""

    def cancel(self, msg: Any = None) -> bool:
        return super().cancel(f"loud {msg}")


class Equal:
    """A callback that equals all others of its class."""

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> object:
        return self._call(*args)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    def __hash__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "<Equal>"


class Duck:
    """A future of another library: it has the protocol and nothing else."""

    _asyncio_future_blocking = False

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._state = "PENDING"
        self._outcome: Any = None
        self._callbacks: list[tuple[Any, Any]] = []

    def get_loop(self) -> Any:
        return self._loop

    def done(self) -> bool:
        return self._state != "PENDING"

    def cancelled(self) -> bool:
        return self._state == "CANCELLED"

    def _end(self, state: str, outcome: Any) -> None:
        if self.done():
            raise asyncio.InvalidStateError("the duck is done")
        self._state, self._outcome = state, outcome
        for fn, context in self._callbacks:
            self._loop.call_soon(fn, self, context=context)
        self._callbacks = []

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        self._end("CANCELLED", msg)
        return True

    def set_result(self, value: Any) -> None:
        self._end("FINISHED", (value, None))

    def set_exception(self, error: Any) -> None:
        self._end("FINISHED", (None, error() if isinstance(error, type) else error))

    def result(self) -> Any:
        if self.cancelled():
            raise asyncio.CancelledError(f"duck {self._outcome}")
        if not self.done():
            raise asyncio.InvalidStateError("the duck is pending")
        if self._outcome[1] is not None:
            raise self._outcome[1]
        return self._outcome[0]

    def exception(self) -> Any:
        if self.cancelled():
            raise asyncio.CancelledError(f"duck {self._outcome}")
        return self._outcome and self._outcome[1]

    def add_done_callback(self, fn: Any, *, context: Any = None) -> None:
        if self.done():
            self._loop.call_soon(fn, self, context=context)
        else:
            self._callbacks.append((fn, context))

    def remove_done_callback(self, fn: Any) -> int:
        kept = [entry for entry in self._callbacks if entry[0] != fn]
        removed = len(self._callbacks) - len(kept)
        self._callbacks = kept
        return removed

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.done():
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    def __repr__(self) -> str:
        return f"<Duck {self._state}>"


class Yielding:
    """An awaitable that hands its values to whoever drives it, whatever they are."""

    def __init__(self, *values: Any) -> None:
        self._values = values

    def __await__(self) -> Generator[Any, Any, Any]:
        got = []
        for value in self._values:
            got.append((yield value))
        return got


class Through:
    """An awaitable around another one's iterator."""

    def __init__(self, awaitable: Any) -> None:
        self._awaitable = awaitable

    def __await__(self) -> Any:
        return self._awaitable.__await__()


def blocking(future: Any) -> Any:
    """Mark a future as `await` does, without awaiting it."""
    future._asyncio_future_blocking = True
    return future


def by_hand(future: Any, *moves: Any) -> list[Any]:
    """Drive a future's iterator without a task: None sends, an exception throws, "close" closes."""
    iterator, seen = future.__await__(), []
    for move in moves:
        try:
            if move == "close":
                seen.append(iterator.close())
            elif isinstance(move, (BaseException, type)):
                seen.append(iterator.throw(move))
            else:
                seen.append(iterator.send(move))
        except BaseException as error:
            seen.append(error)
    future._asyncio_future_blocking = False
    return seen


def frames(stack: list[Any]) -> list[str]:
    """Return the names of the program's own functions in a stack."""
    return [frame.f_code.co_name for frame in stack if frame.f_code.co_filename == PROGRAM]


def in_thread(call: Callable[[], object]) -> None:
    """Call in another thread, and wait for its end: the order of things stays the program's."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


class WaitedFor(concurrent.futures.ThreadPoolExecutor):
    """An executor whose jobs are over when submit() returns; each had a thread of its own."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        in_thread(work)
        return future
