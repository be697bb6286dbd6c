"""What a process holds on Linux, by proc(5)."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def descriptors() -> dict[str, str]:
    """Return what each open descriptor is, by its number; a socket's inode tells it from another one."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            pass  # what the folder itself was listed with
    return found


def children() -> set[int]:
    """Return which children run, or have been reaped by nobody."""
    found: set[int] = set()
    if not _has_children():
        return found
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Behind the name, which is in parentheses: the state, and the parent.
            parent = path.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue  # it has just ended
        if int(parent) == os.getpid():
            found.add(int(path.parent.name))
    return found


def end_child(pid: int) -> None:
    """Kill a child, and reap it."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _has_children() -> bool:
    """Tell whether there is a child that runs, or that nobody has reaped."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
