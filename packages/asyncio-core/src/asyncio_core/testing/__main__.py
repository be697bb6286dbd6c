"""A program under one seed after the other, and which decisions it takes for it to fail.

``python -m asyncio_core.testing [--loop NAME] [--seeds 0:100] -- PROGRAM ARGUMENTS…``

Runs the program, pytest say, with ASYNCIO_LOOP and ASYNCIO_SEED in its environment until it ends with another status than 0;
then again with parts of what was decided, until nothing can be left out, and says how to repeat that. The status is 1 where a
seed was found, 0 where none was, and 2, after one line, for arguments that are wrong, a program that makes no loop, and an output that
takes no more. A signal that ends it ends the program, too.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from asyncio_core.choosing.loop_registry import LoopSelectionError, named_policy
from asyncio_core.testing.decisions import (
    NOTED,
    PLAYED,
    SEED,
    checked_seed,
    format_table,
    parse_table,
)
from asyncio_core.testing.making import OverlaidPolicy
from asyncio_core.testing.shrinking import shrunk
from asyncio_core.testing.shuffled import ShuffledPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from asyncio_core.testing.decisions import Table

_NAME = "python -m asyncio_core.testing"
# As long as that a table may stand in a line that people copy.
_SHORT = 2000


class _Refused(Exception):
    """It cannot be done; the message is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong, without the usage, which --help tells."""
        raise _Refused(message)


class _Interrupted(BaseException):
    """A signal came that ends processes."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


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
            **{name: value for name, value in os.environ.items() if name not in (SEED, PLAYED)},
            "ASYNCIO_LOOP": self._loop,
            NOTED: str(self._noted),
            **variables,
        }
        # What the run before has noted is not this one's.
        self._noted.unlink(missing_ok=True)
        try:
            return subprocess.run(
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            name = self._command[0]
            hint = f" (a program in Python is run as python {name})" if name.endswith(".py") else ""
            raise _Refused(f"{name}: {error.strerror}{hint}") from None

    @property
    def has_noted(self) -> bool:
        """Whether the last run has made a loop that decides by a seed, and has ended regularly."""
        return self._noted.exists()

    def noted(self) -> dict[tuple[int, int], int]:
        """Return what the last run has decided."""
        return parse_table(f"@{self._noted}")

    def fails_with(self, table: Table) -> bool:
        """Tell whether it fails with these decisions."""
        self._table.write_text(format_table(table), "utf-8")
        return self.run(**{PLAYED: f"@{self._table}"}).returncode != 0


def main(arguments: list[str] | None = None) -> int:
    """Find a seed, shrink what it decides, and say so; return the exit status."""
    _take_signals()
    seeking = _Seeking()
    try:
        if sys.stdout is None:
            raise _Refused("standard output is closed")
        status = seeking.run(_options(arguments))
        sys.stdout.flush()
    except _Refused as error:
        return _told(str(error), 2)
    except _Interrupted as interrupted:
        return _told(f"interrupted{seeking.where}", 128 + interrupted.number)
    except BrokenPipeError:
        # Who reads our output has seen enough.
        _forget_output()
        return 0
    except OSError as error:
        _forget_output()
        return _told(f"{error.filename or 'standard output'}: {error.strerror}", 2)
    return status


def _told(message: str, status: int) -> int:
    print(f"{_NAME}: {message}", file=sys.stderr)
    return status


def _forget_output() -> None:
    """Have Python not complain once more, at exit, that nothing can be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _take_signals() -> None:
    def interrupt(number: int, _: object) -> None:
        raise _Interrupted(number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog=_NAME,
        description="run a program under one seed after the other, until it fails, and find out why",
    )
    parser.add_argument("--loop", default="shuffled", help="shuffled (the default) or chaos")
    parser.add_argument(
        "--seeds", default="0:100", metavar="FIRST:END", help="or one seed; default: 0:100"
    )
    parser.add_argument(
        "--attempts", default="200", help="runs for leaving out decisions (default: 200)"
    )
    parser.add_argument("command", nargs="+", metavar="PROGRAM", help="and its arguments, after --")
    options = parser.parse_args(arguments)
    options.seeds = _seeds(options.seeds)
    options.attempts = _attempts(options.attempts)
    _check_loop(options.loop)
    return options


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    try:
        seeds = range(int(first), int(end) if end else int(first) + 1)
    except ValueError:
        raise _Refused(f"--seeds takes FIRST:END, or one seed, got {text!r}") from None
    if not seeds:
        raise _Refused(f"--seeds {text} holds no seed")
    try:
        checked_seed(seeds[0])
    except ValueError as error:
        raise _Refused(f"--seeds {text}: {error}") from None
    return seeds


def _attempts(text: str) -> int:
    attempts = int(text) if text.isdecimal() else 0
    if not attempts:
        raise _Refused(f"--attempts takes a number from 1 on, got {text!r}")
    return attempts


def _check_loop(name: str) -> None:
    try:
        policy = named_policy(name)
    except LoopSelectionError as error:
        raise _Refused(f"--loop {name}: {error}") from None
    if not (isinstance(policy, OverlaidPolicy) and issubclass(policy.part, ShuffledPart)):
        raise _Refused(
            f"--loop {name}: no seed decides what its loops do; it does with shuffled and chaos"
        )


class _Seeking:
    """The search for a seed, which knows how far it has come."""

    def __init__(self) -> None:
        self.where = ""

    def run(self, options: argparse.Namespace) -> int:
        """Find one, and say so; return the exit status."""
        with tempfile.TemporaryDirectory() as folder:
            program = Program(options.command, options.loop, Path(folder))
            for seed in options.seeds:
                self.where = f" at {SEED}={seed}"
                done = program.run(**{SEED: str(seed)})
                if done.returncode:
                    break
                if not program.has_noted:
                    raise _Refused(
                        f"the program has made no loop of ASYNCIO_LOOP={options.loop}, so no seed decides anything in it"
                    )
            else:
                number = len(options.seeds)
                print(f"no failure with {number} {'seed' if number == 1 else 'seeds'}")
                return 0
            sys.stdout.buffer.write(done.stdout)
            print(f"fails: ASYNCIO_LOOP={options.loop} {SEED}={seed}", flush=True)
            try:
                table = program.noted()
            except ValueError:
                print(
                    "what was decided is not known: the program was killed, or has not made a loop"
                )
                return 1
            self.where = f" while decisions of {SEED}={seed} were left out"
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


if __name__ == "__main__":
    sys.exit(main())
