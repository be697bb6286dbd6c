"""Build the distributions of the workspace into a folder: `python tools/build_packages.py [--out DIR] [NAME …]`.

Runs in hatch's `build` environment, which holds the build backend: nothing is downloaded for each package again.
By default a source distribution is made and the wheel is made from that, as `python -m build` does;
`--wheel` makes the wheels only. What has compiled twins gets a wheel with them, for the Python that runs here, beside
the pure one; `--twins` makes the former only. Without a compiler there are none, or no wheels at all where ASYNCIO_TWINS
is `yes`; where it is `no`, the wheels are pure.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from workspace import packages
from workspace.console import Failure, say, step
from workspace.paths import ROOT

#: What a build hook says before the reason, where it leaves the twins out.
WITHOUT = "built without its compiled twins"


def build(folder: Path, out: Path, *, wheel_only: bool) -> str:
    """Build the wheels of a distribution, and the source distribution before them.

    Returns why there is no compiled wheel where one was tried.
    """
    made = ["--wheel"] if wheel_only else []
    why_pure = ""
    if has_twins(folder) and wanted_twins() != "no":
        why_pure = run_build(folder, out, wanted_twins(), *made)
        if why_pure:
            # What was built is the pure wheel.
            return why_pure
        made = ["--wheel"]
    run_build(folder, out, "no", *made)
    return why_pure


def has_twins(folder: Path) -> bool:
    return any((folder / "src").glob("*/_twins.pyx"))


def wanted_twins() -> str:
    return os.environ.get("ASYNCIO_TWINS") or "auto"


def run_build(folder: Path, out: Path, twins: str, *arguments: str) -> str:
    """Build one distribution, and return why there are no compiled twins in it where they were tried."""
    name = folder.name
    title = name if twins == "no" else f"{name}, compiled for {platform.python_version()}"
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)]
    with step(f"building {title}"):
        result = subprocess.run(
            [*command, *arguments, str(folder)],
            env={**os.environ, "ASYNCIO_TWINS": twins},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode:
            raise Failure(f"{name} does not build:\n{result.stdout}")
    for line in result.stdout.splitlines():
        if WITHOUT in line:
            return line.partition(f"{WITHOUT}: ")[2]
    return ""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="build the distributions of the workspace")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder (default: dist)")
    parser.add_argument("--wheel", action="store_true", help="wheels only")
    parser.add_argument("--twins", action="store_true", help="wheels with compiled twins only")
    parser.add_argument(
        "--also", type=Path, action="append", default=[], metavar="FOLDER", help="one more project"
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="distributions (default: all)")
    options = parser.parse_args(arguments)
    known = {package.name: package.folder for package in packages.load()}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        say(f"no such distribution: {', '.join(unknown)} (there are {', '.join(known)})")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    without: dict[str, list[str]] = {}
    try:
        for folder in [*(known[name] for name in options.names or known), *options.also]:
            why_pure = ""
            if not options.twins:
                why_pure = build(folder, options.out, wheel_only=options.wheel)
            elif has_twins(folder):
                why_pure = run_build(folder, options.out, wanted_twins(), "--wheel")
            if why_pure:
                without.setdefault(why_pure, []).append(folder.name)
    except Failure as failure:
        say(str(failure))
        return failure.status
    for why_pure, names in without.items():
        say(f"--- {', '.join(names)}: {WITHOUT}, in pure Python only: {why_pure}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
