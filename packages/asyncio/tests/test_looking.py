"""`python -m asyncio ps` and `pstree` of programs that run this asyncio."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_test_support.looked_into import (
    BLOCKED,
    BUSY,
    DEADLOCKED,
    IDLE,
    INSPECTOR,
    MANY,
    WAYS,
    from_314,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncio_test_support.fixture_types import Look, RunPython, Start

if sys.platform == "win32":
    pytest.skip("it asks over Unix sockets", allow_module_level=True)


@pytest.fixture
def refused(python: RunPython, runtime: dict[str, str]) -> Callable[..., str]:
    """Runs `ps` on a process, which has to fail in one line, and returns that."""

    def run(pid: int) -> str:
        result = python("-m", "asyncio", "ps", str(pid), environment=runtime)
        assert (result.returncode, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        before, _, rest = line.partition(f"process {pid}: ")
        assert before == "python -m asyncio: "
        return rest

    return run


@pytest.mark.parametrize("way", WAYS)
def test_an_idle_program_is_seen(start: Start, look: Look, way: dict[str, str]) -> None:
    child = start(IDLE, way)

    lines = look("ps", child).splitlines()
    assert lines[0].startswith("loop 0x")
    assert "in thread MainThread" in lines[0]
    (patience,) = (line for line in lines if line.startswith("patience "))
    assert re.search(
        r"waiting +event 0x\w+ wait\(\) \[1 waiting\] +Event.wait locks.py:\d+", patience
    )

    tree = look("pstree", child)
    assert re.search(
        r"- Task-1: waiting.*\n    main <string>:8\n(.*\n)*"
        r"  - patience: waiting for event .*\n      sleeper <string>:5\n      Event.wait ",
        tree,
    )
    # And it goes on, with nothing to say about it.
    assert child.poll() is None


@pytest.mark.parametrize("way", WAYS)
def test_json_has_all_of_it(start: Start, look: Look, way: dict[str, str]) -> None:
    child = start(IDLE, way)
    taken: dict[str, Any] = json.loads(look("ps", child, "--json"))
    assert taken["pid"] == child.pid
    assert [loop["running"] for loop in taken["loops"]] == [True]
    assert sorted(task["name"] for task in taken["tasks"]) == ["Task-1", "patience"]
    assert taken["loops"][0]["callback"] is None


@pytest.mark.parametrize("way", WAYS)
def test_a_busy_program_is_seen(start: Start, look: Look, way: dict[str, str]) -> None:
    assert re.search(r"- Task-1: (ready|running)\n    busy ", look("pstree", start(BUSY, way)))


def test_the_inspector_of_a_blocked_program_says_by_what(start: Start, look: Look) -> None:
    told = look("pstree", start(BLOCKED, INSPECTOR))
    assert "\n  blocked by main > blocks, at <string>:7\n" in told
    assert re.search(r"- Task-1: running\n    main <string>:10\n    blocks <string>:7\n", told)


def until_it_waits_in_the_kernel(pid: int) -> None:
    """Return when a process sleeps, and does not still run to where it will; on Linux."""
    stat = Path(f"/proc/{pid}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.001)


@from_314
def test_a_blocked_program_without_one_is_given_up_and_left_alone(
    start: Start, runtime: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from asyncio._inside import injecting, reaching

    # Its path is short enough for a socket.
    place = Path(runtime["XDG_RUNTIME_DIR"])
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    child = start(BLOCKED.replace("lock.acquire()", "input()"))
    until_it_waits_in_the_kernel(child.pid)
    with pytest.raises(
        reaching.NotInside,
        match=r"it did not answer within 1 seconds: its main thread is in a call .* blocks, at <string>:7",
    ):
        injecting.connect(child.pid, 1, {"ask": "snapshot"})
    # Once it goes on, it takes away what was left there for it, and complains of nothing.
    assert len(list(place.glob("asyncio-ask-*"))) == 1
    assert child.communicate("\n") == ("", "")
    assert child.returncode == 0
    assert not list(place.glob("asyncio-ask-*"))


@from_314
def test_what_was_left_for_a_program_that_ended_meanwhile_is_removed_by_the_next_who_asks(
    start: Start, look: Look, refused: Callable[..., str], runtime: dict[str, str]
) -> None:
    place = Path(runtime["TMPDIR"])
    child = start(BLOCKED)
    until_it_waits_in_the_kernel(child.pid)
    assert "did not answer" in refused(child.pid)
    (left,) = place.glob("asyncio-ask-*")
    another = place / "asyncio-ask-of-somebody-else"
    another.mkdir()
    # It is not so young that it might be somebody's in another container.
    for folder in (left, another):
        os.utime(folder, (0, 0))
    look("ps", start(IDLE))
    assert left.exists()
    child.kill()
    child.wait()
    look("ps", start(IDLE))
    assert not left.exists()
    assert another.exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_deadlock_shows_both_locks(start: Start, look: Look, way: dict[str, str]) -> None:
    taken = json.loads(look("ps", start(DEADLOCKED, way), "--json"))
    waits = {task["name"]: task["waits_for"] for task in taken["tasks"]}
    assert waits["A"]["kind"] == waits["B"]["kind"] == "lock"
    assert waits["A"]["id"] != waits["B"]["id"]


@pytest.mark.parametrize("way", WAYS)
def test_ten_thousand_tasks_are_seen(start: Start, look: Look, way: dict[str, str]) -> None:
    child = start(MANY, way)
    names = {f"n{number}" for number in range(10_000)}

    rows = [line.split() for line in look("ps", child).splitlines()]
    waiting = [row[0] for row in rows if row[1:2] == ["waiting"] and row[-1] == "Task-1"]
    assert (len(waiting), set(waiting)) == (10_000, names)

    tree = look("pstree", child)
    assert "- Task-1: waiting for 10000 tasks: n0, n1, n2, n3 and 9996 more" in tree
    heads = re.findall(r"(?m)^  - (n\d+): waiting for event ", tree)
    assert (len(heads), set(heads)) == (10_000, names)

    taken = json.loads(look("ps", child, "--json"))
    assert {task["name"] for task in taken["tasks"]} == {*names, "Task-1"}
    assert all(task["stack"] and task["waits_for"] for task in taken["tasks"])

    figures = json.loads(look("top", child, "--once", "--interval", "0.01", "--json"))
    assert figures["known_tasks"] == 10_001


def test_the_pieces_alone_are_seen_too(start: Start, look: Look) -> None:
    program = """
import asyncio_core

async def main():
    asyncio_core.get_running_loop().call_later(0.01, lambda: print("up", flush=True))
    await asyncio_core.sleep(3600)

asyncio_core.run(main(), loop_factory=asyncio_core.ParkingEventLoop)
"""
    assert "Task-1  waiting          timer due in 3" in look("ps", start(program, INSPECTOR))


def test_a_loop_without_tasks_is_told(start: Start, look: Look) -> None:
    program = """
import asyncio
loop = asyncio.new_event_loop()
loop.call_soon(print, "up")
loop.call_soon(__import__("sys").stdout.flush)
loop.run_forever()
"""
    child = start(program, INSPECTOR)
    for command in ("ps", "pstree"):
        loop, tasks = look(command, child).splitlines()
        assert loop.startswith("loop ")
        assert tasks == "no tasks"


WITHOUT_ASYNCIO = 'import time\nprint("up", flush=True)\nwhile True: time.sleep(0.01)'


def test_a_program_without_asyncio_is_told(start: Start, refused: Callable[..., str]) -> None:
    told = refused(start(WITHOUT_ASYNCIO).pid)
    if sys.version_info >= (3, 14):
        assert told == "it runs no asyncio"
    else:
        assert told.startswith("it has no inspector (it is started with ASYNCIO_INSPECT=1")


def test_a_process_that_is_not_python_is_told(refused: Callable[..., str]) -> None:
    with subprocess.Popen(["sleep", "600"]) as child:
        try:
            told = refused(child.pid)
            assert told.startswith("it has no inspector")
            if sys.version_info >= (3, 14):
                assert told == "it has no inspector, and is no Python of version 3.14 or newer"
        finally:
            child.kill()


@from_314
def test_where_remote_debugging_is_disabled_it_says_so(
    start: Start, refused: Callable[..., str]
) -> None:
    child = start(IDLE, {"PYTHON_DISABLE_REMOTE_DEBUG": "1"})
    assert "not enabled" in refused(child.pid)


def test_a_stale_socket_is_told(
    start: Start, refused: Callable[..., str], runtime: dict[str, str]
) -> None:
    child = start(WITHOUT_ASYNCIO)
    folder = os.path.join(runtime["XDG_RUNTIME_DIR"], "asyncio-inspect")
    os.mkdir(folder, 0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.path.join(folder, f"{child.pid}.sock"))
    assert refused(child.pid).startswith("nobody answers any more at its socket, ")


def test_a_process_that_ends_while_it_is_asked_is_told(
    start: Start, runtime: dict[str, str]
) -> None:
    child = start(WITHOUT_ASYNCIO)
    folder = os.path.join(runtime["XDG_RUNTIME_DIR"], "asyncio-inspect")
    os.mkdir(folder, 0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(folder, f"{child.pid}.sock"))
        listener.listen()
        asking = subprocess.Popen(
            [sys.executable, "-m", "asyncio", "ps", str(child.pid)],
            env={**os.environ, **runtime},
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = listener.accept()
        connection.recv(100)
        connection.sendall(b'{"snap')
        connection.close()
        _, errors = asking.communicate()
    assert asking.returncode == 2
    assert errors.endswith(f"process {child.pid}: it ended, or broke off, while it was asked\n")


def test_a_folder_that_is_refused_leaves_the_program_running_and_is_told(
    start: Start, look: Look, refused: Callable[..., str], runtime: dict[str, str]
) -> None:
    os.mkdir(os.path.join(runtime["XDG_RUNTIME_DIR"], "asyncio-inspect"), 0o755)
    child = start(IDLE, INSPECTOR)
    if sys.version_info >= (3, 14):
        assert "patience" in look("ps", child)
    else:
        assert refused(child.pid).startswith("where its inspector would be: ")
        assert "open to other users" in refused(child.pid)
    child.kill()
    _, errors = child.communicate()
    assert "no inspector, though one was asked for: " in errors


# In a program that a test runs, as the user of the test may not be another one.
AS_NOBODY = """
import os, sys
from asyncio import _commands, tools
from asyncio._inside import looking, own_folder, reaching, shown, signals, unanswered
import asyncio_core.inspecting.folder, asyncio_core.inspecting.snapshots, ctypes, shutil, socket, tempfile
if sys.version_info >= (3, 14):
    from asyncio._inside import injecting
    import _remote_debugging
os.setgid(65534); os.setuid(65534)
sys.exit(_commands.main(["ps", sys.argv[1]]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_process_is_refused(
    start: Start, python: RunPython, runtime: dict[str, str]
) -> None:
    child = start(IDLE, INSPECTOR)
    result = python("-c", AS_NOBODY, str(child.pid), environment=runtime)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"python -m asyncio: process {child.pid}: ")
    assert child.poll() is None


# Forked, as another user may not read the files that this Python is started from.
OF_NOBODY = """
import asyncio, os, sys, asyncio._inside.reaching
asyncio.new_event_loop().close()
os.environ["ASYNCIO_INSPECT"] = sys.argv[1]
import asyncio_core.inspecting.inspector, asyncio_core.inspecting.by_injection, asyncio_core.awaiting.graph
os.setgid(65534); os.setuid(65534)

async def main():
    if sys.argv[1] == "1":
        asyncio_core.inspecting.start()
    asyncio.get_running_loop().call_later(0.01, lambda: print("up", flush=True))
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    "inspector",
    [pytest.param("1", id="inspector"), pytest.param("0", id="injected", marks=from_314)],
)
def test_root_reads_the_processes_of_others(
    look: Look, runtime: dict[str, str], inspector: str
) -> None:
    os.chown(runtime["XDG_RUNTIME_DIR"], 65534, 65534)
    with subprocess.Popen(
        [sys.executable, "-c", OF_NOBODY, inspector],
        env={**os.environ, **runtime},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert child.stdout is not None and child.stdout.readline() == "up\n"
            assert "timer due in 3" in look("ps", child)
        finally:
            child.kill()


# As in a container: another root folder, in which there is nothing but what it makes, and no /tmp. Loaded is what it needs.
IN_ANOTHER_ROOT = """
import asyncio, os, sys
import asyncio_core.inspecting.inspector, asyncio_core.inspecting.measuring, asyncio_core.awaiting.graph
asyncio.new_event_loop().close()
os.chroot(os.environ["NEW_ROOT"])
os.chdir("/")

async def main():
    if os.environ["XDG_RUNTIME_DIR"]:
        asyncio_core.inspecting.start()
    asyncio.get_running_loop().call_later(0.01, lambda: print("up", flush=True))
    await asyncio.create_task(asyncio.sleep(3600), name="patience")

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the root folder")
def test_a_process_in_another_root_folder_without_tmp_is_seen(
    start: Start, look: Look, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    child = start(IN_ANOTHER_ROOT, {"NEW_ROOT": str(tmp_path), "XDG_RUNTIME_DIR": "/run"})
    assert os.listdir(tmp_path) == ["run"]
    assert "patience: waiting for timer" in look("pstree", child)
    assert "tasks 2" in look("top", child, "--once", "--interval", "0.01")


@from_314
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the root folder")
def test_one_without_an_inspector_is_told_at_once(
    start: Start, refused: Callable[..., str], tmp_path: Path
) -> None:
    child = start(IN_ANOTHER_ROOT, {"NEW_ROOT": str(tmp_path), "XDG_RUNTIME_DIR": ""})
    told = "it has other files than this process; only an inspector can answer there"
    assert refused(child.pid) == told


@from_314
def test_where_nothing_can_be_written_it_says_so(start: Start, python: RunPython) -> None:
    child = start(IDLE)
    program = """
import resource, sys
from asyncio._commands import main
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
sys.exit(main(["ps", sys.argv[1]]))
"""
    result = python("-B", "-c", program, str(child.pid))
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    told = f"process {child.pid}: no file can be made for it: No usable temporary directory"
    assert told in line


def test_trees_name_what_was_drawn_before_and_where_rings_close() -> None:
    from asyncio._inside.shown import trees

    def task(key: int, *awaiters: int, waits_for: int | None = None) -> dict[str, Any]:
        facts = None if waits_for is None else {"kind": "task", "id": waits_for}
        common = {"loop": 1, "state": "waiting", "stack": [], "waits_for": facts}
        return {"id": key, "name": f"t{key}", "awaited_by": list(awaiters), **common}

    thread = {"name": "MainThread", "id": 7}
    common = {"class": "Loop", "ready": 0, "timers": 0, "descriptors": None, "callback": None}
    loop = {"id": 1, "thread": thread, **common}
    shared = [task(1, waits_for=3), task(2, waits_for=3), task(3, 1, 2)]
    ring = [task(5, 6), task(6, 5)]
    _, *lines = trees({"loops": [loop], "tasks": shared + ring})
    assert lines == [
        "- t1: waiting for task t3",
        "  - t3: waiting",
        "- t2: waiting for task t3",
        "  - t3: waiting (see above)",
        "- t5: waiting",
        "  - t6: waiting",
        "    - t5: waiting (a ring: they wait for each other)",
    ]


SEVERAL_LOOPS = """
import asyncio, threading

up = threading.Barrier(4)

async def main(name):
    await asyncio.create_task(wait(), name=name)

async def wait():
    up.wait()
    await asyncio.sleep(3600)

names = ("worker", "worker", "other")
for number, name in enumerate(names):
    run = lambda number=number: asyncio.run(main(f"t{number}"))
    threading.Thread(target=run, name=name, daemon=True).start()
left = asyncio.new_event_loop()
task = left.create_task(asyncio.sleep(0), name="t3")
up.wait()
print("up", flush=True)
threading.Event().wait()
"""


def test_several_loops_are_told_apart(start: Start, look: Look) -> None:
    child = start(SEVERAL_LOOPS, INSPECTOR)
    lines = look("ps", child).splitlines()
    tasks = {line.split()[0]: line for line in lines if not line.startswith("loop ")}
    assert tasks["TASK"].endswith("  AWAITED BY  LOOP")
    loops = [tasks[f"t{number}"].split("  ")[-1] for number in range(4)]
    assert len(set(loops)) == 4
    assert all(re.match(r"_UnixSelectorEventLoop in worker \(\d+\)$", loop) for loop in loops[:2])
    assert loops[2] == "_UnixSelectorEventLoop in other"
    assert re.match("_UnixSelectorEventLoop 0x[0-9a-f]+$", loops[3])
    # Again, the same.
    again = look("ps", child).splitlines()
    assert loops == [
        line.split("  ")[-1]
        for name in ("t0", "t1", "t2", "t3")
        for line in again
        if line.startswith(f"{name} ")
    ]
    tree = look("pstree", child)
    assert len(re.findall("(?m)^loop 0x", tree)) == 4


def test_a_single_loop_is_not_named_for_each_task(start: Start, look: Look) -> None:
    assert "LOOP" not in look("ps", start(IDLE, INSPECTOR))


SHIELDED = """
import asyncio

async def child():
    await asyncio.sleep(3600)

async def wait(future):
    await future

async def main():
    loop = asyncio.get_running_loop()
    inner = [asyncio.create_task(child(), name=f"inner {number}") for number in range(3)]
    tasks = [
        asyncio.create_task(wait(asyncio.shield(inner[0])), name="shields"),
        asyncio.create_task(wait(asyncio.gather(*inner[1:])), name="gathers"),
    ]
    loop.call_later(0.01, lambda: print("up", flush=True))
    await loop.create_future()

asyncio.run(main())
"""


def test_what_is_awaited_through_shield_and_gather_stands_below_who_awaits_it(
    start: Start, look: Look
) -> None:
    lines = look("pstree", start(SHIELDED, INSPECTOR)).splitlines()
    told = [line.partition(" for timer")[0] for line in lines if line.lstrip().startswith("- ")]
    assert told[:5] == [
        "- gathers: waiting for 2 tasks: inner 1, inner 2",
        "  - inner 1: waiting",
        "  - inner 2: waiting",
        "- shields: waiting for 1 task: inner 0",
        "  - inner 0: waiting",
    ]


ODDLY_NAMED = """
import asyncio

async def wait(event):
    await event.wait()

async def main():
    event = asyncio.Event()
    names = ("begins " + "x" * 100_000 + " ends", "", " blank ", "two\\nlines", "\\ud800", "a, b")
    tasks = [asyncio.create_task(wait(event), name=name) for name in names]
    asyncio.get_running_loop().call_later(0.01, lambda: print("up", flush=True))
    await asyncio.gather(*tasks)

asyncio.run(main())
"""


def test_odd_names_make_no_odd_tables(start: Start, look: Look) -> None:
    child = start(ODDLY_NAMED, INSPECTOR)
    names = ["a, b", "''", "' blank '", r"two\nlines", r"\ud800"]
    table, tree = look("ps", child), look("pstree", child)
    assert max(map(len, table.splitlines())) < 250
    long = re.search("(?m)^begins x+…x+ ends ", table)
    assert long is not None and len(long[0]) < 70
    for name in names:
        assert f"\n{name} " in table
        assert f"- {name}: waiting for event " in tree
    # All of it is there for who asks for that.
    taken = json.loads(look("ps", child, "--json"))
    assert max(len(task["name"]) for task in taken["tasks"]) > 100_000


OF_ANOTHER_KIND = """
import asyncio, asyncio_core.inspecting, time

class Loop(asyncio.AbstractEventLoop):
    \'\'\'A loop of somebody else's, with next to nothing of what ours tell.\'\'\'

    ready = []
    time = staticmethod(time.monotonic)
    is_running = staticmethod(lambda: True)
    get_debug = is_closed = staticmethod(lambda: False)

    def call_soon(self, callback, *args, context=None):
        self.ready.append(asyncio.Handle(callback, args, self, context))

    def create_task(self, coro, **options):
        return asyncio.Task(coro, loop=self, **options)

async def wait():
    await asyncio.Future(loop=loop)

loop = Loop()
task = loop.create_task(wait(), name="patience")
asyncio._set_running_loop(loop)
loop.ready.pop()._run()
asyncio_core.inspecting.start()
print("up", flush=True)
time.sleep(3600)
"""


def test_tasks_of_a_loop_of_another_kind_are_seen(start: Start, look: Look) -> None:
    child = start(OF_ANOTHER_KIND)
    loop, task, place = look("pstree", child).splitlines()
    assert re.fullmatch(r"loop 0x\w+, __main__.Loop, runs, timers 0", loop)
    assert task.startswith("- patience: waiting for future")
    assert re.fullmatch(r"    wait <string>:\d+", place)


@pytest.mark.parametrize("way", WAYS)
def test_folders_with_long_paths_are_no_hindrance(
    start: Start, python: RunPython, tmp_path: Path, way: dict[str, str]
) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    folders = {"TMPDIR": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    child = start(IDLE, {**way, **folders})
    result = python("-m", "asyncio", "ps", str(child.pid), environment=folders)
    assert (result.returncode, result.stderr) == (0, "")
    assert "\npatience " in result.stdout
