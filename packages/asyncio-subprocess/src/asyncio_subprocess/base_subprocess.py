"""The subprocess transport: a child process, its pipes, and the order in which its story is told.

Three things happen in any order: the pipes become connected, the child exits, the pipes are closed.
The protocol is told in one order all the same. Until its ``connection_made()`` is scheduled, whatever
else there is to tell waits in a queue; ``connection_lost()`` is the last call, after the exit and
after the last pipe. Tasks that wait for the exit do not wait for the pipes: a grandchild may have
inherited those and keep them open for ever.

How a child is started, and how its end is learned, is up to the deriving class.
"""

from __future__ import annotations

import warnings
from collections import deque
from functools import partial

from asyncio_core import log
from asyncio_core.exceptions import CancelledError
from asyncio_core.protocols import BaseProtocol, Protocol
from asyncio_core.transports import SubprocessTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from asyncio_core.futures import Future
    from asyncio_core.task import Task

_STDIN = 0
_STREAM_NAMES = ("stdin", "stdout", "stderr")
# subprocess.PIPE, by value.
_PIPE = -1


class BaseSubprocessTransport(SubprocessTransport):
    """A child process and the transports of its pipes.

    The arguments are those of ``loop.subprocess_exec()``, taken apart: `args` is a command line for
    the shell where `shell` is true, else a sequence. `waiter` is a future that is done once the
    pipes are connected, or fails with what kept them from being so. `kwargs` go to
    :class:`subprocess.Popen`, whose exceptions are raised here.
    """

    # The Popen object; None before the start and after connection_lost().
    _proc: Any

    def __init__(
        self,
        loop: Any,
        protocol: Any,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        waiter: Future[None] | None = None,
        extra: Any = None,
        **kwargs: Any,
    ) -> None:
        extra = dict(extra or {})
        super().__init__(extra)
        self._loop = loop
        self._protocol = protocol
        self._proc = None
        self._pid: int | None = None
        self._returncode: int | None = None
        self._closed = False
        self._finished = False
        self._exit_waiters: list[Future[int]] = []
        # What to tell the protocol once it knows of the transport; None from then on.
        self._pending_calls: deque[tuple[Any, ...]] | None = deque()
        # The protocol of each of the child's pipes; None while it is not connected.
        self._pipes: dict[int, Any] = {
            fd: None for fd, stream in enumerate((stdin, stdout, stderr)) if stream == _PIPE
        }
        try:
            self._start(
                args=args,
                shell=shell,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                bufsize=bufsize,
                **kwargs,
            )
        except BaseException:
            self._closed = True
            raise
        self._pid = self._proc.pid
        extra["subprocess"] = self._proc
        self._connecting: Task[None] = loop.create_task(self._connect_pipes())
        # A callback and not the task's own last lines: it runs for a task that never began, too.
        self._connecting.add_done_callback(partial(self._connected, waiter))

    def __repr__(self) -> str:
        words = [type(self).__name__]
        if self._closed:
            words.append("closed")
        if self._pid is not None:
            words.append(f"pid={self._pid}")
        if self._returncode is not None:
            words.append(f"returncode={self._returncode}")
        else:
            words.append("not started" if self._pid is None else "running")
        for fd, pipe in self._pipes.items():
            if pipe is not None:
                words.append(f"{_STREAM_NAMES[fd]}={pipe.pipe!r}")
        return f"<{' '.join(words)}>"

    def _start(
        self,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        **kwargs: Any,
    ) -> None:
        """Start the child and leave its Popen object in ``_proc``."""
        raise NotImplementedError

    # Connecting

    async def _connect_pipes(self) -> None:
        proc, loop = self._proc, self._loop
        ends = (proc.stdin, proc.stdout, proc.stderr)
        for fd in self._pipes:
            if fd == _STDIN:
                connect, kind = loop.connect_write_pipe, WriteSubprocessPipeProto
            else:
                connect, kind = loop.connect_read_pipe, ReadSubprocessPipeProto
            _, self._pipes[fd] = await connect(partial(kind, self, fd), ends[fd])

    def _connected(self, waiter: Future[None] | None, connecting: Task[None]) -> None:
        """Let the protocol know of the pipes, or the waiter of what happened to them."""
        error = CancelledError() if connecting.cancelled() else connecting.exception()
        if error is None and not self._closed:
            calls, self._pending_calls = self._pending_calls, None
            call_soon = self._loop.call_soon
            call_soon(self._protocol.connection_made, self)
            for call in calls or ():
                call_soon(*call)
        else:
            self._close_pipes()
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        elif isinstance(error, CancelledError):
            waiter.cancel()
        else:
            waiter.set_exception(error)

    # The interface of transports

    def set_protocol(self, protocol: BaseProtocol) -> None:
        """Have `protocol` called from now on."""
        self._protocol = protocol

    def get_protocol(self) -> BaseProtocol:
        """Return the protocol that is called."""
        return self._protocol  # type: ignore[no-any-return]

    def is_closing(self) -> bool:
        """Tell whether ``close()`` was called."""
        return self._closed

    def close(self) -> None:
        """Close the pipes, and kill the child if it still runs. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if not self._connecting.done():
            # The pipe that is being connected is in other hands; its end is seen in _connected().
            self._connecting.cancel()
        else:
            self._close_pipes()
        self._kill_unless_exited()

    def _close_pipes(self) -> None:
        for fd, pipe in self._pipes.items():
            if pipe is not None:
                pipe.pipe.close()
            elif self._proc is not None:
                getattr(self._proc, _STREAM_NAMES[fd]).close()

    def _kill_unless_exited(self) -> None:
        proc = self._proc
        # The Popen object is asked as well: the exit may be known there and not here yet.
        if proc is None or self._returncode is not None or proc.poll() is not None:
            return
        if self._loop.get_debug():
            log.logger.warning("closing a child that is running: kill %r", self)
        try:
            proc.kill()
        except ProcessLookupError:
            pass

    def __del__(self, warnings: ModuleType = warnings) -> None:
        # Connected pipes have destructors of their own, which know their descriptors.
        if getattr(self, "_closed", True) or self._finished:
            return
        self._closed = True
        warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
        self._kill_unless_exited()

    def get_pid(self) -> int | None:  # type: ignore[override]  # before the start there is none
        """Return the child's process number."""
        return self._pid

    def get_returncode(self) -> int | None:
        """Return the exit status, None while the child runs, negative for the signal that ended it."""
        return self._returncode

    def get_pipe_transport(self, fd: int) -> Any:
        """Return the transport of the child's descriptor `fd`, None where that is no pipe of ours."""
        pipe = self._pipes.get(fd)
        return None if pipe is None else pipe.pipe

    def send_signal(self, signal: int) -> None:
        """Send a signal to the child; raises :exc:`ProcessLookupError` once it has exited."""
        self._running().send_signal(signal)

    def terminate(self) -> None:
        """Ask the child to end; raises :exc:`ProcessLookupError` once it has exited."""
        self._running().terminate()

    def kill(self) -> None:
        """End the child by force; raises :exc:`ProcessLookupError` once it has exited."""
        self._running().kill()

    def _running(self) -> Any:
        if self._proc is None:
            raise ProcessLookupError(f"process {self._pid} has exited")
        return self._proc

    # What the pipes and the system report

    def _tell(self, method: Callable[..., object], *args: object) -> None:
        if self._pending_calls is not None:
            self._pending_calls.append((method, *args))
        else:
            self._loop.call_soon(method, *args)

    def _pipe_connection_lost(self, fd: int, exc: BaseException | None) -> None:
        self._tell(self._protocol.pipe_connection_lost, fd, exc)
        self._try_finish()

    def _pipe_data_received(self, fd: int, data: bytes) -> None:
        self._tell(self._protocol.pipe_data_received, fd, data)

    def _process_exited(self, returncode: int) -> None:
        """Publish the child's end; called once, in the loop's thread."""
        if self._loop.get_debug():
            log.logger.info("%r exited with return code %r", self, returncode)
        self._returncode = returncode
        if self._proc.returncode is None:
            # The child was reaped behind the Popen object's back, which must not signal its number.
            self._proc.returncode = returncode
        self._tell(self._protocol.process_exited)
        waiters, self._exit_waiters = self._exit_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(returncode)
        self._try_finish()

    async def _wait(self) -> int:
        """Wait for the child's end; return its exit status."""
        if self._returncode is not None:
            return self._returncode
        waiter: Future[int] = self._loop.create_future()
        self._exit_waiters.append(waiter)
        return await waiter

    def _try_finish(self) -> None:
        if self._finished or self._returncode is None:
            return
        if all(pipe is not None and pipe.disconnected for pipe in self._pipes.values()):
            self._finished = True
            self._tell(self._call_connection_lost, None)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(exc)
        finally:
            self._loop = self._proc = self._protocol = None


class WriteSubprocessPipeProto(BaseProtocol):
    """The protocol of the child's standard input; what it is told it passes on, with its number."""

    def __init__(self, proc: BaseSubprocessTransport, fd: int) -> None:
        self.proc: Any = proc
        self.fd = fd
        self.pipe: Any = None
        self.disconnected = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} fd={self.fd} pipe={self.pipe!r}>"

    def connection_made(self, transport: Any) -> None:
        """Keep the pipe's transport."""
        self.pipe = transport

    def connection_lost(self, exc: BaseException | None) -> None:
        """Report the pipe's end, and let go of the child's transport."""
        self.disconnected = True
        self.proc._pipe_connection_lost(self.fd, exc)
        self.proc = None

    def pause_writing(self) -> None:
        """Pass on that the child reads slowly."""
        self.proc._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the child has caught up."""
        self.proc._protocol.resume_writing()


class ReadSubprocessPipeProto(WriteSubprocessPipeProto, Protocol):
    """The protocol of the child's standard output or error."""

    def data_received(self, data: bytes) -> None:
        """Pass on what the child wrote."""
        self.proc._pipe_data_received(self.fd, data)
