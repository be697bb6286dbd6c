"""Lock, Event, Condition, Semaphore and BoundedSemaphore.

None of them is thread-safe: they are for tasks of one event loop. Each is tied to a loop the first
time a task has to wait for it. As long as nobody has to wait they allocate nothing, which is why
the line of waiting tasks of a Lock and a Semaphore is only made when it is needed.
"""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.exceptions import CancelledError, drop_own_frame
from asyncio_core.faces import make_face
from asyncio_core.lent_names import lend_names
from asyncio_sync.barriers import Barrier
from asyncio_sync.barriers import _BarrierState as _BarrierState
from asyncio_sync.mixins import _LoopBoundMixin
from asyncio_sync.waiting import WaitLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Literal, TypeVar

    from asyncio_core.awaiting.futures import Future

    _T = TypeVar("_T")

__all__ = ("Lock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Barrier")


def _describe(plain: str, state: str, line: WaitLine | None) -> str:
    """The plain repr() with the state, and how many wait, in brackets at its end."""
    if line:
        state = f"{state}, waiters:{len(line)}"
    return f"<{plain[1:-1]} [{state}]>"


class _ContextManagerMixin:
    """``async with`` for everything that has acquire() and release(); gives no value."""

    if TYPE_CHECKING:

        async def acquire(self) -> Literal[True]: ...
        def release(self) -> None: ...

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.release()


class Lock(_ContextManagerMixin, _LoopBoundMixin):
    """A lock that one task at a time can hold; the others get it in the order they asked.

    It does not know which task holds it: any task may release it, and the holder that asks again
    waits for itself. Meant to be used with ``async with``. Added in Python 3.4.
    """

    # release() frees the lock and wakes the first in line, who takes it when it runs. In between
    # the lock is free, but somebody stands in line, so that nobody else can slip in.

    def __init__(self) -> None:
        self._locked = False
        self._waiters: WaitLine | None = None

    def __repr__(self) -> str:
        state = "locked" if self._locked else "unlocked"
        return _describe(super().__repr__(), state, self._waiters)

    def _waited_for(self) -> dict[str, object]:
        return {"kind": "lock", "locked": self._locked, "waiters": len(self._waiters or ())}

    def locked(self) -> bool:
        """Tell whether a task holds the lock."""
        return self._locked

    async def __aenter__(self) -> None:
        if type(self).acquire is not _ACQUIRE:
            await self.acquire()
            return
        # The same as acquire() does, without a coroutine more for each wait.
        line = self._waiters
        if self._locked or line:
            if line is None:
                line = self._waiters = WaitLine()
            if self._locked or line.woken or line.occupied():
                turn = self._get_loop().create_future()
                line.append(turn)
                try:
                    await turn
                except BaseException:
                    self._give_up(turn)
                    raise
                line.go_on(turn)
        self._locked = True

    async def acquire(self) -> Literal[True]:
        """Wait until the lock is free and it is this task's turn, take it and return True."""
        line = self._waiters
        if self._locked or line:
            if line is None:
                line = self._waiters = WaitLine()
            if self._locked or line.woken or line.occupied():
                turn = self._get_loop().create_future()
                line.append(turn)
                try:
                    await turn
                except BaseException:
                    self._give_up(turn)
                    raise
                line.go_on(turn)
        self._locked = True
        return True

    def _give_up(self, turn: Future[Any]) -> None:
        """Leave the line without having got the lock, which goes to the next if it is free."""
        line = self._waiters
        assert line is not None
        line.leave(turn)
        if not (self._locked or line.woken):
            line.wake_next()

    def release(self) -> None:
        """Free the lock and wake the next in line.

        Raises RuntimeError when the lock is not held.
        """
        if not self._locked:
            raise RuntimeError("Lock is not acquired")
        self._locked = False
        line = self._waiters
        if line:
            turn = line[0]
            if turn.done():
                line.wake_next()
            else:
                turn.set_result(None)
                line.woken = 1

    def _wake_up_first(self) -> None:
        if self._waiters:
            self._waiters.wake_next()


# Our own, to know it from what replaces it.
_ACQUIRE = Lock.acquire


class Event(_LoopBoundMixin):
    """A flag that tasks can wait for.

    It is clear at first. `set()` lets all tasks that wait go on, and later ones through at once,
    until `clear()`. Added in Python 3.4.
    """

    def __init__(self) -> None:
        self._value = False
        # Made when somebody waits: many events are set before that, and thrown away.
        self._line: WaitLine | None = None

    @property
    def _waiters(self) -> WaitLine:
        if self._line is None:
            self._line = WaitLine()
        return self._line

    @_waiters.setter
    def _waiters(self, waiters: WaitLine) -> None:
        self._line = waiters

    def __repr__(self) -> str:
        return _describe(super().__repr__(), "set" if self._value else "unset", self._line)

    def _waited_for(self) -> dict[str, object]:
        return {"kind": "event", "set": self._value, "waiters": len(self._line or ())}

    def is_set(self) -> bool:
        """Tell whether the flag is set."""
        return self._value

    def set(self) -> None:
        """Set the flag and wake every task that waits for it.

        They all go on, even if the flag is cleared again before they run.
        """
        if not self._value:
            self._value = True
            if self._line:
                self._line.wake_all()

    def clear(self) -> None:
        """Clear the flag: tasks that come from now on wait for the next `set()`."""
        self._value = False

    async def wait(self) -> Literal[True]:
        """Return True, at once if the flag is set, else as soon as it is."""
        if not self._value:
            line = self._waiters
            turn = line.enter(self._get_loop())
            try:
                await turn
            except BaseException:
                line.leave(turn)
                raise
            line.go_on(turn)
        return True


class Condition(_ContextManagerMixin, _LoopBoundMixin):
    """A lock together with a line of tasks that wait to be told of a change.

    `lock` is the Lock to use, which several conditions may share; without it the condition makes
    one of its own. `acquire()`, `release()` and ``async with`` are the lock's. Added in Python 3.4.
    """

    def __init__(self, lock: Lock | None = None) -> None:
        self._lock = Lock() if lock is None else lock
        self._waiters = WaitLine()

    def __repr__(self) -> str:
        state = "locked" if self.locked() else "unlocked"
        return _describe(super().__repr__(), state, self._waiters)

    def _waited_for(self) -> dict[str, object]:
        return {"kind": "condition", "waiters": len(self._waiters)}

    def locked(self) -> bool:
        """Tell whether a task holds the underlying lock."""
        return self._lock.locked()

    async def acquire(self) -> Literal[True]:
        """Take the underlying lock, as `Lock.acquire()` does."""
        return await self._lock.acquire()

    def release(self) -> None:
        """Free the underlying lock, as `Lock.release()` does."""
        self._lock.release()

    async def wait(self) -> Literal[True]:
        """Free the lock, wait for a notification, take the lock again and return True.

        Raises RuntimeError when the lock is not held. The lock is held again also when this is
        left with an exception: a task that is cancelled here first waits for the lock and then
        gets its CancelledError, the very one. If it had been notified, the notification goes to the
        next task in line. A task may be woken without its own condition being true; see
        `wait_for()`.
        """
        if not self.locked():
            raise RuntimeError("cannot wait on un-acquired lock")
        line = self._waiters
        turn = line.enter(self._get_loop())
        self.release()
        interrupted: BaseException | None = None
        notified = True
        try:
            try:
                await turn
                line.go_on(turn)
            except BaseException as exc:
                drop_own_frame(exc)  # raised again below
                interrupted = exc
                notified = line.leave(turn)
            # The lock is taken back whatever happens.
            while True:
                try:
                    await self.acquire()
                    break
                except CancelledError as exc:
                    drop_own_frame(exc)
                    interrupted = exc
            if interrupted is None:
                return True
            if notified:
                line.wake_next()
            raise interrupted
        finally:
            interrupted = None  # the exception's traceback holds this frame

    async def wait_for(self, predicate: Callable[[], _T]) -> _T:
        """Wait, over as many notifications as it takes, until `predicate()` is true.

        Returns what the predicate, which takes no arguments, then gave. It is called with the lock
        held. Raises RuntimeError when it is false and the lock is not held.
        """
        while not (result := predicate()):
            await self.wait()
        return result

    def notify(self, n: int = 1) -> None:
        """Wake up to `n` of the tasks that wait; they run on once they have the lock.

        Raises RuntimeError when the lock is not held.
        """
        if not self.locked():
            raise RuntimeError("cannot notify on un-acquired lock")
        self._notify(n)

    def _notify(self, n: int) -> None:
        while n > 0 and self._waiters.wake_next():
            n -= 1

    def notify_all(self) -> None:
        """Wake all tasks that wait. Raises RuntimeError when the lock is not held."""
        self.notify(len(self._waiters))


class Semaphore(_ContextManagerMixin, _LoopBoundMixin):
    """Keeps a number of permits; those who find none wait in line.

    `value` is how many there are at first, an int that is not negative (else ValueError).
    Added in Python 3.4.
    """

    # A permit goes from release() straight to the first in line: _value counts only what is
    # nobody's. Nobody overtakes: while somebody stands in line a newcomer goes behind, even if
    # there are free permits, and whoever leaves the line hands out what is left.

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError(f"Semaphore initial value must be >= 0, not {value!r}")
        self._value = value
        self._waiters: WaitLine | None = None

    def __repr__(self) -> str:
        state = "locked" if self.locked() else f"unlocked, value:{self._value}"
        return _describe(super().__repr__(), state, self._waiters)

    def _waited_for(self) -> dict[str, object]:
        return {"kind": "semaphore", "value": self._value, "waiters": len(self._waiters or ())}

    def locked(self) -> bool:
        """Tell whether a task that asks for a permit now would have to wait."""
        line = self._waiters
        return self._value == 0 or bool(line and line.occupied())

    async def acquire(self) -> Literal[True]:
        """Take a permit, waiting in line for it if need be, and return True."""
        if not self.locked():
            self._value -= 1
            return True
        line = self._waiters
        if line is None:
            line = self._waiters = WaitLine()
        turn = line.enter(self._get_loop())
        try:
            await turn
        except BaseException:
            if line.leave(turn):
                self._value += 1
            self._wake_up_next()
            raise
        line.go_on(turn)
        if self._value > 0:
            self._wake_up_next()
        return True

    def release(self) -> None:
        """Give a permit to the next in line, or put it back."""
        self._value += 1
        self._wake_up_next()

    def _wake_up_next(self) -> None:
        """Hand free permits to those in line, as far as they go."""
        line = self._waiters
        if line:
            while self._value > 0 and line.wake_next():
                self._value -= 1


class BoundedSemaphore(Semaphore):
    """A semaphore that never has more permits than it began with.

    Its `release()` raises ValueError when there is nothing to give back, which tells of a bug.
    Added in Python 3.4.
    """

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._bound_value = value

    def release(self) -> None:
        """Give a permit to the next in line, or put it back.

        Raises ValueError when more permits come back than were taken.
        """
        if self._value >= self._bound_value:
            raise ValueError("BoundedSemaphore released too many times")
        super().release()


make_face(__name__, ("barriers", "waiting", "mixins"))


lend_names(
    __name__,
    "tasks",
    "collections",
    "enum",
    "exceptions",
    "mixins=asyncio_sync.mixins",
)

leave_to_checkers(__name__)
