"""The words after `dev.py docs`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from docs import building, pictures
from docs.laying_out import lay_out
from docs.shelf import MEASUREMENTS
from workspace.console import Failure, say
from workspace.paths import CACHE

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = CACHE / "docs"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/dev.py docs",
        description="Build the documentation's site; a warning is an error.",
    )
    parser.add_argument(
        "--serve",
        action="store_true",
        help="then serve it, and make it anew whenever a file is saved",
    )
    parser.add_argument(
        "--at", default="localhost:8000", metavar="HOST:PORT", help="where to serve it"
    )
    text = "where to build it, in a folder `site` (.cache/docs)"
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER", help=text)
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="draw the pictures of programs on a terminal anew (packages/asyncio/docs/assets), and build nothing",
    )
    text = (
        "the kept measurements that the page Performance shows (packages/asyncio/docs/performance)"
    )
    parser.add_argument(
        "--measurements", type=Path, default=MEASUREMENTS, metavar="FOLDER", help=text
    )
    return parser


def main(words: Sequence[str]) -> int:
    """Carry out the words, and return the exit status."""
    options = _parser().parse_args(words)
    if options.pictures:
        for path in pictures.draw():
            print(path)
        return 0
    folder: Path = options.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lay_out(folder, options.measurements)
        if options.serve:
            return building.serve(folder, options.at, options.measurements)
        building.build(folder)
    except Failure as failure:
        say(f"dev.py docs: {failure}")
        return failure.status
    except KeyboardInterrupt:
        return 130
    print(folder / "site" / "index.html")
    return 0
