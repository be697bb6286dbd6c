"""What the environment asks for, when the first loop is made."""

from __future__ import annotations

import os

#: Set to 1, it starts the inspector.
INSPECT = "ASYNCIO_INSPECT"
#: Set to a number of seconds, it starts the watchdog.
WATCHDOG = "ASYNCIO_WATCHDOG"
#: Set by `python -m asyncio trace PROGRAM`: where it listens for the trace of this process, and of no child of it.
TRACE = "ASYNCIO_TRACE_SOCKET"


def begin() -> None:
    """Start what the environment asks for."""
    listener = os.environ.pop(TRACE, None)
    if listener:
        _trace(listener)
    if os.environ.get(INSPECT, "0") not in ("", "0"):
        _inspect()
    seconds = os.environ.get(WATCHDOG)
    if seconds:
        _watch(seconds)


def _inspect() -> None:
    try:
        from asyncio_core.inspecting.inspector import start_quietly
    except ImportError as error:
        # Windows without ctypes.
        import warnings

        warnings.warn(
            f"no inspector, though one was asked for: {error}", RuntimeWarning, stacklevel=2
        )
        return
    start_quietly()


def _trace(listener: str) -> None:
    from asyncio_core.inspecting.by_injection import answer

    try:
        answer(listener, None, {"ask": "trace"})
    except OSError:
        pass  # Nobody is interested any more.


def _watch(seconds: str) -> None:
    from asyncio_core.inspecting.watchdog import start_watchdog

    try:
        start_watchdog(float(seconds))
    except ValueError:
        import warnings

        warnings.warn(
            f"{WATCHDOG}={seconds}: no watchdog, as this is no positive number of seconds that a thread can wait",
            RuntimeWarning,
            stacklevel=2,
        )
