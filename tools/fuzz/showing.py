"""How a program's log shows things: the same on every run, whatever lies where in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

#: The file name of a program, in its tracebacks and reprs.
PROGRAM = "<program>"
_DEEPEST = 4

# Of some, reprlib shows the end only.
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+|(?<=\.\.\.)x?[0-9a-f]{6,}|(?<= at )[0-9A-F]{16}\b")
_TIME = re.compile(r"(?<=when=)[0-9.e+-]+")
# Where a module is, and which line of it: an implementation's own affair.
_PLACE = re.compile(r"[^\s'\"(]*[/\\](\w+)\.pyx?:\d+")
# Debug mode tells where a thing was made: how many frames are the implementation's own is its own affair.
_BIRTH = re.compile(
    rf"(?:\\n|\n)(?:Coroutine|\w+_traceback: \w+) created at .*"
    rf"|, 'source_traceback': \[.*?\]|(?<=\.\.\.)[^,()]*:\d+(?=>)| created at (?:{PROGRAM}|[^\s>]+):\d+",
    re.DOTALL,
)
# Nor is a compiled function in any file; a method of C is named by its object's class, and not by the one that has it.
_FUNCTION = re.compile(r"(\(.*?\)) at [\w/.-]+\.py(?::\d+)?")
_METHOD = re.compile(
    r"\b(?:(?:Sub|Loud|_Gathering)?(?:Future|Task)(?=\.\w+\()|\w+(?=\._read_from_self\())"
)
# A handle of a task's step, which is a class of its own in one form; and a type's full name.
_CLASS = re.compile(r"(?<=<)_StepHandle|\basyncio\.\w+\.(?=Future|Task)")
# What wakes a task has a form of its own in each.
_WAKE_UP = re.compile(r"(?<=<)bound method \S+\._wakeup(?= of )")
_TASK = re.compile(r"\bTask-(\d+)")


class Showing:
    """What shows values for one program; numbers in the names of tasks count from its start."""

    def __init__(self, first_task: int, names: dict[str, Any]) -> None:
        self._first_task = first_task
        self._names = names

    def text(self, text: str) -> str:
        """Return a text without addresses, places outside of the program, and absolute numbers of tasks."""
        text = _TIME.sub("…", _ADDRESS.sub("0x…", text))
        text = _METHOD.sub("*", _FUNCTION.sub(r"\1", _BIRTH.sub("", text)))
        text = _CLASS.sub(lambda found: "Handle" if "H" in found[0] else "", text)
        text = _WAKE_UP.sub("wake-up", text)
        text = _PLACE.sub(r"\1.py", text)
        return _TASK.sub(lambda found: f"Task-+{int(found[1]) - self._first_task}", text)

    def value(self, value: Any, depth: int = 0) -> str:
        """Return a value as the log has it."""
        if depth > _DEEPEST:
            return "…"
        if isinstance(value, BaseException):
            return self._error(value, depth)
        if isinstance(value, (set, frozenset)):
            return "{" + ", ".join(sorted(self.value(item, depth + 1) for item in value)) + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(self.value(item, depth + 1) for item in value) + "]"
        if isinstance(value, dict):
            pairs = (f"{key}: {self.value(item, depth + 1)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        if hasattr(type(value), "_asyncio_future_blocking"):
            return self._future(value, depth)
        return self.text(repr(value))

    def _future(self, future: Any, depth: int) -> str:
        name = next((n for n, known in list(self._names.items()) if known is future), "")
        if not name and hasattr(future, "get_name"):
            try:
                name = self.text(str(future.get_name()))
            except Exception as error:
                name = self.value(error, depth + 1)
        return f"{type(future).__name__}:{name}:{getattr(future, '_state', '?')}"

    def _error(self, error: BaseException, depth: int) -> str:
        parts = [type(error).__name__, self.value(error.args, depth + 1)]
        if isinstance(error, BaseExceptionGroup):
            parts = [type(error).__name__, self.text(error.message), self.value(error.exceptions)]
        if error.__cause__ is not None:
            parts.append("from " + self.value(error.__cause__, depth + 1))
        elif error.__context__ is not None and not error.__suppress_context__:
            parts.append("after " + self.value(error.__context__, depth + 1))
        return f"{'/'.join(parts)}@{frames_of(error.__traceback__)}"


def frames_of(entry: TracebackType | None) -> str:
    """Return the program's functions that a traceback leads through, and any that no user ought to see."""
    found = []
    while entry is not None:
        code = entry.tb_frame.f_code
        if code.co_filename == PROGRAM:
            found.append(code.co_name)
        elif code.co_filename.endswith((".pyx", ".c")):
            found.append(f"!{code.co_filename}:{code.co_name}!")
        entry = entry.tb_next
    return ">".join(found)
