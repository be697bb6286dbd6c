"""Part of the Unix loop: signal handlers.

The interpreter's C-level handler writes the number of each signal into the loop's own socket pair (the
wake-up descriptor of `signal.set_wakeup_fd()`); reading it there, the loop runs the handle that
belongs to the number, as any other callback and at a moment when everything is in order.

Numbers get lost: the pair holds a few hundred, and another library may have set a wake-up descriptor of
its own meanwhile. The Python-level handler, which the interpreter runs whatever became of the number,
keeps count; a signal whose number has not come by the next turn is handled without it. So the
descriptor of the other library is left alone, and both hear of the signal.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
import weakref

from asyncio_core import log
from asyncio_core.awaiting import coroutines
from asyncio_core.scheduling.handles import Handle
from asyncio_core.scheduling.loop_part import is_replaced
from asyncio_selectors.twins import twins

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
    _owners.clear()
    if _wakeup_fds:
        _wakeup_fds.clear()
        try:
            signal.set_wakeup_fd(-1)
        except ValueError:
            # Forked by another thread than the main one, which is the only one to set it.
            pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents_pipe)


# The loop that handles a signal.
_owners: weakref.WeakValueDictionary[int, SignalHandlers] = weakref.WeakValueDictionary()


def _arrived(signum: int, frame: object) -> None:
    """Tell the loop that a signal has come, in case that its number did not."""
    loop = _owners.get(signum)
    if loop is not None:
        loop._expect_signal(signum)


def _set_wakeup_fd(fd: int) -> Any:
    """Set the wake-up descriptor to a loop's own and return the former one."""
    try:
        # A full pair wakes the loop, and what it had no room for is not lost: no warning.
        return signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
    except TypeError:
        # Replaced by something that takes the one argument only.
        return signal.set_wakeup_fd(fd)


class SignalHandlers(_Base):
    """`add_signal_handler()` and `remove_signal_handler()`."""

    _signal_handlers: dict[int, Handle]
    # The wake-up descriptor that was set before ours, and ours.
    _former_wakeup_fd: int = -1
    _own_wakeup_fd: int = -1
    # For each signal, how often it came, and how often its number did, since they were compared. There is one
    # for the loop from its first handler on.
    _signals_come: dict[int, int]
    _numbers_read: dict[int, int] | None = None
    _settling = False

    def add_signal_handler(
        self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]
    ) -> None:
        """Run `callback(*args)` in the loop when the signal `sig` comes.

        Raises TypeError for a coroutine (function) as callback or a `sig` that is no int,
        ValueError for one that is no signal, RuntimeError where the signal cannot be caught, or
        from another thread than the main one. See PEP 3156.
        """
        for is_one in (coroutines.iscoroutine, coroutines._iscoroutinefunction):
            if is_one(callback):
                raise TypeError(
                    f"coroutines cannot be used with add_signal_handler(), got {callback!r}"
                )
        self._check_signal(sig)
        self._check_closed()
        self._take_wakeup_fd()
        if self._numbers_read is None:
            self._signals_come, self._numbers_read = {}, {}
        handlers = self._signal_handlers
        handlers[sig] = Handle(callback, args, self)
        self._notice_watched()
        _owners[sig] = self
        try:
            signal.signal(sig, _arrived)
            # System calls go on after the signal, in threads and libraries that never heard of us.
            signal.siginterrupt(sig, False)
        except OSError as exc:
            del handlers[sig]
            self._notice_watched()
            self._disown(sig)
            self._return_wakeup_fd_if_idle()
            raise _explained(exc, sig) from exc

    def remove_signal_handler(self, sig: int) -> bool:
        """Restore the signal's default; return whether there was a handler.

        The default is `signal.default_int_handler` for SIGINT and SIG_DFL for all others, whatever
        was there before `add_signal_handler()`: who wants that back keeps what `signal.getsignal()`
        returned. Raises as `add_signal_handler()` does. Source: PEP 3156.
        """
        self._check_signal(sig)
        if self._signal_handlers.pop(sig, None) is None:
            return False
        self._notice_watched()
        self._disown(sig)
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
            former: Any = _set_wakeup_fd(fd)
        except (ValueError, OSError) as exc:
            # Not the main thread, mostly.
            raise RuntimeError(str(exc)) from exc
        _wakeup_fds.add(fd)
        self._own_wakeup_fd = fd
        if isinstance(former, int) and former != fd:
            self._former_wakeup_fd = former

    def _return_wakeup_fd_if_idle(self) -> None:
        if self._signal_handlers:
            return
        former, self._former_wakeup_fd = self._former_wakeup_fd, -1
        ours, self._own_wakeup_fd = self._own_wakeup_fd, -1
        _wakeup_fds.discard(ours)
        try:
            try:
                present: Any = signal.set_wakeup_fd(former)
                if isinstance(present, int) and present not in (ours, former, -1):
                    # Set by somebody else meanwhile, who still wants it.
                    signal.set_wakeup_fd(present)
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
                if self._numbers_read is not None:
                    self._numbers_read[number] = self._numbers_read.get(number, 0) + 1
                self._handle_signal(number)

    def _ignores_data(self) -> bool:
        # The numbers of signals are not to wait until a busy loop polls.
        return (
            not self._signal_handlers
            and not is_replaced(self._process_self_data, _PROCESS_SELF_DATA)
            and not is_replaced(self._handle_signal, _HANDLE_SIGNAL)
        )

    def _handle_signal(self, sig: int) -> None:
        handle = self._signal_handlers.get(sig)
        if handle is None:
            return
        if handle._cancelled:
            self.remove_signal_handler(sig)
        else:
            # Wakes the loop for the turn that runs it: what is read here may be all there was.
            self._add_callback_signalsafe(handle)

    def _expect_signal(self, sig: int) -> None:
        """Count a signal, and have the count looked at; called as any signal handler, anywhere."""
        self._signals_come[sig] = self._signals_come.get(sig, 0) + 1
        if not self._settling and not self._closed:
            self._settling = True
            self.call_soon_threadsafe(self._settle_signals)

    def _settle_signals(self) -> None:
        """Handle the signals whose numbers got lost."""
        self._settling = False
        come, self._signals_come = self._signals_come, {}
        try:
            # The numbers of all these were written before; of later ones, some.
            self._read_from_self()
        except OSError:
            # It is mended already.
            pass
        read, self._numbers_read = self._numbers_read or {}, {}
        for sig, times in come.items():
            if read.get(sig, 0) < times:
                self._handle_signal(sig)
        for sig, times in self._signals_come.items():
            # One that came meanwhile, and whose number was among those.
            self._numbers_read[sig] = min(times, max(0, read.get(sig, 0) - come.get(sig, 0)))

    def _disown(self, sig: int) -> None:
        if _owners.get(sig) is self:
            del _owners[sig]

    def _self_pipe_mended(self, ssock: Any, csock: Any) -> None:
        former = self._own_wakeup_fd
        if former not in _wakeup_fds:
            return
        fd = self._csock.fileno()
        try:
            present = _set_wakeup_fd(fd)
            if present == former:
                _wakeup_fds.discard(former)
                _wakeup_fds.add(fd)
                self._own_wakeup_fd = fd
            else:
                signal.set_wakeup_fd(present)
        except (ValueError, OSError):
            # In another thread than the main one. Each signal is counted all the same.
            pass

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


# Our own, to know them from what replaces them.
_PROCESS_SELF_DATA = SignalHandlers._process_self_data
_HANDLE_SIGNAL = SignalHandlers._handle_signal

if twins is not None:
    twins.know_ignoring_zeros(_PROCESS_SELF_DATA)


def _explained(exc: OSError, sig: int) -> Exception:
    from errno import EINVAL

    if exc.errno == EINVAL:
        return RuntimeError(f"sig {sig} cannot be caught")
    return exc
