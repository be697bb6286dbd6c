"""Timers: what is no moment, what others do to `loop._scheduled`, and sweeps of a large heap."""

from __future__ import annotations

import heapq
import threading
import weakref
from decimal import Decimal
from fractions import Fraction

import pytest

from asyncio_core.awaiting.futures import Future
from asyncio_core.awaiting.staggered import staggered_race
from asyncio_core.awaiting.tasks import as_completed, create_task, sleep, wait, wait_for
from asyncio_core.awaiting.timeouts import Timeout, timeout, timeout_at
from asyncio_core.loops.parking import ParkingEventLoop
from asyncio_core.scheduling import timers
from asyncio_core.scheduling.handles import Handle, TimerHandle
from asyncio_core.twins import twins

NAN = float("nan")


class Lazy:
    """A number of another library: it compares, and knows its float."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return float(self.value)

    def __radd__(self, other):
        return Lazy(other + self.value)

    def __eq__(self, other):
        return self.value == float(other)

    def __ne__(self, other):
        return self.value != float(other)

    def __lt__(self, other):
        return self.value < float(other)

    def __gt__(self, other):
        return self.value > float(other)

    def __le__(self, other):
        return self.value <= float(other)

    def __ge__(self, other):
        return self.value >= float(other)

    __hash__ = None


class Fickle(float):
    """Compares when it is given, and never again."""

    patience = 3

    def __lt__(self, other):
        Fickle.patience -= 1
        if Fickle.patience < 0:
            raise LookupError("spam")
        return float(self) < other

    __gt__ = __lt__


NANS = [NAN, Decimal("NaN"), Decimal("sNaN"), Lazy(NAN)]


async def within(manager):
    async with manager:
        pass


async def moved(value):
    async with timeout(10) as scope:
        before = scope.when()
        with pytest.raises(ValueError, match="NaN"):
            scope.reschedule(value)
        assert scope.when() == before
        scope.reschedule(scope.when() - 20)
        await sleep(5)


@pytest.mark.parametrize("value", NANS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "use",
    [
        lambda loop, value: loop.call_later(value, print),
        lambda loop, value: loop.call_at(value, print),
        lambda loop, value: loop.run_until_complete(sleep(value)),
        lambda loop, value: loop.run_until_complete(wait_for(sleep(1), value)),
        lambda loop, value: loop.run_until_complete(wait_for(loop.create_future(), value)),
        lambda loop, value: loop.run_until_complete(wait([loop.create_future()], timeout=value)),
        lambda loop, value: as_completed([loop.create_future()], timeout=value),
        lambda loop, value: Timeout(value),
        lambda loop, value: timeout_at(value),
        lambda loop, value: loop.run_until_complete(within(timeout_at(value))),
        lambda loop, value: loop.run_until_complete(staggered_race([], value)),
        lambda loop, value: loop.run_until_complete(loop.shutdown_default_executor(value)),
    ],
)
def test_nan_is_refused_where_it_is_given(loop, use, value):
    with pytest.raises(ValueError, match=r"(?i)nan"):
        use(loop, value)
    # Nobody else is the worse for it.
    seen = []
    loop.call_later(0.001, seen.append, 1)
    loop.run_until_complete(sleep(0.002))
    assert seen == [1]


@pytest.mark.parametrize("value", NANS, ids=lambda value: type(value).__name__)
def test_nan_is_no_time_limit(loop, value):
    async def main():
        with pytest.raises(ValueError, match=r"(?i)nan"):
            timeout(value)
        with pytest.raises(TimeoutError):
            await moved(value)

    loop.run_until_complete(main())


@pytest.mark.parametrize(
    "value", ["1", b"1", object(), [1.0], (), 1j], ids=lambda value: type(value).__name__
)
def test_what_is_no_number_is_a_type_error(loop, value):
    async def main():
        for use in (
            lambda: loop.call_later(value, print),
            lambda: loop.call_at(value, print),
            lambda: timeout(value),
            lambda: timeout_at(value),
            lambda: Timeout(value),
            lambda: as_completed([loop.create_future()], timeout=value),
        ):
            with pytest.raises(TypeError):
                use()
        for wait_with in (
            lambda: sleep(value),
            lambda: wait_for(sleep(1), value),
            lambda: wait([loop.create_future()], timeout=value),
        ):
            with pytest.raises(TypeError):
                await wait_with()
        async with timeout(1) as scope:
            with pytest.raises(TypeError):
                scope.reschedule(value)

    loop.run_until_complete(main())


def test_numbers_of_all_types_are_moments_and_are_given_back(loop):
    seen = []
    now = loop.time()
    moments = [int(now) - 3, Fraction(now) - 2, Decimal(now) - 1, Lazy(now), -(10**400), True]
    handles = [loop.call_at(moment, seen.append, moment) for moment in moments]
    assert all(handle.when() is moment for handle, moment in zip(handles, moments, strict=True))
    far = [loop.call_at(moment, seen.append, moment) for moment in (10**400, float("inf"))]
    loop.run_until_complete(sleep(0.001))
    assert [id(moment) for moment in seen] == [id(moments[i]) for i in (4, 5, 0, 1, 2, 3)]
    for handle in far:
        handle.cancel()


@pytest.mark.parametrize("shown", [False, True])
def test_a_timer_that_no_longer_compares_harms_nobody(loop, shown):
    seen = []
    Fickle.patience = 3
    if shown:
        loop._scheduled
    for delay in (0.003, 0.002, 0.001):
        loop.call_later(delay, seen.append, delay)
    loop.call_at(Fickle(loop.time() + 0.002), seen.append, "fickle")
    loop.call_later(0.004, loop.stop)
    loop.run_forever()
    assert sorted(map(str, seen)) == ["0.001", "0.002", "0.003", "fickle"]


# What others do to the timers


def test_the_timers_are_a_heap_of_handles(loop):
    handles = [loop.call_later(delay, print) for delay in (3, 1, 2)]
    shown = loop._scheduled
    assert type(shown) is list
    assert shown is loop._scheduled
    assert shown[0] is handles[1]
    assert sorted(shown) == [handles[1], handles[2], handles[0]]
    sooner = loop.call_later(0.5, print)
    assert shown[0] is sooner
    assert heapq.heappop(shown) is sooner
    assert len(shown) == 3


def test_what_is_taken_out_does_not_run_and_what_is_put_in_does(loop):
    seen = []
    loop.call_later(0.001, seen.append, "taken out")
    loop.call_later(0.003, seen.append, "stays")
    taken = heapq.heappop(loop._scheduled)
    assert taken.when() < loop._scheduled[0].when()
    heapq.heappush(
        loop._scheduled, TimerHandle(loop.time() + 0.002, seen.append, ("put in",), loop)
    )
    loop.call_later(0.004, loop.stop)
    loop.run_forever()
    assert seen == ["put in", "stays"]
    loop.call_later(0.001, seen.append, "cleared")
    loop._scheduled.clear()
    loop.run_until_complete(sleep(0.002))
    assert seen == ["put in", "stays"]


def test_a_derived_loop_sets_a_list_of_its_own():
    own = []

    class Loop(ParkingEventLoop):
        def __init__(self):
            super().__init__()
            self._scheduled = own

    loop = Loop()
    assert loop._scheduled is own
    timer = loop.call_later(0.001, print)
    assert own == [timer]
    assert loop.run_until_complete(sleep(0.002, "slept")) == "slept"
    assert own == []
    loop.call_later(10, print)
    loop.close()
    assert own == []


def test_a_loop_that_keeps_no_timers_sets_what_can_be_cleared():
    class Nothing:
        cleared = 0

        def clear(self):
            self.cleared += 1

    loop = ParkingEventLoop()
    loop._scheduled = nothing = Nothing()
    loop.close()
    assert nothing.cleared == 1


def test_a_turn_of_their_own_finds_and_takes_timers():
    class Loop(ParkingEventLoop):
        ahead = 0.0
        turns = 0

        def time(self):
            return super().time() + self.ahead

        def _run_once(self):
            self.turns += 1
            if not self._ready and self._scheduled:
                self.ahead += max(0.0, self._scheduled[0]._when - self.time())
            super()._run_once()

    loop = Loop()
    try:
        loop.run_until_complete(wait_for(sleep(100_000), 200_000))
        assert loop.ahead >= 100_000 - 10
    finally:
        loop.close()


def test_a_turn_that_replaces_ours_serves_all_timers(loop):
    seen = []

    def turn():
        scheduled = loop._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)
        while scheduled and scheduled[0]._when < loop.time() + 1000:
            loop._ready.append(heapq.heappop(scheduled))
        for _ in range(len(loop._ready)):
            handle = loop._ready.popleft()
            if not handle._cancelled:
                handle._run()

    loop._run_once = turn
    loop.call_later(50, seen.append, "second")
    loop.call_later(10, seen.append, "cancelled").cancel()
    loop.call_later(20, seen.append, "first")
    loop.run_until_complete(sleep(60))
    assert seen == ["first", "second"]


@pytest.mark.parametrize("looks", ["before", "between", "never"])
def test_timers_of_one_moment_run_in_the_order_they_were_made(loop, looks):
    seen = []
    if looks == "before":
        loop._scheduled
    moment = loop.time() + 0.001
    for number in range(300):
        loop.call_at(moment, seen.append, number)
        if looks == "between" and number == 150:
            assert len(loop._scheduled) == 151
    loop.call_at(moment, loop.stop)
    loop.run_forever()
    assert seen == list(range(300))


def test_cancelled_timers_are_counted_and_leave_a_shown_heap_too(loop):
    assert loop._timer_cancelled_count == 0
    keep = loop.call_later(5, print)
    many = [loop.call_later(10, print) for _ in range(timers._MIN_SCHEDULED_TIMER_HANDLES * 2)]
    assert len(loop._scheduled) == len(many) + 1
    for timer in many:
        timer.cancel()
    assert loop._timer_cancelled_count == len(many)
    loop.run_until_complete(sleep(0))
    assert loop._scheduled == [keep]
    assert loop._timer_cancelled_count == 0
    loop.call_later(1, print).cancel()
    assert loop._timer_cancelled_count == 1
    loop.run_until_complete(sleep(0))
    assert loop._scheduled == [keep]
    assert loop._timer_cancelled_count == 0


def test_a_look_from_another_thread_changes_nothing(loop):
    looks = []

    def look():
        looks.append(loop._scheduled)
        loop.call_soon_threadsafe(loop.stop)

    handles = [loop.call_later(delay, print) for delay in (30, 10, 20)]
    thread = threading.Thread(target=look)
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    assert looks == [[handles[1], handles[2], handles[0]]]
    looks[0].clear()
    assert loop._timers_plain
    assert len(loop._scheduled) == 3


def test_a_look_while_the_loop_waits_loses_no_timer(loop):
    # As a signal's handler does, or a debugger.
    seen = []
    poll = loop._poll

    def poll_and_look(wait):
        assert len(loop._scheduled) == 2
        poll(wait)

    # Further apart than the ticks of the coarsest clock.
    loop.call_later(1, seen.append, "ran")
    loop.call_later(2, loop.stop)
    loop._poll = poll_and_look
    loop._run_forever_setup()
    loop._run_once()
    loop._poll = poll
    loop._run_forever_cleanup()
    loop.run_forever()
    assert seen == ["ran"]


class NoTimer:
    def __lt__(self, other):
        return False

    __gt__ = __lt__


@pytest.mark.parametrize(
    "make",
    [
        lambda loop: TimerHandle(NAN, print, ("bad",), loop),
        lambda loop: TimerHandle("soon", print, ("bad",), loop),
        lambda loop: TimerHandle(None, print, ("bad",), loop),
        lambda loop: Handle(print, ("bad",), loop),
        lambda loop: NoTimer(),
        lambda loop: (0.0, 1),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 100])
def test_what_others_put_in_that_is_no_timer_is_reported_and_dropped(loop, make, place):
    reports, seen = [], []
    loop.set_exception_handler(lambda loop, details: reports.append(details))
    loop.call_later(0.001, seen.append, "first")
    loop.call_later(0.002, seen.append, "second")
    bad = make(loop)
    loop._scheduled.insert(place, bad)
    loop.call_later(0.003, seen.append, "third")
    for _ in range(2):
        loop.call_later(0.004, loop.stop)
        loop.run_forever()
    assert seen == ["first", "second", "third"]
    assert bad not in loop._scheduled
    assert len(reports) == 1
    assert reports[0]["handle"] is bad
    assert "Dropped from the loop's timers" in reports[0]["message"]


# Many timers


pure_heap = pytest.mark.skipif(
    twins is not None, reason="a compiled heap takes timers out when they are cancelled"
)


def sweeping_loop(loop, monkeypatch, number):
    monkeypatch.setattr(timers, "_SWEEP_PER_TURN", 100)
    return [loop.call_later(1000 + index % 77, print, index) for index in range(number)]


def turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


@pure_heap
def test_a_large_heap_is_swept_a_little_in_each_turn(loop, monkeypatch):
    handles = sweeping_loop(loop, monkeypatch, 1000)
    for handle in handles[100:]:
        handle.cancel()
    turn(loop)
    after_one = loop._timer_cancelled_count
    assert 800 <= after_one < 900
    seen = []
    # Timers come and go meanwhile.
    new = loop.call_later(500, print)
    loop.call_later(0, seen.append, "new and due")
    loop.call_later(400, print).cancel()
    handles[0].cancel()
    turn(loop)
    assert seen == ["new and due"]
    for _ in range(20):
        turn(loop)
    assert loop._timer_cancelled_count == 0
    assert loop._timers_plain
    assert sorted(loop._scheduled) == sorted([new, *handles[1:100]])
    assert loop._scheduled[0] is new


@pure_heap
def test_while_a_heap_is_swept_the_loop_does_not_wait_and_all_timers_run_in_order(
    loop, monkeypatch
):
    handles = sweeping_loop(loop, monkeypatch, 1000)
    seen = []
    moment = loop.time() - 1
    for index in range(300):
        loop.call_at(moment + index % 3 / 10, seen.append, index)
    for handle in handles:
        handle.cancel()
    turn(loop)
    assert not loop._timers_plain
    assert len(seen) == 300
    assert seen == sorted(range(300), key=lambda index: (index % 3, index))
    waits = []
    poll = loop._poll
    loop._poll = lambda wait: (waits.append(wait), poll(wait))
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert waits[0] == 0


@pure_heap
def test_a_look_in_the_midst_of_a_sweep_sees_all_timers(loop, monkeypatch):
    handles = sweeping_loop(loop, monkeypatch, 1000)
    for handle in handles[400:]:
        handle.cancel()
    turn(loop)
    assert not loop._timers_plain
    kept = loop.call_later(5, print)
    shown = loop._scheduled
    assert shown[0] is kept
    assert {id(handle) for handle in handles[:400]} <= {id(handle) for handle in shown}
    assert len(shown) == len({id(handle) for handle in shown})
    for _ in range(3):
        turn(loop)
    assert {id(handle) for handle in loop._scheduled} == {id(kept), *map(id, handles[:400])}


def test_a_loop_can_be_closed_in_the_midst_of_a_sweep(monkeypatch):
    loop = ParkingEventLoop()
    for handle in sweeping_loop(loop, monkeypatch, 1000):
        handle.cancel()
    turn(loop)
    loop.close()
    assert loop._scheduled == []


@pure_heap
def test_a_sweep_keeps_up_with_timers_that_come_and_go_in_each_turn(loop, monkeypatch):
    for handle in sweeping_loop(loop, monkeypatch, 1000):
        handle.cancel()
    for _ in range(100):
        for _ in range(300):
            loop.call_later(1000, print).cancel()
        turn(loop)
    # Those of a few turns, and not all 30,000.
    assert loop._timer_cancelled_count < 2000


@pure_heap
def test_cancelled_timers_on_top_go_a_little_at_a_time(loop, monkeypatch):
    monkeypatch.setattr(timers, "_SWEEP_PER_TURN", 100)
    later = [loop.call_later(2000, print) for _ in range(1000)]
    for handle in [loop.call_later(1000, print) for _ in range(400)]:
        handle.cancel()
    turn(loop)
    assert loop._timer_cancelled_count == 300
    for _ in range(4):
        turn(loop)
    assert loop._timer_cancelled_count == 0
    assert len(loop._scheduled) == len(later)


def test_waiting_on_is_not_disturbed_by_sweeps(loop, monkeypatch):
    monkeypatch.setattr(timers, "_SWEEP_PER_TURN", 100)

    async def worker(number):
        for _ in range(50):
            async with timeout(1000):
                await sleep(0)
        await sleep(number / 100_000)
        return number

    async def main():
        tasks = [create_task(worker(number)) for number in range(200)]
        done, _ = await wait(tasks)
        return sorted(task.result() for task in done)

    assert loop.run_until_complete(main()) == list(range(200))
    assert isinstance(loop.create_future(), Future)


@pytest.mark.skipif(twins is None, reason="it is the compiled heap that does so")
def test_of_many_timers_those_that_are_cancelled_are_let_go_at_once(loop):
    handles = [loop.call_later(1000 + (index * 77) % 999, print) for index in range(1000)]
    references = [weakref.ref(handle) for handle in handles]
    for index, handle in enumerate(handles):
        if index % 10:
            handle.cancel()
    del handles, handle
    assert sum(reference() is not None for reference in references) == 100
    moments = [timer.when() for timer in loop._scheduled]
    assert len([timer for timer in loop._scheduled if not timer.cancelled()]) == 100
    assert moments == sorted(moments)
