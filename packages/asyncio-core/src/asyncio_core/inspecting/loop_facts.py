"""What a loop does: whether it runs, in which thread, what is in its queue, and what it is blocked by."""

from __future__ import annotations

import gc
import sys
import threading
from functools import cache

from asyncio_core.inspecting.stacks import facts_of_frames
from asyncio_core.scheduling.handles import TimerHandle, _PyTimerHandle
from asyncio_core.scheduling.known_loops import known_loops
from asyncio_core.scheduling.timers import TimerPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

_TIMERS = (TimerHandle, _PyTimerHandle)
# What runs one handle after the other.
_TURN_NAMES = ("_run_once", "_run_batch_watched", "run_forever")
# A dict or list that another thread changes while it is copied: so often it is tried again.
_ATTEMPTS = 10


class Timers:
    """The timers of a loop, by what they are set for."""

    def __init__(self, loop: Any) -> None:
        self._now = _time_of(loop)
        handles = _timers_of(loop)
        self.count = len(handles)
        self._due: dict[int, float] = {}
        for handle in handles:
            for argument in handle._args or ():
                self._due[id(argument)] = handle._when

    def due_of(self, future: Any) -> float | None:
        """Return in how many seconds the timer of a future is due, less than nothing where it is late."""
        when = self._due.get(id(future))
        return None if when is None or self._now is None else round(when - self._now, 6)


def _time_of(loop: Any) -> float | None:
    try:
        now = loop.time()
    except Exception:
        return None
    return now if isinstance(now, float) else None


def _timers_of(loop: Any) -> list[Any]:
    """Return the timers of a loop that are not cancelled, in no order."""
    # A compiled loop would have to hand its heap over to show it. The garbage collector is told all the same.
    found = [held for held in gc.get_referents(loop) if isinstance(held, _TIMERS)]
    ours = isinstance(loop, TimerPart)
    for name in ("_timer_heap", "_timers_kept") if ours else ("_scheduled",):
        for entry in _copied(getattr(loop, name, None) or ()):
            found.append(entry[2] if type(entry) is tuple else entry)
    waiting = {id(handle): handle for handle in found if getattr(handle, "_scheduled", False)}
    return [handle for handle in waiting.values() if not handle._cancelled]


def _copied(items: Any) -> list[Any]:
    for _ in range(_ATTEMPTS):
        try:
            return list(items)
        except RuntimeError:
            continue  # It has grown meanwhile.
        except TypeError:
            break
    return []


def facts_of_loop(loop: Any, timers: Timers, frame: FrameType | None) -> dict[str, object]:
    """Tell what there is to know of a loop; `frame` is where its thread stands, if it runs."""
    kind = type(loop)
    thread = getattr(loop, "_thread_id", None)
    told: dict[str, object] = {
        "id": id(loop),
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "running": _told(loop, "is_running", thread is not None),
        "debug": _told(loop, "get_debug", False),
        "thread": None,
        "ready": _length(getattr(loop, "_ready", None)),
        "timers": timers.count,
        "descriptors": _descriptors(loop),
        "callback": None,
    }
    if thread is not None and told["running"]:
        told["thread"] = {"id": thread, "name": _name_of_thread(thread)}
        if frame is not None:
            inside = frames_of_callback(frame)
            told["callback"] = facts_of_frames(inside) if inside else None
    return told


def _told(loop: Any, method: str, otherwise: bool) -> bool:
    """Ask a loop, which may be of another kind and fail to tell."""
    try:
        return bool(getattr(loop, method)())
    except Exception:
        return otherwise


def _length(queue: Any) -> int | None:
    try:
        return len(queue)
    except TypeError:
        return None


def _descriptors(loop: Any) -> int | None:
    selector = getattr(loop, "_selector", None)
    show = getattr(selector, "get_map", None)
    try:
        keys = None if show is None else show()
        return None if keys is None else len(keys)
    except (RuntimeError, TypeError, ValueError):
        return None


def _name_of_thread(number: int) -> str | None:
    for thread in threading.enumerate():
        if thread.ident == number:
            return thread.name
    return None


def frames_of_callback(innermost: FrameType) -> list[FrameType]:
    """Return the frames of the callback that a loop's thread is in, outermost first; none where it waits.

    Those of the loop itself are left out. A callback that is compiled, and calls nothing of Python's, has none.
    """
    frames: list[FrameType] = []
    frame: FrameType | None = innermost
    while frame is not None and frame.f_code not in _turns():
        frames.append(frame)
        frame = frame.f_back
    if frame is None:
        return []
    frames.reverse()
    while frames and (frames[0].f_code in code_between() or _is_hook(frames[0])):
        del frames[0]
    return [] if frames and _is_poll(frames[0]) else frames


def mark_of_callback(loop: Any, innermost: FrameType) -> object:
    """Return what tells the callback that a loop's thread is in from all others; None where it is in none.

    Two marks are equal where the callback is the same one.
    """
    inside = frames_of_callback(innermost)
    if not inside:
        return None
    begin = getattr(loop._ready, "_begin", None)
    if begin is not None:
        # The compiled queue goes on with each callback. Not the frame itself, which would keep all that is in it.
        return begin, id(inside[0])
    # In the pure form each callback is run by a call of its own, whose frame holds nothing when it is over.
    frame = inside[0]
    while (outer := frame.f_back) is not None and outer.f_code.co_name not in _TURN_NAMES:
        frame = outer
    return frame


def marks_of_callbacks() -> dict[int, object]:
    """Return for each loop that runs, by its id, what tells the callback that it is in from others."""
    frames = sys._current_frames()
    found = {}
    for loop in known_loops():
        frame = frames.get(getattr(loop, "_thread_id", None) or 0)
        if frame is not None:
            found[id(loop)] = mark_of_callback(loop, frame)
    return found


@cache
def _turns() -> frozenset[CodeType]:
    """Return the code from which a loop turns."""
    from asyncio_core.loops.base_events import BaseEventLoop

    return frozenset((BaseEventLoop.run_forever.__code__,))


@cache
def code_between() -> frozenset[CodeType]:
    """Return the code that stands between a turn and what it runs; to be asked for first while all methods are ours."""
    from asyncio_core.awaiting.task import _PyTask
    from asyncio_core.scheduling import debugging, handles
    from asyncio_core.scheduling.turn import _PyTurnPart

    between = (handles._PyHandle, handles._StepHandle, handles._ThreadSafeHandle)
    methods = [
        method
        for kind in (*between, debugging.DebugPart, _PyTurnPart, _PyTask)
        for name, method in vars(kind).items()
        if name != "_poll"
    ]
    return frozenset(each.__code__ for each in methods if hasattr(each, "__code__"))


def _is_hook(frame: FrameType) -> bool:
    """Tell whether a frame is of what stands in the place of a loop's method while it is watched."""
    return frame.f_globals.get("_stands_in_for_methods") is True


def _is_poll(frame: FrameType) -> bool:
    """Tell whether a frame, right below a turn, is where the loop waits."""
    return frame.f_code.co_name in ("_poll", "select", "collect", "_collect_selected", "_wait")
