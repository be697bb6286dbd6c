"""Child processes for tasks: started, fed, read and waited for with await."""

from __future__ import annotations

import subprocess
from functools import partial

from asyncio_core import log
from asyncio_core.protocols import SubprocessProtocol
from asyncio_core.running_loop import get_running_loop
from asyncio_core.tasks import gather
from asyncio_streams.streams import _DEFAULT_LIMIT, FlowControlMixin, StreamReader, StreamWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import IO, Any

    from asyncio_core.abstract_loop import AbstractEventLoop
    from asyncio_core.futures import Future

PIPE = subprocess.PIPE
STDOUT = subprocess.STDOUT
DEVNULL = subprocess.DEVNULL

_STREAMS = ("stdin", "stdout", "stderr")


class SubprocessStreamProtocol(FlowControlMixin, SubprocessProtocol):
    """Between a child's transport and the streams that a :class:`Process` offers.

    `limit` is the readers' limit in bytes. The transport is closed by itself once the child has
    exited and its output was read to the end.
    """

    def __init__(self, limit: int, loop: AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.stdin: StreamWriter | None = None
        self.stdout: StreamReader | None = None
        self.stderr: StreamReader | None = None
        self._limit = limit
        self._transport: Any = None
        self._exited = False
        self._open_outputs: set[int] = set()
        self._stdin_lost = False
        self._stdin_lost_by: BaseException | None = None
        self._stdin_waiters: set[Future[None]] = set()

    def __repr__(self) -> str:
        words = [type(self).__name__]
        for name in _STREAMS:
            stream = getattr(self, name)
            if stream is not None:
                words.append(f"{name}={stream!r}")
        return f"<{' '.join(words)}>"

    def connection_made(self, transport: Any) -> None:
        """Make a stream for each pipe."""
        self._transport = transport
        self.stdout = self._reader_of(1)
        self.stderr = self._reader_of(2)
        pipe = transport.get_pipe_transport(0)
        if pipe is not None:
            self.stdin = StreamWriter(pipe, self, None, self._loop)

    def _reader_of(self, fd: int) -> StreamReader | None:
        pipe = self._transport.get_pipe_transport(fd)
        if pipe is None:
            return None
        reader = StreamReader(limit=self._limit, loop=self._loop)
        reader.set_transport(pipe)
        self._open_outputs.add(fd)
        return reader

    def _output(self, fd: int) -> StreamReader | None:
        return {1: self.stdout, 2: self.stderr}.get(fd)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Feed the stream of that descriptor."""
        reader = self._output(fd)
        if reader is not None:
            reader.feed_data(data)

    def pipe_connection_lost(self, fd: int, exc: BaseException | None) -> None:
        """End the stream of that descriptor."""
        if fd == 0:
            self._end_stdin(exc)
            return
        reader = self._output(fd)
        if reader is not None:
            if exc is None:
                reader.feed_eof()
            else:
                reader.set_exception(exc)
        self._open_outputs.discard(fd)
        self._close_when_over()

    def process_exited(self) -> None:
        """Note the child's end."""
        self._exited = True
        self._close_when_over()

    def _end_stdin(self, exc: BaseException | None) -> None:
        if self.stdin is not None:
            self.stdin.close()
        self._stdin_lost = True
        self._stdin_lost_by = exc
        self.connection_lost(exc)  # type: ignore[arg-type]
        for waiter in self._stdin_waiters:
            self._settle_stdin(waiter)

    def _settle_stdin(self, waiter: Future[None]) -> None:
        if waiter.done():
            return
        if self._stdin_lost_by is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(self._stdin_lost_by)
            waiter.exception()  # counts as seen, whether or not the task still waits

    def _get_close_waiter(self, stream: Any) -> Future[None]:
        waiter: Future[None] = self._loop.create_future()
        if self._stdin_lost:
            self._settle_stdin(waiter)
        else:
            self._stdin_waiters.add(waiter)
            waiter.add_done_callback(self._stdin_waiters.discard)
        return waiter

    def _close_when_over(self) -> None:
        if self._exited and not self._open_outputs and self._transport is not None:
            self._transport.close()
            self._transport = None


class Process:
    """A child process, as `create_subprocess_exec()` and `create_subprocess_shell()` return it.

    `stdin` is a StreamWriter, `stdout` and `stderr` are StreamReaders; each is None where that
    stream is no pipe. `pid` is the process number.
    """

    def __init__(self, transport: Any, protocol: Any, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._protocol = protocol
        self._loop = loop
        self.stdin: StreamWriter | None = protocol.stdin
        self.stdout: StreamReader | None = protocol.stdout
        self.stderr: StreamReader | None = protocol.stderr
        self.pid: int = transport.get_pid()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.pid}>"

    @property
    def returncode(self) -> int | None:
        """The exit status; None while the child runs, -N where the signal N has ended it."""
        return self._transport.get_returncode()  # type: ignore[no-any-return]

    async def wait(self) -> int:
        """Wait until the child exits; return its exit status.

        With pipes for output that nobody reads the child may never get so far: use
        `communicate()` then.
        """
        return await self._transport._wait()  # type: ignore[no-any-return]

    def send_signal(self, signal: int) -> None:
        """Send a signal to the child; raises :exc:`ProcessLookupError` once it has exited."""
        self._transport.send_signal(signal)

    def terminate(self) -> None:
        """Ask the child to end; raises :exc:`ProcessLookupError` once it has exited."""
        self._transport.terminate()

    def kill(self) -> None:
        """End the child by force; raises :exc:`ProcessLookupError` once it has exited."""
        self._transport.kill()

    async def communicate(
        self, input: bytes | bytearray | memoryview | None = None
    ) -> tuple[bytes | None, bytes | None]:
        """Send `input`, close standard input, read the output to its end, and wait for the exit.

        Returns ``(stdout, stderr)``, with None for what is no pipe. All of it at the same time, so
        that no pipe fills up while another waits. A child that exits without reading
        its input is no error here.
        """
        jobs: list[Coroutine[Any, Any, bytes | None]] = []
        if self.stdin is not None:
            jobs.append(self._feed(self.stdin, input))
        read = len(jobs)
        jobs += (self._read_all(1, self.stdout), self._read_all(2, self.stderr))
        results = await gather(*jobs)
        await self.wait()
        stdout, stderr = results[read:]
        return stdout, stderr

    async def _feed(self, stdin: StreamWriter, data: bytes | bytearray | memoryview | None) -> None:
        try:
            if data is not None:
                stdin.write(data)
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as exc:
            # The child decides how much of its input it wants.
            if self._loop.get_debug():
                log.logger.debug("%r took only a part of its input: %r", self, exc)
        stdin.close()

    async def _read_all(self, fd: int, stream: StreamReader | None) -> bytes | None:
        if stream is None:
            return None
        output = await stream.read()
        pipe = self._transport.get_pipe_transport(fd)
        if pipe is not None:
            pipe.close()
        return output


async def create_subprocess_shell(
    cmd: str | bytes,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Any,
) -> Process:
    """Run the command line `cmd` in the system's shell.

    Each stream is `PIPE`, `DEVNULL`, a file, a descriptor, or None for the parent's own; `stderr` may
    be `STDOUT`. `limit` is that of the readers, in bytes. `kwds` go to :class:`subprocess.Popen`.
    Raises :exc:`ValueError` for options that would make the pipes text, and what ``Popen`` raises.
    """
    kwds.update(zip(_STREAMS, (stdin, stdout, stderr), strict=True))
    return await _create("subprocess_shell", (cmd,), limit, kwds)


async def create_subprocess_exec(
    program: Any,
    *args: Any,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Any,
) -> Process:
    """Run `program` with the arguments `args`, each of them a str, bytes or path.

    Everything else is as for `create_subprocess_shell()`.
    """
    kwds.update(zip(_STREAMS, (stdin, stdout, stderr), strict=True))
    return await _create("subprocess_exec", (program, *args), limit, kwds)


async def _create(
    method: str, command: tuple[Any, ...], limit: int, options: dict[str, Any]
) -> Process:
    """Start a child by a method of the running loop and give it streams."""
    loop = get_running_loop()
    start = getattr(loop, method)
    transport, protocol = await start(
        partial(SubprocessStreamProtocol, limit, loop), *command, **options
    )
    return Process(transport, protocol, loop)
