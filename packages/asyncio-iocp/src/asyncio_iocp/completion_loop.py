"""The loop of Windows: completion ports, named pipes, signals, and a clock that is fine enough.

Programs know it from windows_events.py.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("the event loop over completion ports needs Windows")

import time

from asyncio_core.faces import one_class
from asyncio_iocp.pipe_serving import NamedPipes
from asyncio_iocp.proactor import IocpProactor
from asyncio_iocp.proactor_events import BaseProactorEventLoop

__all__ = ("ProactorEventLoop",)

# Before Python 3.13 the monotonic clock of Windows moves in steps of some 16 milliseconds. There is a
# finer one, and this is what to add to it for the time of the other.
_CLOCK_IS_COARSE = time.get_clock_info("monotonic").resolution > 0.001
_CLOCK_OFFSET = time.monotonic() - time.perf_counter()


@one_class(BaseProactorEventLoop)
class ProactorEventLoop(NamedPipes):
    """The event loop of Windows: sockets, pipes, files and processes over a completion port.

    `proactor` is an `IocpProactor`, by default a new one; the loop owns it. Added in Python 3.4, the
    default on Windows since 3.8.
    """

    def __init__(self, proactor: IocpProactor | None = None) -> None:
        super().__init__(IocpProactor() if proactor is None else proactor)
        if _CLOCK_IS_COARSE:
            self._clock_resolution = time.get_clock_info("perf_counter").resolution

    if _CLOCK_IS_COARSE:

        def time(self) -> float:
            """Return the loop's clock in seconds: that of `time.monotonic()`, in finer steps."""
            return time.perf_counter() + _CLOCK_OFFSET

    def _write_to_self(self) -> None:
        # A packet to the port costs one system call; a byte through the pair of sockets, three and a
        # completion. That one is for signals.
        proactor = self._proactor
        if proactor is None:
            return
        try:
            proactor.wake()
        except OSError:
            # No memory for the packet, say.
            super()._write_to_self()
