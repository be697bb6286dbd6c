"""Runs programs in a process of its own and answers with their logs: started by `sides`, spoken to in lines of JSON.

    {"seeds": [first, last]}    each seed's program; an answer {"seed": n, "log": digest} for each
    {"program": …, "runs": n}   one program, as `tree.to_json()` has it, so often; an answer {"logs": [[…], …]}

    --seeds '{…}'               as an argument: just this, and nothing is read

Before each program the line {"begins": n} says which it is, so that who reads knows what a crash befell.
"""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import json
import sys
from random import Random

import programs
import stage
import tree

from asyncio_test_support.workers import Teller


def main() -> None:
    # Programs may print, and what they print is no answer.
    answer = Teller().say
    stress = "--stress" in sys.argv
    collections_at_once = gc.get_threshold()

    def run(program: tree.Program) -> list[str]:
        if stress:
            # Collections come whenever they come: nothing is compared, nothing may crash.
            gc.enable()
            gc.set_threshold(1 + program.seed % 30)
        try:
            return stage.perform(program)
        except BaseException as error:
            return [f"the stage fails: {error!r}"]
        finally:
            gc.disable()
            gc.set_threshold(*collections_at_once)

    # Collections take the shorter the less there is to look at; and they come when a program says so.
    gc.collect()
    gc.freeze()
    gc.disable()
    for line in sys.stdin if "--seeds" not in sys.argv else sys.argv[-1:]:
        asked = json.loads(line)
        if "program" in asked:
            answer(begins=asked["program"]["seed"])
            program = tree.from_json(asked["program"])
            logs = []
            for number in range(asked["runs"]):
                held = shaken(number)
                logs.append(run(program))
                del held
            answer(logs=logs)
            continue
        for seed in range(*asked["seeds"]):
            answer(begins=seed)
            lines = run(programs.make_program(seed))
            answer(seed=seed, log=hashlib.sha1("\n".join(lines).encode()).hexdigest())


def shaken(number: int) -> list[object]:
    """Take memory here and there, for things to lie elsewhere than in the run before, and sets to have another order."""
    random = Random(number)
    held: list[object] = []
    for _ in range(40 * number):
        held.append(random.choice((object, _Thing, set, list, dict))())
        if random.random() < 0.4:
            held.pop(random.randrange(len(held)))
    return held


class _Thing:
    """As large as what programs make."""

    def __init__(self) -> None:
        self.a = self.b = self.c = None


if __name__ == "__main__":
    faulthandler.enable()
    main()
