"""The distribution imports everywhere and says plainly that it has no loop yet."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points, version

import pytest

from asyncio_iocp import IocpEventLoopPolicy, __version__


def test_version_is_the_distribution_s() -> None:
    assert version("asyncio-iocp") == __version__


def test_entry_point_iocp_gives_the_policy_class() -> None:
    (entry,) = entry_points(group="asyncio.loop_policies", name="iocp")
    assert entry.load() is IocpEventLoopPolicy


def test_asking_for_a_loop_names_the_reason_and_the_loop_to_use_instead() -> None:
    with pytest.raises(NotImplementedError, match="not part of this release yet") as caught:
        IocpEventLoopPolicy()
    message = str(caught.value)
    assert "asyncio-iocp" in message
    assert "asyncio-selectors" in message
    assert "\n" not in message
    assert ("needs Windows" in message) == (sys.platform != "win32")


def test_reason_is_readable_without_making_a_policy() -> None:
    assert IocpEventLoopPolicy.unusable is not None
    assert "not part of this release" in IocpEventLoopPolicy.unusable
