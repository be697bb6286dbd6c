"""`asyncio.proactor_events` off Windows, where the loop over completion ports cannot run.

Programs for every platform import that module to ask one thing, whether their loop is a proactor's.
"""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.loops.base_events import BaseEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any

__all__ = ("BaseProactorEventLoop",)


class BaseProactorEventLoop(BaseEventLoop):
    """The class of the loops over completion ports; off Windows no loop is one.

    Making one raises NotImplementedError.
    """

    def __init__(self, proactor: Any) -> None:
        self._closed = True  # for the destructor: there is nothing to close
        raise NotImplementedError("the proactor loop of asyncio-iocp runs on Windows only")

    async def sock_recv(self, sock: socket, n: int) -> bytes:
        # No loop is here to be asked.
        raise NotImplementedError


leave_to_checkers(__name__)
