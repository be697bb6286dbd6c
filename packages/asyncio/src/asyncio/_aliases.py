"""`asyncio.tasks` and its siblings: one module object under two names.

A submodule is not copied and not wrapped: `asyncio.tasks` is `asyncio_core.awaiting.tasks`, and that very module is
in `sys.modules` under both names. So a patch made through either name is seen through both, and
`isinstance`, `pickle` and `importlib.reload` know one module only. `enter_all()` enters those that the
standard asyncio has loaded, to load themselves on first use; the finder is for what was taken out again.
"""

import os
import sys
from _imp import extension_suffixes
from asyncio._lazy import enter, is_loading, search, waiting, withdraw
from asyncio._modules import ATTRIBUTES, BROUGHT_ALONG, ELSEWHERE, MODULES, STAND_INS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any
else:
    # importlib.abc brings in half of what a program may never need, for a base without code.
    Loader = object

_PREFIX = "asyncio."


def enter_all() -> None:
    """Enter what the standard asyncio has loaded when it is imported, all of it to be loaded on first use."""
    if not is_in_place():
        # Last, so that it costs nothing to an import that succeeds.
        sys.meta_path.append(AliasFinder())
    facade = vars(sys.modules["asyncio"])
    for name in ATTRIBUTES:
        target = MODULES[name]
        _enter_package_of(target)
        module = enter(target, when_missing=_name_missing, when_loaded=_loaded)
        facade[name] = sys.modules[_PREFIX + name] = module
        if target not in waiting:
            _loaded(module)
    for name in BROUGHT_ALONG:
        if name not in sys.modules and (name != "ssl" or _has_ssl()):
            enter(name)


def _enter_package_of(target: str) -> None:
    package = target.rpartition(".")[0]
    if package and package not in sys.modules:
        _enter_package_of(package)
        enter(package)


def is_in_place() -> bool:
    """Tell whether this asyncio was imported before, and has its finders in place."""
    return any(type(finder).__module__ == __name__ for finder in sys.meta_path)


def _has_ssl() -> bool:
    # A Python may be built without; who imports `ssl` is to be told so there and then.
    if "_ssl" in sys.modules:
        return sys.modules["_ssl"] is not None
    # As a rule it lies with the library's other extensions; only then is it searched for, which takes long.
    place = next((folder for folder in sys.path if folder.endswith("lib-dynload")), "")
    return os.path.isfile(f"{place}/_ssl{extension_suffixes()[0]}") or search("_ssl") is not None


def _name_missing(target: str, error: ModuleNotFoundError) -> None:
    """Say which distribution brings a submodule that is not there."""
    name = _PREFIX + _ALIASES[target]
    # For who goes through the modules, as for the next import.
    withdraw(name)
    _explain(target, name, error)


def _loaded(module: "ModuleType") -> None:
    """Be told that a submodule is loaded, by whichever name, and by whomever."""
    target = module.__name__
    name = _ALIASES[target]
    if sys.modules.get(_PREFIX + name) is not module:
        # One of its loader's own kind.
        sys.modules[_PREFIX + name] = module
        setattr(sys.modules["asyncio"], name, module)
    bind_names(name, module)
    if name == "base_events":
        _load_with_loops()


def _load_with_loops() -> None:
    """Have all that was entered loaded when a loop is made, for the moment when nothing can be loaded."""
    from asyncio._pieces import warn_of_other_versions
    from asyncio._shown import show_when_loaded

    from asyncio_core.loops.provisions import lay_in

    lay_in(*(target for target in _ALIASES if not target.endswith(".graph")), *BROUGHT_ALONG)
    lay_in("importlib.machinery")
    lay_in(show_when_loaded, last=True)
    # Not later: what is laid in may fail, and a warning may have been made an error.
    warn_of_other_versions()


_ALIASES = {MODULES[name]: name for name in ATTRIBUTES}


class AliasFinder:
    """A meta path finder (PEP 451) for the submodules in `MODULES`."""

    def find_spec(
        self,
        fullname: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """The specification of an alias, or None for a name that is not in the table."""
        if not fullname.startswith(_PREFIX):
            return None
        name = fullname.removeprefix(_PREFIX)
        if name not in MODULES:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(fullname, AliasLoader(name), origin=MODULES[name])


class AliasLoader(Loader):
    """Loads a submodule by importing the module that it is an alias of."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: "ModuleSpec") -> "ModuleType":
        """Import the real module, and hand it over as the one to enter under the alias."""
        module = _import_piece(self._name)
        # The import system now writes the alias' specification into the module. Everything that
        # starts from there (reload, `python -m`, pickling a module's name) would take the alias
        # for the module, so the real one is kept, and put back before anybody else looks.
        self._spec = module.__spec__
        return module

    def exec_module(self, module: "ModuleType") -> None:
        """Undo what the import system wrote; the module's code ran when it was imported."""
        module.__spec__ = self._spec
        bind_names(self._name, module)


def bind_names(home: str, module: "ModuleType") -> None:
    """Make the public names of a submodule attributes of `asyncio`, all of them at once.

    At once, and not each at its first use: a later patch of `asyncio.tasks.sleep` must not reach
    `asyncio.sleep`, and a name that the program has set on `asyncio` stays as it was set.
    """
    if home == RUNNING_LOOP:
        names: tuple[str, ...] = ABOUT_THE_RUNNING_LOOP
    else:
        from asyncio._names import NAMES

        names = NAMES.get(home, ())
    if not is_loading(module):
        from asyncio._shown import show_as_the_standard

        show_as_the_standard(home, names, module)
    facade = vars(sys.modules["asyncio"])
    for name in names:
        if name not in facade and hasattr(module, name):
            facade[name] = getattr(module, name)


def load_home(home: str, wanted: str) -> "Any":
    """Import the home of public names, a key of `NAMES`, for the one that is wanted; bind all."""
    if home == RUNNING_LOOP:
        if home in _loading:
            return _NoLoopYet
        _loading.add(home)
        try:
            module = _import_module(home, _PREFIX + wanted)
        finally:
            _loading.discard(home)
    elif home in MODULES:
        # Through the alias, so that sys.modules has it under its standard name from now on.
        __import__(_PREFIX + home)
        if _PREFIX + home not in sys.modules:
            # Found missing a moment ago, and up to Python 3.12 the import statement made nothing of it.
            __import__(_PREFIX + home)
        module = sys.modules[_PREFIX + home]
    else:
        module = _import_module(home, _PREFIX + wanted)
    bind_names(home, module)
    return module


class _NoLoopYet:
    """Stands in for the module of the running loop while that is being imported: no loop can run then.

    What watches imports, or the calls that they make, may ask for the loop in the middle of this one.
    """

    @staticmethod
    def _get_running_loop() -> object:
        real = getattr(sys.modules.get(RUNNING_LOOP), "_get_running_loop", None)
        return None if real is None else real()

    @staticmethod
    def _set_running_loop(loop: object) -> None:
        _import_module(RUNNING_LOOP, RUNNING_LOOP)
        sys.modules[RUNNING_LOOP]._set_running_loop(loop)

    @staticmethod
    def get_running_loop() -> object:
        loop = _NoLoopYet._get_running_loop()
        if loop is None:
            raise RuntimeError("no running event loop")
        return loop


RUNNING_LOOP = "asyncio_core.choosing.running_loop"
ABOUT_THE_RUNNING_LOOP = tuple(name for name in vars(_NoLoopYet) if name[:2] != "__")
_loading: set[str] = set()


def _import_piece(name: str) -> "ModuleType":
    if name in ELSEWHERE:
        raise ImportError(f"{_PREFIX}{name} exists on {ELSEWHERE[name]} only", name=_PREFIX + name)
    try:
        return _import_module(MODULES[name], _PREFIX + name)
    except ModuleNotFoundError as error:
        if name in STAND_INS and error.name == MODULES[name].partition(".")[0]:
            return _import_module(STAND_INS[name], _PREFIX + name)
        raise


def _import_module(target: str, wanted: str) -> "ModuleType":
    """Import `target`; where it is not there, say which distribution brings it."""
    try:
        __import__(target)
    except ModuleNotFoundError as error:
        _explain(target, wanted, error)
        raise
    return sys.modules[target]


def _explain(target: str, wanted: str, error: ModuleNotFoundError) -> None:
    """Raise an error that names the distribution which brings `target`, where that is what is missing."""
    package = target.partition(".")[0]
    distribution = package.replace("_", "-")
    if error.name == package:
        text = f"{wanted} needs the distribution {distribution}, which is not installed"
    elif error.name == target:
        text = f"{wanted} needs {target}, which the installed {distribution} does not have"
    else:
        return
    raise ModuleNotFoundError(text, name=error.name) from None
