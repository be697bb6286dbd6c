"""How `python -m asyncio` gets into another process that runs this asyncio.

Two ways. Where the process has an inspector (ASYNCIO_INSPECT=1 in its environment, or `asyncio_core.inspecting.start()`),
it is asked over its Unix socket, on Windows by way of its pipe. Where it has none, and on Python 3.14 and newer, the interpreter there is made to run
a few lines that answer (`sys.remote_exec()`, PEP 768). See `asyncio_core.inspecting` for what the answer is.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    if sys.platform == "win32":
        from asyncio_core.inspecting.windows_pipes import Connection
    else:
        from socket import socket as Connection

#: Seconds for a process to answer.
PATIENCE = 5.0

NO_INSPECTOR = "it has no inspector (it is started with ASYNCIO_INSPECT=1 in its environment)"


class NotInside(Exception):
    """The process cannot be looked into; the message says why, in one line."""


class NoWay(NotInside):
    """The process offers no way in. It may run the standard asyncio, or none."""


class OtherAsyncio(NoWay):
    """The process runs the standard asyncio."""


def no_answer(who: str, pid: int, seconds: float, *, by_main_thread: bool = False) -> str:
    """Say that a process did not answer, and why, as far as that can be told."""
    from asyncio._inside.unanswered import why

    reason = why(pid, by_main_thread=by_main_thread)
    return f"{who} did not answer within {seconds:g} seconds: {reason}"


def look_into(pid: int) -> dict[str, Any]:
    """Return the snapshot of a process' tasks and loops.

    Raises NoWay where it does not run this asyncio, as far as can be told, and NotInside where it does
    and all the same cannot be looked into.
    """
    with begin(pid, {"ask": "snapshot"}) as connection:
        return _snapshot_in(_received(connection, pid, PATIENCE))


def begin(pid: int, request: dict[str, Any]) -> Connection:
    """Ask a process for something, and return the connection on which it answers.

    Raises NoWay where it does not run this asyncio, as far as can be told, and NotInside where it does
    and all the same cannot be asked.
    """
    if sys.platform == "win32":
        return _asked_on_windows(pid, request)
    from asyncio._inside.unanswered import not_running

    told = not_running(pid)
    if told is not None:
        raise NotInside(told)
    path = _socket_of(pid)
    if path is not None:
        return _asked(path, request)
    if sys.version_info < (3, 14):
        raise NoWay(NO_INSPECTOR)
    from asyncio._inside import injecting

    return injecting.connect(pid, PATIENCE, request)


def has_inspector(pid: int) -> bool:
    """Tell whether there is a socket for asking a process."""
    if sys.platform == "win32":
        from asyncio_core.inspecting.windows_pipes import has_pipe

        return has_pipe(pid)
    return _socket_of(pid) is not None


def fact_in(answer: bytes, name: str) -> Any:
    """Return what a line of an answer tells under a name. Raises as `first_line()` does where it does not."""
    try:
        told = json.loads(answer)
    except ValueError:
        raise NotInside("it ended, or broke off, while it was asked") from None
    if "none" in told:
        raise (OtherAsyncio if "asyncio" in told else NoWay)(told["none"])
    if name not in told:
        raise NotInside(str(told.get("error")))
    return told[name]


def check_format(given: object, known: int) -> None:
    """Raise NotInside where an answer has another format than the one that is known here."""
    if given != known:
        raise NotInside("it runs another version of asyncio-core, whose answer is not understood")


def _snapshot_in(answer: bytes) -> dict[str, Any]:
    taken: dict[str, Any] = fact_in(answer, "snapshot")
    from asyncio_core.inspecting.snapshots import FORMAT

    check_format(taken.get("format"), FORMAT)
    return taken


def _socket_of(pid: int) -> str | None:
    """Return the path of a process' inspector, or None where there is none."""
    from asyncio_core.inspecting.folder import InspectorError, check

    refused = None
    # Root may ask everybody, and others themselves.
    owner = owner_of(pid) if os.geteuid() == 0 else os.geteuid()
    for folder in dict.fromkeys(_folders_of(pid)):
        path = os.path.join(folder, f"{pid}.sock")
        try:
            if os.path.lexists(folder):
                check(folder, owner)
            if os.path.exists(path):
                return path
        except InspectorError as error:
            refused = error
    if refused is not None and sys.version_info < (3, 14):
        raise NotInside(f"where its inspector would be: {refused}")
    return None


def _folders_of(pid: int) -> Iterator[str]:
    from asyncio_core.inspecting.folder import possible_folders

    uid, theirs = owner_of(pid), {}
    try:
        # It may have another folder for temporary files, and, in a container, another root.
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = (entry.partition(b"=") for entry in file.read().split(b"\0"))
            theirs = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    except OSError:
        pass
    yield from possible_folders(dict(os.environ), uid)
    yield from possible_folders(theirs, uid)
    for folder in possible_folders(theirs, uid):
        yield f"/proc/{pid}/root{folder}"


def owner_of(pid: int) -> int:
    """Return the id of the user that a process runs as; where that cannot be told, of this one."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            (ids,) = (line.split() for line in file if line.startswith(b"Uid:"))
    except (OSError, ValueError):
        return os.geteuid()
    # The real one, the effective one, and two more: proc(5).
    return int(ids[2])


def _asked_on_windows(pid: int, request: dict[str, Any]) -> Connection:
    if sys.platform != "win32":
        raise NotImplementedError
    from asyncio_core.inspecting.windows_pipes import connect

    try:
        asking = connect(pid, PATIENCE)
    except FileNotFoundError:
        raise NoWay(NO_INSPECTOR) from None
    except TimeoutError:
        raise NotInside(no_answer("its inspector", pid, PATIENCE)) from None
    except OSError as error:
        raise NotInside(f"its inspector cannot be asked: {error.strerror or error}") from None
    asking.settimeout(PATIENCE)
    try:
        asking.sendall(json.dumps(request).encode() + b"\n")
    except OSError as error:
        asking.close()
        raise NotInside(f"its inspector cannot be asked: {error.strerror or error}") from None
    return asking


def _asked(path: str, request: dict[str, Any]) -> socket.socket:
    """Ask who listens at a socket."""
    asking = socket.socket(socket.AF_UNIX)
    asking.settimeout(PATIENCE)
    try:
        asking.connect(path)
        asking.sendall(json.dumps(request).encode() + b"\n")
    except ConnectionRefusedError:
        asking.close()
        raise NotInside(f"nobody answers any more at its socket, {path!r}") from None
    except OSError as error:
        asking.close()
        raise NotInside(f"its inspector cannot be asked: {error.strerror or error}") from None
    return asking


def _received(connection: Connection, pid: int, seconds: float) -> bytes:
    try:
        return line_from(connection, seconds)
    except TimeoutError:
        raise NotInside(no_answer("its inspector", pid, seconds)) from None
    except OSError as error:
        raise NotInside(f"its inspector cannot be asked: {error.strerror or error}") from None


def line_from(connection: Connection, seconds: float) -> bytes:
    """Return a line that is received, or what there is of it. Raises TimeoutError after so many seconds."""
    end = time.monotonic() + seconds
    received = bytearray()
    while not received.endswith(b"\n"):
        connection.settimeout(max(0.001, end - time.monotonic()))
        try:
            more = connection.recv(1 << 20)
        except ConnectionResetError:
            break
        if not more:
            break
        received += more
    return bytes(received)
