"""The measured process: reads a line of JSON, runs a case, writes a line of JSON, and so on until its input ends.

Started by path, with the Python of a side's environment: `worker.py FACTORY`, a loop factory as `module:attribute`, or
nothing for the asyncio's own. Needs nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

# Only for what stands in this folder: nothing else here is to hide a module of the side's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.cases import Unavailable, load
from bench.meters import Callgrind, Clock, Memory, Meter

CASES = load()
del sys.path[0]

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.cases import Case

    Factory = Callable[[], asyncio.AbstractEventLoop]

#: Operations before those that are measured, on the same loop.
WARM = 200


def factory(words: list[str]) -> Factory:
    if not words:
        return asyncio.new_event_loop
    first, *around = map(named, words[0].split("+"))
    found: Factory = first
    for wrap in around:
        found = wrap(found)
    return found


def named(word: str) -> Any:
    """Return what is called `module:attribute`."""
    module, _, attribute = word.partition(":")
    return getattr(importlib.import_module(module), attribute)


def facts(make_loop: Factory) -> dict[str, Any]:
    """Say what really runs here, from what is loaded and not from what was asked for."""
    loop = make_loop()
    loop.close()
    implementation = getattr(asyncio, "__implementation__", "standard")
    form, why_pure = form_of_ours() if implementation == "independent" else ("", None)
    return {
        "python": platform.python_version(),
        "implementation": implementation,
        "form": form,
        "why_pure": why_pure,
        "loop": f"{type(loop).__module__}.{type(loop).__qualname__}",
        "distributions": {
            found.name: found.version for found in importlib.metadata.distributions()
        },
    }


def form_of_ours() -> tuple[str, str | None]:
    """Return "compiled" or "pure", and why pure."""
    core = importlib.import_module("asyncio_core.twins")
    if core.twins is None:
        return "pure", core.why_pure
    if isinstance(asyncio.Task.cancel, FunctionType):
        return "pure", "the compiled module that is installed has no tasks"
    return "compiled", None


def run(case: Case, make_loop: Factory, meter: Meter, count: int, warm: int) -> None:
    """Run a case on a new loop, first with few operations that are not measured."""
    loop = make_loop()
    asyncio.set_event_loop(loop)

    async def main() -> None:
        if warm:
            await case.body(Meter(), warm)
        await case.body(meter, count)

    try:
        loop.run_until_complete(main())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def measure(make_loop: Factory, wanted: dict[str, Any]) -> dict[str, float]:
    """Run one case as it is asked for: `case`, `by`, `count`, and for instructions the valgrind client's `library` and the `title` of the figure."""
    case, count = CASES[wanted["case"]], wanted["count"]
    meter: Meter
    if wanted["by"] == "instructions":
        # Twice on loops of their own: the interpreter specializes code, and what is made once is made.
        for _ in range(2):
            run(case, make_loop, Meter(), WARM, 0)
        meter = Callgrind(wanted["library"], wanted["title"])
    elif wanted["by"] == "memory":
        meter = Memory()
    else:
        meter = Clock()
    gc.collect()
    run(case, make_loop, meter, count, WARM)
    return meter.figures()


def answer(make_loop: Factory, wanted: dict[str, Any]) -> dict[str, Any]:
    try:
        if "case" in wanted:
            return {"figures": measure(make_loop, wanted)}
        return {"facts": facts(make_loop)}
    except Unavailable as error:
        return {"missing": str(error)}
    except Exception as error:
        return {"missing": reason(error)}


def reason(error: Exception) -> str:
    """Say an exception in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")


def main() -> None:
    # What a side prints is not an answer.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        make_loop = factory(sys.argv[1:])
    except Exception as error:
        print(json.dumps({"missing": reason(error)}), file=out, flush=True)
        return
    for line in sys.stdin:
        print(json.dumps(answer(make_loop, json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
