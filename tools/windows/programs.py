"""Programs on the Windows Python: those of the demo, which check every reply that they get, and Ctrl-C."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windows.wine import until_end, windows_path
from workspace.console import say, step
from workspace.paths import ROOT, TOOLS

if TYPE_CHECKING:
    from windows.interpreter import WindowsPython
    from windows.wine import Wine
    from workspace.reports import Part

DEMO = TOOLS / "demo" / "programs"
CTRL_C = Path(__file__).parent / "programs" / "ctrl_c.py"


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
PROGRAMS = (
    ("generators.py", (), COMPLETION),
    ("tcp_clients.py", ("500",), COMPLETION),
    ("tcp_clients.py", ("100",), READINESS),
    ("web_aiohttp.py", (), COMPLETION),
    ("web_aiohttp.py", (), READINESS),
    ("web_https.py", (), COMPLETION),
    ("web_sockets.py", (), COMPLETION),
    ("web_uvicorn.py", (), COMPLETION),
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


def press_ctrl_c(part: Part, python: WindowsPython, wine: Wine) -> None:
    """Press Ctrl-C while a program waits; nothing else wakes its loop. Wine takes SIGINT for that key."""
    for variant in (COMPLETION, READINESS):
        for how, expected in (("interrupt", "interrupted"), ("handler", "handled")):
            title = f"ctrl_c.py {how}: {variant.title}"
            command = [python.program, windows_path(CTRL_C), how]
            said = b""
            with step(title):
                process = wine.start(command, cwd=ROOT, env=variant.environment)
                for data in until_end(process, 60):
                    said += data
                    if said.strip() == b"ready":
                        process.send_signal(signal.SIGINT)
                process.kill()
                process.wait()
            words = said.decode("utf-8", "replace").split()
            if words[:2] == ["ready", expected] and words[-1].startswith(variant.loop):
                part.passed += 1
            else:
                part.failed += 1
                part.problems.append(f"{title}: {said!r}")
