"""The packages as the reference reads them: what type checkers see of them, and nothing else.

Where a class has a compiled twin, the module says at its end ``if not TYPE_CHECKING``, and puts that one in its place. The
twin has the same methods, and no Python source: who reads the source goes on with what stands above.

A second name of a class has that one's docstring there. Roles of reStructuredText are code in Markdown.

The names of `asyncio` are those that its stubs lead to. A star in a stub brings what another module lists in ``__all__``, which
readers of sources do not all know; here it is those names, one by one.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from workspace.paths import PACKAGES

if TYPE_CHECKING:
    from pathlib import Path

#: Shows where the names of `asyncio` are.
STUBS = PACKAGES / "asyncio" / "stubs" / "asyncio"
_ROLE = re.compile(r":(?:class|exc|func|meth|mod|attr|data):`~?([^`]+)`")
# A name that is imported for others.
_NAMED = re.compile(r"\b(\w+) as \1\b")
_STAR = re.compile(r"^(?P<indent> *)from (?P<module>[\w.]+) import \*\n", re.MULTILINE)


def lay_out(folder: Path) -> None:
    """Write the sources of all packages into a folder."""
    for package in sorted(PACKAGES.glob("*/src/asyncio_*")):
        for path in sorted(package.rglob("*.py")):
            _write(
                folder / path.relative_to(package.parent),
                as_checkers_see_it(path.read_text("utf-8")),
            )
    for path in STUBS.glob("*.pyi"):
        _write(folder / "asyncio" / path.name, without_stars(path.read_text("utf-8"), folder))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def as_checkers_see_it(source: str) -> str:
    """Return a module's source without what is for the running program alone."""
    lines = source.splitlines(keepends=True)
    docstrings: dict[str, str] = {}
    for statement in ast.parse(source).body:
        end = statement.end_lineno or statement.lineno
        match statement:
            case ast.If(test=test) if _is_for_running_alone(test):
                for n in range(statement.lineno - 1, end):
                    lines[n] = "\n"
            case ast.ClassDef(name=name):
                docstrings[name] = ast.get_docstring(statement) or ""
            case ast.Assign(targets=[ast.Name(id=second)], value=ast.Name(id=first)):
                if text := docstrings.get(first):
                    docstrings[second] = text
                    lines[end - 1] = f"{lines[end - 1].rstrip()}\n{text!r}\n"
    return _ROLE.sub(r"`\1`", "".join(lines))


def _is_for_running_alone(test: ast.expr) -> bool:
    """Tell whether a condition is ``not TYPE_CHECKING``, or that and more."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(_is_for_running_alone, test.values))
    return (
        isinstance(test, ast.UnaryOp)
        and isinstance(test.op, ast.Not)
        and isinstance(test.operand, ast.Name)
        and test.operand.id == "TYPE_CHECKING"
    )


def without_stars(stub: str, folder: Path) -> str:
    """Return a stub with what each star brings, as the sources in a folder have it."""

    def spell_out(match: re.Match[str]) -> str:
        names = _exported(match["module"], folder)
        return "".join(
            f"{match['indent']}from {match['module']} import {name} as {name}\n" for name in names
        )

    return _STAR.sub(spell_out, stub)


def named(stub: str) -> list[str]:
    """Return the public names that a stub imports for others."""
    return [name for name in _NAMED.findall(stub) if name[0] != "_"]


def _exported(module: str, folder: Path) -> list[str]:
    """Return the names that a star brings from a module: of the packages, or of the stubs."""
    top, _, name = module.partition(".")
    if top == STUBS.name:
        text = (STUBS / f"{name}.pyi").read_text("utf-8")
        starred = (_exported(found["module"], folder) for found in _STAR.finditer(text))
        return [*named(text), *(name for names in starred for name in names)]
    path = folder / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names: dict[str, None] = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Assign):
            targets: list[ast.expr] = node.targets
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets = [node.target]
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            names.update(dict.fromkeys(ast.literal_eval(node.value or ast.Tuple([]))))
    return list(names)
