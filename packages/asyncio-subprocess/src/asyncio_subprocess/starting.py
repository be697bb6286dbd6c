"""Starting a child, as far as it is the same on Unix and on Windows."""

from __future__ import annotations

from asyncio_core.exceptions import drop_own_frame
from asyncio_subprocess.base_subprocess import BaseSubprocessTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any, TypeVar

    _TransportT = TypeVar("_TransportT", bound=BaseSubprocessTransport)

__all__ = ("PopenTransport", "start")


class PopenTransport(BaseSubprocessTransport):
    """A child started by one of the classes that are called Popen, with unbuffered pipes."""

    def _popen(self) -> Callable[..., Any]:
        """Return the class, or what makes an instance of it."""
        raise NotImplementedError

    def _start_plainly(self, *terms: Any) -> Any:
        """Start the child without that class, and return what an instance of it would be; None: not in this way."""
        return None

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
        self._proc = self._start_plainly(args, shell, stdin, stdout, stderr, bufsize, kwargs)
        if self._proc is None:
            streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
            self._proc = self._popen()(args, bufsize=bufsize, shell=shell, **streams, **kwargs)


async def start(
    transport_class: Callable[..., _TransportT],
    watcher: AbstractContextManager[Any],
    watch: Callable[[_TransportT, Any], object],
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
) -> _TransportT:
    """Start a child for `loop`; return its transport once the pipes are connected.

    The arguments from `loop` on are those of `loop.subprocess_exec()`; `kwargs` are Popen's. What enters
    `watcher` is given to `watch(transport, entered)`, which sees to it that the transport learns of the
    child's end. Raises what Popen raises. When this is cancelled or the pipes can not be connected, the
    child is killed and waited for, and its pipes are closed, before that goes on to the caller.
    """
    try:
        with watcher as entered:
            connected = loop.create_future()
            transport = transport_class(
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
            await transport._come_up(connected, watch, entered)
            return transport
    except BaseException as error:
        drop_own_frame(error)
        raise
