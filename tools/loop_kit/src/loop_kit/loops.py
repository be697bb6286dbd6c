"""From the text after `--loop` to a function that makes a loop."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Distributions register loop policies here by name; `--loop NAME` finds them.
ENTRY_POINTS = "asyncio.loop_policies"


class UnknownLoop(LookupError):
    """No loop is made by what stands after `--loop`; the message says why."""


@dataclass(frozen=True)
class LoopChoice:
    """A loop to test: how it was asked for, how it is made, and the class of what is made."""

    text: str
    make: Callable[[], asyncio.AbstractEventLoop]
    #: `module.QualifiedName` of the loop's class, which the file of differences goes by.
    made: str


def loop_name(kind: Any) -> str:
    """Return `module.Name` of a loop's class, by the module that its code is in.

    Where this project's asyncio runs, its classes show the standard asyncio's names.
    """
    made_in = getattr(kind.__init__, "__globals__", {}).get("__name__", "")
    return f"{made_in if made_in.startswith('asyncio_') else kind.__module__}.{kind.__qualname__}"


def choose(text: str) -> LoopChoice:
    """Return the choice for `module:factory`, a registered name, or "" for the default loop."""
    make = _factory(text)
    try:
        loop = make()
    except Exception as error:
        raise UnknownLoop(f"{text}: making a loop failed: {error!r}") from error
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise UnknownLoop(f"{text}: {loop!r} is no event loop")
    loop.close()
    return LoopChoice(text or "default", make, loop_name(type(loop)))


def _factory(text: str) -> Callable[[], Any]:
    if not text:
        return asyncio.new_event_loop
    module, colon, attributes = text.partition(":")
    found: Any
    if not colon:
        found = _registered(text)
    else:
        try:
            found = importlib.import_module(module)
            for attribute in attributes.split("."):
                found = getattr(found, attribute)
        except Exception as error:
            # Whatever a module does when it is imported.
            raise UnknownLoop(f"{text}: {error}") from error
    # A policy class is as good as a factory: calling one gives what makes the loop.
    policy = getattr(found, "new_event_loop", None)
    if isinstance(found, type) and policy is not None:
        return lambda: found().new_event_loop()
    if not callable(found):
        raise UnknownLoop(f"{text}: {found!r} makes no loop")
    make: Callable[[], Any] = found
    return make


def _registered(name: str) -> Any:
    found = list(importlib.metadata.entry_points(group=ENTRY_POINTS, name=name))
    if len(found) != 1:
        there = sorted(
            {entry.name for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}
        )
        raise UnknownLoop(
            f"{name}: {len(found) or 'no'} distributions register a loop of that name"
            f" (names: {', '.join(there) or 'none'}); module:factory names any other loop"
        )
    try:
        return found[0].load()
    except Exception as error:
        raise UnknownLoop(f"{name}: {found[0].value} does not load: {error!r}") from error


def implementation() -> str:
    """Return which asyncio is running, "standard" if it doesn't say."""
    return str(getattr(asyncio, "__implementation__", "standard"))


def form() -> str:
    """Return which form of asyncio_core runs, "compiled" or "pure"; empty where none does."""
    if "asyncio_core" not in sys.modules:
        return ""
    try:
        twins = importlib.import_module("asyncio_core.twins")
    except ModuleNotFoundError:
        return "pure"
    return "compiled" if twins.why_pure is None else "pure"
