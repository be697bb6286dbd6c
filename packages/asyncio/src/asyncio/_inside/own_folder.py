"""A folder of this process' own for a moment, in which a socket can lie: the path of one has room in some 100 bytes only (unix(7))."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from asyncio._inside.reaching import NotInside

# Bytes, less than any Unix has room for; and what is taken by the folder's own name and that of a socket in it.
_LONGEST_PATH = 100
_NAMES = 40
# Seconds behind which nobody waits any more for what he has made one for.
_LONG = 60


def made_folder(prefix: str) -> str:
    """Make a folder, and return its path: in that for temporary files, or below /tmp where that one's path is too long.

    Raises NotInside where none can be made.
    """
    try:
        return tempfile.mkdtemp(prefix=prefix, dir=_place())
    except OSError as error:
        raise NotInside(f"no file can be made for it: {error.strerror}") from None


def _place() -> str:
    place = tempfile.gettempdir()
    return place if len(os.fsencode(place)) + _NAMES <= _LONGEST_PATH else "/tmp"


def remove_left(prefix: str) -> None:
    """Remove folders that were left for processes, whose numbers follow the prefix in their names, and that these did not live to remove."""
    from asyncio_core.inspecting.folder import may_live

    try:
        left = [entry for entry in os.scandir(_place()) if entry.name.startswith(prefix)]
    except OSError:
        return
    for entry in left:
        number = entry.name.removeprefix(prefix).partition("-")[0]
        try:
            # In another container that shares the folder a process may have a number that none has here.
            is_old = time.time() - entry.stat(follow_symlinks=False).st_mtime > _LONG
        except OSError:
            continue
        if number.isdecimal() and is_old and not may_live(int(number)):
            # What is another user's, or no folder, stays.
            shutil.rmtree(entry.path, ignore_errors=True)
