"""The readiness loop on Windows: select() over sockets, and nothing that is not a socket."""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.policies import BaseDefaultEventLoopPolicy
from asyncio_core.windows.signals import SignalHandlers
from asyncio_selectors.selector_events import BaseSelectorEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import selectors

__all__ = ("SelectorEventLoop", "WindowsSelectorEventLoopPolicy")


class _WindowsSelectorEventLoop(SignalHandlers, BaseSelectorEventLoop):
    """TCP and UDP for up to 512 sockets, and signals; no pipes or subprocesses."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._signal_handlers = {}
        super().__init__(selector)


SelectorEventLoop = _WindowsSelectorEventLoop


class WindowsSelectorEventLoopPolicy(BaseDefaultEventLoopPolicy):
    """Makes select() loops, one for each thread that asks. Added in Python 3.7."""

    _loop_factory = SelectorEventLoop


# The name since Python 3.14, where policies are on their way out.
_WindowsSelectorEventLoopPolicy = WindowsSelectorEventLoopPolicy

leave_to_checkers(__name__)
