"""`dev.py windows`: puts a Windows Python together, installs what is in the work tree, and runs the tests there."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windows import (
    campaigns,
    contents,
    interpreter,
    measuring,
    own_tests,
    programs,
    stubs,
    suite,
    wine,
)
from windows.wine import Wine
from workspace import packages
from workspace.console import Failure, say, took
from workspace.reports import Part, closing_line, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from windows.interpreter import WindowsPython

PARTS = ("own", "kit", "suite", "stubs", "programs", "campaign", "soak", "echo")
#: Parts that take minutes and are asked for by name, or with --all.
LONG = ("soak",)
#: Parts that run on one Python only, unless others are named.
ONCE = ("programs", "campaign", "soak", "echo")
#: The Python that goes first, and that `run` takes.
DEFAULT = "3.12"
#: Seconds: what a person started is ended by that person.
FOREVER = 1e9


@dataclass(frozen=True)
class Wanted:
    """What the command is to do."""

    pythons: Sequence[str] = ()
    parts: Sequence[str] = ()
    modules: Sequence[str] = ()
    packages: Sequence[str] = ()
    patterns: Sequence[str] = ()
    jobs: int = 2
    #: All points of the campaign, and what it finds is kept.
    whole: bool = False


def parse(pythons: Sequence[str] | None, words: Sequence[str]) -> Wanted:
    """Read what stands after `dev.py windows`."""
    parser = argparse.ArgumentParser(prog="tools/dev.py windows", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="only this part (may be repeated)"
    )
    text = f"{', '.join(LONG)} too, and the whole campaign (minutes)"
    parser.add_argument("--all", action="store_true", help=text)
    parser.add_argument(
        "--module",
        action="append",
        metavar="NAME",
        help="a module of test.test_asyncio (may be repeated; default: those about loops)",
    )
    parser.add_argument(
        "--package",
        action="append",
        choices=[package.name for package in packages.load()],
        help="only the tests of this package (may be repeated)",
    )
    parser.add_argument(
        "-k",
        dest="patterns",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only such tests",
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="processes with tests at once (default: 2)"
    )
    options = parser.parse_args(words)
    usual = [part for part in PARTS if options.all or part not in LONG]
    return Wanted(
        pythons or (),
        options.only or usual,
        options.module or (),
        options.package or (),
        options.patterns,
        options.jobs,
        options.all,
    )


def test(wanted: Wanted) -> int:
    """Run the parts on each Windows Python, print a table and pytest's closing line; return the exit status."""
    started = time.monotonic()
    parts: list[Part] = []
    for version in _versions(wanted.pythons) or _every_version():
        chosen = wanted.parts
        if version != DEFAULT and not wanted.pythons:
            chosen = [name for name in chosen if name not in ONCE]
        if not chosen:
            continue
        wine.ensure_installed()
        with Wine() as here:
            python = interpreter.build(version, here)
            contents.install(python)
            for name in chosen:
                parts.append(_part(name, python, here, wanted))
    say()
    head = ("under Wine", "passed", "failed", "skipped", "time", "")
    for line in table([head, *(part.row() for part in parts)]):
        say(line)
    for part in parts:
        for problem in part.problems:
            say(f"!!! {part.title}: {problem}")
    say()
    print(closing_line(parts, time.monotonic() - started), flush=True)
    return 0 if all(part.ok for part in parts) else 1


def run(pythons: Sequence[str] | None, words: Sequence[str]) -> int:
    """Run a program on the Windows Python, with its output as it comes, and return its exit status."""
    version = [*_versions(pythons or ()), DEFAULT][0]
    wine.ensure_installed()
    with Wine() as here:
        python = interpreter.build(version, here)
        contents.install(python)
        # What the caller says to Python and to asyncio reaches the program.
        env = {k: v for k, v in os.environ.items() if k.startswith(("ASYNCIO_", "PYTHON"))}
        process = here.start([python.program, *words], cwd=None, env=env)
        for data in wine.until_end(process, FOREVER):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        return process.wait()


def _versions(wanted: Sequence[str]) -> Sequence[str]:
    for version in wanted:
        if version not in interpreter.VERSIONS:
            known = ", ".join(interpreter.VERSIONS)
            raise Failure(f"windows: no Windows Python {version} can be had ({known})", status=2)
    return wanted


def _every_version() -> Sequence[str]:
    """Return the versions whose standard library and tests are on this machine, the default first."""
    others = [version for version in interpreter.VERSIONS if version != DEFAULT]
    here = [version for version in others if interpreter.can_be_built(version)]
    if left_out := ", ".join(version for version in others if version not in here):
        say(f"--- left out: Python {left_out}, which this machine has not, or without its tests")
    return [DEFAULT, *here]


def _part(name: str, python: WindowsPython, here: Wine, wanted: Wanted) -> Part:
    """Run one part; whatever ends it is written down, and the next part runs."""
    title, body = _BODIES[name]
    part = Part(f"{title}, Windows Python {python.version}, {contents.form()}")
    say()
    say(f"==> {part.title} (under Wine)")
    started = time.monotonic()
    try:
        body(part, python, here, wanted)
    except Failure as failure:
        part.problems.append(str(failure))
    part.seconds = time.monotonic() - started
    say(f"    {part.title}: {took(part.seconds)}")
    return part


def _own(part: Part, python: WindowsPython, here: Wine, wanted: Wanted) -> None:
    own_tests.run(part, python, here, wanted.packages, wanted.patterns, jobs=wanted.jobs)


def _kit(part: Part, python: WindowsPython, here: Wine, wanted: Wanted) -> None:
    own_tests.run_kit(part, python, here, wanted.patterns, jobs=wanted.jobs)


def _suite(part: Part, python: WindowsPython, here: Wine, wanted: Wanted) -> None:
    modules = wanted.modules or suite.MODULES
    made = suite.Run(python, here, modules, wanted.patterns, wanted.jobs)
    made.run()
    suite.report(made, part)


def _stubs(part: Part, python: WindowsPython, here: Wine, wanted: Wanted) -> None:
    stubs.run(part, python, here)


def _programs(part: Part, python: WindowsPython, here: Wine, wanted: Wanted) -> None:
    programs.run_all(part, python, here)
    programs.press_ctrl_c(part, python, here)


def _campaign(part: Part, python: WindowsPython, here: Wine, wanted: Wanted) -> None:
    campaigns.run(part, python, here, whole=wanted.whole)


def _soak(part: Part, python: WindowsPython, here: Wine, wanted: Wanted) -> None:
    measuring.soak(part, python, here)


def _echo(part: Part, python: WindowsPython, here: Wine, wanted: Wanted) -> None:
    measuring.echo(part, python, here)


_BODIES: dict[str, tuple[str, Callable[[Part, WindowsPython, Wine, Wanted], None]]] = {
    "own": ("tests of the packages", _own),
    "kit": ("the loop kit", _kit),
    "suite": ("the interpreter's suite", _suite),
    "stubs": ("type stubs", _stubs),
    "programs": ("programs", _programs),
    "campaign": ("the fault campaign", _campaign),
    "soak": ("soak", _soak),
    "echo": ("echo throughput", _echo),
}
