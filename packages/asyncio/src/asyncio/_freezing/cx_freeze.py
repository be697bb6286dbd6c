"""cx_Freeze's hook for asyncio, in the place of its own, which puts the standard asyncio into the program.

cx_Freeze knows no hooks of other distributions. It imports its own by name, and the finder in
`_asyncio_precedence` answers for the one that is meant for asyncio.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from cx_Freeze.module import ModuleHook  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("Hook",)

# Whose modules are imported by name when they are used, and whose metadata names the loops.
_PACKAGES = (
    *("asyncio_core", "asyncio_selectors", "asyncio_iocp", "asyncio_sync"),
    *("asyncio_streams", "asyncio_subprocess"),
)
_LATE = (
    "concurrent.futures.thread",
    "encodings.idna",
    "linecache",
    "logging",
    "queue",
    "ssl",
    "stat",
)


class Hook(ModuleHook):  # type: ignore[misc]
    """What cx_Freeze calls for `asyncio` and its submodules."""

    def asyncio(self, finder: "Any", module: "Any") -> None:
        """Make the module that was found this one, before its submodules are looked for."""
        if os.environ.get("ASYNCIO_IMPLEMENTATION") != "stdlib":
            package = Path(__file__).parents[1]
            getattr(module, "stub_code", None)  # what setting `file` takes away has to be there
            module.file = package / "__init__.py"
            module.path = [package]
            source = module.file.read_text(encoding="utf-8")
            module.code = compile(source, str(module.file), "exec", dont_inherit=True)
            # Names that are there without being assigned to, in cx_Freeze's eyes.
            from asyncio import __all__ as names

            module.global_names.update(names)
            finder.exclude_module("asyncio._freezing")
            for name in _PACKAGES:
                if find_spec(name) is not None:
                    finder.include_package(name)
            for name in (*_LATE, "subprocess", "tokenize", "traceback"):
                finder.include_module(name)
        finder.include_package("asyncio")
