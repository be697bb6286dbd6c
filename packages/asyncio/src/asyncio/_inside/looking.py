"""`ps` and `pstree` of `python -m asyncio`: a process of this asyncio first, then one of the standard asyncio."""

from __future__ import annotations

import json
import sys
from asyncio import tools
from asyncio._inside import reaching, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def show(name: str, pid: int, *, as_json: bool) -> None:
    """Print the tasks of a process. Raises `reaching.NotInside` and what `tools._read()` raises."""
    if not reaching.has_inspector(pid):
        # Only read, where the other way makes the process do something.
        try:
            found = tools._read(pid)
        except (OSError, RuntimeError) as error:
            if sys.platform == "win32":
                why = tools._WHO_MAY_READ if isinstance(error, PermissionError) else str(error)
                raise reaching.NotInside(f"{why}; {reaching.NO_INSPECTOR}") from None
        else:
            if any(thread.awaited_by for thread in found):
                _show_standard(name, found, as_json=as_json)
                return
    try:
        taken = reaching.look_into(pid)
    except reaching.OtherAsyncio as error:
        raise reaching.NotInside(f"{error}, and no task of it was found") from None
    if as_json:
        print(json.dumps(taken, indent=1))
        return
    lines = shown.table(taken) if name == "ps" else shown.trees(taken)
    for line in lines:
        tools._print(line)


def _show_standard(name: str, found: list[Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"standard": True, "tasks": _facts(found)}, indent=1))
    else:
        (tools._print_table if name == "ps" else tools._print_trees)(found)


def _facts(found: list[Any]) -> list[dict[str, object]]:
    return [
        {
            "id": task.task_id,
            "name": task.task_name,
            "thread": thread.thread_id,
            "stack": [_frame(each) for each in _outermost_first(task.coroutine_stack)],
            "awaited_by": [coro.task_name for coro in task.awaited_by],
        }
        for thread in found
        for task in thread.awaited_by
    ]


def _outermost_first(coroutines: Iterable[Any]) -> list[Any]:
    return [frame for coro in coroutines for frame in coro.call_stack][::-1]


def _frame(frame: Any) -> dict[str, object]:
    located = frame.location if hasattr(frame, "location") else frame
    line = None if located is None else located.lineno
    return {"function": frame.funcname, "file": frame.filename or None, "line": line}
