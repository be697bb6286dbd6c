"""Makes a program smaller as long as what is wrong with it stays."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree import Op, Program

#: What an option is when nothing is special about it.
_PLAIN = {
    "loop": "parked",
    "debug": False,
    "factory": "none",
    "ticks": 0,
    "handler": "log",
    "ending": "close",
}


def shrink(program: Program, wrong: Callable[[Program], bool], *, tries: int = 3000) -> Program:
    """Return the smallest program found that is still wrong."""
    best = program
    while True:
        for candidate in _smaller(best):
            tries -= 1
            if tries < 0:
                return best
            if wrong(candidate):
                best = candidate
                break
        else:
            return best


def _smaller(program: Program) -> Iterator[Program]:
    """Yield programs with a little less, the greatest cuts first."""
    for size in (16, 8, 4, 2, 1):
        for number, ops in enumerate(_lists(program)):
            if size > len(ops):
                continue
            for start in range(0, len(ops) - size + 1, size):
                yield _changed(program, number, slice(start, start + size), [])
    yield from _hoisted(program)
    for name, plain in _PLAIN.items():
        if program.options[name] != plain:
            made = copy.deepcopy(program)
            made.options[name] = plain
            yield made
    for number, op in enumerate(_all_ops(program)):
        for part in range(len(op.parts)):
            yield _with_op(program, number, parts=[*op.parts[:part], *op.parts[part + 1 :]])
        if op.guard != "keep":
            yield _with_op(program, number, guard="keep")


def _hoisted(program: Program) -> Iterator[Program]:
    """Yield programs in which a block stands without its head."""
    for number, ops in enumerate(_lists(program)):
        for place, op in enumerate(ops):
            block = [inner for inner in op.block if inner.form != "bare"]
            if block and len(block) == len(op.block) and "for " not in op.text:
                yield _changed(program, number, slice(place, place + 1), block)


def _lists(program: Program) -> list[list[Op]]:
    """Return every list of operations of a program, in a fixed order."""
    found: list[list[Op]] = [program.body]
    for ops in found:  # grows as it goes
        for op in ops:
            found += [made.body for made in op.defs]
            if op.block:
                found.append(op.block)
    return found


def _all_ops(program: Program) -> list[Op]:
    return [op for ops in _lists(program) for op in ops]


def _changed(program: Program, number: int, where: slice, new: list[Op]) -> Program:
    made = copy.deepcopy(program)
    _lists(made)[number][where] = copy.deepcopy(new)
    return made


def _with_op(program: Program, number: int, **changes: Any) -> Program:
    made = copy.deepcopy(program)
    for name, value in changes.items():
        setattr(_all_ops(made)[number], name, value)
    return made
