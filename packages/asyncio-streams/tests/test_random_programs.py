"""Random programs of a reader, held against a model: some of them here, for hours with `tools/dev.py fuzz --reader`."""

from __future__ import annotations

import sys

import pytest

import asyncio_core
from asyncio_test_support.reader import making, performing
from asyncio_test_support.reader.operations import (
    Cancel,
    Eof,
    Fail,
    Feed,
    Lose,
    Program,
    Read,
    Settle,
)
from asyncio_test_support.reader.performing import difference
from asyncio_test_support.reader.shrinking import as_test, shrink

# What goes through a socket comes in the pieces in which it was sent where that is a local one.
WAYS = making.WAYS if sys.platform == "linux" else ("fed", "protocol")
# So few that each test keeps within its time where a sanitizer slows it down.
EACH = 25


@pytest.mark.parametrize("first", range(0, 600, EACH))
def test_the_reader_does_what_the_model_does(run, first):
    async def main():
        for seed in range(first, first + EACH):
            program = making.make(seed, WAYS)
            found = await difference(program)
            assert found is None, f"seed {seed}: {found}"

    run(main)


def test_a_seed_is_always_the_same_program():
    assert making.make(7) == making.make(7)
    assert making.make(7) != making.make(8)


OPERATIONS = (
    Feed(b"one\ntw"),
    Read("readline"),
    Settle(),
    Read("readuntil", (b"o\n", b"x")),
    Settle(),
    Cancel(),
    Feed(b"o\nthree", "memoryview"),
    Read("readexactly", 3),
    Settle(),
)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("end", [Eof(), Fail("reset"), Lose("reset"), Lose()])
def test_all_operations_in_one_program(run, by_hand, end):
    program = Program(5, (*OPERATIONS, end, Settle()), "protocol", by_hand=by_hand)
    assert run(lambda: difference(program)) is None


def test_a_difference_is_found_made_smaller_and_printed(monkeypatch):
    # A model that is wrong about lines.
    monkeypatch.setattr(performing.Model, "_read_line", lambda self, reading: ("data", b"other\n"))

    def found(program):
        return asyncio_core.run(difference(program))

    program = Program(5, OPERATIONS, by_hand=True)
    assert "readline" in found(program)
    smaller = shrink(program, lambda p: found(p) is not None)
    assert smaller.operations == (Read("readline"),)
    assert "def test_it(run):\n" in as_test(smaller, "it")
    assert repr(smaller.operations[0]) in as_test(smaller, "it")
