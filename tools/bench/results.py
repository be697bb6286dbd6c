"""Results: a file of JSON for each run, in a folder that is the history."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.sides import SIDES, YARDSTICK
from workspace.console import Failure
from workspace.paths import CACHE, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.cases import Case
    from bench.field import Runner

#: By case and side: {"value": …} and what belongs to it, or {"missing": reason}.
Figures = dict[str, dict[str, dict[str, Any]]]

HISTORY = CACHE / "bench" / "results"
FORMAT = 1
#: What a value is.
UNITS = {
    "instructions": "instructions for one operation",
    "time": "nanoseconds for one operation",
    "memory": "bytes for each thing",
}
#: What it is where servers are measured.
UNITS_OF_SERVERS = {
    "instructions": "instructions of the server for one message",
    "time": "nanoseconds of the server's processor time for one message",
}
UNIT_OF_LOAD = "milliseconds from a question to its answer"
UNIT_OF_SOAK = "bytes and numbers, at the end"


def make(
    what: str,
    by: str,
    runners: Sequence[Runner],
    absent: Mapping[str, str],
    cases: Mapping[str, Case],
    figures: Figures,
) -> dict[str, Any]:
    """Return one result with everything that is needed to understand it later."""
    found = {runner.side.name: _side(runner) for runner in runners}
    found.update((name, {"missing": reason}) for name, reason in absent.items())
    now = datetime.datetime.now(datetime.UTC)
    return {
        "format": FORMAT,
        "what": what,
        "by": by,
        "unit": _unit(what, by),
        "made": now.isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "processors": os.cpu_count(),
        },
        "sides": {name: found[name] for name in (*SIDES, YARDSTICK.name) if name in found},
        "cases": {
            name: {"title": case.title, "counted": case.counted, "timed": case.timed}
            for name, case in cases.items()
        },
        "figures": figures,
    }


def _unit(what: str, by: str) -> str:
    if what == "load":
        return UNIT_OF_LOAD
    if what == "soak":
        return UNIT_OF_SOAK
    return (UNITS_OF_SERVERS if what in ("echo", "services") else UNITS)[by]


def _side(runner: Runner) -> dict[str, Any]:
    return {"requirement": runner.side.requirement, **runner.facts}


def _commit() -> str:
    """Return what git calls the work tree as it is; empty where there is no git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def save(result: Mapping[str, Any], folder: Path) -> Path:
    """Write a result under a name that tells when, what, and on which Python."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = result["made"].partition("+")[0].replace(":", "")
    what = "-".join(dict.fromkeys((result["what"], result["by"])))
    name = f"{moment}-{what}-{python_of(result)}"
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def python_of(result: Mapping[str, Any]) -> str:
    """Return the version of the Python that was measured on; "none" where no side ran."""
    return next((side["python"] for side in result["sides"].values() if "python" in side), "none")


def history(folder: Path) -> list[Path]:
    """Return the files of a folder, the oldest first."""
    return sorted(folder.glob("*.json"))


def find(word: str, folder: Path) -> Path:
    """Return the file that a word means: a path, `last`, `last-1` …, or a part of one name in the history."""
    if Path(word).is_file():
        return Path(word)
    there = history(folder)
    if word == "last" or word.startswith("last-"):
        back = word.removeprefix("last").removeprefix("-") or "0"
        if not back.isdecimal() or int(back) >= len(there):
            raise Failure(f"{word}: there are {len(there)} results in {folder}", 2)
        return there[-1 - int(back)]
    found = [path for path in there if word in path.name]
    if len(found) != 1:
        raise Failure(f"{word}: names {len(found) or 'none'} of the results in {folder}", 2)
    return found[0]


def load(path: Path) -> dict[str, Any]:
    """Read a result. Raise Failure with status 2 for a file that is none."""
    try:
        result = json.loads(path.read_text("utf-8"))
        if result["format"] != FORMAT:
            raise Failure(f"{path}: format {result['format']}, and {FORMAT} is read here", 2)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"{path}: no result of a measurement ({type(error).__name__})", 2) from None
    return result  # type: ignore[no-any-return]


def measured(result: Mapping[str, Any]) -> list[str]:
    """Return the sides that have a figure, in the order in which they are shown."""
    return [
        name
        for name in result["sides"]
        if any("value" in figures.get(name, {}) for figures in result["figures"].values())
    ]


def value(result: Mapping[str, Any], case: str, side: str) -> float | None:
    """Return a figure, or None where there is none."""
    found = result["figures"].get(case, {}).get(side, {}).get("value")
    return None if found is None else float(found)
