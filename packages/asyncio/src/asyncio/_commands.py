"""The commands of `python -m asyncio`.

Each prints to standard output and returns 0. What cannot be done is one line on standard error and
exit status 2.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# Where the distribution puts them: outside of site-packages, of which mypy would take none.
_STUB = "share/asyncio/stubs/asyncio/__init__.pyi"

_HELP = """\
usage: python -m asyncio [COMMAND]

Without a command: an interactive shell with top-level await.

commands:
  loops         the event loops that are installed, and which one is the default
  stubs         the folder that shows this asyncio to type checkers (MYPYPATH, pyright's stubPath)
  ps PID        the tasks of a process, as a table: see below
  pstree PID    the tasks of a process, as trees: see below
  --version     which asyncio this is, the versions of its parts, and which of them run compiled
  --help        this text

ps and pstree read another process with the help of the interpreter (Python 3.14 and newer), which knows
the tasks of the standard library's asyncio only. asyncio.print_call_graph() shows a task of this one, from
inside its process.
"""


class CommandError(Exception):
    """A command can't be carried out; the message is one line."""


def main(arguments: Sequence[str]) -> str | int | None:
    """Carry out the command line `arguments` (without the program).

    Returns the exit status; after the shell it is whatever `sys.exit()` in it was given.
    """
    try:
        if not arguments:
            return _shell()
        name, *rest = arguments
        command = _COMMANDS.get(name)
        if command is None:
            raise CommandError(f"unknown command {name!r}; --help lists the commands")
        command(name, rest)
        sys.stdout.flush()
    except CommandError as error:
        print(f"python -m asyncio: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if not _reader_left(error):
            raise
        # The reader of our output has seen enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _reader_left(error: OSError) -> bool:
    """Tell whether a pipe has no reader any more, which Windows calls an invalid argument."""
    return isinstance(error, BrokenPipeError) or (
        sys.platform == "win32" and error.errno == errno.EINVAL
    )


def _shell() -> str | int | None:
    from asyncio._repl import run_repl

    from asyncio_core.choosing.loop_registry import LoopSelectionError

    try:
        return run_repl()
    except LoopSelectionError as error:
        # ASYNCIO_LOOP names a loop that is not to be had.
        raise CommandError(str(error)) from error


def _help(name: str, rest: Sequence[str]) -> None:
    _expect_nothing(name, rest)
    print(_HELP, end="")


def _version(name: str, rest: Sequence[str]) -> None:
    _expect_nothing(name, rest)
    python = f"{sys.implementation.name} {sys.version.split()[0]} on {sys.platform}"
    print(f"asyncio {asyncio.__version__} ({asyncio.__implementation__}), {python}")
    _print_table((piece, _piece_version(piece), _piece_form(piece)) for piece in _pieces())


def _pieces() -> list[str]:
    """The distributions that the facade puts together."""
    from asyncio._modules import MODULES

    packages = {target.partition(".")[0] for target in MODULES.values()}
    packages.discard("asyncio")
    if sys.platform != "win32":
        packages.discard("asyncio_iocp")
    return sorted(package.replace("_", "-") for package in packages)


def _piece_version(distribution: str) -> str:
    from importlib import import_module

    try:
        module = import_module(distribution.replace("-", "_"))
    except ModuleNotFoundError:
        return "not installed"
    except ImportError as error:
        return f"not usable: {error}"
    return str(getattr(module, "__version__", "of unknown version"))


def _piece_form(distribution: str) -> str:
    """Tell whether a distribution runs compiled, and if not, why; nothing where it doesn't run at all."""
    from importlib import import_module

    package = distribution.replace("-", "_")
    try:
        import_module(package)
    except ImportError:
        return ""
    try:
        why = import_module(f"{package}.twins").why_pure
    except ModuleNotFoundError:
        why = "it has no compiled form"
    return "compiled" if why is None else f"pure: {why}"


def _loops(name: str, rest: Sequence[str]) -> None:
    _expect_nothing(name, rest)
    from asyncio_core.choosing import loop_registry

    rows = [("NAME", "DISTRIBUTION", "VERSION", "", "STATUS")]
    for loop in loop_registry.list_loops():
        default = "default" if loop.default else ""
        status = "usable" if loop.problem is None else loop.problem
        rows.append((loop.name, loop.distribution, loop.version, default, status))
    _print_table(rows)
    chosen = os.environ.get(loop_registry.VARIABLE)
    if chosen:
        print(f"{loop_registry.VARIABLE}={chosen} is set: it comes before the default")


def _stubs(name: str, rest: Sequence[str]) -> None:
    _expect_nothing(name, rest)
    from importlib.metadata import PackageNotFoundError, files

    try:
        installed = files("asyncio") or []
    except PackageNotFoundError:
        installed = []
    found = [str(file.locate()) for file in installed if file.match(_STUB)]
    # `pip install --target` lays them beside the package, and notes another place.
    found.append(os.path.join(os.path.dirname(__file__), os.pardir, *_STUB.split("/")))
    for stub in found:
        if os.path.isfile(stub):
            print(os.path.realpath(os.path.join(stub, os.pardir, os.pardir)))
            return
    raise CommandError("the stubs are not here: asyncio was not installed as a distribution")


def _process(name: str, rest: Sequence[str]) -> None:
    try:
        (word,) = rest
        pid = int(word)
    except ValueError:
        raise CommandError(f"{name} takes the id of a process, got {' '.join(rest)!r}") from None
    from asyncio import tools

    try:
        found = tools._read(pid)
        if not any(thread.awaited_by for thread in found):
            raise RuntimeError("no tasks found")
        (tools._print_table if name == "ps" else tools._print_trees)(found)
    except PermissionError:
        raise CommandError(f"process {pid}: {tools._WHO_MAY_READ}") from None
    except tools.CycleFoundException as error:
        raise CommandError(f"process {pid}: {error}") from None
    except (OSError, RuntimeError) as error:
        raise CommandError(
            f"process {pid}: {error}; only tasks of the standard library's asyncio can be read "
            "from outside, see --help"
        ) from None


def _expect_nothing(name: str, rest: Sequence[str]) -> None:
    if rest:
        raise CommandError(f"{name} takes no arguments, got {' '.join(rest)!r}")


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows with their columns aligned."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


_COMMANDS: dict[str, Callable[[str, Sequence[str]], None]] = {
    "-h": _help,
    "--help": _help,
    "-V": _version,
    "--version": _version,
    "loops": _loops,
    "stubs": _stubs,
    "ps": _process,
    "pstree": _process,
}
