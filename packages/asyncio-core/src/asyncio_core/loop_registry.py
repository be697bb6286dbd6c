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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

    from asyncio_core.abstract_loop import AbstractEventLoop
    from asyncio_core.policies import AbstractEventLoopPolicy

__all__ = (
    "LoopAmbiguousError",
    "LoopInfo",
    "LoopLoadError",
    "LoopNotFoundError",
    "LoopSelectionError",
    "child_watchers",
    "default_policy",
    "named_policy",
    "list_loops",
    "subprocess_support",
)

LOOPS = "asyncio.loop_policies"
SUBPROCESSES = "asyncio.subprocess_transports"
VARIABLE = "ASYNCIO_LOOP"


class LoopSelectionError(Exception):
    """No loop could be had for what was asked. The message is one line for the user's eyes."""


class LoopNotFoundError(LoopSelectionError, LookupError):
    """No installed distribution registers a loop of that name."""


class LoopAmbiguousError(LoopSelectionError, LookupError):
    """More than one distribution registers a loop under that name."""


class LoopLoadError(LoopSelectionError, ImportError):
    """A loop is known but does not load; the cause is the original exception."""


class _Entry:
    """An entry point, and who registered it."""

    __slots__ = ("distribution", "name", "value", "version")

    def __init__(self, name: str, value: str, distribution: str, version: str) -> None:
        self.name = name
        self.value = value
        self.distribution = distribution
        self.version = version

    @property
    def origin(self) -> str:
        return f"{self.distribution} {self.version}"

    def load(self, *, module: bool = False) -> Any:
        try:
            return _import_object(self.value, module=module)
        except Exception as exc:
            raise self._broken(exc) from exc

    def _broken(self, exc: Exception) -> LoopLoadError:
        return LoopLoadError(
            f"the entry point '{self.name} = {self.value}' of {self.origin} does not load: "
            f"{_in_one_line(exc)}"
        )


class _Known(_Entry):
    """What a distribution of this project offers, known without its metadata."""

    __slots__ = ()

    def __init__(self, name: str, value: str, distribution: str) -> None:
        super().__init__(name, value, distribution, "(unknown version)")

    def is_installed(self) -> bool:
        """Tell whether the distribution's package can be imported; raises LoopLoadError where it fails."""
        package = self.value.partition(".")[0]
        try:
            # A folder that lost its files, as some ways to uninstall leave, is no package. A module that
            # asyncio has entered may be loaded by the question.
            version = getattr(__import__(package), "__version__", None)
        except ModuleNotFoundError as exc:
            if exc.name == package:
                return False
            raise self._broken(exc) from exc
        except Exception as exc:
            raise self._broken(exc) from exc
        if version is None:
            return False
        self.version = version
        return True


# The first that is installed is the default.
_DEFAULTS = (
    _Known("selectors", "asyncio_selectors.policy:SelectorEventLoopPolicy", "asyncio-selectors"),
)
if sys.platform == "win32":
    _DEFAULTS = (
        _Known("iocp", "asyncio_iocp.policy:IocpEventLoopPolicy", "asyncio-iocp"),
        *_DEFAULTS,
    )
_PARKING = _Known("parking", "asyncio_core.parking_loop:ParkingEventLoopPolicy", "asyncio-core")


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
    entry = _default_entry()
    if entry is not None:
        return _make_policy(entry.load(), f"'{entry.value}' of {entry.origin}")

    from asyncio_core.parking_loop import ParkingEventLoopPolicy

    return ParkingEventLoopPolicy()


def named_policy(name: str) -> AbstractEventLoopPolicy:
    """Make the policy for a loop: a registered name, or ``module:attribute``.

    Raises LoopNotFoundError, with the names that are known; LoopAmbiguousError where two
    distributions claim the name; LoopLoadError, from the original exception, where the loop does
    not load or is none.
    """
    if ":" in name:
        try:
            target = _import_object(name)
        except Exception as exc:
            raise LoopLoadError(f"{name!r} cannot be imported: {_in_one_line(exc)}") from exc
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

    Each one is loaded, to find out whether it can be used; one that cannot does not end the listing.
    """
    entries = sorted(_registered_loops(), key=lambda entry: (entry.name, entry.distribution))
    try:
        preferred = _default_entry() or _PARKING
    except LoopLoadError:
        # It is the default all the same, and its line says what is wrong.
        preferred = next(entry for entry in _DEFAULTS if _is_there(entry))
    preferred_is = (preferred.distribution, preferred.name)
    for entry in entries:
        rivals = [other for other in entries if other.name == entry.name]
        problem = None
        if len(rivals) > 1:
            problem = _ambiguity(entry.name, rivals)
        else:
            try:
                _make_policy(entry.load(), f"'{entry.value}' of {entry.origin}")
            except LoopSelectionError as exc:
                problem = str(exc)
        yield LoopInfo(
            entry.name,
            entry.distribution,
            entry.version,
            entry.value,
            default=(_normalized(entry.distribution), entry.name) == preferred_is,
            problem=problem,
        )


def subprocess_support() -> Callable[..., Any] | None:
    """Return what makes subprocess transports on this platform, None where it is not installed.

    It is an async callable `(loop, protocol, args, shell, stdin, stdout, stderr, bufsize, extra=None,
    **kwargs)`, registered in the group ``asyncio.subprocess_transports`` as "unix" or "windows".
    Raises LoopLoadError where it is registered and does not load.
    """
    support: Callable[..., Any] | None = _subprocess_part(_SUBPROCESSES_HERE)
    return support


def has_subprocess_support() -> bool:
    """Tell whether asyncio-subprocess is installed, without a search for what may stand in for it."""
    return _is_there(
        _Known(_SUBPROCESSES_HERE, _SUBPROCESS_PARTS[_SUBPROCESSES_HERE], "asyncio-subprocess")
    )


def child_watchers() -> ModuleType | None:
    """Return the module that watches child processes, None where it is not installed.

    It is registered in the group ``asyncio.subprocess_transports`` as "child_watchers", and has the
    watcher classes of Python 3.13 and earlier. Raises as `subprocess_support()` does.
    """
    module: ModuleType | None = _subprocess_part("child_watchers")
    return module


_SUBPROCESSES_HERE = "windows" if sys.platform == "win32" else "unix"
_SUBPROCESS_PARTS = {
    "unix": "asyncio_subprocess.spawning:make_subprocess_transport",
    "windows": "asyncio_subprocess.windows_spawning:make_subprocess_transport",
    "child_watchers": "asyncio_subprocess.child_watchers",
}
# What was loaded from asyncio-subprocess, by the name of its entry point.
_subprocess_parts: dict[str, Any] = {}


def _subprocess_part(name: str) -> Any:
    if name not in _subprocess_parts:
        known = _Known(name, _SUBPROCESS_PARTS[name], "asyncio-subprocess")
        # Where it is not installed, somebody else may stand in for it.
        others = iter((known,)) if known.is_installed() else _scan(SUBPROCESSES)
        entry = next((entry for entry in others if entry.name == name), None)
        if entry is None:
            return None
        _subprocess_parts[name] = entry.load(module=name == "child_watchers")
    return _subprocess_parts[name]


def _default_entry() -> _Entry | None:
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
            raise LoopLoadError(f"{described} cannot be made: {_in_one_line(exc)}") from exc
        return made
    if not callable(target):
        raise LoopLoadError(f"{described} is neither a policy class nor a loop factory")

    from asyncio_core.policies import BaseDefaultEventLoopPolicy

    class FactoryPolicy(BaseDefaultEventLoopPolicy):
        """A policy around a loop factory."""

        def new_event_loop(self) -> AbstractEventLoop:
            """Call the factory."""
            return target()  # type: ignore[no-any-return]

    return FactoryPolicy()


def _import_object(value: str, *, module: bool = False) -> Any:
    """Import ``module:attribute``, or with `module` a module.

    Extras in brackets, as entry points may have, are left aside.
    """
    from importlib import import_module

    home, _, attributes = map(str.strip, value.partition("[")[0].partition(":"))
    if module:
        return import_module(home)
    if not (home and attributes):
        raise ImportError("it is not of the form module:attribute")
    found = import_module(home)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


def _ambiguity(name: str, entries: list[_Entry]) -> str:
    owners = " and ".join(sorted(entry.origin for entry in entries))
    return f"the event loop name {name!r} is registered by {owners}; uninstall all but one"


def _in_one_line(exc: BaseException) -> str:
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


# Reading what is installed


def _registered_loops() -> list[_Entry]:
    """Return all loops that have a name, those of this project without metadata too."""
    entries = list(_scan(LOOPS))
    listed = {(_normalized(entry.distribution), entry.name) for entry in entries}
    for known in (*_DEFAULTS, _PARKING):
        if (known.distribution, known.name) not in listed and _is_there(known):
            entries.append(known)
    return entries


def _is_there(known: _Known) -> bool:
    """Tell whether a distribution is installed, be it broken: whoever loads it is told."""
    try:
        return known.is_installed()
    except LoopLoadError:
        return True


def _scan(group: str) -> Iterator[_Entry]:
    """Yield the entry points of a group from every distribution that is installed."""
    from importlib.metadata import distributions

    seen = set()
    for found in distributions():
        # Parsed here: one malformed line of a stranger's must not hide what the others register.
        entries = list(_entries_in(found.read_text("entry_points.txt") or "", group))
        # What stands first on the path is what an import finds.
        if entries and (name := _normalized(found.name)) not in seen:
            seen.add(name)
            for key, value in entries:
                yield _Entry(key, value, found.name, found.version)


def _entries_in(text: str, group: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of a group's entry points from the text of an entry_points.txt."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == group and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def _normalized(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")
