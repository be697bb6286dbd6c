"""The event loop policy that is registered under the name `iocp`."""

from __future__ import annotations

import sys
from typing import ClassVar

from asyncio_core.policies import BaseDefaultEventLoopPolicy

__all__ = ("IocpEventLoopPolicy",)


def _reason() -> str:
    """Say in one line why no completion loop can be made here."""
    where = "" if sys.platform == "win32" else f"needs Windows (this is {sys.platform}) and "
    return (
        f"the event loop of asyncio-iocp {where}is not part of this release yet; "
        "use the loop of asyncio-selectors instead (ASYNCIO_LOOP=selectors)"
    )


class IocpEventLoopPolicy(BaseDefaultEventLoopPolicy):
    """Policy for the completion loop; there is none to make in this release, nor a policy.

    `unusable` is the reason, a string: the choice of the platform's default passes over a policy class
    that has one. Added in asyncio-iocp 0.1.
    """

    unusable: ClassVar[str | None] = _reason()

    def __init__(self) -> None:
        """Raise NotImplementedError, with a message that names a loop that does run here."""
        raise NotImplementedError(self.unusable)
