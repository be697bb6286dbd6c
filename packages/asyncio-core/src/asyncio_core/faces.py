"""Modules that show several others under one name, and pass on what is patched in them.

`asyncio.base_events` and `asyncio.events` are single modules to whoever uses asyncio, and several here.
Reading a name from the face is simple. Suites and some libraries also *replace* names there: the logger,
the `socket` module, the function that tells the running loop. On a face such a change reaches the
modules that hold the name, and is taken back with it. That costs nothing where the name is used: each of
them goes on looking it up among its own globals.
"""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _ClassT = TypeVar("_ClassT", bound=type)


# By face: the parts that were named before it was loaded.
_early: dict[str, tuple[str, ...]] = {}


class _Face(ModuleType):
    _face_parts: tuple[str, ...]
    # For each replaced name, the modules it was replaced in and what they held before.
    _face_displaced: dict[str, list[tuple[ModuleType, Any]]]

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name.startswith("__") and name.endswith("__"):
            return
        modules = [sys.modules.get(part) for part in self._face_parts]
        holders = [module for module in modules if module is not None and name in vars(module)]
        if name not in self._face_displaced and holders:
            self._face_displaced[name] = [(module, vars(module)[name]) for module in holders]
        for module in holders:
            # Faces can be parts of each other.
            if vars(module)[name] is not value:
                setattr(module, name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        for module, value in self._face_displaced.pop(name, ()):
            setattr(module, name, value)


def make_face(name: str, parts: tuple[str, ...]) -> None:
    """Turn the module `name` into a face of `parts`, modules of its distribution that need not be loaded yet.

    The parts are named from the distribution's package on: ``"awaiting.futures"``.
    """
    package = name.partition(".")[0]
    module = sys.modules[name]
    named = tuple(f"{package}.{part}" for part in parts)
    module.__dict__["_face_parts"] = (*named, *_early.get(name, ()))
    module.__dict__["_face_displaced"] = {}
    if not isinstance(module, _Face):
        # One that is loaded again may have become something more by now.
        module.__class__ = _Face


def extend_face(name: str, part: str) -> None:
    """Take one more module into the face `name`: `part`, by its full name, of another distribution maybe."""
    _early[name] = (*(known for known in _early.get(name, ()) if known != part), part)
    module = sys.modules.get(name)
    # One that is not a face yet may be waiting to be loaded.
    if isinstance(module, _Face) and part not in vars(module)["_face_parts"]:
        vars(module)["_face_parts"] += (part,)


def one_class(above: type, *taken: str) -> Callable[[_ClassT], _ClassT]:
    """Decorate a class that is composed of parts, which derive from `above`, to look like one.

    The parts' methods give the class's name and module as theirs. Warnings about coroutines that were
    never awaited, tracebacks in debug mode and handles show these names, and filters know them:
    ``BaseEventLoop.shutdown_asyncgens``. Parts of other distributions keep their names, as other
    classes are composed of them too; of their methods that are in `taken` the class gets copies.
    """

    def name_methods(cls: _ClassT) -> _ClassT:
        module, name = cls.__module__, cls.__qualname__
        package = module.partition(".")[0]
        for part in cls.__mro__[1:]:
            if part is above:
                break
            if part.__module__.partition(".")[0] != package:
                continue
            for attribute, value in vars(part).items():
                if type(value) is FunctionType:
                    value.__qualname__ = f"{name}.{attribute}"
                    value.__module__ = module
        for attribute in taken:
            copy = _copy(getattr(cls, attribute))
            copy.__qualname__ = f"{name}.{attribute}"
            copy.__module__ = module
            setattr(cls, attribute, copy)
        return cls

    return name_methods


def _copy(function: FunctionType) -> FunctionType:
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__annotations__ = function.__annotations__
    copy.__dict__.update(function.__dict__)
    return copy
