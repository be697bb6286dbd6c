"""Threads that nobody waits for at the end of the program."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread
    from typing import Any

__all__ = ("background_thread",)


def background_thread(target: Callable[..., object], *args: Any, name: str | None = None) -> Thread:
    """Return a thread, not started yet, that will call ``target(*args)``.

    It is a daemon where there can be one. Isolated subinterpreters refuse daemons since Python 3.12, as
    their threads have to end before they do; there the end waits for it.
    """
    from threading import Thread

    try:
        return Thread(target=target, args=args, name=name, daemon=True)
    except RuntimeError:
        # Said, as it is the starting thread's kind otherwise.
        return Thread(target=target, args=args, name=name, daemon=False)
