"""A program as a tree of operations, and as the source that is run and printed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

#: How an operation treats an exception that leaves it.
GUARDS = ("keep", "pass", "pass cancellation")


@dataclass
class Op:
    """One operation: functions it needs, then a statement, or a block of operations.

    `{parts}` in the text stands for the parts, which shrinking may drop one by one.
    """

    text: str
    form: str = "value"  #: "value" (is logged), "statement", "block" (the head of one), "bare"
    defs: list[Def] = field(default_factory=list)
    block: list[Op] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    guard: str = "keep"


@dataclass
class Def:
    """A function that an operation needs."""

    name: str
    kind: str  #: "async", "plain" (a callback), "generator" (as a coroutine), "asyncgen"
    body: list[Op]


@dataclass
class Program:
    """What `main()` does, and on what loop."""

    seed: int
    options: dict[str, Any]
    body: list[Op]

    def source(self) -> str:
        lines: list[str] = []
        _Writer(lines).define(Def("main", "async", self.body), 0)
        return "\n".join([*lines, ""])


def to_json(program: Program) -> dict[str, Any]:
    return asdict(program)


def from_json(data: dict[str, Any]) -> Program:
    return Program(data["seed"], data["options"], [_op(op) for op in data["body"]])


def _op(data: dict[str, Any]) -> Op:
    defs = [Def(d["name"], d["kind"], [_op(op) for op in d["body"]]) for d in data["defs"]]
    return Op(**{**data, "defs": defs, "block": [_op(op) for op in data["block"]]})


_HEADS = {
    "async": "async def {}():",
    "plain": "def {}(*args):",
    "generator": "@types.coroutine\ndef {}():",
    "asyncgen": "async def {}():",
}
_FIRST = {
    "async": "log({!r}, 'starts', var.get())",
    "plain": "log({!r}, 'called', args, var.get())",
    "generator": "log({!r}, 'starts', var.get())",
    "asyncgen": "log({!r}, 'starts', var.get())",
}


class _Writer:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def _line(self, text: str, depth: int) -> None:
        self._lines += ["    " * depth + line for line in text.split("\n")]

    def define(self, made: Def, depth: int) -> None:
        self._line(_HEADS[made.kind].format(made.name), depth)
        self._line(_FIRST[made.kind].format(made.name), depth + 1)
        self.operations(made.name, made.body, depth + 1)
        if made.kind == "asyncgen":
            self._line("yield 'last'", depth + 1)
        elif made.kind == "generator":
            self._line(f"return (yield from through(log, {made.name!r}))", depth + 1)

    def operations(self, owner: str, ops: list[Op], depth: int) -> None:
        for number, op in enumerate(ops, 1):
            self._operation(f"{owner}.{number}", op, depth)

    def _operation(self, label: str, op: Op, depth: int) -> None:
        for made in op.defs:
            self.define(made, depth)
        text = op.text.replace("{parts}", ", ".join(op.parts))
        if op.form == "bare":
            self._line(text, depth)
            return
        passing = "" if op.guard == "keep" else f", {op.guard!r}"
        self._line(f"with noted({label!r}{passing}):", depth)
        if op.form == "value":
            self._line(f"log({label!r}, {text})", depth + 1)
        elif op.form == "statement":
            self._line(text, depth + 1)
        else:
            self._line(text, depth + 1)
            self._line(f"log({label!r}, 'in')", depth + 2)
            self.operations(label, op.block, depth + 2)
