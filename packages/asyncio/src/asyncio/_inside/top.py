"""`python -m asyncio top`: what the loops of a process do, measured for an interval, or for one after the other.

The live table is drawn with ANSI escapes (ECMA-48), which every terminal of a Unix knows. On Windows tables come one after
the other.
"""

from __future__ import annotations

import json
import select
import shutil
import sys
from asyncio import tools
from asyncio._inside.listening import Listening
from asyncio._inside.reaching import PATIENCE, NotInside, check_format
from asyncio._inside.signals import ending, interrupt
from asyncio._inside.top_shown import lines_of

from asyncio_core.inspecting.measuring import FORMAT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The other screen of the terminal, without cursor, and back; the upper left corner; the end of a line, and of the page.
_OPEN, _CLOSE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
# Rows of tasks, and of callbacks, where the terminal does not say how many there can be.
_ROWS = 20


def show_once(pid: int, interval: float, *, as_json: bool) -> None:
    """Print the figures of one interval. Raises NotInside where the process cannot be looked into."""
    with _listening(pid, interval) as listening:
        figures = _next(listening, pid, interval)
    if as_json:
        print(json.dumps(figures, indent=1))
        return
    for line in lines_of(figures, _ROWS):
        tools._print(line)


def show(pid: int, interval: float) -> None:
    """Print the figures of one interval after the other: on a terminal in one place, until a signal or q."""
    with ending(interrupt), _listening(pid, interval) as listening:
        try:
            if sys.stdout.isatty() and sys.platform != "win32":
                with _Screen() as screen:
                    while not screen.is_left(listening):
                        screen.draw(_next(listening, pid, interval))
            else:
                while True:
                    for line in lines_of(_next(listening, pid, interval), _ROWS):
                        tools._print(line)
                    print(flush=True)
        except KeyboardInterrupt:
            # As it is meant to end.
            return


def _listening(pid: int, interval: float) -> Listening:
    listening = Listening.to(pid, {"ask": "figures", "seconds": interval})
    try:
        check_format(listening.begun, FORMAT)
    except NotInside:
        listening.close()
        raise
    return listening


def _next(listening: Listening, pid: int, interval: float) -> dict[str, Any]:
    told = listening.line(interval + PATIENCE)
    if told is None:
        raise NotInside("it has ended")
    figures: dict[str, Any] = told["figures"]
    return {"pid": pid, **figures}


class _Screen:
    """The terminal while the table is on it."""

    def __enter__(self) -> _Screen:
        self._restore = _take_keys()
        sys.stdout.write(_OPEN)
        return self

    def __exit__(self, *error: object) -> None:
        sys.stdout.write(_CLOSE)
        sys.stdout.flush()
        self._restore()

    def is_left(self, listening: Listening) -> bool:
        """Wait for figures, or for q; tell whether it was that."""
        while True:
            keys = [sys.stdin] if sys.stdin is not None and sys.stdin.isatty() else []
            ready, _, _ = select.select([listening, *keys], [], [])
            if listening in ready:
                return False
            if sys.stdin.read(1) in ("q", "Q", ""):
                return True

    def draw(self, figures: dict[str, Any]) -> None:
        """Put a table in the place of the one before."""
        columns, rows = shutil.get_terminal_size()
        lines = list(lines_of(figures, max(3, (rows - 6 - 2 * len(figures["loops"])) // 2)))
        shown = (tools._printable(line)[:columns] for line in lines[: rows - 1])
        text = f"{_CLEAR_LINE}\n".join(shown)
        sys.stdout.write(_HOME + text + _CLEAR_LINE + _CLEAR_REST)
        sys.stdout.flush()


def _take_keys() -> Callable[[], None]:
    """Have keys come at once, and unseen; return what has them come as before."""
    if sys.stdin is None or not sys.stdin.isatty():
        return _nothing
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    return lambda: termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _nothing() -> None:
    """There is nothing to restore."""
