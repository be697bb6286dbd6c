"""`asyncio.proactor_events` off Windows, where the loop over completion ports cannot run.

Programs for every platform import that module to ask one thing, whether their loop is a proactor's.
"""

from __future__ import annotations

from asyncio_core.base_events import BaseEventLoop

__all__ = ("BaseProactorEventLoop",)


class BaseProactorEventLoop(BaseEventLoop):
    """The class of the loops over completion ports; off Windows no loop is one.

    Making one raises NotImplementedError.
    """

    def __new__(cls) -> BaseProactorEventLoop:
        raise NotImplementedError("the proactor loop of asyncio-iocp runs on Windows only")
