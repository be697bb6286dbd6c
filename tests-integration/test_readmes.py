"""The READMEs' programs run as they are printed, in an environment that holds what they say to install."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support import Environment, MakeEnvironment

READMES = [
    ROOT / "README.md",
    *sorted(
        p for p in (ROOT / "packages").glob("*/README.md") if "```python" in p.read_text("utf-8")
    ),
]
#: The line that says what the programs after it need: pieces, or nothing for all of them.
INSTALL = "python3 tools/dev.py install"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """One program, the distributions to install for it, and what it is said to print."""

    install: list[str]
    program: str
    prints: str | None = None


@dataclass
class Page:
    """What a README holds, in its order."""

    examples: list[Example] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


def read(path: Path) -> Page:
    page = Page()
    install: list[str] = []
    for language, text in _BLOCK.findall(path.read_text("utf-8")):
        if language == "sh":
            for line in text.splitlines():
                page.commands.append(line)
                if (line + " ").startswith(f"{INSTALL} "):
                    install = line.split()[3:] or ["asyncio"]
        elif language == "python":
            page.examples.append(Example(install, text))
        elif language == "text":
            page.examples[-1].prints = text
    return page


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_programs_run_as_printed(
    path: Path, make_environment: MakeEnvironment, tmp_path: Path
) -> None:
    page = read(path)
    assert page.examples
    environments: dict[tuple[str, ...], Environment] = {}
    for n, example in enumerate(page.examples):
        assert example.install, f"a program stands before any `{INSTALL}`"
        key = tuple(example.install)
        if key not in environments:
            environments[key] = make_environment(*key)
        program = tmp_path / f"example_{n}.py"
        program.write_text(example.program, "utf-8")
        done = environments[key].run("-W", "error", program)
        assert done.stderr == ""
        if example.prints is not None:
            assert done.stdout == example.prints


def test_readme_shows_the_two_commands_and_ci_runs_the_one_for_tests() -> None:
    commands = read(ROOT / "README.md").commands
    assert "python3 tools/dev.py demo" in commands
    assert "python3 tools/dev.py test" in commands
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert script[-2:] == ["python3 tools/dev.py test || status=$?", "exit $status"]


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("packages/*/README.md")), ids=lambda p: p.parent.name
)
def test_links_lead_somewhere(path: Path) -> None:
    for text in (path, ROOT / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", text.read_text("utf-8")):
            assert "://" in target or (text.parent / target).exists(), target
