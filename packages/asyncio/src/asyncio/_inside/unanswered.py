"""Why a process does not answer, as far as can be told without its doing.

Python answers between two instructions of its own. So who is asked does not answer where a thread holds the interpreter lock in a
call of C code, whichever thread is to answer; nor, without an inspector, where the main thread is in a call. From Python 3.14 on the
interpreter here can read which thread that is, and where it stands, out of the other's memory; Linux says whether a thread runs, and
in which of its own functions it waits (proc(5)).
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    # A thread's number, and its frames, innermost first.
    Stack: TypeAlias = tuple[int, list[Any]]

# Seconds between two looks at a thread that runs.
_AGAIN = 0.05
# Functions of a stack, and threads, that are named.
_NAMED = 4
_STATES = {
    "R": "runs",
    "D": "waits for a device",
    "T": "is stopped",
    "t": "is stopped by a debugger",
}
#: What is said of a process as a whole, by the state that it is in.
_NOT_RUNNING = {
    "T": "it is stopped (kill -CONT has it go on)",
    "t": "a debugger has stopped it",
    "Z": "it has ended, and its parent has not taken note of that yet",
    "X": "it has ended",
}


def not_running(pid: int) -> str | None:
    """Tell why a process runs nothing at all: it is stopped, or has ended. None for others, and where that is not told."""
    return _NOT_RUNNING.get(_state_of(f"/proc/{pid}/stat"))


def why(pid: int, *, by_main_thread: bool) -> str:
    """Tell why a process does not answer; with `by_main_thread` its main thread was to do it."""
    told = not_running(pid)
    if told is not None:
        return told
    holding = next(_stacks(pid, only_active_thread=True), None)
    if holding is not None:
        return f"{_thread(holding)} holds the interpreter lock in C code{_called_by(holding)}{_kernel(pid, holding[0])}"
    if by_main_thread:
        stacks = list(_stacks(pid, all_threads=True))
        main = next((stack for stack in stacks if stack[0] == pid), (pid, []))
        return f"its main thread is in a call that does not return to Python{_called_by(main)}{_kernel(pid, pid)}"
    return f"no Python runs in it, most likely as a thread holds the interpreter lock in C code{_threads(pid)}"


def _stacks(pid: int, **options: bool) -> Iterator[Stack]:
    """Read where threads of a process stand: that which has the interpreter lock, or all."""
    from importlib import import_module

    try:
        # With Python 3.14 it came; the process has to run the same version.
        reading = import_module("_remote_debugging")
    except ImportError:
        return
    try:
        found = reading.RemoteUnwinder(pid, **options).get_stack_trace()
    except (OSError, RuntimeError, ValueError):
        return
    for each in found:
        # By interpreters, from Python 3.15 on.
        for thread in getattr(each, "threads", (each,)):
            if thread.frame_info:
                yield thread.thread_id, thread.frame_info


def _thread(stack: Stack) -> str:
    return f"thread {stack[0]}"


def _called_by(stack: Stack) -> str:
    """Say from where the call was made: the innermost functions, of them the last with its file and line."""
    _, frames = stack
    if not frames:
        return ""
    path = " > ".join(frame.funcname for frame in frames[:_NAMED][::-1])
    innermost = frames[0]
    located = getattr(innermost, "location", innermost)
    line = getattr(located, "lineno", None)
    return f", called by {path}, at {os.path.basename(innermost.filename)}:{line}"


def _kernel(pid: int, thread: int) -> str:
    told = _what_it_does(f"/proc/{pid}/task/{thread}")
    return f"; by the kernel it {told}" if told else ""


def _threads(pid: int) -> str:
    """Say of each thread what it does."""
    folder = f"/proc/{pid}/task"
    try:
        numbers = sorted(map(int, os.listdir(folder)))
    except OSError:
        return ""
    told = []
    for number in numbers[:_NAMED]:
        does = _what_it_does(f"{folder}/{number}")
        if does:
            told.append(f"{_read(f'{folder}/{number}/comm').strip()} ({number}) {does}")
    more = len(numbers) - _NAMED
    return (
        f"; by the kernel {', '.join(told)}{f' and {more} more' if more > 0 else ''}"
        if told
        else ""
    )


def _what_it_does(folder: str) -> str:
    """Say what a thread does in the kernel, by its folder there; nothing where that is not told."""
    state = _state_of(f"{folder}/stat")
    if state == "R":
        # It may have been woken by who has asked, and is about to wait again.
        time.sleep(_AGAIN)
        state = _state_of(f"{folder}/stat")
    if state in _STATES:
        return _STATES[state]
    inside = _read(f"{folder}/wchan").strip("0\n")
    if state and inside:
        return f"waits in {inside}()"
    return "waits" if state else ""


def _state_of(path: str) -> str:
    # After the name, in which anything may be.
    return _read(path).rpartition(") ")[2][:1]


def _read(path: str) -> str:
    if sys.platform != "linux":
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
