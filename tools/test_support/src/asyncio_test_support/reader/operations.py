"""What a program does to a reader. All of it is data whose repr() is its source."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, TypeAlias

#: How bytes get to the reader: by its own methods, by a protocol's, or through a socket's transport.
Way = Literal["fed", "protocol", "connected"]
#: What the transport can do, where it is not a socket's: there may be none, or one that cannot be paused.
Pausing = Literal["none", "pausable", "unpausable"]


@dataclasses.dataclass(frozen=True)
class Feed:
    """Bytes come, as an object of this type."""

    data: bytes
    kind: Literal["bytes", "bytearray", "memoryview"] = "bytes"


@dataclasses.dataclass(frozen=True)
class Eof:
    """The peer says that no more will come."""


@dataclasses.dataclass(frozen=True)
class Fail:
    """`set_exception()`."""

    error: str


@dataclasses.dataclass(frozen=True)
class Lose:
    """The connection is lost: with an error, or in good order."""

    error: str | None = None


@dataclasses.dataclass(frozen=True)
class Read:
    """A read begins: a method's name and its argument. The method `lines` is an `async for` to its end."""

    method: Literal["read", "readexactly", "readline", "readuntil", "__anext__", "lines"]
    argument: Any = None


@dataclasses.dataclass(frozen=True)
class Cancel:
    """One of the reads that are not done is cancelled, counted from the oldest."""

    which: int = 0


@dataclasses.dataclass(frozen=True)
class Settle:
    """All that can go on goes on."""


Operation: TypeAlias = Feed | Eof | Fail | Lose | Read | Cancel | Settle


@dataclasses.dataclass(frozen=True)
class Program:
    """A reader with a limit, and what happens to it.

    The reads are tasks, or (`by_hand`) coroutines that are sent None as soon as what they wait for has come.
    """

    limit: int
    operations: tuple[Operation, ...]
    way: Way = "fed"
    pausing: Pausing = "pausable"
    by_hand: bool = False
