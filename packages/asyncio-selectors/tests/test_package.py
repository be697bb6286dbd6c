"""The package's face: names, policy, and what importing it costs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import asyncio_core
import asyncio_selectors
from asyncio_selectors.policy import SelectorEventLoopPolicy
from asyncio_test_support.programs import printed_by


def test_every_public_name_is_there() -> None:
    for name in asyncio_selectors.__all__:
        assert getattr(asyncio_selectors, name) is not None
        assert name in dir(asyncio_selectors)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        asyncio_selectors.nothing


def test_core_finds_the_loop_by_its_entry_point() -> None:
    module = printed_by(
        "import asyncio_core; loop = asyncio_core.new_event_loop(); loop.close(); "
        "print(type(loop).__module__)"
    )
    if sys.platform == "win32" and module.startswith("asyncio_iocp."):
        pytest.skip("asyncio-iocp is installed, whose loop is the default on Windows")
    assert module.startswith("asyncio_selectors.")


def test_the_policy_makes_the_loop_of_the_platform() -> None:
    loop = SelectorEventLoopPolicy().new_event_loop()
    assert type(loop) is asyncio_selectors.EventLoop is asyncio_selectors.SelectorEventLoop
    assert isinstance(loop, asyncio_core.AbstractEventLoop)
    loop.close()


@pytest.mark.parametrize("name", ["logging", "inspect", "typing", "ssl", "asyncio", "subprocess"])
def test_importing_the_loop_does_not_bring(name: str) -> None:
    code = (
        "import sys; before = set(sys.modules); from asyncio_selectors import EventLoop; "
        f"print({name!r} in set(sys.modules) - before)"
    )
    assert printed_by(code) == "False"


def test_what_the_loop_may_need_later_is_there_once_it_is_made() -> None:
    needed = {"logging", "traceback"}
    if sys.platform != "win32":
        needed.add("asyncio_selectors.spinning")
    code = (
        "import sys; from asyncio_selectors import EventLoop; EventLoop().close(); "
        f"print({needed} <= set(sys.modules), 'asyncio' in sys.modules)"
    )
    assert printed_by(code) == "True False"


def test_no_mechanism_is_imported_that_is_not_used() -> None:
    code = (
        "import sys; from asyncio_selectors import EventLoop; EventLoop().close(); "
        "print(sum(name.startswith('asyncio_selectors.poll_') for name in sys.modules))"
    )
    assert printed_by(code) == "1"


def test_the_loop_of_windows_runs_here_too(pair: object) -> None:
    # It has nothing of its own that would need Windows.
    from asyncio_selectors import windows

    loop = windows.SelectorEventLoop()
    try:
        loop.run_until_complete(loop.sock_sendall(pair[0], b"x"))  # type: ignore[index]
        assert loop.run_until_complete(loop.sock_recv(pair[1], 1)) == b"x"  # type: ignore[index]
        with pytest.raises(NotImplementedError):
            loop.run_until_complete(loop.connect_read_pipe(print, pair[0]))  # type: ignore[index]
    finally:
        loop.close()


def test_the_readme_runs() -> None:
    readme = Path(__file__).parents[1] / "README.md"
    if not readme.exists():
        pytest.skip("needs the source tree")
    blocks = readme.read_text(encoding="utf-8").split("```python\n")[1:]
    assert blocks
    for block in blocks:
        printed_by(block.partition("```")[0])
