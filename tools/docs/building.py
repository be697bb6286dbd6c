"""The generator, Zensical: it builds the site of what was laid out, or serves it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from docs.laying_out import lay_out
from docs.shelf import DOCS
from workspace.console import Failure, say
from workspace.paths import PACKAGES, ROOT, TOOLS

if TYPE_CHECKING:
    from pathlib import Path

_ZENSICAL = (sys.executable, "-m", "zensical")


def build(folder: Path) -> None:
    """Build the site; raise Failure where the generator fails or warns."""
    command = [*_ZENSICAL, "build", "--strict", "--clean"]
    if subprocess.run(command, cwd=folder).returncode:
        raise Failure("the site was not built; the lines above say why")


def serve(folder: Path, address: str, measurements: Path) -> int:
    """Serve the site, and lay it out anew whenever a file is saved, until interrupted."""
    import watchfiles

    server = subprocess.Popen([*_ZENSICAL, "serve", "--dev-addr", address], cwd=folder)
    try:
        for _ in watchfiles.watch(DOCS, ROOT / "README.md", PACKAGES, TOOLS):
            if server.poll() is not None:
                return server.returncode
            try:
                lay_out(folder, measurements)
            except Failure as failure:
                say(f"dev.py docs: {failure}")
    finally:
        server.terminate()
        server.wait()
    return 0
