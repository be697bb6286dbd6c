"""The part of a loop that listens for stream connections, and the servers it makes."""

from __future__ import annotations

import contextvars
import errno
import itertools
import os
import socket
import sys
import weakref
from collections.abc import Iterable

from asyncio_core import log
from asyncio_core.awaiting.combinators import gather, sleep
from asyncio_core.connections.accepted import concerns_resources
from asyncio_core.connections.addresses import ResolvingPart
from asyncio_core.connections.socket_options import (
    _both_given,
    _check_ssl_socket,
    _check_stream_socket,
    _set_reuseport,
    _tls_timeouts,
)
from asyncio_core.connections.trsock import TransportSocket
from asyncio_core.exceptions import CancelledError, drop_own_frame
from asyncio_core.interfaces.server import AbstractServer
from asyncio_core.scheduling.loop_part import context_for_hook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextvars import Context
    from typing import Any, Unpack, overload

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.hooks import IOPart
    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.interfaces.loop_types import AddressInfo, ServeOptions, SSLArgument
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import BaseTransport


class _Client(weakref.ref["BaseTransport"]):
    """A weak reference that knows where it is kept: smaller than a callback that does, for each connection."""

    __slots__ = ("key",)

    key: int


class Server(AbstractServer):
    """Listening sockets, and the connections that were accepted on them.

    Made by ``loop.create_server()`` and its Unix-socket form. Used as an asynchronous context
    manager it is closed, and waited for, at the end of the block.

    The context (PEP 567) in which the server is made is kept; every connection starts from a
    copy of it, whatever the accepting loop runs in.

    Source: PEP 3156.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        sockets: Iterable[socket.socket],
        protocol_factory: Callable[[], BaseProtocol],
        ssl_context: SSLArgument,
        backlog: int,
        ssl_handshake_timeout: float | None,
        ssl_shutdown_timeout: float | None = None,
    ) -> None:
        # Those that serve have the hooks of `IOPart`.
        self._loop: IOPart = loop  # type: ignore[assignment]
        # None after close().
        self._sockets: list[socket.socket] | None = list(sockets)
        self._protocol_factory = protocol_factory
        self._ssl_context = ssl_context
        self._backlog = backlog
        self._ssl_handshake_timeout = ssl_handshake_timeout
        self._ssl_shutdown_timeout = ssl_shutdown_timeout
        self._context: Context = contextvars.copy_context()
        self._serving = False
        # What the last of the listening sockets came to its end with, before close().
        self._failure: OSError | None = None
        # Its result is that failure.
        self._serving_forever_fut: Future[OSError] | None = None
        # Who waits for the end; None once it has come.
        self._waiters: list[Future[None]] | None = []
        # Weak, by identity: a transport that the application lost must not keep the server
        # from ending, and one with slots need not be hashable. The references' callbacks
        # notice such a loss.
        self._clients: dict[int, weakref.ref[BaseTransport]] = {}
        # Connections of loops that do not say which transport they mean.
        self._nameless = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} sockets={self.sockets!r}>"

    # Connections come and go: called by the loops' transports.

    def _attach(self, transport: BaseTransport | None = None) -> None:
        """Count a connection in; *transport* is its transport."""
        if transport is None:
            self._nameless += 1
        else:
            client = _Client(transport, self._forget)
            client.key = id(transport)
            self._clients[client.key] = client

    def _detach(self, transport: BaseTransport | None = None) -> None:
        """Count a connection out; the last one of a closed server is its end."""
        if transport is None:
            self._nameless -= 1
        elif self._clients.pop(id(transport), None) is None:
            return
        if self._sockets is None:
            self._end_if_idle()

    def _forget(self, client: _Client) -> None:
        """Drop a transport that was garbage-collected, in whatever thread that happened."""
        self._drop(client.key)

    def _lose(self, transport: BaseTransport) -> None:
        """Drop a transport that is being destroyed: the compiled form attaches it by a plain reference."""
        self._drop(id(transport))

    def _drop(self, key: int) -> None:
        if self._clients.pop(key, None) is None or self._sockets is not None:
            return
        if self._waiters and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_if_idle)

    def _end_if_idle(self) -> None:
        if self._sockets is None and not self._clients and not self._nameless:
            self._wakeup()

    def _wakeup(self) -> None:
        """Tell everybody who waits that the server has come to its end."""
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def _transports(self) -> Iterator[BaseTransport]:
        """The transports of the connections that are open now, as the application has them."""
        for ref in tuple(self._clients.values()):
            transport: Any = ref()
            # Where TLS is on top it closes first, and says so to the peer.
            while transport is not None:
                outer = getattr(transport.get_protocol(), "_app_transport", None)
                if outer is None:
                    yield transport
                    break
                transport = outer

    def _lose_listener(self, sock: socket.socket, failure: OSError) -> None:
        """Give up a listening socket that cannot be served; without any the server does not serve."""
        if self._sockets is None or sock not in self._sockets:
            return
        self._sockets.remove(sock)
        self._loop._stop_serving(sock)
        if self._sockets:
            return
        self._serving = False
        self._failure = failure
        forever = self._serving_forever_fut
        if forever is not None and not forever.done():
            forever.set_result(failure)

    # What the application calls.

    def get_loop(self) -> AbstractEventLoop:
        """Give the event loop that the server belongs to. Added in Python 3.7."""
        return self._loop

    def is_serving(self) -> bool:
        """Tell whether connections are accepted at present, on one listening socket at least.

        Added in Python 3.7.
        """
        return self._serving

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The listening sockets that are served, to look at; empty after :meth:`close`.

        They do what sockets do that cannot disturb the loop. Source: PEP 3156; a list of plain
        sockets before Python 3.8.
        """
        shown: tuple[Any, ...] = tuple(map(TransportSocket, self._sockets or ()))
        return shown

    def close(self) -> None:
        """Close the listening sockets; connections that were accepted go on.

        Ends :meth:`serve_forever`, which closes them too. Closing twice does nothing.
        Source: PEP 3156.
        """
        sockets, self._sockets = self._sockets, None
        if sockets is None:
            return
        try:
            self._stop_serving(sockets)
        finally:
            self._serving = False
            forever, self._serving_forever_fut = self._serving_forever_fut, None
            if forever is not None and not forever.done():
                forever.cancel()
            self._end_if_idle()

    def _stop_serving(self, sockets: list[socket.socket]) -> None:
        """Close listening sockets: all of them, whatever closing one of them raises."""
        try:
            while sockets:
                self._loop._stop_serving(sockets.pop(0))
        finally:
            if sockets:
                self._stop_serving(sockets)

    def close_clients(self) -> None:
        """Call ``close()`` on the transport of every open connection. Added in Python 3.13."""
        for transport in self._transports():
            transport.close()

    def abort_clients(self) -> None:
        """Call ``abort()`` on the transport of every open connection. Added in Python 3.13."""
        transport: Any
        for transport in self._transports():
            transport.abort()

    async def start_serving(self) -> None:
        """Begin to accept connections; nothing happens where that was done before.

        Raises :exc:`RuntimeError` after :meth:`close`. Added in Python 3.7.
        """
        self._start_serving()
        # A loop that accepts by completions posts its first accept in its next turn.
        await sleep(0)

    async def serve_forever(self) -> None:
        """Accept connections until the task is cancelled or :meth:`close` is called.

        Either way the server and its connections are closed (as since Python 3.14; before,
        :meth:`close` left them open, and an idle one kept this from ending). This waits for them
        to be gone and ends with :exc:`CancelledError`. Raises :exc:`RuntimeError` where the
        server is closed already or another task serves.

        A listening socket that breaks, as by ``shutdown()``, is reported and closed, and the others are
        served on. With the last one the server is closed, and this raises its :exc:`OSError` at
        once. Added in Python 3.7.
        """
        if self._serving_forever_fut is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        self._start_serving()
        forever = self._serving_forever_fut = self._loop.create_future()
        try:
            failure = await forever
        except CancelledError:
            self.close()
            self.close_clients()
            await self.wait_closed()
            raise
        finally:
            self._serving_forever_fut = None
        self.close()
        self.close_clients()
        try:
            raise failure
        finally:
            # Its traceback leads to this frame.
            del failure

    def _waited_for(self) -> dict[str, object]:
        return {"kind": "server", "sockets": list(self._sockets or ())}

    async def wait_closed(self) -> None:
        """Wait until the server is closed and its last connection has ended.

        Returns at once where that is so. Before Python 3.12 it did not wait for connections.
        """
        if self._waiters is None:
            return
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            # A server may live long, and be waited for with a time limit again and again.
            if self._waiters is not None:
                self._waiters.remove(waiter)

    def _start_serving(self) -> None:
        sockets = self._sockets
        if sockets is None:
            raise RuntimeError(f"server {self!r} is closed")
        if self._failure is not None:
            raise self._failure
        if self._serving:
            return
        # This can fail, as two servers may have bound one address; nothing is accepted by then.
        for sock in sockets:
            sock.listen(self._backlog)
        self._serving = True
        try:
            for sock in sockets:
                self._loop._start_serving(
                    self._protocol_factory,
                    sock,
                    self._ssl_context,
                    self,
                    self._backlog,
                    self._ssl_handshake_timeout,
                    self._ssl_shutdown_timeout,
                    **context_for_hook(self._loop._start_serving, self._context),
                )
        except BaseException:
            # The system watches no more descriptors, say. It can be tried again.
            self._serving = False
            raise


class ServingPart(ResolvingPart):
    """create_server()."""

    if TYPE_CHECKING:

        @overload
        async def create_server(
            self,
            protocol_factory: Callable[[], BaseProtocol],
            host: str | Sequence[str] | None,
            port: int,
            *,
            sock: None = None,
            **options: Unpack[ServeOptions],
        ) -> Server: ...

        @overload
        async def create_server(
            self,
            protocol_factory: Callable[[], BaseProtocol],
            host: str | Sequence[str],
            port: int | None = None,
            *,
            sock: None = None,
            **options: Unpack[ServeOptions],
        ) -> Server: ...

        @overload
        async def create_server(
            self,
            protocol_factory: Callable[[], BaseProtocol],
            host: None = None,
            *,
            port: int,
            sock: None = None,
            **options: Unpack[ServeOptions],
        ) -> Server: ...

        @overload
        async def create_server(
            self,
            protocol_factory: Callable[[], BaseProtocol],
            host: None = None,
            port: None = None,
            *,
            sock: socket.socket,
            **options: Unpack[ServeOptions],
        ) -> Server: ...

    async def create_server(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        *,
        family: int = socket.AF_UNSPEC,
        flags: int = socket.AI_PASSIVE,
        sock: socket.socket | None = None,
        backlog: int = 100,
        ssl: SSLArgument = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> Server:
        """Listen for stream connections; each gets a protocol from *protocol_factory*.

        *host* is a name or address, a sequence of them, or None or ``""`` for all interfaces;
        every address that it stands for gets a socket of its own (with *port* 0 each a port of
        its own). Or *sock* is a bound stream socket, which the server then owns. *backlog* is
        how many connections may wait to be accepted.

        *reuse_address* (default: True on POSIX, where it only skips the wait after an earlier
        server), *reuse_port* (several servers share a port) and *keep_alive* set the socket
        options of these names. *ssl* is an :class:`ssl.SSLContext`; timeouts are in seconds.
        With *start_serving* false nothing is accepted until the server is told to.

        Raises :exc:`ValueError` and :exc:`TypeError` for arguments that do not fit, before
        anything is opened; :exc:`OSError`, which names the address, where one cannot be bound,
        and then no socket is left open. An address of a family that the system has switched
        off is passed over, as long as another one can be bound.

        Source: PEP 3156. *reuse_port* was added in Python 3.4.4, *start_serving* in 3.7,
        *ssl_shutdown_timeout* in 3.11, *keep_alive* in 3.13.
        """
        if isinstance(ssl, bool):
            raise TypeError(f"ssl argument must be an SSLContext or None, got {ssl!r}")
        timeouts = _tls_timeouts(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if sock is None:
            if host is None and port is None:
                raise ValueError("Neither host/port nor sock were specified")
            options = _ListenOptions(reuse_address, reuse_port, keep_alive)
            addresses = await self._addresses_to_serve(host, port, family, flags)
            sockets = self._bind_all(addresses, options)
        elif host is not None or port is not None:
            raise _both_given(host, port, sock)
        else:
            _check_ssl_socket(sock)
            _check_stream_socket(sock)
            sock.setblocking(False)
            sockets = [sock]

        server = Server(
            self,
            sockets,
            protocol_factory,
            ssl,
            backlog,
            **timeouts,
        )
        if start_serving:
            try:
                await server.start_serving()
            except BaseException:
                # The caller gets no server to close.
                server.close()
                raise
        if self._debug:
            log.logger.info("%r is serving", server)
        return server

    async def _create_server_getaddrinfo(
        self, host: str | None, port: int | None, family: int, flags: int
    ) -> list[AddressInfo]:
        """Resolve one *host* to listen on."""
        return await self._ensure_resolved(
            (host, port), family=family, type=socket.SOCK_STREAM, flags=flags, loop=self
        )

    async def _addresses_to_serve(
        self, host: str | Iterable[str] | None, port: int | None, family: int, flags: int
    ) -> list[AddressInfo]:
        """Resolve what create_server() calls *host*; each address once, in order."""
        if host == "":
            hosts: list[Any] = [None]
        elif isinstance(host, (str, bytes)) or not isinstance(host, Iterable):
            hosts = [host]
        else:
            hosts = list(host)
        lookups = (
            self._create_server_getaddrinfo(each, port, family=family, flags=flags)
            for each in hosts
        )
        answers = [await next(lookups)] if len(hosts) == 1 else await gather(*lookups)
        return list(dict.fromkeys(itertools.chain.from_iterable(answers)))

    def _bind_all(
        self, addresses: Sequence[AddressInfo], options: _ListenOptions
    ) -> list[socket.socket]:
        """Make a bound socket for each address, or raise and leave none."""
        sockets: list[socket.socket] = []
        try:
            for info in addresses:
                sock = self._bound_socket(info, options)
                if sock is not None:
                    sockets.append(sock)
            if not sockets:
                wanted = [info[4] for info in addresses]
                raise OSError(f"could not bind on any address out of {wanted!r}")
        except BaseException as error:
            for sock in sockets:
                sock.close()
            drop_own_frame(error)
            raise
        return sockets

    def _bound_socket(self, info: AddressInfo, options: _ListenOptions) -> socket.socket | None:
        """Make a socket bound to one address; None where its family is switched off."""
        try:
            family, kind, proto, _, address = info
            try:
                sock = socket.socket(family, kind, proto)
            except OSError as exc:
                if concerns_resources(exc):
                    raise
                # The resolver offers families that the kernel does not have.
                if self._debug:
                    log.logger.warning("cannot make a socket of family %r for %r", family, address)
                return None
            try:
                options.apply(sock, family)
                sock.setblocking(False)
                sock.bind(address)
            except OSError as exc:
                sock.close()
                if exc.errno == errno.EADDRNOTAVAIL:
                    # IPv6 compiled in but disabled: its addresses resolve and cannot be bound.
                    if self._debug:
                        log.logger.warning("cannot bind %r: %s", address, exc)
                    return None
                reason = (
                    f"error while attempting to bind on address {address!r}: {str(exc).lower()}"
                )
                raise OSError(exc.errno, reason) from None
            except BaseException:
                sock.close()
                raise
            return sock
        except BaseException as error:
            drop_own_frame(error)
            raise


class _ListenOptions:
    """The socket options that create_server() was asked for."""

    __slots__ = ("reuse_address", "reuse_port", "keep_alive")

    def __init__(
        self, reuse_address: bool | None, reuse_port: bool | None, keep_alive: bool | None
    ) -> None:
        if reuse_address is None:
            # Elsewhere the option would let two servers have one address.
            reuse_address = os.name == "posix" and sys.platform != "cygwin"
        self.reuse_address = reuse_address
        self.reuse_port = reuse_port
        self.keep_alive = keep_alive

    def apply(self, sock: socket.socket, family: int) -> None:
        """Set them; raises :exc:`ValueError` where the system has no shared ports."""
        if self.reuse_address:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
        # Newer Linux kernels refuse it on any family that has no ports.
        if self.reuse_port and family in (socket.AF_INET, socket.AF_INET6):
            _set_reuseport(sock)
        if self.keep_alive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
        if family == socket.AF_INET6 and hasattr(socket, "IPPROTO_IPV6"):
            # IPv4 addresses have sockets of their own; one that took both would collide.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
