"""Exit watching by a kernel event, EVFILT_PROC with NOTE_EXIT: kqueue(2), macOS and the BSDs."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from asyncio_core.abstract_loop import AbstractEventLoop

# Typed by hand: type checkers know these names on the systems that have them only.
_select: Any = select


def available() -> bool:
    """Tell whether the system has kernel queues."""
    return hasattr(select, "kqueue")


class KqueueWatch:
    """Waits for a queue that holds the child's exit and nothing else to become readable."""

    __slots__ = ("_loop", "_on_exit", "_queue")

    def __init__(
        self, loop: AbstractEventLoop, pid: int, on_exit: Callable[[int | None], None]
    ) -> None:
        self._loop = loop
        self._on_exit = on_exit
        self._queue: Any = None
        queue = _select.kqueue()
        exit_event = _select.kevent(
            pid,
            filter=_select.KQ_FILTER_PROC,
            flags=_select.KQ_EV_ADD | _select.KQ_EV_ONESHOT,
            fflags=_select.KQ_NOTE_EXIT,
        )
        try:
            queue.control([exit_event], 0)
            loop.add_reader(queue, self._exited)
        except ProcessLookupError:
            # A child that exited before it was watched is no process to the kernel's filter.
            queue.close()
            loop.call_soon(self._exited)
        except BaseException:
            queue.close()
            raise
        else:
            self._queue = queue

    def _exited(self) -> None:
        self.close()
        self._on_exit(None)

    def close(self) -> None:
        """End the watch and close the queue, which leaves the poller first."""
        queue, self._queue = self._queue, None
        if queue is not None:
            self._loop.remove_reader(queue)
            queue.close()
