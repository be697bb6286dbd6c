"""`python -m asyncio ps` and its kin of processes that do not answer: they say why, as far as that can be told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asyncio_test_support.looked_into import IDLE, WAYS, from_314

if TYPE_CHECKING:
    from asyncio_test_support.fixture_types import RunPython, Start

if sys.platform != "linux":
    pytest.skip("it asks Linux", allow_module_level=True)

from asyncio._inside import reaching, unanswered

# In C code, with the interpreter lock: nobody else runs Python meanwhile.
HOLDS_THE_LOCK = """
import asyncio, ctypes

def crunch():
    print("up", flush=True)
    ctypes.PyDLL(None).pause()

async def main():
    crunch()

asyncio.run(main())
"""
COMPUTES = HOLDS_THE_LOCK.replace("ctypes.PyDLL(None).pause()", "sum(range(10**13))")


def fields_of(pid: int) -> list[str]:
    """Return what Linux tells of the main thread of a process, from its state on."""
    return Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()


def until_it_is(pid: int, state: str) -> None:
    """Return when the main thread of a process is in this state; where it runs, when it has for some time."""
    ticks = int(fields_of(pid)[11])
    while fields_of(pid)[0] != state or (state == "R" and int(fields_of(pid)[11]) < ticks + 5):
        time.sleep(0.001)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("program", "state", "does"),
    [
        pytest.param(HOLDS_THE_LOCK, "S", r"waits( in \w+\(\))?", id="waits"),
        pytest.param(COMPUTES, "R", "runs", id="computes"),
    ],
)
def test_who_holds_the_interpreter_lock_is_told(
    start: Start, runtime: dict[str, str], monkeypatch: pytest.MonkeyPatch, way: dict[str, str],
    program: str, state: str, does: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime["XDG_RUNTIME_DIR"])
    monkeypatch.setattr(reaching, "PATIENCE", 0.5)
    child = start(program, way)
    until_it_is(child.pid, state)
    if sys.version_info >= (3, 14):
        told = (
            rf"thread {child.pid} holds the interpreter lock in C code, called by (.* > )?main > crunch, "
            rf"at <string>:6; by the kernel it {does}$"
        )
    else:
        told = (
            "no Python runs in it, most likely as a thread holds the interpreter lock in C code; "
            rf"by the kernel python[\d.]* \({child.pid}\) {does}, "
        )
    with pytest.raises(reaching.NotInside, match=rf"did not answer within 0.5 seconds: {told}"):
        reaching.look_into(child.pid)


@from_314
def test_where_the_lock_is_free_the_main_thread_stands_in_a_call(start: Start) -> None:
    program = HOLDS_THE_LOCK.replace("PyDLL", "CDLL")
    child = start(program)
    until_it_is(child.pid, "S")
    told = unanswered.why(child.pid, by_main_thread=True)
    assert told.startswith(
        "its main thread is in a call that does not return to Python, called by "
    )
    assert "main > crunch, at <string>:6" in told


@pytest.mark.parametrize("way", WAYS)
def test_a_stopped_process_is_told_at_once(
    start: Start, python: RunPython, runtime: dict[str, str], way: dict[str, str]
) -> None:
    child = start(IDLE, way)
    child.send_signal(signal.SIGSTOP)
    until_it_is(child.pid, "T")
    for command in (["pstree"], ["top", "--once"], ["trace", "-o", os.devnull]):
        result = python("-m", "asyncio", *command, str(child.pid), environment=runtime)
        told = f"process {child.pid}: it is stopped (kill -CONT has it go on)"
        assert (result.returncode, result.stderr) == (2, f"python -m asyncio: {told}\n")


def test_a_process_that_has_ended_is_told(python: RunPython, runtime: dict[str, str]) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        until_it_is(child.pid, "Z")
        result = python("-m", "asyncio", "ps", str(child.pid), environment=runtime)
    told = f"process {child.pid}: it has ended, and its parent has not taken note of that yet"
    assert (result.returncode, result.stderr) == (2, f"python -m asyncio: {told}\n")


def test_where_nothing_is_told_no_reason_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered, "_read", lambda path: "")
    monkeypatch.setattr(unanswered, "_stacks", lambda pid, **options: iter(()))
    told = "no Python runs in it, most likely as a thread holds the interpreter lock in C code"
    assert unanswered.why(os.getpid(), by_main_thread=False) == told
    told = "its main thread is in a call that does not return to Python"
    assert unanswered.why(os.getpid(), by_main_thread=True) == told
