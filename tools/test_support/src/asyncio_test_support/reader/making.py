"""Makes programs: the same seed is always the same program."""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING, Any

from asyncio_test_support.reader import operations as op
from asyncio_test_support.reader.performing import ERRORS

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What the bytes of a program are chosen from: the fewer, the more there is of separators and of halves of them. The
#: last two are for separators only.
_ALPHABETS = (
    b"ab",
    b"a\n",
    b"\r\nx",
    b"-=|\n",
    bytes(range(256)),
    b"a" * 30 + b"b",
    b"a" * 250 + b"\n",
    b"#*",
    b"%&",
)
_STORE = 150_000
WAYS: tuple[op.Way, ...] = ("fed", "fed", "protocol", "protocol", "connected")


def make(seed: int, ways: Sequence[op.Way] = WAYS) -> op.Program:
    """Return the program of a seed; it goes one of these ways."""
    return _Maker(random.Random(seed)).program(ways)


class _Maker:
    def __init__(self, chosen: random.Random) -> None:
        self._chosen = chosen
        self._store = _store(chosen.randrange(len(_ALPHABETS) - 2))
        self._limit = chosen.choice((1, 2, 3, 4, 7, 10, 16, 50, 64, 1000, 4096, 65536, 70000))
        # How large most of it is.
        self._large = chosen.random() < (0.15 if self._limit < 1000 else 0.6)
        self._separators = self._three_separators()
        # Of a separator whose first piece has come.
        self._rest = b""

    def program(self, ways: Sequence[op.Way]) -> op.Program:
        chosen = self._chosen
        way = chosen.choice(ways)
        by_hand = way != "connected" and chosen.random() < 0.5
        length = chosen.choice((4, 10, 25, 60))
        ends = chosen.random() < 0.5
        pausing: op.Pausing = chosen.choice(
            ("pausable", "pausable", "pausable", "unpausable", "none")
        )
        made: list[op.Operation] = []
        for n in range(length):
            made.append(self._operation(way, ended=ends and n > length * 0.6))
            if self._rest and chosen.random() < 0.3:
                # It is looked for when its first piece is there, beside others.
                several = tuple(chosen.sample(self._separators, 3))
                made += op.Read("readuntil", several), op.Settle(), op.Feed(self._data())
            if chosen.random() < 0.4:
                made.append(op.Settle())
        return op.Program(self._limit, tuple(made), way, pausing, by_hand)

    def _operation(self, way: op.Way, *, ended: bool) -> op.Operation:
        chosen = self._chosen
        number = chosen.random()
        if number < 0.40:
            return op.Feed(
                self._data(), chosen.choice(("bytes", "bytes", "bytearray", "memoryview"))
            )
        if number < 0.85:
            return self._read()
        if number < 0.93:
            return op.Cancel(chosen.choice((0, 0, 1, 2)))
        if not ended:
            return op.Settle()
        number = chosen.random()
        if number < 0.5:
            return op.Eof()
        if way != "fed" and number < 0.85:
            return op.Lose(chosen.choice((None, "reset", "reset", "other")))
        return op.Fail(chosen.choice(("reset", *ERRORS)))

    def _read(self) -> op.Read:
        number = self._chosen.random()
        if number < 0.25:
            return op.Read("read", self._number(-1))
        if number < 0.45:
            return op.Read("readexactly", self._number(-1))
        if number < 0.60:
            return op.Read("readline")
        if number < 0.67:
            return op.Read(self._chosen.choice(("__anext__", "__anext__", "lines")))
        return op.Read("readuntil", self._what_to_look_for())

    def _number(self, least: int = 0) -> int:
        """Return a size: small, or near where something changes."""
        chosen, limit = self._chosen, self._limit
        if chosen.random() < 0.5:
            return chosen.randrange(least, 12)
        near = chosen.choice((limit, 2 * limit, 3 * limit)) + chosen.randrange(-2, 3)
        sizes = (near, chosen.randrange(2000), 4096, 20_000, 70_000)
        return max(0, chosen.choice(sizes if self._large else sizes[:1]))

    def _data(self) -> bytes:
        chosen = self._chosen
        # What is looked for comes at once, or in two pieces, or only as far as its first one.
        begun = self._rest if chosen.random() < 0.8 else b""
        data = begun + self._piece(self._number())
        self._rest = b""
        if chosen.random() < 0.5:
            separator = chosen.choice(self._separators)
            cut = chosen.choice((len(separator), chosen.randrange(len(separator) + 1)))
            data += separator[:cut]
            self._rest = separator[cut:]
        return data

    def _three_separators(self) -> list[bytes]:
        chosen = self._chosen
        # Out of bytes that come often, or never by themselves.
        stores = [self._store] * 2
        if chosen.random() < 0.6:
            stores = [_store(len(_ALPHABETS) - 2), _store(len(_ALPHABETS) - 1)]
        # The compiled form looks by itself for those of up to 16 bytes.
        sizes = [chosen.choice((1, 1, 1, 2, 2, 3, 4, 7, 15, 16, 17, 20)) for _ in range(2)]
        starts = [chosen.randrange(1000) for _ in sizes]
        made = [
            store[start : start + size]
            for store, start, size in zip(stores, starts, sizes, strict=True)
        ]
        # The third one is the end of the first, which then ends where this one does.
        return [*made, made[0][chosen.randrange(len(made[0])) :]]

    def _piece(self, size: int) -> bytes:
        start = self._chosen.randrange(len(self._store) - min(size, _STORE // 2))
        return self._store[start : start + size]

    def _what_to_look_for(self) -> Any:
        chosen = self._chosen
        if chosen.random() < 0.01:
            return chosen.choice((b"", (), (b"",), (b"a", b"")))
        if chosen.random() < 0.3:
            return self._as_some_type(chosen.choice(self._separators))
        several = [
            chosen.choice(self._separators) for _ in range(chosen.choice((1, 2, 2, 3, 3, 6)))
        ]
        for n, separator in enumerate(several):
            # A part of another one, or one that ends or begins like it.
            if len(separator) > 1 and chosen.random() < 0.2:
                cut = chosen.randrange(1, len(separator))
                extra = self._piece(chosen.randrange(1, 4))
                several[n] = chosen.choice(
                    (separator[cut:], separator[:cut], extra + separator, separator + extra)
                )
        return tuple(self._as_some_type(separator) for separator in several)

    def _as_some_type(self, separator: bytes) -> bytes | bytearray:
        return bytearray(separator) if self._chosen.random() < 0.1 else separator


@functools.cache
def _store(alphabet: int) -> bytes:
    """Return many bytes out of an alphabet, from which programs take theirs."""
    table = (_ALPHABETS[alphabet] * 256)[:256]
    return random.Random(alphabet).randbytes(_STORE).translate(table)
