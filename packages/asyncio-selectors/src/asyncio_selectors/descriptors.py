"""Numbers of open files, and what the system says of those that are not open any more.

A number says nothing about the file behind it. Programs close descriptors that are watched, and the
next file gets their number; so whoever changes a registration has the system told, also where the
events stay the same, and learns that the file is gone.
"""

from __future__ import annotations

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("GONE", "descriptor_of")

# What the system says of a registration whose file was closed: its number is free, or another's.
GONE = frozenset({errno.ENOENT, errno.EBADF})


def descriptor_of(fileobj: Any) -> int:
    """Return the descriptor number of `fileobj`: an int, or anything with a `fileno()` method.

    Raises ValueError where it has none, or where it is closed.
    """
    if isinstance(fileobj, int):
        fd = fileobj
    else:
        try:
            fd = int(fileobj.fileno())
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"Invalid file object: {fileobj!r}") from None
    if fd < 0:
        raise ValueError(f"Invalid file descriptor: {fd}")
    return fd
