"""How children are started on Windows. `make_subprocess_transport` is what loops find by entry point."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("starting children in this way needs Windows")

from asyncio_subprocess import exit_handle, windows_utils
from asyncio_subprocess.base_subprocess import BaseSubprocessTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("_WindowsSubprocessTransport", "make_subprocess_transport")


class _WindowsSubprocessTransport(BaseSubprocessTransport):
    """A child whose pipes are for overlapped calls, waited for through its handle."""

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
        self._proc = windows_utils.Popen(
            args,
            shell=shell,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            bufsize=bufsize,
            **kwargs,
        )

    # Windows has no signals between processes: Popen knows what there is in their place.

    def send_signal(self, signal: int) -> None:
        """End the child (SIGTERM), or send it CTRL_C_EVENT or CTRL_BREAK_EVENT.

        Does nothing if it has ended. Raises ValueError for anything else, ProcessLookupError once it has
        ended and its pipes are closed.
        """
        self._check_proc()
        self._proc.send_signal(signal)

    def terminate(self) -> None:
        """End the child, by TerminateProcess(). As `send_signal()` if it has ended."""
        self._check_proc()
        self._proc.terminate()

    def kill(self) -> None:
        """The same as `terminate()`: there is no other way."""
        self.terminate()


async def make_subprocess_transport(
    loop: Any,
    protocol: Any,
    args: Any,
    shell: bool,
    stdin: Any,
    stdout: Any,
    stderr: Any,
    bufsize: int,
    extra: dict[str, Any] | None = None,
    **kwargs: Any,
) -> _WindowsSubprocessTransport:
    """Start a child for `loop`; return its transport once the pipes are connected.

    The arguments are those of `loop.subprocess_exec()`; `kwargs` are Popen's. Raises what Popen
    raises. When this is cancelled or the pipes can not be connected, the child is ended and waited
    for, and its pipes are closed, before that goes on to the caller.
    """
    connected = loop.create_future()
    transport = _WindowsSubprocessTransport(
        loop,
        protocol,
        args,
        shell,
        stdin,
        stdout,
        stderr,
        bufsize,
        waiter=connected,
        extra=extra,
        **kwargs,
    )
    await transport._come_up(
        connected, lambda: exit_handle.watch(loop, transport._proc, transport._process_exited)
    )
    return transport


# The class of the transports, for the loop's module, which shows it under this name.
make_subprocess_transport.__dict__["transport_class"] = _WindowsSubprocessTransport
