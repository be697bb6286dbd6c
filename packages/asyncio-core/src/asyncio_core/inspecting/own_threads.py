"""Threads of this room's own: they sleep nearly all the time, keep no process alive, and end when they are asked to.

A loop that is alone in its process asks its poller less often, and keeps the interpreter while it calls the system. It
need not change that for these: they get the interpreter as all threads do, some milliseconds after they want it.
"""

from __future__ import annotations

import os
import threading

from asyncio_core.twins import twins

# Seconds for one to end.
_PATIENCE = 10.0

_running = 0


class OwnThread:
    """Something that runs in a thread of its own until it is over."""

    def __init__(self, name: str) -> None:
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        _count(1)
        try:
            self.run()
        finally:
            _count(-1)

    def run(self) -> None:
        """Do it, until `over` is set."""
        raise NotImplementedError

    def end(self) -> None:
        """Have it end, and wait for that."""
        self.over.set()
        self._thread.join(_PATIENCE)


def _count(difference: int) -> None:
    global _running
    _running += difference
    if twins is not None:
        twins._change_quiet_threads(difference)


def _forget_after_fork() -> None:
    _count(-_running)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
