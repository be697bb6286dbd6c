"""Programs on the Windows Python: unmodified ones, a soak, and a measurement; each beside the standard asyncio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from windows.wine import windows_path
from workspace.console import say
from workspace.paths import ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windows.interpreter import WindowsPython
    from windows.wine import Wine
    from workspace.reports import Part

FOLDER = Path(__file__).parent / "programs"
#: Implementations and loops that a program runs on: what to show, and the environment variables.
STANDARD = ("standard asyncio, ProactorEventLoop", {"ASYNCIO_IMPLEMENTATION": "stdlib"})
COMPLETION = ("this asyncio, iocp", {"ASYNCIO_LOOP": "iocp"})
READINESS = ("this asyncio, selectors", {"ASYNCIO_LOOP": "selectors"})


def run_all(part: Part, python: WindowsPython, wine: Wine) -> None:
    """Run the unmodified programs: each on this implementation's two loops."""
    for program in sorted(FOLDER.glob("shows_*.py")):
        for variant in (COMPLETION, READINESS):
            _run(part, python, wine, program, variant, limit=120)


def soak(part: Part, python: WindowsPython, wine: Wine) -> None:
    for variant in (COMPLETION, STANDARD):
        _run(part, python, wine, FOLDER / "soak.py", variant, limit=1800)


def echo(part: Part, python: WindowsPython, wine: Wine) -> None:
    for variant in (COMPLETION, READINESS, STANDARD):
        _run(part, python, wine, FOLDER / "echo_rate.py", variant, limit=300)


def _run(
    part: Part,
    python: WindowsPython,
    wine: Wine,
    program: Path,
    variant: tuple[str, dict[str, str]],
    *,
    limit: float,
    arguments: Sequence[str] = (),
) -> None:
    title, env = variant
    say(f"--> {program.name}: {title}")
    command = [python.program, windows_path(program), *arguments]
    status, output = wine.run(command, cwd=ROOT, limit=limit, env=env)
    for line in output.decode("utf-8", "replace").splitlines():
        say(f"    {line}")
    if status:
        why = f"did not end within {limit:g} s" if status == 124 else f"exit status {status}"
        say(f"    FAILED: {why}")
        part.failed += 1
        part.problems.append(f"{program.relative_to(TOOLS)} ({title}): {why}")
    else:
        part.passed += 1
