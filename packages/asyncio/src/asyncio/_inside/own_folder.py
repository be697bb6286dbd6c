"""A folder of this process' own for a moment, in which a socket can lie: the path of one has room in some 100 bytes only (unix(7))."""

from __future__ import annotations

import os
import tempfile
from asyncio._inside.reaching import NotInside

# Bytes, less than any Unix has room for; and what is taken by the folder's own name and that of a socket in it.
_LONGEST_PATH = 100
_NAMES = 40


def made_folder(prefix: str) -> str:
    """Make a folder, and return its path: in that for temporary files, or below /tmp where that one's path is too long.

    Raises NotInside where none can be made.
    """
    try:
        place = tempfile.gettempdir()
        if len(os.fsencode(place)) + _NAMES > _LONGEST_PATH:
            place = "/tmp"
        return tempfile.mkdtemp(prefix=prefix, dir=place)
    except OSError as error:
        raise NotInside(f"no file can be made for it: {error.strerror}") from None
