"""What a run of the suite says at its end: in words, and as JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import verdicts

if TYPE_CHECKING:
    from pathlib import Path

    from run import Run

COLUMNS = ("passed", "failed", "excluded", "left-out", "skipped", "total")
PYTHON = sys.version.split()[0]


def write(run: Run, seconds: float) -> None:
    """Print what is wrong, why tests are skipped and excluded, and the counts by module."""
    every = [o for group in run.outcomes.values() for o in group]
    for outcome in every:
        if outcome.outcome in verdicts.BAD:
            print(f"\n{'=' * 100}\n{outcome.outcome.upper()} {outcome.test}\n{outcome.detail}")
    for title in ("skipped", "left-out", "excluded"):
        reasons = Counter(o.detail for o in every if o.outcome == title)
        if reasons:
            print(f"\n{title}, by reason:")
        for reason, number in reasons.most_common():
            print(f"  {number:4}  {reason}")
    print(f"\n{'module':<26}" + "".join(f"{word:>10}" for word in COLUMNS))
    for module in sorted(run.outcomes):
        counts = run.counts(module)
        print(f"{module:<26}" + "".join(f"{counts[word] or '':>10}" for word in COLUMNS))
    for problem in run.problems:
        print(f"\nPROBLEM {problem}")
    implementation = ", ".join(sorted(run.proof.seen))
    files = ", ".join(sorted(run.proof.files))
    print(f"\nasyncio in each of {run.proof.processes} processes: {implementation}, {files}")
    for package, form in sorted(run.proof.forms.items()):
        print(f"{package} in each of them: {form}")
    total = run.counts()
    words = ", ".join(
        f"{total[word]} {word}" for word in COLUMNS if total[word] or word == "passed"
    )
    if run.problems:
        words += f", {len(run.problems)} problems"
    print(f"Python {PYTHON}: {words} in {seconds:.1f} s", flush=True)


def write_json(run: Run, path: Path, *, missing: list[str], seconds: float) -> None:
    """Write the counts, and every outcome, into a file; `missing` are modules that this Python lacks."""

    def counts(module: str = "") -> dict[str, int]:
        counted = run.counts(module)
        return {word: counted[word] for word in COLUMNS}

    whole: dict[str, Any] = {
        "python": PYTHON,
        "implementation": sorted(run.proof.seen),
        "files": sorted(run.proof.files),
        "forms": run.proof.forms,
        "processes": run.proof.processes,
        "seconds": round(seconds, 1),
        "counts": counts(),
        "modules": {module: counts(module) for module in sorted(run.outcomes)},
        "missing_modules": missing,
        "left_out": Counter(
            o.detail for group in run.outcomes.values() for o in group if o.outcome == "left-out"
        ),
        "problems": run.problems,
        "whole": run.whole,
        "rules": sorted(pattern.pattern for pattern, _ in run.rules.skips),
        "rules_used": sorted(run.rules.used),
        "tests": {
            o.test: {"outcome": o.outcome, "detail": o.detail, "seconds": round(o.seconds, 3)}
            for group in run.outcomes.values()
            for o in group
        },
    }
    path.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
