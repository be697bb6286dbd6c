"""Modules that are in `sys.modules` from the start and load themselves on first use.

The standard asyncio loads all of itself, and a good part of the standard library, when it is imported, and
programs lean on that: they look `sys.modules["subprocess"]` up, patch `asyncio.tasks` from C, or import
`concurrent` and go on with `concurrent.futures`. Here such a module is entered as a `LazyModule`. Its code
runs in that very object, on the first use of a name that only the code can give: what was there before is
the module itself afterwards, and an ordinary one. It never leaves `sys.modules` meanwhile, and other threads
wait for the whole of it by the import system's own lock for its name.

`importlib.util.LazyLoader` is not used: it loads on any attribute, `__spec__` and `__file__` among them, and
so when somebody merely goes through `sys.modules`. Here what describes a module is told from its
specification, which is found without importing anything.
"""

import sys

# These are importlib's: its own modules would have to be read from files.
from _frozen_importlib import _DeadlockError, _ModuleLockManager  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any
else:
    ModuleType = type(sys)

# By the name under which they are imported, the modules that are not loaded yet.
waiting: "dict[str, LazyModule]" = {}
_found: "dict[str, ModuleSpec]" = {}
# The names of those whose code runs now.
_filling: set[str] = set()
# By the same names: what may tell a failure in other words, and what is called with a module that is loaded.
_excuses: "dict[str, Callable[[str, ModuleNotFoundError], object]]" = {}
_listeners: "dict[str, Callable[[ModuleType], object]]" = {}

_namespace: "Callable[[ModuleType], dict[str, Any]]" = vars(ModuleType)["__dict__"].__get__
_set = ModuleType.__setattr__

# Names with two underscores that a module's code gives it; others it has from its specification or not at all.
_FROM_CODE = frozenset({"__all__", "__author__", "__builtins__", "__getattr__", "__version__"})


def enter(
    name: str,
    *,
    when_missing: "Callable[[str, ModuleNotFoundError], object] | None" = None,
    when_loaded: "Callable[[ModuleType], object] | None" = None,
) -> ModuleType:
    """Return the module `name`: the one in `sys.modules`, or one that is entered there and loads itself.

    `when_missing` is called with the name and the error where a module is not there, and may raise a
    better one; `when_loaded` with the module, once it is loaded.
    """
    module = sys.modules.get(name)
    if module is not None:
        return module
    module = waiting.get(name)
    if module is None:
        module = ModuleType.__new__(LazyModule)
        _namespace(module)["__name__"] = name
        waiting[name] = module
        if when_missing is not None:
            _excuses[name] = when_missing
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
        return list(ModuleType.__dir__(self)) if type(real) is LazyModule else dir(real)

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
    name: str = _namespace(module)["__name__"]
    if sys.modules.get(name) is module:
        with _ImportLock(name):
            if waiting.get(name) is module:
                _fill(module, name)
    elif name in waiting:
        # It was taken out, or another one was put in its place.
        __import__(name)
    return sys.modules.get(name, module)


def is_loading(module: ModuleType) -> bool:
    """Wait while another thread loads the module; tell whether it is being loaded all the same, by this one as a rule.

    The import system waits for no module that it is asked for by another name than the module's own.
    """
    name: str = _namespace(module)["__name__"]
    if name in _filling:
        with _ImportLock(name):
            pass
    return name in _filling


class _ImportLock:
    """The import system's own lock for a module.

    Where two threads wait for each other's modules, one goes on and sees what is there, as with imports.
    """

    def __init__(self, name: str) -> None:
        self._lock = _ModuleLockManager(name)
        self._held = False

    def __enter__(self) -> None:
        try:
            self._lock.__enter__()
            self._held = True
        except _DeadlockError:
            pass

    def __exit__(self, *error: object) -> None:
        if self._held:
            self._lock.__exit__(*error)


def _fill(module: ModuleType, name: str) -> None:
    """Run the code of a module that waits; it waits again where that fails."""
    own = _namespace(module)
    before = dict(own)
    try:
        spec = _specification_for_loading(name)
        loader: Any = spec.loader
        create = getattr(loader, "create_module", None)
        if loader is None or (create is not None and create(spec) is not None):
            # One of the loader's own kind takes the place; the lazy one passes on what it is asked.
            del waiting[name]
            del sys.modules[name]
            __import__(name)
            real = sys.modules[name]
        else:
            real = module
            _describe(own, spec)
            # By this sign the import system waits for modules that others load.
            spec._initializing = True  # type: ignore[attr-defined]
            _filling.add(name)
            # Not before it is described: others who import from a package ask for its path.
            del waiting[name]
            try:
                loader.exec_module(module)
            finally:
                _filling.discard(name)
                spec._initializing = False  # type: ignore[attr-defined]
    except BaseException as error:
        own.clear()
        own.update(before)
        if type(module) is not LazyModule:
            # Its code has made it something else before it failed.
            object.__setattr__(module, "__class__", LazyModule)
        waiting[name] = module  # type: ignore[assignment]
        sys.modules.setdefault(name, module)
        if isinstance(error, ModuleNotFoundError) and name in _excuses:
            _excuses[name](name, error)
        raise
    if type(module) is LazyModule and real is module:
        # Unless its code made it something else.
        object.__setattr__(module, "__class__", ModuleType)
    _found.pop(name, None)
    _excuses.pop(name, None)
    listener = _listeners.pop(name, None)
    if listener is not None:
        listener(real)


def _specification_for_loading(name: str) -> "ModuleSpec":
    """Find a module as the import system does, which imports the package that it is in."""
    path = None
    parent = name.rpartition(".")[0]
    if parent:
        __import__(parent)
        if (package := waiting.get(parent)) is not None:
            # Up to Python 3.12 the import statement passes over what fails here.
            load(package)
        path = sys.modules[parent].__path__
    spec = _found.get(name) or search(name, path)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return spec


def _describe(own: "dict[str, Any]", spec: "ModuleSpec") -> None:
    """Write into a module what the import system writes into a new one."""
    for name, tell in _TOLD_BY.items():
        value = tell(spec)
        if value is not None:
            own[name] = value


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
    elif attribute in (own := _namespace(module)):
        # Another thread has begun to load it since it was not found there.
        return own[attribute]
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
    """Ask the finders for a module."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = None if find_spec is None else find_spec(name, path)
        if spec is not None:
            return spec
    return None
