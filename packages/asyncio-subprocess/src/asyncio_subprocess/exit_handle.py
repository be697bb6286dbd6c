"""Exits of children learned through their process handles, which Windows signals: no thread of ours."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ("watch",)


def watch(loop: Any, process: Any, exited: Callable[[int], object]) -> None:
    """Call ``exited(returncode)`` once, in the loop, when `process` (a Popen object) has ended.

    `loop` has a proactor that waits for handles. Raises OSError where it cannot.
    """

    def ended(waiting: Any) -> None:
        if not waiting.cancelled():
            waiting.result()
            # Popen closes the handle when it is done with the process, which is not before this.
            exited(process.poll())

    waiting = loop._proactor.wait_for_handle(int(process._handle))
    waiting.add_done_callback(ended)
