"""What stream and datagram transports over a socket have in common: one owner of one descriptor."""

from __future__ import annotations

import errno
from collections import deque
from contextvars import copy_context

from asyncio_core import constants, log
from asyncio_core.connections.failures import tell_failure
from asyncio_core.connections.ownership import Owner
from asyncio_core.connections.trsock import socket_facts
from asyncio_core.interfaces.transports import _FlowControlMixin

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextvars import Context
    from typing import Any

    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.protocols import BaseProtocol

__all__ = ("_SelectorTransport", "watch_reading", "watch_writing")

_NOT_WATCHED = "Fatal error on transport: the system refuses to watch it"

# What somebody put in the place of `asyncio.selector_events.logger`, by which programs silence it; see `asyncio_core.faces`.
logger: Any = None


def watch_reading(
    loop: Any, fd: int, callback: Callable[..., object], context: Context, *args: Any
) -> None:
    """Call `callback(*args)` in `context` whenever `fd` can be read."""
    try:
        register = loop._watch_reading
    except AttributeError:
        # A loop class written for Python 3.13 or older: its _add_reader() takes no context, but
        # copies the one it is called in. This one here may be the running one, which cannot be
        # entered again.
        context.copy().run(loop._add_reader, fd, callback, *args)
    else:
        register(fd, callback, args, context)


def watch_writing(
    loop: Any, fd: int, callback: Callable[..., object], context: Context, *args: Any
) -> None:
    """Call `callback(*args)` in `context` whenever `fd` can be written to."""
    try:
        register = loop._watch_writing
    except AttributeError:
        context.copy().run(loop._add_writer, fd, callback, *args)
    else:
        register(fd, callback, args, context)


class _SelectorTransport(Owner, _FlowControlMixin):
    """A transport that owns a socket which does not block.

    It takes its context (`contextvars`) when it is made, and every callback of its protocol runs in
    that one. The socket is taken out of the poller before anything else when the transport
    closes, and closed after `connection_lost()`.
    """

    # What each has. The compiled form finds there what each message asks for; `__dict__`, which takes more memory than
    # all of these, is for what is rare, and for others.
    __slots__ = (
        *("_sock", "_protocol", "_chunks", "_conn_lost", "_eof"),
        *("_sock_fd", "_context", "_server", "_buffer_size", "_closing", "_paused", "_past_sock"),
        *("__dict__", "__weakref__"),
    )

    # How much one read asks for at most, in bytes.
    max_size = 256 * 1024

    _loop: Any
    _protocol: Any
    _chunks: deque[Any] | None
    _sock: Any

    def __init__(
        self,
        loop: Any,
        sock: socket.socket,
        protocol: BaseProtocol,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        context: Context | None = None,
    ) -> None:
        _FlowControlMixin.__init__(self, self._facts_about(sock, extra), loop)
        self._context = copy_context() if context is None else context
        self._sock = sock
        self._sock_fd = sock.fileno()
        self._server = server
        self._chunks = None
        self._buffer_size = 0
        # Counts what happened after the end: 1 for the end itself, then one per lost write.
        self._conn_lost = 0
        self._closing = False
        self._paused = False
        self._eof = False
        self.set_protocol(protocol)
        if server is not None:
            server._attach(self)
        loop._transports[self._sock_fd] = self

    # Facts about it, as get_extra_info() tells them.
    _facts_about: Callable[..., Any] = staticmethod(socket_facts)

    # The write buffer. Most connections never need one, and an empty deque takes more memory than
    # all the rest of an idle transport: it is made when something first has to wait.

    @property
    def _buffer(self) -> deque[Any]:
        chunks = self._chunks
        if chunks is None:
            chunks = self._chunks = deque()
        return chunks

    @_buffer.setter
    def _buffer(self, chunks: deque[Any]) -> None:
        self._chunks = chunks

    def get_write_buffer_size(self) -> int:
        return self._buffer_size

    def _discard_buffer(self) -> None:
        if self._chunks:
            self._chunks.clear()
        self._buffer_size = 0

    def __repr__(self) -> str:
        words = [type(self).__name__]
        if self._sock is None:
            words.append("closed")
        elif self._closing:
            words.append("closing")
        words.append(f"fd={self._sock_fd}")
        # After the loop is gone nothing is polled, whatever the flags say.
        if self._loop is not None and not self._loop.is_closed():
            words.append(f"read={'polling' if self.is_reading() else 'idle'}")
            state = "polling" if self._chunks else "idle"
            words.append(f"write=<{state}, bufsize={self.get_write_buffer_size()}>")
        return f"<{' '.join(words)}>"

    def is_reading(self) -> bool:
        return not self._closing and not self._paused

    # The beginning, and registrations.

    def _start(self) -> None:
        if self.is_reading():
            watch_reading(self._loop, self._sock_fd, self._read_ready, self._context)

    def _read_ready(self) -> None:
        raise NotImplementedError

    def _add_reader(self, fd: int, callback: Callable[..., object], *args: Any) -> None:
        if self.is_reading():
            try:
                watch_reading(self._loop, fd, callback, self._context, *args)
            except OSError as exc:
                self._not_watched(exc)

    def _add_writer(self, fd: int, callback: Callable[..., object], *args: Any) -> None:
        """Have `callback` called when there is room; where that is refused, end the transport."""
        try:
            watch_writing(self._loop, fd, callback, self._context, *args)
        except OSError as exc:
            self._not_watched(exc)

    def _call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self._loop.call_soon(callback, *args, context=self._context)

    def _not_watched(self, exc: BaseException) -> None:
        # The system watches no more descriptors. Silence would look like an idle peer.
        self._fatal_error(exc, _NOT_WATCHED)

    _not_started = _not_watched

    # The end.

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        loop, fd = self._loop, self._sock_fd
        loop._remove_reader(fd)
        if not self._chunks:
            self._conn_lost += 1
            loop._remove_writer(fd)
            loop.call_soon(self._call_connection_lost, None, context=self._context)

    def abort(self) -> None:
        self._force_close(None)

    def _fatal_error(self, exc: BaseException, message: str = "Fatal error on transport") -> None:
        # Whatever the system says of a connection is told to its protocol, and to nobody else.
        tell_failure(self, exc, message)
        self._force_close(exc)

    def _end_if_closed(self) -> None:
        """End where the program has closed the socket, whose number may be another's by now."""
        sock = self._sock
        if sock is not None and sock.fileno() != self._sock_fd:
            exc = OSError(errno.EBADF, "the socket was closed, but not by its transport")
            self._fatal_error(exc, "Fatal error on transport")

    def _force_close(self, exc: BaseException | None) -> None:
        if self._conn_lost:
            return
        loop, fd = self._loop, self._sock_fd
        self._discard_buffer()
        was_closing, self._closing = self._closing, True
        self._conn_lost += 1
        try:
            loop._remove_writer(fd)
            if not was_closing:
                loop._remove_reader(fd)
        finally:
            # Whatever a derived loop's hooks raise, the socket does not stay open.
            self._call_soon(self._call_connection_lost, exc)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(exc)
        finally:
            sock, server = self._sock, self._server
            # Who asks for it later is shown one that is closed.
            self._past_sock = sock
            self._sock = None
            self._protocol = None
            self._loop = None
            self._server = None
            try:
                sock.close()
            finally:
                # Closing has failed where the file's own close has, on a network file system say: it is closed all the same.
                if server is not None:
                    server._detach(self)

    def _lost_write(self) -> None:
        """Count a write after the end; a program that goes on writing is told, once in a while."""
        if self._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
            self._warn_of_lost_write()
        self._conn_lost += 1

    def _warn_of_lost_write(self) -> None:
        (logger or log.logger).warning("socket.send() raised exception.")
