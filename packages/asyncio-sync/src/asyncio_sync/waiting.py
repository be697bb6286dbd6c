"""The line that tasks stand in while they wait for a lock, a permit, an item or a notice.

Everything in this package that waits does so here, by one rule: *a task stays in line until it
has run*. Waking a task only marks its place (the future in it is done); the task takes itself out
when the loop resumes it, whether it goes on normally or with an exception. So the line always tells
how many tasks were woken but did not run yet, which is what the others have to leave room for, and
a task that is cancelled in between knows that it was woken and passes that on.

The usual shape::

    turn = line.enter(loop)
    try:
        await turn
    except BaseException:
        if line.leave(turn):
            ...  # woken and cancelled at once: wake somebody else in its place
        raise
    line.go_on(turn)

``except BaseException``, since a coroutine that is closed while it waits (GeneratorExit) has to
leave the line as well.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.loop import AbstractEventLoop


class WaitLine(deque["Future[Any]"]):
    """First come, first served.

    ``woken`` counts the places that were woken and not left yet. ``_settled`` is a number of
    places at the front that are known to be woken or cancelled, if not always all of these: the
    search for the next one to wake starts behind them. Without it, waking a thousand tasks one by
    one would look at half a million places.
    """

    __slots__ = ("_settled", "woken")

    def __init__(self) -> None:
        super().__init__()
        self.woken = 0
        self._settled = 0

    def enter(self, loop: AbstractEventLoop) -> Future[Any]:
        """Take a place at the end and return the future to await."""
        turn: Future[Any] = loop.create_future()
        self.append(turn)
        return turn

    def enter_again(self, turn: Future[Any], loop: AbstractEventLoop) -> Future[Any]:
        """Wait once more in the same place: what `turn` was woken for has gone."""
        place = self.index(turn)
        fresh: Future[Any] = loop.create_future()
        self[place] = fresh
        self.woken -= 1
        if place < self._settled:
            self._settled = place
        return fresh

    def go_on(self, turn: Future[Any]) -> None:
        """Give up the place of `turn`, whose task was woken and now runs."""
        if self.woken and self:
            first = self.popleft()
            if first is turn:  # nearly always
                self.woken -= 1
                if self._settled:
                    self._settled -= 1
                return
            self.appendleft(first)
        self.leave(turn)

    def leave(self, turn: Future[Any]) -> bool:
        """Give up the place of `turn`; tell whether it had been woken."""
        if self and self[0] is turn:  # nearly always, since the line moves from the front
            self.popleft()
            if self._settled:
                self._settled -= 1
        elif turn in self:
            place = self.index(turn)
            del self[place]
            if place < self._settled:
                self._settled -= 1
        else:
            # Taken out, and woken perhaps, by who knows the queue from within.
            self._settled = 0
            self.woken = sum(other.done() and not other.cancelled() for other in self)
            return turn.done() and not turn.cancelled()
        if not turn.done() or turn.cancelled():
            return False
        if self.woken:
            self.woken -= 1
        return True

    def wake_next(self) -> bool:
        """Wake the first that still waits; tell whether there was one."""
        place, end = self._settled, len(self)
        while place < end:
            turn = self[place]
            if not turn.done():
                turn.set_result(None)
                self.woken += 1
                return True
            place += 1
            self._settled = place
        self._settled = end
        return False

    def wake_all(self) -> None:
        """Wake everyone that waits at this moment."""
        woken = 0
        for turn in islice(self, self._settled, None):
            if not turn.done():
                turn.set_result(None)
                woken += 1
        self.woken += woken
        self._settled = len(self)

    def occupied(self) -> bool:
        """Tell whether anyone stands here; those already cancelled do not count."""
        return self.woken > 0 or not all(turn.cancelled() for turn in self)
