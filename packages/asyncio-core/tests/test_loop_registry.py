"""Loops by name, with distributions that exist for the length of a test."""

from __future__ import annotations

import os
import sys
import sysconfig
import types
import zipfile

import pytest

import asyncio_core
from asyncio_core.choosing import entry_points, loop_registry, subprocess_support
from asyncio_core.choosing.loop_registry import (
    LoopAmbiguousError,
    LoopLoadError,
    LoopNotFoundError,
    LoopSelectionError,
    default_policy,
    list_loops,
    named_policy,
)
from asyncio_core.loops.parking import ParkingEventLoop, ParkingEventLoopPolicy

# The folders of the standard library, where nothing is ever installed.
STANDARD_LIBRARY = [
    path
    for path in sys.path
    if path.startswith(sysconfig.get_paths()["stdlib"]) and "-packages" not in path
]
SIBLINGS = ("asyncio_iocp", "asyncio_selectors", "asyncio_subprocess")
OTHER_SELECTORS = "from plugin import OtherPolicy as SelectorEventLoopPolicy\n"
PARKING = "asyncio_core.loops.parking:ParkingEventLoopPolicy"


class OtherLoop(ParkingEventLoop):
    pass


class OtherPolicy(ParkingEventLoopPolicy):
    _loop_factory = OtherLoop


class UnusablePolicy(ParkingEventLoopPolicy):
    unusable = "it needs another system"


class FailingPolicy(ParkingEventLoopPolicy):
    def __init__(self):
        raise OSError("no descriptors\nleft")


def make_other_loop():
    return OtherLoop()


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a distribution; nothing else is installed but the standard
    library and, importable as `plugin`, the classes above.
    """
    plugin = types.ModuleType("plugin")
    for value in (OtherLoop, OtherPolicy, UnusablePolicy, FailingPolicy, make_other_loop):
        setattr(plugin, value.__name__, value)
    plugin.policy_object = ParkingEventLoopPolicy()
    plugin.number = 1
    monkeypatch.setitem(sys.modules, "plugin", plugin)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *STANDARD_LIBRARY])
    monkeypatch.delenv("ASYNCIO_LOOP", raising=False)
    monkeypatch.setattr(subprocess_support, "_subprocess_parts", {})
    # What other tests imported is not installed here, nor anywhere afterwards what is made here.
    for name in list(sys.modules):
        if name.partition(".")[0] in SIBLINGS:
            monkeypatch.delitem(sys.modules, name)

    def install(distribution, version, group="asyncio.loop_policies", **entries):
        folder = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(exist_ok=True)
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (folder / "METADATA").write_text(metadata)
        lines = [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), ""]
        with (folder / "entry_points.txt").open("a") as file:
            file.write("\n".join(lines))
        return folder

    return install


@pytest.fixture
def packaged(installed, tmp_path):
    """Return a function that makes a package with modules, as the distributions of this project have
    them, and no metadata.
    """

    def package(name, version="1.0", **modules):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text(f"__version__ = {version!r}\n")
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        # As importlib.invalidate_caches() does, which a finder of another's may fail in.
        sys.path_importer_cache.pop(str(tmp_path), None)

    yield package
    for name in list(sys.modules):
        if name.partition(".")[0] in SIBLINGS:
            del sys.modules[name]


def kind_of_loop(policy):
    loop = policy.new_event_loop()
    loop.close()
    return type(loop)


def test_core_alone_uses_its_own_loop(installed):
    assert type(default_policy()) is ParkingEventLoopPolicy


def test_the_platforms_distribution_is_the_default(packaged):
    packaged("asyncio_selectors", policy=OTHER_SELECTORS)
    assert kind_of_loop(default_policy()) is OtherLoop


def test_other_distributions_do_not_change_the_default(installed):
    installed("asyncio-selectors-plus", "1.0", selectors="plugin:number")
    installed("fast-loop", "1.0", selectors="plugin:number", fast="plugin:number")
    assert type(default_policy()) is ParkingEventLoopPolicy


def test_the_default_is_found_in_archives(installed, tmp_path, monkeypatch):
    archive = tmp_path / "application.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("asyncio_selectors/__init__.py", "__version__ = '1.0'\n")
        file.writestr("asyncio_selectors/policy.py", OTHER_SELECTORS)
    monkeypatch.setattr(sys, "path", [str(archive), *STANDARD_LIBRARY])
    assert kind_of_loop(default_policy()) is OtherLoop
    for name in ("asyncio_selectors", "asyncio_selectors.policy"):
        # For good: monkeypatch would put them back.
        del sys.modules[name]


def test_the_default_is_found_without_reading_metadata(packaged, monkeypatch):
    packaged("asyncio_selectors", policy=OTHER_SELECTORS)
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)
    monkeypatch.setattr(os, "listdir", None)
    assert kind_of_loop(default_policy()) is OtherLoop


def test_the_default_answers_to_its_name_without_metadata(packaged):
    packaged("asyncio_selectors", policy=OTHER_SELECTORS)
    assert kind_of_loop(named_policy("selectors")) is OtherLoop
    assert [(info.name, info.version, info.default) for info in list_loops()] == [
        ("parking", asyncio_core.__version__, False),
        ("selectors", "1.0", True),
    ]


def test_a_folder_that_lost_its_files_is_no_default(installed, tmp_path):
    (tmp_path / "asyncio_selectors" / "__pycache__").mkdir(parents=True)
    assert type(default_policy()) is ParkingEventLoopPolicy


@pytest.mark.parametrize(
    ("package", "policy"),
    [
        ("__version__ = '1.5'\n", "from nowhere import Policy\n"),
        ("import nowhere\n", ""),
        ("1 / 0\n", ""),
    ],
)
def test_a_default_that_does_not_load_is_an_error_and_no_other_loop(
    packaged, tmp_path, package, policy
):
    packaged("asyncio_selectors", policy=policy)
    (tmp_path / "asyncio_selectors" / "__init__.py").write_text(package)
    with pytest.raises(LoopLoadError, match=r"asyncio-selectors .* does not load"):
        default_policy()
    listed = {info.name: info for info in list_loops()}
    assert listed["selectors"].default
    assert "does not load" in listed["selectors"].problem
    assert listed["parking"].usable


def test_on_windows_a_loop_that_cannot_run_is_passed_over(packaged, monkeypatch):
    iocp = entry_points.Known("iocp", "asyncio_iocp.policy:Policy", "asyncio-iocp")
    monkeypatch.setattr(loop_registry, "_DEFAULTS", (iocp, loop_registry._DEFAULTS[-1]))
    packaged("asyncio_iocp", policy="from plugin import UnusablePolicy as Policy\n")
    packaged("asyncio_selectors", policy=OTHER_SELECTORS)
    assert kind_of_loop(default_policy()) is OtherLoop
    assert {info.name: info.default for info in list_loops()} == {
        "iocp": False,
        "parking": False,
        "selectors": True,
    }


@pytest.mark.parametrize(
    "value", ["plugin:OtherPolicy", "plugin:OtherLoop", "plugin:make_other_loop"]
)
def test_a_loop_is_chosen_by_the_environment(installed, monkeypatch, value):
    installed("fast-loop", "1.0", fast=value)
    for choice in ("fast", value):
        monkeypatch.setenv("ASYNCIO_LOOP", choice)
        assert kind_of_loop(default_policy()) is OtherLoop


def test_extras_of_an_entry_point_are_left_aside(installed):
    installed("fast-loop", "1.0", fast="plugin:OtherPolicy [speed]")
    assert kind_of_loop(named_policy("fast")) is OtherLoop


def test_a_policy_object_is_taken_as_it_is(installed):
    assert named_policy("plugin:policy_object") is sys.modules["plugin"].policy_object


def test_an_empty_variable_is_none(installed, monkeypatch):
    monkeypatch.setenv("ASYNCIO_LOOP", "")
    assert type(default_policy()) is ParkingEventLoopPolicy


def test_an_unknown_name_lists_the_known_ones(installed, monkeypatch):
    installed("fast-loop", "1.0", fast="plugin:OtherPolicy", slow="plugin:OtherPolicy")
    monkeypatch.setenv("ASYNCIO_LOOP", "spam")
    with pytest.raises(LoopNotFoundError) as caught:
        default_policy()
    assert str(caught.value) == (
        "ASYNCIO_LOOP=spam: there is no event loop named 'spam'; known names: fast, parking, slow"
    )
    assert isinstance(caught.value, LookupError)


def test_an_unknown_name_where_only_core_is_installed(installed):
    with pytest.raises(LoopNotFoundError, match=r"known names: parking$"):
        named_policy("spam")


def test_two_distributions_under_one_name_are_both_named(installed):
    installed("fast-loop", "1.0", fast="plugin:OtherPolicy")
    installed("rapid-loop", "2.0", fast="plugin:OtherPolicy", rapid="plugin:OtherPolicy")
    with pytest.raises(LoopAmbiguousError, match=r"by fast-loop 1\.0 and rapid-loop 2\.0"):
        named_policy("fast")
    assert kind_of_loop(named_policy("rapid")) is OtherLoop


def test_a_loop_that_does_not_import_names_entry_point_distribution_and_version(installed):
    installed("fast-loop", "1.2", fast="no_such_module:Policy")
    with pytest.raises(LoopLoadError) as caught:
        named_policy("fast")
    assert str(caught.value) == (
        "the entry point 'fast = no_such_module:Policy' of fast-loop 1.2 does not load: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_an_error_from_the_environment_keeps_its_cause(installed, monkeypatch):
    monkeypatch.setenv("ASYNCIO_LOOP", "plugin:nothing")
    with pytest.raises(LoopLoadError, match=r"^ASYNCIO_LOOP=plugin:nothing: ") as caught:
        default_policy()
    assert isinstance(caught.value.__cause__, AttributeError)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("plugin:number", "neither a policy class nor a loop factory"),
        ("plugin:UnusablePolicy", "it needs another system"),
        ("plugin:FailingPolicy", "OSError: no descriptors left"),
        ("plugin", "not of the form module:attribute"),
        ("plugin.OtherPolicy [extra]", "not of the form module:attribute"),
    ],
)
def test_what_is_no_usable_loop_is_refused_in_one_line(installed, value, message):
    installed("fast-loop", "1.0", fast=value)
    with pytest.raises(LoopLoadError) as caught:
        named_policy("fast")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_listing_tells_all_and_goes_on_after_problems(installed, packaged):
    installed("asyncio-core", "0.1.0", parking=PARKING)
    installed("asyncio-selectors", "0.1.0", selectors="plugin:OtherPolicy")
    packaged("asyncio_selectors", policy=OTHER_SELECTORS)
    installed("broken-loop", "3.0", broken="no_such_module:Policy")
    installed("fast-loop", "1.0", fast="plugin:OtherPolicy")
    installed("rapid-loop", "2.0", fast="plugin:OtherPolicy")
    listed = {(info.name, info.distribution): info for info in list_loops()}
    assert list(listed) == [
        ("broken", "broken-loop"),
        ("fast", "fast-loop"),
        ("fast", "rapid-loop"),
        ("parking", "asyncio-core"),
        ("selectors", "asyncio-selectors"),
    ]
    default = listed["selectors", "asyncio-selectors"]
    assert (default.default, default.usable, default.version) == (True, True, "0.1.0")
    assert default.value == "plugin:OtherPolicy"
    assert [info.default for info in listed.values()].count(True) == 1
    assert "no_such_module" in listed["broken", "broken-loop"].problem
    assert "rapid-loop 2.0" in listed["fast", "fast-loop"].problem
    assert not listed["fast", "rapid-loop"].usable
    assert "name='fast'" in repr(listed["fast", "fast-loop"])


class NoLoop:
    pass


class EmptyPolicy(ParkingEventLoopPolicy):
    def new_event_loop(self):
        return None


def fail_to_make():
    raise OSError("no descriptors\nleft")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (NoLoop, "'plugin:made' of fast-loop 1.0 makes a NoLoop, which is no loop"),
        (EmptyPolicy, "'plugin:made' of fast-loop 1.0 makes a NoneType, which is no loop"),
        (
            fail_to_make,
            "'plugin:made' of fast-loop 1.0 makes no loop: OSError: no descriptors left",
        ),
        (OtherPolicy, None),
        (make_other_loop, None),
    ],
)
def test_the_listing_tells_what_makes_no_loop(installed, made, message):
    sys.modules["plugin"].made = made
    installed("fast-loop", "1.0", fast="plugin:made")
    (fast,) = (info for info in list_loops() if info.name == "fast")
    assert fast.problem == message


def test_the_listing_leaves_no_loop_open(installed, monkeypatch):
    closed = []
    monkeypatch.setattr(
        OtherLoop, "close", lambda self: closed.append(super(OtherLoop, self).close())
    )
    installed("fast-loop", "1.0", fast="plugin:OtherPolicy")
    assert [info.usable for info in list_loops() if info.name == "fast"] == [True]
    assert len(closed) == 1


def test_a_malformed_line_of_one_distribution_does_not_hide_the_others(installed):
    folder = installed("broken-loop", "3.0", broken="")
    (folder / "entry_points.txt").write_text(
        "[asyncio.loop_policies]\nno value\n# no = entry\nempty =\n[=[\n"
    )
    installed("fast-loop", "1.0", fast="plugin:OtherPolicy")
    listed = {info.name: info.usable for info in list_loops()}
    assert listed == {"empty": False, "fast": True, "parking": True}


def test_the_listing_marks_cores_loop_where_it_is_the_default(installed):
    installed("asyncio-core", "0.1.0", parking=PARKING)
    (info,) = list_loops()
    assert (info.name, info.default, info.problem) == ("parking", True, None)


def test_all_errors_are_of_one_kind():
    for error in (LoopNotFoundError, LoopAmbiguousError, LoopLoadError):
        assert issubclass(error, LoopSelectionError)


SUBPROCESS_MODULES = dict.fromkeys(
    ("spawning", "windows_spawning"),
    "from plugin import make_other_loop as make_subprocess_transport\n",
)


def test_subprocess_support_is_found_without_metadata(packaged):
    assert subprocess_support.subprocess_support() is None
    packaged("asyncio_subprocess", **SUBPROCESS_MODULES)
    assert subprocess_support.subprocess_support() is make_other_loop
    assert subprocess_support.subprocess_support() is make_other_loop


def test_another_distribution_can_register_subprocess_support(installed):
    platform = "windows" if sys.platform == "win32" else "unix"
    group = "asyncio.subprocess_transports"
    installed("other-children", "1.0", group, **{platform: "plugin:make_other_loop"})
    assert subprocess_support.subprocess_support() is make_other_loop


def test_subprocess_support_that_does_not_load_says_whose_it_is(packaged):
    packaged("asyncio_subprocess", spawning="1 / 0", windows_spawning="1 / 0")
    with pytest.raises(LoopLoadError, match=r"asyncio-subprocess 1\.0 does not load"):
        subprocess_support.subprocess_support()


def test_what_watches_child_processes_is_a_module(packaged):
    assert subprocess_support.child_watchers() is None
    packaged("asyncio_subprocess", child_watchers="")
    assert subprocess_support.child_watchers() is sys.modules["asyncio_subprocess.child_watchers"]
    assert subprocess_support.child_watchers() is sys.modules["asyncio_subprocess.child_watchers"]


def test_a_module_that_watches_child_processes_and_does_not_load_says_whose_it_is(packaged):
    packaged("asyncio_subprocess")
    with pytest.raises(LoopLoadError, match=r"asyncio-subprocess 1\.0 does not load"):
        subprocess_support.child_watchers()
