from __future__ import annotations

import types
from collections import deque

import pytest

import asyncio_core
import asyncio_sync

KINDS = [asyncio_sync.Queue, asyncio_sync.PriorityQueue, asyncio_sync.LifoQueue]
every_kind = pytest.mark.parametrize("kind", KINDS)


def step(coroutine):
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


@pytest.mark.parametrize(
    ("kind", "expected"), list(zip(KINDS, ([3, 1, 2], [1, 2, 3], [2, 1, 3]), strict=True))
)
def test_order(kind, expected):
    queue = kind()
    for item in (3, 1, 2):
        queue.put_nowait(item)
    assert [queue.get_nowait() for _ in range(3)] == expected


def test_without_waiting_no_loop_is_needed():
    queue = asyncio_sync.Queue(1)
    step(queue.put("x"))
    assert step(queue.get()) == "x"
    queue.task_done()
    step(queue.join())


@every_kind
def test_full_and_empty(kind):
    queue = kind(maxsize=2)
    assert queue.empty()
    with pytest.raises(asyncio_sync.QueueEmpty):
        queue.get_nowait()
    queue.put_nowait(1)
    assert not queue.empty()
    assert not queue.full()
    queue.put_nowait(2)
    assert queue.full()
    assert queue.qsize() == queue.maxsize == 2
    with pytest.raises(asyncio_sync.QueueFull):
        queue.put_nowait(3)


@pytest.mark.parametrize("maxsize", [0, -1])
def test_no_bound(maxsize):
    queue = asyncio_sync.Queue(maxsize)
    for item in range(100):
        queue.put_nowait(item)
    assert not queue.full()


@pytest.mark.usual_order
def test_items_go_to_getters_in_the_order_they_came(run, turns):
    async def main():
        queue = asyncio_sync.Queue()
        tasks = [asyncio_core.create_task(queue.get()) for _ in range(4)]
        await turns(1)
        for item in range(4):
            queue.put_nowait(item)
        assert await asyncio_core.gather(*tasks) == [0, 1, 2, 3]

    run(main)


@pytest.mark.usual_order
def test_putters_get_room_in_the_order_they_came(run, turns):
    async def main():
        queue = asyncio_sync.Queue(1)
        tasks = [asyncio_core.create_task(queue.put(item)) for item in range(5)]
        await turns(1)
        assert [await queue.get() for _ in range(5)] == [0, 1, 2, 3, 4]
        await asyncio_core.gather(*tasks)

    run(main)


def test_nobody_waits_while_there_are_items(run, turns):
    """A program that empties a queue while it is not empty() must come to an end."""

    async def main():
        queue = asyncio_sync.Queue()
        waiting = asyncio_core.create_task(queue.get())
        await turns(1)
        for item in range(3):
            queue.put_nowait(item)
        drained = []
        while not queue.empty():
            drained.append(step(queue.get()))
        assert drained == [0, 1, 2]
        await turns(2)
        queue.put_nowait("later")
        assert await waiting == "later"

    run(main)


def test_nobody_waits_while_there_is_room(run, turns):
    async def main():
        queue = asyncio_sync.Queue(1)
        queue.put_nowait("a")
        waiting = asyncio_core.create_task(queue.put("b"))
        await turns(1)
        assert queue.get_nowait() == "a"
        step(queue.put("c"))
        await turns(2)
        assert queue.get_nowait() == "c"
        await waiting
        assert queue.get_nowait() == "b"

    run(main)


@pytest.mark.usual_order
def test_a_getter_whose_item_was_taken_keeps_its_place(run, turns):
    async def main():
        queue = asyncio_sync.Queue()
        log = []

        async def worker(name):
            log.append((name, await queue.get()))

        tasks = [asyncio_core.create_task(worker(name)) for name in "abc"]
        await turns(1)
        queue.put_nowait("stolen")
        queue.put_nowait("stolen")
        queue.get_nowait()
        queue.get_nowait()
        await turns(3)
        assert log == []
        for item in range(3):
            queue.put_nowait(item)
        await asyncio_core.gather(*tasks)
        assert log == [("a", 0), ("b", 1), ("c", 2)]

    run(main)


@pytest.mark.usual_order
def test_a_putter_whose_room_was_taken_keeps_its_place(run, turns):
    async def main():
        queue = asyncio_sync.Queue(1)
        queue.put_nowait(0)
        tasks = [asyncio_core.create_task(queue.put(item)) for item in (1, 2)]
        await turns(1)
        queue.get_nowait()
        queue.put_nowait("stolen")
        await turns(3)
        assert [await queue.get() for _ in range(3)] == ["stolen", 1, 2]
        await asyncio_core.gather(*tasks)

    run(main)


def test_join_waits_for_the_last_task_done(run, turns):
    async def main():
        queue = asyncio_sync.Queue()
        for item in range(3):
            queue.put_nowait(item)
        joins = [asyncio_core.create_task(queue.join()) for _ in range(2)]
        for _ in range(3):
            await turns(2)
            assert not any(join.done() for join in joins)
            await queue.get()
            queue.task_done()
        await asyncio_core.gather(*joins)
        with pytest.raises(ValueError, match="too many"):
            queue.task_done()

    run(main)


@every_kind
def test_shutdown_lets_the_rest_be_read(run, turns, kind):
    async def main():
        queue = kind(1)
        queue.put_nowait(1)
        putters = [asyncio_core.create_task(queue.put(item)) for item in (2, 3)]
        await turns(1)
        queue.shutdown()
        await asyncio_core.wait(putters)
        for task in putters:
            assert isinstance(task.exception(), asyncio_sync.QueueShutDown)
        with pytest.raises(asyncio_sync.QueueShutDown):
            queue.put_nowait(4)
        assert await queue.get() == 1
        with pytest.raises(asyncio_sync.QueueShutDown):
            await queue.get()
        with pytest.raises(asyncio_sync.QueueShutDown):
            queue.get_nowait()
        queue.task_done()
        await queue.join()

    run(main)


@every_kind
def test_immediate_shutdown_drops_the_rest_and_ends_join(run, turns, kind):
    async def main():
        queue = kind()
        for item in range(3):
            queue.put_nowait(item)
        await queue.get()
        join = asyncio_core.create_task(queue.join())
        await turns(1)
        queue.shutdown(immediate=True)
        assert queue.empty()
        await turns(2)
        assert not join.done()
        queue.task_done()
        await join
        with pytest.raises(asyncio_sync.QueueShutDown):
            await queue.get()

    run(main)


def test_shutdown_wakes_every_getter_of_an_empty_queue(run, turns):
    async def main():
        queue = asyncio_sync.Queue()
        tasks = [asyncio_core.create_task(queue.get()) for _ in range(3)]
        await turns(1)
        queue.shutdown()
        await asyncio_core.wait(tasks)
        for task in tasks:
            assert isinstance(task.exception(), asyncio_sync.QueueShutDown)
        assert not queue._getters

    run(main)


@pytest.mark.usual_order
@pytest.mark.parametrize("cancel", [False, True])
def test_who_waits_behind_a_woken_getter_at_shutdown_gets_what_that_leaves(run, turns, cancel):
    async def main():
        queue = asyncio_sync.Queue()
        first = asyncio_core.create_task(queue.get())
        second = asyncio_core.create_task(queue.get())
        await turns(1)
        queue.put_nowait("item")
        queue.shutdown()
        if cancel:
            first.cancel()
        await asyncio_core.wait([first, second])
        if cancel:
            assert second.result() == "item"
        else:
            assert first.result() == "item"
            assert isinstance(second.exception(), asyncio_sync.QueueShutDown)

    run(main)


@pytest.mark.usual_order
def test_a_subclass_may_throw_into_those_who_wait(run, turns):
    """As mode.utils.queues.ThrowableQueue does."""

    class Throwable(asyncio_sync.Queue):
        def throw(self, exc):
            while self._getters:
                getter = self._getters.popleft()
                if not getter.done():
                    getter.set_exception(exc)
                    return

    async def main():
        queue = Throwable()
        tasks = [asyncio_core.create_task(queue.get()) for _ in range(3)]
        await turns(1)
        queue.put_nowait("item")
        queue.throw(KeyError("thrown"))
        await asyncio_core.wait(tasks[:2])
        assert tasks[0].result() == "item"
        assert isinstance(tasks[1].exception(), KeyError)
        queue.put_nowait("next")
        assert await tasks[2] == "next"
        assert not queue._getters

    run(main)


def test_a_subclass_may_put_and_wake_by_itself(run, turns):
    class DropOldest(asyncio_sync.Queue):
        def put_nowait(self, item):
            if self.full():
                self._get()
                self._unfinished_tasks -= 1
            self._put(item)
            self._unfinished_tasks += 1
            self._finished.clear()
            self._wakeup_next(self._getters)

    async def main():
        queue = DropOldest(1)
        waiting = asyncio_core.create_task(queue.get())
        await turns(1)
        queue.put_nowait(1)
        queue.put_nowait(2)
        assert await waiting == 2
        assert not queue._finished.is_set()
        joining = asyncio_core.create_task(queue._finished.wait())
        await turns(1)
        queue.task_done()
        assert await joining is True
        assert queue._finished.is_set()
        queue._unfinished_tasks = 1
        joining = asyncio_core.create_task(queue.join())
        await turns(1)
        queue._unfinished_tasks = 0
        queue._finished.set()
        await joining

    run(main)


def test_a_subclass_decides_what_is_kept_and_in_which_order(run):
    class Latest(asyncio_sync.Queue):
        """Keeps one item for each key."""

        def _init(self, maxsize):
            self._queue = {}

        def _put(self, item):
            self._queue[item[0]] = item

        def _get(self):
            return self._queue.pop(next(iter(self._queue)))

    async def main():
        queue = Latest()
        for item in (("a", 1), ("b", 1), ("a", 2)):
            await queue.put(item)
        assert queue.qsize() == 2
        assert await queue.get() == ("a", 2)

    run(main)


def test_a_subclass_may_call_itself_full_for_its_own_reasons(run, turns):
    class Weighed(asyncio_sync.Queue):
        def full(self):
            return sum(self._queue) >= 10

    async def main():
        queue = Weighed(maxsize=1)
        await queue.put(4)
        await queue.put(7)
        putters = [asyncio_core.create_task(queue.put(1)) for _ in range(3)]
        await turns(2)
        assert not any(task.done() for task in putters)
        assert await queue.get() == 4
        await asyncio_core.gather(*putters)
        assert queue.qsize() == 4

    run(main)


def test_put_and_get_go_through_what_a_subclass_overrides(run):
    class Told(asyncio_sync.Queue):
        def __init__(self):
            self.calls = []
            super().__init__(1)

    def overridden(name):
        def method(self, *args):
            self.calls.append(name)
            return getattr(super(Told, self), name)(*args)

        return method

    async def calls_of(name):
        setattr(Told, name, overridden(name))
        queue = Told()
        await queue.put("item")
        assert await queue.get() == "item"
        delattr(Told, name)
        return len(queue.calls)

    async def main():
        for name in ("put_nowait", "get_nowait", "_put", "_get", "full", "empty", "qsize"):
            assert await calls_of(name) > 0, name

    run(main)


def test_a_subclass_may_keep_its_items_in_something_else(run):
    class Newest(deque):
        popleft = deque.pop

    class Stack(asyncio_sync.Queue):
        def _init(self, maxsize):
            self._queue = Newest()

    async def main():
        queue = Stack()
        await queue.put(1)
        await queue.put(2)
        assert await queue.get() == 2
        assert queue.qsize() == 1

    run(main)


def test_items_that_can_not_be_compared_raise_at_put(run):
    async def main():
        queue = asyncio_sync.PriorityQueue()
        await queue.put(object())
        with pytest.raises(TypeError):
            await queue.put(object())

    run(main)


def test_representations(run, turns):
    async def main():
        queue = asyncio_sync.Queue(1)
        assert str(queue) == "<Queue maxsize=1>"
        getter = asyncio_core.create_task(queue.get())
        await turns(1)
        assert repr(queue) == f"<Queue at {id(queue):#x} maxsize=1 _getters[1]>"
        queue.put_nowait("x")
        await getter
        queue.put_nowait("y")
        putter = asyncio_core.create_task(queue.put("z"))
        await turns(1)
        queue.shutdown()
        assert str(queue) == "<Queue maxsize=1 _queue=['y'] _putters[1] tasks=2 shutdown>"
        with pytest.raises(asyncio_sync.QueueShutDown):
            await putter

    run(main)


def test_subscripting_gives_a_plain_alias():
    alias = asyncio_sync.PriorityQueue[int]
    assert type(alias) is types.GenericAlias
    assert alias.__args__ == (int,)

    class OfNumbers(asyncio_sync.Queue[int]):
        pass

    assert isinstance(OfNumbers(), asyncio_sync.Queue)
