"""What starts child processes, and what watches them: found in the group ``asyncio.subprocess_transports``."""

from __future__ import annotations

import sys

from asyncio_core.choosing.entry_points import Known, is_there, scan
from asyncio_core.faces import extend_face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

__all__ = (
    "child_watchers",
    "has_subprocess_support",
    "shown_transport_class",
    "subprocess_support",
)

SUBPROCESSES = "asyncio.subprocess_transports"


def subprocess_support() -> Callable[..., Any] | None:
    """Return what makes subprocess transports on this platform, None where it is not installed.

    It is an async callable `(loop, protocol, args, shell, stdin, stdout, stderr, bufsize, extra=None,
    **kwargs)`, registered in the group ``asyncio.subprocess_transports`` as "unix" or "windows".
    Raises LoopLoadError where it is registered and does not load.
    """
    support: Callable[..., Any] | None = _subprocess_part(_SUBPROCESSES_HERE)
    return support


def shown_transport_class(module: str, name: str) -> Any:
    """Return the class of children's transports, for the module named `module`, which shows it as `name`.

    Replaced there, it is replaced where children are started. Raises AttributeError where
    asyncio-subprocess is not installed.
    """
    support: Any = subprocess_support()
    if not hasattr(support, "transport_class"):
        raise AttributeError(f"{module}.{name} comes with the distribution asyncio-subprocess")
    extend_face(module, support.__module__)
    return support.transport_class


def has_subprocess_support() -> bool:
    """Tell whether asyncio-subprocess is installed, without a search for what may stand in for it."""
    return is_there(
        Known(_SUBPROCESSES_HERE, _SUBPROCESS_PARTS[_SUBPROCESSES_HERE], "asyncio-subprocess")
    )


def child_watchers() -> ModuleType | None:
    """Return the module that watches child processes, None where it is not installed.

    It is registered in the group ``asyncio.subprocess_transports`` as "child_watchers", and has the
    watcher classes of Python 3.13 and earlier. Raises as `subprocess_support()` does.
    """
    module: ModuleType | None = _subprocess_part("child_watchers")
    return module


_SUBPROCESSES_HERE = "windows" if sys.platform == "win32" else "unix"
_SUBPROCESS_PARTS = {
    "unix": "asyncio_subprocess.spawning:make_subprocess_transport",
    "windows": "asyncio_subprocess.windows_spawning:make_subprocess_transport",
    "child_watchers": "asyncio_subprocess.child_watchers",
}
# What was loaded from asyncio-subprocess, by the name of its entry point.
_subprocess_parts: dict[str, Any] = {}


def _subprocess_part(name: str) -> Any:
    if name not in _subprocess_parts:
        known = Known(name, _SUBPROCESS_PARTS[name], "asyncio-subprocess")
        # Where it is not installed, somebody else may stand in for it.
        others = iter((known,)) if known.is_installed() else scan(SUBPROCESSES)
        entry = next((entry for entry in others if entry.name == name), None)
        if entry is None:
            return None
        _subprocess_parts[name] = entry.load(module=name == "child_watchers")
    return _subprocess_parts[name]
