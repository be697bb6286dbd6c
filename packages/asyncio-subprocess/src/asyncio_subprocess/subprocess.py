"""Child processes with streams: create_subprocess_exec(), create_subprocess_shell() and Process."""

from __future__ import annotations

import subprocess

from asyncio_core import log
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.combinators import gather
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.faces import extend_face
from asyncio_core.interfaces import protocols
from asyncio_core.lent_names import lend_names
from asyncio_streams.flow import FlowControlMixin, _settle
from asyncio_streams.reader import _DEFAULT_LIMIT, StreamReader
from asyncio_streams.writer import StreamWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, Unpack

    from _typeshed import StrOrBytesPath

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.interfaces.loop_types import ExecOptions, ShellOptions
    from asyncio_core.interfaces.transports import BaseTransport

__all__ = ("create_subprocess_exec", "create_subprocess_shell")

PIPE = subprocess.PIPE
"""For *stdin*, *stdout* and *stderr*: a pipe to or from the child, a stream of its ``Process``."""
STDOUT = subprocess.STDOUT
"""For *stderr*: goes where *stdout* goes."""
DEVNULL = subprocess.DEVNULL
"""For *stdin*, *stdout* and *stderr*: ``os.devnull``."""

# communicate() writes its input in pieces of this many bytes, so that the transport never has to
# copy more than one.
_PIECE = 2**18


class SubprocessStreamProtocol(FlowControlMixin, protocols.SubprocessProtocol):
    """Between a child's transport and the streams to and from it.

    `limit` is that of the readers, in bytes.
    """

    def __init__(self, limit: int, loop: AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._limit = limit
        self.stdin: StreamWriter | None = None
        self.stdout: StreamReader | None = None
        self.stderr: StreamReader | None = None
        self._transport: Any = None
        self._ended = False
        self._open_pipes: set[int] = set()
        self._stdin_lost = False
        self._stdin_lost_by: BaseException | None = None
        self._stdin_waiters: set[Future[None]] = set()
        # By descriptor: where communicate() has what comes put, without the way through a reader.
        self._collected: dict[int, list[bytes]] = {}

    def __repr__(self) -> str:
        names = ("stdin", "stdout", "stderr")
        streams = [f"{name}={getattr(self, name)!r}" for name in names if getattr(self, name)]
        return f"<{' '.join([type(self).__name__, *streams])}>"

    def connection_made(self, transport: Any) -> None:
        """Make a stream for each pipe."""
        self._transport = transport
        self.stdout = self._reader(1)
        self.stderr = self._reader(2)
        to_child = transport.get_pipe_transport(0)
        if to_child is not None:
            self.stdin = StreamWriter(to_child, self, None, self._loop)

    def _reader(self, fd: int) -> StreamReader | None:
        transport = self._transport.get_pipe_transport(fd)
        if transport is None:
            return None
        reader = StreamReader(self._limit, self._loop)
        reader.set_transport(transport)
        self._open_pipes.add(fd)
        return reader

    def _reader_of(self, fd: int) -> StreamReader | None:
        return self.stdout if fd == 1 else self.stderr if fd == 2 else None

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Hand `data` to the reader of descriptor `fd`."""
        if type(data) is bytes and (pieces := self._collected.get(fd)) is not None:
            pieces.append(data)
            return
        # Any: `data` is never str, though the standard's signature has that, for who derives from it.
        reader: Any = self._reader_of(fd)
        if reader is not None:
            reader.feed_data(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """End the stream of descriptor `fd`."""
        if fd == 0:
            if self.stdin is not None:
                self.stdin.close()
            self.connection_lost(exc)
            self._stdin_lost = True
            self._stdin_lost_by = exc
            for waiter in self._stdin_waiters:
                if not waiter.done():
                    _settle(waiter, exc)
            self._stdin_waiters.clear()
            return
        reader = self._reader_of(fd)
        if reader is not None:
            if exc is None:
                reader.feed_eof()
            else:
                reader.set_exception(exc)
                reader._data_first = True
        self._open_pipes.discard(fd)
        self._maybe_close_transport()

    def process_exited(self) -> None:
        """Let go of the transport when its pipes are closed as well."""
        self._ended = True
        self._maybe_close_transport()

    def _maybe_close_transport(self) -> None:
        if self._ended and not self._open_pipes and self._transport is not None:
            self._transport.close()
            self._transport = None

    def _get_close_waiter(self, stream: Any) -> Future[None]:
        waiter: Future[None] = self._loop.create_future()
        if self._stdin_lost:
            _settle(waiter, self._stdin_lost_by)
        else:
            self._stdin_waiters.add(waiter)
            waiter.add_done_callback(self._stdin_waiters.discard)
        return waiter


class Process:
    """A child process, made by `create_subprocess_exec()` and `create_subprocess_shell()`.

    `stdin` is a StreamWriter, `stdout` and `stderr` are StreamReaders, for those that are PIPE, and
    None for the others. `pid` is the process id; with a shell, that of the shell.
    """

    stdin: StreamWriter | None
    stdout: StreamReader | None
    stderr: StreamReader | None
    pid: int
    # A SubprocessTransport and a SubprocessStreamProtocol, or what is like them.
    _transport: Any
    _protocol: Any
    # Whether communicate() logs its steps, as in debug mode.
    _says = False

    def __init__(
        self,
        transport: BaseTransport,
        protocol: protocols.BaseProtocol,
        loop: AbstractEventLoop,
    ) -> None:
        self._transport = transport
        self._protocol = protocol
        self._loop = loop
        self.stdin = self._protocol.stdin
        self.stdout = self._protocol.stdout
        self.stderr = self._protocol.stderr
        self.pid = self._transport.get_pid()
        # How far communicate() has come: one that was cancelled can be called again.
        self._input: memoryview | None = None
        self._sent = 0
        self._received: dict[StreamReader, list[bytes]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.pid}>"

    @property
    def returncode(self) -> int | None:
        """The return code, None while the child runs; -N if signal N ended it."""
        code: int | None = self._transport.get_returncode()
        return code

    async def wait(self) -> int:
        """Wait until the child has ended; return its return code.

        With stdout or stderr a PIPE that nobody reads, a child that writes a lot never ends; see
        `communicate()`.
        """
        code: int = await self._transport._wait()
        return code

    def send_signal(self, signal: int) -> None:
        """Send the child a signal; do nothing if it has ended.

        Raises ProcessLookupError once it has ended and its pipes are closed, and that is told.
        """
        self._transport.send_signal(signal)

    def terminate(self) -> None:
        """Ask the child to end (SIGTERM). As `send_signal()` if it has ended."""
        self._transport.terminate()

    def kill(self) -> None:
        """Make the child end (SIGKILL). As `send_signal()` if it has ended."""
        self._transport.kill()

    async def communicate(
        self, input: bytes | bytearray | memoryview | None = None
    ) -> tuple[bytes, bytes]:
        """Send `input`, close stdin, read stdout and stderr to their ends and wait for the child.

        Returns what was read from stdout and stderr, None for what is no PIPE. That the child
        stops reading before it has all of `input` is no error. After this was cancelled it can be
        called again: it goes on where it was, with the input that it had, and nothing is lost.
        """
        self._says = self._loop.get_debug()
        parts = []
        if self.stdin is not None and not self._send_at_once(input):
            parts.append(self._send())
        for fd, stream in ((1, self.stdout), (2, self.stderr)):
            if stream is not None:
                parts.append(self._receive(fd, stream))
        if len(parts) == 1:
            await parts[0]
        elif parts:
            await gather(*parts)
        await self.wait()
        # Not before: one stream may end long before the other, or the child.
        return self._take(self.stdout), self._take(self.stderr)

    def _send_at_once(self, data: bytes | bytearray | memoryview | None) -> bool:
        """Send what there is room for; return whether that was all, and stdin is closed."""
        stdin: Any = self.stdin
        if self._input is None:
            self._input = memoryview(data or b"").cast("B")
            if data is not None:
                self._say("feed stdin (%s bytes)", len(self._input))
        while self._sent < len(self._input):
            # Protocols of others do not tell whether drain() would wait.
            if stdin.is_closing() or getattr(self._protocol, "_paused", True):
                return False
            self._send_piece(stdin, self._input)
        self._say("close stdin")
        stdin.close()
        return True

    def _send_piece(self, stdin: StreamWriter, data: memoryview) -> None:
        piece = data[self._sent : self._sent + _PIECE]
        stdin.write(piece)
        self._sent += len(piece)

    async def _send(self) -> None:
        """Send what is left, whenever there is room."""
        stdin: Any = self.stdin
        data: Any = self._input
        try:
            while self._sent < len(data):
                await stdin.drain()
                self._send_piece(stdin, data)
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as exc:
            self._say("stdin got %r", exc)
        self._say("close stdin")
        stdin.close()

    async def _receive(self, fd: int, stream: StreamReader) -> None:
        name = "stdout" if fd == 1 else "stderr"
        if self._says:
            self._say("read %s", name)
        pieces = self._received.setdefault(stream, [])
        collected = self._collected_by_protocol(fd, stream)
        collected[fd] = pieces
        try:
            # What the reader has already, and its end. All, piece by piece, where the protocol is another's: not
            # read(-1), so that the pipe is paused when the child is faster than us.
            while piece := await stream.read(stream._limit):
                pieces.append(piece)
        finally:
            collected.pop(fd, None)
        transport = self._transport.get_pipe_transport(fd)
        if self._says:
            self._say("close %s", name)
        if transport is not None:
            transport.close()

    def _collected_by_protocol(self, fd: int, stream: StreamReader) -> dict[int, list[bytes]]:
        """Return where the protocol puts what comes without its reader; an empty one where it does not."""
        protocol = self._protocol
        # With less than the usual limit the child is to wait in between, as ever.
        if (
            isinstance(protocol, SubprocessStreamProtocol)
            and protocol._reader_of(fd) is stream
            and stream._limit >= _DEFAULT_LIMIT
        ):
            return protocol._collected
        return {}

    def _say(self, what: str, *args: object) -> None:
        """Log a step of communicate() in debug mode."""
        if self._says:
            log.logger.debug(f"%r communicate: {what}", self, *args)

    def _take(self, stream: StreamReader | None) -> Any:
        # None has no part in the type of what communicate() returns, as programs know what they piped.
        return None if stream is None else b"".join(self._received.pop(stream, ()))


async def create_subprocess_shell(
    cmd: bytes | str,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Unpack[ShellOptions],
) -> Process:
    """Run the command line `cmd` in a shell; return the Process.

    `stdin`, `stdout` and `stderr` are as for `subprocess.Popen`: PIPE, DEVNULL, a file, a
    descriptor, None to inherit; `stderr` may be STDOUT. `limit` is that of the readers, in bytes.
    All else goes to `loop.subprocess_shell()`, whose errors are raised. Added in Python 3.4.
    """
    return await _start("subprocess_shell", (cmd,), stdin, stdout, stderr, limit, kwds)


async def create_subprocess_exec(
    program: StrOrBytesPath,
    *args: StrOrBytesPath,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Unpack[ExecOptions],
) -> Process:
    """Run `program` with the arguments `args`, each str, bytes or a path; return the Process.

    The rest is as for `create_subprocess_shell()`. Added in Python 3.4.
    """
    return await _start("subprocess_exec", (program, *args), stdin, stdout, stderr, limit, kwds)


async def _start(
    method: str,
    command: tuple[Any, ...],
    stdin: Any,
    stdout: Any,
    stderr: Any,
    limit: int,
    kwds: ShellOptions | ExecOptions,
) -> Process:
    try:
        loop = get_running_loop()
        if type(limit) is not int or limit <= 0:
            StreamReader(limit, loop)  # one that no reader can have shows before a child runs
        transport, protocol = await getattr(loop, method)(
            lambda: SubprocessStreamProtocol(limit, loop),
            *command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            **kwds,
        )
        return Process(transport, protocol, loop)
    except BaseException as error:
        drop_own_frame(error)
        raise


extend_face("asyncio_core.scheduling.events", __name__)
extend_face("asyncio_core.awaiting.tasks", __name__)
extend_face("asyncio_streams.streams", __name__)


lend_names(
    __name__,
    "events",
    "logger",
    "streams=asyncio_streams.streams",
    "tasks",
)

leave_to_checkers(__name__)
