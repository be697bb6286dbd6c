"""The readiness loop, as far as it is the same on every system.

The loop asks a poller which descriptors are ready and runs the handles that are registered for them.
Handles are made once, when a reader or writer is registered, and queued each time their descriptor
is ready. The other parts stand in modules of their own: sockets.py (`sock_*`), accepting.py,
sending_files.py, and the transports.
"""

from __future__ import annotations

import socket  # noqa: TC003
from _thread import _count as other_threads
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector

from asyncio_core import log
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.connections.transport_table import TransportTable
from asyncio_core.faces import make_face, one_class
from asyncio_core.lent_names import lend_names
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.loops.provisions import lay_in
from asyncio_core.scheduling.handles import Handle
from asyncio_core.scheduling.loop_part import is_replaced, takes_context
from asyncio_core.scheduling.turn import POLLS_SPARED
from asyncio_core.tls.part import TLSTransportPart
from asyncio_selectors.accepting import AcceptLoop
from asyncio_selectors.datagram_transport import _SelectorDatagramTransport
from asyncio_selectors.descriptors import GONE, descriptor_of
from asyncio_selectors.poller import Poller, key_of
from asyncio_selectors.poller_choice import best_poller
from asyncio_selectors.sockets import SocketCalls
from asyncio_selectors.stream_transport import _HAS_SENDMSG, _SelectorSocketTransport
from asyncio_selectors.transport_base import _SelectorTransport
from asyncio_selectors.twins import twins
from asyncio_selectors.waking import WakingUp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    import selectors
    from collections.abc import Callable, MutableMapping
    from contextvars import Context
    from selectors import SelectorKey
    from typing import Any, TypeVarTuple, Unpack

    from _typeshed import FileDescriptorLike

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol

    _Ts = TypeVarTuple("_Ts")

    logger: logging.Logger

__all__ = ("BaseSelectorEventLoop",)

# Re-exported: the standard module of this name has them.
_FACE = (_HAS_SENDMSG, _SelectorTransport)

# Imported when it is needed, which may be where nothing can be imported any more.
lay_in("asyncio_selectors.spinning")


@one_class(BaseEventLoop, "_make_ssl_transport")
class BaseSelectorEventLoop(SocketCalls, TLSTransportPart, AcceptLoop, WakingUp):
    """A loop over a poller: by default the best that the system has, or any `selectors.BaseSelector`.

    The loop owns the poller and closes it. See PEP 3156.
    """

    # The compiled form looks at them for each descriptor that is registered.
    __slots__ = ("_poller", "_selector", "_transports")

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        super().__init__()
        if selector is None:
            selector = best_poller()
        log.logger.debug("Using selector: %s", type(selector).__name__)
        self._selector = selector
        if isinstance(selector, Poller):
            selector.serve(self)
        self._notice_hooks()
        # The transport that owns a descriptor, if one does: nobody else may register it.
        self._transports: MutableMapping[int, Any] = TransportTable()
        self._internal_fds = 0
        try:
            self._make_self_pipe()
        except BaseException:
            BaseSelectorEventLoop.close(self)
            raise

    # The turn of the loop.

    def _run_forever_setup(self) -> None:
        super()._run_forever_setup()
        # They may have been set since, on this loop or in its class.
        self._notice_hooks()

    def _notice_hooks(self) -> None:
        """Our own pollers put handles straight into the queue, unless somebody wants to see them."""
        selector = self._selector
        hooked = self._queueing_hooked() or is_replaced(self._process_events, _PROCESS_EVENTS)
        self._poller = selector if isinstance(selector, Poller) and not hooked else None
        self._notice_watched()

    def _notice_watched(self) -> None:
        """Find out whether busy turns may go without a poll; called when that may have changed.

        They may as long as the pair that wakes the loop is all that is watched: a busy turn is awake. A poll is
        also when other threads get to run. So those that Python made are counted in each turn, and
        with those that it does not know, each turn polls.
        """
        poller = self._poller
        own = (self._self_reading, None)
        if poller is not None and (
            poller is not self._selector
            or is_replaced(poller.collect, _COLLECT)
            or is_replaced(self._poll, _POLL)
        ):
            poller = None
        self._wait_in_c(poller)
        self._may_spare_poll = (
            poller is not None
            and self._only_woken()
            and not self._woken_from_outside
            and all(key.data == own for key in poller._keys.values())
        )

    def _wait_in_c(self, poller: Poller | None) -> None:
        """Have the compiled form wait for `poller`, where there is one for its kind; None: no longer."""
        if twins is not None:
            twins.set_poll(self, poller if poller is not None and poller.waits_in_c() else None)

    def _poll(self, timeout: float | None) -> None:
        poller = self._poller
        if poller is None or poller is not self._selector:
            # Somebody else's selector, or one that took the place of ours.
            self._process_events(self._selector.select(timeout))
            return
        if self._may_spare_poll and self._ready and not other_threads():
            if self._polls_spared < POLLS_SPARED:
                self._polls_spared += 1
                return
            self._polls_spared = 0
        poller.collect(timeout, self._ready)

    def _process_events(self, event_list: Any) -> None:
        for key, events in event_list:
            reader, writer = key.data
            if events & EVENT_READ and reader is not None:
                if reader._cancelled:
                    self._remove_reader(key.fileobj)
                else:
                    self._add_callback(reader)
            if events & EVENT_WRITE and writer is not None:
                if writer._cancelled:
                    self._remove_writer(key.fileobj)
                else:
                    self._add_callback(writer)

    def close(self) -> None:
        """Close the loop, its poller and its own descriptors; see `AbstractEventLoop.close()`."""
        if self._closed:
            return
        if self._thread_id is None:
            # While the poller is there to forget it.
            self._close_self_pipe()
        # Refuses where the loop runs.
        super().close()
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        self._poller = None
        self._may_spare_poll = False
        self._wait_in_c(None)
        self._resting.clear()
        self._listening.clear()
        self._give_spare()

    # Readers and writers.

    def _ensure_fd_no_transport(self, fd: Any) -> int:
        """Return the number of `fd`; raise RuntimeError where a transport owns it."""
        fd = descriptor_of(fd)
        if self._transports.get(fd) is None:
            return fd  # type: ignore[no-any-return]
        transport = self._owner_of(fd)
        if transport is not None and not transport.is_closing():
            raise RuntimeError(f"File descriptor {fd!r} is used by transport {transport!r}")
        return fd  # type: ignore[no-any-return]

    def _owner_of(self, fd: int) -> Any:
        """Return the transport that has taken a descriptor, or None; one without it ends."""
        transport = self._transports.get(fd)
        if transport is not None:
            end_if_closed = getattr(transport, "_end_if_closed", None)
            if end_if_closed is not None:
                end_if_closed()
        return transport

    def _ensure_may_remove(self, fd: Any) -> None:
        """Do what `_ensure_fd_no_transport()` does; an object that was closed may be removed too."""
        try:
            self._ensure_fd_no_transport(fd)
        except ValueError:
            if not self._closed:
                self._watched_number(fd)

    def _watched_number(self, fd: Any) -> int:
        """Return the number of `fd`, also where it is closed.

        Who closes a socket before it removes its callbacks has only the object left; that is what
        it was registered by.
        """
        try:
            return descriptor_of(fd)
        except ValueError:
            for key in self._selector.get_map().values():
                if key.fileobj is fd:
                    return int(key.fd)
            raise

    def _key(self, fd: int) -> SelectorKey | None:
        """Return what is registered for a descriptor number. Asked at most waits, mostly in vain."""
        poller = self._poller
        if poller is not None and poller is self._selector:
            return poller.get_map().get(fd)
        return key_of(self._selector, fd)

    # The context for what is registered now, where the hook does not take one.
    _registering_in: Context | None = None

    def _add_reader(
        self, fd: Any, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        self._check_closed()
        if context is None:
            context = self._registering_in
        handle = Handle(callback, args, self, context)
        key = self._key(fd if type(fd) is int else descriptor_of(fd))
        if key is not None:
            former, writer = key.data
            if self._change(key, key.events | EVENT_READ, (handle, writer)):
                if former is not None:
                    former.cancel()
                return handle
        self._selector.register(fd, EVENT_READ, (handle, None))
        return handle

    def _add_writer(
        self, fd: Any, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        self._check_closed()
        if context is None:
            context = self._registering_in
        handle = Handle(callback, args, self, context)
        key = self._key(fd if type(fd) is int else descriptor_of(fd))
        if key is not None:
            reader, former = key.data
            if self._change(key, key.events | EVENT_WRITE, (reader, handle)):
                if former is not None:
                    former.cancel()
                return handle
        self._selector.register(fd, EVENT_WRITE, (None, handle))
        return handle

    def _change(self, key: SelectorKey, events: int, data: tuple[Any, Any]) -> bool:
        """Change a registration; return False where its file is gone, and with it the registration.

        The number may be another file's by then, which has nothing to do with the former handles.
        """
        selector = self._selector
        fd = key.fd
        try:
            if (
                events == key.events
                and isinstance(selector, BaseSelector)
                and not isinstance(selector, Poller)
            ):
                # Selectors of others believe that nothing has changed.
                selector.unregister(fd)
                selector.register(key.fileobj, events, data)
            else:
                selector.modify(fd, events, data)
        except OSError as exc:
            if exc.errno not in GONE:
                if events != key.events and not events & ~key.events:
                    # Less is wanted, and its handle is cancelled: seen again, it is dropped.
                    if all(handle is None or handle._cancelled for handle in data):
                        selector.unregister(fd)
                    return True
                raise
        except ValueError:
            # Its object is closed.
            pass
        else:
            return True
        if key_of(selector, fd) is not None:
            selector.unregister(fd)
        for handle in key.data:
            if handle is not None:
                handle.cancel()
        return False

    def _watch_reading(
        self, fd: int, callback: Callable[..., object], args: tuple[Any, ...], context: Context
    ) -> None:
        """Register a transport's reader, which runs in the transport's context."""
        add = self._add_reader
        if not is_replaced(add, _ADD_READER) or takes_context(add):
            add(fd, callback, *args, context=context)
        else:
            self._register_in(context, add, fd, callback, args)

    def _watch_writing(
        self, fd: int, callback: Callable[..., object], args: tuple[Any, ...], context: Context
    ) -> None:
        add = self._add_writer
        if not is_replaced(add, _ADD_WRITER) or takes_context(add):
            add(fd, callback, *args, context=context)
        else:
            self._register_in(context, add, fd, callback, args)

    def _register_in(
        self,
        context: Context,
        hook: Callable[..., object],
        fd: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        """Have a hook that takes no context register for `context`.

        Our own, which it may call, takes it from the loop. One that makes a handle by itself copies
        what it is called in: a copy, as this very context may be the running one, which cannot
        be entered again.
        """
        self._registering_in = context
        try:
            context.copy().run(hook, fd, callback, *args)
        finally:
            self._registering_in = None

    def _remove_reader(self, fd: Any) -> bool:
        if self._closed:
            return False
        if type(fd) is not int:
            fd = self._watched_number(fd)
        key = self._key(fd)
        if key is None:
            return False
        handle, writer = key.data
        events = key.events & ~EVENT_READ
        if not events:
            self._selector.unregister(fd)
        elif events != key.events:
            self._change(key, events, (None, writer))
        if handle is None:
            return False
        handle.cancel()
        return True

    def _remove_writer(self, fd: Any) -> bool:
        if self._closed:
            return False
        if type(fd) is not int:
            fd = self._watched_number(fd)
        key = self._key(fd)
        if key is None:
            return False
        reader, handle = key.data
        events = key.events & ~EVENT_WRITE
        if not events:
            self._selector.unregister(fd)
        elif events != key.events:
            self._change(key, events, (reader, None))
        if handle is None:
            return False
        handle.cancel()
        return True

    def add_reader(
        self,
        fd: FileDescriptorLike,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
    ) -> None:
        """Call `callback(*args)` whenever `fd`, a number or an object with one, can be read.

        It takes the place of an earlier reader of `fd`. Raises ValueError where `fd` has no
        descriptor, RuntimeError where a transport owns it or the loop is closed. See PEP 3156.
        """
        self._ensure_fd_no_transport(fd)
        self._add_reader(fd, callback, *args)

    def remove_reader(self, fd: FileDescriptorLike) -> bool:
        """Stop watching `fd` for reading; return whether it was watched.

        An object that was closed meanwhile is known by itself. Raises ValueError where it is not
        watched and has no descriptor. Source: PEP 3156.
        """
        self._ensure_may_remove(fd)
        return self._remove_reader(fd)

    def add_writer(
        self,
        fd: FileDescriptorLike,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
    ) -> None:
        """Call `callback(*args)` whenever `fd` can be written to; else as `add_reader()`.

        Source: PEP 3156.
        """
        self._ensure_fd_no_transport(fd)
        self._add_writer(fd, callback, *args)

    def remove_writer(self, fd: FileDescriptorLike) -> bool:
        """Stop watching `fd` for writing, as `remove_reader()`; return whether it was watched.

        Source: PEP 3156.
        """
        self._ensure_may_remove(fd)
        return self._remove_writer(fd)

    # Transports.

    def _make_socket_transport(
        self,
        sock: socket.socket,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        *,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        context: Context | None = None,
    ) -> _SelectorSocketTransport:
        self._ensure_fd_no_transport(sock)
        return _SelectorSocketTransport(self, sock, protocol, waiter, extra, server, context)

    def _make_transport_below(
        self,
        sock: socket.socket,
        tls: BaseProtocol,
        extra: dict[str, Any] | None,
        server: Server | None,
        context: Context | None,
    ) -> None:
        _SelectorSocketTransport(self, sock, tls, None, extra, server, context)

    def _make_datagram_transport(
        self,
        sock: socket.socket,
        protocol: BaseProtocol,
        address: Any = None,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> _SelectorDatagramTransport:
        self._ensure_fd_no_transport(sock)
        return _SelectorDatagramTransport(self, sock, protocol, address, waiter, extra)

    def _connections_hooked(self) -> bool:
        """Tell whether somebody wants to see how an accepted connection is made, or makes it."""
        return (
            is_replaced(self._make_socket_transport, _MAKE_SOCKET_TRANSPORT)
            or is_replaced(self._make_ssl_transport, _MAKE_SSL_TRANSPORT)
            or is_replaced(self._accept_connection2, _ACCEPT_CONNECTION2)
        )


if not TYPE_CHECKING and twins is not None:
    twins.adopt_registering(BaseSelectorEventLoop)
    twins.adopt_accepting(BaseSelectorEventLoop, globals())

# Our own hooks, to know them from what replaces them.
_COLLECT = Poller.collect
_POLL = BaseSelectorEventLoop._poll
_PROCESS_EVENTS = BaseSelectorEventLoop._process_events
_ADD_READER = BaseSelectorEventLoop._add_reader
_ADD_WRITER = BaseSelectorEventLoop._add_writer
_ACCEPT_CONNECTION2 = BaseSelectorEventLoop._accept_connection2
_MAKE_SOCKET_TRANSPORT = BaseSelectorEventLoop._make_socket_transport
_MAKE_SSL_TRANSPORT = BaseSelectorEventLoop._make_ssl_transport


make_face(
    __name__,
    ("accepting", "datagram_transport", "sockets", "stream_transport", "transport_base", "waking"),
)


lend_names(
    __name__,
    "base_events",
    "collections",
    "constants",
    "errno",
    "events",
    "functools",
    "futures",
    "itertools",
    "logger",
    "os",
    "protocols",
    "selectors",
    "ssl",
    "sslproto",
    "transports",
    "trsock",
    "warnings",
    "weakref",
)

leave_to_checkers(__name__)
