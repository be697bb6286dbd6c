"""`asyncio.tasks` and its siblings: one module object under two names.

A submodule is not copied and not wrapped: importing `asyncio.tasks` imports `asyncio_core.tasks` and
enters that very module into `sys.modules` under the second name. So a patch made through either
name is seen through both, and `isinstance`, `pickle` and `importlib.reload` know one module only.
"""

from __future__ import annotations

import sys
from asyncio._names import ELSEWHERE, MODULES, NAMES, STAND_INS
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from types import ModuleType
else:
    # importlib.abc brings in half of what a program may never need, for a base without code.
    Loader = object

_PREFIX = "asyncio."


class AliasFinder:
    """A meta path finder (PEP 451) for the submodules in `MODULES`."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The specification of an alias, or None for a name that is not in the table."""
        if not fullname.startswith(_PREFIX):
            return None
        name = fullname.removeprefix(_PREFIX)
        if name not in MODULES:
            return None
        return ModuleSpec(fullname, AliasLoader(name), origin=MODULES[name])


class AliasLoader(Loader):
    """Loads a submodule by importing the module that it is an alias of."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the real module, and hand it over as the one to enter under the alias."""
        module = _import_piece(self._name)
        # The import system now writes the alias' specification into the module. Everything that
        # starts from there (reload, `python -m`, pickling a module's name) would take the alias
        # for the module, so the real one is kept, and put back before anybody else looks.
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Undo what the import system wrote; the module's code ran when it was imported."""
        module.__spec__ = self._spec
        bind_names(self._name, module)


def bind_names(home: str, module: ModuleType) -> None:
    """Make the public names of a submodule attributes of `asyncio`, all of them at once.

    At once, and not each at its first use: a later patch of `asyncio.tasks.sleep` must not reach
    `asyncio.sleep`, and a name that the program has set on `asyncio` stays as it was set.
    """
    facade = vars(sys.modules["asyncio"])
    for name in NAMES.get(home, ()):
        if name not in facade and hasattr(module, name):
            facade[name] = getattr(module, name)


def load_home(home: str, wanted: str) -> ModuleType:
    """Import the home of public names, a key of `NAMES`, for the one that is wanted; bind all."""
    if home in MODULES:
        # Through the alias, so that sys.modules has it under its standard name from now on.
        __import__(_PREFIX + home)
        module = sys.modules[_PREFIX + home]
    else:
        module = _import_module(home, _PREFIX + wanted)
    bind_names(home, module)
    return module


def _import_piece(name: str) -> ModuleType:
    if name in ELSEWHERE:
        raise ImportError(f"{_PREFIX}{name} exists on {ELSEWHERE[name]} only", name=_PREFIX + name)
    try:
        return _import_module(MODULES[name], _PREFIX + name)
    except ModuleNotFoundError as error:
        if name in STAND_INS and error.name == MODULES[name].partition(".")[0]:
            return _import_module(STAND_INS[name], _PREFIX + name)
        raise


def _import_module(target: str, wanted: str) -> ModuleType:
    """Import `target`; where it is not there, say which distribution brings it."""
    try:
        __import__(target)
    except ModuleNotFoundError as error:
        package = target.partition(".")[0]
        distribution = package.replace("_", "-")
        if error.name == package:
            text = f"{wanted} needs the distribution {distribution}, which is not installed"
        elif error.name == target:
            text = f"{wanted} needs {target}, which the installed {distribution} does not have"
        else:
            raise
        raise ModuleNotFoundError(text, name=error.name) from None
    return sys.modules[target]
