"""From many decisions to the few that matter.

What fails with a table of decisions is tried with parts of it, and with all but a part, in ever smaller parts: delta debugging,
after Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_core.testing.decisions import Table

__all__ = ("shrunk",)


def shrunk(
    table: Table, fails: Callable[[Table], bool], attempts: int = 500
) -> dict[tuple[int, int], int]:
    """Return a part of `table` with which it `fails` still, and of which nothing can be left out.

    After so many `attempts` it is the smallest that was found by then.
    """
    places = sorted(table)
    parts = 2
    tried: set[tuple[tuple[int, int], ...]] = set()

    def still_fails(some: list[tuple[int, int]]) -> bool:
        nonlocal attempts
        key = tuple(some)
        if key in tried or attempts <= 0:
            return False
        tried.add(key)
        attempts -= 1
        return fails({place: table[place] for place in some})

    if still_fails([]):
        return {}
    while len(places) > 1 and attempts > 0:
        size = -(-len(places) // parts)
        pieces = [places[begin : begin + size] for begin in range(0, len(places), size)]
        for piece in pieces:
            if still_fails(piece):
                places, parts = piece, 2
                break
        else:
            for piece in pieces:
                left = set(piece)
                rest = [place for place in places if place not in left]
                if still_fails(rest):
                    places, parts = rest, max(parts - 1, 2)
                    break
            else:
                if parts >= len(places):
                    break
                parts = min(2 * parts, len(places))
    return {place: table[place] for place in places}
