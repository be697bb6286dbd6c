"""Signals at moments that are chosen beforehand: the kernel sends them, whatever this process is about.

A thread that sends them waits for the interpreter's lock, and so would send at some moments only; a child that does is a child that others
have to know of. So they are timers of the system, `timer_create(2)`.
"""

from __future__ import annotations

import ctypes
import os
import time

_CLOCK_MONOTONIC = 1
_SIGEV_SIGNAL = 0
_TIMER_ABSTIME = 1
_BILLION = 1_000_000_000


class _Event(ctypes.Structure):
    """`struct sigevent`, which is 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_char * 48),
    )


class _Span(ctypes.Structure):
    """`struct timespec`."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    """`struct itimerspec`: again after, and first at."""

    _fields_ = (("interval", _Span), ("value", _Span))


class Alarms:
    """Signals to this process that are yet to come; a context manager, after which none comes."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._timers: list[ctypes.c_void_p] = []

    def set(self, signum: int, moment: float) -> None:
        """Send a signal at a moment of `time.monotonic()`, in seconds. Raises OSError."""
        event = _Event(signo=signum, notify=_SIGEV_SIGNAL)
        timer = ctypes.c_void_p()
        self._check(
            self._library.timer_create(_CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer))
        )
        self._timers.append(timer)
        when = _Span(*divmod(int(moment * _BILLION), _BILLION))
        setting = ctypes.byref(_Setting(_Span(0, 0), when))
        self._check(self._library.timer_settime(timer, _TIMER_ABSTIME, setting, None))

    def cancel(self) -> None:
        """Send no more."""
        for timer in self._timers:
            self._library.timer_delete(timer)
        self._timers.clear()
        # The handler of one that was sent runs between two instructions of the main thread: here, say.
        time.sleep(0)

    def __enter__(self) -> Alarms:
        return self

    def __exit__(self, *exc_info: object) -> None:
        while True:
            try:
                return self.cancel()
            except KeyboardInterrupt:
                pass  # one that came too late to interrupt anything else

    def _check(self, result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
