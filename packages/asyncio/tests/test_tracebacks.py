"""What is printed under a program that fails: no more frames than the standard asyncio prints.

Each program in the folder `failing` fails in several ways, and writes what it sees to standard error. It runs
under this asyncio and under the standard one of the same Python. A line that begins with "#" ends a section; the
tracebacks of a section are compared from the last backwards, as the last is the one that people look at.
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = sorted(path.stem for path in (HERE / "failing").glob("*.py"))
if sys.platform == "win32":
    # What passes through the loop's own modules, which are others there. The rest is the same everywhere, and a
    # process takes seconds under Wine.
    PROGRAMS = [
        *("call_soon", "connection_refused", "protocol_that_raises", "run", "stream_reader"),
        *("subprocess_not_found", "task", "tls_handshake_on_the_server"),
    ]
SOURCES = sorted((HERE.parents[1]).glob("*/src/**/*.py"))

# Comments for tools, which say nothing to who reads a traceback.
FOR_TOOLS = re.compile(r"#\s*(type:|noqa|pragma|fmt:|pyright:|ruff:|mypy:|nosec)")

# Frames that are shown on purpose where the standard asyncio shows none.
KEPT = {
    # The standard one forgets where an exception came from when it has raised it once.
    "awaited_twice": "in work",
    "result_asked_for": "in work",
}


def tracebacks(text, kept=None):
    """Return, for each section, the lists of frames of its tracebacks."""
    sections = [[]]
    for line in text.splitlines():
        if line.startswith("#"):
            sections.append([])
        elif "Traceback (most recent call last)" in line:
            sections[-1].append([])
        elif re.match(r'[\s|]*File "', line) and sections[-1] and not (kept and kept in line):
            sections[-1][-1].append(line.strip(" |"))
    return sections


@pytest.fixture
def printed(python):
    def run(name, implementation=None):
        program = HERE / "failing" / f"{name}.py"
        return python("-X", "utf8", str(program), implementation=implementation).stderr

    return run


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_more_frames_than_the_standard_asyncio(name, printed):
    ours = printed(name)
    here, there = tracebacks(ours, KEPT.get(name)), tracebacks(printed(name, "stdlib"))
    assert len(here) == len(there)
    for number, (own, standard) in enumerate(zip(here, there, strict=True)):
        assert len(own) <= len(standard), f"section {number} has more tracebacks\n{ours}"
        for frames, least in zip(reversed(own), reversed(standard), strict=False):
            assert len(frames) <= len(least), "\n".join(["", *frames, "", *least])
    assert not FOR_TOOLS.search(ours)


def test_programs_fail():
    assert len(PROGRAMS) >= (8 if sys.platform == "win32" else 20)


def statements_that_may_be_shown(tree):
    """The lines of each statement in a function that raises, calls, or waits."""
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if not isinstance(node, ast.stmt) or node is function:
                continue
            own = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
            calls = any(
                isinstance(inner, (ast.Call, ast.Await, ast.Yield, ast.YieldFrom))
                for child in own
                for inner in ast.walk(child)
            )
            if isinstance(node, (ast.Raise, ast.Assert)):
                yield range(node.lineno, node.end_lineno + 1), "#"
            elif calls and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Try)):
                ends = [child.end_lineno for child in own if hasattr(child, "end_lineno")]
                yield range(node.lineno, max(ends, default=node.lineno) + 1), FOR_TOOLS


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}" if path else None
)
def test_no_line_that_a_traceback_shows_has_a_comment_for_tools(path):
    with tokenize.open(path) as file:
        source = file.read()
    with path.open("rb") as file:
        comments = {
            token.start[0]: token
            for token in tokenize.tokenize(file.readline)
            if token.type == tokenize.COMMENT
        }
    trailing = {
        number: token.string
        for number, token in comments.items()
        if token.line[: token.start[1]].strip()
    }
    for lines, kind in statements_that_may_be_shown(ast.parse(source)):
        for number in lines:
            comment = trailing.get(number, "")
            shown = comment if kind == "#" else re.search(kind, comment)
            assert not shown, f"{path}:{number}: {comment}"


def test_the_comments_are_found():
    """As in the line that stood under each failing program once."""
    source = "def result(self):\n    raise error  # type: ignore[misc]\n"
    (lines, kind) = next(statements_that_may_be_shown(ast.parse(source)))
    assert list(lines) == [2] and kind == "#"
