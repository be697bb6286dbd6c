"""What a process holds on Windows, and under Wine: handles, one by one, and children, in a snapshot of all processes."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import Counter
from ctypes import wintypes

assert sys.platform == "win32"

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_about = _kernel.GetHandleInformation
_about.argtypes = [wintypes.HANDLE, ctypes.c_void_p]
_type_of = _kernel.GetFileType
_type_of.argtypes = [wintypes.HANDLE]
_snapshot = _kernel.CreateToolhelp32Snapshot
_snapshot.argtypes = [wintypes.DWORD, wintypes.DWORD]
_snapshot.restype = wintypes.HANDLE
_close = _kernel.CloseHandle
_close.argtypes = [wintypes.HANDLE]

#: They are numbered by fours, the lowest free one first; there are never so many here.
_MOST = 0x1000
_TYPES = {1: "file on a disk", 2: "console", 3: "pipe or socket"}
_PROCESSES = 2


class _Process(ctypes.Structure):
    _fields_ = [
        ("dwSize", wintypes.DWORD),
        ("cntUsage", wintypes.DWORD),
        ("th32ProcessID", wintypes.DWORD),
        ("th32DefaultHeapID", ctypes.c_size_t),
        ("th32ModuleID", wintypes.DWORD),
        ("cntThreads", wintypes.DWORD),
        ("th32ParentProcessID", wintypes.DWORD),
        ("pcPriClassBase", wintypes.LONG),
        ("dwFlags", wintypes.DWORD),
        ("szExeFile", wintypes.WCHAR * 260),
    ]


for _walk in (_kernel.Process32FirstW, _kernel.Process32NextW):
    _walk.argtypes = [wintypes.HANDLE, ctypes.POINTER(_Process)]


def descriptors() -> dict[str, str]:
    """Return of what kind each open handle is, of those that are files, pipes and sockets.

    They are counted, by kind, as the system replaces some of its own by others. Not in here are events, semaphores and threads:
    the interpreter has some for each lock and each thread, for as long as it likes.
    """
    flags = wintypes.DWORD()
    counts: Counter[str] = Counter()
    for number in range(4, _MOST, 4):
        if _about(number, ctypes.byref(flags)) and (kind := _TYPES.get(_type_of(number))):
            counts[kind] += 1
    return {f"{kind} {n}": kind for kind, count in counts.items() for n in range(count)}


def children() -> set[int]:
    """Return which children run."""
    found = set()
    handle = _snapshot(_PROCESSES, 0)
    try:
        process = _Process(dwSize=ctypes.sizeof(_Process))
        there = _kernel.Process32FirstW(handle, ctypes.byref(process))
        while there:
            if process.th32ParentProcessID == os.getpid():
                found.add(process.th32ProcessID)
            there = _kernel.Process32NextW(handle, ctypes.byref(process))
    finally:
        _close(handle)
    return found


def end_child(pid: int) -> None:
    """End a child."""
    os.kill(pid, signal.SIGTERM)
