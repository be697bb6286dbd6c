"""Type stubs against what is there, on the Windows Python: typeshed's of asyncio, and that of the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windows.wine import windows_path
from workspace.console import say, step
from workspace.paths import ROOT, TOOLS

if TYPE_CHECKING:
    from windows.interpreter import WindowsPython
    from windows.wine import Wine
    from workspace.reports import Part

CHECKS = {
    "typeshed's stubs of asyncio": (windows_path(TOOLS / "stubtest"),),
    "the stub of _overlapped": ("-m", "mypy.stubtest", "--concise", "asyncio_iocp._overlapped"),
}


def run(part: Part, python: WindowsPython, wine: Wine) -> None:
    """Add a test for each of the checks to a part of the test run."""
    for title, words in CHECKS.items():
        with step(title):
            status, output = wine.run([python.program, *words], cwd=ROOT, limit=900)
        for line in output.decode("utf-8", "replace").splitlines():
            say(f"    {line:.200}")
        if status:
            part.failed += 1
            part.problems.append(f"{title}: exit status {status}")
        else:
            part.passed += 1
