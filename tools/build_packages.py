"""Build the distributions of the workspace into a folder: `python tools/build_packages.py [--out DIR] [NAME …]`.

Runs in hatch's `build` environment, which holds the build backend: nothing is downloaded for each package again.
By default a source distribution is made and the wheel is made from that, as `python -m build` does;
`--wheel` makes the wheels only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from workspace import packages
from workspace.console import Failure, say, step
from workspace.paths import ROOT


def build(name: str, folder: Path, out: Path, *, wheel_only: bool) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)]
    if wheel_only:
        command.append("--wheel")
    with step(f"building {name}"):
        result = subprocess.run(
            [*command, str(folder)],
            # They are installed on other Pythons than the one that runs here, too.
            env={**os.environ, "ASYNCIO_TWINS": "no"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode:
            raise Failure(f"{name} does not build:\n{result.stdout}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="build the distributions of the workspace")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder (default: dist)")
    parser.add_argument("--wheel", action="store_true", help="wheels only")
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
    try:
        for name in options.names or known:
            build(name, known[name], options.out, wheel_only=options.wheel)
        for folder in options.also:
            build(folder.name, folder, options.out, wheel_only=options.wheel)
    except Failure as failure:
        say(str(failure))
        return failure.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
