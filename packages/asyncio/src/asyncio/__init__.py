"""Asynchronous I/O: PEP 3156, PEP 492 and every public name up to Python 3.15.

This package is a facade. What it offers lives in distributions that also work without it:

    asyncio-core        futures, tasks, timeouts, runners, the base loop, TLS
    asyncio-selectors   the event loop over select, poll, epoll and kqueue
    asyncio-iocp        the event loop over completion ports (Windows)
    asyncio-sync        locks and queues
    asyncio-streams     StreamReader, StreamWriter and what makes them
    asyncio-subprocess  processes and their pipes

Start in `_modules.py` and `_names.py`, the tables of what is where. `_aliases.py` makes `asyncio.tasks` and
`asyncio_core.awaiting.tasks` one module. `_asyncio_precedence.py`, one folder up, is why `import asyncio` finds
this package and not the standard library's. `__main__.py` is the command line.

Nothing is loaded before it is used: the first use of a name imports the module it lives in and
binds all the public names of that module here, for good (PEP 562). It does not show: what the standard
asyncio has loaded is in `sys.modules` all the same (`_lazy.py`), and when a loop is made the rest is loaded.
"""

import os
import sys
from asyncio._aliases import ABOUT_THE_RUNNING_LOOP, RUNNING_LOOP, enter_all, is_in_place, load_home
from asyncio._modules import ATTRIBUTES

__version__ = "1!0.1.0"

# Which asyncio this is. The standard library's has no such name.
__implementation__ = "independent"


def __getattr__(name: str) -> object:
    if name in ATTRIBUTES:
        __import__(f"asyncio.{name}")
        return sys.modules[f"asyncio.{name}"]
    if name in ABOUT_THE_RUNNING_LOOP:
        # Before the tables are asked for, which may be what is being imported just now.
        home = RUNNING_LOOP
    elif name[:2] != "__" or name == "__all__":
        # Not `from asyncio import _names`, which would ask here for that.
        from asyncio._names import DEPRECATED, HOMES, UNLISTED

        if name == "__all__":
            return globals().setdefault(name, tuple(sorted(HOMES.keys() - UNLISTED)))
        if name in DEPRECATED:
            return _deprecated(name, *DEPRECATED[name])
        home = HOMES.get(name, "")
    else:
        # Asked of every module by who goes through them.
        home = ""
    if not home:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(load_home(home, name), name)
    # The module's other names were bound with it; this one is bound too unless the program
    # took it off `asyncio` before.
    return globals().get(name, value)


def __dir__() -> list[str]:
    from asyncio._names import HOMES

    return sorted({*globals(), "__all__", *HOMES, *ATTRIBUTES} - _HIDDEN)


def _deprecated(name: str, home: str, inner_name: str) -> object:
    """A name of the event loop policies: each use warns, so none is kept."""
    import warnings

    warnings.warn(
        f"'asyncio.{name}' is deprecated and slated for removal in Python 3.16",
        DeprecationWarning,
        stacklevel=3,
    )
    return getattr(load_home(home, name), inner_name)


# What the facade is made of is not what it offers.
_HIDDEN = frozenset(
    {
        "_HIDDEN",
        "__dir__",
        "_aliases",
        "_deprecated",
        "_lazy",
        "_modules",
        "_names",
        "_pieces",
        "_shown",
    }
    | {
        "os",
        "ABOUT_THE_RUNNING_LOOP",
        "ATTRIBUTES",
        "RUNNING_LOOP",
        "_hand_over",
        "enter_all",
        "is_in_place",
        "load_home",
    }
)


def _hand_over() -> bool:
    from asyncio._standard import hand_over

    return hand_over()


# A reload finds the finders of an earlier time, and stays what it is.
if os.environ.get("ASYNCIO_IMPLEMENTATION") != "stdlib" or is_in_place() or not _hand_over():
    # The standard library's accelerator keeps running loops and tasks of its own, which nothing here
    # would ever see: whoever looks for it is to find none, as on PyPy. None is what the import system
    # takes for "is not there"; one that was imported before stays.
    sys.modules.setdefault("_asyncio", None)  # type: ignore[arg-type]
    enter_all()
