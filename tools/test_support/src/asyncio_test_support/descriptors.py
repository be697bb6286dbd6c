"""Which file descriptors are open."""

from __future__ import annotations

import gc
import os
import sys


def open_descriptors() -> set[int]:
    """Return the numbers of all open descriptors, once garbage has been collected.

    On Windows these are the handles of files, pipes and sockets.
    """
    gc.collect()
    if sys.platform == "win32":
        import ctypes

        # A socket's number is the number of its handle; handles are numbered by fours. The type of what
        # is no file, pipe or socket is 0.
        type_of = ctypes.WinDLL("kernel32").GetFileType
        return {number for number in range(4, 1 << 15, 4) if type_of(number)}
    return {number for name in os.listdir("/dev/fd") if _is_open(number := int(name))}


def _is_open(number: int) -> bool:
    # The descriptor that the folder itself was listed with is gone by now.
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def under_wine() -> bool:
    """Tell whether this is no Windows but Wine, which leaves a few things untold."""
    if sys.platform != "win32":
        return False
    import ctypes

    return hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
