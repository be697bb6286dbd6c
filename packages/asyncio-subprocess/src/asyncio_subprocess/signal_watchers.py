"""Child watchers that live on SIGCHLD, the signal that tells of ended children.

The signal does not tell whose end it is, and several ends may come as one signal. So each of the children
that have a handler is asked (`SafeChildWatcher`, `MultiLoopChildWatcher`), or whatever child has ended is
taken (`FastChildWatcher`).
"""

from __future__ import annotations

import os
import signal
import threading
import warnings

from asyncio_core import log
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.faces import extend_face
from asyncio_core.interfaces.loop import AbstractEventLoop
from asyncio_subprocess import reaping
from asyncio_subprocess.abstract_watcher import AbstractChildWatcher, poll, report, warn_of_watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self, TypeVarTuple, Unpack

    _Ts = TypeVarTuple("_Ts")

__all__ = (
    "BaseChildWatcher",
    "FastChildWatcher",
    "MultiLoopChildWatcher",
    "SafeChildWatcher",
)

# How often MultiLoopChildWatcher looks after its children without a signal, in seconds.
_RECHECK_INTERVAL = 1.0


class _HandlerTable(AbstractChildWatcher):
    """Keeps a handler for each child, and asks for children by their number."""

    def __init__(self) -> None:
        self._callbacks: dict[int, tuple[Any, ...]] = {}
        # From asking the system for a child to taking its handler nobody may come in between.
        # Reentrant, for a signal handler may interrupt whoever holds it.
        self._lock = threading.RLock()
        # Children that are being asked for, and those of them that an interrupting signal asked for.
        self._asking: set[int] = set()
        self._ask_again: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        a: type[BaseException] | None,
        b: BaseException | None,
        c: TracebackType | None,
    ) -> None:
        pass

    def remove_child_handler(self, pid: int) -> bool:
        """Forget the handler of the child `pid`; return whether it had one."""
        with self._lock:
            return self._callbacks.pop(pid, None) is not None

    def _take_if_ended(self, pid: int) -> tuple[int, tuple[Any, ...]] | None:
        """Return the return code of the child `pid` and the handler, which is forgotten."""
        with self._lock:
            while pid in self._callbacks:
                if pid in self._asking:
                    # A signal handler that has interrupted the lines below, in this very thread:
                    # the child may be reaped by now, and its handler not yet taken.
                    self._ask_again.add(pid)
                    return None
                self._ask_again.discard(pid)
                self._asking.add(pid)
                try:
                    code = poll(pid)
                    handler = None if code is None else self._callbacks.pop(pid, None)
                finally:
                    self._asking.discard(pid)
                if code is not None:
                    return None if handler is None else (code, handler)
                if pid not in self._ask_again:
                    return None
            return None


class BaseChildWatcher(_HandlerTable):
    """Hears of SIGCHLD through the signal handlers of the one loop that it is attached to.

    That has to be a loop in the main thread, and a running one while children are started.
    """

    def __init__(self) -> None:
        super().__init__()
        self._loop: AbstractEventLoop | None = None

    def is_active(self) -> bool:
        """Tell whether the attached loop runs."""
        return self._loop is not None and self._loop.is_running()

    def attach_loop(self, loop: AbstractEventLoop | None) -> None:
        """Hear of children through `loop`, and no longer through the loop before.

        Raises TypeError for what is no loop, and RuntimeError in another thread than the main one. With
        None, where children still have handlers, there is a RuntimeWarning.
        """
        if not (loop is None or isinstance(loop, AbstractEventLoop)):
            raise TypeError(f"loop must be an event loop or None, not {type(loop).__name__!r}")
        former, self._loop = self._loop, None
        if former is not None:
            if loop is None and self._callbacks:
                warnings.warn(
                    "A loop is being detached from a child watcher with pending handlers",
                    RuntimeWarning,
                    stacklevel=2,
                )
            former.remove_signal_handler(signal.SIGCHLD)
        if loop is not None:
            loop.add_signal_handler(signal.SIGCHLD, self._sig_chld)
            self._loop = loop
            # Signals that came while no loop was attached have been missed.
            self._sig_chld()

    def close(self) -> None:
        """Forget all handlers and leave the loop."""
        self._callbacks.clear()
        self.attach_loop(None)

    def _sig_chld(self) -> None:
        """Some child has ended."""
        for pid in tuple(self._callbacks):
            self._guard(self._do_waitpid, pid)

    def _do_waitpid(self, expected_pid: int) -> None:
        """Call the handler of the child if it has ended."""
        raise NotImplementedError

    def _guard(self, function: Callable[..., object], *args: Any) -> None:
        """Call the function; what it raises shall not keep others from hearing of their child."""
        try:
            function(*args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            report(self, self._loop, exc)


class SafeChildWatcher(BaseChildWatcher):
    """Asks for each of its children when SIGCHLD comes, and leaves others' children alone.

    That takes time in proportion to the number of children. Deprecated in Python 3.12.
    """

    def __init__(self) -> None:
        super().__init__()
        warn_of_watcher("SafeChildWatcher")

    def add_child_handler(
        self, pid: int, callback: Callable[[int, int, Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractChildWatcher`."""
        self._callbacks[pid] = (callback, args)
        # It may have ended already.
        self._do_waitpid(pid)

    def _do_waitpid(self, expected_pid: int) -> None:
        ended = self._take_if_ended(expected_pid)
        if ended is not None:
            code, (callback, args) = ended
            callback(expected_pid, code, *args)


class FastChildWatcher(BaseChildWatcher):
    """Reaps whatever child has ended when SIGCHLD comes, also those that others wait for.

    Its time does not depend on the number of children. Deprecated in Python 3.12.
    """

    def __init__(self) -> None:
        super().__init__()
        # Children that ended before their handler came, with their return codes.
        self._zombies: dict[int, int] = {}
        self._starting = 0
        warn_of_watcher("FastChildWatcher")

    def close(self) -> None:
        """Forget all handlers and return codes, and leave the loop."""
        self._zombies.clear()
        super().close()

    def __enter__(self) -> Self:
        with self._lock:
            self._starting += 1
        return self

    def __exit__(
        self,
        a: type[BaseException] | None,
        b: BaseException | None,
        c: TracebackType | None,
    ) -> None:
        with self._lock:
            self._starting -= 1
            if self._starting or not self._zombies:
                return
            nobodys, self._zombies = self._zombies, {}
        log.logger.warning("took the ends of children that nobody asks for: %s", nobodys)

    def add_child_handler(
        self, pid: int, callback: Callable[[int, int, Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractChildWatcher`. Raises RuntimeError where the watcher is not entered."""
        with self._lock:
            if not self._starting:
                # The child could have been taken for a stranger's before.
                raise RuntimeError("the watcher must be entered before a child is started")
            if pid not in self._zombies:
                self._callbacks[pid] = (callback, args)
                return
            code = self._zombies.pop(pid)
        callback(pid, code, *args)

    def _sig_chld(self) -> None:
        self._guard(self._take_all)

    def _take_all(self) -> None:
        while True:
            with self._lock:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return  # There is no child.
                if not pid:
                    return
                code = reaping.waitstatus_to_exitcode(status)
                handler = self._callbacks.pop(pid, None)
                if handler is None and self._starting:
                    self._zombies[pid] = code
                    continue
            if handler is None:
                log.logger.warning("took the end of child %d, which nobody asks for", pid)
            else:
                callback, args = handler
                self._guard(callback, pid, code, *args)


class MultiLoopChildWatcher(_HandlerTable):
    """Serves loops in all threads, with a SIGCHLD handler of its own below them.

    The handler is installed by the first `attach_loop()`, which has to come from the main thread;
    which loop is given does not matter. Like `SafeChildWatcher` it asks for each of its children.
    Added in Python 3.8, deprecated in 3.12.
    """

    def __init__(self) -> None:
        super().__init__()
        # What handled the signal before; None while it is not ours.
        self._saved_sighandler: Any = None
        self._rechecked: set[AbstractEventLoop] = set()
        warn_of_watcher("MultiLoopChildWatcher")

    def is_active(self) -> bool:
        """Tell whether the signal handler is installed."""
        return self._saved_sighandler is not None

    def attach_loop(self, loop: AbstractEventLoop | None) -> None:
        """Install the signal handler, unless it is. Raises ValueError in other threads."""
        if self._saved_sighandler is not None:
            return
        former = signal.signal(signal.SIGCHLD, self._sig_chld)
        # A handler that was not installed from Python cannot be put back.
        self._saved_sighandler = signal.SIG_DFL if former is None else former
        signal.siginterrupt(signal.SIGCHLD, False)

    def close(self) -> None:
        """Forget all handlers, and put back the signal handler that was there before."""
        self._callbacks.clear()
        saved, self._saved_sighandler = self._saved_sighandler, None
        if saved is None:
            return
        if signal.getsignal(signal.SIGCHLD) == self._sig_chld:
            signal.signal(signal.SIGCHLD, saved)
        else:
            log.logger.warning("SIGCHLD has got another handler meanwhile, which stays")

    def add_child_handler(
        self, pid: int, callback: Callable[[int, int, Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """See `AbstractChildWatcher`; the callback is called in the loop that runs now."""
        loop = get_running_loop()
        self._callbacks[pid] = (loop, callback, args)
        self._do_waitpid(pid)
        if loop not in self._rechecked:
            self._rechecked.add(loop)
            self._recheck(loop)

    def _recheck(self, loop: AbstractEventLoop) -> None:
        # A signal that arrives just before the main thread begins to wait in the system is handled when
        # that wait is over, which may be never: the end of the child is what it waits for.
        mine = [pid for pid, handler in tuple(self._callbacks.items()) if handler[0] is loop]
        for pid in mine:
            self._do_waitpid(pid)
        if mine:
            loop.call_later(_RECHECK_INTERVAL, self._recheck, loop)
        else:
            self._rechecked.discard(loop)

    def _sig_chld(self, signum: int, frame: object) -> None:
        # Runs between any two instructions of the main thread, which is not to see an exception.
        for pid in tuple(self._callbacks):
            try:
                self._do_waitpid(pid)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as exc:
                report(self, None, exc)

    def _do_waitpid(self, expected_pid: int) -> None:
        ended = self._take_if_ended(expected_pid)
        if ended is None:
            return
        code, (loop, callback, args) = ended
        try:
            loop.call_soon_threadsafe(callback, expected_pid, code, *args)
        except RuntimeError:
            log.logger.warning("child %d ended after its loop %r was closed", expected_pid, loop)


extend_face("asyncio_core.scheduling.events", __name__)
