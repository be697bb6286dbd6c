"""Which files of the work tree are pages of the site, and where there."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workspace.paths import PACKAGES, ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = PACKAGES / "asyncio" / "docs"
#: What tells the generator how to make the site; it is no page.
SETTINGS = DOCS / "zensical.toml"
#: Kept measurements: their page is made of them, and shows the charts.
MEASUREMENTS = DOCS / "performance"


def pages() -> dict[Path, PurePosixPath]:
    """Return the place in the site, such as ``pieces/asyncio-core.md``, of each file that is a page."""
    return dict(_pages())


def _pages() -> Iterator[tuple[Path, PurePosixPath]]:
    yield ROOT / "README.md", PurePosixPath("overview.md")
    for path in sorted(DOCS.rglob("*.md")):
        if MEASUREMENTS not in path.parents:
            yield path, PurePosixPath(path.relative_to(DOCS).as_posix())
    for path in sorted(PACKAGES.glob("*/README.md")):
        yield path, PurePosixPath("pieces", f"{path.parent.name}.md")
    for path in sorted(TOOLS.glob("*/README.md")):
        yield path, PurePosixPath("tools", f"{path.parent.name}.md")
    for path in sorted((*PACKAGES.glob("*/CHANGELOG.md"), *TOOLS.glob("*/CHANGELOG.md"))):
        yield path, PurePosixPath("changes", f"{path.parent.name}.md")


def assets() -> list[Path]:
    """Return the files that pages load or show, but for charts of measurements."""
    return sorted(path for path in (DOCS / "assets").iterdir() if path.is_file())
