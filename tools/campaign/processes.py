"""The processes that run points, one for each form of asyncio, started again when one crashes or hangs."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

WORKER = Path(__file__).with_name("worker.py")
#: Name of a form, and what its process has in its environment.
FORMS: dict[str, dict[str, str]] = {
    "compiled": {},
    "pure": {"ASYNCIO_PURE_PYTHON": "1"},
    "standard": {"ASYNCIO_IMPLEMENTATION": "stdlib"},
}
#: Seconds in which a process has to start.
_START = 60.0
#: So many processes may end in the midst of one unit.
_CRASHES = 5


class WrongForm(Exception):
    """A process runs another asyncio than it was started for."""


class Outcome(NamedTuple):
    """What came of a unit."""

    points: int
    #: What is wrong, by the names of points.
    wrong: dict[str, list[str]]


class _Ended(Exception):
    """A process has ended, or hung and was ended; `str()` says how."""


class Process:
    """One process at a time, which runs units in one form."""

    def __init__(self, form: str, *, limit: float, more: dict[str, str] | None = None) -> None:
        self.form = form
        self._limit = limit
        self._more = more or {}
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stderr: IO[str] | None = None

    def run(
        self, part: str, unit: str, *, brief: bool, tell: Callable[[int], None] = lambda _: None
    ) -> Outcome:
        """Run all points of a unit; `tell` is called with the number of those that have ended."""
        points = 0
        wrong: dict[str, list[str]] = {}
        without: list[str] = []
        for _ in range(_CRASHES):
            now = ""
            try:
                self._ask(part=part, unit=unit, without=without, brief=brief)
                while True:
                    answer = self._answer(self._limit)
                    if "begins" in answer:
                        now = answer["begins"]
                    elif "ends" in answer:
                        points += 1
                        without.append(answer["ends"])
                        if answer["wrong"]:
                            wrong[answer["ends"]] = answer["wrong"]
                        tell(points)
                    elif "fails" in answer:
                        wrong[now or "at first"] = [answer["fails"]]
                        return Outcome(points, wrong)
                    else:
                        return Outcome(points, wrong)
            except _Ended as ended:
                points += 1
                without.append(now)
                wrong[now] = [str(ended)]
        return Outcome(points, wrong)

    def close(self) -> None:
        if self._process is None:
            return
        # Its children and folders are its own to clear up.
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._stderr):
            if stream is not None:
                stream.close()
        self._process = None

    def _ask(self, **what: Any) -> None:
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # which the answer tells

    def _start(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ASYNCIO_")}
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - close() closes it
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            env={**kept, **FORMS[self.form], **self._more},
        )
        self._answers = queue.SimpleQueue()
        reading = (self._process.stdout, self._answers)
        threading.Thread(target=_read, args=reading, daemon=True).start()
        try:
            found = self._answer(_START).get("form")
        except _Ended as ended:
            raise WrongForm(f"the {self.form} form does not start: {ended}") from None
        if found != self.form:
            self.close()
            raise WrongForm(f"asked for the {self.form} form, and it is the {found} one that runs")

    def _answer(self, limit: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=limit)
        except queue.Empty:
            raise self._ended(f"hangs for {limit:.0f} s") from None
        if not line:
            raise self._ended("")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self, how: str) -> _Ended:
        process, stderr = self._process, self._stderr
        assert process is not None
        assert stderr is not None
        if how:
            process.send_signal(signal.SIGABRT)  # faulthandler shows where it is
        status = process.wait()
        if not how:
            how = f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
        stderr.seek(0)
        told = stderr.read()[-4000:]
        self.close()
        return _Ended(f"{how}\n{told}".rstrip())


def _read(stream: IO[str], answers: queue.SimpleQueue[str]) -> None:
    try:
        for line in stream:
            answers.put(line)
    except ValueError:
        pass  # closed meanwhile
    answers.put("")
