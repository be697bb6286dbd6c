"""The transport of a child process and of the pipes to it.

Two things go on at once when a child has been started: its pipes are connected to the loop, each by a
task's step, and the child may already end. The protocol must see neither before connection_made().
So what there is to tell it is held back until the pipes are connected, and told in order from then on.

The transport is finished, and lets go of everything, once the child has ended and all of its pipes are
closed, whichever is last. Waiting for the child alone is `_wait()`, for pipes may outlive it in
children of its own.
"""

from __future__ import annotations

import os
import signal as signals
import subprocess
import warnings
from contextvars import copy_context

from asyncio_core import log
from asyncio_core.annotations import leave_to_checkers
from asyncio_core.awaiting.waiting import sleep
from asyncio_core.connections.pipes import PipePart
from asyncio_core.exceptions import CancelledError
from asyncio_core.interfaces import protocols, transports
from asyncio_core.lent_names import lend_names
from asyncio_core.scheduling.loop_part import is_replaced
from asyncio_subprocess.reaping import UNKNOWN_STATUS, reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.loop import AbstractEventLoop

_STREAMS = ("stdin", "stdout", "stderr")

# Windows has one way only to end a process, and calls it SIGTERM.
_KILL = getattr(signals, "SIGKILL", signals.SIGTERM)


class BaseSubprocessTransport(transports.SubprocessTransport):
    """The transport of a child process, apart from how the child is started.

    A subclass starts it in `_start()` and sees to it that `_exited()` is called when it has ended. The
    arguments are those of `loop.subprocess_exec()`; `waiter` is a future that is done when the
    pipes are connected or that failed.
    """

    # The Popen object, and the other two, until connection_lost() was called.
    _proc: Any
    _loop: Any
    _protocol: Any

    def __init__(
        self,
        loop: AbstractEventLoop,
        protocol: Any,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        waiter: Future[Any] | None = None,
        extra: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        extra = dict(extra or {})
        super().__init__(extra)
        self._loop = loop
        self._protocol = protocol
        self._context = copy_context()
        self._proc = None
        self._pid: int | None = None
        self._returncode: int | None = None
        self._closed = False
        # What to tell the protocol once it knows of the connection; None when it does.
        self._held: list[tuple[Callable[..., object], tuple[Any, ...]]] | None = []
        self._exit_waiters: list[Future[int]] = []
        self._finished: Future[None] | None = None
        self._pipes: dict[int, WriteSubprocessPipeProto | None] = {}
        for fd, stream in enumerate((stdin, stdout, stderr)):
            if stream == subprocess.PIPE:
                self._pipes[fd] = None
        self._start(
            args=args,
            shell=shell,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            bufsize=bufsize,
            **kwargs,
        )
        self._pid = self._proc.pid
        extra["subprocess"] = self._proc
        if loop.get_debug():
            program = args if isinstance(args, (bytes, str)) else args[0]
            log.logger.debug("process %r created: pid %s", program, self._pid)
        replaced = type(self)._connect_pipes is not _CONNECT_PIPES
        if not self._pipes and not replaced:
            loop.call_soon(self._connected, None, waiter, context=self._context)
        elif not replaced and self._can_connect_at_once():
            self._connect_at_once(waiter)
        else:
            self._connecting = loop.create_task(self._connect_pipes(waiter))
            self._connecting.add_done_callback(
                lambda task: self._connected(_failure_of(task), waiter)
            )

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
        """Start the child and set ``self._proc``, a Popen object."""
        raise NotImplementedError

    def __repr__(self) -> str:
        words = [type(self).__name__]
        if self._closed:
            words.append("closed")
        if self._pid is None:
            words.append("not started")
        else:
            words.append(f"pid={self._pid}")
            if self._returncode is None:
                words.append("running")
            else:
                words.append(f"returncode={self._returncode}")
        for fd, name in enumerate(_STREAMS):
            pipe = self._pipes.get(fd)
            if pipe is not None and pipe.pipe is not None:
                words.append(f"{name}={pipe.pipe!r}")
        return f"<{' '.join(words)}>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        # The pipes have destructors of their own.
        if getattr(self, "_proc", None) is not None and not self._closed:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self._kill_if_running()

    def set_protocol(self, protocol: Any) -> None:
        """Tell `protocol` from now on."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol, or None once connection_lost() was called."""
        return self._protocol

    def is_closing(self) -> bool:
        """Tell whether `close()` was called."""
        return self._closed

    def get_pid(self) -> int | None:  # type: ignore[override]  # None while it is not started
        """Return the child's process id."""
        return self._pid

    def get_returncode(self) -> int | None:
        """Return the child's return code, or None while it runs; -N if signal N ended it."""
        return self._returncode

    def get_pipe_transport(self, fd: int) -> Any:
        """Return the transport of the pipe to the child's descriptor `fd`, or None."""
        pipe = self._pipes.get(fd)
        return None if pipe is None else pipe.pipe

    # Ending it.

    def send_signal(self, signal: int) -> None:
        """Send the child a signal; do nothing if it has ended.

        Raises ProcessLookupError once the protocol's connection_lost() was called.
        """
        self._check_proc()
        if self._is_ours():
            # Not Popen.send_signal(), which first waits for the child and would take its return code.
            try:
                os.kill(self._proc.pid, signal)
            except ProcessLookupError:
                pass  # somebody else has reaped it just now

    def terminate(self) -> None:
        """Ask the child to end, by SIGTERM. As `send_signal()` if it has ended."""
        self.send_signal(signals.SIGTERM)

    def kill(self) -> None:
        """Make the child end, by SIGKILL. As `send_signal()` if it has ended."""
        self.send_signal(_KILL)

    def _check_proc(self) -> None:
        """Raise ProcessLookupError where nothing is left of the child."""
        if self._proc is None:
            raise ProcessLookupError(f"process {self._pid} has ended")

    def _is_ours(self) -> bool:
        """Tell whether the process id is the child's still, be it running or not yet waited for.

        Who cleans up after a time limit need not know whether the child or what the child has started
        was the one that took so long.
        """
        if self._proc.returncode is not None:
            return False
        if hasattr(os, "waitid"):
            try:
                os.waitid(os.P_PID, self._proc.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False  # reaped by somebody else; it may be another process's by now
        return True

    def close(self) -> None:
        """Close the pipes, and kill the child if it still runs."""
        if self._closed:
            return
        self._closed = True
        loop = self._loop
        if loop is None:
            return  # finished before
        killed = self._kill_if_running()
        if loop.is_closed():
            return
        # Pipes that are not connected yet are closed as soon as they are.
        if self._pipes and self._held is None:
            if killed and (stdin := self._pipes.get(0)) is not None:
                # Nobody is left to read what waits; whoever else holds the pipe must not keep it.
                stdin.pipe.abort()
            self._close_pipes()

    def _kill_if_running(self) -> bool:
        """Kill the child, and say whether that was to be done."""
        proc = self._proc
        if proc is None or self._returncode is not None or proc.poll() is not None:
            return False
        if self._loop.get_debug():
            log.logger.warning("Close running child process: kill %r", self)
        try:
            proc.kill()
        except (ProcessLookupError, PermissionError):
            return False  # it ended just now, or became another user's
        return True

    # The pipes.

    def _can_connect_at_once(self) -> bool:
        """Tell whether nobody would see that the loop's methods for it are not called."""
        loop = self._loop
        return not loop.get_debug() and not (
            is_replaced(getattr(loop, "connect_read_pipe", None), PipePart.connect_read_pipe)
            or is_replaced(getattr(loop, "connect_write_pipe", None), PipePart.connect_write_pipe)
        )

    def _connect_at_once(self, waiter: Future[Any] | None) -> None:
        """Connect the pipes in this step; they begin in the next turn, and so does the child's connection."""
        loop = self._loop
        begun = []
        failure: BaseException | None = None
        try:
            for fd in self._pipes:
                stream = getattr(self._proc, _STREAMS[fd])
                up = loop.create_future()
                if fd == 0:
                    proto = WriteSubprocessPipeProto(self, fd)
                    transport = loop._make_write_pipe_transport(stream, proto, up)
                    if hasattr(transport, "_patience"):
                        transport._patience = True
                else:
                    proto = ReadSubprocessPipeProto(self, fd)
                    loop._make_read_pipe_transport(stream, proto, up)
                begun.append((proto, up))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            failure = exc
        loop.call_soon(self._begun, begun, failure, waiter, context=self._context)

    def _begun(
        self,
        begun: list[tuple[WriteSubprocessPipeProto, Future[Any]]],
        failure: BaseException | None,
        waiter: Future[Any] | None,
    ) -> None:
        """The pipes have begun, or not; `failure` is that of the one after them."""
        for _, up in begun:
            if not up.done():
                # It is begun by a callback that a derived loop has put elsewhere in the queue.
                up.add_done_callback(lambda _: self._begun(begun, failure, waiter))
                return
        for proto, up in begun:
            broken = _failure_of(up)
            if broken is None:
                self._pipes[proto.fd] = proto
            else:
                failure = failure or broken
        self._connected(failure, waiter)

    async def _connect_pipes(self, waiter: Future[Any] | None) -> None:
        """Connect the pipes by the loop's methods, one after the other; `waiter` is told afterwards."""
        for fd in self._pipes:
            stream = getattr(self._proc, _STREAMS[fd])
            if fd == 0:
                proto = WriteSubprocessPipeProto(self, fd)
                connect = self._loop.connect_write_pipe
            else:
                proto = ReadSubprocessPipeProto(self, fd)
                connect = self._loop.connect_read_pipe
            await connect(lambda proto=proto: proto, stream)
            self._pipes[fd] = proto

    def _connected(self, failure: BaseException | None, waiter: Future[Any] | None) -> None:
        """The pipes are connected, or not."""
        if failure is None and self._closed:
            failure = CancelledError()
        held, self._held = self._held, None
        if failure is None:
            self._loop.call_soon(self._protocol.connection_made, self, context=self._context)
            for told, data in held or ():
                self._tell(told, *data)
        else:
            # The protocol has never heard of this child, and does not need to.
            self._protocol = protocols.SubprocessProtocol()
            self._close_pipes()
        if self._returncode is not None:
            self._try_finish()
        if waiter is not None and not waiter.done():
            if failure is None:
                waiter.set_result(None)
            elif isinstance(failure, CancelledError):
                waiter.cancel()
            else:
                waiter.set_exception(failure)
        stdin = self._pipes.get(0)
        if stdin is not None and hasattr(stdin.pipe, "_lose_patience"):
            # Until then, who has started the child can have written all and closed it.
            self._loop.call_soon(stdin.pipe._lose_patience, context=self._context)

    def _close_pipes(self) -> None:
        for fd, proto in tuple(self._pipes.items()):
            if proto is not None:
                proto.pipe.close()
            else:
                # It could not be connected. If a transport has closed it, once more does no harm.
                getattr(self._proc, _STREAMS[fd]).close()
                del self._pipes[fd]

    def _pipe_connection_lost(self, fd: int, exc: BaseException | None) -> None:
        told = self._protocol.pipe_connection_lost
        if self._held is None:
            self._loop.call_soon(told, fd, exc, context=self._context)
        else:
            self._call(told, fd, exc)
        if self._returncode is not None:
            self._try_finish()

    def _pipe_data_received(self, fd: int, data: bytes) -> None:
        self._call(self._protocol.pipe_data_received, fd, data)

    # The exit.

    def _exited(self, code: int | None) -> None:
        """The child has ended; with None for its return code it is to be reaped here."""
        if self._returncode is None:
            self._process_exited(self._taken(code))

    def _taken(self, code: int | None) -> int:
        """Return the child's return code; with None for `code` take it from the system.

        From then on the process id may be another process's, and nobody may send it a signal.
        """
        if self._returncode is not None:
            return self._returncode
        popen = self._proc
        if popen.returncode is None and code is None:
            code = reap(popen.pid)
        if popen.returncode is not None:
            # Its poll(), called by close() or by somebody else, was quicker.
            code = popen.returncode
        if code is None:
            code = UNKNOWN_STATUS
            log.logger.warning(
                "somebody else has waited for child %d, or SIGCHLD is ignored; "
                "its return code is unknown, taken for %d",
                popen.pid,
                code,
            )
        popen.returncode = code
        return code

    def _process_exited(self, returncode: int) -> None:
        if self._returncode is not None:
            return
        if self._loop.get_debug():
            log.logger.debug("process %s exited with returncode %s", self._pid, returncode)
            log.logger.info("%r exited with return code %r", self, returncode)
        if self._proc.returncode is None:
            self._proc.returncode = returncode  # or Popen takes it for running
        elif returncode == UNKNOWN_STATUS:
            # Its poll(), called by close() or by somebody else, was quicker than a watcher.
            returncode = self._proc.returncode
        self._returncode = returncode
        if self._held is None:
            self._loop.call_soon(self._protocol.process_exited, context=self._context)
        else:
            self._call(self._protocol.process_exited)
        # First, so that who has waited finds nothing left of a child without pipes.
        self._try_finish()
        waiters, self._exit_waiters = self._exit_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(returncode)

    def _waited_for(self) -> dict[str, object]:
        return {"kind": "process", "pid": self._pid}

    async def _wait(self) -> int:
        """Wait until the child has ended and return its return code; its pipes may be open still."""
        if self._returncode is not None:
            if self._loop is not None and self._are_pipes_closed():
                # It has ended in this turn, and is let go of in the next.
                await sleep(0)
            return self._returncode
        waiter: Future[int] = self._loop.create_future()
        self._exit_waiters.append(waiter)
        try:
            return await waiter
        finally:
            # A child may run for long, and be waited for with a time limit again and again.
            if waiter in self._exit_waiters:
                self._exit_waiters.remove(waiter)

    async def _come_up(
        self, connected: Future[Any], watch: Callable[[Any, Any], object], by: Any
    ) -> None:
        """Have ``watch(self, by)`` see to the child's end, and wait for the `waiter` given to __init__().

        When this is cancelled or something fails, the child is killed and waited for, and its pipes
        are closed, before that goes on to the caller.
        """
        try:
            try:
                watch(self, by)
            except BaseException:
                # Neither a descriptor nor a thread to be had: a child that nobody could wait for.
                self._proc.kill()
                self._process_exited(self._proc.wait())
                raise
            await connected
        except (Exception, CancelledError):
            connected.cancel()  # nobody waits for it any more
            await self._abandon()
            raise
        except BaseException:
            self.close()  # the program ends, or nobody is left to wait
            raise

    async def _abandon(self) -> None:
        """Close; return when the child has ended and nothing of the transport is left."""
        self.close()
        if self._loop is not None:
            self._finished = self._loop.create_future()
            await self._finished

    def _try_finish(self) -> None:
        if self._returncode is None:
            return
        for pipe in self._pipes.values():
            if pipe is None or not pipe.disconnected:
                return
        self._call(self._call_connection_lost, None)

    def _are_pipes_closed(self) -> bool:
        return all(pipe is not None and pipe.disconnected for pipe in self._pipes.values())

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        protocol = self._protocol
        if protocol is None:
            return
        try:
            protocol.connection_lost(exc)
        finally:
            self._loop = self._proc = self._protocol = None
            if self._finished is not None and not self._finished.done():
                self._finished.set_result(None)

    # Telling the protocol.

    def _call(self, cb: Callable[..., object], *data: Any) -> None:
        if self._held is not None:
            self._held.append((cb, data))
        else:
            self._tell(cb, *data)

    def _tell(self, told: Callable[..., object], *data: Any) -> None:
        self._loop.call_soon(told, *data, context=self._context)


# Our own, to know it from what replaces it.
_CONNECT_PIPES = BaseSubprocessTransport._connect_pipes


def _failure_of(done: Future[Any]) -> BaseException | None:
    return CancelledError() if done.cancelled() else done.exception()


class WriteSubprocessPipeProto(protocols.BaseProtocol):
    """The protocol of the pipe to a child's standard input."""

    def __init__(self, proc: BaseSubprocessTransport, fd: int) -> None:
        self.proc: Any = proc
        self.fd = fd
        self.pipe: Any = None
        self.disconnected = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} fd={self.fd} pipe={self.pipe!r}>"

    def connection_made(self, transport: Any) -> None:
        """Remember the pipe's transport."""
        self.pipe = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on, and let go of the child."""
        self.disconnected = True
        proc, self.proc = self.proc, None
        proc._pipe_connection_lost(self.fd, exc)

    def pause_writing(self) -> None:
        """Pass it on to the child's protocol."""
        self.proc._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on to the child's protocol."""
        self.proc._protocol.resume_writing()


class ReadSubprocessPipeProto(WriteSubprocessPipeProto, protocols.Protocol):
    """The protocol of the pipe from a child's standard output or error."""

    def data_received(self, data: bytes) -> None:
        """Pass it on, with the descriptor's number."""
        proc = self.proc
        if proc._held is None:
            told = proc._protocol.pipe_data_received
            proc._loop.call_soon(told, self.fd, data, context=proc._context)
        else:
            proc._pipe_data_received(self.fd, data)


lend_names(
    __name__,
    "collections",
    "logger",
    "signal",
    "sys",
)

leave_to_checkers(__name__)
