"""The readiness loop on Windows: select() over sockets, and nothing that is not a socket."""

from __future__ import annotations

from asyncio_core.policies import BaseDefaultEventLoopPolicy
from asyncio_selectors.selector_events import BaseSelectorEventLoop

__all__ = ("SelectorEventLoop", "WindowsSelectorEventLoopPolicy")


class _WindowsSelectorEventLoop(BaseSelectorEventLoop):
    """TCP and UDP for up to 512 sockets; no pipes, subprocesses or signal handlers."""


SelectorEventLoop = _WindowsSelectorEventLoop


class WindowsSelectorEventLoopPolicy(BaseDefaultEventLoopPolicy):
    """Makes select() loops, one for each thread that asks. Added in Python 3.7."""

    _loop_factory = SelectorEventLoop


# The name since Python 3.14, where policies are on their way out.
_WindowsSelectorEventLoopPolicy = WindowsSelectorEventLoopPolicy
