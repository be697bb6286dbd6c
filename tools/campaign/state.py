"""What has been done, for a run that goes on where the last one stopped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from kept import ROOT
from page import LEFT_OUT
from processes import Outcome

PROGRAMS = ROOT / "tools" / "demo" / "programs"
STATE = ROOT / ".cache" / "campaign" / "state.json"
_SOURCES = (".py", ".pyx", ".pxi", ".h", ".c")


class State:
    """The outcomes of units that have been run, as long as no source has changed since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._of = _fingerprint()
        self._done = self._kept()

    def _kept(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        done: dict[str, Any] = kept["done"] if kept.get("of") == self._of else {}
        return done

    def get(self, *key: str) -> Outcome | None:
        found = self._done.get("/".join(key))
        return None if found is None else Outcome(**found)

    def put(self, outcome: Outcome, *key: str) -> None:
        # Another campaign may be under way, too.
        self._done = {**self._kept(), **self._done, "/".join(key): outcome._asdict()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({"of": self._of, "done": self._done}), "utf-8")
        new.replace(self._path)


def _fingerprint() -> str:
    """Return what changes with each source of the packages, of the campaign and of the programs that it runs."""
    digest = hashlib.sha1()
    for folder in (ROOT / "packages", Path(__file__).parent, PROGRAMS):
        for path in sorted(folder.rglob("*")):
            if path == LEFT_OUT or (path.suffix in _SOURCES and "tests" not in path.parts):
                digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
