"""Processes that run things in one form of asyncio each, and tell line by line, in JSON, what they do.

`Worker` is the one who asks: it starts the process, again where it crashed or hung, and says how that one ended. `Teller` and
`form()` are for the process. This module loads no asyncio, as the process chooses which.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Name of a form, and what its process has in its environment.
FORMS: dict[str, dict[str, str]] = {
    "pure": {"ASYNCIO_PURE_PYTHON": "1"},
    "compiled": {},
    "standard": {"ASYNCIO_IMPLEMENTATION": "stdlib"},
}
#: Seconds in which a process has to start.
_START = 60.0
#: Seconds in which a process that is asked nothing more has to end.
_END = 5.0
#: Characters of what a process wrote to its standard error that are told of when it ends.
_KEPT = 6000
_LINES = 200


class WrongForm(Exception):
    """A process runs another asyncio than it was started for."""


class Ended(Exception):
    """A process has ended, or hung and was ended: `how`, and what it last wrote to `stderr`."""

    def __init__(self, how: str, stderr: str) -> None:
        super().__init__(f"{how}\n{stderr}".rstrip())
        self.how = how
        self.stderr = stderr


class Worker:
    """One process at a time, which runs a Python program in one form and answers."""

    def __init__(
        self,
        program: Path,
        form: str,
        *arguments: str,
        limit: float,
        environment: Mapping[str, str] | None = None,
        python: Sequence[str] = (sys.executable,),
    ) -> None:
        """Start nothing yet. An answer may take `limit` seconds. `python` is what starts the interpreter, which knows `program`."""
        self.form = form
        self._limit = limit
        self._command = [*python, str(program), *arguments]
        self._environment = environment or {}
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        # Of a pipe: Windows' interpreter under Wine takes no plain file.
        self._stderr: deque[str] = deque()
        self._readers: list[threading.Thread] = []

    def ask(self, **what: Any) -> None:
        """Write one line, to a new process where there is none; raises WrongForm."""
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # which the answer tells

    def answer(self) -> dict[str, Any]:
        """Wait for one line; raises Ended."""
        return self._answer(self._limit)

    def close(self) -> None:
        """Let the process end, which clears up first, or end it."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._read_to_the_end()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        self._process = None

    def _read_to_the_end(self) -> None:
        """Have read what an ended process wrote. A child of its own may have these pipes, too, and go on."""
        for reader in self._readers:
            reader.join(_END)

    def _start(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ASYNCIO_")}
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            env={**kept, **FORMS[self.form], **self._environment},
        )
        self._answers = queue.SimpleQueue()
        self._stderr = deque(maxlen=_LINES)
        self._readers = [
            threading.Thread(target=_read, args=(self._process.stdout, self._answers), daemon=True),
            threading.Thread(target=_keep, args=(self._process.stderr, self._stderr), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            found = self._answer(_START).get("form")
        except Ended as ended:
            raise WrongForm(f"the {self.form} form does not start: {ended}") from None
        if found != self.form:
            self.close()
            raise WrongForm(f"asked for the {self.form} form, and it is the {found} one that runs")

    def _answer(self, limit: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=limit)
        except queue.Empty:
            raise self._ended("hangs") from None
        if not line:
            raise self._ended("")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self, how: str) -> Ended:
        process = self._process
        assert process is not None
        if how:
            process.send_signal(signal.SIGABRT)  # faulthandler shows where it is
        status = process.wait()
        if not how:
            how = f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
        self._read_to_the_end()
        told = "".join(self._stderr)[-_KEPT:]
        self.close()
        return Ended(how, told)


def _read(stream: IO[str], answers: queue.SimpleQueue[str]) -> None:
    try:
        for line in stream:
            answers.put(line)
    except ValueError:
        pass  # closed meanwhile
    answers.put("")


def _keep(stream: IO[str], lines: deque[str]) -> None:
    try:
        lines.extend(stream)
    except ValueError:
        pass  # closed meanwhile


class Teller:
    """In the process: answers, on what was its standard output. What it prints goes to its standard error."""

    def __init__(self) -> None:
        """Tell first which form it is."""
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self.say(form=form())

    def say(self, **what: Any) -> None:
        """Write one line."""
        self._answers.write(json.dumps(what) + "\n")
        self._answers.flush()


def form() -> str:
    """Say which asyncio runs in this process, from what is loaded."""
    import asyncio

    if not hasattr(asyncio, "__implementation__"):
        return "standard"
    from asyncio_core import twins

    return "pure" if twins.twins is None else "compiled"
