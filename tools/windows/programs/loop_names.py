"""The names of loops, for the programs beside this."""

from __future__ import annotations

from typing import Any


def loop_name(kind: Any) -> str:
    """Return `module.Name` of a loop's class, by the module that its code is in.

    Where this project's asyncio runs, its classes show the standard asyncio's names.
    """
    made_in = getattr(kind.__init__, "__globals__", {}).get("__name__", "")
    return f"{made_in if made_in.startswith('asyncio_') else kind.__module__}.{kind.__qualname__}"
