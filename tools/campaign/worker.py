"""Runs points in a process of its own: started by `processes`, spoken to in lines of JSON.

    {"part": "cancel", "unit": "networks.connect", "without": ["alone, waiting, 3"], "extent": [false, 0, 0]}

is answered, for each point, by {"begins": name} and {"ends": name, "wrong": […]}, and by {"done": true} at last. Who reads knows
what a crash or a hang befell, and asks again for what is left without that point. Before, {"part": "cancel", "units": "all"}, or
"brief", is answered by {"units": […]}, as not each system has all of them.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What measures processes is in the folder beside this one.
sys.path.append(str(Path(__file__).resolve().parents[1]))
from parts import PARTS, Extent
from stage import Tools

from asyncio_test_support import certificates
from asyncio_test_support.workers import Teller

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notes:
    """What is told of the points of one unit."""

    def __init__(self, teller: Teller, without: list[str]) -> None:
        self.say = teller.say
        self._without = set(without)

    def begins(self, name: str) -> bool:
        """Tell that a point begins; return whether it is to be run at all."""
        if name in self._without:
            return False
        self.say(begins=name)
        return True

    def ends(
        self,
        name: str,
        wrong: list[str],
        *,
        left_out: bool = False,
        seen: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell what is wrong with a point, and what the page has to tell of it; one that is left out had no fault, and does not count."""
        more: dict[str, Any] = {"left_out": True} if left_out else {}
        if seen:
            more["seen"] = seen
        self.say(ends=name, wrong=wrong, **more)


def main() -> None:
    teller = Teller()
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        folder = Path(name)
        made = certificates.make(folder)
        server, client = made.server_context(), made.client_context()
        # What scenarios make goes into a folder where there is nothing else.
        kept = folder / "made"
        kept.mkdir()
        tempfile.tempdir = str(kept)
        tools = Tools(kept, server, client)
        gc.collect()
        gc.freeze()
        for line in sys.stdin:
            asked = json.loads(line)
            part = importlib.import_module(PARTS[asked["part"]].module)
            if "units" in asked:
                teller.say(units=part.units(brief=asked["units"] == "brief"))
                continue
            notes = Notes(teller, asked["without"])
            try:
                part.perform(asked["unit"], tools, notes, Extent(*asked["extent"]))
                notes.say(done=True)
            except Exception:
                notes.say(fails=traceback.format_exc())


if __name__ == "__main__":
    faulthandler.enable()
    main()
