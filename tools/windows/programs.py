"""Programs on the Windows Python: the demo's, a soak, and a measurement; the last two beside the standard asyncio."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windows.wine import windows_path
from workspace.console import say, step
from workspace.paths import REPORTS, ROOT, TOOLS

if TYPE_CHECKING:
    from windows.interpreter import WindowsPython
    from windows.wine import Wine
    from workspace.reports import Part

FOLDER = Path(__file__).parent / "programs"
DEMO = TOOLS / "demo" / "programs"


@dataclass(frozen=True)
class Variant:
    """An implementation and a loop that programs run on."""

    title: str
    environment: dict[str, str]
    loop: str = ""  #: the module of the loop that has to be found to have run


STANDARD = Variant("the standard asyncio, proactor", {"ASYNCIO_IMPLEMENTATION": "stdlib"})
COMPLETION = Variant("this asyncio, iocp", {"ASYNCIO_LOOP": "iocp"}, "asyncio_iocp.")
READINESS = Variant("this asyncio, selectors", {"ASYNCIO_LOOP": "selectors"}, "asyncio_selectors.")

#: Programs of the demo, and what they run on. select() takes 512 sockets on Windows, so there are fewer clients there.
#: web_sockets.py and web_uvicorn.py are left out: on a busy machine their libraries gave up waiting, on each implementation.
PROGRAMS = (
    ("generators.py", (), COMPLETION),
    ("tcp_clients.py", ("500",), COMPLETION),
    ("tcp_clients.py", ("100",), READINESS),
    ("web_aiohttp.py", (), COMPLETION),
    ("web_aiohttp.py", (), READINESS),
    ("web_https.py", (), COMPLETION),
    ("udp_packets.py", (), COMPLETION),
    ("pipeline.py", (), COMPLETION),
)


def run_all(part: Part, python: WindowsPython, wine: Wine) -> None:
    """Run the programs of the demo, which check every reply."""
    for name, arguments, variant in PROGRAMS:
        title = f"{' '.join((name, *arguments))}: {variant.title}"
        command = [python.program, windows_path(DEMO / name), *arguments]
        with step(title):
            status, output = wine.run(command, cwd=ROOT, limit=300, env=variant.environment)
        problem = _problem(status, output, variant)
        if problem:
            part.failed += 1
            part.problems.append(f"{title}: {problem}")
            say(f"    FAILED: {problem}\n{output.decode('utf-8', 'replace')[-3000:]}")
        else:
            part.passed += 1


def _problem(status: int, output: bytes, variant: Variant) -> str:
    """Return what is wrong with what a program of the demo did, or nothing."""
    said = [line for line in output.splitlines() if not line.startswith(b'{"done"')]
    if not said or not said[-1].startswith(b'{"result"'):
        return f"no result, exit status {status}"
    result = json.loads(said[-1])["result"]
    say(f"      {result['checked']} checked, {result['differed']} differed: {result.get('what')}")
    if not result["loop"].startswith(variant.loop):
        return f"ran on {result['loop']}"
    if status or result["differed"]:
        return f"exit status {status}, {'; '.join(result['notes'])}"
    return "it wrote more than its result" if len(said) > 1 else ""


def soak(part: Part, python: WindowsPython, wine: Wine) -> None:
    """Open, use and close many connections; handles and memory have to stay flat."""
    _measure(part, python, wine, "soak.py", (COMPLETION, STANDARD), limit=3600)


def echo(part: Part, python: WindowsPython, wine: Wine) -> None:
    """Measure how fast messages come back."""
    _measure(part, python, wine, "echo_rate.py", (COMPLETION, READINESS, STANDARD), limit=300)


def _measure(
    part: Part,
    python: WindowsPython,
    wine: Wine,
    name: str,
    variants: tuple[Variant, ...],
    *,
    limit: float,
) -> None:
    """Run a program on each of the variants and show what it says; the standard's may end as it likes."""
    report = [f"{name}, Windows CPython {python.version} under Wine"]
    for variant in variants:
        say(f"--> {name}: {variant.title}")
        command = [python.program, windows_path(FOLDER / name)]
        status, output = wine.run(command, cwd=ROOT, limit=limit, env=variant.environment)
        lines = output.decode("utf-8", "replace").splitlines()
        report += ["", variant.title, *lines]
        for line in lines:
            say(f"    {line}")
        why = f"did not end within {limit:g} s" if status == 124 else f"exit status {status}"
        if status and variant is not STANDARD:
            part.failed += 1
            part.problems.append(f"{name} ({variant.title}): {why}")
        elif status:
            say(f"    ({why})")
        else:
            part.passed += 1
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / f"windows-{Path(name).stem}-{python.version}.txt"
    path.write_text("\n".join(report) + "\n", "utf-8")
