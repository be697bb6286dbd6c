"""The documentation: its programs run as they are printed, the site is built strictly, and a browser finds its way."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

import documents
from browsing import browser, served
from docs import charts, links, made, shelf, sources
from support import ROOT, run
from workspace import environments, packages
from workspace.console import Failure
from workspace.paths import executable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import FloatRect, Locator, Page

    from support import Environment, MakeEnvironment
    from workspace.interpreters import Interpreter

DEV = ROOT / "tools" / "dev.py"
PAGES = [path for path in shelf.pages() if shelf.DOCS in path.parents]
WITH_BLOCKS = [path for path in PAGES if "```python" in path.read_text("utf-8")]
#: What the tests' wheelhouse has beside the distributions; the rest comes from the package index.
IN_WHEELHOUSE = {"pytest", "trustme"}


def _name(path: Path) -> str:
    return path.relative_to(shelf.DOCS).as_posix()


# Programs


@pytest.fixture(scope="module")
def environment(make_environment: MakeEnvironment) -> Callable[[tuple[str, ...]], Environment]:
    """Makes one environment for all pages that install the same."""
    here = IN_WHEELHOUSE | {package.name for package in packages.load()}

    @functools.cache
    def make(names: tuple[str, ...]) -> Environment:
        made = make_environment(*(name for name in names if name in here))
        if elsewhere := [name for name in names if name not in here]:
            made.pip("install", "--quiet", *elsewhere)
        return made

    return make


@pytest.mark.parametrize("path", WITH_BLOCKS, ids=_name)
def test_programs_run_as_printed(
    path: Path, environment: Callable[[tuple[str, ...]], Environment], tmp_path: Path
) -> None:
    found = list(documents.blocks(path))
    if any("openssl " in block.text for block in found) and not shutil.which("openssl"):
        pytest.skip("there is no openssl program")
    assert documents.unused(found) == []
    documents.run_page(found, tmp_path, environment)


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("one\ntwo\n", "one\ntwo\n", True),
        ("one\ntwo\n", "one\n", False),
        ("took 0.123 seconds\n", "took 0.1... seconds\n", True),
        ("took 0.123 seconds\n", "took 0.2... seconds\n", False),
        ("a.c", "abc", False),
    ],
)
def test_dots_stand_for_anything_and_nothing_else_does(
    printed: str, expected: str, same: bool
) -> None:
    if same:
        documents.assert_printed(printed, expected)
    else:
        with pytest.raises(AssertionError):
            documents.assert_printed(printed, expected)


# What pages are made of


def test_links_lead_to_pages_of_the_site() -> None:
    places = shelf.pages()
    path = shelf.DOCS / "howto" / "pieces.md"
    there = "[core](../../../asyncio-core/README.md#which-loop), [all](../../../../README.md)"
    assert links.as_on_the_site(there, path, places) == (
        "[core](../pieces/asyncio-core.md#which-loop), [all](../overview.md)"
    )
    folder = "[the\ncore](packages/asyncio-core) and [findings](findings)"
    assert links.as_on_the_site(folder, ROOT / "README.md", places) == (
        "[the\ncore](pieces/asyncio-core.md) and findings"
    )
    code = "`[a](b.md)`\n```\n[a](b.md)\n```\n<https://peps.python.org/>\n"
    assert links.as_on_the_site(code, path, places) == code
    with pytest.raises(Failure, match=r"howto/pieces\.md: a link to nothing: nowhere\.md"):
        links.as_on_the_site("[a](nowhere.md)", path, places)


def test_what_is_for_the_running_program_alone_is_not_in_the_reference() -> None:
    source = (
        "class Task: ...\n_PyTask = Task\n"
        "if not TYPE_CHECKING and twins is not None:\n    Task = twins.Task\n"
    )
    assert sources.as_checkers_see_it(source) == "class Task: ...\n_PyTask = Task\n\n\n"


def test_a_second_name_has_the_docstring_of_the_first_and_roles_are_code() -> None:
    source = 'class A:\n    """Raises :exc:`OSError`."""\n\nB = A  # again\nC = 1\n'
    assert sources.as_checkers_see_it(source) == (
        'class A:\n    """Raises `OSError`."""\n\nB = A  # again\n\'Raises `OSError`.\'\nC = 1\n'
    )


def test_page_says_what_is_to_be_made_for_it() -> None:
    assert made.fill_in("a\n<!-- made: rooms -->\nb").startswith("a\n```mermaid\nflowchart TD\n")
    assert "- " in made.differences()
    assert "| 3.11" in made.older_behaviour()
    with pytest.raises(Failure, match="nothing is made for <!-- made: coffee -->"):
        made.fill_in("<!-- made: coffee -->")


_PUBLIC = """
import importlib, asyncio._names as names
print(*("asyncio." + name for name in {*names.HOMES, *names.DEPRECATED}))
for piece in ("core", "selectors", "iocp", "streams", "sync", "subprocess"):
    piece = importlib.import_module("asyncio_" + piece)
    print(*(piece.__name__ + "." + name for name in piece.__all__ if name not in names.HOMES))
"""
#: Names of the pieces that programs know by another.
ELSEWHERE = {
    f"asyncio_subprocess.{name}": f"asyncio.subprocess.{name}"
    for name in ("PIPE", "STDOUT", "DEVNULL", "Process")
}
ON_WINDOWS = {
    f"asyncio.{name}"
    for name in (
        *("ProactorEventLoop", "IocpProactor"),
        *("WindowsProactorEventLoopPolicy", "WindowsSelectorEventLoopPolicy"),
    )
}


def test_every_public_name_has_one_place_in_the_reference(any_python: Interpreter) -> None:
    path = os.pathsep.join(str(folder) for folder in ROOT.glob("packages/*/src"))
    done = run([any_python.path, "-c", _PUBLIC], env={"PYTHONPATH": path})
    names = {ELSEWHERE.get(name, name) for name in done.stdout.split()} | ON_WINDOWS
    shown = [
        line.removeprefix("::: ")
        for path in (shelf.DOCS / "reference").glob("*.md")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("::: ")
    ]
    assert sorted(shown) == sorted(set(shown))
    missing = sorted(names - set(shown))
    assert not missing, f"packages/asyncio/docs/reference has no line for {missing}"


def _result() -> dict[str, Any]:
    """A measurement, as `dev.py bench` keeps it."""
    side = {"requirement": "", "python": "3.14.0", "loop": "some.Loop"}
    return {
        "format": 1,
        "what": "scheduling",
        "by": "instructions",
        "unit": "instructions for one operation",
        "made": "2026-01-02T03:04:05+00:00",
        "commit": "0123456789ab",
        "machine": {"system": "Linux", "processor": "Some Processor", "processors": 2},
        "sides": {
            "ours": {**side, "requirement": ".", "form": "compiled"},
            "standard": side,
            "uvloop": {**side, "requirement": "uvloop==0.23.0"},
            "rloop": {"missing": "it has no wheel for this Python"},
        },
        "cases": {"switch": {"title": "two tasks take turns"}},
        "figures": {
            "switch": {
                "ours": {"value": 50.0},
                "standard": {"value": 200.0},
                "uvloop": {"value": 100.0},
            }
        },
    }


@pytest.fixture(scope="module")
def measurements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bench.charts import draw

    folder = tmp_path_factory.mktemp("measurements")
    (folder / "one.json").write_text(json.dumps(_result()), "utf-8")
    draw(_result(), folder / "one.svg")
    return folder


def test_each_measurement_is_shown_with_its_origin(measurements: Path, tmp_path: Path) -> None:
    text = charts.page(measurements)
    assert "### Scheduling, Python 3.14.0, by instructions" in text
    assert "](performance/one.svg)" in text
    assert "| `switch`: two tasks take turns | 0.25 | 0.50 |" in text
    assert "from commit 0123456789ab on 2 x Some Processor, Linux." in text
    assert "| `uvloop` | uvloop 0.23.0, Python 3.14.0, `some.Loop` |" in text
    assert "| `rloop` | not measured: it has no wheel for this Python |" in text
    assert charts.page(tmp_path) == charts.NOTHING


def test_growth_has_a_column_for_each_size_and_a_chart_alone_its_name(tmp_path: Path) -> None:
    result = _result() | {"what": "growth", "by": "time"}
    (one,) = result["figures"].values()
    result["figures"] = {"switch@1000": one, "switch@10000": one, "sleep@10000": one}
    (tmp_path / "one.json").write_text(json.dumps(result), "utf-8")
    (tmp_path / "the-whole.svg").write_text("<svg/>", "utf-8")
    text = charts.page(tmp_path)
    assert text.startswith(
        "### The whole\n\n[![The whole](performance/the-whole.svg)](performance/the-whole.svg)\n"
    )
    assert "| ours / standard | 1,000 | 10,000 |" in text
    assert "| `switch`: two tasks take turns | 0.25 | 0.25 |" in text
    assert "| `sleep` | - | 0.25 |" in text


def test_measurements_that_are_kept_can_be_shown() -> None:
    text = charts.page(shelf.MEASUREMENTS)
    for path in shelf.MEASUREMENTS.glob("*.svg"):
        assert f"](performance/{path.name})" in text


# The site


@pytest.fixture(scope="module")
def built_site(tmp_path_factory: pytest.TempPathFactory, measurements: Path) -> Path:
    """The folder of the site, with what it was made of beside it, and a measurement of these tests."""
    folder = tmp_path_factory.mktemp("docs")
    done = run([sys.executable, DEV, "docs", "--out", folder, "--measurements", measurements])
    assert done.stdout.splitlines()[-1] == str(folder / "site" / "index.html")
    return folder / "site"


class Document(HTMLParser):
    """What is linked in a page of HTML, what is loaded by it, and which places it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.places.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        for name in ("src", "srcset"):
            if name in values:
                self.loaded.append(values[name])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(values["href"])


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(built_site: Path) -> None:
    read = {path: Document(path) for path in built_site.rglob("*.html")}
    assert len(read) > len(PAGES)
    dead, foreign = [], []
    for path, page in read.items():
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    foreign.append((path.name, link))
                continue
            # The page for what is not there is shown at any address, so its links begin at the top.
            start = built_site if parts.path.startswith("/") else path.parent
            target = (start / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists() or (
                parts.fragment
                and target in read
                and unquote(parts.fragment) not in read[target].places
            ):
                dead.append((path.name, link))
    assert dead == []
    assert foreign == []


def test_a_link_to_nothing_fails_the_build(built_site: Path, tmp_path: Path) -> None:
    shutil.copytree(built_site.parent, tmp_path / "docs")
    page = tmp_path / "docs" / "pages" / "index.md"
    page.write_text(page.read_text("utf-8") + "\n[nowhere](design.md#no-such-place)\n", "utf-8")
    python = executable(environments.prepare("docs"))
    command: list[str | Path] = [python, "-m", "zensical", "build", "--strict", "--clean"]
    done = run(command, cwd=tmp_path / "docs", check=False)
    assert done.returncode != 0
    assert "anchor does not exist" in done.stderr


# In a browser


@pytest.fixture(scope="module")
def address(built_site: Path) -> Iterator[str]:
    with served(built_site) as address:
        yield address


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """A page of a browser that knows this machine only; what scripts on it fail with fails the test."""
    problems: list[str] = []
    with browser() as started:
        opened = started.new_page(base_url=address)
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on(
            "requestfailed", lambda request: problems.append(f"{request.url}: {request.failure}")
        )
        yield opened
    assert problems == []


def test_search_finds_a_name(page: Page) -> None:
    page.goto("/index.html")
    page.keyboard.press("Control+k")
    page.locator("input:visible").fill("BoundedSemaphore")
    page.locator("a:visible").filter(has_text="asyncio.BoundedSemaphore").first.click()
    page.wait_for_url("**/reference/synchronisation.html*")
    assert page.locator("[id='asyncio.BoundedSemaphore']").is_visible()


def test_charts_are_seen(page: Page) -> None:
    page.goto("/performance.html")
    (chart,) = page.locator("article img").all()
    assert chart.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert page.get_by_role("cell", name="0.25").is_visible()


def test_every_diagram_is_drawn(page: Page, built_site: Path) -> None:
    """One that Mermaid cannot read stays the code that it is, and raises."""
    diagrams = {
        path.relative_to(built_site).as_posix(): path.read_text("utf-8").count('class="mermaid"')
        for path in built_site.rglob("*.html")
    }
    assert diagrams["design.html"] > 3
    for name, number in diagrams.items():
        if number:
            page.goto(f"/{name}")
            drawn = page.locator("div.mermaid")
            drawn.nth(number - 1).wait_for()
            # They are closed to scripts; that they take room is what shows.
            assert all(box and box["height"] > 50 for box in map(_box, drawn.all()))


def _box(drawn: Locator) -> FloatRect | None:
    return drawn.bounding_box()
