"""The commands of `python -m asyncio`.

Each prints to standard output and returns 0. What cannot be done is one line on standard error and
exit status 2.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# Where the distribution puts them: outside of site-packages, of which mypy would take none.
_STUB = "share/asyncio/stubs/asyncio/__init__.pyi"
#: Characters in a line of what is printed, where the words allow it.
_WIDTH = 80
_FOR_HELP = ("-h", "--help")

_USAGE = """\
usage: python -m asyncio [COMMAND]

Without a command: an interactive shell with top-level await.

commands (COMMAND --help tells more):
"""
_LOOPS = """\
Lists the event loops that distributions register, by the names that the environment variable ASYNCIO_LOOP
takes, and makes one of each to see whether it can be used; where not, the reason stands below its line.
The default is what programs run on that choose no other. Where ASYNCIO_LOOP is set, the last line tells
what it chooses.
"""
_STUBS = """\
Prints the folder that shows this asyncio to type checkers, which take typeshed's otherwise. For mypy set
MYPYPATH=$(python -m asyncio stubs), for pyright name the folder as its stubPath.
"""
_READING = """\
Of this asyncio it asks a process that has an inspector, on all Pythons: one that was started with
ASYNCIO_INSPECT=1 in its environment, or has called asyncio_core.inspecting.start(). Without one it makes
the interpreter of the process answer (Python 3.14 and newer, the same version on both sides), which takes the
right to debug it; so do the tasks of the standard asyncio, which it only reads. With --json it prints all that is
known.
"""
_PS = f"""\
Prints the tasks of a process as a table: for each its state, what it waits for, where it stands, and who
awaits it.

{_READING}"""
_PSTREE = f"""\
Prints the tasks of a process as trees: below a task the coroutines it is in, outermost first, and below
these the tasks that it awaits.

{_READING}"""
_MEASURING = """\
It gets into the process, which has to run this asyncio, as ps does: by its inspector, or on Python 3.14 and newer
without one. All of it is counted, not sampled, while somebody asks, and by one at a time; that takes the process about half
a microsecond for each callback, four times that in the pure form. At other times it costs nothing.
"""
_TOP = f"""\
Shows what the loops of a process do, anew after each interval, until Ctrl-C or q: turns and callbacks a second, how
much of the time they were busy, how many callbacks were ready, and the lag, which is how long a turn took to run
them; then the tasks that took most time in their steps, and the callbacks that took longest.

With --once it prints one table after one interval and ends, with --json all figures of it. --interval takes seconds, 1
where it is not given.

{_MEASURING}"""
_TRACE = f"""\
Writes what a process does to a file that https://ui.perfetto.dev and chrome://tracing open: turns, callbacks and steps
of tasks, waits, reads and writes of sockets and pipes, and who wakes whom. It ends after so many seconds, at Ctrl-C or
another signal that ends processes, or with the process; a program goes on after it. FILE may be - for standard output. A file that was
there is replaced when there is a trace.

A program is what python would be given, such as program.py or -m package, with its arguments. It is recorded from its
first loop on; signals that trace gets are the program's, and its exit status is that of trace. The options stand before it, or at the very end.

{_MEASURING}"""
_VERSION = """\
Prints which asyncio this is and on which Python it runs, then for each distribution that it is made of the
version, and whether it runs compiled or pure, and why pure.
"""


class CommandError(Exception):
    """A command can't be carried out; the message is one line."""


class _Command(NamedTuple):
    """What `python -m asyncio NAME` does, in code and in words."""

    run: Callable[[str, Sequence[str]], int | None]
    summary: str
    about: str
    takes: str = ""


def main(arguments: Sequence[str]) -> str | int | None:
    """Carry out the command line `arguments` (without the program).

    Returns the exit status; after the shell it is whatever `sys.exit()` in it was given.
    """
    try:
        if not arguments:
            return _shell()
        name, *rest = arguments
        command = _COMMANDS.get(_SHORT.get(name, name))
        if command is None:
            raise CommandError(f"unknown command {name!r}; --help lists the commands")
        if sys.stdout is None:
            raise CommandError("standard output is closed")
        status = 0
        if _wants_help(command, rest):
            _print_help_of(name, command)
        else:
            status = command.run(name, rest) or 0
        sys.stdout.flush()
    except CommandError as error:
        print(f"python -m asyncio: {error}", file=sys.stderr)
        _forget_what_cannot_be_written()
        return 2
    except OSError as error:
        if not _reader_left(error) and error.errno not in _NO_ROOM:
            raise
        _forget_what_cannot_be_written()
        if _reader_left(error):
            # Who reads our output has seen enough.
            return 0
        print(f"python -m asyncio: standard output: {error.strerror}", file=sys.stderr)
        return 2
    return status


def _forget_what_cannot_be_written() -> None:
    """Leave nothing of which Python would complain once more at exit."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# What the system says where a file can take no more.
_NO_ROOM = {
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO") if hasattr(errno, name)
}


def _wants_help(command: _Command, rest: Sequence[str]) -> bool:
    # Those of a program that is traced are its own.
    words = rest[:1] if command.run is _trace else rest
    return any(word in _FOR_HELP for word in words)


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
    print(_USAGE, end="")
    for called, command in _COMMANDS.items():
        takes = "PID" if command.takes.startswith("PID") else ""
        takes = "PID|PROGRAM" if "PROGRAM" in command.takes else takes
        print(f"  {called + ' ' + takes:<17} {command.summary}")


def _print_help_of(name: str, command: _Command) -> None:
    print(f"usage: python -m asyncio {name} {command.takes}".rstrip())
    for paragraph in command.about.split("\n\n"):
        print()
        print(textwrap.fill(paragraph, _WIDTH))


def _version(name: str, rest: Sequence[str]) -> None:
    _expect_nothing(name, rest)
    from asyncio import _pieces

    python = f"{sys.implementation.name} {sys.version.split()[0]} on {sys.platform}"
    print(f"asyncio {asyncio.__version__} ({asyncio.__implementation__}), {python}")
    rows = [
        (piece, _pieces.version_of(piece), _pieces.form_of(piece)) for piece in _pieces.pieces()
    ]
    for line in _table(rows):
        print(line)
    others = _pieces.of_other_versions()
    if others:
        print(textwrap.fill(_pieces.told(others), _WIDTH))


def _loops(name: str, rest: Sequence[str]) -> None:
    _expect_nothing(name, rest)
    from asyncio_core.choosing import loop_registry

    loops = list(loop_registry.list_loops())
    rows = [("NAME", "DISTRIBUTION", "VERSION", "", "STATUS")]
    for loop in loops:
        default = "default" if loop.default else ""
        status = "usable" if loop.usable else "unusable"
        rows.append((loop.name, loop.distribution, loop.version, default, status))
    head, *lines = _table(rows)
    print(head)
    for line, loop in zip(lines, loops, strict=True):
        print(line)
        if loop.problem is not None:
            print(_indented(loop.problem))
    chosen = os.environ.get(loop_registry.VARIABLE)
    if chosen:
        try:
            policy = loop_registry.default_policy()
            kind = loop_registry.kind_of_loop(policy, f"{loop_registry.VARIABLE}={chosen}")
            name = f"{kind.__module__}.{kind.__qualname__}"
            choice = f"{loop_registry.VARIABLE}={chosen} is set: programs run on {name}"
        except loop_registry.LoopSelectionError as error:
            choice = str(error)
        print(textwrap.fill(choice, _WIDTH, break_long_words=False))


def _indented(text: str) -> str:
    indent = "    "
    return textwrap.fill(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False
    )


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
    words = [word for word in rest if word != "--json"]
    pid = _pid(name, words)
    from asyncio import tools
    from asyncio._inside import looking, reaching

    try:
        looking.show(name, pid, as_json=len(words) < len(rest))
    except (reaching.NotInside, tools.CycleFoundException) as error:
        raise CommandError(f"process {pid}: {error}") from None


def _top(name: str, rest: Sequence[str]) -> None:
    words, options = _options_of(name, rest, flags=("--once", "--json"), valued=("--interval",))
    pid = _pid(name, words)
    interval = _seconds("--interval", options.get("--interval", "1"))
    if "--json" in options and "--once" not in options:
        raise CommandError("top takes --json together with --once")
    from asyncio._inside import reaching

    try:
        from asyncio._inside import top

        if "--once" in options:
            top.show_once(pid, interval, as_json="--json" in options)
        else:
            top.show(pid, interval)
    except reaching.NotInside as error:
        raise CommandError(f"process {pid}: {error}") from None
    except KeyboardInterrupt:
        return


_PROGRAM_PRINTS = (
    "trace writes to standard output with the id of a process only: a program's output goes there"
)


def _trace(name: str, rest: Sequence[str]) -> int:
    words, options = _options_of(name, rest, valued=("-o", "--seconds"), first=True)
    if not words:
        raise CommandError(f"{name} takes the id of a process, or a program")
    if not options.get("-o"):
        raise CommandError(f"{name} takes the file to write as -o FILE")
    given = options.get("--seconds")
    seconds = None if given is None else _seconds("--seconds", given)
    from asyncio._inside import reaching, trace
    from asyncio._inside.trace_file import STANDARD_OUTPUT

    path = options["-o"]
    what = f"process {words[0]}"
    to_output = path == STANDARD_OUTPUT
    try:
        if not words[0].isdecimal():
            if to_output:
                raise CommandError(_PROGRAM_PRINTS)
            # Of a module its name; of a program in the command line not all of it.
            what = " ".join(words[: 2 if words[0] == "-m" else 1])
            status, told = trace.trace_program(words, path, seconds)
            if told:
                # What the program prints goes where it goes without.
                print(told, file=sys.stderr)
            return status
        told = trace.trace_process(_pid(name, words), path, seconds)
        print(told, file=sys.stderr if to_output else sys.stdout)
    except KeyboardInterrupt:
        raise CommandError(f"{what}: interrupted before there was a trace") from None
    except reaching.NotInside as error:
        raise CommandError(f"{what}: {error}") from None
    except OSError as error:
        if _reader_left(error):
            raise
        name = "standard output" if to_output else error.filename or path
        raise CommandError(f"{name}: {error.strerror}") from None
    return 0


def _options_of(
    name: str,
    rest: Sequence[str],
    *,
    flags: Sequence[str] = (),
    valued: Sequence[str],
    first: bool = False,
) -> tuple[list[str], dict[str, str]]:
    """Return the words that are no options, and the options with their values.

    With `first` they stand before the first other word; those with values may stand at the end instead.
    """
    words, options = list(rest), {}
    place = 0
    while place < len(words) and not (first and place):
        word = words[place]
        if word in flags:
            options[word] = ""
            del words[place]
        elif word in valued:
            if place + 1 == len(words):
                raise CommandError(f"{name} takes a value for {word}")
            options[word] = words[place + 1]
            del words[place : place + 2]
        elif word.startswith("-") and not first:
            raise CommandError(f"{name} takes no {word}; {name} --help tells what it takes")
        else:
            place += 1
    # With the file before it all that follows a program is the program's own.
    own_end = first and ("-o" not in options or (words[:1] and words[0].isdecimal()))
    while own_end and len(words) > 2 and words[-2] in valued and words[-2] not in options:
        options[words[-2]] = words[-1]
        del words[-2:]
    return words, options


def _pid(name: str, words: Sequence[str]) -> int:
    try:
        (word,) = words
        pid = int(word)
    except ValueError:
        raise CommandError(f"{name} takes the id of a process, got {' '.join(words)!r}") from None
    if not _is_there(pid):
        raise CommandError(f"process {pid}: there is no such process")
    return pid


def _seconds(option: str, given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    # Neither for ever, nor NaN.
    if not 0 < seconds < 1e6:
        raise CommandError(f"{option} takes a number of seconds, got {given!r}")
    return seconds


# What Windows says of a process that runs (GetExitCodeProcess).
_STILL_ACTIVE = 259


def _is_there(pid: int) -> bool:
    """Tell whether there is a process of this id, which need not be one's own."""
    if pid <= 0:
        # To kill() these are groups of processes.
        return False
    try:
        if sys.platform == "win32":
            # kill() would end it there. This asks for no right but to look.
            import _winapi

            process = _winapi.OpenProcess(0x1000, False, pid)
            try:
                # One that has ended is there as long as somebody holds it.
                return _winapi.GetExitCodeProcess(process) == _STILL_ACTIVE
            finally:
                _winapi.CloseHandle(process)
        else:
            os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _expect_nothing(name: str, rest: Sequence[str]) -> None:
    if rest:
        raise CommandError(f"{name} takes no arguments, got {' '.join(rest)!r}")


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows as lines, their columns aligned."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return lines


_COMMANDS = {
    "loops": _Command(_loops, "the event loops that are installed, and the default", _LOOPS),
    "stubs": _Command(_stubs, "the folder that shows this asyncio to type checkers", _STUBS),
    "ps": _Command(_process, "the tasks of a process, as a table", _PS, "PID"),
    "pstree": _Command(_process, "the tasks of a process, as trees", _PSTREE, "PID"),
    "top": _Command(
        _top,
        "what the loops of a process do, live",
        _TOP,
        "PID [--once [--json]] [--interval SECONDS]",
    ),
    "trace": _Command(
        _trace,
        "a trace of a process or a program, for Perfetto",
        _TRACE,
        "-o FILE [--seconds SECONDS] PID | PROGRAM [ARGUMENTS]",
    ),
    "--version": _Command(
        _version, "which asyncio this is, and which parts run compiled", _VERSION
    ),
    "--help": _Command(_help, "this text", "Lists the commands."),
}
_SHORT = {"-h": "--help", "-V": "--version"}
