"""Part of the loop on Windows: connections over named pipes.

A named pipe is served by instances: each is waited on until a client connects to it, and is that
client's connection from then on, while the next instance waits for the next client.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("named pipes need Windows")

import _winapi
import weakref

from asyncio_core import log
from asyncio_core.exceptions import CancelledError
from asyncio_core.null_characters import refuse_null
from asyncio_core.windows.pipes import BUFSIZE, PipeHandle
from asyncio_iocp.proactor_events import BaseProactorEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import Transport

    _ProtocolT = TypeVar("_ProtocolT", bound=BaseProtocol)

__all__ = ("NamedPipes", "PipeServer")


class PipeServer:
    """Accepts on a pipe name, such as ``\\\\.\\pipe\\name``, until it is closed.

    Made by `loop.start_serving_pipe()`. Raises PermissionError where the name is served already.
    """

    _address: str | None = None

    def __init__(self, address: str) -> None:
        refuse_null(address, "address")
        self._address = address
        # Instances without a client.
        self._free_instances: weakref.WeakSet[PipeHandle] = weakref.WeakSet()
        self._accept_pipe_future: Any = None
        self._pipe: PipeHandle | None = None
        # The first, so that what is wrong with the name shows at once.
        self._pipe = self._new_instance(_winapi.FILE_FLAG_FIRST_PIPE_INSTANCE)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address or 'closed'}>"

    def __del__(self) -> None:
        self.close()

    def closed(self) -> bool:
        """Tell whether it is closed."""
        return self._address is None

    def _new_instance(self, flags: int = 0) -> PipeHandle:
        assert self._address is not None
        handle = _winapi.CreateNamedPipe(
            self._address,
            _winapi.PIPE_ACCESS_DUPLEX | _winapi.FILE_FLAG_OVERLAPPED | flags,
            _winapi.PIPE_TYPE_MESSAGE | _winapi.PIPE_READMODE_MESSAGE | _winapi.PIPE_WAIT,
            _winapi.PIPE_UNLIMITED_INSTANCES,
            BUFSIZE,
            BUFSIZE,
            _winapi.NMPWAIT_WAIT_FOREVER,
            _winapi.NULL,
        )
        instance = PipeHandle(handle)
        self._free_instances.add(instance)
        return instance

    def _get_unconnected_pipe(self) -> PipeHandle | None:
        """Return an instance for the next client, None where the server is closed.

        Another one is in reserve, so that clients never find the name unserved in between.
        """
        if self._address is None:
            return None
        reserve = self._new_instance()
        instance, self._pipe = self._pipe, reserve
        return instance

    def _taken(self, instance: PipeHandle) -> None:
        """A client has connected to an instance: it is not the server's any more."""
        self._free_instances.discard(instance)

    def close(self) -> None:
        """Accept no more clients; connections that are there go on. A second call does nothing."""
        if self._address is None:
            return
        self._address = None
        accepting, self._accept_pipe_future = self._accept_pipe_future, None
        if accepting is not None:
            accepting.cancel()
        for instance in list(self._free_instances):
            instance.close()
        self._free_instances.clear()
        self._pipe = None


class _PipeListener:
    """Accepts on a server's instances, one after the other; called with each accept that is done."""

    __slots__ = ("_factory", "_instance", "_loop", "_server")

    def __init__(self, loop: Any, server: PipeServer, factory: Callable[[], BaseProtocol]) -> None:
        self._loop = loop
        self._server = server
        self._factory = factory
        self._instance: PipeHandle | None = None

    def __call__(self, fut: Any = None) -> None:
        """Make a connection of the instance that was waited on, and wait on the next."""
        instance, self._instance = self._instance, None
        try:
            if fut is not None:
                # It is the connection's from now on, or closed.
                connected, instance = instance, None
                self._connected(connected, fut)
            instance = self._server._get_unconnected_pipe()
            if instance is not None:
                self._wait_for_client(instance)
        except CancelledError:
            if instance is not None:
                instance.close()
        except OSError as exc:
            self._cannot_accept(instance, exc)
        except (SystemExit, KeyboardInterrupt):
            # The loop may run again.
            self._loop.call_soon(self)
            raise

    def _wait_for_client(self, instance: PipeHandle) -> None:
        server = self._server
        try:
            accepting = self._loop._proactor.accept_pipe(instance)
        except BrokenPipeError:
            # Its client has come and gone. The reserve is there for the next.
            server._taken(instance)
            instance.close()
            self._loop.call_soon(self)
            return
        self._instance = instance
        server._accept_pipe_future = accepting
        accepting.add_done_callback(self)

    def _connected(self, instance: Any, fut: Any) -> None:
        server, loop = self._server, self._loop
        try:
            fut.result()
        except BrokenPipeError:
            # The client looked and went away: the instance is of no use, and nothing is amiss.
            server._taken(instance)
            instance.close()
            return
        server._taken(instance)
        if server.closed():
            instance.close()
            return
        try:
            protocol = self._factory()
            loop._make_duplex_pipe_transport(instance, protocol, extra={"addr": server._address})
        except (SystemExit, KeyboardInterrupt):
            instance.close()
            raise
        except BaseException as exc:
            instance.close()
            loop._lost_while_accepting(exc, None, None)

    def _cannot_accept(self, instance: PipeHandle | None, exc: OSError) -> None:
        if instance is not None:
            instance.close()
        if self._server.closed():
            return
        self._server.close()
        self._loop.call_exception_handler(
            {
                "message": "accepting on a pipe failed, it is served no more",
                "exception": exc,
                "pipe": instance,
            }
        )


class NamedPipes(BaseProactorEventLoop):
    """`create_pipe_connection()` and `start_serving_pipe()`, which only this loop has."""

    async def create_pipe_connection(
        self, protocol_factory: Callable[[], _ProtocolT], address: str
    ) -> tuple[Transport, _ProtocolT]:
        """Connect to the named pipe `address` and join a new protocol to it.

        While all of its server's instances are taken, this waits. Gives ``(transport, protocol)``.
        Raises FileNotFoundError where nobody serves the name, ValueError where it has a null
        character. Added in Python 3.4.
        """
        refuse_null(address, "address")
        pipe = await self._proactor.connect_pipe(address)
        try:
            protocol = protocol_factory()
            transport = self._make_duplex_pipe_transport(pipe, protocol, extra={"addr": address})
        except BaseException:
            pipe.close()
            raise
        if self._debug:
            log.logger.debug("%r is connected to %s for %r", transport, address, protocol)
        return transport, protocol

    async def start_serving_pipe(
        self, protocol_factory: Callable[[], BaseProtocol], address: str
    ) -> list[PipeServer]:
        """Serve the named pipe `address`: each client gets a protocol of its own.

        Gives a list of one server, whose `close()` ends it. Raises PermissionError where the name is
        taken. Added in Python 3.4.
        """
        server = PipeServer(address)
        self.call_soon(_PipeListener(self, server, protocol_factory))
        return [server]
