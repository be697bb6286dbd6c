"""Pages of Markdown whose programs and commands are run as they are printed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Environment

_PART = re.compile(
    r"^(?:"
    r"<!-- install: (?P<install>[^>]+) -->"
    r"|<!-- not run: (?P<reason>[^>]+) -->"
    r"|```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```"
    r")$",
    re.MULTILINE | re.DOTALL,
)
_ANYTHING = "..."


@dataclass
class Block:
    """One block of a page: what has to be installed for it, its language, its name as a file, its text."""

    install: tuple[str, ...]
    language: str
    title: str
    text: str


def blocks(path: Path) -> Iterator[Block]:
    """Yield the blocks of a page that are to be run or written, in their order."""
    install: tuple[str, ...] = ("asyncio",)
    skipped = False
    for part in _PART.finditer(path.read_text("utf-8")):
        if part["install"]:
            install = tuple(part["install"].split())
        elif part["reason"]:
            skipped = True
        elif skipped:
            skipped = False
        else:
            yield Block(install, part["language"], part["title"] or "", part["text"])


def unused(found: list[Block]) -> list[str]:
    """Return the files of a page that nothing behind them names."""
    return [
        block.title
        for n, block in enumerate(found)
        if block.title.endswith(".py")
        and not any(_stem(block.title) in later.text for later in found[n + 1 :])
    ]


def _stem(title: str) -> str:
    return title.rpartition(".")[0]


def run_page(
    found: list[Block], folder: Path, environment: Callable[[tuple[str, ...]], Environment]
) -> None:
    """Write a page's files into a folder, run its programs and commands there, and compare what they print."""
    printed: str | None = None
    for n, block in enumerate(found):
        if block.title:
            (folder / block.title).write_text(block.text, "utf-8")
        elif block.language == "python":
            program = folder / f"block_{n}.py"
            program.write_text(block.text, "utf-8")
            done = environment(block.install).run("-W", "error", program, cwd=folder)
            assert done.stderr == ""
            printed = done.stdout
        elif block.language == "text":
            assert printed is not None, "nothing was run that prints this"
            assert_printed(printed, block.text)
        elif block.language == "console":
            for command, expected in _commands(block.text):
                done = environment(block.install).shell(command, cwd=folder)
                if expected:
                    assert_printed(done.stdout, expected)


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a block, and what stands below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def assert_printed(printed: str, expected: str) -> None:
    """Compare what was printed with what a page says, where `...` stands for anything."""
    pattern = ".*?".join(map(re.escape, expected.strip().split(_ANYTHING)))
    if not re.fullmatch(pattern, printed.strip(), re.DOTALL):
        assert printed == expected
