"""The options of the kit; pytest loads this module wherever the kit is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loop_kit import __version__, differences, loops

if TYPE_CHECKING:
    from collections.abc import Iterator

choices: pytest.StashKey[list[loops.LoopChoice]] = pytest.StashKey()
known: pytest.StashKey[differences.Differences] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("loop_kit", "event loop conformance (pytest --pyargs loop_kit)")
    group.addoption(
        "--loop",
        action="append",
        dest="loop_kit_loops",
        default=[],
        metavar="MODULE:FACTORY",
        help="the loop to test: what makes one, or a policy class, or the name of a registered"
        f" loop (entry-point group {loops.ENTRY_POINTS}); may be repeated; without it, what"
        " asyncio.new_event_loop() makes",
    )
    group.addoption(
        "--as-of",
        dest="loop_kit_as_of",
        default="",
        metavar="3.X",
        help="hold the loop to the documentation of this Python (default: the running one)",
    )
    group.addoption(
        "--differences",
        dest="loop_kit_differences",
        action="append",
        default=[],
        metavar="FILE",
        help="one more list of the tests that a loop is known to fail; may be repeated",
    )
    group.addoption(
        "--without-differences",
        dest="loop_kit_without",
        action="store_true",
        help="expect every test to pass",
    )
    group.addoption(
        "--list-differences",
        dest="loop_kit_list",
        action="store_true",
        help="print the known differences as Markdown, and do nothing else",
    )


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "needs(*capabilities): skipped where loop_kit.capabilities finds one of these missing",
        "since(major, minor): what the documentation promises from this Python on (see --as-of)",
    ):
        config.addinivalue_line("markers", line)
    if config.getoption("loop_kit_loops"):
        # Here, and not where the first test asks: what is wrong with a choice is told before anything runs.
        chosen_loops(config)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if config.getoption("loop_kit_list"):
        print(differences.as_table(_read(config)))
        return 0
    return None


def chosen_loops(config: pytest.Config) -> list[loops.LoopChoice]:
    """Return the loops to test; without `--loop`, made when the first test of the kit is collected."""
    if choices not in config.stash:
        wanted = list(dict.fromkeys(config.getoption("loop_kit_loops"))) or [""]
        try:
            config.stash[choices] = [loops.choose(text) for text in wanted]
        except loops.UnknownLoop as error:
            # The message, and none of the lines of a traceback that it may hold.
            raise pytest.UsageError(f"--loop {' '.join(str(error).split())}") from error
    return config.stash[choices]


def known_differences(config: pytest.Config) -> differences.Differences:
    if known not in config.stash:
        if config.getoption("loop_kit_without"):
            config.stash[known] = differences.Differences((), ())
        else:
            config.stash[known] = _read(config)
    return config.stash[known]


def _read(config: pytest.Config) -> differences.Differences:
    paths = map(Path, config.getoption("loop_kit_differences"))
    try:
        return differences.read(differences.KNOWN, *paths)
    except (OSError, ValueError, KeyError) as error:
        raise pytest.UsageError(f"--differences: {error}") from error


def promised_until(config: pytest.Config) -> tuple[int, ...]:
    """Return the version of Python whose documentation counts."""
    text = config.getoption("loop_kit_as_of")
    if not text:
        return sys.version_info[:2]
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        raise pytest.UsageError(f"--as-of {text}: not a version such as 3.13") from None


def pytest_report_header(config: pytest.Config) -> Iterator[str]:
    if choices in config.stash or config.getoption("loop_kit_loops"):
        for choice in chosen_loops(config):
            asyncio, form = loops.implementation(), loops.form()
            yield (
                f"loop kit {__version__}: {choice.text} ({choice.made}) under the {asyncio} asyncio"
                + (f"; asyncio_core is {form}" if form else "")
            )
