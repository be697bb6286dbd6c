"""Part of the Unix loop: signal handlers.

The interpreter's C-level handler writes the number of each signal into the loop's own socket pair (the
wake-up descriptor of `signal.set_wakeup_fd()`); reading it there, the loop runs the handle that
belongs to the number, as any other callback and at a moment when everything is in order.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings

from asyncio_core import coroutines, log
from asyncio_core.handles import Handle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVarTuple, Unpack

    from asyncio_selectors.selector_events import BaseSelectorEventLoop as _Base

    _Ts = TypeVarTuple("_Ts")
else:
    _Base = object

__all__ = ("SignalHandlers",)

# Wake-up descriptors that loops of this process have set; a forked child shares the sockets behind
# them, and its signals must not reach the parent's loop.
_wakeup_fds: set[int] = set()


def _leave_parents_pipe() -> None:
    """In a forked child: let signals wake nobody."""
    if _wakeup_fds:
        _wakeup_fds.clear()
        try:
            signal.set_wakeup_fd(-1)
        except ValueError:
            # Forked by another thread than the main one, which is the only one to set it.
            pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents_pipe)


def _ignore(signum: int, frame: object) -> None:
    """Stand where a Python-level handler has to be, for the C-level one to be in place."""


class SignalHandlers(_Base):
    """`add_signal_handler()` and `remove_signal_handler()`."""

    _signal_handlers: dict[int, Handle]
    # The wake-up descriptor that was set before ours.
    _former_wakeup_fd: int = -1

    def add_signal_handler(
        self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """Run `callback(*args)` in the loop when the signal `sig` comes.

        Raises TypeError for a coroutine (function) as callback or a `sig` that is no int,
        ValueError for one that is no signal, RuntimeError where the signal cannot be caught, or
        from another thread than the main one. See PEP 3156.
        """
        for is_one in (coroutines.iscoroutine, coroutines._returns_coroutine):
            if is_one(callback):
                raise TypeError(
                    f"coroutines cannot be used with add_signal_handler(), got {callback!r}"
                )
        self._check_signal(sig)
        self._check_closed()
        self._take_wakeup_fd()
        handlers = self._signal_handlers
        handlers[sig] = Handle(callback, args, self)
        try:
            signal.signal(sig, _ignore)
            # System calls go on after the signal, in threads and libraries that never heard of us.
            signal.siginterrupt(sig, False)
        except OSError as exc:
            del handlers[sig]
            self._return_wakeup_fd_if_idle()
            raise _explained(exc, sig) from exc

    def remove_signal_handler(self, sig: int) -> bool:
        """Restore the signal's default; return whether there was a handler.

        Raises as `add_signal_handler()` does. Source: PEP 3156.
        """
        self._check_signal(sig)
        if self._signal_handlers.pop(sig, None) is None:
            return False
        usual: Any = signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL
        try:
            signal.signal(sig, usual)
        except OSError as exc:
            raise _explained(exc, sig) from exc
        self._return_wakeup_fd_if_idle()
        return True

    def _check_signal(self, sig: int) -> None:
        if not isinstance(sig, int):
            raise TypeError(f"sig must be an int, not {sig!r}")
        if sig not in signal.valid_signals():
            raise ValueError(f"invalid signal number {sig}")

    def _take_wakeup_fd(self) -> None:
        fd = self._csock.fileno()
        try:
            former: Any = signal.set_wakeup_fd(fd)
        except (ValueError, OSError) as exc:
            # Not the main thread, mostly.
            raise RuntimeError(str(exc)) from exc
        _wakeup_fds.add(fd)
        if isinstance(former, int) and former != fd:
            self._former_wakeup_fd = former

    def _return_wakeup_fd_if_idle(self) -> None:
        if self._signal_handlers:
            return
        former, self._former_wakeup_fd = self._former_wakeup_fd, -1
        _wakeup_fds.discard(self._csock.fileno())
        try:
            try:
                signal.set_wakeup_fd(former)
            except (ValueError, OSError):
                # Whoever set it has closed it meanwhile.
                if former == -1:
                    raise
                signal.set_wakeup_fd(-1)
        except (ValueError, OSError) as exc:
            log.logger.info("set_wakeup_fd(-1) failed: %s", exc)

    def _process_self_data(self, data: bytes) -> None:
        for number in data:
            # Zero is a mere wake-up.
            if number:
                self._handle_signal(number)

    def _handle_signal(self, sig: int) -> None:
        handle = self._signal_handlers.get(sig)
        if handle is None:
            return
        if handle._cancelled:
            self.remove_signal_handler(sig)
        else:
            # Wakes the loop for the turn that runs it: what is read here may be all there was.
            self._add_callback(handle)

    def _drop_signal_handlers(self) -> None:
        if not self._signal_handlers:
            return
        if sys.is_finalizing():
            # The interpreter has begun to take the signal module apart.
            warnings.warn(
                f"Closing the loop {self!r} on interpreter shutdown "
                f"stage, skipping signal handlers removal",
                ResourceWarning,
                stacklevel=3,
                source=self,
            )
            self._signal_handlers.clear()
            return
        for sig in list(self._signal_handlers):
            self.remove_signal_handler(sig)


def _explained(exc: OSError, sig: int) -> Exception:
    from errno import EINVAL

    if exc.errno == EINVAL:
        return RuntimeError(f"sig {sig} cannot be caught")
    return exc
