"""Part of the loops of Windows: signals.

Nothing there interrupts a wait as signals do on Unix. So the interpreter writes the number of each signal
into a socket of the loop while that runs in the main thread, and its other end is always being read:
Ctrl-C ends the wait, and handlers run in the loop.
"""

from __future__ import annotations

import signal
import threading

from asyncio_core import coroutines
from asyncio_core.base_events import BaseEventLoop
from asyncio_core.handles import Handle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVarTuple, Unpack

    _Ts = TypeVarTuple("_Ts")

__all__ = ("SignalHandlers",)


def _ignore(signum: int, frame: object) -> None:
    """Stand where a Python-level handler has to be, for the C-level one to be in place."""


def _number_of(sig: Any) -> int:
    """Check that `sig` is a signal of this system."""
    if not isinstance(sig, int):
        raise TypeError(f"sig must be an int, not {sig!r}")
    if sig not in signal.valid_signals():
        raise ValueError(f"invalid signal number {sig}")
    return sig


class SignalHandlers(BaseEventLoop):
    """`add_signal_handler()` and `remove_signal_handler()`, and being woken by signals.

    On Windows those are SIGINT (Ctrl-C), SIGBREAK (Ctrl-Break), and what the process raises itself.
    What the loop reads from the other end of `_csock` goes to `_process_self_data()`.
    """

    _csock: Any
    _signal_handlers: dict[int, Handle]
    # The wake-up descriptor that was set before ours; None where ours is not set.
    _former_wakeup_fd: int | None = None

    def _run_forever_setup(self) -> None:
        super()._run_forever_setup()
        try:
            self._take_wakeup_fd()
        except BaseException:
            super()._run_forever_cleanup()
            raise

    def _run_forever_cleanup(self) -> None:
        try:
            self._return_wakeup_fd()
        finally:
            super()._run_forever_cleanup()

    def close(self) -> None:
        """Close the loop and give the signals back; see `AbstractEventLoop.close()`."""
        if self._thread_id is None and not self._closed:
            self._drop_signal_handlers()
        # Refuses where the loop runs.
        super().close()

    def _take_wakeup_fd(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            former: Any = signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)
        except ValueError:
            # The main thread of another interpreter than the main one: no signals here.
            return
        self._former_wakeup_fd = former

    def _return_wakeup_fd(self) -> None:
        former, self._former_wakeup_fd = self._former_wakeup_fd, None
        if former is None:
            return
        try:
            signal.set_wakeup_fd(former)
        except (ValueError, OSError):
            # Whoever set it has closed it meanwhile.
            signal.set_wakeup_fd(-1)

    def add_signal_handler(
        self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """Run `callback(*args)` in the loop when the signal `sig` comes.

        Raises TypeError for a coroutine (function) as callback or a `sig` that is no int,
        ValueError for one that is no signal, RuntimeError from another thread than the main one.
        Signals that come while the loop does not run are lost. See PEP 3156.
        """
        if coroutines.iscoroutine(callback) or coroutines._returns_coroutine(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        number = _number_of(sig)
        self._check_closed()
        handle = Handle(callback, args, self, None)
        try:
            signal.signal(number, _ignore)
        except (ValueError, OSError) as exc:
            raise RuntimeError(f"sig {sig} cannot be caught: {exc}") from exc
        self._signal_handlers[number] = handle

    def remove_signal_handler(self, sig: int) -> bool:
        """Restore the signal's default; return whether there was a handler.

        Raises as `add_signal_handler()` does.
        """
        number = _number_of(sig)
        handle = self._signal_handlers.pop(number, None)
        if handle is None:
            return False
        handle.cancel()
        usual: Any = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)
        return True

    def _process_self_data(self, data: bytes) -> None:
        # Zero is a mere wake-up.
        for number in filter(None, data):
            handle = self._signal_handlers.get(number)
            if handle is not None:
                self._add_callback(handle)

    def _drop_signal_handlers(self) -> None:
        for sig in list(self._signal_handlers):
            try:
                self.remove_signal_handler(sig)
            except ValueError:
                # Closed by another thread, which must not touch signals. They go nowhere now.
                pass
