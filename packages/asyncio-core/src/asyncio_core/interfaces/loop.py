"""The interface of event loops, after PEP 3156.

Every method raises NotImplementedError. A loop need not offer all of them: one that waits for timers
only has no sockets, and says so by leaving these methods as they are.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable, Sequence
    from concurrent.futures import Executor
    from contextvars import Context
    from socket import socket
    from typing import IO, Any, TypeVar, TypeVarTuple, Unpack, overload

    from _typeshed import (
        FileDescriptorLike,
        ReadableBuffer,
        StrOrBytesPath,
        StrPath,
        WriteableBuffer,
    )

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.awaiting.task import Task
    from asyncio_core.connections.serving import Server
    from asyncio_core.interfaces.loop_types import (
        Address,
        AddressInfo,
        ConnectOptions,
        CoroutineLike,
        ExceptionContext,
        ExceptionHandler,
        ExecOptions,
        ServeOptions,
        ShellOptions,
        SSLArgument,
        TaskOptions,
        _TaskFactory,
    )
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import (
        DatagramTransport,
        ReadTransport,
        SubprocessTransport,
        Transport,
        WriteTransport,
    )
    from asyncio_core.scheduling.handles import Handle, TimerHandle

    _T = TypeVar("_T")
    _Ts = TypeVarTuple("_Ts")
    _ProtocolT = TypeVar("_ProtocolT", bound=BaseProtocol)


__all__ = ("AbstractEventLoop",)


class AbstractEventLoop:
    """What every event loop offers, or refuses with NotImplementedError. Source: PEP 3156."""

    # In seconds: what debug mode calls a slow callback.
    slow_callback_duration: float

    # Running and stopping

    def run_forever(self) -> None:
        """Run callbacks until `stop()` is called.

        Raises RuntimeError where this loop, or another one in this thread, runs already.
        """
        raise NotImplementedError

    def run_until_complete(self, future: Awaitable[_T]) -> _T:
        """Run until `future` is done; return its result or raise its exception.

        A coroutine is wrapped in a task first. Raises RuntimeError where the loop was stopped before
        the future was done.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Let `run_forever()` return after the callbacks that are ready now, and not at once."""
        raise NotImplementedError

    def is_running(self) -> bool:
        """Return True while the loop runs, in whichever thread."""
        raise NotImplementedError

    def is_closed(self) -> bool:
        """Return True after `close()`."""
        raise NotImplementedError

    def close(self) -> None:
        """Drop what is queued and free the loop's resources; a second call does nothing.

        Raises RuntimeError while the loop runs.
        """
        raise NotImplementedError

    async def shutdown_asyncgens(self) -> None:
        """Close every asynchronous generator that was started and not finished. See PEP 525."""
        raise NotImplementedError

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads of the default executor to end.

        `timeout` is in seconds, None for no limit; after it, a RuntimeWarning tells that threads
        are left. `timeout` was added in Python 3.12.
        """
        raise NotImplementedError

    # Callbacks

    def call_soon(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
        context: Context | None = None,
    ) -> Handle:
        """Queue `callback(*args)` for the next turn of the loop, behind what is queued already.

        It runs in `context`, or in a copy of the present one. Returns a handle that can cancel it.
        """
        raise NotImplementedError

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
        context: Context | None = None,
    ) -> TimerHandle:
        """Queue `callback(*args)` to run in `delay` seconds, which may be a fraction."""
        raise NotImplementedError

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
        context: Context | None = None,
    ) -> TimerHandle:
        """Queue `callback(*args)` to run at the time `when`, in seconds of `time()`."""
        raise NotImplementedError

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Ts]], object],
        *args: Unpack[_Ts],
        context: Context | None = None,
    ) -> Handle:
        """Do what `call_soon()` does, from any thread, and wake the loop where it waits."""
        raise NotImplementedError

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Take note that `handle`, one of this loop's timers, was cancelled."""
        raise NotImplementedError

    def time(self) -> float:
        """Return the loop's clock: seconds since some fixed point, never going back."""
        raise NotImplementedError

    # Futures, tasks and threads

    def create_future(self) -> Future[Any]:
        """Return a new future bound to this loop."""
        raise NotImplementedError

    def create_task(self, coro: CoroutineLike[_T], **kwargs: Unpack[TaskOptions]) -> Task[_T]:
        """Schedule the coroutine `coro` and return its task.

        `name` (str) and `context` (`contextvars.Context`) are those of the task, `eager_start`
        (bool, added in Python 3.13) begins the coroutine at once. All of them, and further keyword
        arguments, reach the task factory as they were given.
        """
        raise NotImplementedError

    def set_task_factory(self, factory: _TaskFactory | None) -> None:
        """Have `create_task()` call `factory(loop, coro, **kwargs)`; None for the usual tasks."""
        raise NotImplementedError

    def get_task_factory(self) -> _TaskFactory | None:
        """Return the task factory, or None where tasks are the usual ones."""
        raise NotImplementedError

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: Unpack[_Ts]
    ) -> Future[_T]:
        """Have `executor` call `func(*args)` and return a future for what comes of it.

        None stands for the loop's default executor, a pool of threads.
        """
        raise NotImplementedError

    def set_default_executor(self, executor: Executor) -> None:
        """Set the executor for `run_in_executor(None, …)`; it has to be a ThreadPoolExecutor."""
        raise NotImplementedError

    # Names and addresses

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        """Resolve a name as `socket.getaddrinfo()` does, without blocking the loop."""
        raise NotImplementedError

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int = 0
    ) -> tuple[str, str]:
        """Find the name of an address as `socket.getnameinfo()` does, without blocking the loop."""
        raise NotImplementedError

    # Connections

    if TYPE_CHECKING:

        @overload
        async def create_connection(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            host: str = ...,
            port: int = ...,
            *,
            sock: None = None,
            local_addr: tuple[str, int] | None = None,
            **options: Unpack[ConnectOptions],
        ) -> tuple[Transport, _ProtocolT]: ...

        @overload
        async def create_connection(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            host: None = None,
            port: None = None,
            *,
            sock: socket,
            local_addr: None = None,
            **options: Unpack[ConnectOptions],
        ) -> tuple[Transport, _ProtocolT]: ...

    async def create_connection(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        host: str | None = None,
        port: int | None = None,
        *,
        sock: socket | None = None,
        local_addr: tuple[str, int] | None = None,
        flags: int = 0,
        proto: int = 0,
        family: int = 0,
        interleave: int | None = None,
        happy_eyeballs_delay: float | None = None,
        ssl: SSLArgument = None,
        server_hostname: str | None = None,
        ssl_shutdown_timeout: float | None = None,
        ssl_handshake_timeout: float | None = None,
    ) -> tuple[Transport, _ProtocolT]:
        """Open a stream connection to `host` and `port`, or over the connected socket `sock`.

        Returns the pair (transport, protocol), the latter made by `protocol_factory`. Timeouts and
        delays are in seconds.
        """
        raise NotImplementedError

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
            sock: socket,
            **options: Unpack[ServeOptions],
        ) -> Server: ...

    async def create_server(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        *,
        sock: socket | None = None,
        flags: int = 1,  # AI_PASSIVE on every platform; `socket` is not imported for a default
        family: int = 0,
        start_serving: bool = True,
        backlog: int = 100,
        keep_alive: bool | None = None,
        reuse_port: bool | None = None,
        reuse_address: bool | None = None,
        ssl: SSLArgument = None,
        ssl_shutdown_timeout: float | None = None,
        ssl_handshake_timeout: float | None = None,
    ) -> Server:
        """Listen on `host` and `port`, or on the bound socket `sock`, and return the server.

        Each connection gets a protocol from `protocol_factory`. `host` may be a sequence of hosts;
        an empty one, or None, means every interface. `backlog` counts connections that wait to be
        accepted. `keep_alive` was added in Python 3.13.
        """
        raise NotImplementedError

    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        path: str | None = None,
        *,
        ssl: SSLArgument = None,
        sock: socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Transport, _ProtocolT]:
        """Open a stream connection to the Unix socket at `path`, or over `sock`."""
        raise NotImplementedError

    async def create_unix_server(
        self,
        protocol_factory: Callable[[], BaseProtocol],
        path: StrPath | None = None,
        *,
        sock: socket | None = None,
        backlog: int = 100,
        ssl: SSLArgument = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = True,
    ) -> Server:
        """Listen on a Unix socket at `path`, or on `sock`, and return the server.

        With `cleanup_socket`, added in Python 3.13, closing the server removes the path again.
        """
        raise NotImplementedError

    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        sock: socket,
        *,
        ssl: SSLArgument = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Transport, _ProtocolT]:
        """Make a transport and a protocol for a connection that was accepted elsewhere."""
        raise NotImplementedError

    async def start_tls(
        self,
        transport: WriteTransport,
        protocol: BaseProtocol,
        sslcontext: ssl_module.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Transport | None:
        """Turn a plain connection into an encrypted one; return the transport to go on with."""
        raise NotImplementedError

    async def sendfile(
        self,
        transport: WriteTransport,
        file: IO[bytes],
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool = True,
    ) -> int:
        """Send `count` bytes of `file` from `offset` through a transport; return how many went.

        Where the system cannot, the loop reads and writes itself, or with `fallback` false raises
        SendfileNotAvailableError.
        """
        raise NotImplementedError

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        local_addr: tuple[str, int] | str | None = None,
        remote_addr: tuple[str, int] | str | None = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: socket | None = None,
    ) -> tuple[DatagramTransport, _ProtocolT]:
        """Make a datagram transport bound to `local_addr`, sending to `remote_addr` if given."""
        raise NotImplementedError

    # Pipes and subprocesses

    async def connect_read_pipe(
        self, protocol_factory: Callable[[], _ProtocolT], pipe: Any
    ) -> tuple[ReadTransport, _ProtocolT]:
        """Read from `pipe`, a file-like object, through a transport, which owns it from then on."""
        raise NotImplementedError

    async def connect_write_pipe(
        self, protocol_factory: Callable[[], _ProtocolT], pipe: Any
    ) -> tuple[WriteTransport, _ProtocolT]:
        """Write to `pipe`, a file-like object, through a transport, which owns it from then on."""
        raise NotImplementedError

    async def subprocess_shell(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        cmd: bytes | str,
        *,
        stdin: int | IO[Any] | None = -1,  # -1 is subprocess.PIPE
        stdout: int | IO[Any] | None = -1,
        stderr: int | IO[Any] | None = -1,
        **kwargs: Unpack[ShellOptions],
    ) -> tuple[SubprocessTransport, _ProtocolT]:
        """Run the command line `cmd` in a shell; streams left at their default are pipes."""
        raise NotImplementedError

    if TYPE_CHECKING:

        async def subprocess_exec(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            program: StrOrBytesPath,
            *args: StrOrBytesPath,
            stdin: int | IO[Any] | None = -1,
            stdout: int | IO[Any] | None = -1,
            stderr: int | IO[Any] | None = -1,
            **kwargs: Unpack[ExecOptions],
        ) -> tuple[SubprocessTransport, _ProtocolT]: ...

    else:

        async def subprocess_exec(
            self, protocol_factory, *args, stdin=-1, stdout=-1, stderr=-1, **kwargs
        ):
            """Run a program, the first of `args`, with the arguments that follow it."""
            raise NotImplementedError

    # File descriptors and sockets

    def add_reader(
        self,
        fd: FileDescriptorLike,
        callback: Callable[[Unpack[_Ts]], Any],
        *args: Unpack[_Ts],
    ) -> None:
        """Call `callback(*args)` whenever `fd` can be read, in place of an earlier reader."""
        raise NotImplementedError

    def remove_reader(self, fd: FileDescriptorLike) -> bool:
        """Stop watching `fd` for reading; return whether it was watched."""
        raise NotImplementedError

    def add_writer(
        self,
        fd: FileDescriptorLike,
        callback: Callable[[Unpack[_Ts]], Any],
        *args: Unpack[_Ts],
    ) -> None:
        """Call `callback(*args)` whenever `fd` can be written, in place of an earlier writer."""
        raise NotImplementedError

    def remove_writer(self, fd: FileDescriptorLike) -> bool:
        """Stop watching `fd` for writing; return whether it was watched."""
        raise NotImplementedError

    async def sock_recv(self, sock: socket, nbytes: int) -> bytes:
        """Receive up to `nbytes` bytes; b"" where the peer has ended the stream."""
        raise NotImplementedError

    async def sock_recv_into(self, sock: socket, buf: WriteableBuffer) -> int:
        """Receive into `buf` and return the number of bytes; 0 where the stream has ended."""
        raise NotImplementedError

    async def sock_recvfrom(self, sock: socket, bufsize: int) -> tuple[bytes, Any]:
        """Receive a datagram of up to `bufsize` bytes: (data, address). Added in Python 3.11."""
        raise NotImplementedError

    async def sock_recvfrom_into(
        self, sock: socket, buf: WriteableBuffer, nbytes: int = 0
    ) -> tuple[int, Any]:
        """Receive a datagram into `buf`, at most `nbytes` bytes of it, or with 0 all that fits.

        Returns (bytes received, address). Added in Python 3.11.
        """
        raise NotImplementedError

    async def sock_sendall(self, sock: socket, data: ReadableBuffer) -> None:
        """Send all of `data`, waiting for the socket as often as needed."""
        raise NotImplementedError

    async def sock_sendto(self, sock: socket, data: ReadableBuffer, address: Address) -> int:
        """Send `data` as a datagram to `address`; return the bytes sent. Added in Python 3.11."""
        raise NotImplementedError

    async def sock_connect(self, sock: socket, address: Address) -> None:
        """Connect `sock` to `address`."""
        raise NotImplementedError

    async def sock_accept(self, sock: socket) -> tuple[socket, Any]:
        """Accept a connection: (a new socket, not blocking; the peer's address)."""
        raise NotImplementedError

    async def sock_sendfile(
        self,
        sock: socket,
        file: IO[bytes],
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool | None = None,
    ) -> int:
        """Send `count` bytes of `file` from `offset` over a stream socket; return how many went."""
        raise NotImplementedError

    # Signals

    def add_signal_handler(
        self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """Call `callback(*args)` from the loop when the signal `sig` arrives."""
        raise NotImplementedError

    def remove_signal_handler(self, sig: int) -> bool:
        """Undo `add_signal_handler()`; return whether there was a handler."""
        raise NotImplementedError

    # Errors and debugging

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """Report errors that nobody awaits to `handler(loop, context)`; None for the default."""
        raise NotImplementedError

    def get_exception_handler(self) -> ExceptionHandler | None:
        """Return the handler that was set, or None."""
        raise NotImplementedError

    def default_exception_handler(self, context: ExceptionContext) -> None:
        """Log what `context` tells, as is done where no handler is set."""
        raise NotImplementedError

    def call_exception_handler(self, context: ExceptionContext) -> None:
        """Report an error: `context` has a "message" (str) and, as known, "exception", "future",
        "task", "handle", "protocol", "transport", "socket", "asyncgen", "source_traceback".
        """
        raise NotImplementedError

    def get_debug(self) -> bool:
        """Return True in debug mode."""
        raise NotImplementedError

    def set_debug(self, enabled: bool) -> None:
        """Switch debug mode on or off."""
        raise NotImplementedError
