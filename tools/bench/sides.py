"""Who is measured: this asyncio in its two forms, the interpreter's own, and other event loops under that one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Side:
    """One of those who are measured."""

    name: str
    #: What pip installs: one exact version, so that a result can be had again. Empty for the interpreter's own.
    requirement: str = ""
    #: What makes a loop, as `module:attribute`, and after `+` what makes another factory out of that. Empty:
    #: asyncio.new_event_loop.
    factory: str = ""
    #: What asyncio says of itself where this side runs, and in which form: for ours only.
    implementation: str = "standard"
    form: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    #: Has transports of its own for another's loop: nothing to measure but servers.
    for_servers: bool = False

    @property
    def environment(self) -> str:
        """The name of the environment it runs in: our two forms share one."""
        return self.name.removesuffix("-pure")


#: Stands for the distributions of the work tree.
WORK_TREE = "."
#: Compiled or pure, whichever is built.
ANY_FORM = "any"


def _ours(name: str, form: str, variables: Mapping[str, str]) -> Side:
    return Side(name, WORK_TREE, "", "independent", form, variables)


def _peer(name: str, version: str, attribute: str = "new_event_loop") -> Side:
    return Side(name, f"{name}=={version}", f"{name}:{attribute}")


OURS = _ours("ours", "compiled", {})
OURS_PURE = _ours("ours-pure", "pure", {"ASYNCIO_PURE_PYTHON": "1"})
STANDARD = Side("standard")

#: All of them by name, in the order in which tables show them.
SIDES: dict[str, Side] = {
    side.name: side
    for side in (
        OURS,
        OURS_PURE,
        STANDARD,
        _peer("uvloop", "0.23.0"),
        Side(
            "uvloop+aiofastnet",
            "uvloop==0.23.0 aiofastnet==1.2.0",
            "uvloop:new_event_loop+aiofastnet:loop_factory",
            for_servers=True,
        ),
        _peer("zuvloop", "0.0.17"),
        _peer("rloop", "0.5.0"),
        _peer("rsloop", "0.1.66"),
        _peer("blazio", "0.1.0"),
        _peer("loopmini", "0.2.3"),
        _peer("veloxloop", "0.2.0"),
        _peer("zloop", "0.0.1"),
        _peer("bracio", "0.0.1", "BracioLoop"),
        _peer("talyn", "0.10.4", "Loop"),
        _peer("uringcore", "0.9.1", "UringEventLoop"),
    )
}


#: What `bench echo` holds all of them against: a server in C, with nothing but epoll. Not one to choose.
YARDSTICK = Side("C")


def choose(words: Iterable[str], *, servers: bool = False) -> list[Side]:
    """Return the sides with these names, or all that can be measured so; ValueError for a name that there is not."""
    wanted = set(words)
    if unknown := sorted(wanted - SIDES.keys()):
        raise ValueError(f"no side {unknown[0]!r}: there are {', '.join(SIDES)}")
    return [
        side
        for side in SIDES.values()
        if side.name in wanted or (not wanted and servers >= side.for_servers)
    ]


def is_ours(name: str) -> bool:
    return SIDES[name].requirement == WORK_TREE if name in SIDES else False
