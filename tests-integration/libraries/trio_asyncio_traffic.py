"""trio-asyncio: an event loop that derives from asyncio's and is run by trio. Its own tests are the traffic."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from suites import outcomes
from traffic import check, gone, run


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ended = await outcomes(
            "trio-asyncio",
            Path(folder),
            *("-p", "pytest_trio.plugin", "-p", "pytest_timeout", "--timeout=30"),
            # There it runs the interpreter's own tests of asyncio, which tests-integration does without trio.
            *("--ignore", "tests/python", "tests"),
        )
    check(Counter(ended.values()), {"passed": 124})
    await gone()


run(main, "trio-asyncio", "trio")
