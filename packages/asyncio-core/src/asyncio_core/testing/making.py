"""A loop class for tests: a part laid over the loop that the platform has by default."""

from __future__ import annotations

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.loop_registry import platform_policy
from asyncio_core.choosing.policies import BaseDefaultEventLoopPolicy, DefaultEventLoopPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio_core.choosing.policies import AbstractEventLoopPolicy
    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.loops.base_events import BaseEventLoop

__all__ = ("OverlaidPolicy",)

# What was made, by the part and the loop class below it.
_made: dict[tuple[type, type], type[BaseEventLoop]] = {}


def laid_over(part: type[BaseEventLoop], below: type) -> type[BaseEventLoop]:
    """Return the loop class that has `part` over the loop class `below`.

    It is called what the part is, without the word at its end, and stands in the part's module.
    """
    made = _made.get((part, below))
    if made is None:
        name = part.__name__.removesuffix("Part") + "EventLoop"
        body = {"__doc__": part.__doc__, "__module__": part.__module__}
        made = _made[part, below] = type(name, (part, below), body)
    return made


class OverlaidPolicy(DefaultEventLoopPolicy):
    """A policy for loops that have a part over those of the platform's default.

    A derived class names the part. What else policies do, child watchers up to Python 3.13 say, is the default's.
    """

    part: type[BaseEventLoop]

    def __init__(self) -> None:
        # Not the default policy's, whose loop is chosen by ASYNCIO_LOOP: by this very class, most likely.
        BaseDefaultEventLoopPolicy.__init__(self)
        self._maker: AbstractEventLoopPolicy = platform_policy()

    def loop_class(self) -> type[BaseEventLoop]:
        """Return the class of its loops."""
        return laid_over(self.part, _class_of_loops(self._maker))

    def new_event_loop(self) -> AbstractEventLoop:
        """Make a new loop."""
        return self.loop_class()()


# The class of the loops that a class of policies makes.
_classes: dict[type, type] = {}


def _class_of_loops(policy: AbstractEventLoopPolicy) -> type:
    found = _classes.get(type(policy))
    if found is None:
        # A policy says what its loops are by making one.
        loop = policy.new_event_loop()
        loop.close()
        found = _classes[type(policy)] = type(loop)
    return found


leave_to_checkers(__name__)
