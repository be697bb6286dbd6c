"""Hooks for PyInstaller, which finds this folder by the entry point `pyinstaller40` of this distribution.

PyInstaller looks modules up on a path of its own, where the standard library comes first, and knows nothing of
`.pth` files; without the hooks the frozen program would run the standard asyncio, and nobody would say so.
"""

import os

__all__ = ("hook_folders",)


def hook_folders() -> list[str]:
    """Return the folders in which PyInstaller looks for hooks."""
    return [os.path.dirname(os.path.abspath(__file__))]
