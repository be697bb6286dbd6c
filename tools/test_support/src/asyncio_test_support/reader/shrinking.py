"""Makes a program smaller as long as what is wrong with it stays, and prints it as a test."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from asyncio_test_support.reader import operations as op

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def shrink(
    program: op.Program, wrong: Callable[[op.Program], bool], *, tries: int = 3000
) -> op.Program:
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


def as_test(program: op.Program, name: str) -> str:
    """Return the source of a test that runs a program, for the tests of asyncio-streams."""
    operations = "".join(f"        {operation!r},\n" for operation in program.operations)
    rest = ", ".join(f"{f}={getattr(program, f)!r}" for f in ("way", "pausing", "by_hand"))
    return (
        f"def test_{name}(run):\n"
        f"    operations = (\n{operations}    )\n"
        f"    program = Program({program.limit}, operations, {rest})\n"
        "    assert run(lambda: difference(program)) is None\n"
    )


def _smaller(program: op.Program) -> Iterator[op.Program]:
    """Yield programs with a little less, the greatest cuts first."""
    operations = program.operations
    for size in (16, 8, 4, 2, 1):
        for start in range(0, len(operations) - size + 1, size):
            yield _with(program, start, size, ())
    for place, operation in enumerate(operations):
        for smaller in _smaller_operations(operation):
            yield _with(program, place, 1, (smaller,))
    for name, plain in (("way", "fed"), ("by_hand", True), ("pausing", "none")):
        possible = name != "by_hand" or program.way != "connected"
        if possible and getattr(program, name) != plain:
            change: dict[str, Any] = {name: plain}
            yield dataclasses.replace(program, **change)


def _smaller_operations(operation: op.Operation) -> Iterator[op.Operation]:
    if isinstance(operation, op.Feed):
        for data in _less(operation.data):
            yield op.Feed(data)
        if operation.kind != "bytes":
            yield op.Feed(operation.data)
    elif isinstance(operation, op.Read):
        argument = operation.argument
        if isinstance(argument, tuple):
            if len(argument) == 1:
                yield op.Read(operation.method, argument[0])
            for n in range(len(argument)):
                yield op.Read(operation.method, (*argument[:n], *argument[n + 1 :]))
                for less in _less(argument[n]):
                    yield op.Read(operation.method, (*argument[:n], less, *argument[n + 1 :]))
        elif isinstance(argument, (bytes, bytearray)):
            for less in _less(argument):
                yield op.Read(operation.method, less)


def _less(data: Any) -> Iterator[bytes]:
    data = bytes(data)
    size = len(data) // 2
    while size:
        for start in range(0, len(data), size):
            yield data[:start] + data[start + size :]
            if len(data) // size > 8:
                break
        size //= 2


def _with(
    program: op.Program, start: int, size: int, instead: tuple[op.Operation, ...]
) -> op.Program:
    before, after = program.operations[:start], program.operations[start + size :]
    return dataclasses.replace(program, operations=(*before, *instead, *after))
