"""Modules that are in `sys.modules` from the start and load themselves on first use.

The standard asyncio loads all of itself, and a good part of the standard library, when it is imported, and
programs lean on that: they look `sys.modules["subprocess"]` up, patch `asyncio.tasks` from C, or import
`concurrent` and go on with `concurrent.futures`. Here such a module is entered as a `LazyModule`. The
import system loads it in place, on the first use of a name that only its code can give: the object that was
there before is the module itself afterwards, and an ordinary one.

`importlib.util.LazyLoader` is not used: it loads on any attribute, `__spec__` and `__file__` among them, and
so when somebody merely goes through `sys.modules`. Here what describes a module is told from its
specification, which is found without importing anything.
"""

import sys
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any
else:
    ModuleType = type(sys)
    # importlib.abc brings in half of what a program may never need, for a base without code.
    Loader = object

# By the name under which they are imported, the modules that are not loaded yet.
waiting: "dict[str, LazyModule]" = {}
_found: "dict[str, ModuleSpec]" = {}
# By the same names: what imports such a module, and what is called with it once it is loaded.
_importers: "dict[str, Callable[[str], object]]" = {}
_listeners: "dict[str, Callable[[ModuleType], object]]" = {}
# Names that `load()` has had imported. Who takes a name out of `sys.modules` to import it again wants a
# module of its own, as is right for one that is loaded, and puts the other one back, maybe.
_asked: "set[str]" = set()
# Held for a moment only, never while anything is imported.
_lock = allocate_lock()

_namespace: "Callable[[ModuleType], dict[str, Any]]" = vars(ModuleType)["__dict__"].__get__
_set = ModuleType.__setattr__

# Names with two underscores that a module's code gives it; others it has from its specification or not at all.
_FROM_CODE = frozenset({"__all__", "__author__", "__builtins__", "__getattr__", "__version__"})


def enter(
    name: str,
    *,
    importing: "Callable[[str], object]" = __import__,
    when_loaded: "Callable[[ModuleType], object] | None" = None,
) -> ModuleType:
    """Return the module `name`: the one in `sys.modules`, or one that is entered there and loads itself.

    `importing` is called with the name to load it, for errors of another wording; `when_loaded` with the
    module, once it is loaded.
    """
    module = sys.modules.get(name)
    if module is not None:
        return module
    module = waiting.get(name)
    if module is None:
        module = ModuleType.__new__(LazyModule)
        _namespace(module)["__name__"] = name
        waiting[name] = module
        _importers[name] = importing
        if when_loaded is not None:
            _listeners[name] = when_loaded
    sys.modules[name] = module
    package, _, last = name.rpartition(".")
    if package:
        _namespace(sys.modules[package]).setdefault(last, module)
    return module


def withdraw(name: str) -> None:
    """Take a module that cannot be loaded out of `sys.modules`."""
    module = sys.modules.get(name)
    if type(module) is LazyModule:
        del sys.modules[name]
        package, _, last = name.rpartition(".")
        if package in sys.modules:
            _namespace(sys.modules[package]).pop(last, None)


class LazyModule(ModuleType):
    # No docstring: it would be the module's.

    def __getattr__(self, name: str) -> "Any":
        own = _namespace(self)
        if name[:2] == "__" and name not in _FROM_CODE:
            return _described(self, own["__name__"], name)
        if (own["__name__"], name) in _OF_IDLE and own["__name__"] in waiting:
            return _nothing
        real = load(self)
        if type(real) is not LazyModule:
            return getattr(real, name)
        # Its code runs, and this is a module that it imports (or the code itself).
        if name in own:
            return own[name]
        if "__getattr__" in own:
            return own["__getattr__"](name)
        raise AttributeError(
            f"partially initialized module {own['__name__']!r} has no attribute {name!r}",
            name=name,
            obj=self,
        )

    def __setattr__(self, name: str, value: object) -> None:
        if name[:2] != "__":
            real = load(self)
            if real is not self:
                setattr(real, name, value)
                return
        _set(self, name, value)

    def __delattr__(self, name: str) -> None:
        real = load(self)
        if real is not self:
            delattr(real, name)
        else:
            ModuleType.__delattr__(self, name)

    def __dir__(self) -> "list[str]":
        real = load(self)
        return list(ModuleType.__dir__(self)) if real is self else dir(real)

    def __reduce_ex__(self, protocol: object) -> "tuple[Any, ...]":
        # Who pickles modules by name knows modules by their type.
        from importlib import import_module

        return import_module, (_namespace(self)["__name__"],)

    @property
    def __dict__(self) -> "dict[str, Any]":  # type: ignore[override]
        return _namespace(load(self))

    @property
    def __doc__(self) -> "str | None":  # type: ignore[override]
        return _namespace(load(self)).get("__doc__")


def load(module: ModuleType) -> ModuleType:
    """Load a lazy module unless it is; return the module that its name stands for, itself as a rule.

    Where another thread is about it, this waits for that, as an import would. Raises what its code raises.
    """
    own = _namespace(module)
    name: str = own["__name__"]
    load_it = _importers.get(name, __import__)
    with _lock:
        # Nothing but the import system loads: it has the locks, and knows of threads that wait for each
        # other. It loads what is not in there. Where the finder was asked, the loading is under way.
        if name in waiting and sys.modules.get(name) is module and "__spec__" not in own:
            _asked.add(name)  # first: another thread may import it at once
            del sys.modules[name]
    load_it(name)
    with _lock:
        # Somebody asked the finder for no more than an answer.
        if asked := name in waiting and sys.modules.get(name) is module:
            own.pop("__spec__", None)
            _asked.add(name)
            del sys.modules[name]
    if asked:
        load_it(name)
    return sys.modules.get(name, module)


def _nothing() -> None:
    """Do nothing, for a module that did nothing yet."""


# What an interpreter that ends asks of a module if it is there, loaded or not.
_OF_IDLE = frozenset({("threading", "_shutdown")})


def _described(module: ModuleType, name: str, attribute: str) -> "Any":
    """Return one of the names that the import system gives a module, without loading it."""
    if name in waiting:
        tell = _TOLD_BY.get(attribute)
        spec = None if tell is None else _specification(name)
        value = None if spec is None or tell is None else tell(spec)
        if value is not None:
            return value
        if attribute == "__spec__":
            # The import statement asks for it: what is not there is told there.
            return load(module).__spec__
    elif (real := sys.modules.get(name)) is not None and type(real) is not LazyModule:
        return getattr(real, attribute)
    raise AttributeError(
        f"module {name!r} has no attribute {attribute!r}", name=attribute, obj=module
    )


_TOLD_BY: "dict[str, Callable[[ModuleSpec], Any]]" = {
    "__file__": lambda spec: spec.origin if spec.has_location else None,
    "__loader__": lambda spec: spec.loader,
    "__package__": lambda spec: spec.parent,
    "__path__": lambda spec: spec.submodule_search_locations,
    "__spec__": lambda spec: spec,
}
if sys.version_info < (3, 15):
    _TOLD_BY["__cached__"] = lambda spec: spec.cached


def _specification(name: str) -> "ModuleSpec | None":
    """Find a module as the import system would, but for importing the package that it is in."""
    if name in _found:
        return _found[name]
    parent = name.rpartition(".")[0]
    path = None
    if parent:
        package = sys.modules.get(parent)
        spec = (
            getattr(package, "__spec__", None) if parent not in waiting else _specification(parent)
        )
        path = None if spec is None else spec.submodule_search_locations
        if path is None:
            return None
    found = search(name, path)
    if found is not None and name in waiting:
        _found[name] = found
    return found


def search(name: str, path: "Sequence[str] | None" = None) -> "ModuleSpec | None":
    """Ask the finders that come after this one for a module."""
    # Those that come before this finder have had their say when it is asked; and one of them may be
    # asking all the others itself.
    finders = list(sys.meta_path)
    for finder in finders[finders.index(FINDER) + 1 :] if FINDER in finders else finders:
        find_spec = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = None if find_spec is None else find_spec(name, path)
        if spec is not None:
            return spec
    return None


class LazyFinder:
    """A meta path finder (PEP 451) for the modules that wait to be loaded."""

    def find_spec(
        self,
        fullname: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """The specification of a module that waits, to be loaded in place; None for all others."""
        # Called for every module that any program imports.
        if path is not None and (package := waiting.get(fullname.rpartition(".")[0])) is not None:
            load(package)
        lazy = waiting.get(fullname)
        if lazy is None or not (fullname in _asked or target is lazy):  # a reload has a target
            return None
        spec = _found.get(fullname) or search(fullname, path)
        if spec is None or spec.loader is None:
            return spec
        if not isinstance(spec.loader, _Handover):
            spec.loader = _Handover(spec.loader)
        # The import system has seen that it is not there, which is all that `load()` took it out for;
        # now that it is there again, the import system takes the specification from it.
        _found[fullname] = spec
        # Other threads that come upon it in there are to wait, by the sign that the import system goes by.
        spec._initializing = True  # type: ignore[attr-defined]
        _namespace(lazy)["__spec__"] = spec
        sys.modules.setdefault(fullname, lazy)
        return spec


FINDER = LazyFinder()


class _Handover(Loader):
    """Stands in for a module's own loader until that has a module to fill: the one that waits."""

    def __init__(self, loader: "Loader") -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._loader, name)

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        """Return the lazy module, unless the loader makes modules of its own kind."""
        create = getattr(self._loader, "create_module", None)
        made = None if create is None else create(spec)
        with _lock:
            lazy = waiting.pop(spec.name, None)
        _found.pop(spec.name, None)
        # One of the loader's own kind takes the place; the lazy one passes on what it is asked.
        return lazy if made is None else made

    def exec_module(self, module: "ModuleType") -> None:
        """Let the loader run the module's code, and make an ordinary module of it."""
        own = _namespace(module)
        spec = own["__spec__"]
        name = spec.name
        spec.loader = own["__loader__"] = self._loader
        with _lock:
            reloaded = waiting.pop(name, None) is not None  # which makes no module
        _found.pop(name, None)
        before = {key: own[key] for key in own if key == "__name__" or key[:2] != "__"}
        try:
            self._loader.exec_module(module)
        except BaseException:
            if isinstance(module, LazyModule):
                # As it was, for the next one who tries.
                own.clear()
                own.update(before)
                waiting[name] = module
            raise
        if type(module) is LazyModule:
            # Unless its code made it something else.
            object.__setattr__(module, "__class__", ModuleType)
        if reloaded:
            spec._initializing = False
        _importers.pop(name, None)
        listener = _listeners.pop(name, None)
        if listener is not None:
            listener(module)
