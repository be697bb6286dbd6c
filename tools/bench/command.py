"""The words after `dev.py bench`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench import (
    cases,
    charts,
    comparing,
    counting,
    echo,
    field,
    growth,
    idle,
    memory,
    native,
    results,
    servers,
    sides,
    soak,
    tables,
    timing,
)
from bench.progress import Progress
from workspace import interpreters
from workspace import results as kept
from workspace.console import Failure, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.cases import Named
    from bench.field import Runner
    from bench.results import Figures

_Named = TypeVar("_Named", bound="Named")

_ABOUT = """\
Measure this asyncio, in both its forms, beside the standard one and other event loops.

  scheduling   tasks, callbacks, timers, what waits, locks, threads: by instructions, by time or by memory
  memory       what a task, a future, a timer takes; a million of sleeping tasks
  growth       the time of an operation where a thousand things are there at once, and up to a million
  echo         what a server takes for a message, beside one in C: by instructions, or by processor time
  services     the same of HTTP servers, and of clients of databases, that people use
  idle         the memory of a server that holds many connections on which nothing happens
  soak         whether millions of requests with resets, cancels and slow readers go right and leave nothing
  compare      two results, and what changed between them
  history      the results that are kept
  chart        the picture of a result, drawn anew
  overview     one picture of several results: each side's cost beside ours

Each side runs in an environment of its own, made on first use under .cache/bench (a minute or two for all).
A side that cannot be installed, has no loop, hangs or crashes is a line below the table.

How long it takes, on two cores of 2026: {times}
"""
_TIMES = """\
with all sides, scheduling by instructions 15 minutes (`--cases ten`: 5), by
time 25, by memory 15; memory 20; growth 90; echo 60, by time 30; services 15; idle 1; soak 20. `--sides` and `--cases` make it less.\
"""
ROUNDS = 15
#: The subjects of what measures servers.
SERVERS = {"echo": servers.SUBJECTS, "services": servers.SERVICES}
#: The cases with which loops are compared at large; `--cases ten`.
TEN = [
    "switch",
    "spawn",
    "wake",
    "call_soon",
    "timers",
    "gather",
    "queue",
    "lock",
    "timeout",
    "group",
]


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench",
        description=_ABOUT.format(times=_TIMES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--python", metavar="3.X", help="the Python to use")
    commands = parser.add_subparsers(metavar="WHAT", required=True, dest="what")
    _measuring(
        commands.add_parser("scheduling", help="what the loop does with tasks and callbacks")
    )
    _measuring(commands.add_parser("memory", help="what each thing takes"))
    _measuring(commands.add_parser("growth", help="what becomes of it with a million"))
    _measuring(commands.add_parser("echo", help="what a server takes for a message"))
    _measuring(
        commands.add_parser("services", help="what HTTP servers and clients of databases take")
    )
    idle.add_options(
        add_environments(commands.add_parser("idle", help="memory of idle connections"))
    )
    soak.add_options(
        _with_folder(
            add_environments(commands.add_parser("soak", help="resets, cancels and slow readers"))
        )
    )
    made = commands.add_parser("compare", help="what changed between two results")
    made.add_argument(
        "before", help="a file, a part of its name in the history, or last, last-1, …"
    )
    made.add_argument("after", help="likewise")
    made.add_argument("--all", action="store_true", help="show what is the same, too")
    _with_folder(made)
    _with_folder(commands.add_parser("history", help="the results that are kept"))
    made = commands.add_parser("chart", help="draw a result")
    made.add_argument("result", help="a file, a part of its name in the history, or last")
    made.add_argument("svg", type=Path, help="the file to write")
    _with_folder(made)
    made = commands.add_parser(
        "overview",
        help="draw several results beside each other",
        description="Without arguments: draw what is kept for the documentation, and write the README's table of it.",
    )
    made.add_argument("svg", type=Path, nargs="?", help="the file to write")
    made.add_argument("results", nargs="*", help="as for `chart`")
    _with_folder(made)
    return parser.parse_args(words)


def _with_folder(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "--out", type=Path, default=results.HISTORY, metavar="FOLDER", help="where results are kept"
    )
    return parser


def add_environments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "--environment",
        action="append",
        default=[],
        metavar="SIDE=PYTHON",
        help="run a side with this program, in whose environment it is installed (may be repeated)",
    )
    return parser


def _measuring(parser: argparse.ArgumentParser) -> None:
    _with_folder(add_environments(parser))
    names = ", ".join(sides.SIDES)
    parser.add_argument("--sides", type=_words, default=[], metavar="A,B", help=f"of {names}")
    what = parser.prog.split()[-1]
    subjects = SERVERS.get(what, (*cases.SUBJECTS, "ten"))
    parser.add_argument(
        "--cases",
        type=_words,
        default=[],
        metavar="A,B",
        help=f"by name, or all of {', '.join(subjects)}",
    )
    parser.add_argument(
        "--rounds", type=_positive, help=f"rounds of time ({ROUNDS}; growth: fewer for more)"
    )
    parser.add_argument("--no-chart", action="store_true", help="write no SVG beside the JSON")
    if what != "memory":
        ways = ["instructions", "time"] if what in SERVERS else ["time", "instructions"]
        if what == "scheduling":
            ways = list(results.UNITS)
        parser.add_argument("--by", choices=ways, default=ways[0])
        jobs = os.cpu_count() or 1
        parser.add_argument(
            "--jobs",
            type=_positive,
            default=jobs,
            help="sides at once, where instructions are counted",
        )
    if what == "growth":
        sizes = ",".join(map(str, growth.SIZES))
        parser.add_argument("--sizes", type=_sizes, default=list(growth.SIZES), help=f"({sizes})")
    if what != "growth" and what not in SERVERS:
        parser.add_argument(
            "--scale",
            type=float,
            default=1.0,
            help="memory: so many times the things, 0.1 for a quick look",
        )


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _sizes(text: str) -> list[int]:
    return [_positive(word) for word in _words(text.replace("_", ""))]


def main(words: Sequence[str]) -> int:
    try:
        options = parse(words)
        return _COMMANDS[options.what](options)
    except Failure as failure:
        say(f"bench: {failure}")
        return failure.status
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        return 1


def given(options: argparse.Namespace) -> dict[str, Path]:
    """Return the programs that were named for sides."""
    found = {}
    for word in options.environment:
        name, equals, path = word.partition("=")
        if name not in sides.SIDES or not equals or not Path(path).is_file():
            raise Failure(
                f"--environment {word}: SIDE=PYTHON is wanted, with a side and a program", 2
            )
        found[name] = Path(path).absolute()
    return found


def _python(options: argparse.Namespace) -> interpreters.Interpreter:
    if options.python:
        return interpreters.available([interpreters.parse_version(options.python)])[0]
    return interpreters.default()


def _chosen(options: argparse.Namespace) -> list[Any]:
    """Return the cases that were asked for, or those that belong to the measurement."""
    if options.what in SERVERS:
        subjects = SERVERS[options.what]
        among = [case for case in servers.load().values() if case.subject in subjects]
        return _named(options.cases, among)
    every = list(cases.load().values())
    belonging = {
        "scheduling": [case for case in every if case.subject != "holding"],
        "memory": [case for case in every if case.held],
        "growth": [case for case in every if case.at_once and case.subject != "holding"],
    }
    words = [word for part in options.cases for word in (TEN if part == "ten" else [part])]
    return _named(words, belonging[options.what])


def _named(words: Iterable[str], among: Iterable[_Named]) -> list[_Named]:
    try:
        return cases.choose(words, among)
    except ValueError as error:
        raise Failure(str(error), 2) from None


def _measure(options: argparse.Namespace) -> int:
    try:
        wanted = sides.choose(options.sides, servers=options.what in SERVERS)
    except ValueError as error:
        raise Failure(str(error), 2) from None
    chosen = _chosen(options)
    by = "memory" if options.what == "memory" else options.by
    if by == "instructions":
        counting.check()
    if by == "memory":
        memory.check()
    if options.what in SERVERS:
        echo.check()
    programs, python = given(options), _python(options)
    with Progress() as progress:
        with progress.part("environments", len(wanted)) as show:
            more = sorted({need for case in chosen for need in getattr(case, "needs", ())})
            runners, absent = field.find_all(wanted, python, programs, show, more)
        if options.what == "echo":
            runners.append(echo.yardstick())
        figures = _figures(options, by, runners, chosen, progress) if runners else {}
    result = results.make(
        options.what, by, runners, absent, {case.name: case for case in chosen}, figures
    )
    out = tables.console()
    tables.show(result, out)
    path = results.save(result, options.out)
    out.print(f"written: {path}", soft_wrap=True, markup=False)
    if figures and not options.no_chart:
        charts.draw(result, path.with_suffix(".svg"))
        out.print(f"drawn:   {path.with_suffix('.svg')}", soft_wrap=True, markup=False)
    return 0 if figures else 1


def _figures(
    options: argparse.Namespace,
    by: str,
    runners: list[Runner],
    chosen: list[Any],
    progress: Progress,
) -> Figures:
    if options.what == "growth" and by == "instructions":
        with progress.part("growth", len(chosen) * len(options.sizes) * len(runners)) as show:
            return growth.count(runners, chosen, options.sizes, options.jobs, show)
    if options.what == "growth":
        with progress.part("growth", len(chosen) * len(options.sizes)) as show:
            return growth.measure(runners, chosen, options.sizes, options.rounds, show)
    if options.what in SERVERS and by == "instructions":
        with progress.part("instructions", len(chosen) * len(runners)) as show:
            return echo.count(runners, chosen, options.jobs, show)
    if options.what in SERVERS:
        with progress.part("time", len(chosen)) as show:
            return echo.measure(runners, chosen, options.rounds or ROUNDS, show)
    if by == "memory":
        with progress.part("memory", len(chosen) * len(runners)) as show:
            return memory.measure(runners, chosen, options.scale, show)
    if by == "time":
        rounds = options.rounds or ROUNDS
        sizes = [(case, case.timed, rounds) for case in chosen]
        with progress.part("time", len(chosen)) as show:
            return timing.figures_of(timing.measure(runners, sizes, show))
    with progress.part("instructions", len(chosen) * len(runners)) as show:
        wanted = {case.name: (case, case.counted) for case in chosen}
        return counting.measure(runners, wanted, options.jobs, show)


def _idle(options: argparse.Namespace) -> int:
    python = _python(options)
    runners, absent = field.find_all(idle.SIDES.values(), python, given(options), lambda _: None)
    if absent:
        raise Failure("; ".join(f"{name}: {reason}" for name, reason in absent.items()))
    return idle.run(options, runners)


def _soak(options: argparse.Namespace) -> int:
    memory.check()
    native.check()
    side = soak.chosen(options)
    python = _python(options)
    runners, absent = field.find_all([side], python, given(options), lambda _: None)
    if absent:
        raise Failure(f"{side.name}: {absent[side.name]}")
    with Progress() as progress, progress.part("soak", options.points) as show:
        points, wrong = soak.run(runners[0], options, show)
    figures = soak.figures(points, side.name) if points else {}
    result = results.make("soak", "memory", runners, {}, {}, figures)
    out = tables.console()
    if points:
        soak.show(points, out)
    path = results.save({**result, "points": points, "wrong": wrong}, options.out)
    out.print(f"written: {path}", soft_wrap=True, markup=False)
    for line in wrong:
        say(f"bench soak: {line}")
    return 1 if wrong else 0


def _compare(options: argparse.Namespace) -> int:
    paths = [results.find(word, options.out) for word in (options.before, options.after)]
    before, after = map(results.load, paths)
    rows = comparing.compare(before, after)
    out = tables.console()
    for title, path, result in (("before", paths[0], before), ("after", paths[1], after)):
        where = f"Python {results.python_of(result)}, commit {result['commit'] or 'unknown'}"
        out.print(f"{title}: {path.name} ({where})", soft_wrap=True, markup=False)
    shown = [row for row in rows if options.all or row.verdict not in ("same", "none")]
    if shown:
        tables.changes(shown, ("before", "after"), out)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.verdict] = counts.get(row.verdict, 0) + 1
    out.print(", ".join(f"{number} {verdict}" for verdict, number in counts.items()) or "nothing")
    return 0


def _history(options: argparse.Namespace) -> int:
    for path in results.history(options.out):
        result = results.load(path)
        print(
            f"{path.name}  commit {result['commit'] or 'unknown'}  {', '.join(results.measured(result))}"
        )
    return 0


def _chart(options: argparse.Namespace) -> int:
    charts.draw(results.load(results.find(options.result, options.out)), options.svg)
    return 0


def _overview(options: argparse.Namespace) -> int:
    if options.svg is None:
        charts.draw_overview(kept.kept_by_time(), kept.MEASUREMENTS / "overview.svg")
        kept.README.write_text(kept.with_tables(kept.README.read_text("utf-8")), "utf-8")
        return 0
    paths = [results.find(word, options.out) for word in options.results]
    charts.draw_overview(list(map(results.load, paths)), options.svg)
    return 0


_COMMANDS = {
    "scheduling": _measure,
    "memory": _measure,
    "growth": _measure,
    "echo": _measure,
    "services": _measure,
    "idle": _idle,
    "soak": _soak,
    "compare": _compare,
    "history": _history,
    "chart": _chart,
    "overview": _overview,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
