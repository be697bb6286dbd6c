"""Methods of ours in the place of a loop's own, while somebody measures or traces, and only then.

A loop notices that a method of its class, or of a handle's, is another one, and calls that. As long as none is, it asks
nobody: there is no flag to look at, neither for a callback nor for a turn. So one at a time may watch.
"""

from __future__ import annotations

import os
import threading
from types import FunctionType

from asyncio_core.inspecting.loop_facts import code_between
from asyncio_core.scheduling.handles import Handle
from asyncio_core.scheduling.turn import _PyTurnPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ABSENT = object()


class OccupiedError(Exception):
    """Somebody else measures or traces this process."""


class Hooks:
    """What was put in the place of methods, to be taken back."""

    def __init__(self) -> None:
        self._put: list[tuple[object, str, object, object]] = []
        # A twins.Calls, where calls of compiled transports are noted.
        self.calls: Any = None

    def put(self, kind: object, name: str, make: Callable[[Any], object]) -> None:
        """Have a class, or a module, call what `make` makes of its method, which it is given."""
        function = make(getattr(kind, name))
        if isinstance(function, FunctionType):
            # As with all that is public here, they are for type checkers.
            function.__annotations__ = {}
        self._put.append((kind, name, function, vars(kind).get(name, _ABSENT)))
        setattr(kind, name, function)

    def put_on_loops(self, run: Callable[[Any], object], turn: Callable[[Any], object]) -> None:
        """Watch each callback that any loop runs, and each turn of the pure form.

        A compiled turn tells what it finds in the place of `Handle._run()`, as twins.Watch has it.
        Raises OccupiedError where that is watched already.
        """
        global _on_loops
        with _lock:
            if _on_loops is not None:
                raise OccupiedError("it is measured or traced already, and by one at a time")
            _on_loops = self
        # Who looks at stacks has to know what is ours from what will be in its place.
        code_between()
        self.put(Handle, "_run", run)
        self.put(_PyTurnPart, "_run_once", turn)

    def take_back(self) -> None:
        """Leave all methods as they were; those that somebody else has replaced since, as they are."""
        global _on_loops
        if self.calls is not None:
            self.calls.end()
        while self._put:
            kind, name, function, before = self._put.pop()
            if vars(kind).get(name) is not function:
                continue
            if before is _ABSENT:
                delattr(kind, name)
            else:
                setattr(kind, name, before)
        with _lock:
            if _on_loops is self:
                _on_loops = None


_lock = threading.Lock()
_on_loops: Hooks | None = None


def _forget_after_fork() -> None:
    """Leave a forked child, which nobody asks, alone."""
    global _lock
    # Another thread of the parent may have held it.
    _lock = threading.Lock()
    if _on_loops is not None:
        _on_loops.take_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
