"""PyInstaller's hook for what goes into the program with `asyncio`.

Modules are imported by name, when they are used, and loops are found by name in the metadata: neither is seen
by who reads the code.
"""

import os
from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_submodules, copy_metadata, logger  # type: ignore[import-untyped]

datas: list[tuple[str, str]] = []
hiddenimports: list[str] = []

_DISTRIBUTIONS = (
    *("asyncio", "asyncio-core", "asyncio-selectors", "asyncio-iocp", "asyncio-sync"),
    *("asyncio-streams", "asyncio-subprocess"),
)


def _is_run(name: str) -> bool:
    # The hooks themselves, and what a program does not import.
    return not name.startswith(("asyncio._freezing", "asyncio.__main__"))


if os.environ.get("ASYNCIO_IMPLEMENTATION") == "stdlib":
    logger.info("asyncio: ASYNCIO_IMPLEMENTATION=stdlib is set, the program gets the standard one")
else:
    for _distribution in _DISTRIBUTIONS:
        _package = _distribution.replace("-", "_")
        if find_spec(_package) is None:
            continue
        hiddenimports += collect_submodules(_package, filter=_is_run, on_error="ignore")
        try:
            datas += copy_metadata(_distribution)
        except Exception as _error:
            # The defaults are found without.
            logger.warning("asyncio: %s goes in without its metadata: %s", _distribution, _error)
    # Modules of the standard library that asyncio enters into sys.modules or loads before a loop runs.
    hiddenimports += [
        "concurrent.futures.thread",
        "encodings.idna",
        "inspect",
        "linecache",
        "logging",
    ]
    hiddenimports += ["queue", "ssl", "stat", "subprocess", "tokenize", "traceback"]
