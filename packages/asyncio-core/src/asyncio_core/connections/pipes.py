"""The part of a loop that joins protocols to pipes."""

from __future__ import annotations

from asyncio_core import log
from asyncio_core.connections.hooks import IOPart
from asyncio_core.interfaces.transports import WriteTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import ReadTransport

    _PipeT = TypeVar("_PipeT", ReadTransport, WriteTransport)
    _ProtocolT = TypeVar("_ProtocolT", bound=BaseProtocol)


class PipePart(IOPart):
    """connect_read_pipe() and connect_write_pipe()."""

    async def connect_read_pipe(
        self, protocol_factory: Callable[[], _ProtocolT], pipe: Any
    ) -> tuple[ReadTransport, _ProtocolT]:
        """Read from *pipe* through a new transport and protocol.

        *pipe* is a file object over a pipe, a socket or a character device; it is made
        non-blocking, and the transport closes it. Gives ``(transport, protocol)``. Raises
        :exc:`ValueError` for other kinds of files, which stay open, and :exc:`OSError` for a
        device that the system cannot watch, which is closed then, as it is where the factory
        raises. Source: PEP 3156.
        """
        return await self._connect_pipe(self._make_read_pipe_transport, protocol_factory, pipe)

    async def connect_write_pipe(
        self, protocol_factory: Callable[[], _ProtocolT], pipe: Any
    ) -> tuple[WriteTransport, _ProtocolT]:
        """Write to *pipe* through a new transport and protocol.

        What holds for :meth:`connect_read_pipe` holds here. Source: PEP 3156.
        """
        return await self._connect_pipe(self._make_write_pipe_transport, protocol_factory, pipe)

    async def _connect_pipe(
        self,
        make_transport: Callable[[Any, BaseProtocol, Future[Any]], _PipeT],
        protocol_factory: Callable[[], _ProtocolT],
        pipe: Any,
    ) -> tuple[_PipeT, _ProtocolT]:
        """Make a pipe's transport and wait until its protocol knows of it."""
        try:
            protocol = protocol_factory()
        except BaseException:
            _close_quietly(pipe)
            raise
        number = pipe.fileno() if self._debug else None
        up = self.create_future()
        transport = make_transport(pipe, protocol, up)
        try:
            await up
        except BaseException:
            # Nobody will ever hold this transport: closing must not wait for a slow reader.
            if isinstance(transport, WriteTransport):
                transport.abort()
            else:
                transport.close()
            raise
        if self._debug:
            made: object = transport
            end = "Write" if isinstance(made, WriteTransport) else "Read"
            log.logger.debug("%s pipe %r connected: (%r, %r)", end, number, transport, protocol)
        return transport, protocol


def _close_quietly(pipe: Any) -> None:
    """Close a pipe while another exception is on its way, which matters more."""
    try:
        pipe.close()
    except OSError:
        # A buffered file has something to write and nobody who reads it.
        pass
