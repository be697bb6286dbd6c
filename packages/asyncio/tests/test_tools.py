"""What `asyncio.tools` makes of the tasks of another process."""

from __future__ import annotations

import io
import sys
from asyncio import tools
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    import subprocess

    from asyncio_test_support.fixture_types import RunPython


needs_reader = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="reading another process needs Python 3.14"
)


class Frame(NamedTuple):
    """A frame as 3.14 reports it."""

    filename: str
    lineno: int
    funcname: str


class Location(NamedTuple):
    lineno: int


class LocatedFrame(NamedTuple):
    """A frame as 3.15 reports it."""

    filename: str
    location: Location | None
    funcname: str


class Coro(NamedTuple):
    call_stack: list[Any]
    task_name: int


class Task(NamedTuple):
    task_id: int
    task_name: str
    coroutine_stack: list[Coro]
    awaited_by: list[Coro]


class Thread(NamedTuple):
    thread_id: int
    awaited_by: list[Task]


def frame(name: str) -> Frame:
    return Frame("", 0, name)


def through(awaiter: int, *names: str) -> Coro:
    """An awaiter, and the coroutines through which it awaits, innermost first."""
    return Coro([frame(name) for name in names], awaiter)


def task(number: int, *awaiters: Coro, inside: tuple[str, ...] = ()) -> Task:
    stack = [through(number, *inside)] if inside else []
    return Task(number, f"task-{number}", stack, list(awaiters))


def read(*tasks: Task) -> list[Thread]:
    return [Thread(7, list(tasks)), Thread(0, [])]


def test_the_table_has_a_row_for_each_awaiter() -> None:
    found = read(
        task(1, inside=("gather", "main")),
        task(2),
        task(3, through(1, "gather", "main"), through(2, "other")),
    )

    assert tools.build_task_table(found) == [
        [7, "0x1", "task-1", "gather -> main", "", "", "0x0"],
        [7, "0x2", "task-2", "", "", "", "0x0"],
        [7, "0x3", "task-3", "", "gather -> main", "task-1", "0x1"],
        [7, "0x3", "task-3", "", "other", "task-2", "0x2"],
    ]


def test_an_awaiter_that_is_no_task_is_unknown() -> None:
    found = read(task(1, through(99, "main")))

    assert tools.build_task_table(found) == [[7, "0x1", "task-1", "", "main", "Unknown", "0x63"]]
    assert tools.build_async_tree(found) == [
        ["└── (T) Unknown", "    └──  main", "        └── (T) task-1"]
    ]


def test_tasks_awaited_through_the_same_coroutines_share_a_branch() -> None:
    found = read(
        task(1),
        task(2, through(1, "group", "main")),
        task(3, through(1, "group", "main")),
        task(4, through(1, "wait", "main")),
    )

    assert tools.build_async_tree(found) == [
        [
            "└── (T) task-1",
            "    └──  main",
            "        ├──  group",
            "        │   ├── (T) task-2",
            "        │   └── (T) task-3",
            "        └──  wait",
            "            └── (T) task-4",
        ]
    ]


def test_what_is_printed_shows_where_tasks_are_that_await_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read(
        task(1, inside=("group", "main")),
        task(2, through(1, "group", "main"), inside=("sleep", "leaf")),
        task(3, through(1, "group", "main"), through(2, "other"), inside=("get", "consume")),
        task(4),
    )
    monkeypatch.setattr(tools, "get_all_awaited_by", lambda pid: found)

    tools.display_awaited_by_tasks_tree(5)

    assert capsys.readouterr().out.splitlines() == [
        "└── (T) task-1",
        "    └──  main",
        "        └──  group",
        "            ├── (T) task-2",
        "            │   └──  other",
        "            │       └── (T) task-3",
        "            │           └──  consume",
        "            │               └──  get",
        "            └── (T) task-3 (see above)",
        "└── (T) task-4",
    ]


def test_each_task_that_nobody_awaits_begins_a_tree() -> None:
    found = [Thread(1, [task(1)]), Thread(2, [task(2), task(3, through(2))])]

    assert tools.build_async_tree(found, "*") == [
        ["└── * task-1"],
        ["└── * task-2", "    └── * task-3"],
    ]


def test_a_frame_tells_its_line() -> None:
    places = [
        Frame("/app.py", 3, "old"),
        LocatedFrame("/app.py", Location(4), "new"),
        LocatedFrame("/app.py", None, "nowhere"),
    ]
    found = read(task(1), Task(2, "task-2", [], [Coro(places, 1)]))

    (lines,) = tools.build_async_tree(found, cor_emoji="@")

    assert [line.strip(" └─@") for line in lines[1:-1]] == [
        "nowhere /app.py",
        "new /app.py:4",
        "old /app.py:3",
    ]


def test_trees_do_not_outgrow_what_was_read() -> None:
    """Each task awaits the next one twice: drawn in full that would be 2 ** 40 lines."""
    steps = [task(n, through(n - 1, "left"), through(n - 1, "right")) for n in range(1, 41)]

    (lines,) = tools.build_async_tree(read(task(0), *steps))

    assert len(lines) == 1 + 4 * 40
    assert lines.count(lines[-1]) == 1
    assert lines[-1].endswith("(T) task-1 (see above)")


def test_a_chain_may_be_longer_than_the_stack() -> None:
    length = 3 * sys.getrecursionlimit()
    found = read(task(0), *(task(n, through(n - 1)) for n in range(1, length)))

    (lines,) = tools.build_async_tree(found)

    assert len(lines) == length


def test_rings_are_named_and_not_drawn() -> None:
    found = read(task(1, through(2)), task(2, through(3), through(1)), task(3, through(2)))

    with pytest.raises(tools.CycleFoundException, match="task-2 -> task-1 -> task-2") as caught:
        tools.build_async_tree(found)

    assert caught.value.cycles == [[2, 1, 2], [2, 3, 2]]
    assert caught.value.id2name == {1: "task-1", 2: "task-2", 3: "task-3"}
    assert len(tools.build_task_table(found)) == 4


STANDARD_PROCESS = """
import os, subprocess, sys
target = '''
import asyncio
async def leaf():
    print(flush=True)
    await asyncio.sleep(60)
async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(leaf(), name="the leaf")
asyncio.run(main())
'''
environment = {**os.environ, "ASYNCIO_IMPLEMENTATION": IMPLEMENTATION}
process = subprocess.Popen([sys.executable, "-c", target], env=environment, stdout=subprocess.PIPE)
process.stdout.readline()
from asyncio._commands import main
try:
    print([main([command, str(process.pid)]) for command in ("ps", "pstree")])
finally:
    process.kill()
    process.communicate()
"""


def run_against(python: RunPython, implementation: str) -> subprocess.CompletedProcess[str]:
    # Systems that let nobody read others' memory allow it for one's own children.
    return python("-c", f"IMPLEMENTATION = {implementation!r}\n{STANDARD_PROCESS}")


@needs_reader
def test_the_tasks_of_a_process_with_the_standard_asyncio_are_shown(python: RunPython) -> None:
    result = run_against(python, "stdlib")

    assert result.stderr == ""
    *lines, statuses = result.stdout.splitlines()
    assert statuses == "[0, 0]"
    assert lines[0].split()[:3] == ["tid", "task", "id"]
    assert "TaskGroup.__aexit__ -> main" in "".join(lines)
    tree = [line.strip(" └─`-|│├").split(" /")[0] for line in lines[-3:]]
    assert tree == ["(T) the leaf", "leaf <string>:5", "sleep"]


@needs_reader
@pytest.mark.skipif(sys.platform == "win32", reason="there it needs an inspector")
def test_the_tasks_of_a_process_with_this_asyncio_are_shown_too(python: RunPython) -> None:
    result = run_against(python, "independent")

    assert result.stderr == ""
    *lines, statuses = result.stdout.splitlines()
    assert statuses == "[0, 0]"
    assert lines[0].startswith("loop 0x")
    assert [line.strip().split(" at ")[0].split(":")[0] for line in lines[-3:]] == [
        "- the leaf",
        "leaf <string>",
        "sleep waiting.py",
    ]


@needs_reader
@pytest.mark.skipif(sys.platform != "win32", reason="it can be looked into elsewhere")
def test_tasks_that_cannot_be_read_are_one_line_each(python: RunPython) -> None:
    result = run_against(python, "independent")

    assert result.stdout == "[2, 2]\n"
    assert [line[:26] for line in result.stderr.splitlines()] == ["python -m asyncio: process"] * 2


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python 3.14 can do that")
def test_older_pythons_say_that_they_cannot_read() -> None:
    with pytest.raises(RuntimeError, match=r"3\.14"):
        tools.get_all_awaited_by(1)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("two\nlines", "two\\nlines"),
        ("\ud800", "\\ud800"),
        ("wäit", "wäit"),
    ],
)
def test_what_does_not_print_is_escaped(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    shown: str,
) -> None:
    found = read(Task(1, name, [], []))
    monkeypatch.setattr(tools, "get_all_awaited_by", lambda pid: found)

    tools.display_awaited_by_tasks_table(5)
    tools.display_awaited_by_tasks_tree(5)

    table, tree = capsys.readouterr().out.split("(T) ")
    assert shown in table
    assert tree == f"{shown}\n"


def test_output_that_has_no_lines_to_draw_with_gets_a_tree_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = read(task(1), task(2, through(1, "wäit")), task(3, through(1, "wäit")))
    monkeypatch.setattr(tools, "get_all_awaited_by", lambda pid: found)
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    monkeypatch.setattr(sys, "stdout", pipe)

    tools.display_awaited_by_tasks_tree(5)
    tools.display_awaited_by_tasks_table(5)

    pipe.flush()
    tree, table = pipe.buffer.getvalue().decode("ascii").split("tid")  # type: ignore[attr-defined]
    assert tree.splitlines() == [
        "`-- (T) task-1",
        "    `--  w\\xe4it",
        "        |-- (T) task-2",
        "        `-- (T) task-3",
    ]
    assert "w\\xe4it" in table


def test_reading_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def busy(pid: Any) -> list[Any]:
        attempts.append(pid)
        if len(attempts) < 3:
            raise RuntimeError("changed")
        return read(task(1))

    monkeypatch.setattr(tools, "get_all_awaited_by", busy)
    tools.display_awaited_by_tasks_tree(5, retries=2)
    assert attempts == [5, 5, 5]

    attempts.clear()
    with pytest.raises(RuntimeError, match="changed"):
        tools.display_awaited_by_tasks_table(5, retries=0)


def test_who_may_not_read_is_told_who_may() -> None:
    with pytest.raises(SystemExit, match="root"):
        tools.exit_with_permission_help_text()
