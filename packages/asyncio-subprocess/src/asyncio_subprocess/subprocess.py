"""The standard library's names for what this package holds; ``asyncio.subprocess`` is this module."""

from __future__ import annotations

from asyncio_subprocess.process import (
    DEVNULL as DEVNULL,
)
from asyncio_subprocess.process import (
    PIPE as PIPE,
)
from asyncio_subprocess.process import (
    STDOUT as STDOUT,
)
from asyncio_subprocess.process import (
    Process as Process,
)
from asyncio_subprocess.process import (
    SubprocessStreamProtocol as SubprocessStreamProtocol,
)
from asyncio_subprocess.process import create_subprocess_exec, create_subprocess_shell

__all__ = ("create_subprocess_exec", "create_subprocess_shell")
