"""What a loop finds under the entry point group ``asyncio.subprocess_transports``."""

from __future__ import annotations

import sys

from asyncio_subprocess.unix_transport import UnixSubprocessTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.abstract_loop import AbstractEventLoop
    from asyncio_core.futures import Future
    from asyncio_core.protocols import SubprocessProtocol
    from asyncio_core.transports import SubprocessTransport


async def make_subprocess_transport(
    loop: AbstractEventLoop,
    protocol: SubprocessProtocol,
    args: Any,
    shell: bool,
    stdin: Any,
    stdout: Any,
    stderr: Any,
    bufsize: int,
    extra: dict[str, Any] | None = None,
    **kwargs: Any,
) -> SubprocessTransport:
    """Start a child and connect its pipes; `kwargs` go to :class:`subprocess.Popen`.

    Raises what ``Popen`` raises. Where anything fails after the child was started, or the caller
    is cancelled, the child is killed and reaped and its pipes are closed before the error goes on.
    """
    connected: Future[None] = loop.create_future()
    transport = UnixSubprocessTransport(
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
    try:
        _watch(transport)
        await connected
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:
        transport.close()
        await transport._wait()
        raise
    return transport


if sys.version_info >= (3, 14):

    def _watch(transport: UnixSubprocessTransport) -> None:
        transport.watch_exit()

else:

    def _watch(transport: UnixSubprocessTransport) -> None:
        """Have the child watched, by the watcher that the program has set if there is one."""
        from asyncio_core.policies import _get_event_loop_policy

        watcher = getattr(_get_event_loop_policy(), "_watcher", None)
        if watcher is None:
            transport.watch_exit()
        else:
            transport.watch_with(watcher)
