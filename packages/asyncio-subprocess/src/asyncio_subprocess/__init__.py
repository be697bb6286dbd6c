"""Child processes for asyncio: started by the loop, talked to through pipes, waited for without threads.

Read `base_subprocess` first, then `exits`. The way of a child: `subprocess` asks the loop, which finds `spawning`
by its entry point; ``start()`` makes the transport, which starts the child and has the loop connect its pipes,
each to a protocol of its own; these tell ``pipe_data_received()`` of the child's protocol, which fills the readers
that tasks wait for. In the meantime the loop's watcher waits for the end. When that is told the child is
reaped, and when all pipes are closed too the protocol hears ``connection_lost()``.

What each module holds, from below:

====================  ==============================================================
``reaping``           taking the return code of a child that has ended
``exit_pidfd``,       one way each to learn that a child has ended: a descriptor of
``exit_kqueue``,      the process (Linux), an event filter (macOS, BSD), a thread
``exit_thread``,      that waits (anywhere), the process handle (Windows)
``exit_handle``
``exits``             the choice among them, by what the system can do
``base_subprocess``   the transport of a child and its pipes, without how it starts
``windows_utils``     on Windows, a Popen with pipes for overlapped calls
``plain_spawning``    starting a child without Popen's help, where there is
                      nothing special about it
``starting``,         how it starts; on Unix and on Windows: what the loop finds by
``spawning``,         entry point
``windows_spawning``
``subprocess``        the high-level Process, create_subprocess_exec and _shell
``child_watchers``,   the watchers that programs could choose up to Python 3.13
``signal_watchers``,
``abstract_watcher``
====================  ==============================================================

No handler of SIGCHLD is installed, and children of others are left alone: only what was started here
is waited for, by its process id.

Names are loaded when they are first asked for (PEP 562).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_subprocess.subprocess import (
        DEVNULL,
        PIPE,
        STDOUT,
        Process,
        SubprocessStreamProtocol,
        create_subprocess_exec,
        create_subprocess_shell,
    )

__all__ = (
    "create_subprocess_exec",
    "create_subprocess_shell",
    "Process",
    "SubprocessStreamProtocol",
    "PIPE",
    "STDOUT",
    "DEVNULL",
)

__version__ = "1!0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from asyncio_subprocess import subprocess

    value = globals()[name] = getattr(subprocess, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
