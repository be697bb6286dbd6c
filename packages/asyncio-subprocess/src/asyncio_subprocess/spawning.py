"""How children are started on Unix. `make_subprocess_transport` is what loops find by entry point."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext

from asyncio_core import log
from asyncio_core.exceptions import drop_own_frame
from asyncio_subprocess.exits import watch
from asyncio_subprocess.plain_spawning import start_plainly
from asyncio_subprocess.starting import PopenTransport, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

__all__ = ("_UnixSubprocessTransport", "make_subprocess_transport")


class _UnixSubprocessTransport(PopenTransport):
    """A child started by `subprocess.Popen`, or as it would."""

    def _popen(self) -> Any:
        return _popen

    def _start_plainly(self, *terms: Any) -> Any:
        return start_plainly(*terms)


def _popen(*terms: Any, **options: Any) -> Any:
    """Return a new Popen object; raise what Popen raises. A child that is there then is ended, as nobody else knows it."""
    kind: Any = subprocess.Popen
    if not isinstance(kind, type):
        return kind(*terms, **options)  # what a program has put there
    popen: Any = kind.__new__(kind, *terms, **options)
    try:
        popen.__init__(*terms, **options)
    except BaseException as error:
        # Set once there is one: then the pipe failed on which it tells whether it could begin, say.
        if getattr(popen, "_child_created", False) and popen.returncode is None:
            popen.kill()
            popen.wait()
        drop_own_frame(error)
        raise
    return popen


def make_subprocess_transport(
    loop: Any, *terms: Any, **options: Any
) -> Coroutine[Any, Any, _UnixSubprocessTransport]:
    """Start a child for `loop`; await the result for its transport. The arguments are those of `start()`."""
    return start(_UnixSubprocessTransport, _chosen_watcher(), _watch, loop, *terms, **options)


# The class of the transports, for the loop's module, which shows it under this name.
make_subprocess_transport.__dict__["transport_class"] = _UnixSubprocessTransport


def _watch(transport: _UnixSubprocessTransport, watcher: Any) -> None:
    """See to it that the transport learns of the child's end."""
    loop, pid = transport._loop, transport._proc.pid
    if watcher is not None:
        watcher.add_child_handler(pid, _told_by_watcher, loop, transport)
        return
    told = _hook(loop)
    if told is None:
        # Reaped at once; told behind what has come in the same turn.
        told = transport._process_exited
        watch(loop, pid, lambda code: loop.call_soon(told, transport._taken(code)))
    else:
        watch(loop, pid, lambda code: told(pid, transport._taken(code), transport))


def _hook(loop: Any) -> Any:
    """Return what a loop wants called for a child that has ended; None for nothing, or nothing special."""
    told = getattr(loop, "_child_watcher_callback", None)
    return None if getattr(told, "_is_our_own", False) else told


if sys.version_info >= (3, 14):
    _NO_WATCHER = nullcontext()

    def _chosen_watcher() -> Any:
        return _NO_WATCHER

else:
    from asyncio_core.choosing import policies

    class _PolicysWatcher:
        """The watcher that the program has set, in use; None if it has not."""

        def __enter__(self) -> Any:
            # Asking for it by get_child_watcher() would make one, and warn.
            self._watcher = getattr(policies._get_event_loop_policy(), "_watcher", None)
            if self._watcher is None:
                return None
            entered = self._watcher.__enter__()
            # Python 3.12 no longer looks at what __enter__() gives.
            active = entered if sys.version_info < (3, 12) else self._watcher
            if not active.is_active():
                exc = RuntimeError("the child watcher that was set is not active")
                self._watcher.__exit__(type(exc), exc, None)
                raise exc
            return self._watcher

        def __exit__(self, *exc_info: Any) -> None:
            if self._watcher is not None:
                self._watcher.__exit__(*exc_info)

    def _chosen_watcher() -> Any:
        return _PolicysWatcher()


def _told_by_watcher(pid: int, returncode: int, loop: Any, transport: Any) -> None:
    """A watcher's callback, in whichever thread."""
    told = getattr(loop, "_child_watcher_callback", None)
    if told is not None:
        # What Popen knows is better than what a watcher has found out after it.
        told(pid, transport._taken(returncode), transport)
        return
    try:
        loop.call_soon_threadsafe(transport._exited, returncode)
    except RuntimeError:
        log.logger.warning("child %d ended after its loop %r was closed", pid, loop)
