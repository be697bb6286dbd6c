"""A browser, and what it looks at: a folder of files on this machine."""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

#: The programs, and what Debian calls the first.
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder's files, and give the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser; the test is skipped where there is none."""
    from playwright.sync_api import sync_playwright

    found = [path for path in map(shutil.which, BROWSERS) if path]
    if not found:
        pytest.skip(f"there is no Chromium (Debian: apt-get install {BROWSERS[0]})")
    with sync_playwright() as playwright:
        # Chromium refuses to run as root with its sandbox; it sees nothing but files of this machine.
        started = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield started
        started.close()
