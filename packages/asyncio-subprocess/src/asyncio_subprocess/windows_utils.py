"""Child processes on Windows whose pipes can be read and written by overlapped calls.

With the pipes themselves, which are at home in asyncio-core, these are the names of the standard
module of this name.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("overlapped pipes need Windows")

import msvcrt
import os
import subprocess
from contextlib import ExitStack

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.windows.pipes import BUFSIZE, PipeHandle, pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ("PIPE", "PipeHandle", "Popen", "pipe")

PIPE = subprocess.PIPE
STDOUT = subprocess.STDOUT

# Also names of the standard module.
_FACE = (BUFSIZE,)


def _child_end(handle: int, flags: int) -> int:
    """Make a descriptor of the C library for the child's end; it owns the handle then."""
    try:
        return msvcrt.open_osfhandle(handle, flags)
    except BaseException:
        PipeHandle(handle).close()
        raise


class Popen(subprocess.Popen[bytes]):
    """A child process; in place of pipes' file objects it has `PipeHandle`s for overlapped calls.

    The arguments are those of `subprocess.Popen`, but for text pipes, which there are none of, and
    for buffering: there is none. Added in Python 3.4.
    """

    def __init__(
        self, args: Any, stdin: Any = None, stdout: Any = None, stderr: Any = None, **kwds: Any
    ) -> None:
        if kwds.get("universal_newlines"):
            raise ValueError("universal_newlines must be False")
        if kwds.pop("bufsize", 0):
            raise ValueError("bufsize must be 0")
        ours: list[Any] = [None, None, None]
        theirs = [stdin, stdout, stderr]
        # The child's ends are closed here in any case, ours only where there is no child.
        with ExitStack() as failed, ExitStack() as started:
            for fd, wanted in enumerate(theirs):
                if wanted != PIPE:
                    continue
                ours[fd], theirs[fd] = _pipe_for(fd)
                failed.callback(ours[fd].close)
                started.callback(os.close, theirs[fd])
            names = ("stdin", "stdout", "stderr")
            super().__init__(args, bufsize=0, **dict(zip(names, theirs, strict=True)), **kwds)
            failed.pop_all()
        # subprocess has seen plain descriptors there, and made no file objects.
        self.stdin, self.stdout, self.stderr = ours


def _pipe_for(fd: int) -> tuple[PipeHandle, int]:
    """Make a pipe to the child's descriptor `fd`: our end, and a descriptor for the child's.

    The child's end is for blocking calls. Ours of its input can be read too: a read that ends tells
    that the child does not read any more.
    """
    if fd == 0:
        handle, own = pipe(duplex=True, overlapped=(False, True))
        flags = os.O_RDONLY
    else:
        own, handle = pipe(overlapped=(True, False))
        flags = 0
    end = PipeHandle(own)
    try:
        return end, _child_end(handle, flags)
    except BaseException:
        end.close()
        raise


leave_to_checkers(__name__)
