"""What `dev.py COMMAND --help` says below the options: what else a command takes, how long, and how much disk."""

from __future__ import annotations

import textwrap

#: Characters in a line.
_WIDTH = 80

#: On two cores of 2026 with little else to do; the disk is what is left under .cache/ where nothing else is said. On first use of
#: any command, hatch is installed into .venv/ (130 MB), which takes half a minute.
COSTS = {
    "demo": "About a minute; the first time 2 more, to build the packages and fetch libraries, and 120 MB for each Python.",
    "run": "As long as the program; the first time what `demo` takes to make its environment.",
    "install": "A minute and a half for a Python that there is nothing built for yet, of which compiling is one, and 40 MB; "
    "some seconds while the work tree stays as it is. The environment itself grows by 5 MB.",
    "test": "About 25 minutes for all, with 5 Pythons, and 2 GB. `--only unit` with one Python and one form takes a minute or two, "
    "and 70 MB for each Python.",
    "types": "A minute, and 160 MB.",
    "lint": "Some seconds, and 80 MB.",
    "format": "Some seconds, and 80 MB.",
    "rooms": "Some seconds, and 80 MB.",
    "build": "A minute for each Python, and 35 MB; the files in dist/ are 2 MB.",
    "conformance": "Some 3 minutes for each Python, with `--quick` less than half of that, and 70 MB.",
    "stubs": "Half a minute for each Python, and 600 MB for the environment of the integration tests.",
    "seeds": "Some 6 seconds for each seed, and 70 MB for each Python.",
    "fuzz": "A minute, unless --seconds or --count say otherwise; 70 MB for each Python.",
    "campaign": "An hour and a half for all parts and both forms, most of it for signals and programs (`--seconds`); goes on where it was stopped; 70 MB for each Python.",
    "sanitize": "Tens of minutes for all parts, and 100 MB and more; `--only` and `--seconds` make it less.",
    "pythons": "A minute to fetch 60 MB, which are 250 MB on the disk.",
    "windows": "Minutes for each part; those that take longest run with `--all` or by their names only. The first time it fetches 65 MB for "
    "each Python and, with apt-get, Wine, which is 700 MB on the disk.",
}

#: What a command hands on to what it runs.
TAKES = {
    "test": "All else is pytest's: files and folders of tests, `-k PATTERN`, `-x`, `-q`, `-n 1` for one process. Options that dev.py has, too, "
    "go after `--`. The integration tests have some of their own: `--all-libraries` and `--frozen` run those that take long, "
    "`--every-python` runs on all Pythons what runs on the oldest and the newest otherwise, `--pythons 3.11,3.13` on these, and "
    "`--write-libraries` keeps which libraries were tried.",
    "conformance": "Also: `--module NAME`, a module of test.test_asyncio (may be repeated); `--quick`, all modules but those that take long; "
    "`-k PATTERN`, tests whose id contains or matches it (may be repeated); `--jobs N` processes at once (one for each core); "
    "`--limit SECONDS` for one test (60); `--json FILE` for all outcomes; `--implementation stdlib`, the standard asyncio to compare with.",
    "demo": "Also: `--clients N`, TCP clients at once (3000).",
    "stubs": "All else is pytest's.",
    "seeds": "All else is pytest's: files and folders of tests, `-k PATTERN`, `-x`.",
    "fuzz": "`fuzz -- --help` lists the options.",
    "campaign": "`campaign -- --help` lists the options.",
    "windows": "`windows -- --help` lists the options.",
    "types": "All else is for tools/check_types.py.",
    "lint": "All else is for ruff: files and folders.",
    "format": "All else is for ruff: files and folders.",
    "build": "Also: names of distributions; `--out DIR` in place of dist/; `--wheel` for wheels only.",
}


def epilog(command: str) -> str:
    """Return the last paragraphs of a command's help."""
    said = [TAKES.get(command, "")]
    if command in COSTS:
        said.append(f"Takes: {COSTS[command][0].lower()}{COSTS[command][1:]}")
    return "\n\n".join(textwrap.fill(text, _WIDTH) for text in said if text)
