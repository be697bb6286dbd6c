"""Random programs: the same seed makes the same one, on every Python and whatever runs it."""

from __future__ import annotations

import loops
import waits as waits  # what is in it enters itself
from actions import spawn
from maker import Maker
from tree import Op, Program


def make_program(seed: int) -> Program:
    """Return the program of a seed."""
    make = Maker(seed)
    options = {
        "loop": make.pick(*loops.KINDS),
        "debug": make.chance(0.1),
        "factory": make.pick(*["none"] * 6, "eager", "subclass", "loud"),
        "ticks": make.random.choice((0, 0, 20)),
        "handler": make.pick(*["log"] * 6, "default", "failing"),
        "ending": make.pick("cancel", "drop", "close", "close"),
    }
    make.virtual = options["loop"] == "virtual"
    for _ in range(2):
        make.new("f")
    first = [Op("v.f1 = loop.create_future(); v.f2 = loop.create_future()", "statement")]
    first.append(Op("v.x1 = contextvars.copy_context()", "statement"))
    first.append(Op("v.lock = asyncio.Lock(); v.event = asyncio.Event()", "statement"))
    first.append(
        Op("v.semaphore = asyncio.Semaphore(2); v.condition = asyncio.Condition()", "statement")
    )
    first.append(Op("v.queue = asyncio.Queue(1); v.barrier = asyncio.Barrier(2)", "statement"))
    make.new("x")
    first += [spawn(make, 0) for _ in range(make.random.choice((0, 1, 2, 2, 3, 5)))]
    turns = make.random.choice((0, 2, 4, 8))
    last = Op(f"for _ in range({turns}):", "block", block=[Op("await asyncio.sleep(0)")])
    return Program(seed, options, [*first, *make.body("async", 0, 14), last])
