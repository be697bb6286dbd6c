"""Where functions in C are in this process: read by nm(1) out of the files that are loaded, those that nobody exports, too."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: In the head of an ELF file: where its type stands, and the type of a program that is loaded where it says.
_TYPE, _FIXED = slice(16, 18), b"\x02\x00"
_MAPS = Path("/proc/self/maps")


class Span(NamedTuple):
    """A function: the address of its first byte, and how many bytes it has."""

    first: int
    size: int


def find(name: str, library: str) -> Iterator[Span]:
    """Yield where a function is, in each loaded file with `library` in its name.

    Compilers split functions: the parts are called `name.cold` and the like. What a file has no names of is not found.
    """
    for path, base in _loaded(library):
        yield from {Span(base + first, size) for first, size in _named(path, name)}


def _loaded(library: str) -> Iterator[tuple[Path, int]]:
    """Yield each loaded file, and what its addresses begin at."""
    for line in _MAPS.read_text().splitlines():
        span, _, offset, _, _, *rest = line.split(maxsplit=5)
        path = Path(rest[0] if rest else "")
        if int(offset, 16) == 0 and library in path.name and path.is_file():
            with path.open("rb") as file:
                fixed = file.read(18)[_TYPE] == _FIXED
            yield path, 0 if fixed else int(span.partition("-")[0], 16)


def _named(path: Path, name: str) -> Iterator[tuple[int, int]]:
    if shutil.which("nm") is None:
        return
    for more in ((), ("--dynamic",)):
        command = ["nm", *more, "--print-size", "--defined-only", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            words = line.split()
            if len(words) == 4 and words[3].partition("@")[0].partition(".")[0] == name:
                yield int(words[0], 16), int(words[1], 16)
