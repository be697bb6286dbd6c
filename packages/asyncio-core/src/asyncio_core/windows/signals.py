"""Part of the loops of Windows: signals.

Nothing there interrupts a wait as signals do on Unix. So the interpreter writes the number of each signal
into a socket of the loop while that runs in the main thread, and its other end is always being read:
Ctrl-C ends the wait, and handlers run in the loop.

A number that finds no room there, or goes to a wake-up descriptor that another library has set meanwhile,
is missed: the Python-level handler keeps count, and what has not come after a while is handled without.
"""

from __future__ import annotations

import signal
import threading
import weakref

from asyncio_core.awaiting import coroutines
from asyncio_core.loops.base_events import BaseEventLoop
from asyncio_core.scheduling.handles import Handle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVarTuple, Unpack

    _Ts = TypeVarTuple("_Ts")

__all__ = ("SignalHandlers",)


# The loop that handles a signal.
_owners: weakref.WeakValueDictionary[int, SignalHandlers] = weakref.WeakValueDictionary()

# Seconds in which the number of a signal arrives, if it was written.
_UNDER_WAY = 0.1


def _arrived(signum: int, frame: object) -> None:
    """Tell the loop that a signal has come, in case that its number does not."""
    loop = _owners.get(signum)
    if loop is not None:
        loop._expect_signal(signum)


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
    _own_wakeup_fd: int = -1
    # How often each signal came, and its number: from the first until they are compared. The handler
    # runs before the number is read, because the interpreter takes note before it writes.
    _signals_come: dict[int, int] | None = None
    _numbers_read: dict[int, int] | None = None

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
            fd = self._csock.fileno()
            former: Any = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
        except ValueError:
            # The main thread of another interpreter than the main one: no signals here.
            return
        self._former_wakeup_fd, self._own_wakeup_fd = former, fd

    def _return_wakeup_fd(self) -> None:
        former, self._former_wakeup_fd = self._former_wakeup_fd, None
        if former is None:
            return
        try:
            present = signal.set_wakeup_fd(former)
            if present not in (self._own_wakeup_fd, former, -1):
                # Set by somebody else meanwhile, who still wants it.
                signal.set_wakeup_fd(present)
        except (ValueError, OSError):
            # Whoever set it has closed it meanwhile.
            signal.set_wakeup_fd(-1)

    def _self_pipe_mended(self, ssock: Any, csock: Any) -> None:
        """Have the numbers of signals written into the new pair, if they were into the former."""
        if self._former_wakeup_fd is None:
            return
        try:
            fd = self._csock.fileno()
            present = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
            if present == self._own_wakeup_fd:
                self._own_wakeup_fd = fd
            else:
                signal.set_wakeup_fd(present)
        except (ValueError, OSError):
            # Mended in another thread. Each signal is counted all the same.
            pass

    def add_signal_handler(
        self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """Run `callback(*args)` in the loop when the signal `sig` comes.

        Raises TypeError for a coroutine (function) as callback or a `sig` that is no int,
        ValueError for one that is no signal, RuntimeError from another thread than the main one.
        What comes while the loop does not run is handled when it does. See PEP 3156.
        """
        if coroutines._iscoroutinefunction(callback) or coroutines.iscoroutine(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        number = _number_of(sig)
        self._check_closed()
        handle = Handle(callback, args, self, None)
        try:
            signal.signal(number, _arrived)
        except (ValueError, OSError) as exc:
            raise RuntimeError(f"sig {sig} cannot be caught: {exc}") from exc
        self._signal_handlers[number] = handle
        _owners[number] = self

    def remove_signal_handler(self, sig: int) -> bool:
        """Restore the signal's default; return whether there was a handler.

        The default is `signal.default_int_handler` for SIGINT and SIG_DFL for all others, whatever
        was there before `add_signal_handler()`. Raises as `add_signal_handler()` does.
        """
        number = _number_of(sig)
        handle = self._signal_handlers.pop(number, None)
        if handle is None:
            return False
        handle.cancel()
        if _owners.get(number) is self:
            del _owners[number]
        usual: Any = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)
        return True

    def _process_self_data(self, data: bytes) -> None:
        # Zero is a mere wake-up.
        for number in filter(None, data):
            handle = self._signal_handlers.get(number)
            if handle is not None:
                if self._numbers_read is not None:
                    self._numbers_read[number] = self._numbers_read.get(number, 0) + 1
                self._add_callback(handle)

    def _expect_signal(self, sig: int) -> None:
        """Count a signal; called as any signal handler, wherever the main thread is."""
        if self._closed:
            return
        if self._signals_come is None:
            self._signals_come = {}
            self._numbers_read = {}
            self.call_soon_threadsafe(self.call_later, _UNDER_WAY, self._settle_signals)
        self._signals_come[sig] = self._signals_come.get(sig, 0) + 1

    def _settle_signals(self) -> None:
        """Handle the signals whose numbers have not come."""
        come, self._signals_come = self._signals_come or {}, None
        read, self._numbers_read = self._numbers_read or {}, None
        for sig, times in come.items():
            handle = self._signal_handlers.get(sig)
            if handle is not None and read.get(sig, 0) < times:
                self._add_callback(handle)

    def _drop_signal_handlers(self) -> None:
        for sig in list(self._signal_handlers):
            try:
                self.remove_signal_handler(sig)
            except ValueError:
                # Closed by another thread, which must not touch signals. They go nowhere now.
                pass
