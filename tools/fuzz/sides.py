"""The processes that run programs: one for each form of asyncio, started again when it crashes or hangs."""

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
from typing import IO, TYPE_CHECKING, Any

import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree import Program

WORKER = Path(__file__).with_name("worker.py")
#: Name of a side, and what its process has in its environment.
FORMS: dict[str, dict[str, str]] = {
    "pure": {"ASYNCIO_PURE_PYTHON": "1"},
    "compiled": {},
    "standard": {"ASYNCIO_IMPLEMENTATION": "stdlib"},
}


class WrongForm(Exception):
    """A process runs another asyncio than it was started for."""


class Crash(Exception):
    """A process died, or hung and was ended."""

    def __init__(self, side: str, seed: int | None, how: str, stderr: str) -> None:
        super().__init__(f"{side}: seed {seed}: {how}\n{stderr}".rstrip())
        self.seed = seed
        self.how = how


class Side:
    """One process at a time, which runs programs in one form."""

    def __init__(self, form: str, *, limit: float, stress: bool = False) -> None:
        self.form = form
        self._limit = limit
        self._arguments = ["--stress"] if stress else []
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stderr: IO[str] | None = None
        self._seed: int | None = None

    def logs(self, program: Program, runs: int) -> list[list[str]]:
        """Run a program so often and return its logs; raises Crash."""
        self._ask({"program": tree.to_json(program), "runs": runs})
        answer: list[list[str]] = self._answer()["logs"]
        return answer

    def digests(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Run the programs of the seeds from `first` up to, but not with, `last`."""
        self._ask({"seeds": [first, last]})
        for _ in range(first, last):
            answer = self._answer()
            yield answer["seed"], answer["log"]

    def close(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                stream.close()
        self._process = None

    def _ask(self, what: dict[str, Any]) -> None:
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
        env = {**kept, "PYTHONHASHSEED": "0", **FORMS[self.form]}
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - close() closes it
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            env=env,
        )
        self._answers = queue.SimpleQueue()
        reading = threading.Thread(
            target=_read, args=(self._process.stdout, self._answers), daemon=True
        )
        reading.start()
        self._seed = None
        try:
            found = self._answer().get("form")
        except Crash as crash:
            raise WrongForm(f"the {self.form} form does not start: {crash}") from None
        if found != self.form:
            self.close()
            raise WrongForm(f"asked for the {self.form} form, and it is the {found} one that runs")

    def _answer(self) -> dict[str, Any]:
        while True:
            try:
                line = self._answers.get(timeout=self._limit)
            except queue.Empty:
                raise self._crash("hangs") from None
            if not line:
                raise self._crash("")
            answer: dict[str, Any] = json.loads(line)
            if "begins" not in answer:
                return answer
            self._seed = answer["begins"]

    def _crash(self, how: str) -> Crash:
        process, stderr = self._process, self._stderr
        assert process is not None
        assert stderr is not None
        if how:
            process.send_signal(signal.SIGABRT)  # faulthandler shows where it is
        status = process.wait()
        if not how:
            how = f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
        stderr.seek(0)
        told = stderr.read()[-6000:]
        self.close()
        return Crash(self.form, self._seed, how, told)


def _read(stream: IO[str], answers: queue.SimpleQueue[str]) -> None:
    try:
        for line in stream:
            answers.put(line)
    except ValueError:
        pass  # closed meanwhile
    answers.put("")
