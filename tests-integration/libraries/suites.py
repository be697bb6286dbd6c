"""A library's own tests: from its source distribution, of the version that is installed, run by pytest in a process of its own.

The module is pytest's plugin there, too: it keeps how each test ended, and which asyncio ran.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traffic import check

if TYPE_CHECKING:
    import pytest

#: What the plugin is told, in the environment: the file for what it has seen.
_RECORD = "SUITE_RECORD"
#: The later in the list, the more it says about a test.
_RANK = ("passed", "skipped", "xfailed", "xpassed", "failed", "error")
_seen: dict[str, str] = {}


async def outcomes(name: str, folder: Path, *arguments: str) -> dict[str, str]:
    """Run the tests of the distribution `name` with pytest's `arguments`; return how each ended.

    No plugin is loaded because it is installed: what is needed is named, with `-p` or in the suite's configuration.
    """
    source = await _source(name, folder)
    record = folder / "record.json"
    variables = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(Path(__file__).parent),
        _RECORD: str(record),
    }
    command = ("-m", "pytest", "-q", "-p", "suites", "-p", "no:cacheprovider", *arguments)
    output = await _python(*command, cwd=source, env=variables)
    if not record.exists():
        raise AssertionError(output)
    kept = json.loads(record.read_text("utf-8"))
    check(kept["implementation"], getattr(asyncio, "__implementation__", "standard"))
    ended: dict[str, str] = kept["outcomes"]
    if any(outcome in ("failed", "error") for outcome in ended.values()):
        print(output)
    return ended


async def _source(name: str, folder: Path) -> Path:
    """Unpack the source distribution of what is installed."""
    version = importlib.metadata.version(name)
    pip = ("-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps")
    await _python(*pip, "--no-binary", ":all:", f"{name}=={version}", cwd=folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


async def _python(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=cwd,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    if process.returncode not in (0, 1):  # 1: there are tests that failed
        raise AssertionError(output)
    return output


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the worst of what is said about a test."""
    outcome: str = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.skipped else "xpassed"
    elif report.failed and report.when != "call":
        outcome = "error"
    before = _seen.get(report.nodeid, "passed")
    _seen[report.nodeid] = max(before, outcome, key=_RANK.index)


def pytest_sessionfinish() -> None:
    kept: dict[str, Any] = {
        "implementation": getattr(asyncio, "__implementation__", "standard"),
        "outcomes": _seen,
    }
    Path(os.environ[_RECORD]).write_text(json.dumps(kept), "utf-8")
