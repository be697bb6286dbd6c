"""The distribution installs and imports everywhere, and says where there is no loop to be had."""

from __future__ import annotations

import inspect
import sys
import typing
from importlib.metadata import entry_points, version

import pytest

import asyncio_iocp
from asyncio_core.choosing import loop_registry
from asyncio_iocp import BaseProactorEventLoop, IocpEventLoopPolicy, __version__
from asyncio_test_support.programs import printed_by

WINDOWS = sys.platform == "win32"


def test_version_is_the_distribution_s() -> None:
    assert version("asyncio-iocp") == __version__


def test_entry_point_iocp_gives_the_policy_class() -> None:
    (entry,) = entry_points(group="asyncio.loop_policies", name="iocp")
    assert entry.load() is IocpEventLoopPolicy


def test_every_name_offered_is_there() -> None:
    assert {"BaseProactorEventLoop", "IocpEventLoopPolicy"} <= set(asyncio_iocp.__all__)
    for name in asyncio_iocp.__all__:
        assert getattr(asyncio_iocp, name).__name__
    assert set(asyncio_iocp.__all__) <= set(dir(asyncio_iocp))


def test_hints_can_be_asked_for() -> None:
    for value in (getattr(asyncio_iocp, name) for name in asyncio_iocp.__all__):
        for thing in (
            value,
            *(method for _, method in inspect.getmembers(value, inspect.isfunction)),
        ):
            typing.get_type_hints(thing)
            inspect.get_annotations(thing, eval_str=True)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = asyncio_iocp.no_such_name


def test_importing_the_package_loads_no_loop() -> None:
    program = (
        "import asyncio_iocp, sys\n"
        "print([name for name in sys.modules if name.startswith('asyncio_iocp.')])"
    )
    assert printed_by(program) == "[]"


@pytest.mark.skipif(WINDOWS, reason="there is a loop to be had on Windows")
class TestElsewhere:
    def test_asking_for_a_loop_names_the_reason_and_the_loop_to_use_instead(self) -> None:
        with pytest.raises(NotImplementedError, match="needs Windows") as caught:
            IocpEventLoopPolicy()
        message = str(caught.value)
        assert "asyncio-iocp" in message
        assert "asyncio-selectors" in message
        assert "\n" not in message

    def test_reason_is_readable_without_making_a_policy(self) -> None:
        assert IocpEventLoopPolicy.unusable is not None
        assert "needs Windows" in IocpEventLoopPolicy.unusable

    @pytest.mark.parametrize("name", ["EventLoop", "IocpProactor", "ProactorEventLoop"])
    def test_names_of_windows_say_so(self, name: str) -> None:
        with pytest.raises(AttributeError, match="exists on Windows only"):
            getattr(asyncio_iocp, name)

    @pytest.mark.parametrize("module", ["completion_loop", "windows_events", "pipe_serving"])
    def test_modules_of_windows_say_so(self, module: str) -> None:
        with pytest.raises(ImportError, match=r"needs? Windows"):
            __import__(f"asyncio_iocp.{module}")


@pytest.mark.skipif(not WINDOWS, reason="only Windows has completion ports")
class TestOnWindows:
    def test_policy_makes_loops_over_completion_ports(self) -> None:
        assert IocpEventLoopPolicy.unusable is None
        loop = IocpEventLoopPolicy().new_event_loop()
        try:
            assert type(loop) is asyncio_iocp.ProactorEventLoop
            assert isinstance(loop, BaseProactorEventLoop)
        finally:
            loop.close()

    def test_the_default_is_this_policy_under_the_name_that_programs_know(self) -> None:
        from asyncio_iocp import windows_events

        assert type(loop_registry.default_policy()) is IocpEventLoopPolicy
        assert windows_events.WindowsProactorEventLoopPolicy is IocpEventLoopPolicy
        assert windows_events.DefaultEventLoopPolicy is IocpEventLoopPolicy
        assert IocpEventLoopPolicy._loop_factory is asyncio_iocp.ProactorEventLoop

    def test_a_replaced_loop_is_the_one_that_policies_make(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from asyncio_iocp import windows_events

        monkeypatch.setattr(windows_events, "ProactorEventLoop", object)
        assert type(IocpEventLoopPolicy().new_event_loop()) is object

    @pytest.mark.parametrize(
        "name",
        [
            "DefaultEventLoopPolicy",
            "EventLoop",
            "IocpProactor",
            "PipeServer",
            "ProactorEventLoop",
            "SelectorEventLoop",
            "WindowsProactorEventLoopPolicy",
            "WindowsSelectorEventLoopPolicy",
            "_DefaultEventLoopPolicy",
            "_WindowsProactorEventLoopPolicy",
            "_WindowsSelectorEventLoop",
            "_OverlappedFuture",
            "_WaitHandleFuture",
            "_WindowsSelectorEventLoopPolicy",
            "_overlapped",
            "_winapi",
            "events",
            "logger",
            "msvcrt",
            "proactor_events",
            "tasks",
        ],
    )
    def test_module_of_events_has_the_names_that_programs_know(self, name: str) -> None:
        from asyncio_iocp import windows_events

        if "Selector" in name:
            pytest.importorskip("asyncio_selectors")
        assert getattr(windows_events, name) is not None
        assert name in dir(windows_events)
        with pytest.raises(AttributeError, match="no_such_name"):
            _ = windows_events.no_such_name

    def test_a_star_brings_what_it_brings_from_the_standard_module(self) -> None:
        pytest.importorskip("asyncio_selectors")
        brought: dict[str, object] = {}
        exec("from asyncio_iocp.windows_events import *", brought)
        underscore = "_" if sys.version_info >= (3, 14) else ""
        assert brought.keys() - {"__builtins__"} == {
            "EventLoop",
            "IocpProactor",
            "ProactorEventLoop",
            "SelectorEventLoop",
            f"{underscore}DefaultEventLoopPolicy",
            f"{underscore}WindowsProactorEventLoopPolicy",
            f"{underscore}WindowsSelectorEventLoopPolicy",
        }
