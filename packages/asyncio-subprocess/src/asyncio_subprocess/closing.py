"""Closing what is of no more use."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def close(what: Any) -> None:
    """Close a descriptor, or an object, without a word of what the system says of it.

    It may fail with EIO or EINTR, and has closed all the same, see close(2); somebody waits for what comes behind it.
    """
    try:
        if type(what) is int:
            os.close(what)
        else:
            what.close()
    except OSError:
        pass
