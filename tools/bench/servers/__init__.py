"""The servers of `bench echo`: small programs for any event loop, one module a subject, each with the load it gets.

They run in the measured process, with the asyncio of that process, on every Python from 3.11 on: nothing is imported
but the standard library, but in `SERVICES`. A server starts, yields its port, and clears away; what is measured is what its process does
for the messages in between.
"""

from __future__ import annotations

import importlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    #: What does so many operations without clients.
    Operate = Callable[[int], Awaitable[None]]
    Served = int | Operate
    Serve = Callable[[], AsyncIterator[Served]] | Callable[[], AsyncIterator[int]]

#: The modules that hold cases, in the order in which tables show them.
SUBJECTS = ("protocols", "streams", "sockets", "datagrams", "tls", "connecting", "processes")
#: Those of `bench services`: servers and clients that people use, which their environments have besides.
SERVICES = ("http", "databases")

#: The kinds of load without clients: the measured process starts children, or is a client itself.
CHILDREN = ("spawn", "communicate", "output")
ALONE = (*CHILDREN, "queries")

KIB = 1024
MIB = 1024 * KIB

#: The file with the certificate and key for TLS, in a process that runs servers.
certificate = ""


@dataclass(frozen=True)
class Load:
    """What the clients do: the words that `load.c` is started with."""

    #: stream, tls, http, datagram, accept or request, as `load.c` tells; one of ALONE: there are no clients.
    kind: str = "stream"
    connections: int = 10
    #: Bytes of a message.
    size: int = KIB
    #: Datagrams in a burst.
    depth: int = 1
    #: The size goes before the message, in four bytes.
    prefixed: bool = False
    #: What messages end with, in turn.
    suffixes: Sequence[bytes] = ()
    #: A message goes only when the server is asleep: one that looks for more before it waits finds none.
    to_sleepers: bool = False

    def words(self, port: int, seconds: int, server: int) -> list[str]:
        """Return the command line for a port, the time limit for an answer, and the process of the server."""
        asleep = server if self.to_sleepers else 0
        numbers = (
            port,
            self.connections,
            self.size,
            self.depth,
            seconds,
            int(self.prefixed),
            asleep,
        )
        return [self.kind, *map(str, numbers), *(suffix.hex() for suffix in self.suffixes)]

    @property
    def message(self) -> int:
        """Bytes that go out, and come back, for a message."""
        return 0 if self.kind in ("accept", "spawn", "queries") else self.size + 4 * self.prefixed

    @property
    def has_clients(self) -> bool:
        return self.kind not in ALONE


@dataclass(frozen=True)
class Counts:
    """How many messages there are."""

    counted: int = 2000  #: when instructions are counted
    timed: int = 5000  #: in a round of time
    warm: int = 1000  #: before those that are measured


@dataclass(frozen=True)
class Case:
    """A server and its load."""

    name: str
    title: str  #: what one operation is
    serve: Callable[[], AbstractAsyncContextManager[Served]]
    load: Load
    subject: str
    counts: Counts
    needs: Sequence[str]  #: what pip installs besides

    @property
    def counted(self) -> int:
        return self.counts.counted

    @property
    def timed(self) -> int:
        return self.counts.timed


_cases: dict[str, Case] = {}


def case(
    name: str,
    title: str,
    serve: Serve,
    load: Load,
    counts: Counts | None = None,
    *,
    needs: Sequence[str] = (),
) -> None:
    """Make a case of an asynchronous generator function that starts a server and yields its port.

    Without clients it yields a coroutine function that does so many operations.
    """
    subject = serve.__module__.rpartition(".")[2]
    assert name not in _cases
    manager = asynccontextmanager(serve)
    _cases[name] = Case(name, title, manager, load, subject, counts or Counts(), needs)


def load() -> dict[str, Case]:
    """Return all cases by name."""
    for subject in (*SUBJECTS, *SERVICES):
        importlib.import_module(f"{__name__}.{subject}")
    return _cases
