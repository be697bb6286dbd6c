"""Barrier: a point that a number of tasks pass together."""

from __future__ import annotations

import enum

from asyncio_core.exceptions import BrokenBarrierError
from asyncio_sync.mixins import _LoopBoundMixin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.awaiting.futures import Future


class _BarrierState(enum.Enum):
    FILLING = "filling"
    DRAINING = "draining"
    RESETTING = "resetting"
    BROKEN = "broken"


_FILLING = _BarrierState.FILLING
_DRAINING = _BarrierState.DRAINING
_RESETTING = _BarrierState.RESETTING
_BROKEN = _BarrierState.BROKEN


class Barrier(_LoopBoundMixin):
    """Holds tasks back until `parties` of them have come, then lets all of them go on.

    It can be used again and again: tasks that come while the last group is still leaving wait
    outside and form the next group, in the order in which they came. `parties` is an int of at
    least 1; anything smaller raises ValueError.

    As an asynchronous context manager it waits on entry and gives what `wait()` returns.

    Added in Python 3.11. After `threading.Barrier`.
    """

    # Each party is one future, all the way through: outside, then inside, then gone. Its result is
    # the party's position, or None for a party that the barrier broke under. Both groups are
    # dictionaries for their order and because a cancelled party leaves from anywhere.
    #
    #     FILLING    inside wait for more to come           nobody is outside
    #     DRAINING   inside are released and still leave    newcomers wait outside
    #     RESETTING  inside are told of it and still leave  newcomers wait outside
    #     BROKEN     inside are told of it and still leave  newcomers are refused

    def __init__(self, parties: int) -> None:
        if parties < 1:
            raise ValueError(f"a barrier needs at least one party, not {parties!r}")
        self._parties = parties
        self._state = _FILLING
        self._inside: dict[Future[int | None], None] = {}
        self._outside: dict[Future[int | None], None] = {}

    def __repr__(self) -> str:
        extra = self._state.value
        if not self.broken:
            extra = f"{extra}, waiters:{self.n_waiting}/{self._parties}"
        return f"<{super().__repr__()[1:-1]} [{extra}]>"

    def _waited_for(self) -> dict[str, object]:
        return {
            "kind": "barrier",
            "parties": self._parties,
            "waiters": len(self._inside) + len(self._outside),
        }

    async def __aenter__(self) -> int:
        return await self.wait()

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    @property
    def parties(self) -> int:
        """How many tasks it takes to pass the barrier."""
        return self._parties

    @property
    def n_waiting(self) -> int:
        """How many tasks wait for the barrier to fill; 0 while a group leaves."""
        return self._count if self._state is _FILLING else 0

    @property
    def broken(self) -> bool:
        """Whether `abort()` was called and `reset()` was not called since."""
        return self._state is _BROKEN

    @property
    def _count(self) -> int:
        return len(self._inside)

    async def wait(self) -> int:
        """Wait until all parties have come; return this one's position among them.

        Positions run from 0 to `parties` - 1, in the order of arrival, each given to one task, so
        that one of them can be chosen for a piece of work. Raises BrokenBarrierError when the
        barrier is broken, or is aborted or reset while this task waits. A task that is cancelled
        while it waits no longer counts.
        """
        if self._state is _BROKEN:
            raise BrokenBarrierError("the barrier is broken")
        turn: Future[int | None] = self._get_loop().create_future()
        if self._state is _FILLING and not self._outside:
            self._admit(turn)
        else:
            self._outside[turn] = None
        try:
            position = await turn
            # Released and then reset or aborted before this task ran: that counts as broken, too.
            if position is None or self._state is not _DRAINING:
                raise BrokenBarrierError("the barrier was aborted or reset")
            return position
        finally:
            self._leave(turn)

    async def reset(self) -> None:
        """Make the barrier empty and usable again.

        Tasks that wait inside get BrokenBarrierError. Those that come from now on form a new
        group once all of the old one have left.
        """
        if self._inside:
            self._state = _RESETTING
            _turn_away(self._inside)
        else:
            self._open()

    async def abort(self) -> None:
        """Break the barrier: everyone that waits, and whoever comes, gets BrokenBarrierError.

        It stays broken until `reset()`. For a task that can not come to the barrier any more, so
        that the others do not wait for ever.
        """
        self._state = _BROKEN
        _turn_away(self._inside)
        _turn_away(self._outside)
        self._outside.clear()

    def _admit(self, turn: Future[int | None]) -> None:
        self._inside[turn] = None
        if len(self._inside) < self._parties:
            return
        # Parties that were cancelled but did not run since are still inside; they do not count.
        for party in [party for party in self._inside if party.cancelled()]:
            del self._inside[party]
        if len(self._inside) == self._parties:
            self._state = _DRAINING
            for position, party in enumerate(self._inside):
                party.set_result(position)

    def _leave(self, turn: Future[int | None]) -> None:
        self._outside.pop(turn, None)
        self._inside.pop(turn, None)
        if not self._inside and (self._state is _DRAINING or self._state is _RESETTING):
            self._open()

    def _open(self) -> None:
        """Begin a new group, first with those that wait outside."""
        self._state = _FILLING
        if self._outside:
            # Not at once: the last of the old group may go on to reset() the barrier, which means
            # its own group and not these.
            next(iter(self._outside)).get_loop().call_soon(self._admit_from_outside)

    def _admit_from_outside(self) -> None:
        outside = self._outside
        while outside and self._state is _FILLING:
            turn = next(iter(outside))
            del outside[turn]
            if not turn.cancelled():
                self._admit(turn)


def _turn_away(group: dict[Future[int | None], Any]) -> None:
    for turn in group:
        if not turn.done():
            turn.set_result(None)
