"""What the environment asks for, when the first loop is made."""

from __future__ import annotations

import os

#: Set to 1, it starts the inspector.
INSPECT = "ASYNCIO_INSPECT"


def begin() -> None:
    """Start what the environment asks for."""
    if os.environ.get(INSPECT, "0") not in ("", "0"):
        from asyncio_core.inspecting.inspector import start_quietly

        start_quietly()
