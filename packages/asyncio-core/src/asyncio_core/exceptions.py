"""The exceptions that futures, tasks, streams and barriers raise."""

from __future__ import annotations

import builtins

from asyncio_core.annotations import leave_to_checkers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = (
    "BrokenBarrierError",
    "CancelledError",
    "IncompleteReadError",
    "InvalidStateError",
    "LimitOverrunError",
    "SendfileNotAvailableError",
    "TimeoutError",
)

TimeoutError = builtins.TimeoutError  # noqa: A001 -- the point of it
"""One class for every deadline: what asyncio raises is caught by a plain ``except TimeoutError``.

It is the built-in exception, as since Python 3.11.
"""


class CancelledError(BaseException):
    """A future or a task was cancelled.

    It derives from ``BaseException``, so that an ``except Exception`` around an ``await`` cannot
    swallow a cancellation by accident. ``args`` holds the message given to ``cancel()``, if any.
    Source: PEP 3156.
    """


class InvalidStateError(Exception):
    """A future was asked for what its state does not allow.

    Raised by ``result()`` and ``exception()`` of a future that is still pending, and by
    ``set_result()`` and ``set_exception()`` of one that is done. Source: PEP 3156.
    """


class SendfileNotAvailableError(RuntimeError):
    """The system's sendfile cannot serve this pair of file and socket.

    ``loop.sendfile()`` and ``loop.sock_sendfile()`` raise it only with ``fallback=False``;
    otherwise they copy in user space. Added in Python 3.7.
    """


class IncompleteReadError(EOFError):
    """The stream ended before a read was satisfied.

    ``partial`` (bytes) is what had arrived, ``expected`` the number of bytes that were asked
    for, or ``None`` where the end was to be a separator. Added in Python 3.4.
    """

    partial: bytes
    expected: int | None

    def __init__(self, partial: bytes, expected: int | None) -> None:
        wanted = "undefined" if expected is None else str(expected)
        super().__init__(f"{len(partial)} bytes read on a total of {wanted} expected bytes")
        self.partial = partial
        self.expected = expected

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would hand the message, not the two arguments, to the constructor.
        return type(self), (self.partial, self.expected)


class LimitOverrunError(Exception):
    """The stream's buffer filled up while a separator was looked for.

    ``consumed`` is the number of buffered bytes that can be read away: the separator does not
    begin before that offset. Added in Python 3.5.2.
    """

    consumed: int

    def __init__(self, message: str, consumed: int) -> None:
        super().__init__(message)
        self.consumed = consumed

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.consumed)


class BrokenBarrierError(RuntimeError):
    """A barrier was reset or aborted while tasks waited for it. Added in Python 3.11."""


def drop_own_frame(error: BaseException) -> None:
    """Take the frame that is handling `error`, and calls this, out of its traceback.

    A future's own methods, and helpers that only pass on what they call, would stand there between the
    lines of the program. They take themselves out, which costs nothing where all goes well::

        except BaseException as error:
            drop_own_frame(error)
            raise

    The interpreter enters a frame before its handler begins, and does not do so again for a bare ``raise``.
    """
    entry = error.__traceback__
    if entry is not None:
        error.__traceback__ = entry.tb_next


leave_to_checkers(__name__)
