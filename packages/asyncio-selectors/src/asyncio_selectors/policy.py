"""The policy under the name `selectors` in the entry points of event loops."""

from __future__ import annotations

import sys

from asyncio_core.annotations import leave_to_checkers
from asyncio_selectors.child_watching import ChildWatcherPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = ("SelectorEventLoopPolicy",)


class SelectorEventLoopPolicy(ChildWatcherPolicy):
    """Makes readiness loops: the Unix loop, on Windows the one over select().

    The loop's module is imported with the first loop.
    """

    def new_event_loop(self) -> AbstractEventLoop:
        """Make a new readiness loop."""
        loop_class: Any
        if sys.platform == "win32":
            from asyncio_selectors.windows import SelectorEventLoop as loop_class
        else:
            from asyncio_selectors.unix_events import SelectorEventLoop as loop_class
        loop: AbstractEventLoop = loop_class()
        return loop


leave_to_checkers(__name__)
