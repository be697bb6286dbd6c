"""The interface of servers, after PEP 3156."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = ("AbstractServer",)


class AbstractServer:
    """A set of listening sockets that an event loop accepts connections from.

    As an asynchronous context manager it is closed, and its end awaited, on leaving the block.
    Source: PEP 3156.
    """

    def close(self) -> None:
        """Stop listening; connections that were accepted before stay open."""
        raise NotImplementedError

    def close_clients(self) -> None:
        """Call `close()` on the transport of each connection. Added in Python 3.13."""
        raise NotImplementedError

    def abort_clients(self) -> None:
        """Call `abort()` on the transport of each connection. Added in Python 3.13."""
        raise NotImplementedError

    def get_loop(self) -> AbstractEventLoop:
        """Return the event loop that the server belongs to."""
        raise NotImplementedError

    def is_serving(self) -> bool:
        """Return True while the server accepts connections."""
        raise NotImplementedError

    async def start_serving(self) -> None:
        """Begin to accept connections; harmless where that was done before."""
        raise NotImplementedError

    async def serve_forever(self) -> None:
        """Accept connections until the awaiting task is cancelled, which closes the server."""
        raise NotImplementedError

    async def wait_closed(self) -> None:
        """Wait until the server is closed and its last connection has ended."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()
        await self.wait_closed()
