"""Run the interpreter's own tests of asyncio on this implementation: `python tools/dev.py conformance`.

Runs with the Python whose suite it is, in an environment that has the umbrella. Each class of tests gets a process
of its own, which proves that its asyncio is the one under test; each test gets a time limit; hanging and crashing are
failures, and so is a test that only this implementation skips. README.md beside this file tells more.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path

import breakages
import exclusions
import summary
from processes import WrongImplementation
from run import SUITE, Options, Run, modules_here

#: Exit status where nothing was to be run, as pytest has it.
NOTHING = 5
#: Left out by --quick: more than half of the time, for a sixth of the tests.
LONG = ("test_events", "test_sendfile", "test_ssl", "test_sslproto", "test_subprocess")


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument(
        "--module",
        dest="modules",
        action="append",
        metavar="NAME",
        help="a module of test.test_asyncio (may be repeated; default: all of them)",
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"all modules but {', '.join(LONG)}, which take long"
    )
    parser.add_argument(
        "-k",
        dest="patterns",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only tests whose full id contains or matches this (may be repeated)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one test")
    parser.add_argument(
        "--json", type=Path, action="append", default=[], help="write all outcomes into this file"
    )
    parser.add_argument(
        "--implementation",
        choices=("ours", "stdlib"),
        default="ours",
        help="stdlib: the standard asyncio, to compare with (no exclusions)",
    )
    parser.add_argument(
        "--breakages",
        action="store_true",
        help="break a copy of the implementation in many ways, and see that each is noticed",
    )
    options = parser.parse_args(words)
    if options.jobs < 1 or options.limit <= 0:
        parser.error("--jobs and --limit are positive")
    if options.quick and options.modules:
        parser.error("--quick chooses the modules, and so does --module")
    return options


def chosen(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the modules to run, and those that were asked for and are not in this suite."""
    here = modules_here()
    if not options.modules:
        return [name for name in here if not (options.quick and name in LONG)], []
    wanted = dict.fromkeys(options.modules)
    return [name for name in wanted if name in here], [name for name in wanted if name not in here]


def main(words: list[str]) -> int:
    options = parse(words)
    if importlib.util.find_spec(SUITE) is None:
        print(f"this Python comes without its test suite: {sys.executable}", file=sys.stderr)
        return 2
    if options.breakages:
        return breakages.main(options.patterns)
    modules, missing = chosen(options)
    for name in missing:
        print(f"    {name}: not in Python {sys.version_info[0]}.{sys.version_info[1]}", flush=True)
    # Ending the runner ends its processes, however it is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    try:
        run = Run(
            Options(modules, options.patterns, options.jobs, options.limit, options.implementation)
        )
        run.run()
    except (WrongImplementation, exclusions.BadFile) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("conformance: interrupted", file=sys.stderr)
        return 130
    seconds = time.monotonic() - started
    summary.write(run, seconds)
    for path in options.json:
        summary.write_json(run, path, missing=missing, seconds=seconds)
    if not run.good:
        return 1
    if not run.counts()["total"]:
        print("conformance: no test was chosen", file=sys.stderr)
        return NOTHING
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
