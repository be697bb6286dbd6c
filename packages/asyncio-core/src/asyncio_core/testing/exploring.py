"""A coroutine function under one seed after the other, in this process.

For tests of code that is to bear any legal order::

    def test_transfers_are_not_lost():
        failure = explore(main, seeds=range(100))
        assert failure is None, failure
"""

from __future__ import annotations

import traceback

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.loops.runners import Runner
from asyncio_core.testing.decisions import Decisions, format_table
from asyncio_core.testing.shrinking import shrunk
from asyncio_core.testing.shuffled import ShuffledEventLoopPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from typing import Any, TypeAlias

    from asyncio_core.testing.decisions import Table
    from asyncio_core.testing.making import OverlaidPolicy

    Main: TypeAlias = Callable[[], Coroutine[Any, Any, Any]]

__all__ = ("Failure", "explore", "repeat", "shrink")


class Failure:
    """What went wrong, and with which decisions.

    `seed` is the seed that led there; `table` says what was decided otherwise than usual; `error` is the exception.
    """

    def __init__(self, seed: int, table: Table, error: BaseException) -> None:
        self.seed = seed
        self.table = table
        self.error = error

    def __str__(self) -> str:
        told = "".join(traceback.format_exception(self.error))
        return f"seed {self.seed}, {len(self.table)} decisions: {format_table(self.table)}\n{told}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} seed={self.seed} decisions={len(self.table)} error={self.error!r}>"


def explore(
    main: Main,
    seeds: Iterable[int] = range(100),
    *,
    policy: OverlaidPolicy | None = None,
) -> Failure | None:
    """Run `main()` on a fresh loop for each seed; return the first failure, None where there is none.

    A failure is an exception that leaves `main()`, or that the loop reports. `policy` makes the loops, by default shuffled ones.
    """
    policy = policy or ShuffledEventLoopPolicy()
    for seed in seeds:
        failure = _run(main, Decisions(seed), policy)
        if failure is not None:
            return failure
    return None


def repeat(
    main: Main, table: Table, *, seed: int = 0, policy: OverlaidPolicy | None = None
) -> Failure | None:
    """Run `main()` once, with the decisions in `table` and no others; return its failure or None."""
    return _run(main, Decisions(seed, 0, table), policy or ShuffledEventLoopPolicy())


def shrink(
    main: Main, failure: Failure, *, attempts: int = 500, policy: OverlaidPolicy | None = None
) -> Failure:
    """Return a failure of the same type with as few decisions as can be found in so many runs."""
    found = failure

    def fails(table: Table) -> bool:
        nonlocal found
        again = repeat(main, table, seed=failure.seed, policy=policy)
        if again is None or type(again.error) is not type(failure.error):
            return False
        found = Failure(failure.seed, table, again.error)
        return True

    shrunk(failure.table, fails, attempts)
    return found


def _run(main: Main, decisions: Decisions, policy: OverlaidPolicy) -> Failure | None:
    reported: list[BaseException] = []

    def report(loop: Any, context: dict[str, Any]) -> None:
        reported.append(context.get("exception") or RuntimeError(context["message"]))

    def make_loop() -> Any:
        kind: Any = policy.loop_class()
        loop = kind(decisions)
        loop.set_exception_handler(report)
        return loop

    try:
        with Runner(loop_factory=make_loop) as runner:
            runner.run(main())
    except Exception as error:
        return Failure(decisions.seed, decisions.taken, error)
    if reported:
        return Failure(decisions.seed, decisions.taken, reported[0])
    return None


leave_to_checkers(__name__)
