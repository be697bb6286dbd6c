"""The choice among the pollers: the best mechanism that this system has."""

from __future__ import annotations

import sys

from asyncio_core.annotations import leave_to_checkers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio_selectors.poller import Poller

__all__ = ("best_poller",)


def best_poller() -> Poller:
    """Return a new poller of the best kind that this system has.

    epoll and kqueue cost nothing for descriptors that are quiet; poll looks at all of them at each
    call; select does too and takes no descriptor from 1024 up. A mechanism that the build
    knows may still be missing in the running kernel (a sandbox, an old kernel), so it is tried.
    """
    import select

    if hasattr(select, "epoll"):
        from asyncio_selectors.poll_epoll import EpollPoller

        try:
            return EpollPoller()
        except OSError as exc:
            _raise_unless_missing(exc)
    if sys.platform != "linux" and hasattr(select, "kqueue"):
        from asyncio_selectors.poll_kqueue import KqueuePoller

        try:
            return KqueuePoller()
        except OSError as exc:
            _raise_unless_missing(exc)
    if hasattr(select, "poll"):
        from asyncio_selectors.poll_poll import PollPoller

        return PollPoller()
    from asyncio_selectors.poll_select import SelectPoller

    return SelectPoller()


def _raise_unless_missing(exc: OSError) -> None:
    """Pass over "there is no such call"; being out of descriptors is the caller's to know."""
    from errno import ENOSYS, EPERM

    if exc.errno not in (ENOSYS, EPERM):
        raise exc


leave_to_checkers(__name__)
