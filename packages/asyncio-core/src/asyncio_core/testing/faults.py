"""What fails now and then: which kinds of failures there are, and how often each comes.

ASYNCIO_CHAOS sets other shares than the usual ones, in [0, 1]: "cancel=0.01,econnreset=0"; "all=0" all of them. Besides:

only         Tasks that may be cancelled, by a pattern (fnmatch) of their name or of their coroutine's qualified name.
cancel_at    The number of the await point at which a task is cancelled, the first being 1; then none is cancelled by chance.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase

from asyncio_core.awaiting.asking import coroutine_of, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("Faults",)

VARIABLE = "ASYNCIO_CHAOS"

# How often each comes, unless told otherwise.
_SHARES = {
    # A task is cancelled while it waits, or has just been woken.
    "cancel": 0.005,
    # There are no descriptors left: for a connection to accept, for a socket or a process to start.
    "emfile": 0.01,
    # The peer has reset a connection that is read or written.
    "econnreset": 0.002,
    # The system has no memory for what is to be sent.
    "enobufs": 0.002,
    # A signal interrupts a call.
    "eintr": 0.02,
    # A socket that was ready is not: its peer is slow, or its buffer full.
    "slow": 0.05,
    # The peer ends a connection in the midst of it.
    "eof": 0.002,
    # A name cannot be looked up just now, or only after a while.
    "dns": 0.05,
}


class Faults:
    """The shares of all kinds of failures, as attributes; `only` and `cancel_at` as above.

    `Faults(econnreset=0.1)` leaves the others as they are, `Faults(all=0, econnreset=0.1)` switches them off. Raises ValueError
    for what is no share, TypeError for a kind that does not exist.
    """

    cancel: float
    emfile: float
    econnreset: float
    enobufs: float
    eintr: float
    slow: float
    eof: float
    dns: float

    def __init__(
        self, *, all: float | None = None, only: str = "*", cancel_at: int = 0, **shares: float
    ) -> None:
        if cancel_at < 0:
            raise ValueError(f"cancel_at={cancel_at} is no number of an await point: from 1 on")
        self.only = only
        self.cancel_at = cancel_at
        unknown = set(shares) - set(_SHARES)
        if unknown:
            known = ", ".join(("all", "only", "cancel_at", *_SHARES))
            raise TypeError(
                f"there are no faults of the kind {min(unknown)!r}; known kinds: {known}"
            )
        for kind, usual in _SHARES.items():
            share = shares.get(kind, usual if all is None else all)
            if not 0 <= share <= 1:
                raise ValueError(f"{kind}={share} is no share: from 0 to 1")
            setattr(self, kind, share)

    def __repr__(self) -> str:
        told = [f"{kind}={getattr(self, kind)}" for kind in _SHARES]
        return f"{type(self).__name__}({', '.join(told)}, only={self.only!r}, cancel_at={self.cancel_at})"

    def concerns(self, task: Any) -> bool:
        """Tell whether a task is one that may be cancelled."""
        if self.only == "*":
            return True
        names = name_of(task), getattr(coroutine_of(task), "__qualname__", "")
        return any(fnmatchcase(name, self.only) for name in names)


def faults_of_process() -> Faults:
    """Return what ASYNCIO_CHAOS says; raises ValueError where that is not understood."""
    text = os.environ.get(VARIABLE, "")
    options: dict[str, Any] = {}
    try:
        for setting in filter(None, map(str.strip, text.split(","))):
            name, equals, value = setting.partition("=")
            if not equals:
                raise ValueError(f"{setting!r} is not of the form kind=share")
            readers: dict[str, Any] = {"only": str, "cancel_at": int}
            options[name] = readers.get(name, float)(value)
        return Faults(**options)
    except (TypeError, ValueError) as exc:
        raise ValueError(f"{VARIABLE}={text}: {exc}") from None
