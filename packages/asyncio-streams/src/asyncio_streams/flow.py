"""FlowControlMixin: lets tasks wait until the transport is ready to take more."""

from __future__ import annotations

from asyncio_core import log
from asyncio_core.interfaces.protocols import Protocol
from asyncio_core.scheduling import events
from asyncio_streams.twins import twins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.loop import AbstractEventLoop


class FlowControlMixin(Protocol):
    """The part of a stream's protocol that StreamWriter relies on.

    Used on its own as the protocol of a pipe that is only written to. `loop` is the event loop, by
    default the current one.
    """

    __slots__ = (
        *("_loop", "_paused", "_connection_lost", "_drain_waiters"),
        *("__dict__", "__weakref__"),  # of subclasses, and of who keeps something with a protocol
    )

    def __init__(self, loop: AbstractEventLoop | None = None) -> None:
        self._loop = events.get_event_loop() if loop is None else loop
        self._paused = False
        self._connection_lost = False
        self._drain_waiters: dict[Future[None], None] = {}

    def pause_writing(self) -> None:
        """Let writers wait from now on."""
        assert not self._paused
        self._paused = True
        if self._loop.get_debug():
            log.logger.debug("%r pauses writing", self)

    def resume_writing(self) -> None:
        """Let all writers that wait go on."""
        assert self._paused
        self._paused = False
        if self._loop.get_debug():
            log.logger.debug("%r resumes writing", self)
        for waiter in self._drain_waiters:
            if not waiter.done():
                waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let all writers that wait go on, with the exception if there is one."""
        self._connection_lost = True
        if self._paused:
            for waiter in self._drain_waiters:
                if not waiter.done():
                    _settle(waiter, exc)

    async def _drain_helper(self) -> None:
        if self._connection_lost:
            raise ConnectionResetError("Connection lost")
        if not self._paused:
            return
        # A future for each writer: one that is cancelled must not take the others along.
        waiter = self._loop.create_future()
        self._drain_waiters[waiter] = None
        try:
            await waiter
        finally:
            del self._drain_waiters[waiter]

    def _get_close_waiter(self, stream: Any) -> Future[None]:
        """Return a future of the caller's own that is done once `stream` is closed."""
        raise NotImplementedError


def _settle(waiter: Future[None], exc: BaseException | None) -> None:
    """Tell one that waits how the connection ended."""
    if exc is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(exc)
        waiter.exception()  # it counts as seen, even if the task is cancelled right now


if not TYPE_CHECKING and twins is not None:
    twins.adopt_flow_control(FlowControlMixin)
