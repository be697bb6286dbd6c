"""How far a measurement is, on a terminal as a bar, else as a line now and then."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from workspace.console import TICK_IN_LOG, say, took

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType


class Progress:
    """Shows parts of a measurement, one after the other, on standard error."""

    def __init__(self) -> None:
        self._on_terminal = Console(stderr=True).is_terminal
        self._bars = Bars(
            TextColumn("{task.fields[part]:<13}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            disable=not self._on_terminal,
        )

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    @contextmanager
    def part(self, name: str, total: int) -> Iterator[Callable[[str], None]]:
        """Show a part of so many steps; call what this yields at the beginning of each, from any thread."""
        bar = self._bars.add_task("", total=total, part=name)
        lock = threading.Lock()
        begun = 0
        started = last = time.monotonic()
        if not self._on_terminal:
            say(f"--> {name}")

        def show(title: str) -> None:
            nonlocal begun, last
            with lock:
                self._bars.update(bar, completed=begun, description=title)
                begun += 1
                now = time.monotonic()
                if not self._on_terminal and now - last >= TICK_IN_LOG:
                    last = now
                    say(f"    {begun} of {total}, {took(now - started)}: {title}")

        yield show
        self._bars.update(bar, completed=total, description="")
        if not self._on_terminal:
            say(f"    {name}: done in {took(time.monotonic() - started)}")
