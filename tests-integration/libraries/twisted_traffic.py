"""Twisted's reactor that runs on an asyncio loop: what its own tests hold of it, from the installed distribution."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from typing import Any

from traffic import check, gone, note, run

#: The tests that hold every reactor to one behaviour, of which those for this reactor are taken, and its own.
MODULES = ("core", "fdset", "process", "sigchld", "tcp", "threads", "time", "tls", "udp", "unix")
REACTOR = "Asyncio"
#: They need an interpreter that every user of the system may read, which root's may not be.
LEFT_OUT = ("test_changeUID", "test_changeGID", "test_changeGIDandUID")

PROGRAM = """
import asyncio, json, sys, unittest

from twisted.internet import asyncioreactor
asyncioreactor.install()
from twisted.trial import runner

modules, reactor, left_out = json.loads(sys.argv[1])
names = ["twisted.internet.test.test_" + name for name in (*modules, "asyncioreactor")]
found = [runner.TestLoader().loadByName(name, recurse=True) for name in names]
suite = unittest.TestSuite()
while found:
    test = found.pop()
    if hasattr(test, "_tests"):
        found.extend(test._tests)
    elif reactor in test.id() and not test.id().endswith(tuple(left_out)):
        suite.addTest(test)
result = unittest.TestResult()
suite.run(result)
wrong = [*result.failures, *result.errors]
for test, text in wrong:
    print(test.id(), text, file=sys.stderr)
print(json.dumps({
    "implementation": getattr(asyncio, "__implementation__", "standard"),
    "ran": result.testsRun,
    "wrong": [test.id() for test, _ in wrong],
    "skipped": len(result.skipped),
}))
"""


async def main() -> None:
    told = json.dumps((MODULES, REACTOR, LEFT_OUT))
    with tempfile.TemporaryDirectory() as folder:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, told, cwd=folder, stdout=asyncio.subprocess.PIPE
        )
        output = (await child.communicate())[0]
    check(child.returncode, 0)
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    check(result["implementation"], getattr(asyncio, "__implementation__", "standard"))
    check(result["ran"] - result["skipped"] > 150, True)
    for test in result["wrong"]:
        note("failed", test)  # forgiven where it fails on the standard asyncio, too
    await gone()


run(main, "twisted")
