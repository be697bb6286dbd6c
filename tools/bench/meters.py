"""What a case is measured with, in the measured process: context managers that begin, end, and have a figure."""

from __future__ import annotations

import ctypes
import gc
import time
from typing import TYPE_CHECKING

from bench import resident

if TYPE_CHECKING:
    from types import TracebackType


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
        resident.forget_most()
        self._before = resident.now()

    def end(self) -> None:
        self._peak = resident.most()
        gc.collect()
        self._after = resident.now()

    def figures(self) -> dict[str, float]:
        return {"stays": self._after - self._before, "peak": self._peak - self._before}
