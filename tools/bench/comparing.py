"""Two results side by side: what became more, what became less, what came and went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workspace.console import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Differences up to here are none. Instructions and bytes vary little from run to run; time has its spread besides.
STILL = {"instructions": 0.01, "memory": 0.02, "time": 0.03}
#: Two medians are apart where their distance is more than so many times the sum of their spreads.
SPREADS = 3


@dataclass(frozen=True)
class Change:
    """One figure in both results."""

    case: str
    side: str
    before: float | None
    after: float | None
    #: "more", "less", "same", "new", "gone" or, where neither result has a figure, "none".
    verdict: str

    @property
    def ratio(self) -> float | None:
        if self.before is None or self.after is None or not self.before:
            return None
        return self.after / self.before


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return all figures that either result has, in the order of the later one."""
    if before["by"] != after["by"]:
        raise Failure(f"one is by {before['by']}, the other by {after['by']}", 2)
    found = []
    for case in {**after["figures"], **before["figures"]}:
        one, other = before["figures"].get(case, {}), after["figures"].get(case, {})
        for side in {**other, **one}:
            pair = one.get(side, {}), other.get(side, {})
            found.append(Change(case, side, *_values(*pair), _verdict(*pair, after["by"])))
    return found


def _values(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[float | None, float | None]:
    return one.get("value"), other.get("value")


def _verdict(one: Mapping[str, Any], other: Mapping[str, Any], by: str) -> str:
    before, after = _values(one, other)
    if before is None or after is None:
        if before is after:
            return "none"
        return "new" if before is None else "gone"
    noise = max(STILL[by] * abs(before), SPREADS * (one.get("spread", 0) + other.get("spread", 0)))
    if abs(after - before) <= noise:
        return "same"
    return "more" if after > before else "less"
