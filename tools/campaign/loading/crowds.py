"""Who starts a crowd of clients, and hears of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("crowd.py")


class Crowd:
    """A process full of clients; within `async with` it is there."""

    def __init__(self, kind: str, at: Any, count: int, **more: Any) -> None:
        """Start nothing yet; what is more goes to the function `kind` in crowd.py."""
        self._words = (kind, json.dumps(at), str(count), json.dumps(more))
        self._process: Any = None
        self._ended = False

    async def __aenter__(self) -> Crowd:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_PROGRAM), *self._words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._ended:
            return
        # It was to be ended by `end()`: something went wrong before.
        self._process.kill()
        await self._process.communicate()

    async def told(self) -> dict[str, Any]:
        """Wait for what it says next."""
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the crowd has ended with {await self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def tell(self, word: str) -> None:
        self._process.stdin.write(f"{word}\n".encode())

    async def end(self) -> dict[str, Any]:
        """Let all go; return what the crowd says of what it did, where it has not said so before."""
        if self._ended:
            return {}
        said, _ = await self._process.communicate()
        self._ended = True
        if self._process.returncode:
            raise RuntimeError(f"the crowd has ended with {self._process.returncode}")
        return json.loads(said) if said else {}
