"""`python -m asyncio trace`: what a process does for some time, or a program from its first loop on, as a file."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from asyncio._inside.listening import Listening
from asyncio._inside.own_folder import made_folder
from asyncio._inside.reaching import NotInside, check_format
from asyncio._inside.signals import ending, interrupt
from asyncio._inside.trace_events import TraceWriter
from asyncio._inside.trace_file import TraceFile

from asyncio_core.inspecting.by_environment import TRACE
from asyncio_core.inspecting.recording import FORMAT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Seconds between two looks whether a program that is to make a loop has ended.
_LOOK = 0.1


def trace_process(pid: int, path: str, seconds: float | None) -> str:
    """Write what a process does to a file: for so long, or until a signal. Return a line about it.

    Raises NotInside where it cannot be looked into, KeyboardInterrupt where a signal comes before it is, and OSError where the
    file cannot be written.
    """
    listening: Listening | None = None

    def end() -> None:
        if listening is None:
            interrupt()
        else:
            listening.end()

    with ending(end), TraceFile(path) as file, Listening.to(pid, {"ask": "trace"}) as begun:
        listening = begun
        return _written(begun, file, seconds)


def trace_program(command: Sequence[str], path: str, seconds: float | None) -> tuple[int, str]:
    """Run a Python program, and write what it does to a file. Return its exit status, and a line about the file.

    Signals are the program's. Raises NotInside where it makes no loop of this asyncio, and OSError where the file
    cannot be written: then the program goes on to its end all the same.
    """
    if sys.platform == "win32":
        raise NotInside("tracing a program from its start on is not there on Windows: trace PID is")
    from asyncio._inside.signals import PassedOn

    folder = made_folder("asyncio-trace-")
    try:
        with (
            TraceFile(path) as file,
            socket.socket(socket.AF_UNIX) as listener,
            PassedOn() as signals,
        ):
            place = os.path.join(folder, "records")
            listener.bind(place)
            listener.listen(1)
            program = subprocess.Popen(
                [sys.executable, *command],
                env={**os.environ, TRACE: place},
                preexec_fn=signals.unblock,
            )
            signals.to(program)
            try:
                connection = _connected(listener, program)
                told = ""
                if connection is not None:
                    with Listening(connection, program.pid) as listening:
                        told = _written(listening, file, seconds)
            finally:
                status = program.wait()
        if not told and status == 0:
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


def _written(listening: Listening, file: TraceFile, seconds: float | None) -> str:
    """Write a trace until it has ended."""
    check_format(listening.begun.get("format"), FORMAT)
    writer = TraceWriter(file.begin(), listening.begun)
    missing, lost = "as the process ended", 0
    limit = None if seconds is None else threading.Timer(seconds, listening.end)
    if limit is not None:
        limit.start()
    try:
        while (told := listening.line(None)) is not None:
            if "ended" in told:
                missing, lost = "", told["lost"]
            else:
                writer.add(told, listening.read(told["bytes"]))
    except KeyboardInterrupt:
        # The second signal: what has come by now is all.
        missing = "as nobody waited for them"
    finally:
        if limit is not None:
            limit.cancel()
        writer.close()
    told_of = f"{file.name}: {writer.events} events in {writer.seconds:.3f} s"
    if missing:
        told_of += f", the last of them missing {missing}"
    if lost:
        told_of += f", {lost} records missing as they came faster than they could be written"
    return f"{told_of}; https://ui.perfetto.dev and chrome://tracing open it"
