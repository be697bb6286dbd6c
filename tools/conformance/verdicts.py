"""Turns what a test did into a verdict: by the rules of exclusions.toml, and by what it does with the standard asyncio.

The verdicts `passed`, `excluded`, `left-out` and `skipped` are as they should be; those of BAD are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exclusions import Rules
    from processes import Outcome

#: In the order of the tables.
GOOD = ("passed", "excluded", "left-out", "skipped")
BAD = (
    "failed",
    "missing",  #: the module makes it with the standard asyncio alone
    "passes-excluded",  #: is excluded, and need not be
    "unexplained-skip",  #: is skipped with this implementation alone, and no rule says why
    "not-the-interpreter",  #: is excluded as failing everywhere, and passes with the standard asyncio
    "left-a-thread",  #: passes, and leaves a thread behind that the standard asyncio does not leave
)


def judge(outcome: Outcome, rules: Rules) -> None:
    """Give a verdict by the rules alone."""
    excluded = rules.exclusions.get(outcome.test)
    if excluded is not None and outcome.outcome in ("failed", "missing"):
        outcome.outcome = "excluded"
        outcome.detail = f"{excluded.kind}: {excluded.reason}"
    elif excluded is not None:
        outcome.detail = f"is excluded ({excluded.kind}), but it {outcome.outcome}"
        outcome.outcome = "passes-excluded"
    elif outcome.outcome == "skipped":
        reason = rules.explained(outcome.detail)
        if reason:
            outcome.outcome, outcome.detail = "left-out", reason


def has_to_be_compared(outcome: Outcome) -> bool:
    """Tell whether a verdict hangs on what the test does with the standard asyncio."""
    return (
        outcome.outcome == "skipped"
        or (outcome.outcome == "excluded" and outcome.detail.startswith("interpreter:"))
        or (outcome.outcome == "passed" and bool(outcome.threads))
    )


def compare(outcome: Outcome, standard: Mapping[str, Outcome]) -> None:
    """Give the verdict that hangs on what the test did with the standard asyncio."""
    there = standard.get(outcome.test)
    did = there.outcome if there else "missing"
    if outcome.outcome == "skipped":
        if did != "skipped":
            outcome.outcome = "unexplained-skip"
            outcome.detail += f"\n(with the standard asyncio: {did})"
    elif outcome.outcome == "excluded":
        if did != "failed":
            outcome.outcome = "not-the-interpreter"
            outcome.detail += f"\n(with the standard asyncio: {did})"
    elif there is None or (did == "passed" and not there.threads):
        outcome.outcome = "left-a-thread"
        outcome.detail = f"left running: {', '.join(outcome.threads)}"
