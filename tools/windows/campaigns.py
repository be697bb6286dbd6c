"""The fault campaign on the Windows Python: cancelled at each await, and each of Windows' calls failing once, by stand-ins."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from windows import contents
from windows.wine import WINDOWS_CACHE, WINE, windows_path
from workspace.console import say
from workspace.paths import ROOT, TEST_SUPPORT, TOOLS

if TYPE_CHECKING:
    from windows.interpreter import WindowsPython
    from windows.wine import Wine
    from workspace.reports import Part

CAMPAIGN = TOOLS / "campaign"
#: The parts that have a form for Windows.
FAULTS = ("cancel", "calls")
#: Seconds for one point: Wine starts a process slowly.
LIMIT = 120
_CLOSING = re.compile(r"\w+, \w+: ([\d,]+) points of \d+, (\d+) are wrong")


def run(part: Part, python: WindowsPython, wine: Wine, *, whole: bool) -> None:
    """Run the campaign on the loop over completion ports; in `whole`, every point, and the results are kept."""
    here = (
        f"{python.version} on Windows (Wine), iocp",
        [str(WINE), str(python.program)],
        # Where this process looks for modules is nothing to that one.
        {**{k: v for k, v in wine.environment().items() if _is_of_wine(k)}, "PYTHONPATH": ""},
        windows_path(CAMPAIGN / "worker.py"),
    )
    arguments = [*FAULTS, "--forms", contents.form(), "--interpreter", json.dumps(here)]
    arguments += ["--limit", f"{LIMIT}", "--state", str(WINDOWS_CACHE / "campaign.json")]
    arguments += ["--write"] if whole else ["--brief", "--anew"]
    environment = {**os.environ, "PYTHONPATH": str(TEST_SUPPORT / "src")}
    with subprocess.Popen(
        [sys.executable, str(CAMPAIGN), *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            say(f"    {line.rstrip()}")
            if (found := _CLOSING.match(line)) is not None:
                wrong = int(found[2])
                part.failed += wrong
                part.passed += int(found[1].replace(",", "")) - wrong
    if process.returncode:
        part.problems.append(f"the campaign ended with status {process.returncode}")


def _is_of_wine(name: str) -> bool:
    return name.startswith(("WINE", "PYTHON"))
