"""The compiled forms of what this package does for every event and every packet, where there are any.

`twins` is the extension module `asyncio_selectors._twins`, or None: then everything runs in pure Python, and
`why_pure` tells why. It needs the compiled form of asyncio_core. A twin that does not load is never an error.
"""

from __future__ import annotations

import sys

import asyncio_core
import asyncio_selectors
from asyncio_core import twins as core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("twins", "why_pure")

twins: Any
# None where the compiled forms run.
why_pure: str | None = None


def _load() -> Any:
    global why_pure
    if core.twins is None:
        why_pure = core.why_pure
        return None
    if asyncio_core.__version__ != asyncio_selectors.__version__:
        # Compiled forms reach into one another.
        why_pure = f"asyncio-core is of another version, {asyncio_core.__version__}"
        return None
    try:
        __import__("asyncio_selectors._twins")
    except ImportError as error:
        why_pure = f"the compiled module does not load: {error}"
        if error.name == "asyncio_selectors._twins":
            why_pure = "no compiled module for this Python is installed"
        return None
    return sys.modules["asyncio_selectors._twins"]


twins = _load()
