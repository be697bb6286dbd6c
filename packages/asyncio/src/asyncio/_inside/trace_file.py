"""The file of a trace. Until there is a trace it is left as it was, and is not there where it was not."""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self, TextIO

#: Stands for standard output.
STANDARD_OUTPUT = "-"


class TraceFile:
    """A file that is opened, so that one which cannot be is told in time, and emptied when there is a trace for it.

    Raises OSError where it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self.is_standard_output = path == STANDARD_OUTPUT
        self.name = "standard output" if self.is_standard_output else path
        self._path = path
        self._made = False
        self._file: TextIO | None = None
        self._descriptor = -1 if self.is_standard_output else self._opened()

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(self._path, flags | os.O_EXCL, 0o666)
        except FileExistsError:
            return os.open(self._path, flags, 0o666)
        self._made = True
        return descriptor

    def begin(self) -> TextIO:
        """Return it to be written to, from its beginning on."""
        if self.is_standard_output:
            return sys.stdout
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.ftruncate(self._descriptor, 0)
        self._file = os.fdopen(self._descriptor, "w", encoding="utf-8")
        return self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()
        elif self._descriptor >= 0:
            os.close(self._descriptor)
            if self._made:
                os.unlink(self._path)
