"""Asking a process that has no inspector, by making its interpreter run a few lines (PEP 768, Python 3.14).

The interpreter there runs them when its main thread executes Python code the next time. A loop that has nothing to
do waits in the kernel, and would not for hours. On Linux it is woken as a debugger does it: attached to, interrupted
and let go at once (ptrace(2), PTRACE_SEIZE), upon which epoll_wait() and its kin return EINTR (signal(7)) and Python looks
what there is to do. That takes the rights that writing to its memory has taken before. The process is not
stopped to its parent's eyes, gets no signal, and where we are killed meanwhile the kernel lets it go.

A process that does not answer, since its main thread is in a call that does not return, is left alone after the
time limit. The lines are still there for it to run, and end at once when nobody waits for them; where it ends before, they are removed
when somebody asks the next time.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from asyncio._inside.own_folder import made_folder, remove_left
from asyncio._inside.reaching import NotInside, NoWay, no_answer, owner_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What the other process runs: as the code of a function, so that it leaves no name behind.
_LINES = """
def answer():
    import os, sys
    frame = sys._getframe(1).f_back.f_back
    try:
        os.unlink({script!r})
        if not os.path.exists({path!r}):
            os.rmdir(os.path.dirname({path!r}))
            return
    except OSError:
        return
    import socket
    try:
        if "asyncio_core.awaiting.task_registry" in sys.modules:
            from asyncio_core.inspecting.by_injection import answer
            answer({path!r}, frame, {request!r})
            return
        told = b'{{"none": "it runs no asyncio"}}'
        if "asyncio" in sys.modules:
            told = b'{{"none": "it runs the standard asyncio", "asyncio": true}}'
    except Exception:
        told = b'{{"error": "it runs a version of asyncio-core that cannot answer"}}'
    try:
        with socket.socket(socket.AF_UNIX) as telling:
            telling.settimeout(2)
            telling.connect({path!r})
            telling.sendall(told)
    except OSError:
        pass
answer()
"""

# Of <sys/ptrace.h>, and of <sys/wait.h>: Linux.
_PTRACE_DETACH = 17
_PTRACE_SEIZE = 0x4206
_PTRACE_INTERRUPT = 0x4207
_WALL = 0x40000000

_FOLDERS = "asyncio-ask-"

# Seconds for a process to run the lines by itself, since it is busy; and between two attempts to wake it.
_AT_FIRST = 0.1
_BETWEEN = 0.5


def connect(pid: int, seconds: float, request: dict[str, Any]) -> socket.socket:
    """Have a process answer a request, and return the connection on which it does.

    Raises NotInside where it does not begin to in time.
    """
    remove_left(_FOLDERS)
    folder = made_folder(f"{_FOLDERS}{pid}-")
    script, path = os.path.join(folder, "ask.py"), os.path.join(folder, "answer")
    pending = False
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            _write(script, _LINES.format(script=script, path=path, request=request))
            _give_to_owner(pid, folder, path, script)
            _inject(pid, script)
            pending = True
            connection = _awaited(listener, pid, seconds)
        pending = False
        return connection
    except OSError as error:
        raise NotInside(f"it cannot be asked: {error.strerror or error}") from None
    finally:
        _tidy_up(pid, folder, path, pending=pending)


def _write(script: str, lines: str) -> None:
    # exec() keeps the names out of the module that the interpreter runs the lines in.
    with open(script, "w", encoding="utf-8") as file:
        file.write(f"exec({lines!r}, {{}})\n")


def _give_to_owner(pid: int, folder: str, *names: str) -> None:
    """Let the process in, where root asks one of another user."""
    owner = owner_of(pid)
    if os.geteuid() == 0 != owner:
        for name in (*names, folder):
            os.chown(name, owner, -1)


def _inject(pid: int, script: str) -> None:
    """Have a process run a script. Raises NotInside where that cannot be."""
    if _is_in_container(pid):
        raise NotInside("it has other files than this process; only an inspector can answer there")
    try:
        # Older Pythons have no such thing.
        vars(sys)["remote_exec"](pid, script)
    except PermissionError:
        from asyncio.tools import _WHO_MAY_READ

        raise NotInside(_WHO_MAY_READ) from None
    except RuntimeError as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, PermissionError):
            raise NotInside(str(cause)) from None
        if "PyRuntime" in str(error):
            # What the interpreter looks for in it first.
            raise NoWay("it has no inspector, and is no Python of version 3.14 or newer") from None
        raise NoWay(_in_one_line(error)) from None


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _is_in_container(pid: int) -> bool:
    try:
        if not os.path.samefile(f"/proc/{pid}/root", "/"):
            return True
        return os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    except OSError:
        return False


def _awaited(listener: socket.socket, pid: int, seconds: float) -> socket.socket:
    """Wait for the process to connect, and wake it where it does not by itself."""
    end = time.monotonic() + seconds
    listener.settimeout(_AT_FIRST)
    while time.monotonic() < end:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                raise NotInside("it ended while it was asked") from None
            wake(pid)
            listener.settimeout(_BETWEEN)
            continue
        return connection
    raise NotInside(no_answer("it", pid, seconds, by_main_thread=True))


def wake(pid: int) -> bool:
    """Make a process' main thread return from where it waits in the kernel; tell whether that was possible."""
    if sys.platform != "linux":
        return False
    try:
        import ctypes
    except ImportError:
        return False
    ptrace = ctypes.CDLL(None).ptrace
    ptrace.argtypes, ptrace.restype = [ctypes.c_long] * 4, ctypes.c_long
    if ptrace(_PTRACE_SEIZE, pid, 0, 0) != 0:
        # A debugger is there already, or we may not.
        return False
    ptrace(_PTRACE_INTERRUPT, pid, 0, 0)
    end = time.monotonic() + _BETWEEN
    while time.monotonic() < end:
        try:
            if os.waitpid(pid, os.WNOHANG | _WALL)[0] == pid:
                break
        except ChildProcessError:
            return False
        time.sleep(0.001)
    # What cannot be stopped, as the kernel does something for it that cannot be interrupted, is let go when we end.
    return bool(ptrace(_PTRACE_DETACH, pid, 0, 0) == 0)


def _tidy_up(pid: int, folder: str, path: str, *, pending: bool) -> None:
    if not pending or (sys.platform == "linux" and not os.path.exists(f"/proc/{pid}")):
        shutil.rmtree(folder, ignore_errors=True)
        return
    # The script stays: the process would complain, in its own output, that it is not there.
    try:
        os.unlink(path)
    except OSError:
        pass
