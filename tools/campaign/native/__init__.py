"""The libraries in C, compiled when they are first needed: `calls` lets system calls fail, `names` finds no name."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from native.functions import Span

HERE = Path(__file__).resolve().parent
_COMPILE = ("gcc", "-O2", "-std=gnu11", "-shared", "-fPIC")
#: In place of a number of errno: the call takes one byte only.
SHORT = -1


class NoCompiler(Exception):
    """The library cannot be built."""


def build(folder: Path, name: str = "calls") -> Path:
    """Compile a library into a folder, unless it is there and newer than its source; return its path."""
    source, made = HERE / f"{name}.c", folder / f"{name}.so"
    if made.exists() and made.stat().st_mtime > source.stat().st_mtime:
        return made
    if shutil.which("gcc") is None:
        raise NoCompiler("what stands between Python and the system is in C: gcc is needed")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*_COMPILE, "-o", str(made), str(source), "-ldl"], capture_output=True, text=True
    )
    if done.returncode:
        raise NoCompiler(f"gcc cannot build {source.name}: {done.stderr.strip()}")
    return made


class Calls:
    """The library `calls`, in a process that was started with it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        # Else a number is made of what is no number, and that takes memory.
        self._library.campaign_begin.restype = self._library.campaign_end.restype = None
        name = self._library.campaign_name
        name.restype = ctypes.c_char_p
        self.names: list[str] = []
        while (found := name(len(self.names))) is not None:
            self.names.append(found.decode())
        self._shifted = 0
        self._counted = (ctypes.c_long * len(self.names))()

    def begin(self, name: str = "", number: int = 0, error: int = 0) -> None:
        """Count this thread's calls from now on; one of this name and number, 1 for the first, fails."""
        which = self.names.index(name) if name else -1
        self._library.campaign_begin(which, ctypes.c_long(number), error)

    def end(self) -> dict[str, int]:
        """Let calls alone; return how many there were, by name."""
        try:
            self._library.campaign_end(self._counted)
        except (MemoryError, ctypes.ArgumentError):
            # It was this very call's memory.
            self._library.campaign_end(self._counted)
        return {name: n for name, n in zip(self.names, self._counted, strict=True) if n}

    def spare(self, functions: Iterable[Span]) -> None:
        """Let no allocation within these functions fail, only; raises ValueError where they are too many."""
        self._library.campaign_spare_none()
        for first, size in functions:
            if not self._library.campaign_spare(ctypes.c_void_p(first), ctypes.c_long(size)):
                raise ValueError(f"there is no room for a further function, at {first:#x}")

    def has_spared(self) -> bool:
        """Tell whether the last allocation that was chosen was within one of those functions."""
        return bool(self._library.campaign_spared())

    def shift_clock(self, seconds: float | None, *, wall: bool = False) -> None:
        """Set the monotonic clock, or the wall clock, on by so many seconds more; None sets it right."""
        self._shifted = 0 if seconds is None else self._shifted + int(seconds * 1e9)
        self._library.campaign_shift_clock(wall, ctypes.c_longlong(self._shifted))
