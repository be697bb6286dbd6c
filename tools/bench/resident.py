"""What a process holds: bytes of resident memory, now and at most, and descriptors. By proc(5), on Linux only."""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path

#: Written to clear_refs: the peak begins anew.
_PEAK = "5"


def now(pid: int | str = "self") -> int:
    """Return the bytes of memory that a process has in use."""
    return _bytes("VmRSS", pid)


def most(pid: int | str = "self") -> int:
    """Return the bytes of memory that a process had in use at most, since `forget_most()`."""
    return _bytes("VmHWM", pid)


def forget_most(pid: int | str = "self") -> None:
    """Begin the peak anew, with what is in use now."""
    Path(f"/proc/{pid}/clear_refs").write_text(_PEAK)


def descriptors(pid: int | str = "self") -> int:
    """Return how many descriptors a process has open."""
    found = len(os.listdir(f"/proc/{pid}/fd"))
    # One of its own is what the folder was listed with.
    return found - (pid == "self")


def tidy_up() -> None:
    """Collect garbage, and give back to the system what malloc(3) holds and nobody uses, where that can be asked for."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _bytes(name: str, pid: int | str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    (found,) = (int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    return found * 1024
