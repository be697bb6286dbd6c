"""A snapshot of another process' tasks, as a table and as trees.

Everything walks with a stack of its own: a chain of awaiting tasks may be longer than Python's.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_HEAD = ("TASK", "STATE", "WAITED", "WAITS FOR", "STANDS IN", "AWAITED BY")
# Names that are written out of many.
_NAMED = 4
# Characters of a name that are shown, of longer ones those at both ends: each row of a table is as wide as the widest.
_LONGEST = 60
# Deeper levels are numbered, not indented: a long chain would make the text grow with its square.
_DEEPEST_INDENT = 20


def table(taken: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each loop, then one for each task, their columns aligned."""
    for loop in taken["loops"]:
        yield from lines_of_loop(loop)
    if not taken["tasks"]:
        yield "no tasks"
        return
    names, labels = _names(taken), labels_of(taken["loops"])
    rows = [_HEAD, *(_row(task, names) for task in taken["tasks"])]
    if len(labels) > 1:
        of_loops = ["LOOP", *(labels[task["loop"]] for task in taken["tasks"])]
        rows = [(*row, label) for row, label in zip(rows, of_loops, strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(task: dict[str, Any], names: dict[int, str]) -> tuple[str, ...]:
    return (
        shown_name(task["name"]),
        task["state"],
        waited(task),
        what(task, names),
        place(task["stack"][-1]) if task["stack"] else "",
        _listed([names.get(each, "a future") for each in task["awaited_by"]]),
    )


def labels_of(loops: list[dict[str, Any]]) -> dict[int, str]:
    """Return by the ids of loops what tells one from the others: its class, and the thread that it runs in."""
    threads = [loop["thread"] for loop in loops if loop["thread"] is not None]
    names = [thread["name"] for thread in threads]
    labels = {}
    for loop in loops:
        thread = loop["thread"]
        if thread is None:
            which = f"{loop['id']:#x}"
        elif names.count(thread["name"]) == 1:
            which = f"in {thread['name']}"
        else:
            which = f"in {thread['name']} ({thread['id']})"
        labels[loop["id"]] = f"{loop['class'].rpartition('.')[2]} {which}"
    return labels


def lines_of_loop(loop: dict[str, Any]) -> Iterator[str]:
    """Yield a line that tells what a loop does, and one of the callback that it is in."""
    words = [f"loop {loop['id']:#x}", loop["class"]]
    if loop["thread"] is None:
        # One of another kind does not tell in which.
        words.append("runs" if loop.get("running") else "does not run")
    else:
        words.append(f"in thread {loop['thread']['name']} ({loop['thread']['id']})")
    for name in ("ready", "timers", "descriptors"):
        if loop[name] is not None:
            words.append(f"{name} {loop[name]}")
    yield ", ".join(words)
    if loop["callback"]:
        blocked = "blocked by" if "blocked_for_at_least" in loop else "runs"
        path = " > ".join(_function(entry) for entry in loop["callback"][-_NAMED:])
        yield f"  {blocked} {path}, at {position(loop['callback'][-1])}"


def _names(taken: dict[str, Any]) -> dict[int, str]:
    return {task["id"]: shown_name(task["name"]) for task in taken["tasks"]}


def shown_name(name: str) -> str:
    """Return a name as it is shown: not too long, and with quotes where it begins or ends with nothing to be seen."""
    if name.strip() != name or not name:
        name = repr(name)
    if len(name) <= _LONGEST:
        return name
    half = _LONGEST // 2
    return f"{name[:half]}…{name[1 - half :]}"


def waited(task: dict[str, Any]) -> str:
    """Tell how long a task has waited at least, as far as it is known."""
    known = task.get("waited_at_least")
    return f">{known:.1f}s" if known else ""


def what(task: dict[str, Any], names: dict[int, str]) -> str:
    """Tell in some words what a task waits for."""
    facts = task["waits_for"]
    if facts is None:
        return ""
    kind = facts["kind"]
    if kind == "task":
        return f"task {names.get(facts['id'], 'that is done')}"
    if kind in ("gather", "tasks"):
        number = "1 task" if facts["left"] == 1 else f"{facts['left']} tasks"
        return (
            f"{number}: {_listed([names.get(n, 'a future') for n in facts['ids']], facts['left'])}"
        )
    return " ".join((_named(kind, facts), *_details(kind, facts)))


def _named(kind: str, facts: dict[str, Any]) -> str:
    # Which of several locks it is, say.
    return f"{kind} {facts['id']:#x}" if facts.get("id") and kind not in _UNNUMBERED else kind


_UNNUMBERED = ("stream", "process", "server")


def _details(kind: str, facts: dict[str, Any]) -> Iterator[str]:
    if kind == "timer":
        due = facts["due_in"]
        yield f"due in {due:.1f}s" if due >= 0 else f"overdue by {-due:.1f}s"
    elif kind == "process":
        yield str(facts["pid"])
    elif kind == "queue":
        bound = f"/{facts['maxsize']}" if facts["maxsize"] > 0 else ""
        yield f"({facts['size']}{bound} items)"
    if "in" in facts and kind != "process":
        yield f"{facts['in'].rpartition('.')[2]}()"
    for each in (facts, *facts.get("sockets", ())):
        if "local" in each:
            yield f"{each['local']} -> {each['peer']}" if "peer" in each else each["local"]
    if "waiters" in facts:
        yield f"[{facts['waiters']} waiting]"


def _listed(names: list[str], number: int | None = None) -> str:
    """Name some of so many."""
    more = (len(names) if number is None else number) - min(len(names), _NAMED)
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def place(entry: dict[str, Any]) -> str:
    """Name a function, and the file and line it is at."""
    where = position(entry)
    return f"{_function(entry)} {where}".rstrip()


def position(entry: dict[str, Any]) -> str:
    """Name the file and line a function is at; nothing where it is compiled."""
    return "" if entry["file"] is None else f"{os.path.basename(entry['file'])}:{entry['line']}"


def _function(entry: dict[str, Any]) -> str:
    return shown_name(str(entry["function"]).rpartition("<locals>.")[2])


def trees(taken: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of trees: below a task its coroutines, outermost first, and the tasks that it awaits.

    A task that several await is drawn where it comes first, and named later. Of tasks that wait for each
    other in a ring one begins the tree, and the ring is told where it closes.
    """
    tasks = {task["id"]: task for task in taken["tasks"]}
    names = _names(taken)
    below = _awaited(tasks)
    awaited = {each for ids in below.values() for each in ids}
    drawn: set[int] = set()
    for loop in taken["loops"]:
        yield from lines_of_loop(loop)
        own = [key for key, task in tasks.items() if task["loop"] == loop["id"]]
        # Who is awaited comes below the one that awaits it; what is left then is in rings.
        for root in (*(key for key in own if key not in awaited), *own):
            if root not in drawn:
                yield from _tree(root, tasks, names, below, drawn)
    if not tasks:
        yield "no tasks"


def _awaited(tasks: dict[int, dict[str, Any]]) -> dict[int, list[int]]:
    """Return for each task those that it awaits: as it says, and as they do."""
    below: dict[int, dict[int, None]] = {key: {} for key in tasks}
    for key, task in tasks.items():
        facts = task["waits_for"]
        if facts is not None:
            found = [facts["id"]] if facts["kind"] == "task" else facts.get("ids", ())
            below[key].update(dict.fromkeys(each for each in found if each in tasks))
        for awaiter in task["awaited_by"]:
            if awaiter in below:
                below[awaiter][key] = None
    return {key: list(found) for key, found in below.items()}


def _tree(
    root: int,
    tasks: dict[int, dict[str, Any]],
    names: dict[int, str],
    below: dict[int, list[int]],
    drawn: set[int],
) -> Iterator[str]:
    # Each with its level and the tasks that lead to it, as a chain of pairs.
    pending: list[tuple[int, int, tuple[int, Any] | None]] = [(root, 0, None)]
    while pending:
        key, level, way = pending.pop()
        task = tasks[key]
        margin = "  " * min(level, _DEEPEST_INDENT)
        head = f"{margin}- {names[key]}: {task['state']}"
        if level > _DEEPEST_INDENT:
            head += f" [level {level}]"
        if key in drawn:
            yield head + (
                " (a ring: they wait for each other)" if _leads(way, key) else " (see above)"
            )
            continue
        drawn.add(key)
        for_what = what(task, names)
        time = waited(task)
        yield head + (f" for {for_what}" if for_what else "") + (f", {time}" if time else "")
        for entry in task["stack"]:
            yield f"{margin}    {place(entry)}"
        pending.extend((each, level + 1, (key, way)) for each in reversed(below[key]))


def _leads(way: tuple[int, Any] | None, key: int) -> bool:
    while way is not None:
        if way[0] == key:
            return True
        way = way[1]
    return False
