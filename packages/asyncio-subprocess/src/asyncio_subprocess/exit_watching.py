"""Learning that a child has exited, by the best means the system has.

Every mechanism is a class of one shape: made with ``(loop, pid, on_exit)`` for a child that nobody
has waited for yet, it calls ``on_exit(status)`` once, in the loop's thread, when the child is gone.
`status` is None where the child is still to be reaped, so that its number stays taken until the loop
knows of its end; a mechanism that could not avoid reaping it passes the status on, in the
encoding of :func:`os.waitpid`. ``close()`` ends the watch.

None of them touches SIGCHLD, so none needs the main thread, and the program's own handler stays.
"""

from __future__ import annotations

from asyncio_subprocess import watch_kqueue, watch_pidfd
from asyncio_subprocess.watch_thread import ThreadWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from asyncio_core.abstract_loop import AbstractEventLoop

    class ExitWatch(Protocol):
        """What the mechanisms have in common."""

        def close(self) -> None:
            """End the watch; on_exit will not be called any more."""


def watch_exit(
    loop: AbstractEventLoop, pid: int, on_exit: Callable[[int | None], None]
) -> ExitWatch:
    """Call `on_exit` in the loop's thread when the child with the number `pid` has exited.

    Raises :exc:`RuntimeError` where not even a thread can be started.
    """
    try:
        if watch_pidfd.available():
            return watch_pidfd.PidfdWatch(loop, pid, on_exit)
        if watch_kqueue.available():
            return watch_kqueue.KqueueWatch(loop, pid, on_exit)
    except (OSError, NotImplementedError):
        # No descriptor to be had, or a loop that cannot watch one: a thread needs neither.
        pass
    return ThreadWatch(loop, pid, on_exit)
