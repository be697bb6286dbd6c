"""Event loops as plug-ins: how one is named, found, loaded and listed.

A distribution registers its loop in the entry-point group ``asyncio.loop_policies``::

    [project.entry-points."asyncio.loop_policies"]
    name = "package.module:PolicyClass"

The object is a policy class, to be called without arguments, or a loop factory. Which loop a process
uses, unless an argument or a policy says so, is told by the environment variable ASYNCIO_LOOP (a
registered name, or ``module:attribute``), and else by the platform: asyncio-iocp on Windows,
asyncio-selectors everywhere, core's own loop where neither is installed. Other distributions never
become the default by being installed.

The defaults, and asyncio-subprocess, are known by where they are, and found by importing them: a slimmed
image, a bundle or a faked file system has the packages and no metadata. It is also what costs least;
`importlib.metadata` costs more to import than all of a loop. Only a loop that is asked for by name, and a
listing, read metadata.
"""

from __future__ import annotations

import os
import sys

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.base_policies import BaseDefaultEventLoopPolicy
from asyncio_core.choosing.entry_points import (
    Entry,
    Known,
    LoopAmbiguousError,
    LoopLoadError,
    LoopNotFoundError,
    LoopSelectionError,
    import_object,
    in_one_line,
    is_there,
    normalized,
    scan,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from asyncio_core.choosing.base_policies import AbstractEventLoopPolicy
    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__ = (
    "LoopAmbiguousError",
    "LoopInfo",
    "LoopLoadError",
    "LoopNotFoundError",
    "LoopSelectionError",
    "default_policy",
    "kind_of_loop",
    "named_policy",
    "platform_policy",
    "list_loops",
)

LOOPS = "asyncio.loop_policies"
VARIABLE = "ASYNCIO_LOOP"


# The first that is installed is the default.
_DEFAULTS = (
    Known("selectors", "asyncio_selectors.policy:SelectorEventLoopPolicy", "asyncio-selectors"),
)
if sys.platform == "win32":
    _DEFAULTS = (
        Known("iocp", "asyncio_iocp.policy:IocpEventLoopPolicy", "asyncio-iocp"),
        *_DEFAULTS,
    )
_PARKING = Known("parking", "asyncio_core.loops.parking:ParkingEventLoopPolicy", "asyncio-core")


class LoopInfo:
    """A registered loop as listings show it.

    `name`, `distribution` and `version` are strings; `value` is the entry point's ``module:attribute``.
    `default` tells whether it is the platform's default. `problem` is None where the loop can
    be used by its name, and otherwise one line that says why not.
    """

    __slots__ = ("distribution", "default", "name", "problem", "value", "version")

    def __init__(
        self,
        name: str,
        distribution: str,
        version: str,
        value: str,
        *,
        default: bool,
        problem: str | None,
    ) -> None:
        self.name = name
        self.distribution = distribution
        self.version = version
        self.value = value
        self.default = default
        self.problem = problem

    @property
    def usable(self) -> bool:
        """Return whether there is no problem."""
        return self.problem is None

    def __repr__(self) -> str:
        fields = " ".join(f"{field}={getattr(self, field)!r}" for field in self.__slots__)
        return f"<{type(self).__name__} {fields}>"


def default_policy() -> AbstractEventLoopPolicy:
    """Make the policy that a process uses unless told otherwise.

    Raises LoopSelectionError where ASYNCIO_LOOP is set and names no usable loop, or where the
    platform's default is installed and does not load.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        try:
            return named_policy(chosen)
        except LoopSelectionError as exc:
            # Say where the name comes from: whoever reads this may not know that it is set.
            raise type(exc)(f"{VARIABLE}={chosen}: {exc}") from exc.__cause__
    return platform_policy()


def platform_policy() -> AbstractEventLoopPolicy:
    """Make the policy of the platform's default, whatever ASYNCIO_LOOP says.

    Raises LoopSelectionError where that is installed and does not load.
    """
    # Core's own loop by its name, as every loop: what chooses stands below what is chosen.
    entry = _default_entry() or _PARKING
    return _make_policy(entry.load(), f"'{entry.value}' of {entry.origin}")


def named_policy(name: str) -> AbstractEventLoopPolicy:
    """Make the policy for a loop: a registered name, or ``module:attribute``.

    Raises LoopNotFoundError, with the names that are known; LoopAmbiguousError where two
    distributions claim the name; LoopLoadError, from the original exception, where the loop does
    not load or is none.
    """
    if ":" in name:
        try:
            target = import_object(name)
        except Exception as exc:
            raise LoopLoadError(f"{name!r} cannot be imported: {in_one_line(exc)}") from exc
        return _make_policy(target, repr(name))

    entries = _registered_loops()
    found = [entry for entry in entries if entry.name == name]
    if not found:
        known = ", ".join(sorted({entry.name for entry in entries}))
        raise LoopNotFoundError(f"there is no event loop named {name!r}; known names: {known}")
    if len(found) > 1:
        raise LoopAmbiguousError(_ambiguity(name, found))
    return _make_policy(found[0].load(), f"'{found[0].value}' of {found[0].origin}")


def list_loops() -> Iterator[LoopInfo]:
    """Yield what is known of each registered loop, in the order of their names.

    Each one is loaded, and makes a loop, to find out whether it can be used; one that cannot does not end the listing.
    """
    entries = sorted(_registered_loops(), key=lambda entry: (entry.name, entry.distribution))
    try:
        preferred = _default_entry() or _PARKING
    except LoopLoadError:
        # It is the default all the same, and its line says what is wrong.
        preferred = next(entry for entry in _DEFAULTS if is_there(entry))
    preferred_is = (preferred.distribution, preferred.name)
    for entry in entries:
        rivals = [other for other in entries if other.name == entry.name]
        problem = None
        if len(rivals) > 1:
            problem = _ambiguity(entry.name, rivals)
        else:
            described = f"'{entry.value}' of {entry.origin}"
            try:
                kind_of_loop(_make_policy(entry.load(), described), described)
            except LoopSelectionError as exc:
                problem = str(exc)
        yield LoopInfo(
            entry.name,
            entry.distribution,
            entry.version,
            entry.value,
            default=(normalized(entry.distribution), entry.name) == preferred_is,
            problem=problem,
        )


def kind_of_loop(policy: AbstractEventLoopPolicy, described: str) -> type[AbstractEventLoop]:
    """Return the class of the loop that a policy makes, by making one and closing it.

    Raises LoopLoadError, with `described` for the policy, where it makes none.
    """
    try:
        loop = policy.new_event_loop()
    except Exception as exc:
        raise LoopLoadError(f"{described} makes no loop: {in_one_line(exc)}") from exc
    if not hasattr(loop, "run_until_complete"):
        raise LoopLoadError(f"{described} makes a {type(loop).__qualname__}, which is no loop")
    loop.close()
    return type(loop)


def _default_entry() -> Entry | None:
    """Return the platform's default, None where only core is installed.

    A loop that is installed and says itself that it cannot run here is passed over.
    """
    for entry in _DEFAULTS:
        # Only the first choice of a platform may be passed over, so the last one need not be loaded.
        if entry.is_installed() and (entry is _DEFAULTS[-1] or not _unusable(entry.load())):
            return entry
    return None


def _unusable(target: Any) -> str | None:
    """Return why a policy class says that its loop cannot run here, None where it does not."""
    reason: str | None = getattr(target, "unusable", None)
    return reason


# Making a policy of what an entry point names


def _make_policy(target: Any, described: str) -> AbstractEventLoopPolicy:
    """Return a policy for a policy class, a policy, or a loop factory.

    A policy class may have an attribute `unusable`, one line that says why it cannot be used here.
    """
    reason = _unusable(target)
    if reason:
        raise LoopLoadError(f"{described} cannot be used: {reason}")
    made: AbstractEventLoopPolicy
    if hasattr(target, "new_event_loop"):
        if not isinstance(target, type):
            made = target
            return made
        try:
            made = target()
        except Exception as exc:
            raise LoopLoadError(f"{described} cannot be made: {in_one_line(exc)}") from exc
        return made
    if not callable(target):
        raise LoopLoadError(f"{described} is neither a policy class nor a loop factory")

    class FactoryPolicy(BaseDefaultEventLoopPolicy):
        """A policy around a loop factory."""

        def new_event_loop(self) -> AbstractEventLoop:
            """Call the factory."""
            made: AbstractEventLoop = target()
            return made

    return FactoryPolicy()


def _ambiguity(name: str, entries: list[Entry]) -> str:
    owners = " and ".join(sorted(entry.origin for entry in entries))
    return f"the event loop name {name!r} is registered by {owners}; uninstall all but one"


# Reading what is installed


def _registered_loops() -> list[Entry]:
    """Return all loops that have a name, those of this project without metadata too."""
    entries = list(scan(LOOPS))
    listed = {(normalized(entry.distribution), entry.name) for entry in entries}
    for known in (*_DEFAULTS, _PARKING):
        if (known.distribution, known.name) not in listed and is_there(known):
            entries.append(known)
    return entries


leave_to_checkers(__name__)
