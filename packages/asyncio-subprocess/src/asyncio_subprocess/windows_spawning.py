"""How children are started on Windows. `make_subprocess_transport` is what loops find by entry point."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("starting children in this way needs Windows")

from contextlib import nullcontext

from asyncio_subprocess import exit_handle, windows_utils
from asyncio_subprocess.starting import PopenTransport, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

__all__ = ("_WindowsSubprocessTransport", "make_subprocess_transport")


class _WindowsSubprocessTransport(PopenTransport):
    """A child whose pipes are for overlapped calls, waited for through its handle."""

    def _popen(self) -> Any:
        return windows_utils.Popen

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


def make_subprocess_transport(
    loop: Any, *terms: Any, **options: Any
) -> Coroutine[Any, Any, _WindowsSubprocessTransport]:
    """Start a child for `loop`; await the result for its transport. The arguments are those of `start()`."""
    return start(_WindowsSubprocessTransport, nullcontext(), _watch, loop, *terms, **options)


# The class of the transports, for the loop's module, which shows it under this name.
make_subprocess_transport.__dict__["transport_class"] = _WindowsSubprocessTransport


def _watch(transport: _WindowsSubprocessTransport, _: None) -> None:
    """See to it that the transport learns of the child's end."""
    exit_handle.watch(transport._loop, transport._proc, transport._process_exited)
