"""The loops of this process, for who looks at all of them. None is kept alive by it."""

from __future__ import annotations

from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# By id, since a loop's class may define equality. Every access is one operation of a dict, hence safe beside
# other threads.
_references: dict[int, ref[Any]] = {}


def know(loop: Any) -> None:
    """Make a loop known, as long as it lives."""
    key = id(loop)

    def forget(reference: ref[Any]) -> None:
        # The id may be another loop's by now.
        if _references.get(key) is reference:
            del _references[key]

    _references[key] = ref(loop, forget)


def known_loops() -> list[Any]:
    """Return the loops that are not closed, in the order in which they were made."""
    loops = [reference() for reference in _references.copy().values()]
    return [loop for loop in loops if loop is not None and not loop.is_closed()]
