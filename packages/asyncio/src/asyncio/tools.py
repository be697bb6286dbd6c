"""The tasks of another process, as a table and as trees: what `python -m asyncio ps` and `pstree` print.

From Python 3.14 on the interpreter can read the tasks of another process without that process' doing. It
finds those of the standard library's asyncio, whose accelerator leaves a description of itself in memory;
`asyncio.print_call_graph()` shows a task of this implementation, from inside.

Two steps, which work alone: `get_all_awaited_by()` reads, and the two `build_…` functions arrange what was
read, from wherever it comes. Everything walks with a stack of its own: a chain of awaiting tasks may be
longer than Python's.
"""

from __future__ import annotations

import sys
from enum import Enum

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, NoReturn, Protocol, SupportsIndex

    class _CoroInfo(Protocol):
        """A coroutine's stack, innermost frame first, and the id of the task that runs it."""

        @property
        def call_stack(self) -> list[Any]: ...
        @property
        def task_name(self) -> Any: ...

    class _TaskInfo(Protocol):
        """A task: where it is now, and by whom it is awaited."""

        @property
        def task_id(self) -> int: ...
        @property
        def task_name(self) -> Any: ...
        @property
        def coroutine_stack(self) -> list[_CoroInfo]: ...
        @property
        def awaited_by(self) -> list[_CoroInfo]: ...

    class _AwaitedInfo(Protocol):
        """The tasks of a thread."""

        @property
        def thread_id(self) -> int: ...
        @property
        def awaited_by(self) -> list[_TaskInfo]: ...

    # What hangs below a coroutine or a task, in the order in which it was met.
    _Branch = dict[tuple["NodeType", Any], "_Branch"]

#: The columns of `build_task_table()`.
_COLUMNS = (
    "tid",
    "task id",
    "task name",
    "coroutine stack",
    "awaiter chain",
    "awaiter name",
    "awaiter id",
)
_UNKNOWN = "Unknown"
#: The lines of a tree in characters that every encoding has.
_PLAIN = str.maketrans("└├│─", "`||-")
_WHO_MAY_READ = (
    "another process may be read on Linux by its owner, where ptrace_scope allows it, and by root; "
    "on macOS by root; on Windows by administrators and with SeDebugPrivilege"
)


class NodeType(Enum):
    """What a line of a tree stands for. Added in Python 3.14."""

    COROUTINE = 1
    TASK = 2


class CycleFoundException(Exception):
    """Tasks wait for each other in a ring, so that no tree can be drawn. Added in Python 3.14.

    `cycles` lists each ring found: the ids of its tasks, from awaiter to awaited, the first one again at
    the end. `id2name` has the tasks' names.
    """

    def __init__(self, cycles: list[list[int]], id2name: dict[int, str]) -> None:
        super().__init__(cycles, id2name)
        self.cycles = cycles
        self.id2name = id2name

    def __str__(self) -> str:
        rings = (
            " -> ".join(str(self.id2name.get(task, _UNKNOWN)) for task in ring)
            for ring in self.cycles
        )
        return f"tasks wait for each other in a ring: {'; '.join(rings)}"


def get_all_awaited_by(pid: SupportsIndex) -> list[Any]:
    """Read the tasks of process `pid`, thread by thread. Added in Python 3.14.

    Raises RuntimeError where the running Python cannot do that, where the process has no asyncio of the
    standard library, or where its memory changed while it was read (which may work the next time), and
    OSError where it is not there or must not be read.
    """
    from importlib import import_module

    try:
        reading = import_module("_remote_debugging")
    except ImportError:
        raise RuntimeError("reading another process needs Python 3.14 or newer") from None
    found: list[Any] = reading.RemoteUnwinder(pid.__index__()).get_all_awaited_by()
    return found


def build_task_table(result: Iterable[_AwaitedInfo]) -> list[list[int | str]]:
    """Arrange what `get_all_awaited_by()` read as rows, one for each task and awaiter.

    A row holds the thread's id, the task's id in hexadecimal digits and its name, the coroutines it is in,
    the coroutines through which it is awaited, and name and id of the task that awaits it. Both stacks
    begin with the innermost coroutine. A task that nobody awaits has one row, with the awaiter "0x0".
    Added in Python 3.14.
    """
    threads = list(result)
    names = _names(threads)
    table: list[list[int | str]] = []
    for thread in threads:
        for task in thread.awaited_by:
            inside = _chain(frame for coro in task.coroutine_stack for frame in coro.call_stack)
            start = [thread.thread_id, hex(task.task_id), task.task_name, inside]
            for coro in task.awaited_by:
                awaiter = coro.task_name
                name = names.get(awaiter, _UNKNOWN)
                table.append([*start, _chain(coro.call_stack), name, hex(awaiter)])
            if not task.awaited_by:
                table.append([*start, "", "", "0x0"])
    return table


def build_async_tree(
    result: Iterable[_AwaitedInfo], task_emoji: str = "(T)", cor_emoji: str = ""
) -> list[list[str]]:
    """Draw what `get_all_awaited_by()` read as trees, one list of lines for each task nobody awaits.

    Below a task stand the coroutines it is in, outermost first, and below the last one the tasks it
    awaits. `task_emoji` and `cor_emoji` go before their names. What waits below a task is drawn where the
    task comes first; later it is named only, so that the trees cannot outgrow what was read.
    Raises CycleFoundException where tasks wait for each other. Added in Python 3.14.
    """
    return _trees(list(result), task_emoji, cor_emoji)


def _trees(
    threads: list[_AwaitedInfo],
    task_emoji: str = "(T)",
    cor_emoji: str = "",
    *,
    leaves: bool = False,
) -> list[list[str]]:
    """Draw trees; with `leaves`, the coroutines of tasks that await no other, too."""
    names = _names(threads)
    branches = _branches(threads)
    if leaves:
        for thread in threads:
            for task in thread.awaited_by:
                branches.setdefault(task.task_id, _inside(task))
    awaited = {task.task_id for thread in threads for task in thread.awaited_by if task.awaited_by}
    rings = _rings(_awaited_tasks(threads))
    if rings:
        raise CycleFoundException(rings, names)

    drawn: set[int] = set()

    def draw(root: int) -> list[str]:
        lines = []
        pending: list[tuple[str, bool, tuple[NodeType, Any], _Branch]]
        pending = [("", True, (NodeType.TASK, root), {})]
        while pending:
            indent, last, (kind, value), below = pending.pop()
            label = f"{cor_emoji} {value}"
            if kind is NodeType.TASK:
                label = f"{task_emoji} {names.get(value, _UNKNOWN)}"
                below = branches.get(value, {})
                if below and value in drawn:
                    label += " (see above)"
                    below = {}
                drawn.add(value)
            lines.append(f"{indent}{'└── ' if last else '├── '}{label}")
            indent += "    " if last else "│   "
            # The last one goes in first, to come out last.
            for index, child in enumerate(reversed(below.items())):
                pending.append((indent, index == 0, *child))
        return lines

    # Awaiters that are in nobody's list of tasks come last; who they are is not known.
    roots = dict.fromkeys([*names, *branches])
    return [draw(root) for root in roots if root not in awaited]


def display_awaited_by_tasks_table(pid: SupportsIndex, retries: SupportsIndex = 3) -> None:
    """Print the tasks of process `pid` as a table.

    Where reading fails with a RuntimeError, it is tried `retries` times more. Raises what
    `get_all_awaited_by()` raises. Added in Python 3.14, `retries` in 3.15.
    """
    _print_table(_read(pid, retries))


def display_awaited_by_tasks_tree(pid: SupportsIndex, retries: SupportsIndex = 3) -> None:
    """Print the tasks of process `pid` as trees; otherwise as `display_awaited_by_tasks_table()`.

    Raises CycleFoundException where tasks wait for each other.
    """
    _print_trees(_read(pid, retries))


def exit_with_permission_help_text() -> NoReturn:
    """End the program with status 1, and say who may read another process. Added in Python 3.14."""
    sys.exit(_WHO_MAY_READ)


def _read(pid: SupportsIndex, retries: SupportsIndex = 3) -> list[Any]:
    for _ in range(retries.__index__()):
        try:
            return get_all_awaited_by(pid)
        except RuntimeError:
            # Most often the process went on meanwhile; where not, the last attempt tells.
            pass
    return get_all_awaited_by(pid)


def _print_table(result: Iterable[_AwaitedInfo]) -> None:
    rows = [_COLUMNS, *build_task_table(result)]
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (str(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        _print("  ".join(cells).rstrip())


def _print_trees(result: Iterable[_AwaitedInfo]) -> None:
    for lines in _trees(list(result), leaves=True):
        for line in lines:
            _print(line)


def _print(text: str) -> None:
    """Print a line, as `_printable()` makes it."""
    print(_printable(text))


def _printable(text: str) -> str:
    """Return a line of what standard output has characters for: a pipe on Windows has few.

    Names are another program's, and the terminal is not to do what they say: what does not print is escaped.
    """
    if not text.isprintable():
        text = "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
            for each in text
        )
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _names(threads: list[_AwaitedInfo]) -> dict[int, str]:
    return {task.task_id: task.task_name for thread in threads for task in thread.awaited_by}


def _edges(threads: list[_AwaitedInfo]) -> Iterator[tuple[int, list[Any], int]]:
    """Yield each awaiter, the frames through which it waits, innermost first, and what it awaits."""
    for thread in threads:
        for task in thread.awaited_by:
            for coro in task.awaited_by:
                yield coro.task_name, coro.call_stack, task.task_id


def _branches(threads: list[_AwaitedInfo]) -> dict[int, _Branch]:
    """Return what hangs below each awaiter. Coroutines that several tasks are awaited through come once."""
    branches: dict[int, _Branch] = {}
    for awaiter, frames, task in _edges(threads):
        branch = branches.setdefault(awaiter, {})
        for frame in reversed(frames):
            branch = branch.setdefault((NodeType.COROUTINE, _place(frame)), {})
        branch.setdefault((NodeType.TASK, task), {})
    return branches


def _inside(task: _TaskInfo) -> _Branch:
    """Return the coroutines that a task is in as a branch, the outermost at the top."""
    top: _Branch = {}
    branch = top
    for coro in reversed(task.coroutine_stack):
        for frame in reversed(coro.call_stack):
            branch = branch.setdefault((NodeType.COROUTINE, _place(frame)), {})
    return top


def _awaited_tasks(threads: list[_AwaitedInfo]) -> dict[int, list[int]]:
    awaited: dict[int, list[int]] = {}
    for awaiter, _, task in _edges(threads):
        awaited.setdefault(awaiter, []).append(task)
    return awaited


def _rings(awaited: dict[int, list[int]]) -> list[list[int]]:
    """Return the rings that a walk from awaiters to what they await comes across."""
    rings = []
    finished: set[int] = set()
    for start in awaited:
        if start in finished:
            continue
        # The way from `start` to where the walk is, with what is still to be tried at each step.
        way = {start: iter(awaited[start])}
        while way:
            here = next(reversed(way))
            for task in way[here]:
                if task in way:
                    ids = list(way)
                    rings.append([*ids[ids.index(task) :], task])
                elif task not in finished:
                    way[task] = iter(awaited.get(task, ()))
                    break
            else:
                finished.add(here)
                del way[here]
    return rings


def _chain(frames: Iterable[Any]) -> str:
    return " -> ".join(frame.funcname for frame in frames)


def _place(frame: Any) -> str:
    """Name a frame's function, and the line it is at where that is known."""
    if not frame.filename:
        return str(frame.funcname)
    # 3.15 gives the whole range of the source, or None, where 3.14 gives a line.
    position = frame.location if hasattr(frame, "location") else frame
    line = "" if position is None else f":{position.lineno}"
    return f"{frame.funcname} {frame.filename}{line}"


lend_names(
    __name__,
    "count=itertools:count",
    "defaultdict=collections:defaultdict",
    "namedtuple=collections:namedtuple",
)

leave_to_checkers(__name__)
