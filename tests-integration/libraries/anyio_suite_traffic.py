"""anyio's own tests of its asyncio backend, under blockbuster, which its configuration of pytest puts in force."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from suites import outcomes
from traffic import check, gone, note, run

#: Not on uvloop or trio, which are no part of this; without IPv6, which is not everywhere.
CHOICE = "asyncio and not trio and not uvloop and not ipv6 and not dualstack and not network"


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ended = await outcomes("anyio", Path(folder), "-k", CHOICE, "tests")
    # Some depend on the machine's network: those are forgiven that fail on the standard asyncio, too.
    for test, outcome in ended.items():
        if outcome in ("failed", "error"):
            note(outcome, test)
    check(Counter(ended.values())["passed"] > 1900, True)
    check([test for test, outcome in ended.items() if outcome == "xpassed"], [])
    await gone()


run(main, "anyio", "blockbuster")
