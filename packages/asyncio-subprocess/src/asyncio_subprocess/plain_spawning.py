"""Children that are started in no special way, by posix_spawn(3).

`subprocess.Popen` looks for a program in the folders of PATH, in Python, and has a pipe on which the child tells what
went wrong. The system's library does that by itself with a twentieth of the instructions. What comes of
it is a Popen object like any other.

This is for those children whose start Popen would have nothing to add to. All others are Popen's: those with
options that posix_spawn() does not know, those that it could not start, as Popen tells better why, and all where the
program has changed Popen or how it works.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import FileIO
from threading import Lock

from asyncio_subprocess.closing import close

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ("start_plainly",)

_PIPE, _STDOUT, _DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL

# Files are closed in the child from here on; where posix_spawn() cannot do that, Popen does.
_FIRST_OF_OTHERS = 3
_CLOSE_OTHERS = (getattr(os, "POSIX_SPAWN_CLOSEFROM", None), _FIRST_OF_OTHERS)

# Those that Python ignores and its children do not.
_RESTORED = [
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name)
]

# Android has its shell elsewhere.
_SHELL = None if hasattr(sys, "getandroidapilevel") else "/bin/sh"

# The options that are followed here.
_OPTIONS = {"env", "start_new_session", "process_group"}

# Popen as it was, to know it from what replaces it.
_Popen = subprocess.Popen
_INIT = _Popen.__init__
_methods = vars(_Popen)
_EXECUTE_CHILD, _GET_HANDLES = map(_methods.get, ("_execute_child", "_get_handles"))
_module = vars(subprocess)
_ENVIRON = os.environ

# What an instance has that was started; None where nobody knows what it would need, () before it was looked at.
_facts: Any = ()


def start_plainly(
    args: Any,
    shell: bool,
    stdin: Any,
    stdout: Any,
    stderr: Any,
    bufsize: int,
    options: Mapping[str, Any],
) -> Any:
    """Start a child; return its Popen object, or None where that is for Popen to do.

    The arguments are those of `subprocess.Popen`.
    """
    if bufsize != 0 or not _is_popens_way() or (options and not options.keys() <= _OPTIONS):
        return None
    if not isinstance(args, (str, bytes)) if shell else type(args) is not tuple:
        return None
    words: list[Any] = [_SHELL, "-c", args] if shell else list(args)
    program = words[0]
    environment: Any = options.get("env") if options else None
    if type(program) is not str or not (environment is None or "/" in program):
        # PATH would be the parent's.
        return None
    attributes: dict[str, Any] = {}
    if options:
        if options.get("start_new_session"):
            attributes["setsid"] = True
        group = options.get("process_group")
        if group is not None and group != -1:
            attributes["setpgroup"] = group
    streams = _Streams()
    if not streams.open(stdin, stdout, stderr):
        streams.close()
        return None
    try:
        sys.audit("subprocess.Popen", program, words, None, environment)
        try:
            pid = os.posix_spawnp(
                program,
                words,
                environment,
                file_actions=streams.actions,
                setsigdef=_RESTORED,
                **attributes,
            )
        except Exception:
            # Popen finds out what it is, and says it as it always did.
            streams.close()
            return None
    except BaseException:
        streams.close()
        raise
    popen = _Popen.__new__(_Popen)
    popen.__dict__ = {
        **_facts,
        "args": args,
        "pid": pid,
        "stdin": streams.files[0],
        "stdout": streams.files[1],
        "stderr": streams.files[2],
        "_waitpid_lock": Lock(),
    }
    streams.leave_to_child()
    return popen


class _Streams:
    """The three streams of a child: what it is to do with them, and the ends of pipes."""

    __slots__ = ("actions", "files", "lent")

    def __init__(self) -> None:
        # Ours; and the numbers of the child's, which are open here until it is started.
        self.files: list[FileIO | None] = [None, None, None]
        self.lent: list[int] = []
        self.actions: list[tuple[Any, ...]] = []

    def open(self, *wanted: Any) -> bool:
        """Open what is wanted; return False where it is nothing simple. `close()` then."""
        for number, stream in enumerate(wanted):
            if stream is None:
                continue
            if type(stream) is not int:
                # A file: it is asked for its number by Popen.
                return False
            if stream == _PIPE:
                try:
                    end = self._open_pipe(number)
                except OSError:
                    return False
            elif stream == _DEVNULL:
                action = (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0)
                self.actions.append(action)
                continue
            elif stream == _STDOUT:
                if number != 2 or wanted[1] is None:
                    return False
                end = 1
            else:
                end = stream
            if end < _FIRST_OF_OTHERS and stream != _STDOUT:
                # It could be overwritten before it is used.
                return False
            self.actions.append((os.POSIX_SPAWN_DUP2, end, number))
        self.actions.append(_CLOSE_OTHERS)
        return True

    def _open_pipe(self, number: int) -> int:
        """Open the pipe for a stream; return the number of the child's end."""
        reading, writing = os.pipe()
        ours, childs, mode = (reading, writing, "rb") if number else (writing, reading, "wb")
        self.lent.append(childs)
        try:
            self.files[number] = FileIO(ours, mode)
        except BaseException:
            close(ours)
            raise
        return childs if ours >= _FIRST_OF_OTHERS else -1

    def leave_to_child(self) -> None:
        """Close the child's ends here."""
        while self.lent:
            close(self.lent.pop())

    def close(self) -> None:
        """Close all, as there is no child."""
        self.leave_to_child()
        for file in self.files:
            if file is not None:
                close(file)


def _is_popens_way() -> bool:
    """Tell whether Popen would do the same: whether it is as it was, and has nothing else to do."""
    global _facts
    if (
        _module["Popen"] is not _Popen
        or not _module["_USE_POSIX_SPAWN"]
        or not _module.get("_USE_VFORK", True)
        or os.environ is not _ENVIRON
        # Children that were forgotten, which Popen reaps before it starts another.
        or _module["_active"]
        or _Popen.__init__ is not _INIT
        or _methods["_execute_child"] is not _EXECUTE_CHILD
        or _methods["_get_handles"] is not _GET_HANDLES
    ):
        return False
    if _facts is None:
        return False
    if not _facts:
        _facts = _facts_of_started() if _CLOSE_OTHERS[0] is not None else None
    return _facts is not None


def _facts_of_started() -> dict[str, Any] | None:
    """Return the attributes of a Popen object that was started, without what is each one's own."""

    class Unstarted(_Popen[bytes]):
        def _execute_child(self, *terms: Any) -> None:
            pass

    facts = dict(vars(Unstarted((), bufsize=0)))
    lock = facts.pop("_waitpid_lock", None)
    simple = all(isinstance(fact, (int, float, str, tuple, type(None))) for fact in facts.values())
    if not simple or not isinstance(lock, type(Lock())) or "_closed_child_pipe_fds" not in facts:
        # One of a Python that is not known here.
        return None
    return {**facts, "_closed_child_pipe_fds": True, "_child_created": True}
