"""Links between files of the work tree, as links between pages of the site."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from docs.shelf import DOCS
from workspace.console import Failure
from workspace.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path, PurePosixPath

# What is code comes first, so that nothing in it is taken for a link. Links may hold code, and pictures are links with a mark.
_LINK = re.compile(
    r"(?P<code>(`+)[^`].*?\2)|(?P<mark>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)"
)
_FENCE = re.compile(r"^\s*(```+|~~~+)")


def as_on_the_site(text: str, path: Path, places: Mapping[Path, PurePosixPath]) -> str:
    """Return a page's text with its links leading to other pages.

    `path` is the file that it comes from, and `places` what `shelf.pages()` returns. A link to a file that is no page
    becomes its text. Raise Failure for one that leads nowhere.
    """

    def replace(match: re.Match[str]) -> str:
        target, _, place = match["target"].partition("#") if match["target"] else ("", "", "")
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        led_to = (path.parent / target).resolve()
        if led_to.is_dir() and (led_to / "README.md") in places:
            led_to /= "README.md"
        if led_to in places:
            whole = _from_to(places[path], places[led_to]) + (f"#{place}" if place else "")
            return f"{match['mark']}[{match['text']}]({whole})"
        if not led_to.exists():
            raise Failure(f"{path.relative_to(ROOT)}: a link to nothing: {match['target']}")
        if match["mark"] and DOCS in led_to.parents:
            return match[0]
        return match["text"]

    return "".join(part if in_code else _LINK.sub(replace, part) for part, in_code in _parts(text))


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield a page's text in parts, and whether each is a block of code."""
    fence = ""
    part: list[str] = []
    for line in text.splitlines(keepends=True):
        found = _FENCE.match(line)
        if found and not fence:
            yield "".join(part), False
            part = [line]
            fence = found[1]
        elif found and found[1].startswith(fence):
            yield "".join((*part, line)), True
            part = []
            fence = ""
        else:
            part.append(line)
    yield "".join(part), bool(fence)


def _from_to(page: PurePosixPath, other: PurePosixPath) -> str:
    return os.path.relpath(other, page.parent).replace(os.sep, "/")
