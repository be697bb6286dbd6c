"""The transport of a child that was started with fork and exec."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

from asyncio_core import log
from asyncio_subprocess.base_subprocess import BaseSubprocessTransport
from asyncio_subprocess.exit_watching import watch_exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from asyncio_core.abstract_loop import AbstractEventLoop
    from asyncio_subprocess.exit_watching import ExitWatch

# What is reported of a child whose status somebody else took away.
_STATUS_UNKNOWN = 255


class UnixSubprocessTransport(BaseSubprocessTransport):
    """A child started by :class:`subprocess.Popen`, watched by the best means of the system."""

    _watch: ExitWatch | None = None

    def _start(
        self,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        **kwargs: Any,
    ) -> None:
        self._proc = subprocess.Popen(
            args,
            shell=shell,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            universal_newlines=False,
            bufsize=bufsize,
            **kwargs,
        )

    def watch_exit(self) -> None:
        """Begin to wait for the child's end.

        Raises :exc:`RuntimeError` where that is impossible; the child is then killed and reaped.
        """
        with self._reaped_on_error():
            self._watch = watch_exit(self._loop, self._proc.pid, self._child_exited)

    def watch_with(self, watcher: Any) -> None:
        """Leave it to a child watcher, as Python has them up to 3.13, to wait for the child's end.

        Raises :exc:`RuntimeError` where the watcher is not active; the child is then killed and
        reaped.
        """
        with self._reaped_on_error(), watcher:
            if not watcher.is_active():
                raise RuntimeError(f"the child watcher {watcher!r} is not active: it has no loop")
            watcher.add_child_handler(self._proc.pid, self._told_by_watcher, self._loop)

    @contextmanager
    def _reaped_on_error(self) -> Iterator[None]:
        proc = self._proc
        try:
            yield
        except BaseException:
            proc.kill()
            self._process_exited(proc.wait())
            raise

    def _told_by_watcher(self, pid: int, returncode: int, loop: AbstractEventLoop) -> None:
        # Watchers may serve several loops, from whatever thread they like.
        loop.call_soon_threadsafe(self._process_exited, returncode)

    def _child_exited(self, status: int | None) -> None:
        """Reap the child and publish its end, without giving way to anything in between."""
        self._watch = None
        if status is None:
            try:
                _, status = os.waitpid(self._proc.pid, 0)
            except ChildProcessError:
                pass
        if status is not None:
            self._process_exited(os.waitstatus_to_exitcode(status))
        elif self._proc.returncode is not None:
            # The Popen object was asked, and has reaped the child itself.
            self._process_exited(self._proc.returncode)
        else:
            log.logger.warning(
                "the exit status of child %d was taken by somebody else: returncode is %d",
                self._proc.pid,
                _STATUS_UNKNOWN,
            )
            self._process_exited(_STATUS_UNKNOWN)
