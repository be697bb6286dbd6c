"""What callbacks have put off until those that are ready have run.

Compiled loops do so with small writes of stream transports; the pure form puts nothing off.
"""

from __future__ import annotations

import os

from asyncio_core.twins import twins

TYPE_CHECKING = False

__all__ = ("do_what_is_put_off",)


def do_what_is_put_off() -> None:
    """Do what callbacks of this thread's loop have put off, as something comes now that must not come before it.

    That is where the loop's descriptors are used by others than its transports, where somebody else waits for events in
    the middle of a callback, and where the process is forked.
    """


if not TYPE_CHECKING and twins is not None:
    do_what_is_put_off = twins.do_what_is_put_off

if hasattr(os, "register_at_fork"):
    # A child that goes on in the middle of a callback does not send it once more.
    os.register_at_fork(before=do_what_is_put_off)
