"""Where things are in the work tree. All that is made here goes under folders that git ignores."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "packages"
TOOLS = ROOT / "tools"
#: The distribution that the tests of the packages need besides those.
TEST_SUPPORT = TOOLS / "test_support"
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"

LOGS = CACHE / "logs"
REPORTS = CACHE / "reports"
WHEELS = CACHE / "wheels"
FETCHED_PYTHONS = CACHE / "pythons"

ON_WINDOWS = os.name == "nt"


def executable(environment: Path, name: str = "python") -> Path:
    """Return the path of a program in a virtual environment."""
    if ON_WINDOWS:
        return environment / "Scripts" / f"{name}.exe"
    return environment / "bin" / name
