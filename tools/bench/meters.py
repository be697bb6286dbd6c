"""What a case is measured with, in the measured process: context managers that begin, end, and have a figure."""

from __future__ import annotations

import ctypes
import gc
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
#: Written to clear_refs: the peak begins anew (proc(5)).
_PEAK = "5"


class Meter:
    """Measures nothing: for what goes before, to warm up."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.end()

    def end(self) -> None:
        pass

    def figures(self) -> dict[str, float]:
        """Return what was measured, by name."""
        return {}


class Clock(Meter):
    """Seconds."""

    def __enter__(self) -> None:
        self._begin = time.perf_counter()

    def end(self) -> None:
        self._seconds = time.perf_counter() - self._begin

    def figures(self) -> dict[str, float]:
        return {"seconds": self._seconds}


class Callgrind(Meter):
    """Tells valgrind, under which the process runs, to count, and to leave a file named for the case."""

    def __init__(self, library: str, name: str) -> None:
        self._client = ctypes.CDLL(library)
        self._name = name.encode()

    def __enter__(self) -> None:
        self._client.count_begin()

    def end(self) -> None:
        self._client.count_end(self._name)


class Memory(Meter):
    """Bytes that the process has more than at the beginning: when it ends, and at most until then. Linux only."""

    def __enter__(self) -> None:
        gc.collect()
        _CLEAR.write_text(_PEAK)
        self._before = _bytes("VmRSS")

    def end(self) -> None:
        self._peak = _bytes("VmHWM")
        gc.collect()
        self._after = _bytes("VmRSS")

    def figures(self) -> dict[str, float]:
        return {"stays": self._after - self._before, "peak": self._peak - self._before}


def _bytes(name: str) -> int:
    lines = _STATUS.read_text("ascii").splitlines()
    (found,) = (int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    return found * 1024
