"""A program under one seed after the other, and which decisions it takes for it to fail.

``python -m asyncio_core.testing [--loop NAME] [--seeds 0:100] -- PROGRAM ARGUMENTS…``

Runs the program, pytest say, with ASYNCIO_LOOP and ASYNCIO_SEED in its environment until it ends with another status than 0;
then again with parts of what was decided, until nothing can be left out, and says how to repeat that. The status is 1 where a
seed was found, 0 where none was, and 2 for arguments that are wrong.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from asyncio_core.testing.decisions import NOTED, PLAYED, SEED, format_table, parse_table
from asyncio_core.testing.shrinking import shrunk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio_core.testing.decisions import Table

# As long as that a table may stand in a line that people copy.
_SHORT = 2000


class Program:
    """A program that is run again and again."""

    def __init__(self, command: list[str], loop: str, folder: Path) -> None:
        self._command = command
        self._loop = loop
        self._table = folder / "table"
        self._noted = folder / "noted"

    def run(self, **variables: str) -> subprocess.CompletedProcess[bytes]:
        """Run it with environment variables, in which its loop is named."""
        environment = {
            **os.environ,
            "ASYNCIO_LOOP": self._loop,
            NOTED: str(self._noted),
            **variables,
        }
        return subprocess.run(
            self._command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def noted(self) -> dict[tuple[int, int], int]:
        """Return what the last run has decided."""
        return parse_table(f"@{self._noted}")

    def fails_with(self, table: Table) -> bool:
        """Tell whether it fails with these decisions."""
        self._table.write_text(format_table(table), "utf-8")
        return self.run(**{PLAYED: f"@{self._table}"}).returncode != 0


def main(arguments: list[str] | None = None) -> int:
    """Find a seed, shrink what it decides, and say so."""
    parser = argparse.ArgumentParser(
        prog="python -m asyncio_core.testing",
        description="run a program under one seed after the other, until it fails, and find out why",
    )
    parser.add_argument("--loop", default="shuffled", help="shuffled (the default) or chaos")
    parser.add_argument(
        "--seeds", default="0:100", type=_seeds, metavar="FIRST:END", help="default: 0:100"
    )
    parser.add_argument(
        "--attempts", default=200, type=int, help="runs for leaving out decisions (default: 200)"
    )
    parser.add_argument("command", nargs="+", metavar="PROGRAM", help="and its arguments, after --")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        program = Program(options.command, options.loop, Path(folder))
        for seed in options.seeds:
            try:
                done = program.run(**{SEED: str(seed)})
            except OSError as exc:
                parser.error(f"{options.command[0]} cannot be run: {exc}")
            if done.returncode:
                break
        else:
            print(f"no failure with {len(options.seeds)} seeds")
            return 0
        sys.stdout.buffer.write(done.stdout)
        print(f"fails: ASYNCIO_LOOP={options.loop} {SEED}={seed}", flush=True)
        try:
            table = program.noted()
        except (OSError, ValueError):
            print("what was decided is not known: the program was killed, or has not made a loop")
            return 1
        _tell(program, table, options.attempts, options.loop)
    return 1


def _tell(program: Program, table: Table, attempts: int, loop: str) -> None:
    """Shrink a table, and say what is left of it."""
    if not program.fails_with(table):
        print(
            f"its {len(table)} decisions by themselves do not repeat it: something else decides, too"
        )
        return
    left = shrunk(table, program.fails_with, attempts)
    text = format_table(left)
    print(f"{len(left)} of {len(table)} decisions are enough:")
    print(f"ASYNCIO_LOOP={loop} {PLAYED}={text if len(text) <= _SHORT else text[:_SHORT] + '…'}")


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end)) if end else range(int(first), int(first) + 1)


if __name__ == "__main__":
    sys.exit(main())
