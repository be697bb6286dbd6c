"""Part of the event loop: asynchronous generators that are left unfinished (PEP 525).

An `async for` that is left early leaves its generator suspended inside a `try`, perhaps. Whoever runs
coroutines has to see to it that such generators are closed: when they are collected, and at the latest
before the loop ends.
"""

from __future__ import annotations

import sys

from asyncio_core.scheduling.loop_part import LoopPart, made_on_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import Any

__all__ = ("AsyncgenPart",)


class AsyncgenPart(LoopPart):
    """Knows every asynchronous generator that was iterated while the loop ran."""

    _asyncgens_shutdown: bool = False
    # Those that nobody iterates any more, and the tasks that close such.
    _left_asyncgens: list[AsyncGenerator[Any, Any]]
    _closing_asyncgens: set[Any] = made_on_use(set)  # type: ignore[assignment]
    # The thread's hooks from before the loop ran, None while it does not run.
    _hooks_before: Any = None

    def _adopt_asyncgens(self) -> None:
        """Take the calling thread's asynchronous generators into care, while the loop runs in it."""
        self._hooks_before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(
            firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook
        )

    def _release_asyncgens(self) -> None:
        if self._hooks_before is not None:
            sys.set_asyncgen_hooks(*self._hooks_before)
            self._hooks_before = None

    def _asyncgen_firstiter_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        if self._asyncgens_shutdown:
            import warnings

            warnings.warn(
                f"asynchronous generator {agen!r} was scheduled after "
                "loop.shutdown_asyncgens() call",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )
        self._asyncgens.add(agen)

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        self._asyncgens.discard(agen)
        if not self._closed:
            # The collector runs in any thread, so the loop has to be told safely. The task is made
            # by the loop's thread, not here. Until then the list keeps `agen` alive.
            self._left_asyncgens.append(agen)
            self.call_soon_threadsafe(self._close_left_asyncgens)

    def _close_left_asyncgens(self) -> None:
        while self._left_asyncgens:
            task = self.create_task(self._left_asyncgens.pop(0).aclose())
            self._closing_asyncgens.add(task)
            task.add_done_callback(self._closing_asyncgens.discard)

    async def shutdown_asyncgens(self) -> None:
        """Close all asynchronous generators that were begun on this loop and have not ended.

        Errors that closing one raises are reported to the exception handler. From then on, a
        ResourceWarning tells of each generator that is begun. To be called before `close()`;
        `asyncio.run()` does. See PEP 525.
        """
        self._asyncgens_shutdown = True
        self._close_left_asyncgens()
        unfinished = list(self._asyncgens)
        closing = self._closing_asyncgens
        if not unfinished and not closing:
            return
        self._asyncgens.clear()

        from asyncio_core.awaiting.combinators import gather, wait

        if closing:
            # Left in the very last step, perhaps. What closing them raises is the tasks' to report.
            await wait(closing)
        outcomes = await gather(*[agen.aclose() for agen in unfinished], return_exceptions=True)
        for agen, outcome in zip(unfinished, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self.call_exception_handler(
                    {
                        "message": f"an error occurred during closing of "
                        f"asynchronous generator {agen!r}",
                        "exception": outcome,
                        "asyncgen": agen,
                    }
                )
