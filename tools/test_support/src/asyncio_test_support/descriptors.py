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
        return _open_handles()
    return {number for name in os.listdir("/dev/fd") if _is_open(number := int(name))}


# So many numbers in a row that are no handle's, and no more are looked at: the lowest that is free is given first, or
# one of those that were given lately. Under Wine each takes a message to its server.
_GAP = 1024


def _open_handles() -> set[int]:
    import ctypes

    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    found = set()
    flags = ctypes.byref(ctypes.c_ulong())
    last = 0
    number = 4
    # A socket's number is the number of its handle; handles are numbered by fours.
    while number <= last + 4 * _GAP:
        if kernel.GetHandleInformation(number, flags):
            last = number
            # The type of what is no file, pipe or socket is 0.
            if kernel.GetFileType(number):
                found.add(number)
        number += 4
    return found


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
