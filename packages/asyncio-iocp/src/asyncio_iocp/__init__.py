"""The completion event loop for Windows, a part of the asyncio distributions.

This release holds the place, not the loop: the distribution installs and imports everywhere and
registers the loop's name, `iocp`, and whoever asks for the loop is told plainly why there is none.
"""

from __future__ import annotations

from asyncio_iocp.policy import IocpEventLoopPolicy

__all__ = ("IocpEventLoopPolicy",)
__version__ = "0.1.0"
