"""The line itself, with futures that count how often they are looked at."""

from __future__ import annotations

from asyncio_sync.waiting import WaitLine


class Place:
    """As much of a future as the line uses."""

    looked_at = 0

    def __init__(self) -> None:
        self.state = "pending"

    def done(self) -> bool:
        Place.looked_at += 1
        return self.state != "pending"

    def cancelled(self) -> bool:
        return self.state == "cancelled"

    def set_result(self, value: None) -> None:
        self.state = "woken"


class Loop:
    def create_future(self) -> Place:
        return Place()


LOOP = Loop()


def line_of(count: int) -> tuple[WaitLine, list[Place]]:
    line = WaitLine()
    return line, [line.enter(LOOP) for _ in range(count)]


def states(line: WaitLine) -> list[str]:
    return [place.state for place in line]


def test_wakes_in_the_order_of_arrival():
    line, _ = line_of(3)
    assert line.wake_next()
    assert line.wake_next()
    assert states(line) == ["woken", "woken", "pending"]
    assert line.woken == 2


def test_a_woken_place_stays_until_it_is_left():
    line, (first, second) = line_of(2)
    line.wake_next()
    assert len(line) == 2
    assert line.leave(first) is True
    assert list(line) == [second]
    assert line.woken == 0


def test_who_goes_on_is_out_of_the_line_in_whatever_order_that_comes():
    line, (first, second, third) = line_of(3)
    line.wake_next()
    line.wake_next()
    line.go_on(second)
    line.go_on(first)
    assert list(line) == [third]
    assert line.woken == 0
    assert line.wake_next()
    assert third.state == "woken"


def test_waking_all_passes_over_those_who_were_woken_before_or_gave_up():
    line, places = line_of(4)
    line.wake_next()
    places[2].state = "cancelled"
    line.wake_all()
    assert states(line) == ["woken", "woken", "cancelled", "woken"]
    assert line.woken == 3
    late = line.enter(LOOP)
    line.wake_all()
    assert late.state == "woken"
    assert line.woken == 4


def test_leaving_unwoken_says_so():
    line, (first, second) = line_of(2)
    second.state = "cancelled"
    assert line.leave(second) is False
    assert line.leave(first) is False
    assert not line


def test_cancelled_places_are_passed_over():
    line, places = line_of(3)
    places[0].state = "cancelled"
    assert line.wake_next()
    assert states(line) == ["cancelled", "woken", "pending"]


def test_nobody_to_wake():
    line, (only,) = line_of(1)
    assert line.wake_next()
    assert not line.wake_next()
    line.leave(only)
    assert not line.wake_next()
    assert line.woken == 0


def test_a_newcomer_after_a_fruitless_search_is_found():
    line, _ = line_of(2)
    line.wake_all()
    assert not line.wake_next()
    late = line.enter(LOOP)
    assert line.wake_next()
    assert late.state == "woken"


def test_leaving_from_the_middle_does_not_hide_anyone():
    line, (_, second, third, _) = line_of(4)
    line.wake_next()
    line.wake_next()
    line.leave(second)
    assert line.wake_next()
    assert third.state == "woken"
    assert states(line) == ["woken", "woken", "pending"]


def test_entering_again_keeps_the_place_and_is_woken_first():
    line, (first, second, third) = line_of(3)
    line.wake_next()
    line.wake_next()
    again = line.enter_again(first, LOOP)
    assert list(line) == [again, second, third]
    assert line.woken == 1
    line.wake_next()
    assert states(line) == ["woken", "woken", "pending"]


def test_a_line_of_cancelled_places_is_not_occupied():
    line, (first, second) = line_of(2)
    assert line.occupied()
    first.state = second.state = "cancelled"
    assert not line.occupied()
    assert not WaitLine().occupied()


def test_waking_many_one_by_one_looks_at_each_a_few_times_only():
    count = 2000
    line, places = line_of(count)
    Place.looked_at = 0
    for _ in range(count):
        line.wake_next()
    for place in places:
        line.leave(place)
    assert Place.looked_at <= 3 * count
