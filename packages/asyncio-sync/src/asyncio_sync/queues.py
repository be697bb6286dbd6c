"""Queue, PriorityQueue and LifoQueue.

Two lines of tasks belong to a queue: those that wait for an item and those that wait for room.
Nobody waits who finds an item, or room, when he asks. A woken task that finds its item gone waits
again, in the same place and not at the end of the line. As many tasks are woken as there are items:
what a woken one is going to take is set aside from those that wait behind it.

Which item a task gets is decided when it runs, not when it is woken. So there is never an item
that is in no place but the hands of a task about to be cancelled, and order is kept in every kind
of queue.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from types import GenericAlias

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.lent_names import lend_names
from asyncio_sync.mixins import _LoopBoundMixin
from asyncio_sync.waiting import WaitLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, TypeVar

    from _typeshed import SupportsRichComparison

    _T = TypeVar("_T")
    _OrderedT = TypeVar("_OrderedT", bound=SupportsRichComparison)
else:
    # As in `asyncio_core.awaiting.futures`: ``Generic[_T]`` is ``object``, and `typing` is not loaded.
    _T = _OrderedT = None
    Generic = {_T: object}

__all__ = ("Queue", "PriorityQueue", "LifoQueue", "QueueFull", "QueueEmpty", "QueueShutDown")


class QueueEmpty(Exception):
    """`Queue.get_nowait()` was called on an empty queue. Added in Python 3.4."""


class QueueFull(Exception):
    """`Queue.put_nowait()` was called on a full queue. Added in Python 3.4."""


class QueueShutDown(Exception):
    """The queue takes no more items, or has none left, since it was shut down.

    Added in Python 3.13.
    """


class Queue(_LoopBoundMixin, Generic[_T]):
    """A first in, first out queue between tasks of one event loop. Not thread-safe.

    `maxsize` is the number of items it can hold; zero, the default, or less means no bound.

    A subclass changes the order by overriding `_init(maxsize)`, `_get()` and `_put(item)`, which
    keep the items in ``self._queue``, anything with a length. Added in Python 3.4.
    """

    _queue: Any

    # Whether items are kept and counted as below: then put() and get() do in one go what takes half a
    # dozen calls of methods that a subclass may have in other forms. Looked at when a queue is made.
    _plain = False

    def __init__(self, maxsize: int = 0) -> None:
        self._maxsize = maxsize
        self._getters = WaitLine()
        self._putters = WaitLine()
        self._joiners: WaitLine | None = None
        self._unfinished_tasks = 0
        self._is_shutdown = False
        self._init(maxsize)
        self._plain = _is_plain(self)

    # queue[int] is an alias from the types module, as for the containers; that of Generic is not.
    __class_getitem__: Any = classmethod(GenericAlias)

    def _init(self, maxsize: int) -> None:
        self._queue = deque()

    def _get(self) -> _T:
        item: _T = self._queue.popleft()
        return item

    def _put(self, item: _T) -> None:
        self._queue.append(item)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {self._format()}>"

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self._format()}>"

    def _format(self) -> str:
        words = [f"maxsize={self._maxsize!r}"]
        items = getattr(self, "_queue", None)
        if items:
            words.append(f"_queue={list(items)!r}")
        if self._getters:
            words.append(f"_getters[{len(self._getters)}]")
        if self._putters:
            words.append(f"_putters[{len(self._putters)}]")
        if self._unfinished_tasks:
            words.append(f"tasks={self._unfinished_tasks}")
        if self._is_shutdown:
            words.append("shutdown")
        return " ".join(words)

    def _waited_for(self) -> dict[str, object]:
        # Not qsize(), which may be a subclass's.
        size = len(getattr(self, "_queue", ()))
        return {"kind": "queue", "size": size, "maxsize": self._maxsize}

    @property
    def maxsize(self) -> int:
        """How many items the queue can hold; zero or less means that there is no bound."""
        return self._maxsize

    def qsize(self) -> int:
        """Return the number of items in the queue."""
        return len(self._queue)

    def empty(self) -> bool:
        """Tell whether the queue has no items."""
        return not self._queue

    def full(self) -> bool:
        """Tell whether the queue holds `maxsize` items; one without a bound never does."""
        maxsize = self._maxsize
        return maxsize > 0 and maxsize <= (len(self._queue) if self._plain else self.qsize())

    async def put(self, item: _T) -> None:
        """Put `item` into the queue, waiting in line for room if need be.

        Raises QueueShutDown when the queue is shut down, also while this waits.
        """
        if self._plain and not self._is_shutdown:
            items = self._queue
            maxsize = self._maxsize
            if len(items) < maxsize or maxsize <= 0:
                items.append(item)
                self._unfinished_tasks += 1
                line = self._getters
                if len(line) > line.woken:
                    self._wake_getters()
                return
        elif not self.full() or self._is_shutdown:
            self.put_nowait(item)
            return
        line = self._putters
        loop = self._get_loop()
        turn = line.enter(loop)
        try:
            await turn
            while self.full() and not self._is_shutdown:
                turn = line.enter_again(turn, loop)
                await turn
            self.put_nowait(item)
        except BaseException:
            line.leave(turn)
            self._wake_putters()
            raise
        line.go_on(turn)
        if len(line) > line.woken:
            self._wake_putters()

    def put_nowait(self, item: _T) -> None:
        """Put `item` into the queue now.

        Raises QueueFull when there is no room, QueueShutDown when the queue is shut down.
        """
        if self._is_shutdown:
            try:
                raise QueueShutDown
            except QueueShutDown as error:
                drop_own_frame(error)  # it is put()'s as well
                raise
        if self._plain:
            if 0 < self._maxsize <= len(self._queue):
                raise QueueFull
            self._queue.append(item)
        else:
            if self.full():
                raise QueueFull
            self._put(item)
        self._unfinished_tasks += 1
        line = self._getters
        if len(line) > line.woken:
            self._wake_getters()

    async def get(self) -> _T:
        """Take an item out of the queue and return it, waiting in line for one if need be.

        Raises QueueShutDown when the queue is shut down and has no items left, also while this
        waits.
        """
        item: _T
        if self._plain:
            items = self._queue
            if items:
                item = items.popleft()
                line = self._putters
                if len(line) > line.woken:
                    self._wake_putters()
                return item
            if self._is_shutdown:
                return self.get_nowait()
        elif not self.empty() or self._is_shutdown:
            return self.get_nowait()
        line = self._getters
        loop = self._get_loop()
        turn = line.enter(loop)
        try:
            await turn
            while self.empty() and not self._is_shutdown:
                turn = line.enter_again(turn, loop)
                await turn
            item = self.get_nowait()
        except BaseException:
            line.leave(turn)
            self._wake_getters()
            raise
        line.go_on(turn)
        if len(line) > line.woken:
            self._wake_getters()
        return item

    def get_nowait(self) -> _T:
        """Take an item out of the queue now and return it.

        Raises QueueEmpty when there is none, or QueueShutDown when there will be none any more.
        """
        if not self._queue if self._plain else self.empty():
            if not self._is_shutdown:
                raise QueueEmpty
            try:
                raise QueueShutDown
            except QueueShutDown as error:
                drop_own_frame(error)  # it is get()'s as well
                raise
        item: _T = self._queue.popleft() if self._plain else self._get()
        line = self._putters
        if len(line) > line.woken:
            self._wake_putters()
        return item

    def task_done(self) -> None:
        """Report that the work on an item taken from the queue is done, for `join()`.

        Raises ValueError when called more often than items were put into the queue.
        """
        if self._unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        self._unfinished_tasks -= 1
        self._wake_joiners()

    async def join(self) -> None:
        """Wait until every item that was put into the queue was taken and reported done."""
        if self._unfinished_tasks > 0:
            line = self._joiners
            if line is None:
                line = self._joiners = WaitLine()
            turn = line.enter(self._get_loop())
            try:
                await turn
            finally:
                line.leave(turn)

    def shutdown(self, immediate: bool = False) -> None:
        """Close the queue: `put()` raises QueueShutDown from now on, also in tasks that wait.

        `get()` still gives the items that are left and raises QueueShutDown after the last one. With
        `immediate` they are dropped and count as done, so that `get()` raises at once.

        Added in Python 3.13.
        """
        self._is_shutdown = True
        if immediate:
            dropped = 0
            while not self.empty():
                self._get()
                dropped += 1
            self._unfinished_tasks = max(0, self._unfinished_tasks - dropped)
            self._wake_joiners()
        self._wake_putters()
        self._wake_getters()

    # `woken` is how many tasks of the same line were woken and did not run yet: what they will
    # take is set aside.

    def _getter_may_go(self, woken: int) -> bool:
        if self.empty():
            return self._is_shutdown
        return not woken or self.qsize() > woken

    def _putter_may_go(self, woken: int) -> bool:
        if self._is_shutdown:
            return True
        if self.full():
            return False
        return not woken or self._maxsize <= 0 or self.qsize() + woken < self._maxsize

    def _wake_getters(self) -> None:
        line = self._getters
        if self._plain and not self._is_shutdown:
            items = len(self._queue)
            while line.woken < items and len(line) > line.woken and line.wake_next():
                pass
            return
        while len(line) > line.woken and self._getter_may_go(line.woken) and line.wake_next():
            pass

    def _wake_putters(self) -> None:
        line = self._putters
        maxsize = self._maxsize
        if self._plain and maxsize > 0 and not self._is_shutdown:
            room = maxsize - len(self._queue)
            while line.woken < room and len(line) > line.woken and line.wake_next():
                pass
            return
        while len(line) > line.woken and self._putter_may_go(line.woken) and line.wake_next():
            pass

    def _wakeup_next(self, waiters: WaitLine) -> None:
        """Wake one of `_getters` or `_putters`; for subclasses, which know it by this name."""
        waiters.wake_next()

    @property
    def _finished(self) -> _Finished:
        """What `join()` waits for, likewise."""
        return _Finished(self)

    def _wake_joiners(self) -> None:
        if self._joiners and not self._unfinished_tasks:
            self._joiners.wake_all()


def _methods_of(kind: type[Queue[Any]]) -> tuple[Any, ...]:
    """Return the methods that put() and get() call, unless they are Queue's own."""
    return (
        *(kind.full, kind.empty, kind.qsize, kind._put, kind._get),
        *(kind.put_nowait, kind.get_nowait, kind._wake_getters, kind._wake_putters),
    )


# To know them from what replaces them.
_OWN = _methods_of(Queue)


def _is_plain(queue: Queue[Any]) -> bool:
    return _methods_of(type(queue)) == _OWN and type(queue._queue) is deque


class _Finished:
    """The event that no work is left, to subclasses that count by themselves."""

    def __init__(self, queue: Queue[Any]) -> None:
        self._of = queue

    def is_set(self) -> bool:
        return not self._of._unfinished_tasks

    def set(self) -> None:
        self._of._wake_joiners()

    def clear(self) -> None:
        """Do nothing: whoever joins looks at the number of tasks."""

    async def wait(self) -> bool:
        await self._of.join()
        return True


class PriorityQueue(Queue[_OrderedT]):
    """A queue that gives the smallest item first; commonly ``(priority, data)`` tuples.

    Added in Python 3.4.
    """

    def _init(self, maxsize: int) -> None:
        self._queue: list[_OrderedT] = []

    def _put(self, item: _OrderedT) -> None:
        heappush(self._queue, item)

    def _get(self) -> _OrderedT:
        return heappop(self._queue)


class LifoQueue(Queue[_T]):
    """A queue that gives the item put in last first. Added in Python 3.4."""

    def _init(self, maxsize: int) -> None:
        self._queue: list[_T] = []

    def _put(self, item: _T) -> None:
        self._queue.append(item)

    def _get(self) -> _T:
        return self._queue.pop()


lend_names(
    __name__,
    "collections",
    "heapq",
    "locks=asyncio_sync.locks",
    "mixins=asyncio_sync.mixins",
)

leave_to_checkers(__name__)
