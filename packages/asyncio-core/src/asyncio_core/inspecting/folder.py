"""Where the sockets of inspectors lie: a folder that nobody but its user can look into.

That is `asyncio-inspect` in XDG_RUNTIME_DIR, which is the user's own, or else `asyncio-inspect-UID` in the folder for
temporary files. There another user may have made it first: so owner and mode are looked at, and what is not right is
refused. A socket is called by its process: PID.sock. See unix(7) and the XDG Base Directory Specification.
"""

from __future__ import annotations

import os
import socket
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME = "asyncio-inspect"
# Bytes of a socket's path, less than sun_path has on any Unix.
_LONGEST_PATH = 100
_SECONDS_TO_CONNECT = 1.0


class InspectorError(Exception):
    """An inspector cannot be had; the message is one line that says why."""


def possible_folders(environment: Mapping[str, str], uid: int) -> Iterator[str]:
    """Yield where a process with such an environment may have its folder, the likeliest first."""
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        yield os.path.join(runtime, _NAME)
    # As `tempfile` looks for it; only the environment is another process'.
    for name in ("TMPDIR", "TEMP", "TMP"):
        if environment.get(name):
            yield os.path.join(environment[name], f"{_NAME}-{uid}")
    for name in ("/tmp", "/var/tmp", "/usr/tmp"):
        yield os.path.join(name, f"{_NAME}-{uid}")


def made_folder() -> str:
    """Return the folder of this process' user, making it first where it is not there.

    Raises InspectorError where none can be made, or the one that is there could be looked into by others.
    """
    problem = "no folder for it can be made"
    for folder in possible_folders(os.environ, os.geteuid()):
        try:
            socket_path(folder, os.getpid())
        except InspectorError as error:
            # The next one is looked for, too, by who asks.
            problem = str(error)
            continue
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            check(folder, os.geteuid())
        except OSError as error:
            problem = f"no folder for it can be made: {error.strerror}: {folder!r}"
            continue
        return folder
    raise InspectorError(problem)


def check(folder: str, owner: int) -> None:
    """Raise InspectorError for a folder that is not a user's own, or that others may enter."""
    try:
        found = os.lstat(folder)
    except OSError as error:
        raise InspectorError(f"{folder!r}: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise InspectorError(f"{folder!r} is not a folder")
    if found.st_uid != owner:
        raise InspectorError(f"{folder!r} belongs to another user, of id {found.st_uid}")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise InspectorError(f"{folder!r} is open to other users (mode {mode:04o}, not 0700)")


def socket_path(folder: str, pid: int) -> str:
    """Return the path of a process' socket. Raises InspectorError where it is too long for one."""
    path = os.path.join(folder, f"{pid}.sock")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise InspectorError(f"the path is too long for a socket: {path!r}")
    return path


def remove_stale(folder: str) -> None:
    """Remove the sockets of processes that are no more."""
    for name in os.listdir(folder):
        number, _, ending = name.partition(".")
        if ending != "sock" or not number.isdecimal():
            continue
        if int(number) != os.getpid() and may_live(int(number)):
            continue
        path = os.path.join(folder, name)
        # Where several containers share the folder, its process has another number here.
        if not is_answered(path):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass  # Somebody else was quicker.


def may_live(pid: int) -> bool:
    """Tell whether there is a process of a number, or somebody else's that cannot be asked for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def is_answered(path: str) -> bool:
    """Tell whether somebody listens at a socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(_SECONDS_TO_CONNECT)
        try:
            asking.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
