"""How a loop learns that a child has ended: the choice among the ways that the system has.

The ways to learn of it have one shape: ``watch(pid, exited)`` calls ``exited(code)`` once, in the loop's
thread, and ``close()`` lets go of all. `code` is None where the child is not reaped yet, which is the
rule: reaping and telling the transport are then one step of the loop, and nobody can send a signal
to a process id that has meanwhile been given to another process.

Each loop has a watcher of its own, so that children can be started from the loop of any thread.
"""

from __future__ import annotations

from asyncio_subprocess import exit_kqueue, exit_pidfd
from asyncio_subprocess.exit_thread import _ThreadedChildWatcher
from asyncio_subprocess.reaping import reap as reap
from asyncio_subprocess.reaping import waitstatus_to_exitcode as waitstatus_to_exitcode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_subprocess.reaping import Exited, ExitWatcher


def exit_watcher(loop: Any) -> ExitWatcher:
    """Return the loop's watcher, made when it is first asked for."""
    watcher: ExitWatcher | None = getattr(loop, "_exit_watcher", None)
    if watcher is None:
        watcher = loop._exit_watcher = _new_watcher(loop)
    return watcher


def _new_watcher(loop: AbstractEventLoop) -> ExitWatcher:
    # Loops may have an opinion on pidfds.
    usable = getattr(loop, "_can_use_pidfd", exit_pidfd.usable)
    if usable():
        return exit_pidfd._PidfdChildWatcher(loop)
    if exit_kqueue.usable():
        return exit_kqueue._KqueueChildWatcher(loop)
    return _ThreadedChildWatcher(loop)


def watch(loop: Any, pid: int, exited: Exited) -> None:
    """Call ``exited`` once child `pid` has ended, by the loop's watcher or, if need be, a thread."""
    try:
        exit_watcher(loop).watch(pid, exited)
    except ProcessLookupError:
        # It is gone already, and reaped: by somebody else, or by the system where SIGCHLD is ignored.
        loop.call_soon(exited, None)
    except OSError:
        # No descriptors left, most likely. The child runs already and has to be waited for.
        _ThreadedChildWatcher(loop).watch(pid, exited)
