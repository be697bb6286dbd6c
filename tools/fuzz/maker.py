"""What makes the operations of one program: names, values, and bodies of functions out of what is in two tables."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, TypeAlias

from tree import GUARDS, Def, Op

if TYPE_CHECKING:
    from collections.abc import Callable

    Make: TypeAlias = Callable[["Maker", int], Op]

ERRORS = (
    *("ValueError('e')", "Custom(1, 2)", "Custom", "KeyError", "TimeoutError()", "OSError(9, 'x')"),
    *("asyncio.CancelledError('m')", "asyncio.CancelledError", "Stop('s')", "StopIteration(1)"),
    *("StopIteration", "StopAsyncIteration()", "GeneratorExit()", "RuntimeError('r')"),
    *("ExceptionGroup('g', [ValueError(1)])", "asyncio.InvalidStateError()", "AttributeError('a')"),
)
_ENDING = ("KeyboardInterrupt()", "SystemExit(3)")
_MESSAGES = ("", "'m'", "None", "msg='k'", "3", "ValueError('m')")
_SURE_DELAYS = ("0", "0", "-1", "0.0", "3600", "-2", "7200", "True")
_DELAYS = (*_SURE_DELAYS, "0.1", "0.1", "0.2", "0.25", "1", "1.5", "10", "1e-12")

#: What makes an operation of any function, and what makes one of those that wait: each as often as it has weight. `actions` and
#: `waits` enter theirs, in the order in which they stand there: with another order, seeds have other programs.
ACTIONS: list[Make] = []
AWAITS: list[Make] = []


def action(weight: int) -> Callable[[Make], Make]:
    """Enter what makes an operation of any function."""
    return _entering(ACTIONS, weight)


def waiting(weight: int) -> Callable[[Make], Make]:
    """Enter what makes an operation of functions that wait."""
    return _entering(AWAITS, weight)


def _entering(table: list[Make], weight: int) -> Callable[[Make], Make]:
    def enter(make: Make) -> Make:
        table.extend([make] * weight)
        return make

    return enter


class Maker:
    """Makes the operations of one program."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.virtual = False
        self._counts = dict.fromkeys("ftchagkxw", 0)
        # What the program has so far, by kind; a name may be used before it is there, or never be.
        self._known: dict[str, list[str]] = {kind: [] for kind in self._counts}
        self._budget = self.random.choice((4, 8, 16, 30, 45, 60))

    # Names

    def new(self, kind: str) -> str:
        self._counts[kind] += 1
        name = f"{kind}{self._counts[kind]}"
        self._known[kind].append(name)
        return name

    def one(self, kinds: str) -> str:
        """Return `v.NAME` of something of one of these kinds, newer ones more often."""
        names = [name for kind in kinds for name in self._known[kind]]
        if not names:
            return f"v.{kinds[0]}1"
        if self.random.random() < 0.4:
            names = names[-3:]
        return "v." + self.random.choice(names)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def delay(self) -> str:
        return self.random.choice(_DELAYS if self.virtual else _SURE_DELAYS)

    def error(self) -> str:
        if self.chance(0.03):
            return self.random.choice(_ENDING)
        return self.random.choice(ERRORS)

    def message(self) -> str:
        return self.random.choice(_MESSAGES)

    # Bodies

    def body(self, kind: str, depth: int, most: int = 6) -> list[Op]:
        ops = []
        if depth > 3:
            most = 1
        for _ in range(self.random.randint(1, most)):
            if self._budget <= 0 or depth > 5:
                break
            self._budget -= 1
            ops.append(self.operation(kind, depth))
        if kind == "asyncgen":
            ops.insert(
                self.random.randint(0, len(ops)), Op("yield 1", "statement", guard=self.guard())
            )
        return ops

    def guard(self) -> str:
        return self.random.choice(GUARDS)

    def operation(self, kind: str, depth: int) -> Op:
        tables = [ACTIONS]
        if kind in ("async", "asyncgen"):
            tables.append(AWAITS)
        op = self.random.choice(self.random.choice(tables))(self, depth)
        op.guard = self.guard()
        return op

    def function(self, kind: str, depth: int, letter: str = "c", most: int = 5) -> Def:
        name = self.new(letter)
        return Def(name, kind, self.body(kind, depth + 1, most))

    def coroutine(self, depth: int) -> Def:
        return self.function("async", depth, "k")

    def awaitables(self, depth: int, most: int = 4) -> tuple[list[Def], list[str]]:
        """Return functions and expressions for several things to wait for."""
        defs: list[Def] = []
        parts = []
        for _ in range(self.random.randint(0 if self.chance(0.1) else 1, most)):
            if self.chance(0.3):
                defs.append(self.coroutine(depth))
                parts.append(f"{defs[-1].name}()")
            else:
                parts.append(self.thing())
        return defs, parts

    def thing(self) -> str:
        thing = self.one("ft")
        if self.chance(0.1):
            return f"asyncio.shield({thing})"
        if self.chance(0.05):
            return f"Through({thing})"
        return thing

    def awaitable(self, depth: int) -> tuple[list[Def], str]:
        defs, parts = self.awaitables(depth, 1)
        return defs, parts[0] if parts else "asyncio.sleep(0)"

    def many(self, depth: int, text: str, form: str = "value") -> Op:
        defs, parts = self.awaitables(depth)
        return Op(text, form, defs=defs, parts=parts)
