"""Two threads that use asyncio for the first time, at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[str], str]

# Thread one is held where `HOLD` says so, until thread two has done what it wants.
TWO_THREADS = """
import asyncio, sys, threading
held, over = threading.Event(), threading.Event()
def hold():
    held.set(); over.wait(2)
{hold}
def say(name, use):
    try:
        use(); print(name, "ok")
    except BaseException as error:
        print(name, type(error).__name__, error)
def one():
    sys.setprofile(profile)
    say("one", lambda: asyncio.StreamReader)
    sys.setprofile(None)
def two():
    held.wait(5)
    say("two", lambda: {second})
    over.set()
threads = [threading.Thread(target=one), threading.Thread(target=two)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(held.is_set(), asyncio.streams.start_server is asyncio.start_server)
"""

AT_THE_END_OF_A_MODULE = """
def profile(frame, event, argument):
    if frame.f_code.co_name == "leave_to_checkers" and not held.is_set():
        if frame.f_locals.get("module") == "asyncio_streams.streams": hold()
"""
IN_A_CLASS = """
def profile(frame, event, argument):
    if frame.f_code.co_name == "_drop_from_class" and not held.is_set():
        if frame.f_locals["cls"].__name__ == "StreamReader": hold()
"""
BEFORE_A_PACKAGE_IS_DESCRIBED = """
def profile(frame, event, argument):
    if frame.f_code.co_name == "_describe" and not held.is_set():
        if frame.f_locals["spec"].name == "asyncio_streams": hold()
"""


@pytest.mark.parametrize(
    "hold", [AT_THE_END_OF_A_MODULE, IN_A_CLASS, BEFORE_A_PACKAGE_IS_DESCRIBED]
)
@pytest.mark.parametrize(
    "second", ["asyncio.start_server", "__import__('asyncio_streams.opening')"]
)
def test_both_get_what_they_ask_for(check: Check, hold: str, second: str) -> None:
    said = check(TWO_THREADS.format(hold=hold, second=second)).splitlines()

    assert sorted(said) == ["True True", "one ok", "two ok"]
