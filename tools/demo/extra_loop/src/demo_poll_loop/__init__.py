"""An event loop as a plug-in: `ASYNCIO_LOOP=demo-poll`.

It is the readiness loop over poll(), with a name of its own, so that one sees which loop runs.
"""

from __future__ import annotations

import selectors

from asyncio_core.choosing.policies import BaseDefaultEventLoopPolicy
from asyncio_selectors.unix_events import SelectorEventLoop


class PollEventLoop(SelectorEventLoop):
    """The readiness loop over the standard library's selector for poll()."""

    def __init__(self) -> None:
        super().__init__(selectors.PollSelector())


class PollLoopPolicy(BaseDefaultEventLoopPolicy):
    """What the entry point names: makes the loops."""

    _loop_factory = PollEventLoop
