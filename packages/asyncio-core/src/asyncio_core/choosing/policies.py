"""Event loop policies: who makes the loop of a thread, and which one it has.

Policies are on their way out: deprecated since Python 3.14, to be gone in 3.16. Underneath, the
functions with a leading underscore do the same without the warnings, and what is loaded as a loop
from another distribution is a policy still (see `loop_registry`).
"""

from __future__ import annotations

import os
import sys
import threading

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing import running_loop
from asyncio_core.choosing.base_policies import (
    AbstractEventLoopPolicy,
    BaseDefaultEventLoopPolicy,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.interfaces.loop import AbstractEventLoop

__all__: tuple[str, ...] = (
    "AbstractEventLoopPolicy",
    "BaseDefaultEventLoopPolicy",
    "DefaultEventLoopPolicy",
    "get_event_loop",
    "get_event_loop_policy",
    "new_event_loop",
    "set_event_loop",
    "set_event_loop_policy",
)

_CHILD_WATCHERS = sys.version_info < (3, 14)

# Held while the process's policy is chosen. Reentrant: choosing imports modules, and one of them may
# ask for the policy in turn.
_lock = threading.RLock()
_event_loop_policy: AbstractEventLoopPolicy | None = None


class DefaultEventLoopPolicy(BaseDefaultEventLoopPolicy):
    """The policy for loops of the kind this process uses unless told otherwise.

    That is ASYNCIO_LOOP, the platform's default, or core's own loop; see `loop_registry`.
    """

    def __init__(self) -> None:
        from asyncio_core.choosing.loop_registry import default_policy

        super().__init__()
        self._maker = default_policy()

    def new_event_loop(self) -> AbstractEventLoop:
        """Make a new loop of the default kind."""
        return self._maker.new_event_loop()

    if _CHILD_WATCHERS:

        def set_event_loop(self, loop: AbstractEventLoop | None) -> None:
            """Make `loop` this thread's loop, or with None none; child watchers may live on it."""
            super().set_event_loop(loop)
            self._maker.set_event_loop(loop)

        def get_child_watcher(self) -> Any:
            """Return the watcher of the policy for the default kind of loops."""
            return self._maker.get_child_watcher()

        def set_child_watcher(self, watcher: Any) -> None:
            """Set the watcher of the policy for the default kind of loops."""
            self._maker.set_child_watcher(watcher)

        @property
        def _watcher(self) -> Any:
            return getattr(self._maker, "_watcher", None)


def _get_event_loop_policy() -> AbstractEventLoopPolicy:
    """Return the process's policy, chosen by `loop_registry` where none was set."""
    global _event_loop_policy
    policy = _event_loop_policy
    if policy is None:
        from asyncio_core.choosing.loop_registry import default_policy

        with _lock:
            if _event_loop_policy is None:
                _event_loop_policy = default_policy()
            policy = _event_loop_policy
    return policy


def _leave_parents_loops() -> None:
    """In a forked child: the loops that the policy remembers are the parent's, and stay with it."""
    policy = _event_loop_policy
    if isinstance(policy, BaseDefaultEventLoopPolicy):
        policy._local = policy._Local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents_loops)


def _set_event_loop_policy(policy: AbstractEventLoopPolicy | None) -> None:
    """Set the process's policy; None lets the default be chosen anew."""
    global _event_loop_policy
    if not (policy is None or isinstance(policy, AbstractEventLoopPolicy)):
        raise TypeError(
            "policy must be an instance of AbstractEventLoopPolicy or None, "
            f"not {type(policy).__name__!r}"
        )
    _event_loop_policy = policy


def get_event_loop_policy() -> AbstractEventLoopPolicy:
    """Return the policy of this process.

    Raises `loop_registry.LoopSelectionError` where ASYNCIO_LOOP names no usable loop. Deprecated
    since Python 3.14.
    """
    _warn_deprecated("get_event_loop_policy")
    return _get_event_loop_policy()


def set_event_loop_policy(policy: AbstractEventLoopPolicy | None) -> None:
    """Set the policy of this process, or with None have the default chosen when it is needed.

    Raises TypeError for what is no policy. Deprecated since Python 3.14.
    """
    _warn_deprecated("set_event_loop_policy")
    _set_event_loop_policy(policy)


def _policy_in_charge() -> AbstractEventLoopPolicy:
    # By the name under which this Python's own asyncio asks, for those who replace it.
    if sys.version_info < (3, 14):
        return get_event_loop_policy()
    return _get_event_loop_policy()


def get_event_loop() -> AbstractEventLoop:
    """Return the running loop, or else the one that the policy has for this thread.

    Without either, Python 3.14 and newer raise RuntimeError; before, the main thread gets a new loop,
    with a DeprecationWarning from Python 3.12 on.
    """
    running = running_loop._get_running_loop()
    return _policy_in_charge().get_event_loop() if running is None else running


def set_event_loop(loop: AbstractEventLoop | None) -> None:
    """Have the policy take `loop` for this thread's loop; None for none. Source: PEP 3156."""
    _policy_in_charge().set_event_loop(loop)


def new_event_loop() -> AbstractEventLoop:
    """Return a new loop, of the kind that the policy makes. Source: PEP 3156."""
    return _policy_in_charge().new_event_loop()


if _CHILD_WATCHERS:
    __all__ += ("get_child_watcher", "set_child_watcher")

    def get_child_watcher() -> Any:
        """Return the policy's watcher for child processes.

        Raises NotImplementedError where asyncio-subprocess is not installed. Gone in Python 3.14.
        """
        return _policy_in_charge().get_child_watcher()

    def set_child_watcher(watcher: Any) -> None:
        """Set the policy's watcher for child processes.

        Raises NotImplementedError where asyncio-subprocess is not installed. Gone in Python 3.14.
        """
        _policy_in_charge().set_child_watcher(watcher)


def _warn_deprecated(name: str, *, stacklevel: int = 3) -> None:
    """Warn, on the Pythons that do, that the public name `name` is going away."""
    if sys.version_info < (3, 14):
        return
    import warnings

    warnings.warn(
        f"'asyncio.{name}' is deprecated and slated for removal in Python 3.16",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


leave_to_checkers(__name__)
