"""Starts the worker processes, listens to them, and ends those that no longer answer."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WORKER = Path(__file__).with_name("worker.py")
#: Seconds beyond a test's limit after which a worker that did not end itself is killed.
GRACE = 15.0
#: Characters of a worker's standard error that are kept for the report.
KEPT = 6000


@dataclass
class Outcome:
    """What became of one test."""

    test: str
    outcome: str  #: passed, failed, skipped; the runner may make it excluded
    detail: str = ""
    seconds: float = 0.0


class WrongImplementation(Exception):
    """A worker ran with another asyncio than the one under test."""


@dataclass
class Proof:
    """What each worker said about its asyncio, checked against what is under test."""

    expect_ours: bool
    seen: set[str] = field(default_factory=set)
    processes: int = 0

    def check(self, event: dict[str, Any]) -> None:
        ours = event["implementation"] is not None
        standard = event["standard_modules"]
        if ours != self.expect_ours or (self.expect_ours and standard):
            raise WrongImplementation(
                f"asyncio is {event['file']} ({event['implementation'] or 'the standard one'})"
                + (f"; from the standard library: {', '.join(standard)}" if standard else "")
            )
        self.seen.add(str(event["implementation"] or event["file"]))


def _environment(implementation: str) -> dict[str, str]:
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASYNCIO_", "PYTHONASYNCIO")) and name != "PYTHONWARNINGS"
    }
    if implementation == "stdlib":
        env["ASYNCIO_IMPLEMENTATION"] = "stdlib"
    return env


class Worker:
    """One process, in a folder of its own that is removed after it."""

    def __init__(self, order: dict[str, Any], implementation: str) -> None:
        self._limit: float = order["limit"]
        self._folder = tempfile.TemporaryDirectory(prefix="conformance-")
        self._errors = open(Path(self._folder.name, "stderr.txt"), "w+b")  # noqa: SIM115
        work = Path(self._folder.name, "cwd")
        work.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=work,
            env=_environment(implementation),
            text=True,
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        try:
            with self._process.stdin as pipe:
                json.dump(order, pipe)
        except BrokenPipeError:
            pass  # it ended before it listened; its exit status and stderr tell why

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put("")

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the worker's events until it ends or falls silent for longer than a test may last."""
        while True:
            try:
                line = self._lines.get(timeout=self._limit + GRACE)
            except queue.Empty:
                self.kill()
                return
            if not line:
                return
            yield json.loads(line)

    def finish(self) -> str:
        """End what is left of the process and return why it ended, with the last it wrote to stderr."""
        try:
            status = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self._process.wait()
        self.kill()  # children that tests left behind
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - KEPT))
        text = self._errors.read().decode("utf-8", "replace")
        self._errors.close()
        self._folder.cleanup()
        ended = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        return f"the process ended: {ended}\n{text}"

    def kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


@dataclass(frozen=True)
class Module:
    """A module of the suite, and how its tests are to run."""

    name: str
    limit: float  #: seconds for one test
    implementation: str
    stand_ins: dict[str, str]
    limits: dict[str, float]  #: seconds for tests that have a limit of their own

    def start(self, **more: Any) -> Worker:
        order = {
            "module": self.name,
            "limit": self.limit,
            "limits": self.limits,
            "stand_ins": self.stand_ins,
            **more,
        }
        return Worker(order, self.implementation)


def list_tests(module: Module, proof: Proof) -> tuple[list[str], str]:
    """Return the ids of a module's tests, or none and the reason why the module is skipped."""
    worker = module.start()
    try:
        for event in worker.events():
            match event["event"]:
                case "implementation":
                    proof.check(event)
                case "tests":
                    return event["tests"], ""
                case "module-skipped":
                    return [], event["reason"]
    finally:
        why = worker.finish()
    raise RuntimeError(f"{module.name} cannot be listed: {why}")


def run_tests(
    module: Module, tests: Sequence[str], proof: Proof, report: Callable[[Outcome], None]
) -> None:
    """Run tests of one module in a process; one that ends the process is a failure, and the rest get a new one."""
    left = list(tests)
    while left:
        proof.processes += 1
        worker = module.start(tests=left)
        running = ""
        complete = False
        try:
            for event in worker.events():
                match event["event"]:
                    case "implementation":
                        proof.check(event)
                    case "start":
                        running = event["test"]
                    case "end":
                        running = ""
                        report(
                            Outcome(
                                event["test"], event["outcome"], event["detail"], event["seconds"]
                            )
                        )
                        if event["test"] in left:
                            left.remove(event["test"])
                    case "done":
                        complete = True
        finally:
            why = worker.finish()
        if complete:
            # What a class's set-up left out has been reported under the set-up's name.
            return
        if not running:
            # Ended between two tests: blamed on the next one, so that this comes to an end.
            running = left[0]
        limit = module.limits.get(running, module.limit)
        report(Outcome(running, "failed", f"hung for {limit:g} s or crashed; {why}"))
        if running in left:
            left.remove(running)
