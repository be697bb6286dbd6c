"""`python -m asyncio trace`: what a process does for some time, or a program from its first loop on, as a file."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from asyncio._inside.listening import Listening
from asyncio._inside.reaching import NotInside, check_format
from asyncio._inside.trace_events import TraceWriter

from asyncio_core.inspecting.by_environment import TRACE
from asyncio_core.inspecting.recording import FORMAT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# Seconds between two looks whether a program that is to make a loop has ended.
_LOOK = 0.1


def trace_process(pid: int, path: str, seconds: float | None) -> str:
    """Write what a process does to a file: for so long, or until Ctrl-C. Return a line about it.

    Raises NotInside where it cannot be looked into, and OSError where the file cannot be written.
    """
    with Listening.to(pid, {"ask": "trace"}) as listening:
        before = signal.getsignal(signal.SIGINT)

        def end_it(*_: object) -> None:
            # At the second one nothing is waited for.
            signal.signal(signal.SIGINT, before)
            listening.end()

        signal.signal(signal.SIGINT, end_it)
        try:
            with open(path, "w", encoding="utf-8") as file:
                return _written(listening, path, file, seconds)
        finally:
            signal.signal(signal.SIGINT, before)


def trace_program(command: Sequence[str], path: str, seconds: float | None) -> tuple[int, str]:
    """Run a Python program, and write what it does to a file. Return its exit status, and a line about the file.

    Raises NotInside where it makes no loop of this asyncio, and OSError where the file cannot be written.
    """
    if sys.platform == "win32":
        raise NotInside("tracing a program from its start on is not there on Windows: trace PID is")
    folder = tempfile.mkdtemp(prefix="asyncio-trace-")
    try:
        with open(path, "w", encoding="utf-8") as file, socket.socket(socket.AF_UNIX) as listener:
            place = os.path.join(folder, "records")
            listener.bind(place)
            listener.listen(1)
            program = subprocess.Popen([sys.executable, *command], env={**os.environ, TRACE: place})
            # Ctrl-C is for the program, which ends, and its trace with it.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                connection = _connected(listener, program)
                if connection is None:
                    told = ""
                else:
                    with Listening(connection) as listening:
                        told = _written(listening, path, file, seconds)
                status = program.wait()
            finally:
                signal.signal(signal.SIGINT, before)
        if not told:
            os.unlink(path)
            if status == 0:
                raise NotInside("it made no event loop of this asyncio, so there is no trace")
        return status if status >= 0 else 128 - status, told
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _connected(listener: socket.socket, program: subprocess.Popen[bytes]) -> socket.socket | None:
    """Wait for the program's first loop; return None where it ends without."""
    listener.settimeout(_LOOK)
    while True:
        over = program.poll() is not None
        try:
            return listener.accept()[0]
        except TimeoutError:
            if over:
                return None


def _written(listening: Listening, path: str, file: TextIO, seconds: float | None) -> str:
    """Write a trace until it has ended."""
    check_format(listening.begun.get("format"), FORMAT)
    writer = TraceWriter(file, listening.begun)
    complete, lost = False, 0
    ending = None if seconds is None else threading.Timer(seconds, listening.end)
    if ending is not None:
        ending.start()
    try:
        while (told := listening.line(None)) is not None:
            complete = "ended" in told
            if complete:
                lost = told["lost"]
            else:
                writer.add(told, listening.read(told["bytes"]))
    finally:
        if ending is not None:
            ending.cancel()
        writer.close()
    told_of = f"{path}: {writer.events} events in {writer.seconds:.3f} s"
    if not complete:
        told_of += ", the last of them missing as the process ended"
    if lost:
        told_of += f", {lost} records missing as they came faster than they could be written"
    return f"{told_of}; https://ui.perfetto.dev and chrome://tracing open it"
