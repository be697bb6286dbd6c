"""The compiled forms of this package's classes, where there are any.

`twins` is the extension module `asyncio_core._twins`, or None: then everything runs in pure Python, and
`why_pure` tells why. A twin that does not load is never an error. ``ASYNCIO_PURE_PYTHON=1`` leaves it aside.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("twins", "why_pure")

twins: Any
# None where the compiled forms run.
why_pure: str | None = None


def _load() -> Any:
    global why_pure
    if os.environ.get("ASYNCIO_PURE_PYTHON", "0") not in ("", "0"):
        why_pure = "ASYNCIO_PURE_PYTHON is set"
        return None
    try:
        __import__("asyncio_core._twins")
    except ImportError as error:
        why_pure = f"the compiled module does not load: {error}"
        if error.name == "asyncio_core._twins":
            why_pure = "no compiled module for this Python is installed"
        return None
    return sys.modules["asyncio_core._twins"]


twins = _load()
