"""What the fixtures are that tests of the umbrella share (`packages/asyncio/tests/conftest.py`), for annotations."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

#: Runs an interpreter afresh.
RunPython = Callable[..., subprocess.CompletedProcess[str]]
#: Starts a program that is looked into.
Start = Callable[..., subprocess.Popen[str]]
#: Runs a command on such a program, and returns what it printed.
Look = Callable[..., str]
