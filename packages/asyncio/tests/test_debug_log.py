"""Debug mode says what the standard asyncio's says, and more."""

from __future__ import annotations

import collections
import re
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("debug_log.py")

# What the standard asyncio logs and this one need not: why.
ITS_OWN = {
    # The handshake has failed by the client's alert, and the connection is closed, before its end comes.
    "a certificate that is not trusted": {"DEBUG  received EOF"},
}


def shape(line):
    """Take out of a record what is another one's each time: reprs, numbers, and the loop's own class names."""
    line = re.sub(r"(?<=Using selector: )\w+", "<>", line)
    line = re.sub(r"took [\d.]+", "took N", line)
    while (shorter := re.sub(r"<[^<>]*>", "", line)) != line:
        line = shorter
    line = re.sub(r"\(\('.*", "", line)
    return re.sub(r"\d+", "N", line.replace(" at /", " ").strip())


def steps(output):
    found, step = collections.defaultdict(collections.Counter), None
    for line in output.splitlines():
        if line.startswith("# "):
            step = line[2:]
            found[step]
        elif "Executing" not in line:
            found[step][shape(line)] += 1
        elif step in ("a slow callback", "a slow task"):
            # Elsewhere, and more than once, it is the machine that was slow.
            found[step][shape(line)] = 1
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="with pipes and signals of Unix")
def test_each_record_of_the_standard_asyncio_is_there(python, tmp_path, certificates):
    logs = []
    for implementation in (None, "stdlib"):
        folder = tmp_path / str(implementation)
        folder.mkdir()
        result = python(
            *("-W", "ignore", str(PROGRAM), str(certificates.server), str(folder)),
            implementation=implementation,
        )
        assert result.returncode == 0, result.stderr
        logs.append(steps(result.stdout))
    ours, standard = logs
    assert ours.keys() == standard.keys()
    missing = {
        step: lacking
        for step, records in standard.items()
        if (lacking := {*(records - ours[step])} - ITS_OWN.get(step, set()))
    }
    assert missing == {}
