"""What the parts of an event loop know of each other.

`BaseEventLoop` is composed of parts that each read alone: scheduling, executors, connecting, serving
and so on. This class declares the state and the helpers that more than one of them uses, and the
hooks that a loop distribution fills in. It holds no behaviour of its own except to say, where a hook
is missing, what to install.
"""

from __future__ import annotations

import sys

from asyncio_core.abstract_loop import AbstractEventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import weakref
    from collections import deque
    from collections.abc import AsyncGenerator, Callable, Sequence
    from concurrent.futures import Executor
    from concurrent.futures import Future as ThreadFuture
    from contextvars import Context
    from socket import socket
    from typing import IO, Any, NoReturn, TypeVarTuple, Unpack

    from asyncio_core.abstract_loop import Address, ExceptionHandler, SSLArgument, TaskFactory
    from asyncio_core.futures import Future
    from asyncio_core.handles import Handle, TimerHandle
    from asyncio_core.protocols import BaseProtocol
    from asyncio_core.serving import Server
    from asyncio_core.transports import (
        DatagramTransport,
        ReadTransport,
        SubprocessTransport,
        Transport,
        WriteTransport,
    )

    _Ts = TypeVarTuple("_Ts")

_IO_DISTRIBUTIONS = (
    "asyncio-iocp or asyncio-selectors" if sys.platform == "win32" else "asyncio-selectors"
)


def io_not_installed(loop: AbstractEventLoop, what: str) -> NotImplementedError:
    """Return the error for a call that needs a loop which can do `what`, such as "sockets"."""
    # A loop with pipes is one half of what subprocesses need; both are named at once.
    also = ", and asyncio-subprocess" if what == "subprocesses" else ""
    return NotImplementedError(
        f"{type(loop).__name__} does not do {what}: "
        f"install {_IO_DISTRIBUTIONS} for a loop that does{also}"
    )


# Since Python 3.15 the hooks that make transports, serve and register hand a context on. A loop class that
# overrides them for an older Python does not know that argument: there it is not given.
HOOKS_TAKE_CONTEXT = sys.version_info >= (3, 15)


# The flag of code objects that take any keyword arguments (inspect.CO_VARKEYWORDS).
_TAKES_KEYWORDS = 0x08


def takes_context(hook: Any) -> bool:
    """Tell whether `hook` is to be told of a context; on Python 3.15 one for an older Python is not."""
    if not HOOKS_TAKE_CONTEXT:
        return False
    code = getattr(hook, "__code__", None)
    if code is None or code.co_flags & _TAKES_KEYWORDS:
        return True
    return "context" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def context_for_hook(hook: Any, context: Context | None) -> dict[str, Any]:
    """Return the keyword arguments with which `hook` is told of `context` on this Python."""
    return {"context": context} if takes_context(hook) else {}


def is_replaced(hook: Any, own: Any) -> bool:
    """Tell whether `hook`, a bound method, is another than the function `own`.

    It may be overridden in a derived class, set on the loop, or patched in the class. A short cut
    around a hook is taken only where this is not so.
    """
    return getattr(hook, "__func__", None) is not own


class LoopPart(AbstractEventLoop):
    """Base of the parts: shared state, helpers and hooks, declared once."""

    # State, made by BaseEventLoop.

    _ready: deque[Handle]
    _closed: bool
    _stopping: bool
    _debug: bool
    # Identifier of the thread that runs the loop, None while it does not run.
    _thread_id: int | None
    # Anything with select(timeout) -> list of events; loops with a poller set it.
    _selector: Any
    # In seconds: what time() can tell apart, and what debug mode calls a slow callback.
    _clock_resolution: float
    slow_callback_duration: float
    # The handle that runs now, for reports; set in debug mode only.
    _current_handle: Handle | None
    _default_executor: Executor | None
    # What other threads wait for, and the coroutine where that has not begun.
    _answers_owed: dict[ThreadFuture[Any], Any]
    _exception_handler: ExceptionHandler | None
    _task_factory: TaskFactory | None
    _asyncgens: weakref.WeakSet[AsyncGenerator[Any, Any]]

    # Helpers, defined by BaseEventLoop.

    if TYPE_CHECKING:

        def _check_closed(self) -> None:
            """Raise RuntimeError where the loop is closed."""

        def _check_running(self) -> None:
            """Raise RuntimeError where this loop, or another in this thread, runs."""

        def _check_thread(self) -> None:
            """Raise RuntimeError where the loop runs in another thread than this one."""

        def _check_callback(self, callback: Any, method_name: str) -> None:
            """Raise TypeError where `callback` cannot be called or is a coroutine (function)."""

        def _check_call(self, callback: Any, method: str, *, any_thread: bool = False) -> None:
            """Do the checks above for a call of `method`; asked in debug mode or when closed."""

        def _call_soon(
            self, callback: Callable[..., object], args: Sequence[Any], context: Context | None
        ) -> Handle:
            """Queue a callback without any check."""

        def _add_callback(self, handle: Handle) -> None:
            """Queue a handle unless it was cancelled."""

        def _add_callback_signalsafe(self, handle: Handle) -> None:
            """Queue a handle for a signal, and wake the loop."""

        def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
            """Count a cancelled timer, so that the heap is cleaned before it grows."""

        async def _look_up(self, func: Callable[..., Any], *args: Any) -> Any:
            """Return what a short blocking call returns, made in a thread of the loop's own."""

    # Hooks for the turn of the loop.

    def _process_events(self, event_list: Any) -> None:
        """Queue the callbacks for what the poller reported."""
        raise io_not_installed(self, "input and output")

    def _write_to_self(self) -> None:
        """Wake the loop where it waits; called from any thread, and from signal handlers."""
        raise io_not_installed(self, "waking up")

    def _poll(self, timeout: float | None) -> None:
        """Wait up to `timeout` seconds (None: without limit) and queue what became ready."""
        self._process_events(self._selector.select(timeout))

    # Hooks for transports. Each transport takes one context for its life when it is made, and
    # registers its readers and writers with it. Derived classes override these hooks, with the
    # signatures that the standard loop of the running Python has: they are called in the same way as
    # there, and nothing is asked of what they return that is not asked there.

    def _make_socket_transport(
        self,
        sock: socket,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        *,
        extra: dict[str, Any] | None = None,
        server: Server | None = None,
        context: Context | None = None,
    ) -> Transport:
        """Make a stream transport over a connected, not blocking socket."""
        raise io_not_installed(self, "sockets")

    def _make_ssl_transport(
        self,
        rawsock: socket,
        protocol: BaseProtocol,
        sslcontext: SSLArgument,
        waiter: Future[Any] | None = None,
        *,
        server: Server | None = None,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: dict[str, Any] | None = None,
        call_connection_made: bool = True,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        context: Context | None = None,
    ) -> Transport:
        """Make a stream transport with TLS over a connected, not blocking socket."""
        raise io_not_installed(self, "sockets")

    def _make_datagram_transport(
        self,
        sock: socket,
        protocol: BaseProtocol,
        address: Any = None,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> DatagramTransport:
        """Make a datagram transport over a not blocking socket."""
        raise io_not_installed(self, "datagrams")

    def _make_read_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> ReadTransport:
        """Make a transport that reads from a pipe and owns it."""
        raise io_not_installed(self, "pipes")

    def _make_write_pipe_transport(
        self,
        pipe: Any,
        protocol: BaseProtocol,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> WriteTransport:
        """Make a transport that writes to a pipe and owns it."""
        raise io_not_installed(self, "pipes")

    async def _make_subprocess_transport(
        self,
        protocol: BaseProtocol,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> SubprocessTransport:
        """Start a process and make the transport for it."""
        raise io_not_installed(self, "subprocesses")

    # Hooks for servers and for sending files.

    def _start_serving(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        sock: socket,
        sslcontext: SSLArgument = None,
        server: Server | None = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        context: Context | None = None,
    ) -> None:
        """Accept connections on a listening socket until `_stop_serving()`."""
        raise io_not_installed(self, "sockets")

    def _stop_serving(self, sock: socket) -> None:
        """Accept no more connections on `sock` and close it."""
        # Nothing accepts here, so closing is all: what fails to start is not left open.
        sock.close()

    async def _sock_sendfile_native(
        self, sock: socket, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        """Send a file with the system's help, or raise SendfileNotAvailableError."""
        from asyncio_core.exceptions import SendfileNotAvailableError

        raise SendfileNotAvailableError(
            f"sendfile is not available: {type(self).__name__} has no call of the system for it"
        )

    async def _sendfile_native(
        self, transp: Any, file: IO[bytes], offset: int, count: int | None
    ) -> int:
        """Send a file through a transport with the system's help."""
        from asyncio_core.exceptions import SendfileNotAvailableError

        raise SendfileNotAvailableError(
            f"sendfile is not available: {type(self).__name__} has no call of the system for it"
        )

    # Readiness and sockets: the abstract methods, with an error that says what to install.

    def _lacks(self, what: str) -> NoReturn:
        raise io_not_installed(self, what)

    def add_reader(
        self, fd: Any, callback: Callable[[Unpack[_Ts]], Any], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractEventLoop.add_reader()`; needs a loop with a poller."""
        self._lacks("file descriptors")

    def remove_reader(self, fd: Any) -> bool:
        """See `AbstractEventLoop.remove_reader()`; needs a loop with a poller."""
        self._lacks("file descriptors")

    def add_writer(
        self, fd: Any, callback: Callable[[Unpack[_Ts]], Any], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractEventLoop.add_writer()`; needs a loop with a poller."""
        self._lacks("file descriptors")

    def remove_writer(self, fd: Any) -> bool:
        """See `AbstractEventLoop.remove_writer()`; needs a loop with a poller."""
        self._lacks("file descriptors")

    async def sock_recv(self, sock: socket, nbytes: int) -> bytes:
        """See `AbstractEventLoop.sock_recv()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_recv_into(self, sock: socket, buf: Any) -> int:
        """See `AbstractEventLoop.sock_recv_into()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_recvfrom(self, sock: socket, bufsize: int) -> tuple[bytes, Any]:
        """See `AbstractEventLoop.sock_recvfrom()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_recvfrom_into(self, sock: socket, buf: Any, nbytes: int = 0) -> tuple[int, Any]:
        """See `AbstractEventLoop.sock_recvfrom_into()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_sendall(self, sock: socket, data: Any) -> None:
        """See `AbstractEventLoop.sock_sendall()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_sendto(self, sock: socket, data: Any, address: Address) -> int:
        """See `AbstractEventLoop.sock_sendto()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_connect(self, sock: socket, address: Address) -> None:
        """See `AbstractEventLoop.sock_connect()`; needs a loop with a poller."""
        self._lacks("sockets")

    async def sock_accept(self, sock: socket) -> tuple[socket, Any]:
        """See `AbstractEventLoop.sock_accept()`; needs a loop with a poller."""
        self._lacks("sockets")

    # Unix sockets and signals: likewise.

    if not TYPE_CHECKING:
        # For type checkers the signatures of the abstract methods hold.

        async def create_unix_connection(self, *args, **options):
            """See `AbstractEventLoop.create_unix_connection()`; needs a loop with Unix sockets."""
            self._lacks("Unix sockets")

        async def create_unix_server(self, *args, **options):
            """See `AbstractEventLoop.create_unix_server()`; needs a loop with Unix sockets."""
            self._lacks("Unix sockets")

    def add_signal_handler(
        self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractEventLoop.add_signal_handler()`; needs a loop with signals."""
        self._lacks("signal handlers")

    def remove_signal_handler(self, sig: int) -> bool:
        """See `AbstractEventLoop.remove_signal_handler()`; needs a loop with signals."""
        self._lacks("signal handlers")
