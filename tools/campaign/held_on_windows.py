"""What a process holds on Windows, and under Wine: handles, one by one, and children, in a snapshot of all processes."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from ctypes import wintypes

from asyncio_test_support.descriptors import open_descriptors

assert sys.platform == "win32"

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_snapshot = _kernel.CreateToolhelp32Snapshot
_snapshot.argtypes = [wintypes.DWORD, wintypes.DWORD]
_snapshot.restype = wintypes.HANDLE
_close = _kernel.CloseHandle
_close.argtypes = [wintypes.HANDLE]

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
    """Return as many as there are handles of files, pipes and sockets open: the system replaces some of its own by others.

    Not in here are events, semaphores and threads: the interpreter has some for each lock and each thread, for as long as it likes.
    """
    return dict.fromkeys(map(str, range(len(open_descriptors()))), "a file, a pipe or a socket")


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
