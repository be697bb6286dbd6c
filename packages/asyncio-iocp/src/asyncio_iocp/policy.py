"""The event loop policy that is registered under the name `iocp`."""

from __future__ import annotations

import sys

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.policies import BaseDefaultEventLoopPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = ("IocpEventLoopPolicy",)


def _reason() -> str | None:
    """Say in one line why no completion loop can be made here, None where it can."""
    instead = "use the loop of asyncio-selectors instead (ASYNCIO_LOOP=selectors)"
    if sys.platform != "win32":
        return f"the event loop of asyncio-iocp needs Windows (this is {sys.platform}); {instead}"
    try:
        from asyncio_iocp import _overlapped  # noqa: F401
    except ImportError as exc:
        return (
            "the event loop of asyncio-iocp needs its extension module, "
            f"which this installation lacks ({exc}); {instead}"
        )
    return None


class IocpEventLoopPolicy(BaseDefaultEventLoopPolicy):
    """Makes loops over completion ports, one for each thread that asks.

    `unusable` says, where no such loop can be made, in one line why: the choice of the platform's
    default passes over a policy class that has it. The loop's module is imported with the first loop.
    """

    unusable: ClassVar[str | None] = _reason()

    def __init__(self) -> None:
        """Raise NotImplementedError where no such loop can be made."""
        if self.unusable is not None:
            raise NotImplementedError(self.unusable)
        super().__init__()

    def new_event_loop(self) -> AbstractEventLoop:
        """Make a new loop over a completion port."""
        from asyncio_iocp.completion_loop import ProactorEventLoop

        return ProactorEventLoop()


leave_to_checkers(__name__)
