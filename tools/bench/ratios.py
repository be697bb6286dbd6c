"""One side's figure by another's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import results, sides

if TYPE_CHECKING:
    from collections.abc import Mapping


def ratio(result: Mapping[str, Any], case: str, one: str, other: str) -> float | None:
    """Return one side's figure divided by the other's, or None where one of them is missing."""
    ours, theirs = results.value(result, case, one), results.value(result, case, other)
    return ours / theirs if ours is not None and theirs else None


def best_peer(result: Mapping[str, Any], case: str) -> str | None:
    """Return the loop with the least of all that are not ours, or None where nobody has a figure."""
    found = {
        name: value
        for name in result["figures"][case]
        if not sides.is_ours(name)
        and name != sides.YARDSTICK.name
        and (value := results.value(result, case, name)) is not None
    }
    return min(found, key=lambda name: found[name], default=None)
