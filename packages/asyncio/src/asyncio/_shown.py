"""Under which module's name classes and functions are shown: that of the standard asyncio.

Where this asyncio runs, `repr(asyncio.Queue)` is `<class 'asyncio.queues.Queue'>`, and `type(loop).__module__` starts
with "asyncio.". So logs, filters and snapshots show what they showed before, and what is pickled by name can be
loaded by a process with the standard asyncio, and the other way round, but for what that one's accelerator calls
`_asyncio.…`. It is done as a submodule is loaded; the pieces by themselves keep their own names.

Some classes are made in another file than the submodule's. `inspect` looks for a class' source in the file of the
module that it names, so for these the submodule tells `inspect` theirs.
"""

import sys
from asyncio._lazy import LazyModule, load
from asyncio._modules import MODULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_PREFIX = "asyncio."

# Classes that Python code has made have this flag (Py_TPFLAGS_HEAPTYPE).
_HEAP_TYPE = 1 << 9

# What is shown under another submodule than the one that `asyncio` takes it from.
_BY_NAME = {
    "isfuture": "base_futures",
    **dict.fromkeys(("_get_running_loop", "_set_running_loop", "get_running_loop"), "events"),
    **dict.fromkeys(
        (
            *(
                "AbstractChildWatcher",
                "BaseChildWatcher",
                "FastChildWatcher",
                "MultiLoopChildWatcher",
            ),
            *("PidfdChildWatcher", "SafeChildWatcher", "ThreadedChildWatcher"),
        ),
        "unix_events",
    ),
}

# What is not public at the top of asyncio, and shown in reprs, filters and pickles all the same.
_BESIDES = {
    "base_events": ("_SendfileFallbackProtocol",),
    "base_subprocess": (
        "BaseSubprocessTransport",
        "ReadSubprocessPipeProto",
        "WriteSubprocessPipeProto",
    ),
    "constants": ("_SendfileMode",),
    "events": ("BaseDefaultEventLoopPolicy", "_ThreadSafeHandle"),
    "locks": ("_BarrierState", "_ContextManagerMixin"),
    "mixins": ("_LoopBoundMixin",),
    "proactor_events": (
        "BaseProactorEventLoop",
        "_ProactorBasePipeTransport",
        "_ProactorDatagramTransport",
        "_ProactorSocketTransport",
    ),
    "selector_events": (
        "BaseSelectorEventLoop",
        "_SelectorDatagramTransport",
        "_SelectorSocketTransport",
        "_SelectorTransport",
    ),
    "sslproto": ("AppProtocolState", "SSLProtocol", "SSLProtocolState", "_SSLProtocolTransport"),
    "staggered": ("staggered_race",),
    "streams": ("FlowControlMixin",),
    "subprocess": ("Process", "SubprocessStreamProtocol"),
    "tasks": ("_AsCompletedIterator", "_GatheringFuture"),
    "transports": ("_FlowControlMixin",),
    "trsock": ("TransportSocket",),
    # With the public ones, which next to no program asks for.
    "asyncio_subprocess.child_watchers": ("BaseChildWatcher",),
    "unix_events": (
        "_UnixReadPipeTransport",
        "_UnixSubprocessTransport",
        "_UnixWritePipeTransport",
    ),
    "windows_events": (
        "IocpProactor",
        "PipeServer",
        "ProactorEventLoop",
        "_WindowsSelectorEventLoop",
    ),
}


def show_as_the_standard(home: str, names: "tuple[str, ...]", module: "ModuleType") -> None:
    """Have what `module` holds of `names`, and of what is known beside them, say that it is asyncio's.

    `home` is the submodule's name, without "asyncio."; a module that stands for none is named in full.
    """
    held = vars(module)
    here = (name for name, shown_in in _BY_NAME.items() if shown_in == home)
    for name in (*names, *_BESIDES.get(home, ()), *here):
        shown_in = _BY_NAME.get(name, home)
        if name in held and shown_in in MODULES:
            _show(held[name], shown_in, module)


def show_when_loaded() -> None:
    """Show what submodules find elsewhere when they are asked for it, now that all of it is loaded."""
    for home, names in _BESIDES.items():
        module = sys.modules.get(MODULES.get(home, home))
        if module is None:
            continue
        for name in names:
            if name not in vars(module):
                found = getattr(module, name, None)
                if found is not None:
                    _show(found, home, module)


def _show(made: "Any", home: str, module: "ModuleType") -> None:
    real = getattr(made, "__module__", None)
    if type(real) is not str or not real.startswith("asyncio_"):
        # Shown before, or put in its place by somebody else.
        return
    if not isinstance(made, type):
        made.__module__ = _PREFIX + home
        return
    if real != MODULES[home]:
        _tell_its_file(_loaded(home, module), made, sys.modules[real])
    line = vars(made).get("__firstlineno__")
    if not made.__flags__ & _HEAP_TYPE:
        # A compiled one has its name in another place.
        from asyncio_core.twins import twins

        twins.show_in_module(made, _PREFIX + home)
        return
    made.__module__ = _PREFIX + home
    if line is not None:
        # From Python 3.13 on it goes away with the change, and `inspect` asks for it.
        type.__setattr__(made, "__firstlineno__", line)


def _loaded(home: str, module: "ModuleType") -> "ModuleType":
    """Return the submodule `home`, which is `module` unless the name is shown under another one than it is taken from."""
    if module.__name__ == MODULES[home]:
        return module
    __import__(MODULES[home])
    alias = sys.modules[MODULES[home]]
    return load(alias) if type(alias) is LazyModule else alias


# By the submodule that shows them: classes of other files, and these.
_files: "dict[str, dict[type, str]]" = {}


def _tell_its_file(alias: "ModuleType", made: type, real: "ModuleType") -> None:
    file = getattr(real, "__file__", None)
    if file is None:
        return
    name = _NAMES.get(alias.__name__, alias.__name__)
    files = _files.setdefault(name, {})
    if not files:
        kind = type(alias)
        own = vars(alias).pop("__file__", None)
        described = {"__file__": _file_of(files), "__dir__": _names_with_file}
        alias.__class__ = type(kind.__name__, (kind,), described)
        if own is not None:
            alias.__file__ = own
    files[made] = file


def _names_with_file(module: "ModuleType") -> list[str]:
    return [*super(type(module), module).__dir__(), "__file__"]


def _file_of(files: "dict[type, str]") -> property:
    def get(module: "ModuleType") -> "Any":
        caller = sys._getframe(1)
        if caller.f_code.co_name == "getfile" and caller.f_globals.get("__name__") == "inspect":
            wanted = caller.f_locals.get("object")
            if isinstance(wanted, type) and wanted in files:
                return files[wanted]
        try:
            return vars(module)[_FILE]
        except KeyError:
            raise AttributeError(
                f"module {module.__name__!r} has no attribute '__file__'"
            ) from None

    def set_(module: "ModuleType", file: "Any") -> None:
        vars(module)[_FILE] = file

    return property(get, set_)


# Where the file's name is kept: with one "__file__" beside the property, Python 3.15 takes that for the attribute.
_FILE = "__file__ of the module"
_NAMES = {target: name for name, target in MODULES.items()}
