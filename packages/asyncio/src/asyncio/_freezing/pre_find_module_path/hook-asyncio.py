"""PyInstaller's hook for where the module `asyncio` is found: here, and not in the standard library."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def pre_find_module_path(hook_api: "Any") -> None:
    """Have the folder searched that this package lies in."""
    if os.environ.get("ASYNCIO_IMPLEMENTATION") == "stdlib":
        return
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    hook_api.search_dirs = [os.path.dirname(package)]
