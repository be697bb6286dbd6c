"""The packages' own tests, and the loop kit's, on the Windows Python, on the packages installed there."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from windows.wine import windows_path
from workspace.console import say, step, took
from workspace.paths import LOGS, PACKAGES, ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windows.interpreter import WindowsPython
    from windows.wine import Wine
    from workspace.reports import Part

PLUGIN = Path(__file__).parent / "plugin"
KIT = TOOLS / "loop_kit" / "src"
#: The kit's tests that a loop fails under Wine, and why.
KIT_DIFFERENCES = Path(__file__).with_name("kit_differences.toml")
#: What the kit holds the loops to: the documentation of the newest Python.
NEWEST = "3.15"
#: Names for the kit's runs, and the loops.
KIT_LOOPS = {
    "iocp": "asyncio.windows_events:ProactorEventLoop",
    "selectors": "asyncio.windows_events:SelectorEventLoop",
}
#: Seconds for one test, and for the tests of one package.
LIMIT = 240
WHOLE = 1800
#: So many tests of one package or loop may end the process before the rest is given up.
ENDED = 8
#: What pytest writes where a skip has no reason.
_NO_REASON = ("", "unconditional skip", "unconditional test skip")


@dataclass
class Tests:
    """Some tests, those of a package for instance, and what became of them."""

    python: WindowsPython
    wine: Wine
    name: str
    #: What pytest is told to run, and where it is to look for modules.
    words: Sequence[str]
    path: Sequence[Path] = ()
    patterns: Sequence[str] = ()
    #: Where pytest is started: in the work tree's own folder it reads what the tests of the distributions need.
    cwd: Path = ROOT
    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def counts(self) -> Counter[str]:
        return Counter(outcome for outcome, _ in self.outcomes.values())

    def run(self) -> None:
        started = time.monotonic()
        self._run_processes()
        self.seconds = time.monotonic() - started

    def _run_processes(self) -> None:
        log = LOGS / f"windows-{self.python.version}-{self.name}.log"
        LOGS.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        with tempfile.TemporaryDirectory(prefix="windows-") as name:
            for _ in range(ENDED):
                if self._run_process(Path(name), log):
                    return
        self.problems.append(f"{self.name}: {ENDED} tests ended the process; given up")

    def _run_process(self, folder: Path, log: Path) -> bool:
        """Run what has not been run; return whether there is nothing left to do."""
        report, done = folder / "report.jsonl", folder / "done.json"
        report.write_text("")
        done.write_text(json.dumps(list(self.outcomes)), "utf-8")
        options = ["-p", "windows_report", "-p", "no:cacheprovider", f"--timeout={LIMIT}", "-q"]
        for pattern in self.patterns:
            options += ["-k", pattern]
        env = {
            "PYTHONPATH": ";".join(windows_path(folder) for folder in (PLUGIN, *self.path)),
            "WINDOWS_REPORT": windows_path(report),
            "WINDOWS_DONE": windows_path(done),
        }
        command = [self.python.program, "-m", "pytest", *options, *self.words]
        status, output = self.wine.run(command, cwd=self.cwd, limit=WHOLE, env=env)
        with log.open("ab") as file:
            file.write(output)
        running, complete = self._read(report)
        if complete:
            return True
        last = output.decode("utf-8", "replace")[-3000:]
        if running:
            self.outcomes[running] = ("failed", f"hung or crashed (status {status}):\n{last}")
            return status == 124
        self.problems.append(f"{self.name}: pytest ended with status {status}:\n{last}")
        return True

    def _read(self, report: Path) -> tuple[str, bool]:
        """Take over the outcomes; return the test that was running, and whether the run came to its end."""
        running = ""
        for line in report.read_text("utf-8").splitlines():
            event = json.loads(line)
            match event["event"]:
                case "start":
                    running = event["test"]
                case "end":
                    running = ""
                    self.outcomes[event["test"]] = (event["outcome"], event["detail"])
                case "done":
                    # 0 and 1: tests ran; 5: there are none to run.
                    if event["status"] not in (0, 1, 5):
                        self.problems.append(f"{self.name}: pytest's status {event['status']}")
                    return "", True
        return running, False


def run(
    part: Part,
    python: WindowsPython,
    wine: Wine,
    packages: Sequence[str] = (),
    patterns: Sequence[str] = (),
    *,
    jobs: int,
) -> None:
    """Run the tests of every package, or of some, and add the counts to a part of the test run.

    So many packages' tests run at once.
    """
    folders = [folder / "tests" for folder in sorted(PACKAGES.iterdir())]
    _run_all(
        part,
        [
            Tests(
                python,
                wine,
                folder.parent.name,
                [folder.relative_to(ROOT).as_posix()],
                (),
                patterns,
            )
            for folder in folders
            if folder.is_dir() and (not packages or folder.parent.name in packages)
        ],
        jobs,
    )


def run_kit(
    part: Part,
    python: WindowsPython,
    wine: Wine,
    patterns: Sequence[str] = (),
    *,
    jobs: int,
) -> None:
    """Run the loop kit on the loops of Windows, and add the counts to a part of the test run."""
    options = ["-p", "loop_kit.plugin", "--pyargs", "loop_kit", "--as-of", NEWEST]
    options += ["--differences", windows_path(KIT_DIFFERENCES)]
    _run_all(
        part,
        [
            Tests(python, wine, f"kit-{name}", [*options, "--loop", loop], [KIT], patterns, KIT)
            for name, loop in KIT_LOOPS.items()
        ],
        jobs,
    )


def _run_all(part: Part, every: Sequence[Tests], jobs: int) -> None:
    def run_one(tests: Tests) -> None:
        tests.run()
        told = ", ".join(f"{n} {word}" for word, n in sorted(tests.counts.items())) or "none"
        say(f"      {tests.name}: {told} ({took(tests.seconds)})")

    with step(f"{len(every)} runs of tests, {jobs} at once"), ThreadPoolExecutor(jobs) as executor:
        list(executor.map(run_one, every))
    reasons: Counter[str] = Counter()
    for tests in every:
        counts = tests.counts
        for name, (outcome, detail) in tests.outcomes.items():
            if outcome == "failed":
                say(f"\n{'=' * 100}\nFAILED {name}\n{detail}")
            elif outcome == "skipped":
                reasons[detail] += 1
                if detail in _NO_REASON:
                    part.problems.append(f"{name} is skipped without a reason")
        part.passed += counts["passed"]
        part.failed += counts["failed"]
        part.skipped += counts["skipped"]
        part.problems += tests.problems
    if reasons:
        say("\nskipped, by reason:")
    for reason, number in reasons.most_common():
        say(f"  {number:4}  {reason}")
