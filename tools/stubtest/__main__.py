"""Hold this asyncio against typeshed's stubs: `python tools/dev.py stubs`, on every Python.

Runs with the Python that is to be checked, in an environment that has the umbrella and mypy, whose stubtest
compares what the stubs say with what is there at run time. What it finds is a difference unless

- stubtest finds the same of the interpreter's own asyncio;
- it does not find it with the stubs of the newest Python, whose asyncio this is on every Python; or
- `allowed.toml` says why it is right. An entry there that explains nothing has to go.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALLOWED = HERE / "allowed.toml"
RUNNING = "{}.{}".format(*sys.version_info)
NEWEST = "3.15"
#: Seconds for one run of stubtest, which takes some five.
LIMIT = 240
_WHICH = "import asyncio; print(getattr(asyncio, '__implementation__', 'standard'))"


class BadRun(Exception):
    """No result: one line says why."""


@dataclass
class Allowance:
    """One entry of allowed.toml."""

    pattern: re.Pattern[str]
    reason: str
    used: bool = False


def load(path: Path = ALLOWED, version: str = RUNNING) -> list[Allowance]:
    """Return the entries that apply to a Python such as "3.13" on this system."""
    found = []
    for entry in tomllib.loads(path.read_text("utf-8")).get("allowed", ()):
        if set(entry) - {"pythons", "systems", "forms"} != {"findings", "reason"}:
            raise BadRun(
                f"{path.name}: an entry is findings, reason, perhaps pythons, systems and forms: {entry}"
            )
        if len(entry["reason"].split()) < 4:
            raise BadRun(f"{path.name}: a reason is a sentence: {entry['findings']}")
        on_this_system = sys.platform in entry.get("systems", [sys.platform])
        in_this_form = form() in entry.get("forms", [form()])
        if on_this_system and in_this_form and version in entry.get("pythons", [version]):
            patterns = [re.compile(text) for text in entry["findings"]]
            found += [Allowance(pattern, entry["reason"]) for pattern in patterns]
    return found


def form() -> str:
    """Return the form of the packages that is checked: compiled where it is installed."""
    return "compiled" if importlib.util.find_spec("asyncio_core._twins") else "pure"


def stubtest(implementation: str, stubs: str = RUNNING) -> set[str]:
    """Return what stubtest finds, one line each, of `implementation` and the stubs of a Python."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ASYNCIO_")}
    if implementation == "standard":
        env["ASYNCIO_IMPLEMENTATION"] = "stdlib"
    # An empty folder: stubtest would read a configuration from the current one.
    with tempfile.TemporaryDirectory() as folder:
        runs = _run(["-c", _WHICH], folder, env).stdout.strip()
        if runs != implementation:
            raise BadRun(
                f"the {implementation} asyncio was to be checked, and {runs or 'none'} runs"
            )
        settings = Path(folder, "settings.ini")
        settings.write_text(f"[mypy]\npython_version = {stubs}\n", "utf-8")
        command = ["-m", "mypy.stubtest", "--concise", "--mypy-config-file", str(settings)]
        done = _run([*command, "asyncio"], folder, env)
    lines = done.stdout.splitlines()
    if done.returncode not in (0, 1) or not all(re.match(r"asyncio[.\w-]* ", s) for s in lines):
        raise BadRun(f"stubtest did not work:\n{done.stdout}{done.stderr}")
    # That a module fails to import is the finding; how each says so is its own affair.
    return {re.sub(r"(failed to import)\b.*", r"\1", line) for line in lines}


def _run(
    arguments: list[str], folder: str, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT
    )


def compare(allowed: list[Allowance]) -> dict[str, str]:
    """Return each finding with why it is right, or "" for a difference that nothing explains."""
    standard = stubtest("standard")
    newest = stubtest("independent", NEWEST)
    outcome = {}
    for finding in sorted(stubtest("independent")):
        if finding in standard:
            outcome[finding] = "standard"
        elif finding not in newest:
            outcome[finding] = "newer"
        else:
            explaining = [entry for entry in allowed if entry.pattern.match(finding)]
            for entry in explaining:
                entry.used = True
            outcome[finding] = "allowed" if explaining else ""
    return outcome


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/stubtest", description=__doc__)
    parser.add_argument("--show", action="store_true", help="show what is explained, too")
    options = parser.parse_args(words)
    try:
        allowed = load()
        outcome = compare(allowed)
    except (BadRun, subprocess.TimeoutExpired) as exc:
        print(exc, file=sys.stderr)
        return 2
    for finding, why in outcome.items():
        if options.show or not why:
            print(f"{why or '!!!'}: {finding}")
    unused = [entry.pattern.pattern for entry in allowed if not entry.used]
    for text in unused:
        print(f"!!! allowed.toml: explains nothing on Python {RUNNING}: {text}")
    counts = Counter(outcome.values())
    print(
        f"Python {RUNNING}: {counts['']} differences from the stubs; explained: {counts['standard']}"
        f" that the standard asyncio has too, {counts['newer']} newer than this Python,"
        f" {counts['allowed']} allowed"
    )
    return 1 if counts[""] or unused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
