#!/usr/bin/env python3
"""The workspace's one command: `python3 tools/dev.py COMMAND`.

Needs Python 3.11 or newer and pip; everything else is made on first use, under .venv/ and .cache/.
"""

from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts it with an older one is told so
    sys.exit("tools/dev.py needs Python 3.11 or newer; this is " + sys.version.split()[0])

from workspace import (
    conformance,
    demo_environment,
    environments,
    installing,
    interpreters,
    packages,
    sanitizing,
    testing,
    twins,
)
from workspace.console import Failure, say
from workspace.help import epilog
from workspace.paths import FETCHED_PYTHONS, ROOT, TEST_SUPPORT, TOOLS, executable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workspace.interpreters import Interpreter


def _one_python(options: argparse.Namespace) -> Interpreter:
    if options.python:
        wanted = options.python if isinstance(options.python, str) else options.python[0]
        return interpreters.available([interpreters.parse_version(wanted)])[0]
    return interpreters.default()


def _all_pythons(options: argparse.Namespace) -> list[Interpreter]:
    wanted = [interpreters.parse_version(text) for text in options.python or ()]
    return interpreters.available(wanted)


def _form(options: argparse.Namespace) -> str | None:
    """Return the form of the packages that was asked for, on the command line or in the environment."""
    chosen: str | None = options.form
    return chosen or twins.chosen_form()


def demo(options: argparse.Namespace) -> int:
    environment = demo_environment.prepare(_one_python(options))
    command = [str(executable(environment)), str(TOOLS / "demo"), *options.arguments]
    return subprocess.run(command, env=environments.program_environment(environment)).returncode


def run(options: argparse.Namespace) -> int:
    words = options.arguments
    if not words:
        raise Failure("run: say which program (PROGRAM ARGS…, or -m MODULE ARGS…)", status=2)
    if words[0] == "-m" and len(words) < 2:
        raise Failure("run: -m needs the name of a module", status=2)
    if words[0] not in ("-m", "-c") and not Path(words[0]).is_file():
        what = "is a folder" if Path(words[0]).is_dir() else "there is no such file"
        raise Failure(f"run: {words[0]}: {what}", status=2)
    environment = demo_environment.prepare(_one_python(options))
    demo_environment.check_loop(environment)
    status = subprocess.run(
        [str(executable(environment)), *words],
        env=environments.program_environment(environment, as_called=True),
    ).returncode
    # A program that a signal ended leaves the status that a shell would show.
    return 128 - status if status < 0 else status


def install(options: argparse.Namespace) -> int:
    return installing.install(options.into, options.pieces)


def test(options: argparse.Namespace) -> int:
    pythons = _all_pythons(options)
    forms = _form(options)
    pipeline = testing.Pipeline(pythons, options.arguments, [forms] if forms else twins.FORMS)
    return pipeline.run(options.only or testing.PARTS)


def _script(environment: str, script: str) -> Callable[[argparse.Namespace], int]:
    def call(options: argparse.Namespace) -> int:
        environments.prepare(environment)
        return environments.hatch_run(environment, script, *options.arguments)

    return call


def build(options: argparse.Namespace) -> int:
    # Who runs the tests of a source distribution finds what they need beside it.
    made: tuple[str, ...] = ("--also", str(TEST_SUPPORT))
    for python in _all_pythons(options) if options.python else [interpreters.default()]:
        if status := environments.build_packages(python, *made, *options.arguments):
            return status
        made = ("--twins",)
    return 0


def conformance_command(options: argparse.Namespace) -> int:
    if options.breakages:
        return conformance.break_on_purpose(_one_python(options), options.arguments)
    found = _all_pythons(options)
    return conformance.run(
        found, options.arguments, write_results=options.write_results, form=_form(options)
    )


def stubs(options: argparse.Namespace) -> int:
    found = _all_pythons(options)
    environments.prepare("integration")
    for python in found:
        environments.link(python)
    pythons = f"--pythons={','.join(python.version for python in found)}"
    tests = ("tests-integration/test_stubs.py", "--every-python", pythons)
    return environments.hatch_run("integration", "all", *tests, *options.arguments)


def bench(options: argparse.Namespace) -> int:
    environments.prepare("bench")
    which = ("--python", _one_python(options).version)
    return environments.hatch_run("bench", "python", TOOLS / "bench", *which, *options.arguments)


def docs(options: argparse.Namespace) -> int:
    environments.prepare("docs")
    return environments.hatch_run("docs", "python", TOOLS / "docs", *options.arguments)


def seeds(options: argparse.Namespace) -> int:
    chosen = f"{options.first}:{options.first + options.count}"
    return testing.under_seeds(_one_python(options), chosen, *options.arguments)


def fuzz(options: argparse.Namespace) -> int:
    python = _one_python(options)
    why_pure = twins.refresh(environments.prepare("test", python), python)
    if why_pure:
        raise Failure(f"fuzz: there is nothing to compare: {why_pure}")
    where = f"test.py{python.version}"
    return environments.hatch_run(where, "python", TOOLS / "fuzz", *options.arguments)


def campaign(options: argparse.Namespace) -> int:
    python = _one_python(options)
    if "--latencies" in options.arguments:
        # Beside others, each in an environment of its own, as all that is measured.
        environments.prepare("bench")
        which = ("--python", python.version)
        program = TOOLS / "campaign" / "latencies.py"
        return environments.hatch_run("bench", "python", program, *which, *options.arguments)
    why_pure = twins.refresh(environments.prepare("test", python), python)
    if why_pure:
        raise Failure(f"campaign: there is no compiled form: {why_pure}")
    variables = {}
    parts = runpy.run_path(str(TOOLS / "campaign" / "parts.py"))["PARTS"]
    named = [parts[word] for word in options.arguments if word in parts]
    if any(part.with_programs for part in named or parts.values()):
        # They run as a user's would, in an environment of their own, which the demo has, too.
        variables["CAMPAIGN_PROGRAMS_PYTHON"] = str(executable(demo_environment.prepare(python)))
    command = ("python", TOOLS / "campaign", *options.arguments)
    return environments.hatch_run(f"test.py{python.version}", *command, variables=variables)


def sanitize(options: argparse.Namespace) -> int:
    run = sanitizing.Sanitizing(_one_python(options), options.seconds, options.arguments)
    return run.run(options.only or sanitizing.PARTS)


def pythons(options: argparse.Namespace) -> int:
    missing = [v for v in interpreters.SUPPORTED if interpreters.find(v) is None]
    status = 0
    if missing and not options.list:
        recipe = TOOLS / "pythons" / "debian_pythons.sh"
        fetched = [version for version in missing if version in ("3.14", "3.15")]
        if not fetched:
            say(f"no recipe fetches Python {', '.join(missing)}; install with pyenv, say")
            status = 1
        elif sys.platform != "linux":
            say(f"Python {', '.join(missing)}: the recipe is for Debian; install with pyenv, say")
            status = 1
        else:
            say(f"--> fetching Python {', '.join(fetched)} into {FETCHED_PYTHONS}")
            command = [str(recipe), str(FETCHED_PYTHONS), "forky", " ".join(fetched)]
            status = subprocess.run(["bash", *command]).returncode
            interpreters.find.cache_clear()
            interpreters.probe.cache_clear()
    for version in interpreters.SUPPORTED:
        here = interpreters.find(version)
        if here is None:
            print(f"{version}  missing")
        else:
            suite = "" if here.has_suite else "  (without its test suite)"
            print(f"{version}  {here.full:<8}  {here.path}{suite}")
    return status


def windows(options: argparse.Namespace) -> int:
    from windows import command as on_windows

    if options.arguments[:1] == ["run"]:
        return on_windows.run(options.python, options.arguments[1:])
    return on_windows.test(on_windows.parse(options.python, options.arguments))


def version(options: argparse.Namespace) -> int:
    if options.new:
        for path in packages.set_version(options.new):
            print(path.relative_to(ROOT))
        return 0
    for problem in packages.disagreements():
        say(problem)
    print(packages.load()[0].version)
    return 1 if packages.disagreements() else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools/dev.py", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str,
        call: Callable[[argparse.Namespace], int],
        text: str,
        python: str = "",
        *,
        help_of_its_own: bool = False,
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=epilog(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=not help_of_its_own,
        )
        made.set_defaults(call=call, arguments=[])
        if python:
            many = python == "many"
            made.add_argument(
                "--python",
                metavar="3.X",
                action="append" if many else "store",
                help="only this Python (may be repeated)" if many else "the Python to use",
            )
        return made

    def with_form(made: argparse.ArgumentParser, default: str) -> None:
        text = f"only this form of the packages (default: {default})"
        made.add_argument("--form", choices=twins.FORMS, help=text)

    command("demo", demo, "show unmodified programs run on this implementation", "one")
    made = command("run", run, "run a program in the demo's environment", "one")
    made.usage = "tools/dev.py run [--python 3.X] PROGRAM ARGS… | -m MODULE ARGS…"
    text = "build the packages and install them into an environment"
    made = command("install", install, text)
    made.add_argument(
        "pieces",
        metavar="PIECE",
        nargs="*",
        help="a distribution, such as asyncio-sync or sync, with what it needs (default: asyncio, which is all)",
    )
    made.add_argument(
        "--into",
        metavar="ENVIRONMENT",
        help="the folder of a virtual environment, or a Python (default: the environment that is active)",
    )
    made = command("test", test, "run all tests on every Python that is here", "many")
    made.add_argument(
        "--only", action="append", choices=testing.PARTS, help="only this part (may be repeated)"
    )
    with_form(made, "both, or pure where ASYNCIO_PURE_PYTHON=1 is set")
    made.usage = (
        "tools/dev.py test [--python 3.X] [--only PART] [--form FORM] [ARGUMENTS FOR PYTEST]"
    )
    command("types", _script("types", "check"), "mypy --strict over packages and tools")
    command("lint", _script("lint", "check"), "check format and lint")
    command("format", _script("lint", "format"), "mend format and lint")
    command("rooms", _script("lint", "rooms"), "draw who imports whom into README.md")
    text = "build wheels and source distributions into dist/, compiled for each --python"
    command("build", build, text, "many")
    text = "run the interpreter's own suite on this one (tools/conformance/README.md)"
    made = command("conformance", conformance_command, text, "many")
    with_form(made, "compiled where there is a compiler; pure where ASYNCIO_PURE_PYTHON=1 is set")
    made.add_argument(
        "--write-results",
        action="store_true",
        help="after whole suites without a failure: keep the counts, and write the README's table",
    )
    made.add_argument(
        "--breakages",
        action="store_true",
        help="break a copy of the implementation in many ways, and see that each is noticed",
    )
    made.usage = "tools/dev.py conformance [--python 3.X] [--form FORM] [--module NAME] [-k PATTERN] [OPTIONS]"
    command("stubs", stubs, "hold asyncio against typeshed's stubs (tools/stubtest)", "many")
    text = "measure this asyncio beside the standard one and other loops (`bench --help`)"
    command("bench", bench, text, "one", help_of_its_own=True)
    text = "build the documentation's site, or --serve it (packages/asyncio/docs/contributing.md)"
    command("docs", docs, text, help_of_its_own=True)
    text = "run tests of tasks, locks and queues on shuffled loops, once with each of many seeds"
    made = command("seeds", seeds, text, "one")
    made.add_argument("--count", type=int, default=1000, help="how many seeds (default: 1000)")
    made.add_argument("--first", type=int, default=0, help="the first of them (default: 0)")
    text = "run random programs of tasks, or of a stream's reader, in both forms (tools/fuzz/README.md)"
    made = command("fuzz", fuzz, text, "one")
    made.usage = (
        "tools/dev.py fuzz [--python 3.X] [--reader] [--seconds N | --count N] [--seed N] [OPTIONS]"
    )
    text = (
        "cancel, fail and interrupt at each place where that can happen (tools/campaign/README.md)"
    )
    made = command("campaign", campaign, text, "one")
    made.usage = (
        "tools/dev.py campaign [--python 3.X] [PART …] [--only PATTERN] [--write] [OPTIONS]"
    )
    text = "run the compiled twins under the sanitizers, valgrind and a debug build of Python"
    made = command("sanitize", sanitize, text, "one")
    made.add_argument(
        "--only", action="append", choices=sanitizing.PARTS, help="only this part (may be repeated)"
    )
    text = "how long to run random programs in each of these parts (120)"
    made.add_argument("--seconds", type=float, default=120, help=text)
    made = command("pythons", pythons, "list the Pythons, and fetch those that can be fetched")
    made.add_argument("--list", action="store_true", help="list only")
    text = "run the Windows tests on a Windows CPython under Wine (tools/windows/README.md)"
    made = command("windows", windows, text, "many")
    made.usage = "tools/dev.py windows [--python 3.X] [OPTIONS | run PROGRAM ARGS…]"
    made = command("version", version, "print the version, or change it everywhere")
    made.add_argument("new", metavar="NEW", nargs="?", help="the version to write everywhere")
    return parser


#: Commands that hand what they do not know to what they run.
_PASSING_ON = (
    *("demo", "test", "types", "lint", "format", "rooms", "build", "conformance", "windows"),
    *("stubs", "bench", "docs", "seeds", "fuzz", "campaign", "sanitize"),
)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return what a command line asks for: `call` and its options; `arguments` are those that the command hands on."""
    parser = _parser()
    if words and words[0] == "run":
        # The program's own options are the program's: nothing after its name is read here.
        head, tail = _split_run(list(words[1:]))
        options = parser.parse_args(["run", *head])
        options.arguments = tail
    else:
        options, rest = parser.parse_known_args(words)
        if rest and words[0] not in _PASSING_ON:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        options.arguments = [word for word in rest if word != "--"]
    return options


def main(words: Sequence[str]) -> int:
    options = parse(words)
    try:
        status: int = options.call(options)
    except Failure as failure:
        say(f"dev.py: {failure}")
        return failure.status
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return status


def _split_run(words: list[str]) -> tuple[list[str], list[str]]:
    """Split `--python 3.X PROGRAM --an-option` into what is ours and what is the program's."""
    n = 0
    while n < len(words) and words[n].startswith("-") and words[n] not in ("-m", "-c", "--"):
        n += 2 if words[n] == "--python" else 1
    return words[:n], words[n + 1 :] if words[n : n + 1] == ["--"] else words[n:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
