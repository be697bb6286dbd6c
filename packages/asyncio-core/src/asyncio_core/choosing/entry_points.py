"""What distributions register in an entry-point group, and how it is loaded.

The group is read from the metadata of what is installed (the "entry points" specification of PyPA); what
this project brings itself is known by where it is.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = (
    "Entry",
    "Known",
    "LoopAmbiguousError",
    "LoopLoadError",
    "LoopNotFoundError",
    "LoopSelectionError",
    "import_object",
    "in_one_line",
    "is_there",
    "normalized",
    "scan",
)


class LoopSelectionError(Exception):
    """No loop could be had for what was asked. The message is one line for the user's eyes."""


class LoopNotFoundError(LoopSelectionError, LookupError):
    """No installed distribution registers a loop of that name."""


class LoopAmbiguousError(LoopSelectionError, LookupError):
    """More than one distribution registers a loop under that name."""


class LoopLoadError(LoopSelectionError, ImportError):
    """A loop is known but does not load; the cause is the original exception."""


class Entry:
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
            return import_object(self.value, module=module)
        except Exception as exc:
            raise self._broken(exc) from exc

    def _broken(self, exc: Exception) -> LoopLoadError:
        return LoopLoadError(
            f"the entry point '{self.name} = {self.value}' of {self.origin} does not load: "
            f"{in_one_line(exc)}"
        )


class Known(Entry):
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


def import_object(value: str, *, module: bool = False) -> Any:
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


def is_there(known: Known) -> bool:
    """Tell whether a distribution is installed, be it broken: whoever loads it is told."""
    try:
        return known.is_installed()
    except LoopLoadError:
        return True


def scan(group: str) -> Iterator[Entry]:
    """Yield the entry points of a group from every distribution that is installed."""
    from importlib.metadata import distributions

    seen = set()
    for found in distributions():
        # Parsed here: one malformed line of a stranger's must not hide what the others register.
        entries = list(_entries_in(found.read_text("entry_points.txt") or "", group))
        # What stands first on the path is what an import finds.
        if entries and (name := normalized(found.name)) not in seen:
            seen.add(name)
            for key, value in entries:
                yield Entry(key, value, found.name, found.version)


def _entries_in(text: str, group: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of a group's entry points from the text of an entry_points.txt."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == group and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def normalized(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")


def in_one_line(exc: BaseException) -> str:
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
