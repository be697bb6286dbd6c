"""The measurements of `dev.py bench`, small: that they measure what they say, and both sides."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from support import ROOT

if TYPE_CHECKING:
    from support import Environment, MakeEnvironment

BENCH = ROOT / "tools" / "bench"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment) -> Environment:
    return make_environment("asyncio")


@pytest.mark.parametrize("kind", ["protocols", "streams"])
def test_idle_connections_are_counted_on_both_sides(environment: Environment, kind: str) -> None:
    options = ["--streams"] if kind == "streams" else []

    done = environment.run(BENCH, "idle", "--connections", "500", "--json", *options)

    numbers = json.loads(done.stdout)
    for side in ("independent", "standard"):
        assert numbers[side]["connections"] == numbers[side]["descriptors"] == 500
        # It took memory, and less than ten pages for each.
        assert 0 < numbers[side]["each"] < 40_960
    assert numbers["ratio"] == numbers["independent"]["each"] / numbers["standard"]["each"]


def test_who_asks_for_no_measurement_is_told_which_there_are(environment: Environment) -> None:
    done = environment.run(BENCH, "nothing", check=False)

    assert done.returncode == 2
    assert "which one? idle" in done.stderr
