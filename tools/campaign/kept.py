"""The results that are kept, which the page is written from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from page import LATENCIES, page

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "packages" / "asyncio" / "docs" / "campaign.md"
CHART = PAGE.parent / "assets" / "latencies.svg"


def write(new: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the results of a whole run beside those of others, and write the page anew."""
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for part, results in new.items():
        kept[part] = dict(sorted({**kept.get(part, {}), **results}.items()))
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(kept), "utf-8")


def write_latencies(result: Mapping[str, Any]) -> None:
    """Keep what was measured beside loads, and write the page anew."""
    LATENCIES.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    write({})
