"""No null character goes to the system in the middle of a string.

There it would end the string: a program that lets ``"*.example.org"`` pass would be connected to what
stands in front of the null character. Python's own calls refuse some of these strings and cut others off.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Linux has socket names that no file stands for; a null character in front tells them apart.
_HAS_ABSTRACT_NAMES = sys.platform in ("linux", "android")


def refuse_null(value: object, what: str) -> None:
    """Raise :exc:`ValueError` where *value*, str or bytes, has a null character.

    Whatever is neither passes: to refuse it is up to the call that it goes to. *what* names it.
    """
    if _has_null(value):
        raise ValueError(f"embedded null character in {what} {value!r}")


def refuse_null_in_socket_path(path: object) -> None:
    """Do the same for the path of a Unix socket; in abstract names (Linux) any character will do."""
    if isinstance(path, (bytearray, memoryview)):
        # Sockets take them as well.
        path = bytes(path)
    if isinstance(path, (str, bytes)) and path[:1] in ("\0", b"\0") and _HAS_ABSTRACT_NAMES:
        return
    refuse_null(path, "path")


def refuse_null_in_command(command: Any, options: Mapping[str, Any]) -> None:
    """Do the same for what starts a child: a command line, or a sequence of program and arguments.

    *options* are those of :class:`subprocess.Popen`. The values of variables are left out of the message:
    they may be secrets.
    """
    for word in (command,) if isinstance(command, (str, bytes)) else command:
        if type(word) is not str or "\0" in word:
            refuse_null(_as_text(word), "argument")
    if not options:
        return
    for name in ("cwd", "executable"):
        refuse_null(_as_text(options.get(name)), name)
    environment = options.get("env")
    if environment is not None:
        for key in environment:
            name = _as_text(key)
            refuse_null(name, "environment variable")
            if _has_null(_as_text(environment[key])):
                raise ValueError(f"embedded null character in the value of variable {name!r}")


def _has_null(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    return isinstance(value, (bytes, bytearray)) and 0 in value


def _as_text(value: Any) -> Any:
    if value is None or isinstance(value, str):
        # Asking for the interface takes long.
        return value
    return os.fspath(value) if isinstance(value, os.PathLike) else value
