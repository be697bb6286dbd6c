"""Runs programs of a reader in a process of its own: started by `reader`, answers in lines of JSON.

    FORM LIMIT FIRST END    the programs of these seeds: {"begins": seed} before each, {"differs": how, "test": source}
    FORM LIMIT              one program, whose repr() is read

A program that takes longer than so many seconds ends the process.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import traceback

import asyncio_core
from asyncio_streams.twins import twins
from asyncio_test_support.reader import making, operations, performing, shrinking


def main(form: str, limit: str, *seeds: str) -> None:
    found = "pure" if twins is None else "compiled"
    if form != found:
        sys.exit(f"fuzz: asked for the {form} form, and it is the {found} one that runs")
    if not seeds:
        difference(eval(sys.stdin.read(), vars(operations)), float(limit))
        return
    for seed in range(*map(int, seeds)):
        print(json.dumps({"begins": seed}), flush=True)
        program = making.make(seed)
        if difference(program, float(limit)) is None:
            continue
        program = shrinking.shrink(program, lambda p: difference(p, float(limit)) is not None)
        how = difference(program, float(limit))
        test = shrinking.as_test(program, f"seed_{seed}")
        print(json.dumps({"differs": how, "test": test}), flush=True)


def difference(program: operations.Program, limit: float) -> str | None:
    """Return what is wrong with a program, also where something is raised that nobody thought of."""
    faulthandler.dump_traceback_later(limit, exit=True)
    reported: list[str] = []

    async def run() -> str | None:
        loop = asyncio_core.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(str(context)))
        return await performing.difference(program)

    try:
        found = asyncio_core.run(run())
    except Exception as error:
        found = "".join(traceback.format_exception(error))
    finally:
        faulthandler.cancel_dump_traceback_later()
    return found or (f"the loop reports {reported}" if reported else None)


if __name__ == "__main__":
    faulthandler.enable()
    main(*sys.argv[1:])
