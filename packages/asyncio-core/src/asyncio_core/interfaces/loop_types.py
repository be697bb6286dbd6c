"""The types of what event loops take and give, for type checkers: nothing imports this when programs run."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Callable, Collection, Coroutine, Generator, Mapping
from contextvars import Context  # noqa: TC003 - the classes below are read at run time, if ever
from socket import AddressFamily, SocketKind, socket
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict, TypeVar

if TYPE_CHECKING:
    from socket import _Address

    from _typeshed import StrOrBytesPath

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.loop import AbstractEventLoop

_T = TypeVar("_T")

Address: TypeAlias = "_Address"

# A Python without IPv6 gives such an address as (int, bytes).
AddressInfo: TypeAlias = (
    tuple[Literal[AddressFamily.AF_INET], SocketKind, int, str, tuple[str, int]]
    | tuple[
        Literal[AddressFamily.AF_INET6],
        SocketKind,
        int,
        str,
        tuple[str, int, int, int] | tuple[int, bytes],
    ]
)

CoroutineLike: TypeAlias = Coroutine[Any, Any, _T] | Generator[Any, None, _T]

ExceptionContext: TypeAlias = dict[str, Any]
ExceptionHandler: TypeAlias = "Callable[[AbstractEventLoop, dict[str, Any]], object]"

SSLArgument: TypeAlias = bool | ssl_module.SSLContext | None


class _TaskFactory(Protocol):
    """What `set_task_factory()` takes."""

    def __call__(
        self, loop: AbstractEventLoop, factory: Coroutine[Any, Any, _T], /
    ) -> Future[_T]: ...


class Cancellable(Protocol):
    """What can be called off, as the handles of callbacks and timers can."""

    def cancel(self) -> object: ...


class FurtherTaskOptions(TypedDict, total=False):
    """The keyword arguments of `asyncio.create_task()` that it does not name."""

    eager_start: bool | None


class TaskOptions(FurtherTaskOptions, total=False):
    """The keyword arguments of `loop.create_task()`, which reach the task factory as they are given."""

    name: str | None
    context: Context | None


class ConnectOptions(TypedDict, total=False):
    """The keyword arguments of `create_connection()` that go with a host and with a socket."""

    ssl: SSLArgument
    family: int
    proto: int
    flags: int
    server_hostname: str | None
    ssl_handshake_timeout: float | None
    ssl_shutdown_timeout: float | None
    happy_eyeballs_delay: float | None
    interleave: int | None


class OwnConnectOptions(ConnectOptions, total=False):
    """The same with what the loops that there are take besides."""

    all_errors: bool


class PopenOptions(TypedDict, total=False):
    """What is handed on to `subprocess.Popen`."""

    executable: StrOrBytesPath | None
    preexec_fn: Callable[[], Any] | None
    close_fds: bool
    cwd: StrOrBytesPath | None
    env: Mapping[str, StrOrBytesPath] | Mapping[bytes, StrOrBytesPath] | None
    startupinfo: Any
    creationflags: int
    restore_signals: bool
    start_new_session: bool
    pass_fds: Collection[int]
    group: str | int | None
    extra_groups: Collection[str | int] | None
    user: str | int | None
    umask: int
    process_group: int | None
    pipesize: int


class RawOptions(PopenOptions, total=False):
    """The same with what can be given as well, but for pipes of bytes without a buffer only."""

    universal_newlines: Literal[False]
    bufsize: Literal[0]
    encoding: None
    errors: None
    text: Literal[False] | None


class ShellOptions(RawOptions, total=False):
    """The keyword arguments of `subprocess_shell()` that are not the streams."""

    shell: Literal[True]


class ExecOptions(RawOptions, total=False):
    """The keyword arguments of `subprocess_exec()` that are not the streams."""

    shell: Literal[False]


class StreamOptions(TypedDict, total=False):
    """What the functions that open streams and serve them take besides."""

    suppress_ragged_eofs: bool


class OpenOptions(OwnConnectOptions, StreamOptions, total=False):
    """The keyword arguments of `open_connection()` that it does not name."""

    sock: socket | None
    local_addr: tuple[str, int] | None


class OpenUnixOptions(StreamOptions, total=False):
    """The keyword arguments of `open_unix_connection()` that it does not name."""

    ssl: SSLArgument
    sock: socket | None
    server_hostname: str | None
    ssl_handshake_timeout: float | None
    ssl_shutdown_timeout: float | None


class ServeOptions(TypedDict, total=False):
    """The keyword arguments of `create_server()` that go with a host and with a socket."""

    family: int
    flags: int
    backlog: int
    ssl: SSLArgument
    reuse_address: bool | None
    reuse_port: bool | None
    keep_alive: bool | None
    ssl_handshake_timeout: float | None
    ssl_shutdown_timeout: float | None
    start_serving: bool


class StartServerOptions(ServeOptions, StreamOptions, total=False):
    """The keyword arguments of `start_server()` that it does not name."""

    sock: socket | None


class StartUnixServerOptions(StreamOptions, total=False):
    """The keyword arguments of `start_unix_server()` that it does not name."""

    sock: socket | None
    backlog: int
    ssl: SSLArgument
    ssl_handshake_timeout: float | None
    ssl_shutdown_timeout: float | None
    start_serving: bool
    cleanup_socket: bool
