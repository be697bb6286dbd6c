"""Fixtures: loops over every poller."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest

from asyncio_selectors import SelectorEventLoop
from asyncio_selectors.poll_select import SelectPoller
from asyncio_test_support.loops import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncio_selectors.poller import Poller


def available_pollers() -> dict[str, type[Poller]]:
    found: dict[str, type[Poller]] = {"select": SelectPoller}
    if hasattr(select, "poll"):
        from asyncio_selectors.poll_poll import PollPoller

        found["poll"] = PollPoller
    if hasattr(select, "epoll"):
        from asyncio_selectors.poll_epoll import EpollPoller

        found["epoll"] = EpollPoller
    if hasattr(select, "kqueue"):
        from asyncio_selectors.poll_kqueue import KqueuePoller

        found["kqueue"] = KqueuePoller
    return found


@pytest.fixture(params=sorted(available_pollers()))
def poller_class(request: pytest.FixtureRequest) -> type[Poller]:
    return available_pollers()[request.param]


@pytest.fixture
def loop() -> Iterator[SelectorEventLoop]:
    """A loop that has to end as it began: only its own descriptor registered, no error reported."""
    made = SelectorEventLoop()

    def at_rest() -> None:
        assert list(made._selector.get_map()) == [made._ssock.fileno()]

    with watched(made, at_rest):
        yield made
