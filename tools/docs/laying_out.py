"""What the generator makes the site of, put into a folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from docs import charts, diagrams, links, made, shelf, sources

if TYPE_CHECKING:
    from pathlib import Path


def lay_out(folder: Path, measurements: Path = shelf.MEASUREMENTS) -> None:
    """Write pages, pictures, sources and the generator's settings into a folder, instead of what is there of them.

    `measurements` is the folder of those that are shown. Files that stay as they are keep their times, so that a generator that watches them makes anew what has changed.
    """
    fresh = folder / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    places = shelf.pages()
    for path, place in places.items():
        text = links.as_on_the_site(path.read_text("utf-8"), path, places)
        _write(fresh / "pages" / place, made.fill_in(text, measurements))
    for path in shelf.assets():
        _copy(path, fresh / "pages" / path.relative_to(shelf.DOCS))
    for path in measurements.glob("*.svg"):
        _copy(path, fresh / "pages" / charts.FOLDER / path.name)
    _copy(diagrams.library(), fresh / "pages" / "assets" / "mermaid.min.js")
    sources.lay_out(fresh / "source")
    _copy(shelf.SETTINGS, fresh / shelf.SETTINGS.name)
    _take_over(fresh, folder)
    shutil.rmtree(fresh)


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _take_over(fresh: Path, folder: Path) -> None:
    """Make the folder's files those that are fresh, and touch none that is the same."""
    names = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    for name in names:
        old, new = folder / name, fresh / name
        if not old.exists() or old.read_bytes() != new.read_bytes():
            _copy(new, old)
    for part in ("pages", "source"):
        for path in (folder / part).rglob("*"):
            if path.is_file() and path.relative_to(folder) not in names:
                path.unlink()
