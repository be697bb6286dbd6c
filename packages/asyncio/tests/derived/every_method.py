"""Run as a program: a loop class that overrides every method of the standard loop, and work for it.

    every_method.py table FILE     with the standard asyncio: write down its loop's signatures
    every_method.py run FILE JOB   run one job, or `all`, through the class; print what was called, and how

Each override has the signature that the standard loop of this Python has, refuses everything else, and
hands its parameters, defaults too, on to super(). What is printed is JSON: for each method the
forms of its calls, as the number of arguments by position and the names of those by keyword.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import pickle
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import jobs

# Not methods of a loop but of every class.
_OF_CLASSES = {"__init_subclass__", "__subclasshook__"}


def methods_of(cls: type) -> dict[str, Any]:
    """Return the functions that `cls` and its bases have, object apart."""
    found: dict[str, Any] = {}
    for name in dir(cls):
        value = inspect.getattr_static(cls, name)
        if inspect.isfunction(value) and name not in _OF_CLASSES:
            found[name] = value
    return found


def table_of(cls: type) -> dict[str, Any]:
    """Return what is to be known of each method: (asynchronous, [(name, kind, default), …])."""
    return {
        name: (
            inspect.iscoroutinefunction(function),
            [
                (each.name, int(each.kind), () if each.default is each.empty else (each.default,))
                for each in inspect.signature(function).parameters.values()
            ],
        )
        for name, function in methods_of(cls).items()
    }


def override(cls: type, base: type, name: str, asynchronous: bool, parameters: list[Any]) -> Any:
    """Make the override of method `name`: strict in what it takes, passing all of it on."""
    taken, handed_on, scope = [], [], {"super": super, "cls": cls}
    starred = False
    for each, kind, default in parameters:
        if kind == inspect.Parameter.KEYWORD_ONLY and not starred:
            taken.append("*")
            starred = True
        if kind == inspect.Parameter.VAR_POSITIONAL:
            taken.append(f"*{each}")
            starred = True
        elif kind == inspect.Parameter.VAR_KEYWORD:
            taken.append(f"**{each}")
        elif default:
            scope[f"default_{each}"] = default[0]
            taken.append(f"{each}=default_{each}")
        else:
            taken.append(each)
        if each != "self":
            handed_on.append(
                {
                    inspect.Parameter.KEYWORD_ONLY: f"{each}={each}",
                    inspect.Parameter.VAR_POSITIONAL: f"*{each}",
                    inspect.Parameter.VAR_KEYWORD: f"**{each}",
                }.get(kind, each)
            )
    prefix, wait = ("async ", "await ") if asynchronous else ("", "")
    exec(
        f"{prefix}def {name}({', '.join(taken)}):\n"
        f"    return {wait}super(cls, self).{name}({', '.join(handed_on)})\n",
        scope,
    )
    return scope[name]


def derive(base: type, table: dict[str, Any], called: dict[str, set[Any]]) -> type:
    """Make the class; each call is noted in `called` before the override takes its arguments."""
    cls = type("EveryMethod", (base,), {})
    for name, (asynchronous, parameters) in table.items():
        strict = override(cls, base, name, asynchronous, parameters)

        def noted(*args: Any, _name: str = name, _strict: Any = strict, **kwargs: Any) -> Any:
            called[_name].add((len(args) - 1, tuple(sorted(kwargs))))
            return _strict(*args, **kwargs)

        setattr(cls, name, functools.wraps(strict)(noted))
    return cls


def main(action: str, file: str, job: str = "all") -> None:
    if action == "table":
        with open(file, "wb") as table:
            pickle.dump(table_of(asyncio.SelectorEventLoop), table)
        return
    with open(file, "rb") as saved:
        table = pickle.load(saved)
    called: dict[str, set[Any]] = defaultdict(set)
    cls = derive(asyncio.SelectorEventLoop, table, called)
    for name, each in jobs.JOBS.items():
        if job in (name, "all"):
            with asyncio.Runner(loop_factory=cls) as runner:
                runner.run(asyncio.wait_for(each(), 30))
    print(json.dumps({name: sorted(forms) for name, forms in sorted(called.items())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
