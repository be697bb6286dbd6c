"""Lets `import asyncio` find the asyncio that is installed beside this file.

The standard library comes before site-packages on `sys.path`, so a folder there named `asyncio`
is never found by itself. `install()` puts a finder in front of the import system that answers for
this one name and for no other (but for a hook of cx_Freeze's, which would put the standard one into
a frozen program). `asyncio-precedence.pth` (Python 3.14 and older) and
`asyncio-precedence.start` (PEP 829, Python 3.15 and newer), which lie next to this file in
site-packages, call it when the interpreter starts.

Two rules keep it harmless:

* It stands in for the standard library's asyncio and for nothing else. A folder or file `asyncio`
  that comes earlier on `sys.path` than the standard library (beside the script, or in
  PYTHONPATH) hides the standard one, and hides this one just the same.
* Every interpreter in the environment runs this at its start, so it imports nothing (not even
  `__future__`), reads nothing and decides nothing until somebody asks for asyncio.

`ASYNCIO_IMPLEMENTATION=stdlib` in the environment leaves the standard asyncio in place for the
process and, since children inherit the environment, for its children.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

VARIABLE = "ASYNCIO_IMPLEMENTATION"
# What the variable may say; an empty one counts as unset. "independent" is also what
# asyncio.__implementation__ holds.
STDLIB = "stdlib"
INDEPENDENT = "independent"

# What cx_Freeze imports to learn what goes into a program with asyncio. It knows no hooks but its own, and that
# one knows the standard asyncio only.
_CX_FREEZE = "cx_Freeze.hooks._asyncio_"

__all__ = ["install"]


class AsyncioFinder:
    """A meta path finder (PEP 451) for the top-level name `asyncio`, and for cx_Freeze's hook for it."""

    def __init__(self) -> None:
        self._complained = False

    def find_spec(
        self,
        fullname: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        """The specification of the asyncio beside this file, or None to let the search go on."""
        # Called for every module that any program imports: the comparison comes first.
        if fullname != "asyncio":
            if fullname == "nuitka" and self.wanted():
                # It asks no finder for what is in the standard library, and reads no package's word on it.
                self.complain(
                    "Nuitka compiles the standard library's asyncio into programs, "
                    "not the one of the distribution asyncio that is installed"
                )
            return _hook_of_cx_freeze() if fullname == _CX_FREEZE else None
        if not self.wanted():
            return None
        # importlib.machinery's, without a file to read.
        from _frozen_importlib_external import PathFinder

        if _regular(PathFinder.find_spec(fullname, _entries_before_stdlib())):
            return None
        # __file__ of a module that site imports is absolute.
        spec = PathFinder.find_spec(fullname, [_directory(__file__)])
        # A folder that lost its files is no asyncio: the standard one is better than that.
        if not _regular(spec) or spec is None or spec.origin is None:
            return None
        if not _is_ours(spec.origin):
            self.complain(
                f"{spec.origin} belongs to another distribution named asyncio, which was installed over this one; "
                "so this is the standard library's asyncio. Uninstall asyncio, and install the one that is wanted"
            )
            return None
        # Nor is the facade without the core. pip imports asyncio, so taking the name all the same
        # would leave an environment that lost the core without the means to get it back.
        if not _has_core(spec.origin) and PathFinder.find_spec("asyncio_core") is None:
            self.complain(
                "asyncio-core is not installed, so this is the standard library's asyncio; "
                "install asyncio-core, or remove the distribution asyncio"
            )
            return None
        return spec

    def wanted(self) -> bool:
        """Whether the environment leaves the name to this asyncio."""
        import os

        choice = os.environ.get(VARIABLE, "")
        if choice == STDLIB:
            return False
        if choice not in ("", INDEPENDENT):
            self.complain(
                f"{VARIABLE}={choice!r} is unknown and was passed over: "
                f"use {STDLIB!r} for the standard library's asyncio, or leave it unset"
            )
        return True

    def complain(self, message: str) -> None:
        """Warn, once in the process: what is wrong here stays wrong for every import."""
        if not self._complained:
            import warnings

            self._complained = True
            # Level 4 is the import statement: complain, its caller and the import system's
            # frames, of which warnings leaves out the last, lie between.
            warnings.warn(message, RuntimeWarning, stacklevel=4)


def _hook_of_cx_freeze() -> "ModuleSpec | None":
    import os
    from importlib.util import spec_from_file_location

    file = os.path.join(_directory(__file__), "asyncio", "_freezing", "cx_freeze.py")
    return spec_from_file_location(_CX_FREEZE, file) if os.path.isfile(file) else None


def _regular(spec: "ModuleSpec | None") -> bool:
    """Whether `spec` is a module with code, and not a folder without `__init__.py`."""
    # Such a folder gives way to a regular package that comes later on sys.path.
    return spec is not None and spec.loader is not None and spec.origin is not None


def _entries_before_stdlib() -> list[str]:
    """The part of `sys.path` that is searched before the standard library."""
    import os

    stdlib = os.path.dirname(os.__file__)
    try:
        return sys.path[: sys.path.index(stdlib)]
    except ValueError:
        # Not there as such (a frozen program, an edited sys.path): nothing can be said about
        # what came before it.
        return []


def _is_ours(facade: str) -> bool:
    """Whether a facade is the one that this file came with, and not another one's that was laid over it."""
    try:
        with open(facade, "rb") as file:
            # In the source as in what was compiled of it.
            return b"__implementation__" in file.read()
    except OSError:
        # Who imports it is told why it can't be read.
        return True


def _has_core(facade: str) -> bool:
    """Whether the core lies where pip puts it: found so at a tenth of what a search takes."""
    import os

    site = os.path.dirname(os.path.dirname(facade))
    return os.path.isfile(os.path.join(site, "asyncio_core", "__init__.py"))


def _directory(file: str) -> str:
    import os

    return os.path.dirname(os.path.abspath(file))


_FINDER = AsyncioFinder()


def install() -> None:
    """Make `import asyncio` in this process find the asyncio installed beside this file.

    A second call does nothing. Where an asyncio from somewhere else was imported before, two
    implementations would mix: it stays, and a `RuntimeWarning` says so, except where
    `ASYNCIO_IMPLEMENTATION=stdlib` asks for just that.
    """
    loaded = sys.modules.get("asyncio")
    if loaded is None:
        if _FINDER not in sys.meta_path:
            sys.meta_path.insert(0, _FINDER)
    elif not hasattr(loaded, "__implementation__") and _FINDER.wanted():
        where = getattr(loaded, "__file__", None) or "an unknown place"
        _FINDER.complain(
            f"asyncio was imported from {where} before its precedence was set: it stays"
        )
