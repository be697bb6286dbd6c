"""The event loop policy that is registered under the name `iocp`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar

from asyncio_core.policies import BaseDefaultEventLoopPolicy

if TYPE_CHECKING:
    from asyncio_core.abstract_loop import AbstractEventLoop

__all__ = ("IocpEventLoopPolicy",)


def _reason() -> str:
    """Say in one line why no completion loop can be made here."""
    where = "" if sys.platform == "win32" else f"needs Windows (this is {sys.platform}) and "
    return (
        f"the event loop of asyncio-iocp {where}is not part of this release yet; "
        "use the loop of asyncio-selectors instead (ASYNCIO_LOOP=selectors)"
    )


class IocpEventLoopPolicy(BaseDefaultEventLoopPolicy):
    """Policy for the completion loop; it makes no loop in this release.

    `unusable` is the reason, a string, as the listing of the registered loops prints it and the
    choice of a default respects it. Added in asyncio-iocp 0.1.
    """

    unusable: ClassVar[str | None] = _reason()

    def new_event_loop(self) -> AbstractEventLoop:
        """Raise NotImplementedError, with a message that names a loop that does run here."""
        raise NotImplementedError(self.unusable)
