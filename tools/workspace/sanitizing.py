"""`dev.py sanitize`: the compiled twins under what finds errors of C: the sanitizers, valgrind, and a debug build of Python.

Nothing of this touches the environments of `dev.py test`: the packages are built and installed anew, in environments under .cache/sanitize/.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from workspace import environments, packages
from workspace.console import Failure, run_quietly, say, took
from workspace.paths import (
    CACHE,
    FETCHED_PYTHONS,
    PACKAGES,
    ROOT,
    TEST_SUPPORT,
    TOOLS,
    VENV,
    executable,
)
from workspace.reports import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from workspace.interpreters import Interpreter

FOLDER = CACHE / "sanitize"
MODULES = (
    *("test_futures", "test_tasks", "test_taskgroups", "test_timeouts", "test_locks"),
    *("test_queues", "test_eager_task_factory"),
)
_FLAGS = (
    "-fsanitize=address,undefined -fno-sanitize-recover=undefined -O1 -g -fno-omit-frame-pointer"
)
#: What the packages' tests need besides what they bring.
_TEST_TOOLS = ("pytest>=8", "pytest-timeout>=2.3", "pytest-xdist>=3.6", "trustme>=1.2")
#: Programs that valgrind watches: it is some fifty times slower.
_WATCHED_PROGRAMS = 60
PARTS = ("tests", "conformance", "fuzz", "stress", "memcheck", "debug")


@dataclass
class _Kind:
    """A way to build the packages, and the environment that they are in."""

    name: str
    python: Path
    flags: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def prepare(self) -> None:
        """Make the environment, unless it is there and nothing has changed since."""
        stamp = self.folder / "made-of.txt"
        made_of = f"{packages.fingerprint(TEST_SUPPORT)} {self.flags} {self.python}"
        if stamp.is_file() and stamp.read_text() == made_of:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        environments.ensure_hatch()
        virtualenv = [str(executable(VENV)), "-m", "virtualenv", "--no-periodic-update"]
        title = f"making the environment {self.name}"
        run_quietly(title, [*virtualenv, "--python", str(self.python), str(self.folder)])
        env = environments.program_environment(self.folder)
        pip = (executable(self.folder), "-m", "pip", "--disable-pip-version-check", "install")
        tools = [*environments.BACKEND, *_TEST_TOOLS]
        run_quietly(f"installing the tools into {self.name}", [*pip, *tools], env=env)
        folders = [*(package.folder for package in packages.load()), TEST_SUPPORT]
        folders = [folder for folder in folders if folder.name != "asyncio-iocp"]
        compiling = {"CFLAGS": self.flags, "LDFLAGS": self.flags, "ASYNCIO_TWINS": "yes"}
        run_quietly(
            f"building the packages for {self.name}",
            [*pip, "--no-build-isolation", "--no-deps", *folders],
            env={**env, **compiling},
        )
        stamp.write_text(made_of)

    def run(
        self, *command: str | Path, before: Sequence[str] = (), output: int | None = None
    ) -> int:
        """Run the environment's Python, in view unless told otherwise, and return its exit status."""
        env = {**environments.program_environment(self.folder), **self.variables}
        words = [*before, str(executable(self.folder)), *map(str, command)]
        nothing = subprocess.DEVNULL
        return subprocess.run(words, env=env, cwd=ROOT, stdin=nothing, stdout=output).returncode


class Sanitizing:
    """One run of the chosen parts."""

    def __init__(self, python: Interpreter, seconds: float, extra: Sequence[str]) -> None:
        self._python = python
        self._seconds = seconds
        self._extra = extra
        self._rows: list[tuple[str, ...]] = []
        self._reports = FOLDER / "reports"
        shutil.rmtree(self._reports, ignore_errors=True)
        self._reports.mkdir(parents=True)

    def run(self, wanted: Sequence[str]) -> int:
        """Run the parts, print a table, and return the exit status."""
        # Tests send it to processes of theirs. What a script starts in the background is told to leave it unheard.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name in PARTS:
            if name in wanted:
                self._part(name, getattr(self, f"_{name}"))
        say()
        for line in table([("part", "time", ""), *self._rows]):
            say(line)
        return 1 if any(row[-1].startswith("FAILED") for row in self._rows) else 0

    def _part(self, name: str, body: Callable[[], str]) -> None:
        say(f"\n==> {name}")
        started = time.monotonic()
        try:
            verdict = body()
        except Failure as failure:
            verdict = f"FAILED: {failure}"
        # A process of a test may have died of what it did, and the test have expected no more than its death.
        for report in sorted(self._reports.iterdir()):
            say(report.read_text("utf-8", "replace"))
            verdict = f"FAILED: a sanitizer's report: {report.name}"
            report.rename(self._reports.with_name(report.name))
        say(f"--- {name}: {verdict}")
        self._rows.append((name, took(time.monotonic() - started), verdict))

    def _sanitized(self) -> _Kind:
        """Return the packages built with the sanitizers, whose runtime has to be loaded first of all."""
        runtimes = [_compiler_file(f"lib{name}.so") for name in ("asan", "ubsan", "stdc++")]
        common = f"log_path={self._reports / 'report'}:abort_on_error=1:halt_on_error=1"
        variables = {
            "LD_PRELOAD": " ".join(runtimes),
            "PYTHONMALLOC": "malloc",
            # The interpreter leaves much behind at its end.
            "ASAN_OPTIONS": f"{common}:detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": f"{common}:print_stacktrace=1",
        }
        kind = _Kind(f"address-{self._python.version}", self._python.path, _FLAGS, variables)
        kind.prepare()
        return kind

    def _tests(self) -> str:
        kind = self._sanitized()
        return _verdict(kind.run(*_pytest(_own_tests()), "--timeout=300", *self._extra))

    def _conformance(self) -> str:
        kind = self._sanitized()
        modules = [f"--module={name}" for name in MODULES]
        return _verdict(kind.run(TOOLS / "conformance", "--limit=300", *modules))

    def _fuzz(self) -> str:
        return _verdict(self._sanitized().run(*self._fuzzing(), "--most=1000000"))

    def _stress(self) -> str:
        return _verdict(self._sanitized().run(*self._fuzzing(), "--stress"))

    def _fuzzing(self) -> tuple[str | Path, ...]:
        # Other programs each day, and the same ones all day long.
        seed = int(time.time() // 86400) * 1_000_000
        return (TOOLS / "fuzz", f"--seconds={self._seconds}", f"--seed={seed}", "--limit=60")

    def _memcheck(self) -> str:
        """Watch a few random programs with valgrind, which sees what was never written, too."""
        valgrind = shutil.which("valgrind")
        if valgrind is None:
            return "LEFT OUT: no valgrind"
        variables = {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}
        kind = _Kind(f"memcheck-{self._python.version}", self._python.path, "-g -O1", variables)
        kind.prepare()
        seeds = json.dumps({"seeds": [0, _WATCHED_PROGRAMS]})
        log = FOLDER / "valgrind.xml"
        before = (valgrind, "--quiet", "--num-callers=30", "--xml=yes", f"--xml-file={log}")
        program = (TOOLS / "fuzz" / "worker.py", "--seeds", seeds)
        status = kind.run(*program, before=before, output=subprocess.DEVNULL)
        # What is left at the end is the interpreter's way.
        found = ElementTree.parse(log).iter("error")
        errors = [error for error in found if not error.findtext("kind", "").startswith("Leak")]
        ours = [error for error in errors if _concerns_twins(error)]
        if ours:
            report = "\n\n".join(map(_error_text, ours))
            (self._reports / "valgrind").write_text(report, "utf-8")
        if len(errors) > len(ours):
            say(
                f"    of the interpreter's own, without a twin: {len(errors) - len(ours)} values never written"
            )
        return _verdict(status)

    def _debug(self) -> str:
        """Run on a debug build of Python: it checks each object's reference count, and counts them all."""
        python = FETCHED_PYTHONS / "usr" / "bin" / "python3.14d"
        if not python.is_file():
            return "LEFT OUT: no debug build (tools/pythons/debian_pythons.sh .cache/pythons forky 3.14d fetches one)"
        kind = _Kind("debug-3.14", python, variables={"ASYNCIO_GROWTH_REPEATS": "10000"})
        kind.prepare()
        tests = kind.run(*_pytest([PACKAGES / "asyncio-core" / "tests"]), "--timeout=900")
        return _verdict(kind.run(*self._fuzzing()) or tests)


def _own_tests() -> list[Path]:
    return [path for path in sorted(PACKAGES.glob("*/tests")) if "iocp" not in path.parent.name]


def _pytest(paths: Sequence[Path]) -> tuple[str | Path, ...]:
    return ("-m", "pytest", "-q", "--numprocesses=auto", "-p", "no:cacheprovider", *paths)


def _concerns_twins(error: ElementTree.Element) -> bool:
    """Tell whether what valgrind found may be the twins' fault.

    Some builds of the interpreter use values that were never written, as valgrind sees it, from their start on. What else is
    wrong may have been caused by a twin that has returned.
    """
    if not error.findtext("kind", "").startswith("Uninit"):
        return True
    stack = error.find("stack")
    return stack is not None and any("_twins" in frame.findtext("obj", "") for frame in stack)


def _error_text(error: ElementTree.Element) -> str:
    lines = [error.findtext("what", "") or error.findtext("kind", "")]
    for stack in error.iter("stack"):
        lines += [
            f"    {frame.findtext('fn', '?')} ({frame.findtext('file') or frame.findtext('obj')}:{frame.findtext('line', '?')})"
            for frame in stack
        ]
        lines.append("  and")
    return "\n".join(lines[:-1])


def _verdict(status: int) -> str:
    return "ok" if status == 0 else f"FAILED: exit status {status}"


def _compiler_file(name: str) -> str:
    """Return the path of a library of the compiler's."""
    compiler = os.environ.get("CC", "gcc")
    if shutil.which(compiler) is None:
        raise Failure(f"no {compiler} on this machine")
    done = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True)
    path = done.stdout.strip()
    if not os.path.isabs(path):
        raise Failure(f"{compiler} has no {name}")
    return os.path.realpath(path)
