"""Break the implementation on purpose, and see whether the runner fails each time: `--breakages`.

Each breakage of breakages.toml is one replacement in a file of an environment that is made for it: a virtual
environment with copies of the distributions, where nothing else is changed. The runner runs there as it always does,
and first without a breakage, since a failure says nothing where the same tests fail anyway.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("breakages.toml")
RUNNER = Path(__file__).parent
#: What is copied, by the distributions' names.
MODULES = {
    "asyncio": ("asyncio", "_asyncio_precedence"),
    "asyncio-core": ("asyncio_core",),
    "asyncio-selectors": ("asyncio_selectors",),
    "asyncio-streams": ("asyncio_streams",),
    "asyncio-subprocess": ("asyncio_subprocess",),
    "asyncio-sync": ("asyncio_sync",),
}
HOOKS = ("asyncio-precedence.pth", "asyncio-precedence.start")


@dataclass(frozen=True)
class Breakage:
    """One change for the worse, and what the runner is to say about it."""

    name: str
    file: str  #: in site-packages
    find: str
    replace: str
    run: list[str]
    seen: str

    def apply(self, site_packages: Path) -> None:
        path = site_packages / self.file
        text = path.read_text("utf-8")
        if text.count(self.find) != 1:
            raise LookupError(f"{self.file} has {text.count(self.find)} times: {self.find!r}")
        path.write_text(text.replace(self.find, self.replace), "utf-8")


def load(path: Path = FILE) -> list[Breakage]:
    """Return the breakages of a file."""
    return [Breakage(**entry) for entry in tomllib.loads(path.read_text("utf-8"))["breakage"]]


def table(breakages: list[Breakage]) -> str:
    """Return the README's table of the breakages and what is seen of them, in Markdown."""
    lines = ["| broken | run | seen |", "|---|---|---|"]
    for one in breakages:
        lines.append(f"| {one.name} | `{' '.join(one.run)}` | `{one.seen}` |")
    return "\n".join(lines)


class Installation:
    """A virtual environment with copies of the installed distributions."""

    def __init__(self, folder: Path) -> None:
        venv.EnvBuilder(symlinks=sys.platform != "win32").create(folder)
        self._python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        answer = subprocess.run([self._python, "-c", code], capture_output=True, text=True)
        self.site_packages = Path(answer.stdout.strip())
        for distribution, modules in MODULES.items():
            self._copy_metadata(distribution)
            for module in modules:
                self._copy_module(module)
        for hook in HOOKS:
            shutil.copy(_on_path(hook), self.site_packages)

    def _copy_metadata(self, distribution: str) -> None:
        version = importlib.metadata.version(distribution)
        name = f"{distribution.replace('-', '_')}-{version}.dist-info"
        shutil.copytree(_on_path(name), self.site_packages / name)

    def _copy_module(self, module: str) -> None:
        spec = importlib.util.find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin)
        if spec.submodule_search_locations:
            # What is broken is the Python, which runs where there are no compiled twins.
            ignored = shutil.ignore_patterns("__pycache__", "_twins.*")
            shutil.copytree(source.parent, self.site_packages / source.parent.name, ignore=ignored)
        else:
            shutil.copy(source, self.site_packages)

    def run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        command = [str(self._python), str(RUNNER), *arguments]
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )


def _on_path(name: str) -> Path:
    return next(path for folder in sys.path if (path := Path(folder, name)).exists())


def try_out(breakage: Breakage) -> str:
    """Return what is wrong with a breakage; nothing, where the runner says what it has to say."""
    with tempfile.TemporaryDirectory(prefix="breakage-") as folder:
        installation = Installation(Path(folder))
        before = installation.run(breakage.run)
        if before.returncode:
            return f"fails unbroken too (exit status {before.returncode}):\n{before.stdout}"
        try:
            breakage.apply(installation.site_packages)
        except (LookupError, OSError) as error:
            return str(error)
        after = installation.run(breakage.run)
    if after.returncode != 1:
        return f"exit status {after.returncode}, not 1:\n{after.stdout}"
    if breakage.seen not in after.stdout:
        return f"does not say {breakage.seen!r}:\n{after.stdout}"
    return ""


def main(patterns: list[str]) -> int:
    """Try out the breakages whose names contain one of the patterns, or all; return the exit status."""
    chosen = [b for b in load() if not patterns or any(p in b.name for p in patterns)]
    bad = 0
    for number, breakage in enumerate(chosen, 1):
        started = time.monotonic()
        wrong = try_out(breakage)
        seconds = time.monotonic() - started
        verdict = f"NOT NOTICED: {wrong}" if wrong else f"noticed: {breakage.seen}"
        print(
            f"[{number:2}/{len(chosen)}] {breakage.name}: {verdict} ({seconds:.1f} s)", flush=True
        )
        bad += bool(wrong)
    print(f"{len(chosen) - bad} of {len(chosen)} breakages were noticed")
    return 1 if bad or not chosen else 0
