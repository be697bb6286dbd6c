"""Pipes on Windows that can be read and written by overlapped calls, and the object that owns an end.

The pipes that `os.pipe()` and `CreatePipe()` make know only blocking calls. A named pipe with a name
that nobody can guess is the same thing with a choice, made for each end when it is opened. The
distributions that need such pipes, for loops and for child processes, share this module.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("overlapped pipes need Windows")

import _winapi
import itertools
import os
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

__all__ = ("BUFSIZE", "PipeHandle", "pipe")

# Bytes that the system keeps between the two ends.
BUFSIZE = 8192

_numbers = itertools.count()


def _new_name() -> str:
    """Return a pipe's name: told apart by process and number, unguessable by the rest."""
    return rf"\\.\pipe\asyncio-{os.getpid()}-{next(_numbers)}-{os.urandom(8).hex()}"


def pipe(
    *,
    duplex: bool = False,
    overlapped: tuple[bool, bool] = (True, True),
    bufsize: int = BUFSIZE,
) -> tuple[int, int]:
    """Make a pipe and return the handles of its two ends, which the caller has to close.

    The first end reads and the second writes; with `duplex` both do both. `overlapped` says for
    each whether it is for overlapped calls, `bufsize` is in bytes. Child processes do not inherit
    the handles. Raises OSError where the system has no more of them. Added in Python 3.4.
    """
    ours, theirs = _winapi.PIPE_ACCESS_INBOUND, _winapi.GENERIC_WRITE
    room = (0, bufsize)
    if duplex:
        ours, theirs = _winapi.PIPE_ACCESS_DUPLEX, theirs | _winapi.GENERIC_READ
        room = (bufsize, bufsize)
    flags = [_winapi.FILE_FLAG_OVERLAPPED if asked else 0 for asked in overlapped]
    name = _new_name()
    first = _winapi.CreateNamedPipe(
        name,
        # The flag makes it fail where somebody else has taken the name before.
        ours | flags[0] | _winapi.FILE_FLAG_FIRST_PIPE_INSTANCE,
        _winapi.PIPE_WAIT,
        1,
        *room,
        _winapi.NMPWAIT_WAIT_FOREVER,
        _winapi.NULL,
    )
    try:
        second = _winapi.CreateFile(
            name, theirs, 0, _winapi.NULL, _winapi.OPEN_EXISTING, flags[1], _winapi.NULL
        )
        try:
            _await_connection(first)
        except BaseException:
            _winapi.CloseHandle(second)
            raise
    except BaseException:
        _winapi.CloseHandle(first)
        raise
    return first, second


def _await_connection(handle: int) -> None:
    """Take the connection that is there already, so that this returns at once."""
    connecting = _winapi.ConnectNamedPipe(handle, overlapped=True)
    connecting.GetOverlappedResult(True)


class PipeHandle:
    """One end of a pipe: it owns the handle, and closes it with itself.

    It stands where a pipe's file object would: transports and overlapped calls take it. `handle` is
    a number from `pipe()`. Added in Python 3.4.
    """

    __slots__ = ("__weakref__", "_handle")

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def __repr__(self) -> str:
        state = "closed" if self._handle is None else f"handle={self._handle!r}"
        return f"<{type(self).__name__} {state}>"

    @property
    def handle(self) -> int | None:
        """The handle's number, None once it is closed."""
        return self._handle

    def fileno(self) -> int:
        """Return the handle's number, which is none of the C library's descriptors.

        Raises ValueError where it is closed.
        """
        if self._handle is None:
            raise ValueError("I/O operation on a closed pipe")
        return self._handle

    def close(self, *, CloseHandle: Callable[[int], object] = _winapi.CloseHandle) -> None:
        """Close it; a second call does nothing."""
        # Forgotten first: whatever closing says, the number may soon be another object's.
        handle, self._handle = self._handle, None
        if handle is not None:
            CloseHandle(handle)

    def __enter__(self) -> PipeHandle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if getattr(self, "_handle", None) is not None:
            _warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.close()
