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
from typing import IO, TYPE_CHECKING, Any, ClassVar

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
    outcome: str  #: passed, failed or skipped; a verdict (verdicts.py) may change it
    detail: str = ""
    seconds: float = 0.0
    threads: tuple[str, ...] = ()  #: names of those that it left running


class WrongImplementation(Exception):
    """A worker ran with another asyncio than the one under test."""


@dataclass
class Proof:
    """What each worker said about its asyncio, checked against what is under test."""

    expect_ours: bool
    seen: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    forms: dict[str, str] = field(default_factory=dict)  #: compiled or pure, by package
    processes: int = 0  #: that ran tests, and proved it
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, event: dict[str, Any]) -> None:
        ours = event["implementation"] is not None
        standard = event["standard_modules"]
        if self.expect_ours and event["accelerator"]:
            standard = [*standard, "_asyncio"]
        if ours != self.expect_ours or (self.expect_ours and standard):
            raise WrongImplementation(
                f"asyncio is {event['file']} ({event['implementation'] or 'the standard one'})"
                + (f"; from the standard library: {', '.join(standard)}" if standard else "")
            )
        self.seen.add(str(event["implementation"] or "standard"))
        self.files.add(str(event["file"]))
        for package, form in event["forms"].items():
            if self.forms.setdefault(package, form) != form:
                raise WrongImplementation(
                    f"{package} is {self.forms[package]} in one process, {form} in another"
                )

    def count(self) -> None:
        with self._lock:
            self.processes += 1


def _environment(implementation: str) -> dict[str, str]:
    env = {
        name: value
        for name, value in os.environ.items()
        if name == "ASYNCIO_PURE_PYTHON"
        or (not name.startswith(("ASYNCIO_", "PYTHONASYNCIO")) and name != "PYTHONWARNINGS")
    }
    if implementation == "stdlib":
        env["ASYNCIO_IMPLEMENTATION"] = "stdlib"
    return env


class Worker:
    """One process, in a folder of its own that is removed after it."""

    #: Those that run now, to be ended where the runner is.
    running: ClassVar[set[Worker]] = set()

    def __init__(self, order: dict[str, Any], implementation: str) -> None:
        self._limit: float = order["limit"]
        self._folder = tempfile.TemporaryDirectory(
            prefix="conformance-", ignore_cleanup_errors=True
        )
        self._errors = open(Path(self._folder.name, "stderr.txt"), "w+b")  # noqa: SIM115
        work = Path(self._folder.name, "cwd")
        work.mkdir()
        self._process = self._launch(work, implementation)
        Worker.running.add(self)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        try:
            with self._process.stdin as pipe:
                json.dump(order, pipe)
        except BrokenPipeError:
            pass  # it ended before it listened; its exit status and stderr tell why

    def _launch(self, work: Path, implementation: str) -> subprocess.Popen[str]:
        """Start the process in a folder of its own, with pipes, and with its standard error in `_errors`."""
        return subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=work,
            env=_environment(implementation),
            text=True,
            start_new_session=True,
        )

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put("")

    def events(self, proof: Proof) -> Iterator[dict[str, Any]]:
        """Yield the worker's events until it ends or falls silent for longer than a test may last.

        Before the first and before it is done it has to say which asyncio it has.
        """
        last = ""
        for event in self._events():
            said = event["event"]
            if said == "implementation":
                proof.check(event)
            elif last != "implementation" and (not last or said == "done"):
                raise WrongImplementation("a process did not say which asyncio it has")
            else:
                yield event
            last = said

    def _events(self) -> Iterator[dict[str, Any]]:
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
        Worker.running.discard(self)
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

    def start(self, others: Sequence[str] = (), **more: Any) -> Worker:
        order = {
            "modules": [self.name, *others],
            "limit": self.limit,
            "limits": self.limits,
            "stand_ins": self.stand_ins,
            **more,
        }
        return self.worker(order)

    def worker(self, order: dict[str, Any]) -> Worker:
        return Worker(order, self.implementation)


@dataclass
class Listing:
    """What a module of the suite holds."""

    tests: list[str] = field(default_factory=list)
    skipped: str = ""  #: why the whole module is skipped
    failed: str = ""  #: why it cannot be imported


def list_tests(modules: Sequence[Module], proof: Proof) -> dict[str, Listing]:
    """List the tests of modules, by the module's name, in as few processes as will do."""
    found: dict[str, Listing] = {}
    left = list(modules)
    while left:
        # What is put in place for one module would be there for the next in the same process.
        alone = bool(left[0].stand_ins)
        together = left[:1] if alone else [module for module in left if not module.stand_ins]
        worker = together[0].start([module.name for module in together[1:]])
        at = together[0].name
        try:
            for event in worker.events(proof):
                match event["event"]:
                    case "module":
                        at = event["module"]
                    case "tests":
                        found[at] = Listing(tests=event["tests"])
                    case "module-skipped":
                        found[at] = Listing(skipped=event["reason"])
                    case "module-failed":
                        found[at] = Listing(failed=event["why"])
        finally:
            why = worker.finish()
        found.setdefault(at, Listing(failed=f"while it was imported, {why}"))
        left = [module for module in left if module.name not in found]
    return found


class Job:
    """Tests of one class, run in a process; one that ends the process is a failure, and the rest get a new one."""

    def __init__(
        self,
        module: Module,
        tests: Sequence[str],
        proof: Proof,
        report: Callable[[Outcome], None],
    ) -> None:
        self._module = module
        self._left = list(tests)
        self._proof = proof
        self._report = report

    def run(self) -> None:
        while self._left:
            self._run_process()

    def _run_process(self) -> None:
        worker = self._module.start(tests=self._left)
        running = last = around = ""
        complete = False
        try:
            for event in worker.events(self._proof):
                match event["event"]:
                    case "start":
                        running = event["test"]
                    case "end":
                        running, last = "", event["test"]
                        self._done(_outcome(event))
                    case "around":
                        around = self._around(event)
                    case "done":
                        complete = True
        finally:
            why = worker.finish()
        self._proof.count()
        if running:
            limit = self._module.limits.get(running, self._module.limit)
            self._done(Outcome(running, "failed", f"hung for {limit:g} s or crashed; {why}"))
        elif complete:
            # What a class's set-up left out.
            for test in list(self._left):
                self._done(Outcome(test, "failed", around or "was listed, but did not run"))
        elif last and self._left:
            # Blamed on the next one, so that this comes to an end.
            self._done(Outcome(self._left[0], "failed", f"between {last} and this one, {why}"))
        elif last:
            self._report(Outcome(f"after {last}", "failed", why))
        else:
            for test in list(self._left):
                self._done(Outcome(test, "failed", f"before the first test, {why}"))

    def _done(self, outcome: Outcome) -> None:
        if outcome.test in self._left:
            self._left.remove(outcome.test)
        else:
            outcome.detail = (
                f"reported twice, or not asked for: {outcome.outcome}\n{outcome.detail}"
            )
            outcome.outcome = "failed"
        self._report(outcome)

    def _around(self, event: dict[str, Any]) -> str:
        """Take what happened in the set-up or clean-up of a class or module, and return it if it failed."""
        name, outcome, detail = event["test"], event["outcome"], event["detail"]
        if name.startswith("setUp"):
            # `setUpClass (module.Class)`: the fate of its tests, none of which runs.
            for test in list(self._left):
                self._done(Outcome(test, outcome, detail))
        elif outcome != "skipped":
            self._report(Outcome(name, outcome, detail))
        return f"{name}: {detail}"


def _outcome(event: dict[str, Any]) -> Outcome:
    return Outcome(
        event["test"],
        event["outcome"],
        event["detail"],
        event["seconds"],
        tuple(event["threads"]),
    )


def run_tests(
    module: Module, tests: Sequence[str], proof: Proof, report: Callable[[Outcome], None]
) -> None:
    """Run tests of one class, and report each as it ends."""
    Job(module, tests, proof, report).run()


def end_all() -> None:
    """End the workers that still run, as the runner itself ends."""
    for worker in list(Worker.running):
        worker.kill()
